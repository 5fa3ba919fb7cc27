/* traceparent, version 00 (https://www.w3.org/TR/trace-context/#traceparent-header). Of a later version only the part
 * that 00 has is used. */
#include "base/trace.h"

#include <string.h>

#include "base/check.h"

#define VERSION_LEN 2
#define SPAN_LEN    16
#define SPAN_AT     (TRACE_ID_AT + TRACE_ID_LEN + 1)
#define FLAGS_AT    (SPAN_AT + SPAN_LEN + 1)
#define FLAGS_LEN   2

/* Lower-case hex digits that are not all zero, unless that is allowed. */
static bool is_hex(const char *text, size_t len, bool zero_allowed)
{
    bool other = false;

    for (size_t i = 0; i < len; i++) {
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
        other |= text[i] != '0';
    }
    return other || zero_allowed;
}

static bool is_valid(struct bytes text)
{
    const char *at = text.data;

    if (text.len < TRACE_PARENT_LEN || !is_hex(at, VERSION_LEN, true) || memcmp(at, "ff", VERSION_LEN) == 0)
        return false;
    if (text.len > TRACE_PARENT_LEN && (memcmp(at, "00", VERSION_LEN) == 0 || at[TRACE_PARENT_LEN] != '-'))
        return false;
    return at[TRACE_ID_AT - 1] == '-' && at[SPAN_AT - 1] == '-' && at[FLAGS_AT - 1] == '-' &&
           is_hex(at + TRACE_ID_AT, TRACE_ID_LEN, false) && is_hex(at + SPAN_AT, SPAN_LEN, false) &&
           is_hex(at + FLAGS_AT, FLAGS_LEN, true);
}

bool trace_continue(struct bytes traceparent, char out[TRACE_PARENT_LEN + 1])
{
    uint8_t span[SPAN_LEN / 2];
    char hex[SPAN_LEN + 1];

    out[0] = '\0';
    if (!is_valid(traceparent))
        return false;
    memcpy(out, traceparent.data, TRACE_PARENT_LEN);
    out[TRACE_PARENT_LEN] = '\0';
    memcpy(out, "00", VERSION_LEN);
    random_bytes(span, sizeof(span));
    hex_encode(span, sizeof(span), hex);
    memcpy(out + SPAN_AT, hex, SPAN_LEN);
    return true;
}

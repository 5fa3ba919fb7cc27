/* Stored headers: u16 name length, name, u16 value length, value, repeated. See the header. */
#include "gateway/object/stored_headers.h"

#include <string.h>

static struct bytes take_string(struct bytes headers, size_t *position, bool *ok)
{
    if (headers.len - *position < 2) {
        *ok = false;
        return (struct bytes){0};
    }
    size_t len = get_u16(headers.data + *position);
    *position += 2;
    if (headers.len - *position < len) {
        *ok = false;
        return (struct bytes){0};
    }
    struct bytes text = bytes_of(headers.data + *position, len);
    *position += len;
    return text;
}

static enum status append_string(struct buffer *out, struct bytes text)
{
    uint8_t len[2];

    if (text.len > UINT16_MAX)
        return STATUS_LIMIT;
    put_u16(len, (uint16_t)text.len);
    enum status status = buffer_append(out, len, sizeof(len));
    return status ? status : buffer_append_bytes(out, text);
}

enum status stored_headers_add(struct buffer *out, struct bytes name, struct bytes value)
{
    size_t before = out->len;
    enum status status = append_string(out, name);
    if (!status)
        status = append_string(out, value);
    if (status) {
        out->len = before;
        return status;
    }
    for (size_t i = before + 2; i < before + 2 + name.len; i++)
        if (out->data[i] >= 'A' && out->data[i] <= 'Z')
            out->data[i] = (char)(out->data[i] - 'A' + 'a');
    return STATUS_OK;
}

bool stored_headers_next(struct bytes headers, size_t *position, struct bytes *name, struct bytes *value)
{
    bool ok = *position < headers.len;
    if (ok)
        *name = take_string(headers, position, &ok);
    if (ok)
        *value = take_string(headers, position, &ok);
    return ok;
}

struct bytes stored_headers_find(struct bytes headers, const char *name)
{
    size_t position = 0;
    struct bytes each, value;

    while (stored_headers_next(headers, &position, &each, &value))
        if (bytes_equal_str(each, name))
            return value;
    return (struct bytes){0};
}

/* Variables: `${key}`, `${key, 'default'}`, and `${*}`, `${?}`, `${$}` for these characters themselves. */
#include <string.h>

#include "compat/policy_internal.h"

/* `'text'` without its quotes; data NULL when it is none. */
static struct bytes unquoted(struct bytes text)
{
    if (text.len < 2 || text.data[0] != '\'' || text.data[text.len - 1] != '\'' ||
        memchr(text.data + 1, '\'', text.len - 2))
        return bytes_of(NULL, 0);
    return bytes_of(text.data + 1, text.len - 2);
}

static bool is_key(struct bytes text)
{
    return text.len > 0 && memchr(text.data, ':', text.len) && !memchr(text.data, '$', text.len) &&
           !memchr(text.data, '{', text.len);
}

enum status policy_variable_parse(struct policy_parser *parser, struct bytes *rest, struct policy_piece *piece)
{
    const char *end = memchr(rest->data, '}', rest->len);
    size_t len = end ? (size_t)(end - rest->data) + 1 : rest->len;
    struct bytes whole = bytes_of(rest->data, len);
    struct bytes inner = end ? bytes_of(whole.data + 2, len - 3) : bytes_of(whole.data, 0);
    const char *comma = inner.len > 0 ? memchr(inner.data, ',', inner.len) : NULL;
    char quoted[POLICY_QUOTE_MAX + 1];

    *rest = bytes_of(rest->data + len, rest->len - len);
    if (inner.len == 1 && strchr("*?$", inner.data[0])) {
        *piece = (struct policy_piece){.kind = POLICY_PIECE_TEXT, .text = inner};
        return STATUS_OK;
    }
    *piece = (struct policy_piece){.kind = POLICY_PIECE_VARIABLE};
    piece->text = bytes_trim(comma ? bytes_of(inner.data, (size_t)(comma - inner.data)) : inner);
    if (comma)
        piece->fallback = unquoted(bytes_trim(bytes_of(comma + 1, (size_t)(inner.data + inner.len - comma) - 1)));
    if (!is_key(piece->text) || (comma && !piece->fallback.data))
        return policy_fail(parser, "Invalid policy variable %s", policy_quote(whole, quoted));
    return STATUS_OK;
}

enum policy_match policy_variable_value(const struct policy_piece *piece, const struct policy_context *context,
                                        struct bytes *value)
{
    struct policy_values values = {0};
    enum policy_presence presence = policy_find(context, piece->text, &values);

    *value = piece->fallback;
    if (presence == POLICY_KEY_ABSENT || (presence == POLICY_KEY_PRESENT && values.count == 0))
        return piece->fallback.data ? POLICY_MATCH_YES : POLICY_MATCH_MISSING;
    if (presence == POLICY_KEY_UNKNOWN || values.count > 1)
        return POLICY_MATCH_UNKNOWN;
    *value = values.values[0];
    return POLICY_MATCH_YES;
}

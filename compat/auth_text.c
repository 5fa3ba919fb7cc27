/* Texts to be signed; see the header. */
#include "compat/auth_text.h"

#include <strings.h>

#include "compat/uri.h"

bool auth_same_name(struct bytes a, struct bytes b)
{
    return a.len == b.len && (!a.len || strncasecmp(a.data, b.data, a.len) == 0);
}

/* Room for len bytes, or NULL with the status set. The bytes are counted before they are written. */
static char *text_extend(struct auth_text *text, size_t len)
{
    char *end = text->status ? NULL : buffer_reserve(text->out, len);

    if (!end) {
        text->status = STATUS_LIMIT;
        return NULL;
    }
    text->out->len += len;
    end[len] = '\0';
    return end;
}

void auth_text_add(struct auth_text *text, struct bytes bytes)
{
    if (!text->status)
        text->status = buffer_append_bytes(text->out, bytes);
}

void auth_text_add_str(struct auth_text *text, const char *string)
{
    auth_text_add(text, bytes_from_str(string));
}

void auth_text_add_char(struct auth_text *text, char c)
{
    auth_text_add(text, bytes_of(&c, 1));
}

void auth_text_add_lower(struct auth_text *text, struct bytes bytes)
{
    char *end = text_extend(text, bytes.len);

    for (size_t i = 0; end && i < bytes.len; ++i)
        end[i] = bytes.data[i] >= 'A' && bytes.data[i] <= 'Z' ? (char)(bytes.data[i] | 0x20) : bytes.data[i];
}

void auth_text_add_value(struct auth_text *text, struct bytes value, bool collapse)
{
    struct bytes rest = bytes_trim(value);

    while (rest.len) {
        size_t len = 1;
        while (len < rest.len && !(collapse && rest.data[len] == ' ' && rest.data[len - 1] == ' '))
            ++len;
        auth_text_add(text, bytes_of(rest.data, len));
        while (len < rest.len && rest.data[len] == ' ')
            ++len;
        rest = bytes_of(rest.data + len, rest.len - len);
    }
}

void auth_text_add_encoded(struct auth_text *text, struct bytes bytes, bool keep_slash)
{
    if (!text->status)
        text->status = uri_encode(bytes, keep_slash, text->out);
}

/* Percent-encoding and query parameters. Encoding first counts, so that nothing is appended when it does not
 * fit. The parameters of a query are decoded into one allocation no longer than the query itself. */
#include "compat/uri.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/split.h"

static int hex_digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Checks the escapes and counts what decoding gives. */
static enum status decoded_len(struct bytes text, size_t *len)
{
    *len = text.len;
    for (size_t i = 0; i < text.len; ++i) {
        if (text.data[i] != '%')
            continue;
        if (text.len - i < 3 || hex_digit_value(text.data[i + 1]) < 0 || hex_digit_value(text.data[i + 2]) < 0)
            return STATUS_INVALID;
        *len -= 2;
        i += 2;
    }
    return STATUS_OK;
}

/* Decodes text whose escapes were checked; returns the end of what was written. */
static char *decode_into(struct bytes text, bool plus_is_space, char *out)
{
    for (size_t i = 0; i < text.len; ++i) {
        char c = text.data[i];
        if (c == '%') {
            c = (char)(hex_digit_value(text.data[i + 1]) << 4 | hex_digit_value(text.data[i + 2]));
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        *out++ = c;
    }
    return out;
}

enum status uri_decode(struct bytes text, bool plus_is_space, struct buffer *out)
{
    size_t len;
    enum status status = decoded_len(text, &len);
    if (status)
        return status;
    char *end = buffer_reserve(out, len);
    if (!end)
        return STATUS_LIMIT;
    *decode_into(text, plus_is_space, end) = '\0';
    out->len += len;
    return STATUS_OK;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

enum status uri_encode(struct bytes text, bool keep_slash, struct buffer *out)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;

    for (size_t i = 0; i < text.len; ++i)
        len += is_unreserved(text.data[i]) || (keep_slash && text.data[i] == '/') ? 1 : 3;
    char *end = buffer_reserve(out, len);
    if (!end)
        return STATUS_LIMIT;
    for (size_t i = 0; i < text.len; ++i) {
        char c = text.data[i];
        if (is_unreserved(c) || (keep_slash && c == '/')) {
            *end++ = c;
        } else {
            *end++ = '%';
            *end++ = digits[(unsigned char)c >> 4];
            *end++ = digits[(unsigned char)c & 15];
        }
    }
    *end = '\0';
    out->len += len;
    return STATUS_OK;
}

/* Decodes one piece `name=value` to *at and moves *at on. */
static enum status parse_parameter(struct bytes piece, char **at, struct uri_parameter *parameter)
{
    const char *equals = memchr(piece.data, '=', piece.len);
    struct bytes name = bytes_of(piece.data, equals ? (size_t)(equals - piece.data) : piece.len);
    struct bytes value = equals ? bytes_of(equals + 1, piece.len - name.len - 1) : BYTES("");
    size_t name_len, value_len;

    if (decoded_len(name, &name_len) || decoded_len(value, &value_len))
        return STATUS_INVALID;
    *parameter = (struct uri_parameter){bytes_of(*at, name_len), bytes_of(*at + name_len, value_len), equals != NULL};
    *at = decode_into(name, true, *at);
    *at = decode_into(value, true, *at);
    return STATUS_OK;
}

enum status uri_query_parse(struct bytes raw, struct uri_query *query)
{
    enum status status = STATUS_OK;
    struct bytes rest = raw, piece;
    size_t count = 0;

    *query = (struct uri_query){0};
    while (split_next(&rest, '&', &piece))
        count += piece.len > 0;
    if (!count)
        return STATUS_OK;
    if (count > URI_QUERY_PARAMETERS_MAX)
        return STATUS_LIMIT;

    query->parameters = mem_alloc(count * sizeof *query->parameters);
    query->storage = mem_alloc(raw.len);
    char *at = query->storage;
    rest = raw;
    while (split_next(&rest, '&', &piece)) {
        if (!piece.len)
            continue;
        status = parse_parameter(piece, &at, &query->parameters[query->count]);
        if (status)
            goto out;
        ++query->count;
    }
out:
    if (status)
        uri_query_release(query);
    return status;
}

void uri_query_release(struct uri_query *query)
{
    free(query->parameters);
    free(query->storage);
    *query = (struct uri_query){0};
}

const struct uri_parameter *uri_query_find(const struct uri_query *query, const char *name)
{
    for (size_t i = 0; i < query->count; ++i)
        if (bytes_equal_str(query->parameters[i].name, name))
            return &query->parameters[i];
    return NULL;
}

const struct uri_parameter *uri_query_find_nocase(const struct uri_query *query, const char *name)
{
    for (size_t i = 0; i < query->count; ++i)
        if (bytes_equal_nocase(query->parameters[i].name, name))
            return &query->parameters[i];
    return NULL;
}

bool uri_query_has(const struct uri_query *query, const char *name)
{
    return uri_query_find(query, name) != NULL;
}

struct bytes uri_query_value(const struct uri_query *query, const char *name)
{
    const struct uri_parameter *parameter = uri_query_find(query, name);
    return parameter ? parameter->value : bytes_of(NULL, 0);
}

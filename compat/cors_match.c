/* Which rule of a bucket's CORS document is for a request. All of it runs for anyone who asks, so the work is bounded
 * by the document's size and CORS_REQUESTED_HEADERS_MAX. */
#include "compat/cors.h"

#include <string.h>
#include <strings.h>

/* With at most one '*' in the pattern, which stands for any text. */
static bool matches(struct bytes pattern, struct bytes text, bool any_case)
{
    int (*differ)(const char *a, const char *b, size_t len) = any_case ? strncasecmp : strncmp;
    const char *star = memchr(pattern.data, '*', pattern.len);
    size_t before = star ? (size_t)(star - pattern.data) : pattern.len;
    size_t after = star ? pattern.len - before - 1 : 0;

    if (star ? text.len < before + after : text.len != before)
        return false;
    return differ(pattern.data, text.data, before) == 0 &&
           (after == 0 || differ(star + 1, text.data + text.len - after, after) == 0);
}

static bool lists(const struct cors_configuration *configuration, const struct cors_rule *rule, enum cors_list list,
                  struct bytes text)
{
    const struct cors_item *items = configuration->items + rule->first;

    for (size_t i = 0; i < rule->count; i++)
        if (items[i].list == list && matches(items[i].text, text, list == CORS_HEADER))
            return true;
    return false;
}

/* Takes the next name off a list with commas; false at its end. */
static bool next_name(struct bytes *rest, struct bytes *name)
{
    do {
        if (rest->len == 0)
            return false;
        const char *comma = memchr(rest->data, ',', rest->len);
        size_t len = comma ? (size_t)(comma - rest->data) : rest->len;
        *name = bytes_trim(bytes_of(rest->data, len));
        *rest = comma ? bytes_of(comma + 1, rest->len - len - 1) : (struct bytes){0};
    } while (name->len == 0);
    return true;
}

/* Fit to be given back in a header. */
static bool is_printable(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return true;
}

static bool requested_are_fit(struct bytes rest)
{
    size_t count = 0;
    struct bytes name;

    while (next_name(&rest, &name))
        if (++count > CORS_REQUESTED_HEADERS_MAX || !is_printable(name))
            return false;
    return true;
}

static bool allows(const struct cors_configuration *configuration, const struct cors_rule *rule,
                   const struct cors_request *request)
{
    struct bytes rest = request->requested_headers, name;

    if (!lists(configuration, rule, CORS_ORIGIN, request->origin) ||
        !lists(configuration, rule, CORS_METHOD, request->method))
        return false;
    while (next_name(&rest, &name))
        if (!lists(configuration, rule, CORS_HEADER, name))
            return false;
    return true;
}

const struct cors_rule *cors_match(const struct cors_configuration *configuration, const struct cors_request *request)
{
    if (request->origin.len == 0 || request->method.len == 0 || !is_printable(request->origin) ||
        !requested_are_fit(request->requested_headers))
        return NULL;
    for (size_t i = 0; i < configuration->count; i++)
        if (allows(configuration, &configuration->rules[i], request))
            return &configuration->rules[i];
    return NULL;
}

bool cors_rule_is_for_all(const struct cors_configuration *configuration, const struct cors_rule *rule)
{
    const struct cors_item *items = configuration->items + rule->first;

    for (size_t i = 0; i < rule->count; i++)
        if (items[i].list == CORS_ORIGIN && bytes_equal_str(items[i].text, "*"))
            return true;
    return false;
}

static enum status append_next(struct buffer *out, struct bytes text)
{
    enum status status = out->len > 0 ? buffer_append_str(out, ", ") : STATUS_OK;

    return status ? status : buffer_append_bytes(out, text);
}

enum status cors_rule_append(const struct cors_configuration *configuration, const struct cors_rule *rule,
                             enum cors_list list, struct buffer *out)
{
    const struct cors_item *items = configuration->items + rule->first;
    enum status status = STATUS_OK;

    for (size_t i = 0; i < rule->count && !status; i++)
        if (items[i].list == list)
            status = append_next(out, items[i].text);
    return status;
}

enum status cors_append_requested(struct bytes requested_headers, struct buffer *out)
{
    enum status status = STATUS_OK;
    struct bytes name;

    while (!status && next_name(&requested_headers, &name))
        status = append_next(out, name);
    for (size_t i = 0; i < out->len; i++)
        if (out->data[i] >= 'A' && out->data[i] <= 'Z')
            out->data[i] = (char)(out->data[i] | 0x20);
    return status;
}

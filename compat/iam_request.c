/* Reading the forms of the Query API; see the header. Everything is decoded into one allocation that is no longer than
 * the form; the parameters are sorted, so that a name is found, and one that comes twice is seen, without comparing
 * each with each. */
#include "compat/iam_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "compat/split.h"
#include "compat/uri.h"
#include "compat/utf8.h"

#define SHOWN_MAX 64 /* of a name or value, in a message */

static int shown(struct bytes text)
{
    return (int)(text.len < SHOWN_MAX ? text.len : SHOWN_MAX);
}

static enum status decode(struct bytes text, struct buffer *out, struct bytes *decoded, struct iam_error *error)
{
    size_t before = out->len;

    if (uri_decode(text, true, out))
        return iam_error_set(error, IAM_MALFORMED_QUERY_STRING, "The form has a wrong percent-encoding.");
    *decoded = bytes_of(out->data + before, out->len - before);
    if (!utf8_is_valid(*decoded) || (decoded->len && memchr(decoded->data, '\0', decoded->len)))
        return iam_error_set(error, IAM_MALFORMED_QUERY_STRING, "The form has text that is not UTF-8.");
    return STATUS_OK;
}

static enum status parse_piece(struct bytes piece, struct buffer *out, struct iam_parameter *parameter,
                               struct iam_error *error)
{
    const char *equals = memchr(piece.data, '=', piece.len);
    size_t name_len = equals ? (size_t)(equals - piece.data) : piece.len;
    struct bytes value = equals ? bytes_of(equals + 1, piece.len - name_len - 1) : BYTES("");
    enum status status = decode(bytes_of(piece.data, name_len), out, &parameter->name, error);

    if (!status && (parameter->name.len == 0 || parameter->name.len > IAM_NAME_BYTES_MAX))
        status = iam_error_set(error, IAM_MALFORMED_QUERY_STRING, "The name of a parameter must have 1 to %d bytes.",
                               IAM_NAME_BYTES_MAX);
    return status ? status : decode(value, out, &parameter->value, error);
}

static int compare_names(const void *left, const void *right)
{
    const struct iam_parameter *a = left, *b = right;
    return bytes_compare(a->name, b->name);
}

static enum status refuse_twice(const struct iam_request *request, struct iam_error *error)
{
    for (size_t i = 1; i < request->count; i++)
        if (bytes_equal(request->parameters[i - 1].name, request->parameters[i].name))
            return iam_error_set(error, IAM_INVALID_QUERY_PARAMETER, "The parameter %.*s is given twice.",
                                 shown(request->parameters[i].name), request->parameters[i].name.data);
    return STATUS_OK;
}

static size_t count_pieces(struct bytes form)
{
    struct bytes piece;
    size_t count = 0;

    while (split_next(&form, '&', &piece))
        count += piece.len > 0;
    return count;
}

enum status iam_request_parse(struct bytes form, struct iam_request *request, struct iam_error *error)
{
    struct bytes rest = form, piece;
    struct buffer out;
    enum status status = STATUS_OK;

    *request = (struct iam_request){0};
    size_t count = count_pieces(form);
    if (count > IAM_PARAMETERS_MAX || form.len > IAM_FORM_BYTES_MAX)
        return iam_error_set(error, IAM_MALFORMED_QUERY_STRING, "The form has more than %d parameters or %d bytes.",
                             IAM_PARAMETERS_MAX, IAM_FORM_BYTES_MAX);
    if (count == 0)
        return STATUS_OK;
    request->parameters = mem_zalloc(count * sizeof(*request->parameters));
    buffer_init(&out, form.len + 1);
    CHECK(buffer_reserve(&out, form.len)); /* spans point into it: it must not move */
    while (!status && split_next(&rest, '&', &piece))
        if (piece.len > 0)
            status = parse_piece(piece, &out, &request->parameters[request->count++], error);
    request->storage = out.data;
    if (!status) {
        qsort(request->parameters, request->count, sizeof(*request->parameters), compare_names);
        status = refuse_twice(request, error);
    }
    if (status)
        iam_request_release(request);
    return status;
}

void iam_request_release(struct iam_request *request)
{
    free(request->parameters);
    free(request->storage);
    *request = (struct iam_request){0};
}

/* The first parameter whose name is not below this one. */
static size_t lower_bound(const struct iam_request *request, struct bytes name)
{
    size_t low = 0, high = request->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(request->parameters[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct bytes iam_request_value(const struct iam_request *request, const char *name)
{
    struct bytes wanted = bytes_from_str(name);
    size_t at = lower_bound(request, wanted);

    if (at < request->count && bytes_equal(request->parameters[at].name, wanted))
        return request->parameters[at].value;
    return (struct bytes){0};
}

/* The number in `rest`, what follows `name.member.`; 0 when there is none in the way numbers are written here. */
static size_t member_number(struct bytes rest)
{
    const char *dot = rest.len ? memchr(rest.data, '.', rest.len) : NULL;
    struct bytes digits = bytes_of(rest.data, dot ? (size_t)(dot - rest.data) : rest.len);
    uint64_t number;

    if (digits.len == 0 || digits.data[0] == '0' || bytes_parse_u64(digits, IAM_LIST_MAX, &number))
        return 0;
    return (size_t)number;
}

static enum status refuse_members(struct iam_error *error, const char *name, size_t max)
{
    return iam_error_set(error, IAM_VALIDATION_ERROR,
                         "The members of %s must be numbered from 1 without a gap, and be no more than %zu.", name,
                         max);
}

enum status iam_request_count(const struct iam_request *request, const char *name, size_t max, size_t *count,
                              struct iam_error *error)
{
    bool seen[IAM_LIST_MAX + 1] = {0};
    char text[IAM_NAME_BYTES_MAX];

    CHECK(max <= IAM_LIST_MAX);
    *count = 0;
    struct bytes prefix = bytes_of(text, (size_t)snprintf(text, sizeof(text), "%s.member.", name));
    if (iam_request_value(request, name).len > 0)
        return iam_error_set(error, IAM_VALIDATION_ERROR, "%s is a list: %s.member.1 is its first member.", name, name);
    for (size_t i = lower_bound(request, prefix); i < request->count; i++) {
        struct bytes at = request->parameters[i].name;
        if (!bytes_starts_with(at, prefix))
            break;
        size_t number = member_number(bytes_of(at.data + prefix.len, at.len - prefix.len));
        if (number == 0 || number > max)
            return refuse_members(error, name, max);
        *count += !seen[number];
        seen[number] = true;
    }
    for (size_t number = 1; number <= *count; number++)
        if (!seen[number])
            return refuse_members(error, name, max);
    return STATUS_OK;
}

struct bytes iam_request_member(const struct iam_request *request, const char *name, size_t number, const char *field)
{
    char text[IAM_NAME_BYTES_MAX];

    snprintf(text, sizeof(text), "%s.member.%zu%s%s", name, number, field ? "." : "", field ? field : "");
    return iam_request_value(request, text);
}

enum status iam_request_list(const struct iam_request *request, const char *name, size_t max, struct bytes *values,
                             size_t *count, struct iam_error *error)
{
    enum status status = iam_request_count(request, name, max, count, error);

    for (size_t i = 0; !status && i < *count; i++) {
        values[i] = iam_request_member(request, name, i + 1, NULL);
        if (!values[i].data)
            status = iam_error_set(error, IAM_VALIDATION_ERROR, "%s is a list of texts.", name);
    }
    return status;
}

/* Letters, digits, space and `_.:/=+-@` of AWS; of what is beyond ASCII all but control characters: the classes L, Z
 * and N are not told apart from signs here. */
static bool tag_text_is_good(struct bytes text, size_t chars_min, size_t chars_max)
{
    size_t chars = 0;

    while (text.len > 0) {
        uint32_t c;
        size_t len = utf8_decode(text, &c);
        if (len == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0))
            return false;
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (c < 0x7f && !word && !strchr(" _.:/=+-@", (int)c))
            return false;
        chars++;
        text = bytes_of(text.data + len, text.len - len);
    }
    return chars >= chars_min && chars <= chars_max;
}

static enum status check_tag(const struct tag *tags, size_t at, struct iam_error *error)
{
    const struct tag *tag = &tags[at];

    if (!tag->key.data || !tag->value.data)
        return iam_error_set(error, IAM_VALIDATION_ERROR, "Each of the Tags must have a Key and a Value.");
    if (!tag_text_is_good(tag->key, 1, TAG_KEY_CHARS_MAX))
        return iam_error_set(
            error, IAM_VALIDATION_ERROR,
            "1 validation error detected: Value at 'tags.%zu.member.key' failed to satisfy constraint: "
            "Member must have 1 to %d letters, digits, spaces and _.:/=+-@",
            at + 1, TAG_KEY_CHARS_MAX);
    if (!tag_text_is_good(tag->value, 0, TAG_VALUE_CHARS_MAX))
        return iam_error_set(error, IAM_VALIDATION_ERROR,
                             "1 validation error detected: Value at 'tags.%zu.member.value' failed to satisfy "
                             "constraint: Member must have at most %d letters, digits, spaces and _.:/=+-@",
                             at + 1, TAG_VALUE_CHARS_MAX);
    for (size_t i = 0; i < at; i++)
        if (tags[i].key.len == tag->key.len && strncasecmp(tags[i].key.data, tag->key.data, tag->key.len) == 0)
            return iam_error_set(error, IAM_INVALID_INPUT,
                                 "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
    return STATUS_OK;
}

enum status iam_request_tags(const struct iam_request *request, struct tag tags[IAM_TAGS_MAX], size_t *count,
                             struct iam_error *error)
{
    enum status status = iam_request_count(request, "Tags", IAM_TAGS_MAX, count, error);
    size_t named = 0;

    for (size_t i = lower_bound(request, BYTES("Tags.member.")); i < request->count; i++)
        named += bytes_starts_with(request->parameters[i].name, BYTES("Tags.member."));
    for (size_t i = 0; !status && i < *count; i++) {
        tags[i] = (struct tag){iam_request_member(request, "Tags", i + 1, "Key"),
                               iam_request_member(request, "Tags", i + 1, "Value")};
        status = check_tag(tags, i, error);
    }
    if (!status && named != 2 * *count)
        status = iam_error_set(error, IAM_VALIDATION_ERROR, "Each of the Tags has a Key and a Value alone.");
    return status;
}

/* `entry` itself, or a member of the list of that name. */
static bool is_of(struct bytes name, const char *entry)
{
    size_t len = strlen(entry);

    if (name.len < len || memcmp(name.data, entry, len) != 0)
        return false;
    return name.len == len || bytes_starts_with(bytes_of(name.data + len, name.len - len), BYTES(".member."));
}

static bool is_common(struct bytes name)
{
    return bytes_equal_str(name, "Action") || bytes_equal_str(name, "Version") ||
           (name.len > 6 && bytes_equal_nocase(bytes_of(name.data, 6), "x-amz-"));
}

struct bytes iam_request_unknown(const struct iam_request *request, const char *const *names)
{
    for (size_t i = 0; i < request->count; i++) {
        struct bytes name = request->parameters[i].name;
        bool known = is_common(name);
        for (const char *const *entry = names; !known && entry && *entry; entry++)
            known = is_of(name, *entry);
        if (!known)
            return name;
    }
    return (struct bytes){0};
}

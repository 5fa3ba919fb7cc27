/* The policy of an upload form; see the header. The texts of refusals are AWS's where these are known. */
#include "compat/post_policy.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/clock.h"
#include "compat/json_nesting.h"

#define DEPTH_MAX 8 /* a valid document has three */

struct post_check {
    const struct post_upload *upload;
    struct post_range *range;
    struct s3_error_details *error;
    bool covered[POST_FIELDS_MAX]; /* fields that have a condition */
    bool covered_bucket;
};

static enum status invalid(struct post_check *checker, const char *why)
{
    s3_error_setf(checker->error, S3_INVALID_POLICY_DOCUMENT, "Invalid Policy: %s", why);
    return STATUS_INVALID;
}

/* The value of a condition's field, which then has one; data NULL when there is no such field. */
static struct bytes cover(struct post_check *checker, const char *name)
{
    const struct post_fields *fields = checker->upload->fields;
    struct bytes value = {0};

    for (size_t i = 0; i < fields->count; i++) {
        if (!bytes_equal_nocase(fields->fields[i].name, name))
            continue;
        checker->covered[i] = true;
        value = fields->fields[i].value;
    }
    if (strcasecmp(name, "bucket") != 0)
        return value;
    checker->covered_bucket = true;
    return checker->upload->bucket;
}

/* Each of several types, separated by commas, has to begin so. */
static bool types_start_with(struct bytes types, struct bytes prefix)
{
    while (types.len > 0) {
        const char *comma = memchr(types.data, ',', types.len);
        size_t len = comma ? (size_t)(comma - types.data) : types.len;
        if (!bytes_starts_with(bytes_trim(bytes_of(types.data, len)), prefix))
            return false;
        len += comma != NULL;
        types = bytes_of(types.data + len, types.len - len);
    }
    return true;
}

static bool starts_with(const char *name, struct bytes value, struct bytes prefix)
{
    if (value.len > 0 && strcasecmp(name, "content-type") == 0)
        return types_start_with(value, prefix);
    return bytes_starts_with(value, prefix);
}

static enum status check_match(struct post_check *checker, bool whole, const char *name, json_t *expected)
{
    const char *text = json_string_value(expected);
    struct bytes value;

    if (!text)
        return invalid(checker, "Invalid Condition: the value must be a string.");
    value = cover(checker, name);
    if (value.data && (whole ? bytes_equal_str(value, text) : starts_with(name, value, bytes_from_str(text))))
        return STATUS_OK;
    s3_error_setf(checker->error, S3_ACCESS_DENIED,
                  "Invalid according to Policy: Policy Condition failed: [\"%s\", \"$%s\", \"%s\"]",
                  whole ? "eq" : "starts-with", name, text);
    return STATUS_DENIED;
}

/* An integer that is not negative, as a number or as text. */
static enum status read_size(json_t *json, uint64_t *size)
{
    if (json_is_string(json))
        return bytes_parse_u64(bytes_from_str(json_string_value(json)), INT64_MAX, size);
    if (!json_is_integer(json) || json_integer_value(json) < 0)
        return STATUS_INVALID;
    *size = (uint64_t)json_integer_value(json);
    return STATUS_OK;
}

/* Of several ranges all hold. */
static enum status take_range(struct post_check *checker, json_t *condition)
{
    struct post_range *range = checker->range;
    uint64_t min, max;

    if (read_size(json_array_get(condition, 1), &min) || read_size(json_array_get(condition, 2), &max))
        return invalid(checker, "Invalid content-length-range: two sizes in bytes are expected.");
    range->min = min > range->min ? min : range->min;
    range->max = max < range->max ? max : range->max;
    return STATUS_OK;
}

static enum status check_list(struct post_check *checker, json_t *condition)
{
    const char *operation = json_string_value(json_array_get(condition, 0));
    const char *name = json_string_value(json_array_get(condition, 1));
    bool whole;

    if (!operation || json_array_size(condition) != 3)
        return invalid(checker, "Invalid Condition: a list has an operation and two operands.");
    if (strcasecmp(operation, "content-length-range") == 0)
        return take_range(checker, condition);
    whole = strcasecmp(operation, "eq") == 0;
    if (!whole && strcasecmp(operation, "starts-with") != 0)
        return invalid(checker, "Invalid Condition: the operation is unknown.");
    if (!name || name[0] != '$' || name[1] == '\0')
        return invalid(checker, "Invalid Condition: the name of a field begins with '$'.");
    return check_match(checker, whole, name + 1, json_array_get(condition, 2));
}

static enum status check_condition(struct post_check *checker, json_t *condition)
{
    if (json_is_array(condition))
        return check_list(checker, condition);
    if (!json_is_object(condition))
        return invalid(checker, "Invalid Condition: an object or a list is expected.");
    if (json_object_size(condition) != 1)
        return invalid(checker,
                       "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.");
    void *only = json_object_iter(condition);
    return check_match(checker, true, json_object_iter_key(only), json_object_iter_value(only));
}

static bool needs_condition(struct bytes name)
{
    static const char *const free_names[] = {"awsaccesskeyid", "file", "policy", "signature", "x-amz-signature"};

    for (size_t i = 0; i < sizeof(free_names) / sizeof(free_names[0]); i++)
        if (bytes_equal_nocase(name, free_names[i]))
            return false;
    return name.len < strlen(POST_IGNORED_PREFIX) ||
           strncasecmp(name.data, POST_IGNORED_PREFIX, strlen(POST_IGNORED_PREFIX)) != 0;
}

static enum status refuse_extra(struct post_check *checker, struct bytes name)
{
    s3_error_setf(checker->error, S3_ACCESS_DENIED, "Invalid according to Policy: Extra input fields: %.*s",
                  (int)(name.len < S3_ERROR_MESSAGE_MAX ? name.len : S3_ERROR_MESSAGE_MAX), name.data);
    return STATUS_DENIED;
}

/* Every field is one that the signer foresaw; and the bucket, so that a policy is good for one. */
static enum status check_covered(struct post_check *checker)
{
    const struct post_fields *fields = checker->upload->fields;

    if (!checker->covered_bucket)
        return refuse_extra(checker, BYTES("bucket"));
    for (size_t i = 0; i < fields->count; i++)
        if (!checker->covered[i] && needs_condition(fields->fields[i].name))
            return refuse_extra(checker, fields->fields[i].name);
    return STATUS_OK;
}

static enum status check_expiration(struct post_check *checker, json_t *expiration)
{
    const char *text = json_string_value(expiration);
    int64_t until_ms;

    if (!text)
        return invalid(checker, "Policy missing expiration.");
    if (clock_parse_iso8601(bytes_from_str(text), &until_ms))
        return invalid(checker, "Invalid 'expiration' value: a time of ISO 8601 in UTC is expected.");
    if (checker->upload->now_wall_ms < until_ms)
        return STATUS_OK;
    s3_error_setf(checker->error, S3_ACCESS_DENIED, "Invalid according to Policy: Policy expired.");
    return STATUS_DENIED;
}

static enum status check_document(struct post_check *checker, json_t *document)
{
    json_t *conditions = json_object_get(document, "conditions"), *condition;
    enum status status = check_expiration(checker, json_object_get(document, "expiration"));
    size_t i;

    if (!status && !json_is_array(conditions))
        status = invalid(checker, "Policy missing conditions.");
    if (status)
        return status;
    json_array_foreach(conditions, i, condition)
    {
        status = check_condition(checker, condition);
        if (status)
            return status;
    }
    return check_covered(checker);
}

static enum status check_text(struct post_check *checker, struct bytes text)
{
    json_t *document = NULL;
    json_error_t problem;
    enum status status;

    if (json_nesting(text) <= DEPTH_MAX)
        document = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &problem);
    status = json_is_object(document) ? check_document(checker, document) : invalid(checker, "Invalid JSON.");
    json_decref(document);
    return status;
}

enum status post_policy_check(struct bytes encoded, const struct post_upload *upload, struct post_range *range,
                              struct s3_error_details *error)
{
    struct post_check checker = {.upload = upload, .range = range, .error = error};
    size_t len = encoded.len / 4 * 3 + 3;
    char *text = mem_alloc(len);
    enum status status;

    *range = (struct post_range){0, UINT64_MAX};
    status = base64_decode(encoded, text, &len) ? invalid(&checker, "it is not base64.")
                                                : check_text(&checker, bytes_of(text, len));
    free(text);
    return status;
}

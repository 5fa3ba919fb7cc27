/* AWS's rules for the values of a lifecycle document, with its words where they are known. */
#include <string.h>

#include "compat/lifecycle.h"
#include "compat/utf8.h"

#define IA_DAYS_MIN      30 /* before a version may go to one of the infrequent-access classes */
#define PREFIX_BYTES_MAX 1024

static enum status argument(struct s3_error_details *error, const char *message)
{
    s3_error_setf(error, S3_INVALID_ARGUMENT, "%s", message);
    return STATUS_INVALID;
}

static enum status request(struct s3_error_details *error, const char *message)
{
    s3_error_setf(error, S3_INVALID_REQUEST, "%s", message);
    return STATUS_INVALID;
}

static enum status check_id(const struct lifecycle_configuration *configuration, size_t index,
                            struct s3_error_details *error)
{
    struct bytes id = configuration->rules[index].id;

    if (id.len == 0)
        return STATUS_OK;
    if (utf8_count(id) > LIFECYCLE_ID_CHARS_MAX)
        return argument(error, "ID length should not exceed allowed limit of 255");
    for (size_t i = 0; i < index; i++)
        if (bytes_equal(configuration->rules[i].id, id))
            return argument(error, "Rule ID must be unique. Found same ID for more than one rule");
    return STATUS_OK;
}

static enum status check_tags(const struct lifecycle_configuration *configuration, const struct lifecycle_rule *rule,
                              struct s3_error_details *error)
{
    const struct tag *tags = configuration->tags + rule->tags_first;

    if (rule->tags_count > LIFECYCLE_TAGS_MAX)
        return request(error, "A filter can have at most 10 tags: an object has no more.");
    for (size_t i = 0; i < rule->tags_count; i++) {
        if (tags[i].key.len == 0 || utf8_count(tags[i].key) > TAG_KEY_CHARS_MAX) {
            s3_error_setf(error, S3_INVALID_TAG, "The TagKey you have provided is invalid");
            return STATUS_INVALID;
        }
        if (utf8_count(tags[i].value) > TAG_VALUE_CHARS_MAX) {
            s3_error_setf(error, S3_INVALID_TAG, "The TagValue you have provided is invalid");
            return STATUS_INVALID;
        }
        for (size_t j = 0; j < i; j++)
            if (bytes_equal(tags[i].key, tags[j].key))
                return request(error, "Duplicate Tag Keys are not allowed.");
    }
    return STATUS_OK;
}

static enum status check_filter(const struct lifecycle_configuration *configuration, const struct lifecycle_rule *rule,
                                struct s3_error_details *error)
{
    bool sized = rule->has_greater || rule->has_less;

    if (rule->prefix.len > PREFIX_BYTES_MAX)
        return request(error, "The maximum size of a prefix is 1024.");
    if (rule->has_greater && rule->has_less && rule->greater >= rule->less)
        return request(error, "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.");
    if (rule->has_abort && rule->tags_count > 0)
        return request(error, "AbortIncompleteMultipartUpload cannot be specified with Tags.");
    if (rule->has_abort && sized)
        return request(error, "AbortIncompleteMultipartUpload cannot be specified with object sizes.");
    if (rule->has_marker && rule->tags_count > 0)
        return request(error, "ExpiredObjectDeleteMarker cannot be specified with Tags.");
    return check_tags(configuration, rule, error);
}

static bool is_midnight(const struct lifecycle_time *time)
{
    return !time->by_date || time->date_ms % LIFECYCLE_DAY_MS == 0;
}

static enum status check_newer(const struct lifecycle_rule *rule, bool has_newer, int64_t newer,
                               struct s3_error_details *error)
{
    if (has_newer && (newer < 1 || newer > LIFECYCLE_NEWER_VERSIONS_MAX))
        return argument(error, "'NewerNoncurrentVersions' must be an integer from 1 to 100");
    if (has_newer && rule->old_prefix)
        return request(error, "NewerNoncurrentVersions needs a Filter element in its rule.");
    return STATUS_OK;
}

static enum status check_transition(const struct lifecycle_configuration *configuration,
                                    const struct lifecycle_rule *rule, size_t index, struct s3_error_details *error)
{
    const struct lifecycle_transition *list = configuration->transitions + rule->transitions_first;
    const struct lifecycle_transition *transition = &list[index];
    bool noncurrent = transition->noncurrent;
    const char *days = noncurrent ? "NoncurrentDays" : "Days";
    const char *action = noncurrent ? "NoncurrentVersionTransition" : "Transition";
    bool infrequent =
        transition->storage_class == STORAGE_STANDARD_IA || transition->storage_class == STORAGE_ONEZONE_IA;

    if (!is_midnight(&transition->time))
        return argument(error, "'Date' must be at midnight GMT");
    if (transition->time.by_days && transition->time.days < 0) {
        s3_error_setf(error, S3_INVALID_ARGUMENT, "'%s' for %s action must be nonnegative", days, action);
        return STATUS_INVALID;
    }
    if (infrequent && transition->time.by_days && transition->time.days < IA_DAYS_MIN) {
        s3_error_setf(error, S3_INVALID_ARGUMENT,
                      "'%s' in %s action must be greater than or equal to 30 for storageClass '%s'", days, action,
                      storage_class_name(transition->storage_class));
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < index; i++) {
        if (list[i].noncurrent == noncurrent && list[i].storage_class == transition->storage_class) {
            s3_error_setf(error, S3_INVALID_REQUEST, "'StorageClass' must be different for '%s' actions in same 'Rule'",
                          action);
            return STATUS_INVALID;
        }
    }
    return check_newer(rule, transition->has_newer, transition->newer, error);
}

/* An expiration and the transitions before it count alike, and are in that order. */
static enum status check_order(const struct lifecycle_rule *rule, const struct lifecycle_transition *transition,
                               struct s3_error_details *error)
{
    const struct lifecycle_time *end = &rule->expiration, *time = &transition->time;
    int len = (int)(rule->prefix.len < S3_ERROR_MESSAGE_MAX ? rule->prefix.len : S3_ERROR_MESSAGE_MAX);
    const char *prefix = rule->prefix.data ? rule->prefix.data : "";

    if (transition->noncurrent) {
        if (!rule->has_noncurrent || rule->noncurrent_days > time->days)
            return STATUS_OK;
        s3_error_setf(error, S3_INVALID_ARGUMENT,
                      "'NoncurrentDays' in the NoncurrentVersionExpiration action for prefix '%.*s' must be greater "
                      "than 'NoncurrentDays' in the NoncurrentVersionTransition action",
                      len, prefix);
        return STATUS_INVALID;
    }
    if (!rule->has_expiration || rule->has_marker)
        return STATUS_OK;
    if (end->by_date != time->by_date)
        s3_error_setf(error, S3_INVALID_REQUEST,
                      "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for "
                      "prefix '%.*s'",
                      len, prefix);
    else if (end->by_date ? end->date_ms <= time->date_ms : end->days <= time->days)
        s3_error_setf(error, S3_INVALID_ARGUMENT,
                      "'%s' in the Expiration action for prefix '%.*s' must be %s than '%s' in the Transition action",
                      end->by_date ? "Date" : "Days", len, prefix, end->by_date ? "later" : "greater",
                      end->by_date ? "Date" : "Days");
    else
        return STATUS_OK;
    return STATUS_INVALID;
}

static enum status check_actions(const struct lifecycle_configuration *configuration, const struct lifecycle_rule *rule,
                                 struct s3_error_details *error)
{
    enum status status = STATUS_OK;

    if (!rule->has_expiration && !rule->has_noncurrent && !rule->has_abort && rule->transitions_count == 0)
        return request(error, "At least one action needs to be specified in a rule.");
    if (rule->expiration.by_days && rule->expiration.days < 1)
        return argument(error, "'Days' for Expiration action must be a positive integer");
    if (!is_midnight(&rule->expiration))
        return argument(error, "'Date' must be at midnight GMT");
    if (rule->has_noncurrent && rule->noncurrent_days < 1)
        return argument(error, "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer");
    if (rule->has_abort && rule->abort_days < 1)
        return argument(error,
                        "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer");
    status = check_newer(rule, rule->has_newer, rule->newer, error);
    for (size_t i = 0; !status && i < rule->transitions_count; i++) {
        status = check_transition(configuration, rule, i, error);
        if (!status)
            status = check_order(rule, &configuration->transitions[rule->transitions_first + i], error);
    }
    return status;
}

enum status lifecycle_check(const struct lifecycle_configuration *configuration, struct s3_error_details *error)
{
    enum status status = STATUS_OK;

    if (configuration->count > LIFECYCLE_RULES_MAX)
        return request(error, "The number of lifecycle rules must not exceed the allowed limit of 1000 rules");
    for (size_t i = 0; !status && i < configuration->count; i++) {
        const struct lifecycle_rule *rule = &configuration->rules[i];
        status = check_id(configuration, i, error);
        if (!status)
            status = check_filter(configuration, rule, error);
        if (!status)
            status = check_actions(configuration, rule, error);
    }
    return status;
}

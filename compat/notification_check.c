/* AWS's rules for notification documents. */
#include "compat/notification.h"
#include "compat/notification_internal.h"

/* The text up to the next colon, which is taken off with it; all of it when there is none. */
static struct bytes take_part(struct bytes *text)
{
    size_t len = 0;

    while (len < text->len && text->data[len] != ':')
        len++;
    const struct bytes part = bytes_of(text->data, len);
    size_t taken = len < text->len ? len + 1 : len;
    *text = bytes_of(text->data + taken, text->len - taken);
    return part;
}

/* arn:PARTITION:SERVICE:REGION:ACCOUNT:NAME, of a function function:NAME[:VERSION]. Where the destination is, is for
 * the name to say: region and account mean nothing here. */
void notification_target_find(struct notification_rule *rule, const char *service)
{
    struct bytes rest = rule->arn;
    bool fits =
        rest.len <= NOTIFICATION_ARN_MAX && bytes_equal_str(take_part(&rest), "arn") && take_part(&rest).len > 0;

    fits = bytes_equal_str(take_part(&rest), service) && fits;
    take_part(&rest);
    take_part(&rest);
    if (rule->kind == NOTIFICATION_FUNCTION)
        fits = bytes_equal_str(take_part(&rest), "function") && fits;
    struct bytes name = take_part(&rest);
    if (fits && name.len > 0 && (rest.len == 0 || rule->kind == NOTIFICATION_FUNCTION))
        rule->target = name;
}

static enum status check_rule(const struct notification_rule *rule, struct s3_error_details *error)
{
    if (!rule->target.data) {
        s3_error_argument(error, bytes_from_str(notification_arn_argument(rule->kind)),
                          bytes_of(rule->arn.data, rule->arn.len < 256 ? rule->arn.len : 256),
                          "The ARN could not be parsed");
        return STATUS_INVALID;
    }
    if (rule->id.len > NOTIFICATION_ID_BYTES_MAX) {
        s3_error_setf(error, S3_INVALID_ARGUMENT, "The id of a notification configuration has at most %d bytes.",
                      NOTIFICATION_ID_BYTES_MAX);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static enum status check_pair(const struct notification_rule *a, const struct notification_rule *b,
                              struct s3_error_details *error)
{
    if (a->id.len > 0 && bytes_equal(a->id, b->id)) {
        s3_error_argument(error, BYTES("Id"), a->id, "The ids of notification configurations must be unique.");
        return STATUS_INVALID;
    }
    if (!notification_rules_overlap(a, b))
        return STATUS_OK;
    bool filtered = a->has_prefix || a->has_suffix || b->has_prefix || b->has_suffix;
    s3_error_setf(error, S3_INVALID_ARGUMENT, "%s",
                  filtered ? "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if "
                             "the prefixes are overlapping for the same event type."
                           : "Configurations overlap. Configurations on the same bucket cannot share a common event "
                             "type.");
    return STATUS_INVALID;
}

enum status notification_check(const struct notification_configuration *configuration, struct s3_error_details *error)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; !status && i < configuration->count; i++) {
        status = check_rule(&configuration->rules[i], error);
        for (size_t j = 0; !status && j < i; j++)
            status = check_pair(&configuration->rules[j], &configuration->rules[i], error);
    }
    return status;
}

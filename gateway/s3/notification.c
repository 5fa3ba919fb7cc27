/* PUT of the notification setting of a bucket; GET is that of every setting. Each destination is tried with a message,
 * s3:TestEvent, before the setting is kept, as AWS does it: one that does not take it is refused. */
#include "gateway/s3/notification.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "compat/notification.h"
#include "gateway/notify/notify.h"
#include "gateway/notify/payload.h"
#include "gateway/s3/body.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

#define SKIP_HEADER    "x-amz-skip-destination-validation"
#define REASON_MAX     512
#define MESSAGE_MAX    1024
#define NOT_VALID_TEXT "Unable to validate the following destination configurations"

enum status notification_setting_parse(struct bytes kept, void **parsed)
{
    struct notification_configuration *configuration = mem_alloc(sizeof(*configuration));
    struct s3_error_details error;
    enum status status = notification_parse(kept, configuration, &error);

    if (!status)
        status = notification_check(configuration, &error);
    if (status)
        notification_setting_free(configuration);
    else
        *parsed = configuration;
    return status;
}

void notification_setting_free(void *parsed)
{
    notification_release(parsed);
    free(parsed);
}

static enum status refuse_destination(struct exchange *exchange, const struct notification_rule *rule, struct bytes why)
{
    struct s3_error_details details = {0};

    s3_error_setf(&details, S3_INVALID_ARGUMENT, "%s", NOT_VALID_TEXT);
    s3_error_add(&details, "ArgumentName", rule->arn);
    s3_error_add_copy(&details, "ArgumentValue", why);
    return s3_fail_details(exchange, &details);
}

static bool was_tried(const struct notification_configuration *configuration, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (bytes_equal(configuration->rules[i].target, configuration->rules[index].target))
            return true;
    return false;
}

/* Sends the test message to the destination. What is wrong with it is the operator's to know: its text may name hosts.
 */
static enum status try_destination(struct exchange *exchange, const struct notification_rule *rule)
{
    struct buffer message, reason;

    buffer_init(&message, MESSAGE_MAX);
    buffer_init(&reason, REASON_MAX);
    CHECK(notify_test_write(&message, bytes_from_str(exchange->bucket.name), bytes_from_str(exchange->http->id),
                            clock_wall_ms()) == STATUS_OK);
    enum status status = notify_try(exchange->gateway->notify, rule->target, buffer_bytes(&message), &reason);
    if (status) {
        log_warn("a target of events does not take a test message", LOG_BYTES("target", rule->target),
                 LOG_STATUS(status), LOG_BYTES("error", buffer_bytes(&reason)));
        status = refuse_destination(exchange, rule, BYTES("The destination does not take a test message."));
    }
    buffer_release(&message);
    buffer_release(&reason);
    return status;
}

/* Whether all are destinations that there are, and that take what they are sent. */
static enum status check_destinations(struct exchange *exchange, const struct notification_configuration *configuration,
                                      bool skip)
{
    static const char *const absent[] = {[NOTIFICATION_TOPIC] = "The destination topic does not exist",
                                         [NOTIFICATION_QUEUE] = "The destination queue does not exist",
                                         [NOTIFICATION_FUNCTION] = "The destination Lambda does not exist"};
    enum status status = STATUS_OK;

    for (size_t i = 0; !status && i < configuration->count; i++)
        if (!notify_has_target(exchange->gateway->notify, configuration->rules[i].target))
            status = refuse_destination(exchange, &configuration->rules[i],
                                        bytes_from_str(absent[configuration->rules[i].kind]));
    for (size_t i = 0; !status && !skip && i < configuration->count; i++)
        if (!was_tried(configuration, i))
            status = try_destination(exchange, &configuration->rules[i]);
    return status;
}

static enum status read_skip(struct exchange *exchange, bool *skip)
{
    struct bytes said = s3_header(exchange, SKIP_HEADER);

    *skip = bytes_equal_nocase(said, "true");
    if (!said.data || *skip || bytes_equal_nocase(said, "false"))
        return STATUS_OK;
    return s3_fail_argument(exchange, SKIP_HEADER, said, "It is true or false.");
}

static enum status store(struct exchange *exchange, struct notification_configuration *configuration)
{
    struct meta_setting_change change = {.kind = S3_SETTING_NOTIFICATION};
    const struct meta_settings_update update = {.changes = &change, .count = 1};
    struct buffer kept;
    uint8_t seed[12];

    buffer_init(&kept, NOTIFICATION_KEPT_BYTES_MAX);
    random_bytes(seed, sizeof(seed));
    notification_name_rules(configuration, seed);
    enum status status = STATUS_OK;
    if (configuration->count > 0 && notification_write(&kept, configuration))
        status = s3_fail(exchange, S3_ENTITY_TOO_LARGE); /* escaped, it is too long to be kept */
    if (!status) {
        if (kept.len > 0)
            change.document = buffer_bytes(&kept);
        status = s3_update_settings(exchange, &update);
    }
    buffer_release(&kept);
    return status;
}

static enum status put(struct exchange *exchange, struct bytes document, bool skip)
{
    struct notification_configuration configuration;
    struct s3_error_details details;
    enum status status = notification_parse(document, &configuration, &details);

    if (!status)
        status = notification_check(&configuration, &details);
    if (status) {
        status = s3_fail_details(exchange, &details);
    } else if (configuration.event_bridge) {
        s3_error_setf(&details, S3_NOT_IMPLEMENTED, "EventBridgeConfiguration is not implemented.");
        status = s3_fail_details(exchange, &details);
    } else {
        status = check_destinations(exchange, &configuration, skip);
        if (!status)
            status = store(exchange, &configuration);
    }
    notification_release(&configuration);
    return status;
}

void s3_put_bucket_notification(struct exchange *exchange)
{
    struct buffer sent;
    bool skip;

    if (read_skip(exchange, &skip))
        return;
    if (s3_read_document(exchange, NOTIFICATION_XML_BYTES_MAX, false, &sent) == STATUS_OK &&
        put(exchange, buffer_bytes(&sent), skip) == STATUS_OK)
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
    buffer_release(&sent);
}

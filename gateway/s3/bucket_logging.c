/* PutBucketLogging, and what is kept of it. GET is that of every setting. */
#include <stdlib.h>

#include "base/check.h"
#include "compat/bucket_logging.h"
#include "gateway/bucketlog/target.h"
#include "gateway/s3/acl.h"
#include "gateway/s3/body.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/logging_setting.h"
#include "gateway/s3/reply.h"

enum status logging_setting_parse(struct bytes document, void **parsed)
{
    struct bucket_logging *logging = mem_alloc(sizeof(*logging));
    struct s3_error_details error = {0};
    enum status status = bucket_logging_parse(document, logging, &error);

    if (!status && !logging->enabled)
        status = STATUS_INVALID;
    if (status)
        free(logging);
    else
        *parsed = logging;
    return status;
}

static enum status refuse(struct exchange *exchange, const struct bucket_logging *logging, enum s3_error code,
                          const char *text)
{
    struct s3_error_details details = {0};

    s3_error_setf(&details, code, "%s", text);
    s3_error_add(&details, "TargetBucket", bytes_from_str(logging->target));
    return s3_fail_details(exchange, &details);
}

/* A bucket that is asked to be in another region than its source keeps no log of it, as on AWS, wherever both are. */
static enum status check_region(struct exchange *exchange, const struct meta_bucket *target)
{
    struct s3_error_details details = {0};
    struct bytes region = bytes_from_str(s3_bucket_region(exchange, target));

    if (bytes_equal_str(region, s3_bucket_region(exchange, &exchange->bucket)))
        return STATUS_OK;
    s3_error_set(&details, S3_CROSS_LOCATION_LOGGING_PROHIBITED);
    s3_error_add(&details, "TargetBucketLocation", region);
    return s3_fail_details(exchange, &details);
}

static enum status check_permission(struct exchange *exchange, const struct bucket_logging *logging,
                                    const struct meta_settings *settings)
{
    const struct gateway_options *options = &exchange->gateway->options;
    const struct bucketlog_key sample = {.prefix = bytes_from_str(logging->prefix),
                                         .account = bytes_from_str(options->account_id),
                                         .region = bytes_from_str(s3_bucket_region(exchange, &exchange->bucket)),
                                         .bucket = exchange->bucket_name,
                                         .format = logging->format,
                                         .time_ms = clock_wall_ms()};
    struct s3_error_details details = {0};
    struct buffer key;

    buffer_init(&key, META_KEY_MAX);
    enum status status = bucketlog_key_write(&key, &sample);
    const struct bucketlog_target target = {.source = exchange->bucket_name,
                                            .source_owner = acl_bucket_owner(exchange->settings).id,
                                            .bucket = bytes_from_str(logging->target),
                                            .key = buffer_bytes(&key)};
    if (status)
        status = s3_fail_argument(exchange, "TargetPrefix", bytes_from_str(logging->prefix), "The prefix is too long.");
    else if (bucketlog_target_check(exchange->gateway, &target, settings, &details))
        status = s3_fail_details(exchange, &details);
    buffer_release(&key);
    return status;
}

static enum status check_target(struct exchange *exchange, const struct bucket_logging *logging)
{
    struct meta_settings *settings;
    struct meta_bucket target;

    if (meta_bucket_load(exchange->gateway->meta, bytes_from_str(logging->target), &target, &settings))
        return refuse(exchange, logging, S3_INVALID_TARGET_BUCKET_FOR_LOGGING,
                      "The target bucket for logging does not exist");
    enum status status = check_region(exchange, &target);
    if (!status && logging->grants.count > 0 && acl_ownership(settings) == OWNERSHIP_BUCKET_OWNER_ENFORCED)
        status = refuse(exchange, logging, S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED,
                        "The target bucket does not allow ACLs, and so no TargetGrants");
    if (!status)
        status = check_permission(exchange, logging, settings);
    meta_settings_release(settings);
    return status;
}

static enum status write_setting(struct exchange *exchange, const struct bucket_logging *logging)
{
    struct buffer kept;

    buffer_init(&kept, BUCKET_LOGGING_KEPT_BYTES_MAX);
    if (logging->enabled && bucket_logging_write(&kept, logging)) {
        buffer_release(&kept);
        return s3_fail(exchange, S3_ENTITY_TOO_LARGE);
    }
    const struct meta_setting_change change = {S3_SETTING_LOGGING,
                                               logging->enabled ? buffer_bytes(&kept) : (struct bytes){0}};
    const struct meta_settings_update update = {.changes = &change, .count = 1};
    enum status status = s3_update_settings(exchange, &update);
    buffer_release(&kept);
    return status;
}

void s3_put_bucket_logging(struct exchange *exchange)
{
    struct bucket_logging *logging = mem_alloc(sizeof(*logging));
    struct s3_error_details details = {0};
    struct buffer sent;

    enum status status = s3_read_document(exchange, BUCKET_LOGGING_XML_BYTES_MAX, false, &sent);
    if (!status && bucket_logging_parse(buffer_bytes(&sent), logging, &details))
        status = s3_fail_details(exchange, &details);
    if (!status && logging->enabled)
        status = check_target(exchange, logging);
    if (!status)
        status = write_setting(exchange, logging);
    if (!status)
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
    buffer_release(&sent);
    free(logging);
}

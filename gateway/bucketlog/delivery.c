/* Delivering; see the header. A delivery is no request: it is in no access log, so that a bucket that logs into itself
 * does not grow by its own logs. */
#include "gateway/bucketlog/delivery.h"

#include <string.h>

#include "base/log.h"
#include "gateway/bucketlog/target.h"
#include "gateway/keys/keyring.h"
#include "gateway/object/default_encryption.h"
#include "gateway/object/ingest.h"
#include "gateway/object/stored_headers.h"
#include "gateway/s3/access_settings.h"
#include "gateway/s3/acl.h"
#include "gateway/s3/attributes.h"
#include "gateway/s3/bucket_settings.h"
#include "meta/attributes.h"

/* What is known of both buckets. */
struct delivery {
    struct gateway *gateway;
    const struct bucketlog_address *address;
    struct meta_bucket source, target;
    struct meta_settings *source_settings, *target_settings;
    bool has_source; /* it is still there */
    struct buffer key, headers, acl, description, attributes;
    struct object_key sealing;
    struct key_writer writer;
};

static bool load(struct gateway *gateway, struct bytes name, struct meta_bucket *bucket,
                 struct meta_settings **settings)
{
    return meta_bucket_load(gateway->meta, name, bucket, settings) == STATUS_OK;
}

/* Grants are as the source has them now; a bucket that is gone, or that shares nothing, has none. Where the target has
 * no ACLs, or would not take these, the object is the owner's alone. */
static enum status write_acl(struct delivery *delivery)
{
    struct meta_setting found;
    struct acl acl;

    if (acl_ownership(delivery->target_settings) == OWNERSHIP_BUCKET_OWNER_ENFORCED || !delivery->has_source ||
        meta_setting_find(delivery->source_settings, S3_SETTING_LOGGING, &found))
        return STATUS_OK;
    const struct bucket_logging *logging = found.parsed;
    if (!bytes_equal_str(delivery->address->target, logging->target) || logging->grants.count == 0)
        return STATUS_OK;
    acl_init(&acl, acl_bucket_owner(delivery->target_settings).id);
    for (size_t i = 0; i < logging->grants.count && acl.count < ACL_GRANTS_MAX; i++)
        acl.grants[acl.count++] = logging->grants.grants[i];
    if (acl_is_public(&acl) && public_access_of(delivery->target_settings).block_acls)
        return STATUS_OK;
    return acl_write(&delivery->acl, &acl);
}

static enum status write_attributes(struct delivery *delivery)
{
    const struct encryption_place place = {delivery->address->target, buffer_bytes(&delivery->key)};
    struct meta_attribute changes[2];
    size_t count = 0;

    enum status status = write_acl(delivery);
    key_writer_begin(&delivery->gateway->key_writers, &delivery->writer,
                     keyring_generation(delivery->gateway->keyring));
    if (!status)
        status = default_encryption_describe(delivery->gateway, delivery->target_settings, &place, &delivery->sealing,
                                             &delivery->description);
    if (delivery->acl.len > 0)
        changes[count++] = (struct meta_attribute){S3_ATTRIBUTE_ACL, buffer_bytes(&delivery->acl)};
    if (delivery->description.len > 0)
        changes[count++] = (struct meta_attribute){S3_ATTRIBUTE_ENCRYPTION, buffer_bytes(&delivery->description)};
    if (!status && count > 0)
        status = meta_attributes_pack((struct bytes){0}, changes, count, &delivery->attributes);
    return status;
}

static enum status check(struct delivery *delivery, int64_t time_ms)
{
    const struct gateway_options *options = &delivery->gateway->options;
    const struct bucketlog_address *address = delivery->address;
    struct s3_error_details error = {0};
    const struct bucketlog_key key = {
        .prefix = address->prefix,
        .account = bytes_from_str(options->account_id),
        .region = bytes_from_str(delivery->has_source && delivery->source.region[0] ? delivery->source.region
                                                                                    : options->region),
        .bucket = address->source,
        .format = address->format,
        .time_ms = address->format == BUCKETLOG_KEY_BY_EVENT_TIME ? address->day_ms : time_ms,
        .unique = address->unique,
    };
    enum status status = bucketlog_key_write(&delivery->key, &key);
    const struct bucketlog_target target = {
        .source = address->source,
        .source_owner = delivery->has_source ? acl_bucket_owner(delivery->source_settings).id : (struct bytes){0},
        .bucket = address->target,
        .key = buffer_bytes(&delivery->key)};

    if (!status)
        status = bucketlog_target_check(delivery->gateway, &target, delivery->target_settings, &error);
    if (status)
        log_warn("access log lines are dropped: their bucket does not take them", LOG_BYTES("bucket", address->source),
                 LOG_BYTES("target", address->target), LOG_STR("reason", error.message));
    return status ? STATUS_DENIED : STATUS_OK;
}

static enum status write_object(struct delivery *delivery, const struct bucketlog_batch_line *lines, size_t count)
{
    const struct ingest_plan plan = {
        .expected_size = delivery->address->bytes, .algorithm = CHECKSUM_CRC64NVME, .key = &delivery->sealing};
    const struct ingest_version version = {.bucket = delivery->target.id,
                                           .key = buffer_bytes(&delivery->key),
                                           .headers = buffer_bytes(&delivery->headers),
                                           .attributes = buffer_bytes(&delivery->attributes)};
    struct meta_object object;
    struct ingest ingest;

    enum status status = ingest_open(&ingest, delivery->gateway, &plan);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++) {
        status = ingest_write(&ingest, lines[i].line);
        if (!status)
            status = ingest_write(&ingest, BYTES("\n"));
    }
    if (!status) {
        ingest_seal(&ingest);
        status = ingest_publish(&ingest, &version, &object);
    }
    ingest_release(&ingest);
    return status;
}

/* EXISTS: it was written before something else of its file failed, or the process ended. Its key has a hash of its
 * lines in it, so nothing else is there; and where versions are kept, writing it again would make another one. */
static enum status check_absent(struct delivery *delivery)
{
    static const struct meta_version latest;
    struct meta_object object;

    enum status status =
        meta_object_get(delivery->gateway->meta, delivery->target.id, buffer_bytes(&delivery->key), &latest, &object);
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    status = object.delete_marker ? STATUS_OK : STATUS_EXISTS;
    meta_object_release(&object);
    return status;
}

/* What does not pass by waiting. */
static enum status judge(const struct delivery *delivery, enum status status)
{
    switch (status) {
    case STATUS_NOT_FOUND:
    case STATUS_QUOTA:
    case STATUS_DENIED:
    case STATUS_LIMIT:
    case STATUS_INVALID:
        log_warn("access log lines are dropped: the object cannot be written",
                 LOG_BYTES("bucket", delivery->address->source), LOG_BYTES("target", delivery->address->target),
                 LOG_STATUS(status));
        return STATUS_DENIED;
    default:
        return status;
    }
}

static void init_buffers(struct delivery *delivery)
{
    buffer_init(&delivery->key, META_KEY_MAX);
    buffer_init(&delivery->headers, META_HEADERS_MAX);
    buffer_init(&delivery->acl, ACL_KEPT_BYTES_MAX);
    buffer_init(&delivery->description, ENCRYPTION_DESCRIPTION_BYTES_MAX);
    buffer_init(&delivery->attributes, META_ATTRIBUTES_BYTES_MAX);
}

static void release(struct delivery *delivery)
{
    key_writer_end(&delivery->gateway->key_writers, &delivery->writer);
    explicit_bzero(&delivery->sealing, sizeof(delivery->sealing));
    buffer_release(&delivery->key);
    buffer_release(&delivery->headers);
    buffer_release(&delivery->acl);
    buffer_release(&delivery->description);
    buffer_release(&delivery->attributes);
    meta_settings_release(delivery->source_settings);
    meta_settings_release(delivery->target_settings);
}

enum status bucketlog_deliver(struct gateway *gateway, const struct bucketlog_address *address,
                              const struct bucketlog_batch_line *lines, size_t count, int64_t time_ms)
{
    struct delivery delivery = {.gateway = gateway, .address = address};
    enum status status = STATUS_OK;

    init_buffers(&delivery);
    delivery.has_source = load(gateway, address->source, &delivery.source, &delivery.source_settings) &&
                          delivery.source.id == address->bucket;
    if (!load(gateway, address->target, &delivery.target, &delivery.target_settings))
        status = judge(&delivery, STATUS_NOT_FOUND);
    if (!status)
        status = check(&delivery, time_ms);
    if (!status)
        status = check_absent(&delivery);
    if (!status)
        status = stored_headers_add(&delivery.headers, BYTES("content-type"), BYTES("text/plain"));
    if (!status)
        status = judge(&delivery, write_attributes(&delivery));
    if (!status)
        status = judge(&delivery, write_object(&delivery, lines, count));
    release(&delivery);
    return status;
}

/* Quotas of buckets; see the header. */
#include "gateway/system/bucket_quota.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "gateway/front/json_reply.h"
#include "gateway/front/reply.h"
#include "gateway/s3/body.h"
#include "gateway/s3/bucket_settings.h"

#define SENT_BYTES_MAX 4096

static const char *read_bound(const json_t *value, uint64_t *bound)
{
    *bound = META_QUOTA_NONE;
    if (!value || json_is_null(value))
        return NULL;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return "\"bytes\" and \"objects\" are whole numbers, or null for no bound";
    *bound = (uint64_t)json_integer_value(value);
    return NULL;
}

const char *bucket_quota_read(const json_t *value, struct meta_quota *quota)
{
    const json_t *bytes = json_object_get(value, "bytes"), *objects = json_object_get(value, "objects");
    size_t known = (bytes != NULL) + (objects != NULL);

    if (!json_is_object(value) || json_object_size(value) != known)
        return "an object with \"bytes\", \"objects\" or both is needed, and nothing else";
    const char *why = read_bound(bytes, &quota->bytes);
    if (!why)
        why = read_bound(objects, &quota->versions);
    if (!why && quota->bytes == META_QUOTA_NONE && quota->versions == META_QUOTA_NONE)
        why = "it bounds nothing";
    return why;
}

static enum status write_bound(struct buffer *out, const char *name, uint64_t bound)
{
    return bound == META_QUOTA_NONE ? STATUS_OK
                                    : buffer_printf(out, "%s\"%s\":%" PRIu64, out->len > 1 ? "," : "", name, bound);
}

enum status bucket_quota_write(struct buffer *out, const struct meta_quota *quota)
{
    enum status status = buffer_append_char(out, '{');

    if (!status)
        status = write_bound(out, "bytes", quota->bytes);
    if (!status)
        status = write_bound(out, "objects", quota->versions);
    return status ? status : buffer_append_char(out, '}');
}

static json_t *load(struct bytes document)
{
    return json_loadb(document.data ? document.data : "", document.len, JSON_REJECT_DUPLICATES, NULL);
}

enum status bucket_quota_parse(struct bytes document, void **parsed)
{
    json_t *value = load(document);
    struct meta_quota quota;
    const char *why = bucket_quota_read(value, &quota);

    json_decref(value);
    if (why)
        return STATUS_INVALID;
    struct meta_quota *made = mem_alloc(sizeof(*made));
    *made = quota;
    *parsed = made;
    return STATUS_OK;
}

bool bucket_quota_of(const struct meta_settings *settings, struct meta_quota *quota)
{
    struct meta_setting found;

    if (meta_setting_find(settings, S3_SETTING_QUOTA, &found))
        return false;
    *quota = *(const struct meta_quota *)found.parsed;
    return true;
}

static json_t *bound_or_null(uint64_t bound)
{
    return bound == META_QUOTA_NONE ? json_null() : json_integer((json_int_t)bound);
}

void bucket_quota_get(struct exchange *exchange)
{
    const struct meta_bucket *bucket = &exchange->bucket;
    struct meta_quota quota = {META_QUOTA_NONE, META_QUOTA_NONE};
    struct meta_setting found;
    enum status status = meta_setting_find(exchange->settings, S3_SETTING_QUOTA, &found);

    if (status && status != STATUS_NOT_FOUND) {
        HTTP_LAST_REPLY(json_error_status(exchange, status));
        return;
    }
    if (!status)
        quota = *(const struct meta_quota *)found.parsed;
    HTTP_LAST_REPLY(json_reply(exchange, 200,
                               json_pack("{s:s, s:I, s:I, s:I, s:{s:o, s:o}}", "bucket", bucket->name, "bytes",
                                         (json_int_t)bucket->bytes, "uploadBytes", (json_int_t)bucket->upload_bytes,
                                         "objects", (json_int_t)bucket->versions, "quota", "bytes",
                                         bound_or_null(quota.bytes), "objects", bound_or_null(quota.versions))));
}

/* document: data NULL removes it. */
static void change(struct exchange *exchange, struct bytes document)
{
    const struct meta_setting_change change = {S3_SETTING_QUOTA, document};
    const struct meta_settings_update update = {.changes = &change, .count = 1};
    enum status status = meta_bucket_settings_update(exchange->gateway->meta, exchange->bucket.id, &update);

    if (status == STATUS_NOT_FOUND)
        HTTP_LAST_REPLY(json_error(exchange, 404, "Not found", "There is no such bucket."));
    else if (status)
        HTTP_LAST_REPLY(json_error_status(exchange, status));
    else
        HTTP_LAST_REPLY(reply_send(exchange, 204, (struct bytes){0}));
}

void bucket_quota_put(struct exchange *exchange)
{
    struct meta_quota quota;
    struct buffer sent, kept;

    if (s3_read_document(exchange, SENT_BYTES_MAX, false, &sent) == STATUS_OK) {
        json_t *value = load(buffer_bytes(&sent));
        const char *why = value ? bucket_quota_read(value, &quota) : "it is not JSON";
        buffer_init(&kept, BUCKET_QUOTA_BYTES_MAX);
        if (why) {
            HTTP_LAST_REPLY(json_error(exchange, 400, "Invalid quota", why));
        } else {
            CHECK(bucket_quota_write(&kept, &quota) == STATUS_OK); /* two numbers */
            change(exchange, buffer_bytes(&kept));
        }
        buffer_release(&kept);
        json_decref(value);
    }
    buffer_release(&sent);
}

void bucket_quota_delete(struct exchange *exchange)
{
    change(exchange, (struct bytes){0});
}

/* The exposition of /metrics/buckets; see the header. Bucket names are checked when buckets are made and need no
 * escaping. The first BUCKET_METRICS_MAX by name are shown, so that a scrape is bounded. */
#include "gateway/front/reply.h"
#include "gateway/system/bucket_metrics.h"

#include <inttypes.h>
#include <stdlib.h>

#include "gateway/front/json_reply.h"
#include "gateway/system/bucket_quota.h"

#define BYTES_MAX (1u << 20)

static uint64_t bucket_objects(const struct meta_bucket *bucket)
{
    return bucket->objects;
}

static uint64_t bucket_versions(const struct meta_bucket *bucket)
{
    return bucket->versions;
}

static uint64_t bucket_bytes(const struct meta_bucket *bucket)
{
    return bucket->bytes;
}

static uint64_t bucket_upload_bytes(const struct meta_bucket *bucket)
{
    return bucket->upload_bytes;
}

static enum status render_family(struct buffer *text, const char *name, const char *help)
{
    return buffer_printf(text, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static enum status render_value(struct buffer *text, const char *name, const char *bucket, uint64_t value)
{
    return buffer_printf(text, "%s{bucket=\"%s\"} %" PRIu64 "\n", name, bucket, value);
}

static enum status render(struct buffer *text, const struct meta_bucket *buckets, size_t count)
{
    static const struct {
        const char *name, *help;
        uint64_t (*value)(const struct meta_bucket *bucket);
    } families[] = {
        {"tercet_bucket_objects", "Current objects.", bucket_objects},
        {"tercet_bucket_versions", "Versions, with delete markers.", bucket_versions},
        {"tercet_bucket_size_bytes", "Bytes of all versions.", bucket_bytes},
        {"tercet_bucket_upload_bytes", "Bytes of the parts of uploads in progress.", bucket_upload_bytes},
    };
    enum status status = STATUS_OK;

    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]) && !status; f++) {
        status = render_family(text, families[f].name, families[f].help);
        for (size_t i = 0; i < count && !status; i++)
            status = render_value(text, families[f].name, buckets[i].name, families[f].value(&buckets[i]));
    }
    return status;
}

static bool find_quota(struct gateway *gateway, const char *bucket, struct meta_quota *quota)
{
    struct meta_settings *settings = NULL;
    struct meta_bucket found;
    bool has = meta_bucket_load(gateway->meta, bytes_from_str(bucket), &found, &settings) == STATUS_OK &&
               bucket_quota_of(settings, quota);

    meta_settings_release(settings);
    return has;
}

/* Only of buckets that have the bound. */
static enum status render_quotas(struct buffer *text, struct gateway *gateway, const struct meta_bucket *buckets,
                                 size_t count)
{
    static const char *const names[] = {"tercet_bucket_quota_bytes", "tercet_bucket_quota_objects"};
    static const char *const helps[] = {"Bytes of all versions and parts that the bucket may hold.",
                                        "Versions, with delete markers, that the bucket may hold."};
    enum status status = STATUS_OK;
    struct meta_quota quota;

    for (size_t f = 0; f < 2 && !status; f++) {
        status = render_family(text, names[f], helps[f]);
        for (size_t i = 0; i < count && !status; i++) {
            if (!find_quota(gateway, buckets[i].name, &quota))
                continue;
            uint64_t bound = f == 0 ? quota.bytes : quota.versions;
            if (bound != META_QUOTA_NONE)
                status = render_value(text, names[f], buckets[i].name, bound);
        }
    }
    return status;
}

static enum status render_omitted(struct buffer *text, size_t omitted)
{
    return buffer_printf(text,
                         "# HELP tercet_buckets_omitted Buckets beyond those shown.\n"
                         "# TYPE tercet_buckets_omitted gauge\ntercet_buckets_omitted %zu\n",
                         omitted);
}

void bucket_metrics(struct exchange *exchange)
{
    struct meta_bucket *buckets;
    struct buffer text;
    size_t count;

    buffer_init(&text, BYTES_MAX);
    meta_bucket_list(exchange->gateway->meta, &buckets, &count);
    size_t shown = count < BUCKET_METRICS_MAX ? count : BUCKET_METRICS_MAX;
    if (render(&text, buckets, shown) || render_quotas(&text, exchange->gateway, buckets, shown) ||
        render_omitted(&text, count - shown)) {
        HTTP_LAST_REPLY(json_error(exchange, 500, "Internal error", NULL));
    } else {
        http_reply_header_str(exchange->http, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
        HTTP_LAST_REPLY(reply_send(exchange, 200, buffer_bytes(&text)));
    }
    free(buckets);
    buffer_release(&text);
}

/* The exposition of /metrics/buckets; see the header. Bucket names are checked when buckets are made and need no
 * escaping. The first BUCKET_METRICS_MAX by name are shown, so that a scrape is bounded. */
#include "gateway/front/reply.h"
#include "gateway/system/bucket_metrics.h"

#include <inttypes.h>
#include <stdlib.h>

#include "gateway/front/json_reply.h"

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

static enum status render(struct buffer *text, const struct meta_bucket *buckets, size_t count, size_t omitted)
{
    static const struct {
        const char *name, *help;
        uint64_t (*value)(const struct meta_bucket *bucket);
    } families[] = {
        {"tercet_bucket_objects", "Current objects.", bucket_objects},
        {"tercet_bucket_versions", "Versions, with delete markers.", bucket_versions},
        {"tercet_bucket_size_bytes", "Bytes of all versions.", bucket_bytes},
    };
    enum status status = STATUS_OK;

    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]) && !status; f++) {
        status = buffer_printf(text, "# HELP %s %s\n# TYPE %s gauge\n", families[f].name, families[f].help,
                               families[f].name);
        for (size_t i = 0; i < count && !status; i++)
            status = buffer_printf(text, "%s{bucket=\"%s\"} %" PRIu64 "\n", families[f].name, buckets[i].name,
                                   families[f].value(&buckets[i]));
    }
    if (!status)
        status = buffer_printf(text,
                               "# HELP tercet_buckets_omitted Buckets beyond those shown.\n"
                               "# TYPE tercet_buckets_omitted gauge\ntercet_buckets_omitted %zu\n",
                               omitted);
    return status;
}

void bucket_metrics(struct exchange *exchange)
{
    struct meta_bucket *buckets;
    struct buffer text;
    size_t count;

    buffer_init(&text, BYTES_MAX);
    meta_bucket_list(exchange->gateway->meta, &buckets, &count);
    size_t shown = count < BUCKET_METRICS_MAX ? count : BUCKET_METRICS_MAX;
    if (render(&text, buckets, shown, count - shown)) {
        HTTP_LAST_REPLY(json_error(exchange, 500, "Internal error", NULL));
    } else {
        http_reply_header_str(exchange->http, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
        HTTP_LAST_REPLY(reply_send(exchange, 200, buffer_bytes(&text)));
    }
    free(buckets);
    buffer_release(&text);
}

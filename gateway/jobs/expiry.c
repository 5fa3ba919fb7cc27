/* Aborting multipart uploads that nobody completed: their parts would be kept for ever. An upload is no older than all
 * clocks that are known agree on, and one whose age cannot be told waits. The first round waits, too, so that a clock
 * that is wrong when machines start may be set right. */
#include "gateway/jobs/background_job.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

#define PAGE_UPLOADS 1000
#define ROUND_MS_MAX 3600000 /* between two rounds; less when uploads expire sooner */
#define QUIET_PART   24      /* of the expiry: so long after the start nothing is aborted */

/* One page of the bucket's uploads; the markers of the next one are its last entry. */
static uint64_t page_expire(struct background *background, uint32_t bucket, const struct meta_upload_page *page)
{
    struct gateway *gateway = background->gateway;
    int64_t now_ms = background_now_ms(background);
    uint64_t expired = 0;

    for (size_t i = 0; i < page->count && !background_is_stopping(background); i++) {
        const struct meta_upload_entry *entry = &page->entries[i];
        struct meta_upload upload = {.bucket = bucket, .key = entry->key};
        if (!clock_age_reached(now_ms, entry->created_ms, gateway->options.upload_expiry_ms))
            continue;
        memcpy(upload.id, entry->id, sizeof(upload.id));
        enum status status = meta_upload_abort(gateway->meta, &upload);
        if (status && status != STATUS_NOT_FOUND)
            log_warn("an expired upload cannot be aborted", LOG_STR("uploadId", entry->id), LOG_STATUS(status));
        expired += status == STATUS_OK;
    }
    return expired;
}

static uint64_t bucket_expire(struct background *background, uint32_t bucket)
{
    struct meta_upload_query query = {.bucket = bucket, .max = PAGE_UPLOADS};
    struct meta_upload_page page = {0}, next;
    uint64_t expired = 0;

    enum status status = meta_upload_list(background->gateway->meta, &query, &page);
    while (!status) {
        expired += page_expire(background, bucket, &page);
        if (!page.truncated || page.count == 0 || background_is_stopping(background))
            break;
        query.key_marker = page.entries[page.count - 1].key;
        query.upload_id_marker = bytes_from_str(page.entries[page.count - 1].id);
        status = meta_upload_list(background->gateway->meta, &query, &next);
        if (status)
            break;
        meta_upload_page_release(&page);
        page = next;
    }
    meta_upload_page_release(&page);
    if (status)
        log_warn("uploads cannot be listed", LOG_STATUS(status));
    return expired;
}

/* Counts the uploads aborted; 0 makes the metric known. */
static void count_expired(uint64_t count)
{
    metric_counter_add(
        metric_counter_get("tercet_uploads_expired_total", "Multipart uploads aborted because of their age.", ""),
        count);
}

static uint64_t expiry_start(struct job *job)
{
    return job->background->gateway->options.upload_expiry_ms / QUIET_PART;
}

static uint64_t expiry_round(struct job *job)
{
    struct background *background = job->background;
    uint64_t pause_ms = background->gateway->options.upload_expiry_ms / 10, expired = 0;
    struct meta_bucket *buckets;
    size_t count;

    meta_bucket_list(background->gateway->meta, &buckets, &count);
    for (size_t i = 0; i < count && !background_is_stopping(background); i++)
        expired += bucket_expire(background, buckets[i].id);
    free(buckets);
    count_expired(expired);
    if (expired > 0)
        log_info("expired multipart uploads aborted", LOG_INT("count", expired));
    return pause_ms < ROUND_MS_MAX ? pause_ms : ROUND_MS_MAX;
}

static void expiry_register_metrics(struct background *background)
{
    (void)background;
    count_expired(0);
}

const struct job_kind expiry_job = {
    .name = "expiry", .register_metrics = expiry_register_metrics, .start = expiry_start, .round = expiry_round};

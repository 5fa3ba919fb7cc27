/* Bounds for the versions of files; see the header. */
#include "gateway/jobs/file_versions.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gateway/jobs/background_job.h"

#define PAGE_ROWS 1000
#define DAY_MS    86400000
#define ROUND_MS  3600000 /* between two rounds */
#define RETRY_MS  60000   /* after one that failed */
#define PACE_MS   50      /* between two pages, and between two commits: it is no hurry */

struct meta_keep file_versions_keep(const struct gateway_options *options, int64_t now_ms)
{
    struct meta_keep keep = {.versions_max = options->files_versions_max, .replaced_before_ms = INT64_MIN};
    int64_t age_ms = (int64_t)options->files_versions_days * DAY_MS;

    if (age_ms > 0 && now_ms > INT64_MIN + age_ms)
        keep.replaced_before_ms = now_ms - age_ms;
    return keep;
}

void file_versions_init(struct file_versions *file)
{
    *file = (struct file_versions){0};
    buffer_init(&file->name, META_KEY_MAX);
}

void file_versions_release(struct file_versions *file)
{
    buffer_release(&file->name);
}

bool file_versions_add(struct file_versions *file, const struct meta_list_entry *entry, const struct meta_keep *keep)
{
    bool was_due = file->due;

    if (file->count == 0 || !bytes_equal(entry->key, buffer_bytes(&file->name))) {
        CHECK(buffer_assign(&file->name, entry->key) == STATUS_OK);
        file->count = 0;
        file->due = was_due = false;
    } else if (keep->versions_max > 0 && file->count >= keep->versions_max) {
        file->due = true;
    } else if (file->modified_ms <= keep->replaced_before_ms && keep->replaced_before_ms != INT64_MIN) {
        file->due = true;
    }
    file->count++;
    file->modified_ms = entry->object.modified_ms;
    return file->due && !was_due;
}

/* ---- the job ----------------------------------------------------------------------------------------------------- */

static enum status file_trim(struct background *background, uint32_t bucket, struct bytes name,
                             const struct meta_keep *keep, uint64_t *removed)
{
    enum status status = STATUS_OK;
    bool more = true;

    while (!status && more && !background_is_stopping(background)) {
        uint64_t count;
        status = meta_versions_trim(background->gateway->meta, bucket, name, keep, &count, &more);
        *removed += count;
        background_pause(background, PACE_MS);
    }
    return status;
}

/* One page; the place where the next one begins is in the query then. */
static enum status page_trim(struct background *background, struct meta_list_query *query, struct buffer places[2],
                             struct file_versions *file, uint64_t *removed, bool *more)
{
    const struct meta_keep keep = file_versions_keep(&background->gateway->options, background_now_ms(background));
    struct meta_list_page page;

    enum status status = meta_list_versions(background->gateway->meta, query, &page);
    if (status)
        return status;
    for (size_t i = 0; i < page.count && !status && !background_is_stopping(background); i++)
        if (file_versions_add(file, &page.entries[i], &keep))
            status = file_trim(background, query->bucket, page.entries[i].key, &keep, removed);
    *more = page.truncated && page.count > 0;
    if (*more) {
        const struct meta_list_entry *last = &page.entries[page.count - 1];
        CHECK(buffer_assign(&places[0], last->key) == STATUS_OK);
        CHECK(buffer_assign(&places[1], bytes_from_str(last->object.version_id)) == STATUS_OK);
        query->after = buffer_bytes(&places[0]);
        query->after_version = buffer_bytes(&places[1]);
    }
    meta_list_page_release(&page);
    return status;
}

/* All files once. */
static enum status all_trim(struct background *background, uint64_t *removed)
{
    struct meta_list_query query = {.max = PAGE_ROWS};
    struct buffer places[2];
    struct file_versions file;
    struct meta_bucket bucket;
    bool more = true;

    enum status status = meta_bucket_get(background->gateway->meta, BYTES(GATEWAY_FILES_BUCKET), &bucket);
    query.bucket = bucket.id;
    buffer_init(&places[0], META_KEY_MAX);
    buffer_init(&places[1], META_VERSION_ID_LEN);
    file_versions_init(&file);
    while (!status && more && !background_is_stopping(background)) {
        status = page_trim(background, &query, places, &file, removed, &more);
        background_pause(background, PACE_MS);
    }
    file_versions_release(&file);
    buffer_release(&places[0]);
    buffer_release(&places[1]);
    return status;
}

/* 0 makes the metric known. */
static void count_removed(uint64_t count)
{
    metric_counter_add(metric_counter_get("tercet_file_versions_removed_total",
                                          "Old versions of files removed in the background.", ""),
                       count);
}

static uint64_t file_versions_round(struct job *job)
{
    struct background *background = job->background;
    const struct gateway_options *options = &background->gateway->options;
    uint64_t removed = 0;

    if (options->files_versions_max == 0 && options->files_versions_days == 0)
        return JOB_OVER; /* all are kept */
    enum status status = all_trim(background, &removed);
    count_removed(removed);
    if (status)
        log_warn("old versions of files cannot be removed", LOG_STATUS(status));
    if (removed > 0)
        log_info("old versions of files removed", LOG_INT("count", removed));
    return status ? RETRY_MS : ROUND_MS;
}

static void file_versions_register_metrics(struct background *background)
{
    (void)background;
    count_removed(0);
}

const struct job_kind file_versions_job = {
    .name = "file-versions", .register_metrics = file_versions_register_metrics, .round = file_versions_round};

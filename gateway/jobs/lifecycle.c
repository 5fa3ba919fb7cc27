/* Acting on the lifecycle rules of buckets. A bucket that has rules is gone through once a day, from midnight UTC on,
 * and at once when its rules change, a slice at a time and one bucket after the other. How far it has come is a setting
 * of the bucket (lifecycle_progress), written after each slice, so that it goes on there after a restart.
 *
 * A version is as old as all clocks that are known agree on (background_now_ms), and while the time is not known,
 * nothing is done. What is judged and done is lifecycle_walk.c. */
#include "gateway/jobs/background_job.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gateway/front/json_reply.h"
#include "gateway/front/reply.h"
#include "gateway/jobs/lifecycle_walk.h"
#include "gateway/s3/bucket_settings.h"

#define LOOK_MS_MAX 5000 /* how soon changed rules are noticed */
#define LOOK_MS_MIN 50
#define RETRY_MS    10000 /* after a failure */
#define TURN        256   /* buckets, after which the loop turns */

/* ---- figures ------------------------------------------------------------------------------------------------------
 */

static const char *const outcome_labels[LIFECYCLE_OUTCOME_COUNT] = {
    [LIFECYCLE_EXPIRED] = "action=\"expire\"",
    [LIFECYCLE_REMOVED] = "action=\"remove_noncurrent\"",
    [LIFECYCLE_MARKER_REMOVED] = "action=\"remove_delete_marker\"",
    [LIFECYCLE_MOVED] = "action=\"transition\"",
    [LIFECYCLE_UPLOAD_ABORTED] = "action=\"abort_upload\"",
};

static struct metric_counter *counter_of(enum lifecycle_outcome outcome)
{
    if (outcome == LIFECYCLE_CHANGED)
        return metric_counter_get("tercet_lifecycle_changed_total",
                                  "Versions and uploads that lifecycle rules left alone, since they changed while they "
                                  "were judged.",
                                  "");
    if (outcome == LIFECYCLE_REFUSED)
        return metric_counter_get("tercet_lifecycle_refused_total",
                                  "Versions that lifecycle rules left alone, since they are locked.", "");
    return metric_counter_get("tercet_lifecycle_actions_total",
                              "Versions and uploads that lifecycle rules removed or changed.", outcome_labels[outcome]);
}

static struct metric_counter *examined_counter(void)
{
    return metric_counter_get("tercet_lifecycle_examined_total",
                              "Versions looked at for the lifecycle rules of their buckets.", "");
}

void lifecycle_count(struct background *background, enum lifecycle_outcome outcome, uint64_t count)
{
    (void)background;
    metric_counter_add(counter_of(outcome), count);
}

void lifecycle_count_examined(struct background *background, uint64_t count)
{
    (void)background;
    metric_counter_add(examined_counter(), count);
}

static uint64_t read_u64(const uint64_t *value)
{
    return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static void write_u64(uint64_t *value, uint64_t now)
{
    __atomic_store_n(value, now, __ATOMIC_RELAXED);
}

/* Since when not all buckets have been gone through. */
static double behind_seconds(void *arg)
{
    const struct background *background = arg;
    uint64_t done_ms = read_u64(&background->lifecycle.done_ms), now_ms = clock_monotonic_ms();

    return done_ms < now_ms ? (double)(now_ms - done_ms) / 1000 : 0;
}

static double unfinished_buckets(void *arg)
{
    return (double)read_u64(&((const struct background *)arg)->lifecycle.unfinished);
}

static void lifecycle_register_metrics(struct background *background)
{
    write_u64(&background->lifecycle.done_ms, clock_monotonic_ms());
    lifecycle_count_examined(background, 0);
    for (int i = 0; i < LIFECYCLE_OUTCOME_COUNT; i++)
        lifecycle_count(background, (enum lifecycle_outcome)i, 0);
    metric_gauge_callback("tercet_lifecycle_behind_seconds",
                          "Seconds since all buckets with lifecycle rules had been gone through.", "", behind_seconds,
                          background);
    metric_gauge_callback("tercet_lifecycle_unfinished_buckets",
                          "Buckets with lifecycle rules that are still to be gone through today.", "",
                          unfinished_buckets, background);
}

void background_lifecycle_state(struct exchange *exchange)
{
    const struct background *background = exchange->gateway->background;
    json_t *value =
        json_pack("{s:I, s:I, s:f, s:I}", "buckets", (json_int_t)read_u64(&background->lifecycle.buckets),
                  "unfinishedBuckets", (json_int_t)read_u64(&background->lifecycle.unfinished), "behindSeconds",
                  behind_seconds((void *)background), "examined", (json_int_t)metric_counter_value(examined_counter()));
    static const char *const names[LIFECYCLE_OUTCOME_COUNT] = {
        "expired", "noncurrentRemoved", "deleteMarkersRemoved", "transitioned", "uploadsAborted", "changed", "locked"};

    for (int i = 0; i < LIFECYCLE_OUTCOME_COUNT; i++)
        json_object_set_new(value, names[i],
                            json_integer((json_int_t)metric_counter_value(counter_of((enum lifecycle_outcome)i))));
    HTTP_LAST_REPLY(json_reply(exchange, 200, value));
}

/* ---- one bucket ---------------------------------------------------------------------------------------------------
 */

static enum status progress_keep(struct meta *meta, uint32_t bucket, const struct lifecycle_progress *progress)
{
    struct buffer document;
    struct meta_setting_change change = {.kind = S3_SETTING_LIFECYCLE_PROGRESS};
    const struct meta_settings_update update = {.changes = &change, .count = 1};

    buffer_init(&document, LIFECYCLE_PROGRESS_BYTES_MAX);
    if (progress) {
        CHECK(lifecycle_progress_write(&document, progress) == STATUS_OK);
        change.document = buffer_bytes(&document);
    }
    enum status status = meta_bucket_settings_update(meta, bucket, &update);
    buffer_release(&document);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status; /* the bucket is gone, and with it all this */
}

/* Where the bucket is: a round that goes on, or a new one. False: nothing is to be done today. */
static bool progress_find(const struct meta_settings *settings, const struct meta_setting *rules, uint64_t today,
                          struct lifecycle_progress *progress)
{
    uint32_t crc = crc32c_update(0, rules->document.data, rules->document.len);
    const struct lifecycle_progress begin = {.day = today, .crc = crc};
    struct meta_setting kept;

    if (meta_setting_find(settings, S3_SETTING_LIFECYCLE_PROGRESS, &kept) ||
        lifecycle_progress_read(kept.document, progress) || progress->crc != crc) {
        *progress = begin;
        return true;
    }
    if (!progress->finished)
        return true;
    bool due = progress->day != today;
    *progress = begin;
    return due;
}

/* A slice of the bucket. */
static enum status bucket_go_on(struct background *background, const struct meta_bucket *bucket,
                                const struct meta_setting *rules, int64_t now_ms, struct lifecycle_progress *progress)
{
    const struct lifecycle_setting *setting = rules->parsed;
    struct buffer key;
    struct lifecycle_slice slice = {.background = background,
                                    .bucket = bucket,
                                    .configuration = &setting->configuration,
                                    .kept = rules->document,
                                    .now_ms = now_ms,
                                    .day_ms = lifecycle_day_ms(&background->gateway->options),
                                    .key = &key};

    buffer_init(&key, META_KEY_MAX);
    CHECK(buffer_assign(&key, progress->key) == STATUS_OK);
    enum status status = progress->key.len == 0 ? lifecycle_uploads_abort(&slice) : STATUS_OK;
    if (!status)
        status = lifecycle_slice_run(&slice);
    if (lifecycle_rules_hold(&slice)) {
        progress->finished = slice.finished;
        progress->key = slice.finished ? (struct bytes){0} : buffer_bytes(&key);
        enum status kept = progress_keep(background->gateway->meta, bucket->id, progress);
        status = status ? status : kept;
    }
    progress->key = (struct bytes){0};
    buffer_release(&key);
    return status;
}

/* Of one bucket: what there is to do now, of which one slice is done. *due: it is not finished. */
static enum status bucket_run(struct background *background, struct bytes name, bool *has_rules, bool *due)
{
    struct gateway *gateway = background->gateway;
    int64_t now_ms = background_now_ms(background);
    uint64_t today = now_ms > 0 ? (uint64_t)(now_ms / lifecycle_day_ms(&gateway->options)) : 0;
    struct lifecycle_progress progress;
    struct meta_settings *settings;
    struct meta_setting rules, kept;
    struct meta_bucket bucket;
    enum status status = STATUS_OK;

    *has_rules = *due = false;
    if (meta_bucket_load(gateway->meta, name, &bucket, &settings))
        return STATUS_OK;
    enum status found = meta_setting_find(settings, S3_SETTING_LIFECYCLE, &rules);
    if (found == STATUS_OK) {
        *has_rules = true;
        *due = progress_find(settings, &rules, today, &progress);
        if (*due && now_ms != INT64_MIN) {
            status = bucket_go_on(background, &bucket, &rules, now_ms, &progress);
            *due = status || !progress.finished;
        }
    } else if (found == STATUS_NOT_FOUND &&
               meta_setting_find(settings, S3_SETTING_LIFECYCLE_PROGRESS, &kept) != STATUS_NOT_FOUND) {
        status = progress_keep(gateway->meta, bucket.id, NULL);
    }
    meta_settings_release(settings);
    return status;
}

/* ---- the job ------------------------------------------------------------------------------------------------------
 */

static uint64_t look_ms(const struct background *background)
{
    uint64_t tenth_ms = (uint64_t)lifecycle_day_ms(&background->gateway->options) / 10;

    return tenth_ms < LOOK_MS_MIN ? LOOK_MS_MIN : tenth_ms < LOOK_MS_MAX ? tenth_ms : LOOK_MS_MAX;
}

static uint64_t lifecycle_round(struct job *job)
{
    struct background *background = job->background;
    uint64_t unfinished = 0, with_rules = 0;
    bool time_is_known = background_now_ms(background) != INT64_MIN, failed = false, has_rules, due;
    struct meta_bucket *buckets;
    size_t count;

    meta_bucket_list(background->gateway->meta, &buckets, &count);
    for (size_t i = 0; i < count && !background_is_stopping(background); i++) {
        enum status status = bucket_run(background, bytes_from_str(buckets[i].name), &has_rules, &due);
        if (status)
            log_warn("lifecycle rules of a bucket cannot be acted on now", LOG_STR("bucket", buckets[i].name),
                     LOG_STATUS(status));
        failed |= status != STATUS_OK;
        unfinished += due;
        with_rules += has_rules;
        if (i % TURN == TURN - 1)
            task_yield();
    }
    free(buckets);
    write_u64(&background->lifecycle.buckets, with_rules);
    write_u64(&background->lifecycle.unfinished, unfinished);
    if (!failed && (unfinished == 0 || with_rules == 0))
        write_u64(&background->lifecycle.done_ms, clock_monotonic_ms());
    if (failed)
        return RETRY_MS;
    return unfinished > 0 && time_is_known ? 0 : look_ms(background);
}

const struct job_kind lifecycle_job = {
    .name = "lifecycle", .register_metrics = lifecycle_register_metrics, .round = lifecycle_round};

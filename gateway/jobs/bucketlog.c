/* Delivering what buckets' access logs have gathered. Each round closes the file that is being written and works
 * through all that are closed, the oldest first: one file (12 MiB at most) and the order of its lines are in memory. A
 * file goes when each of its lines was delivered, or can never be; when the cluster takes no writes it stays, and all
 * of it is tried again, under the same keys, and what is there by then is left. */
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gateway/bucketlog/batch.h"
#include "gateway/bucketlog/delivery.h"
#include "gateway/bucketlog/spool.h"
#include "gateway/jobs/background_job.h"

#define RETRY_MS 5000

/* What the pool does for the job. */
struct step {
    struct bucketlog_spool *spool;
    struct bucketlog_segment segment;
    struct bucketlog_batch batch;
    struct buffer prefix;
    struct bucketlog_address address;
    size_t first, count;
    enum status status;
};

static void step_cut(void *arg)
{
    bucketlog_spool_cut(((struct step *)arg)->spool);
}

static void step_next(void *arg)
{
    struct step *step = arg;

    step->status = bucketlog_spool_next(step->spool, &step->segment);
    if (!step->status)
        bucketlog_batch_make(buffer_bytes(&step->segment.text), &step->batch);
}

static void step_drop(void *arg)
{
    struct step *step = arg;

    bucketlog_spool_drop(step->spool, &step->segment);
}

static void step_object(void *arg)
{
    struct step *step = arg;

    step->count = bucketlog_batch_object(&step->batch, step->first, &step->prefix, &step->address);
}

static void count_delivered(uint64_t objects, uint64_t lines)
{
    metric_counter_add(metric_counter_get("tercet_bucket_log_objects_total",
                                          "Objects of access logs that were written into target buckets.", ""),
                       objects);
    metric_counter_add(metric_counter_get("tercet_bucket_log_delivered_lines_total",
                                          "Lines of buckets' access logs that were written into target buckets.", ""),
                       lines);
}

static enum status deliver_objects(struct background *background, struct step *step)
{
    struct pool *pool = background->gateway->pool;
    enum status status = STATUS_OK;

    for (step->first = 0; step->first < step->batch.count && !status; step->first += step->count) {
        if (background_is_stopping(background))
            return STATUS_CANCELLED;
        pool_run(pool, step_object, step);
        status = bucketlog_deliver(background->gateway, &step->address, &step->batch.lines[step->first], step->count,
                                   step->segment.time_ms);
        if (!status)
            count_delivered(1, step->count);
        if (status == STATUS_DENIED)
            bucketlog_spool_count_lost(BUCKETLOG_LOST_AT_TARGET, step->count);
        if (status == STATUS_DENIED || status == STATUS_EXISTS)
            status = STATUS_OK;
    }
    return status;
}

/* *none: no file waits. Nothing else says so, whatever a delivery fails with. */
static enum status deliver_file(struct background *background, bool *none)
{
    struct pool *pool = background->gateway->pool;
    struct step step = {.spool = background->gateway->bucketlog};

    pool_run(pool, step_next, &step);
    *none = step.status == STATUS_NOT_FOUND;
    if (step.status)
        return *none ? STATUS_OK : step.status;
    buffer_init(&step.prefix, BUCKET_LOGGING_PREFIX_MAX);
    enum status status = deliver_objects(background, &step);
    if (!status) {
        bucketlog_spool_count_lost(BUCKETLOG_LOST_DAMAGED, step.batch.damaged);
        pool_run(pool, step_drop, &step);
    }
    buffer_release(&step.prefix);
    bucketlog_batch_release(&step.batch);
    bucketlog_segment_release(&step.segment);
    return status;
}

static enum status deliver_files(struct background *background)
{
    enum status status = STATUS_OK;
    bool none = false;

    while (!status && !none && !background_is_stopping(background))
        status = deliver_file(background, &none);
    return status;
}

static uint64_t bucketlog_start(struct job *job)
{
    return job->background->gateway->options.log_delivery_ms;
}

static uint64_t bucketlog_round(struct job *job)
{
    struct background *background = job->background;
    struct step step = {.spool = background->gateway->bucketlog};
    uint64_t interval_ms = background->gateway->options.log_delivery_ms;

    if (!step.spool)
        return JOB_OVER;
    enum status status = deliver_files(background);
    if (!status && !background_is_stopping(background)) {
        pool_run(background->gateway->pool, step_cut, &step);
        status = deliver_files(background);
    }
    if (status && status != STATUS_CANCELLED)
        log_warn("access logs cannot be delivered now; it is tried again", LOG_STATUS(status));
    return status && interval_ms > RETRY_MS ? RETRY_MS : interval_ms;
}

static double spool_bytes(void *arg)
{
    return (double)bucketlog_spool_bytes(((struct gateway *)arg)->bucketlog);
}

static void bucketlog_register_metrics(struct background *background)
{
    bucketlog_spool_register_metrics();
    count_delivered(0, 0);
    metric_gauge_callback("tercet_bucket_log_waiting_bytes",
                          "Bytes of lines of buckets' access logs that wait in the data directory for their delivery.",
                          "", spool_bytes, background->gateway);
}

const struct job_kind bucketlog_job = {.name = "bucketlog",
                                       .register_metrics = bucketlog_register_metrics,
                                       .start = bucketlog_start,
                                       .round = bucketlog_round};

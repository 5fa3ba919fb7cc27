/* All rows as of one moment, page by page, to a node that the log cannot help any more. The node loads them beside its
 * replica, which counts until the last page is there. */
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/task.h"
#include "gateway/replication/replication_internal.h"

struct snapshot_job {
    struct meta *meta;
    struct meta_snapshot *snapshot;
    struct meta_position as_of;
    struct buffer record;
    bool end;
    enum status status;
};

/* A node refuses what is not of a later epoch, unless it is told that it was overruled. Only then, since one of an
 * earlier build does not know the word. */
static void overrule(const struct feeder *feeder, struct cluster_meta_page *page)
{
    const struct meta_position *held = &feeder->overruled;
    if (change_generation(page->as_of.epoch) <= change_generation(held->epoch) && page->as_of.epoch != held->epoch)
        page->over = (struct cluster_meta_state){.epoch = held->epoch, .sequence = held->sequence};
}

static void snapshot_job_open(void *arg)
{
    struct snapshot_job *job = arg;
    job->snapshot = meta_snapshot_open(job->meta, &job->as_of);
    job->status = job->snapshot ? STATUS_OK : STATUS_UNAVAILABLE;
}

static void snapshot_job_next(void *arg)
{
    struct snapshot_job *job = arg;
    buffer_clear(&job->record);
    job->status = meta_snapshot_next(job->snapshot, &job->record, &job->end);
}

static void snapshot_job_close(void *arg)
{
    struct snapshot_job *job = arg;
    meta_snapshot_close(job->snapshot);
    buffer_release(&job->record);
}

/* Waits for the bandwidth, unless changes are refused until this node follows. */
static void snapshot_throttle(struct feeder *feeder, size_t bytes)
{
    struct replication *replication = feeder->replication;
    uint64_t until_ms = clock_monotonic_ms() + bandwidth_take(replication->config.bandwidth, bytes);
    while (!replication_is_stopping(replication) && clock_monotonic_ms() < until_ms) {
        lock_acquire(&replication->lock);
        bool urgent = !commit_hooks_enough_follow_locked(replication);
        lock_release(&replication->lock);
        if (urgent)
            return;
        uint64_t look_ms = clock_monotonic_ms() + REPLICATION_RETRY_MS;
        task_park_until(look_ms < until_ms ? look_ms : until_ms);
    }
}

struct unsettled_job {
    struct meta *meta;
    uint64_t settled, as_of;
    bool found;
};

/* Is there a group that carries chunks behind what is settled, up to there? What the log does not reach any more was
 * settled when there were nodes. */
static void unsettled_job_run(void *arg)
{
    struct unsettled_job *job = arg;
    struct buffer page;
    uint64_t from = job->settled + 1;
    buffer_init(&page, CARRIED_BLOCK_MAX + CHANGE_RECORD_MAX + CHANGE_PAGE_BYTES);
    while (!job->found && from <= job->as_of && meta_changes_read(job->meta, from, &page) == STATUS_OK && page.len) {
        struct bytes rest = buffer_bytes(&page);
        struct carried_block block;
        struct change_record record;
        job->found = carried_block_next(&rest, &block) == STATUS_OK;
        while (!job->found && change_record_next(&rest, &record) == STATUS_OK) {
            from = record.first + record.count;
            job->found = from <= job->as_of && carried_block_next(&rest, &block) == STATUS_OK;
        }
        buffer_clear(&page);
    }
    buffer_release(&page);
}

/* Every node that can be reached has said what it holds. */
static bool all_are_met_locked(const struct replication *replication)
{
    for (unsigned i = 0; i < replication->count; i++)
        if (!replication->feeders[i].answered_ms &&
            cluster_node_readable(replication->config.cluster, replication->feeders[i].number))
            return false;
    return true;
}

/* A snapshot brings no chunks, so it must hold nothing of a group whose chunks are not known to be stored. While too
 * few nodes of such a group are there it is not sent, for as long as a node is waited for. */
static bool snapshot_is_early(struct feeder *feeder, uint64_t as_of)
{
    struct replication *replication = feeder->replication;
    uint64_t now_ms = clock_monotonic_ms();
    struct unsettled_job job = {.meta = replication->meta, .as_of = as_of};
    lock_acquire(&replication->lock);
    job.settled = replication->settled;
    job.found = !all_are_met_locked(replication);
    bool begun = feeder->blocked_ms;
    bool waited = begun && now_ms - feeder->blocked_ms >= replication->config.node_timeout_ms;
    lock_release(&replication->lock);
    if (waited)
        job.found = false;
    else if (job.settled < as_of)
        pool_run(replication->config.pool, unsettled_job_run, &job);
    lock_acquire(&replication->lock);
    feeder->blocked_ms = !job.found ? 0 : begun ? feeder->blocked_ms : now_ms;
    lock_release(&replication->lock);
    return job.found;
}

enum status snapshot_send(struct feeder *feeder)
{
    struct replication *replication = feeder->replication;
    struct snapshot_job job = {.meta = replication->meta};
    struct cluster_meta_state node = {0};

    buffer_init(&job.record, CHANGE_RECORD_MAX);
    pool_run(replication->config.pool, snapshot_job_open, &job);
    enum status status = job.status;
    struct cluster_meta_page page = {.as_of = {.epoch = job.as_of.epoch, .sequence = job.as_of.sequence}};
    overrule(feeder, &page);
    if (!status && snapshot_is_early(feeder, job.as_of.sequence))
        status = STATUS_CANCELLED;
    if (!status) {
        log_info("a node gets a snapshot of the metadata", LOG_INT("nodeId", feeder->number));
        metric_counter_add(replication->snapshots, 1);
    }
    for (; !status && !page.last && !replication_is_stopping(replication); page.number++) {
        pool_run(replication->config.pool, snapshot_job_next, &job);
        page.last = job.end;
        status = job.status;
        if (!status)
            snapshot_throttle(feeder, job.record.len);
        feeder->loads = feeder->loads || (!status && page.last); /* also when the answer is lost */
        if (!status)
            status =
                cluster_meta_load(replication->config.cluster, feeder->index, &page, buffer_bytes(&job.record), &node);
    }
    pool_run(replication->config.pool, snapshot_job_close, &job);
    if (!status && !page.last)
        status = STATUS_CANCELLED;
    return status ? status : feeder_check(feeder, &node);
}

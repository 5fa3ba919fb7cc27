/* All rows as of one moment, page by page, to a node that the log cannot help any more. The node loads them beside its
 * replica, which counts until the last page is there. Chunks come with it only of groups that are not settled. */
#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/task.h"
#include "gateway/replication/replication_internal.h"
#include "gateway/replication/stood_in.h"
#include "gateway/replication/unsettled.h"

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

/* Every node that can be reached has said what it holds. */
static bool all_are_met_locked(const struct replication *replication)
{
    for (unsigned i = 0; i < replication->count; i++)
        if (!replication->feeders[i].answered_ms &&
            cluster_node_readable(replication->config.cluster, replication->feeders[i].number))
            return false;
    return true;
}

/* ---- what is not settled ----------------------------------------------------------------------------------------- */

struct unsettled_job {
    struct unsettled walk;
    struct bytes whole;
    enum status status;
};

static void unsettled_job_next(void *arg)
{
    struct unsettled_job *job = arg;
    job->status = unsettled_next(&job->walk, &job->whole);
}

/* A log that cannot be read may hold such groups. */
static bool is_unsettled(struct replication *replication, uint64_t settled, uint64_t as_of)
{
    struct unsettled_job job;
    if (settled >= as_of)
        return false;
    unsettled_open(&job.walk, replication->meta, settled, as_of);
    pool_run(replication->config.pool, unsettled_job_next, &job);
    unsettled_close(&job.walk);
    return job.status != STATUS_NOT_FOUND;
}

/* A snapshot's rows must not hide old ones behind those of a group whose chunks are not known to be stored: the node
 * that gets it then stores them, too. First the group's own nodes are waited for, as a node is that must go on. */
enum snapshot_form { SNAPSHOT_BARE, SNAPSHOT_WITH_CHUNKS, SNAPSHOT_LATER };

static enum snapshot_form snapshot_form(struct feeder *feeder, uint64_t as_of, uint64_t *settled)
{
    struct replication *replication = feeder->replication;
    uint64_t now_ms = clock_monotonic_ms();
    lock_acquire(&replication->lock);
    *settled = replication->settled;
    bool met = all_are_met_locked(replication), begun = feeder->blocked_ms;
    uint64_t patience_ms = PATIENCE_STALLS * replication->config.stall_ms;
    bool waited = begun && now_ms - feeder->blocked_ms >= patience_ms;
    lock_release(&replication->lock);
    bool unsettled = (met || waited) && is_unsettled(replication, *settled, as_of);
    bool has_room = !feeder->refused_ms || now_ms - feeder->refused_ms >= patience_ms;
    enum snapshot_form form = SNAPSHOT_BARE;
    if (unsettled || !met)
        form = !waited || (unsettled && !has_room) ? SNAPSHOT_LATER : unsettled ? SNAPSHOT_WITH_CHUNKS : SNAPSHOT_BARE;
    lock_acquire(&replication->lock);
    feeder->blocked_ms = form == SNAPSHOT_BARE ? 0 : begun ? feeder->blocked_ms : now_ms;
    lock_release(&replication->lock);
    return form;
}

/* Is any of its chunks still recorded, and wanted? What was freed must not come back. */
static bool block_is_wanted(struct meta *meta, struct bytes whole)
{
    struct carried_block block;
    struct carried_chunk chunk;
    struct meta_chunk row = {0};
    CHECK(carried_block_next(&whole, &block) == STATUS_OK);
    while (carried_chunk_next(&block.payload, &chunk) == STATUS_OK)
        if (meta_chunk_get(meta, &chunk.id, &row) != STATUS_NOT_FOUND && !row.unwanted)
            return true;
    return false;
}

/* The block alone, before a page without rows. */
static enum status chunks_page(struct bytes whole, const struct cluster_meta_page *page, struct buffer *out)
{
    struct carried_block block;
    struct bytes rest = whole;
    size_t start;
    buffer_clear(out);
    CHECK(carried_block_next(&rest, &block) == STATUS_OK);
    enum status status = buffer_append(out, whole.data, (size_t)(rest.data - whole.data));
    if (!status)
        status = change_record_begin(out, &start);
    return status ? status : change_record_seal(out, start, page->as_of.epoch, page->as_of.sequence, 0);
}

/* The first pages of a snapshot: blocks, one each. */
static enum status chunks_send(struct feeder *feeder, uint64_t settled, struct cluster_meta_page *page)
{
    struct replication *replication = feeder->replication;
    struct cluster_meta_state node = {0};
    struct unsettled_job job;
    struct buffer body;
    enum status status = STATUS_OK;
    buffer_init(&body, CARRIED_BLOCK_MAX + CHANGE_HEADER_LEN);
    unsettled_open(&job.walk, replication->meta, settled, page->as_of.sequence);
    while (!status && !replication_is_stopping(replication)) {
        pool_run(replication->config.pool, unsettled_job_next, &job);
        if (job.status == STATUS_NOT_FOUND)
            break;
        status = job.status;
        if (status || !block_is_wanted(replication->meta, job.whole))
            continue;
        status = chunks_page(job.whole, page, &body);
        if (!status)
            snapshot_throttle(feeder, body.len);
        if (!status)
            status = cluster_meta_load(replication->config.cluster, feeder->index, page, buffer_bytes(&body), &node);
        if (!status || status == STATUS_NO_SPACE)
            feeder->refused_ms = status ? clock_monotonic_ms() : 0;
        page->number++;
    }
    unsettled_close(&job.walk);
    buffer_release(&body);
    return status;
}

/* What it brought, now that the last page was sent. */
static void chunks_tell(struct feeder *feeder, uint64_t settled, uint64_t as_of, bool stored)
{
    struct replication *replication = feeder->replication;
    struct unsettled_job job;
    unsettled_open(&job.walk, replication->meta, settled, as_of);
    for (;;) {
        pool_run(replication->config.pool, unsettled_job_next, &job);
        if (job.status) /* it was read a moment ago; what is not told is left to the comparison */
            break;
        if (!block_is_wanted(replication->meta, job.whole))
            continue;
        if (stored)
            stood_in_tell(feeder, job.whole, MEMBER_STORED, false);
        else
            stood_in_doubt(feeder, job.whole);
    }
    unsettled_close(&job.walk);
    lock_acquire(&replication->lock);
    feeder->blocked_ms = stored ? 0 : feeder->blocked_ms;
    lock_release(&replication->lock);
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static enum status rows_send(struct feeder *feeder, struct snapshot_job *job, struct cluster_meta_page *page,
                             struct cluster_meta_state *node)
{
    struct replication *replication = feeder->replication;
    enum status status = STATUS_OK;
    for (; !status && !page->last && !replication_is_stopping(replication); page->number++) {
        pool_run(replication->config.pool, snapshot_job_next, job);
        page->last = job->end;
        status = job->status;
        if (!status)
            snapshot_throttle(feeder, job->record.len);
        if (!status && page->last)
            feeder->loads = page->as_of.sequence; /* also when the answer is lost */
        if (!status)
            status =
                cluster_meta_load(replication->config.cluster, feeder->index, page, buffer_bytes(&job->record), node);
    }
    return !status && !page->last ? STATUS_CANCELLED : status;
}

enum status snapshot_send(struct feeder *feeder)
{
    struct replication *replication = feeder->replication;
    struct snapshot_job job = {.meta = replication->meta};
    struct cluster_meta_state node = {0};
    enum snapshot_form form = SNAPSHOT_BARE;
    uint64_t settled = 0;

    buffer_init(&job.record, CHANGE_RECORD_MAX);
    pool_run(replication->config.pool, snapshot_job_open, &job);
    enum status status = job.status;
    struct cluster_meta_page page = {.as_of = {.epoch = job.as_of.epoch, .sequence = job.as_of.sequence}};
    overrule(feeder, &page);
    if (!status)
        form = snapshot_form(feeder, job.as_of.sequence, &settled);
    if (!status && form == SNAPSHOT_LATER)
        status = STATUS_CANCELLED;
    if (!status) {
        log_info("a node gets a snapshot of the metadata", LOG_INT("nodeId", feeder->number));
        metric_counter_add(replication->snapshots, 1);
    }
    if (!status && form == SNAPSHOT_WITH_CHUNKS)
        status = chunks_send(feeder, settled, &page);
    if (!status)
        status = rows_send(feeder, &job, &page, &node);
    pool_run(replication->config.pool, snapshot_job_close, &job);
    if (form == SNAPSHOT_WITH_CHUNKS && page.last)
        chunks_tell(feeder, settled, page.as_of.sequence, status == STATUS_OK);
    return status ? status : feeder_check(feeder, &node);
}

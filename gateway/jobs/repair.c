/* Making missing copies anew: the queue, fewest copies first, worked off by a few tasks at once under one bandwidth.
 * The queue is in the metadata, so a round may be cut at any point. */
#include "gateway/jobs/repair.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/workers.h"

#define BATCH_CHUNKS 2048

void repair_sources(const struct meta_chunk *chunk, struct chunk_ref *sources)
{
    *sources = chunk->ref;
    sources->copies = 0;
    for (unsigned i = 0; i < chunk->ref.copies; i++)
        if (!(chunk->bad & 1u << i))
            sources->nodes[sources->copies++] = chunk->ref.nodes[i];
    if (sources->copies == 0)
        *sources = chunk->ref;
}

/* A node whose copy is missing gets it again, so that one which comes back or was emptied is filled with what was its;
 * it answers at once when the copy is there after all. Else any other node. 0 when there is none. */
static unsigned target_of(struct cluster *cluster, const struct meta_chunk *chunk, const struct chunk_ref *sources)
{
    if (sources->copies < chunk->ref.copies)
        for (unsigned i = 0; i < chunk->ref.copies; i++)
            if (chunk->bad & 1u << i && cluster_node_writable(cluster, chunk->ref.nodes[i]))
                return chunk->ref.nodes[i];
    return cluster_pick_target(cluster, sources);
}

static bool repair_plan(struct background *background, const struct meta_chunk *chunk, struct copy_plan *plan)
{
    if (chunk->ref.copies - (unsigned)__builtin_popcount(chunk->bad) >= CHUNK_COPIES)
        return false;
    repair_sources(chunk, &plan->sources);
    plan->target =
        plan->sources.copies < CHUNK_COPIES_MAX ? target_of(background->gateway->cluster, chunk, &plan->sources) : 0;
    return true;
}

/* A copy recorded as missing or bad that is good after all, or lies in its node's trash, need not be made. NOT_FOUND:
 * there is none. */
static enum status copy_restore(struct gateway *gateway, const struct meta_chunk *chunk)
{
    const struct chunk_ref *ref = &chunk->ref;
    unsigned i = 0;

    while (i < ref->copies && (!(chunk->bad & 1u << i) || !cluster_node_writable(gateway->cluster, ref->nodes[i]) ||
                               cluster_copy_restore(gateway->cluster, ref, ref->nodes[i])))
        i++;
    if (i == ref->copies)
        return STATUS_NOT_FOUND;
    if (meta_repair_good(gateway->meta, &ref->id, ref->nodes[i]) == STATUS_NOT_FOUND) /* deleted meanwhile */
        cluster_discard_copy(gateway->cluster, &ref->id, ref->nodes[i]);
    return STATUS_OK;
}

/* Fetches the chunk from one of the nodes. CONFLICT: the target cannot take it, whoever sends it. */
static enum status copy_fetch(struct background *background, const struct chunk_ref *sources, unsigned target)
{
    struct gateway *gateway = background->gateway;
    enum status status = STATUS_UNAVAILABLE;

    background_pause(background, bandwidth_take(&gateway->bandwidth, sources->size));
    /* From a random one on, since the records' first nodes would bear all the reading. */
    unsigned first = sources->id.bytes[CHUNK_ID_LEN - 1];
    for (unsigned i = 0; i < sources->copies && status && !background_is_stopping(background); i++) {
        unsigned source = sources->nodes[(first + i) % sources->copies];
        if (status != STATUS_CONFLICT && cluster_node_readable(gateway->cluster, source))
            status = cluster_chunk_pull(gateway->cluster, sources, source, target);
    }
    return status;
}

static enum status copy_make(struct background *background, const struct meta_chunk *chunk,
                             const struct copy_plan *plan)
{
    struct gateway *gateway = background->gateway;
    struct chunk_ref copies = plan->sources;

    unsigned target = plan->target;
    if (target == 0)
        return STATUS_UNAVAILABLE;
    enum status status = copy_fetch(background, &copies, target);
    if (status == STATUS_CONFLICT) { /* what was its is there, damaged, and cannot be taken out of the way */
        target = cluster_pick_target(gateway->cluster, &chunk->ref);
        status = target ? copy_fetch(background, &copies, target) : status;
    }
    if (status)
        return status;
    copies.nodes[copies.copies++] = (uint8_t)target;
    status = meta_repair_done(gateway->meta, &copies);
    if (status == STATUS_NOT_FOUND) /* deleted meanwhile */
        cluster_discard_copy(gateway->cluster, &copies.id, target);
    return status;
}

/* Makes one more copy of a chunk if it still needs one. */
static void repair_chunk(struct repair_round *round, const struct chunk_id *id)
{
    struct background *background = round->background;
    struct meta_chunk chunk;
    struct copy_plan plan;

    if (!background_claim(background, id))
        return;
    enum status status = meta_chunk_get(background->gateway->meta, id, &chunk);
    if (!status && !chunk.unwanted && round->planner(background, &chunk, &plan)) {
        status = round->restores ? copy_restore(background->gateway, &chunk) : STATUS_NOT_FOUND;
        if (status) {
            status = copy_make(background, &chunk, &plan);
            round->chunks += !status;
            round->bytes += status ? 0 : chunk.ref.size;
        }
    }
    background_unclaim(background, id);
}

/* The small chunks that come next; what could not be done so is done one by one. */
static void repair_small(struct repair_round *round, size_t count)
{
    const struct chunk_ref *refs = &round->queue.refs[round->next];
    bool *done = mem_zalloc(count * sizeof(*done));

    round->next += count;
    repair_batch(round, refs, count, done);
    for (size_t i = 0; i < count && !background_is_stopping(round->background); i++)
        if (!done[i])
            repair_chunk(round, &refs[i].id);
    free(done);
}

/* How many small chunks come next. */
static size_t small_run(const struct repair_round *round)
{
    size_t count = 0;
    while (count < REPAIR_BATCH_MAX && round->next + count < round->queue.count &&
           round->queue.refs[round->next + count].size <= REPAIR_SMALL_BYTES)
        count++;
    return count;
}

static void worker_run(void *arg)
{
    struct repair_round *round = arg;

    while (round->next < round->queue.count && !background_is_stopping(round->background)) {
        size_t small = small_run(round);
        if (small > 1)
            repair_small(round, small);
        else
            repair_chunk(round, &round->queue.refs[round->next++].id);
    }
}

/* Fewest copies first; of equals the small ones, which go many at a time. */
static int queue_order(const void *a, const void *b)
{
    const struct chunk_ref *first = a, *second = b;
    int small = (first->size > REPAIR_SMALL_BYTES) - (second->size > REPAIR_SMALL_BYTES);
    return first->copies != second->copies ? first->copies - second->copies : small;
}

/* 0 makes the metrics known. */
static void count_copied(uint64_t chunks, uint64_t bytes)
{
    metric_counter_add(metric_counter_get("tercet_repaired_chunks_total", "Copies that repair made anew.", ""), chunks);
    metric_counter_add(
        metric_counter_get("tercet_repaired_bytes_total", "Bytes of the copies that repair made anew.", ""), bytes);
}

static void account(const struct repair_round *round)
{
    struct background *background = round->background;

    count_copied(round->chunks, round->bytes);
    __atomic_add_fetch(&background->repaired_chunks, round->chunks, __ATOMIC_RELAXED);
    __atomic_add_fetch(&background->repaired_bytes, round->bytes, __ATOMIC_RELAXED);
    if (round->bytes > 0)
        __atomic_store_n(&background->rate_bytes_per_s,
                         round->bytes * 1000 / (round->duration_ms ? round->duration_ms : 1), __ATOMIC_RELAXED);
}

/* What is being written may be queued before its copies are there. */
static void drop_live(const struct gateway *gateway, struct chunk_list *queue)
{
    size_t kept = 0;

    for (size_t i = 0; i < queue->count; i++)
        if (!cluster_chunk_is_live(gateway->cluster, &queue->refs[i].id))
            queue->refs[kept++] = queue->refs[i];
    queue->count = kept;
}

void repair_round_run(struct repair_round *round)
{
    struct background *background = round->background;
    uint64_t start_ms = clock_monotonic_ms();

    drop_live(background->gateway, &round->queue);
    if (round->queue.count > 0)
        workers_round((unsigned)background->gateway->options.repair_concurrency, worker_run, round);
    round->duration_ms = clock_monotonic_ms() - start_ms;
    chunk_list_release(&round->queue);
}

/* Returns whether the queue's walk is to go on at once. */
static bool repair_some(struct background *background)
{
    struct repair_round round = {.background = background, .planner = repair_plan, .restores = true};

    bool more =
        meta_repair_next(background->gateway->meta, BATCH_CHUNKS, &round.queue) == STATUS_OK && round.queue.count > 0;
    if (more)
        qsort(round.queue.refs, round.queue.count, sizeof(*round.queue.refs), queue_order);
    repair_round_run(&round);
    account(&round);
    return more;
}

/* All that is queued. */
static uint64_t repair_round(struct job *job)
{
    struct background *background = job->background;

    while (!background_is_stopping(background) && repair_some(background))
        task_yield();
    return background->gateway->options.repair_interval_ms;
}

static double backlog(void *arg)
{
    return (double)meta_repair_backlog(((struct gateway *)arg)->meta);
}

static void repair_register_metrics(struct background *background)
{
    count_copied(0, 0);
    metric_gauge_callback("tercet_repair_backlog", "Chunks with too few or damaged copies.", "", backlog,
                          background->gateway);
    repair_state_register_metrics(background);
}

const struct job_kind repair_job = {
    .name = "repair", .register_metrics = repair_register_metrics, .round = repair_round};

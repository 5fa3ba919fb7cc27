/* Making missing copies anew: the queue, fewest copies first, worked off by a few tasks at once under one bandwidth.
 * The queue is in the metadata, so a round may be cut at any point. */
#include "gateway/background_job.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

#define BATCH_CHUNKS 256

struct round {
    struct background *background;
    struct chunk_list queue;
    size_t next;      /* of the queue */
    unsigned workers; /* that have not ended */
    struct task *owner;
    uint64_t chunks, bytes; /* copied */
};

/* The good copies; when none is, all: one may be readable after all. */
static void sources_of(const struct meta_chunk *chunk, struct chunk_ref *sources)
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
        cluster_chunk_delete(gateway->cluster, &ref->id, ref->nodes[i]);
    return STATUS_OK;
}

static enum status copy_make(struct background *background, const struct meta_chunk *chunk)
{
    struct gateway *gateway = background->gateway;
    struct chunk_ref copies;
    enum status status = STATUS_UNAVAILABLE;

    sources_of(chunk, &copies);
    unsigned target = target_of(gateway->cluster, chunk, &copies);
    if (target == 0 || copies.copies >= CHUNK_COPIES_MAX)
        return STATUS_UNAVAILABLE;
    background_pause(background, bandwidth_take(&gateway->bandwidth, copies.size));
    /* From a random one on, since the records' first nodes would bear all the reading. */
    unsigned first = copies.id.bytes[CHUNK_ID_LEN - 1];
    for (unsigned i = 0; i < copies.copies && status && !background_is_stopping(background); i++) {
        unsigned source = copies.nodes[(first + i) % copies.copies];
        if (cluster_node_readable(gateway->cluster, source))
            status = cluster_chunk_pull(gateway->cluster, &copies, source, target);
    }
    if (status)
        return status;
    copies.nodes[copies.copies++] = (uint8_t)target;
    status = meta_repair_done(gateway->meta, &copies);
    if (status == STATUS_NOT_FOUND) /* deleted meanwhile */
        cluster_chunk_delete(gateway->cluster, &copies.id, target);
    return status;
}

/* Makes one more copy of a chunk that still needs one. */
static void repair_chunk(struct round *round, const struct chunk_id *id)
{
    struct background *background = round->background;
    struct meta_chunk chunk;

    if (!background_claim(background, id))
        return;
    enum status status = meta_chunk_get(background->gateway->meta, id, &chunk);
    if (!status && chunk.ref.copies - (unsigned)__builtin_popcount(chunk.bad) < CHUNK_COPIES) {
        status = copy_restore(background->gateway, &chunk);
        if (status) {
            status = copy_make(background, &chunk);
            round->chunks += !status;
            round->bytes += status ? 0 : chunk.ref.size;
        }
    }
    background_unclaim(background, id);
}

static void worker_run(void *arg)
{
    struct round *round = arg;

    while (round->next < round->queue.count && !background_is_stopping(round->background))
        repair_chunk(round, &round->queue.refs[round->next++].id);
    if (--round->workers == 0)
        task_unpark(round->owner);
}

static void account(struct round *round, uint64_t duration_ms)
{
    struct background *background = round->background;

    metric_counter_add(metric_counter_get("tercet_repaired_chunks_total", "Copies made anew.", ""), round->chunks);
    metric_counter_add(metric_counter_get("tercet_repaired_bytes_total", "Bytes of copies made anew.", ""),
                       round->bytes);
    __atomic_add_fetch(&background->repaired_chunks, round->chunks, __ATOMIC_RELAXED);
    __atomic_add_fetch(&background->repaired_bytes, round->bytes, __ATOMIC_RELAXED);
    if (round->bytes > 0)
        __atomic_store_n(&background->rate_bytes_per_s, round->bytes * 1000 / (duration_ms ? duration_ms : 1),
                         __ATOMIC_RELAXED);
}

/* Returns whether the queue's walk is to go on at once. */
static bool repair_round(struct background *background)
{
    const struct gateway *gateway = background->gateway;
    struct round round = {.background = background, .owner = task_self()};
    uint64_t start_ms = clock_monotonic_ms();

    if (meta_repair_next(gateway->meta, BATCH_CHUNKS, &round.queue) == STATUS_OK && round.queue.count > 0) {
        round.workers = (unsigned)gateway->options.repair_concurrency;
        for (unsigned i = 0; i < gateway->options.repair_concurrency; i++)
            task_spawn(gateway->loops.loops[0], worker_run, &round);
        while (round.workers > 0)
            task_park();
        account(&round, clock_monotonic_ms() - start_ms);
    }
    bool more = round.queue.count > 0;
    chunk_list_release(&round.queue);
    return more;
}

void repair_task(void *arg)
{
    struct background *background = arg;

    while (!background_is_stopping(background)) {
        while (!background_is_stopping(background) && repair_round(background))
            task_yield();
        background_pause(background, background->gateway->options.repair_interval_ms);
    }
    completion_signal(&background->repair);
}

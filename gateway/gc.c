/* Freeing the chunks of deleted and replaced data: a batch of them at a time, by a few tasks at once. A chunk is done
 * when each of its nodes has acknowledged that its copy is gone. One of whose nodes is away waits in the queue and
 * holds up nothing: that node is not asked meanwhile, and the others not again, as far as this is remembered. Which
 * chunks are due is the metadata's business. */
#include "gateway/background_job.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/metrics.h"

#define BATCH_CHUNKS 256
#define WORKERS      8
#define ACK_SLOTS    16384

/* Which nodes have acknowledged that their copy of a chunk is gone, while others have not. */
struct acks {
    struct chunk_id id;
    uint8_t count, nodes[CHUNK_COPIES_MAX];
};

struct round {
    struct background *background;
    struct acks *acks; /* ACK_SLOTS, by the random part of the id; a hint: what was overwritten is asked again */
    struct chunk_list due, done;
    size_t next;      /* of those that are due */
    unsigned workers; /* that have not ended */
    struct task *owner;
};

static struct acks *acks_of(const struct round *round, const struct chunk_id *id)
{
    struct acks *acks = &round->acks[get_u16(id->bytes + CHUNK_ID_LEN - 2) % ACK_SLOTS];
    if (memcmp(&acks->id, id, sizeof(*id)) != 0)
        *acks = (struct acks){.id = *id};
    return acks;
}

static bool all_readable(const struct cluster *cluster, const struct chunk_ref *ref)
{
    for (unsigned i = 0; i < ref->copies; i++)
        if (!cluster_node_readable(cluster, ref->nodes[i]))
            return false;
    return true;
}

/* Asks those nodes that have not acknowledged and are there. When all are there all are asked: a repair that was under
 * way may have brought a copy back. Returns whether all have acknowledged. */
static bool free_copies(const struct round *round, const struct chunk_ref *ref)
{
    struct cluster *cluster = round->background->gateway->cluster;
    struct acks known = *acks_of(round, &ref->id);
    bool all = true;

    if (all_readable(cluster, ref))
        known.count = 0;
    for (unsigned i = 0; i < ref->copies; i++) {
        if (memchr(known.nodes, ref->nodes[i], known.count))
            continue;
        if (!cluster_node_readable(cluster, ref->nodes[i]) || cluster_chunk_delete(cluster, &ref->id, ref->nodes[i]))
            all = false;
        else if (known.count < CHUNK_COPIES_MAX)
            known.nodes[known.count++] = ref->nodes[i];
    }
    if (all)
        known = (struct acks){0};
    *acks_of(round, &ref->id) = known;
    return all;
}

static void worker_run(void *arg)
{
    struct round *round = arg;

    while (round->next < round->due.count && !background_is_stopping(round->background)) {
        const struct chunk_ref *ref = &round->due.refs[round->next++];
        if (free_copies(round, ref))
            chunk_list_append(&round->done, ref);
    }
    if (--round->workers == 0)
        task_unpark(round->owner);
}

static void workers_wait(struct round *round)
{
    round->owner = task_self();
    round->workers = WORKERS;
    for (unsigned i = 0; i < WORKERS; i++)
        task_spawn(round->background->gateway->loops.loops[0], worker_run, round);
    while (round->workers > 0)
        task_park();
}

/* Returns whether the queue's walk is to go on at once. */
static bool collect_batch(struct background *background, struct acks *acks)
{
    struct gateway *gateway = background->gateway;
    struct round round = {.background = background, .acks = acks};
    enum status status = meta_gc_next(gateway->meta, gateway->options.gc_grace_ms, BATCH_CHUNKS, &round.due);

    if (!status && round.due.count > 0)
        workers_wait(&round);
    if (!status && round.done.count > 0)
        status = meta_gc_done(gateway->meta, &round.done);
    if (status)
        log_warn("freeing deleted data failed, will be tried again", LOG_STATUS(status));
    metric_counter_add(metric_counter_get("tercet_gc_chunks_total", "Chunks freed on all their nodes.", ""),
                       round.done.count);
    bool more = !status && round.due.count > 0;
    chunk_list_release(&round.due);
    chunk_list_release(&round.done);
    return more;
}

void gc_task(void *arg)
{
    struct background *background = arg;
    struct acks *acks = mem_zalloc(ACK_SLOTS * sizeof(*acks));

    while (!background_is_stopping(background)) {
        while (!background_is_stopping(background) && collect_batch(background, acks))
            task_yield();
        background_pause(background, background->gateway->options.gc_interval_ms);
    }
    free(acks);
    completion_signal(&background->gc);
}

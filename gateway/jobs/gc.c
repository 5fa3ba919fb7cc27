/* Freeing the chunks of deleted and replaced data: a batch of them at a time, with one request to each node for many of
 * them, to all nodes side by side, and one commit for what all nodes have acknowledged. Which chunks are due is the
 * metadata's business.
 *
 * A node that is away is not asked, and one that is slower than the others is waited for only so long: its request goes
 * on, it is not asked for more meanwhile, and what it has not acknowledged is left behind. What is left behind is tried
 * again by a walk of its own, which reads the queue in a tenth of the time at most, so that it holds up nothing that is
 * new, however much it is. That the other nodes have acknowledged is remembered, as far as there is room. */
#include "gateway/jobs/background_job.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/workers.h"
#include "gateway/replication/lease.h"

#define BATCH_CHUNKS  4096
#define PATIENCE_MS   1000 /* with slower nodes, once the first one has ended */
#define ROUND_MS_MAX  5000 /* with all of them */
#define PAUSE_BUSY_MS 1000 /* between batches that are not full */
#define AGAIN_PART    10   /* of the time goes into what was left behind */
#define ACK_SLOTS     16384

/* Which copies of a chunk are gone, as their nodes have acknowledged, while others are not: bit i stands for the copy
 * on nodes[i] of the chunk's ref. */
struct acks {
    struct chunk_id id;
    uint8_t positions;
};

struct collector {
    struct background *background;
    struct acks *acks;       /* ACK_SLOTS, by the random part of the id; a hint: what was overwritten is asked again */
    bool busy[NODE_NUMBERS]; /* a request of this or an earlier round is under way */
    struct workers requests; /* of all rounds */
    uint64_t again_read_ms, again_next_ms; /* of the walk over what was left behind: how long it read, and the next */
};

/* A batch. It lives until its last request has ended, also when nobody waits for that any more. */
struct round {
    struct collector *collector;
    struct meta_garbage garbage;
    uint8_t *acked_positions; /* of each chunk, as in struct acks */
    unsigned requests;        /* of this round */
    uint64_t first_ended_ms;  /* 0: none has */
    bool over;
};

/* What one node is asked for. */
struct node_share {
    struct round *round;
    unsigned node;
    size_t count;
    uint32_t chunks[]; /* indexes of round->garbage.chunks */
};

static struct acks *acks_slot(const struct collector *collector, const struct chunk_id *id)
{
    return &collector->acks[get_u16(id->bytes + CHUNK_ID_LEN - 2) % ACK_SLOTS];
}

static uint8_t acked_positions_of(const struct collector *collector, const struct chunk_id *id)
{
    const struct acks *acks = acks_slot(collector, id);
    return memcmp(&acks->id, id, sizeof(*id)) == 0 ? acks->positions : 0;
}

static bool is_available(const struct collector *collector, unsigned node)
{
    return !collector->busy[node] && cluster_node_readable(collector->background->gateway->cluster, node);
}

static uint8_t all_positions(const struct chunk_ref *ref)
{
    return (uint8_t)((1u << ref->copies) - 1);
}

/* ---- a node's requests ------------------------------------------------------------------------------------------- */

static void round_free(struct round *round)
{
    meta_garbage_release(&round->garbage);
    free(round->acked_positions);
    free(round);
}

static void share_acknowledged(const struct node_share *share, uint32_t chunk)
{
    struct round *round = share->round;
    const struct chunk_ref *ref = &round->garbage.chunks.refs[chunk];

    for (unsigned i = 0; i < ref->copies; i++)
        if (ref->nodes[i] == share->node)
            round->acked_positions[chunk] |= (uint8_t)(1u << i);
    if (round->over) /* nobody looks at it any more */
        *acks_slot(round->collector, &ref->id) = (struct acks){ref->id, round->acked_positions[chunk]};
}

static void share_delete(const struct node_share *share)
{
    struct background *background = share->round->collector->background;
    struct chunk_id *ids = mem_alloc(PROTOCOL_DELETE_MAX * sizeof(*ids));
    bool gone[PROTOCOL_DELETE_MAX];
    enum status status = STATUS_OK;

    for (size_t at = 0; at < share->count && !status && !background_is_stopping(background);
         at += PROTOCOL_DELETE_MAX) {
        size_t some = share->count - at < PROTOCOL_DELETE_MAX ? share->count - at : PROTOCOL_DELETE_MAX;
        for (size_t i = 0; i < some; i++)
            ids[i] = share->round->garbage.chunks.refs[share->chunks[at + i]].id;
        if (!lease_holds(background->gateway->lease)) /* what is garbage is no business of one that was replaced */
            break;
        status = cluster_chunks_delete(background->gateway->cluster, share->node, ids, some, gone);
        for (size_t i = 0; i < some; i++)
            if (gone[i])
                share_acknowledged(share, share->chunks[at + i]);
    }
    free(ids);
    if (status)
        log_info("a node does not free what was deleted, will be tried again", LOG_INT("nodeId", share->node),
                 LOG_STATUS(status));
}

static void share_run(void *arg)
{
    struct node_share *share = arg;
    struct round *round = share->round;
    struct collector *collector = round->collector;

    share_delete(share);
    collector->busy[share->node] = false;
    if (!round->first_ended_ms)
        round->first_ended_ms = clock_monotonic_ms();
    if (--round->requests == 0 && round->over)
        round_free(round);
    free(share);
}

/* ---- a round ----------------------------------------------------------------------------------------------------- */

/* Asks those nodes that have not acknowledged and are there. When all are there all are asked: a repair that was under
 * way may have brought a copy back. */
static void chunk_assign(struct round *round, uint32_t chunk, struct node_share *shares[NODE_NUMBERS])
{
    const struct collector *collector = round->collector;
    const struct chunk_list *chunks = &round->garbage.chunks;
    const struct chunk_ref *ref = &chunks->refs[chunk];
    bool all = true;
    uint8_t gone = 0;

    for (unsigned i = 0; i < ref->copies; i++)
        if (background_node_is_gone(collector->background, ref->nodes[i]))
            gone |= (uint8_t)(1u << i);
        else
            all = all && is_available(collector, ref->nodes[i]);
    round->acked_positions[chunk] = gone | (all ? 0 : acked_positions_of(collector, &ref->id) & all_positions(ref));
    for (unsigned i = 0; i < ref->copies; i++) {
        unsigned node = ref->nodes[i];
        if (round->acked_positions[chunk] & 1u << i || !is_available(collector, node))
            continue;
        if (!shares[node]) {
            shares[node] = mem_alloc(sizeof(*shares[node]) + chunks->count * sizeof(shares[node]->chunks[0]));
            *shares[node] = (struct node_share){.round = round, .node = node};
        }
        shares[node]->chunks[shares[node]->count++] = chunk;
    }
}

static void requests_start(struct round *round)
{
    struct collector *collector = round->collector;
    struct node_share **shares = mem_zalloc(NODE_NUMBERS * sizeof(struct node_share *));

    for (uint32_t i = 0; i < round->garbage.chunks.count; i++)
        chunk_assign(round, i, shares);
    for (unsigned node = 0; node < NODE_NUMBERS; node++) {
        if (!shares[node])
            continue;
        collector->busy[node] = true;
        round->requests++;
        workers_start(&collector->requests, share_run, shares[node]);
    }
    free(shares);
}

/* The end of each request wakes this up. */
static void requests_wait(const struct round *round)
{
    uint64_t end_ms = clock_monotonic_ms() + ROUND_MS_MAX;

    while (round->requests > 0 && clock_monotonic_ms() < end_ms) {
        if (round->first_ended_ms && round->first_ended_ms + PATIENCE_MS < end_ms)
            end_ms = round->first_ended_ms + PATIENCE_MS;
        task_park_until(end_ms);
    }
}

static bool all_there(const struct background *background, const struct chunk_ref *ref)
{
    for (unsigned i = 0; i < ref->copies; i++)
        if (!cluster_node_readable(background->gateway->cluster, ref->nodes[i]) &&
            !background_node_is_gone(background, ref->nodes[i]))
            return false;
    return true;
}

/* Chunks with a node that is away wait for it. Nobody is to miss those of their copies that go now, so this is recorded
 * before. */
static enum status waiting_record(const struct round *round)
{
    const struct background *background = round->collector->background;
    const struct chunk_list *chunks = &round->garbage.chunks;
    struct chunk_list waiting = {0};

    for (size_t i = 0; i < chunks->count; i++)
        if (!all_there(background, &chunks->refs[i]))
            chunk_list_append(&waiting, &chunks->refs[i]);
    enum status status = meta_gc_wait(background->gateway->meta, &waiting);
    chunk_list_release(&waiting);
    return status;
}

/* 0 makes the metric known. */
static void count_freed(uint64_t count)
{
    metric_counter_add(
        metric_counter_get("tercet_gc_chunks_total", "Chunks of deleted data freed on all their nodes.", ""), count);
}

/* Records what is gone from all nodes, and what is gone from some and waits for the others; remembers who has
 * acknowledged that. */
static enum status round_record(const struct round *round)
{
    struct meta *meta = round->collector->background->gateway->meta;
    const struct chunk_list *chunks = &round->garbage.chunks;
    struct meta_garbage freed = {0};
    struct chunk_list waiting = {0};
    enum status status = STATUS_OK;

    for (size_t i = 0; i < chunks->count; i++) {
        const struct chunk_ref *ref = &chunks->refs[i];
        if (round->acked_positions[i] == all_positions(ref)) {
            meta_garbage_append(&freed, ref, &round->garbage.rows[i]);
            continue;
        }
        chunk_list_append(&waiting, ref);
        if (round->acked_positions[i])
            *acks_slot(round->collector, &ref->id) = (struct acks){ref->id, round->acked_positions[i]};
    }
    if (freed.chunks.count > 0)
        status = meta_gc_done(meta, &freed);
    if (!status)
        count_freed(freed.chunks.count);
    if (!status)
        status = meta_gc_wait(meta, &waiting);
    meta_garbage_release(&freed);
    chunk_list_release(&waiting);
    return status;
}

/* While all nodes that could be asked are busy, nothing is handed out: it would be left behind. */
static void node_wait(const struct collector *collector)
{
    struct cluster *cluster = collector->background->gateway->cluster;
    struct cluster_node_info info;

    while (collector->requests.running > 0) {
        for (unsigned i = 0; i < cluster_node_count(cluster); i++) {
            cluster_node_info(cluster, i, &info);
            if (is_available(collector, info.number))
                return;
        }
        task_park();
    }
}

/* Returns how many chunks were handed out. */
static size_t collect(struct collector *collector, enum meta_gc_pass pass)
{
    struct gateway *gateway = collector->background->gateway;
    struct round *round = mem_zalloc(sizeof(*round));

    node_wait(collector);
    uint64_t begun_ms = clock_monotonic_ms();
    enum status status = meta_gc_next(gateway->meta, pass, gateway->options.gc_grace_ms, BATCH_CHUNKS, &round->garbage);
    size_t count = status ? 0 : round->garbage.chunks.count;

    if (pass == META_GC_AGAIN)
        collector->again_read_ms += clock_monotonic_ms() - begun_ms;
    round->collector = collector;
    if (count > 0) {
        round->acked_positions = mem_zalloc(count);
        status = waiting_record(round);
    }
    if (count > 0 && !status) {
        requests_start(round);
        requests_wait(round);
        status = round_record(round);
    }
    if (status)
        log_warn("freeing deleted data failed, will be tried again", LOG_STATUS(status));
    round->over = true;
    if (round->requests == 0)
        round_free(round);
    return status ? 0 : count;
}

/* A batch of what was left behind, when it is time for that. Returns whether the walk is to go on at once. */
static bool collect_again(struct collector *collector)
{
    struct gateway *gateway = collector->background->gateway;

    if (clock_monotonic_ms() < collector->again_next_ms || meta_gc_left(gateway->meta) == 0)
        return false;
    if (collect(collector, META_GC_AGAIN) > 0)
        return true;
    uint64_t pause_ms = AGAIN_PART * collector->again_read_ms;
    if (pause_ms < gateway->options.gc_interval_ms)
        pause_ms = gateway->options.gc_interval_ms;
    collector->again_next_ms = clock_monotonic_ms() + pause_ms;
    collector->again_read_ms = 0;
    return false;
}

/* All that is due. */
static uint64_t gc_round(struct job *job)
{
    struct collector *collector = job->state;
    struct gateway *gateway = collector->background->gateway;
    uint64_t pause_ms = gateway->options.gc_interval_ms;
    bool more = true;

    while (more && !background_is_stopping(collector->background)) {
        size_t found = collect(collector, META_GC_NEW);
        if (found > 0 && pause_ms > PAUSE_BUSY_MS)
            pause_ms = PAUSE_BUSY_MS; /* there will be more */
        more = collect_again(collector) || found == BATCH_CHUNKS;
        hold_back_update(&gateway->hold_back, meta_gc_overdue(gateway->meta));
        task_yield();
    }
    return pause_ms;
}

static uint64_t gc_start(struct job *job)
{
    struct collector *collector = mem_zalloc(sizeof(*collector));

    collector->background = job->background;
    workers_init(&collector->requests);
    collector->acks = mem_zalloc(ACK_SLOTS * sizeof(*collector->acks));
    job->state = collector;
    return 0;
}

static void gc_stop(struct job *job)
{
    struct collector *collector = job->state;

    workers_wait(&collector->requests);
    free(collector->acks);
    free(collector);
}

/* ---- metrics ----------------------------------------------------------------------------------------------------- */

static double backlog_bytes(void *arg)
{
    return (double)meta_gc_backlog_bytes(((struct gateway *)arg)->meta);
}

static double backlog(void *arg)
{
    return (double)meta_gc_backlog(((struct gateway *)arg)->meta);
}

static double overdue(void *arg)
{
    return (double)meta_gc_overdue(((struct gateway *)arg)->meta);
}

static double left(void *arg)
{
    return (double)meta_gc_left(((struct gateway *)arg)->meta);
}

static void gc_register_metrics(struct background *background)
{
    struct gateway *gateway = background->gateway;

    count_freed(0);
    metric_gauge_callback("tercet_gc_backlog_bytes",
                          "Bytes of deleted data that wait to be freed, each chunk counted once.", "", backlog_bytes,
                          gateway);
    metric_gauge_callback("tercet_gc_backlog", "Entries of deleted data whose chunks wait to be freed.", "", backlog,
                          gateway);
    metric_gauge_callback("tercet_gc_overdue",
                          "Entries of deleted data whose grace time has passed and which are not freed yet.", "",
                          overdue, gateway);
    metric_gauge_callback(
        "tercet_gc_left",
        "Entries of deleted data that freeing left for later, because a node is away or a reader holds them.", "", left,
        gateway);
}

const struct job_kind gc_job = {
    .name = "gc", .register_metrics = gc_register_metrics, .start = gc_start, .round = gc_round, .stop = gc_stop};

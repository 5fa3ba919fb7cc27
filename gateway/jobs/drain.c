/* Moving copies to where they belong. Nodes that are to go (system/node_orders.h) are emptied: they take no new chunks,
 * and what they hold is copied to others, read from whoever has it. Chunks with two copies in one zone, written while
 * another zone was away or slow, get one in a zone without any. A copy counts like any other until the new one is
 * recorded, and is struck off only while CHUNK_COPIES good ones are left without it, so that no chunk is short of
 * copies at any moment. What is struck off is deleted; a deletion that does not arrive is made up for by the comparison
 * of the node.
 *
 * A walk goes through all records, as often as any names a node that is to be emptied, and when a copy was placed
 * beside another one of its zone. Chunks that are short of copies are left to repair, which takes no draining node
 * either. A node is empty when no record names it and its own list says so. */
#include "gateway/jobs/repair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gateway/replication/lease.h"

#define PAGE_CHUNKS  2048
#define PAUSE_MS     5    /* between two pages that had nothing to move */
#define ZONES_PAUSES 10   /* times as long as a walk took passes before the next one for zones */
#define WATCH_MS     1000 /* how soon an order is noticed, and how often what does not go on is tried */

struct drain {
    struct background *background;
    struct meta_chunk *rows; /* a page */
    uint8_t *leaving;        /* of each row: the node to be struck off, 0: none */
    size_t count;
    bool draining[NODE_NUMBERS];
    uint64_t copies[NODE_NUMBERS], bytes[NODE_NUMBERS]; /* recorded there, by the census */
    uint64_t left;                                      /* copies that were struck off in this round */
};

static void drain_begin(struct drain *work)
{
    const struct cluster *cluster = work->background->gateway->cluster;
    struct cluster_node_info info;

    for (unsigned i = 0; i < cluster_node_count(cluster); i++) {
        cluster_node_info(cluster, i, &info);
        work->draining[info.number] = info.draining;
    }
}

/* Calls fn with each page of records, and with what they come after; it may read others into the page. CANCELLED when
 * the gateway stops. */
static enum status drain_walk(struct drain *work, bool (*fn)(struct drain *work, const struct chunk_id *after))
{
    struct background *background = work->background;
    struct chunk_id after, last;
    bool first = true, full = true;
    enum status status = STATUS_OK;

    while (!status && full) {
        status =
            meta_chunk_walk(background->gateway->meta, first ? NULL : &after, PAGE_CHUNKS, work->rows, &work->count);
        full = work->count == PAGE_CHUNKS;
        if (work->count > 0)
            last = work->rows[work->count - 1].ref.id;
        if (!status && !fn(work, first ? NULL : &after))
            background_pause(background, PAUSE_MS);
        after = last;
        first = false;
        if (background_is_stopping(background))
            status = STATUS_CANCELLED;
    }
    return status;
}

static bool page_count(struct drain *work, const struct chunk_id *after)
{
    (void)after;
    for (size_t row = 0; row < work->count; row++) {
        const struct chunk_ref *ref = &work->rows[row].ref;
        for (unsigned i = 0; i < ref->copies; i++) {
            work->copies[ref->nodes[i]]++;
            work->bytes[ref->nodes[i]] += ref->size;
        }
    }
    return false;
}

/* How a chunk's good copies lie. */
struct lie {
    unsigned good, staying; /* staying: on nodes that are not to be emptied ... */
    unsigned zones;         /* ... and of these, in so many zones */
    uint64_t zone_set;
    unsigned leaving; /* a node to strike off once there are enough: one that is to be emptied, else the second of a
                         zone; 0: none */
};

static struct lie lie_of(const struct cluster *cluster, const struct meta_chunk *chunk)
{
    struct lie lie = {0};
    unsigned second = 0;

    for (unsigned i = 0; i < chunk->ref.copies; i++) {
        unsigned node = chunk->ref.nodes[i];
        bool good = !(chunk->bad & 1u << i);
        lie.good += good;
        if (cluster_node_is_draining(cluster, node)) {
            lie.leaving = node;
        } else if (good) {
            uint64_t zone = UINT64_C(1) << cluster_zone(cluster, node);
            second = lie.zone_set & zone ? node : second;
            lie.zones += !(lie.zone_set & zone);
            lie.zone_set |= zone;
            lie.staying++;
        }
    }
    lie.leaving = lie.leaving ? lie.leaving : second;
    return lie;
}

static bool drain_plan(struct background *background, const struct meta_chunk *chunk, struct copy_plan *plan)
{
    struct cluster *cluster = background->gateway->cluster;
    struct lie lie = lie_of(cluster, chunk);

    if (lie.good < CHUNK_COPIES || lie.good == CHUNK_COPIES_MAX || lie.zones >= CHUNK_COPIES)
        return false;
    repair_sources(chunk, &plan->sources);
    plan->target = cluster_pick_target(cluster, &plan->sources);
    bool elsewhere = plan->target && !(lie.zone_set >> cluster_zone(cluster, plan->target) & 1);
    return lie.staying < CHUNK_COPIES || elsewhere;
}

static void left_note(struct drain *work, unsigned node, const struct chunk_ref *ref)
{
    const struct cluster *cluster = work->background->gateway->cluster;
    struct cluster_node_info info;

    work->left++;
    for (unsigned i = 0; i < cluster_node_count(cluster); i++) {
        cluster_node_info(cluster, i, &info);
        struct node_watch *watch = &work->background->nodes[i];
        if (info.number != node || watch->drain_copies == 0)
            continue;
        __atomic_sub_fetch(&watch->drain_copies, 1, __ATOMIC_RELAXED);
        __atomic_sub_fetch(&watch->drain_bytes, watch->drain_bytes < ref->size ? watch->drain_bytes : ref->size,
                           __ATOMIC_RELAXED);
    }
}

/* Strikes off what has enough copies elsewhere, of chunks that are claimed, and deletes it. */
static void copies_leave(struct drain *work, unsigned node, const struct chunk_ref *refs, size_t count)
{
    struct gateway *gateway = work->background->gateway;
    struct chunk_id ids[META_REPAIR_ADD_MAX];
    bool left[META_REPAIR_ADD_MAX], gone[META_REPAIR_ADD_MAX] = {0};
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        ids[i] = refs[i].id;
    if (count == 0 || meta_copies_leave(gateway->meta, ids, count, node, left))
        return;
    for (size_t i = 0; i < count; i++) {
        if (!left[i])
            continue;
        left_note(work, node, &refs[i]);
        ids[kept++] = refs[i].id;
    }
    if (kept > 0 && lease_holds(gateway->lease))
        STATUS_IGNORE(cluster_chunks_delete(gateway->cluster, node, ids, kept, gone),
                      "what stays is found by the node's comparison");
}

/* Of the page as it is now: what a new copy stands in for. */
static void page_leave(struct drain *work, unsigned node)
{
    struct background *background = work->background;
    struct chunk_ref refs[META_REPAIR_ADD_MAX];
    size_t row = 0, count;

    do {
        count = 0;
        for (; row < work->count && count < META_REPAIR_ADD_MAX; row++)
            if (work->leaving[row] == node && background_claim(background, &work->rows[row].ref.id))
                refs[count++] = work->rows[row].ref;
        copies_leave(work, node, refs, count);
        for (size_t i = 0; i < count; i++)
            background_unclaim(background, &refs[i].id);
    } while (count > 0 && !background_is_stopping(background));
}

/* Reads the page anew after copies were made, and strikes off what they stand in for. */
static void page_leave_all(struct drain *work, const struct chunk_id *after)
{
    const struct gateway *gateway = work->background->gateway;
    bool wanted[NODE_NUMBERS] = {false};
    size_t count;

    if (meta_chunk_walk(gateway->meta, after, work->count, work->rows, &count))
        return; /* the next walk does it */
    for (size_t row = 0; row < count; row++) {
        struct lie lie = lie_of(gateway->cluster, &work->rows[row]);
        bool leaves = !work->rows[row].unwanted && lie.good > CHUNK_COPIES;
        /* what is bad on a node that is to be emptied may go as soon as there are three without it */
        leaves = leaves || (lie.leaving && lie.staying >= CHUNK_COPIES && work->draining[lie.leaving]);
        work->leaving[row] = leaves ? (uint8_t)lie.leaving : 0;
        wanted[work->leaving[row]] = true;
    }
    for (unsigned node = 1; node < NODE_NUMBERS && !background_is_stopping(work->background); node++)
        if (wanted[node])
            page_leave(work, node);
}

/* 0 makes the metrics known. */
static void count_moved(uint64_t chunks, uint64_t bytes)
{
    metric_counter_add(
        metric_counter_get("tercet_drained_chunks_total", "Copies made to empty nodes that are to go.", ""), chunks);
    metric_counter_add(
        metric_counter_get("tercet_drained_bytes_total", "Bytes of the copies made to empty nodes that are to go.", ""),
        bytes);
}

/* Returns whether the page had anything to move. */
static bool page_move(struct drain *work, const struct chunk_id *after)
{
    struct repair_round round = {.background = work->background, .planner = drain_plan};
    struct copy_plan plan;
    uint64_t before = work->left;
    bool any = false;

    for (size_t row = 0; row < work->count; row++) {
        const struct meta_chunk *chunk = &work->rows[row];
        if (chunk->unwanted)
            continue;
        struct lie lie = lie_of(work->background->gateway->cluster, chunk);
        any = any || (lie.leaving && (lie.good > CHUNK_COPIES || work->draining[lie.leaving]));
        if (drain_plan(work->background, chunk, &plan))
            chunk_list_append(&round.queue, &chunk->ref);
    }
    any = any || round.queue.count > 0;
    repair_round_run(&round);
    count_moved(round.chunks, round.bytes);
    if (round.bytes > 0)
        __atomic_store_n(&work->background->drain_bytes_per_s,
                         round.bytes * 1000 / (round.duration_ms ? round.duration_ms : 1), __ATOMIC_RELAXED);
    if (any)
        page_leave_all(work, after);
    return round.chunks > 0 || work->left > before;
}

/* No record names it: does the node itself say that it has nothing? */
static bool node_is_empty(struct drain *work, unsigned number)
{
    struct cluster_copy copy;
    size_t count;

    return work->copies[number] == 0 &&
           cluster_inventory(work->background->gateway->cluster, number, NULL, 1, &copy, &count) == STATUS_OK &&
           count == 0;
}

static void node_publish(struct drain *work, struct node_watch *watch, const struct cluster_node_info *info)
{
    char labels[32];
    bool empty = info->draining && node_is_empty(work, info->number);

    if (empty && !watch->drained)
        log_info("a node is empty, and may be taken away", LOG_INT("nodeId", info->number));
    __atomic_store_n(&watch->drained, empty, __ATOMIC_RELAXED);
    __atomic_store_n(&watch->drain_copies, info->draining ? work->copies[info->number] : 0, __ATOMIC_RELAXED);
    __atomic_store_n(&watch->drain_bytes, info->draining ? work->bytes[info->number] : 0, __ATOMIC_RELAXED);
    snprintf(labels, sizeof(labels), "node=\"%u\"", info->number);
    metric_gauge_set(metric_gauge_get("tercet_node_draining_copies",
                                      "Copies on a node that is being emptied, as last counted; 0 for all others.",
                                      labels),
                     info->draining ? (double)work->copies[info->number] : 0);
}

/* Counts what the records name on each node. Returns whether there is something to be moved. */
static bool census(struct drain *work)
{
    struct background *background = work->background;
    struct cluster_node_info info;
    bool any = false;

    if (drain_walk(work, page_count))
        return false;
    for (unsigned i = 0; i < cluster_node_count(background->gateway->cluster); i++) {
        cluster_node_info(background->gateway->cluster, i, &info);
        node_publish(work, &background->nodes[i], &info);
        any = any || (info.draining && work->copies[info.number] > 0);
    }
    return any;
}

void background_drain_state(const struct background *background, unsigned index, struct background_drain *state)
{
    const struct node_watch *watch = &background->nodes[index];

    state->drained = __atomic_load_n(&watch->drained, __ATOMIC_RELAXED);
    state->copies = __atomic_load_n(&watch->drain_copies, __ATOMIC_RELAXED);
    state->bytes = __atomic_load_n(&watch->drain_bytes, __ATOMIC_RELAXED);
    state->bytes_per_s = __atomic_load_n(&background->drain_bytes_per_s, __ATOMIC_RELAXED);
}

/* Whether copies may lie beside others of their zone, for all that is known; looked for not more often than is cheap.
 * A plan that finds no other zone counts as such a place, too, so that it is tried again when the zone is back. */
static bool zones_are_due(struct background *background)
{
    uint64_t placed = cluster_placed_beside(background->gateway->cluster);

    return placed != background->placed_beside && clock_monotonic_ms() >= background->zones_next_ms;
}

static uint64_t drain_run(struct background *background, bool any)
{
    uint64_t wait_ms = WATCH_MS, start_ms = clock_monotonic_ms(),
             placed = cluster_placed_beside(background->gateway->cluster);
    struct drain *work = mem_zalloc(sizeof(*work));

    work->background = background;
    drain_begin(work);
    work->rows = mem_alloc(PAGE_CHUNKS * sizeof(*work->rows));
    work->leaving = mem_alloc(PAGE_CHUNKS);
    bool to_empty = (any || background->drains) && census(work); /* zones alone need no counting */
    if (to_empty || zones_are_due(background)) {
        if (drain_walk(work, page_move) == STATUS_OK && work->left > 0)
            wait_ms = 0;
        else if (!to_empty)
            background->placed_beside = placed; /* what could be moved was */
        background->zones_next_ms = clock_monotonic_ms() + ZONES_PAUSES * (clock_monotonic_ms() - start_ms);
    }
    background->drains = any;
    free(work->leaving);
    free(work->rows);
    free(work);
    return wait_ms;
}

static uint64_t drain_round(struct job *job)
{
    struct background *background = job->background;
    const struct cluster *cluster = background->gateway->cluster;
    struct cluster_node_info info;
    bool any = false;

    for (unsigned i = 0; i < cluster_node_count(cluster) && !any; i++) {
        cluster_node_info(cluster, i, &info);
        any = info.draining;
    }
    /* Once more after the last order was taken back, so that nothing is said of it any more. */
    return any || background->drains || zones_are_due(background) ? drain_run(background, any) : WATCH_MS;
}

static void drain_register_metrics(struct background *background)
{
    (void)background;
    count_moved(0, 0);
}

const struct job_kind drain_job = {.name = "drain", .register_metrics = drain_register_metrics, .round = drain_round};

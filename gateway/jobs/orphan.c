/* Finding orphans and putting them into the trash; see the header for the rules. */
#include "gateway/jobs/orphan.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gateway/jobs/background_job.h"
#include "gateway/replication/lease.h"
#include "meta/history.h"

#define PACE_MS    10 /* between two copies: it is no hurry, and a node has other work */
#define QUIET_PART 24 /* of the orphan age: nothing is touched so long after the start, to notice a wrong database */
#define WATCH_MS   100

void orphans_release(struct orphans *orphans)
{
    free(orphans->items);
    *orphans = (struct orphans){0};
}

bool orphans_are_doubtful(uint64_t orphans, uint64_t copies, uint64_t percent)
{
    return orphans > ORPHANS_UNDOUBTED && (double)orphans > (double)copies * (double)percent / 100;
}

void orphans_consider(struct background *background, struct orphans *orphans, const struct cluster_copy *copy)
{
    struct gateway *gateway = background->gateway;
    int64_t youngest_ms = copy->stored_ms, created_ms = chunk_id_time_ms(&copy->id);
    int64_t restored_ms = meta_restored_ms(gateway->meta);

    if (created_ms > youngest_ms)
        youngest_ms = created_ms;
    if (restored_ms > youngest_ms)
        youngest_ms = restored_ms;
    if (!clock_age_reached(background_now_ms(background), youngest_ms, gateway->options.orphan_age_ms) ||
        cluster_chunk_is_live(gateway->cluster, &copy->id))
        return;
    orphans->count++;
    orphans->bytes += copy->size;
    if (orphans->kept == ORPHANS_MAX)
        return;
    if (orphans->kept == orphans->capacity) {
        orphans->capacity = orphans->capacity ? 2 * orphans->capacity : 64;
        orphans->items = mem_realloc(orphans->items, orphans->capacity * sizeof(*orphans->items));
    }
    orphans->items[orphans->kept++] = (struct orphan){copy->id, copy->size};
}

/* ---- into the trash ---------------------------------------------------------------------------------------------- */

/* Nobody else works on the chunk meanwhile. UNAVAILABLE: it is not an orphan, or that cannot be told. */
static enum status orphan_trash(struct gateway *gateway, const struct chunk_id *id, unsigned node)
{
    struct meta_chunk chunk;

    if (cluster_chunk_is_live(gateway->cluster, id) || meta_chunk_get(gateway->meta, id, &chunk) != STATUS_NOT_FOUND ||
        !lease_holds(gateway->lease))
        return STATUS_UNAVAILABLE;
    return cluster_copy_trash(gateway->cluster, id, node);
}

/* 0 makes the metrics known. */
static void count_trashed(uint64_t count, uint64_t bytes)
{
    metric_counter_add(metric_counter_get("tercet_orphans_trashed_total",
                                          "Orphans (chunks without a record) put into a node's trash.", ""),
                       count);
    metric_counter_add(metric_counter_get("tercet_orphan_bytes_trashed_total",
                                          "Bytes of the orphans (chunks without a record) put into a node's trash.",
                                          ""),
                       bytes);
}

static void account(struct node_watch *watch, const struct orphan *orphan)
{
    __atomic_add_fetch(&watch->trashed, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&watch->trashed_bytes, orphan->size, __ATOMIC_RELAXED);
    count_trashed(1, orphan->size);
}

/* The next orphan of the node, if there is one and the node is there. Returns whether it was looked at. */
static bool node_work(struct background *background, unsigned index)
{
    struct node_watch *watch = &background->nodes[index];
    struct cluster_node_info info;

    cluster_node_info(background->gateway->cluster, index, &info);
    if (watch->orphans.next == watch->orphans.kept || !cluster_node_readable(background->gateway->cluster, info.number))
        return false;
    struct orphan orphan = watch->orphans.items[watch->orphans.next++];
    bool last = watch->orphans.next == watch->orphans.kept;
    if (last && watch->orphans.count > watch->orphans.kept)
        watch->next_ms = 0; /* there are more: compare again */
    if (last)
        orphans_release(&watch->orphans);
    if (!background_claim(background, &orphan.id))
        return true;
    enum status status = orphan_trash(background->gateway, &orphan.id, info.number);
    background_unclaim(background, &orphan.id);
    if (!status)
        account(watch, &orphan);
    return true;
}

static uint64_t orphan_start(struct job *job)
{
    return job->background->gateway->options.orphan_age_ms / QUIET_PART;
}

/* One orphan of each node. */
static uint64_t orphan_round(struct job *job)
{
    struct background *background = job->background;
    bool worked = false;

    for (unsigned i = 0; i < cluster_node_count(background->gateway->cluster); i++)
        worked |= node_work(background, i);
    return worked ? PACE_MS : WATCH_MS;
}

static void orphan_register_metrics(struct background *background)
{
    (void)background;
    count_trashed(0, 0);
}

const struct job_kind orphan_job = {
    .name = "orphan", .register_metrics = orphan_register_metrics, .start = orphan_start, .round = orphan_round};

/* See the header. */
#include "storage/cluster/carriers.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/metrics.h"
#include "storage/cluster/write_pace.h"

/* How many of the set take chunks. */
static unsigned takers_count(const struct cluster *cluster, uint64_t among)
{
    enum node_standing standing;
    unsigned count = 0;
    for (unsigned i = 0; i < cluster->node_count; i++)
        count += among >> i & 1 && node_takes_chunks(&cluster->nodes[i], &standing);
    return count;
}

/* 0: they are too few. */
static unsigned carriers_wanted(const struct cluster *cluster, uint64_t among)
{
    unsigned takers = takers_count(cluster, among);
    if (takers >= CHUNK_COPIES)
        return CHUNK_COPIES;
    return takers >= CHUNK_COPIES_MIN && takers == takers_count(cluster, UINT64_MAX) ? takers : 0;
}

bool cluster_carriers_enough(const struct cluster *cluster, uint64_t among)
{
    return carriers_wanted(cluster, among) > 0;
}

/* They all go the same way, so the dice are thrown once for the group. */
unsigned cluster_carriers_choose(struct cluster *cluster, uint64_t among, uint8_t numbers[CHUNK_COPIES_MAX])
{
    unsigned wanted = carriers_wanted(cluster, among), count = 0;
    uint64_t chosen = 0;
    struct chunk_id dice;
    chunk_id_create(&dice);
    while (count < wanted) {
        const struct node *node = cluster_place(cluster, &dice, ~among | chosen, chosen);
        if (!node)
            return 0; /* it went meanwhile */
        numbers[count++] = (uint8_t)node->number;
        chosen |= UINT64_C(1) << node->index;
    }
    if (count)
        write_pace_chunk_begins(cluster);
    return count;
}

int cluster_carriers_stand_in(struct cluster *cluster, uint64_t among, uint64_t beside, bool hedge)
{
    struct chunk_id dice;
    chunk_id_create(&dice);
    struct node *node = cluster_place(cluster, &dice, ~among, beside);
    if (!node || (hedge && (!node_is_good_target(node) || !write_pace_hedge_granted(cluster))))
        return -1;
    metric_counter_add(cluster->metrics.write_standins, 1);
    if (hedge)
        metric_counter_add(cluster->metrics.write_hedges, 1);
    return (int)node->index;
}

enum carrier_pace cluster_carrier_pace(struct cluster *cluster, unsigned index, uint64_t since_ms, uint64_t now_ms)
{
    CHECK(index < cluster->node_count);
    struct node *node = &cluster->nodes[index];
    if (now_ms < since_ms + write_pace_late_ms(cluster, node))
        return CARRIER_IN_TIME;
    if (node_was_found_down(node) || now_ms >= since_ms + cluster->config.node_timeout_ms)
        return CARRIER_DOWN;
    if (now_ms >= since_ms + write_pace_stall_ms(cluster, node)) {
        node_doubt(node, "stalled while small chunks were written");
        return CARRIER_STALLED;
    }
    node_late(node, since_ms);
    for (unsigned i = 0; i < cluster->node_count; i++)
        node_ask(&cluster->nodes[i], since_ms);
    return CARRIER_LATE;
}

void cluster_carrier_answered(struct cluster *cluster, unsigned index, uint64_t us)
{
    CHECK(index < cluster->node_count);
    write_pace_answered(cluster, &cluster->nodes[index], us);
}

void cluster_carrier_replaced(struct cluster *cluster, unsigned index)
{
    CHECK(index < cluster->node_count);
    write_pace_stalled(cluster, &cluster->nodes[index]);
}

struct missing_copies {
    struct cluster *cluster;
    unsigned number;
    struct chunk_list chunks;
};

static void missing_tell(void *arg)
{
    struct missing_copies *missing = arg;
    struct cluster *cluster = missing->cluster;
    for (size_t i = 0; i < missing->chunks.count && cluster->damage_fn; i++)
        cluster->damage_fn(cluster->damage_arg, &missing->chunks.refs[i].id, missing->number, STATUS_NO_SPACE);
    chunk_list_release(&missing->chunks);
    free(missing);
    cluster_task_ended(cluster);
}

void cluster_carried_missing(struct cluster *cluster, unsigned number, const struct carried_block *block)
{
    struct missing_copies *missing = mem_zalloc(sizeof(*missing));
    struct carried_chunk chunk;
    struct bytes rest = block->payload;
    missing->cluster = cluster;
    missing->number = number;
    while (carried_chunk_next(&rest, &chunk) == STATUS_OK)
        chunk_list_append(&missing->chunks, &(struct chunk_ref){.id = chunk.id});
    cluster_task_spawn(cluster, missing_tell, missing);
}

void cluster_carried_discard(struct cluster *cluster, uint64_t nodes, const struct carried_block *block)
{
    struct carried_chunk chunk;
    struct bytes rest = block->payload;
    while (carried_chunk_next(&rest, &chunk) == STATUS_OK)
        discard_add(cluster, &chunk.id, nodes);
}

void cluster_carried_safe(struct cluster *cluster, double seconds, bool degraded)
{
    if (degraded)
        metric_counter_add(cluster->metrics.write_degraded, 1);
    metric_histogram_observe(cluster->metrics.write_seconds, seconds);
}

/* The cluster's life and its table of nodes. What a node is worth is decided in node.c, what it is asked in health.c,
 * and the streams have files of their own. */
#include "storage/cluster/cluster_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/metrics.h"
#include "base/task.h"
#include "storage/cluster/write_pace.h"
#include "storage/cluster/placement.h"

#define WINDOW_BYTES_MIN (128u << 10)

static void metrics_create(struct cluster_metrics *metrics)
{
    metrics->write_seconds =
        metric_histogram_get("tercet_chunk_write_seconds", "Time from a chunk's first byte to its last durable copy.",
                             "", metric_seconds_bounds, metric_seconds_bound_count);
    metrics->read_seconds = metric_histogram_get("tercet_chunk_first_byte_seconds",
                                                 "Time from the request of a chunk to its first verified byte.", "",
                                                 metric_seconds_bounds, metric_seconds_bound_count);
    metrics->write_standins = metric_counter_get("tercet_chunk_write_standins_total",
                                                 "Nodes that took over for another one while a chunk was written.", "");
    metrics->write_hedges = metric_counter_get("tercet_chunk_write_hedges_total",
                                               "Nodes that took over for another one that was late with a small chunk; "
                                               "tercet_chunk_write_standins_total counts them, too.",
                                               "");
    metrics->write_degraded =
        metric_counter_get("tercet_chunk_write_degraded_total", "Chunks stored with fewer copies than wanted.", "");
    metrics->write_failed =
        metric_counter_get("tercet_chunk_write_failures_total", "Chunks that could not be stored.", "");
    metrics->read_failovers = metric_counter_get("tercet_chunk_read_failovers_total",
                                                 "Replicas that took over for another one while a chunk was read.", "");
    metrics->read_hedges = metric_counter_get("tercet_hedged_reads_total",
                                              "Reads that asked a second replica because the first one was slow.", "");
    metrics->read_hedges_won = metric_counter_get(
        "tercet_hedged_reads_won_total",
        "Reads that asked a second replica because the first one was slow, and that the second one answered first.",
        "");
    metrics->read_damaged =
        metric_counter_get("tercet_chunk_read_damaged_total", "Copies found missing or corrupt while reading.", "");
    metrics->read_failed =
        metric_counter_get("tercet_chunk_read_failures_total", "Chunks that no replica could give.", "");
}

static enum status config_check(const struct cluster_config *config, const char **error)
{
    if (config->chunk_bytes < CHUNK_BLOCK_BYTES || config->chunk_bytes > CHUNK_BYTES_MAX)
        *error = "the chunk size must be from 64 KiB to 32 MiB";
    else if (config->window_bytes < WINDOW_BYTES_MIN)
        *error = "the upload window must be at least 128 KiB";
    else if (config->stall_ms == 0 || config->node_timeout_ms < config->stall_ms)
        *error = "the node timeout must be at least the stall time, and that above 0";
    else if (config->health_interval_ms == 0 || config->suspect_interval_ms == 0)
        *error = "the intervals of health checks must be above 0";
    else if (config->breaker_failures == 0 || config->breaker_open_ms == 0)
        *error = "the breaker's failures and pause must be above 0";
    else
        return STATUS_OK;
    return STATUS_INVALID;
}

/* The first node with the same zone; itself when it has none. */
static unsigned zone_of(const struct node_address *addresses, unsigned index)
{
    unsigned first = 0;
    while (addresses[index].zone[0] && strcmp(addresses[first].zone, addresses[index].zone) != 0)
        first++;
    return addresses[index].zone[0] ? first : index;
}

enum status cluster_create(const struct cluster_config *config, struct cluster **cluster, const char **error)
{
    struct node_address *addresses = mem_zalloc(CLUSTER_NODES_MAX * sizeof(*addresses));
    unsigned count = 0, zones = 0;
    enum status status = config_check(config, error);
    if (!status)
        status = node_list_parse(config->nodes, addresses, &count, error);
    if (status)
        goto out;

    struct cluster *created = mem_zalloc(sizeof(*created));
    created->config = *config;
    created->config.nodes = NULL;
    created->nodes = mem_zalloc(count * sizeof(*created->nodes));
    created->node_count = count;
    created->late_credit = HEDGES_SAVED_MAX * 100;
    for (unsigned i = 0; i < count; i++) {
        node_init(&created->nodes[i], i, &addresses[i], config, count);
        created->nodes[i].zone = zone_of(addresses, i);
        zones += created->nodes[i].zone == i;
    }
    created->has_zones = zones >= CHUNK_COPIES && zones < count;
    created->placed_beside = created->has_zones;
    clock_cond_init(&created->changed);
    pthread_mutex_init(&created->lock, NULL);
    metrics_create(&created->metrics);
    discard_queue_init(&created->discards);
    live_chunks_init(&created->live);
    *cluster = created;
out:
    free(addresses);
    return status;
}

void cluster_free(struct cluster *cluster)
{
    if (!cluster)
        return;
    CHECK(cluster->tasks == 0);
    discard_queue_release(&cluster->discards);
    live_chunks_release(&cluster->live);
    for (unsigned i = 0; i < cluster->node_count; i++)
        node_release(&cluster->nodes[i]);
    pthread_cond_destroy(&cluster->changed);
    pthread_mutex_destroy(&cluster->lock);
    free(cluster->nodes);
    free(cluster);
}

void cluster_start(struct cluster *cluster, struct loop *loop, uint64_t wait_ms)
{
    uint64_t until_ms = clock_monotonic_ms() + wait_ms;
    cluster->loop = loop;
    for (unsigned i = 0; i < cluster->node_count; i++)
        node_checker_start(cluster, &cluster->nodes[i]);
    discard_start(cluster);

    lock_acquire(&cluster->lock);
    while (cluster->checked < cluster->node_count && clock_cond_wait(&cluster->changed, &cluster->lock, until_ms))
        ;
    lock_release(&cluster->lock);
}

void cluster_hurry(struct cluster *cluster)
{
    uint64_t never = 0;
    atomic_compare_exchange_strong(&cluster->hurry_ms, &never, clock_monotonic_ms());
}

void cluster_stop(struct cluster *cluster)
{
    cluster_hurry(cluster);
    atomic_store(&cluster->stopping, true);
    for (unsigned i = 0; i < cluster->node_count; i++)
        node_wake_checker(&cluster->nodes[i]);
    discard_wake(&cluster->discards);
    lock_acquire(&cluster->lock);
    while (cluster->tasks > 0)
        pthread_cond_wait(&cluster->changed, &cluster->lock);
    lock_release(&cluster->lock);
}

void cluster_task_spawn(struct cluster *cluster, void (*fn)(void *arg), void *arg)
{
    lock_acquire(&cluster->lock);
    cluster->tasks++;
    lock_release(&cluster->lock);
    task_spawn(cluster->loop, fn, arg);
}

void cluster_task_ended(struct cluster *cluster)
{
    lock_acquire(&cluster->lock);
    cluster->tasks--;
    pthread_cond_broadcast(&cluster->changed);
    lock_release(&cluster->lock);
}

struct node *cluster_node(const struct cluster *cluster, unsigned number)
{
    for (unsigned i = 0; i < cluster->node_count; i++)
        if (cluster->nodes[i].number == number)
            return &cluster->nodes[i];
    return NULL;
}

static uint64_t zones_of(const struct cluster *cluster, uint64_t nodes)
{
    uint64_t zones = 0;
    for (unsigned i = 0; i < cluster->node_count; i++)
        if (nodes >> i & 1)
            zones |= UINT64_C(1) << cluster->nodes[i].zone;
    return zones;
}

/* What a node would be as the place of one more copy; compared member by member. */
struct placing {
    enum node_standing standing;
    bool same_zone; /* as another copy's */
    double score;
};

static bool placing_is_better(const struct placing *a, const struct placing *b)
{
    if (a->standing != b->standing)
        return a->standing < b->standing;
    return a->same_zone != b->same_zone ? b->same_zone : a->score > b->score;
}

struct node *cluster_place(struct cluster *cluster, const struct chunk_id *id, uint64_t excluded, uint64_t beside)
{
    struct node *best = NULL;
    struct placing best_placing;
    uint64_t zones = zones_of(cluster, beside);
    for (unsigned i = 0; i < cluster->node_count; i++) {
        struct node *node = &cluster->nodes[i];
        struct placing placing = {.same_zone = zones >> node->zone & 1};
        if (excluded >> i & 1 || !node_takes_chunks(node, &placing.standing))
            continue;
        placing.score = placement_score(id, node->number, node_free_bytes(node));
        if (!best || placing_is_better(&placing, &best_placing)) {
            best = node;
            best_placing = placing;
        }
    }
    if (best && best_placing.same_zone && cluster->has_zones)
        atomic_fetch_add_explicit(&cluster->placed_beside, 1, memory_order_relaxed);
    return best;
}

uint64_t cluster_holders(const struct cluster *cluster, const struct chunk_ref *ref)
{
    uint64_t holders = 0;
    for (unsigned i = 0; i < ref->copies; i++) {
        const struct node *node = cluster_node(cluster, ref->nodes[i]);
        if (node)
            holders |= UINT64_C(1) << node->index;
    }
    return holders;
}

unsigned cluster_placeable_count(const struct cluster *cluster)
{
    enum node_standing standing;
    unsigned count = 0;
    for (unsigned i = 0; i < cluster->node_count; i++)
        count += node_takes_chunks(&cluster->nodes[i], &standing);
    return count;
}

enum status cluster_shortage(const struct cluster *cluster)
{
    unsigned takers = cluster_placeable_count(cluster), full = 0;
    for (unsigned i = 0; i < cluster->node_count; i++)
        full += node_is_only_full(&cluster->nodes[i]);
    return takers < CHUNK_COPIES_MIN && takers + full >= CHUNK_COPIES_MIN ? STATUS_NO_SPACE : STATUS_UNAVAILABLE;
}

unsigned cluster_node_count(const struct cluster *cluster)
{
    return cluster->node_count;
}

void cluster_node_info(const struct cluster *cluster, unsigned index, struct cluster_node_info *info)
{
    CHECK(index < cluster->node_count);
    node_info(&cluster->nodes[index], info);
}

unsigned cluster_writable_count(const struct cluster *cluster)
{
    struct cluster_node_info info;
    unsigned count = 0;
    for (unsigned i = 0; i < cluster->node_count; i++) {
        node_info(&cluster->nodes[i], &info);
        count += info.writable;
    }
    return count;
}

unsigned cluster_healthy_count(const struct cluster *cluster)
{
    struct cluster_node_info info;
    unsigned count = 0;
    for (unsigned i = 0; i < cluster->node_count; i++) {
        node_info(&cluster->nodes[i], &info);
        count += info.healthy;
    }
    return count;
}

bool cluster_has_node(const struct cluster *cluster, unsigned number)
{
    return cluster_node(cluster, number) != NULL;
}

bool cluster_node_readable(const struct cluster *cluster, unsigned number)
{
    struct node *node = cluster_node(cluster, number);
    return node && node_standing(node) != NODE_DOWN;
}

bool cluster_clocks(const struct cluster *cluster, int64_t *earliest_ms, int64_t *latest_ms)
{
    int64_t its_ms;
    bool any = false;
    for (unsigned i = 0; i < cluster->node_count; i++) {
        struct node *node = &cluster->nodes[i];
        if (node_standing(node) == NODE_DOWN || !node_clock(node, &its_ms))
            continue;
        *earliest_ms = any && *earliest_ms < its_ms ? *earliest_ms : its_ms;
        *latest_ms = any && *latest_ms > its_ms ? *latest_ms : its_ms;
        any = true;
    }
    return any;
}

bool cluster_node_writable(const struct cluster *cluster, unsigned number)
{
    enum node_standing standing;
    struct node *node = cluster_node(cluster, number);
    return node && node_takes_chunks(node, &standing);
}

void cluster_set_draining(struct cluster *cluster, unsigned number, bool draining)
{
    struct node *node = cluster_node(cluster, number);
    if (node)
        node_set_draining(node, draining);
}

unsigned cluster_zone(const struct cluster *cluster, unsigned number)
{
    const struct node *node = cluster_node(cluster, number);
    return node ? node->zone : CLUSTER_NODES_MAX - 1;
}

uint64_t cluster_placed_beside(const struct cluster *cluster)
{
    return atomic_load(&cluster->placed_beside);
}

bool cluster_node_is_draining(const struct cluster *cluster, unsigned number)
{
    struct node *node = cluster_node(cluster, number);
    return node && node_is_draining(node);
}

void cluster_compare_returning(struct cluster *cluster)
{
    for (unsigned i = 0; i < cluster->node_count; i++)
        node_compare_returning(&cluster->nodes[i]);
}

void cluster_node_admit(struct cluster *cluster, unsigned number, uint64_t changes)
{
    struct node *node = cluster_node(cluster, number);
    if (node)
        node_admit(node, changes);
}

void cluster_on_damage(struct cluster *cluster, cluster_damage_fn fn, void *arg)
{
    cluster->damage_fn = fn;
    cluster->damage_arg = arg;
}

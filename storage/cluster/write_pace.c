/* See the header. A sudden load that slows all disks down by any factor makes each of them slow only until the averages
 * have followed: 3 times 1 - (15/16)^n exceeds 1 from the 7th answer on, and a breaker opens at the 10th slow one of
 * 20. Who is shut out is decided under the cluster's lock, one node at a time: two slow nodes must not both be spared
 * for each other. */
#include "storage/cluster/write_pace.h"

#include <stdlib.h>

#include "base/lock.h"

#define STALL_FACTOR   4
#define SLOW_FACTOR    3
#define AVERAGE_WEIGHT 16 /* one answer counts for one part in so many */

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* The median of the other nodes' averages, the larger one of the middle two. 0 while fewer than two are known: what a
 * single node does is not usual. */
static uint64_t usual_us(const struct cluster *cluster, const struct node *node)
{
    uint64_t averages[CLUSTER_NODES_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < cluster->node_count; i++) {
        uint64_t us = atomic_load_explicit(&cluster->nodes[i].answer_us, memory_order_relaxed);
        if (us && &cluster->nodes[i] != node)
            averages[count++] = us;
    }
    if (count < 2)
        return 0;
    qsort(averages, count, sizeof(*averages), compare);
    return averages[count / 2];
}

uint64_t write_pace_stall_ms(const struct cluster *cluster, const struct node *node)
{
    uint64_t patience_ms = STALL_FACTOR * usual_us(cluster, node) / 1000;
    if (patience_ms > cluster->config.node_timeout_ms)
        patience_ms = cluster->config.node_timeout_ms;
    return patience_ms > cluster->config.stall_ms ? patience_ms : cluster->config.stall_ms;
}

uint64_t write_pace_late_ms(const struct cluster *cluster, const struct node *node)
{
    uint64_t limit_ms = STALL_FACTOR * usual_us(cluster, node) / 1000;
    return limit_ms > cluster->config.stall_ms / 10 ? limit_ms : cluster->config.stall_ms / 10;
}

uint64_t write_pace_slow_ms(const struct cluster *cluster, const struct node *node)
{
    uint64_t limit_ms = SLOW_FACTOR * usual_us(cluster, node) / 1000;
    return limit_ms > cluster->config.stall_ms / 2 ? limit_ms : cluster->config.stall_ms / 2;
}

bool write_pace_can_spare(const struct cluster *cluster, const struct node *node)
{
    unsigned others = 0;
    for (unsigned i = 0; i < cluster->node_count; i++)
        others += &cluster->nodes[i] != node && node_is_writable(&cluster->nodes[i]);
    return others >= CHUNK_COPIES;
}

void write_pace_chunk_begins(struct cluster *cluster)
{
    unsigned credit = atomic_load_explicit(&cluster->late_credit, memory_order_relaxed);
    while (credit < HEDGES_SAVED_MAX * 100 &&
           !atomic_compare_exchange_weak(&cluster->late_credit, &credit, credit + HEDGE_PERCENT))
        ;
}

bool write_pace_hedge_granted(struct cluster *cluster)
{
    unsigned credit = atomic_load_explicit(&cluster->late_credit, memory_order_relaxed);
    while (credit >= 100)
        if (atomic_compare_exchange_weak(&cluster->late_credit, &credit, credit - 100))
            return true;
    return false;
}

/* Loops may overwrite each other's update: an average can bear that. */
static void average_update(struct node *node, uint64_t us)
{
    uint64_t before = atomic_load_explicit(&node->answer_us, memory_order_relaxed);
    uint64_t after = before ? before - before / AVERAGE_WEIGHT + us / AVERAGE_WEIGHT : us;
    atomic_store_explicit(&node->answer_us, after ? after : 1, memory_order_relaxed);
}

/* Holds slowness against the node if it can be spared. */
static bool judge_slow(struct cluster *cluster, struct node *node)
{
    lock_acquire(&cluster->lock);
    bool counts = write_pace_can_spare(cluster, node);
    if (counts)
        node_pace(node, true);
    lock_release(&cluster->lock);
    return counts;
}

void write_pace_answered(struct cluster *cluster, struct node *node, uint64_t us)
{
    bool slow = us / 1000 > write_pace_slow_ms(cluster, node);
    average_update(node, us);
    if (slow)
        judge_slow(cluster, node);
    else
        node_pace(node, false);
}

bool write_pace_stalled(struct cluster *cluster, struct node *node)
{
    return judge_slow(cluster, node);
}

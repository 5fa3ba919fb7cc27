/* The queue of unwanted copies and the one task that deletes them. Each is tried once: a node that is down or answers
 * with an error keeps its orphan until the inventories are compared. */
#include "storage/cluster/discard.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/task.h"
#include "storage/cluster/node_call.h"

#define DISCARD_STALLS 2 /* times stall_ms from being unwanted to being deleted */

void discard_queue_init(struct discard_queue *queue)
{
    *queue = (struct discard_queue){0};
    pthread_mutex_init(&queue->lock, NULL);
}

void discard_queue_release(struct discard_queue *queue)
{
    free(queue->waiting);
    pthread_mutex_destroy(&queue->lock);
}

void discard_wake(struct discard_queue *queue)
{
    lock_acquire(&queue->lock);
    if (queue->worker)
        task_unpark(queue->worker);
    lock_release(&queue->lock);
}

static void grow_locked(struct discard_queue *queue)
{
    size_t capacity = queue->capacity ? 2 * queue->capacity : 64;
    struct discard *waiting = mem_alloc(capacity * sizeof(*waiting));
    for (size_t i = 0; i < queue->count; i++)
        waiting[i] = queue->waiting[(queue->first + i) % queue->capacity];
    free(queue->waiting);
    queue->waiting = waiting;
    queue->first = 0;
    queue->capacity = capacity;
}

void discard_add(struct cluster *cluster, const struct chunk_id *id, uint64_t nodes)
{
    struct discard_queue *queue = &cluster->discards;
    CHECK(nodes != 0);
    uint64_t due_ms = clock_monotonic_ms() + DISCARD_STALLS * cluster->config.stall_ms;
    lock_acquire(&queue->lock);
    if (queue->count == queue->capacity && queue->capacity < DISCARDS_MAX)
        grow_locked(queue);
    if (queue->count < queue->capacity)
        queue->waiting[(queue->first + queue->count++) % queue->capacity] = (struct discard){*id, nodes, due_ms};
    if (queue->worker)
        task_unpark(queue->worker);
    lock_release(&queue->lock);
}

static uint64_t node_bit(const struct cluster *cluster, unsigned number)
{
    const struct node *node = cluster_node(cluster, number);
    return node ? UINT64_C(1) << node->index : 0;
}

void cluster_discard_copy(struct cluster *cluster, const struct chunk_id *id, unsigned node)
{
    uint64_t nodes = node_bit(cluster, node);
    if (nodes)
        discard_add(cluster, id, nodes);
}

void cluster_discard(struct cluster *cluster, const struct chunk_list *chunks)
{
    for (size_t i = 0; i < chunks->count; i++) {
        const struct chunk_ref *ref = &chunks->refs[i];
        uint64_t nodes = 0;
        for (unsigned j = 0; j < ref->copies; j++)
            nodes |= node_bit(cluster, ref->nodes[j]);
        if (nodes)
            discard_add(cluster, &ref->id, nodes);
    }
}

/* The oldest ones that are due, at most DISCARDS_BATCH; when none is, *due_ms is when to look again. */
static size_t discards_take(struct discard_queue *queue, struct discard *batch, uint64_t *due_ms)
{
    uint64_t now_ms = clock_monotonic_ms();
    size_t taken = 0;

    lock_acquire(&queue->lock);
    while (queue->count && taken < DISCARDS_BATCH && queue->waiting[queue->first].due_ms <= now_ms) {
        batch[taken++] = queue->waiting[queue->first];
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
    }
    *due_ms = queue->count ? queue->waiting[queue->first].due_ms : CLOCK_NEVER;
    lock_release(&queue->lock);
    return taken;
}

/* Those of one node, with one request. */
static void discards_delete(struct cluster *cluster, struct node *node, const struct discard *batch, size_t count)
{
    struct chunk_id ids[DISCARDS_BATCH];
    bool gone[DISCARDS_BATCH];
    size_t wanted = 0;

    lock_acquire(&cluster->discards.lock);
    struct cluster_discard_guard guard = cluster->discard_guard;
    lock_release(&cluster->discards.lock);
    for (size_t i = 0; i < count; i++)
        if ((batch[i].nodes & UINT64_C(1) << node->index) &&
            (!guard.begin || guard.begin(guard.arg, &batch[i].id, node->number)))
            ids[wanted++] = batch[i].id;
    if (wanted == 0)
        return;
    enum status status = cluster_chunks_delete(cluster, node->number, ids, wanted, gone);
    log_debug("unwanted copies deleted", LOG_INT("copies", wanted), LOG_INT("node", node->number), LOG_STATUS(status));
    for (size_t i = 0; i < wanted && guard.done; i++)
        guard.done(guard.arg, &ids[i]);
}

/* Node by node, since several may hold copies of one chunk, and a guard lets one be worked on at a time. */
static void discards_work(struct cluster *cluster, const struct discard *batch, size_t count)
{
    for (unsigned i = 0; i < cluster->node_count; i++)
        if (node_standing(&cluster->nodes[i]) != NODE_DOWN)
            discards_delete(cluster, &cluster->nodes[i], batch, count);
}

void cluster_guard_discards(struct cluster *cluster, const struct cluster_discard_guard *guard)
{
    lock_acquire(&cluster->discards.lock);
    cluster->discard_guard = *guard;
    lock_release(&cluster->discards.lock);
}

static void discard_run(void *arg)
{
    struct cluster *cluster = arg;
    struct discard_queue *queue = &cluster->discards;
    struct discard batch[DISCARDS_BATCH];
    uint64_t due_ms;

    lock_acquire(&queue->lock);
    queue->worker = task_self();
    lock_release(&queue->lock);
    while (!atomic_load(&cluster->stopping)) {
        size_t count = discards_take(queue, batch, &due_ms);
        if (count > 0)
            discards_work(cluster, batch, count);
        else
            task_park_until(due_ms);
    }
    lock_acquire(&queue->lock);
    queue->worker = NULL;
    lock_release(&queue->lock);
    cluster_task_ended(cluster);
}

void discard_start(struct cluster *cluster)
{
    cluster_task_spawn(cluster, discard_run, cluster);
}

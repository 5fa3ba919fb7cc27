/* The queue of unwanted copies and the one task that deletes them. Each is tried once: a node that is down or answers
 * with an error keeps its orphan until the inventories are compared. */
#include "storage/cluster/discard.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
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
    pthread_mutex_lock(&queue->lock);
    if (queue->worker)
        task_unpark(queue->worker);
    pthread_mutex_unlock(&queue->lock);
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

void discard_add(struct cluster *cluster, const struct chunk_id *id, struct node *node)
{
    struct discard_queue *queue = &cluster->discards;
    uint64_t due_ms = clock_monotonic_ms() + DISCARD_STALLS * cluster->config.stall_ms;
    pthread_mutex_lock(&queue->lock);
    if (queue->count == queue->capacity && queue->capacity < DISCARDS_MAX)
        grow_locked(queue);
    if (queue->count < queue->capacity)
        queue->waiting[(queue->first + queue->count++) % queue->capacity] = (struct discard){*id, node, due_ms};
    if (queue->worker)
        task_unpark(queue->worker);
    pthread_mutex_unlock(&queue->lock);
}

/* The oldest one, if it is due; else *due_ms is when to look again. */
static bool discard_take(struct discard_queue *queue, struct discard *discard, uint64_t *due_ms)
{
    pthread_mutex_lock(&queue->lock);
    *due_ms = queue->count ? queue->waiting[queue->first].due_ms : CLOCK_NEVER;
    bool taken = *due_ms <= clock_monotonic_ms();
    if (taken) {
        *discard = queue->waiting[queue->first];
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
    }
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

static void discard_delete(struct cluster *cluster, const struct discard *discard)
{
    char id[CHUNK_ID_TEXT_LEN + 1];
    char target[NODE_TARGET_MAX];
    chunk_id_format(&discard->id, id);
    snprintf(target, sizeof(target), "/chunks/%s", id);
    enum status status =
        node_exchange(cluster, discard->node, "DELETE", target, clock_monotonic_ms() + cluster->config.node_timeout_ms);
    log_debug("unwanted copy deleted", LOG_STR("chunkID", id), LOG_INT("node", discard->node->number),
              LOG_STATUS(status));
}

static void discard_one(struct cluster *cluster, const struct discard *discard)
{
    if (node_standing(discard->node) == NODE_DOWN)
        return;
    pthread_mutex_lock(&cluster->discards.lock);
    struct cluster_discard_guard guard = cluster->discard_guard;
    pthread_mutex_unlock(&cluster->discards.lock);
    if (guard.begin && !guard.begin(guard.arg, &discard->id, discard->node->number))
        return;
    discard_delete(cluster, discard);
    if (guard.done)
        guard.done(guard.arg, &discard->id);
}

void cluster_guard_discards(struct cluster *cluster, const struct cluster_discard_guard *guard)
{
    pthread_mutex_lock(&cluster->discards.lock);
    cluster->discard_guard = *guard;
    pthread_mutex_unlock(&cluster->discards.lock);
}

static void discard_run(void *arg)
{
    struct cluster *cluster = arg;
    struct discard_queue *queue = &cluster->discards;
    struct discard discard;
    uint64_t due_ms;

    pthread_mutex_lock(&queue->lock);
    queue->worker = task_self();
    pthread_mutex_unlock(&queue->lock);
    while (!atomic_load(&cluster->stopping)) {
        if (discard_take(queue, &discard, &due_ms))
            discard_one(cluster, &discard);
        else
            task_park_until(due_ms);
    }
    pthread_mutex_lock(&queue->lock);
    queue->worker = NULL;
    pthread_mutex_unlock(&queue->lock);
    cluster_task_ended(cluster);
}

void discard_start(struct cluster *cluster)
{
    cluster_task_spawn(cluster, discard_run, cluster);
}

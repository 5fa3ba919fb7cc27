/* Copies that nobody wants any more: of uploads that were aborted or whose commit was refused, of nodes that lost a
 * race, of chunks that were deleted while they were repaired. They are deleted in the background,
 * best effort; what is missed is an orphan, which the comparison of inventories finds. Not at once: a node may still be
 * busy storing what we gave up, and a copy that is deleted before it is there would stay. By then a repair may have
 * found the copy there and recorded it: see cluster_guard_discards. */
#ifndef TERCET_STORAGE_CLUSTER_DISCARD_H
#define TERCET_STORAGE_CLUSTER_DISCARD_H

#include <pthread.h>
#include <stddef.h>

#include "base/chunk.h"

struct cluster;
struct node;
struct task;

#define DISCARDS_MAX   65536 /* chunks that wait; more are left to the inventory */
#define DISCARDS_BATCH 48    /* looked at together; a guard has to allow for so many at once */

/* Copies of one chunk. */
struct discard {
    struct chunk_id id;
    uint64_t nodes; /* a bit for each, by its index */
    uint64_t due_ms;
};

struct discard_queue {
    pthread_mutex_t lock; /* guards all below */
    struct discard *waiting;
    size_t first, count, capacity; /* the oldest one, how many follow it; a ring */
    struct task *worker;
};

void discard_queue_init(struct discard_queue *queue);
void discard_queue_release(struct discard_queue *queue);
void discard_start(struct cluster *cluster);    /* spawns the worker on the cluster's loop */
void discard_wake(struct discard_queue *queue); /* after `stopping` was set */
void discard_add(struct cluster *cluster, const struct chunk_id *id, uint64_t nodes); /* any thread; nodes: as above */

#endif

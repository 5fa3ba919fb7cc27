/* Pieces of messages that wait to be hashed, and are hashed together: a worker of the pool takes what is there, one
 * piece a lane, and in each step what has come meanwhile. A piece alone is hashed at once, as fast as one lane is. */
#ifndef TERCET_BASE_MD5_QUEUE_H
#define TERCET_BASE_MD5_QUEUE_H

#include <stddef.h>

#include "base/md5.h"
#include "base/pool.h"
#include "base/task.h"

struct md5_queue;

/* What is to be hashed; belongs to the queue from add until wait has returned, and so do md5 and data. */
struct md5_piece {
    struct md5 *md5; /* goes on with the data */
    const char *data;
    size_t len;
    /* Is given the same bytes in order, a few KiB at a time, while they are in the processor's cache. On a worker's
     * thread, where it holds up the other pieces. NULL: nothing */
    void (*beside)(void *arg, const void *data, size_t len);
    void *arg;
    /* the queue's own */
    struct md5_piece *next;
    struct completion completion;
};

struct md5_queue *md5_queue_create(struct pool *pool);
void md5_queue_free(struct md5_queue *queue); /* after its pool; NULL is allowed */

void md5_queue_add(struct md5_queue *queue, struct md5_piece *piece); /* by the one who will wait */
void md5_piece_wait(struct md5_piece *piece);                         /* suspends, or blocks outside of a task */

#endif

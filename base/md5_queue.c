/* The hashers. One is enough until more pieces wait than a hasher has lanes, since a second one would take its lanes
 * away: together they would be no faster, and cost twice as much. It ends when nothing is left to be hashed. */
#include "base/md5_queue.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/lock.h"

#define STEP_BYTES 8192u /* of each lane: all of them together stay in the cache for what is done beside */
#define TURN_STEPS 128   /* a MiB of each lane, some milliseconds */

struct md5_queue {
    struct pool *pool;
    pthread_mutex_t lock; /* guards what follows */
    struct md5_piece *head, *tail;
    unsigned waiting; /* in the row */
    unsigned hashers;
};

struct hasher {
    struct md5_queue *queue;
    unsigned count;
    struct md5_piece *lanes[MD5_MESSAGES_MAX]; /* each at the begin of a block, with one at least to go */
};

struct md5_queue *md5_queue_create(struct pool *pool)
{
    struct md5_queue *queue = mem_zalloc(sizeof(*queue));

    queue->pool = pool;
    pthread_mutex_init(&queue->lock, NULL);
    return queue;
}

void md5_queue_free(struct md5_queue *queue)
{
    if (!queue)
        return;
    CHECK(queue->head == NULL);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

/* So many bytes of the piece are hashed. */
static void piece_advance(struct md5_piece *piece, size_t len)
{
    if (piece->beside)
        piece->beside(piece->arg, piece->data, len);
    piece->data += len;
    piece->len -= len;
}

/* Hashes bytes that are no whole block. */
static void piece_advance_alone(struct md5_piece *piece, size_t len)
{
    md5_update(piece->md5, piece->data, len);
    piece_advance(piece, len);
}

/* Ends the piece unless it has a whole block to go. */
static bool piece_ends(struct md5_piece *piece)
{
    if (piece->len >= MD5_BLOCK_BYTES)
        return false;
    piece_advance_alone(piece, piece->len);
    completion_signal(&piece->completion); /* it is its owner's again, and may be gone */
    return true;
}

/* Fills the lanes with what waits. False when there is nothing at all to do; then the hasher has ended. */
static bool hasher_take(struct hasher *hasher)
{
    struct md5_queue *queue = hasher->queue;
    struct md5_piece *taken[MD5_MESSAGES_MAX];
    unsigned count = 0;

    lock_acquire(&queue->lock);
    while (queue->head && hasher->count + count < MD5_MESSAGES_MAX) {
        taken[count++] = queue->head;
        queue->head = queue->head->next;
        queue->waiting--;
    }
    bool ends = hasher->count + count == 0;
    if (ends)
        queue->hashers--;
    lock_release(&queue->lock);
    for (unsigned i = 0; i < count; i++) {
        size_t begun = taken[i]->md5->len % MD5_BLOCK_BYTES, rest = begun ? MD5_BLOCK_BYTES - begun : 0;
        piece_advance_alone(taken[i], rest < taken[i]->len ? rest : taken[i]->len);
        if (!piece_ends(taken[i]))
            hasher->lanes[hasher->count++] = taken[i];
    }
    return !ends;
}

/* As many blocks of each lane as all have, up to a step. */
static void hasher_step(struct hasher *hasher)
{
    struct md5 *messages[MD5_MESSAGES_MAX];
    const uint8_t *data[MD5_MESSAGES_MAX];
    size_t len = STEP_BYTES;
    unsigned left = 0;

    if (hasher->count == 0)
        return;
    for (unsigned i = 0; i < hasher->count; i++) {
        messages[i] = hasher->lanes[i]->md5;
        data[i] = (const uint8_t *)hasher->lanes[i]->data;
        if (hasher->lanes[i]->len < len)
            len = hasher->lanes[i]->len;
    }
    md5_update_together(messages, data, hasher->count, len / MD5_BLOCK_BYTES);
    for (unsigned i = 0; i < hasher->count; i++) {
        piece_advance(hasher->lanes[i], len - len % MD5_BLOCK_BYTES);
        if (!piece_ends(hasher->lanes[i]))
            hasher->lanes[left++] = hasher->lanes[i];
    }
    hasher->count = left;
}

/* Does some steps, and then lets others have the worker: a pool of one is not the uploads' alone. */
static void hash(void *arg)
{
    struct hasher *hasher = arg;

    for (unsigned step = 0; step < TURN_STEPS; step++) {
        if (!hasher_take(hasher)) {
            free(hasher);
            return;
        }
        hasher_step(hasher);
    }
    pool_submit(hasher->queue->pool, hash, hasher);
}

static void hasher_start(struct md5_queue *queue)
{
    struct hasher *hasher = mem_zalloc(sizeof(*hasher));

    hasher->queue = queue;
    pool_submit(queue->pool, hash, hasher);
}

void md5_queue_add(struct md5_queue *queue, struct md5_piece *piece)
{
    completion_init(&piece->completion);
    piece->next = NULL;
    lock_acquire(&queue->lock);
    if (queue->head)
        queue->tail->next = piece;
    else
        queue->head = piece;
    queue->tail = piece;
    queue->waiting++;
    bool wanted = queue->hashers == 0 || queue->waiting > queue->hashers * MD5_MESSAGES_MAX;
    queue->hashers += wanted;
    lock_release(&queue->lock);
    if (wanted)
        hasher_start(queue);
}

void md5_piece_wait(struct md5_piece *piece)
{
    completion_wait(&piece->completion);
}

/* Small chunks that come with a record of the metadata (base/change_record.h): they are stored in the same write as the
 * replica's rows, as any small chunk is, whatever the setting of small chunks says. One request has one of these.
 *
 * What is there already with the same bytes is left as it is, after it was read again to be sure. All or nothing: one
 * chunk that cannot be stored fails them all.
 *
 * They may use the room that is kept for metadata: nothing behind such a record is handed on before its chunks are
 * stored, deletions neither, so full nodes that refused them would stay full. It is what was under way when they became
 * full, no more: the answer says so, and the gateway places nothing there from then on. */
#ifndef TERCET_STORAGE_NODE_CARRIED_CHUNKS_H
#define TERCET_STORAGE_NODE_CARRIED_CHUNKS_H

#include <pthread.h>

#include "base/change_record.h"
#include "storage/node/chunk_store.h"

struct carried_row;
struct rocks_batch;

struct carried_chunks {
    struct chunk_store *store;
    struct carried_row *rows;
    size_t count, capacity;
    pthread_mutex_t **locks;
    unsigned lock_count;
};

void carried_chunks_init(struct carried_chunks *chunks, struct chunk_store *store);
void carried_chunks_release(struct carried_chunks *chunks);
/* Takes the chunks of a block, whose bytes must stay where they are until the end. STATUS_CORRUPT when the bytes of one
 * are not what it says. */
enum status carried_chunks_add(struct carried_chunks *chunks, const struct carried_block *block);
/* Looks which of them are there, and adds the others to the batch. From STATUS_OK on the locks of their ids are held,
 * until carried_chunks_end. STATUS_CORRUPT: an id has other bytes. Whether there is room for the batch is left to
 * the caller. */
enum status carried_chunks_begin(struct carried_chunks *chunks, struct rocks_batch *batch);
bool carried_chunks_are_new(const struct carried_chunks *chunks); /* the batch has some */
/* Whether the batch was written, durably. */
void carried_chunks_end(struct carried_chunks *chunks, bool written);

#endif

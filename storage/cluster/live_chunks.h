/* The chunks of streams that are being written: from when a chunk gets its id until its stream's writer is freed, which
 * is after its record was committed. So a chunk that is not live and not recorded afterwards never will be: whoever
 * asks in this order may hold it for an orphan. */
#ifndef TERCET_STORAGE_CLUSTER_LIVE_CHUNKS_H
#define TERCET_STORAGE_CLUSTER_LIVE_CHUNKS_H

#include <pthread.h>
#include <stdbool.h>

#include "base/chunk.h"

#define LIVE_BUCKETS 1024

struct live_chunk;

struct live_chunks {
    pthread_mutex_t lock; /* held for a few instructions */
    struct live_chunk *buckets[LIVE_BUCKETS];
};

void live_chunks_init(struct live_chunks *live);
void live_chunks_release(struct live_chunks *live); /* when no stream is open */

/* *stream is the list of one stream's chunks; it begins as NULL and belongs to the stream's task. */
void live_chunks_add(struct live_chunks *live, struct live_chunk **stream, const struct chunk_id *id);
/* The stream is over: all its chunks. */
void live_chunks_end(struct live_chunks *live, struct live_chunk **stream);
bool live_chunks_contain(struct live_chunks *live, const struct chunk_id *id); /* any thread */

#endif

/* A hash table of chunk ids; see the header. The last bytes of an id are random and pick the bucket. */
#include "storage/cluster/live_chunks.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/lock.h"

struct live_chunk {
    struct chunk_id id;
    struct live_chunk *bucket_next; /* under the lock */
    struct live_chunk *stream_next;
};

void live_chunks_init(struct live_chunks *live)
{
    *live = (struct live_chunks){0};
    pthread_mutex_init(&live->lock, NULL);
}

void live_chunks_release(struct live_chunks *live)
{
    for (unsigned i = 0; i < LIVE_BUCKETS; i++)
        CHECK(!live->buckets[i]);
    pthread_mutex_destroy(&live->lock);
}

static struct live_chunk **bucket_of(struct live_chunks *live, const struct chunk_id *id)
{
    return &live->buckets[get_u16(id->bytes + CHUNK_ID_LEN - 2) % LIVE_BUCKETS];
}

void live_chunks_add(struct live_chunks *live, struct live_chunk **stream, const struct chunk_id *id)
{
    struct live_chunk *chunk = mem_alloc(sizeof(*chunk));
    struct live_chunk **bucket = bucket_of(live, id);

    chunk->id = *id;
    chunk->stream_next = *stream;
    *stream = chunk;
    lock_acquire(&live->lock);
    chunk->bucket_next = *bucket;
    *bucket = chunk;
    lock_release(&live->lock);
}

static void bucket_remove(struct live_chunk **at, const struct live_chunk *chunk)
{
    while (*at != chunk)
        at = &(*at)->bucket_next;
    *at = chunk->bucket_next;
}

void live_chunks_end(struct live_chunks *live, struct live_chunk **stream)
{
    struct live_chunk *chunk = *stream;

    *stream = NULL;
    while (chunk) {
        struct live_chunk *next = chunk->stream_next;
        lock_acquire(&live->lock);
        bucket_remove(bucket_of(live, &chunk->id), chunk);
        lock_release(&live->lock);
        free(chunk);
        chunk = next;
    }
}

bool live_chunks_contain(struct live_chunks *live, const struct chunk_id *id)
{
    lock_acquire(&live->lock);
    const struct live_chunk *chunk = *bucket_of(live, id);
    while (chunk && memcmp(&chunk->id, id, sizeof(*id)) != 0)
        chunk = chunk->bucket_next;
    lock_release(&live->lock);
    return chunk != NULL;
}

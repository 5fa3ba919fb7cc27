/* Pieces of what was appended; see the header. */
#include "meta/tail.h"

#include <string.h>

#include "base/check.h"

void tail_walk_begin(struct tail_walk *walk, const struct version_tail *tail, bool sealed)
{
    *walk = (struct tail_walk){.tail = tail, .sealed = sealed};
}

/* How many chunks from `first` on have so many bytes. */
static uint32_t chunks_of(const struct version_tail *tail, uint32_t first, uint64_t stored)
{
    struct chunk_id id;
    uint32_t count = 0, size;
    uint64_t sum = 0;

    while (sum < stored && first + count < tail->chunks.count) {
        packed_chunks_get(&tail->chunks, first + count++, &id, &size);
        sum += size;
    }
    return count;
}

bool tail_walk_next(struct tail_walk *walk, struct tail_piece *piece)
{
    const struct version_tail *tail = walk->tail;
    struct tail_piece *next = &walk->next;
    struct block_seal_id seal;
    struct chunk_id id;
    uint32_t size;

    if (walk->sealed ? next->stream == tail->streams.count : next->chunk == tail->chunks.count)
        return false;
    if (walk->sealed) {
        packed_streams_get(&tail->streams, next->stream, &seal, &next->plain);
        next->stored = block_seal_size(next->plain);
        next->chunks = chunks_of(tail, next->chunk, next->stored);
    } else {
        packed_chunks_get(&tail->chunks, next->chunk, &id, &size);
        next->plain = next->stored = size;
        next->chunks = 1;
    }
    *piece = *next;
    next->chunk += next->chunks;
    next->stream += walk->sealed;
    next->offset += next->plain;
    next->before += next->stored;
    return true;
}

bool tail_last(const struct version_tail *tail, bool sealed, struct tail_piece *last)
{
    struct tail_walk walk;
    struct chunk_id id;
    uint32_t size;

    if (tail->size == 0)
        return false;
    if (sealed) {
        tail_walk_begin(&walk, tail, true);
        while (tail_walk_next(&walk, last))
            ;
        return true;
    }
    packed_chunks_get(&tail->chunks, tail->chunks.count - 1, &id, &size);
    *last = (struct tail_piece){.chunk = tail->chunks.count - 1,
                                .chunks = 1,
                                .plain = size,
                                .stored = size,
                                .offset = tail->size - size,
                                .before = tail->size - size};
    return true;
}

static void append_part(struct buffer *out, const char *data, uint32_t from, uint32_t to, size_t len)
{
    if (to > from)
        CHECK(buffer_append(out, data + (size_t)from * len, (size_t)(to - from) * len) == STATUS_OK);
}

void tail_change(const struct version_tail *tail, bool sealed, const struct tail_change *change, struct buffer *chunks,
                 struct buffer *streams, struct version_tail *changed)
{
    enum { CHUNK_LEN = PACKED_CHUNK_BYTES, STREAM_LEN = PACKED_STREAM_BYTES };
    uint32_t behind = change->chunk + change->chunks, stream_behind = change->stream + change->streams;

    append_part(chunks, tail->chunks.data, 0, change->chunk, CHUNK_LEN);
    append_part(chunks, change->with.data, 0, change->with.count, CHUNK_LEN);
    append_part(chunks, tail->chunks.data, behind, tail->chunks.count, CHUNK_LEN);
    *changed = (struct version_tail){
        .size = tail->size - change->plain_gone + change->plain,
        .chunks = {chunks->data, tail->chunks.count - change->chunks + change->with.count},
    };
    if (!sealed)
        return;
    append_part(streams, tail->streams.data, 0, change->stream, STREAM_LEN);
    packed_streams_append(streams, change->seal, change->plain);
    append_part(streams, tail->streams.data, stream_behind, tail->streams.count, STREAM_LEN);
    changed->streams = (struct packed_streams){streams->data, tail->streams.count - change->streams + 1};
}

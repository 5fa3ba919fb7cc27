/* A stream of bytes becomes chunks: the window takes what the client sends, at most two chunks are under way (one waits
 * for its nodes' durable answers while the next one is sent), and their copies read from the window.
 *
 * Memory of one stream: window_bytes, and per running copy what libcurl buffers for an upload (128 KiB); with two
 * chunks of three copies that is window_bytes + 768 KiB at most. A stream of known size up to one segment takes its
 * size. All chunks but the last are chunk_bytes long. The writer belongs to the task that opened it. */
#include "storage/cluster/chunk_writer.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/task.h"

#define CHUNKS_UNDER_WAY_MAX 2
#define COPY_BUFFER_BYTES    (128u << 10)       /* of libcurl, for a copy that is sent piece by piece */
#define WHOLE_BUFFER_BYTES   (64u << 10)        /* and for one that is sent in one piece, at most the piece's size */
#define CHUNK_START_BYTES    WINDOW_FIRST_BYTES /* a chunk is opened when it has so much, or all */

struct stream_writer {
    struct cluster *cluster;
    struct window window;
    uint64_t expected; /* UINT64_MAX when unknown */
    bool ended, finished;
    uint64_t held_max;   /* a stream up to that size begins no chunk before finish; 0: any does */
    enum status failed;  /* what every call returns from now on */
    uint64_t next_begin; /* where the next chunk will begin, if the stream goes on so far */
    struct chunk_writer *chunks[CHUNKS_UNDER_WAY_MAX]; /* in order, the open ones first */
    unsigned chunk_count;
    struct chunk_list done;
    struct live_chunk *live; /* every chunk that was begun */
    char beyond[64];         /* where bytes beyond the expected size go; any of them is an error */
};

uint64_t stream_writer_memory(const struct cluster *cluster, uint64_t size)
{
    uint64_t window = cluster->config.window_bytes;
    if (size <= WINDOW_SEGMENT_BYTES && size <= window / 2)
        return size + CHUNK_COPIES * (size < WHOLE_BUFFER_BYTES ? size : WHOLE_BUFFER_BYTES);
    unsigned chunks = size > cluster->config.chunk_bytes ? CHUNKS_UNDER_WAY_MAX : 1;
    return (size < window ? size : window) + (uint64_t)chunks * CHUNK_COPIES * COPY_BUFFER_BYTES;
}

enum status stream_writer_open(struct cluster *cluster, uint64_t expected_size, struct stream_writer **writer)
{
    *writer = NULL;
    if (cluster_placeable_count(cluster) < CHUNK_COPIES_MIN)
        return cluster_shortage(cluster);
    struct stream_writer *opened = mem_zalloc(sizeof(*opened));
    opened->cluster = cluster;
    opened->expected = expected_size;
    window_init(&opened->window, cluster->config.window_bytes, expected_size);
    *writer = opened;
    return STATUS_OK;
}

static bool stream_has_ended(const struct stream_writer *writer)
{
    return writer->ended || writer->window.end == writer->expected;
}

/* One of unknown size begins no chunk before its end as long as it is so short. */
static bool stream_is_held(const struct stream_writer *writer)
{
    return writer->expected <= writer->held_max && !writer->ended;
}

/* Opens the next chunk if it is time: not for a few bytes while more are on their way, since a chunk that is there as a
 * whole is sent in one piece. */
static bool open_next(struct stream_writer *writer)
{
    uint64_t begin = writer->next_begin, end = writer->window.end;
    uint64_t limit = begin + writer->cluster->config.chunk_bytes;
    if (writer->chunk_count == CHUNKS_UNDER_WAY_MAX || begin >= end || stream_is_held(writer))
        return false;
    if (limit > writer->expected)
        limit = writer->expected;
    if (end < limit && !stream_has_ended(writer)) {
        bool small = limit - begin <= writer->window.segment_bytes_max;
        if (end - begin < CHUNK_START_BYTES || (small && writer->expected != UINT64_MAX))
            return false;
    }
    struct chunk_writer *chunk = chunk_writer_open(writer->cluster, &writer->window, begin, limit,
                                                   writer->expected != UINT64_MAX, stream_has_ended(writer));
    live_chunks_add(&writer->cluster->live, &writer->live, &chunk->id);
    writer->chunks[writer->chunk_count++] = chunk;
    writer->next_begin = limit;
    return true;
}

/* Takes the oldest chunks that are safe off the row, so that their order is kept. */
static void collect_safe(struct stream_writer *writer, const bool *safe)
{
    unsigned taken = 0;
    while (taken < writer->chunk_count && safe[taken]) {
        struct chunk_ref ref;
        chunk_writer_ref(writer->chunks[taken], &ref);
        chunk_list_append(&writer->done, &ref);
        chunk_writer_free(writer->chunks[taken]);
        taken++;
    }
    writer->chunk_count -= taken;
    memmove(writer->chunks, writer->chunks + taken, writer->chunk_count * sizeof(writer->chunks[0]));
}

static void drop_chunks(struct stream_writer *writer)
{
    for (unsigned i = 0; i < writer->chunk_count; i++)
        chunk_writer_free(writer->chunks[i]);
    writer->chunk_count = 0;
}

/* Does all that can be done without waiting; returns when to look again at the latest. */
static uint64_t stream_pump(struct stream_writer *writer)
{
    uint64_t deadline_ms = CLOCK_NEVER;
    do {
        bool safe[CHUNKS_UNDER_WAY_MAX] = {false};
        deadline_ms = CLOCK_NEVER;
        for (unsigned i = 0; i < writer->chunk_count; i++) {
            struct chunk_writer *chunk = writer->chunks[i];
            chunk_writer_extend(chunk, stream_has_ended(writer));
            enum chunk_state state = chunk_writer_poll(chunk, clock_monotonic_ms(), &deadline_ms);
            safe[i] = state == CHUNK_SAFE;
            if (state == CHUNK_LOST)
                writer->failed = cluster_shortage(writer->cluster);
        }
        if (writer->failed) {
            drop_chunks(writer);
            break;
        }
        collect_safe(writer, safe);
    } while (open_next(writer));
    return deadline_ms;
}

/* The lowest position that may still be needed. */
static uint64_t stream_floor(const struct stream_writer *writer)
{
    uint64_t floor = writer->next_begin < writer->window.end ? writer->next_begin : writer->window.end;
    for (unsigned i = 0; i < writer->chunk_count; i++)
        if (chunk_writer_floor(writer->chunks[i]) < floor)
            floor = chunk_writer_floor(writer->chunks[i]);
    return floor;
}

/* A stalled node must not hold the window against those that go on. It may hold it while one of them is behind, too:
 * only copies that alone keep the first segment are given up. */
static bool stream_drop_stalled(struct stream_writer *writer)
{
    uint64_t position = window_first_segment_end(&writer->window);
    for (unsigned i = 0; i < writer->chunk_count; i++)
        chunk_writer_drop_stalled(writer->chunks[i], position);
    return stream_floor(writer) >= position;
}

enum status stream_writer_space(struct stream_writer *writer, char **space, size_t *capacity)
{
    CHECK(!writer->ended);
    for (;;) {
        uint64_t deadline_ms = stream_pump(writer);
        if (writer->failed)
            return writer->failed;
        if (writer->window.end == writer->expected) {
            *space = writer->beyond;
            *capacity = sizeof(writer->beyond);
            return STATUS_OK;
        }
        if (window_space(&writer->window, stream_floor(writer), space, capacity))
            return STATUS_OK;
        if (!stream_drop_stalled(writer))
            task_park_until(deadline_ms);
    }
}

void stream_writer_commit(struct stream_writer *writer, size_t len)
{
    if (len == 0 || writer->failed)
        return;
    if (writer->window.end == writer->expected) {
        writer->failed = STATUS_MISMATCH; /* more than was announced */
        drop_chunks(writer);
        return;
    }
    window_commit(&writer->window, len);
    stream_pump(writer);
}

enum status stream_writer_write(struct stream_writer *writer, const void *data, size_t len)
{
    const char *from = data;
    while (len > 0) {
        char *space;
        size_t capacity;
        enum status status = stream_writer_space(writer, &space, &capacity);
        if (status)
            return status;
        size_t take = len < capacity ? len : capacity;
        memcpy(space, from, take);
        stream_writer_commit(writer, take);
        from += take;
        len -= take;
    }
    return writer->failed;
}

void stream_writer_hold(struct stream_writer *writer, uint64_t size_max)
{
    CHECK(writer->window.end == 0);
    writer->held_max = size_max < writer->window.segment_bytes_max ? size_max : writer->window.segment_bytes_max;
}

bool stream_writer_carry(struct stream_writer *writer, struct chunk_ref *ref, const char **bytes)
{
    uint64_t size = writer->window.end;
    if (writer->failed || size == 0 || size > writer->held_max || writer->next_begin > 0 ||
        (writer->expected != UINT64_MAX && writer->expected != size))
        return false;
    *bytes = window_tail(&writer->window, size);
    if (!*bytes)
        return false;
    *ref = (struct chunk_ref){.size = (uint32_t)size, .crc32c = crc32c_update(0, *bytes, size)};
    chunk_id_create(&ref->id);
    live_chunks_add(&writer->cluster->live, &writer->live, &ref->id);
    return true;
}

enum status stream_writer_finish(struct stream_writer *writer, struct chunk_list *chunks)
{
    CHECK(!writer->finished);
    if (!writer->failed && writer->expected != UINT64_MAX && writer->window.end != writer->expected)
        writer->failed = STATUS_MISMATCH;
    writer->ended = true;
    for (;;) {
        uint64_t deadline_ms = stream_pump(writer);
        if (writer->failed)
            return writer->failed;
        if (writer->chunk_count == 0 && writer->next_begin >= writer->window.end)
            break;
        task_park_until(deadline_ms);
    }
    for (size_t i = 0; i < writer->done.count; i++)
        chunk_list_append(chunks, &writer->done.refs[i]);
    writer->finished = true;
    return STATUS_OK;
}

void stream_writer_free(struct stream_writer *writer)
{
    if (!writer)
        return;
    drop_chunks(writer);
    if (!writer->finished)
        cluster_discard(writer->cluster, &writer->done);
    live_chunks_end(&writer->cluster->live, &writer->live);
    chunk_list_release(&writer->done);
    window_release(&writer->window);
    free(writer);
}

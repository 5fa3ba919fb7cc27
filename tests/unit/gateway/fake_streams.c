/* Streams of the cluster in memory: what is written lies in chunks on three nodes; what is read comes from the first
 * good copy. */
#include "tests/unit/gateway/fake_cluster_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/clock.h"

#define WINDOW_BYTES (1u << 20)

struct stream_writer {
    struct cluster *cluster;
    char *chunk, *before; /* the one that is filled; the bytes of the one before stay a while, as the real ones do */
    size_t filled;
    struct chunk_list chunks;
    bool finished;
};

uint64_t stream_writer_memory(const struct cluster *cluster, uint64_t size)
{
    (void)cluster;
    return size < WINDOW_BYTES ? size : WINDOW_BYTES;
}

enum status stream_writer_open(struct cluster *cluster, uint64_t expected_size, struct stream_writer **writer)
{
    unsigned writable = cluster_writable_count(cluster);

    (void)expected_size;
    if (writable < CHUNK_COPIES_MIN)
        return fake_too_few(cluster, writable);
    *writer = mem_zalloc(sizeof(**writer));
    (*writer)->cluster = cluster;
    (*writer)->chunk = mem_alloc(cluster->chunk_bytes);
    (*writer)->before = mem_alloc(cluster->chunk_bytes);
    return STATUS_OK;
}

/* One copy on each of three nodes, as far as they take it. */
static enum status chunk_store(struct stream_writer *writer)
{
    struct cluster *cluster = writer->cluster;
    struct chunk_ref ref = {.size = (uint32_t)writer->filled};

    chunk_id_create(&ref.id);
    ref.crc32c = crc32c_update(0, writer->chunk, writer->filled);
    fake_lock(cluster);
    CHECK(cluster->live_count < FAKE_LIVE_MAX);
    cluster->live[cluster->live_count++] = ref.id;
    fake_unlock(cluster);
    for (unsigned number = 1; number <= cluster->count && ref.copies < CHUNK_COPIES; number++) {
        if (!cluster_node_writable(cluster, number) || fake_reach(cluster, number, FAKE_WRITE))
            continue;
        struct fake_copy copy = {.id = ref.id, .size = ref.size, .crc32c = ref.crc32c, .stored_ms = clock_wall_ms()};
        copy.data = memcpy(mem_alloc(ref.size), writer->chunk, ref.size);
        fake_lock(cluster);
        fake_shelf_put(fake_store(cluster, number), &copy);
        fake_unlock(cluster);
        ref.nodes[ref.copies++] = (uint8_t)number;
    }
    chunk_list_append(&writer->chunks, &ref);
    char *next = writer->before;
    writer->before = writer->chunk;
    writer->chunk = next;
    writer->filled = 0;
    return ref.copies < CHUNK_COPIES_MIN ? fake_too_few(cluster, ref.copies) : STATUS_OK;
}

enum status stream_writer_space(struct stream_writer *writer, char **space, size_t *capacity)
{
    enum status status = writer->filled == writer->cluster->chunk_bytes ? chunk_store(writer) : STATUS_OK;

    *space = writer->chunk + writer->filled;
    *capacity = writer->cluster->chunk_bytes - writer->filled;
    return status;
}

void stream_writer_commit(struct stream_writer *writer, size_t len)
{
    writer->filled += len;
    CHECK(writer->filled <= writer->cluster->chunk_bytes);
}

enum status stream_writer_write(struct stream_writer *writer, const void *data, size_t len)
{
    for (size_t taken = 0, capacity; taken < len; taken += capacity) {
        char *space;
        enum status status = stream_writer_space(writer, &space, &capacity);
        if (status)
            return status;
        if (capacity > len - taken)
            capacity = len - taken;
        memcpy(space, (const char *)data + taken, capacity);
        stream_writer_commit(writer, capacity);
    }
    return STATUS_OK;
}

/* Nothing is carried here: the gateway of the fixture has no replication. */
void stream_writer_hold(struct stream_writer *writer, uint64_t size_max)
{
    (void)writer, (void)size_max;
}

bool stream_writer_carry(struct stream_writer *writer, struct chunk_ref *ref, const char **bytes)
{
    (void)writer, (void)ref, (void)bytes;
    return false;
}

enum status stream_writer_finish(struct stream_writer *writer, struct chunk_list *chunks)
{
    enum status status = writer->filled > 0 ? chunk_store(writer) : STATUS_OK;

    if (status)
        return status;
    for (size_t i = 0; i < writer->chunks.count; i++)
        chunk_list_append(chunks, &writer->chunks.refs[i]);
    writer->finished = true;
    return STATUS_OK;
}

static void live_end(struct cluster *cluster, const struct chunk_id *id)
{
    for (size_t i = 0; i < cluster->live_count; i++)
        if (memcmp(&cluster->live[i], id, sizeof(*id)) == 0) {
            cluster->live[i] = cluster->live[--cluster->live_count];
            return;
        }
}

void fake_chunk_live(struct cluster *cluster, const struct chunk_id *id, bool live)
{
    fake_lock(cluster);
    if (live)
        cluster->live[cluster->live_count++] = *id;
    else
        live_end(cluster, id);
    fake_unlock(cluster);
}

void stream_writer_free(struct stream_writer *writer)
{
    struct cluster *cluster = writer->cluster;

    fake_lock(cluster);
    for (size_t i = 0; i < writer->chunks.count; i++) {
        const struct chunk_ref *ref = &writer->chunks.refs[i];
        for (unsigned j = 0; j < ref->copies && !writer->finished; j++)
            fake_shelf_remove(fake_store(cluster, ref->nodes[j]), &ref->id);
        live_end(cluster, &ref->id);
    }
    fake_unlock(cluster);
    chunk_list_release(&writer->chunks);
    free(writer->chunk);
    free(writer->before);
    free(writer);
}

bool cluster_chunk_is_live(struct cluster *cluster, const struct chunk_id *id)
{
    bool live = false;

    fake_lock(cluster);
    for (size_t i = 0; i < cluster->live_count; i++)
        live |= memcmp(&cluster->live[i], id, sizeof(*id)) == 0;
    fake_unlock(cluster);
    return live;
}

struct stream_reader {
    struct cluster *cluster;
    stream_next_fn next;
    void *arg;
    char *data;
};

struct stream_reader *stream_reader_open(struct cluster *cluster, stream_next_fn next, void *arg)
{
    struct stream_reader *reader = mem_zalloc(sizeof(*reader));

    *reader = (struct stream_reader){cluster, next, arg, NULL};
    return reader;
}

/* The bytes of that node's copy. */
static enum status copy_read(struct stream_reader *reader, unsigned number, const struct chunk_ref *ref,
                             uint32_t offset, uint32_t len)
{
    struct cluster *cluster = reader->cluster;
    enum status status = fake_reach(cluster, number, FAKE_READ), bad = STATUS_OK;

    if (status)
        return status;
    fake_lock(cluster);
    const struct fake_copy *copy = fake_shelf_find(fake_store(cluster, number), &ref->id);
    if (copy == NULL)
        bad = STATUS_NOT_FOUND;
    else if (copy->damaged || copy->crc32c != ref->crc32c || copy->data == NULL)
        bad = STATUS_CORRUPT;
    else
        reader->data = memcpy(mem_alloc(len), copy->data + offset, len);
    fake_unlock(cluster);
    if (bad && cluster->on_damage != NULL)
        cluster->on_damage(cluster->damage_arg, &ref->id, number, bad);
    return bad;
}

enum status stream_reader_next(struct stream_reader *reader, struct bytes *out)
{
    enum status status, worst = STATUS_UNAVAILABLE;
    struct chunk_ref ref;
    uint32_t offset, len;

    free(reader->data);
    reader->data = NULL;
    *out = bytes_of(NULL, 0);
    status = reader->next(reader->arg, &ref, &offset, &len);
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    for (unsigned i = 0; i < ref.copies && reader->data == NULL; i++)
        if (copy_read(reader, ref.nodes[i], &ref, offset, len) == STATUS_CORRUPT)
            worst = STATUS_CORRUPT;
    if (reader->data == NULL)
        return worst;
    *out = bytes_of(reader->data, len);
    return STATUS_OK;
}

void stream_reader_close(struct stream_reader *reader)
{
    free(reader->data);
    free(reader);
}

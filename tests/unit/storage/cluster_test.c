/* The cluster and four real nodes in one process, on two loops: many streams at once, a copy that rots on its disk, a
 * copy that is lost and made again, and a small chunk that comes with a record of the metadata. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/http_server.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/pool.h"
#include "base/task.h"
#include "base/change_record.h"
#include "storage/cluster/cluster.h"
#include "storage/cluster/meta_link.h"
#include "storage/node/api.h"
#include "storage/node/meta_replica.h"

#define NODES      4
#define LOOPS      2
#define STREAMS    16
#define CHUNK_SIZE (1u << 20)
#define STREAM_MAX (5u * CHUNK_SIZE)

struct real_node {
    char path[64];
    struct chunk_store *store;
    struct meta_replica *replica;
    struct node_api *api;
    struct http_server *server;
};

static struct {
    char directory[32];
    struct loop_group loops;
    struct pool *pool;
    struct cluster_identity identity;
    struct real_node nodes[NODES];
    struct cluster *cluster;
    unsigned damaged; /* atomic */
} world;

static void on_damage(void *arg, const struct chunk_id *id, unsigned node, enum status why)
{
    (void)arg;
    (void)id;
    (void)why;
    CHECK(node >= 1 && node <= NODES);
    __atomic_add_fetch(&world.damaged, 1, __ATOMIC_RELAXED);
}

static void node_start(unsigned index)
{
    struct real_node *node = &world.nodes[index];
    char error[DISK_ERROR_MAX];
    snprintf(node->path, sizeof(node->path), "%s/node%u", world.directory, index + 1);
    struct chunk_store_config store = {.disk = {.path = node->path, .node_number = index + 1},
                                       .small_bytes_max = 65536};
    memcpy(store.disk.cluster, world.identity.id, CLUSTER_ID_LEN);
    CHECK(chunk_store_open(&store, &node->store, error) == STATUS_OK);
    CHECK(meta_replica_open(node->store, &node->replica, error) == STATUS_OK);
    node->api = node_api_create(&(struct node_api_config){.store = node->store,
                                                          .replica = node->replica,
                                                          .pool = world.pool,
                                                          .identity = &world.identity,
                                                          .server_id = "real",
                                                          .node_number = index + 1,
                                                          .requests_max = 1000});
    struct http_server_config server = {.address = "127.0.0.1", .handler = node_api_handle, .handler_arg = node->api};
    CHECK(http_server_start(&world.loops, &server, &node->server) == STATUS_OK);
}

static int world_setup(void **state)
{
    (void)state;
    char list[256];
    size_t len = 0;
    const char *error;
    memset(&world, 0, sizeof(world));
    strcpy(world.directory, "/tmp/cluster-test-XXXXXX");
    CHECK(mkdtemp(world.directory));
    CHECK(cluster_identity_parse(&world.identity, "00112233445566778899aabbccddeeff", "a secret of the test", &error) ==
          STATUS_OK);
    loop_group_start(&world.loops, LOOPS);
    world.pool = pool_create(4, "test");
    for (unsigned i = 0; i < NODES; i++) {
        node_start(i);
        len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%u=127.0.0.1:%u", i ? "," : "", i + 1,
                                http_server_port(world.nodes[i].server));
    }
    struct cluster_config config = {.nodes = list,
                                    .identity = world.identity,
                                    .chunk_bytes = CHUNK_SIZE,
                                    .window_bytes = 1u << 20,
                                    .stall_ms = 3000,
                                    .node_timeout_ms = 30000,
                                    .health_interval_ms = 200,
                                    .suspect_interval_ms = 100,
                                    .breaker_failures = 5,
                                    .breaker_open_ms = 200};
    CHECK(cluster_create(&config, &world.cluster, &error) == STATUS_OK);
    cluster_on_damage(world.cluster, on_damage, NULL);
    cluster_start(world.cluster, world.loops.loops[0], 10000);
    return cluster_writable_count(world.cluster) == NODES ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static int world_teardown(void **state)
{
    (void)state;
    cluster_stop(world.cluster);
    for (unsigned i = 0; i < NODES; i++)
        http_server_stop(world.nodes[i].server, 5000);
    for (unsigned i = 0; i < NODES; i++)
        http_server_free(world.nodes[i].server);
    cluster_free(world.cluster);
    loop_group_stop(&world.loops);
    pool_free(world.pool);
    for (unsigned i = 0; i < NODES; i++) {
        node_api_free(world.nodes[i].api);
        meta_replica_close(world.nodes[i].replica);
        chunk_store_close(world.nodes[i].store);
    }
    return nftw(world.directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct stream {
    uint64_t seed, size;
    struct chunk_list chunks;
    size_t next_chunk;
    uint64_t received, wrong;
    enum status written, read;
    struct completion over;
};

static char byte_of(const struct stream *stream, uint64_t position)
{
    return (char)((position + stream->seed * 7919) * 2654435761u >> 9);
}

static void stream_write(struct stream *stream)
{
    struct stream_writer *writer;
    uint64_t position = 0;
    stream->written = stream_writer_open(world.cluster, stream->seed % 2 ? stream->size : UINT64_MAX, &writer);
    while (!stream->written && position < stream->size) {
        char *space;
        size_t capacity;
        stream->written = stream_writer_space(writer, &space, &capacity);
        if (stream->written)
            break;
        if (capacity > stream->size - position)
            capacity = (size_t)(stream->size - position);
        for (size_t i = 0; i < capacity; i++)
            space[i] = byte_of(stream, position + i);
        stream_writer_commit(writer, capacity);
        position += capacity;
    }
    if (!stream->written)
        stream->written = stream_writer_finish(writer, &stream->chunks);
    stream_writer_free(writer);
}

static enum status stream_chunk(void *arg, struct chunk_ref *ref, uint32_t *offset, uint32_t *len)
{
    struct stream *stream = arg;
    if (stream->next_chunk == stream->chunks.count)
        return STATUS_NOT_FOUND;
    *ref = stream->chunks.refs[stream->next_chunk++];
    *offset = 0;
    *len = ref->size;
    return STATUS_OK;
}

static void stream_read(struct stream *stream)
{
    struct bytes piece;
    stream->next_chunk = 0;
    stream->received = stream->wrong = 0;
    struct stream_reader *reader = stream_reader_open(world.cluster, stream_chunk, stream);
    do {
        stream->read = stream_reader_next(reader, &piece);
        for (size_t i = 0; i < piece.len; i++)
            stream->wrong += piece.data[i] != byte_of(stream, stream->received + i);
        stream->received += piece.len;
    } while (!stream->read && piece.len > 0);
    stream_reader_close(reader);
}

static void write_and_read(void *arg)
{
    struct stream *stream = arg;
    stream_write(stream);
    if (!stream->written)
        stream_read(stream);
    completion_signal(&stream->over);
}

static void read_again(void *arg)
{
    struct stream *stream = arg;
    stream_read(stream);
    completion_signal(&stream->over);
}

static void stream_run(struct stream *stream, void (*fn)(void *arg), unsigned loop)
{
    completion_init(&stream->over);
    task_spawn(world.loops.loops[loop], fn, stream);
}

static void assert_right(const struct stream *stream)
{
    assert_int_equal(stream->written, STATUS_OK);
    assert_int_equal(stream->read, STATUS_OK);
    assert_int_equal(stream->received, stream->size);
    assert_int_equal(stream->wrong, 0);
    for (size_t i = 0; i < stream->chunks.count; i++)
        assert_int_equal(stream->chunks.refs[i].copies, 3);
}

static void test_many_streams(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {
        0, 1, 4000, 65535, 65536, 65537, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 3u * CHUNK_SIZE + 77, STREAM_MAX};
    struct stream *streams = mem_zalloc(STREAMS * sizeof(*streams));
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < STREAMS; i++) {
            streams[i] =
                (struct stream){.seed = 100 * round + i, .size = sizes[(i + round) % (sizeof(sizes) / sizeof(*sizes))]};
            stream_run(&streams[i], write_and_read, i % LOOPS);
        }
        for (unsigned i = 0; i < STREAMS; i++)
            completion_wait(&streams[i].over);
        for (unsigned i = 0; i < STREAMS; i++) {
            assert_right(&streams[i]);
            chunk_list_release(&streams[i].chunks);
        }
    }
    for (unsigned i = 0; i < NODES; i++) {
        struct cluster_node_info info;
        cluster_node_info(world.cluster, i, &info);
        assert_int_equal(info.failures, 0);
        assert_true(chunk_store_chunks(world.nodes[i].store) > 0);
    }
    assert_int_equal(world.damaged, 0);
    free(streams);
}

/* Flips a byte in the middle of the chunk's file on each node but one. */
static void rot(const struct chunk_ref *ref)
{
    for (unsigned i = 0; i + 1 < ref->copies; i++) {
        char name[CHUNK_ID_TEXT_LEN + 1];
        char path[256];
        char byte;
        chunk_id_format(&ref->id, name);
        snprintf(path, sizeof(path), "%s/chunks/%s/%s", world.nodes[ref->nodes[i] - 1].path,
                 name + CHUNK_ID_TEXT_LEN - 2, name);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(pread(fd, &byte, 1, CHUNK_SIZE / 2), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, CHUNK_SIZE / 2), 1);
        close(fd);
    }
}

static void test_rotten_copies_are_passed_over(void **state)
{
    (void)state;
    struct stream stream = {.seed = 5, .size = 2u * CHUNK_SIZE + 500};
    stream_run(&stream, write_and_read, 1);
    completion_wait(&stream.over);
    assert_right(&stream);
    rot(&stream.chunks.refs[0]);
    rot(&stream.chunks.refs[1]);
    for (unsigned i = 0; i < 20; i++) {
        stream_run(&stream, read_again, i % LOOPS);
        completion_wait(&stream.over);
        assert_right(&stream);
    }
    assert_true(world.damaged > 0);
    uint64_t found = 0;
    for (unsigned i = 0; i < NODES; i++)
        found += chunk_store_corruptions(world.nodes[i].store);
    assert_true(found > 0);
    chunk_list_release(&stream.chunks);
}

struct repair {
    struct stream *stream;
    enum status deleted, pulled;
    struct completion over;
};

/* Moves the first chunk to the node that has no copy, away from all others. */
static void repair_run(void *arg)
{
    struct repair *repair = arg;
    struct chunk_ref *ref = &repair->stream->chunks.refs[0];
    bool gone;
    unsigned target = cluster_pick_target(world.cluster, ref);
    CHECK(target != 0);
    repair->pulled = cluster_chunk_pull(world.cluster, ref, ref->nodes[0], target);
    for (unsigned i = 0; i < ref->copies && !repair->deleted; i++)
        repair->deleted = cluster_chunks_delete(world.cluster, ref->nodes[i], &ref->id, 1, &gone);
    ref->nodes[0] = (uint8_t)target;
    completion_signal(&repair->over);
}

static void test_copy_is_made_again(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {3000, CHUNK_SIZE};
    for (size_t i = 0; i < 2; i++) {
        struct stream stream = {.seed = 6 + i, .size = sizes[i]};
        struct repair repair = {.stream = &stream};
        stream_run(&stream, write_and_read, 0);
        completion_wait(&stream.over);
        assert_right(&stream);
        completion_init(&repair.over);
        task_spawn(world.loops.loops[1], repair_run, &repair);
        completion_wait(&repair.over);
        assert_int_equal(repair.pulled, STATUS_OK);
        assert_int_equal(repair.deleted, STATUS_OK);
        stream_run(&stream, read_again, 0);
        completion_wait(&stream.over);
        assert_right(&stream);
        chunk_list_release(&stream.chunks);
    }
}

struct carrying {
    struct buffer sent, last, none;
    struct cluster_meta_state state;
    enum status before, applied, after;
    struct completion over;
};

static void carry(void *arg)
{
    struct carrying *carrying = arg;
    carrying->before = cluster_meta_last(world.cluster, 0, &carrying->none, &carrying->state);
    carrying->applied = cluster_meta_apply(world.cluster, 0, buffer_bytes(&carrying->sent), &carrying->state);
    carrying->after = cluster_meta_last(world.cluster, 0, &carrying->last, &carrying->state);
    completion_signal(&carrying->over);
}

/* A record with that chunk. Where the record begins. */
static size_t carry_chunk(struct carrying *carrying, const struct carried_chunk *chunk)
{
    const struct carried_set set = {3, {1, 2, 3}};
    size_t block, record;
    buffer_init(&carrying->sent, 4096);
    buffer_init(&carrying->last, 4096);
    buffer_init(&carrying->none, 4096);
    CHECK(carried_block_begin(&carrying->sent, &block) == STATUS_OK);
    CHECK(carried_append(&carrying->sent, block, chunk) == STATUS_OK);
    carried_block_seal(&carrying->sent, block, &set);
    CHECK(change_record_begin(&carrying->sent, &record) == STATUS_OK);
    CHECK(change_append(&carrying->sent, &(struct change){CHANGE_PUT, 2, BYTES("key"), BYTES("value")}) == STATUS_OK);
    CHECK(change_record_seal(&carrying->sent, record, change_epoch_create(1), 1, 1) == STATUS_OK);
    completion_init(&carrying->over);
    task_spawn(world.loops.loops[1], carry, carrying);
    completion_wait(&carrying->over);
    return record;
}

static void carrying_release(struct carrying *carrying)
{
    buffer_release(&carrying->sent);
    buffer_release(&carrying->last);
    buffer_release(&carrying->none);
}

/* The chunk is stored with the record; the record alone is what the node says that it applied last. */
static void test_chunk_is_carried(void **state)
{
    struct carried_chunk chunk = {.size = 4, .crc32c = crc32c_update(0, "tiny", 4), .bytes = "tiny"};
    struct carrying carrying = {.before = STATUS_INTERNAL};
    struct chunk_info info;
    (void)state;
    chunk_id_create(&chunk.id);
    size_t record = carry_chunk(&carrying, &chunk);
    assert_int_equal(carrying.before, STATUS_OK);
    assert_int_equal(carrying.none.len, 0);
    assert_int_equal(carrying.applied, STATUS_OK);
    assert_int_equal(carrying.after, STATUS_OK);
    assert_int_equal(carrying.state.sequence, 1);
    assert_true(
        bytes_equal(buffer_bytes(&carrying.last), bytes_of(carrying.sent.data + record, carrying.sent.len - record)));
    assert_int_equal(chunk_store_stat(world.nodes[0].store, &chunk.id, &info), STATUS_OK);
    assert_int_equal(info.crc32c, chunk.crc32c);
    carrying_release(&carrying);
}

/* It stores what was under way, and its answer says that it takes no more, before any health check does. */
static void test_chunk_is_carried_to_a_full_node(void **state)
{
    struct carried_chunk chunk = {.size = 4, .crc32c = crc32c_update(0, "tiny", 4), .bytes = "tiny"};
    struct carrying carrying = {.before = STATUS_INTERNAL};
    struct disk *disk = chunk_store_disk(world.nodes[0].store);
    struct cluster_node_info node;
    struct disk_space space;
    (void)state;
    assert_int_equal(disk_space(disk, &space), STATUS_OK);
    disk->config.reserve_bytes = 2 * space.free_bytes;
    cluster_node_info(world.cluster, 0, &node);
    assert_false(node.full);
    chunk_id_create(&chunk.id);
    carry_chunk(&carrying, &chunk);
    assert_int_equal(carrying.applied, STATUS_OK);
    assert_true(chunk_store_stat(world.nodes[0].store, &chunk.id, &(struct chunk_info){0}) == STATUS_OK);
    cluster_node_info(world.cluster, 0, &node);
    assert_true(node.full && !node.writable);
    assert_int_equal(carrying.after, STATUS_OK);
    carrying_release(&carrying);
}

int main(void)
{
#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        WITH_WORLD(test_many_streams),
        WITH_WORLD(test_rotten_copies_are_passed_over),
        WITH_WORLD(test_copy_is_made_again),
        WITH_WORLD(test_chunk_is_carried),
        WITH_WORLD(test_chunk_is_carried_to_a_full_node),
    };
    log_init("test", "test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

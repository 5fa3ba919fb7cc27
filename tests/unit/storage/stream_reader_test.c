/* Chunks into a stream: every byte right, whatever some replicas do, and an error when none is left. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_nodes.h"

#define OBJECT_CHUNKS 3
#define CHUNK_SIZE    (1u << 20)
#define LAST_SIZE     200001u /* of the last chunk: its last block is short */
#define OBJECT_SIZE   (2u * CHUNK_SIZE + LAST_SIZE)
#define TABLE_LEN     (4u * (CHUNK_SIZE / CHUNK_BLOCK_BYTES))

static struct {
    struct chunk_list chunks;
    unsigned damaged[FAKE_NODES + 1]; /* reports by node number */
    enum status why;
} object;

static void on_damage(void *arg, const struct chunk_id *id, unsigned node, enum status why)
{
    (void)arg;
    (void)id;
    CHECK(node >= 1 && node <= FAKE_NODES && task_self());
    object.damaged[node]++;
    object.why = why;
}

static void object_write(void *arg)
{
    (void)arg;
    struct stream_writer *writer;
    char *data = mem_alloc(OBJECT_SIZE);
    fake_fill(data, 0, OBJECT_SIZE);
    CHECK(stream_writer_open(fake.cluster, OBJECT_SIZE, &writer) == STATUS_OK);
    CHECK(stream_writer_write(writer, data, OBJECT_SIZE) == STATUS_OK);
    CHECK(stream_writer_finish(writer, &object.chunks) == STATUS_OK);
    stream_writer_free(writer);
    free(data);
}

static int object_setup(void **state)
{
    (void)state;
    struct cluster_config config = fake_config();
    config.chunk_bytes = CHUNK_SIZE;
    memset(&object, 0, sizeof(object));
    fake_start_nodes(0);
    fake_start_cluster(&config);
    cluster_on_damage(fake.cluster, on_damage, NULL);
    fake_run(object_write, NULL);
    return object.chunks.count == OBJECT_CHUNKS ? 0 : -1;
}

static int object_teardown(void **state)
{
    chunk_list_release(&object.chunks);
    return fake_teardown(state);
}

struct download {
    uint64_t offset, len;
    uint64_t close_after; /* bytes after which the reader is closed */
    uint64_t pause_ms;    /* before each read */
    size_t next_chunk;
    uint64_t chunk_begin; /* position of the next chunk */
    uint64_t received, wrong;
    enum status status;
    uint64_t elapsed_ms;
};

static struct download download_of(uint64_t offset, uint64_t len)
{
    return (struct download){.offset = offset, .len = len, .close_after = UINT64_MAX};
}

static enum status download_next(void *arg, struct chunk_ref *ref, uint32_t *offset, uint32_t *len)
{
    struct download *download = arg;
    uint64_t end = download->offset + download->len;
    while (download->next_chunk < object.chunks.count) {
        *ref = object.chunks.refs[download->next_chunk++];
        uint64_t begin = download->chunk_begin;
        download->chunk_begin += ref->size;
        uint64_t from = begin > download->offset ? begin : download->offset;
        uint64_t to = begin + ref->size < end ? begin + ref->size : end;
        if (from >= to)
            continue;
        *offset = (uint32_t)(from - begin);
        *len = (uint32_t)(to - from);
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

static void download_run(void *arg)
{
    struct download *download = arg;
    uint64_t start_ms = clock_monotonic_ms();
    struct stream_reader *reader = stream_reader_open(fake.cluster, download_next, download);
    while (download->received < download->close_after) {
        struct bytes piece;
        if (download->pause_ms)
            task_sleep_ms(download->pause_ms);
        download->status = stream_reader_next(reader, &piece);
        if (download->status || piece.len == 0)
            break;
        for (size_t i = 0; i < piece.len; i++)
            download->wrong += piece.data[i] != fake_byte(download->offset + download->received + i);
        download->received += piece.len;
    }
    stream_reader_close(reader);
    download->elapsed_ms = clock_monotonic_ms() - start_ms;
}

static void assert_downloads(uint64_t offset, uint64_t len)
{
    struct download download = download_of(offset, len);
    fake_run(download_run, &download);
    assert_int_equal(download.status, STATUS_OK);
    assert_int_equal(download.received, len);
    assert_int_equal(download.wrong, 0);
}

static bool node_holds(unsigned index, unsigned chunk)
{
    const struct chunk_ref *ref = &object.chunks.refs[chunk];
    return memchr(ref->nodes, (int)index + 1, ref->copies) != NULL;
}

static unsigned gets_of(unsigned index)
{
    return fake.nodes[index].gets;
}

struct recovery {
    unsigned index;
    bool healthy;
};

static void recovery_wait(void *arg)
{
    struct recovery *recovery = arg;
    struct cluster_node_info info;
    recovery->healthy = FAKE_EVENTUALLY(({
        cluster_node_info(fake.cluster, recovery->index, &info);
        info.healthy;
    }));
}

/* Lets one node after the other fail in this way, until it was asked, and checks every byte. */
static void assert_failover(enum fault fault, size_t fault_at)
{
    for (unsigned index = 0; index < FAKE_NODES; index++) {
        struct recovery recovery = {.index = index};
        if (!node_holds(index, 0) && !node_holds(index, 1) && !node_holds(index, 2))
            continue; /* placement may leave one node out */
        fake_run(recovery_wait, &recovery);
        assert_true(recovery.healthy);
        unsigned before = gets_of(index);
        fake.nodes[index].get_fault = fault;
        fake.nodes[index].fault_at = fault_at;
        for (unsigned i = 0; i < 30 && gets_of(index) == before; i++)
            assert_downloads(0, OBJECT_SIZE);
        assert_true(gets_of(index) > before);
        fake.nodes[index].get_fault = FAULT_NONE;
    }
}

static unsigned damage_reports(void)
{
    unsigned count = 0;
    for (unsigned i = 1; i <= FAKE_NODES; i++)
        count += object.damaged[i];
    return count;
}

static void test_ranges(void **state)
{
    (void)state;
    static const uint64_t ranges[][2] = {{0, OBJECT_SIZE},
                                         {0, 1},
                                         {0, 65536},
                                         {1, 65536},
                                         {65535, 2},
                                         {65536, 65536},
                                         {100000, 5},
                                         {CHUNK_SIZE - 1, 2},
                                         {CHUNK_SIZE, 1},
                                         {70000, 2 * CHUNK_SIZE},
                                         {OBJECT_SIZE - 1, 1},
                                         {OBJECT_SIZE - 70000, 70000},
                                         {CHUNK_SIZE - 100, CHUNK_SIZE + 200}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
        assert_downloads(ranges[i][0], ranges[i][1]);
    assert_downloads(5, 0);
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        struct cluster_node_info info;
        cluster_node_info(fake.cluster, i, &info);
        assert_int_equal(info.failures, 0);
    }
    assert_int_equal(damage_reports(), 0);
}

static void test_load_is_spread(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 30; i++)
        assert_downloads(0, 1000);
    unsigned total = 0;
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        total += gets_of(i);
        if (node_holds(i, 0))
            assert_true(gets_of(i) > 1);
        else
            assert_int_equal(gets_of(i), 0);
    }
    assert_int_equal(total, 30);
}

static void test_server_error(void **state)
{
    (void)state;
    assert_failover(FAULT_ERROR, 0);
    assert_int_equal(damage_reports(), 0);
}

static void test_missing_copy(void **state)
{
    (void)state;
    assert_failover(FAULT_MISSING, 0);
    assert_true(damage_reports() >= 3);
    assert_int_equal(object.why, STATUS_NOT_FOUND);
}

static void test_stalls(void **state)
{
    (void)state;
    assert_failover(FAULT_SILENT, 0);
    assert_failover(FAULT_STALL_AT, TABLE_LEN - 1);
    assert_failover(FAULT_STALL_AT, TABLE_LEN + 3 * CHUNK_BLOCK_BYTES + 100);
    assert_int_equal(damage_reports(), 0);
}

static void test_cut_answers(void **state)
{
    (void)state;
    assert_failover(FAULT_CUT_AT, 0);
    assert_failover(FAULT_CUT_AT, 7);
    assert_failover(FAULT_CUT_AT, TABLE_LEN);
    assert_failover(FAULT_CUT_AT, TABLE_LEN + CHUNK_BLOCK_BYTES);
    assert_failover(FAULT_CUT_AT, TABLE_LEN + CHUNK_SIZE - 1);
    assert_int_equal(damage_reports(), 0);
}

static void test_corrupt_copies(void **state)
{
    (void)state;
    static const size_t positions[] = {0, CHUNK_BLOCK_BYTES, LAST_SIZE - 1};
    for (size_t i = 0; i < sizeof(positions) / sizeof(*positions); i++)
        assert_failover(FAULT_BAD_BLOCK, positions[i]);
    unsigned before = damage_reports();
    assert_true(before >= 3);
    assert_int_equal(object.why, STATUS_CORRUPT);
    assert_failover(FAULT_BAD_TABLE, 0);
    assert_failover(FAULT_BAD_SIZE, 0);
    assert_failover(FAULT_OTHER_BYTES, 99);
    assert_true(damage_reports() >= before + 9);
}

/* Clocks that part after the last health check: no replica is given up for it, not even when all refuse. */
static void test_clock_steps(void **state)
{
    (void)state;
    unsigned refusals = 0;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].clock_ms = 86400000;
    assert_downloads(0, OBJECT_SIZE);
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        struct cluster_node_info info;
        cluster_node_info(fake.cluster, i, &info);
        assert_int_equal(info.failures, 0);
        refusals += fake.nodes[i].refusals;
    }
    assert_in_range(refusals, 1, FAKE_NODES);
    assert_int_equal(damage_reports(), 0);
}

static void first_is_down_wait(void *arg)
{
    *(bool *)arg = FAKE_EVENTUALLY(!cluster_node_readable(fake.cluster, 1));
}

/* A node that refused is asked by a health check whether it is there. */
static void test_refused_connection(void **state)
{
    (void)state;
    bool found_down = false;
    fake_kill(0);
    for (unsigned i = 0; i < 10; i++)
        assert_downloads(0, OBJECT_SIZE);
    fake_run(first_is_down_wait, &found_down);
    assert_true(found_down);
    fake_kill(1);
    for (unsigned i = 0; i < 3; i++)
        assert_downloads(0, OBJECT_SIZE);
}

static void test_none_left(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].get_fault = FAULT_ERROR;
    struct download download = download_of(0, OBJECT_SIZE);
    fake_run(download_run, &download);
    assert_int_equal(download.status, STATUS_UNAVAILABLE);
    assert_int_equal(download.received, 0);
    assert_true(download.elapsed_ms < 1000);

    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].get_fault = i % 2 ? FAULT_BAD_TABLE : FAULT_MISSING;
    download = download_of(0, OBJECT_SIZE);
    fake_run(download_run, &download);
    assert_int_equal(download.status, STATUS_CORRUPT);

    for (unsigned i = 0; i < FAKE_NODES; i++) {
        fake.nodes[i].get_fault = FAULT_BAD_BLOCK;
        fake.nodes[i].fault_at = 3 * CHUNK_BLOCK_BYTES + 5;
    }
    download = download_of(0, OBJECT_SIZE);
    fake_run(download_run, &download);
    assert_int_equal(download.status, STATUS_CORRUPT);
    assert_int_equal(download.received, 3 * CHUNK_BLOCK_BYTES);
    assert_int_equal(download.wrong, 0);

    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].get_fault = FAULT_SILENT;
    download = download_of(0, OBJECT_SIZE);
    fake_run(download_run, &download);
    assert_int_equal(download.status, STATUS_UNAVAILABLE);
    assert_true(download.elapsed_ms < 3 * 300 + 3000 + 1500);
}

static struct fake_node *holder(unsigned copy)
{
    return &fake.nodes[object.chunks.refs[0].nodes[copy % 3] - 1];
}

/* Two replicas stall in mid-chunk, the second one after it has taken over. */
static void test_two_stall_in_turn(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        holder(i)->fault_at = TABLE_LEN + 5 * CHUNK_BLOCK_BYTES + 100;
        holder(i + 1)->fault_at = TABLE_LEN + 2 * CHUNK_BLOCK_BYTES + 100;
        holder(i)->get_fault = holder(i + 1)->get_fault = FAULT_STALL_AT;
        assert_downloads(0, CHUNK_SIZE);
        holder(i)->get_fault = holder(i + 1)->get_fault = FAULT_NONE;
    }
    assert_int_equal(damage_reports(), 0);
}

/* All stall in mid-chunk, or the rest is damaged: an error after the right bytes, no clean end. */
static void test_none_left_in_mid_chunk(void **state)
{
    (void)state;
    for (unsigned damaged = 0; damaged < 3; damaged++) {
        for (unsigned i = 0; i < 3; i++) {
            holder(i)->get_fault = i < damaged ? FAULT_BAD_TABLE : FAULT_STALL_AT;
            holder(i)->fault_at = TABLE_LEN + CHUNK_BLOCK_BYTES + 77;
        }
        struct download download = download_of(0, CHUNK_SIZE);
        fake_run(download_run, &download);
        assert_int_equal(download.status, STATUS_UNAVAILABLE);
        assert_in_range(download.received, CHUNK_BLOCK_BYTES, CHUNK_SIZE - CHUNK_BLOCK_BYTES);
        assert_int_equal(download.received % CHUNK_BLOCK_BYTES, 0);
        assert_int_equal(download.wrong, 0);
    }
}

/* All are slower than the stall time: the second round has more patience. */
static void test_all_slow(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        fake.nodes[i].get_fault = FAULT_SLOW_ONCE;
        fake.nodes[i].delay_ms = 600;
    }
    assert_downloads(1000, 100000);
}

static unsigned open_breakers(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        struct cluster_node_info info;
        cluster_node_info(fake.cluster, i, &info);
        count += info.breaker == BREAKER_OPEN;
    }
    return count;
}

static void breaker_wait(void *arg)
{
    unsigned *open = arg;
    *open = FAKE_EVENTUALLY(open_breakers() >= 3) ? open_breakers() : 0;
}

/* A node is never refused when it is the last one: here the breakers of all that hold the chunk are open. */
static void test_open_breakers_do_not_lock_out(void **state)
{
    (void)state;
    unsigned open = 0;
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        fake.nodes[i].health_fault = FAULT_ERROR;
        fake.nodes[i].get_fault = FAULT_ERROR;
    }
    struct download download = download_of(0, 1000);
    fake_run(download_run, &download);
    assert_int_equal(download.status, STATUS_UNAVAILABLE);
    fake_run(breaker_wait, &open);
    assert_int_equal(open, 3);
    assert_int_equal(cluster_healthy_count(fake.cluster), 1);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].get_fault = FAULT_NONE;
    assert_downloads(0, 1000);
}

/* A client that takes its time makes nodes give transfers up: the bytes still come, and no node is blamed. */
static void test_slow_client_blames_no_node(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        fake.nodes[i].get_fault = FAULT_CUT_AT;
        fake.nodes[i].fault_at = TABLE_LEN + 5 * CHUNK_BLOCK_BYTES;
    }
    struct download download = download_of(0, 8 * CHUNK_BLOCK_BYTES);
    download.pause_ms = 400;
    fake_run(download_run, &download);
    assert_int_equal(download.status, STATUS_OK);
    assert_int_equal(download.received, 8 * CHUNK_BLOCK_BYTES);
    assert_int_equal(download.wrong, 0);
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        struct cluster_node_info info;
        cluster_node_info(fake.cluster, i, &info);
        assert_int_equal(info.failures, 0);
    }
}

static void test_closed_early(void **state)
{
    (void)state;
    static const uint64_t points[] = {0, 1, 70000, CHUNK_SIZE - 300000, CHUNK_SIZE, 2 * CHUNK_SIZE + 1};
    for (size_t i = 0; i < 3 * sizeof(points) / sizeof(*points); i++) {
        for (unsigned j = 0; j < FAKE_NODES; j++) {
            fake.nodes[j].get_fault = i % 3 == 2 && j % 2 ? FAULT_STALL_AT : FAULT_NONE;
            fake.nodes[j].fault_at = 150000;
        }
        struct download download = download_of(0, OBJECT_SIZE);
        download.close_after = points[i / 3];
        fake_run(download_run, &download);
        assert_int_equal(download.status, STATUS_OK);
        assert_int_equal(download.wrong, 0);
    }
}

static void test_bad_records_are_refused(void **state)
{
    (void)state;
    struct chunk_ref good = object.chunks.refs[0];
    object.chunks.refs[0].copies = 0;
    struct download download = download_of(0, 10);
    fake_run(download_run, &download);
    assert_int_equal(download.status, STATUS_CORRUPT);
    object.chunks.refs[0] = good;
    object.chunks.refs[0].crc32c ^= 1; /* no copy is what the record says */
    download = download_of(0, 10);
    fake_run(download_run, &download);
    assert_int_equal(download.status, STATUS_CORRUPT);
    object.chunks.refs[0] = good;
    object.chunks.refs[0].nodes[0] = 77; /* no such node: the others do */
    assert_downloads(0, OBJECT_SIZE);
}

struct single {
    struct chunk_ref ref;
    enum status deleted, deleted_again, pulled, pulled_from_none;
    unsigned target, target_when_all;
};

static void single_run(void *arg)
{
    struct single *single = arg;
    struct chunk_ref all = single->ref;
    bool gone;
    single->target = cluster_pick_target(fake.cluster, &single->ref);
    single->pulled = cluster_chunk_pull(fake.cluster, &single->ref, single->ref.nodes[0], single->target);
    all.nodes[all.copies++] = (uint8_t)single->target;
    single->target_when_all = cluster_pick_target(fake.cluster, &all);
    single->deleted = cluster_chunks_delete(fake.cluster, single->ref.nodes[0], &single->ref.id, 1, &gone);
    single->deleted_again = cluster_chunks_delete(fake.cluster, single->ref.nodes[0], &single->ref.id, 1, &gone);
    single->pulled_from_none =
        cluster_chunk_pull(fake.cluster, &single->ref, single->ref.nodes[0], single->ref.nodes[1]);
}

static void test_single_chunks(void **state)
{
    (void)state;
    struct single single = {.ref = object.chunks.refs[0]};
    fake_run(single_run, &single);
    assert_in_range(single.target, 1, FAKE_NODES);
    assert_false(node_holds(single.target - 1, 0));
    assert_int_equal(single.target_when_all, 0);
    assert_int_equal(single.pulled, STATUS_OK);
    assert_non_null(fake_find(&fake.nodes[single.target - 1], &single.ref.id));
    assert_int_equal(single.deleted, STATUS_OK);
    assert_int_equal(single.deleted_again, STATUS_OK);
    assert_null(fake_find(&fake.nodes[single.ref.nodes[0] - 1], &single.ref.id));
    assert_int_equal(single.pulled_from_none, STATUS_UNAVAILABLE);
}

#define MANY (PROTOCOL_DELETE_MAX + 10)

struct many {
    unsigned node;
    struct chunk_id ids[MANY];
    bool gone[MANY];
    enum status status;
};

static void many_run(void *arg)
{
    struct many *many = arg;
    many->status = cluster_chunks_delete(fake.cluster, many->node, many->ids, MANY, many->gone);
}

static size_t many_gone(const struct many *many)
{
    size_t count = 0;
    for (size_t i = 0; i < MANY; i++)
        count += many->gone[i];
    return count;
}

/* One request for as many as it takes; only what the node says is gone counts as gone. */
static void test_many_chunks_are_deleted(void **state)
{
    struct many *many = mem_zalloc(sizeof(*many));
    unsigned holder = object.chunks.refs[0].nodes[0];
    struct fake_node *node = &fake.nodes[holder - 1];
    (void)state;
    for (size_t i = 0; i < MANY; i++)
        chunk_id_create(&many->ids[i]);
    many->node = holder;
    many->ids[3] = object.chunks.refs[0].id;
    node->kept_last = true;
    fake_run(many_run, many);
    assert_int_equal(many->status, STATUS_OK);
    assert_int_equal(node->delete_requests, 2);
    assert_int_equal(many_gone(many), MANY - 2);
    assert_false(many->gone[PROTOCOL_DELETE_MAX - 1] || many->gone[MANY - 1]);
    assert_null(fake_find(node, &many->ids[3]));
    node->kept_last = false;
    node->answers_short = true;
    fake_run(many_run, many);
    assert_int_equal(many->status, STATUS_INVALID);
    assert_int_equal(many_gone(many), 0);
    many->node = 77; /* no such node */
    fake_run(many_run, many);
    assert_int_equal(many->status, STATUS_UNAVAILABLE);
    free(many);
}

int main(void)
{
#define WITH_OBJECT(test) cmocka_unit_test_setup_teardown(test, object_setup, object_teardown)
    const struct CMUnitTest tests[] = {
        WITH_OBJECT(test_ranges),
        WITH_OBJECT(test_load_is_spread),
        WITH_OBJECT(test_server_error),
        WITH_OBJECT(test_many_chunks_are_deleted),
        WITH_OBJECT(test_missing_copy),
        WITH_OBJECT(test_stalls),
        WITH_OBJECT(test_cut_answers),
        WITH_OBJECT(test_corrupt_copies),
        WITH_OBJECT(test_clock_steps),
        WITH_OBJECT(test_refused_connection),
        WITH_OBJECT(test_none_left),
        WITH_OBJECT(test_two_stall_in_turn),
        WITH_OBJECT(test_none_left_in_mid_chunk),
        WITH_OBJECT(test_all_slow),
        WITH_OBJECT(test_open_breakers_do_not_lock_out),
        WITH_OBJECT(test_slow_client_blames_no_node),
        WITH_OBJECT(test_closed_early),
        WITH_OBJECT(test_bad_records_are_refused),
        WITH_OBJECT(test_single_chunks),
    };
    log_init("test", "test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

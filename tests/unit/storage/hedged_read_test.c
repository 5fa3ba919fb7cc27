/* Hedged reads: a replica that hesitates is overtaken without an error, within the budget, and whatever the other does,
 * only right bytes come out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/metrics.h"
#include "fake_nodes.h"
#include "storage/cluster/hedge.h"
#include "storage/cluster/replica_reader.h"

#define OBJECT_SIZE   3000u
#define STALL_MS      20000 /* longer than any hesitation of this machine: nothing here is a stall */
#define HESITATION_MS 60
#define LONG_SIZE     (16u * CHUNK_BLOCK_BYTES)
#define CUT_AT        (4u * 16 + 3 * CHUNK_BLOCK_BYTES + 100) /* behind the table and three blocks */

static struct chunk_list chunks;

static void object_write(void *arg)
{
    struct stream_writer *writer;
    const uint32_t *size = arg;
    char *data = mem_alloc(*size);
    fake_fill(data, 0, *size);
    CHECK(stream_writer_open(fake.cluster, *size, &writer) == STATUS_OK);
    CHECK(stream_writer_write(writer, data, *size) == STATUS_OK);
    CHECK(stream_writer_finish(writer, &chunks) == STATUS_OK);
    stream_writer_free(writer);
    free(data);
}

static void start_sized(uint64_t hedge_percent, uint32_t size)
{
    struct cluster_config config = fake_config();
    config.stall_ms = STALL_MS;
    config.node_timeout_ms = 2 * STALL_MS;
    config.hedge_percent = hedge_percent;
    chunks = (struct chunk_list){0};
    fake_start_nodes(0);
    fake_start_cluster(&config);
    fake_run(object_write, &size);
    assert_int_equal(chunks.count, 1);
    assert_int_equal(chunks.refs[0].copies, 3);
}

static void start(uint64_t hedge_percent)
{
    start_sized(hedge_percent, OBJECT_SIZE);
}

static int teardown(void **state)
{
    chunk_list_release(&chunks);
    return fake_teardown(state);
}

struct reading {
    unsigned times;
    unsigned right;
    enum status failed; /* the last status that was none */
    uint64_t slowest_ms;
};

static enum status read_once(bool *right)
{
    struct replica_reader *reader;
    struct bytes piece = {0};
    enum status status = replica_reader_open(fake.cluster, &chunks.refs[0], 0, OBJECT_SIZE, &reader);
    if (status)
        return status;
    status = replica_reader_next(reader, &piece);
    *right = !status && piece.len == OBJECT_SIZE;
    for (size_t i = 0; *right && i < piece.len; i++)
        *right = piece.data[i] == fake_byte(i);
    if (!status)
        status = replica_reader_next(reader, &piece); /* the end */
    replica_reader_free(reader);
    return status;
}

static void read_many(void *arg)
{
    struct reading *reading = arg;
    for (unsigned i = 0; i < reading->times; i++) {
        uint64_t begun_ms = clock_monotonic_ms();
        bool right = false;
        enum status status = read_once(&right);
        uint64_t took_ms = clock_monotonic_ms() - begun_ms;
        reading->right += right;
        reading->failed = status ? status : reading->failed;
        reading->slowest_ms = took_ms > reading->slowest_ms ? took_ms : reading->slowest_ms;
    }
}

static struct fake_node *holder(unsigned copy)
{
    return &fake.nodes[chunks.refs[0].nodes[copy] - 1];
}

static uint64_t hedges(void)
{
    return metric_counter_value(fake.cluster->metrics.read_hedges);
}

static uint64_t hedges_won(void)
{
    return metric_counter_value(fake.cluster->metrics.read_hedges_won);
}

static uint64_t failovers(void)
{
    return metric_counter_value(fake.cluster->metrics.read_failovers);
}

static void check_wait(void *arg)
{
    unsigned *checks = arg, before = *checks;
    *checks = FAKE_EVENTUALLY(holder(0)->checks > before) ? holder(0)->checks : before;
}

static void a_silent_node_is_overtaken(void **state)
{
    struct reading reading = {.times = 40};
    struct cluster_node_info info;
    (void)state;
    start(100);
    unsigned checks = holder(0)->checks, checks_before = checks;
    uint64_t hedges_before = hedges(), won_before = hedges_won(), failovers_before = failovers();
    holder(0)->get_fault = FAULT_SILENT;
    fake_run(read_many, &reading);
    assert_int_equal(reading.right, reading.times);
    assert_int_equal(reading.failed, STATUS_OK);
    assert_true(reading.slowest_ms < STALL_MS);
    assert_true(holder(0)->gets > 0);
    assert_true(hedges() - hedges_before >= holder(0)->gets);
    assert_true(hedges_won() - won_before >= holder(0)->gets);
    assert_int_equal(failovers(), failovers_before);
    cluster_node_info(fake.cluster, holder(0)->number - 1, &info);
    assert_int_equal(info.failures, 0); /* it is doubted and checked, not blamed */
    fake_run(check_wait, &checks);
    assert_true(checks > checks_before);
}

/* Two of three say nothing: the hedge hesitates too, and no third one is asked before the stall time. */
static void the_first_may_still_win(void **state)
{
    struct reading reading = {.times = 20};
    (void)state;
    start(100);
    for (unsigned i = 0; i < 3; i++) {
        holder(i)->get_fault = FAULT_SLOW_ONCE;
        holder(i)->delay_ms = HESITATION_MS;
    }
    uint64_t before = hedges();
    fake_run(read_many, &reading);
    assert_int_equal(reading.right, reading.times);
    assert_int_equal(reading.failed, STATUS_OK);
    assert_true(hedges() > before);
    assert_true(holder(0)->gets + holder(1)->gets + holder(2)->gets <= 2 * reading.times);
}

static void a_rival_with_other_bytes_loses(void **state)
{
    struct reading reading = {.times = 20};
    struct cluster_node_info info;
    (void)state;
    start(100);
    holder(0)->get_fault = FAULT_SLOW_ONCE;
    holder(0)->delay_ms = HESITATION_MS;
    holder(1)->get_fault = FAULT_OTHER_BYTES;
    holder(2)->get_fault = FAULT_BAD_TABLE;
    fake_run(read_many, &reading);
    assert_int_equal(reading.right, reading.times);
    assert_int_equal(reading.failed, STATUS_OK);
    cluster_node_info(fake.cluster, holder(0)->number - 1, &info);
    assert_int_equal(info.failures, 0);
    assert_int_equal(holder(0)->gets, reading.times);
}

struct takeover {
    bool healthy; /* all nodes were, before: only good ones are asked second */
    struct fake_node *silent;
    uint64_t received, wrong;
    enum status status;
    uint64_t took_ms;
};

/* Every node cuts its answer in mid-chunk. Once the first bytes are there, one of the other two goes silent and one
 * gets well. */
static void read_with_takeover(void *arg)
{
    struct takeover *takeover = arg;
    struct replica_reader *reader;
    struct bytes piece;
    unsigned gets[3], first = 0;
    takeover->healthy = FAKE_EVENTUALLY(cluster_healthy_count(fake.cluster) == FAKE_NODES);
    for (unsigned i = 0; i < 3; i++) {
        holder(i)->fault_at = CUT_AT;
        holder(i)->get_fault = FAULT_CUT_AT;
        gets[i] = holder(i)->gets;
    }
    uint64_t begun_ms = clock_monotonic_ms();
    takeover->status = replica_reader_open(fake.cluster, &chunks.refs[0], 0, LONG_SIZE, &reader);
    while (!takeover->status) {
        takeover->status = replica_reader_next(reader, &piece);
        if (takeover->status || piece.len == 0)
            break;
        for (size_t i = 0; i < piece.len; i++)
            takeover->wrong += piece.data[i] != fake_byte(takeover->received + i);
        takeover->received += piece.len;
        if (takeover->silent)
            continue;
        while (first < 2 && holder(first)->gets == gets[first])
            first++;
        takeover->silent = holder((first + 1) % 3);
        takeover->silent->get_fault = FAULT_SILENT;
        holder((first + 2) % 3)->get_fault = FAULT_NONE;
    }
    takeover->took_ms = clock_monotonic_ms() - begun_ms;
    replica_reader_free(reader);
}

/* A replica that takes over in mid-chunk may hesitate, too: that is hedged like the beginning. */
static void a_takeover_is_hedged_too(void **state)
{
    unsigned hesitated = 0;
    (void)state;
    start_sized(100, LONG_SIZE);
    for (unsigned i = 0; i < 100 && hesitated < 3; i++) {
        struct takeover takeover = {0};
        unsigned gets[FAKE_NODES];
        for (unsigned j = 0; j < FAKE_NODES; j++)
            gets[j] = fake.nodes[j].gets;
        fake_run(read_with_takeover, &takeover);
        assert_true(takeover.healthy);
        assert_int_equal(takeover.status, STATUS_OK);
        assert_int_equal(takeover.received, LONG_SIZE);
        assert_int_equal(takeover.wrong, 0);
        assert_true(takeover.took_ms < STALL_MS);
        hesitated += takeover.silent->gets > gets[takeover.silent->number - 1];
    }
    assert_int_equal(hesitated, 3);
}

static void the_budget_is_kept(void **state)
{
    struct reading reading = {.times = 200};
    (void)state;
    start(5);
    for (unsigned i = 0; i < 3; i++) {
        holder(i)->get_fault = FAULT_SLOW_ONCE;
        holder(i)->delay_ms = 12; /* just above the shortest delay */
    }
    uint64_t before = hedges();
    fake_run(read_many, &reading);
    assert_int_equal(reading.right, reading.times);
    assert_true(hedges() - before <= reading.times * 5 / 100);
}

static void none_when_there_is_no_budget(void **state)
{
    struct reading reading = {.times = 10};
    (void)state;
    start(0);
    for (unsigned i = 0; i < 3; i++) {
        holder(i)->get_fault = FAULT_SLOW_ONCE;
        holder(i)->delay_ms = HESITATION_MS;
    }
    uint64_t before = hedges();
    fake_run(read_many, &reading);
    assert_int_equal(reading.right, reading.times);
    assert_int_equal(hedges(), before);
    assert_int_equal(holder(0)->gets + holder(1)->gets + holder(2)->gets, reading.times);
}

/* The estimate rests where one answer in twenty is slower. */
static void the_delay_follows_the_node(void **state)
{
    const struct cluster cluster = {.config = {.stall_ms = 500}};
    struct node node = {0}, other = {0};
    (void)state;
    assert_int_equal(hedge_delay_ms(&cluster, &node), 10);
    for (unsigned i = 0; i < 4000; i++)
        hedge_learn(&node, i % 10 == 0 ? 100000 : 1000 + i % 10 * 5000); /* 1 in 10 takes 100 ms, the others 6 to 46 */
    assert_in_range(hedge_delay_ms(&cluster, &node), 60, 150);
    for (unsigned i = 0; i < 4000; i++)
        hedge_learn(&other, 900);
    assert_true(hedge_is_slower(&node, &other));
    assert_false(hedge_is_slower(&other, &node));
    for (unsigned i = 0; i < 200; i++)
        hedge_learn(&node, 10000000);
    assert_int_equal(hedge_delay_ms(&cluster, &node), 250); /* half the stall time at most */
    for (unsigned i = 0; i < 4000; i++)
        hedge_learn(&node, 900);
    assert_int_equal(hedge_delay_ms(&cluster, &node), 10);
    assert_false(hedge_is_slower(&node, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_silent_node_is_overtaken, teardown),
        cmocka_unit_test_teardown(the_first_may_still_win, teardown),
        cmocka_unit_test_teardown(a_rival_with_other_bytes_loses, teardown),
        cmocka_unit_test_teardown(a_takeover_is_hedged_too, teardown),
        cmocka_unit_test_teardown(the_budget_is_kept, teardown),
        cmocka_unit_test_teardown(none_when_there_is_no_budget, teardown),
        cmocka_unit_test(the_delay_follows_the_node),
    };
    log_init("hedged-read-test", "test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

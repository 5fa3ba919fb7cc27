/* Slow writes: the breaker of a node that is far slower than the others opens, unless it cannot be spared; and when all
 * are slow, nobody is singled out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_nodes.h"

#define UPLOADS  12 /* at once */
#define DELAY_MS 800
#define ROUNDS   8

static struct cluster_node_info info_of(unsigned index)
{
    struct cluster_node_info info;
    cluster_node_info(fake.cluster, index, &info);
    return info;
}

static void start_patient(void)
{
    struct cluster_config config = fake_config();
    config.stall_ms = 1000; /* a write is slow after 500 ms, or three times what is usual */
    config.breaker_open_ms = 60000;
    fake_start_nodes(0);
    fake_start_cluster(&config);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].delay_ms = DELAY_MS;
}

struct round {
    size_t size; /* of each upload */
    unsigned running, failed, degraded;
    struct task *waiter;
};

static void upload_run(void *arg)
{
    struct round *round = arg;
    struct stream_writer *writer = NULL;
    struct chunk_list chunks = {0};
    char *data = mem_zalloc(round->size);
    enum status status = stream_writer_open(fake.cluster, round->size, &writer);
    if (!status)
        status = stream_writer_write(writer, data, round->size);
    if (!status)
        status = stream_writer_finish(writer, &chunks);
    stream_writer_free(writer);
    round->failed += status != STATUS_OK;
    round->degraded += status == STATUS_OK && chunks.refs[0].copies != 3;
    chunk_list_release(&chunks);
    free(data);
    round->running--;
    task_unpark(round->waiter);
}

static void uploads_start(struct round *round, unsigned count)
{
    round->waiter = task_self();
    round->running = count;
    for (unsigned i = 0; i < count; i++)
        task_spawn(fake.loops.loops[0], upload_run, round);
}

static void round_run(void *arg)
{
    struct round *round = arg;
    uploads_start(round, UPLOADS);
    while (round->running > 0)
        task_park();
}

/* Uploads, all with three copies, until the breaker is open or some rounds are over. */
static bool opens(unsigned index, unsigned rounds)
{
    for (unsigned i = 0; i < rounds && info_of(index).breaker == BREAKER_CLOSED; i++) {
        struct round round = {.size = 100};
        fake_run(round_run, &round);
        assert_int_equal(round.failed, 0);
        assert_int_equal(round.degraded, 0);
    }
    return info_of(index).breaker != BREAKER_CLOSED;
}

static void test_slow_node_is_shut_out(void **state)
{
    (void)state;
    start_patient();
    assert_false(opens(1, 2));
    fake.nodes[1].put_fault = FAULT_SLOW_ONCE;
    assert_true(opens(1, ROUNDS));
    struct cluster_node_info info = info_of(1);
    assert_string_equal(info.reason, "slow writes: writes take far longer than on the other nodes");
    assert_int_equal(info.last_count, 1);
    assert_int_equal(info.last[0].state, BREAKER_OPEN);
    assert_string_equal(info.last[0].reason, info.reason);
    assert_false(info.healthy);
    assert_true(info.next_probe_ms > clock_wall_ms());
    for (unsigned i = 0; i < FAKE_NODES; i++)
        assert_int_equal(info_of(i).breaker == BREAKER_CLOSED, i != 1);
    unsigned before = fake.nodes[1].puts;
    assert_false(opens(0, 1));
    assert_int_equal(fake.nodes[1].puts, before);
}

static void test_slow_node_that_is_needed_stays(void **state)
{
    (void)state;
    start_patient();
    fake.nodes[3].full = true; /* not known before the next check: a write is refused once */
    fake.nodes[3].put_fault = FAULT_FULL;
    fake.nodes[1].put_fault = FAULT_SLOW_ONCE;
    assert_false(opens(1, ROUNDS));
    assert_true(fake.nodes[1].puts >= (ROUNDS - 1) * UPLOADS);
}

static void test_second_slow_node_stays(void **state)
{
    (void)state;
    start_patient();
    assert_false(opens(1, 2));
    fake.nodes[1].put_fault = fake.nodes[2].put_fault = FAULT_SLOW_ONCE;
    for (unsigned i = 0; i < ROUNDS; i++)
        opens(0, 1);
    assert_true(info_of(1).breaker == BREAKER_CLOSED || info_of(2).breaker == BREAKER_CLOSED);
    assert_true(cluster_writable_count(fake.cluster) >= 3);
}

static void test_all_slow(void **state)
{
    (void)state;
    start_patient();
    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].put_fault = FAULT_SLOW_ONCE;
    for (unsigned i = 0; i < ROUNDS; i++)
        opens(0, 1);
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        assert_int_equal(info_of(i).breaker, BREAKER_CLOSED);
        assert_true(fake.nodes[i].puts > 20);
    }
}

/* A node that stops in the middle of everything: the first uploads that miss its answer are helped out long before it
 * counts as stalled, and those that follow leave it alone. */
static void test_silent_node_is_avoided_early(void **state)
{
    (void)state;
    struct cluster_config config = fake_config();
    config.stall_ms = 20000; /* late after 2 s, which none of the others is on any machine */
    config.node_timeout_ms = 60000;
    fake_start_nodes(0);
    fake_start_cluster(&config);
    assert_false(opens(0, 1));
    fake.nodes[1].put_fault = fake.nodes[1].health_fault = FAULT_SILENT;
    unsigned before = fake.nodes[1].puts;
    uint64_t start_ms = clock_monotonic_ms();
    while (fake.nodes[1].puts == before)
        opens(0, 1);
    before = fake.nodes[1].puts;
    opens(0, 2);
    assert_int_equal(fake.nodes[1].puts, before);
    assert_true(clock_monotonic_ms() - start_ms < config.stall_ms);
    assert_int_equal(info_of(1).breaker, BREAKER_CLOSED);
}

#define STREAMS      6
#define STREAM_BYTES (12 << 20) /* more than sockets hold */

static void streams_run(void *arg)
{
    struct round *round = arg;
    uploads_start(round, STREAMS);
    task_sleep_ms(3 * fake_config().stall_ms);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].released = true;
    while (round->running > 0)
        task_park();
}

/* Two nodes hold large uploads up at the same time, as busy disks do: every upload goes on, and one node at most is
 * shut out for it, however many copies were given up. */
static void test_two_nodes_that_hold_up(void **state)
{
    (void)state;
    struct round round = {.size = STREAM_BYTES};
    struct cluster_config config = fake_config();
    config.breaker_open_ms = 60000;
    config.breaker_failures = 2;
    fake_start_nodes(0);
    fake_start_cluster(&config);
    for (unsigned i = 0; i < 2; i++) {
        fake.nodes[i].put_fault = FAULT_STALL_AT;
        fake.nodes[i].fault_at = 1 << 20;
    }
    fake_run(streams_run, &round);
    assert_int_equal(round.failed, 0);
    assert_true(fake.nodes[0].puts > 1 && fake.nodes[1].puts > 1);
    unsigned open = 0;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        open += info_of(i).breaker != BREAKER_CLOSED;
    assert_in_range(open, 0, 1);
}

static void settle_run(void *arg)
{
    unsigned *chunks = arg;
    FAKE_EVENTUALLY(({
        *chunks = 0;
        for (unsigned i = 0; i < FAKE_NODES; i++)
            *chunks += fake_chunk_count(&fake.nodes[i]);
        *chunks == 3 * UPLOADS;
    }));
}

/* The copies that a late node made after all are deleted, once they are there; and it still counts as healthy. */
static void test_late_copies_are_deleted(void **state)
{
    (void)state;
    struct cluster_config config = fake_config();
    config.stall_ms = 1500; /* late after 150 ms, deleted after 3 s */
    config.node_timeout_ms = 30000;
    fake_start_nodes(0);
    fake_start_cluster(&config);
    fake.nodes[2].delay_ms = 1000;
    fake.nodes[2].put_fault = FAULT_SLOW_ONCE;
    opens(0, 1);
    unsigned puts = 0, chunks = 0;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        puts += fake.nodes[i].puts;
    assert_in_range(puts, 3 * UPLOADS + 1, 4 * UPLOADS);
    fake_run(settle_run, &chunks);
    assert_int_equal(chunks, 3 * UPLOADS);
    assert_int_equal(info_of(2).failures, 0);
    assert_true(info_of(2).healthy);
}

int main(void)
{
#define WITH_NODES(test) cmocka_unit_test_teardown(test, fake_teardown)
    const struct CMUnitTest tests[] = {
        WITH_NODES(test_slow_node_is_shut_out),        WITH_NODES(test_slow_node_that_is_needed_stays),
        WITH_NODES(test_second_slow_node_stays),       WITH_NODES(test_all_slow),
        WITH_NODES(test_silent_node_is_avoided_early), WITH_NODES(test_late_copies_are_deleted),
        WITH_NODES(test_two_nodes_that_hold_up),
    };
    log_init("test", "test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

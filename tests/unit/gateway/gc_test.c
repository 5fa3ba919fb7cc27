/* Freeing what was deleted or replaced: when, on which nodes, and what waits for whom. */
#include "tests/unit/gateway/jobs.h"

#include "base/clock.h"
#include "gateway/replication/lease.h"

static void what_is_deleted_is_freed_on_all_nodes(void **state)
{
    struct fixture *f = *state;

    jobs_start(f);
    jobs_put(f, "/bucket/key");
    assert_int_equal(fake_copy_total(f->gateway.cluster), 3);
    ask(f, ROOT, "DELETE", "/bucket/key", "", NULL);
    PASS_UNTIL(f, 1000, fake_copy_total(f->gateway.cluster) == 0);
    PASS_UNTIL(f, 1000, meta_gc_backlog(f->gateway.meta) == 0);
}

static void what_is_replaced_is_freed_and_the_new_stays(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref before, after;

    jobs_start(f);
    before = jobs_put(f, "/bucket/key");
    fixture_pass(f, 10);
    after = jobs_put(f, "/bucket/key");
    PASS_UNTIL(f, 1000, jobs_copies(f, &before.id) == 0);
    assert_int_equal(jobs_copies(f, &after.id), 3);
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 200, "");
}

/* The older of two is freed when its grace is over, and the younger is still there then. */
static void nothing_is_freed_before_its_grace(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref older, younger;
    uint64_t deleted_ms;

    f->gateway.options.gc_grace_ms = 200 * HOUR_MS;
    jobs_start(f);
    older = jobs_put(f, "/bucket/older");
    fixture_pass(f, 10);
    younger = jobs_put(f, "/bucket/younger");
    deleted_ms = clock_monotonic_ms();
    ask(f, ROOT, "DELETE", "/bucket/older", "", NULL);
    fixture_pass(f, 100 * HOUR_MS);
    ask(f, ROOT, "DELETE", "/bucket/younger", "", NULL);
    PASS_UNTIL(f, HOUR_MS / 4, jobs_copies(f, &older.id) == 0);
    assert_true(clock_monotonic_ms() - deleted_ms >= 200 * HOUR_MS);
    assert_int_equal(jobs_copies(f, &younger.id), 3);
    PASS_UNTIL(f, HOUR_MS / 4, jobs_copies(f, &younger.id) == 0);
}

/* The row waits for the node; nobody is to miss the copies that went. */
static void a_node_that_is_away_frees_when_it_returns(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");

    jobs_start(f);
    fake_cluster_down(f->gateway.cluster, ref.nodes[0], true);
    ask(f, ROOT, "DELETE", "/bucket/key", "", NULL);
    PASS_UNTIL(f, 1000, jobs_copies(f, &ref.id) == 1);
    assert_true(fake_copy_is_there(f->gateway.cluster, ref.nodes[0], &ref.id));
    assert_true(jobs_chunk(f, &ref.id).unwanted);
    assert_int_equal(meta_gc_backlog(f->gateway.meta), 1);
    fake_cluster_down(f->gateway.cluster, ref.nodes[0], false);
    PASS_UNTIL(f, 1000, fake_copy_total(f->gateway.cluster) == 0);
    PASS_UNTIL(f, 1000, meta_gc_backlog(f->gateway.meta) == 0);
}

static void a_node_that_fails_is_asked_again(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");
    struct fake_node *node = fake_node(f->gateway.cluster, ref.nodes[1]);

    node->fails[FAKE_DELETE] = STATUS_IO;
    jobs_start(f);
    ask(f, ROOT, "DELETE", "/bucket/key", "", NULL);
    PASS_UNTIL(f, 1000, jobs_copies(f, &ref.id) == 1 && node->calls[FAKE_DELETE] >= 2);
    assert_int_equal(meta_gc_backlog(f->gateway.meta), 1);
    node->fails[FAKE_DELETE] = STATUS_OK;
    PASS_UNTIL(f, 1000, meta_gc_backlog(f->gateway.meta) == 0);
    assert_int_equal(fake_copy_total(f->gateway.cluster), 0);
}

/* Its request goes on (for so long that a read of the queue may seem to have taken it, too: the collector rests ten
 * times as long then), and the others free what is deleted meanwhile. */
static void a_slow_node_holds_nobody_up(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref first = jobs_put(f, "/bucket/first"), second;
    struct fake_node *slow = fake_node(f->gateway.cluster, first.nodes[0]);

    fixture_pass(f, 10);
    second = jobs_put(f, "/bucket/second");
    jobs_start(f);
    fake_node_slow(f->gateway.cluster, first.nodes[0], (unsigned)(1000 * HOUR_MS));
    ask(f, ROOT, "DELETE", "/bucket/first", "", NULL);
    PASS_UNTIL(f, 1000, jobs_copies(f, &first.id) == 1);
    ask(f, ROOT, "DELETE", "/bucket/second", "", NULL);
    PASS_UNTIL(f, 1000, jobs_copies(f, &second.id) == 1);
    assert_int_equal(slow->calls[FAKE_DELETE], 1); /* it is not asked for more meanwhile */
    fake_node_slow(f->gateway.cluster, first.nodes[0], 0);
    fixture_pass(f, 1000 * HOUR_MS);
    PASS_UNTIL(f, 100 * HOUR_MS, fake_copy_total(f->gateway.cluster) == 0);
}

struct reading {
    struct fixture *fixture;
    struct answer answer;
};

static void *read_object(void *arg)
{
    struct reading *reading = arg;

    ask_bytes(reading->fixture, ROOT, "GET", "/bucket/read", "", (struct bytes){0}, &reading->answer);
    return NULL;
}

static unsigned reads(struct fixture *f)
{
    unsigned count = 0;

    for (unsigned number = 1; number <= FIXTURE_NODES; number++)
        count += fake_node(f->gateway.cluster, number)->calls[FAKE_READ];
    return count;
}

static void slow_down_reads(struct fixture *f, unsigned ms)
{
    for (unsigned number = 1; number <= FIXTURE_NODES; number++)
        fake_node_slow(f->gateway.cluster, number, ms);
}

/* An object that is deleted while somebody reads it is read to its end. */
static void what_is_read_is_not_freed(void **state)
{
    struct fixture *f = *state;
    struct reading reading = {.fixture = f};
    struct chunk_ref read = jobs_put(f, "/bucket/read"), other;
    pthread_t reader;

    fixture_pass(f, 10);
    other = jobs_put(f, "/bucket/other");
    slow_down_reads(f, 1000 * HOUR_MS);
    pthread_create(&reader, NULL, read_object, &reading);
    PASS_UNTIL(f, 0, reads(f) == 1);
    slow_down_reads(f, 0);
    jobs_start(f);
    ask(f, ROOT, "DELETE", "/bucket/read", "", NULL);
    ask(f, ROOT, "DELETE", "/bucket/other", "", NULL);
    PASS_UNTIL(f, 1000, jobs_copies(f, &other.id) == 0);
    assert_int_equal(jobs_copies(f, &read.id), 3);
    fixture_pass(f, 1000 * HOUR_MS);
    pthread_join(reader, NULL);
    assert_int_equal(reading.answer.status, 200);
    assert_string_equal(reading.answer.body, "bytes");
    answer_free(&reading.answer);
    PASS_UNTIL(f, 100 * HOUR_MS, fake_copy_total(f->gateway.cluster) == 0);
}

static void ignore(void *arg, unsigned node, uint32_t fence)
{
    (void)arg, (void)node, (void)fence;
}

/* What is garbage is no business of a gateway that was replaced. */
static void a_gateway_that_was_replaced_frees_nothing(void **state)
{
    const unsigned generation = 1;
    struct fixture *f = *state;

    jobs_put(f, "/bucket/key");
    assert_int_equal(ask(f, ROOT, "DELETE", "/bucket/key", "", NULL), 204);
    for (unsigned number = 1; number <= FIXTURE_NODES; number++)
        fake_node(f->gateway.cluster, number)->replica =
            (struct cluster_meta_state){.epoch = 1, .sequence = 1, .fence = generation + 1, .knows_fences = true};
    f->gateway.lease = lease_start(&(struct lease_config){.cluster = f->gateway.cluster,
                                                          .loop = f->gateway.loops.loops[0],
                                                          .copies = 2,
                                                          .generation = generation,
                                                          .replaced = ignore});
    jobs_start(f);
    PASS_UNTIL(f, 1000, lease_is_lost(f->gateway.lease) && meta_gc_left(f->gateway.meta) == 1);
    assert_int_equal(fake_copy_total(f->gateway.cluster), 3);
    jobs_stop(f);
    lease_stop(f->gateway.lease);
    fixture_pass(f, 1000);
    lease_free(f->gateway.lease);
    f->gateway.lease = NULL;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_deleted_is_freed_on_all_nodes),
        CASE(what_is_replaced_is_freed_and_the_new_stays),
        CASE(nothing_is_freed_before_its_grace),
        CASE(a_node_that_is_away_frees_when_it_returns),
        CASE(a_node_that_fails_is_asked_again),
        CASE(a_slow_node_holds_nobody_up),
        CASE(what_is_read_is_not_freed),
        CASE(a_gateway_that_was_replaced_frees_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Whether the gateway is still the one: what nodes say, how long it counts, and what is so when few of them answer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "gateway/replication/lease.h"
#define FAKE_REAL_TIME
#include "tests/unit/storage/fake_nodes.h"

#define GENERATION 7

static _Atomic uint32_t fences[FAKE_NODES];
static atomic_bool silent[FAKE_NODES];
static atomic_uint asked, told;
static struct lease *lease;

static void handle_meta(struct fake_node *node, struct http_request *request, const struct protocol_auth *auth)
{
    unsigned i = node->number - 1;
    (void)auth;
    asked++;
    while (silent[i] && !node->released && !http_request_is_closed(request))
        task_sleep_ms(5);
    http_reply_header_str(request, "x-tercet-epoch", "0000000700000001");
    http_reply_header_u64(request, "x-tercet-sequence", 1);
    http_reply_header_u64(request, "x-tercet-fence", fences[i]);
    (void)http_reply(request, 204, bytes_of(NULL, 0));
}

static void replaced(void *arg, unsigned node, uint32_t fence)
{
    (void)arg;
    assert_int_equal(fence, fences[node - 1]);
    told++;
}

static int setup(void **state)
{
    struct cluster_config config = fake_config();
    (void)state;
    asked = told = 0;
    fake_start_nodes(0);
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        fences[i] = 0;
        silent[i] = false;
        fake.nodes[i].meta = handle_meta;
    }
    fake_start_cluster(&config);
    lease = lease_start(&(struct lease_config){.cluster = fake.cluster,
                                               .loop = fake.loops.loops[0],
                                               .copies = 2,
                                               .generation = GENERATION,
                                               .replaced = replaced});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        silent[i] = false;
    lease_stop(lease);
    lease_free(lease);
    fake_stop();
    return 0;
}

static void wait_lapsed(void)
{
    clock_move_ms(LEASE_MS);
}

static void test_young_answers_count(void **state)
{
    (void)state;
    assert_true(lease_holds(lease));
    unsigned before = asked;
    uint64_t begun_ms = clock_monotonic_ms();
    for (unsigned i = 0; i < 1000; i++)
        assert_true(lease_holds(lease));
    if (clock_monotonic_ms() - begun_ms < 100) /* none of them was asked again, unless this machine was busy */
        assert_true(asked - before <= FAKE_NODES);
    assert_int_equal(told, 0);
}

/* What was asked before it does not count after it. */
static void test_fence(void **state)
{
    (void)state;
    fences[0] = fences[1] = GENERATION; /* our own */
    assert_true(lease_holds(lease));
    fences[1] = fences[2] = fences[3] = GENERATION + 1024; /* whoever restores must meet all but one */
    wait_lapsed();
    assert_false(lease_holds(lease));
    assert_true(lease_is_lost(lease));
    fences[1] = fences[2] = fences[3] = 0;
    assert_false(lease_holds(lease)); /* for good */
    assert_int_equal(told, 1);
}

/* The one that answers first was away at the restore: a second one is asked for its word. */
static void test_one_node_is_not_enough(void **state)
{
    (void)state;
    fences[1] = fences[2] = fences[3] = GENERATION + 1024;
    silent[1] = silent[2] = true;
    assert_false(lease_holds(lease));
    assert_int_equal(told, 1);
}

/* Reads survive nodes: the last one that answers is believed, after a while. */
static void test_last_node(void **state)
{
    (void)state;
    for (unsigned i = 1; i < FAKE_NODES; i++)
        silent[i] = true;
    uint64_t begun_ms = clock_monotonic_ms();
    assert_true(lease_holds(lease));
    assert_true(clock_monotonic_ms() - begun_ms >= 300);
}

/* None answers: nobody knows; when they do again, all is well. */
static void test_no_node(void **state)
{
    (void)state;
    assert_true(lease_holds(lease));
    for (unsigned i = 0; i < FAKE_NODES; i++)
        silent[i] = true;
    wait_lapsed();
    assert_false(lease_holds(lease));
    assert_false(lease_is_lost(lease));
    for (unsigned i = 0; i < FAKE_NODES; i++)
        silent[i] = false;
    assert_true(lease_holds(lease));
    assert_int_equal(told, 0);
}

/* Who still asks while the gateway stops, such as the discard of a copy, is told at once. */
static void test_stopped(void **state)
{
    (void)state;
    assert_true(lease_holds(lease));
    lease_stop(lease);
    assert_false(lease_holds(lease));
    wait_lapsed();
    assert_false(lease_holds(lease));
    assert_false(lease_is_lost(lease));
    lease_free(lease);
    lease = NULL;
}

static void test_without_replicas(void **state)
{
    (void)state;
    assert_true(lease_holds(NULL));
    assert_false(lease_is_lost(NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_young_answers_count),
        TEST(test_fence),
        TEST(test_one_node_is_not_enough),
        TEST(test_last_node),
        TEST(test_no_node),
        TEST(test_without_replicas),
        TEST(test_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

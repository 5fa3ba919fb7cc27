/* Placement must be deterministic, follow the weights, and move only what it must; node lists must be read strictly. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "storage/cluster/cluster_internal.h"
#include "storage/cluster/placement.h"

#define CHUNKS 40000

static struct chunk_id id_of(unsigned n)
{
    struct chunk_id id = {{0}};
    put_u32(id.bytes + 2, 1700000000u + n / 100);
    put_u32(id.bytes + 12, n);
    return id;
}

static unsigned best_of(const struct chunk_id *id, const uint64_t *weights, unsigned count)
{
    unsigned best = 0;
    for (unsigned i = 1; i < count; i++)
        if (placement_score(id, i + 1, weights[i]) > placement_score(id, best + 1, weights[best]))
            best = i;
    return best;
}

static void test_scores_are_stable(void **state)
{
    (void)state;
    struct chunk_id a = id_of(1), b = id_of(2);
    assert_true(placement_score(&a, 1, 100) == placement_score(&a, 1, 100));
    assert_true(placement_score(&a, 1, 100) != placement_score(&b, 1, 100));
    assert_true(placement_score(&a, 1, 100) != placement_score(&a, 2, 100));
    assert_true(placement_score(&a, 1, 0) == placement_score(&a, 1, 1));
    assert_true(placement_score(&a, 1, 1) > 0);
}

static void test_share_follows_weight(void **state)
{
    (void)state;
    const uint64_t weights[] = {1000, 1000, 2000, 4000};
    unsigned firsts[4] = {0};
    for (unsigned n = 0; n < CHUNKS; n++) {
        struct chunk_id id = id_of(n);
        firsts[best_of(&id, weights, 4)]++;
    }
    for (unsigned i = 0; i < 4; i++) {
        double expected = (double)CHUNKS * (double)weights[i] / 8000;
        assert_true(firsts[i] > 0.94 * expected);
        assert_true(firsts[i] < 1.06 * expected);
    }
}

static void test_new_node_takes_only_its_share(void **state)
{
    (void)state;
    const uint64_t weights[] = {1000, 1000, 1000, 1000, 1000};
    unsigned moved = 0;
    for (unsigned n = 0; n < CHUNKS; n++) {
        struct chunk_id id = id_of(n);
        unsigned before = best_of(&id, weights, 4), after = best_of(&id, weights, 5);
        if (before == after)
            continue;
        assert_int_equal(after, 4);
        moved++;
    }
    assert_in_range(moved, CHUNKS / 5 * 94 / 100, CHUNKS / 5 * 106 / 100);
}

static void test_node_list_accepts(void **state)
{
    (void)state;
    struct node_address *nodes = mem_zalloc(CLUSTER_NODES_MAX * sizeof(*nodes));
    const char *error = NULL;
    unsigned count;
    assert_int_equal(node_list_parse("127.0.0.1:8081, node-2.example:8082,[::1]:8083", nodes, &count, &error), 0);
    assert_int_equal(count, 3);
    assert_int_equal(nodes[2].number, 3);
    assert_string_equal(nodes[1].address, "node-2.example:8082");
    assert_string_equal(nodes[2].address, "[::1]:8083");
    assert_int_equal(node_list_parse("7=a:1,3=b:65535", nodes, &count, &error), 0);
    assert_int_equal(count, 2);
    assert_int_equal(nodes[0].number, 7);
    assert_int_equal(nodes[1].number, 3);
    free(nodes);
}

static void test_node_list_refuses(void **state)
{
    (void)state;
    static const char *const lists[] = {"",      ",",       "a",           "a:",    ":1",      "a:0",       "a:65536",
                                        "a:1,",  "a:1,a:1", "1=a:1,1=b:2", "0=a:1", "256=a:1", "1=a:1,b:2", "x=a:1",
                                        "a/b:1", "a b:1",   "[::1:80",     "[]:80", "a:1?x",   "a:+1"};
    struct node_address *nodes = mem_zalloc(CLUSTER_NODES_MAX * sizeof(*nodes));
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        const char *error = NULL;
        unsigned count;
        assert_int_equal(node_list_parse(lists[i], nodes, &count, &error), STATUS_INVALID);
        assert_non_null(error);
    }
    free(nodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_are_stable),
        cmocka_unit_test(test_share_follows_weight),
        cmocka_unit_test(test_new_node_takes_only_its_share),
        cmocka_unit_test(test_node_list_accepts),
        cmocka_unit_test(test_node_list_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

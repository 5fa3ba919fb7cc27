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
    assert_string_equal(nodes[1].zone, "");
    assert_int_equal(node_list_parse("1=a:1/rack-1,2=[::1]:80/rack_2.b", nodes, &count, &error), 0);
    assert_string_equal(nodes[0].address, "a:1");
    assert_string_equal(nodes[0].zone, "rack-1");
    assert_string_equal(nodes[1].address, "[::1]:80");
    assert_string_equal(nodes[1].zone, "rack_2.b");
    free(nodes);
}

static void test_node_list_refuses(void **state)
{
    (void)state;
    static const char *const lists[] = {"",          ",",     "a",       "a:",          ":1",        "a:0",
                                        "a:65536",   "a:1,",  "a:1,a:1", "1=a:1,1=b:2", "0=a:1",     "256=a:1",
                                        "1=a:1,b:2", "x=a:1", "a/b:1",   "a:1/",        "a:1/b,b:1", "a:1/x y",
                                        "a:1/x/y",   "a b:1", "[::1:80", "[]:80",       "a:1?x",     "a:+1"};
    struct node_address *nodes = mem_zalloc(CLUSTER_NODES_MAX * sizeof(*nodes));
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        const char *error = NULL;
        unsigned count;
        assert_int_equal(node_list_parse(lists[i], nodes, &count, &error), STATUS_INVALID);
        assert_non_null(error);
    }
    free(nodes);
}

/* A cluster of which every node answered its first check and has so much room; none is ever spoken to. */
static struct cluster *cluster_of(const char *nodes, const uint64_t *free_bytes)
{
    const char *error;
    struct cluster *cluster;
    struct cluster_config config = {.nodes = nodes,
                                    .chunk_bytes = 1u << 20,
                                    .window_bytes = 1u << 20,
                                    .stall_ms = 500,
                                    .node_timeout_ms = 30000,
                                    .health_interval_ms = 30000,
                                    .suspect_interval_ms = 1000,
                                    .breaker_failures = 5,
                                    .breaker_open_ms = 5000};
    CHECK(cluster_create(&config, &cluster, &error) == STATUS_OK);
    for (unsigned i = 0; i < cluster->node_count; i++)
        node_check_passed(&cluster->nodes[i],
                          &(struct node_report){.asked_ms = 1, .server_id = "n", .free_bytes = free_bytes[i]}, false);
    return cluster;
}

/* The three places of a chunk, chosen one after the other. */
static uint64_t places_of(struct cluster *cluster, const struct chunk_id *id)
{
    uint64_t chosen = 0;
    for (unsigned copy = 0; copy < CHUNK_COPIES; copy++)
        chosen |= UINT64_C(1) << cluster_place(cluster, id, chosen, chosen)->index;
    return chosen;
}

static void test_copies_go_to_different_zones(void **state)
{
    (void)state;
    static const uint64_t room[] = {1000, 1000, 1000, 1000, 1000, 1000, 1000};
    struct cluster *cluster = cluster_of("a:1/x,a:2/x,a:3/x,a:4/x,a:5/y,a:6/z,a:7/z", room);
    unsigned on_z[2] = {0};
    for (unsigned n = 0; n < 3000; n++) {
        struct chunk_id id = id_of(n);
        uint64_t places = places_of(cluster, &id);
        assert_int_equal(__builtin_popcountll(places & 0x0f), 1);
        assert_int_equal(__builtin_popcountll(places & 0x10), 1);
        assert_int_equal(__builtin_popcountll(places & 0x60), 1);
        on_z[places >> 6 & 1]++;
    }
    assert_in_range(on_z[0], 1300, 1700);
    cluster_free(cluster);
}

static void test_fewer_zones_than_copies(void **state)
{
    (void)state;
    static const uint64_t room[] = {1000, 1000, 1000, 1000};
    struct cluster *cluster = cluster_of("a:1/x,a:2/x,a:3/x,a:4/y", room);
    for (unsigned n = 0; n < 300; n++) {
        struct chunk_id id = id_of(n);
        uint64_t places = places_of(cluster, &id);
        assert_int_equal(__builtin_popcountll(places), 3);
        assert_true(places & 0x08);
    }
    cluster_free(cluster);
}

/* A zone is no reason to take a node that is down, or to prefer one that is doubted. */
static void test_health_comes_before_zones(void **state)
{
    (void)state;
    static const uint64_t room[] = {1000, 1000, 1000, 1000};
    struct cluster *cluster = cluster_of("a:1/x,a:2/x,a:3/y,a:4/z", room);
    node_doubt(&cluster->nodes[3], "stalled");
    for (unsigned n = 0; n < 300; n++) {
        struct chunk_id id = id_of(n);
        assert_int_equal(places_of(cluster, &id), 0x07);
    }
    node_check_failed(&cluster->nodes[3], "away");
    struct chunk_id id = id_of(1);
    assert_null(cluster_place(cluster, &id, 0x07, 0x07));
    cluster_free(cluster);
}

static void test_without_zones_every_node_is_one(void **state)
{
    (void)state;
    static const uint64_t room[] = {1000, 1000, 4000, 2000};
    struct cluster *cluster = cluster_of("a:1,a:2,a:3,a:4", room);
    unsigned firsts[4] = {0};
    for (unsigned n = 0; n < 8000; n++) {
        struct chunk_id id = id_of(n);
        firsts[cluster_place(cluster, &id, 0, 0)->index]++;
        assert_int_equal(__builtin_popcountll(places_of(cluster, &id)), 3);
    }
    assert_in_range(firsts[2], 3800, 4200);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_are_stable),
        cmocka_unit_test(test_share_follows_weight),
        cmocka_unit_test(test_new_node_takes_only_its_share),
        cmocka_unit_test(test_node_list_accepts),
        cmocka_unit_test(test_node_list_refuses),
        cmocka_unit_test(test_copies_go_to_different_zones),
        cmocka_unit_test(test_fewer_zones_than_copies),
        cmocka_unit_test(test_health_comes_before_zones),
        cmocka_unit_test(test_without_zones_every_node_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

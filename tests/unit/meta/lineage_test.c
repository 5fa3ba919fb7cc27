/* Judging replicas by the epochs that a database went through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/change_record.h"
#include "meta/lineage.h"

#define EPOCH(generation, random) ((uint64_t)(generation) << 32 | (random))

static enum standing judge(const struct lineage *lineage, uint64_t last, uint64_t epoch, uint64_t sequence)
{
    const struct meta_position replica = {epoch, sequence};
    return lineage_judge(lineage, last, &replica);
}

static void test_one_epoch(void **state)
{
    struct lineage lineage = {.epoch = EPOCH(1, 7), .restored_generation = 1};
    (void)state;
    assert_int_equal(judge(&lineage, 100, 0, 0), STANDING_PREFIX);
    assert_int_equal(judge(&lineage, 100, EPOCH(1, 7), 100), STANDING_PREFIX);
    assert_int_equal(judge(&lineage, 100, EPOCH(1, 7), 101), STANDING_AHEAD);
    assert_int_equal(judge(&lineage, 100, EPOCH(1, 8), 5), STANDING_FORKED);
    assert_int_equal(judge(&lineage, 100, EPOCH(2, 7), 5), STANDING_AHEAD);
    assert_int_equal(judge(&lineage, 100, EPOCH(0, 7), 1000), STANDING_OVERRULED);
}

/* The log lost 101 to 120 at a restart, and 101 was written anew. */
static void test_lost_tail(void **state)
{
    struct lineage lineage = {.epoch = EPOCH(1, 7), .restored_generation = 1};
    (void)state;
    lineage_advance(&lineage, 100);
    assert_int_equal(change_generation(lineage.epoch), 2);
    assert_int_equal(judge(&lineage, 101, EPOCH(1, 7), 100), STANDING_PREFIX);
    assert_int_equal(judge(&lineage, 101, EPOCH(1, 7), 101), STANDING_FORKED);
    assert_int_equal(judge(&lineage, 200, EPOCH(1, 7), 120), STANDING_FORKED);
    assert_int_equal(judge(&lineage, 200, lineage.epoch, 120), STANDING_PREFIX);
}

static void test_restore_gives_up(void **state)
{
    struct lineage lineage = {.epoch = EPOCH(1, 7), .restored_generation = 1};
    (void)state;
    lineage_advance(&lineage, 100);
    const struct meta_position replica = {lineage.epoch, 150};
    lineage_restore(&lineage, &replica, 9 + LINEAGE_RESTORE_GAP); /* some node is of generation 9 */
    assert_int_equal(change_generation(lineage.epoch), 9 + LINEAGE_RESTORE_GAP);
    assert_int_equal(judge(&lineage, 151, EPOCH(1, 7), 100), STANDING_PREFIX);
    assert_int_equal(judge(&lineage, 151, EPOCH(1, 7), 101), STANDING_OVERRULED);
    assert_int_equal(judge(&lineage, 151, replica.epoch, 150), STANDING_PREFIX);
    assert_int_equal(judge(&lineage, 151, replica.epoch, 151), STANDING_OVERRULED);
    assert_int_equal(judge(&lineage, 151, EPOCH(9, 1), 3), STANDING_OVERRULED);
    /* a node that was away, and holds what a process did that no other heard of */
    assert_int_equal(judge(&lineage, 151, EPOCH(10, 1), 3), STANDING_OVERRULED);
    assert_int_equal(judge(&lineage, 151, EPOCH(9 + LINEAGE_RESTORE_GAP, 1), 3), STANDING_FORKED); /* another restore */

    const struct meta_position earlier = {EPOCH(1, 7), 90}; /* and now from a node that lacks some of that */
    lineage_restore(&lineage, &earlier, 0);
    assert_int_equal(judge(&lineage, 91, EPOCH(1, 7), 90), STANDING_PREFIX);
    assert_int_equal(judge(&lineage, 91, EPOCH(1, 7), 100), STANDING_OVERRULED);
    assert_int_equal(judge(&lineage, 91, replica.epoch, 95), STANDING_OVERRULED);
}

static void test_epoch_of_a_change(void **state)
{
    struct lineage lineage = {.epoch = EPOCH(1, 7), .restored_generation = 1};
    uint64_t end;
    (void)state;
    lineage_advance(&lineage, 100);
    uint64_t second = lineage.epoch;
    lineage_advance(&lineage, 130);
    assert_int_equal(lineage_epoch_at(&lineage, 1, &end), EPOCH(1, 7));
    assert_int_equal(end, 100);
    assert_int_equal(lineage_epoch_at(&lineage, 101, &end), second);
    assert_int_equal(end, 130);
    assert_int_equal(lineage_epoch_at(&lineage, 131, &end), lineage.epoch);
    assert_int_equal(end, UINT64_MAX);
}

/* After more starts than are remembered: what is older gets a snapshot, what is remembered is still told apart. */
static void test_many_epochs(void **state)
{
    struct lineage lineage = {.epoch = EPOCH(1, 7), .restored_generation = 1};
    uint64_t first = lineage.epoch, second = 0;
    (void)state;
    for (unsigned i = 1; i <= LINEAGE_PAST_MAX + 1; i++) {
        lineage_advance(&lineage, 10 * i);
        second = i == 1 ? lineage.epoch : second;
    }
    assert_int_equal(lineage.count, LINEAGE_PAST_MAX);
    assert_int_equal(judge(&lineage, 9999, first, 10), STANDING_OVERRULED);
    assert_int_equal(judge(&lineage, 9999, second, 20), STANDING_PREFIX);
    assert_int_equal(judge(&lineage, 9999, second, 21), STANDING_FORKED);
}

/* Where a record may begin that a node holds beside the database: where it is, or where one of its epochs ended. */
static void test_ends(void **state)
{
    struct lineage lineage = {.epoch = change_epoch_create(3)};
    const uint64_t first = lineage.epoch;
    (void)state;
    lineage_advance(&lineage, 100);
    const struct meta_position then = {first, 100}, amid = {first, 99}, now = {lineage.epoch, 120};
    const struct meta_position before = {lineage.epoch, 119}, other = {change_epoch_create(3), 100};
    assert_true(lineage_ended_at(&lineage, 120, &then));
    assert_false(lineage_ended_at(&lineage, 120, &amid));
    assert_true(lineage_ended_at(&lineage, 120, &now));
    assert_false(lineage_ended_at(&lineage, 120, &before));
    assert_false(lineage_ended_at(&lineage, 120, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_epoch),        cmocka_unit_test(test_lost_tail),
        cmocka_unit_test(test_restore_gives_up), cmocka_unit_test(test_epoch_of_a_change),
        cmocka_unit_test(test_many_epochs),      cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

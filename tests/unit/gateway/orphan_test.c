/* When a copy is old enough to be an orphan, and when there are too many of them to be true. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "gateway/jobs/orphan.h"

#define DAY_MS 86400000

static void test_age(void **state)
{
    (void)state;
    assert_false(clock_age_reached(5 * DAY_MS - 1, 4 * (int64_t)DAY_MS, DAY_MS));
    assert_true(clock_age_reached(5 * DAY_MS, 4 * (int64_t)DAY_MS, DAY_MS));
    assert_true(clock_age_reached(50 * (int64_t)DAY_MS, 4 * (int64_t)DAY_MS, DAY_MS));
}

static void test_times_in_the_future_are_young(void **state)
{
    (void)state;
    assert_false(clock_age_reached(1000, 1001, 0));
    assert_false(clock_age_reached(1000, INT64_MAX, DAY_MS));
    assert_false(clock_age_reached(INT64_MIN, INT64_MAX, DAY_MS));
    assert_true(clock_age_reached(1000, INT64_MIN, DAY_MS));
}

static void test_doubt(void **state)
{
    (void)state;
    assert_false(orphans_are_doubtful(0, 0, 10));
    assert_false(orphans_are_doubtful(1000, 1000, 10)); /* few: the share does not matter */
    assert_true(orphans_are_doubtful(1001, 1001, 10));
    assert_true(orphans_are_doubtful(1001, 10009, 10));
    assert_false(orphans_are_doubtful(1001, 10010, 10));
    assert_false(orphans_are_doubtful(5000000, 5000000, 100));
    assert_true(orphans_are_doubtful(1001, 1000000, 0));
}

static void test_time_of_an_id(void **state)
{
    struct chunk_id id, fixed = {{0x01, 0xa2, 0x06, 0x47, 0xa0, 0x19, 0xff, 0xff}};
    int64_t before_ms = clock_wall_ms();
    (void)state;
    chunk_id_create(&id);
    assert_true(chunk_id_time_ms(&id) >= before_ms && chunk_id_time_ms(&id) <= clock_wall_ms());
    assert_true(chunk_id_time_ms(&fixed) == INT64_C(0x01a20647a019));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_times_in_the_future_are_young),
        cmocka_unit_test(test_doubt),
        cmocka_unit_test(test_time_of_an_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

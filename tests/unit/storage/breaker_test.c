/* Each transition of the breaker, with the time given by the test. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "storage/cluster/breaker.h"

#define FAILURES 5
#define OPEN_MS  1000

static struct breaker breaker_at_start(void)
{
    struct breaker breaker;
    breaker_init(&breaker, FAILURES, OPEN_MS, 42);
    return breaker;
}

static void open_it(struct breaker *breaker, uint64_t now_ms)
{
    for (unsigned i = 0; i < FAILURES; i++)
        breaker_failure(breaker, now_ms);
    assert_int_equal(breaker->state, BREAKER_OPEN);
}

/* Fails the next probe and checks that the pause is from min_ms to min_ms plus a tenth; returns the time of the end. */
static uint64_t expect_pause(struct breaker *breaker, uint64_t now_ms, uint64_t min_ms)
{
    assert_false(breaker_allow(breaker, now_ms + min_ms - 1));
    assert_int_equal(breaker->state, BREAKER_OPEN);
    assert_true(breaker_allow(breaker, now_ms + min_ms + min_ms / 10 + 1));
    assert_int_equal(breaker->state, BREAKER_HALF_OPEN);
    return now_ms + min_ms + min_ms / 10 + 1;
}

static void test_failures_in_a_row_open(void **state)
{
    (void)state;
    struct breaker breaker = breaker_at_start();
    for (unsigned i = 0; i < FAILURES - 1; i++)
        assert_false(breaker_failure(&breaker, 100 + i));
    assert_false(breaker_success(&breaker, 200)); /* breaks the row */
    for (unsigned i = 0; i < FAILURES - 1; i++) {
        assert_false(breaker_failure(&breaker, 300 + i));
        assert_true(breaker_allow(&breaker, 300 + i));
    }
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    assert_true(breaker_failure(&breaker, 400));
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_int_equal(breaker.transitions, 1);
    assert_false(breaker_allow(&breaker, 401));
}

static void test_half_of_the_last_requests_opens(void **state)
{
    (void)state;
    struct breaker breaker = breaker_at_start();
    for (unsigned i = 0; i < BREAKER_HISTORY / 2; i++) {
        assert_false(breaker_success(&breaker, 100 + 2 * i));
        bool opened = breaker_failure(&breaker, 101 + 2 * i);
        assert_int_equal(opened, i == BREAKER_HISTORY / 2 - 1);
    }
    assert_int_equal(breaker.state, BREAKER_OPEN);
}

static void test_fewer_than_half_stay_closed(void **state)
{
    (void)state;
    struct breaker breaker = breaker_at_start();
    for (unsigned i = 0; i < 300; i++)
        if (i % 3 == 0)
            assert_false(breaker_failure(&breaker, 100 + i));
        else
            breaker_success(&breaker, 100 + i);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    assert_int_equal(breaker.transitions, 0);
}

static void test_old_failures_are_no_row(void **state)
{
    (void)state;
    struct breaker breaker = breaker_at_start();
    for (unsigned i = 1; i < 3 * FAILURES; i++)
        assert_false(breaker_failure(&breaker, i * (BREAKER_FORGET_MS + 1)));
    assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void test_probes_close(void **state)
{
    (void)state;
    struct breaker breaker = breaker_at_start();
    open_it(&breaker, 5000);
    uint64_t now_ms = expect_pause(&breaker, 5000, OPEN_MS);
    assert_false(breaker_allow(&breaker, now_ms)); /* one probe at a time */
    for (unsigned i = 0; i < BREAKER_PROBES; i++) {
        assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
        assert_int_equal(breaker_success(&breaker, now_ms), i == BREAKER_PROBES - 1);
        assert_true(breaker_allow(&breaker, now_ms));
    }
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    assert_int_equal(breaker.transitions, 3);
    open_it(&breaker, now_ms); /* a new pause starts from the beginning */
    expect_pause(&breaker, now_ms, OPEN_MS);
}

static void test_failed_probes_double_the_pause(void **state)
{
    (void)state;
    struct breaker breaker = breaker_at_start();
    uint64_t now_ms = 5000, pause_ms = OPEN_MS;
    open_it(&breaker, now_ms);
    for (unsigned i = 0; i < 10; i++) {
        now_ms = expect_pause(&breaker, now_ms, pause_ms);
        assert_true(breaker_failure(&breaker, now_ms));
        pause_ms = 2 * pause_ms > BREAKER_OPEN_MS_MAX ? BREAKER_OPEN_MS_MAX : 2 * pause_ms;
    }
    expect_pause(&breaker, now_ms, BREAKER_OPEN_MS_MAX);
}

static void test_lost_probe_is_forgotten(void **state)
{
    (void)state;
    struct breaker breaker = breaker_at_start();
    open_it(&breaker, 5000);
    uint64_t now_ms = expect_pause(&breaker, 5000, OPEN_MS);
    assert_false(breaker_allow(&breaker, now_ms + BREAKER_PROBE_MS_MAX - 1));
    assert_true(breaker_allow(&breaker, now_ms + BREAKER_PROBE_MS_MAX));
}

static void test_results_while_open_change_nothing(void **state)
{
    (void)state;
    struct breaker breaker = breaker_at_start();
    open_it(&breaker, 5000);
    assert_false(breaker_success(&breaker, 5001));
    assert_false(breaker_failure(&breaker, 5002));
    assert_int_equal(breaker.state, BREAKER_OPEN);
    expect_pause(&breaker, 5000, OPEN_MS);
}

static void test_retry_ends_the_pause(void **state)
{
    (void)state;
    struct breaker breaker = breaker_at_start();
    breaker_retry(&breaker);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    open_it(&breaker, 5000);
    assert_false(breaker_allow(&breaker, 5001));
    breaker_retry(&breaker);
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_true(breaker_allow(&breaker, 5001));
    assert_true(breaker_failure(&breaker, 5002));
    expect_pause(&breaker, 5002, 2 * OPEN_MS);
}

static void test_slow_writes_open(void **state)
{
    (void)state;
    struct breaker breaker = breaker_at_start();
    for (unsigned i = 0; i < BREAKER_HISTORY / 2 - 1; i++) {
        assert_false(breaker_pace(&breaker, true, 100));
        assert_false(breaker_success(&breaker, 100)); /* reads do not hide it */
        assert_false(breaker_success(&breaker, 100));
    }
    for (unsigned i = 0; i < BREAKER_HISTORY; i++) /* the usual pace does, in the end */
        assert_false(breaker_pace(&breaker, false, 100));
    for (unsigned i = 0; i < BREAKER_HISTORY / 2; i++) {
        assert_false(breaker_pace(&breaker, false, 100));
        assert_int_equal(breaker_pace(&breaker, true, 100), i == BREAKER_HISTORY / 2 - 1);
    }
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_int_equal(breaker.cause, BREAKER_SLOW);
    assert_int_equal(breaker.transitions, 1);
    assert_false(breaker_pace(&breaker, true, 101));
    uint64_t now_ms = expect_pause(&breaker, 100, OPEN_MS);
    for (unsigned i = 0; i < BREAKER_HISTORY; i++)
        assert_false(breaker_pace(&breaker, true, now_ms)); /* what was begun before says nothing now */
    assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
}

static void test_causes(void **state)
{
    (void)state;
    struct breaker breaker = breaker_at_start();
    assert_int_equal(breaker.cause, BREAKER_NEVER);
    open_it(&breaker, 5000);
    assert_int_equal(breaker.cause, BREAKER_FAILURES);
    uint64_t now_ms = expect_pause(&breaker, 5000, OPEN_MS);
    assert_true(breaker_failure(&breaker, now_ms));
    assert_int_equal(breaker.cause, BREAKER_PROBE);

    breaker = breaker_at_start();
    for (unsigned i = 0; i < BREAKER_HISTORY; i++)
        i % 2 ? breaker_failure(&breaker, 100) : breaker_success(&breaker, 100);
    assert_int_equal(breaker.cause, BREAKER_RATE);
}

/* A failed probe begins the row of successes anew. */
static void test_probes_must_pass_in_a_row(void **state)
{
    (void)state;
    struct breaker breaker = breaker_at_start();
    open_it(&breaker, 5000);
    uint64_t now_ms = expect_pause(&breaker, 5000, OPEN_MS);
    for (unsigned i = 0; i < BREAKER_PROBES - 1; i++) {
        assert_false(breaker_success(&breaker, now_ms));
        assert_true(breaker_allow(&breaker, now_ms));
    }
    assert_true(breaker_failure(&breaker, now_ms));
    now_ms = expect_pause(&breaker, now_ms, 2 * OPEN_MS);
    for (unsigned i = 0; i < BREAKER_PROBES; i++) {
        assert_int_equal(breaker_success(&breaker, now_ms), i == BREAKER_PROBES - 1);
        breaker_allow(&breaker, now_ms);
    }
    assert_int_equal(breaker.state, BREAKER_CLOSED);
}

/* The pause is over at its very end, up to a tenth late, and not equally late for breakers of different seeds. */
static void test_jitter(void **state)
{
    (void)state;
    uint64_t least = UINT64_MAX, most = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct breaker breaker;
        breaker_init(&breaker, FAILURES, OPEN_MS, seed);
        open_it(&breaker, 5000);
        uint64_t until_ms = breaker.open_until_ms;
        assert_in_range(until_ms, 5000 + OPEN_MS, 5000 + OPEN_MS + OPEN_MS / 10);
        assert_false(breaker_allow(&breaker, until_ms - 1));
        assert_true(breaker_allow(&breaker, until_ms));
        least = until_ms < least ? until_ms : least;
        most = until_ms > most ? until_ms : most;
    }
    assert_true(most - least > OPEN_MS / 20);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(breaker_state_name(BREAKER_CLOSED), "CLOSED");
    assert_string_equal(breaker_state_name(BREAKER_HALF_OPEN), "HALF-OPEN");
    assert_string_equal(breaker_state_name(BREAKER_OPEN), "OPEN");
    assert_string_equal(breaker_cause_name(BREAKER_NEVER), "");
    assert_string_equal(breaker_cause_name(BREAKER_FAILURES), "failures in a row");
    assert_string_equal(breaker_cause_name(BREAKER_RATE), "failure rate");
    assert_string_equal(breaker_cause_name(BREAKER_SLOW), "slow writes");
    assert_string_equal(breaker_cause_name(BREAKER_PROBE), "probe failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures_in_a_row_open),
        cmocka_unit_test(test_half_of_the_last_requests_opens),
        cmocka_unit_test(test_fewer_than_half_stay_closed),
        cmocka_unit_test(test_old_failures_are_no_row),
        cmocka_unit_test(test_probes_close),
        cmocka_unit_test(test_failed_probes_double_the_pause),
        cmocka_unit_test(test_lost_probe_is_forgotten),
        cmocka_unit_test(test_results_while_open_change_nothing),
        cmocka_unit_test(test_retry_ends_the_pause),
        cmocka_unit_test(test_slow_writes_open),
        cmocka_unit_test(test_causes),
        cmocka_unit_test(test_probes_must_pass_in_a_row),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

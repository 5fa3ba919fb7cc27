/* Holding back writes: nothing up to the bound, more the further beyond, and never for ever. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/task.h"
#include "gateway/front/hold_back.h"

static void test_delay(void **state)
{
    const struct hold_back bound = {.rows_max = 1000}, none = {0}, huge = {.rows_max = UINT64_MAX};

    (void)state;
    assert_int_equal(hold_back_delay_ms(&bound, 0), 0);
    assert_int_equal(hold_back_delay_ms(&bound, 1000), 0);
    assert_int_equal(hold_back_delay_ms(&bound, 1001), 1);
    assert_in_range(hold_back_delay_ms(&bound, 1500), 400, 600);
    assert_int_equal(hold_back_delay_ms(&bound, 2000), HOLD_BACK_MS_MAX);
    assert_int_equal(hold_back_delay_ms(&bound, UINT64_MAX), HOLD_BACK_MS_MAX);
    assert_int_equal(hold_back_delay_ms(&none, UINT64_MAX), 0);
    assert_int_equal(hold_back_delay_ms(&huge, UINT64_MAX), 0);
}

struct write {
    struct hold_back *hold_back;
    bool admitted;
    uint64_t took_ms;
    struct completion done;
};

static void write_run(void *arg)
{
    struct write *write = arg;
    uint64_t begun_ms = clock_monotonic_ms();

    write->admitted = hold_back_wait(write->hold_back);
    write->took_ms = clock_monotonic_ms() - begun_ms;
    completion_signal(&write->done);
}

static struct write write_one(struct loop_group *group, struct hold_back *hold_back)
{
    struct write write = {.hold_back = hold_back};

    completion_init(&write.done);
    task_spawn(group->loops[0], write_run, &write);
    completion_wait(&write.done);
    return write;
}

static uint64_t held(void)
{
    return metric_counter_value(metric_counter_get("tercet_writes_held_back_total", "", ""));
}

static void test_writes_wait_then_are_refused_and_go_on(void **state)
{
    struct hold_back hold_back = {.rows_max = 1000};
    struct loop_group group;

    (void)state;
    hold_back_register_metrics();
    loop_group_start(&group, 1);
    assert_true(write_one(&group, &hold_back).admitted);
    assert_int_equal(held(), 0);
    hold_back_update(&hold_back, 1100);
    struct write slow = write_one(&group, &hold_back);
    assert_true(slow.admitted && slow.took_ms >= hold_back_delay_ms(&hold_back, 1100));
    assert_int_equal(held(), 1);
    assert_true(hold_back.told);
    hold_back_update(&hold_back, HOLD_BACK_REFUSE * 1000);
    assert_false(write_one(&group, &hold_back).admitted);
    assert_int_equal(held(), 2);
    hold_back_update(&hold_back, 900);
    assert_true(write_one(&group, &hold_back).admitted);
    assert_true(hold_back.told); /* said once, until it is really over */
    hold_back_update(&hold_back, 500);
    assert_false(hold_back.told);
    assert_int_equal(held(), 2);
    loop_group_stop(&group);
}

int main(void)
{
    log_init("hold-back-test", "test", LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_writes_wait_then_are_refused_and_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

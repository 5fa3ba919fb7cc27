/* Readers wait for what they saw, and for nothing else; what comes to nothing lets them go. */
#include "tests/unit/meta/support.h"

#include <pthread.h>
#include <stdatomic.h>

#include "meta/settle.h"

struct waiting {
    struct settle *settle;
    enum settle_point point;
    uint64_t sequence; /* 0: all that was begun */
    enum status status;
    atomic_bool done;
    pthread_t thread;
};

static void *wait_main(void *arg)
{
    struct waiting *waiting = arg;
    waiting->status = waiting->sequence ? settle_wait(waiting->settle, waiting->point, waiting->sequence)
                                        : settle_wait_durable(waiting->settle);
    waiting->done = true;
    return NULL;
}

static void wait_begin(struct waiting *waiting, struct settle *settle, enum settle_point point, uint64_t sequence)
{
    unsigned before = settle_waiting(settle);
    *waiting = (struct waiting){.settle = settle, .point = point, .sequence = sequence};
    assert_int_equal(pthread_create(&waiting->thread, NULL, wait_main, waiting), 0);
    while (settle_waiting(settle) == before)
        usleep(100);
}

static void wait_end(struct waiting *waiting, enum status expected)
{
    pthread_join(waiting->thread, NULL);
    assert_int_equal(waiting->status, expected);
}

static void test_points(void **state)
{
    struct settle settle = {0};
    struct waiting durable, outcome;
    (void)state;
    settle_init(&settle, 10);
    OK(settle_wait(&settle, SETTLE_OUTCOME, 10));
    OK(settle_wait_durable(&settle));
    settle_begin(&settle, 12);
    OK(settle_wait(&settle, SETTLE_OUTCOME, 10));
    wait_begin(&durable, &settle, SETTLE_DURABLE, 0);
    wait_begin(&outcome, &settle, SETTLE_OUTCOME, 11);
    settle_reach(&settle, SETTLE_DURABLE, 12);
    wait_end(&durable, STATUS_OK);
    assert_false(outcome.done);
    OK(settle_wait_durable(&settle));
    settle_begin(&settle, 13); /* the next group does not hold it up */
    settle_reach(&settle, SETTLE_OUTCOME, 12);
    wait_end(&outcome, STATUS_OK);
    settle_release(&settle);
}

/* What could not be written was never seen, and its numbers are given out again. */
static void test_withdrawn(void **state)
{
    struct settle settle = {0};
    struct waiting waiting;
    (void)state;
    settle_init(&settle, 10);
    settle_begin(&settle, 12);
    wait_begin(&waiting, &settle, SETTLE_DURABLE, 0);
    settle_withdraw(&settle, 10);
    wait_end(&waiting, STATUS_OK);
    OK(settle_wait_durable(&settle));
    settle_begin(&settle, 11);
    wait_begin(&waiting, &settle, SETTLE_DURABLE, 0);
    settle_reach(&settle, SETTLE_DURABLE, 11);
    wait_end(&waiting, STATUS_OK);
    settle_release(&settle);
}

/* What was not durable by then is not known to be any more. */
static void test_failed_sync(void **state)
{
    struct settle settle = {0};
    struct waiting waiting;
    (void)state;
    settle_init(&settle, 10);
    settle_begin(&settle, 12);
    wait_begin(&waiting, &settle, SETTLE_DURABLE, 0);
    settle_fail(&settle);
    wait_end(&waiting, STATUS_UNCERTAIN);
    assert_int_equal(settle_wait(&settle, SETTLE_OUTCOME, 11), STATUS_UNCERTAIN);
    OK(settle_wait(&settle, SETTLE_OUTCOME, 10));
    settle_release(&settle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_withdrawn),
        cmocka_unit_test(test_failed_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

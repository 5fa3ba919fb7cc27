/* Tasks on one loop and across threads: order, the wake token, deadlines, completions, stacks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/task.h"

struct fixture {
    struct loop *loop;
    char trace[64];
    struct task *task;
    int wakes;
    bool result;
    bool ready;
    uint64_t took_ms;
    unsigned left;
    struct completion completion;
};

static void trace(struct fixture *f, char c)
{
    size_t len = strlen(f->trace);

    assert_true(len + 1 < sizeof(f->trace));
    f->trace[len] = c;
}

/* Runs first(f) as a task and the loop until that task or another one stops it. */
static void run(struct fixture *f, task_fn first)
{
    f->loop = loop_create();
    task_spawn(f->loop, first, f);
    loop_run(f->loop);
    assert_int_equal(task_count(), 0);
    loop_free(f->loop);
}

static void traces_b(void *arg)
{
    struct fixture *f = arg;

    trace(f, 'b');
    task_yield();
    trace(f, 'B');
    loop_stop(f->loop);
}

static void traces_a(void *arg)
{
    struct fixture *f = arg;

    assert_ptr_equal(task_loop(task_self()), f->loop);
    assert_ptr_equal(loop_current(), f->loop);
    assert_int_equal(task_count(), 1);
    task_spawn(f->loop, traces_b, f);
    trace(f, 'a');
    task_yield();
    trace(f, 'A');
}

static void a_spawn_and_a_yield_take_turns(void **state)
{
    struct fixture f = {0};

    (void)state;
    assert_null(task_self());
    run(&f, traces_a);
    assert_string_equal(f.trace, "abAB");
    assert_null(loop_current());
}

static void parks_with_a_token(void *arg)
{
    struct fixture *f = arg;

    task_unpark(task_self());
    task_unpark(task_self());
    task_park(); /* takes the one token that both left */
    f->result = task_park_until(clock_monotonic_ms() + 20);
    loop_stop(f->loop);
}

static void unparks_leave_one_token(void **state)
{
    struct fixture f = {.result = true};

    (void)state;
    run(&f, parks_with_a_token);
    assert_false(f.result);
}

static void keeps_token_over_yield(void *arg)
{
    struct fixture *f = arg;

    task_unpark(task_self());
    task_yield();
    f->result = task_park_until(0);
    loop_stop(f->loop);
}

static void a_yield_keeps_the_token(void **state)
{
    struct fixture f = {0};

    (void)state;
    run(&f, keeps_token_over_yield);
    assert_true(f.result);
}

static void parks_too_long(void *arg)
{
    struct fixture *f = arg;
    uint64_t start_ms = clock_monotonic_ms();

    f->result = task_park_until(start_ms + 30);
    f->took_ms = clock_monotonic_ms() - start_ms;
    assert_false(task_park_until(start_ms)); /* in the past */
    task_sleep_ms(10);
    loop_stop(f->loop);
}

static void a_deadline_ends_a_park(void **state)
{
    struct fixture f = {.result = true};

    (void)state;
    run(&f, parks_too_long);
    assert_false(f.result);
    assert_in_range(f.took_ms, 30, 5000);
}

static void unpark(void *arg)
{
    task_unpark(arg);
}

static void busy_ms(uint64_t ms)
{
    uint64_t end_ms = clock_monotonic_ms() + ms;

    while (clock_monotonic_ms() < end_ms)
        ;
}

/* What it waits for has come, but the loop was busy, and the time is over. */
static void parks_late(void *arg)
{
    struct fixture *f = arg;

    loop_post(f->loop, unpark, task_self());
    f->result = task_park_until(clock_monotonic_ms() - 1);
    loop_stop(f->loop);
}

static void is_late(void *arg)
{
    busy_ms(30);
    loop_post(loop_current(), unpark, arg);
}

static void parks_while_the_loop_is_late(void *arg)
{
    struct fixture *f = arg;

    loop_post(f->loop, is_late, task_self());
    f->result = task_park_until(clock_monotonic_ms() + 10);
    loop_stop(f->loop);
}

static void what_has_come_is_not_missed_for_the_time(void **state)
{
    static const task_fn late[] = {parks_late, parks_while_the_loop_is_late};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct fixture f = {0};

        run(&f, late[i]);
        assert_true(f.result);
    }
}

static void wakes_other(void *arg)
{
    struct fixture *f = arg;

    f->ready = true;
    task_unpark(f->task);
    trace(f, 'w'); /* the other one does not run inside of the unpark */
}

static void waits_for_other(void *arg)
{
    struct fixture *f = arg;

    f->task = task_self();
    task_spawn(f->loop, wakes_other, f);
    while (!f->ready)
        f->result = task_park_until(clock_monotonic_ms() + 10000);
    trace(f, 'r');
    loop_stop(f->loop);
}

static void an_unpark_queues_the_task(void **state)
{
    struct fixture f = {0};

    (void)state;
    run(&f, waits_for_other);
    assert_true(f.result);
    assert_string_equal(f.trace, "wr");
}

static void *unpark_thread(void *arg)
{
    struct fixture *f = arg;

    for (int i = 0; i < 2000; i++)
        task_unpark(f->task);
    __atomic_store_n(&f->ready, true, __ATOMIC_RELEASE);
    task_unpark(f->task);
    return NULL;
}

static void parks_until_ready(void *arg)
{
    struct fixture *f = arg;
    pthread_t thread;

    f->task = task_self();
    pthread_create(&thread, NULL, unpark_thread, f);
    while (!__atomic_load_n(&f->ready, __ATOMIC_ACQUIRE)) {
        task_park();
        f->wakes++;
    }
    pthread_join(thread, NULL);
    loop_stop(f->loop);
}

static void other_threads_unpark(void **state)
{
    struct fixture f = {0};

    (void)state;
    run(&f, parks_until_ready);
    assert_in_range(f.wakes, 0, 2001);
}

static void *signal_thread(void *arg)
{
    completion_signal(arg);
    return NULL;
}

static void waits_for_threads(void *arg)
{
    struct fixture *f = arg;

    for (int i = 0; i < 100; i++) {
        struct completion *completion = test_malloc(sizeof(*completion)); /* freed at once: a late touch shows */
        pthread_t thread;

        completion_init(completion);
        pthread_create(&thread, NULL, signal_thread, completion);
        completion_wait(completion);
        test_free(completion);
        pthread_join(thread, NULL);
    }
    f->result = true;
    loop_stop(f->loop);
}

static void a_thread_completes_for_a_task(void **state)
{
    struct fixture f = {0};

    (void)state;
    run(&f, waits_for_threads);
    assert_true(f.result);
}

static void completes(void *arg)
{
    struct fixture *f = arg;

    completion_signal(&f->completion);
}

static void waits_for_task(void *arg)
{
    struct fixture *f = arg;

    completion_init(&f->completion);
    task_spawn(f->loop, completes, f);
    completion_wait(&f->completion);
    f->result = true;
    loop_stop(f->loop);
}

static void a_task_completes_for_a_task(void **state)
{
    struct fixture f = {0};

    (void)state;
    run(&f, waits_for_task);
    assert_true(f.result);
}

static void a_task_completes_for_a_thread(void **state)
{
    struct loop_group group;

    (void)state;
    loop_group_start(&group, 2);
    for (int i = 0; i < 200; i++) {
        struct fixture f = {0};

        completion_init(&f.completion);
        task_spawn(group.loops[i % 2], completes, &f);
        completion_wait(&f.completion);
    }
    loop_group_stop(&group);
    assert_int_equal(task_count(), 0);
}

static unsigned depth(unsigned levels)
{
    volatile char frame[256];

    memset((char *)frame, (int)levels, sizeof(frame));
    return levels == 0 ? 0 : depth(levels - 1) + (frame[0] == (char)levels);
}

static void uses_stack(void *arg)
{
    struct fixture *f = arg;
    double x = 1.5;

    assert_int_equal(depth(200), 200); /* some 60 KiB */
    task_sleep_ms(f->left % 3);
    x *= 2;
    assert_true(x == 3.0);
    if (--f->left == 0)
        loop_stop(f->loop);
}

static void spawns_many(void *arg)
{
    struct fixture *f = arg;

    f->left = 300;
    for (int i = 0; i < 300; i++)
        task_spawn(f->loop, uses_stack, f);
}

static void many_tasks_have_stacks_of_their_own(void **state)
{
    struct fixture f = {0};

    (void)state;
    run(&f, spawns_many);
    assert_int_equal(f.left, 0);
}

static void sets_request_id(void *arg)
{
    struct fixture *f = arg;

    assert_null(task_request_id());
    task_set_request_id("one");
    task_yield();
    assert_string_equal(task_request_id(), "one");
    if (--f->left == 0)
        loop_stop(f->loop);
}

static void a_request_id_belongs_to_one_task(void **state)
{
    struct fixture f = {.left = 2};

    (void)state;
    f.loop = loop_create();
    task_spawn(f.loop, sets_request_id, &f);
    task_spawn(f.loop, sets_request_id, &f);
    loop_run(f.loop);
    loop_free(f.loop);
    assert_int_equal(f.left, 0);
    assert_null(task_request_id());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spawn_and_a_yield_take_turns),   cmocka_unit_test(unparks_leave_one_token),
        cmocka_unit_test(a_yield_keeps_the_token),          cmocka_unit_test(a_deadline_ends_a_park),
        cmocka_unit_test(an_unpark_queues_the_task),        cmocka_unit_test(other_threads_unpark),
        cmocka_unit_test(a_thread_completes_for_a_task),    cmocka_unit_test(a_task_completes_for_a_task),
        cmocka_unit_test(a_task_completes_for_a_thread),    cmocka_unit_test(many_tasks_have_stacks_of_their_own),
        cmocka_unit_test(a_request_id_belongs_to_one_task), cmocka_unit_test(what_has_come_is_not_missed_for_the_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

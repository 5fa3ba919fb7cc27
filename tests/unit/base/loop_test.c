/* Loops: messages from other threads in order, timers by due time, groups, teardown of the HTTP client. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/task.h"

#define TIMERS       200
#define SENDERS      4
#define SENDER_POSTS 5000

struct fixture {
    struct loop *loop;
    struct timer timers[TIMERS];
    unsigned expected, fired;
    uint64_t last_due_ms;
    bool out_of_order, early, late, cancelled_fired, ended;
    unsigned posts;
    int last_post[SENDERS];
};

struct post {
    struct fixture *fixture;
    int sender, number;
};

static struct fixture fixture; /* timer callbacks get no argument of their own */

/* A millisecond passes each turn of the loop, until the test's end. */
static void on_step(void *arg)
{
    (void)arg;
    clock_move_ms(1);
    if (!fixture.ended && fixture.fired < fixture.expected)
        loop_post(fixture.loop, on_step, NULL);
}

static void on_timer(struct timer *timer)
{
    uint64_t now_ms = clock_monotonic_ms();

    fixture.out_of_order |= timer->due_ms < fixture.last_due_ms;
    fixture.early |= now_ms < timer->due_ms;
    fixture.late |= now_ms > timer->due_ms + 1;
    fixture.last_due_ms = timer->due_ms;
    assert_int_equal(timer->slot, 0);
    assert_null(task_self());
    if (++fixture.fired == fixture.expected)
        loop_stop(fixture.loop);
}

static void on_cancelled(struct timer *timer)
{
    (void)timer;
    fixture.cancelled_fired = true;
}

static void timers_fire_in_order_of_due_time(void **state)
{
    (void)state;
    fixture = (struct fixture){.loop = loop_create()};
    srand(7);
    for (int i = 0; i < TIMERS; i++)
        timer_set(fixture.loop, &fixture.timers[i], (uint64_t)(rand() % 60), i % 4 == 0 ? on_cancelled : on_timer);
    for (int i = 1; i < TIMERS; i += 4) /* moved: some forward, some back */
        timer_set(fixture.loop, &fixture.timers[i], (uint64_t)(rand() % 60), on_timer);
    for (int i = 0; i < TIMERS; i += 4) {
        timer_cancel(&fixture.timers[i]);
        timer_cancel(&fixture.timers[i]);
    }
    fixture.expected = TIMERS - TIMERS / 4;
    loop_post(fixture.loop, on_step, NULL);
    loop_run(fixture.loop);
    assert_int_equal(fixture.fired, fixture.expected);
    assert_false(fixture.out_of_order);
    assert_false(fixture.early);
    assert_false(fixture.late);
    assert_false(fixture.cancelled_fired);
    loop_free(fixture.loop);
}

static void on_leap(struct timer *timer)
{
    fixture.fired++;
    if (fixture.fired < 5)
        timer_set(timer->loop, timer, 3600000, on_leap);
    else
        loop_stop(timer->loop);
}

/* Hours in which nothing happens take no time, and what happens at one moment is not skipped. */
static void idle_time_is_skipped(void **state)
{
    uint64_t start_ms = clock_monotonic_ms();

    (void)state;
    fixture = (struct fixture){.loop = loop_create()};
    clock_skip_idle(true);
    timer_set(fixture.loop, &fixture.timers[0], 3600000, on_leap);
    loop_run(fixture.loop);
    clock_skip_idle(false);
    assert_int_equal(fixture.fired, 5);
    assert_int_equal(clock_monotonic_ms() - start_ms, 5 * 3600000);
    loop_free(fixture.loop);
}

static void on_rearm(struct timer *timer)
{
    if (++fixture.fired == 5)
        loop_stop(fixture.loop);
    else
        timer_set(timer->loop, timer, 0, on_rearm);
}

static void a_timer_rearms_itself(void **state)
{
    (void)state;
    fixture = (struct fixture){.loop = loop_create()};
    timer_set(fixture.loop, &fixture.timers[0], 0, on_rearm);
    loop_run(fixture.loop);
    assert_int_equal(fixture.fired, 5);
    loop_free(fixture.loop);
}

static void on_post(void *arg)
{
    struct post *post = arg;
    struct fixture *f = post->fixture;

    f->out_of_order |= post->number != f->last_post[post->sender] + 1;
    f->last_post[post->sender] = post->number;
    free(post);
    if (++f->posts == SENDERS * SENDER_POSTS)
        loop_stop(f->loop);
}

static void *sender_thread(void *arg)
{
    struct post *first = arg;

    for (int i = 1; i <= SENDER_POSTS; i++) {
        struct post *post = malloc(sizeof(*post));

        *post = (struct post){first->fixture, first->sender, i};
        loop_post(first->fixture->loop, on_post, post);
    }
    return NULL;
}

static void posts_arrive_in_order_per_sender(void **state)
{
    struct post first[SENDERS];
    pthread_t threads[SENDERS];

    (void)state;
    fixture = (struct fixture){.loop = loop_create()};
    for (int i = 0; i < SENDERS; i++) {
        first[i] = (struct post){&fixture, i, 0};
        pthread_create(&threads[i], NULL, sender_thread, &first[i]);
    }
    loop_run(fixture.loop);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(fixture.posts, SENDERS * SENDER_POSTS);
    assert_false(fixture.out_of_order);
    loop_free(fixture.loop);
}

struct ping {
    struct loop *loops[2];
    unsigned left;
    struct completion done;
};

static void on_ping(void *arg)
{
    struct ping *ping = arg;

    assert_ptr_equal(loop_current(), ping->loops[ping->left % 2]);
    if (--ping->left == 0)
        completion_signal(&ping->done);
    else
        loop_post(ping->loops[ping->left % 2], on_ping, ping);
}

static void loops_wake_each_other(void **state)
{
    struct loop_group group;
    struct ping ping = {.left = 2001};

    (void)state;
    loop_group_start(&group, 2);
    ping.loops[0] = group.loops[0];
    ping.loops[1] = group.loops[1];
    completion_init(&ping.done);
    loop_post(group.loops[1], on_ping, &ping);
    completion_wait(&ping.done);
    assert_int_equal(ping.left, 0);
    loop_group_stop(&group);
}

static void sleeps_past_the_stop(void *arg)
{
    (void)arg;
    task_sleep_ms(4000);
    fixture.ended = true;
}

static void a_stopped_loop_waits_for_its_tasks(void **state)
{
    uint64_t start_ms = clock_monotonic_ms();

    (void)state;
    fixture = (struct fixture){.loop = loop_create(), .expected = 1};
    task_spawn(fixture.loop, sleeps_past_the_stop, NULL);
    loop_stop(fixture.loop);
    loop_post(fixture.loop, on_step, NULL);
    loop_run(fixture.loop);
    assert_true(fixture.ended);
    assert_in_range(clock_monotonic_ms() - start_ms, 4000, 4004);
    loop_free(fixture.loop);
}

static void free_client(void *client)
{
    assert_non_null(loop_current());
    ++*(int *)client;
}

static void the_http_client_is_freed_with_its_loop(void **state)
{
    struct loop *loop = loop_create();
    int freed = 0;

    (void)state;
    assert_null(loop_http_client(loop));
    loop_set_http_client(loop, &freed, free_client);
    assert_ptr_equal(loop_http_client(loop), &freed);
    loop_stop(loop);
    loop_run(loop);
    assert_int_equal(freed, 0);
    loop_free(loop);
    assert_int_equal(freed, 1);
}

static int hold(void **state)
{
    (void)state;
    clock_hold();
    return 0;
}

static int release(void **state)
{
    (void)state;
    clock_release();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_in_order_of_due_time, hold, release),
        cmocka_unit_test_setup_teardown(idle_time_is_skipped, hold, release),
        cmocka_unit_test(a_timer_rearms_itself),
        cmocka_unit_test(posts_arrive_in_order_per_sender),
        cmocka_unit_test(loops_wake_each_other),
        cmocka_unit_test_setup_teardown(a_stopped_loop_waits_for_its_tasks, hold, release),
        cmocka_unit_test(the_http_client_is_freed_with_its_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

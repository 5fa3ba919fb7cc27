/* The worker pool: work of tasks suspends them, work of threads runs in place, nothing queued is lost. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "base/loop.h"
#include "base/pool.h"
#include "base/task.h"

#define TASKS 50
#define RUNS  40

struct fixture {
    struct pool *pool;
    struct loop *loop;
    pthread_t worker, runner;
    unsigned left;
    unsigned ran; /* atomic */
    bool wrong_thread;
    unsigned turns;
    struct completion gate, entered;
};

static void count(void *arg)
{
    struct fixture *f = arg;

    __atomic_fetch_add(&f->ran, 1, __ATOMIC_RELAXED);
    if (loop_current() != NULL)
        f->wrong_thread = true;
}

static void runs_work(void *arg)
{
    struct fixture *f = arg;

    for (int i = 0; i < RUNS; i++)
        pool_run(f->pool, count, f);
    if (--f->left == 0)
        loop_stop(f->loop);
}

static void tasks_run_work_on_the_workers(void **state)
{
    struct fixture f = {.pool = pool_create(3, "test"), .loop = loop_create(), .left = TASKS};

    (void)state;
    for (int i = 0; i < TASKS; i++)
        task_spawn(f.loop, runs_work, &f);
    loop_run(f.loop);
    assert_int_equal(f.ran, TASKS * RUNS);
    assert_false(f.wrong_thread);
    loop_free(f.loop);
    pool_free(f.pool);
}

static void note_thread(void *arg)
{
    struct fixture *f = arg;

    f->worker = pthread_self();
}

static void a_plain_thread_runs_its_work_itself(void **state)
{
    struct fixture f = {.pool = pool_create(1, "test")};

    (void)state;
    pool_run(f.pool, note_thread, &f);
    assert_true(pthread_equal(f.worker, pthread_self()));
    pool_free(f.pool);
}

static void wait_for_gate(void *arg)
{
    struct fixture *f = arg;

    completion_init(&f->gate);
    completion_signal(&f->entered);
    completion_wait(&f->gate);
}

static void free_waits_for_queued_work(void **state)
{
    struct fixture f = {.pool = pool_create(1, "a rather long name")};

    (void)state;
    completion_init(&f.entered);
    pool_submit(f.pool, wait_for_gate, &f);
    completion_wait(&f.entered);
    for (int i = 0; i < 100; i++)
        pool_submit(f.pool, count, &f);
    assert_int_equal(pool_backlog(f.pool), 100);
    completion_signal(&f.gate);
    pool_free(f.pool);
    assert_int_equal(f.ran, 100);
}

static void wait_in_pool(void *arg)
{
    struct fixture *f = arg;

    pool_run(f->pool, wait_for_gate, f);
    loop_stop(f->loop);
}

static void turn_then_open(void *arg)
{
    struct fixture *f = arg;

    completion_wait(&f->entered);
    for (f->turns = 0; f->turns < 10; f->turns++)
        task_yield();
    completion_signal(&f->gate);
}

static void init_entered(void *arg)
{
    struct fixture *f = arg;

    completion_init(&f->entered);
    task_spawn(f->loop, wait_in_pool, f);
    turn_then_open(f);
}

static void the_loop_goes_on_while_a_task_waits(void **state)
{
    struct fixture f = {.pool = pool_create(1, "test"), .loop = loop_create()};

    (void)state;
    task_spawn(f.loop, init_entered, &f);
    loop_run(f.loop);
    assert_int_equal(f.turns, 10);
    loop_free(f.loop);
    pool_free(f.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_run_work_on_the_workers),
        cmocka_unit_test(a_plain_thread_runs_its_work_itself),
        cmocka_unit_test(free_waits_for_queued_work),
        cmocka_unit_test(the_loop_goes_on_while_a_task_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

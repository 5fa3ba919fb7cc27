/* Workers: a round ends with its last worker, and whoever waits for less than all of them hears of each that ends. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/loop.h"
#include "base/workers.h"

#define ITEMS 20

struct queue {
    unsigned next, done; /* items */
    unsigned at_once, at_once_max;
};

struct gate {
    struct task *task; /* the worker that waits here */
    bool open;
};

static void run(task_fn first)
{
    struct loop *loop = loop_create();

    task_spawn(loop, first, loop);
    loop_run(loop);
    assert_int_equal(task_count(), 0);
    loop_free(loop);
}

static void queue_work(void *arg)
{
    struct queue *queue = arg;

    while (queue->next < ITEMS) {
        unsigned item = queue->next++;
        if (++queue->at_once > queue->at_once_max)
            queue->at_once_max = queue->at_once;
        for (unsigned i = 0; i <= item % 4; i++) /* some take longer */
            task_yield();
        queue->at_once--;
        queue->done++;
    }
}

static void round_task(void *arg)
{
    struct queue queue = {0};

    workers_round(3, queue_work, &queue);
    assert_int_equal(queue.done, ITEMS);
    assert_int_equal(queue.at_once_max, 3);
    workers_round(0, queue_work, &queue);
    loop_stop(arg);
}

static void a_round_ends_with_its_last_worker(void **state)
{
    (void)state;
    run(round_task);
}

static void gate_pass(void *arg)
{
    struct gate *gate = arg;

    gate->task = task_self();
    while (!gate->open)
        task_park();
}

static void gate_open(struct gate *gate)
{
    gate->open = true;
    task_unpark(gate->task);
}

static void wait_task(void *arg)
{
    struct gate gates[2] = {0};
    struct workers workers;

    workers_init(&workers);
    workers_start(&workers, gate_pass, &gates[0]);
    workers_start(&workers, gate_pass, &gates[1]);
    task_yield();
    gate_open(&gates[0]);
    while (workers.running > 1)
        task_park(); /* for ever, if the end of one were not told */
    gate_open(&gates[1]);
    workers_wait(&workers);
    assert_int_equal(workers.running, 0);
    loop_stop(arg);
}

static void the_end_of_each_is_told(void **state)
{
    (void)state;
    run(wait_task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_ends_with_its_last_worker),
        cmocka_unit_test(the_end_of_each_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

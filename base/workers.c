/* Workers that one task waits for; see the header. */
#include "base/workers.h"

#include <stdlib.h>

#include "base/check.h"

struct worker {
    struct workers *workers;
    task_fn fn;
    void *arg;
};

void workers_init(struct workers *workers)
{
    *workers = (struct workers){.owner = task_self()};
    CHECK(workers->owner != NULL);
}

static void worker_main(void *take_arg)
{
    struct worker *worker = take_arg;
    struct workers *workers = worker->workers;

    worker->fn(worker->arg);
    free(worker);
    workers->running--;
    task_unpark(workers->owner);
}

void workers_start(struct workers *workers, task_fn fn, void *arg)
{
    struct worker *worker = mem_alloc(sizeof(*worker));

    CHECK(task_self() == workers->owner);
    *worker = (struct worker){workers, fn, arg};
    workers->running++;
    task_spawn(task_loop(workers->owner), worker_main, worker);
}

void workers_wait(const struct workers *workers)
{
    while (workers->running > 0)
        task_park();
}

void workers_round(unsigned count, task_fn fn, void *arg)
{
    struct workers workers;

    workers_init(&workers);
    for (unsigned i = 0; i < count; i++)
        workers_start(&workers, fn, arg);
    workers_wait(&workers);
}

/* Workers: tasks that one task starts and waits for, such as a round of them that takes from one queue until it is
 * empty. All run on the loop of the task that waits, so that neither this nor the queue needs a lock. */
#ifndef TERCET_BASE_WORKERS_H
#define TERCET_BASE_WORKERS_H

#include "base/task.h"

struct workers {
    struct task *owner; /* the task that waits */
    unsigned running;
};

void workers_init(struct workers *workers); /* by the task that will wait */
/* Starts fn(arg). Whenever a worker ends the owner is unparked, so that it may wait for less than all of them, too. */
void workers_start(struct workers *workers, task_fn fn, void *arg);
void workers_wait(const struct workers *workers); /* until none runs; suspends */

/* A round: so many workers with the same argument, which holds the queue. Returns when all have ended; suspends. */
void workers_round(unsigned count, task_fn fn, void *arg);

#endif

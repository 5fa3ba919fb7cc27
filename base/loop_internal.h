/* What loop.c, timer.c and task.c share of a loop. Only the atomic fields are touched by other threads than
 * the loop's. */
#ifndef TERCET_BASE_LOOP_INTERNAL_H
#define TERCET_BASE_LOOP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/loop.h"

struct task;
struct st_h2o_socket_t;

/* A binary heap by due time; heap[i]->slot == i + 1. */
struct timer_heap {
    struct timer **heap;
    uint32_t count, capacity;
};

/* A task to go on, or one to start when task is NULL; first in, first out. */
struct runnable {
    struct runnable *next;
    struct task *task;
};

struct run_queue {
    struct runnable *head, *tail;
};

struct loop {
    struct st_h2o_evloop_t *evloop;
    struct st_h2o_socket_t *wake_socket; /* an eventfd, written to when a message comes while the loop sleeps */
    int wake_fd;

    struct loop_message *inbox; /* atomic; the latest first */
    int sleeping;               /* atomic; whoever clears it must write to wake_fd */
    int stopping;               /* atomic */
    int sending;                /* atomic: threads inside of loop_send; loop_free waits for them */

    struct timer_heap timers;
    struct context context; /* of the thread, outside of tasks */
    struct task *running;
    struct run_queue ready;
    struct task *idle; /* ended tasks whose stacks are kept */
    unsigned idle_count;
    unsigned task_count;
    unsigned idle_turns; /* in a row; counted while clocks skip idle time */

    void *http_client;
    void (*http_client_free)(void *client);
};

/* Delivers on the loop's thread, outside of any task, in the order of sending. From any thread; the message
 * belongs to the loop until then. */
void loop_send(struct loop *loop, struct loop_message *message);

/* Milliseconds until the first timer is due, -1 when there is none. */
int32_t timers_wait_ms(const struct loop *loop);
void timers_run(struct loop *loop, uint64_t until_ms); /* those that were due then */
void timers_release(struct loop *loop);

/* Runs every task that is ready at the time of the call. */
void tasks_run_ready(struct loop *loop);
void tasks_release(struct loop *loop); /* frees the idle stacks */

#endif

/* Tasks: stackful coroutines, each pinned to the loop that started it.
 *
 * A task runs until it parks; then its loop goes on with other work. A park/unpark pair carries one token, as in
 * Java's LockSupport: an unpark that comes first makes the next park return at once, and a park may return without
 * cause, so every wait is a loop around its condition. An unpark never runs the task inline: it is queued.
 * Rules: a task never migrates; no lock is held across a suspension; stacks are 128 KiB (512 KiB under sanitizers),
 * so large arrays live on the heap. */
#ifndef TERCET_BASE_TASK_H
#define TERCET_BASE_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

struct task;

typedef void (*task_fn)(void *arg);

/* Starts fn(arg) as a task of the loop. May be called from any thread; the task begins on the loop's next turn. */
void task_spawn(struct loop *loop, task_fn fn, void *arg);

/* The running task, or NULL outside of one. */
struct task *task_self(void);
struct loop *task_loop(const struct task *task);

/* Suspends the running task until task_unpark. */
void task_park(void);
/* The same, but no longer than until the monotonic time. False if the deadline passed without an unpark; the loop has
 * then looked since for what may have come, however late it is. */
bool task_park_until(uint64_t deadline_ms);
/* From any thread. The caller guarantees that the task has not ended. */
void task_unpark(struct task *task);

void task_sleep_ms(uint64_t ms); /* suspends */
void task_yield(void);           /* lets the loop turn once; suspends */

/* The request id that log lines of this task carry; the string must outlive its use. NULL clears it. */
void task_set_request_id(const char *request_id);
const char *task_request_id(void); /* NULL outside of a task or when not set */

/* The same for the trace that the task belongs to, as trace_continue (base/trace.h) made it. */
void task_set_trace(const char *traceparent);
const char *task_trace(void);

/* Number of live tasks in the process. */
unsigned task_count(void);

/* One thing that another thread or task will finish. In a task the wait parks; in a plain thread it blocks. */
struct completion {
    struct loop_message message; /* its way to the waiting task's loop, the only one that then touches it */
    struct task *task;           /* the waiter, NULL for a plain thread */
    int done;                    /* a futex when the waiter is a thread */
};

void completion_init(struct completion *completion); /* by the one who will wait */
void completion_wait(struct completion *completion); /* suspends, or blocks outside of a task */
/* From any thread, once. The completion may be gone as soon as the waiter saw it: do not touch it afterwards. */
void completion_signal(struct completion *completion);

#endif

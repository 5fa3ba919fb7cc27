/* Tasks: scheduling, parking and completions; see task.h. Stack switching is context.c's.
 *
 * A task's `wake` word is the only thing that other threads touch. Whoever moves it from PARKED wakes the
 * task, once: on the loop's thread by putting it into the ready list, from elsewhere by a message to the
 * loop. The task itself takes the token back to NONE. Ended tasks keep their stack for the next spawn; the
 * struct lies at the stack's top. */
#include "base/task.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/loop_internal.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TASK_STACK_BYTES (512 * 1024)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TASK_STACK_BYTES (512 * 1024)
#endif
#endif
#ifndef TASK_STACK_BYTES
#define TASK_STACK_BYTES (128 * 1024)
#endif
#define TASK_GUARD_BYTES 4096
#define TASK_IDLE_MAX    256 /* stacks kept per loop; what is beyond goes back to the kernel */

enum task_wake { WAKE_NONE, WAKE_TOKEN, WAKE_PARKED };

struct task {
    struct context context;
    struct loop *loop;
    struct runnable runnable;
    struct task *next; /* in the idle list */
    struct loop_message message;
    int wake; /* atomic */
    bool timed_out;
    struct timer timer;
    const char *request_id, *trace;
    task_fn fn;
    void *arg;
    void *mapping; /* guard page, stack, this struct */
};

struct spawn {
    struct loop_message message;
    struct runnable runnable;
    struct loop *loop;
    task_fn fn;
    void *arg;
};

static unsigned tasks_alive; /* atomic */

static struct task *task_create(struct loop *loop)
{
    size_t mapping_size = TASK_GUARD_BYTES + TASK_STACK_BYTES;
    size_t struct_size = (sizeof(struct task) + 63) & ~(size_t)63;
    char *mapping = mmap(NULL, mapping_size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    struct task *task;

    CHECK(mapping != MAP_FAILED);
    CHECK(mprotect(mapping, TASK_GUARD_BYTES, PROT_NONE) == 0);
    task = (struct task *)(mapping + mapping_size - struct_size);
    task->loop = loop;
    task->mapping = mapping;
    task->runnable.task = task;
    context_init(&task->context, mapping + TASK_GUARD_BYTES, TASK_STACK_BYTES - struct_size);
    return task;
}

static void task_free(struct task *task)
{
    context_release(&task->context);
    munmap(task->mapping, TASK_GUARD_BYTES + TASK_STACK_BYTES);
}

static void enqueue(struct loop *loop, struct runnable *runnable)
{
    runnable->next = NULL;
    if (loop->ready.head == NULL)
        loop->ready.head = runnable;
    else
        loop->ready.tail->next = runnable;
    loop->ready.tail = runnable;
}

static void make_ready(struct task *task)
{
    enqueue(task->loop, &task->runnable);
}

/* Leaves the running task for its loop; returns when the task is run again. */
static void suspend(struct task *task)
{
    context_switch(&task->context, &task->loop->context);
}

static void task_main(void *arg)
{
    struct task *task = arg;

    task->fn(task->arg);
    task->fn = NULL;
    context_exit(&task->context, &task->loop->context);
}

/* Gives what was spawned a stack. */
static struct task *start(struct loop *loop, struct spawn *spawn)
{
    struct task *task = loop->idle;

    if (task != NULL) {
        loop->idle = task->next;
        loop->idle_count--;
    } else {
        task = task_create(loop);
    }
    task->wake = WAKE_NONE;
    task->request_id = NULL;
    task->trace = NULL;
    task->fn = spawn->fn;
    task->arg = spawn->arg;
    context_prepare(&task->context, task_main, task);
    free(spawn);
    return task;
}

static void end(struct task *task)
{
    struct loop *loop = task->loop;

    CHECK(task->timer.slot == 0);
    loop->task_count--;
    __atomic_fetch_sub(&tasks_alive, 1, __ATOMIC_RELAXED);
    if (loop->idle_count == TASK_IDLE_MAX) {
        task_free(task);
        return;
    }
    task->next = loop->idle;
    loop->idle = task;
    loop->idle_count++;
}

void tasks_run_ready(struct loop *loop)
{
    struct runnable *runnable = loop->ready.head, *next;

    loop->ready = (struct run_queue){NULL, NULL}; /* what gets ready meanwhile waits for the next turn */
    for (; runnable != NULL; runnable = next) {
        struct task *task = runnable->task;

        next = runnable->next;
        if (task == NULL)
            task = start(loop, (struct spawn *)((char *)runnable - offsetof(struct spawn, runnable)));
        loop->running = task;
        context_switch(&loop->context, &task->context);
        loop->running = NULL;
        if (task->fn == NULL)
            end(task);
    }
}

void tasks_release(struct loop *loop)
{
    struct task *task;

    while ((task = loop->idle) != NULL) {
        loop->idle = task->next;
        task_free(task);
    }
    loop->idle_count = 0;
}

static void deliver_spawn(struct loop_message *message)
{
    struct spawn *spawn = (struct spawn *)((char *)message - offsetof(struct spawn, message));

    spawn->loop->task_count++;
    enqueue(spawn->loop, &spawn->runnable);
}

void task_spawn(struct loop *loop, task_fn fn, void *arg)
{
    struct spawn *spawn = mem_alloc(sizeof(*spawn));

    CHECK(fn != NULL);
    *spawn = (struct spawn){.message = {NULL, deliver_spawn}, .loop = loop, .fn = fn, .arg = arg};
    __atomic_fetch_add(&tasks_alive, 1, __ATOMIC_RELAXED);
    if (loop == loop_current())
        deliver_spawn(&spawn->message);
    else
        loop_send(loop, &spawn->message);
}

struct task *task_self(void)
{
    struct loop *loop = loop_current();

    return loop != NULL ? loop->running : NULL;
}

struct loop *task_loop(const struct task *task)
{
    return task->loop;
}

void task_park(void)
{
    task_park_until(CLOCK_NEVER);
}

static void on_park_timeout(struct timer *timer)
{
    struct task *task = (struct task *)((char *)timer - offsetof(struct task, timer));
    int parked = WAKE_PARKED;

    if (__atomic_compare_exchange_n(&task->wake, &parked, WAKE_NONE, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        task->timed_out = true;
        make_ready(task);
    }
}

bool task_park_until(uint64_t deadline_ms)
{
    struct task *self = task_self();
    int wake = WAKE_TOKEN;
    uint64_t now_ms;

    CHECK(self != NULL);
    lock_check_none();
    if (__atomic_compare_exchange_n(&self->wake, &wake, WAKE_NONE, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return true;
    if (deadline_ms != CLOCK_NEVER) { /* one that is over, too: what has come meanwhile was not seen yet */
        now_ms = clock_monotonic_ms();
        timer_set(self->loop, &self->timer, deadline_ms > now_ms ? deadline_ms - now_ms : 0, on_park_timeout);
    }
    self->timed_out = false;
    wake = WAKE_NONE;
    if (__atomic_compare_exchange_n(&self->wake, &wake, WAKE_PARKED, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        suspend(self);
    timer_cancel(&self->timer);
    if (self->timed_out)
        return false;
    __atomic_store_n(&self->wake, WAKE_NONE, __ATOMIC_RELEASE);
    return true;
}

static void deliver_unpark(struct loop_message *message)
{
    make_ready((struct task *)((char *)message - offsetof(struct task, message)));
}

void task_unpark(struct task *task)
{
    if (__atomic_exchange_n(&task->wake, WAKE_TOKEN, __ATOMIC_ACQ_REL) != WAKE_PARKED)
        return;
    if (task->loop == loop_current()) {
        make_ready(task);
        return;
    }
    task->message.deliver = deliver_unpark;
    loop_send(task->loop, &task->message);
}

void task_sleep_ms(uint64_t ms)
{
    uint64_t deadline_ms = clock_monotonic_ms() + ms;

    while (task_park_until(deadline_ms))
        ;
}

void task_yield(void)
{
    struct task *self = task_self();

    CHECK(self != NULL);
    lock_check_none();
    make_ready(self);
    suspend(self);
}

void task_set_request_id(const char *request_id)
{
    struct task *self = task_self();

    if (self != NULL)
        self->request_id = request_id;
}

const char *task_request_id(void)
{
    struct task *self = task_self();

    return self != NULL ? self->request_id : NULL;
}

void task_set_trace(const char *traceparent)
{
    struct task *self = task_self();

    if (self != NULL)
        self->trace = traceparent;
}

const char *task_trace(void)
{
    const struct task *self = task_self();

    return self != NULL ? self->trace : NULL;
}

unsigned task_count(void)
{
    return __atomic_load_n(&tasks_alive, __ATOMIC_RELAXED);
}

void completion_init(struct completion *completion)
{
    *completion = (struct completion){.task = task_self()};
}

void completion_wait(struct completion *completion)
{
    CHECK(completion->task == task_self());
    while (!__atomic_load_n(&completion->done, __ATOMIC_ACQUIRE)) {
        if (completion->task != NULL)
            task_park();
        else
            syscall(SYS_futex, &completion->done, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    }
}

static void deliver_completion(struct loop_message *message)
{
    struct completion *completion = (struct completion *)message;

    __atomic_store_n(&completion->done, 1, __ATOMIC_RELEASE);
    task_unpark(completion->task);
}

void completion_signal(struct completion *completion)
{
    if (completion->task == NULL) {
        __atomic_store_n(&completion->done, 1, __ATOMIC_RELEASE);
        /* The waiter may have gone already; waking an address where nobody waits does no harm. */
        syscall(SYS_futex, &completion->done, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    } else if (completion->task->loop == loop_current()) {
        deliver_completion(&completion->message);
    } else {
        completion->message.deliver = deliver_completion;
        loop_send(completion->task->loop, &completion->message);
    }
}

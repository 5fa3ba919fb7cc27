/* Threads, conditions, tasks, the pool, the clocks and chance of base/ in the world of sim.h: the linker puts these in
 * their place (--wrap, CMakeLists.txt), for all that is linked but shared libraries. One loop, whose tasks do not
 * interrupt each other; threads are interrupted where they take their first lock. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/pool.h"
#include "base/task.h"
#include "base/check.h"
#include "tests/model/sim.h"

#define INTERRUPTED 100 /* of a thousand locks that a thread takes */

/* The word of a line. */
enum { WORD_UNPARKED = 1, WORD_IN_POOL = 2, WORD_LOCK = 4 }; /* and so on: how many locks it holds */

/* ---- clocks ------------------------------------------------------------------------------------------------------ */

uint64_t __wrap_clock_monotonic_us(void);
uint64_t __wrap_clock_monotonic_us(void)
{
    return sim_now_us();
}

uint64_t __wrap_clock_monotonic_ms(void);
uint64_t __wrap_clock_monotonic_ms(void)
{
    return sim_now_us() / 1000;
}

uint64_t __wrap_clock_boot_ms(void);
uint64_t __wrap_clock_boot_ms(void)
{
    return sim_now_us() / 1000;
}

int64_t __wrap_clock_wall_ms(void);
int64_t __wrap_clock_wall_ms(void)
{
    return 1700000000000 + (int64_t)(sim_now_us() / 1000);
}

int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left);
int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left)
{
    (void)left;
    sim_sleep_us((uint64_t)wanted->tv_sec * 1000000 + (uint64_t)wanted->tv_nsec / 1000);
    return 0;
}

void __wrap_random_bytes(void *out, size_t len);
void __wrap_random_bytes(void *out, size_t len)
{
    for (uint8_t *byte = out; len > 0; len--)
        *byte++ = (uint8_t)sim_random();
}

/* ---- threads, locks, conditions ---------------------------------------------------------------------------------- */

struct thread_start {
    void *(*fn)(void *arg);
    void *arg;
};

static void thread_main(void *arg)
{
    struct thread_start start = *(struct thread_start *)arg;
    free(arg);
    start.fn(start.arg);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg)
{
    struct thread_start *start = mem_alloc(sizeof(*start));
    (void)attributes;
    *start = (struct thread_start){fn, arg};
    *thread = (pthread_t)(uintptr_t)sim_spawn(sim_owner(sim_self()), SIM_THREAD, thread_main, start);
    return 0;
}

int __real_pthread_mutex_trylock(pthread_mutex_t *lock);
int __real_pthread_mutex_unlock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock);

static bool is_thread(struct sim_line *line)
{
    return sim_kind(line) == SIM_THREAD || *sim_word(line) & WORD_IN_POOL;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
    struct sim_line *line = sim_self();
    if (is_thread(line) && *sim_word(line) < WORD_LOCK && sim_chance(INTERRUPTED))
        sim_yield();
    while (pthread_mutex_trylock(lock) != 0)
        sim_wait(lock, SIM_NEVER);
    *sim_word(line) += WORD_LOCK;
    return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock)
{
    *sim_word(sim_self()) -= WORD_LOCK;
    __real_pthread_mutex_unlock(lock);
    sim_wake(lock);
    return 0;
}

static bool condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_us)
{
    __wrap_pthread_mutex_unlock(lock);
    bool woken = sim_wait(condition, until_us);
    while (pthread_mutex_trylock(lock) != 0)
        sim_wait(lock, SIM_NEVER);
    *sim_word(sim_self()) += WORD_LOCK;
    return woken;
}

int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock)
{
    condition_wait(condition, lock, SIM_NEVER);
    return 0;
}

bool __wrap_clock_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_ms);
bool __wrap_clock_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_ms)
{
    condition_wait(condition, lock, until_ms == CLOCK_NEVER ? SIM_NEVER : until_ms * 1000);
    return sim_now_us() / 1000 < until_ms;
}

int __wrap_pthread_cond_signal(pthread_cond_t *condition);
int __wrap_pthread_cond_signal(pthread_cond_t *condition)
{
    sim_wake(condition);
    return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *condition);
int __wrap_pthread_cond_broadcast(pthread_cond_t *condition)
{
    sim_wake(condition);
    return 0;
}

/* ---- tasks ------------------------------------------------------------------------------------------------------- */

static struct sim_line *line_of(struct task *task)
{
    return (struct sim_line *)task;
}

struct task *__wrap_task_self(void);
struct task *__wrap_task_self(void)
{
    struct sim_line *line = sim_self();
    return is_thread(line) ? NULL : (struct task *)line;
}

struct loop *__wrap_task_loop(const struct task *task);
struct loop *__wrap_task_loop(const struct task *task)
{
    (void)task;
    return NULL;
}

void __wrap_task_spawn(struct loop *loop, task_fn fn, void *arg);
void __wrap_task_spawn(struct loop *loop, task_fn fn, void *arg)
{
    (void)loop;
    sim_spawn(sim_owner(sim_self()), SIM_TASK, fn, arg);
}

bool __wrap_task_park_until(uint64_t deadline_ms);
bool __wrap_task_park_until(uint64_t deadline_ms)
{
    struct sim_line *line = sim_self();
    uint64_t *word = sim_word(line);
    if (!(*word & WORD_UNPARKED))
        sim_wait(line, deadline_ms == CLOCK_NEVER ? SIM_NEVER : deadline_ms * 1000);
    bool unparked = *word & WORD_UNPARKED;
    *word &= ~(uint64_t)WORD_UNPARKED;
    return unparked;
}

void __wrap_task_park(void);
void __wrap_task_park(void)
{
    while (!__wrap_task_park_until(CLOCK_NEVER))
        ;
}

void __wrap_task_unpark(struct task *task);
void __wrap_task_unpark(struct task *task)
{
    *sim_word(line_of(task)) |= WORD_UNPARKED;
    sim_wake(task);
}

void __wrap_task_sleep_ms(uint64_t ms);
void __wrap_task_sleep_ms(uint64_t ms)
{
    sim_sleep_us(ms * 1000);
}

void __wrap_task_yield(void);
void __wrap_task_yield(void)
{
    sim_yield();
}

const char *__wrap_task_request_id(void);
const char *__wrap_task_request_id(void)
{
    return NULL;
}

const char *__wrap_task_trace(void);
const char *__wrap_task_trace(void)
{
    return NULL;
}

void __wrap_completion_init(struct completion *completion);
void __wrap_completion_init(struct completion *completion)
{
    *completion = (struct completion){.task = NULL};
}

void __wrap_completion_wait(struct completion *completion);
void __wrap_completion_wait(struct completion *completion)
{
    while (!completion->done)
        sim_wait(completion, SIM_NEVER);
}

void __wrap_completion_signal(struct completion *completion);
void __wrap_completion_signal(struct completion *completion)
{
    completion->done = 1;
    sim_wake(completion);
}

/* ---- the pool: a task that waits for it is a thread meanwhile ---------------------------------------------------- */

void __wrap_pool_run(struct pool *pool, void (*fn)(void *arg), void *arg);
void __wrap_pool_run(struct pool *pool, void (*fn)(void *arg), void *arg)
{
    struct sim_line *line = sim_self();
    bool task = !is_thread(line);
    (void)pool;
    if (task) {
        *sim_word(line) |= WORD_IN_POOL;
        sim_yield();
    }
    fn(arg);
    if (task) {
        sim_yield();
        *sim_word(line) &= ~(uint64_t)WORD_IN_POOL;
    }
}

void __wrap_blocking_call(void);
void __wrap_blocking_call(void) {}

void __wrap_service_wake(void);
void __wrap_service_wake(void) {}

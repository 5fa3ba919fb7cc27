/* The worker pool: threads that take work from one queue, first come, first served. */
#include "base/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/lock.h"
#include "base/task.h"

struct work {
    struct work *next;
    void (*fn)(void *arg);
    void *arg;
    struct completion *completion; /* NULL: the work is freed after it ran */
};

struct pool {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t arrived;
    struct work *head, *tail;
    unsigned backlog;
    unsigned idle; /* threads that wait for work */
    bool closing;
    unsigned thread_count;
    pthread_t threads[];
};

/* The next work, or NULL when the pool closes and all is done. */
static struct work *pool_take(struct pool *pool)
{
    struct work *work;

    lock_acquire(&pool->lock);
    while (pool->head == NULL && !pool->closing) {
        pool->idle++;
        pthread_cond_wait(&pool->arrived, &pool->lock);
        pool->idle--;
    }
    work = pool->head;
    if (work != NULL) {
        pool->head = work->next;
        pool->backlog--;
    }
    lock_release(&pool->lock);
    return work;
}

static void *pool_thread(void *arg)
{
    struct pool *pool = arg;
    struct work *work;

    while ((work = pool_take(pool)) != NULL) {
        struct completion *completion = work->completion;

        work->fn(work->arg);
        if (completion != NULL)
            completion_signal(completion); /* the work lies on the waiter's stack and is gone now */
        else
            free(work);
    }
    return NULL;
}

struct pool *pool_create(unsigned threads, const char *name)
{
    struct pool *pool = mem_zalloc(sizeof(*pool) + threads * sizeof(pool->threads[0]));

    CHECK(threads > 0);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->arrived, NULL);
    pool->thread_count = threads;
    for (unsigned i = 0; i < threads; i++) {
        char thread_name[16];

        CHECK(pthread_create(&pool->threads[i], NULL, pool_thread, pool) == 0);
        snprintf(thread_name, sizeof(thread_name), "%.10s-%u", name, i % 1000);
        pthread_setname_np(pool->threads[i], thread_name);
    }
    return pool;
}

void pool_free(struct pool *pool)
{
    lock_acquire(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->arrived);
    lock_release(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->arrived);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static void pool_queue(struct pool *pool, struct work *work)
{
    bool wake;

    lock_acquire(&pool->lock);
    if (pool->head == NULL)
        pool->head = work;
    else
        pool->tail->next = work;
    pool->tail = work;
    pool->backlog++;
    wake = pool->idle > 0;
    lock_release(&pool->lock);
    if (wake)
        pthread_cond_signal(&pool->arrived);
}

void pool_run(struct pool *pool, void (*fn)(void *arg), void *arg)
{
    struct completion completion;
    struct work work = {NULL, fn, arg, &completion};

    if (task_self() == NULL) {
        blocking_call();
        fn(arg);
        return;
    }
    completion_init(&completion);
    pool_queue(pool, &work);
    completion_wait(&completion);
}

void blocking_call(void)
{
#ifndef NDEBUG
    CHECK(loop_current() == NULL);
#endif
}

void pool_submit(struct pool *pool, void (*fn)(void *arg), void *arg)
{
    struct work *work = mem_alloc(sizeof(*work));

    *work = (struct work){NULL, fn, arg, NULL};
    pool_queue(pool, work);
}

unsigned pool_backlog(struct pool *pool)
{
    unsigned backlog;

    lock_acquire(&pool->lock);
    backlog = pool->backlog;
    lock_release(&pool->lock);
    return backlog;
}

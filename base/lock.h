/* Locks as tasks may take them: none is held across a suspension, or every other task of the loop that wants it waits
 * for a thread that waits for it. Builds without NDEBUG, those under sanitizers among them, count what a thread holds,
 * and each wait of a task asserts that it is nothing. pthread_cond_wait is used as ever: it gives back the lock that it
 * takes. */
#ifndef TERCET_BASE_LOCK_H
#define TERCET_BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>

#include "base/check.h"

#ifdef NDEBUG
#define LOCK_COUNT(change) ((void)0)
static inline void lock_check_none(void) {}
#else
extern __thread unsigned locks_held;
#define LOCK_COUNT(change) ((void)(locks_held += (change)))
/* Aborts when the thread holds a lock. */
static inline void lock_check_none(void)
{
    CHECK(locks_held == 0);
}
#endif

static inline void lock_acquire(pthread_mutex_t *lock)
{
    pthread_mutex_lock(lock);
    LOCK_COUNT(1u);
}

/* False: another thread has it. */
static inline bool lock_try(pthread_mutex_t *lock)
{
    if (pthread_mutex_trylock(lock) != 0)
        return false;
    LOCK_COUNT(1u);
    return true;
}

static inline void lock_release(pthread_mutex_t *lock)
{
    LOCK_COUNT(-1u);
    pthread_mutex_unlock(lock);
}

/* The same for a lock that many readers share. */
static inline void lock_acquire_read(pthread_rwlock_t *lock)
{
    pthread_rwlock_rdlock(lock);
    LOCK_COUNT(1u);
}

static inline void lock_acquire_write(pthread_rwlock_t *lock)
{
    pthread_rwlock_wrlock(lock);
    LOCK_COUNT(1u);
}

static inline void lock_release_shared(pthread_rwlock_t *lock)
{
    LOCK_COUNT(-1u);
    pthread_rwlock_unlock(lock);
}

#endif

/* See the header. Nearly always there is nothing to wait for, which costs a comparison. */
#include "meta/settle.h"

#include <stddef.h>

#include "base/check.h"
#include "base/lock.h"
#include "base/task.h"

struct settle_waiter {
    enum settle_point point;
    uint64_t sequence;
    enum status status;
    struct settle_waiter *next;
    struct completion completion;
};

void settle_init(struct settle *settle, uint64_t sequence)
{
    atomic_store(&settle->begun, sequence);
    for (unsigned point = 0; point < SETTLE_POINTS; point++)
        atomic_store(&settle->reached[point], sequence);
    pthread_mutex_init(&settle->lock, NULL);
}

void settle_release(struct settle *settle)
{
    CHECK(!settle->waiters);
    pthread_mutex_destroy(&settle->lock);
}

/* Has what it waits for come, or will it never? */
static bool is_over_locked(const struct settle *settle, struct settle_waiter *waiter)
{
    if (atomic_load(&settle->reached[waiter->point]) >= waiter->sequence)
        waiter->status = STATUS_OK;
    else if (settle->failed)
        waiter->status = STATUS_UNCERTAIN;
    else /* what was withdrawn was never written */
        return atomic_load(&settle->begun) < waiter->sequence;
    return true;
}

static void wake_locked(struct settle *settle)
{
    struct settle_waiter **link = &settle->waiters;

    while (*link) {
        struct settle_waiter *waiter = *link;
        if (!is_over_locked(settle, waiter)) {
            link = &waiter->next;
            continue;
        }
        *link = waiter->next;
        completion_signal(&waiter->completion); /* it is gone then */
    }
}

void settle_begin(struct settle *settle, uint64_t sequence)
{
    atomic_store(&settle->begun, sequence);
}

void settle_withdraw(struct settle *settle, uint64_t sequence)
{
    lock_acquire(&settle->lock);
    atomic_store(&settle->begun, sequence);
    wake_locked(settle);
    lock_release(&settle->lock);
}

void settle_reach(struct settle *settle, enum settle_point point, uint64_t sequence)
{
    lock_acquire(&settle->lock);
    CHECK(sequence >= atomic_load(&settle->reached[point]));
    atomic_store(&settle->reached[point], sequence);
    wake_locked(settle);
    lock_release(&settle->lock);
}

void settle_fail(struct settle *settle)
{
    lock_acquire(&settle->lock);
    settle->failed = true;
    wake_locked(settle);
    lock_release(&settle->lock);
}

enum status settle_wait(struct settle *settle, enum settle_point point, uint64_t sequence)
{
    struct settle_waiter waiter = {.point = point, .sequence = sequence};

    if (atomic_load(&settle->reached[point]) >= sequence)
        return STATUS_OK;
    completion_init(&waiter.completion);
    lock_acquire(&settle->lock);
    bool over = is_over_locked(settle, &waiter);
    if (!over) {
        waiter.next = settle->waiters;
        settle->waiters = &waiter;
    }
    lock_release(&settle->lock);
    if (!over)
        completion_wait(&waiter.completion);
    return waiter.status;
}

enum status settle_wait_durable(struct settle *settle)
{
    return settle_wait(settle, SETTLE_DURABLE, atomic_load(&settle->begun));
}

unsigned settle_waiting(struct settle *settle)
{
    unsigned count = 0;
    lock_acquire(&settle->lock);
    for (const struct settle_waiter *waiter = settle->waiters; waiter; waiter = waiter->next)
        count++;
    lock_release(&settle->lock);
    return count;
}

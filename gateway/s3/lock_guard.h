/* Object lock in the committer: the guard (meta/guard.h) that every version passes which is made or removed. */
#ifndef TERCET_GATEWAY_S3_LOCK_GUARD_H
#define TERCET_GATEWAY_S3_LOCK_GUARD_H

#include "compat/object_lock.h"
#include "gateway/system/trusted_clock.h"
#include "meta/guard.h"

struct lock_guard {
    struct meta_guard hooks; /* for meta_open */
    const struct trusted_clock *clock;
    struct buffer document; /* the committer's */
};
/* The guard and the clock outlive the metadata. */
void lock_guard_init(struct lock_guard *guard, const struct trusted_clock *clock);
void lock_guard_release(struct lock_guard *guard);

struct lock_time lock_time_now(const struct trusted_clock *clock);

#endif

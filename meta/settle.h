/* Readers beside commits whose outcome is open. What was appended is seen at once, but until it is durable a crash may
 * take it back, and until the nodes of its group have them the bytes of its chunks are on their way. Who reads a
 * version waits until its commit's outcome is known, and who finds nothing until what it may have seen is durable here;
 * so nothing is answered that could be taken back by less than the loss of this disk, and no node is asked too early.
 *
 * Sequences are those of commits. They ascend, but that a commit which could not be written gives its own back. */
#ifndef TERCET_META_SETTLE_H
#define TERCET_META_SETTLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum settle_point {
    SETTLE_DURABLE, /* in the log here */
    SETTLE_OUTCOME, /* and as many nodes as are wanted have it, or that is not to be expected */
    SETTLE_POINTS
};

struct settle_waiter;

struct settle {
    _Atomic uint64_t begun;                  /* readers may see it */
    _Atomic uint64_t reached[SETTLE_POINTS]; /* changes under lock */
    pthread_mutex_t lock;
    struct settle_waiter *waiters; /* under lock */
    bool failed;                   /* under lock: a sync failed, nothing more is reached */
};

void settle_init(struct settle *settle, uint64_t sequence); /* where it is has all been reached */
void settle_release(struct settle *settle);                 /* nobody waits */

/* The committer's, before it appends; and when it could not: where it was before. */
void settle_begin(struct settle *settle, uint64_t sequence);
void settle_withdraw(struct settle *settle, uint64_t sequence);
void settle_reach(struct settle *settle, enum settle_point point, uint64_t sequence);
void settle_fail(struct settle *settle);

/* Waits until the commit has come there: suspends, or blocks outside of a task. UNCERTAIN: it will not. */
enum status settle_wait(struct settle *settle, enum settle_point point, uint64_t sequence);
/* For all that was seen up to now. */
enum status settle_wait_durable(struct settle *settle);
unsigned settle_waiting(struct settle *settle); /* how many do */

#endif

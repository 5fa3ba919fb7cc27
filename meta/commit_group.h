/* A group of operations, which are written with one sync.
 *
 * They are prepared one after the other into one batch. The batch is appended to the log, which shows refusals before
 * anything was sent. Then the record, with the chunks that the operations carry, goes to the nodes, and while they make
 * it durable it is synced here. So after a crash the nodes may have one record that is not in the log (take_over.h),
 * and none behind it: the next group is appended only then. */
#ifndef TERCET_META_COMMIT_GROUP_H
#define TERCET_META_COMMIT_GROUP_H

#include "meta/commit.h"
#include "meta/history.h"

/* Operations whose outcome is known here but not yet to their owners. */
struct commit_group {
    struct commit_op *ops;
    uint64_t commit;     /* up to which one the outcome is known with that; 0: nothing is known */
    uint64_t sequence;   /* what the replicas must reach; 0: nothing is to be waited for */
    uint64_t written_ms; /* monotonic: when it was durable here */
    struct commit_group *next;
};

/* The committer's: makes operations from the list a group and writes it. Returns those that are left. Without any a
 * write of the state alone, which shows whether writing is possible. */
struct commit_op *commit_group_run(struct committer *committer, struct commit_op *first, struct commit_group **group);
/* Tells the owners, and frees the group. */
void commit_group_end(struct meta *meta, struct commit_group *group, enum meta_held held,
                      const struct meta_short *missing);

void ops_signal(struct commit_op *ops);

#endif

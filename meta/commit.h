/* The committer: the one thread that changes the database.
 *
 * It takes all waiting operations, lets each prepare (read what it depends on and add its changes to one batch), writes
 * the batch with one sync and wakes the operations' owners. An operation sees what those before it in the group did,
 * so changes are totally ordered and conditions atomic. One that fails leaves nothing behind. Only after the sync do
 * the outcomes become known, and readers see nothing earlier.
 *
 * On a full disk the operations of a group end NO_SPACE and leave nothing behind. After
 * any other failure of a write nothing is known about what the disk holds, and a second sync would lie, so the process
 * ends at once with exit code 3; the next start recovers from the log.
 *
 * With replication (history.h) a second thread, the acknowledger, holds the outcomes of a group back until enough
 * replicas have it, while the committer goes on with the next group. An operation that finds done what it wants waits
 * for the replicas, too: what it found may be lost with this disk. */
#ifndef TERCET_META_COMMIT_H
#define TERCET_META_COMMIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/task.h"
#include "meta/bucket_table.h"
#include "meta/db.h"
#include "meta/records.h"

struct meta;

/* What an operation sees and changes while it prepares. Counters of `state` and the bucket's may be changed freely:
 * they count only if prepare succeeds. */
struct txn {
    struct db_view view;
    struct meta *meta;
    struct state_record state; /* state.sequence is this operation's own */
    struct bucket_change bucket;
    int64_t now_ms;
    uint32_t gc_index;    /* of the next garbage row of this operation */
    struct buffer *value; /* scratch for encoding */
};
void txn_put(struct txn *txn, enum db_family family, const struct row_key *key, struct bytes value);
void txn_delete(struct txn *txn, enum db_family family, const struct row_key *key);
/* Empties and returns the scratch buffer; for one value at a time. */
struct buffer *txn_value(struct txn *txn);
/* The bucket as the operations before left it, whose counters this one may then change. NOT_FOUND. */
enum status txn_bucket(struct txn *txn, uint32_t id, struct bucket_entry **bucket);

struct commit_op {
    enum status (*prepare)(struct commit_op *op, struct txn *txn); /* on the committer's thread; must not wait */
    enum status status;
    struct commit_op *next;
    struct completion completion;
};

struct commit_group;

struct committer {
    struct meta *meta;
    struct state_record state; /* the committer's; as of the last group */
    bool no_space;             /* the committer's: the last group was refused for lack of space */
    pthread_t thread, acknowledger;
    pthread_mutex_t lock;
    pthread_cond_t waiting, written;
    struct commit_op *first, *last;                /* under lock: the queue */
    struct commit_group *first_group, *last_group; /* under lock: written, waiting for replicas */
    bool stopping;                                 /* under lock */
    unsigned waiting_ops;                          /* atomic: in commit_run */
};

void committer_start(struct committer *committer, struct meta *meta, const struct state_record *state);
void committer_stop(struct committer *committer); /* after the last operation */

/* Runs one operation and returns its outcome. In a task: suspends; elsewhere: blocks. */
enum status commit_run(struct meta *meta, struct commit_op *op);

#endif

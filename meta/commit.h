/* The committer: the one thread that changes the database.
 *
 * It takes all waiting operations, lets each prepare (read what it depends on and add its changes to one batch), writes
 * the batch with one sync (commit_group.h) and wakes the operations' owners. An operation sees what those before it in
 * the group did, so changes are totally ordered and conditions atomic. One that fails leaves nothing behind. Only after
 * the sync do the outcomes become known. Readers may see the rows earlier, and wait (settle.h).
 *
 * On a full disk the operations of a group end NO_SPACE and leave nothing behind. After
 * any other failure of a write nothing is known about what the disk holds, and a second sync would lie, so the
 * operations end UNCERTAIN, nothing is written any more, and main is woken to end the program with exit code 3
 * (meta_has_failed); the next start recovers from the log.
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
#include "meta/history.h"
#include "meta/store.h"
#include "meta/records.h"

struct meta;

/* What an operation sees and changes while it prepares. Counters of `state` and the bucket's may be changed freely:
 * they count only if prepare succeeds. */
struct txn {
    struct store_view view;
    struct meta *meta;
    struct state_record state; /* state.sequence is this operation's own */
    struct bucket_change bucket;
    int64_t now_ms;
    const struct carried_set *carriers; /* the nodes of chunks that the operation carries */
    uint32_t gc_index;                  /* of the next garbage row of this operation */
    uint32_t outbox_index;              /* of its next row in the outbox */
    uint32_t permits;                   /* what the guard is told when a version is removed */
    struct buffer *value;               /* scratch for encoding */
    struct buffer *attributes;          /* those of a new version, as long as the operation prepares */
};
void txn_put(struct txn *txn, enum store_family family, const struct row_key *key, struct bytes value);
void txn_delete(struct txn *txn, enum store_family family, const struct row_key *key);
/* Empties and returns the scratch buffer; for one value at a time. */
struct buffer *txn_value(struct txn *txn);
/* The bucket as the operations before left it, whose counters this one may then change. NOT_FOUND. */
enum status txn_bucket(struct txn *txn, uint32_t id, struct bucket_entry **bucket);

/* The keys of the bucket's first rows in that family, at most max, to be removed or followed once the walk is over.
 * *rows is to be freed, whatever the outcome; *more: there are others. */
enum status txn_first_rows(struct txn *txn, enum store_family family, uint32_t bucket, unsigned max,
                           struct row_key **rows, unsigned *count, bool *more);

struct commit_op {
    enum status (*prepare)(struct commit_op *op, struct txn *txn); /* on the committer's thread; must not wait */
    /* Small chunks of the operation's, whose bytes go to the nodes with its group; NULL: none. Given, like the bytes,
     * until commit_run returns. The group's nodes become those of their refs. */
    const struct chunk_list *carried;
    struct meta_short missing; /* with OK, of carried chunks: those of the nodes that did not store them */
    enum status status;
    struct commit_op *next;
    struct completion completion;
};

struct commit_group;

struct committer {
    struct meta *meta;
    struct state_record state; /* the committer's; as of the last group */
    uint64_t seen;             /* the committer's: where its own last write left the database, and so `state` */
    bool no_space;             /* the committer's: the last group was refused for lack of space */
    pthread_t thread, acknowledger;
    pthread_mutex_t lock;
    pthread_cond_t waiting, written;
    struct commit_op *first, *last;                /* under lock: the queue */
    struct commit_group *first_group, *last_group; /* under lock: written, waiting for replicas */
    bool stopping;                                 /* under lock */
    unsigned waiting_ops;                          /* atomic: handed over, their ends not yet seen */
};

void committer_start(struct committer *committer, struct meta *meta, const struct state_record *state);
void committer_stop(struct committer *committer); /* after the last operation */

/* Runs one operation and returns its outcome. In a task: suspends; elsewhere: blocks. */
enum status commit_run(struct meta *meta, struct commit_op *op);

/* The same for many: they are handed over together, so that they follow each other, in one group if there is room.
 * Each has its own outcome, and each must be waited for. */
struct commit_list {
    struct commit_op *first, *last;
    unsigned count;
};
void commit_list_add(struct commit_list *list, struct commit_op *op);
void commit_submit(struct meta *meta, const struct commit_list *list); /* may be empty; does not suspend */
enum status commit_wait(struct meta *meta, struct commit_op *op);      /* in the task or thread that made the list */

#endif

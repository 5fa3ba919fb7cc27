/* The metadata as a history of changes, for keeping replicas and for getting the database back from one. A position in
 * it is the sequence of a change and the epoch in which it was made (lineage.h). Replicas follow the local database: a
 * change is handed on only when it is durable here, so a replica that is not a prefix of it proves that this database
 * has lost something.
 *
 * The functions block: call them in the pool or from a plain thread. */
#ifndef TERCET_META_HISTORY_H
#define TERCET_META_HISTORY_H

#include "base/change_record.h"
#include "meta/lineage.h"
#include "meta/meta.h"

/* Who keeps the replicas (meta_options.replication). Commits are pipelined: while one group waits, the next is written.
 */
struct meta_replication {
    void *arg;
    /* On the committer's thread: may changes be made at all? Otherwise commits are refused with UNAVAILABLE. */
    bool (*ready)(void *arg);
    /* On the committer's thread, in order: a group is durable here. The record is the callee's; it is empty when the
     * changes are too many for one, then only a snapshot brings replicas up to `last`. */
    void (*begin)(void *arg, struct buffer *take_record, uint64_t first, uint64_t last);
    /* On a thread of its own, in order: waits until the replicas hold the group that ends at `last` and is durable here
     * since then (monotonic clock). False when that is not to be expected: the commits end UNCERTAIN. They stay, and
     * are handed on when that is possible. */
    bool (*wait)(void *arg, uint64_t last, uint64_t since_ms);
    /* On any thread: up to which sequence the replicas hold everything, as far as is known. */
    uint64_t (*held)(void *arg);
};

/* Where a closed database is. NOT_FOUND when there is none, DENIED when it is another cluster's. */
enum status meta_position_peek(const char *path, const uint8_t *cluster_id, struct meta_position *position,
                               struct lineage *lineage);
void meta_position(struct meta *meta, struct meta_position *position);
/* How a replica stands to the database as it is now. Waits for a sync while the first commit of a process is written.
 */
enum standing meta_judge(struct meta *meta, const struct meta_position *replica);
/* When the database was made from a replica, by the wall clock of then; 0: never. Does not block. */
int64_t meta_restored_ms(const struct meta *meta);

/* Appends records from that sequence on (about CHANGE_PAGE_BYTES). NOT_FOUND when the log does not reach back so far.
 */
enum status meta_changes_read(struct meta *meta, uint64_t from, struct buffer *records);

/* All rows as of one position. */
struct meta_snapshot;
struct meta_snapshot *meta_snapshot_open(struct meta *meta, struct meta_position *position);
/* Appends the next page as a record; *end says that it was the last (it may be without changes). */
enum status meta_snapshot_next(struct meta_snapshot *snapshot, struct buffer *record, bool *end);
void meta_snapshot_close(struct meta_snapshot *snapshot); /* NULL is fine */

/* A new database from a replica's rows. */
struct meta_restore;
enum status meta_restore_open(const char *path, struct meta_restore **restore); /* path must not exist */
enum status meta_restore_add(struct meta_restore *restore, const struct change_record *record);
/* The lineage of the rows taken in. CORRUPT when they are not those of a database, DENIED: of another cluster's. */
enum status meta_restore_lineage(struct meta_restore *restore, const uint8_t *cluster_id, struct lineage *lineage);
/* Ends it: the history goes on from `replica`, in a new epoch; all others up to that generation are given up. */
enum status meta_restore_finish(struct meta_restore *restore, const struct meta_position *replica, uint32_t generation);
void meta_restore_free(struct meta_restore *restore); /* NULL is fine */

#endif

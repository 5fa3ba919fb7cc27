/* The metadata as a history of changes, for keeping replicas and for getting the database back from one. A position in
 * it is the sequence of a change and the epoch in which it was made (lineage.h). Replicas follow the local database: a
 * change is handed on only when it is in the log here, and the one behind it only when it is durable here. So a replica
 * that is not a prefix of it, but for one record that a crash took from this log (take_over.h), proves that this
 * database has lost something.
 *
 * The functions block: call them in the pool or from a plain thread. */
#ifndef TERCET_META_HISTORY_H
#define TERCET_META_HISTORY_H

#include "base/change_record.h"
#include "meta/lineage.h"
#include "meta/meta.h"
#include "meta/store.h"

/* What became of a group. Short: enough hold it, but some of its nodes did not store its carried chunks. */
enum meta_held { META_HELD, META_HELD_SHORT, META_NOT_HELD };
struct meta_short {
    unsigned count;
    struct {
        uint8_t lost, stand_in; /* the other one did instead; stand_in 0: no other one did */
    } nodes[CHUNK_COPIES_MAX];
};

/* Who keeps the replicas (meta_options.replication). Commits are pipelined: while one group waits, the next is written.
 */
struct meta_replication {
    void *arg;
    /* On the committer's thread: may changes be made at all? Otherwise commits are refused with UNAVAILABLE. */
    bool (*ready)(void *arg);
    /* On the committer's thread, before a group with carried chunks is prepared: the nodes that are to store them, and
     * how many they are. 0: none can now, and the operations that bring such chunks are refused with UNAVAILABLE. */
    unsigned (*place)(void *arg, uint8_t nodes[CHUNK_COPIES_MAX]);
    /* On the committer's thread, in order: a group is in the log here, and is about to be synced. The record is the
     * callee's, and begins with the block of the carried chunks when there is one; it is empty when the changes are too
     * many for one, then only a snapshot brings replicas up to `last`. carried: NULL without such chunks. */
    void (*begin)(void *arg, struct buffer *take_record, uint64_t first, uint64_t last,
                  const struct carried_set *carried);
    /* On a thread of its own, in order: waits until the replicas hold the group that ends at `last` and is durable here
     * since then (monotonic clock), and its nodes the chunks that it carried. NOT_HELD when that is not to be expected:
     * the commits end UNCERTAIN. They stay, and are handed on when that is possible. */
    enum meta_held (*wait)(void *arg, uint64_t last, uint64_t since_ms, struct meta_short *missing);
    /* On any thread: up to which sequence the replicas hold everything, as far as is known. */
    uint64_t (*held)(void *arg);
};

/* Where a closed database is. NOT_FOUND when there is none, DENIED when it is another cluster's. */
enum status meta_position_peek(const char *path, const uint8_t *cluster_id, struct meta_position *position,
                               struct lineage *lineage);
void meta_position(struct meta *meta, struct meta_position *position);
/* A database that does not open because the last record of its log is torn (store.h), and where it is without that. */
struct meta_torn {
    struct store_torn log;
    struct meta_position left;
    struct lineage lineage; /* how it came there */
};
/* Looks without changing anything. CORRUPT as store_torn_find; DENIED: another cluster's. */
enum status meta_torn_find(const char *path, const uint8_t *cluster_id, struct meta_torn *torn);
/* Drops the record: the caller knows that it was not acknowledged. */
enum status meta_torn_drop(const struct meta_torn *torn);
/* How a replica stands to the database as it is now. Waits for a sync while the first commit of a process is written.
 */
enum standing meta_judge(struct meta *meta, const struct meta_position *replica);
/* The same, never waiting: false at that time. */
bool meta_judge_at_once(struct meta *meta, const struct meta_position *replica, enum standing *standing);
/* When the database was made from a replica, by the wall clock of then; 0: never. Does not block. */
int64_t meta_restored_ms(const struct meta *meta);
/* The generation that the restore began, which every node's fence should have reached; 0: never restored. Before the
 * first commit. */
uint32_t meta_restored_generation(const struct meta *meta);

/* Appends records from that sequence on (about CHANGE_PAGE_BYTES). NOT_FOUND when the log does not reach back so far.
 */
enum status meta_changes_read(struct meta *meta, uint64_t from, struct buffer *records);
/* The first record at or behind that sequence which the log still has. NOT_FOUND: there is none. */
enum status meta_changes_begin(struct meta *meta, uint64_t from, uint64_t *begin);

/* All rows as of one position. */
struct meta_snapshot;
/* Waits for a sync of a group that is being written, which a snapshot must not be ahead of. NULL: that sync failed. */
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
/* Ends it: the history goes on from `replica`, in a new epoch of that generation (lineage_restore); all others before
 * it are given up. */
enum status meta_restore_finish(struct meta_restore *restore, const struct meta_position *replica, uint32_t generation);
void meta_restore_free(struct meta_restore *restore); /* NULL is fine */

#endif

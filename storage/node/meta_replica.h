/* The node's replica of the gateway's metadata: rows that mean nothing here, kept as a family of the node's database so
 * that a gateway that lost its disk can get them back, and so that small chunks that come with a record are stored with
 * it in one write.
 *
 * Records are applied in order, each request in one synced write that also says how far the replica is; what was
 * applied before is skipped, so a repeated request is harmless, and a gap is refused. A snapshot is loaded page by page
 * beside the replica and takes its place in one write: until then, and after a crash, the old one counts.
 * Everything here blocks, but for meta_replica_state; any thread. A failed write is the disk's failure (disk.h). */
#ifndef TERCET_STORAGE_NODE_META_REPLICA_H
#define TERCET_STORAGE_NODE_META_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/change_record.h"
#include "storage/node/chunk_store.h"

struct meta_replica;

struct meta_replica_state {
    uint64_t epoch;    /* in which the last change applied was made; 0: nothing is held */
    uint64_t sequence; /* of that change */
    uint32_t fence;    /* epochs of a lower generation are refused; 0: there never was a fence */
};

/* Lies in the store's database, which outlives it. One of an earlier build is taken over (meta_takeover.h). When one
 * was set aside, with the database or before that, its fence is. On failure error explains. */
enum status meta_replica_open(struct chunk_store *store, struct meta_replica **replica, char error[DISK_ERROR_MAX]);
void meta_replica_close(struct meta_replica *replica); /* NULL is fine */

void meta_replica_state(struct meta_replica *replica, struct meta_replica_state *state);
/* A replica that was damaged was set aside, and nothing has come in its place yet: that nothing is held does not mean
 * that nothing ever was. */
bool meta_replica_is_lost(struct meta_replica *replica);
/* Applies records, and stores the chunks of the carried blocks before them (carried_chunks.h), also of those that were
 * applied before. CORRUPT when something is malformed, PRECONDITION when a record is from before the fence, CONFLICT
 * when it does not continue what is held: its sequence is not the next, or its epoch is an earlier one. NO_SPACE, IO.
 * Then nothing of the request was applied. An empty replica begins with a history's first change. */
enum status meta_replica_apply(struct meta_replica *replica, struct bytes records);
/* Appends the record that was applied last; nothing when there is none, as after a snapshot. */
enum status meta_replica_last(struct meta_replica *replica, struct buffer *out);

struct meta_replica_page {
    struct meta_replica_state as_of; /* the snapshot's; tells snapshots apart */
    uint32_t number;                 /* 0 begins a snapshot, and drops one that was begun before */
    bool last;
    /* Where the replica is, which the snapshot overrules, whatever its epoch; epoch 0: only what is earlier. */
    struct meta_replica_state over;
};
/* Loads a page, one record of puts, and stores the chunks of the carried blocks before it, durably. CONFLICT when it is
 * not the one that comes next: begin again; and when what is held is of another epoch that is not earlier, unless just
 * that is to be overruled. PRECONDITION when the snapshot is from before the fence. */
enum status meta_replica_load(struct meta_replica *replica, const struct meta_replica_page *page, struct bytes record);
/* Appends the rows behind `after` (family byte and key; empty: from the start) as one record, about CHANGE_PAGE_BYTES
 * long; its epoch is the replica's, its first sequence the replica's. No changes: the end. */
enum status meta_replica_dump(struct meta_replica *replica, struct bytes after, struct buffer *out);
/* Raises the fence, durably: whoever makes changes in an epoch of a lower generation is shut out from when this
 * returns. What is held stays. CONFLICT when the fence is there already or higher: who raises it first has it. */
enum status meta_replica_fence(struct meta_replica *replica, uint32_t generation);

#endif

/* The node's replica of the gateway's metadata: rows that mean nothing here, kept in a RocksDB of their own
 * (meta-replica/ in the data directory) so that a gateway that lost its disk can get them back.
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
#include "storage/node/disk.h"

struct database_figures;
struct meta_replica;

struct meta_replica_state {
    uint64_t epoch;    /* in which the last change applied was made; 0: nothing is held */
    uint64_t sequence; /* of that change */
};

/* On failure error explains. */
enum status meta_replica_open(struct disk *disk, struct meta_replica **replica, char error[DISK_ERROR_MAX]);
void meta_replica_close(struct meta_replica *replica); /* NULL is fine */

void meta_replica_state(struct meta_replica *replica, struct meta_replica_state *state);
void meta_replica_figures(struct meta_replica *replica,
                          struct database_figures *figures); /* as database_figures_read */
/* Applies records. CORRUPT when one is malformed, CONFLICT when it does not continue what is held (then nothing of the
 * request was applied): its sequence is not the next, or its epoch is an earlier one. NO_SPACE, IO. An empty replica
 * begins with a history's first change. */
enum status meta_replica_apply(struct meta_replica *replica, struct bytes records);

struct meta_replica_page {
    struct meta_replica_state as_of; /* the snapshot's; tells snapshots apart */
    uint32_t number;                 /* 0 begins a snapshot, and drops one that was begun before */
    bool last;
};
/* Loads a page, one record of puts. CONFLICT when it is not the one that comes next: begin again. */
enum status meta_replica_load(struct meta_replica *replica, const struct meta_replica_page *page, struct bytes record);
/* Appends the rows behind `after` (family byte and key; empty: from the start) as one record, about CHANGE_PAGE_BYTES
 * long; its epoch is the replica's, its first sequence the replica's. No changes: the end. */
enum status meta_replica_dump(struct meta_replica *replica, struct bytes after, struct buffer *out);

#endif

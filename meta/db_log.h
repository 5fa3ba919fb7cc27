/* The database as a sequence of changes: what a batch changes, what the write-ahead log still holds, all rows at one
 * moment, and taking such changes in. Sequences here are RocksDB's own. All of it blocks. */
#ifndef TERCET_META_DB_LOG_H
#define TERCET_META_DB_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/change_record.h"
#include "meta/db.h"

uint64_t db_sequence(struct db *db); /* of the last change */

/* Appends the changes of a batch. STATUS_LIMIT beyond the buffer's maximum. */
enum status db_batch_changes(const struct db_batch *batch, struct buffer *out, uint32_t *count);

/* Appends the records of the log from that sequence up to `last`, about CHANGE_PAGE_BYTES of them, at least one when
 * there is one. Their sequences are RocksDB's plus `base`. NOT_FOUND when the log no longer reaches back so far. */
enum status db_log_read(struct db *db, uint64_t from, uint64_t last, uint64_t epoch, uint64_t base, struct buffer *out);

/* Writes the changes of a record's payload; unsynced ones become durable with the next synced write. STATUS_CORRUPT
 * for a family that does not exist. */
enum status db_apply(struct db *db, struct bytes payload, bool sync);

/* All rows as of one moment. */
struct db_snapshot {
    struct db *db;
    const void *snapshot;
    void *options, *iterator;
    unsigned family;
    uint64_t sequence;
};
void db_snapshot_open(struct db_snapshot *snapshot, struct db *db);
void db_snapshot_close(struct db_snapshot *snapshot);
/* Appends the next rows as puts, about CHANGE_PAGE_BYTES of them; *count 0 at the end. */
enum status db_snapshot_next(struct db_snapshot *snapshot, struct buffer *out, uint32_t *count);

#endif

/* The gateway's RocksDB behind a small interface: column families, reads through a view, iteration, batches.
 * Nothing else in meta/ includes RocksDB. Errors are translated here and logged once with RocksDB's own text. All of it
 * blocks, but for reads of a view in memory: call it in the pool, in the committer or from a plain thread. */
#ifndef TERCET_META_DB_H
#define TERCET_META_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

/* The numbers are in the log, in the nodes' replicas and in snapshots: families are only ever appended, never removed,
 * reordered or reused. */
enum db_family {
    DB_DEFAULT,  /* identity and state of the database */
    DB_BUCKETS,  /* bucket name */
    DB_CURRENT,  /* bucket id, key: what a listing shows of the current object */
    DB_VERSIONS, /* bucket id, key, descending sequence */
    DB_UPLOADS,  /* bucket id, key, upload id */
    DB_PARTS,    /* upload id, part number */
    DB_CHUNKS,   /* chunk id: size, checksum and where its copies are */
    DB_REPAIR,   /* good copies, chunk id */
    DB_GC,       /* sequence, index within the commit: what nothing refers to any more */
    DB_FAMILY_COUNT
};

struct db;

/* Creates the database when there is none. The reason of a failure is logged. */
enum status db_open(const char *path, uint64_t cache_bytes, struct db **db);
void db_close(struct db *db); /* flushes every family first */
/* Opens for reading, with the log's records up to the first damaged one. Nothing on the disk changes. */
enum status db_open_prefix(const char *path, struct db **db);
void db_close_prefix(struct db *db);
/* An integer property summed over the families; 0 when unknown. */
uint64_t db_property(struct db *db, const char *name);
uint64_t db_property_shared(struct db *db, const char *name); /* of the database as a whole */
#define DB_BACKGROUND_ERRORS "rocksdb.background-errors"

/* ---- batches: changes that will be written together ----------------------------------------------------------- */
struct db_batch;

struct db_batch *db_batch_create(void);
void db_batch_free(struct db_batch *batch);
void db_batch_put(struct db *db, struct db_batch *batch, enum db_family family, struct bytes key, struct bytes value);
void db_batch_delete(struct db *db, struct db_batch *batch, enum db_family family, struct bytes key);
unsigned db_batch_count(const struct db_batch *batch);
size_t db_batch_bytes(const struct db_batch *batch);
/* Marks the state to which one rollback returns. */
void db_batch_mark(struct db_batch *batch);
void db_batch_rollback(struct db_batch *batch);
/* Writes and syncs. NO_SPACE: nothing was written, since RocksDB waits for room after an error in its background; it
 * tries again by itself every 5 seconds, and so may the caller. After any other failure, one for lack of space in the
 * log among them, it is not known what the log holds and the database must not be written again: see commit.c. */
enum status db_write(struct db *db, struct db_batch *batch);

/* ---- reads ---------------------------------------------------------------------------------------------------- */
/* The database as it is, or (with a batch) as it will be once the batch is written. In memory only, reads never wait
 * for the disk, so that a loop may do them itself; they fail with STATUS_UNAVAILABLE when the answer is not there. */
struct db_view {
    struct db *db;
    struct db_batch *batch; /* may be NULL */
    bool in_memory;
};

struct db_value {
    char *data;
    size_t len;
};
void db_value_copy(struct db_value *value, struct bytes bytes);
void db_value_release(struct db_value *value);
struct bytes db_value_bytes(const struct db_value *value);

/* NOT_FOUND when absent; release the value after STATUS_OK. */
enum status db_get(const struct db_view *view, enum db_family family, struct bytes key, struct db_value *value);

/* Walks the keys in [lower, upper), both ways. Keys and values are valid until the iterator moves. */
struct db_iterator {
    void *iterator, *options;
    char *lower, *upper; /* RocksDB keeps pointers to the bounds */
    size_t lower_len, upper_len;
};
void db_iterator_open(struct db_iterator *it, const struct db_view *view, enum db_family family, struct bytes lower,
                      struct bytes upper);
void db_iterator_close(struct db_iterator *it);                  /* idempotent on a zeroed one */
void db_iterator_seek(struct db_iterator *it, struct bytes key); /* at or behind key; never before lower */
void db_iterator_first(struct db_iterator *it);
void db_iterator_last(struct db_iterator *it);
void db_iterator_next(struct db_iterator *it);
void db_iterator_previous(struct db_iterator *it);
bool db_iterator_valid(const struct db_iterator *it); /* false at the end and after an error */
struct bytes db_iterator_key(const struct db_iterator *it);
struct bytes db_iterator_value(const struct db_iterator *it);
enum status db_iterator_status(const struct db_iterator *it); /* tells the end from an error */

#endif

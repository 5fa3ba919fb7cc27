/* The store below meta: ordered rows in families, batches that one durable commit writes, a sequence of changes, and
 * what replicas need of it. Everything above it (the rest of meta/) sees this interface only and knows no database;
 * docs/internals/metadata-store.md says what an implementation must guarantee. Implementations fill the table of
 * store_operations.h: store_rocks.c (RocksDB, the default) and store_memory.c (for tests).
 *
 * Damage of what a store holds is STATUS_DAMAGED, and damage.h was told. All of it blocks, but for reads of a view in
 * memory: call it in the pool, in the committer or from a plain thread.
 *
 * Another process may change a store that is shared. These places still take for granted that no other one does, and
 * are to be changed before a shared store is used: the committer keeps the state row, and its sequence, from one group
 * to the next (commit.c: committer.state); the bucket table is read once at the start (bucket_table.c); an epoch
 * belongs to one process, which alone hands its changes on (history.c: begun, history_ship); the places up to which the
 * queues were read are kept in memory (gc.c, repair.c). A group's write says from which sequence it was prepared, so
 * that another writer is found out (store_write: CONFLICT) and nothing is overwritten. */
#ifndef TERCET_META_STORE_H
#define TERCET_META_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/change_record.h"
#include "base/database_figures.h"
#include "base/status.h"

/* The numbers are in change records, in the nodes' replicas and in snapshots: families are only ever appended, never
 * removed, reordered or reused. */
enum store_family {
    STORE_DEFAULT,  /* identity and state of the database */
    STORE_BUCKETS,  /* bucket name */
    STORE_CURRENT,  /* bucket id, key: what a listing shows of the current object */
    STORE_VERSIONS, /* bucket id, key, descending sequence */
    STORE_UPLOADS,  /* bucket id, key, upload id */
    STORE_PARTS,    /* upload id, part number */
    STORE_CHUNKS,   /* chunk id: size, checksum and where its copies are */
    STORE_REPAIR,   /* good copies, chunk id */
    STORE_GC,       /* sequence, index within the commit: what nothing refers to any more */
    STORE_NAMES,    /* bucket id, key: a name's numbers and ends; and with a number: where that version is (name.h) */
    STORE_SETTINGS, /* bucket id, kind: a document (bucket_settings.h) */
    STORE_OUTBOX,   /* sequence, index within the commit: work to be done after it (outbox.h) */
    STORE_IDENTITY, /* text of the upper layer's: a document (identity.h) */
    STORE_ANNOTATIONS, /* set of a version, name: a text beside the version (annotations.h) */
    STORE_FAMILY_COUNT
};

struct meta_store;

/* Opens the database in that directory (RocksDB), and creates it when there is none. UNAVAILABLE: another process has
 * it open, which is said to nobody else. The reason of every other failure is logged. */
enum status store_open(const char *path, uint64_t cache_bytes, struct meta_store **db);
/* The same for reading, with the log's records up to the first damaged one. Nothing on the disk changes. */
enum status store_open_prefix(const char *path, struct meta_store **db);
/* A log whose last record a power loss tore: it has its full length but not its bytes, so that the database takes it
 * for damage in the middle and refuses to open (of a shorter one it sees that it is torn). Nobody can tell from the log
 * alone whether that record was acknowledged; the caller must find it out before it is dropped (history.h:
 * meta_torn_find). */
#define STORE_PATH_MAX 4096
struct store_torn {
    char path[STORE_PATH_MAX]; /* of the log */
    uint64_t offset, bytes;    /* what would be dropped */
};
/* Looks at a closed database without changing anything. CORRUPT when the newest log is not one whose only damage is its
 * last record, that is, when something else is damaged or when another record begins behind the damage. */
enum status store_torn_find(const char *path, struct store_torn *torn);
/* Cuts the record off and syncs. */
enum status store_torn_drop(const struct store_torn *torn);
void store_close(struct meta_store *db); /* what was written lazily is durable afterwards */

bool store_exists(const char *path); /* is a database in that directory? */
uint64_t store_figure(struct meta_store *db,
                      enum database_figure figure); /* 0: not known, too. Does not wait for a disk */

/* ---- batches: changes that will be written together ----------------------------------------------------------- */
struct store_batch;

struct store_batch *store_batch_create(struct meta_store *db); /* to be written to that store only */
void store_batch_free(struct store_batch *batch);
void store_batch_put(struct store_batch *batch, enum store_family family, struct bytes key, struct bytes value);
void store_batch_delete(struct store_batch *batch, enum store_family family, struct bytes key);
unsigned store_batch_count(const struct store_batch *batch); /* changes; of a key that is changed twice both count */
size_t store_batch_bytes(const struct store_batch *batch);   /* about what it takes in a log */
/* Data that the log keeps beside the changes, and no row: whoever reads the log finds them before the batch's record
 * (store_changes_read). Once a batch, with no mark behind which a rollback would go back. */
void store_batch_log_data(struct store_batch *batch, struct bytes data);
/* Marks the state to which one rollback returns. Marks nest, and stay where no rollback used them. */
void store_batch_mark(struct store_batch *batch);
void store_batch_rollback(struct store_batch *batch);
/* Appends the changes to a record, in their order. STATUS_LIMIT beyond the buffer's maximum. */
enum status store_batch_changes(const struct store_batch *batch, struct buffer *out, uint32_t *count);

/* Writes all of the batch or nothing, durably. The sequence moves on by the number of its changes. NO_SPACE: nothing
 * was written; the store finds out by itself when there is room again, and the caller may try as often as it likes.
 * DAMAGED with background errors: nothing was written, and nothing will be. After any other failure it is not known
 * what was written, and the database must not be written again: see commit.c. */
enum status store_write(struct meta_store *db, struct store_batch *batch);
/* The same as store_write, but it may be lost with the power until the next store_write or store_sync has returned. */
enum status store_write_lazily(struct meta_store *db, struct store_batch *batch);
/* The same as store_write_lazily, if no change came since the store was at that sequence; else CONFLICT, and nothing
 * was written. */
enum status store_append(struct meta_store *db, struct store_batch *batch, uint64_t sequence);
/* Makes durable all that was written. After any failure nobody knows what is, and the database must not be written
 * again. */
enum status store_sync(struct meta_store *db);
/* Writes the changes of a record that was made on such a store, durably, as they were written there: nothing is added
 * to them. CONFLICT unless they begin right behind the last change, CORRUPT when the record cannot be from there;
 * nothing was written then. */
enum status store_write_record(struct meta_store *db, const struct change_record *record);

/* ---- reads ---------------------------------------------------------------------------------------------------- */
struct store_snapshot;

/* The database as it is, or (with a batch) as it will be once the batch is written, or as it was when a snapshot was
 * taken. In memory only, reads never wait for the disk nor walk over many rows that were deleted, so that a loop may do
 * them itself; they fail with STATUS_UNAVAILABLE when the answer cannot be had so. */
struct store_view {
    struct meta_store *db;
    struct store_batch *batch; /* may be NULL */
    bool in_memory;
    const struct store_snapshot *snapshot; /* may be NULL; without a batch, and not in memory only */
};

struct store_value {
    char *data;
    size_t len;
};
void store_value_copy(struct store_value *value, struct bytes bytes);
void store_value_release(struct store_value *value);
struct bytes store_value_bytes(const struct store_value *value);

/* NOT_FOUND when absent; release the value after STATUS_OK. */
enum status store_get(const struct store_view *view, enum store_family family, struct bytes key,
                      struct store_value *value);

/* Walks the keys in [lower, upper), both ways, as they were when it was opened. An absent upper (NULL data) is no
 * bound. Keys and values are valid until the iterator moves. The fields are the implementation's. */
struct store_iterator {
    struct meta_store *db;
    void *place;
    char *bounds; /* holds lower and upper */
    struct bytes lower, upper;
};
void store_iterator_open(struct store_iterator *it, const struct store_view *view, enum store_family family,
                         struct bytes lower, struct bytes upper);
void store_iterator_close(struct store_iterator *it);                  /* idempotent on a zeroed one */
void store_iterator_seek(struct store_iterator *it, struct bytes key); /* at or behind key; never before lower */
void store_iterator_first(struct store_iterator *it);
void store_iterator_last(struct store_iterator *it);
void store_iterator_next(struct store_iterator *it);
void store_iterator_previous(struct store_iterator *it);
bool store_iterator_valid(const struct store_iterator *it); /* false at the end and after an error */
struct bytes store_iterator_key(const struct store_iterator *it);
struct bytes store_iterator_value(const struct store_iterator *it);
enum status store_iterator_status(const struct store_iterator *it); /* tells the end from an error */

/* ---- the database as a sequence of changes -------------------------------------------------------------------- */
/* Of the last change. Counted by the store and kept with the rows, whatever the database beneath counts by itself. */
uint64_t store_sequence(struct meta_store *db);
/* What it holds now is what there was at that sequence: of rows that were taken in, and of a database of a build that
 * did not keep it. It is kept by the next write. Before the committer runs. */
void store_sequence_set(struct meta_store *db, uint64_t sequence);

/* Appends the records of what was written from that sequence up to `last`, each behind the log data of its batch, about
 * CHANGE_PAGE_BYTES of them, at least one when there is one. NOT_FOUND when the store no longer keeps what was written
 * then; then a replica needs all rows. */
enum status store_changes_read(struct meta_store *db, uint64_t from, uint64_t last, uint64_t epoch, struct buffer *out);
/* The first of these records at or behind that sequence which the store still keeps. NOT_FOUND: there is none. */
enum status store_changes_begin(struct meta_store *db, uint64_t from, uint64_t *begin);

/* Writes the changes of a record's payload lazily. STATUS_CORRUPT for a family that does not exist. */
enum status store_apply(struct meta_store *db, struct bytes payload);

/* The database as it is now, for as long as the snapshot is open. */
struct store_snapshot {
    struct meta_store *db;
    void *place;       /* the implementation's */
    uint64_t sequence; /* of the last change in it */
};
void store_snapshot_open(struct store_snapshot *snapshot, struct meta_store *db);
void store_snapshot_close(struct store_snapshot *snapshot); /* idempotent on a zeroed one */

/* All rows of a snapshot as changes, family by family. */
struct store_dump {
    struct store_snapshot snapshot;
    struct store_iterator rows;
    unsigned family; /* STORE_FAMILY_COUNT: the end */
};
void store_dump_open(struct store_dump *dump, struct meta_store *db);
void store_dump_close(struct store_dump *dump);
/* Appends the next rows as puts, about CHANGE_PAGE_BYTES of them; *count 0 at the end. */
enum status store_dump_next(struct store_dump *dump, struct buffer *out, uint32_t *count);

#endif

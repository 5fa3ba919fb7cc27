/* RocksDB with the options that keep Tercet's promises, for the gateway's metadata and for the database of a node.
 * Nobody else includes rocksdb/c.h.
 *
 * What all of them have: the log is recovered with TolerateCorruptedTailRecords, so a torn last record (of a write that
 * was never acknowledged) is dropped and damage in the middle refuses to open; RocksDB's default silently drops
 * acknowledged writes behind a damaged record. Checksums are verified. Memory is bounded whatever the number of rows:
 * one block cache, one limit for all write buffers, few open files. RocksDB's text log stays empty: on a full disk its
 * second line ends the process by an assertion (WritableFileWriter, in Debian's build of 7.8). Errors come back from
 * the calls.
 *
 * Error texts are translated here, and told to the owner (rocks_config.failed), who logs them and may know better what
 * they mean. All of it blocks, but for reads in memory. Any thread, but a batch and an iterator have one at a time. */
#ifndef TERCET_BASE_ROCKS_H
#define TERCET_BASE_ROCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/database_figures.h"
#include "base/status.h"

#define ROCKS_FAMILIES_MAX 16

struct rocks;
struct rocks_batch;
struct rocks_iterator;
struct rocks_snapshot;

/* What to do with a log that has damaged records. */
enum rocks_recovery {
    ROCKS_DROP_TORN_TAIL,  /* the only one for writing */
    ROCKS_STOP_AT_DAMAGE,  /* for reading: what is before the first damaged record */
    ROCKS_PASS_OVER_DAMAGE /* for reading: all records that are whole */
};

struct rocks_family {
    const char *name;          /* the first is "default" */
    size_t write_buffer_bytes; /* 0: RocksDB's own default */
    bool has_blobs;            /* values lie in files beside the tree, so that compaction moves keys only */
    bool compressed;           /* also when the others are not */
    bool unfiltered;           /* no bloom filters, also when the others have them */
    bool appended;             /* written all the time and hardly read: rows are sorted when they leave memory. Reading
                                * what is still there copies and sorts it each time */
};

enum rocks_action { ROCKS_OPEN, ROCKS_READ, ROCKS_WRITE, ROCKS_FLUSH };

/* An error that is told to the owner. */
struct rocks_failure {
    enum rocks_action action;
    unsigned family; /* of a read */
    enum status status;
    const char *text; /* RocksDB's */
};

struct rocks_config {
    const char *path;
    const struct rocks_family *families; /* as long as the database is open */
    unsigned family_count;
    enum rocks_recovery recovery;
    size_t cache_bytes, write_buffers_bytes, log_bytes_max;
    uint64_t log_kept_mb; /* of logs that are no longer needed for recovery, for rocks_changes_read; 0: none. Must be
                           * looked after by rocks_log_trim when much is written */
    int open_files_max;
    bool compressed;
    bool filtered;       /* bloom filters, for point reads */
    bool partitioned;    /* index and filters are read in parts: for databases much larger than the cache */
    bool keeps_queues;   /* rows come and go: stretches of deletions are compacted and walked over quickly */
    bool no_reservation; /* no blocks are reserved ahead, which for logs are up to 22 MiB: for a disk that is full */
    /* Returns what the call is to end with: the failure's status, or what the owner makes of it. Not told: UNAVAILABLE
     * of a read in memory. NULL: nothing is told. */
    enum status (*failed)(void *arg, const struct rocks_failure *failure);
    void *failed_arg;
};

/* Creates it when there is none, unless it is opened for reading; then families that do not exist are left out, and
 * nothing on the disk changes. UNAVAILABLE: another process has it open. DAMAGED: see status_from_rocksdb. */
enum status rocks_open(const struct rocks_config *config, struct rocks **db);
void rocks_close(struct rocks *db);                                   /* NULL is fine */
bool rocks_has_family(const struct rocks *db, unsigned family);       /* always, unless it was opened for reading */
enum status rocks_flush(struct rocks *db);                            /* all memtables to tables */
enum status rocks_flush_begin(struct rocks *db, unsigned family);     /* does not wait until it is done */
enum status rocks_sync(struct rocks *db);                             /* makes what was written before durable */
uint64_t rocks_figure(struct rocks *db, enum database_figure figure); /* may wait for a lock, not for the disk */
void rocks_figures(struct rocks *db, struct database_figures *figures);

/* ---- writing ---------------------------------------------------------------------------------------------------- */
/* With an index it can be read through, before it is written; without, ranges can be deleted. */
struct rocks_batch *rocks_batch_create(struct rocks *db, bool indexed);
void rocks_batch_free(struct rocks_batch *batch);
void rocks_batch_put(struct rocks_batch *batch, unsigned family, struct bytes key, struct bytes value);
void rocks_batch_delete(struct rocks_batch *batch, unsigned family, struct bytes key);
/* The key is in two parts, which are not copied together first. Without an index only. */
void rocks_batch_put_prefixed(struct rocks_batch *batch, unsigned family, struct bytes prefix, struct bytes key,
                              struct bytes value);
void rocks_batch_delete_prefixed(struct rocks_batch *batch, unsigned family, struct bytes prefix, struct bytes key);
/* The same for a value. */
void rocks_batch_put_joined(struct rocks_batch *batch, unsigned family, struct bytes key, struct bytes head,
                            struct bytes rest);
void rocks_batch_delete_range(struct rocks_batch *batch, unsigned family, struct bytes from, struct bytes end);
/* Bytes that go into the log with the batch, and into no table. */
void rocks_batch_log_data(struct rocks_batch *batch, struct bytes data);
unsigned rocks_batch_count(const struct rocks_batch *batch); /* changes; of a key that is changed twice both count */
size_t rocks_batch_bytes(const struct rocks_batch *batch);
/* Marks the state to which one rollback returns. With an index only. */
void rocks_batch_mark(struct rocks_batch *batch);
void rocks_batch_rollback(struct rocks_batch *batch);

/* All of it or nothing. NO_SPACE: RocksDB waits for room after an error in its background, and wrote nothing; it tries
 * again by itself every 5 seconds, and so may the caller. After any other failure, one for lack of space in the log
 * among them (IO), it is not known what the log holds, and the database must not be written again. */
enum status rocks_write(struct rocks *db, struct rocks_batch *batch, bool sync);
enum status rocks_put(struct rocks *db, unsigned family, struct bytes key, struct bytes value, bool sync);
enum status rocks_delete(struct rocks *db, unsigned family, struct bytes key, bool sync);

/* ---- reading ---------------------------------------------------------------------------------------------------- */
/* The database as it is, as it will be once a batch with an index is written, or as it was at a snapshot. */
struct rocks_view {
    struct rocks_batch *batch;       /* may be NULL */
    struct rocks_snapshot *snapshot; /* may be NULL */
    bool in_memory;                  /* UNAVAILABLE instead of waiting for the disk or a long walk over deleted rows;
                                      * rocks_get takes what is in the page cache, iterators do not */
    bool passing;                    /* what is read is not kept in the cache */
};

/* NOT_FOUND when absent. The value is to be freed with free(). */
enum status rocks_get(struct rocks *db, const struct rocks_view *view, unsigned family, struct bytes key, char **data,
                      size_t *len);

/* Keys in [lower, upper), both ways; an absent bound is none. The bounds must live as long as the iterator. Nowhere at
 * first. */
struct rocks_iterator *rocks_iterator_create(struct rocks *db, const struct rocks_view *view, unsigned family,
                                             struct bytes lower, struct bytes upper);
void rocks_iterator_free(struct rocks_iterator *it);                   /* NULL is fine */
void rocks_iterator_seek(struct rocks_iterator *it, struct bytes key); /* at or behind the key */
void rocks_iterator_first(struct rocks_iterator *it);
void rocks_iterator_last(struct rocks_iterator *it);
void rocks_iterator_next(struct rocks_iterator *it);
void rocks_iterator_previous(struct rocks_iterator *it);
bool rocks_iterator_valid(const struct rocks_iterator *it);       /* false at the end and after an error */
struct bytes rocks_iterator_key(const struct rocks_iterator *it); /* until it moves; so is the value */
struct bytes rocks_iterator_value(const struct rocks_iterator *it);
enum status rocks_iterator_status(const struct rocks_iterator *it); /* tells the end from an error */

struct rocks_snapshot *rocks_snapshot_create(struct rocks *db);
void rocks_snapshot_free(struct rocks *db, struct rocks_snapshot *snapshot);

/* Removes the oldest logs beyond log_kept_mb. RocksDB itself does so every ten minutes only, in which any number may
 * gather. */
void rocks_log_trim(struct rocks *db);

/* ---- the log as change records (rocks_log.c) -------------------------------------------------------------------- */
uint64_t rocks_sequence(struct rocks *db); /* RocksDB's own: of the last change */
/* Appends the changes of a batch, in their order. STATUS_LIMIT beyond the buffer's maximum. */
enum status rocks_batch_changes(const struct rocks_batch *batch, struct buffer *out, uint32_t *count);
/* Appends the records of what was written from that sequence (RocksDB's own) up to `last`, each behind the log data of
 * its batch, about CHANGE_PAGE_BYTES of them, at least one when there is one. Their sequences are RocksDB's plus
 * `base`. NOT_FOUND when the log no longer reaches back so far, or `from` is not where a write began. IO. */
enum status rocks_changes_read(struct rocks *db, uint64_t from, uint64_t last, uint64_t epoch, uint64_t base,
                               struct buffer *out);
/* The first write at or behind that sequence which the log still has; both are RocksDB's plus `base`. NOT_FOUND: there
 * is none. IO. */
enum status rocks_changes_begin(struct rocks *db, uint64_t from, uint64_t base, uint64_t *begin);

#endif

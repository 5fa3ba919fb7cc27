/* The chunks of one node: small ones in RocksDB, large ones in files, one index over both.
 *
 * What must stay true:
 *   - a chunk that was acknowledged is durable; one that is refused leaves nothing behind;
 *   - the index has a row for every chunk that can be read: rows are made after the chunk is durable, and at start
 *     the rows of large chunks are brought in line with the files (one readdir of each directory, one lookup per
 *     file, and a read of the head only where the row is missing);
 *   - bytes are checked before they leave; a copy that fails is set aside in quarantine and is gone from then on;
 *   - a database that is damaged is set aside when it is opened (set_aside.h); then the index has the files, and what
 * the node lacks is made anew, or taken back (salvage.h);
 *   - a chunk in the trash is not in the index: it is not read, listed or counted, until it is restored;
 *   - memory does not grow with the number of chunks.
 * All functions block and may be called from any thread, but for those marked. Tasks reach them through the pool. */
#ifndef TERCET_STORAGE_NODE_CHUNK_STORE_H
#define TERCET_STORAGE_NODE_CHUNK_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/chunk.h"
#include "base/status.h"
#include "storage/node/chunk_format.h"
#include "storage/node/disk.h"
#include "storage/protocol.h"

struct chunk_store;
struct database_figures;

#define SMALL_CHUNK_BYTES_MAX (1u << 20) /* upper limit of small_bytes_max */

struct chunk_store_config {
    struct disk_config disk;
    uint32_t small_bytes_max; /* chunks up to this size go to RocksDB */
};

/* On failure error explains; the status is as disk_open's. */
enum status chunk_store_open(const struct chunk_store_config *config, struct chunk_store **store,
                             char error[DISK_ERROR_MAX]);
void chunk_store_close(struct chunk_store *store); /* no readers or writers may be open; NULL is fine */

struct chunk_store_info {
    uint64_t chunks;
    uint64_t bytes;       /* their payload */
    uint64_t corruptions; /* copies set aside since start */
    uint64_t carried;     /* chunks stored with a record of the metadata since start */
    uint64_t trash_chunks, trash_bytes;
    struct disk_space space;
    bool read_only;                          /* the disk failed */
    unsigned damaged;                        /* a bit for each database; it is about to be set aside */
    unsigned set_aside[DISK_DATABASE_COUNT]; /* so many damaged databases are kept */
};
enum status chunk_store_info(struct chunk_store *store, struct chunk_store_info *info);
uint64_t chunk_store_chunks(const struct chunk_store *store);      /* does not block */
uint64_t chunk_store_bytes(const struct chunk_store *store);       /* does not block */
uint64_t chunk_store_corruptions(const struct chunk_store *store); /* does not block */
bool chunk_store_failed(const struct chunk_store *store);          /* does not block */
uint64_t chunk_store_memory(struct chunk_store *store);            /* RocksDB's; does not block for long */
void chunk_store_figures(struct chunk_store *store, struct database_figures *figures);
struct disk *chunk_store_disk(struct chunk_store *store); /* shared with the replica of the metadata */

struct chunk_info {
    struct chunk_id id;
    uint32_t size;
    uint32_t crc32c;
    int64_t stored_ms;
};
/* Does not read the payload. STATUS_NOT_FOUND. */
enum status chunk_store_stat(struct chunk_store *store, const struct chunk_id *id, struct chunk_info *info);
/* Durable when it returns. STATUS_NOT_FOUND when there was none. */
enum status chunk_store_delete(struct chunk_store *store, const struct chunk_id *id);
/* The same for many chunks, with one sync of the database and one of each directory: outcomes[i] is that of ids[i]. An
 * id that comes twice was not there the second time. */
void chunk_store_delete_many(struct chunk_store *store, const struct chunk_id *ids, size_t count,
                             enum status *outcomes);
/* Reads the whole copy. STATUS_CORRUPT: it was bad and has been set aside. */
enum status chunk_store_verify(struct chunk_store *store, const struct chunk_id *id);
/* Up to `capacity` chunks behind `after` (NULL: from the first) in the order of their ids. */
enum status chunk_store_inventory(struct chunk_store *store, const struct chunk_id *after, struct chunk_info *out,
                                  uint32_t capacity, uint32_t *count);

/* ---- the trash (chunk_trash.c) --------------------------------------------------------------------------------- */
struct trashed_chunk {
    struct chunk_id id;
    uint32_t size;
    uint32_t crc32c;
    int64_t trashed_ms; /* wall clock */
};
/* Puts the chunk into the trash, durably; OK also when it is there already. STATUS_NOT_FOUND. */
enum status chunk_store_trash(struct chunk_store *store, const struct chunk_id *id);
struct chunk_expected { /* the payload */
    uint32_t size;
    uint32_t crc32c;
};
/* Takes it back into service, durably, unless it is there, and verifies it: STATUS_CORRUPT when it was bad and has been
 * set aside. STATUS_NOT_FOUND when it is nowhere, STATUS_CONFLICT when it is not what is expected (NULL: anything is).
 */
enum status chunk_store_restore(struct chunk_store *store, const struct chunk_id *id,
                                const struct chunk_expected *expected);
/* Deletes it from the trash for good if it was put there at trashed_ms or before. STATUS_NOT_FOUND. */
enum status chunk_store_trash_purge(struct chunk_store *store, const struct chunk_id *id, int64_t trashed_ms);
/* Takes everything in the trash back into service, as far as it is good; *restored counts. Before it is emptied. */
enum status chunk_store_trash_restore_all(struct chunk_store *store, uint64_t *restored);
/* As chunk_store_inventory, of the trash. */
enum status chunk_store_trash_list(struct chunk_store *store, const struct chunk_id *after, struct trashed_chunk *out,
                                   uint32_t capacity, uint32_t *count);

/* ---- writing ------------------------------------------------------------------------------------------------- */
struct chunk_put; /* a chunk being written */

/* expected_size UINT32_MAX when unknown: then it is kept in memory up to the small limit, and goes on in a file.
 * Does not block. */
struct chunk_put *chunk_put_create(struct chunk_store *store, const struct chunk_id *id, uint32_t expected_size);
/* STATUS_LIMIT beyond CHUNK_BYTES_MAX, STATUS_NO_SPACE at the reserve, STATUS_IO when the disk failed. */
enum status chunk_put_append(struct chunk_put *put, const void *data, size_t len);
uint32_t chunk_put_size(const struct chunk_put *put);                 /* does not block */
uint32_t chunk_put_crc32c(const struct chunk_put *put);               /* of what was appended; does not block */
const struct chunk_sums *chunk_put_sums(const struct chunk_put *put); /* does not block */
/* Is the chunk sure to be a small one, so that no append blocks? Does not block. */
bool chunk_put_stays_small(const struct chunk_put *put);
/* Makes the chunk durable. Blocks; with one that stays small, it suspends a task instead. STATUS_EXISTS: the same bytes
 * were there already, read again to be sure; STATUS_CONFLICT: other bytes are there; STATUS_INVALID: no bytes at all.
 */
enum status chunk_put_commit(struct chunk_put *put);
/* The same for several, small ones with few syncs; the outcome of each. Blocks. */
void chunk_put_commit_many(struct chunk_put *const *puts, size_t count, enum status *outcomes);
void chunk_put_free(struct chunk_put *put); /* drops what was not committed; NULL is fine */

/* ---- reading ------------------------------------------------------------------------------------------------- */
struct store_reader {
    struct chunk_store *store;
    struct chunk_head head;
    int fd;      /* of a large chunk, else -1 */
    char *small; /* the stored value of a small one, else NULL */
    size_t small_len;
    bool in_memory; /* must not wait for the disk, in any case */
};

/* Opens and checks the head; a bad one is set aside. STATUS_NOT_FOUND (also after that), STATUS_CORRUPT: just now
 * found bad. The reader stays usable while the chunk is deleted. */
enum status store_reader_open(struct store_reader *reader, struct chunk_store *store, const struct chunk_id *id);
/* The same without ever waiting for the disk, for a loop: true when a small chunk was found whole in memory. Reading
 * and releasing such a reader does not block either; damage found then is STATUS_UNAVAILABLE: open it in the pool. */
bool store_reader_open_memory(struct store_reader *reader, struct chunk_store *store, const struct chunk_id *id);
/* Copies blocks, checked, to out. STATUS_CORRUPT: the copy was bad and has been set aside. */
enum status store_reader_read(struct store_reader *reader, uint32_t first_block, uint32_t count, void *out);
void store_reader_release(struct store_reader *reader); /* idempotent */

#endif

/* The node's RocksDB (base/rocks.h): the index of all chunks, the small chunks themselves, small copies in quarantine,
 * the rows of chunks in the trash, and the replica of the metadata (meta_replica.h). A small chunk in the trash keeps
 * its bytes where they are: only its row is elsewhere.
 *
 * A small chunk and its index row are one synced batch. Index rows of large chunks are written and deleted without a
 * sync: after a power failure they may be behind the files, and are brought in line with them at start
 * (chunk_store.c). Small chunks lie in blob files beside the tree, so that compaction moves keys only.
 *
 * A failed write is the disk's failure (disk.h); wrong bytes anywhere but in a chunk's own are damage of the database
 * as a whole (STATUS_DAMAGED; set_aside.h says what follows). Everything here blocks unless it says otherwise. */
#ifndef TERCET_STORAGE_NODE_SMALL_STORE_H
#define TERCET_STORAGE_NODE_SMALL_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/chunk.h"
#include "base/status.h"
#include "storage/node/disk.h"

struct database_figures;
struct small_store;

struct index_entry {
    struct chunk_id id;
    uint32_t size;
    uint32_t crc32c;
    int64_t stored_ms;
    bool large; /* the chunk is a file */
};

/* A chunk in the trash: its row of the index, and since when. */
struct trash_entry {
    struct index_entry entry;
    int64_t trashed_ms; /* wall clock */
};

/* A value that was read; release frees it. */
struct small_value {
    char *data;
    size_t len;
};

/* On failure error explains. STATUS_DAMAGED: it can be set aside. */
enum status small_store_open(struct disk *disk, struct small_store **store, char error[DISK_ERROR_MAX]);
void small_store_close(struct small_store *store); /* NULL is fine */

/* Where a read may look. In memory only it never waits for the disk, so a loop may do it itself, and it fails with
 * STATUS_UNAVAILABLE when the answer is not there. */
enum small_reach { SMALL_ANYWHERE, SMALL_IN_MEMORY };

/* STATUS_NOT_FOUND, or STATUS_DAMAGED or STATUS_IO when the index cannot be read. */
enum status small_store_lookup(struct small_store *store, enum small_reach reach, const struct chunk_id *id,
                               struct index_entry *entry);
/* The stored bytes of a small chunk, head and payload, unchecked. STATUS_CORRUPT when RocksDB finds them damaged. */
enum status small_store_get(struct small_store *store, enum small_reach reach, const struct chunk_id *id,
                            struct small_value *value);
void small_value_release(struct small_value *value);

/* A small chunk to be stored: its index row and its bytes, head and payload. */
struct small_row {
    struct index_entry entry;
    struct bytes head, payload;
};
static inline size_t small_row_len(const struct small_row *row)
{
    return row->head.len + row->payload.len;
}
/* All of them in one synced batch. */
enum status small_store_put(struct small_store *store, const struct small_row *rows, unsigned count);
/* The rows of a large chunk, not synced. */
enum status small_store_index_put(struct small_store *store, const struct index_entry *entry);
enum status small_store_index_delete(struct small_store *store, const struct chunk_id *id);
/* Deletes the rows of all of them and the bytes of the small ones, in one batch: gone at once, for good after
 * small_store_sync. */
enum status small_store_delete(struct small_store *store, const struct index_entry *entries, unsigned count);
enum status small_store_sync(struct small_store *store); /* makes all that was written before durable */
/* Deletes row and bytes of a small chunk, synced, keeping the bytes in quarantine when they can be read. */
enum status small_store_quarantine(struct small_store *store, const struct chunk_id *id);

/* Calls fn for the entries behind `after` (NULL: all) in the order of their ids; ends when fn fails, with its status.
 */
typedef enum status (*small_store_fn)(void *arg, const struct index_entry *entry);
enum status small_store_iterate(struct small_store *store, const struct chunk_id *after, small_store_fn fn, void *arg);

/* ---- the trash ----------------------------------------------------------------------------------------------- */
/* STATUS_NOT_FOUND. */
enum status small_store_trash_lookup(struct small_store *store, const struct chunk_id *id, struct trash_entry *trash);
/* The row goes from the index to the trash, or back; synced. */
enum status small_store_trash(struct small_store *store, const struct trash_entry *trash);
enum status small_store_restore(struct small_store *store, const struct trash_entry *trash);
/* Drops the row from the trash, and with with_bytes those of a small chunk. Not synced: a row that comes back after a
 * power failure is dropped again. */
enum status small_store_trash_delete(struct small_store *store, const struct chunk_id *id, bool with_bytes);
/* As small_store_iterate. */
typedef enum status (*small_store_trash_fn)(void *arg, const struct trash_entry *trash);
enum status small_store_trash_iterate(struct small_store *store, const struct chunk_id *after, small_store_trash_fn fn,
                                      void *arg);

/* Memory that RocksDB uses for memtables, table readers and its cache. Does not block for long. */
uint64_t small_store_memory(struct small_store *store);
void small_store_figures(struct small_store *store, struct database_figures *figures);

#endif

/* What the files of the small store share: its families, and the rows of chunks in them. */
#ifndef TERCET_STORAGE_NODE_SMALL_STORE_INTERNAL_H
#define TERCET_STORAGE_NODE_SMALL_STORE_INTERNAL_H

#include <stdatomic.h>

#include "base/rocks.h"
#include "storage/node/small_store.h"

/* The index (id -> entry), head and payload of small chunks, copies that failed their checks (under their id and the
 * time), the entries of chunks in the trash, each followed by the time, and the replica of the metadata
 * (meta_replica.h). */
enum small_family { FAMILY_INDEX, FAMILY_DATA, FAMILY_QUARANTINE, FAMILY_TRASH, FAMILY_METADATA, FAMILY_COUNT };

#define SMALL_ENTRY_LEN 20

struct small_store {
    struct disk *disk;
    struct rocks *db;
    char *open_error;               /* while it is opened: what becomes of an error */
    _Atomic uint64_t deleted_bytes; /* of chunks, since the last flush for their sake */
};

static inline struct bytes small_key(const struct chunk_id *id)
{
    return bytes_of(id->bytes, CHUNK_ID_LEN);
}

extern const struct rocks_family small_families[FAMILY_COUNT];

/* Does the error's text say what passes, and nothing about the bytes? */
bool failure_passes(const char *text);

/* Adds index row and bytes of a small chunk. */
void small_row_put(struct rocks_batch *batch, const struct small_row *row);
void small_entry_encode(const struct index_entry *entry, uint8_t out[SMALL_ENTRY_LEN]);
enum status small_entry_decode(struct bytes key, struct bytes value, struct index_entry *entry);
/* NOT_FOUND; release the value. */
enum status small_row_get(struct small_store *store, enum small_reach reach, enum small_family family,
                          const struct chunk_id *id, struct small_value *value);
/* A row that has no meaning (CORRUPT) though RocksDB finds nothing wrong with it is damage of the database. */
enum status small_row_outcome(struct small_store *store, enum status status);
/* Calls fn for the rows behind `after` (NULL: all). Ends when fn fails, with its status. */
typedef enum status (*small_row_fn)(void *arg, struct bytes key, struct bytes value);
enum status small_rows_walk(struct small_store *store, enum small_family family, const struct chunk_id *after,
                            small_row_fn fn, void *arg);

#endif

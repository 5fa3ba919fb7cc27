/* RocksDB's own handles, for the files of the wrapper and for tests of what only RocksDB does. */
#ifndef TERCET_BASE_ROCKS_INTERNAL_H
#define TERCET_BASE_ROCKS_INTERNAL_H

#include <rocksdb/c.h>

#include "base/rocks.h"

struct rocks {
    struct rocks_config config;
    rocksdb_t *database;
    rocksdb_column_family_handle_t *families[ROCKS_FAMILIES_MAX];
    rocksdb_writeoptions_t *synced, *unsynced;
    rocksdb_readoptions_t *anywhere;
};

struct rocks_batch {
    struct rocks *db;
    rocksdb_writebatch_t *plain;
    rocksdb_writebatch_wi_t *indexed; /* one of both is NULL */
};

/* Translates, tells the owner and frees RocksDB's error text. */
enum status rocks_outcome(const struct rocks *db, enum rocks_action action, unsigned family, char *error);

#endif

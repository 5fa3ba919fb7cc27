/* What db.c and db_log.c share: RocksDB's own handles. Nobody else includes it. */
#ifndef TERCET_META_DB_PRIVATE_H
#define TERCET_META_DB_PRIVATE_H

#include <rocksdb/c.h>

#include "meta/db.h"

struct db {
    rocksdb_t *rocksdb;
    rocksdb_options_t *options;
    rocksdb_cache_t *cache;
    rocksdb_readoptions_t *read_options, *memory_read_options;
    rocksdb_writeoptions_t *write_options;
    rocksdb_column_family_handle_t *families[DB_FAMILY_COUNT];
};

/* The handle is the batch itself; the name keeps RocksDB's types out of the header. */
struct db_batch {
    rocksdb_writebatch_wi_t *wi;
};

/* Translates, logs and frees RocksDB's error text. */
enum status db_error(char *error, const char *action);

#endif

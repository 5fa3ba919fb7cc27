/* Opening RocksDB with the durability and the memory that the gateway promises; see the header.
 * WAL recovery is kTolerateCorruptedTailRecords: a torn last record (a commit that was never acknowledged) is dropped,
 * a damaged one in the middle refuses to open. RocksDB's default would silently forget the commits behind it. Memory is
 * bounded whatever the number of objects: one block cache that holds index and filter partitions too, one limit for all
 * write buffers, few open files. RocksDB's own text log stays empty: on a full disk its second line would end the
 * process by an assertion (WritableFileWriter, in Debian's build of 7.8). Errors come back from the calls. */
#include "meta/db_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/check.h"
#include "base/log.h"

enum {
    WAL_TOLERATE_CORRUPTED_TAIL = 0, /* rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords */
    WAL_POINT_IN_TIME = 2,           /* rocksdb::WALRecoveryMode::kPointInTimeRecovery */
    READ_TIER_MEMORY = 1,            /* rocksdb::ReadTier::kBlockCacheTier: memtables and the cache */
    INDEX_TWO_LEVEL = 2,             /* rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch */
    INFO_LOG_FATAL = 4,              /* rocksdb::InfoLogLevel::FATAL_LEVEL, which nothing has */
    OPEN_FILES_MAX = 256,
    ITERATOR_SKIPS_MAX = 8,
    DELETIONS_WINDOW = 1024, /* a file with this many entries in a row ... */
    DELETIONS_TRIGGER = 512, /* ... of which so many are deletions is compacted, so that seeks stay short */
};
#define WRITE_BUFFERS_BYTES (16u << 20)
#define ARENA_BLOCK_BYTES   (64u << 10)
#define WAL_BYTES_MAX       (64u << 20)
#define WAL_KEPT_MAX_MB     256 /* of logs that are no longer needed here, for nodes that were away ... */
#define WAL_KEPT_MIN_MB     16
#define WAL_KEPT_PART       32 /* ... and of the disk no more than this part */
#define CACHE_BYTES_DEFAULT (16u << 20)

static const char *const family_names[DB_FAMILY_COUNT] = {
    [DB_DEFAULT] = "default",   [DB_BUCKETS] = "buckets", [DB_CURRENT] = "current",
    [DB_VERSIONS] = "versions", [DB_UPLOADS] = "uploads", [DB_PARTS] = "parts",
    [DB_CHUNKS] = "chunks",     [DB_REPAIR] = "repair",   [DB_GC] = "gc",
};

enum status db_error(char *error, const char *action)
{
    enum status status = STATUS_IO;
    if (!error)
        return STATUS_OK;
    if (strncmp(error, "Result incomplete", 17) == 0) { /* of a read in memory; nothing is wrong */
        rocksdb_free(error);
        return STATUS_UNAVAILABLE;
    }
    if (strncmp(error, "Corruption", 10) == 0)
        status = STATUS_CORRUPT;
    else if (strstr(error, "No space left"))
        status = STATUS_NO_SPACE;
    log_error("metadata database failed", LOG_STR("action", action), LOG_STR("error", error), LOG_STATUS(status));
    rocksdb_free(error);
    return status;
}

static void db_table_options(rocksdb_options_t *options, rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_block_based_options_set_format_version(table, 5);
    rocksdb_block_based_options_set_index_type(table, INDEX_TWO_LEVEL);
    rocksdb_block_based_options_set_partition_filters(table, 1);
    rocksdb_block_based_options_set_metadata_block_size(table, 4096);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, 1);
    rocksdb_block_based_options_set_pin_top_level_index_and_filter(table, 1);
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
}

/* Makes the directory, so that its disk can be asked for its size. */
static uint64_t log_kept_mb(const char *path)
{
    struct statvfs disk = {0};
    uint64_t kept = WAL_KEPT_MAX_MB;
    mkdir(path, 0700);
    if (statvfs(path, &disk) == 0)
        kept = (uint64_t)disk.f_blocks * disk.f_frsize / WAL_KEPT_PART >> 20;
    if (kept > WAL_KEPT_MAX_MB)
        kept = WAL_KEPT_MAX_MB;
    return kept < WAL_KEPT_MIN_MB ? WAL_KEPT_MIN_MB : kept;
}

static rocksdb_options_t *db_options(const char *path, rocksdb_cache_t *cache)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_create_missing_column_families(options, 1);
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_options_set_wal_recovery_mode(options, WAL_TOLERATE_CORRUPTED_TAIL);
    CHECK(rocksdb_options_get_wal_recovery_mode(options) == WAL_TOLERATE_CORRUPTED_TAIL);
    rocksdb_options_set_db_write_buffer_size(options, WRITE_BUFFERS_BYTES);
    rocksdb_options_set_write_buffer_size(options, WRITE_BUFFERS_BYTES / 2);
    rocksdb_options_set_arena_block_size(options, ARENA_BLOCK_BYTES);
    rocksdb_options_set_max_total_wal_size(options, WAL_BYTES_MAX);
    rocksdb_options_set_WAL_size_limit_MB(options, log_kept_mb(path));
    rocksdb_options_set_max_open_files(options, OPEN_FILES_MAX);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_max_sequential_skip_in_iterations(options, ITERATOR_SKIPS_MAX);
    rocksdb_options_add_compact_on_deletion_collector_factory(options, DELETIONS_WINDOW, DELETIONS_TRIGGER);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    rocksdb_options_set_info_log_level(options, INFO_LOG_FATAL);
    rocksdb_options_set_keep_log_file_num(options, 2);
    rocksdb_options_set_max_log_file_size(options, 1u << 20);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    db_table_options(options, cache);
    return options;
}

/* Frees everything but does not flush. */
static void db_release(struct db *db)
{
    if (db->rocksdb) {
        for (unsigned i = 0; i < DB_FAMILY_COUNT; i++)
            rocksdb_column_family_handle_destroy(db->families[i]);
        rocksdb_close(db->rocksdb);
    }
    rocksdb_readoptions_destroy(db->read_options);
    rocksdb_readoptions_destroy(db->memory_read_options);
    rocksdb_writeoptions_destroy(db->write_options);
    rocksdb_options_destroy(db->options);
    rocksdb_cache_destroy(db->cache);
    free(db);
}

static struct db *db_create(const char *path, uint64_t cache_bytes)
{
    struct db *db = mem_zalloc(sizeof(*db));

    db->cache = rocksdb_cache_create_lru(cache_bytes ? cache_bytes : CACHE_BYTES_DEFAULT);
    db->options = db_options(path, db->cache);
    db->read_options = rocksdb_readoptions_create();
    db->memory_read_options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_read_tier(db->memory_read_options, READ_TIER_MEMORY);
    db->write_options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(db->write_options, 1);
    return db;
}

static enum status db_run_open(struct db *db, const char *path, bool prefix)
{
    char *error = NULL;
    const rocksdb_options_t *family_options[DB_FAMILY_COUNT];

    for (unsigned i = 0; i < DB_FAMILY_COUNT; i++)
        family_options[i] = db->options;
    if (prefix)
        db->rocksdb = rocksdb_open_for_read_only_column_families(db->options, path, DB_FAMILY_COUNT, family_names,
                                                                 family_options, db->families, 0, &error);
    else
        db->rocksdb = rocksdb_open_column_families(db->options, path, DB_FAMILY_COUNT, family_names, family_options,
                                                   db->families, &error);
    return db_error(error, "open");
}

enum status db_open(const char *path, uint64_t cache_bytes, struct db **out)
{
    struct db *db = db_create(path, cache_bytes);
    enum status status = db_run_open(db, path, false);
    if (status)
        db_release(db);
    else
        *out = db;
    return status;
}

enum status db_open_prefix(const char *path, struct db **out)
{
    struct db *db = db_create(path, 0);
    rocksdb_options_set_wal_recovery_mode(db->options, WAL_POINT_IN_TIME);
    enum status status = db_run_open(db, path, true);
    if (status)
        db_release(db);
    else
        *out = db;
    return status;
}

void db_close_prefix(struct db *db)
{
    db_release(db);
}

void db_close(struct db *db)
{
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(flush, 1);
    for (unsigned i = 0; i < DB_FAMILY_COUNT; i++) {
        char *error = NULL;
        rocksdb_flush_cf(db->rocksdb, flush, db->families[i], &error);
        db_error(error, "flush"); /* nothing is lost: the WAL has it */
    }
    rocksdb_flushoptions_destroy(flush);
    db_release(db);
}

uint64_t db_property_shared(struct db *db, const char *name)
{
    uint64_t value = 0;

    return rocksdb_property_int(db->rocksdb, name, &value) == 0 ? value : 0;
}

/* RocksDB gives some numbers as text only, such as the files of a level. */
static uint64_t db_property_text(struct db *db, unsigned family, const char *name)
{
    char *text = rocksdb_property_value_cf(db->rocksdb, db->families[family], name);
    uint64_t value = text ? strtoull(text, NULL, 10) : 0;

    rocksdb_free(text);
    return value;
}

uint64_t db_property(struct db *db, const char *name)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < DB_FAMILY_COUNT; i++) {
        uint64_t value = 0;
        if (rocksdb_property_int_cf(db->rocksdb, db->families[i], name, &value) == 0)
            sum += value;
        else
            sum += db_property_text(db, i, name);
    }
    return sum;
}

struct db_batch *db_batch_create(void)
{
    struct db_batch *batch = mem_alloc(sizeof(*batch));
    batch->wi = rocksdb_writebatch_wi_create(0, 1); /* overwriting keys: one entry per key, as iteration needs */
    return batch;
}

void db_batch_free(struct db_batch *batch)
{
    rocksdb_writebatch_wi_destroy(batch->wi);
    free(batch);
}

void db_batch_put(struct db *db, struct db_batch *batch, enum db_family family, struct bytes key, struct bytes value)
{
    rocksdb_writebatch_wi_put_cf(batch->wi, db->families[family], key.data, key.len, value.len ? value.data : "",
                                 value.len);
}

void db_batch_delete(struct db *db, struct db_batch *batch, enum db_family family, struct bytes key)
{
    rocksdb_writebatch_wi_delete_cf(batch->wi, db->families[family], key.data, key.len);
}

unsigned db_batch_count(const struct db_batch *batch)
{
    return (unsigned)rocksdb_writebatch_wi_count(batch->wi);
}

size_t db_batch_bytes(const struct db_batch *batch)
{
    size_t size = 0;
    rocksdb_writebatch_wi_data(batch->wi, &size);
    return size;
}

void db_batch_mark(struct db_batch *batch)
{
    rocksdb_writebatch_wi_set_save_point(batch->wi);
}

void db_batch_rollback(struct db_batch *batch)
{
    char *error = NULL;
    rocksdb_writebatch_wi_rollback_to_save_point(batch->wi, &error);
    CHECK(!error);
}

enum status db_write(struct db *db, struct db_batch *batch)
{
    char *error = NULL;
    rocksdb_write_writebatch_wi(db->rocksdb, db->write_options, batch->wi, &error);
    bool log_failed = error && strstr(error, ".log: "); /* "While appending to file: PATH/000004.log: No space ..." */
    enum status status = db_error(error, "write");
    return status == STATUS_NO_SPACE && log_failed ? STATUS_IO : status;
}

void db_value_copy(struct db_value *value, struct bytes bytes)
{
    value->data = mem_strndup(bytes.data, bytes.len);
    value->len = bytes.len;
}

void db_value_release(struct db_value *value)
{
    free(value->data); /* RocksDB's C interface allocates with malloc */
    *value = (struct db_value){0};
}

struct bytes db_value_bytes(const struct db_value *value)
{
    return bytes_of(value->data, value->len);
}

enum status db_get(const struct db_view *view, enum db_family family, struct bytes key, struct db_value *value)
{
    char *error = NULL;
    struct db *db = view->db;

    if (view->batch)
        value->data = rocksdb_writebatch_wi_get_from_batch_and_db_cf(view->batch->wi, db->rocksdb, db->read_options,
                                                                     db->families[family], key.data, key.len,
                                                                     &value->len, &error);
    else
        value->data = rocksdb_get_cf(db->rocksdb, view->in_memory ? db->memory_read_options : db->read_options,
                                     db->families[family], key.data, key.len, &value->len, &error);
    if (error)
        return db_error(error, "get");
    return value->data ? STATUS_OK : STATUS_NOT_FOUND;
}

void db_iterator_open(struct db_iterator *it, const struct db_view *view, enum db_family family, struct bytes lower,
                      struct bytes upper)
{
    struct db *db = view->db;
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    rocksdb_iterator_t *iterator;

    it->lower = mem_strndup(lower.data, lower.len);
    it->upper = mem_strndup(upper.data, upper.len);
    it->lower_len = lower.len;
    it->upper_len = upper.len;
    rocksdb_readoptions_set_iterate_lower_bound(options, it->lower, lower.len);
    rocksdb_readoptions_set_iterate_upper_bound(options, it->upper, upper.len);
    if (view->in_memory)
        rocksdb_readoptions_set_read_tier(options, READ_TIER_MEMORY);
    iterator = rocksdb_create_iterator_cf(db->rocksdb, options, db->families[family]);
    if (view->batch)
        iterator = rocksdb_writebatch_wi_create_iterator_with_base_cf(view->batch->wi, iterator, db->families[family]);
    it->iterator = iterator;
    it->options = options;
}

void db_iterator_close(struct db_iterator *it)
{
    if (it->iterator) {
        rocksdb_iter_destroy(it->iterator);
        rocksdb_readoptions_destroy(it->options);
    }
    free(it->lower);
    free(it->upper);
    *it = (struct db_iterator){0};
}

void db_iterator_seek(struct db_iterator *it, struct bytes key)
{
    struct bytes lower = bytes_of(it->lower, it->lower_len);
    if (bytes_compare(key, lower) < 0)
        key = lower;
    rocksdb_iter_seek(it->iterator, key.data, key.len);
}

void db_iterator_first(struct db_iterator *it)
{
    rocksdb_iter_seek(it->iterator, it->lower, it->lower_len);
}

void db_iterator_last(struct db_iterator *it)
{
    /* seek_for_prev includes its key and the upper bound is exclusive. */
    rocksdb_iter_seek_for_prev(it->iterator, it->upper, it->upper_len);
    if (rocksdb_iter_valid(it->iterator) && !db_iterator_valid(it))
        rocksdb_iter_prev(it->iterator);
}

void db_iterator_next(struct db_iterator *it)
{
    rocksdb_iter_next(it->iterator);
}

void db_iterator_previous(struct db_iterator *it)
{
    rocksdb_iter_prev(it->iterator);
}

bool db_iterator_valid(const struct db_iterator *it)
{
    if (!rocksdb_iter_valid(it->iterator))
        return false;
    /* The part that comes from a batch does not know the bounds. */
    struct bytes key = db_iterator_key(it);
    return bytes_compare(key, bytes_of(it->lower, it->lower_len)) >= 0 &&
           bytes_compare(key, bytes_of(it->upper, it->upper_len)) < 0;
}

struct bytes db_iterator_key(const struct db_iterator *it)
{
    struct bytes key;
    key.data = rocksdb_iter_key(it->iterator, &key.len);
    return key;
}

struct bytes db_iterator_value(const struct db_iterator *it)
{
    struct bytes value;
    value.data = rocksdb_iter_value(it->iterator, &value.len);
    return value;
}

enum status db_iterator_status(const struct db_iterator *it)
{
    char *error = NULL;
    rocksdb_iter_get_error(it->iterator, &error);
    return db_error(error, "iterate");
}

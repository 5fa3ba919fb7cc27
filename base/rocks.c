/* Opening, closing and asking RocksDB; see the header. Reading and writing: rocks_data.c. Its log: rocks_log.c. */
#include "base/rocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/pool.h"
#include "base/rocks_internal.h"

enum {
    INDEX_TWO_LEVEL = 2, /* rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch */
    INFO_LOG_FATAL = 4,  /* rocksdb::InfoLogLevel::FATAL_LEVEL, which nothing has */
    ITERATOR_SKIPS_MAX = 8,
    DELETIONS_WINDOW = 1024, /* a file with this many entries in a row ... */
    DELETIONS_TRIGGER = 512, /* ... of which so many are deletions is compacted, so that seeks stay short */
};
#define ARENA_BLOCK_BYTES (64u << 10)
#define INFO_LOG_BYTES    (1u << 20)
#define MANIFEST_BYTES    (64u << 10)
#define BLOB_BYTES_MIN    512u

static const int recovery_modes[] = {
    [ROCKS_DROP_TORN_TAIL] = 0,   /* rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords */
    [ROCKS_STOP_AT_DAMAGE] = 2,   /* kPointInTimeRecovery */
    [ROCKS_PASS_OVER_DAMAGE] = 3, /* kSkipAnyCorruptedRecords */
};

/* ---- errors ------------------------------------------------------------------------------------------------------ */

enum status rocks_outcome(const struct rocks *db, enum rocks_action action, unsigned family, char *error)
{
    struct rocks_failure failure = {action, family, status_from_rocksdb(error), error};

    if (!error)
        return STATUS_OK;
    /* "While appending to file: PATH/000004.log: No space ...": what the log holds is not known. */
    if (action == ROCKS_WRITE && failure.status == STATUS_NO_SPACE && strstr(error, ".log: "))
        failure.status = STATUS_IO;
    enum status status = failure.status;
    if (status != STATUS_UNAVAILABLE && db->config.failed)
        status = db->config.failed(db->config.failed_arg, &failure);
    rocksdb_free(error);
    return status;
}

/* POSIX locks of another process, or this process itself. */
static bool is_lock_error(const char *error)
{
    return (strstr(error, "While lock file") && strstr(error, "temporarily unavailable")) ||
           strstr(error, "lock hold by current process");
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static rocksdb_options_t *database_options(const struct rocks_config *config)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_create_missing_column_families(options, 1);
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_options_set_allow_concurrent_memtable_write(options, 0); /* not to be had with rows that are appended */
    rocksdb_options_set_wal_recovery_mode(options, recovery_modes[config->recovery]);
    CHECK(rocksdb_options_get_wal_recovery_mode(options) == recovery_modes[config->recovery]);
    if (config->write_buffers_bytes)
        rocksdb_options_set_db_write_buffer_size(options, config->write_buffers_bytes);
    if (config->log_bytes_max)
        rocksdb_options_set_max_total_wal_size(options, config->log_bytes_max);
    rocksdb_options_set_WAL_size_limit_MB(options, config->log_kept_mb);
    rocksdb_options_set_manifest_preallocation_size(options, MANIFEST_BYTES); /* it stays this small; else 4 MiB */
    rocksdb_options_set_max_open_files(options, config->open_files_max);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_info_log_level(options, INFO_LOG_FATAL);
    rocksdb_options_set_keep_log_file_num(options, 2);
    rocksdb_options_set_max_log_file_size(options, INFO_LOG_BYTES);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    return options;
}

static void table_options(rocksdb_options_t *options, const struct rocks_config *config,
                          const struct rocks_family *family, rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    if (config->filtered && !family->unfiltered)
        rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(10));
    if (config->partitioned) {
        rocksdb_block_based_options_set_format_version(table, 5);
        rocksdb_block_based_options_set_index_type(table, INDEX_TWO_LEVEL);
        rocksdb_block_based_options_set_partition_filters(table, 1);
        rocksdb_block_based_options_set_metadata_block_size(table, 4096);
        rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, 1);
        rocksdb_block_based_options_set_pin_top_level_index_and_filter(table, 1);
    }
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
}

static rocksdb_options_t *family_options(const struct rocks_config *config, const struct rocks_family *family,
                                         rocksdb_cache_t *cache)
{
    rocksdb_options_t *options = rocksdb_options_create();
    bool compressed = config->compressed || family->compressed;
    table_options(options, config, family, cache);
    rocksdb_options_set_compression(options, compressed ? rocksdb_lz4_compression : rocksdb_no_compression);
    if (family->write_buffer_bytes)
        rocksdb_options_set_write_buffer_size(options, family->write_buffer_bytes);
    if (config->keeps_queues) {
        rocksdb_options_set_arena_block_size(options, ARENA_BLOCK_BYTES);
        rocksdb_options_set_max_sequential_skip_in_iterations(options, ITERATOR_SKIPS_MAX);
        rocksdb_options_add_compact_on_deletion_collector_factory(options, DELETIONS_WINDOW, DELETIONS_TRIGGER);
    }
    if (family->appended)
        rocksdb_options_set_memtable_vector_rep(options);
    if (family->has_blobs) {
        rocksdb_options_set_enable_blob_files(options, 1);
        rocksdb_options_set_min_blob_size(options, BLOB_BYTES_MIN);
        rocksdb_options_set_enable_blob_gc(options, 1);
        rocksdb_options_set_blob_gc_force_threshold(options, 0.5);
    }
    return options;
}

/* There is no setter for it in C. */
static rocksdb_options_t *without_reservation(rocksdb_options_t *take_options)
{
    char *error = NULL;
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_get_options_from_string(take_options, "allow_fallocate=false", options, &error);
    CHECK(!error);
    rocksdb_options_destroy(take_options);
    return options;
}

/* A database of an earlier build has only the first ones; opened for reading, it gets no others. */
static enum status family_count_read(struct rocks *db, const rocksdb_options_t *options, int *count)
{
    char *error = NULL;
    size_t found = 0;
    char **names = rocksdb_list_column_families(options, db->config.path, &found, &error);

    *count = found < db->config.family_count ? (int)found : (int)db->config.family_count;
    if (names)
        rocksdb_list_column_families_destroy(names, found);
    return rocks_outcome(db, ROCKS_OPEN, 0, error);
}

static enum status database_open(struct rocks *db, const rocksdb_options_t *options,
                                 const rocksdb_options_t *const *families)
{
    const char *names[ROCKS_FAMILIES_MAX];
    const struct rocks_config *config = &db->config;
    int count = (int)config->family_count;
    char *error = NULL;

    for (int i = 0; i < count; i++)
        names[i] = config->families[i].name;
    if (config->recovery == ROCKS_DROP_TORN_TAIL) {
        db->database =
            rocksdb_open_column_families(options, config->path, count, names, families, db->families, &error);
    } else {
        enum status status = family_count_read(db, options, &count);
        if (status)
            return status;
        db->database = rocksdb_open_for_read_only_column_families(options, config->path, count, names, families,
                                                                  db->families, 0, &error);
    }
    if (!error || !is_lock_error(error))
        return rocks_outcome(db, ROCKS_OPEN, 0, error);
    rocksdb_free(error);
    return STATUS_UNAVAILABLE;
}

enum status rocks_open(const struct rocks_config *config, struct rocks **out)
{
    struct rocks *db = mem_zalloc(sizeof(*db));
    rocksdb_options_t *families[ROCKS_FAMILIES_MAX], *options = database_options(config);
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(config->cache_bytes);

    CHECK(config->family_count > 0 && config->family_count <= ROCKS_FAMILIES_MAX);
    if (config->no_reservation)
        options = without_reservation(options);
    for (unsigned i = 0; i < config->family_count; i++)
        families[i] = family_options(config, &config->families[i], cache);
    db->config = *config;
    db->anywhere = rocksdb_readoptions_create();
    db->unsynced = rocksdb_writeoptions_create();
    db->synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(db->synced, 1);
    enum status status = database_open(db, options, (const rocksdb_options_t *const *)families);
    if (status) {
        db->database = NULL;
        rocks_close(db);
    } else {
        *out = db;
    }
    for (unsigned i = 0; i < config->family_count; i++)
        rocksdb_options_destroy(families[i]);
    rocksdb_options_destroy(options);
    rocksdb_cache_destroy(cache);
    return status;
}

void rocks_close(struct rocks *db)
{
    if (!db)
        return;
    for (unsigned i = 0; db->database && i < db->config.family_count && db->families[i]; i++)
        rocksdb_column_family_handle_destroy(db->families[i]);
    if (db->database)
        rocksdb_close(db->database);
    rocksdb_readoptions_destroy(db->anywhere);
    rocksdb_writeoptions_destroy(db->synced);
    rocksdb_writeoptions_destroy(db->unsynced);
    free(db);
}

bool rocks_has_family(const struct rocks *db, unsigned family)
{
    return family < db->config.family_count && db->families[family];
}

static enum status family_flush(struct rocks *db, unsigned family, bool wait)
{
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    char *error = NULL;

    blocking_call();
    rocksdb_flushoptions_set_wait(flush, wait);
    rocksdb_flush_cf(db->database, flush, db->families[family], &error);
    rocksdb_flushoptions_destroy(flush);
    return rocks_outcome(db, ROCKS_FLUSH, family, error);
}

enum status rocks_flush(struct rocks *db)
{
    enum status status = STATUS_OK;

    for (unsigned i = 0; i < db->config.family_count; i++) {
        enum status failed = family_flush(db, i, true);
        status = status ? status : failed;
    }
    return status;
}

enum status rocks_flush_begin(struct rocks *db, unsigned family)
{
    return family_flush(db, family, false);
}

/* ---- figures ----------------------------------------------------------------------------------------------------- */

static const struct {
    const char *property;
    bool shared; /* of the database as a whole, or of the block cache that its families share: asked for once */
} figure_sources[DATABASE_FIGURES] = {
    [FIGURE_PENDING_COMPACTION_BYTES] = {"rocksdb.estimate-pending-compaction-bytes", false},
    [FIGURE_WRITE_STOPPED] = {"rocksdb.is-write-stopped", true},
    [FIGURE_DELAYED_WRITE_RATE] = {"rocksdb.actual-delayed-write-rate", true},
    [FIGURE_MEMTABLE_BYTES] = {"rocksdb.cur-size-all-mem-tables", false},
    [FIGURE_TABLE_READER_BYTES] = {"rocksdb.estimate-table-readers-mem", false},
    [FIGURE_LEVEL0_FILES] = {"rocksdb.num-files-at-level0", false}, /* to be had as text only */
    [FIGURE_BACKGROUND_ERRORS] = {"rocksdb.background-errors", true},
    [FIGURE_CACHE_USED_BYTES] = {"rocksdb.block-cache-usage", true},
    [FIGURE_CACHE_CAPACITY_BYTES] = {"rocksdb.block-cache-capacity", true},
    [FIGURE_TABLE_BYTES] = {"rocksdb.total-sst-files-size", false},
    [FIGURE_BLOB_BYTES] = {"rocksdb.total-blob-file-size", false},
    [FIGURE_LIVE_DATA_BYTES] = {"rocksdb.estimate-live-data-size", false},
    [FIGURE_RUNNING_COMPACTIONS] = {"rocksdb.num-running-compactions", true},
    [FIGURE_RUNNING_FLUSHES] = {"rocksdb.num-running-flushes", true},
};

static uint64_t property_read(struct rocks *db, unsigned family, const char *name)
{
    uint64_t value = 0;

    if (rocksdb_property_int_cf(db->database, db->families[family], name, &value) == 0)
        return value;
    char *text = rocksdb_property_value_cf(db->database, db->families[family], name);
    value = text ? strtoull(text, NULL, 10) : 0;
    rocksdb_free(text);
    return value;
}

uint64_t rocks_figure(struct rocks *db, enum database_figure figure)
{
    unsigned count = figure_sources[figure].shared ? 1 : db->config.family_count;
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i++)
        sum += property_read(db, i, figure_sources[figure].property);
    return sum;
}

void rocks_figures(struct rocks *db, struct database_figures *figures)
{
    for (unsigned i = 0; i < DATABASE_FIGURES; i++)
        figures->values[i] = rocks_figure(db, i);
}

/* RocksDB as the node uses it; see the header for what is synced and why.
 * Column families: "default" is the index (id -> entry), "data" holds head and payload of small chunks, "quarantine"
 * holds copies that failed their checks, under their id and the time; "trash" has the entries of chunks in the trash,
 * each followed by the time. */
#include "storage/node/small_store.h"

#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "storage/node/database_figures.h"

#define ENTRY_LEN          20
#define TRASH_LEN          (ENTRY_LEN + 8)
#define ENTRY_FORMAT       1
#define ENTRY_SMALL        1
#define ENTRY_LARGE        2
#define QUARANTINE_KEY_LEN (CHUNK_ID_LEN + 8)

/* Idle memory is to stay below 64 MiB for the whole process: these are what drives it. */
#define BLOCK_CACHE_BYTES      (8u << 20)
#define WRITE_BUFFERS_BYTES    (32u << 20) /* of all families together */
#define DATA_BUFFER_BYTES      (16u << 20)
#define INDEX_BUFFER_BYTES     (2u << 20)
#define WAL_BYTES_MAX          (64u << 20)
#define BLOB_BYTES_MIN         512u
#define READ_TIER_MEMORY       1 /* rocksdb::ReadTier::kBlockCacheTier: memtables and the cache */
#define WAL_TOLERATE_TORN_TAIL 0 /* rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords */

enum family { FAMILY_INDEX, FAMILY_DATA, FAMILY_QUARANTINE, FAMILY_TRASH, FAMILY_COUNT };

struct small_store {
    struct disk *disk;
    rocksdb_t *db;
    rocksdb_column_family_handle_t *families[FAMILY_COUNT];
    rocksdb_writeoptions_t *synced, *unsynced;
    rocksdb_readoptions_t *read[2]; /* by reach */
};

/* ---- opening and closing ------------------------------------------------------------------------------------- */

static rocksdb_options_t *family_options(enum family family, rocksdb_cache_t *cache)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    rocksdb_options_set_write_buffer_size(options, family == FAMILY_DATA ? DATA_BUFFER_BYTES : INDEX_BUFFER_BYTES);
    if (family == FAMILY_DATA || family == FAMILY_QUARANTINE) {
        rocksdb_options_set_enable_blob_files(options, 1);
        rocksdb_options_set_min_blob_size(options, BLOB_BYTES_MIN);
        rocksdb_options_set_enable_blob_gc(options, 1);
        rocksdb_options_set_blob_gc_force_threshold(options, 0.5);
    }
    return options;
}

static rocksdb_options_t *database_options(void)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_create_missing_column_families(options, 1);
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_options_set_wal_recovery_mode(options, WAL_TOLERATE_TORN_TAIL);
    CHECK(rocksdb_options_get_wal_recovery_mode(options) == WAL_TOLERATE_TORN_TAIL);
    rocksdb_options_set_max_total_wal_size(options, WAL_BYTES_MAX);
    rocksdb_options_set_db_write_buffer_size(options, WRITE_BUFFERS_BYTES);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_max_open_files(options, 256);
    rocksdb_options_set_info_log_level(options, 4); /* nothing: on a full disk its second line is an assertion */
    rocksdb_options_set_max_log_file_size(options, 4u << 20);
    rocksdb_options_set_keep_log_file_num(options, 2);
    return options;
}

enum status small_store_open(struct disk *disk, struct small_store **out, char error[DISK_ERROR_MAX])
{
    static const char *const names[FAMILY_COUNT] = {"default", "data", "quarantine", "trash"};
    struct small_store *store = mem_zalloc(sizeof(*store));
    rocksdb_options_t *options = database_options(), *families[FAMILY_COUNT];
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(BLOCK_CACHE_BYTES);
    size_t path_size = strlen(disk->path) + sizeof("/small");
    char *path = mem_alloc(path_size), *failure = NULL;
    enum status status = STATUS_OK;
    snprintf(path, path_size, "%s/small", disk->path);
    for (int i = 0; i < FAMILY_COUNT; i++)
        families[i] = family_options(i, cache);
    store->disk = disk;
    store->read[SMALL_ANYWHERE] = rocksdb_readoptions_create();
    store->read[SMALL_IN_MEMORY] = rocksdb_readoptions_create();
    rocksdb_readoptions_set_read_tier(store->read[SMALL_IN_MEMORY], READ_TIER_MEMORY);
    store->unsynced = rocksdb_writeoptions_create();
    store->synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(store->synced, 1);
    store->db = rocksdb_open_column_families(options, path, FAMILY_COUNT, names,
                                             (const rocksdb_options_t *const *)families, store->families, &failure);
    if (failure) {
        snprintf(error, DISK_ERROR_MAX, "%s: cannot open its database: %s", path, failure);
        rocksdb_free(failure);
        store->db = NULL;
        small_store_close(store);
        status = STATUS_IO;
    } else {
        *out = store;
    }
    for (int i = 0; i < FAMILY_COUNT; i++)
        rocksdb_options_destroy(families[i]);
    rocksdb_options_destroy(options);
    rocksdb_cache_destroy(cache);
    free(path);
    return status;
}

void small_store_close(struct small_store *store)
{
    if (!store)
        return;
    for (int i = 0; store->db && i < FAMILY_COUNT; i++)
        rocksdb_column_family_handle_destroy(store->families[i]);
    if (store->db)
        rocksdb_close(store->db);
    rocksdb_writeoptions_destroy(store->synced);
    rocksdb_writeoptions_destroy(store->unsynced);
    rocksdb_readoptions_destroy(store->read[SMALL_ANYWHERE]);
    rocksdb_readoptions_destroy(store->read[SMALL_IN_MEMORY]);
    free(store);
}

/* ---- errors -------------------------------------------------------------------------------------------------- */

static enum status read_outcome(char *failure)
{
    if (!failure)
        return STATUS_OK;
    enum status status = strncmp(failure, "Corruption", 10) == 0          ? STATUS_CORRUPT
                         : strncmp(failure, "Result incomplete", 17) == 0 ? STATUS_UNAVAILABLE /* not in memory */
                                                                          : STATUS_IO;
    rocksdb_free(failure);
    return status;
}

static enum status write_outcome(struct small_store *store, char *failure)
{
    if (!failure)
        return STATUS_OK;
    disk_fail(store->disk, "write to the database", failure);
    rocksdb_free(failure);
    return STATUS_IO;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

static const char *id_key(const struct chunk_id *id)
{
    return (const char *)id->bytes;
}

static void entry_encode(const struct index_entry *entry, uint8_t out[ENTRY_LEN])
{
    out[0] = ENTRY_FORMAT;
    out[1] = entry->large ? ENTRY_LARGE : ENTRY_SMALL;
    put_u16(out + 2, 0);
    put_u32(out + 4, entry->size);
    put_u32(out + 8, entry->crc32c);
    put_u64(out + 12, (uint64_t)entry->stored_ms);
}

static enum status entry_decode(struct bytes key, struct bytes value, struct index_entry *entry)
{
    const uint8_t *in = (const uint8_t *)value.data;
    if (key.len != CHUNK_ID_LEN || value.len != ENTRY_LEN || in[0] != ENTRY_FORMAT ||
        (in[1] != ENTRY_SMALL && in[1] != ENTRY_LARGE))
        return STATUS_CORRUPT;
    memcpy(entry->id.bytes, key.data, CHUNK_ID_LEN);
    entry->large = in[1] == ENTRY_LARGE;
    entry->size = get_u32(in + 4);
    entry->crc32c = get_u32(in + 8);
    entry->stored_ms = (int64_t)get_u64(in + 12);
    return STATUS_OK;
}

static enum status family_get(struct small_store *store, enum small_reach reach, enum family family,
                              const struct chunk_id *id, struct small_value *value)
{
    char *failure = NULL;
    value->data = rocksdb_get_cf(store->db, store->read[reach], store->families[family], id_key(id), CHUNK_ID_LEN,
                                 &value->len, &failure);
    enum status status = read_outcome(failure);
    if (!status && !value->data)
        status = STATUS_NOT_FOUND;
    return status;
}

enum status small_store_lookup(struct small_store *store, enum small_reach reach, const struct chunk_id *id,
                               struct index_entry *entry)
{
    struct small_value value = {0};
    enum status status = family_get(store, reach, FAMILY_INDEX, id, &value);
    if (!status)
        status = entry_decode(bytes_of(id->bytes, CHUNK_ID_LEN), bytes_of(value.data, value.len), entry);
    small_value_release(&value);
    return status == STATUS_CORRUPT ? STATUS_IO : status;
}

enum status small_store_get(struct small_store *store, enum small_reach reach, const struct chunk_id *id,
                            struct small_value *value)
{
    return family_get(store, reach, FAMILY_DATA, id, value);
}

void small_value_release(struct small_value *value)
{
    if (value->data)
        rocksdb_free(value->data);
    *value = (struct small_value){0};
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

enum status small_store_put(struct small_store *store, const struct small_row *rows, unsigned count)
{
    char *failure = NULL;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    for (unsigned i = 0; i < count; i++) {
        const char *key = id_key(&rows[i].entry.id);
        uint8_t row[ENTRY_LEN];
        entry_encode(&rows[i].entry, row);
        rocksdb_writebatch_put_cf(batch, store->families[FAMILY_INDEX], key, CHUNK_ID_LEN, (const char *)row,
                                  ENTRY_LEN);
        rocksdb_writebatch_put_cf(batch, store->families[FAMILY_DATA], key, CHUNK_ID_LEN, rows[i].value.data,
                                  rows[i].value.len);
    }
    rocksdb_write(store->db, store->synced, batch, &failure);
    rocksdb_writebatch_destroy(batch);
    return write_outcome(store, failure);
}

enum status small_store_index_put(struct small_store *store, const struct index_entry *entry)
{
    uint8_t row[ENTRY_LEN];
    char *failure = NULL;
    entry_encode(entry, row);
    rocksdb_put_cf(store->db, store->unsynced, store->families[FAMILY_INDEX], id_key(&entry->id), CHUNK_ID_LEN,
                   (const char *)row, ENTRY_LEN, &failure);
    return write_outcome(store, failure);
}

enum status small_store_index_delete(struct small_store *store, const struct chunk_id *id)
{
    char *failure = NULL;
    rocksdb_delete_cf(store->db, store->unsynced, store->families[FAMILY_INDEX], id_key(id), CHUNK_ID_LEN, &failure);
    return write_outcome(store, failure);
}

/* Deletes row and bytes; what `kept` holds goes to quarantine in the same batch. */
static enum status small_remove(struct small_store *store, const struct chunk_id *id, const struct small_value *kept)
{
    char *failure = NULL;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    rocksdb_writebatch_delete_cf(batch, store->families[FAMILY_INDEX], id_key(id), CHUNK_ID_LEN);
    rocksdb_writebatch_delete_cf(batch, store->families[FAMILY_DATA], id_key(id), CHUNK_ID_LEN);
    if (kept && kept->data) {
        char key[QUARANTINE_KEY_LEN];
        memcpy(key, id->bytes, CHUNK_ID_LEN);
        put_u64(key + CHUNK_ID_LEN, (uint64_t)clock_wall_ms());
        rocksdb_writebatch_put_cf(batch, store->families[FAMILY_QUARANTINE], key, sizeof(key), kept->data, kept->len);
    }
    rocksdb_write(store->db, store->synced, batch, &failure);
    rocksdb_writebatch_destroy(batch);
    return write_outcome(store, failure);
}

enum status small_store_delete(struct small_store *store, const struct chunk_id *id)
{
    return small_remove(store, id, NULL);
}

enum status small_store_quarantine(struct small_store *store, const struct chunk_id *id)
{
    struct small_value value = {0};
    enum status status = small_store_get(store, SMALL_ANYWHERE, id, &value);
    if (!status || status == STATUS_CORRUPT || status == STATUS_NOT_FOUND)
        status = small_remove(store, id, &value);
    small_value_release(&value);
    return status;
}

/* ---- the trash ----------------------------------------------------------------------------------------------- */

static void trash_encode(const struct trash_entry *trash, uint8_t out[TRASH_LEN])
{
    entry_encode(&trash->entry, out);
    put_u64(out + ENTRY_LEN, (uint64_t)trash->trashed_ms);
}

static enum status trash_decode(struct bytes key, struct bytes value, struct trash_entry *trash)
{
    if (value.len != TRASH_LEN)
        return STATUS_CORRUPT;
    trash->trashed_ms = (int64_t)get_u64(value.data + ENTRY_LEN);
    return entry_decode(key, bytes_of(value.data, ENTRY_LEN), &trash->entry);
}

enum status small_store_trash_lookup(struct small_store *store, const struct chunk_id *id, struct trash_entry *trash)
{
    struct small_value value = {0};
    enum status status = family_get(store, SMALL_ANYWHERE, FAMILY_TRASH, id, &value);
    if (!status)
        status = trash_decode(bytes_of(id->bytes, CHUNK_ID_LEN), bytes_of(value.data, value.len), trash);
    small_value_release(&value);
    return status == STATUS_CORRUPT ? STATUS_IO : status;
}

enum status small_store_trash(struct small_store *store, const struct trash_entry *trash)
{
    uint8_t row[TRASH_LEN];
    char *failure = NULL;
    const char *key = id_key(&trash->entry.id);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    trash_encode(trash, row);
    rocksdb_writebatch_delete_cf(batch, store->families[FAMILY_INDEX], key, CHUNK_ID_LEN);
    rocksdb_writebatch_put_cf(batch, store->families[FAMILY_TRASH], key, CHUNK_ID_LEN, (const char *)row, TRASH_LEN);
    rocksdb_write(store->db, store->synced, batch, &failure);
    rocksdb_writebatch_destroy(batch);
    return write_outcome(store, failure);
}

enum status small_store_restore(struct small_store *store, const struct trash_entry *trash)
{
    uint8_t row[ENTRY_LEN];
    char *failure = NULL;
    const char *key = id_key(&trash->entry.id);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    entry_encode(&trash->entry, row);
    rocksdb_writebatch_put_cf(batch, store->families[FAMILY_INDEX], key, CHUNK_ID_LEN, (const char *)row, ENTRY_LEN);
    rocksdb_writebatch_delete_cf(batch, store->families[FAMILY_TRASH], key, CHUNK_ID_LEN);
    rocksdb_write(store->db, store->synced, batch, &failure);
    rocksdb_writebatch_destroy(batch);
    return write_outcome(store, failure);
}

enum status small_store_trash_delete(struct small_store *store, const struct chunk_id *id, bool with_bytes)
{
    char *failure = NULL;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    rocksdb_writebatch_delete_cf(batch, store->families[FAMILY_TRASH], id_key(id), CHUNK_ID_LEN);
    if (with_bytes)
        rocksdb_writebatch_delete_cf(batch, store->families[FAMILY_DATA], id_key(id), CHUNK_ID_LEN);
    rocksdb_write(store->db, store->unsynced, batch, &failure);
    rocksdb_writebatch_destroy(batch);
    return write_outcome(store, failure);
}

/* ---- walking and counting ------------------------------------------------------------------------------------ */

typedef enum status (*row_fn)(void *arg, struct bytes key, struct bytes value);

/* Ends when fn fails, with its status. */
static enum status family_iterate(struct small_store *store, enum family family, const struct chunk_id *after,
                                  row_fn fn, void *arg)
{
    enum status status = STATUS_OK;
    char *failure = NULL;
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(options, 0);
    rocksdb_iterator_t *iterator = rocksdb_create_iterator_cf(store->db, options, store->families[family]);
    if (after)
        rocksdb_iter_seek(iterator, id_key(after), CHUNK_ID_LEN);
    else
        rocksdb_iter_seek_to_first(iterator);
    for (; !status && rocksdb_iter_valid(iterator); rocksdb_iter_next(iterator)) {
        struct bytes key, value;
        key.data = rocksdb_iter_key(iterator, &key.len);
        value.data = rocksdb_iter_value(iterator, &value.len);
        if (after && bytes_equal(key, bytes_of(after->bytes, CHUNK_ID_LEN)))
            continue;
        status = fn(arg, key, value);
    }
    if (!status) {
        rocksdb_iter_get_error(iterator, &failure);
        status = read_outcome(failure) ? STATUS_IO : STATUS_OK;
    }
    rocksdb_iter_destroy(iterator);
    rocksdb_readoptions_destroy(options);
    return status;
}

struct index_walk {
    small_store_fn fn;
    void *arg;
};

static enum status index_row(void *arg, struct bytes key, struct bytes value)
{
    const struct index_walk *walk = arg;
    struct index_entry entry;
    return entry_decode(key, value, &entry) ? STATUS_IO : walk->fn(walk->arg, &entry);
}

enum status small_store_iterate(struct small_store *store, const struct chunk_id *after, small_store_fn fn, void *arg)
{
    struct index_walk walk = {fn, arg};
    return family_iterate(store, FAMILY_INDEX, after, index_row, &walk);
}

struct trash_walk {
    small_store_trash_fn fn;
    void *arg;
};

static enum status trash_row(void *arg, struct bytes key, struct bytes value)
{
    const struct trash_walk *walk = arg;
    struct trash_entry trash;
    return trash_decode(key, value, &trash) ? STATUS_IO : walk->fn(walk->arg, &trash);
}

enum status small_store_trash_iterate(struct small_store *store, const struct chunk_id *after, small_store_trash_fn fn,
                                      void *arg)
{
    struct trash_walk walk = {fn, arg};
    return family_iterate(store, FAMILY_TRASH, after, trash_row, &walk);
}

static uint64_t property(struct small_store *store, enum family family, const char *name)
{
    uint64_t value = 0;
    if (rocksdb_property_int_cf(store->db, store->families[family], name, &value))
        return 0;
    return value;
}

uint64_t small_store_memory(struct small_store *store)
{
    uint64_t bytes = property(store, FAMILY_INDEX, "rocksdb.block-cache-usage"); /* one cache for all */
    for (int i = 0; i < FAMILY_COUNT; i++)
        bytes += property(store, i, "rocksdb.cur-size-all-mem-tables") +
                 property(store, i, "rocksdb.estimate-table-readers-mem");
    return bytes;
}

void small_store_figures(struct small_store *store, struct database_figures *figures)
{
    database_figures_read(store->db, store->families, FAMILY_COUNT, figures);
}

uint64_t small_store_quarantined(struct small_store *store)
{
    return property(store, FAMILY_QUARANTINE, "rocksdb.estimate-num-keys");
}

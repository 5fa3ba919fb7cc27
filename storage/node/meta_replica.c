/* See the header. Keys of the RocksDB are a u32 table number, the family and the row's key. Table 0 holds the state
 * row, which says which table is the replica's; the next number is where a snapshot is loaded. */
#include "storage/node/meta_replica.h"

#include <pthread.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "storage/node/database_figures.h"

#define PREFIX_LEN             5 /* table and family */
#define STATE_FORMAT           1
#define STATE_LEN              21 /* format, table, epoch, sequence */
#define CACHE_BYTES            (1u << 20)
#define WRITE_BUFFER_BYTES     (4u << 20)
#define WAL_BYTES_MAX          (16u << 20)
#define WAL_TOLERATE_TORN_TAIL 0 /* rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords */

static const char state_key[PREFIX_LEN + 1] = {0, 0, 0, 0, 0, 's'};

struct meta_replica {
    struct disk *disk;
    rocksdb_t *db;
    rocksdb_writeoptions_t *synced, *unsynced;
    rocksdb_readoptions_t *read;
    pthread_mutex_t write_lock; /* held by who applies or loads */
    pthread_mutex_t state_lock; /* guards state and table */
    struct meta_replica_state state;
    uint32_t table;
    /* under write_lock: the snapshot that is being loaded; page_next 0: none */
    struct meta_replica_state loading;
    uint32_t page_next;
};

/* ---- opening and closing ------------------------------------------------------------------------------------- */

static rocksdb_options_t *replica_options(void)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(CACHE_BYTES);
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
    rocksdb_cache_destroy(cache);
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_options_set_wal_recovery_mode(options, WAL_TOLERATE_TORN_TAIL);
    CHECK(rocksdb_options_get_wal_recovery_mode(options) == WAL_TOLERATE_TORN_TAIL);
    rocksdb_options_set_write_buffer_size(options, WRITE_BUFFER_BYTES);
    rocksdb_options_set_max_total_wal_size(options, WAL_BYTES_MAX);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_max_open_files(options, 64);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    rocksdb_options_set_info_log_level(options, 4); /* nothing: on a full disk its second line is an assertion */
    rocksdb_options_set_max_log_file_size(options, 1u << 20);
    rocksdb_options_set_keep_log_file_num(options, 2);
    return options;
}

static enum status state_load(struct meta_replica *replica, char error[DISK_ERROR_MAX])
{
    char *failure = NULL;
    size_t len = 0;
    enum status status = STATUS_OK;
    char *row = rocksdb_get(replica->db, replica->read, state_key, sizeof(state_key), &len, &failure);
    if (failure) {
        snprintf(error, DISK_ERROR_MAX,
                 "the replica of the metadata cannot be read; when it is moved away, the gateway sends it anew: %s",
                 failure);
        rocksdb_free(failure);
        return STATUS_IO;
    }
    if (!row)
        return STATUS_OK;
    if (len == STATE_LEN && row[0] == STATE_FORMAT) {
        replica->table = get_u32(row + 1);
        replica->state = (struct meta_replica_state){get_u64(row + 5), get_u64(row + 13)};
    } else {
        snprintf(error, DISK_ERROR_MAX, "the replica of the metadata has an unknown format");
        status = STATUS_CONFLICT;
    }
    rocksdb_free(row);
    return status;
}

enum status meta_replica_open(struct disk *disk, struct meta_replica **out, char error[DISK_ERROR_MAX])
{
    struct meta_replica *replica = mem_zalloc(sizeof(*replica));
    rocksdb_options_t *options = replica_options();
    size_t path_size = strlen(disk->path) + sizeof("/meta-replica");
    char *path = mem_alloc(path_size), *failure = NULL;
    enum status status;

    snprintf(path, path_size, "%s/meta-replica", disk->path);
    replica->disk = disk;
    pthread_mutex_init(&replica->write_lock, NULL);
    pthread_mutex_init(&replica->state_lock, NULL);
    replica->read = rocksdb_readoptions_create();
    replica->unsynced = rocksdb_writeoptions_create();
    replica->synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(replica->synced, 1);
    replica->db = rocksdb_open(options, path, &failure);
    if (failure) {
        snprintf(error, DISK_ERROR_MAX, "%s: cannot open its database: %s", path, failure);
        rocksdb_free(failure);
        replica->db = NULL;
        status = STATUS_IO;
    } else {
        status = state_load(replica, error);
    }
    if (status)
        meta_replica_close(replica);
    else
        *out = replica;
    rocksdb_options_destroy(options);
    free(path);
    return status;
}

void meta_replica_close(struct meta_replica *replica)
{
    if (!replica)
        return;
    if (replica->db)
        rocksdb_close(replica->db);
    rocksdb_readoptions_destroy(replica->read);
    rocksdb_writeoptions_destroy(replica->synced);
    rocksdb_writeoptions_destroy(replica->unsynced);
    pthread_mutex_destroy(&replica->write_lock);
    pthread_mutex_destroy(&replica->state_lock);
    free(replica);
}

/* ---- state --------------------------------------------------------------------------------------------------- */

void meta_replica_state(struct meta_replica *replica, struct meta_replica_state *state)
{
    pthread_mutex_lock(&replica->state_lock);
    *state = replica->state;
    pthread_mutex_unlock(&replica->state_lock);
}

void meta_replica_figures(struct meta_replica *replica, struct database_figures *figures)
{
    database_figures_read(replica->db, NULL, 1, figures);
}

static uint32_t replica_table(struct meta_replica *replica)
{
    pthread_mutex_lock(&replica->state_lock);
    uint32_t table = replica->table;
    pthread_mutex_unlock(&replica->state_lock);
    return table;
}

static void state_publish(struct meta_replica *replica, const struct meta_replica_state *state, uint32_t table)
{
    pthread_mutex_lock(&replica->state_lock);
    replica->state = *state;
    replica->table = table;
    pthread_mutex_unlock(&replica->state_lock);
}

static void state_put(rocksdb_writebatch_t *batch, const struct meta_replica_state *state, uint32_t table)
{
    uint8_t row[STATE_LEN] = {STATE_FORMAT};
    put_u32(row + 1, table);
    put_u64(row + 5, state->epoch);
    put_u64(row + 13, state->sequence);
    rocksdb_writebatch_put(batch, state_key, sizeof(state_key), (const char *)row, sizeof(row));
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static enum status replica_write(struct meta_replica *replica, rocksdb_writebatch_t *batch, bool sync)
{
    char *failure = NULL;
    if (disk_failed(replica->disk))
        return STATUS_IO;
    rocksdb_write(replica->db, sync ? replica->synced : replica->unsynced, batch, &failure);
    if (!failure)
        return STATUS_OK;
    disk_fail(replica->disk, "write to the replica of the metadata", failure);
    rocksdb_free(failure);
    return STATUS_IO;
}

static void batch_add(rocksdb_writebatch_t *batch, uint32_t table, const struct change *change)
{
    uint8_t prefix[PREFIX_LEN];
    put_u32(prefix, table);
    prefix[4] = change->family;
    const char *const keys[2] = {(const char *)prefix, change->key.data};
    const size_t key_lens[2] = {sizeof(prefix), change->key.len};
    const char *const values[1] = {change->value.data};
    const size_t value_lens[1] = {change->value.len};
    if (change->kind == CHANGE_PUT)
        rocksdb_writebatch_putv(batch, 2, keys, key_lens, 1, values, value_lens);
    else
        rocksdb_writebatch_deletev(batch, 2, keys, key_lens);
}

static void batch_add_record(rocksdb_writebatch_t *batch, uint32_t table, const struct change_record *record)
{
    struct bytes payload = record->payload;
    struct change change;
    while (change_next(&payload, &change) == STATUS_OK)
        batch_add(batch, table, &change);
}

static void batch_clear_table(rocksdb_writebatch_t *batch, uint32_t table)
{
    uint8_t first[4], end[4];
    put_u32(first, table);
    put_u32(end, table + 1);
    rocksdb_writebatch_delete_range(batch, (const char *)first, sizeof(first), (const char *)end, sizeof(end));
}

/* The same epoch, or one that began later. Whether that one continues what is held, only the gateway can tell: it asks
 * for the state first. */
static bool epoch_continues(const struct meta_replica_state *state, uint64_t epoch)
{
    return epoch == state->epoch || change_generation(epoch) > change_generation(state->epoch);
}

/* Adds what is new; the state moves with it. */
static enum status batch_collect(rocksdb_writebatch_t *batch, uint32_t table, struct bytes records,
                                 struct meta_replica_state *state)
{
    struct change_record record;
    enum status status;
    while ((status = change_record_next(&records, &record)) == STATUS_OK) {
        if (record.count == 0)
            return STATUS_CORRUPT;
        uint64_t last = record.first + record.count - 1;
        if (!epoch_continues(state, record.epoch))
            return STATUS_CONFLICT;
        if (last <= state->sequence)
            continue;
        if (record.first != state->sequence + 1)
            return STATUS_CONFLICT;
        batch_add_record(batch, table, &record);
        *state = (struct meta_replica_state){record.epoch, last};
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status meta_replica_apply(struct meta_replica *replica, struct bytes records)
{
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    struct meta_replica_state state;
    pthread_mutex_lock(&replica->write_lock);
    uint32_t table = replica_table(replica);
    if (table == 0) { /* a snapshot may have been loaded there in part */
        table = 1;
        batch_clear_table(batch, table);
        replica->page_next = 0;
    }
    meta_replica_state(replica, &state);
    uint64_t held = state.sequence;
    enum status status = batch_collect(batch, table, records, &state);
    if (!status && state.sequence > held) {
        status = disk_check_metadata_room(replica->disk, records.len);
        state_put(batch, &state, table);
        if (!status)
            status = replica_write(replica, batch, true);
        if (!status)
            state_publish(replica, &state, table);
    }
    pthread_mutex_unlock(&replica->write_lock);
    rocksdb_writebatch_destroy(batch);
    return status;
}

/* ---- snapshots ----------------------------------------------------------------------------------------------- */

static bool state_equal(const struct meta_replica_state *a, const struct meta_replica_state *b)
{
    return a->epoch == b->epoch && a->sequence == b->sequence;
}

static enum status load_locked(struct meta_replica *replica, const struct meta_replica_page *page,
                               const struct change_record *record, rocksdb_writebatch_t *batch)
{
    uint32_t table = replica_table(replica), fresh = table + 1;
    if (fresh == UINT32_MAX)
        return STATUS_LIMIT;
    if (page->number == 0)
        batch_clear_table(batch, fresh);
    else if (page->number != replica->page_next || !state_equal(&page->as_of, &replica->loading))
        return STATUS_CONFLICT;
    batch_add_record(batch, fresh, record);
    if (page->last) {
        state_put(batch, &page->as_of, fresh);
        if (table)
            batch_clear_table(batch, table);
    }
    replica->page_next = 0;
    enum status status = replica_write(replica, batch, page->last);
    if (status)
        return status;
    replica->loading = page->as_of;
    replica->page_next = page->last ? 0 : page->number + 1;
    if (page->last)
        state_publish(replica, &page->as_of, fresh);
    return STATUS_OK;
}

enum status meta_replica_load(struct meta_replica *replica, const struct meta_replica_page *page, struct bytes bytes)
{
    struct change_record record;
    struct bytes rest = bytes;
    if (change_record_next(&rest, &record) || rest.len)
        return STATUS_CORRUPT;
    if (page->as_of.epoch == 0)
        return STATUS_CORRUPT;
    enum status status = disk_check_metadata_room(replica->disk, bytes.len);
    if (status)
        return status;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    pthread_mutex_lock(&replica->write_lock);
    status = load_locked(replica, page, &record, batch);
    pthread_mutex_unlock(&replica->write_lock);
    rocksdb_writebatch_destroy(batch);
    return status;
}

/* Appends rows from the iterator's place until the page is full. */
static enum status dump_rows(rocksdb_iterator_t *iterator, const uint8_t *table, struct buffer *out, size_t start,
                             uint32_t *count)
{
    enum status status = STATUS_OK;
    for (; !status && rocksdb_iter_valid(iterator) && out->len - start < CHANGE_PAGE_BYTES;
         rocksdb_iter_next(iterator)) {
        struct change change = {.kind = CHANGE_PUT};
        const char *key = rocksdb_iter_key(iterator, &change.key.len);
        if (change.key.len < PREFIX_LEN || memcmp(key, table, 4) != 0)
            break;
        change.family = (uint8_t)key[4];
        change.key = bytes_of(key + PREFIX_LEN, change.key.len - PREFIX_LEN);
        change.value.data = rocksdb_iter_value(iterator, &change.value.len);
        status = change_append(out, &change);
        *count += status == STATUS_OK;
    }
    return status;
}

enum status meta_replica_dump(struct meta_replica *replica, struct bytes after, struct buffer *out)
{
    struct meta_replica_state state;
    struct buffer from;
    uint8_t table[4];
    uint32_t count = 0;
    char *failure = NULL;
    size_t start;

    meta_replica_state(replica, &state);
    put_u32(table, replica_table(replica));
    buffer_init(&from, sizeof(table) + UINT16_MAX + 2);
    enum status status = buffer_append(&from, table, sizeof(table));
    if (!status)
        status = buffer_append_bytes(&from, after);
    if (!status && after.len)
        status = buffer_append(&from, "", 1); /* the smallest key behind it */
    if (!status)
        status = change_record_begin(out, &start);
    if (!status) {
        rocksdb_iterator_t *iterator = rocksdb_create_iterator(replica->db, replica->read);
        rocksdb_iter_seek(iterator, from.data, from.len);
        if (state.epoch)
            status = dump_rows(iterator, table, out, start, &count);
        rocksdb_iter_get_error(iterator, &failure);
        if (failure) {
            log_error("the replica of the metadata cannot be read", LOG_STR("error", failure));
            rocksdb_free(failure);
            status = STATUS_IO;
        }
        rocksdb_iter_destroy(iterator);
    }
    if (!status)
        status = change_record_seal(out, start, state.epoch, state.sequence, count);
    buffer_release(&from);
    return status;
}

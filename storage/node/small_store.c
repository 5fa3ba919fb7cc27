/* The node's RocksDB (base/rocks.h): opening, errors, and the chunks themselves; see the header for what is synced and
 * why. Rows of the trash: small_store_trash.c. */
#include "storage/node/small_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "storage/node/disk_ballast.h"
#include "storage/node/small_store_internal.h"

#define ENTRY_FORMAT       1
#define ENTRY_SMALL        1
#define ENTRY_LARGE        2
#define QUARANTINE_KEY_LEN (CHUNK_ID_LEN + 8)

/* Idle memory is to stay below 64 MiB for the whole process: these are what drives it. */
#define BLOCK_CACHE_BYTES     (8u << 20)
#define WRITE_BUFFERS_BYTES   (32u << 20) /* of all families together */
#define DATA_BUFFER_BYTES     (16u << 20)
#define INDEX_BUFFER_BYTES    (2u << 20)
#define METADATA_BUFFER_BYTES (4u << 20)
/* A log is kept until the rows of all families in it are in tables. Without this bound those of the small families keep
 * the bytes of chunks that have long been written to their files: 50 MiB of them in a node's log. */
#define LOG_BYTES_MAX  (20u << 20)
#define OPEN_FILES_MAX 1024 /* there is a file with values for each 16 MiB of small chunks */
/* The bytes of deleted chunks are freed when their deletions meet their rows in a compaction; for that they have to be
 * in a table, which they alone would hardly fill. */
#define DELETED_BYTES_MAX (64u << 20)

const struct rocks_family small_families[FAMILY_COUNT] = {
    [FAMILY_INDEX] = {.name = "default", .write_buffer_bytes = INDEX_BUFFER_BYTES},
    [FAMILY_DATA] = {.name = "data", .write_buffer_bytes = DATA_BUFFER_BYTES, .has_blobs = true},
    [FAMILY_QUARANTINE] = {.name = "quarantine", .write_buffer_bytes = INDEX_BUFFER_BYTES, .has_blobs = true},
    [FAMILY_TRASH] = {.name = "trash", .write_buffer_bytes = INDEX_BUFFER_BYTES},
    /* Rows of hundreds of bytes, written all the time and read only from end to end. */
    [FAMILY_METADATA] = {.name = "metadata",
                         .write_buffer_bytes = METADATA_BUFFER_BYTES,
                         .compressed = true,
                         .appended = true,
                         .unfiltered = true},
};

/* ---- errors -------------------------------------------------------------------------------------------------- */

/* RocksDB ends its text with that of errno. */
bool failure_passes(const char *text)
{
    static const int passing[] = {EAGAIN, EINTR, EMFILE, ENFILE, ENOMEM, ETIMEDOUT};
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (strstr(text, strerrordesc_np(passing[i])))
            return true;
    return false;
}

/* Damage of a chunk's own bytes is not told to the disk: that copy alone is bad. */
static enum status read_failed(struct small_store *store, const struct rocks_failure *failure)
{
    bool own_bytes = failure->family == FAMILY_DATA || failure->family == FAMILY_QUARANTINE;
    if (failure->status != STATUS_DAMAGED)
        return failure_passes(failure->text) ? STATUS_UNAVAILABLE : failure->status;
    if (own_bytes)
        return STATUS_CORRUPT;
    disk_damage(store->disk, DISK_CHUNKS,
                failure->family == FAMILY_METADATA ? "read the replica of the metadata"
                                                   : "read the index of the chunks",
                failure->text);
    return STATUS_DAMAGED;
}

/* RocksDB refuses writes, too, once it met damage in its background. */
static enum status write_failed(struct small_store *store, const struct rocks_failure *failure)
{
    if (failure->status == STATUS_DAMAGED) {
        disk_damage(store->disk, DISK_CHUNKS, "write to the database", failure->text);
        return STATUS_DAMAGED;
    }
    disk_fail(store->disk, "write to the database", failure->text);
    return STATUS_IO;
}

static enum status store_failed(void *arg, const struct rocks_failure *failure)
{
    struct small_store *store = arg;
    if (failure->action == ROCKS_OPEN)
        snprintf(store->open_error, DISK_ERROR_MAX, "%s/small: cannot open its database: %s", store->disk->path,
                 failure->text);
    else if (failure->action == ROCKS_READ)
        return read_failed(store, failure);
    else
        return write_failed(store, failure);
    return failure->status;
}

enum status small_row_outcome(struct small_store *store, enum status status)
{
    if (status != STATUS_CORRUPT)
        return status;
    disk_damage(store->disk, DISK_CHUNKS, "read the index of the chunks", "a row is malformed");
    return STATUS_DAMAGED;
}

/* ---- opening and closing ------------------------------------------------------------------------------------- */

enum status small_store_open(struct disk *disk, struct small_store **out, char error[DISK_ERROR_MAX])
{
    struct small_store *store = mem_zalloc(sizeof(*store));
    size_t path_size = strlen(disk->path) + sizeof("/small");
    char *path = mem_alloc(path_size);
    const struct rocks_config config = {
        .path = path,
        .families = small_families,
        .family_count = FAMILY_COUNT,
        .cache_bytes = BLOCK_CACHE_BYTES,
        .write_buffers_bytes = WRITE_BUFFERS_BYTES,
        .log_bytes_max = LOG_BYTES_MAX,
        .open_files_max = OPEN_FILES_MAX,
        .filtered = true,
        .keeps_queues = true,
        .no_reservation = disk_ballast_is_given_up(disk),
        .failed = store_failed,
        .failed_arg = store,
    };

    snprintf(path, path_size, "%s/small", disk->path);
    store->disk = disk;
    store->open_error = error;
    enum status status = rocks_open(&config, &store->db);
    if (status == STATUS_UNAVAILABLE)
        snprintf(error, DISK_ERROR_MAX, "%s: its database is open elsewhere", path);
    store->open_error = NULL;
    if (status)
        small_store_close(store);
    else
        *out = store;
    free(path);
    return status;
}

void small_store_close(struct small_store *store)
{
    if (!store)
        return;
    rocks_close(store->db);
    free(store);
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

void small_entry_encode(const struct index_entry *entry, uint8_t out[SMALL_ENTRY_LEN])
{
    out[0] = ENTRY_FORMAT;
    out[1] = entry->large ? ENTRY_LARGE : ENTRY_SMALL;
    put_u16(out + 2, 0);
    put_u32(out + 4, entry->size);
    put_u32(out + 8, entry->crc32c);
    put_u64(out + 12, (uint64_t)entry->stored_ms);
}

enum status small_entry_decode(struct bytes key, struct bytes value, struct index_entry *entry)
{
    const uint8_t *in = (const uint8_t *)value.data;
    if (key.len != CHUNK_ID_LEN || value.len != SMALL_ENTRY_LEN || in[0] != ENTRY_FORMAT ||
        (in[1] != ENTRY_SMALL && in[1] != ENTRY_LARGE))
        return STATUS_CORRUPT;
    memcpy(entry->id.bytes, key.data, CHUNK_ID_LEN);
    entry->large = in[1] == ENTRY_LARGE;
    entry->size = get_u32(in + 4);
    entry->crc32c = get_u32(in + 8);
    entry->stored_ms = (int64_t)get_u64(in + 12);
    return STATUS_OK;
}

void small_value_release(struct small_value *value)
{
    free(value->data);
    *value = (struct small_value){0};
}

enum status small_row_get(struct small_store *store, enum small_reach reach, enum small_family family,
                          const struct chunk_id *id, struct small_value *value)
{
    const struct rocks_view view = {.in_memory = reach == SMALL_IN_MEMORY};
    return rocks_get(store->db, &view, family, small_key(id), &value->data, &value->len);
}

enum status small_store_lookup(struct small_store *store, enum small_reach reach, const struct chunk_id *id,
                               struct index_entry *entry)
{
    struct small_value value = {0};
    enum status status = small_row_get(store, reach, FAMILY_INDEX, id, &value);
    if (!status)
        status = small_entry_decode(small_key(id), bytes_of(value.data, value.len), entry);
    small_value_release(&value);
    return small_row_outcome(store, status);
}

enum status small_store_get(struct small_store *store, enum small_reach reach, const struct chunk_id *id,
                            struct small_value *value)
{
    enum status status = small_row_get(store, reach, FAMILY_DATA, id, value);
    return status == STATUS_IO ? STATUS_CORRUPT : status; /* as with a file: what cannot be read is bad */
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

void small_row_put(struct rocks_batch *batch, const struct small_row *row)
{
    uint8_t entry[SMALL_ENTRY_LEN];
    small_entry_encode(&row->entry, entry);
    rocks_batch_put(batch, FAMILY_INDEX, small_key(&row->entry.id), bytes_of(entry, sizeof(entry)));
    rocks_batch_put_joined(batch, FAMILY_DATA, small_key(&row->entry.id), row->head, row->payload);
}

enum status small_store_put(struct small_store *store, const struct small_row *rows, unsigned count)
{
    struct rocks_batch *batch = rocks_batch_create(store->db, false);
    for (unsigned i = 0; i < count; i++)
        small_row_put(batch, &rows[i]);
    enum status status = rocks_write(store->db, batch, true);
    rocks_batch_free(batch);
    return status;
}

enum status small_store_index_put(struct small_store *store, const struct index_entry *entry)
{
    uint8_t row[SMALL_ENTRY_LEN];
    small_entry_encode(entry, row);
    return rocks_put(store->db, FAMILY_INDEX, small_key(&entry->id), bytes_of(row, sizeof(row)), false);
}

enum status small_store_index_delete(struct small_store *store, const struct chunk_id *id)
{
    return rocks_delete(store->db, FAMILY_INDEX, small_key(id), false);
}

enum status small_store_delete(struct small_store *store, const struct index_entry *entries, unsigned count)
{
    struct rocks_batch *batch = rocks_batch_create(store->db, false);
    uint64_t bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        rocks_batch_delete(batch, FAMILY_INDEX, small_key(&entries[i].id));
        if (entries[i].large)
            continue;
        rocks_batch_delete(batch, FAMILY_DATA, small_key(&entries[i].id));
        bytes += entries[i].size;
    }
    enum status status = rocks_write(store->db, batch, false);
    rocks_batch_free(batch);
    if (!status && atomic_fetch_add(&store->deleted_bytes, bytes) + bytes >= DELETED_BYTES_MAX) {
        atomic_store(&store->deleted_bytes, 0);
        status = rocks_flush_begin(store->db, FAMILY_DATA);
    }
    return status;
}

enum status small_store_sync(struct small_store *store)
{
    return rocks_sync(store->db);
}

/* Deletes row and bytes; what `kept` holds goes to quarantine in the same batch. */
static enum status small_remove(struct small_store *store, const struct chunk_id *id, const struct small_value *kept)
{
    struct rocks_batch *batch = rocks_batch_create(store->db, false);
    rocks_batch_delete(batch, FAMILY_INDEX, small_key(id));
    rocks_batch_delete(batch, FAMILY_DATA, small_key(id));
    if (kept->data) {
        char key[QUARANTINE_KEY_LEN];
        memcpy(key, id->bytes, CHUNK_ID_LEN);
        put_u64(key + CHUNK_ID_LEN, (uint64_t)clock_wall_ms());
        rocks_batch_put(batch, FAMILY_QUARANTINE, bytes_of(key, sizeof(key)), bytes_of(kept->data, kept->len));
    }
    enum status status = rocks_write(store->db, batch, true);
    rocks_batch_free(batch);
    return status;
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

/* ---- walking and counting ------------------------------------------------------------------------------------ */

enum status small_rows_walk(struct small_store *store, enum small_family family, const struct chunk_id *after,
                            small_row_fn fn, void *arg)
{
    const struct rocks_view view = {.passing = true};
    const struct bytes none = {0};
    enum status status = STATUS_OK;
    struct rocks_iterator *it = rocks_iterator_create(store->db, &view, family, none, none);
    if (after)
        rocks_iterator_seek(it, small_key(after));
    else
        rocks_iterator_first(it);
    for (; !status && rocks_iterator_valid(it); rocks_iterator_next(it)) {
        struct bytes key = rocks_iterator_key(it);
        if (!after || !bytes_equal(key, small_key(after)))
            status = fn(arg, key, rocks_iterator_value(it));
    }
    if (!status)
        status = rocks_iterator_status(it);
    rocks_iterator_free(it);
    return status;
}

struct index_walk {
    struct small_store *store;
    small_store_fn fn;
    void *arg;
};

static enum status index_row(void *arg, struct bytes key, struct bytes value)
{
    const struct index_walk *walk = arg;
    struct index_entry entry;
    enum status status = small_row_outcome(walk->store, small_entry_decode(key, value, &entry));
    return status ? status : walk->fn(walk->arg, &entry);
}

enum status small_store_iterate(struct small_store *store, const struct chunk_id *after, small_store_fn fn, void *arg)
{
    struct index_walk walk = {store, fn, arg};
    return small_rows_walk(store, FAMILY_INDEX, after, index_row, &walk);
}

uint64_t small_store_memory(struct small_store *store)
{
    return rocks_figure(store->db, FIGURE_CACHE_USED_BYTES) + rocks_figure(store->db, FIGURE_MEMTABLE_BYTES) +
           rocks_figure(store->db, FIGURE_TABLE_READER_BYTES);
}

void small_store_figures(struct small_store *store, struct database_figures *figures)
{
    rocks_figures(store->db, figures);
}

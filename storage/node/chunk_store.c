/* Opening, counting, deleting, verifying and listing chunks; writing is in chunk_put.c, reading in store_reader.c, the
 * trash in chunk_trash.c. */
#include "storage/node/chunk_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "storage/node/chunk_store_private.h"
#include "storage/node/large_store.h"

#define VERIFY_BLOCKS 4

pthread_mutex_t *chunk_store_lock(struct chunk_store *store, const struct chunk_id *id)
{
    /* The last bytes of an id are random. */
    return &store->locks[get_u16(id->bytes + CHUNK_ID_LEN - 2) % STORE_LOCKS];
}

void chunk_store_count(struct chunk_store *store, const struct index_entry *entry, int sign)
{
    __atomic_add_fetch(&store->chunks, (uint64_t)sign, __ATOMIC_RELAXED);
    __atomic_add_fetch(&store->bytes, (uint64_t)sign * entry->size, __ATOMIC_RELAXED);
}

/* ---- opening ------------------------------------------------------------------------------------------------- */

/* Bringing the index in line with the files. */
struct reconciliation {
    struct chunk_store *store;
    uint64_t rows_large; /* rows of large chunks that the index had */
    uint64_t rows_found; /* of these, with a file */
};

static enum status count_row(void *arg, const struct index_entry *entry)
{
    struct reconciliation *work = arg;
    chunk_store_count(work->store, entry, 1);
    work->rows_large += entry->large;
    return STATUS_OK;
}

/* A file without a row: the row was lost with the power. A head that cannot be read makes no row; the file stays
 * where it is, for people to look at, and a new copy of the chunk will find it in its way and set it aside. */
static enum status adopt_file(struct chunk_store *store, const struct chunk_id *id)
{
    struct chunk_head head;
    int fd = -1;
    enum status status = large_open(&store->disk, id, &head, &fd);
    if (status) {
        char text[CHUNK_ID_TEXT_LEN + 1];
        chunk_id_format(id, text);
        log_warn("chunk file cannot be adopted", LOG_STR("chunkID", text), LOG_STATUS(status));
        return status == STATUS_CORRUPT ? STATUS_OK : status;
    }
    close(fd);
    struct index_entry entry = {*id, head.size, head.crc32c, head.stored_ms, true};
    /* Its name may not be durable yet, and from now on a write of the same chunk is answered that it is there. */
    status = disk_sync_directory(&store->disk, disk_chunk_directory(&store->disk, id));
    if (!status)
        status = small_store_index_put(store->small, &entry);
    if (!status)
        chunk_store_count(store, &entry, 1);
    return status;
}

static enum status check_file(void *arg, const struct chunk_id *id)
{
    struct reconciliation *work = arg;
    struct index_entry entry;
    enum status status = small_store_lookup(work->store->small, SMALL_ANYWHERE, id, &entry);
    if (status == STATUS_NOT_FOUND)
        return adopt_file(work->store, id);
    if (!status && entry.large)
        work->rows_found++;
    return status;
}

/* A row without a file: the deletion of the row was lost with the power. */
static enum status check_row(void *arg, const struct index_entry *entry)
{
    struct reconciliation *work = arg;
    if (!entry->large || large_exists(&work->store->disk, &entry->id))
        return STATUS_OK;
    chunk_store_count(work->store, entry, -1);
    return small_store_index_delete(work->store->small, &entry->id);
}

static enum status reconcile(struct chunk_store *store)
{
    struct reconciliation work = {.store = store};
    enum status status = small_store_iterate(store->small, NULL, count_row, &work);
    if (!status)
        status = large_walk(&store->disk, check_file, &work);
    if (!status && work.rows_found < work.rows_large)
        status = small_store_iterate(store->small, NULL, check_row, &work);
    return status;
}

enum status chunk_store_open(const struct chunk_store_config *config, struct chunk_store **out,
                             char error[DISK_ERROR_MAX])
{
    struct chunk_store *store = mem_zalloc(sizeof(*store));
    CHECK(config->small_bytes_max <= SMALL_CHUNK_BYTES_MAX);
    store->config = *config;
    for (int i = 0; i < STORE_LOCKS; i++)
        pthread_mutex_init(&store->locks[i], NULL);
    enum status status = disk_open(&store->disk, &config->disk, error);
    if (status) {
        free(store);
        return status;
    }
    status = small_store_open(&store->disk, &store->small, error);
    if (!status) {
        status = reconcile(store);
        if (!status)
            status = chunk_trash_load(store);
        if (status)
            snprintf(error, DISK_ERROR_MAX, "%s: cannot bring index and files in line: %s", store->disk.path,
                     status_name(status));
    }
    if (status) {
        chunk_store_close(store);
        return status;
    }
    small_committer_start(store);
    *out = store;
    return status;
}

void chunk_store_close(struct chunk_store *store)
{
    if (!store)
        return;
    small_committer_stop(store);
    small_store_close(store->small);
    disk_close(&store->disk);
    for (int i = 0; i < STORE_LOCKS; i++)
        pthread_mutex_destroy(&store->locks[i]);
    free(store);
}

/* ---- what there is ------------------------------------------------------------------------------------------- */

uint64_t chunk_store_chunks(const struct chunk_store *store)
{
    return __atomic_load_n(&store->chunks, __ATOMIC_RELAXED);
}

uint64_t chunk_store_bytes(const struct chunk_store *store)
{
    return __atomic_load_n(&store->bytes, __ATOMIC_RELAXED);
}

uint64_t chunk_store_corruptions(const struct chunk_store *store)
{
    return __atomic_load_n(&store->corruptions, __ATOMIC_RELAXED);
}

bool chunk_store_failed(const struct chunk_store *store)
{
    return disk_failed(&store->disk);
}

uint64_t chunk_store_memory(struct chunk_store *store)
{
    return small_store_memory(store->small);
}

void chunk_store_figures(struct chunk_store *store, struct database_figures *figures)
{
    small_store_figures(store->small, figures);
}

struct disk *chunk_store_disk(struct chunk_store *store)
{
    return &store->disk;
}

enum status chunk_store_info(struct chunk_store *store, struct chunk_store_info *info)
{
    *info = (struct chunk_store_info){
        .chunks = chunk_store_chunks(store),
        .bytes = chunk_store_bytes(store),
        .corruptions = chunk_store_corruptions(store),
        .trash_chunks = __atomic_load_n(&store->trash_chunks, __ATOMIC_RELAXED),
        .trash_bytes = __atomic_load_n(&store->trash_bytes, __ATOMIC_RELAXED),
        .read_only = chunk_store_failed(store),
    };
    return disk_space(&store->disk, &info->space);
}

enum status chunk_store_stat(struct chunk_store *store, const struct chunk_id *id, struct chunk_info *info)
{
    struct index_entry entry;
    enum status status = small_store_lookup(store->small, SMALL_ANYWHERE, id, &entry);
    if (!status && entry.large && !large_exists(&store->disk, id))
        status = STATUS_NOT_FOUND;
    if (!status)
        *info = (struct chunk_info){*id, entry.size, entry.crc32c, entry.stored_ms};
    return status;
}

struct inventory {
    struct chunk_info *out;
    uint32_t capacity, count;
};

static enum status inventory_add(void *arg, const struct index_entry *entry)
{
    struct inventory *inventory = arg;
    if (inventory->count == inventory->capacity)
        return STATUS_LIMIT;
    inventory->out[inventory->count++] = (struct chunk_info){entry->id, entry->size, entry->crc32c, entry->stored_ms};
    return STATUS_OK;
}

enum status chunk_store_inventory(struct chunk_store *store, const struct chunk_id *after, struct chunk_info *out,
                                  uint32_t capacity, uint32_t *count)
{
    struct inventory inventory = {.out = out, .capacity = capacity};
    enum status status = small_store_iterate(store->small, after, inventory_add, &inventory);
    *count = inventory.count;
    return status == STATUS_LIMIT ? STATUS_OK : status;
}

/* ---- taking away --------------------------------------------------------------------------------------------- */

enum status chunk_store_delete(struct chunk_store *store, const struct chunk_id *id)
{
    struct index_entry entry;
    pthread_mutex_t *lock = chunk_store_lock(store, id);
    if (disk_failed(&store->disk))
        return STATUS_IO;
    pthread_mutex_lock(lock);
    enum status status = small_store_lookup(store->small, SMALL_ANYWHERE, id, &entry);
    if (status)
        goto out;
    if (entry.large) {
        status = large_delete(&store->disk, id);
        if (!status || status == STATUS_NOT_FOUND) {
            enum status row = small_store_index_delete(store->small, id);
            status = row ? row : status;
        }
    } else {
        status = small_store_delete(store->small, id);
    }
    if (!status || status == STATUS_NOT_FOUND)
        chunk_store_count(store, &entry, -1);
out:
    pthread_mutex_unlock(lock);
    return status;
}

/* ---- checking ------------------------------------------------------------------------------------------------ */

static enum status copy_read_all(struct chunk_store *store, const struct index_entry *entry)
{
    struct store_reader reader;
    char *buffer = NULL;
    enum status status = store_reader_open_copy(&reader, store, entry);
    if (status)
        return status;
    buffer = mem_alloc(VERIFY_BLOCKS * CHUNK_BLOCK_BYTES);
    uint32_t blocks = chunk_block_count(reader.head.size);
    for (uint32_t first = 0; !status && first < blocks; first += VERIFY_BLOCKS) {
        uint32_t count = blocks - first < VERIFY_BLOCKS ? blocks - first : VERIFY_BLOCKS;
        status = store_reader_read_copy(&reader, first, count, buffer);
    }
    free(buffer);
    store_reader_release(&reader);
    return status;
}

/* Takes a bad copy out of service; its bytes are kept in quarantine. */
static enum status copy_set_aside(struct chunk_store *store, const struct index_entry *entry)
{
    char text[CHUNK_ID_TEXT_LEN + 1];
    enum status status;
    if (entry->large) {
        status = large_quarantine(&store->disk, &entry->id);
        if (!status || status == STATUS_NOT_FOUND)
            status = small_store_index_delete(store->small, &entry->id);
    } else {
        status = small_store_quarantine(store->small, &entry->id);
    }
    if (status)
        return status;
    chunk_store_count(store, entry, -1);
    __atomic_add_fetch(&store->corruptions, 1, __ATOMIC_RELAXED);
    chunk_id_format(&entry->id, text);
    log_error("corrupt chunk set aside in quarantine", LOG_STR("chunkID", text), LOG_INT("size", entry->size));
    return STATUS_OK;
}

enum status chunk_store_verify_locked(struct chunk_store *store, const struct chunk_id *id, struct index_entry *entry)
{
    enum status status = small_store_lookup(store->small, SMALL_ANYWHERE, id, entry);
    if (status)
        return status;
    status = copy_read_all(store, entry);
    if (status == STATUS_CORRUPT || status == STATUS_NOT_FOUND) {
        enum status aside = disk_failed(&store->disk) ? STATUS_IO : copy_set_aside(store, entry);
        status = aside ? aside : STATUS_CORRUPT;
    }
    return status;
}

enum status chunk_store_verify(struct chunk_store *store, const struct chunk_id *id)
{
    struct index_entry entry;
    pthread_mutex_t *lock = chunk_store_lock(store, id);
    pthread_mutex_lock(lock);
    enum status status = chunk_store_verify_locked(store, id, &entry);
    pthread_mutex_unlock(lock);
    return status;
}

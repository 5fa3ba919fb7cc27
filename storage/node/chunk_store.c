/* Opening, counting, verifying and listing chunks; writing is in chunk_put.c, reading in store_reader.c, deleting in
 * chunk_delete.c, the trash in chunk_trash.c. */
#include "storage/node/chunk_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/lock.h"
#include "base/log.h"
#include "storage/node/chunk_store_internal.h"
#include "storage/node/large_store.h"
#include "storage/node/meta_takeover.h"
#include "storage/node/set_aside.h"
#include "storage/node/small_store_internal.h"

#define VERIFY_BLOCKS 4

pthread_mutex_t *chunk_store_lock(struct chunk_store *store, const struct chunk_id *id)
{
    /* The last bytes of an id are random. */
    return &store->locks[get_u16(id->bytes + CHUNK_ID_LEN - 2) % STORE_LOCKS];
}

static int lock_compare(const void *a, const void *b)
{
    pthread_mutex_t *const *first = a, *const *second = b;
    return (*first > *second) - (*first < *second);
}

unsigned chunk_store_locks_take(pthread_mutex_t **locks, unsigned count)
{
    unsigned distinct = 0;
    qsort(locks, count, sizeof(*locks), lock_compare);
    for (unsigned i = 0; i < count; i++)
        if (distinct == 0 || locks[i] != locks[distinct - 1])
            locks[distinct++] = locks[i];
    for (unsigned i = 0; i < distinct; i++)
        lock_acquire(locks[i]);
    return distinct;
}

void chunk_store_locks_give(pthread_mutex_t **locks, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        lock_release(locks[i]);
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
        log_error("chunk file cannot be adopted", LOG_STR("chunkID", text), LOG_STATUS(status));
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

/* A row without a file: the deletion of the row was lost with the power, or something else has the file's name. */
static enum status check_row(void *arg, const struct index_entry *entry)
{
    struct reconciliation *work = arg;
    enum status status = entry->large ? large_look(&work->store->disk, &entry->id) : STATUS_OK;
    if (status != STATUS_NOT_FOUND && status != STATUS_CORRUPT)
        return status;
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

/* A file in the trash without a row there: the row was lost with a database that was set aside. In service it is found
 * out again for what it is, if it is an orphan at all. */
static enum status check_trash_file(void *arg, const struct chunk_id *id)
{
    struct chunk_store *store = arg;
    struct trash_entry trash;
    enum status status = small_store_trash_lookup(store->small, id, &trash);
    if (status != STATUS_NOT_FOUND)
        return status;
    status = large_restore(&store->disk, id);
    return status == STATUS_IO ? status : STATUS_OK;
}

static enum status first_row(void *arg, struct bytes key, struct bytes value)
{
    (void)arg, (void)key, (void)value;
    return STATUS_EXISTS;
}

/* That the replica's position can be read is known when the database may still be set aside. */
static enum status check_metadata(struct chunk_store *store)
{
    enum status status = small_rows_walk(store->small, FAMILY_METADATA, NULL, first_row, NULL);
    return status == STATUS_EXISTS ? STATUS_OK : status;
}

/* Opens the database and brings it and the files in line. error explains. */
static enum status index_open(struct chunk_store *store, char error[DISK_ERROR_MAX])
{
    enum status status = small_store_open(&store->disk, &store->small, error);
    if (status)
        return status;
    status = large_trash_walk(&store->disk, check_trash_file, store);
    if (!status)
        status = reconcile(store);
    if (!status)
        status = chunk_trash_load(store);
    if (!status)
        status = check_metadata(store);
    if (!status)
        return STATUS_OK;
    snprintf(error, DISK_ERROR_MAX, "%s: cannot bring index and files in line: %s", store->disk.path,
             status_name(status));
    small_store_close(store->small);
    store->small = NULL;
    store->chunks = store->bytes = store->trash_chunks = store->trash_bytes = 0;
    return status;
}

/* The same with a new database in the place of one that is damaged. */
static enum status index_open_or_replace(struct chunk_store *store, char error[DISK_ERROR_MAX])
{
    bool known = store->config.disk.set_aside & 1u << DISK_CHUNKS;
    enum status status = known ? STATUS_DAMAGED : index_open(store, error);
    if (status != STATUS_DAMAGED)
        return status;
    if (!known)
        log_error("the database of the chunks is damaged", LOG_STR("error", error));
    status = set_aside(&store->disk, DISK_CHUNKS, error);
    return status ? status : index_open(store, error);
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
    status = meta_takeover_check(&store->disk, error);
    if (!status)
        status = index_open_or_replace(store, error);
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
        .carried = __atomic_load_n(&store->carried, __ATOMIC_RELAXED),
        .trash_chunks = __atomic_load_n(&store->trash_chunks, __ATOMIC_RELAXED),
        .trash_bytes = __atomic_load_n(&store->trash_bytes, __ATOMIC_RELAXED),
        .read_only = chunk_store_failed(store),
        .damaged = disk_damaged(&store->disk),
    };
    for (int i = 0; i < DISK_DATABASE_COUNT; i++) {
        char names[SET_ASIDE_MAX][SET_ASIDE_NAME_MAX];
        info->set_aside[i] = set_aside_names(&store->disk, (enum disk_database)i, names);
    }
    return disk_space(&store->disk, &info->space);
}

enum status chunk_store_stat(struct chunk_store *store, const struct chunk_id *id, struct chunk_info *info)
{
    struct index_entry entry;
    enum status status = small_store_lookup(store->small, SMALL_ANYWHERE, id, &entry);
    if (!status && entry.large)
        status = large_look(&store->disk, id);
    if (status == STATUS_CORRUPT)
        status = STATUS_NOT_FOUND;
    if (!status)
        *info = (struct chunk_info){*id, entry.size, entry.crc32c, entry.stored_ms};
    return status;
}

struct inventory_page {
    struct chunk_info *out;
    uint32_t capacity, count;
};

static enum status inventory_add(void *arg, const struct index_entry *entry)
{
    struct inventory_page *inventory = arg;
    if (inventory->count == inventory->capacity)
        return STATUS_LIMIT;
    inventory->out[inventory->count++] = (struct chunk_info){entry->id, entry->size, entry->crc32c, entry->stored_ms};
    return STATUS_OK;
}

enum status chunk_store_inventory(struct chunk_store *store, const struct chunk_id *after, struct chunk_info *out,
                                  uint32_t capacity, uint32_t *count)
{
    struct inventory_page inventory = {.out = out, .capacity = capacity};
    CHECK(capacity > 0);
    enum status status = small_store_iterate(store->small, after, inventory_add, &inventory);
    *count = inventory.count;
    return status == STATUS_LIMIT ? STATUS_OK : status;
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

/* Takes a bad copy out of service; its bytes are kept in quarantine. A file that cannot be moved there, because the
 * file system does not let anybody touch it or has no room for one more name, stays where it is, and counts as little.
 */
static enum status copy_set_aside(struct chunk_store *store, const struct index_entry *entry)
{
    char text[CHUNK_ID_TEXT_LEN + 1];
    enum status status;
    bool moved = true;
    if (entry->large) {
        status = large_quarantine(&store->disk, &entry->id);
        moved = status != STATUS_CORRUPT && status != STATUS_NO_SPACE;
        if (!status || status == STATUS_NOT_FOUND || !moved)
            status = small_store_index_delete(store->small, &entry->id);
    } else {
        status = small_store_quarantine(store->small, &entry->id);
    }
    if (status)
        return status;
    chunk_store_count(store, entry, -1);
    __atomic_add_fetch(&store->corruptions, 1, __ATOMIC_RELAXED);
    chunk_id_format(&entry->id, text);
    log_error(moved ? "corrupt chunk set aside in quarantine" : "corrupt chunk that cannot be moved out of service",
              LOG_STR("chunkID", text), LOG_INT("size", entry->size));
    return STATUS_OK;
}

enum status chunk_store_verify_locked(struct chunk_store *store, const struct chunk_id *id, struct index_entry *entry)
{
    enum status status = small_store_lookup(store->small, SMALL_ANYWHERE, id, entry);
    if (status)
        return status;
    status = copy_read_all(store, entry);
    if (status == STATUS_CORRUPT || status == STATUS_NOT_FOUND) {
        enum status aside = disk_check_trust(&store->disk, DISK_CHUNKS);
        if (!aside)
            aside = copy_set_aside(store, entry);
        status = aside ? aside : STATUS_CORRUPT;
    }
    return status;
}

enum status chunk_store_verify(struct chunk_store *store, const struct chunk_id *id)
{
    struct index_entry entry;
    pthread_mutex_t *lock = chunk_store_lock(store, id);
    lock_acquire(lock);
    enum status status = chunk_store_verify_locked(store, id, &entry);
    lock_release(lock);
    return status;
}

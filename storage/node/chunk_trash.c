/* The trash: chunks that the gateway holds for orphans, kept for a while because it may be wrong.
 * A chunk goes there by its row: out of the index and into the trash in one synced batch; a large one's file follows.
 * When the power fails between the two, the file has no row in the index and is adopted at start, as every such file
 * is: the chunk is in service again, and the index wins wherever both have a row. Nothing is lost, and the gateway asks
 * again. On the way back the file goes first, with the same outcome.
 * When the trash is emptied is not decided here (trash_emptier.h). */
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "storage/node/chunk_store_internal.h"
#include "storage/node/disk_ballast.h"
#include "storage/node/large_store.h"

#define RESTORE_PAGE_CHUNKS 64

static void trash_count(struct chunk_store *store, const struct index_entry *entry, int sign)
{
    __atomic_add_fetch(&store->trash_chunks, (uint64_t)sign, __ATOMIC_RELAXED);
    __atomic_add_fetch(&store->trash_bytes, (uint64_t)sign * entry->size, __ATOMIC_RELAXED);
}

static enum status load_row(void *arg, const struct trash_entry *trash)
{
    trash_count(arg, &trash->entry, 1);
    return STATUS_OK;
}

enum status chunk_trash_load(struct chunk_store *store)
{
    return small_store_trash_iterate(store->small, NULL, load_row, store);
}

/* Drops row, file and bytes; bytes of a small chunk that is in service are its own, and stay. */
static enum status purge_locked(struct chunk_store *store, const struct trash_entry *trash)
{
    const struct chunk_id *id = &trash->entry.id;
    struct index_entry in_service;
    enum status found = small_store_lookup(store->small, SMALL_ANYWHERE, id, &in_service);
    if (found && found != STATUS_NOT_FOUND)
        return found;
    enum status status = trash->entry.large ? large_trash_delete(&store->disk, id) : STATUS_OK;
    if (status && status != STATUS_NOT_FOUND && status != STATUS_CORRUPT)
        return status;
    bool with_bytes = !trash->entry.large && (found == STATUS_NOT_FOUND || in_service.large);
    status = small_store_trash_delete(store->small, id, with_bytes);
    if (!status)
        trash_count(store, &trash->entry, -1);
    return status;
}

void chunk_trash_forget_locked(struct chunk_store *store, const struct chunk_id *id)
{
    struct trash_entry trash;
    if (__atomic_load_n(&store->trash_chunks, __ATOMIC_RELAXED) == 0)
        return;
    enum status status = small_store_trash_lookup(store->small, id, &trash);
    if (!status)
        status = purge_locked(store, &trash);
    if (status && status != STATUS_NOT_FOUND)
        log_warn("a chunk stored anew stays in the trash, too", LOG_STATUS(status));
}

/* ---- into the trash ------------------------------------------------------------------------------------------ */

static enum status trash_locked(struct chunk_store *store, const struct chunk_id *id)
{
    struct trash_entry trash = {.trashed_ms = clock_wall_ms()}, before;
    enum status status = small_store_lookup(store->small, SMALL_ANYWHERE, id, &trash.entry);
    enum status already = small_store_trash_lookup(store->small, id, &before);
    if (status == STATUS_NOT_FOUND)
        return already;
    if (!status && already != STATUS_NOT_FOUND)
        status = already ? already : purge_locked(store, &before);
    if (!status)
        status = small_store_trash(store->small, &trash);
    if (status)
        return status;
    chunk_store_count(store, &trash.entry, -1);
    trash_count(store, &trash.entry, 1);
    if (trash.entry.large)
        status = large_trash(&store->disk, id);
    if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT) {
        enum status purged = purge_locked(store, &trash);
        status = purged ? purged : status;
    }
    return status;
}

enum status chunk_store_trash(struct chunk_store *store, const struct chunk_id *id)
{
    pthread_mutex_t *lock = chunk_store_lock(store, id);
    enum status status = disk_check_trust(&store->disk, DISK_CHUNKS);
    if (!status)
        status = disk_check_deletion_room(&store->disk);
    if (status)
        return status;
    lock_acquire(lock);
    status = trash_locked(store, id);
    lock_release(lock);
    return status;
}

/* ---- out of it ----------------------------------------------------------------------------------------------- */

/* A file without a row in the way is one that could not be adopted at start: it is set aside. */
static enum status restore_file(struct disk *disk, const struct chunk_id *id)
{
    enum status status = large_restore(disk, id);
    if (status != STATUS_EXISTS)
        return status;
    status = large_quarantine(disk, id);
    if (status == STATUS_CORRUPT)
        status = STATUS_CONFLICT;
    return status ? status : large_restore(disk, id);
}

static bool is_expected(const struct index_entry *entry, const struct chunk_expected *expected)
{
    return !expected || (entry->size == expected->size && entry->crc32c == expected->crc32c);
}

static enum status restore_locked(struct chunk_store *store, const struct chunk_id *id,
                                  const struct chunk_expected *expected)
{
    struct index_entry entry;
    struct trash_entry trash;
    enum status status = small_store_lookup(store->small, SMALL_ANYWHERE, id, &entry);
    if (!status)
        return is_expected(&entry, expected) ? chunk_store_verify_locked(store, id, &entry) : STATUS_CONFLICT;
    if (status != STATUS_NOT_FOUND)
        return status;
    status = small_store_trash_lookup(store->small, id, &trash);
    if (status)
        return status;
    if (!is_expected(&trash.entry, expected))
        return STATUS_CONFLICT;
    if (trash.entry.large)
        status = restore_file(&store->disk, id);
    if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT) {
        enum status purged = purge_locked(store, &trash);
        return purged ? purged : status;
    }
    if (!status)
        status = small_store_restore(store->small, &trash);
    if (status)
        return status;
    trash_count(store, &trash.entry, -1);
    chunk_store_count(store, &trash.entry, 1);
    return chunk_store_verify_locked(store, id, &entry);
}

enum status chunk_store_restore(struct chunk_store *store, const struct chunk_id *id,
                                const struct chunk_expected *expected)
{
    pthread_mutex_t *lock = chunk_store_lock(store, id);
    enum status status = disk_check_trust(&store->disk, DISK_CHUNKS);
    if (!status)
        status = disk_check_deletion_room(&store->disk);
    if (status)
        return status;
    lock_acquire(lock);
    status = restore_locked(store, id, expected);
    lock_release(lock);
    return status;
}

enum status chunk_store_trash_purge(struct chunk_store *store, const struct chunk_id *id, int64_t trashed_ms)
{
    struct trash_entry trash;
    pthread_mutex_t *lock = chunk_store_lock(store, id);
    enum status status = disk_check_trust(&store->disk, DISK_CHUNKS);
    if (!status)
        status = disk_check_deletion_room(&store->disk);
    if (status)
        return status;
    lock_acquire(lock);
    status = small_store_trash_lookup(store->small, id, &trash);
    if (!status)
        status = trash.trashed_ms > trashed_ms ? STATUS_NOT_FOUND : purge_locked(store, &trash);
    lock_release(lock);
    return status;
}

/* ---- what is in it ------------------------------------------------------------------------------------------- */

struct trash_listing {
    struct trashed_chunk *out;
    uint32_t capacity, count;
};

static enum status list_row(void *arg, const struct trash_entry *trash)
{
    struct trash_listing *listing = arg;
    const struct index_entry *entry = &trash->entry;
    if (listing->count == listing->capacity)
        return STATUS_LIMIT;
    listing->out[listing->count++] = (struct trashed_chunk){entry->id, entry->size, entry->crc32c, trash->trashed_ms};
    return STATUS_OK;
}

enum status chunk_store_trash_list(struct chunk_store *store, const struct chunk_id *after, struct trashed_chunk *out,
                                   uint32_t capacity, uint32_t *count)
{
    struct trash_listing listing = {.out = out, .capacity = capacity};
    CHECK(capacity > 0);
    enum status status = small_store_trash_iterate(store->small, after, list_row, &listing);
    *count = listing.count;
    return status == STATUS_LIMIT ? STATUS_OK : status;
}

enum status chunk_store_trash_restore_all(struct chunk_store *store, uint64_t *restored)
{
    struct trashed_chunk page[RESTORE_PAGE_CHUNKS];
    struct chunk_id position;
    uint32_t count;
    bool first = true;
    enum status status;

    *restored = 0;
    do {
        status = chunk_store_trash_list(store, first ? NULL : &position, page, RESTORE_PAGE_CHUNKS, &count);
        for (uint32_t i = 0; i < count && !status; i++) {
            status = chunk_store_restore(store, &page[i].id, NULL);
            *restored += status == STATUS_OK;
            if (status == STATUS_CORRUPT || status == STATUS_NOT_FOUND)
                status = STATUS_OK;
        }
        if (count > 0)
            position = page[count - 1].id;
        first = false;
    } while (!status && count == RESTORE_PAGE_CHUNKS);
    return status;
}

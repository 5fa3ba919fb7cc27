/* Deleting chunks, many at a time: rows and files disappear group by group under the locks of their ids, and one sync
 * of the database and of each directory at the end makes that durable. Nothing is said to be gone before.
 *
 * A chunk that is deleted here and not yet durably so is not found by anyone; a new copy of it is written behind its
 * deletion in the database's log, and beside no file. When the power fails before the end, chunks may be there again:
 * the sender was not told, and deletes them again. */
#include <string.h>

#include "storage/node/chunk_store_internal.h"
#include "storage/node/disk_ballast.h"
#include "storage/node/large_store.h"

#define GROUP_CHUNKS 64 /* deleted under locks together: writers of other chunks wait so long */

struct chunk_deletion {
    struct chunk_store *store;
    bool touched[DISK_DIRECTORIES]; /* directories that lost a file */
};

/* With the lock held. OK: the file is gone, or there was none, and the row is to go. */
static enum status file_delete(struct chunk_deletion *deletion, const struct index_entry *entry)
{
    if (!entry->large)
        return STATUS_OK;
    enum status status = large_delete(&deletion->store->disk, &entry->id);
    if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT)
        return STATUS_OK; /* the row goes, whatever is there */
    if (!status)
        deletion->touched[entry->id.bytes[CHUNK_ID_LEN - 1]] = true;
    return status;
}

/* Where the id stands for the first time. */
static unsigned first_of(const struct chunk_id *ids, unsigned at)
{
    unsigned i = 0;
    while (memcmp(&ids[i], &ids[at], sizeof(ids[at])) != 0)
        i++;
    return i;
}

static void group_delete(struct chunk_deletion *deletion, const struct chunk_id *ids, unsigned count,
                         enum status *outcomes)
{
    struct chunk_store *store = deletion->store;
    struct index_entry entries[GROUP_CHUNKS];
    pthread_mutex_t *locks[GROUP_CHUNKS];
    unsigned from[GROUP_CHUNKS], found = 0;

    for (unsigned i = 0; i < count; i++)
        locks[i] = chunk_store_lock(store, &ids[i]);
    unsigned lock_count = chunk_store_locks_take(locks, count);
    for (unsigned i = 0; i < count; i++) {
        outcomes[i] = STATUS_NOT_FOUND;
        if (first_of(ids, i) == i)
            outcomes[i] = small_store_lookup(store->small, SMALL_ANYWHERE, &ids[i], &entries[found]);
        if (!outcomes[i])
            outcomes[i] = file_delete(deletion, &entries[found]);
        if (!outcomes[i])
            from[found++] = i;
    }
    enum status status = found ? small_store_delete(store->small, entries, found) : STATUS_OK;
    for (unsigned i = 0; i < found; i++) {
        outcomes[from[i]] = status;
        if (!status)
            chunk_store_count(store, &entries[i], -1);
    }
    chunk_store_locks_give(locks, lock_count);
    for (unsigned i = 0; i < count; i++) /* what is named again is no more gone than it is */
        outcomes[i] = outcomes[first_of(ids, i)];
}

/* The database always: what was not found may have been deleted a moment ago by another request, and not yet durably.
 */
static enum status deletion_sync(const struct chunk_deletion *deletion)
{
    struct disk *disk = &deletion->store->disk;
    enum status status = small_store_sync(deletion->store->small);
    for (unsigned i = 0; i < DISK_DIRECTORIES && !status; i++)
        if (deletion->touched[i])
            status = disk_sync_directory(disk, disk->chunk_fds[i]);
    return status;
}

void chunk_store_delete_many(struct chunk_store *store, const struct chunk_id *ids, size_t count, enum status *outcomes)
{
    struct chunk_deletion deletion = {.store = store};
    enum status status = disk_check_trust(&store->disk, DISK_CHUNKS);
    if (!status)
        status = disk_check_deletion_room(&store->disk);

    for (size_t i = 0; i < count && !status; i += GROUP_CHUNKS) {
        size_t some = count - i < GROUP_CHUNKS ? count - i : GROUP_CHUNKS;
        group_delete(&deletion, ids + i, (unsigned)some, outcomes + i);
    }
    if (!status)
        status = deletion_sync(&deletion);
    for (size_t i = 0; i < count && status; i++)
        outcomes[i] = status;
}

enum status chunk_store_delete(struct chunk_store *store, const struct chunk_id *id)
{
    enum status outcome;
    chunk_store_delete_many(store, id, 1, &outcome);
    return outcome;
}

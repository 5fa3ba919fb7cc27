/* See the header. The rows go over in batches of bounded size, as a snapshot does; the state row comes last, with the
 * one sync, and says that all of them are there. Then the old directory gets another name, and is deleted. What dies
 * before the state row is written leaves rows that count for nothing, and begins anew. */
#include "storage/node/meta_takeover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "storage/node/meta_replica_internal.h"
#include "storage/node/set_aside.h"
#include "storage/node/small_store_internal.h"

#define TAKEN_NAME  "meta-replica.taken-over"
#define BEGUN_NAME  "taking-over" /* in the old directory: there was room for it */
#define BATCH_BYTES (1u << 20)
#define TABLE       1 /* where the rows go */
#define WALK_FDS    8

static bool is_there(const struct disk *disk)
{
    return faccessat(disk->root_fd, disk_database_name(DISK_METADATA), F_OK, 0) == 0;
}

/* ---- room ------------------------------------------------------------------------------------------------------ */

static uint64_t directory_bytes(const struct disk *disk, const char *name)
{
    uint64_t bytes = 0;
    struct stat info;
    int fd = openat(disk->root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(directory));)
        if (fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode))
            bytes += (uint64_t)info.st_size;
    closedir(directory);
    return bytes;
}

enum status meta_takeover_check(const struct disk *disk, char error[DISK_ERROR_MAX])
{
    char begun[sizeof("meta-replica/" BEGUN_NAME)];
    snprintf(begun, sizeof(begun), "%s/" BEGUN_NAME, disk_database_name(DISK_METADATA));
    if (faccessat(disk->root_fd, begun, F_OK, 0) == 0)
        return STATUS_OK; /* what was copied then takes room now, and the earlier build is no way back any more */
    uint64_t bytes = directory_bytes(disk, disk_database_name(DISK_METADATA));
    enum status status = bytes ? disk_check_metadata_room(disk, bytes) : STATUS_OK;
    if (!status && bytes) {
        int fd = openat(disk->root_fd, begun, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0) /* else it is looked at once more */
            close(fd);
    }
    if (status == STATUS_NO_SPACE)
        snprintf(error, DISK_ERROR_MAX,
                 "%s: its replica of the metadata is to move into the node's one database, for which its disk has not "
                 "the room: about %" PRIu64 " bytes beside the reserve; free some and start the node again, or go on "
                 "with the earlier build meanwhile",
                 disk->path, bytes);
    else if (status)
        snprintf(error, DISK_ERROR_MAX, "%s: its free space cannot be told", disk->path);
    return status;
}

/* ---- the rows -------------------------------------------------------------------------------------------------- */

static enum status batch_write(struct meta_replica *replica, struct rocks_batch *batch)
{
    enum status status = disk_check_metadata_room(replica->disk, rocks_batch_bytes(batch));
    return status ? status : replica_write(replica, batch, false);
}

/* Takes rows from the iterator's place until the batch is full. */
static void batch_fill(struct rocks_batch *batch, struct rocks_iterator *it, uint64_t *rows)
{
    uint8_t prefix[REPLICA_PREFIX_LEN];
    for (; rocks_iterator_valid(it) && rocks_batch_bytes(batch) < BATCH_BYTES; rocks_iterator_next(it)) {
        struct bytes key = rocks_iterator_key(it);
        if (key.len < REPLICA_PREFIX_LEN)
            continue;
        replica_prefix(TABLE, (uint8_t)key.data[4], prefix);
        rocks_batch_put_prefixed(batch, FAMILY_METADATA, bytes_of(prefix, sizeof(prefix)),
                                 bytes_of(key.data + REPLICA_PREFIX_LEN, key.len - REPLICA_PREFIX_LEN),
                                 rocks_iterator_value(it));
        ++*rows;
    }
}

static enum status rows_copy(struct meta_replica *replica, const struct replica_folder *folder, uint64_t *rows)
{
    const struct rocks_view view = {.passing = true};
    uint8_t first[4], end[4];
    put_u32(first, folder->position.table);
    put_u32(end, folder->position.table + 1);
    struct rocks_iterator *it = rocks_iterator_create(folder->db, &view, folder->family, bytes_of(first, sizeof(first)),
                                                      bytes_of(end, sizeof(end)));
    enum status status = STATUS_OK;
    rocks_iterator_first(it);
    while (!status && rocks_iterator_valid(it)) {
        struct rocks_batch *batch = rocks_batch_create(replica->db, false);
        batch_fill(batch, it, rows);
        status = batch_write(replica, batch);
        rocks_batch_free(batch);
    }
    if (!status)
        status = rocks_iterator_status(it);
    rocks_iterator_free(it);
    return status;
}

static enum status state_copy(struct meta_replica *replica, const struct replica_position *from)
{
    struct rocks_batch *batch = rocks_batch_create(replica->db, false);
    enum status status = replica_state_commit(replica, batch, &from->state, from->table ? TABLE : 0);
    rocks_batch_free(batch);
    return status;
}

/* DAMAGED: the old one is. */
static enum status all_copy(struct meta_replica *replica, char error[DISK_ERROR_MAX])
{
    struct replica_folder folder;
    uint64_t rows = 0;
    enum status status = replica_folder_open(&folder, replica->disk, DISK_METADATA, disk_database_name(DISK_METADATA),
                                             ROCKS_DROP_TORN_TAIL, error);
    if (status)
        return status;
    log_warn("the replica of the metadata moves into the node's one database, which earlier builds refuse from now on",
             LOG_STR("dataDir", replica->disk->path), LOG_INT("sequence", folder.position.state.sequence));
    if (folder.position.table)
        status = rows_copy(replica, &folder, &rows);
    if (!status)
        status = state_copy(replica, &folder.position);
    if (!status)
        log_warn("the replica of the metadata was taken over", LOG_STR("dataDir", replica->disk->path),
                 LOG_INT("rows", rows));
    else if (!*error)
        snprintf(error, DISK_ERROR_MAX, "%s: its replica of the metadata cannot be taken over: %s", replica->disk->path,
                 status_name(status));
    replica_folder_close(&folder);
    return status;
}

/* ---- the old directory ----------------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

/* What cannot be deleted now is at the next start. */
static void taken_remove(const struct disk *disk)
{
    if (faccessat(disk->root_fd, TAKEN_NAME, F_OK, AT_SYMLINK_NOFOLLOW))
        return;
    size_t path_size = strlen(disk->path) + sizeof("/" TAKEN_NAME);
    char *path = mem_alloc(path_size);
    snprintf(path, path_size, "%s/" TAKEN_NAME, disk->path);
    if (nftw(path, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS))
        log_error("the replica of the metadata that was taken over cannot be deleted", LOG_STR("path", path),
                  LOG_STR("error", strerror(errno)));
    free(path);
}

static enum status retire(struct disk *disk, char error[DISK_ERROR_MAX])
{
    if (renameat(disk->root_fd, disk_database_name(DISK_METADATA), disk->root_fd, TAKEN_NAME) || fsync(disk->root_fd)) {
        snprintf(error, DISK_ERROR_MAX, "%s/meta-replica: was taken over, and cannot be renamed: %s", disk->path,
                 strerror(errno));
        return status_from_errno(errno);
    }
    taken_remove(disk);
    return STATUS_OK;
}

enum status meta_takeover(struct meta_replica *replica, char error[DISK_ERROR_MAX])
{
    enum status status = STATUS_OK;
    taken_remove(replica->disk);
    if (!is_there(replica->disk))
        return STATUS_OK;
    error[0] = '\0';
    if (!replica->position.known)
        status = all_copy(replica, error);
    if (status == STATUS_DAMAGED && disk_check_trust(replica->disk, DISK_CHUNKS) == STATUS_OK) {
        log_error("the replica of the metadata is damaged", LOG_STR("error", error));
        return set_aside(replica->disk, DISK_METADATA, error);
    }
    return status ? status : retire(replica->disk, error);
}

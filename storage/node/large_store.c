/* Large chunks as files; see the header for what must stay true.
 * Errors of sync calls are the disk's failure (disk.h). ENOSPC while writing is not: the write is refused and the
 * temporary file goes away. */
#include "storage/node/large_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define WRITEBACK_BYTES (1u << 20)

/* ---- names ---------------------------------------------------------------------------------------------------- */

/* What stands under the name. STATUS_NOT_FOUND: nothing; STATUS_CORRUPT: something that is no file, or that the file
 * system cannot show (*is_entry false: nothing can be done with that, not even move or delete it). */
static enum status name_look(int directory, const char *name, bool *is_entry)
{
    struct stat info;
    *is_entry = fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
    if (!*is_entry)
        return disk_read_status(errno);
    return S_ISREG(info.st_mode) ? STATUS_OK : STATUS_CORRUPT;
}

/* After a name could not be moved or deleted. A disk that reports EIO or has become read-only has failed, unless it is
 * this name alone that cannot be shown. STATUS_CORRUPT: the name stays, for reasons of its own. */
static enum status name_outcome(struct disk *disk, const char *what, int directory, const char *name, int errnum)
{
    bool is_entry;
    enum status look = name_look(directory, name, &is_entry);
    if (!is_entry && look != STATUS_UNAVAILABLE)
        return look;
    if (errnum == EIO || errnum == EROFS)
        return disk_write_outcome(disk, what, STATUS_IO);
    enum status status = disk_status(errnum);
    return status == STATUS_IO ? disk_read_status(errnum) : status;
}

/* Moves whatever has this name to quarantine/, durably. */
static enum status name_quarantine(struct disk *disk, int directory, const char *name)
{
    char target[64];
    snprintf(target, sizeof(target), "%s.%" PRId64, name, clock_wall_ms());
    if (renameat(directory, name, disk->quarantine_fd, target))
        return name_outcome(disk, "quarantine of a chunk file", directory, name, errno);
    enum status status = disk_sync_directory(disk, disk->quarantine_fd);
    if (!status)
        status = disk_sync_directory(disk, directory);
    return status;
}

/* Deletes a file, without a sync; what is no file goes to quarantine/, durably. */
static enum status name_delete(struct disk *disk, int directory, const char *name)
{
    bool is_entry;
    enum status status = name_look(directory, name, &is_entry);
    if (status && !is_entry)
        return status;
    if (status)
        return name_quarantine(disk, directory, name);
    if (unlinkat(directory, name, 0))
        return name_outcome(disk, "deletion of a chunk file", directory, name, errno);
    return STATUS_OK;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static enum status write_all(int fd, const void *data, size_t len, off_t offset)
{
    const char *next = data;
    while (len) {
        ssize_t written = pwrite(fd, next, len, offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return disk_status(errno);
        next += written;
        len -= (size_t)written;
        offset += written;
    }
    return STATUS_OK;
}

enum status large_file_create(struct large_file *file, struct disk *disk, const struct chunk_id *id,
                              uint32_t expected_size)
{
    static uint64_t sequence; /* atomic: two writes of one id must not share a file */
    char text[CHUNK_ID_TEXT_LEN + 1];
    bool known = expected_size != LARGE_SIZE_UNKNOWN;
    uint64_t bytes = CHUNK_FILE_PAYLOAD_OFFSET + (uint64_t)(known ? expected_size : CHUNK_BYTES_MAX);
    memset(file, 0, sizeof(*file));
    file->disk = disk;
    file->id = *id;
    file->fd = -1;
    enum status status = disk_check_room(disk, bytes);
    if (status)
        return status;
    chunk_id_format(id, text);
    snprintf(file->name, sizeof(file->name), "%s.%" PRIu64, text, __atomic_add_fetch(&sequence, 1, __ATOMIC_RELAXED));
    file->fd = openat(disk->tmp_fd, file->name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (file->fd < 0)
        return disk_write_outcome(disk, "creation of a chunk file", disk_status(errno));
    /* Only to lay the file out well and to notice a full disk early: file systems without it do without. */
    if (known && fallocate(file->fd, 0, 0, (off_t)bytes) && (errno == ENOSPC || errno == EDQUOT)) {
        large_file_release(file);
        return STATUS_NO_SPACE;
    }
    return STATUS_OK;
}

/* Lets the disk work while the rest of the chunk arrives, so that the sync at the end finds little left to do. Waits
 * for nothing and promises nothing: an error of the writeback is kept for the sync, which reports it. */
static void start_writeback(struct large_file *file)
{
    uint32_t len = file->size - file->writeback;

    if (len < WRITEBACK_BYTES)
        return;
    sync_file_range(file->fd, (off_t)CHUNK_FILE_PAYLOAD_OFFSET + file->writeback, len, SYNC_FILE_RANGE_WRITE);
    file->writeback = file->size;
}

enum status large_file_append(struct large_file *file, const void *data, size_t len)
{
    off_t offset = (off_t)CHUNK_FILE_PAYLOAD_OFFSET + file->size;
    enum status status = write_all(file->fd, data, len, offset);
    status = disk_write_outcome(file->disk, "write of a chunk file", status);
    if (status)
        return status;
    file->size += (uint32_t)len;
    start_writeback(file);
    return STATUS_OK;
}

/* Gives the file `source` of the directory `from` its name, never replacing one. Older file systems have no
 * RENAME_NOREPLACE: there, link. */
static int name_move(int from, const char *source, int directory, const char *name)
{
    if (renameat2(from, source, directory, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (linkat(from, source, directory, name, 0))
        return -1;
    unlinkat(from, source, 0);
    return 0;
}

/* STATUS_EXISTS; STATUS_CONFLICT: something that the file system cannot show is in the way; STATUS_CORRUPT: the source
 * is such a thing. */
static enum status publish_name(struct disk *disk, const char *what, int from, const char *source, int directory,
                                const char *name)
{
    bool is_entry;
    if (name_move(from, source, directory, name) == 0)
        return STATUS_OK;
    enum status status = disk_status(errno);
    if (status != STATUS_IO)
        return status;
    if (name_look(directory, name, &is_entry) == STATUS_CORRUPT)
        return is_entry ? STATUS_EXISTS : STATUS_CONFLICT;
    if (name_look(from, source, &is_entry) == STATUS_CORRUPT && !is_entry)
        return STATUS_CORRUPT;
    return disk_write_outcome(disk, what, status);
}

enum status large_file_publish(struct large_file *file, const struct chunk_head *head)
{
    uint8_t page[CHUNK_FILE_PAYLOAD_OFFSET] = {0};
    char name[CHUNK_ID_TEXT_LEN + 1];
    int directory = disk_chunk_directory(file->disk, &file->id);
    chunk_head_encode(head, page);
    chunk_id_format(&file->id, name);
    enum status status = write_all(file->fd, page, sizeof(page), 0);
    status = disk_write_outcome(file->disk, "write of a chunk file", status);
    if (status)
        goto out;
    status = disk_sync_file(file->disk, file->fd);
    if (status)
        goto out;
    status = publish_name(file->disk, "naming of a chunk file", file->disk->tmp_fd, file->name, directory, name);
    if (status == STATUS_CORRUPT) /* what was just synced is not there: nothing of this disk can be trusted */
        status = disk_write_outcome(file->disk, "naming of a chunk file", STATUS_IO);
    if (status)
        goto out;
    close(file->fd);
    file->fd = -1;
    status = disk_sync_directory(file->disk, directory);
out:
    large_file_release(file);
    return status;
}

void large_file_release(struct large_file *file)
{
    if (file->fd < 0)
        return;
    close(file->fd);
    file->fd = -1;
    unlinkat(file->disk->tmp_fd, file->name, 0);
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

static enum status read_all(int fd, void *out, size_t len, off_t offset)
{
    char *next = out;
    while (len) {
        ssize_t got = pread(fd, next, len, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return disk_read_status(errno);
        if (got == 0)
            return STATUS_CORRUPT;
        next += got;
        len -= (size_t)got;
        offset += got;
    }
    return STATUS_OK;
}

enum status large_open(const struct disk *disk, const struct chunk_id *id, struct chunk_head *head, int *fd)
{
    char name[CHUNK_ID_TEXT_LEN + 1], page[CHUNK_HEAD_BYTES_MAX];
    struct stat info;
    chunk_id_format(id, name);
    /* What is no file must not hold anybody up: opening a pipe waits for its other end. */
    int file = openat(disk_chunk_directory(disk, id), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0)
        return disk_read_status(errno);
    enum status status = fstat(file, &info) ? disk_read_status(errno) : STATUS_OK;
    if (!status && !S_ISREG(info.st_mode))
        status = STATUS_CORRUPT;
    if (!status)
        status = read_all(file, page, sizeof(page), 0);
    if (!status)
        status = chunk_head_decode(bytes_of(page, sizeof(page)), disk->config.cluster, id, head);
    if (!status && info.st_size != (off_t)CHUNK_FILE_PAYLOAD_OFFSET + head->size)
        status = STATUS_CORRUPT;
    if (status)
        close(file);
    else
        *fd = file;
    return status;
}

enum status large_read(int fd, const struct chunk_head *head, uint32_t first_block, uint32_t count, void *out)
{
    uint64_t start = (uint64_t)first_block * CHUNK_BLOCK_BYTES;
    uint64_t end = (uint64_t)(first_block + count) * CHUNK_BLOCK_BYTES;
    if (end > head->size)
        end = head->size;
    enum status status = read_all(fd, out, (size_t)(end - start), (off_t)(CHUNK_FILE_PAYLOAD_OFFSET + start));
    if (!status)
        status = chunk_blocks_verify(head, first_block, count, out);
    return status;
}

enum status large_look(const struct disk *disk, const struct chunk_id *id)
{
    char name[CHUNK_ID_TEXT_LEN + 1];
    bool is_entry;
    chunk_id_format(id, name);
    return name_look(disk_chunk_directory(disk, id), name, &is_entry);
}

/* ---- taking away --------------------------------------------------------------------------------------------- */

enum status large_delete(struct disk *disk, const struct chunk_id *id)
{
    char name[CHUNK_ID_TEXT_LEN + 1];
    chunk_id_format(id, name);
    return name_delete(disk, disk_chunk_directory(disk, id), name);
}

enum status large_quarantine(struct disk *disk, const struct chunk_id *id)
{
    char name[CHUNK_ID_TEXT_LEN + 1];
    chunk_id_format(id, name);
    return name_quarantine(disk, disk_chunk_directory(disk, id), name);
}

enum status large_trash(struct disk *disk, const struct chunk_id *id)
{
    char name[CHUNK_ID_TEXT_LEN + 1];
    int directory = disk_chunk_directory(disk, id);
    bool is_entry;
    chunk_id_format(id, name);
    enum status status = name_look(directory, name, &is_entry);
    if (status == STATUS_CORRUPT && is_entry) {
        status = name_quarantine(disk, directory, name);
        return status ? status : STATUS_CORRUPT;
    }
    if (status)
        return status;
    if (renameat(directory, name, disk->trash_fd, name))
        return name_outcome(disk, "move of a chunk file to the trash", directory, name, errno);
    status = disk_sync_directory(disk, disk->trash_fd);
    if (!status)
        status = disk_sync_directory(disk, directory);
    return status;
}

enum status large_restore(struct disk *disk, const struct chunk_id *id)
{
    char name[CHUNK_ID_TEXT_LEN + 1];
    int directory = disk_chunk_directory(disk, id);
    chunk_id_format(id, name);
    enum status status =
        publish_name(disk, "return of a chunk file from the trash", disk->trash_fd, name, directory, name);
    if (!status)
        status = disk_sync_directory(disk, directory);
    if (!status)
        status = disk_sync_directory(disk, disk->trash_fd);
    return status;
}

enum status large_trash_delete(struct disk *disk, const struct chunk_id *id)
{
    char name[CHUNK_ID_TEXT_LEN + 1];
    chunk_id_format(id, name);
    enum status status = name_delete(disk, disk->trash_fd, name);
    return status ? status : disk_sync_directory(disk, disk->trash_fd);
}

/* ---- walking ------------------------------------------------------------------------------------------------- */

/* last_byte of the ids that may be in there; -1: any. */
static enum status directory_walk(int directory_fd, int last_byte, large_walk_fn fn, void *arg)
{
    int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    enum status status = STATUS_OK;
    if (!directory) {
        status = disk_status(errno);
        if (fd >= 0)
            close(fd);
        return status;
    }
    for (;;) {
        struct chunk_id id;
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (!entry) {
            status = errno ? disk_status(errno) : STATUS_OK;
            break;
        }
        if (entry->d_name[0] == '.')
            continue;
        if (chunk_id_parse(bytes_from_str(entry->d_name), &id) ||
            (last_byte >= 0 && id.bytes[CHUNK_ID_LEN - 1] != last_byte)) {
            log_warn("file that is no chunk", LOG_STR("name", entry->d_name));
            continue;
        }
        if (entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN) {
            log_error("something that is no file has the name of a chunk", LOG_STR("chunkID", entry->d_name));
            continue;
        }
        status = fn(arg, &id);
        if (status)
            break;
    }
    closedir(directory);
    return status;
}

enum status large_walk(const struct disk *disk, large_walk_fn fn, void *arg)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < DISK_DIRECTORIES; i++)
        status = directory_walk(disk->chunk_fds[i], (int)i, fn, arg);
    return status;
}

enum status large_trash_walk(const struct disk *disk, large_walk_fn fn, void *arg)
{
    return directory_walk(disk->trash_fd, -1, fn, arg);
}

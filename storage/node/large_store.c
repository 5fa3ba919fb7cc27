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
    file->fd = openat(disk->tmp_fd, file->name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0640);
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
static enum status publish_name(int from, const char *source, int directory, const char *name)
{
    if (renameat2(from, source, directory, name, RENAME_NOREPLACE) == 0)
        return STATUS_OK;
    if (errno != EINVAL && errno != ENOSYS)
        return disk_status(errno);
    if (linkat(from, source, directory, name, 0))
        return disk_status(errno);
    unlinkat(from, source, 0);
    return STATUS_OK;
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
    status = publish_name(file->disk->tmp_fd, file->name, directory, name);
    status = disk_write_outcome(file->disk, "naming of a chunk file", status);
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

/* A sector that cannot be read is damage to this chunk; anything else says nothing about it. */
static enum status read_all(int fd, void *out, size_t len, off_t offset)
{
    char *next = out;
    while (len) {
        ssize_t got = pread(fd, next, len, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EIO ? STATUS_CORRUPT : disk_status(errno);
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
    enum status status;
    chunk_id_format(id, name);
    int file = openat(disk_chunk_directory(disk, id), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return disk_status(errno);
    status = read_all(file, page, sizeof(page), 0);
    if (!status)
        status = chunk_head_decode(bytes_of(page, sizeof(page)), disk->config.cluster, id, head);
    if (!status && fstat(file, &info))
        status = disk_status(errno);
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

bool large_exists(const struct disk *disk, const struct chunk_id *id)
{
    char name[CHUNK_ID_TEXT_LEN + 1];
    chunk_id_format(id, name);
    return faccessat(disk_chunk_directory(disk, id), name, F_OK, 0) == 0;
}

/* ---- taking away --------------------------------------------------------------------------------------------- */

enum status large_delete(struct disk *disk, const struct chunk_id *id)
{
    char name[CHUNK_ID_TEXT_LEN + 1];
    int directory = disk_chunk_directory(disk, id);
    chunk_id_format(id, name);
    if (unlinkat(directory, name, 0))
        return disk_write_outcome(disk, "deletion of a chunk file", disk_status(errno));
    return disk_sync_directory(disk, directory);
}

enum status large_quarantine(struct disk *disk, const struct chunk_id *id)
{
    char name[CHUNK_ID_TEXT_LEN + 1], target[64];
    int directory = disk_chunk_directory(disk, id);
    chunk_id_format(id, name);
    snprintf(target, sizeof(target), "%s.%" PRId64, name, clock_wall_ms());
    if (renameat(directory, name, disk->quarantine_fd, target))
        return disk_write_outcome(disk, "quarantine of a chunk file", disk_status(errno));
    enum status status = disk_sync_directory(disk, disk->quarantine_fd);
    if (!status)
        status = disk_sync_directory(disk, directory);
    return status;
}

enum status large_trash(struct disk *disk, const struct chunk_id *id)
{
    char name[CHUNK_ID_TEXT_LEN + 1];
    int directory = disk_chunk_directory(disk, id);
    chunk_id_format(id, name);
    if (renameat(directory, name, disk->trash_fd, name))
        return disk_write_outcome(disk, "move of a chunk file to the trash", disk_status(errno));
    enum status status = disk_sync_directory(disk, disk->trash_fd);
    if (!status)
        status = disk_sync_directory(disk, directory);
    return status;
}

enum status large_restore(struct disk *disk, const struct chunk_id *id)
{
    char name[CHUNK_ID_TEXT_LEN + 1];
    int directory = disk_chunk_directory(disk, id);
    chunk_id_format(id, name);
    enum status status = publish_name(disk->trash_fd, name, directory, name);
    status = disk_write_outcome(disk, "return of a chunk file from the trash", status);
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
    if (unlinkat(disk->trash_fd, name, 0))
        return disk_write_outcome(disk, "deletion of a chunk file", disk_status(errno));
    return disk_sync_directory(disk, disk->trash_fd);
}

/* ---- walking ------------------------------------------------------------------------------------------------- */

static enum status directory_walk(const struct disk *disk, unsigned last_byte, large_walk_fn fn, void *arg)
{
    int fd = openat(disk->chunk_fds[last_byte], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
        if (chunk_id_parse(bytes_from_str(entry->d_name), &id) || id.bytes[CHUNK_ID_LEN - 1] != last_byte) {
            log_warn("file that is no chunk", LOG_STR("name", entry->d_name));
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
        status = directory_walk(disk, i, fn, arg);
    return status;
}

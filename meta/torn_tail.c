/* See the header. The log is read in RocksDB's own format (db/log_format.h): blocks of 32 KiB, in them fragments of a
 * record: 4 bytes of masked CRC32C over type and payload, 2 of length, 1 of type, little-endian; a record never goes on
 * in a block's last 6 bytes. The committer writes one record and syncs it before the next, so a power loss tears one
 * record only; of that any fragment may be whole, but none behind it begins another. */
#include "meta/torn_tail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/log.h"
#include "meta/db.h"
#include "meta/history_internal.h"

#define BLOCK_BYTES    32768
#define HEADER_LEN     7
#define CHECKSUM_DELTA 0xa282ead8u /* of util/crc32c.h: checksums are stored masked */

enum { FRAGMENT_FULL = 1, FRAGMENT_FIRST = 2, FRAGMENT_MIDDLE = 3, FRAGMENT_LAST = 4 };

struct fragment {
    unsigned type;
    size_t len; /* with its header */
};

/* False when no whole fragment is there. */
static bool fragment_read(struct bytes log, size_t offset, struct fragment *fragment)
{
    size_t block_left = BLOCK_BYTES - offset % BLOCK_BYTES;
    size_t left = log.len - offset < block_left ? log.len - offset : block_left;
    const uint8_t *at = (const uint8_t *)log.data + offset;
    if (left < HEADER_LEN)
        return false;
    size_t len = (size_t)at[4] | (size_t)at[5] << 8;
    *fragment = (struct fragment){.type = at[6], .len = HEADER_LEN + len};
    if (at[6] < FRAGMENT_FULL || at[6] > FRAGMENT_LAST || fragment->len > left)
        return false;
    uint32_t stored = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    uint32_t crc = crc32c_update(0, at + 6, len + 1);
    return stored == ((crc >> 15 | crc << 17) + CHECKSUM_DELTA);
}

static size_t block_padding(size_t offset)
{
    size_t left = BLOCK_BYTES - offset % BLOCK_BYTES;
    return left < HEADER_LEN ? left : 0;
}

/* Where the whole records end. */
static size_t records_end(struct bytes log)
{
    struct fragment fragment;
    size_t offset = 0, end = 0;
    while (offset += block_padding(offset), offset < log.len && fragment_read(log, offset, &fragment)) {
        offset += fragment.len;
        if (fragment.type == FRAGMENT_FULL || fragment.type == FRAGMENT_LAST)
            end = offset;
    }
    return end;
}

/* Is there a whole fragment, anywhere behind, that begins a record? The torn one may begin at `offset` itself. */
static bool record_follows(struct bytes log, size_t offset)
{
    struct fragment fragment;
    for (size_t at = offset + 1; at < log.len; at++)
        if (fragment_read(log, at, &fragment) && (fragment.type == FRAGMENT_FULL || fragment.type == FRAGMENT_FIRST))
            return true;
    return false;
}

/* The log with the highest number. NOT_FOUND when there is none. */
static enum status newest_log(const char *path, char log[TORN_TAIL_PATH_MAX])
{
    struct dirent *entry;
    uint64_t newest = 0;
    DIR *directory = opendir(path);
    if (!directory)
        return status_from_errno(errno);
    while ((entry = readdir(directory))) {
        char *end;
        uint64_t number = strtoull(entry->d_name, &end, 10);
        if (end == entry->d_name || strcmp(end, ".log") != 0 || number <= newest)
            continue;
        newest = number;
        snprintf(log, TORN_TAIL_PATH_MAX, "%s/%s", path, entry->d_name);
    }
    closedir(directory);
    return newest ? STATUS_OK : STATUS_NOT_FOUND;
}

static enum status log_examine(struct torn_tail *tail)
{
    struct stat info;
    enum status status = STATUS_CORRUPT;
    void *data = MAP_FAILED;
    int fd = open(tail->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        status = status_from_errno(errno);
        goto out;
    }
    if (info.st_size == 0)
        goto out;
    data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        status = status_from_errno(errno);
        goto out;
    }
    struct bytes log = bytes_of(data, (size_t)info.st_size);
    tail->offset = records_end(log);
    tail->bytes = log.len - tail->offset;
    if (tail->bytes && !record_follows(log, tail->offset + block_padding(tail->offset)))
        status = STATUS_OK;
out:
    if (data != MAP_FAILED)
        munmap(data, (size_t)info.st_size);
    if (fd >= 0)
        close(fd);
    return status;
}

enum status torn_tail_find(const char *path, const uint8_t *cluster_id, struct torn_tail *tail)
{
    struct db *db = NULL;
    *tail = (struct torn_tail){0};
    enum status status = newest_log(path, tail->path);
    if (!status)
        status = log_examine(tail);
    if (!status)
        status = db_open_prefix(path, &db);
    if (!status)
        status = history_position(db, cluster_id, &tail->left, &tail->lineage);
    if (db)
        db_close_prefix(db);
    return status;
}

enum status torn_tail_drop(const struct torn_tail *tail)
{
    int fd = open(tail->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return status_from_errno(errno);
    enum status status = STATUS_OK;
    if (ftruncate(fd, (off_t)tail->offset) != 0 || fsync(fd) != 0)
        status = status_from_errno(errno);
    close(fd);
    if (!status)
        log_error("the last record of the metadata's log was torn and is dropped: no node has it, so it was not "
                  "acknowledged",
                  LOG_STR("path", tail->path), LOG_INT("offset", tail->offset), LOG_INT("bytes", tail->bytes),
                  LOG_INT("sequence", tail->left.sequence));
    return status;
}

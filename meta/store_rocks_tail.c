/* The torn end of RocksDB's log; see store.h. The committer writes one record and syncs it before the next, so a power
 * loss tears one record only; of that any fragment may be whole, but none behind it begins another. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rocks_log_file.h"
#include "meta/store.h"

/* Where the whole records end. */
static size_t records_end(struct bytes log)
{
    struct log_fragment fragment;
    size_t offset = 0, end = 0;
    while (offset += log_block_padding(offset), offset < log.len && log_fragment_read(log, offset, &fragment)) {
        offset += fragment.len;
        if (fragment.type == LOG_FRAGMENT_FULL || fragment.type == LOG_FRAGMENT_LAST)
            end = offset;
    }
    return end;
}

/* Is there a whole fragment, anywhere behind, that begins a record? The torn one may begin at `offset` itself. */
static bool record_follows(struct bytes log, size_t offset)
{
    struct log_fragment fragment;
    for (size_t at = offset + 1; at < log.len; at++)
        if (log_fragment_read(log, at, &fragment) &&
            (fragment.type == LOG_FRAGMENT_FULL || fragment.type == LOG_FRAGMENT_FIRST))
            return true;
    return false;
}

/* The log with the highest number. NOT_FOUND when there is none. */
static enum status newest_log(const char *path, char log[STORE_PATH_MAX])
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
        snprintf(log, STORE_PATH_MAX, "%s/%s", path, entry->d_name);
    }
    closedir(directory);
    return newest ? STATUS_OK : STATUS_NOT_FOUND;
}

static enum status log_examine(struct store_torn *torn)
{
    struct stat info;
    enum status status = STATUS_CORRUPT;
    void *data = MAP_FAILED;
    int fd = open(torn->path, O_RDONLY | O_CLOEXEC);
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
    torn->offset = records_end(log);
    torn->bytes = log.len - torn->offset;
    if (torn->bytes && !record_follows(log, torn->offset + log_block_padding(torn->offset)))
        status = STATUS_OK;
out:
    if (data != MAP_FAILED)
        munmap(data, (size_t)info.st_size);
    if (fd >= 0)
        close(fd);
    return status;
}

enum status store_torn_find(const char *path, struct store_torn *torn)
{
    *torn = (struct store_torn){0};
    enum status status = newest_log(path, torn->path);
    return status ? status : log_examine(torn);
}

enum status store_torn_drop(const struct store_torn *torn)
{
    int fd = open(torn->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return status_from_errno(errno);
    enum status status = STATUS_OK;
    if (ftruncate(fd, (off_t)torn->offset) != 0 || fsync(fd) != 0)
        status = status_from_errno(errno);
    close(fd);
    return status;
}

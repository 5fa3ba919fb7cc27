/* Keeping the logs that are no longer needed for recovery within their bound; see rocks.h. They lie in the folder
 * "archive" under their numbers, which ascend. A reader that comes to one that was removed finds that the log does not
 * reach back so far. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/rocks_internal.h"

#define LOGS_MAX 1024 /* looked at together */

struct kept_log {
    uint64_t number, bytes;
    char name[32];
};

static int log_compare(const void *a, const void *b)
{
    const struct kept_log *first = a, *second = b;
    return first->number < second->number ? -1 : first->number > second->number;
}

static size_t logs_list(DIR *directory, struct kept_log *logs, uint64_t *bytes)
{
    struct dirent *entry;
    struct stat info;
    size_t count = 0;
    while (count < LOGS_MAX && (entry = readdir(directory))) {
        char *end;
        uint64_t number = strtoull(entry->d_name, &end, 10);
        if (end == entry->d_name || strcmp(end, ".log") != 0 || strlen(entry->d_name) >= sizeof(logs->name) ||
            fstatat(dirfd(directory), entry->d_name, &info, 0) != 0)
            continue;
        logs[count] = (struct kept_log){.number = number, .bytes = (uint64_t)info.st_size};
        strcpy(logs[count].name, entry->d_name);
        *bytes += logs[count++].bytes;
    }
    return count;
}

void rocks_log_trim(struct rocks *db)
{
    struct buffer path;
    uint64_t bytes = 0, bytes_max = db->config.log_kept_mb << 20;
    buffer_init(&path, 8192);
    DIR *directory = buffer_printf(&path, "%s/archive", db->config.path) == STATUS_OK ? opendir(path.data) : NULL;
    buffer_release(&path);
    if (!directory)
        return;
    struct kept_log *logs = mem_alloc(LOGS_MAX * sizeof(*logs));
    size_t count = logs_list(directory, logs, &bytes);
    qsort(logs, count, sizeof(*logs), log_compare);
    for (size_t i = 0; i < count && bytes > bytes_max; i++) {
        unlinkat(dirfd(directory), logs[i].name, 0);
        bytes -= logs[i].bytes;
    }
    free(logs);
    closedir(directory);
}

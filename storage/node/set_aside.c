/* See the header. */
#include "storage/node/set_aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define MARK ".damaged-"

static bool is_of(const char *name, enum disk_database database)
{
    const char *own = disk_database_name(database);
    size_t len = strlen(own);
    return strncmp(name, own, len) == 0 && strncmp(name + len, MARK, strlen(MARK)) == 0;
}

unsigned set_aside_names(const struct disk *disk, enum disk_database database,
                         char names[SET_ASIDE_MAX][SET_ASIDE_NAME_MAX])
{
    unsigned count = 0;
    int fd = openat(disk->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (!is_of(entry->d_name, database))
            continue;
        if (count < SET_ASIDE_MAX)
            snprintf(names[count], SET_ASIDE_NAME_MAX, "%.*s", SET_ASIDE_NAME_MAX - 1, entry->d_name);
        count++;
    }
    closedir(directory);
    return count;
}

static void name_make(enum disk_database database, char name[SET_ASIDE_NAME_MAX])
{
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm parts;
    char time_text[32];
    gmtime_r(&seconds, &parts);
    strftime(time_text, sizeof(time_text), "%Y%m%dT%H%M%S", &parts);
    snprintf(name, SET_ASIDE_NAME_MAX, "%s" MARK "%s.%03uZ", disk_database_name(database), time_text,
             (unsigned)(now_ms % 1000));
}

enum status set_aside(struct disk *disk, enum disk_database database, char error[DISK_ERROR_MAX])
{
    char names[SET_ASIDE_MAX][SET_ASIDE_NAME_MAX], name[SET_ASIDE_NAME_MAX];
    unsigned count = set_aside_names(disk, database, names);
    if (count >= SET_ASIDE_MAX) {
        snprintf(error, DISK_ERROR_MAX,
                 "%s/%s: is damaged, and %u damaged ones were set aside before it: look at the disk, and move those "
                 "away or delete them (docs/runbooks/TercetDatabaseSetAside.md)",
                 disk->path, disk_database_name(database), count);
        return STATUS_LIMIT;
    }
    name_make(database, name);
    if (renameat(disk->root_fd, disk_database_name(database), disk->root_fd, name) || fsync(disk->root_fd)) {
        snprintf(error, DISK_ERROR_MAX, "%s/%s: is damaged, and cannot be set aside: %s", disk->path,
                 disk_database_name(database), strerror(errno));
        return status_from_errno(errno);
    }
    disk_damage_mended(disk, database);
    log_error("a damaged database was set aside, and a new one takes its place; it is kept until you delete it, which "
              "is safe once nothing is left to repair (docs/runbooks/TercetDatabaseSetAside.md)",
              LOG_STR("dataDir", disk->path), LOG_STR("database", disk_database_name(database)),
              LOG_STR("setAside", name));
    return STATUS_OK;
}

/* See the header. */
#include "base/owner_only.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"

#define OTHERS (S_IRWXG | S_IRWXO)

void owner_only_files(void)
{
    umask(OTHERS);
}

void owner_only_directory(int fd, const char *path)
{
    struct stat info;
    if (fstat(fd, &info) || !(info.st_mode & OTHERS))
        return;
    if (fchmod(fd, info.st_mode & 07777 & ~OTHERS))
        log_error("others may read the data directory, and that cannot be changed: chmod 700", LOG_STR("path", path),
                  LOG_STR("error", strerror(errno)));
    else
        log_warn("others could read the data directory: its mode is 700 now", LOG_STR("path", path));
}

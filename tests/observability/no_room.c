/* Loaded before a program (LD_PRELOAD): while the file that NO_ROOM names exists, no table file of RocksDB can be
 * created, as on a disk without room. Its log goes on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int open(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    size_t len = strlen(path);
    va_list arguments;

    if (!real)
        real = dlsym(RTLD_NEXT, "open");
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (flags & O_CREAT && len > 4 && strcmp(path + len - 4, ".sst") == 0 && access(getenv("NO_ROOM"), F_OK) == 0) {
        errno = ENOSPC;
        return -1;
    }
    return real(path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

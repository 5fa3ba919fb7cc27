/* See the header. */
#include "base/ballast.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define BALLAST_NAME "ballast"
#define STAT_BLOCK   512 /* of st_blocks, whatever the filesystem's */

/* A file without all its blocks, or with a second name, would free less than it seems. */
static bool is_whole(const struct ballast *ballast, uint64_t bytes)
{
    struct stat info;
    return fstatat(ballast->directory_fd, BALLAST_NAME, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
           info.st_nlink == 1 && (uint64_t)info.st_size == bytes && (uint64_t)info.st_blocks * STAT_BLOCK >= bytes;
}

static void ballast_remove(const struct ballast *ballast)
{
    if (unlinkat(ballast->directory_fd, BALLAST_NAME, 0) != 0 && errno != ENOENT)
        log_error("the ballast cannot be removed", LOG_STATUS(status_from_errno(errno)));
}

void ballast_init(struct ballast *ballast, int directory_fd, uint64_t bytes)
{
    *ballast = (struct ballast){.directory_fd = directory_fd};
    if (bytes && is_whole(ballast, bytes))
        atomic_store(&ballast->held_bytes, bytes);
    else
        ballast_remove(ballast);
}

void ballast_look(struct ballast *ballast)
{
    uint64_t held = atomic_load(&ballast->held_bytes);
    if (held && !is_whole(ballast, held))
        ballast_release(ballast);
}

/* 0 or an errno value. */
static int file_make(const struct ballast *ballast, uint64_t bytes)
{
    if (unlinkat(ballast->directory_fd, BALLAST_NAME, 0) != 0 && errno != ENOENT)
        return errno;
    int fd = openat(ballast->directory_fd, BALLAST_NAME, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int error = posix_fallocate(fd, 0, (off_t)bytes);
    close(fd);
    if (!error && !is_whole(ballast, bytes))
        error = EOPNOTSUPP; /* a filesystem that stores no zeros */
    if (error)
        ballast_remove(ballast);
    return error;
}

enum status ballast_make(struct ballast *ballast, uint64_t bytes)
{
    if (ballast->unsupported)
        return STATUS_UNAVAILABLE;
    atomic_store(&ballast->held_bytes, bytes);
    int error = file_make(ballast, bytes);
    if (error) {
        atomic_store(&ballast->held_bytes, 0);
        if (!ballast->failed)
            log_error("the ballast cannot be made", LOG_INT("bytes", bytes), LOG_STR("reason", strerror(error)));
    }
    ballast->failed = error != 0;
    ballast->unsupported = error == EOPNOTSUPP;
    return status_from_errno(error);
}

void ballast_release(struct ballast *ballast)
{
    ballast_remove(ballast);
    atomic_store(&ballast->held_bytes, 0);
}

uint64_t ballast_held(const struct ballast *ballast)
{
    return atomic_load(&ballast->held_bytes);
}

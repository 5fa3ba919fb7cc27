/* See the header. */
#include "gateway/system/data_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define PATH_LEN_MAX    4096
#define HOLDER_MAX      128
#define HOLDER_WAIT_MS  500 /* for its words */
#define HOLDER_PAUSE_MS 10

/* "a gateway (process 4711)", or empty while the holder has not written it. */
static bool holder_read(int fd, char holder[HOLDER_MAX])
{
    ssize_t len = pread(fd, holder, HOLDER_MAX - 1, 0);
    const char *number;

    holder[len > 0 ? len : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    number = strstr(holder, "(process ");
    return number && (kill(atoi(number + strlen("(process ")), 0) == 0 || errno == EPERM);
}

/* Who has it. The one who just took it may be about to write so, over what the one before left. */
static void holder_find(int fd, char holder[HOLDER_MAX])
{
    const struct timespec pause = {.tv_nsec = HOLDER_PAUSE_MS * 1000000L};

    for (unsigned waited_ms = 0; !holder_read(fd, holder) && waited_ms < HOLDER_WAIT_MS; waited_ms += HOLDER_PAUSE_MS)
        nanosleep(&pause, NULL);
    if (!holder_read(fd, holder))
        snprintf(holder, HOLDER_MAX, "another process");
}

static void holder_write(int fd, const char *purpose)
{
    char holder[HOLDER_MAX];
    int len = snprintf(holder, sizeof(holder), "%s (process %d)\n", purpose, (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, holder, (size_t)len, 0) != len)
        return; /* a full disk: others are told less */
}

enum status data_lock_take(const char *data_dir, const char *purpose)
{
    char path[PATH_LEN_MAX], holder[HOLDER_MAX];
    snprintf(path, sizeof(path), "%s/lock", data_dir);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        holder_write(fd, purpose);
        return STATUS_OK; /* open until the process ends */
    }
    int error = errno;
    if (fd >= 0 && error == EWOULDBLOCK) {
        holder_find(fd, holder);
        fprintf(stderr, "tercet-gateway: %s: in use by %s; nothing was changed\n", data_dir, holder);
        error = EAGAIN;
    } else {
        fprintf(stderr, "tercet-gateway: %s: cannot be locked: %s\n", path, strerror(error));
    }
    if (fd >= 0)
        close(fd);
    return error == EAGAIN ? STATUS_UNAVAILABLE : STATUS_IO;
}

/* Loaded before a program (LD_PRELOAD): ends it with SIGKILL right before or right after one chosen step of its work,
 * or holds every such step up, or has the file system refuse what it is about. A step is a kind of system call and what
 * it works on.
 *
 * The harness arms it through the page that HARNESS_FAILPOINT names, while the program runs. What a call works on is a
 * text that is matched against a pattern (fnmatch): the path of a file, or for a connection
 * "socket:OWN-PORT:PEER-PORT " and the beginning of what is sent, or is there to be read; for an answer then " for "
 * and the beginning of the request, the last one that went over this connection. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PLACE_MAX 128
#define SENT_MAX  80 /* a method, a chunk's path and what is to be done with it */
#define FDS_MAX   4096

static char requests[FDS_MAX][SENT_MAX + 1]; /* the beginning of the last one on a connection, either way */

/* As preload.py writes it. */
struct control {
    uint32_t armed;
    uint32_t after;    /* die after the step, not before it */
    int32_t countdown; /* die at this many-th match */
    uint32_t delay_ms; /* not 0: nobody dies, each match waits so long */
    int32_t error;     /* of the call "entry", not 0: looking such a path up, opening, moving or deleting it fails so */
    char call[16];
    char place[PLACE_MAX];
};

#define REAL(name)                                                                                                     \
    ({                                                                                                                 \
        static __typeof__(&name) found;                                                                                \
        if (!found)                                                                                                    \
            found = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                                        \
        found;                                                                                                         \
    })

static struct control *control(void)
{
    static struct control *shared;
    struct control *page = __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
    if (page)
        return page;
    long fd = syscall(SYS_openat, AT_FDCWD, getenv("HARNESS_FAILPOINT"), O_RDWR | O_CLOEXEC);
    page = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
    if (page == MAP_FAILED)
        abort();
    syscall(SYS_close, fd);
    __atomic_store_n(&shared, page, __ATOMIC_RELEASE);
    return page;
}

static void die(void)
{
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        pause();
}

static unsigned port_of(int fd, int (*name)(int, struct sockaddr *, socklen_t *))
{
    struct sockaddr_in address = {0};
    socklen_t len = sizeof(address);
    return name(fd, (struct sockaddr *)&address, &len) ? 0 : ntohs(address.sin_port);
}

/* sent: what goes over a connection, either way. */
static void place_of(int fd, const char *name, const char *sent, size_t sent_len, char text[PATH_MAX])
{
    char link[64];
    ssize_t len = 0;
    text[0] = '\0';
    if (fd >= 0) {
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        len = readlink(link, text, PATH_MAX - 1);
        text[len < 0 ? 0 : len] = '\0';
    }
    if (strncmp(text, "socket:", 7) == 0) {
        int begin = snprintf(text, PATH_MAX, "socket:%u:%u ", port_of(fd, getsockname), port_of(fd, getpeername));
        for (size_t i = 0; i < sent_len && i < SENT_MAX; i++)
            text[begin++] = sent[i];
        text[begin] = '\0';
        if (sent_len > 6 && memcmp(sent, "HTTP/1", 6) == 0 && fd < FDS_MAX && requests[fd][0])
            snprintf(text + begin, PATH_MAX - (size_t)begin, " for %s", requests[fd]);
    } else if (name) {
        size_t begin = name[0] == '/' ? 0 : strlen(text);
        snprintf(text + begin, PATH_MAX - begin, "%s%s", begin ? "/" : "", name);
    }
}

/* Before a call: whether this is the step. Then finish() is to be called when it is done. */
static bool begin(const char *call, int fd, const char *name, const void *sent, size_t sent_len)
{
    struct control *chosen = control();
    char place[PATH_MAX];
    int saved = errno;
    bool now = false;
    if (!__atomic_load_n(&chosen->armed, __ATOMIC_ACQUIRE) || strcmp(chosen->call, call) != 0)
        return false;
    place_of(fd, name, sent, sent_len, place);
    errno = saved;
    if (fnmatch(chosen->place, place, 0) != 0)
        return false;
    if (chosen->delay_ms) {
        struct timespec wait = {chosen->delay_ms / 1000, (long)(chosen->delay_ms % 1000) * 1000000};
        nanosleep(&wait, NULL);
    } else {
        now = __atomic_sub_fetch(&chosen->countdown, 1, __ATOMIC_ACQ_REL) == 0;
        if (now && !chosen->after)
            die();
    }
    errno = saved;
    return now;
}

static ssize_t finish(bool chosen, ssize_t result)
{
    if (chosen)
        die();
    return result;
}

/* Whether the file system is to refuse an entry; errno is set then. */
static bool refused(int directory, const char *name)
{
    struct control *chosen = control();
    char place[PATH_MAX];
    int saved = errno;
    if (!__atomic_load_n(&chosen->armed, __ATOMIC_ACQUIRE) || strcmp(chosen->call, "entry") != 0)
        return false;
    place_of(directory, name, NULL, 0, place);
    bool matches = fnmatch(chosen->place, place, 0) == 0;
    errno = matches ? chosen->error : saved;
    return matches;
}

/* Keeps the beginning of a request, by which its answer is known. */
static void keep_request(int fd, const char *data, size_t len)
{
    static const char *const methods[] = {"GET /", "PUT /", "POST /", "HEAD /", "DELETE /"};
    if (fd < 0 || fd >= FDS_MAX)
        return;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (len > strlen(methods[i]) && memcmp(data, methods[i], strlen(methods[i])) == 0)
            snprintf(requests[fd], sizeof(requests[fd]), "%.*s", (int)(len < SENT_MAX ? len : SENT_MAX), data);
}

/* ---- what programs call --------------------------------------------------------------------------------------- */

ssize_t write(int fd, const void *data, size_t len)
{
    bool chosen = begin("write", fd, NULL, data, len);
    return finish(chosen, REAL(write)(fd, data, len));
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    bool chosen = begin("write", fd, NULL, data, len);
    return finish(chosen, REAL(pwrite)(fd, data, len, offset));
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    bool chosen = begin("write", fd, NULL, count > 0 ? pieces->iov_base : NULL, count > 0 ? pieces->iov_len : 0);
    return finish(chosen, REAL(writev)(fd, pieces, count));
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    bool chosen = begin("write", fd, NULL, data, len);
    keep_request(fd, data, len);
    return finish(chosen, REAL(send)(fd, data, len, flags));
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
    bool chosen = begin("write", fd, NULL, data, len);
    return finish(chosen, REAL(sendto)(fd, data, len, flags, to, to_len));
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    const struct iovec *first = message->msg_iovlen > 0 ? message->msg_iov : NULL;
    bool chosen = begin("write", fd, NULL, first ? first->iov_base : NULL, first ? first->iov_len : 0);
    return finish(chosen, REAL(sendmsg)(fd, message, flags));
}

/* As begin(), for what can be received without waiting. */
static bool begin_read(int fd)
{
    char next[SENT_MAX];
    int saved = errno;
    ssize_t len = 0;
    if (__atomic_load_n(&control()->armed, __ATOMIC_ACQUIRE) && strcmp(control()->call, "read") == 0)
        len = syscall(SYS_recvfrom, fd, next, sizeof(next), MSG_PEEK | MSG_DONTWAIT, NULL, NULL);
    errno = saved;
    return begin("read", fd, NULL, next, len < 0 ? 0 : (size_t)len);
}

static ssize_t finish_read(bool chosen, int fd, const char *data, ssize_t len)
{
    keep_request(fd, data, len < 0 ? 0 : (size_t)len);
    return finish(chosen, len);
}

ssize_t read(int fd, void *data, size_t len)
{
    bool chosen = begin_read(fd);
    return finish_read(chosen, fd, data, REAL(read)(fd, data, len));
}

ssize_t recv(int fd, void *data, size_t len, int flags)
{
    bool chosen = begin_read(fd);
    return finish_read(chosen, fd, data, REAL(recv)(fd, data, len, flags));
}

/* A number that is given out anew belongs to another connection. */
int close(int fd)
{
    if (fd >= 0 && fd < FDS_MAX)
        requests[fd][0] = '\0';
    return REAL(close)(fd);
}

int fdatasync(int fd)
{
    bool chosen = begin("sync", fd, NULL, NULL, 0);
    return (int)finish(chosen, REAL(fdatasync)(fd));
}

int fsync(int fd)
{
    bool chosen = begin("sync", fd, NULL, NULL, 0);
    return (int)finish(chosen, REAL(fsync)(fd));
}

int openat(int directory, const char *name, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (refused(directory, name))
        return -1;
    bool chosen = flags & O_CREAT && begin("create", directory, name, NULL, 0);
    return (int)finish(chosen, REAL(openat)(directory, name, flags, mode));
}

int rename(const char *from, const char *to)
{
    bool chosen = begin("rename", -1, to, NULL, 0);
    return (int)finish(chosen, REAL(rename)(from, to));
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    return refused(from_directory, from) ? -1 : REAL(renameat)(from_directory, from, to_directory, to);
}

int fstatat(int directory, const char *name, struct stat *info, int flags)
{
    return refused(directory, name) ? -1 : REAL(fstatat)(directory, name, info, flags);
}

int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags)
{
    if (refused(to_directory, to))
        return -1;
    bool chosen = begin("rename", to_directory, to, NULL, 0);
    return (int)finish(chosen, REAL(renameat2)(from_directory, from, to_directory, to, flags));
}

int unlinkat(int directory, const char *name, int flags)
{
    if (refused(directory, name))
        return -1;
    bool chosen = begin("unlink", directory, name, NULL, 0);
    return (int)finish(chosen, REAL(unlinkat)(directory, name, flags));
}

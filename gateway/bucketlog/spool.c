/* The queue and the files of lines that wait for their delivery; see the header.
 *
 * Names of files: NUMBER.open is being written, NUMBER-TIME.closed waits. The number grows, in hexadecimal digits. */
#include "gateway/bucketlog/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/pool.h"

#define PATH_MAX_HERE 4096
#define NAME_MAX_HERE 64

struct bucketlog_spool {
    char folder[PATH_MAX_HERE];
    uint64_t bytes_max;
    pthread_t thread;
    pthread_mutex_t queue_lock; /* of queue and stopping; held for a copy in memory at most */
    pthread_cond_t queued;
    struct buffer queue;
    bool stopping;
    pthread_mutex_t file_lock; /* of what follows; before queue_lock */
    struct buffer writing;     /* what was taken off the queue */
    int fd;                    /* of the file that is being written; -1: none */
    uint64_t number;           /* of the last one */
    uint64_t open_bytes;
    uint64_t bytes; /* atomic; of all files */
};

/* ---- metrics ---------------------------------------------------------------------------------------------------- */

static struct metric_counter *lost_counter(enum bucketlog_loss why)
{
    static const char *const labels[] = {
        [BUCKETLOG_LOST_IN_MEMORY] = "reason=\"memory\"",
        [BUCKETLOG_LOST_ON_DISK] = "reason=\"disk\"",
        [BUCKETLOG_LOST_AT_TARGET] = "reason=\"target\"",
        [BUCKETLOG_LOST_DAMAGED] = "reason=\"damaged\"",
    };

    return metric_counter_get(
        "tercet_bucket_log_lost_lines_total",
        "Lines of buckets' access logs that were given up: the queue in memory was full (memory), "
        "so were the files in the data directory or their disk (disk), the target bucket takes "
        "none (target), or the file was damaged (damaged).",
        labels[why]);
}

void bucketlog_spool_count_lost(enum bucketlog_loss why, uint64_t lines)
{
    metric_counter_add(lost_counter(why), lines);
}

static void count_written(uint64_t lines)
{
    metric_counter_add(metric_counter_get("tercet_bucket_log_lines_total",
                                          "Lines of buckets' access logs that were written for their delivery.", ""),
                       lines);
}

void bucketlog_spool_register_metrics(void)
{
    count_written(0);
    for (int why = 0; why < BUCKETLOG_LOSS_COUNT; why++)
        bucketlog_spool_count_lost((enum bucketlog_loss)why, 0);
}

uint64_t bucketlog_spool_bytes(const struct bucketlog_spool *spool)
{
    return spool ? __atomic_load_n(&spool->bytes, __ATOMIC_RELAXED) : 0;
}

/* ---- files: file_lock is held, but at the start ----------------------------------------------------------------- */

static void path_of(const struct bucketlog_spool *spool, const char *name, char out[PATH_MAX_HERE + NAME_MAX_HERE])
{
    snprintf(out, PATH_MAX_HERE + NAME_MAX_HERE, "%s/%s", spool->folder, name);
}

static void open_name(uint64_t number, char out[NAME_MAX_HERE])
{
    snprintf(out, NAME_MAX_HERE, "%016" PRIx64 ".open", number);
}

static void closed_name(uint64_t number, int64_t time_ms, char out[NAME_MAX_HERE])
{
    snprintf(out, NAME_MAX_HERE, "%016" PRIx64 "-%" PRId64 ".closed", number, time_ms);
}

/* False for a name that is none of these. */
static bool read_name(const char *name, uint64_t *number, int64_t *time_ms, bool *closed)
{
    char same[NAME_MAX_HERE];

    *time_ms = 0;
    *closed = sscanf(name, "%16" SCNx64 "-%" SCNd64 ".closed", number, time_ms) == 2;
    if (!*closed && sscanf(name, "%16" SCNx64 ".open", number) != 1)
        return false;
    if (*closed)
        closed_name(*number, *time_ms, same);
    else
        open_name(*number, same);
    return strcmp(name, same) == 0;
}

static void rename_closed(struct bucketlog_spool *spool, uint64_t number)
{
    char from[PATH_MAX_HERE + NAME_MAX_HERE], to[PATH_MAX_HERE + NAME_MAX_HERE], name[NAME_MAX_HERE];

    open_name(number, name);
    path_of(spool, name, from);
    closed_name(number, clock_wall_ms(), name);
    path_of(spool, name, to);
    if (rename(from, to))
        log_error("a file of access log lines cannot be renamed", LOG_STR("path", from),
                  LOG_STR("error", strerror(errno)));
}

static void close_file(struct bucketlog_spool *spool)
{
    if (spool->fd < 0)
        return;
    close(spool->fd);
    spool->fd = -1;
    rename_closed(spool, spool->number);
}

static bool open_file(struct bucketlog_spool *spool)
{
    char path[PATH_MAX_HERE + NAME_MAX_HERE], name[NAME_MAX_HERE];

    if (spool->fd >= 0)
        return true;
    spool->number++;
    spool->open_bytes = 0;
    open_name(spool->number, name);
    path_of(spool, name, path);
    spool->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (spool->fd < 0)
        log_error("a file for access log lines cannot be made", LOG_STR("path", path),
                  LOG_STR("error", strerror(errno)));
    return spool->fd >= 0;
}

static uint64_t count_lines(struct bytes text)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    return lines;
}

/* All of it, or as much as the disk takes: the rest of a line is told by its end. */
static bool write_all(struct bucketlog_spool *spool, struct bytes text)
{
    while (text.len > 0) {
        ssize_t len = write(spool->fd, text.data, text.len);
        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0)
            return false;
        text = bytes_of(text.data + len, text.len - (size_t)len);
        spool->open_bytes += (uint64_t)len;
        __atomic_fetch_add(&spool->bytes, (uint64_t)len, __ATOMIC_RELAXED);
    }
    return true;
}

/* After a failed write the file ends within a line: it is closed, so that the next line begins another one. */
static void write_queued(struct bucketlog_spool *spool)
{
    struct bytes text = buffer_bytes(&spool->writing);

    if (text.len == 0)
        return;
    uint64_t lines = count_lines(text);
    if (bucketlog_spool_bytes(spool) + text.len > spool->bytes_max || !open_file(spool)) {
        bucketlog_spool_count_lost(BUCKETLOG_LOST_ON_DISK, lines);
    } else if (!write_all(spool, text)) {
        bucketlog_spool_count_lost(BUCKETLOG_LOST_ON_DISK, lines);
        close_file(spool);
    } else {
        count_written(lines);
    }
    buffer_clear(&spool->writing);
    if (spool->open_bytes >= BUCKETLOG_SEGMENT_BYTES)
        close_file(spool);
}

/* ---- the queue -------------------------------------------------------------------------------------------------- */

static void flush(struct bucketlog_spool *spool)
{
    lock_acquire(&spool->queue_lock);
    struct buffer taken = spool->queue;
    spool->queue = spool->writing;
    spool->writing = taken;
    lock_release(&spool->queue_lock);
    write_queued(spool);
}

static void *write_main(void *arg)
{
    struct bucketlog_spool *spool = arg;
    bool stopping = false;

    while (!stopping) {
        lock_acquire(&spool->queue_lock);
        while (spool->queue.len == 0 && !spool->stopping)
            pthread_cond_wait(&spool->queued, &spool->queue_lock);
        stopping = spool->stopping;
        lock_release(&spool->queue_lock);
        lock_acquire(&spool->file_lock);
        flush(spool);
        lock_release(&spool->file_lock);
    }
    return NULL;
}

void bucketlog_spool_add(struct bucketlog_spool *spool, struct bytes entry)
{
    lock_acquire(&spool->queue_lock);
    bool first = spool->queue.len == 0;
    bool lost = buffer_append_bytes(&spool->queue, entry) != STATUS_OK;
    if (first)
        pthread_cond_signal(&spool->queued);
    lock_release(&spool->queue_lock);
    if (lost)
        bucketlog_spool_count_lost(BUCKETLOG_LOST_IN_MEMORY, 1);
}

/* ---- closed files ----------------------------------------------------------------------------------------------- */

void bucketlog_spool_cut(struct bucketlog_spool *spool)
{
    blocking_call();
    lock_acquire(&spool->file_lock);
    flush(spool);
    close_file(spool);
    lock_release(&spool->file_lock);
}

static bool find_oldest(const struct bucketlog_spool *spool, uint64_t *number, int64_t *time_ms)
{
    DIR *folder = opendir(spool->folder);
    struct dirent *entry;
    bool found = false, closed;
    uint64_t each;
    int64_t its_time_ms;

    while (folder && (entry = readdir(folder)) != NULL) {
        if (!read_name(entry->d_name, &each, &its_time_ms, &closed) || !closed || (found && each > *number))
            continue;
        found = true;
        *number = each;
        *time_ms = its_time_ms;
    }
    if (folder)
        closedir(folder);
    return found;
}

static enum status read_file(const char *path, struct buffer *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum status status = STATUS_OK;
    ssize_t len = 1;

    if (fd < 0)
        return status_from_errno(errno);
    while (!status && len != 0) {
        char *end = buffer_reserve(text, 65536);
        len = end ? read(fd, end, 65536) : -1;
        if (len < 0)
            status = end ? status_from_errno(errno) : STATUS_LIMIT;
        else
            text->len += (size_t)len;
    }
    close(fd);
    return status;
}

enum status bucketlog_spool_next(struct bucketlog_spool *spool, struct bucketlog_segment *segment)
{
    char path[PATH_MAX_HERE + NAME_MAX_HERE], name[NAME_MAX_HERE];

    blocking_call();
    if (!find_oldest(spool, &segment->number, &segment->time_ms))
        return STATUS_NOT_FOUND;
    closed_name(segment->number, segment->time_ms, name);
    path_of(spool, name, path);
    buffer_init(&segment->text, BUCKETLOG_SEGMENT_BYTES + BUCKETLOG_QUEUE_BYTES + 131072);
    enum status status = read_file(path, &segment->text);
    if (status)
        buffer_release(&segment->text);
    return status;
}

void bucketlog_segment_release(struct bucketlog_segment *segment)
{
    buffer_release(&segment->text);
}

void bucketlog_spool_drop(struct bucketlog_spool *spool, const struct bucketlog_segment *segment)
{
    char path[PATH_MAX_HERE + NAME_MAX_HERE], name[NAME_MAX_HERE];
    struct stat stat;

    blocking_call();
    closed_name(segment->number, segment->time_ms, name);
    path_of(spool, name, path);
    uint64_t size = lstat(path, &stat) == 0 ? (uint64_t)stat.st_size : 0;
    if (unlink(path))
        log_error("a file of access log lines cannot be removed", LOG_STR("path", path),
                  LOG_STR("error", strerror(errno)));
    else
        __atomic_fetch_sub(&spool->bytes, size, __ATOMIC_RELAXED);
}

/* ---- start and end ---------------------------------------------------------------------------------------------- */

/* What an earlier process was writing is closed: nobody adds to it. */
static enum status take_over(struct bucketlog_spool *spool)
{
    DIR *folder = opendir(spool->folder);
    struct dirent *entry;
    struct stat stat;
    uint64_t number;
    int64_t time_ms;
    bool closed;

    if (!folder)
        return status_from_errno(errno);
    while ((entry = readdir(folder)) != NULL) {
        if (!read_name(entry->d_name, &number, &time_ms, &closed))
            continue;
        if (fstatat(dirfd(folder), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0)
            spool->bytes += (uint64_t)stat.st_size;
        if (number > spool->number)
            spool->number = number;
        if (!closed)
            rename_closed(spool, number);
    }
    closedir(folder);
    return STATUS_OK;
}

enum status bucketlog_spool_open(const char *folder, uint64_t bytes_max, struct bucketlog_spool **spool_out)
{
    struct bucketlog_spool *spool = mem_zalloc(sizeof(*spool));
    enum status status = STATUS_OK;

    spool->fd = -1;
    spool->bytes_max = bytes_max;
    snprintf(spool->folder, sizeof(spool->folder), "%s", folder);
    if (mkdir(folder, 0700) && errno != EEXIST)
        status = status_from_errno(errno);
    if (!status)
        status = take_over(spool);
    if (status) {
        log_error("the folder of access log lines cannot be opened", LOG_STR("path", folder), LOG_STATUS(status));
        free(spool);
        return status;
    }
    buffer_init(&spool->queue, BUCKETLOG_QUEUE_BYTES);
    buffer_init(&spool->writing, BUCKETLOG_QUEUE_BYTES);
    CHECK(pthread_mutex_init(&spool->queue_lock, NULL) == 0);
    CHECK(pthread_mutex_init(&spool->file_lock, NULL) == 0);
    CHECK(pthread_cond_init(&spool->queued, NULL) == 0);
    CHECK(pthread_create(&spool->thread, NULL, write_main, spool) == 0);
    *spool_out = spool;
    return STATUS_OK;
}

void bucketlog_spool_close(struct bucketlog_spool *spool)
{
    if (!spool)
        return;
    lock_acquire(&spool->queue_lock);
    spool->stopping = true;
    pthread_cond_signal(&spool->queued);
    lock_release(&spool->queue_lock);
    pthread_join(spool->thread, NULL);
    if (spool->fd >= 0)
        close(spool->fd);
    pthread_mutex_destroy(&spool->queue_lock);
    pthread_mutex_destroy(&spool->file_lock);
    pthread_cond_destroy(&spool->queued);
    buffer_release(&spool->queue);
    buffer_release(&spool->writing);
    free(spool);
}

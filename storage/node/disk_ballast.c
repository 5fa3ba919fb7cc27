/* See the header. */
#include "storage/node/disk_ballast.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"

#define CHECK_MS          200
#define BALLAST_PART      4 /* of the reserve */
#define BALLAST_BYTES_MAX (64u << 20)
#define BALLAST_BYTES_MIN (64u << 10) /* less helps nobody */
#define BALLAST_DISK_PART 16
#define REMAKE_FACTOR     3
#define DELETION_PART     16 /* of the ballast: what a deletion finds free, or is refused */
#define FULL_ENDS_PART    8  /* of the reserve, for the log: so that it does not flap */

static uint64_t ballast_size(const struct disk *disk, uint64_t total_bytes)
{
    uint64_t bytes = disk->config.reserve_bytes / BALLAST_PART;
    if (bytes > BALLAST_BYTES_MAX)
        bytes = BALLAST_BYTES_MAX;
    if (bytes > total_bytes / BALLAST_DISK_PART)
        bytes = total_bytes / BALLAST_DISK_PART;
    return bytes < BALLAST_BYTES_MIN ? 0 : bytes & ~(uint64_t)4095;
}

/* What is free beside the ballast. */
static enum status free_read(const struct disk *disk, uint64_t *bytes)
{
    struct disk_space space;
    enum status status = disk_space(disk, &space);
    if (!status)
        *bytes = space.free_bytes > space.ballast_bytes ? space.free_bytes - space.ballast_bytes : 0;
    return status;
}

/* ---- giving up and making anew ------------------------------------------------------------------------------- */

static void full_log_locked(struct disk *disk)
{
    struct disk_space space;
    if (disk_space(disk, &space))
        return;
    bool over = space.usable_bytes > disk->config.reserve_bytes / FULL_ENDS_PART;
    if (space.full && !disk->full_logged)
        log_error("the disk is full: chunks are refused, reads and deletions go on", LOG_STR("path", disk->path),
                  LOG_INT("freeBytes", space.free_bytes), LOG_INT("reserveBytes", disk->config.reserve_bytes),
                  LOG_INT("ballastBytes", space.ballast_bytes));
    else if (over && disk->full_logged)
        log_info("the disk has room again: chunks are taken", LOG_STR("path", disk->path),
                 LOG_INT("freeBytes", space.free_bytes));
    else
        return;
    disk->full_logged = space.full;
}

static void check_locked(struct disk *disk)
{
    uint64_t free_bytes;
    ballast_look(&disk->ballast);
    if (free_read(disk, &free_bytes))
        return;
    if (ballast_held(&disk->ballast) && free_bytes < disk->ballast_bytes)
        ballast_release(&disk->ballast);
    else if (!ballast_held(&disk->ballast) && disk->ballast_bytes && free_bytes >= REMAKE_FACTOR * disk->ballast_bytes)
        STATUS_IGNORE(ballast_make(&disk->ballast, disk->ballast_bytes), "it is tried again at the next look");
    full_log_locked(disk);
}

bool disk_ballast_is_given_up(const struct disk *disk)
{
    return disk->ballast_bytes && !ballast_held(&disk->ballast);
}

void disk_ballast_check(struct disk *disk)
{
    if (disk_failed(disk))
        return;
    lock_acquire(&disk->ballast_lock);
    check_locked(disk);
    lock_release(&disk->ballast_lock);
}

enum status disk_check_deletion_room(struct disk *disk)
{
    uint64_t free_bytes;
    enum status status = free_read(disk, &free_bytes);
    if (!status && free_bytes < disk->ballast_bytes && ballast_held(&disk->ballast)) {
        disk_ballast_check(disk);
        status = free_read(disk, &free_bytes);
    }
    if (!status && free_bytes < disk->ballast_bytes / DELETION_PART)
        status = STATUS_NO_SPACE;
    return status;
}

/* ---- at start ------------------------------------------------------------------------------------------------ */

/* The bytes of a database's logs: so much, about, is written as tables when it is opened. */
static uint64_t log_bytes(const struct disk *disk, enum disk_database database)
{
    int fd = openat(disk->root_fd, disk_database_name(database), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    uint64_t bytes = 0;
    if (!directory) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        size_t len = strlen(entry->d_name);
        struct stat info;
        if (len > 4 && strcmp(entry->d_name + len - 4, ".log") == 0 && fstatat(fd, entry->d_name, &info, 0) == 0)
            bytes += (uint64_t)info.st_size;
    }
    closedir(directory);
    return bytes;
}

enum status disk_ballast_open(struct disk *disk, char error[DISK_ERROR_MAX])
{
    struct disk_space space;
    uint64_t free_bytes = 0;
    enum status status = disk_space(disk, &space);
    if (status) {
        snprintf(error, DISK_ERROR_MAX, "%s: its free space cannot be told", disk->path);
        return status;
    }
    disk->ballast_bytes = ballast_size(disk, space.total_bytes);
    ballast_init(&disk->ballast, disk->root_fd, disk->ballast_bytes);
    disk_ballast_check(disk);
    status = free_read(disk, &free_bytes);
    if (!status && free_bytes < BALLAST_OPEN_BYTES_MIN) {
        snprintf(error, DISK_ERROR_MAX,
                 "%s: no space left on its disk to open the databases: %" PRIu64 " bytes are free, %u are needed; free "
                 "some and start the node again",
                 disk->path, free_bytes, BALLAST_OPEN_BYTES_MIN);
        return STATUS_NO_SPACE;
    }
    uint64_t wanted = BALLAST_OPEN_BYTES_MIN + log_bytes(disk, DISK_CHUNKS) + log_bytes(disk, DISK_METADATA);
    if (!status && free_bytes < wanted) {
        fprintf(stderr,
                "tercet-node: %s: %" PRIu64 " bytes are free on its disk, up to %" PRIu64
                " may be needed to open the databases; if the node ends now, free some and start it again\n",
                disk->path, free_bytes, wanted);
        log_error("the disk may have too little space to open the databases", LOG_STR("path", disk->path),
                  LOG_INT("freeBytes", free_bytes), LOG_INT("wantedBytes", wanted));
    }
    return status;
}

/* ---- while the node runs ------------------------------------------------------------------------------------- */

struct disk_watch {
    struct disk *disk;
    pthread_t thread;
    pthread_mutex_t lock; /* guards `stopping` */
    pthread_cond_t wake;
    bool stopping;
};

static void *watch_run(void *arg)
{
    struct disk_watch *watch = arg;
    lock_acquire(&watch->lock);
    while (!watch->stopping) {
        uint64_t until_ms = clock_monotonic_ms() + CHECK_MS;
        lock_release(&watch->lock);
        disk_ballast_check(watch->disk);
        lock_acquire(&watch->lock);
        if (!watch->stopping)
            clock_cond_wait(&watch->wake, &watch->lock, until_ms);
    }
    lock_release(&watch->lock);
    return NULL;
}

struct disk_watch *disk_watch_start(struct disk *disk)
{
    struct disk_watch *watch = mem_zalloc(sizeof(*watch));
    watch->disk = disk;
    pthread_mutex_init(&watch->lock, NULL);
    clock_cond_init(&watch->wake);
    CHECK(pthread_create(&watch->thread, NULL, watch_run, watch) == 0);
    return watch;
}

void disk_watch_stop(struct disk_watch *watch)
{
    if (!watch)
        return;
    lock_acquire(&watch->lock);
    watch->stopping = true;
    pthread_cond_signal(&watch->wake);
    lock_release(&watch->lock);
    pthread_join(watch->thread, NULL);
    pthread_cond_destroy(&watch->wake);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

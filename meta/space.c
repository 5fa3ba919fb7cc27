/* See the header. Bounds, from the reserve R (of a disk with at least 5 GiB: as configured):
 *
 *   ballast            R/2, counted as free while it is held, as needed while it is not
 *   low                less than R left; ends with R + R/8, so that it does not flap
 *   ballast given up   less than R/2 free
 *   no commit          less than the floor free: what a flush of all memtables may take
 *
 * `lock` makes looking and acting one step; what others read is atomic. */
#include "meta/space.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/ballast.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"

#define CHECK_MS          200
#define RESERVE_SMALL     (48u << 20) /* a disk with less than 20 times that has a larger part of it reserved ... */
#define RESERVE_PART      20          /* ... than this one */
#define RESERVE_PART_MOST 4
#define FLOOR_BYTES_MAX   (16u << 20)

struct meta_space {
    struct meta_space_config config;
    int directory_fd;
    struct ballast ballast; /* under lock, but for ballast_held */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping; /* under lock */
    bool unread;   /* under lock: the last look failed, which is logged once */
    _Atomic bool low;
    _Atomic uint64_t total_bytes, free_bytes, reserve_bytes;
};

static enum status statvfs_read(void *arg, struct space_reading *reading)
{
    const struct meta_space *space = arg;
    struct statvfs info;
    if (fstatvfs(space->directory_fd, &info) != 0)
        return status_from_errno(errno);
    reading->total_bytes = (uint64_t)info.f_blocks * info.f_frsize;
    reading->free_bytes = (uint64_t)info.f_bavail * info.f_frsize;
    return STATUS_OK;
}

static uint64_t reserve_for(uint64_t configured, uint64_t total)
{
    uint64_t reserve = total / RESERVE_PART > RESERVE_SMALL ? total / RESERVE_PART : RESERVE_SMALL;
    if (reserve > total / RESERVE_PART_MOST)
        reserve = total / RESERVE_PART_MOST;
    return reserve < configured ? reserve : configured;
}

/* ---- looking ------------------------------------------------------------------------------------------------- */

static enum status read_locked(struct meta_space *space)
{
    struct space_reading reading = {0};
    enum status status = space->config.read(space->config.read_arg, &reading);
    if (status) {
        if (!space->unread)
            log_error("the room on the gateway's disk cannot be told", LOG_STATUS(status));
    } else {
        atomic_store(&space->total_bytes, reading.total_bytes);
        atomic_store(&space->free_bytes, reading.free_bytes);
        atomic_store(&space->reserve_bytes, reserve_for(space->config.reserve_bytes, reading.total_bytes));
    }
    space->unread = status != STATUS_OK;
    return status;
}

static void low_set(struct meta_space *space, bool low)
{
    if (low == atomic_load(&space->low))
        return;
    atomic_store(&space->low, low);
    if (low)
        log_error("the gateway's own disk is full: uploads are refused, reads and deletions go on",
                  LOG_INT("freeBytes", atomic_load(&space->free_bytes)),
                  LOG_INT("reserveBytes", atomic_load(&space->reserve_bytes)),
                  LOG_INT("ballastBytes", ballast_held(&space->ballast)));
    else
        log_info("the gateway's own disk has room again: uploads are accepted",
                 LOG_INT("freeBytes", atomic_load(&space->free_bytes)));
}

static void check_locked(struct meta_space *space)
{
    if (read_locked(space))
        return;
    ballast_look(&space->ballast);
    uint64_t reserve = atomic_load(&space->reserve_bytes), ballast = reserve / 2;
    if (ballast_held(&space->ballast) && atomic_load(&space->free_bytes) < ballast) {
        ballast_release(&space->ballast);
        if (read_locked(space))
            return;
    }
    uint64_t needed = reserve + (ballast_held(&space->ballast) ? 0 : ballast);
    if (atomic_load(&space->low))
        needed += reserve / 8;
    bool low = atomic_load(&space->free_bytes) < needed;
    low_set(space, low);
    if (low || ballast_held(&space->ballast) || !ballast)
        return;
    STATUS_IGNORE(ballast_make(&space->ballast, ballast), "it is tried again at the next look");
    STATUS_IGNORE(read_locked(space), "it is tried again at the next look");
}

void meta_space_check(struct meta_space *space)
{
    lock_acquire(&space->lock);
    check_locked(space);
    lock_release(&space->lock);
}

static void *space_main(void *arg)
{
    struct meta_space *space = arg;
    lock_acquire(&space->lock);
    while (!space->stopping) {
        check_locked(space);
        clock_cond_wait(&space->stop, &space->lock, clock_monotonic_ms() + CHECK_MS);
    }
    lock_release(&space->lock);
    return NULL;
}

/* ---- for others ---------------------------------------------------------------------------------------------- */

enum status meta_space_create(const struct meta_space_config *config, struct meta_space **out)
{
    struct meta_space *space = mem_zalloc(sizeof(*space));

    space->config = *config;
    if (!config->read) {
        space->config.read = statvfs_read;
        space->config.read_arg = space;
    }
    space->directory_fd = open(config->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum status status = space->directory_fd < 0 ? status_from_errno(errno) : read_locked(space);
    if (status) {
        if (space->directory_fd >= 0)
            close(space->directory_fd);
        free(space);
        return status;
    }
    ballast_init(&space->ballast, space->directory_fd, atomic_load(&space->reserve_bytes) / 2);
    pthread_mutex_init(&space->lock, NULL);
    clock_cond_init(&space->stop);
    meta_space_check(space);
    int error = pthread_create(&space->thread, NULL, space_main, space);
    CHECK(error == 0);
    *out = space;
    return STATUS_OK;
}

void meta_space_free(struct meta_space *space)
{
    if (!space)
        return;
    lock_acquire(&space->lock);
    space->stopping = true;
    pthread_cond_signal(&space->stop);
    lock_release(&space->lock);
    pthread_join(space->thread, NULL);
    pthread_cond_destroy(&space->stop);
    pthread_mutex_destroy(&space->lock);
    close(space->directory_fd);
    free(space);
}

bool meta_space_is_low(const struct meta_space *space)
{
    return atomic_load(&space->low);
}

static bool above_floor_locked(struct meta_space *space)
{
    uint64_t floor = atomic_load(&space->reserve_bytes) / 4;
    if (floor > FLOOR_BYTES_MAX)
        floor = FLOOR_BYTES_MAX;
    /* When nothing can be told, the write itself will tell. */
    return read_locked(space) || atomic_load(&space->free_bytes) >= floor;
}

bool meta_space_admits(struct meta_space *space)
{
    if (!space)
        return true;
    lock_acquire(&space->lock);
    bool admits = above_floor_locked(space);
    if (!admits) {
        check_locked(space);
        admits = above_floor_locked(space);
    }
    lock_release(&space->lock);
    return admits;
}

void meta_space_get(const struct meta_space *space, struct meta_space_state *state)
{
    *state = (struct meta_space_state){
        .last = {atomic_load(&space->total_bytes), atomic_load(&space->free_bytes)},
        .reserve_bytes = atomic_load(&space->reserve_bytes),
        .ballast_bytes = ballast_held(&space->ballast),
        .low = atomic_load(&space->low),
    };
}

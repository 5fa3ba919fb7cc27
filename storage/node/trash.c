/* The thread that empties the trash; see the header. */
#include "storage/node/trash.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

#define PAGE_CHUNKS  64
#define ROUND_MS_MAX 60000 /* between two rounds; less with a short grace */
#define ROUND_MS_MIN 20
#define QUIET_MS_MAX 3600000 /* after the start */

struct trash {
    struct chunk_store *store;
    uint64_t grace_ms;
    uint64_t start_ms;     /* monotonic */
    int64_t start_wall_ms; /* wall clock */
    pthread_t thread;
    pthread_mutex_t lock; /* guards `stopping`; held for a few instructions */
    pthread_cond_t wake;
    bool stopping;
};

/* The wall clock, if it has not been set forward since the start. */
static int64_t careful_now_ms(const struct trash *trash)
{
    int64_t wall_ms = clock_wall_ms();
    int64_t passed_ms = trash->start_wall_ms + (int64_t)(clock_monotonic_ms() - trash->start_ms);
    return wall_ms < passed_ms ? wall_ms : passed_ms;
}

/* Sleeps; false when the thread is to stop. */
static bool trash_pause(struct trash *trash, uint64_t ms)
{
    const struct timespec until = clock_deadline(clock_monotonic_ms() + ms);
    int result = 0;

    pthread_mutex_lock(&trash->lock);
    while (!trash->stopping && result == 0)
        result = pthread_cond_timedwait(&trash->wake, &trash->lock, &until);
    bool stopping = trash->stopping;
    pthread_mutex_unlock(&trash->lock);
    return !stopping;
}

/* One walk through the trash. False when the thread is to stop. */
static bool round_run(struct trash *trash)
{
    struct trashed_chunk page[PAGE_CHUNKS];
    struct chunk_id position;
    uint32_t count;
    bool first = true;
    uint64_t deleted = 0;
    int64_t due_ms = careful_now_ms(trash) - (int64_t)trash->grace_ms;

    do {
        if (chunk_store_trash_list(trash->store, first ? NULL : &position, page, PAGE_CHUNKS, &count))
            return false; /* the database cannot be read: the disk is failing */
        for (uint32_t i = 0; i < count; i++) {
            if (page[i].trashed_ms > due_ms)
                continue;
            if (!trash_pause(trash, 0))
                return false;
            deleted += chunk_store_trash_purge(trash->store, &page[i].id, due_ms) == STATUS_OK;
        }
        if (count > 0)
            position = page[count - 1].id;
        first = false;
    } while (count == PAGE_CHUNKS);
    if (deleted > 0)
        log_info("chunks deleted from the trash", LOG_INT("count", deleted));
    return true;
}

static void *trash_run(void *arg)
{
    struct trash *trash = arg;
    uint64_t pause_ms = trash->grace_ms / 10;

    if (pause_ms > ROUND_MS_MAX)
        pause_ms = ROUND_MS_MAX;
    if (pause_ms < ROUND_MS_MIN)
        pause_ms = ROUND_MS_MIN;
    if (!trash_pause(trash, trash->grace_ms < QUIET_MS_MAX ? trash->grace_ms : QUIET_MS_MAX))
        return NULL;
    while (round_run(trash) && trash_pause(trash, pause_ms))
        continue;
    return NULL;
}

struct trash *trash_start(struct chunk_store *store, uint64_t grace_ms)
{
    struct trash *trash = mem_zalloc(sizeof(*trash));

    trash->store = store;
    trash->grace_ms = grace_ms;
    trash->start_ms = clock_monotonic_ms();
    trash->start_wall_ms = clock_wall_ms();
    pthread_mutex_init(&trash->lock, NULL);
    clock_cond_init(&trash->wake);
    CHECK(pthread_create(&trash->thread, NULL, trash_run, trash) == 0);
    return trash;
}

void trash_stop(struct trash *trash)
{
    if (!trash)
        return;
    pthread_mutex_lock(&trash->lock);
    trash->stopping = true;
    pthread_cond_signal(&trash->wake);
    pthread_mutex_unlock(&trash->lock);
    pthread_join(trash->thread, NULL);
    pthread_cond_destroy(&trash->wake);
    pthread_mutex_destroy(&trash->lock);
    free(trash);
}

enum status trash_restore_all(struct chunk_store *store, uint64_t *restored)
{
    struct trashed_chunk page[PAGE_CHUNKS];
    struct chunk_id position;
    uint32_t count;
    bool first = true;
    enum status status;

    *restored = 0;
    do {
        status = chunk_store_trash_list(store, first ? NULL : &position, page, PAGE_CHUNKS, &count);
        for (uint32_t i = 0; i < count && !status; i++) {
            status = chunk_store_restore(store, &page[i].id, NULL);
            *restored += status == STATUS_OK;
            if (status == STATUS_CORRUPT || status == STATUS_NOT_FOUND)
                status = STATUS_OK;
        }
        if (count > 0)
            position = page[count - 1].id;
        first = false;
    } while (!status && count == PAGE_CHUNKS);
    return status;
}

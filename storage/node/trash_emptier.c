/* The thread that empties the trash; see the header. */
#include "storage/node/trash_emptier.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"

#define PAGE_CHUNKS  64
#define ROUND_MS_MAX 60000 /* between two rounds; less with a short grace */
#define ROUND_MS_MIN 20
#define QUIET_MS_MAX 3600000 /* after the start */

struct trash_emptier {
    struct chunk_store *store;
    uint64_t grace_ms;
    struct clock_guard clock;
    pthread_t thread;
    pthread_mutex_t lock; /* guards `stopping`; held for a few instructions */
    pthread_cond_t wake;
    bool stopping;
};

/* Sleeps; false when the thread is to stop. */
static bool emptier_pause(struct trash_emptier *emptier, uint64_t ms)
{
    uint64_t until_ms = clock_monotonic_ms() + ms;

    lock_acquire(&emptier->lock);
    while (!emptier->stopping && clock_cond_wait(&emptier->wake, &emptier->lock, until_ms))
        ;
    bool stopping = emptier->stopping;
    lock_release(&emptier->lock);
    return !stopping;
}

/* One walk through the trash. False when the thread is to stop. */
static bool round_run(struct trash_emptier *emptier)
{
    struct trashed_chunk page[PAGE_CHUNKS];
    struct chunk_id position;
    uint32_t count;
    bool first = true;
    uint64_t deleted = 0;
    int64_t due_ms = clock_guard_now_ms(&emptier->clock) - (int64_t)emptier->grace_ms;

    do {
        enum status status =
            chunk_store_trash_list(emptier->store, first ? NULL : &position, page, PAGE_CHUNKS, &count);
        if (status) {
            log_error("the trash cannot be read, it will be tried again", LOG_STATUS(status));
            return true;
        }
        for (uint32_t i = 0; i < count; i++) {
            if (page[i].trashed_ms > due_ms)
                continue;
            if (!emptier_pause(emptier, 0))
                return false;
            deleted += chunk_store_trash_purge(emptier->store, &page[i].id, due_ms) == STATUS_OK;
        }
        if (count > 0)
            position = page[count - 1].id;
        first = false;
    } while (count == PAGE_CHUNKS);
    if (deleted > 0)
        log_info("chunks deleted from the trash", LOG_INT("count", deleted));
    return true;
}

static void *emptier_run(void *arg)
{
    struct trash_emptier *emptier = arg;
    uint64_t pause_ms = emptier->grace_ms / 10;

    if (pause_ms > ROUND_MS_MAX)
        pause_ms = ROUND_MS_MAX;
    if (pause_ms < ROUND_MS_MIN)
        pause_ms = ROUND_MS_MIN;
    if (!emptier_pause(emptier, emptier->grace_ms < QUIET_MS_MAX ? emptier->grace_ms : QUIET_MS_MAX))
        return NULL;
    while (round_run(emptier) && emptier_pause(emptier, pause_ms))
        continue;
    return NULL;
}

struct trash_emptier *trash_emptier_start(struct chunk_store *store, uint64_t grace_ms)
{
    struct trash_emptier *emptier = mem_zalloc(sizeof(*emptier));

    CHECK(store != NULL);
    emptier->store = store;
    emptier->grace_ms = grace_ms;
    clock_guard_start(&emptier->clock);
    pthread_mutex_init(&emptier->lock, NULL);
    clock_cond_init(&emptier->wake);
    CHECK(pthread_create(&emptier->thread, NULL, emptier_run, emptier) == 0);
    return emptier;
}

void trash_emptier_stop(struct trash_emptier *emptier)
{
    if (!emptier)
        return;
    lock_acquire(&emptier->lock);
    emptier->stopping = true;
    pthread_cond_signal(&emptier->wake);
    lock_release(&emptier->lock);
    pthread_join(emptier->thread, NULL);
    pthread_cond_destroy(&emptier->wake);
    pthread_mutex_destroy(&emptier->lock);
    free(emptier);
}

/* Reading everything again; see the header. */
#include "storage/node/scrub.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

#define PAGE_CHUNKS     64
#define BYTES_PER_S_MIN (1u << 20)
#define SAVE_MS         60000 /* between two writings of the position */
#define POSITION_FILE   "scrub"
#define POSITION_NEW    "scrub.new"
#define POSITION_MAX    96
#define LABELS_MAX      128

struct scrub {
    struct chunk_store *store;
    uint64_t period_ms;
    struct metric_counter *chunks_counter, *bytes_counter, *damaged_counter;
    struct metric_gauge *pass_gauge;
    pthread_t thread;
    struct chunk_id position; /* of the thread alone: the last chunk read in this pass */
    bool has_position;
    uint64_t saved_ms;    /* of the thread alone; monotonic */
    pthread_mutex_t lock; /* guards the two below; held for a few instructions */
    pthread_cond_t wake;
    struct scrub_info info;
    bool stopping;
};

/* ---- the position -------------------------------------------------------------------------------------------- */

/* Start of the pass, last chunk read in it, end of the last whole pass (0: none yet). Any trouble with the file means a
 * pass from the beginning, also that of an early build without the last number: whether its pass was over is unknown,
 * and an end that nobody saw must not be reported. A start in the future (the clock was set) is now. */
static void position_load(struct scrub *scrub)
{
    char text[POSITION_MAX + 1] = "", id[CHUNK_ID_TEXT_LEN + 1] = "";
    int64_t started_ms = 0, ended_ms = 0, now_ms = clock_wall_ms();
    int fd = openat(chunk_store_disk(scrub->store)->root_fd, POSITION_FILE, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, text, POSITION_MAX) : -1;

    if (fd >= 0)
        close(fd);
    scrub->info.pass_started_ms = now_ms;
    if (len <= 0 || sscanf(text, "v1 %" SCNd64 " %32s %" SCNd64, &started_ms, id, &ended_ms) != 3 || started_ms <= 0)
        return;
    if (started_ms < now_ms)
        scrub->info.pass_started_ms = started_ms;
    if (ended_ms > 0 && ended_ms <= now_ms)
        scrub->info.last_pass_ended_ms = ended_ms;
    scrub->has_position = chunk_id_parse(bytes_from_str(id), &scrub->position) == STATUS_OK;
}

/* Not synced: after a power failure an older position is as good. */
static void position_save(struct scrub *scrub)
{
    struct disk *disk = chunk_store_disk(scrub->store);
    char text[POSITION_MAX], id[CHUNK_ID_TEXT_LEN + 1] = "-";

    scrub->saved_ms = clock_monotonic_ms();
    if (disk_failed(disk))
        return;
    if (scrub->has_position)
        chunk_id_format(&scrub->position, id);
    int len = snprintf(text, sizeof(text), "v1 %" PRId64 " %s %" PRId64 "\n", scrub->info.pass_started_ms, id,
                       scrub->info.last_pass_ended_ms);
    int fd = openat(disk->root_fd, POSITION_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool written = fd >= 0 && write(fd, text, (size_t)len) == len;
    if (fd >= 0)
        close(fd);
    if (!written || renameat(disk->root_fd, POSITION_NEW, disk->root_fd, POSITION_FILE) != 0)
        log_warn("the position of the scrub cannot be saved");
}

/* ---- the pace ------------------------------------------------------------------------------------------------ */

/* Sleeps; false when the scrub is to stop. */
static bool scrub_pause(struct scrub *scrub, uint64_t ms)
{
    const struct timespec until = clock_deadline(clock_monotonic_ms() + ms);
    int result = 0;

    pthread_mutex_lock(&scrub->lock);
    while (!scrub->stopping && result == 0)
        result = pthread_cond_timedwait(&scrub->wake, &scrub->lock, &until);
    bool stopping = scrub->stopping;
    pthread_mutex_unlock(&scrub->lock);
    return !stopping;
}

/* How long reading this many bytes is to take: a quarter faster than needed, for what arrives meanwhile. */
static uint64_t pace_ms(const struct scrub *scrub, uint64_t bytes)
{
    double needed = 1.25 * 1000 * (double)chunk_store_bytes(scrub->store) / (double)scrub->period_ms;
    return (uint64_t)((double)bytes * 1000 / (needed > BYTES_PER_S_MIN ? needed : BYTES_PER_S_MIN));
}

/* ---- passes -------------------------------------------------------------------------------------------------- */

static void chunk_check(struct scrub *scrub, const struct chunk_info *chunk)
{
    enum status status = chunk_store_verify(scrub->store, &chunk->id);
    bool damaged = status == STATUS_CORRUPT;

    pthread_mutex_lock(&scrub->lock);
    scrub->info.chunks++;
    scrub->info.bytes += chunk->size;
    scrub->info.damaged += damaged;
    pthread_mutex_unlock(&scrub->lock);
    metric_counter_add(scrub->chunks_counter, 1);
    metric_counter_add(scrub->bytes_counter, chunk->size);
    metric_counter_add(scrub->damaged_counter, damaged);
    scrub->position = chunk->id;
    scrub->has_position = true;
    if (status && status != STATUS_NOT_FOUND && !damaged)
        log_warn("a chunk cannot be verified", LOG_STATUS(status));
}

/* Reads on from the position. False when the scrub is to stop before the end. */
static bool pass_run(struct scrub *scrub)
{
    struct chunk_info page[PAGE_CHUNKS];
    uint32_t count;

    do {
        if (chunk_store_inventory(scrub->store, scrub->has_position ? &scrub->position : NULL, page, PAGE_CHUNKS,
                                  &count))
            return false; /* the index cannot be read: the disk is failing */
        for (uint32_t i = 0; i < count; i++) {
            uint64_t start_ms = clock_monotonic_ms();
            chunk_check(scrub, &page[i]);
            uint64_t took_ms = clock_monotonic_ms() - start_ms, pace = pace_ms(scrub, page[i].size);
            if (!scrub_pause(scrub, pace > took_ms ? pace - took_ms : 0))
                return false;
            if (clock_monotonic_ms() - scrub->saved_ms >= SAVE_MS)
                position_save(scrub);
        }
    } while (count == PAGE_CHUNKS);
    return true;
}

static bool pass_is_over(const struct scrub *scrub)
{
    return scrub->info.last_pass_ended_ms >= scrub->info.pass_started_ms;
}

static void pass_end(struct scrub *scrub)
{
    int64_t now_ms = clock_wall_ms();

    metric_gauge_set(scrub->pass_gauge, (double)now_ms / 1000);
    pthread_mutex_lock(&scrub->lock);
    scrub->info.passes++;
    scrub->info.last_pass_ended_ms = now_ms;
    pthread_mutex_unlock(&scrub->lock);
    position_save(scrub);
}

/* Waits until the period of the pass is over, and begins the next one. False when the scrub is to stop. */
static bool pass_next(struct scrub *scrub)
{
    int64_t age_ms = clock_wall_ms() - scrub->info.pass_started_ms;
    uint64_t passed = age_ms > 0 ? (uint64_t)age_ms : 0;

    if (!scrub_pause(scrub, passed < scrub->period_ms ? scrub->period_ms - passed : 0))
        return false;
    pthread_mutex_lock(&scrub->lock);
    scrub->info.pass_started_ms = clock_wall_ms();
    pthread_mutex_unlock(&scrub->lock);
    scrub->has_position = false;
    return true;
}

static void *scrub_run(void *arg)
{
    struct scrub *scrub = arg;

    bool running = pass_is_over(scrub) ? pass_next(scrub) : true; /* over before a restart: waits for the next */

    while (running && pass_run(scrub)) {
        pass_end(scrub);
        running = pass_next(scrub);
    }
    position_save(scrub);
    return NULL;
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

struct scrub *scrub_start(struct chunk_store *store, const char *server_id, uint64_t period_ms)
{
    struct scrub *scrub = mem_zalloc(sizeof(*scrub));
    char labels[LABELS_MAX];

    CHECK(period_ms > 0);
    scrub->store = store;
    scrub->period_ms = period_ms;
    snprintf(labels, sizeof(labels), "server_id=\"%s\"", server_id);
    scrub->chunks_counter = metric_counter_get("tercet_node_scrub_chunks_total", "Chunks read by the scrub.", labels);
    scrub->bytes_counter = metric_counter_get("tercet_node_scrub_bytes_total", "Bytes read by the scrub.", labels);
    scrub->damaged_counter =
        metric_counter_get("tercet_node_scrub_damaged_total", "Damaged copies that the scrub found.", labels);
    scrub->pass_gauge = metric_gauge_get("tercet_node_scrub_last_pass_timestamp_seconds",
                                         "When the scrub last reached its end; 0 not yet.", labels);
    pthread_mutex_init(&scrub->lock, NULL);
    clock_cond_init(&scrub->wake);
    scrub->saved_ms = clock_monotonic_ms();
    position_load(scrub);
    metric_gauge_set(scrub->pass_gauge, (double)scrub->info.last_pass_ended_ms / 1000);
    CHECK(pthread_create(&scrub->thread, NULL, scrub_run, scrub) == 0);
    return scrub;
}

void scrub_stop(struct scrub *scrub)
{
    if (!scrub)
        return;
    pthread_mutex_lock(&scrub->lock);
    scrub->stopping = true;
    pthread_cond_signal(&scrub->wake);
    pthread_mutex_unlock(&scrub->lock);
    pthread_join(scrub->thread, NULL);
    pthread_cond_destroy(&scrub->wake);
    pthread_mutex_destroy(&scrub->lock);
    free(scrub);
}

void scrub_info(struct scrub *scrub, struct scrub_info *info)
{
    pthread_mutex_lock(&scrub->lock);
    *info = scrub->info;
    pthread_mutex_unlock(&scrub->lock);
}

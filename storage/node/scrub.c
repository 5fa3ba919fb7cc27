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
#include "base/lock.h"
#include "base/log.h"
#include "base/metrics.h"

#define PAGE_CHUNKS     64
#define BYTES_PER_S_MIN (1u << 20)
#define READ_TRIES      3
#define RETRY_MS        1000  /* between two of them, at most */
#define INDEX_RETRY_MS  60000 /* after the index could not be read, at most */
#define SAVE_MS         60000 /* between two writings of the position */
#define POSITION_FILE   "scrub"
#define POSITION_NEW    "scrub.new"
#define POSITION_MAX    96
#define LABELS_MAX      128

struct scrub {
    struct chunk_store *store;
    uint64_t period_ms;
    struct metric_counter *chunks_counter, *bytes_counter, *damaged_counter, *unread_counter;
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
    uint64_t until_ms = clock_monotonic_ms() + ms;

    lock_acquire(&scrub->lock);
    while (!scrub->stopping && clock_cond_wait(&scrub->wake, &scrub->lock, until_ms))
        ;
    bool stopping = scrub->stopping;
    lock_release(&scrub->lock);
    return !stopping;
}

/* How long reading this many bytes is to take: a quarter faster than needed, for what arrives meanwhile. */
static uint64_t pace_ms(const struct scrub *scrub, uint64_t bytes)
{
    double needed = 1.25 * 1000 * (double)chunk_store_bytes(scrub->store) / (double)scrub->period_ms;
    return (uint64_t)((double)bytes * 1000 / (needed > BYTES_PER_S_MIN ? needed : BYTES_PER_S_MIN));
}

/* ---- passes -------------------------------------------------------------------------------------------------- */

/* Whether it is an outcome that says what the copy is worth. A chunk that is gone was deleted. */
static bool is_verdict(enum status status)
{
    return !status || status == STATUS_NOT_FOUND || status == STATUS_CORRUPT;
}

/* What passes is waited for, as far as the period allows. */
static enum status chunk_verify(struct scrub *scrub, const struct chunk_id *id)
{
    uint64_t wait_ms = scrub->period_ms / 10 < RETRY_MS ? scrub->period_ms / 10 : RETRY_MS;
    enum status status = chunk_store_verify(scrub->store, id);

    for (int i = 1; i < READ_TRIES && !is_verdict(status) && scrub_pause(scrub, wait_ms); i++)
        status = chunk_store_verify(scrub->store, id);
    return status;
}

/* Reports what the scrub could not look at, unless the whole disk was reported already. */
static void unread_report(struct scrub *scrub, const char *what, const struct chunk_id *id, enum status status)
{
    char text[CHUNK_ID_TEXT_LEN + 1] = "-";

    if (chunk_store_failed(scrub->store))
        return;
    if (id)
        chunk_id_format(id, text);
    log_error(what, LOG_STR("chunkID", text), LOG_STATUS(status));
    metric_counter_add(scrub->unread_counter, 1);
    lock_acquire(&scrub->lock);
    scrub->info.unread++;
    lock_release(&scrub->lock);
}

static void chunk_check(struct scrub *scrub, const struct chunk_info *chunk)
{
    enum status status = chunk_verify(scrub, &chunk->id);
    bool damaged = status == STATUS_CORRUPT;

    if (!is_verdict(status))
        unread_report(scrub, "a chunk could not be verified, the next pass tries again", &chunk->id, status);
    lock_acquire(&scrub->lock);
    scrub->info.chunks++;
    scrub->info.bytes += chunk->size;
    scrub->info.damaged += damaged;
    lock_release(&scrub->lock);
    metric_counter_add(scrub->chunks_counter, 1);
    metric_counter_add(scrub->bytes_counter, chunk->size);
    metric_counter_add(scrub->damaged_counter, damaged);
    scrub->position = chunk->id;
    scrub->has_position = true;
}

/* The next chunks behind the position. An index that cannot be read is reported and tried again: a scrub that ended
 * here would look like one that has nothing to do. False when it is to stop. */
static bool page_read(struct scrub *scrub, struct chunk_info *page, uint32_t *count)
{
    uint64_t wait_ms = scrub->period_ms < INDEX_RETRY_MS ? scrub->period_ms : INDEX_RETRY_MS;
    enum status status;

    while ((status = chunk_store_inventory(scrub->store, scrub->has_position ? &scrub->position : NULL, page,
                                           PAGE_CHUNKS, count))) {
        unread_report(scrub, "the index of chunks cannot be read, the scrub waits", NULL, status);
        if (!scrub_pause(scrub, wait_ms))
            return false;
    }
    return true;
}

/* Reads on from the position. False when the scrub is to stop before the end. */
static bool pass_run(struct scrub *scrub)
{
    struct chunk_info page[PAGE_CHUNKS];
    uint32_t count;

    do {
        if (!page_read(scrub, page, &count))
            return false;
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
    lock_acquire(&scrub->lock);
    scrub->info.passes++;
    scrub->info.last_pass_ended_ms = now_ms;
    lock_release(&scrub->lock);
    position_save(scrub);
}

/* Waits until the period of the pass is over, and begins the next one. False when the scrub is to stop. */
static bool pass_next(struct scrub *scrub)
{
    int64_t age_ms = clock_wall_ms() - scrub->info.pass_started_ms;
    uint64_t passed = age_ms > 0 ? (uint64_t)age_ms : 0;

    if (!scrub_pause(scrub, passed < scrub->period_ms ? scrub->period_ms - passed : 0))
        return false;
    lock_acquire(&scrub->lock);
    scrub->info.pass_started_ms = clock_wall_ms();
    lock_release(&scrub->lock);
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
    scrub->unread_counter =
        metric_counter_get("tercet_node_scrub_unread_total",
                           "Reads of the scrub that failed, repetitions too, without showing damage.", labels);
    scrub->pass_gauge =
        metric_gauge_get("tercet_node_scrub_last_pass_timestamp_seconds",
                         "When the scrub last reached its end, in seconds since 1970; 0: not yet.", labels);
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
    lock_acquire(&scrub->lock);
    scrub->stopping = true;
    pthread_cond_signal(&scrub->wake);
    lock_release(&scrub->lock);
    pthread_join(scrub->thread, NULL);
    pthread_cond_destroy(&scrub->wake);
    pthread_mutex_destroy(&scrub->lock);
    free(scrub);
}

void scrub_info(struct scrub *scrub, struct scrub_info *info)
{
    lock_acquire(&scrub->lock);
    *info = scrub->info;
    lock_release(&scrub->lock);
}

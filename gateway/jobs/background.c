/* Background jobs; see the header. A row of the queues is taken off only when every node concerned has
 * acknowledged, so a job may be cut at any point and goes on where it was. */
#include "gateway/jobs/background.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "gateway/jobs/background_job.h"
#include "gateway/replication/lease.h"

#define POLL_MS 100 /* how soon a stop is noticed */

#define KIND_OF(name) &name##_job,
static const struct job_kind *const kinds[] = {BACKGROUND_JOBS(KIND_OF)};

bool background_is_stopping(const struct background *background)
{
    return __atomic_load_n(&background->stopping, __ATOMIC_ACQUIRE);
}

void background_pause(const struct background *background, uint64_t ms)
{
    uint64_t end = clock_monotonic_ms() + ms;

    while (!background_is_stopping(background) && clock_monotonic_ms() < end) {
        uint64_t left = end - clock_monotonic_ms();
        task_sleep_ms(left < POLL_MS ? left : POLL_MS);
    }
}

void background_pace(const struct background *background, uint64_t since_ms, uint64_t count, uint64_t rate)
{
    uint64_t now_ms = clock_monotonic_ms(), due_ms = rate ? since_ms + count * 1000 / rate : now_ms;

    if (due_ms > now_ms)
        background_pause(background, due_ms - now_ms);
}

int64_t background_now_ms(const struct background *background)
{
    return trusted_clock_earliest_ms(&background->gateway->clock);
}

static unsigned busy_set(const struct chunk_id *id)
{
    return get_u16(id->bytes + CHUNK_ID_LEN - 2) % BUSY_SETS;
}

/* The place of the chunk in its set; BUSY_WAYS: it is not there. */
static unsigned busy_find(const struct background *background, const struct chunk_id *id)
{
    unsigned set = busy_set(id), way = 0;
    while (way < BUSY_WAYS &&
           (!background->busy_used[set][way] || memcmp(&background->busy[set][way], id, sizeof(*id)) != 0))
        way++;
    return way;
}

bool background_claim(struct background *background, const struct chunk_id *id)
{
    unsigned set = busy_set(id), way = 0;

    if (busy_find(background, id) < BUSY_WAYS)
        return false;
    while (way < BUSY_WAYS && background->busy_used[set][way])
        way++;
    if (way == BUSY_WAYS)
        return false;
    background->busy[set][way] = *id;
    background->busy_used[set][way] = true;
    return true;
}

void background_unclaim(struct background *background, const struct chunk_id *id)
{
    unsigned way = busy_find(background, id);
    CHECK(way < BUSY_WAYS);
    background->busy_used[busy_set(id)][way] = false;
}

/* ---- all jobs ---------------------------------------------------------------------------------------------------- */

static void on_damage(void *arg, const struct chunk_id *id, unsigned node, enum status why)
{
    struct gateway *gateway = arg;
    char text[CHUNK_ID_TEXT_LEN + 1];

    chunk_id_format(id, text);
    log_error("a copy is damaged or missing, queued for repair", LOG_STR("chunkID", text), LOG_INT("nodeId", node),
              LOG_STATUS(why));
    if (meta_repair_add(gateway->meta, id, node))
        log_error("damaged copy could not be queued", LOG_STR("chunkID", text));
}

/* A copy that is recorded by now stays; one whose chunk others work on is left to the comparison. */
static bool discard_begin(void *arg, const struct chunk_id *id, unsigned node)
{
    struct background *background = arg;
    struct meta_chunk chunk;

    if (!lease_holds(background->gateway->lease) || !background_claim(background, id))
        return false;
    enum status status = meta_chunk_get(background->gateway->meta, id, &chunk);
    if (status == STATUS_NOT_FOUND || (!status && !memchr(chunk.ref.nodes, (int)node, chunk.ref.copies)))
        return true;
    background_unclaim(background, id);
    return false;
}

static void discard_done(void *arg, const struct chunk_id *id)
{
    background_unclaim(arg, id);
}

static void job_run(void *arg)
{
    struct job *job = arg;
    const struct job_kind *kind = job->kind;
    struct background *background = job->background;
    uint64_t pause_ms;

    background_pause(background, kind->start ? kind->start(job) : 0);
    while (!background_is_stopping(background) && (pause_ms = kind->round(job)) != JOB_OVER)
        background_pause(background, pause_ms);
    if (kind->stop)
        kind->stop(job);
    log_debug("background job has ended", LOG_STR("job", kind->name));
    completion_signal(&job->ended);
}

struct background *background_start(struct gateway *gateway)
{
    struct background *background = mem_zalloc(sizeof(*background));

    background->gateway = gateway;
    for (unsigned i = 0; i < JOB_COUNT; i++) {
        struct job *job = &background->jobs[i];
        job->kind = kinds[i];
        job->background = background;
        completion_init(&job->ended);
        if (job->kind->register_metrics)
            job->kind->register_metrics(background);
    }
    cluster_compare_returning(gateway->cluster);
    cluster_on_damage(gateway->cluster, on_damage, gateway);
    cluster_guard_discards(gateway->cluster, &(struct cluster_discard_guard){discard_begin, discard_done, background});
    for (unsigned i = 0; i < JOB_COUNT; i++)
        task_spawn(gateway->loops.loops[0], job_run, &background->jobs[i]);
    return background;
}

void background_stop(struct background *background)
{
    __atomic_store_n(&background->stopping, true, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < JOB_COUNT; i++)
        completion_wait(&background->jobs[i].ended);
}

void background_free(struct background *background)
{
    if (!background)
        return;
    for (unsigned i = 0; i < CLUSTER_NODES_MAX; i++)
        orphans_release(&background->nodes[i].orphans);
    free(background);
}

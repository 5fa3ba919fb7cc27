/* Background jobs; see the header. A row of the queues is taken off only when every node concerned has
 * acknowledged, so a job may be cut at any point and goes on where it was. */
#include "gateway/background.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gateway/background_job.h"

#define POLL_MS 100 /* how soon a stop is noticed */

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

static unsigned busy_find(const struct background *background, const struct chunk_id *id)
{
    for (unsigned i = 0; i < BUSY_MAX; i++)
        if (background->busy_used[i] && memcmp(&background->busy[i], id, sizeof(*id)) == 0)
            return i;
    return BUSY_MAX;
}

bool background_claim(struct background *background, const struct chunk_id *id)
{
    unsigned slot = 0;

    if (busy_find(background, id) < BUSY_MAX)
        return false;
    while (slot < BUSY_MAX && background->busy_used[slot])
        slot++;
    CHECK(slot < BUSY_MAX);
    background->busy[slot] = *id;
    background->busy_used[slot] = true;
    return true;
}

void background_unclaim(struct background *background, const struct chunk_id *id)
{
    unsigned slot = busy_find(background, id);
    CHECK(slot < BUSY_MAX);
    background->busy_used[slot] = false;
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

    if (!background_claim(background, id))
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

struct background *background_start(struct gateway *gateway)
{
    struct background *background = mem_zalloc(sizeof(*background));

    background->gateway = gateway;
    completion_init(&background->gc);
    completion_init(&background->repair);
    background->start_ms = clock_monotonic_ms();
    background->start_wall_ms = clock_wall_ms();
    completion_init(&background->compare);
    completion_init(&background->orphan);
    completion_init(&background->expiry);
    background_register_metrics(background);
    cluster_bar_returning(gateway->cluster);
    cluster_on_damage(gateway->cluster, on_damage, gateway);
    cluster_guard_discards(gateway->cluster, &(struct cluster_discard_guard){discard_begin, discard_done, background});
    task_spawn(gateway->loops.loops[0], gc_task, background);
    task_spawn(gateway->loops.loops[0], repair_task, background);
    task_spawn(gateway->loops.loops[0], compare_task, background);
    task_spawn(gateway->loops.loops[0], orphan_task, background);
    task_spawn(gateway->loops.loops[0], expiry_task, background);
    return background;
}

void background_stop(struct background *background)
{
    __atomic_store_n(&background->stopping, true, __ATOMIC_RELEASE);
    completion_wait(&background->gc);
    completion_wait(&background->repair);
    completion_wait(&background->compare);
    completion_wait(&background->orphan);
    completion_wait(&background->expiry);
}

void background_free(struct background *background)
{
    if (!background)
        return;
    for (unsigned i = 0; i < CLUSTER_NODES_MAX; i++)
        orphans_release(&background->nodes[i].orphans);
    free(background);
}

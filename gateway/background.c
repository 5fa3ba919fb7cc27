/* Background jobs; see the header. A row of the queues is taken off only when every node concerned has
 * acknowledged, so a job may be cut at any point and goes on where it was. */
#include "gateway/background.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/task.h"

#define BATCH_CHUNKS 256
#define POLL_MS      100 /* how soon a stop is noticed */

struct background {
    struct gateway *gateway;
    bool stopping;                /* atomic */
    struct completion gc, repair; /* signalled when the job has ended */
};

static bool is_stopping(const struct background *background)
{
    return __atomic_load_n(&background->stopping, __ATOMIC_ACQUIRE);
}

static void pause_job(const struct background *background, uint64_t ms)
{
    uint64_t end = clock_monotonic_ms() + ms;

    while (!is_stopping(background) && clock_monotonic_ms() < end) {
        uint64_t left = end - clock_monotonic_ms();
        task_sleep_ms(left < POLL_MS ? left : POLL_MS);
    }
}

/* ---- freeing
 * -------------------------------------------------------------------------------------------------- */

static bool free_copies(struct gateway *gateway, const struct chunk_ref *ref)
{
    bool all = true;

    for (unsigned i = 0; i < ref->copies; i++)
        if (cluster_chunk_delete(gateway->cluster, &ref->id, ref->nodes[i]))
            all = false;
    return all;
}

/* Returns whether anything was freed. */
static bool collect_batch(struct background *background)
{
    struct gateway *gateway = background->gateway;
    struct chunk_list due = {0}, done = {0};
    enum status status = meta_gc_next(gateway->meta, gateway->options.gc_grace_ms, BATCH_CHUNKS, &due);

    for (size_t i = 0; !status && i < due.count && !is_stopping(background); i++)
        if (free_copies(gateway, &due.refs[i]))
            chunk_list_append(&done, &due.refs[i]);
    if (!status && done.count > 0)
        status = meta_gc_done(gateway->meta, &done);
    if (status)
        log_warn("freeing deleted data failed, will be tried again", LOG_STATUS(status));
    metric_counter_add(metric_counter_get("tercet_gc_chunks_total", "Chunks freed on all their nodes.", ""),
                       done.count);
    bool progress = !status && done.count > 0;
    chunk_list_release(&due);
    chunk_list_release(&done);
    return progress;
}

static void gc_task(void *arg)
{
    struct background *background = arg;

    while (!is_stopping(background)) {
        while (!is_stopping(background) && collect_batch(background))
            task_yield();
        pause_job(background, background->gateway->options.gc_interval_ms);
    }
    completion_signal(&background->gc);
}

/* ---- repairing
 * ------------------------------------------------------------------------------------------------ */

/* Makes one more copy. The chunk's nodes are those known to be good. */
static enum status repair_chunk(struct gateway *gateway, struct chunk_ref *ref)
{
    unsigned target = cluster_pick_target(gateway->cluster, ref);
    enum status status = STATUS_UNAVAILABLE;

    if (target == 0 || ref->copies >= CHUNK_COPIES_MAX)
        return STATUS_UNAVAILABLE;
    for (unsigned i = 0; i < ref->copies && status; i++)
        if (cluster_node_readable(gateway->cluster, ref->nodes[i]))
            status = cluster_chunk_pull(gateway->cluster, ref, ref->nodes[i], target);
    if (status)
        return status;
    ref->nodes[ref->copies++] = (uint8_t)target;
    status = meta_repair_done(gateway->meta, ref);
    if (status == STATUS_NOT_FOUND) /* deleted meanwhile */
        status = cluster_chunk_delete(gateway->cluster, &ref->id, target);
    return status;
}

static bool repair_batch(struct background *background)
{
    struct gateway *gateway = background->gateway;
    struct chunk_list queue = {0};
    uint64_t repaired = 0;

    if (meta_repair_next(gateway->meta, BATCH_CHUNKS, &queue) == STATUS_OK) {
        for (size_t i = 0; i < queue.count && !is_stopping(background); i++)
            repaired += repair_chunk(gateway, &queue.refs[i]) == STATUS_OK;
    }
    metric_counter_add(metric_counter_get("tercet_repaired_chunks_total", "Copies made anew.", ""), repaired);
    chunk_list_release(&queue);
    return repaired > 0;
}

static void repair_task(void *arg)
{
    struct background *background = arg;

    while (!is_stopping(background)) {
        while (!is_stopping(background) && repair_batch(background))
            task_yield();
        pause_job(background, background->gateway->options.repair_interval_ms);
    }
    completion_signal(&background->repair);
}

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

struct background *background_start(struct gateway *gateway)
{
    struct background *background = mem_zalloc(sizeof(*background));

    background->gateway = gateway;
    completion_init(&background->gc);
    completion_init(&background->repair);
    cluster_on_damage(gateway->cluster, on_damage, gateway);
    task_spawn(gateway->loops.loops[0], gc_task, background);
    task_spawn(gateway->loops.loops[0], repair_task, background);
    return background;
}

void background_stop(struct background *background)
{
    __atomic_store_n(&background->stopping, true, __ATOMIC_RELEASE);
    completion_wait(&background->gc);
    completion_wait(&background->repair);
    free(background);
}

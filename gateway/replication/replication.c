/* Starting and stopping, and what ends it all: see the header. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/service.h"
#include "base/task.h"
#include "gateway/replication/lease.h"
#include "gateway/replication/recovery.h"
#include "gateway/replication/replication_internal.h"
#include "gateway/replication/stood_in.h"

struct replication *replication_create(const struct replication_config *config)
{
    struct replication *replication = mem_zalloc(sizeof(*replication));

    CHECK(config->cluster != NULL);
    CHECK(config->copies > 0);
    replication->config = *config;
    replication->count = cluster_node_count(config->cluster);
    if (replication->config.copies > replication->count)
        replication->config.copies = replication->count;
    pthread_mutex_init(&replication->lock, NULL);
    clock_cond_init(&replication->changed);
    commit_hooks_init(replication);
    replication->snapshots =
        metric_counter_get("tercet_metadata_snapshots_total", "Snapshots of the metadata begun for nodes.", "");
    return replication;
}

const struct meta_replication *replication_hooks(struct replication *replication)
{
    return &replication->hooks;
}

static void lease_lost(void *arg, unsigned node, uint32_t fence)
{
    replication_shut_out(arg, node, fence);
}

void replication_start(struct replication *replication, struct meta *meta, struct loop *loop)
{
    struct cluster_node_info info;
    struct meta_position position;
    char label[32];

    CHECK(!replication->meta);
    replication->meta = meta;
    replication->loop = loop;
    meta_position(meta, &position);
    replication->last = position.sequence;
    replication->generation = change_generation(position.epoch);
    replication->restored_generation = meta_restored_generation(meta);
    replication->running = replication->count;
    for (unsigned i = 0; i < replication->count; i++) {
        cluster_node_info(replication->config.cluster, i, &info);
        snprintf(label, sizeof(label), "node=\"%u\"", info.number);
        replication->feeders[i] = (struct feeder){.replication = replication, .index = i, .number = info.number};
        metric_gauge_callback(
            "tercet_metadata_replica_lag",
            "Changes of the metadata that the node's replica lacks; at least 1 while the node does not follow.", label,
            feeder_lag, &replication->feeders[i]);
    }
    for (unsigned i = 0; i < replication->count; i++) /* each looks at all of them */
        task_spawn(loop, feeder_main, &replication->feeders[i]);
    replication->lease = lease_start(&(struct lease_config){.cluster = replication->config.cluster,
                                                            .loop = loop,
                                                            .copies = replication->config.copies,
                                                            .generation = replication->generation,
                                                            .replaced = lease_lost,
                                                            .arg = replication});
}

void replication_took_over(struct replication *replication, const struct taken_over *taken)
{
    stood_in_taken_over(replication, taken);
}

struct lease *replication_lease(struct replication *replication)
{
    return replication->lease;
}

bool replication_is_stopping(struct replication *replication)
{
    lock_acquire(&replication->lock);
    bool stopping = replication->stopping || replication->refusal;
    lock_release(&replication->lock);
    return stopping;
}

void replication_refuse(struct replication *replication, enum status why)
{
    lock_acquire(&replication->lock);
    if (replication->refusal != STATUS_PRECONDITION) /* replaced for good, whatever is found besides */
        replication->refusal = why;
    pthread_cond_broadcast(&replication->changed);
    lock_release(&replication->lock);
    service_wake();
}

void replication_shut_out(struct replication *replication, unsigned node, uint32_t fence)
{
    log_error(REPLACED_TEXT ". The gateway stops", LOG_INT("nodeId", node),
              LOG_INT("generation", replication->generation), LOG_INT("nodeFence", fence));
    replication_refuse(replication, STATUS_PRECONDITION);
}

enum status replication_refusal(struct replication *replication)
{
    lock_acquire(&replication->lock);
    enum status refusal = replication->refusal;
    lock_release(&replication->lock);
    return refusal;
}

void replication_stop(struct replication *replication)
{
    lease_stop(replication->lease);
    lock_acquire(&replication->lock);
    stood_in_stop_locked(replication);
    replication->stopping = true;
    while (replication->running > 0) {
        for (unsigned i = 0; i < replication->count; i++)
            if (replication->feeders[i].task)
                task_unpark(replication->feeders[i].task);
        commit_hooks_wait_locked(replication, clock_monotonic_ms() + REPLICATION_RETRY_MS);
    }
    lock_release(&replication->lock);
}

void replication_free(struct replication *replication)
{
    if (!replication)
        return;
    lease_free(replication->lease);
    carried_groups_release(replication);
    record_ring_clear(&replication->ring);
    pthread_cond_destroy(&replication->changed);
    pthread_mutex_destroy(&replication->lock);
    free(replication);
}

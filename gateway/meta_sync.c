/* See the header. Locking: `lock` guards what it is said to guard, for instants only; feeders live on one loop, the
 * committer and its acknowledger come with threads of their own. */
#include "gateway/meta_sync.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/task.h"
#include "gateway/meta_ring.h"
#include "storage/cluster/meta_link.h"

#define READY_WAIT_MS 800 /* before changes are refused: a node may be about to catch up */
#define GIVE_UP_MS    800 /* a commit waits no longer than this when too few nodes follow */
#define LOOK_MS       50  /* while it waits: that a node is gone wakes nobody */
#define RETRY_MS      200

struct feeder {
    struct meta_sync *sync;
    unsigned index, number;
    bool met, needs_snapshot; /* its task's */
    bool proven;              /* its task's: it took changes since it was last met anew */
    /* under lock: */
    struct task *task;        /* NULL when it does not run */
    uint64_t applied;         /* what the node holds of our history */
    bool following;           /* it has caught up, or takes what is in the ring */
    uint64_t call_started_ms; /* 0: no request runs */
};

struct meta_sync {
    struct meta_sync_config config;
    struct meta_replication replication;
    struct meta *meta;
    struct metric_histogram *seconds;
    struct metric_counter *uncertain, *snapshots;
    pthread_mutex_t lock;   /* guards all below, and the feeders' part */
    pthread_cond_t changed; /* of any of it */
    struct meta_ring ring;
    uint64_t last; /* sequence of the last change that is durable here */
    bool stopping, refused;
    uint64_t short_since_ms;    /* a change was to be made and too few nodes followed, then and ever since; else 0 */
    uint64_t hopeless_since_ms; /* the acknowledger would have given a group up then and ever since; else 0 */
    unsigned running;           /* feeders */
    unsigned count;
    struct feeder feeders[CLUSTER_NODES_MAX];
};

/* ---- what the committer asks --------------------------------------------------------------------------------- */

static bool follows_locked(const struct feeder *feeder, uint64_t now_ms)
{
    const struct meta_sync_config *config = &feeder->sync->config;
    bool stalled = feeder->call_started_ms && now_ms - feeder->call_started_ms > 2 * config->stall_ms;
    return feeder->following && !stalled && cluster_node_readable(config->cluster, feeder->number);
}

static bool enough_follow_locked(const struct meta_sync *sync)
{
    uint64_t now_ms = clock_monotonic_ms();
    unsigned count = 0;
    for (unsigned i = 0; i < sync->count; i++)
        count += follows_locked(&sync->feeders[i], now_ms);
    return count >= sync->config.copies;
}

static bool enough_hold_locked(const struct meta_sync *sync, uint64_t sequence)
{
    unsigned count = 0;
    for (unsigned i = 0; i < sync->count; i++)
        count += sync->feeders[i].applied >= sequence;
    return count >= sync->config.copies;
}

static uint64_t sync_held(void *arg)
{
    struct meta_sync *sync = arg;
    uint64_t held = 0;
    pthread_mutex_lock(&sync->lock);
    for (unsigned i = 0; i < sync->count; i++)
        if (sync->feeders[i].applied > held && enough_hold_locked(sync, sync->feeders[i].applied))
            held = sync->feeders[i].applied;
    pthread_mutex_unlock(&sync->lock);
    return held;
}

/* Waits for a change of anything, at most until then. */
static void wait_changed_locked(struct meta_sync *sync, uint64_t until_ms)
{
    const struct timespec until = clock_deadline(until_ms);
    pthread_cond_timedwait(&sync->changed, &sync->lock, &until);
}

static bool wait_ready_locked(struct meta_sync *sync, uint64_t until_ms)
{
    while (!sync->refused && !enough_follow_locked(sync) && clock_monotonic_ms() < until_ms)
        wait_changed_locked(sync, until_ms);
    return !sync->refused && enough_follow_locked(sync);
}

bool meta_sync_wait(struct meta_sync *sync, uint64_t wait_ms)
{
    pthread_mutex_lock(&sync->lock);
    bool ready = wait_ready_locked(sync, clock_monotonic_ms() + wait_ms);
    pthread_mutex_unlock(&sync->lock);
    return ready;
}

/* Changes that come while others wait do not wait anew after those: once the time is over all are refused at once. */
static bool sync_ready(void *arg)
{
    struct meta_sync *sync = arg;
    pthread_mutex_lock(&sync->lock);
    if (sync->short_since_ms == 0)
        sync->short_since_ms = clock_monotonic_ms();
    bool ready = wait_ready_locked(sync, sync->short_since_ms + READY_WAIT_MS);
    if (ready)
        sync->short_since_ms = 0;
    pthread_mutex_unlock(&sync->lock);
    return ready;
}

static void sync_begin(void *arg, struct buffer *take_record, uint64_t first, uint64_t last)
{
    struct meta_sync *sync = arg;
    pthread_mutex_lock(&sync->lock);
    meta_ring_add(&sync->ring, take_record, first, last);
    sync->last = last;
    for (unsigned i = 0; i < sync->count; i++)
        if (sync->feeders[i].task)
            task_unpark(sync->feeders[i].task);
    pthread_mutex_unlock(&sync->lock);
}

/* Is a group that is durable here since then not to be expected on enough nodes any more? Only what is seen twice
 * counts: after a pause of this process the answers that were missed meanwhile are about to be read. */
static bool is_hopeless_locked(struct meta_sync *sync, uint64_t since_ms)
{
    uint64_t now_ms = clock_monotonic_ms(), waited_ms = now_ms - since_ms;
    if (waited_ms < sync->config.node_timeout_ms && (waited_ms < GIVE_UP_MS || enough_follow_locked(sync))) {
        sync->hopeless_since_ms = 0;
        return false;
    }
    if (!sync->hopeless_since_ms)
        sync->hopeless_since_ms = now_ms;
    return now_ms - sync->hopeless_since_ms >= LOOK_MS;
}

static bool sync_wait(void *arg, uint64_t last, uint64_t since_ms)
{
    struct meta_sync *sync = arg;
    uint64_t start_us = clock_monotonic_us();
    pthread_mutex_lock(&sync->lock);
    while (!enough_hold_locked(sync, last) && !is_hopeless_locked(sync, since_ms))
        wait_changed_locked(sync, clock_monotonic_ms() + LOOK_MS);
    bool held = enough_hold_locked(sync, last);
    if (held)
        sync->hopeless_since_ms = 0;
    pthread_mutex_unlock(&sync->lock);
    metric_histogram_observe(sync->seconds, (double)(clock_monotonic_us() - start_us) / 1e6);
    if (!held) {
        metric_counter_add(sync->uncertain, 1);
        log_error("a commit is not on enough nodes: its clients get an error, and it is handed on when nodes are back",
                  LOG_INT("sequence", last));
    }
    return held;
}

/* ---- feeding one node ---------------------------------------------------------------------------------------- */

static bool is_stopping(struct meta_sync *sync)
{
    pthread_mutex_lock(&sync->lock);
    bool stopping = sync->stopping || sync->refused;
    pthread_mutex_unlock(&sync->lock);
    return stopping;
}

static void call_begins(struct feeder *feeder)
{
    pthread_mutex_lock(&feeder->sync->lock);
    feeder->call_started_ms = clock_monotonic_ms();
    pthread_mutex_unlock(&feeder->sync->lock);
}

/* The node must be met anew. What it said that it holds, it held durably. */
static void feeder_lost(struct feeder *feeder)
{
    pthread_mutex_lock(&feeder->sync->lock);
    feeder->call_started_ms = 0;
    feeder->following = false;
    pthread_cond_broadcast(&feeder->sync->changed);
    pthread_mutex_unlock(&feeder->sync->lock);
    feeder->met = false;
    feeder->proven = false;
}

/* What the node holds now. */
static void call_ends(struct feeder *feeder, uint64_t applied)
{
    struct meta_sync *sync = feeder->sync;
    pthread_mutex_lock(&sync->lock);
    feeder->call_started_ms = 0;
    feeder->applied = applied;
    feeder->following = feeder->following || applied >= sync->last;
    if (enough_follow_locked(sync))
        sync->short_since_ms = 0;
    pthread_cond_broadcast(&sync->changed);
    pthread_mutex_unlock(&sync->lock);
    feeder->met = true;
}

static void refuse(struct feeder *feeder, const struct cluster_meta_state *node, enum standing standing)
{
    struct meta_sync *sync = feeder->sync;
    struct meta_position local;
    meta_position(sync->meta, &local);
    log_error(standing == STANDING_AHEAD
                  ? "a node is ahead of the local metadata, which must have lost something: the gateway stops. "
                    "Run tercet-gateway -restore-metadata"
                  : "a node holds changes that the local metadata must have lost and went on without: the gateway "
                    "stops. Run tercet-gateway -restore-metadata, which says what can be chosen from",
              LOG_INT("nodeId", feeder->number), LOG_INT("nodeSequence", node->sequence),
              LOG_INT("localSequence", local.sequence));
    pthread_mutex_lock(&sync->lock);
    sync->refused = true;
    pthread_cond_broadcast(&sync->changed);
    pthread_mutex_unlock(&sync->lock);
    kill(getpid(), SIGTERM);
}

struct judge_job {
    struct meta *meta;
    struct meta_position replica;
    enum standing standing;
};

static void judge_job_run(void *arg)
{
    struct judge_job *job = arg;
    job->standing = meta_judge(job->meta, &job->replica);
}

/* Looks at what the node says that it holds. CONFLICT: the gateway stops. */
static enum status state_check(struct feeder *feeder, const struct cluster_meta_state *node)
{
    struct judge_job job = {.meta = feeder->sync->meta, .replica = {node->epoch, node->sequence}};
    pool_run(feeder->sync->config.pool, judge_job_run, &job);
    enum standing standing = job.standing;
    if (standing == STANDING_PREFIX || standing == STANDING_OVERRULED) {
        feeder->needs_snapshot = standing == STANDING_OVERRULED;
        call_ends(feeder, standing == STANDING_PREFIX ? node->sequence : 0);
        return STATUS_OK;
    }
    refuse(feeder, node, standing);
    return STATUS_CONFLICT;
}

/* Asks the node where it is. */
static enum status feeder_meet(struct feeder *feeder)
{
    struct cluster_meta_state node = {0};
    enum status status = cluster_meta_state(feeder->sync->config.cluster, feeder->index, &node);
    return status ? status : state_check(feeder, &node);
}

struct log_job {
    struct meta *meta;
    uint64_t from;
    struct buffer *records;
    enum status status;
};

static void log_job_run(void *arg)
{
    struct log_job *job = arg;
    job->status = meta_changes_read(job->meta, job->from, job->records);
}

/* The next records for the node. NOT_FOUND: only a snapshot helps. */
static enum status records_take(struct feeder *feeder, uint64_t from, struct buffer *records)
{
    struct meta_sync *sync = feeder->sync;
    struct log_job job = {.meta = sync->meta, .from = from, .records = records};
    if (feeder->needs_snapshot)
        return STATUS_NOT_FOUND;
    pthread_mutex_lock(&sync->lock);
    enum status status = meta_ring_copy(&sync->ring, from, CHANGE_PAGE_BYTES, records);
    feeder->following = status == STATUS_OK && (feeder->following || feeder->proven);
    pthread_mutex_unlock(&sync->lock);
    if (status != STATUS_NOT_FOUND)
        return status;
    pool_run(sync->config.pool, log_job_run, &job);
    if (job.status && job.status != STATUS_NOT_FOUND)
        log_warn("the log cannot be handed on, a snapshot will be", LOG_STATUS(job.status));
    return job.status ? STATUS_NOT_FOUND : STATUS_OK;
}

struct snapshot_job {
    struct meta *meta;
    struct meta_snapshot *snapshot;
    struct meta_position as_of;
    struct buffer record;
    bool end;
    enum status status;
};

static void snapshot_job_open(void *arg)
{
    struct snapshot_job *job = arg;
    job->snapshot = meta_snapshot_open(job->meta, &job->as_of);
}

static void snapshot_job_next(void *arg)
{
    struct snapshot_job *job = arg;
    buffer_clear(&job->record);
    job->status = meta_snapshot_next(job->snapshot, &job->record, &job->end);
}

static void snapshot_job_close(void *arg)
{
    struct snapshot_job *job = arg;
    meta_snapshot_close(job->snapshot);
    buffer_release(&job->record);
}

/* Waits for the bandwidth, unless changes are refused until this node follows. */
static void snapshot_throttle(struct feeder *feeder, size_t bytes)
{
    struct meta_sync *sync = feeder->sync;
    uint64_t until_ms = clock_monotonic_ms() + bandwidth_take(sync->config.bandwidth, bytes);
    while (!is_stopping(sync) && clock_monotonic_ms() < until_ms) {
        pthread_mutex_lock(&sync->lock);
        bool urgent = !enough_follow_locked(sync);
        pthread_mutex_unlock(&sync->lock);
        if (urgent)
            return;
        uint64_t look_ms = clock_monotonic_ms() + RETRY_MS;
        task_park_until(look_ms < until_ms ? look_ms : until_ms);
    }
}

static enum status snapshot_send(struct feeder *feeder)
{
    struct meta_sync *sync = feeder->sync;
    struct snapshot_job job = {.meta = sync->meta};
    struct cluster_meta_state node = {0};
    enum status status = STATUS_OK;

    log_info("a node gets a snapshot of the metadata", LOG_INT("nodeId", feeder->number));
    metric_counter_add(sync->snapshots, 1);
    buffer_init(&job.record, CHANGE_RECORD_MAX);
    pool_run(sync->config.pool, snapshot_job_open, &job);
    struct cluster_meta_page page = {.as_of = {job.as_of.epoch, job.as_of.sequence}};
    for (; !status && !page.last && !is_stopping(sync); page.number++) {
        pool_run(sync->config.pool, snapshot_job_next, &job);
        page.last = job.end;
        status = job.status;
        if (!status)
            snapshot_throttle(feeder, job.record.len);
        if (!status)
            status = cluster_meta_load(sync->config.cluster, feeder->index, &page, buffer_bytes(&job.record), &node);
    }
    pool_run(sync->config.pool, snapshot_job_close, &job);
    if (!status && !page.last)
        status = STATUS_CANCELLED;
    return status ? status : state_check(feeder, &node);
}

/* Hands the next piece on. */
static enum status feeder_send(struct feeder *feeder)
{
    struct meta_sync *sync = feeder->sync;
    struct cluster_meta_state node = {0};
    struct buffer records;
    buffer_init(&records, CHANGE_RECORD_MAX + CHANGE_PAGE_BYTES);
    enum status status = records_take(feeder, feeder->applied + 1, &records);
    if (status == STATUS_NOT_FOUND) {
        status = snapshot_send(feeder);
    } else if (!status) {
        call_begins(feeder);
        status = cluster_meta_apply(sync->config.cluster, feeder->index, buffer_bytes(&records), &node);
        if (!status)
            status = state_check(feeder, &node);
        feeder->proven = status == STATUS_OK;
    }
    buffer_release(&records);
    return status;
}

/* Parks until there is something to do. False: nothing came until then. */
static bool feeder_wait(struct feeder *feeder, uint64_t until_ms)
{
    struct meta_sync *sync = feeder->sync;
    for (;;) {
        pthread_mutex_lock(&sync->lock);
        bool work = sync->stopping || sync->refused || feeder->applied < sync->last;
        pthread_mutex_unlock(&sync->lock);
        if (work)
            return true;
        if (clock_monotonic_ms() >= until_ms)
            return false;
        task_park_until(until_ms);
    }
}

static void feeder_pause(struct feeder *feeder)
{
    uint64_t until_ms = clock_monotonic_ms() + RETRY_MS;
    while (!is_stopping(feeder->sync) && clock_monotonic_ms() < until_ms)
        task_park_until(until_ms);
}

static void feeder_main(void *arg)
{
    struct feeder *feeder = arg;
    struct meta_sync *sync = feeder->sync;

    pthread_mutex_lock(&sync->lock);
    feeder->task = task_self();
    pthread_mutex_unlock(&sync->lock);
    while (!is_stopping(sync)) {
        enum status status = STATUS_UNAVAILABLE;
        if (cluster_node_readable(sync->config.cluster, feeder->number))
            status = feeder->met ? feeder_send(feeder) : feeder_meet(feeder);
        if (status) {
            feeder_lost(feeder);
            feeder_pause(feeder);
        } else if (!feeder_wait(feeder, clock_monotonic_ms() + sync->config.check_interval_ms)) {
            feeder->met = false;
        }
    }
    pthread_mutex_lock(&sync->lock);
    feeder->task = NULL;
    sync->running--;
    pthread_cond_broadcast(&sync->changed);
    pthread_mutex_unlock(&sync->lock);
}

/* For metrics. What a node holds that does not follow is not certain. */
static double feeder_lag(void *arg)
{
    struct feeder *feeder = arg;
    struct meta_sync *sync = feeder->sync;
    pthread_mutex_lock(&sync->lock);
    uint64_t lag = sync->last > feeder->applied ? sync->last - feeder->applied : 0;
    if (lag == 0 && !feeder->following)
        lag = 1;
    pthread_mutex_unlock(&sync->lock);
    return (double)lag;
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

struct meta_sync *meta_sync_create(const struct meta_sync_config *config)
{
    struct meta_sync *sync = mem_zalloc(sizeof(*sync));

    sync->config = *config;
    sync->count = cluster_node_count(config->cluster);
    if (sync->config.copies > sync->count)
        sync->config.copies = sync->count;
    sync->replication = (struct meta_replication){sync, sync_ready, sync_begin, sync_wait, sync_held};
    pthread_mutex_init(&sync->lock, NULL);
    clock_cond_init(&sync->changed);
    sync->seconds = metric_histogram_get("tercet_metadata_replication_seconds",
                                         "From a commit's local sync until enough nodes hold it", "",
                                         metric_seconds_bounds, metric_seconds_bound_count);
    sync->uncertain = metric_counter_get("tercet_metadata_uncertain_total",
                                         "Groups of commits that did not reach enough nodes in time", "");
    sync->snapshots = metric_counter_get("tercet_metadata_snapshots_total", "Snapshots begun for nodes", "");
    return sync;
}

const struct meta_replication *meta_sync_replication(struct meta_sync *sync)
{
    return &sync->replication;
}

void meta_sync_start(struct meta_sync *sync, struct meta *meta, struct loop *loop)
{
    struct cluster_node_info info;
    struct meta_position position;
    char label[32];

    sync->meta = meta;
    meta_position(meta, &position);
    sync->last = position.sequence;
    sync->running = sync->count;
    for (unsigned i = 0; i < sync->count; i++) {
        cluster_node_info(sync->config.cluster, i, &info);
        snprintf(label, sizeof(label), "node=\"%u\"", info.number);
        sync->feeders[i] = (struct feeder){.sync = sync, .index = i, .number = info.number};
        metric_gauge_callback("tercet_metadata_replica_lag",
                              "Changes that the node's replica lacks; at least 1 while the node does not follow", label,
                              feeder_lag, &sync->feeders[i]);
    }
    for (unsigned i = 0; i < sync->count; i++) /* each looks at all of them */
        task_spawn(loop, feeder_main, &sync->feeders[i]);
}

bool meta_sync_refused(struct meta_sync *sync)
{
    pthread_mutex_lock(&sync->lock);
    bool refused = sync->refused;
    pthread_mutex_unlock(&sync->lock);
    return refused;
}

void meta_sync_stop(struct meta_sync *sync)
{
    pthread_mutex_lock(&sync->lock);
    sync->stopping = true;
    while (sync->running > 0) {
        for (unsigned i = 0; i < sync->count; i++)
            if (sync->feeders[i].task)
                task_unpark(sync->feeders[i].task);
        wait_changed_locked(sync, clock_monotonic_ms() + RETRY_MS);
    }
    pthread_mutex_unlock(&sync->lock);
}

void meta_sync_free(struct meta_sync *sync)
{
    if (!sync)
        return;
    meta_ring_clear(&sync->ring);
    pthread_cond_destroy(&sync->changed);
    pthread_mutex_destroy(&sync->lock);
    free(sync);
}

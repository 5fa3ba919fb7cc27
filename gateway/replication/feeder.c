/* The task that hands on what one node lacks: from the records of the last commits in memory, else from the database's
 * log, else a snapshot; what the node may have by now, and with which chunks, hand_on.h says. It asks the node where it
 * is before it sends anything, whenever a request failed, and every now and then, since the node's disk may have been
 * replaced.
 *
 * A node that cannot go on since too few of a group's nodes are there stores the chunks of that group itself, after a
 * while. While the group is under way carried_group.c sees to that. */
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/task.h"
#include "gateway/replication/replication_internal.h"
#include "gateway/replication/stood_in.h"
#include "meta/take_over.h"
#include "storage/cluster/carriers.h"

#define BODY_MAX      (CARRIED_BLOCK_MAX + CHANGE_RECORD_MAX + CHANGE_PAGE_BYTES)
#define STRAY_WAIT_MS 5000
#define LOOK_MS       50
#define LAZY_MS       10 /* what nobody waits for is handed on with what comes meanwhile */

static void call_begins(struct feeder *feeder)
{
    lock_acquire(&feeder->replication->lock);
    feeder->call_started_ms = clock_monotonic_ms();
    lock_release(&feeder->replication->lock);
}

/* The node must be met anew. What it said that it holds, it held durably. */
static void feeder_lost(struct feeder *feeder)
{
    lock_acquire(&feeder->replication->lock);
    feeder->call_started_ms = 0;
    feeder->following = false;
    pthread_cond_broadcast(&feeder->replication->changed);
    lock_release(&feeder->replication->lock);
    feeder->met = false;
    feeder->proven = false;
}

/* What the node holds now; without: by a snapshot, which brings no chunks. */
static void call_ends(struct feeder *feeder, uint64_t applied, bool without)
{
    struct replication *replication = feeder->replication;
    lock_acquire(&replication->lock);
    feeder->call_started_ms = 0;
    feeder->answered_ms = clock_monotonic_ms();
    feeder->applied = applied;
    feeder->following = feeder->following || applied >= replication->last;
    if (replication->short_since_ms && commit_hooks_enough_follow_locked(replication))
        replication->short_since_ms = 0;
    carried_group_held(replication, feeder, applied, without);
    commit_hooks_held_locked(replication);
    lock_release(&replication->lock);
    feeder->met = true;
}

static void refuse(struct feeder *feeder, const struct cluster_meta_state *node, enum standing standing)
{
    struct replication *replication = feeder->replication;
    struct meta_position local;
    meta_position(replication->meta, &local);
    log_error(standing == STANDING_AHEAD
                  ? "a node is ahead of the local metadata, which must have lost something: the gateway stops. "
                    "Run tercet-gateway -restore-metadata"
                  : "a node holds changes that the local metadata must have lost and went on without: the gateway "
                    "stops. Run tercet-gateway -restore-metadata, which says what can be chosen from",
              LOG_INT("nodeId", feeder->number), LOG_INT("nodeSequence", node->sequence),
              LOG_INT("localSequence", local.sequence));
    replication_refuse(replication, STATUS_CONFLICT);
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

static enum standing judge(struct feeder *feeder, const struct cluster_meta_state *node)
{
    struct judge_job job = {.meta = feeder->replication->meta, .replica = {node->epoch, node->sequence}};
    if (!meta_judge_at_once(job.meta, &job.replica, &job.standing))
        pool_run(feeder->replication->config.pool, judge_job_run, &job);
    return job.standing;
}

/* ---- strays: see meta/take_over.h -------------------------------------------------------------------------------- */

/* Of the node's position when it is met. */
static void note_heard(struct feeder *feeder, const struct cluster_meta_state *node)
{
    lock_acquire(&feeder->replication->lock);
    feeder->emptied = feeder->emptied || node->epoch == 0;
    feeder->heard = !feeder->emptied;
    lock_release(&feeder->replication->lock);
}

/* Do so many nodes hold nothing beside our history that one of them would, had it been acknowledged? */
static bool enough_heard(struct replication *replication)
{
    unsigned count = 0;
    lock_acquire(&replication->lock);
    for (unsigned i = 0; i < replication->count; i++)
        count += replication->feeders[i].heard;
    bool enough = count + replication->config.copies > replication->count;
    lock_release(&replication->lock);
    return enough;
}

struct stray_job {
    struct meta *meta;
    struct meta_position replica;
    struct buffer record;
    bool stray;
};

static void stray_job_run(void *arg)
{
    struct stray_job *job = arg;
    job->stray = take_over_is_stray(job->meta, buffer_bytes(&job->record), &job->replica);
}

/* Is what the node holds beside our history one record that was never acknowledged? Other nodes may be about to be met.
 */
static bool holds_stray(struct feeder *feeder, const struct cluster_meta_state *node)
{
    struct replication *replication = feeder->replication;
    struct cluster_meta_state now = {0};
    struct stray_job job = {.meta = replication->meta, .replica = {node->epoch, node->sequence}};
    uint64_t until_ms = clock_monotonic_ms() + STRAY_WAIT_MS;

    buffer_init(&job.record, CHANGE_RECORD_MAX);
    if (cluster_meta_last(replication->config.cluster, feeder->index, &job.record, &now) == STATUS_OK)
        pool_run(replication->config.pool, stray_job_run, &job);
    buffer_release(&job.record);
    while (job.stray && !enough_heard(replication) && !replication_is_stopping(replication) &&
           clock_monotonic_ms() < until_ms)
        task_park_until(clock_monotonic_ms() + LOOK_MS);
    return job.stray && enough_heard(replication);
}

enum status feeder_check(struct feeder *feeder, const struct cluster_meta_state *node)
{
    if (node->fence > feeder->replication->generation) {
        replication_shut_out(feeder->replication, feeder->number, node->fence);
        return STATUS_CONFLICT;
    }
    enum standing standing = judge(feeder, node);
    if (standing == STANDING_PREFIX)
        note_heard(feeder, node);
    else if (standing != STANDING_OVERRULED && holds_stray(feeder, node)) {
        log_warn(
            "a node holds a change that an earlier process could not make durable, and nobody was told that it was "
            "done: the node gives it up",
            LOG_INT("nodeId", feeder->number), LOG_INT("nodeSequence", node->sequence));
        standing = STANDING_OVERRULED;
    }
    if (standing == STANDING_PREFIX || standing == STANDING_OVERRULED) {
        feeder->needs_snapshot = standing == STANDING_OVERRULED;
        feeder->overruled =
            feeder->needs_snapshot ? (struct meta_position){node->epoch, node->sequence} : (struct meta_position){0};
        bool loaded = standing == STANDING_PREFIX && feeder->loads && node->sequence >= feeder->loads;
        call_ends(feeder, standing == STANDING_PREFIX ? node->sequence : 0, loaded);
        feeder->loads = loaded ? 0 : feeder->loads;
        return STATUS_OK;
    }
    refuse(feeder, node, standing);
    return STATUS_CONFLICT;
}

/* Which chunks the node gets by a comparison, if it was away or begins anew: those of all groups that are over. */
static void compared_note(struct feeder *feeder)
{
    struct replication *replication = feeder->replication;
    struct cluster_node_info info;
    cluster_node_info(replication->config.cluster, feeder->index, &info);
    lock_acquire(&replication->lock);
    bool is_compared = info.awaits_comparison || feeder->applied == 0;
    uint64_t over = replication->groups ? replication->groups->first - 1 : UINT64_MAX;
    uint64_t until = replication->settled < over ? replication->settled : over;
    if (is_compared)
        feeder->compared = until;
    lock_release(&replication->lock);
}

/* Asks the node where it is. One that was away when this database was restored learns of it before it is used. */
static enum status feeder_meet(struct feeder *feeder)
{
    struct replication *replication = feeder->replication;
    struct cluster_meta_state node = {0};
    enum status status = cluster_meta_state(replication->config.cluster, feeder->index, &node);
    if (!status && node.knows_fences && node.fence < replication->restored_generation)
        status =
            cluster_meta_fence(replication->config.cluster, feeder->index, replication->restored_generation, &node);
    if (!status)
        status = feeder_check(feeder, &node);
    if (!status)
        compared_note(feeder);
    return status;
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

/* What is sent, and what it is. */
struct parcel {
    struct feeder *feeder;
    struct buffer body;
    struct hand_on rule;
    bool stands_in; /* chunks of groups for which the node stands in, whatever it holds */
    bool blocked;   /* there is something that is to be handed on later */
};

/* A block of its own that the node is not sent: it has no room. */
static void on_withheld(void *arg, const struct carried_block *block, uint64_t first)
{
    struct parcel *parcel = arg;
    struct replication *replication = parcel->feeder->replication;
    lock_acquire(&replication->lock);
    carried_group_stored(replication, parcel->feeder, first, MEMBER_WITHOUT);
    lock_release(&replication->lock);
    cluster_carried_missing(replication->config.cluster, parcel->feeder->number, block);
}

/* The records from that sequence on, as the node may have them now; nothing: later. NOT_FOUND: only a snapshot helps.
 */
static enum status records_read(struct parcel *parcel, uint64_t from, const struct hand_on *rule)
{
    struct replication *replication = parcel->feeder->replication;
    struct buffer page;
    struct log_job job = {.meta = replication->meta, .from = from, .records = &page};
    buffer_init(&page, BODY_MAX);
    lock_acquire(&replication->lock);
    job.status = record_ring_copy(&replication->ring, from, CHANGE_PAGE_BYTES, NULL, &page);
    lock_release(&replication->lock);
    if (job.status == STATUS_NOT_FOUND)
        pool_run(replication->config.pool, log_job_run, &job);
    if (job.status && job.status != STATUS_NOT_FOUND)
        log_warn("the log cannot be handed on, a snapshot will be", LOG_STATUS(job.status));
    if (!job.status)
        job.status = hand_on_pick(rule, buffer_bytes(&page), &parcel->body, on_withheld, parcel);
    buffer_release(&page);
    return job.status ? STATUS_NOT_FOUND : STATUS_OK;
}

/* The chunks of groups for which the node stands in. Their records come with them: it may hold these already. */
static void stand_in_take(struct parcel *parcel)
{
    struct replication *replication = parcel->feeder->replication;
    const struct carried_group *group;
    uint64_t behind = 0;
    enum status status = STATUS_OK;
    lock_acquire(&replication->lock);
    while (!status && parcel->body.len < CHANGE_PAGE_BYTES &&
           (group = carried_group_wanted(replication, parcel->feeder, behind)) != NULL) {
        behind = group->first;
        status = record_ring_copy(&replication->ring, behind, 1, NULL, &parcel->body);
    }
    if (status) /* it left the ring: nobody stands in for it, from the log it may be had later */
        carried_group_stored(replication, parcel->feeder, behind, MEMBER_WITHOUT);
    parcel->stands_in = parcel->body.len > 0;
    lock_release(&replication->lock);
}

/* The next piece for the node; without a body: later. NOT_FOUND: only a snapshot helps. */
static enum status parcel_take(struct parcel *parcel)
{
    struct feeder *feeder = parcel->feeder;
    struct replication *replication = feeder->replication;
    uint64_t from = feeder->applied + 1;
    stand_in_take(parcel);
    if (parcel->stands_in)
        return STATUS_OK;
    if (feeder->needs_snapshot)
        return STATUS_NOT_FOUND;
    uint64_t now_ms = clock_monotonic_ms(), patience_ms = PATIENCE_STALLS * replication->config.stall_ms;
    bool has_room = !feeder->refused_ms || now_ms - feeder->refused_ms >= patience_ms;
    lock_acquire(&replication->lock);
    bool lacks = from <= replication->last;
    bool waited = feeder->blocked_ms && now_ms - feeder->blocked_ms >= patience_ms;
    parcel->rule = (struct hand_on){(uint8_t)feeder->number, has_room, waited, replication->settled, feeder->compared};
    enum status status = STATUS_OK;
    if (lacks) {
        status = record_ring_copy(&replication->ring, from, CHANGE_PAGE_BYTES, has_room ? &parcel->rule : NULL,
                                  &parcel->body);
        feeder->following = status == STATUS_OK && (feeder->following || feeder->proven);
    }
    lock_release(&replication->lock);
    parcel->blocked = lacks && !status && parcel->body.len == 0;
    if (!lacks || (!status && has_room))
        return STATUS_OK;
    buffer_clear(&parcel->body);
    status = records_read(parcel, from, &parcel->rule);
    parcel->blocked = !status && parcel->body.len == 0;
    return status;
}

static void blocked_note(struct feeder *feeder, bool blocked, uint64_t settled)
{
    lock_acquire(&feeder->replication->lock);
    if (!blocked)
        feeder->blocked_ms = 0;
    else if (!feeder->blocked_ms)
        feeder->blocked_ms = clock_monotonic_ms();
    feeder->blocked_settled = settled;
    lock_release(&feeder->replication->lock);
}

/* Does any of it bring chunks? */
static bool parcel_carries(const struct parcel *parcel)
{
    struct bytes rest = buffer_bytes(&parcel->body);
    struct carried_block block;
    struct change_record record;
    while (rest.len > 0) {
        if (carried_block_next(&rest, &block) == STATUS_OK)
            return true;
        if (change_record_next(&rest, &record))
            return false;
    }
    return false;
}

/* May the node have taken what it was sent? */
static bool is_doubtful(enum status status)
{
    return status && status != STATUS_CONFLICT && status != STATUS_PRECONDITION && status != STATUS_INVALID &&
           status != STATUS_NO_SPACE;
}

static enum status parcel_send(struct parcel *parcel)
{
    struct feeder *feeder = parcel->feeder;
    struct replication *replication = feeder->replication;
    struct cluster_meta_state node = {0};
    struct bytes body = buffer_bytes(&parcel->body);
    bool carries = parcel_carries(parcel);
    uint64_t started_us = clock_monotonic_us();
    call_begins(feeder);
    enum status status = cluster_meta_apply(replication->config.cluster, feeder->index, body, &node);
    if (status == STATUS_NO_SPACE && carries && node.epoch) {
        stood_in_tell(feeder, body, MEMBER_WITHOUT, parcel->stands_in);
        feeder->refused_ms = clock_monotonic_ms();
        return feeder_check(feeder, &node); /* it follows without the chunks */
    }
    if (!status && carries)
        cluster_carrier_answered(replication->config.cluster, feeder->index, clock_monotonic_us() - started_us);
    if (!status && (parcel->stands_in || parcel->rule.stands_in || feeder->refused_ms))
        stood_in_tell(feeder, body, MEMBER_STORED, parcel->stands_in);
    else if (is_doubtful(status) && parcel->rule.stands_in)
        stood_in_doubt(feeder, body);
    if (!status && carries)
        feeder->refused_ms = 0;
    if (!status || status == STATUS_PRECONDITION)
        status = feeder_check(feeder, &node);
    feeder->proven = status == STATUS_OK;
    return status;
}

/* Hands the next piece on. */
static enum status feeder_send(struct feeder *feeder)
{
    struct parcel parcel = {.feeder = feeder};
    buffer_init(&parcel.body, BODY_MAX);
    enum status status = parcel_take(&parcel);
    if (!parcel.stands_in && status != STATUS_NOT_FOUND)
        blocked_note(feeder, parcel.blocked, parcel.rule.settled);
    if (status == STATUS_NOT_FOUND)
        status = snapshot_send(feeder);
    else if (!status && parcel.body.len)
        status = parcel_send(&parcel);
    buffer_release(&parcel.body);
    return status;
}

enum feeder_need { FEEDER_IDLE, FEEDER_BLOCKED, FEEDER_LAZY, FEEDER_WORK };

/* Blocked: what it lacks was to be handed on later when that was last looked at, and no more is settled since then.
 * Lazy: others were asked for what it lacks. */
static enum feeder_need feeder_need(struct feeder *feeder)
{
    struct replication *replication = feeder->replication;
    lock_acquire(&replication->lock);
    bool lacks = feeder->applied < replication->last;
    bool blocked = lacks && feeder->blocked_ms && feeder->blocked_settled == replication->settled;
    bool lazy = lacks && feeder->following && feeder->wanted <= feeder->applied;
    bool work = replication->stopping || replication->refusal || carried_group_wanted(replication, feeder, 0);
    lock_release(&replication->lock);
    if (work || (lacks && !blocked && !lazy))
        return FEEDER_WORK;
    return blocked ? FEEDER_BLOCKED : lazy ? FEEDER_LAZY : FEEDER_IDLE;
}

/* Parks until there is something to do. False: nothing came until then. */
static bool feeder_wait(struct feeder *feeder, uint64_t until_ms)
{
    const uint64_t begun_ms = clock_monotonic_ms();
    uint64_t lazy_ms = 0; /* until then, since it was first seen to lack something */
    for (;;) {
        enum feeder_need need = feeder_need(feeder);
        uint64_t now_ms = clock_monotonic_ms(), end_ms = until_ms;
        if (need == FEEDER_LAZY)
            end_ms = lazy_ms = lazy_ms ? lazy_ms : now_ms + LAZY_MS;
        else if (need == FEEDER_BLOCKED)
            end_ms = begun_ms + REPLICATION_RETRY_MS;
        if (need == FEEDER_WORK || (need != FEEDER_IDLE && now_ms >= end_ms))
            return true;
        if (now_ms >= end_ms)
            return false;
        task_park_until(end_ms);
    }
}

static void feeder_pause(struct feeder *feeder)
{
    uint64_t until_ms = clock_monotonic_ms() + REPLICATION_RETRY_MS;
    while (!replication_is_stopping(feeder->replication) && clock_monotonic_ms() < until_ms)
        task_park_until(until_ms);
}

void feeder_main(void *arg)
{
    struct feeder *feeder = arg;
    struct replication *replication = feeder->replication;

    lock_acquire(&replication->lock);
    feeder->task = task_self();
    lock_release(&replication->lock);
    while (!replication_is_stopping(replication)) {
        enum status status = STATUS_UNAVAILABLE;
        if (cluster_node_readable(replication->config.cluster, feeder->number))
            status = feeder->met ? feeder_send(feeder) : feeder_meet(feeder);
        if (status) {
            feeder_lost(feeder);
            feeder_pause(feeder);
        } else if (!feeder_wait(feeder, clock_monotonic_ms() + replication->config.check_interval_ms)) {
            feeder->met = false;
        }
    }
    lock_acquire(&replication->lock);
    feeder->task = NULL;
    replication->running--;
    pthread_cond_broadcast(&replication->changed);
    lock_release(&replication->lock);
}

/* What a node holds that does not follow is not certain. */
double feeder_lag(void *arg)
{
    struct feeder *feeder = arg;
    struct replication *replication = feeder->replication;
    lock_acquire(&replication->lock);
    uint64_t lag = replication->last > feeder->applied ? replication->last - feeder->applied : 0;
    if (lag == 0 && !feeder->following)
        lag = 1;
    lock_release(&replication->lock);
    return (double)lag;
}

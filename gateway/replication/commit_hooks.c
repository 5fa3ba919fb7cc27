/* What meta/'s committer asks and tells (struct meta_replication in meta/history.h, which this implements): may a
 * change be made, which nodes store what it carries, here is one, do enough nodes hold it? On the committer's thread
 * and its acknowledger's.
 *
 * A change is acknowledged when `copies` nodes have said that they hold it, the fastest ones count, and the chunks that
 * its group carries are safe (carried_group.h). What a node once said that it holds it holds, also when it does not
 * follow any more. */
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/task.h"
#include "gateway/replication/replication_internal.h"
#include "gateway/replication/stood_in.h"
#include "storage/cluster/carriers.h"

#define READY_WAIT_MS 800 /* before changes are refused: a node may be about to catch up */
#define GIVE_UP_MS    800 /* a commit waits no longer than this when too few nodes follow */
#define LOOK_MS       50  /* while it waits: that a node is gone wakes nobody */
#define WATCH_MS      10  /* the same for a group with chunks, of which no node is to be late */

static bool follows_locked(const struct feeder *feeder, uint64_t now_ms)
{
    const struct replication_config *config = &feeder->replication->config;
    bool stalled = feeder->call_started_ms && now_ms - feeder->call_started_ms > 2 * config->stall_ms;
    return feeder->following && !stalled && cluster_node_readable(config->cluster, feeder->number);
}

uint64_t commit_hooks_following_locked(const struct replication *replication)
{
    uint64_t now_ms = clock_monotonic_ms(), following = 0;
    for (unsigned i = 0; i < replication->count; i++)
        if (follows_locked(&replication->feeders[i], now_ms))
            following |= UINT64_C(1) << i;
    return following;
}

bool commit_hooks_enough_follow_locked(const struct replication *replication)
{
    return (unsigned)__builtin_popcountll(commit_hooks_following_locked(replication)) >= replication->config.copies;
}

static bool enough_hold_locked(const struct replication *replication, uint64_t sequence)
{
    unsigned count = 0;
    for (unsigned i = 0; i < replication->count; i++)
        count += replication->feeders[i].applied >= sequence;
    return count >= replication->config.copies;
}

static uint64_t hook_held(void *arg)
{
    struct replication *replication = arg;
    uint64_t held = 0;
    lock_acquire(&replication->lock);
    for (unsigned i = 0; i < replication->count; i++)
        if (replication->feeders[i].applied > held && enough_hold_locked(replication, replication->feeders[i].applied))
            held = replication->feeders[i].applied;
    lock_release(&replication->lock);
    return held;
}

/* What two nodes hold, in a cluster of one that one. */
static uint64_t settled_locked(const struct replication *replication)
{
    uint64_t first = 0, second = 0;
    for (unsigned i = 0; i < replication->count; i++) {
        uint64_t applied = replication->feeders[i].applied;
        if (applied > first) {
            second = first;
            first = applied;
        } else if (applied > second) {
            second = applied;
        }
    }
    return replication->count < 2 ? first : second;
}

/* Is the group durable on enough nodes, and what it carries? */
static bool is_held_locked(struct replication *replication, uint64_t last)
{
    const struct carried_group *group = carried_group_oldest(replication, last);
    return enough_hold_locked(replication, last) && (!group || carried_group_is_safe(replication, group));
}

/* One wake-up for a group: the acknowledger's when that is held which it waits for, and those of the nodes that may go
 * on since more is settled. */
void commit_hooks_held_locked(struct replication *replication)
{
    uint64_t settled = settled_locked(replication), passed = UINT64_MAX;
    for (unsigned i = 0; i < replication->count; i++) {
        struct feeder *feeder = &replication->feeders[i];
        if (settled > replication->settled && feeder->applied < settled && !feeder->call_started_ms && feeder->task)
            task_unpark(feeder->task);
        if (feeder->following && feeder->applied < passed)
            passed = feeder->applied;
    }
    if (settled > replication->settled)
        replication->settled = settled;
    if (passed != UINT64_MAX)
        record_ring_pass(&replication->ring, passed);
    if (replication->others_wait || (replication->awaited && is_held_locked(replication, replication->awaited)))
        pthread_cond_broadcast(&replication->changed);
}

void commit_hooks_wait_locked(struct replication *replication, uint64_t until_ms)
{
    replication->others_wait++;
    clock_cond_wait(&replication->changed, &replication->lock, until_ms);
    replication->others_wait--;
}

static bool wait_ready_locked(struct replication *replication, uint64_t until_ms)
{
    while (!replication->refusal && !commit_hooks_enough_follow_locked(replication) && clock_monotonic_ms() < until_ms)
        commit_hooks_wait_locked(replication, until_ms);
    return !replication->refusal && commit_hooks_enough_follow_locked(replication);
}

bool replication_wait(struct replication *replication, uint64_t wait_ms)
{
    lock_acquire(&replication->lock);
    bool ready = wait_ready_locked(replication, clock_monotonic_ms() + wait_ms);
    lock_release(&replication->lock);
    return ready;
}

/* Changes that come while others wait do not wait anew after those: once the time is over all are refused at once. */
static bool hook_ready(void *arg)
{
    struct replication *replication = arg;
    lock_acquire(&replication->lock);
    if (replication->short_since_ms == 0)
        replication->short_since_ms = clock_monotonic_ms();
    bool ready = wait_ready_locked(replication, replication->short_since_ms + READY_WAIT_MS);
    if (ready)
        replication->short_since_ms = 0;
    lock_release(&replication->lock);
    return ready;
}

static unsigned hook_place(void *arg, uint8_t nodes[CHUNK_COPIES_MAX])
{
    struct replication *replication = arg;
    lock_acquire(&replication->lock);
    uint64_t following = commit_hooks_following_locked(replication);
    lock_release(&replication->lock);
    return cluster_carriers_choose(replication->config.cluster, following, nodes);
}

bool replication_carries(struct replication *replication)
{
    lock_acquire(&replication->lock);
    uint64_t following = commit_hooks_following_locked(replication);
    lock_release(&replication->lock);
    return cluster_carriers_enough(replication->config.cluster, following);
}

/* Those who must wait for others are not woken yet. Who is asked at once is who carries the chunks, or, of a group
 * without any, one node more than have to hold it, by turns. The others get it with the next group that they are asked
 * for, or a little later: so a group costs three requests and not four. */
static void feeders_wake_locked(struct replication *replication, const struct carried_set *carried, uint64_t last)
{
    unsigned prompt = replication->config.copies + 1;
    for (unsigned i = 0; i < replication->count; i++) {
        struct feeder *feeder = &replication->feeders[(replication->turn + i) % replication->count];
        bool wanted = carried ? carried_set_has(carried, (uint8_t)feeder->number) : feeder->following && prompt > 0;
        if (wanted) {
            feeder->wanted = last;
            prompt--;
        }
        if (feeder->task && (!carried || wanted))
            task_unpark(feeder->task);
    }
    replication->turn++;
}

static void hook_begin(void *arg, struct buffer *take_record, uint64_t first, uint64_t last,
                       const struct carried_set *carried)
{
    struct replication *replication = arg;
    lock_acquire(&replication->lock);
    if (carried) {
        carried_group_begin(replication, first, last, carried, take_record->len > 0);
        metric_counter_add(replication->carried, 1);
    }
    record_ring_add(&replication->ring, take_record, first, last);
    replication->last = last;
    feeders_wake_locked(replication, carried, last);
    lock_release(&replication->lock);
}

/* Is a group that is durable here since then not to be expected on enough nodes any more? Only what is seen twice
 * counts: after a pause of this process the answers that were missed meanwhile are about to be read. */
static bool is_hopeless_locked(struct replication *replication, uint64_t last, uint64_t since_ms)
{
    uint64_t now_ms = clock_monotonic_ms(), waited_ms = now_ms - since_ms;
    const struct carried_group *group = carried_group_oldest(replication, last);
    bool enough =
        commit_hooks_enough_follow_locked(replication) && (!group || !carried_group_is_lost(replication, group));
    if (waited_ms < replication->config.node_timeout_ms && (waited_ms < GIVE_UP_MS || enough)) {
        replication->hopeless_since_ms = 0;
        return false;
    }
    if (!replication->hopeless_since_ms)
        replication->hopeless_since_ms = now_ms;
    return now_ms - replication->hopeless_since_ms >= LOOK_MS;
}

/* What became of the copies that stood in: surplus, since the nodes stored theirs after all; or, of a group that was
 * given up and whose owner so does not correct its rows, the only ones. */
static void stand_ins_settle(struct replication *replication, uint64_t first, uint64_t surplus,
                             const struct meta_short *given_up)
{
    struct carried_block block;
    struct buffer record;
    if (!surplus && !given_up)
        return;
    buffer_init(&record, CARRIED_BLOCK_MAX + CHANGE_RECORD_MAX);
    lock_acquire(&replication->lock);
    enum status status = record_ring_copy(&replication->ring, first, 1, NULL, &record);
    lock_release(&replication->lock);
    struct bytes rest = buffer_bytes(&record);
    if (!status && carried_block_next(&rest, &block) == STATUS_OK) {
        if (given_up)
            stood_in_record(replication, &block, given_up);
        else
            cluster_carried_discard(replication->config.cluster, surplus, &block);
    }
    buffer_release(&record);
}

/* The group that carries chunks is over. */
static void group_end(struct replication *replication, bool held, uint64_t last, struct meta_short *missing)
{
    uint64_t surplus, first, begun_ms;
    bool degraded;
    lock_acquire(&replication->lock);
    struct carried_group *group = carried_group_oldest(replication, last);
    if (group) {
        first = group->first;
        begun_ms = group->begun_ms;
        degraded = group->own < CHUNK_COPIES;
        carried_group_end(replication, group, missing, &surplus);
    }
    for (unsigned i = 0; group && !held && i < replication->count; i++)
        if (replication->feeders[i].task) /* nobody's settling wakes them: they are to see that they are blocked */
            task_unpark(replication->feeders[i].task);
    lock_release(&replication->lock);
    if (!group)
        return;
    if (!held) {
        if (missing->count && missing->nodes[0].stand_in)
            stand_ins_settle(replication, first, 0, missing);
        return;
    }
    for (unsigned i = 0; i < missing->count; i++)
        degraded = degraded || missing->nodes[i].stand_in == 0;
    cluster_carried_safe(replication->config.cluster, (double)(clock_monotonic_ms() - begun_ms) / 1000, degraded);
    stand_ins_settle(replication, first, surplus, NULL);
}

static bool wait_held_locked(struct replication *replication, uint64_t last, uint64_t since_ms)
{
    replication->awaited = last;
    while (!is_held_locked(replication, last) && !replication->refusal &&
           !is_hopeless_locked(replication, last, since_ms)) {
        const struct carried_group *group = carried_group_oldest(replication, last);
        if (group)
            carried_group_watch(replication);
        if (is_held_locked(replication, last))
            break;
        clock_cond_wait(&replication->changed, &replication->lock, clock_monotonic_ms() + (group ? WATCH_MS : LOOK_MS));
    }
    replication->awaited = 0;
    bool held = is_held_locked(replication, last);
    if (held)
        replication->hopeless_since_ms = 0;
    return held;
}

static enum meta_held hook_wait(void *arg, uint64_t last, uint64_t since_ms, struct meta_short *missing)
{
    struct replication *replication = arg;
    uint64_t start_us = clock_monotonic_us();
    *missing = (struct meta_short){0};
    lock_acquire(&replication->lock);
    bool held = wait_held_locked(replication, last, since_ms);
    lock_release(&replication->lock);
    group_end(replication, held, last, missing);
    metric_histogram_observe(replication->seconds, (double)(clock_monotonic_us() - start_us) / 1e6);
    if (!held) {
        metric_counter_add(replication->uncertain, 1);
        log_error("a commit is not on enough nodes: its clients get an error, and it is handed on when nodes are back",
                  LOG_INT("sequence", last));
        return META_NOT_HELD;
    }
    return missing->count ? META_HELD_SHORT : META_HELD;
}

void commit_hooks_init(struct replication *replication)
{
    replication->hooks =
        (struct meta_replication){replication, hook_ready, hook_place, hook_begin, hook_wait, hook_held};
    replication->seconds =
        metric_histogram_get("tercet_metadata_replication_seconds",
                             "Time from the local sync of a group of metadata commits until enough nodes hold it.", "",
                             metric_seconds_bounds, metric_seconds_bound_count);
    replication->carried = metric_counter_get("tercet_carried_groups_total",
                                              "Groups of metadata commits that brought small chunks with them.", "");
    replication->stand_ins =
        metric_counter_get("tercet_carried_standins_total",
                           "Nodes that took over the small chunks of a group of metadata commits for another one.", "");
    replication->uncertain = metric_counter_get(
        "tercet_metadata_uncertain_total", "Groups of metadata commits that did not reach enough nodes in time.", "");
}

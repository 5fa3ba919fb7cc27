/* See the header. */
#include "gateway/replication/carried_group.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/task.h"
#include "gateway/replication/replication_internal.h"
#include "storage/cluster/carriers.h"

/* What is late must be seen twice: after a pause of this process answers are about to be read. */
#define CONFIRM_MS 10

static struct group_member *member_add(struct carried_group *group, unsigned feeder)
{
    CHECK(group->count < GROUP_MEMBERS_MAX);
    struct group_member *member = &group->members[group->count++];
    *member = (struct group_member){.feeder = feeder, .since_ms = clock_monotonic_ms()};
    return member;
}

void carried_group_begin(struct replication *replication, uint64_t first, uint64_t last, const struct carried_set *set,
                         bool has_record)
{
    struct carried_group *group = mem_zalloc(sizeof(*group));
    group->first = first;
    group->last = last;
    group->begun_ms = clock_monotonic_ms();
    for (unsigned i = 0; i < replication->count; i++) {
        const struct feeder *feeder = &replication->feeders[i];
        enum member_state state = has_record ? MEMBER_OWES : MEMBER_WITHOUT;
        if (has_record && feeder->applied >= last) /* it had read the log, and was faster */
            state = MEMBER_STORED;
        if (carried_set_has(set, (uint8_t)feeder->number))
            member_add(group, i)->state = state;
    }
    group->own = group->count;
    struct carried_group **at = &replication->groups;
    while (*at)
        at = &(*at)->next;
    *at = group;
}

struct carried_group *carried_group_oldest(struct replication *replication, uint64_t last)
{
    struct carried_group *group = replication->groups;
    return group && group->last == last ? group : NULL;
}

static struct group_member *member_find(struct carried_group *group, const struct feeder *feeder)
{
    for (unsigned i = 0; i < group->count; i++)
        if (group->members[i].feeder == feeder->index)
            return &group->members[i];
    return NULL;
}

void carried_group_held(struct replication *replication, const struct feeder *feeder, uint64_t sequence, bool without)
{
    for (struct carried_group *group = replication->groups; group && group->last <= sequence; group = group->next) {
        struct group_member *member = member_find(group, feeder);
        if (member && member < group->members + group->own && member->state == MEMBER_OWES)
            member->state = without ? MEMBER_WITHOUT : MEMBER_STORED;
    }
}

static struct carried_group *group_find(const struct replication *replication, uint64_t first)
{
    struct carried_group *group = replication->groups;
    while (group && group->first != first)
        group = group->next;
    return group;
}

bool carried_group_is_under_way(const struct replication *replication, uint64_t first)
{
    return group_find(replication, first) != NULL;
}

bool carried_group_stored(struct replication *replication, const struct feeder *feeder, uint64_t first,
                          enum member_state state)
{
    struct carried_group *group = group_find(replication, first);
    struct group_member *member = group ? member_find(group, feeder) : NULL;
    if (!group)
        return false;
    if (!member && state == MEMBER_STORED && group->count < GROUP_MEMBERS_MAX)
        member = member_add(group, feeder->index);
    if (member && member->state != MEMBER_STORED)
        member->state = state;
    return true;
}

const struct carried_group *carried_group_wanted(const struct replication *replication, const struct feeder *feeder,
                                                 uint64_t behind)
{
    for (struct carried_group *group = replication->groups; group; group = group->next)
        for (unsigned i = group->own; i < group->count && group->first > behind; i++)
            if (group->members[i].feeder == feeder->index && group->members[i].state == MEMBER_OWES &&
                feeder->applied + 1 >= group->first)
                return group;
    return NULL;
}

/* It owes its answer, which is still to be expected. */
static bool member_runs(const struct replication *replication, const struct group_member *member)
{
    const struct feeder *feeder = &replication->feeders[member->feeder];
    return member->state == MEMBER_OWES && !member->down && (feeder->following || feeder->call_started_ms);
}

/* It has the chunks, or is expected to have them soon. */
static bool member_is_well(const struct replication *replication, const struct group_member *member)
{
    return member->state == MEMBER_STORED || (member_runs(replication, member) && !member->stalled && !member->hedged);
}

static void member_watch(const struct replication *replication, struct group_member *member, uint64_t now_ms,
                         bool *late)
{
    const struct feeder *feeder = &replication->feeders[member->feeder];
    uint64_t since_ms = member->since_ms > feeder->answered_ms ? member->since_ms : feeder->answered_ms;
    enum carrier_pace pace = CARRIER_IN_TIME;
    if (member->state == MEMBER_OWES)
        pace = cluster_carrier_pace(replication->config.cluster, feeder->index, since_ms, now_ms);
    if (pace == CARRIER_IN_TIME)
        member->noted_ms = 0;
    else if (!member->noted_ms)
        member->noted_ms = now_ms;
    bool confirmed = member->noted_ms && now_ms >= member->noted_ms + CONFIRM_MS;
    member->down = confirmed && pace == CARRIER_DOWN;
    member->stalled = confirmed && (pace == CARRIER_DOWN || pace == CARRIER_STALLED);
    *late = confirmed && pace == CARRIER_LATE;
}

/* Takes one more node, if one is there. hedge: for one that is late. */
static bool group_recruit(struct replication *replication, struct carried_group *group, bool hedge)
{
    uint64_t among = commit_hooks_following_locked(replication), beside = 0;
    if (group->count == GROUP_MEMBERS_MAX)
        return false;
    for (unsigned i = 0; i < group->count; i++) {
        uint64_t node = UINT64_C(1) << group->members[i].feeder;
        among &= ~node;
        beside |= member_is_well(replication, &group->members[i]) ? node : 0;
    }
    int index = cluster_carriers_stand_in(replication->config.cluster, among, beside, hedge);
    if (index < 0)
        return false;
    struct feeder *feeder = &replication->feeders[index];
    member_add(group, (unsigned)index);
    metric_counter_add(replication->stand_ins, 1);
    log_warn("a node stands in for another that was to store small chunks", LOG_INT("nodeId", feeder->number),
             LOG_INT("sequence", group->last));
    if (feeder->task)
        task_unpark(feeder->task);
    return true;
}

static void group_watch(struct replication *replication, struct carried_group *group, uint64_t now_ms)
{
    unsigned alive = 0;
    for (unsigned i = 0; i < group->count; i++) {
        struct group_member *member = &group->members[i];
        bool late;
        member_watch(replication, member, now_ms, &late);
        if (late && !member->hedged)
            member->hedged = group_recruit(replication, group, true);
        alive += member_is_well(replication, member);
    }
    while (alive < group->own && group_recruit(replication, group, false))
        alive++;
    group->exhausted = alive < group->own;
}

void carried_group_watch(struct replication *replication)
{
    uint64_t now_ms = clock_monotonic_ms();
    for (struct carried_group *group = replication->groups; group; group = group->next)
        if (!carried_group_is_safe(replication, group))
            group_watch(replication, group, now_ms);
}

struct member_tally {
    unsigned stored, running;
};

static struct member_tally group_tally(const struct replication *replication, const struct carried_group *group)
{
    struct member_tally tally = {0};
    for (unsigned i = 0; i < group->count; i++) {
        tally.stored += group->members[i].state == MEMBER_STORED;
        tally.running += member_runs(replication, &group->members[i]);
    }
    return tally;
}

bool carried_group_is_safe(const struct replication *replication, const struct carried_group *group)
{
    struct member_tally tally = group_tally(replication, group);
    return tally.stored >= CHUNK_COPIES_MIN && (tally.stored >= group->own || (group->exhausted && tally.running == 0));
}

bool carried_group_is_lost(const struct replication *replication, const struct carried_group *group)
{
    struct member_tally tally = group_tally(replication, group);
    return group->exhausted && tally.stored + tally.running < CHUNK_COPIES_MIN;
}

/* The next one that stood in and stored the chunks. */
static unsigned next_stand_in(const struct carried_group *group, unsigned from)
{
    while (from < group->count && group->members[from].state != MEMBER_STORED)
        from++;
    return from;
}

void carried_group_end(struct replication *replication, struct carried_group *group, struct meta_short *missing,
                       uint64_t *surplus)
{
    unsigned stand_in = next_stand_in(group, group->own);
    CHECK(replication->groups == group);
    *surplus = 0;
    for (unsigned i = 0; i < group->own; i++) {
        const struct group_member *member = &group->members[i];
        if (member->state == MEMBER_STORED)
            continue;
        unsigned number = 0;
        if (stand_in < group->count) {
            number = replication->feeders[group->members[stand_in].feeder].number;
            stand_in = next_stand_in(group, stand_in + 1);
        }
        if (member->stalled)
            cluster_carrier_replaced(replication->config.cluster, member->feeder);
        missing->nodes[missing->count].lost = (uint8_t)replication->feeders[member->feeder].number;
        missing->nodes[missing->count++].stand_in = (uint8_t)number;
    }
    for (; stand_in < group->count; stand_in = next_stand_in(group, stand_in + 1))
        *surplus |= UINT64_C(1) << group->members[stand_in].feeder;
    replication->groups = group->next;
    free(group);
}

void carried_groups_release(struct replication *replication)
{
    while (replication->groups) {
        struct carried_group *group = replication->groups;
        replication->groups = group->next;
        free(group);
    }
}

/* The groups of commits under way that carry chunks: which nodes are to store them, which did, and who stands in for a
 * node that is late or failed. Small chunks' copies are treated as those of storage/cluster/chunk_writer.h are. From
 * `begin` until the acknowledger has waited for a group; all under the lock of the replication. */
#ifndef TERCET_GATEWAY_CARRIED_GROUP_H
#define TERCET_GATEWAY_CARRIED_GROUP_H

#include "base/change_record.h"
#include "meta/history.h"

struct replication;
struct feeder;

#define GROUP_MEMBERS_MAX 8 /* nodes that are tried for one group */

enum member_state { MEMBER_OWES, MEMBER_STORED, MEMBER_WITHOUT };

struct group_member {
    unsigned feeder; /* its place in the table */
    enum member_state state;
    bool stalled, down; /* as last seen */
    bool hedged;        /* it was late, and another one is tried as well */
    uint64_t since_ms;  /* it was told */
    uint64_t noted_ms;  /* it was late then and ever since; 0: it is not */
};

struct carried_group {
    struct carried_group *next;
    uint64_t first, last, begun_ms;
    struct group_member members[GROUP_MEMBERS_MAX];
    unsigned own, count; /* the first `own` are the group's nodes, the others stand in */
    bool exhausted;      /* it lacks a node, and no other was to be had */
};

void carried_group_begin(struct replication *replication, uint64_t first, uint64_t last, const struct carried_set *set,
                         bool has_record);
/* The oldest, when it ends at that sequence; NULL: that group carries nothing. */
struct carried_group *carried_group_oldest(struct replication *replication, uint64_t last);
/* The node holds the records up to there: of its own groups with the chunks, unless `without`. */
void carried_group_held(struct replication *replication, const struct feeder *feeder, uint64_t sequence, bool without);
/* The chunks of the group with the record that begins there were stored by the node, or will not be. False: there is no
 * such group any more. */
bool carried_group_stored(struct replication *replication, const struct feeder *feeder, uint64_t first,
                          enum member_state state);
bool carried_group_is_under_way(const struct replication *replication, uint64_t first);
/* The first group behind that sequence (of a record's first change) for which the node stands in, and which it can be
 * sent now. NULL: none. */
const struct carried_group *carried_group_wanted(const struct replication *replication, const struct feeder *feeder,
                                                 uint64_t behind);
/* Looks after all groups: takes nodes in the place of others. */
void carried_group_watch(struct replication *replication);
/* Are the chunks stored on as many nodes as can be had, on two at least? */
bool carried_group_is_safe(const struct replication *replication, const struct carried_group *group);
/* Are there no nodes on which they could become safe? */
bool carried_group_is_lost(const struct replication *replication, const struct carried_group *group);
/* The group that carried_group_oldest gave is over. missing: which of its nodes were replaced, by which. *surplus: the
 * nodes, by their place, that stored chunks which nobody counts. */
void carried_group_end(struct replication *replication, struct carried_group *group, struct meta_short *missing,
                       uint64_t *surplus);
/* Those that were never over: the program ends after a failed sync. */
void carried_groups_release(struct replication *replication);

#endif

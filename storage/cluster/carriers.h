/* The nodes that store the small chunks which ride with a commit of the metadata: chosen as for any other chunk, and
 * watched as copy.h watches the copies of one. Who sends them what is not known here. Sets of nodes are 64-bit masks of
 * places in the cluster's table; nothing here suspends. */
#ifndef TERCET_STORAGE_CLUSTER_CARRIERS_H
#define TERCET_STORAGE_CLUSTER_CARRIERS_H

#include "base/change_record.h"
#include "storage/cluster/cluster.h"

/* CHUNK_COPIES nodes of the set, by their numbers; CHUNK_COPIES_MIN when no other node takes chunks at all. How many;
 * 0: a node that takes chunks is not in the set, and without it they are too few. Any thread. */
unsigned cluster_carriers_choose(struct cluster *cluster, uint64_t among, uint8_t numbers[CHUNK_COPIES_MAX]);
/* Would it choose any? */
bool cluster_carriers_enough(const struct cluster *cluster, uint64_t among);
/* A node of the set that takes chunks, in the place of another; if it can be in another zone than those of `beside`,
 * which have the chunks or are getting them. hedge: of one that is only late, so that this one must be good, and is a
 * second try of the budget. -1: none, or none granted. Any thread. */
int cluster_carriers_stand_in(struct cluster *cluster, uint64_t among, uint64_t beside, bool hedge);

/* How a node that owes the answer to carried chunks since then is to be taken. One that is late is asked whether it is
 * there, and so are all that were as silent. */
enum carrier_pace { CARRIER_IN_TIME, CARRIER_LATE, CARRIER_STALLED, CARRIER_DOWN };
enum carrier_pace cluster_carrier_pace(struct cluster *cluster, unsigned index, uint64_t since_ms, uint64_t now_ms);
/* It answered after so long. */
void cluster_carrier_answered(struct cluster *cluster, unsigned index, uint64_t us);
/* Its chunks were stored elsewhere since it stalled. */
void cluster_carrier_replaced(struct cluster *cluster, unsigned index);
/* The node, by its number, has no copies of these, though they may be recorded: tells cluster_on_damage's function, in
 * a task of its own. */
void cluster_carried_missing(struct cluster *cluster, unsigned number, const struct carried_block *block);
/* The copies on those nodes are recorded nowhere: cluster_discard. */
void cluster_carried_discard(struct cluster *cluster, uint64_t nodes, const struct carried_block *block);
/* A group's chunks are safe, so long after they were sent; degraded: on fewer nodes than wanted. */
void cluster_carried_safe(struct cluster *cluster, double seconds, bool degraded);

#endif

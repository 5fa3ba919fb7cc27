/* Where the copies of a chunk go: weighted rendezvous hashing. A pure function of the chunk id, the node numbers and
 * the weights, so that every gateway and every repair run agrees, and a node that comes or goes moves only its share.
 */
#ifndef TERCET_STORAGE_CLUSTER_PLACEMENT_H
#define TERCET_STORAGE_CLUSTER_PLACEMENT_H

#include <stdint.h>

#include "base/chunk.h"

/* Higher is better. A node is first for a share of all chunks that is proportional to its weight (0 counts as 1). */
double placement_score(const struct chunk_id *id, unsigned number, uint64_t weight);

#endif

/* Orphans: copies on nodes that no record refers to, left by uploads that a crash cut. The comparison of a node
 * collects them; a job of its own puts them into the node's trash, slowly.
 *
 * A copy counts as an orphan only when nothing is recorded of its chunk, no stream of this process may still refer to
 * it, and it is older than the orphan age: by the time that its node stored it, by the time in its id, and by the time
 * when the metadata were restored, if they were. Before it goes to the trash it is asked again whether its stream is
 * open, and then whether it is recorded; in this order, since a stream is open until its chunks are recorded.
 *
 * When too large a part of a node's copies looks like orphans, the database is more likely to be wrong than the node:
 * then none of them is touched, and that is said aloud. */
#ifndef TERCET_GATEWAY_ORPHAN_H
#define TERCET_GATEWAY_ORPHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/cluster/cluster.h"

#define ORPHANS_MAX       65536 /* collected in one comparison; the next one finds the others */
#define ORPHANS_UNDOUBTED 1000  /* up to so many, the share does not matter */

struct background;

struct orphan {
    struct chunk_id id;
    uint32_t size;
};

/* Found by a comparison. Zero-initialise; release frees. */
struct orphans {
    struct orphan *items; /* the first ORPHANS_MAX */
    size_t kept, capacity;
    size_t next;           /* of the items: not yet looked at again */
    uint64_t count, bytes; /* all */
};
void orphans_release(struct orphans *orphans);

/* For a copy of which nothing is recorded: collects it if it is one. */
void orphans_consider(struct background *background, struct orphans *orphans, const struct cluster_copy *copy);
/* Whether so many orphans among a node's copies cast doubt on the database rather than on the node. */
bool orphans_are_doubtful(uint64_t orphans, uint64_t copies, uint64_t percent);

#endif

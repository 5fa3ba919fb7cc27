/* Making copies: a round, in which several workers go through a list of chunks, each of which gets the copy that a
 * planner says. Repair and the emptying of nodes share it. */
#ifndef TERCET_GATEWAY_REPAIR_H
#define TERCET_GATEWAY_REPAIR_H

#include "gateway/jobs/background_job.h"

#define REPAIR_BATCH_MAX   512
#define REPAIR_SMALL_BYTES CHUNK_BLOCK_BYTES /* the largest chunks that are copied many with one request */

struct copy_plan {
    struct chunk_ref sources; /* the nodes to copy the chunk from */
    unsigned target;          /* 0: there is none now */
};
/* False: the chunk needs no copy. */
typedef bool copy_planner(struct background *background, const struct meta_chunk *chunk, struct copy_plan *plan);

/* How a round proceeds; shared by its workers. */
struct repair_round {
    struct background *background;
    copy_planner *planner;
    bool restores; /* a copy that is recorded as bad, and is good after all, will do */
    struct chunk_list queue;
    size_t next;            /* of the queue */
    uint64_t chunks, bytes; /* copied, in so much time */
    uint64_t duration_ms;
};

/* Goes through the queue, the first ones first; then releases it. */
void repair_round_run(struct repair_round *round);
/* The good copies; when none is, all: one may be readable after all. */
void repair_sources(const struct meta_chunk *chunk, struct chunk_ref *sources);

/* repair_batch.c: makes copies of small chunks, many with one request. Those that it could not make have done[i] false.
 */
void repair_batch(struct repair_round *round, const struct chunk_ref *refs, size_t count, bool *done);

/* repair_state.c: what repair has left. */
void repair_state_register_metrics(struct background *background);

#endif

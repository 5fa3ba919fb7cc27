/* What the files of repair share: a round, which goes through a part of the queue with several workers. */
#ifndef TERCET_GATEWAY_REPAIR_H
#define TERCET_GATEWAY_REPAIR_H

#include "gateway/jobs/background_job.h"

#define REPAIR_BATCH_MAX   512
#define REPAIR_SMALL_BYTES CHUNK_BLOCK_BYTES /* the largest chunks that are copied many with one request */

/* How a round proceeds; shared by its workers. */
struct repair_round {
    struct background *background;
    struct chunk_list queue;
    size_t next;            /* of the queue */
    uint64_t chunks, bytes; /* copied */
};

/* The nodes to copy a chunk from, as a ref, and to; 0: there is none. */
unsigned repair_plan(struct background *background, const struct meta_chunk *chunk, struct chunk_ref *sources);

/* repair_batch.c: makes copies of small chunks, many with one request. Those that it could not make have done[i] false.
 */
void repair_batch(struct repair_round *round, const struct chunk_ref *refs, size_t count, bool *done);

/* repair_state.c: what repair has left. */
void repair_state_register_metrics(struct background *background);

#endif

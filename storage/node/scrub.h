/* The scrub: one thread that reads every chunk of the node again and again, so that damage is found while other copies
 * are still good. A copy found bad is set aside (chunk_store.h), which the gateway learns from /health.
 *
 * Whatever keeps a copy from being read makes it bad, but for what passes (disk.h): then it is tried twice more,
 * counted, logged as an error and left to the next pass.
 *
 * One pass takes at most the period: the pace follows from the bytes stored, but is never below a minimum, and a pass
 * that ends early waits for the rest of its period. The position is kept in the file `scrub` of the data directory, now
 * and then and at the end, so that a restart does not begin anew. */
#ifndef TERCET_STORAGE_NODE_SCRUB_H
#define TERCET_STORAGE_NODE_SCRUB_H

#include "storage/node/chunk_store.h"

struct scrub;

struct scrub_info {
    uint64_t passes;            /* ended since the process started */
    uint64_t chunks, bytes;     /* read since the process started */
    uint64_t damaged;           /* copies found bad since then */
    uint64_t unread;            /* chunks, or pages of the index, that could not be read, without being bad */
    int64_t pass_started_ms;    /* wall clock */
    int64_t last_pass_ended_ms; /* wall clock; 0 when none has ended yet */
};

/* server_id labels the metrics; it and the store must outlive the scrub. */
struct scrub *scrub_start(struct chunk_store *store, const char *server_id, uint64_t period_ms);
void scrub_stop(struct scrub *scrub); /* ends the chunk it is at; NULL is fine */
void scrub_info(struct scrub *scrub, struct scrub_info *info);

#endif

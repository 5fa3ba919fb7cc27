/* What goes on without a request: freeing the chunks of deleted and replaced data, making missing copies anew,
 * comparing what the nodes hold with what is recorded, putting orphans into the trash, aborting forgotten uploads, the
 * lifecycle of buckets, sealing keys anew, and removing old versions of files. */
#ifndef TERCET_GATEWAY_BACKGROUND_H
#define TERCET_GATEWAY_BACKGROUND_H

#include "gateway/gateway.h"

/* Starts the jobs on the gateway's first loop, and registers their metrics. From a plain thread. */
struct background *background_start(struct gateway *gateway);
/* Ends them and waits: a job finishes the chunk it is at. From a plain thread. */
void background_stop(struct background *background);
void background_free(struct background *background); /* after cluster_stop, which ends the last discard; NULL is fine */

#define NODE_NUMBERS 256 /* no node's number is larger */

/* Copies recorded as good on a node that is not in -nodes; 0 when it is, or was given up. Any thread. */
uint64_t background_unlisted_copies(const struct background *background, unsigned node);

/* How the emptying of a node stands; all zero for one that takes part. Any thread. */
struct background_drain {
    bool drained; /* no record names it, and its own list is empty: it may be taken away */
    uint64_t copies, bytes, bytes_per_s;
};
void background_drain_state(const struct background *background, unsigned index, struct background_drain *state);

/* GET /system/repair: chunks by copies, what repair did and how long it still needs, and how the nodes stand. */
void background_repair_state(struct exchange *exchange);
/* GET /system/lifecycle: how many buckets have rules, which are done, and what was done since the start. */
void background_lifecycle_state(struct exchange *exchange);
/* GET /system/encryption: the keys, how much needs each of them, and how far sealing anew has come. */
void background_encryption_state(struct exchange *exchange);

#endif

/* What the background jobs share. All of them are tasks of the gateway's first loop, so that what is in here needs no
 * lock, but for `stopping`, which another thread sets, and the figures, which requests on other loops read. */
#ifndef TERCET_GATEWAY_BACKGROUND_JOB_H
#define TERCET_GATEWAY_BACKGROUND_JOB_H

#include "base/task.h"
#include "gateway/gateway.h"
#include "gateway/orphan.h"

#define BUSY_MAX 32 /* more than tasks that work on chunks at once */

/* How one node's chunks compare with the records. */
struct node_watch {
    bool compared;                                    /* since the gateway started */
    bool given_up;                                    /* away too long: its copies are recorded as missing */
    uint64_t changes;                                 /* of cluster_node_info, when it was last compared */
    uint64_t next_ms;                                 /* monotonic: not to be compared before, unless it changed */
    uint64_t retry_ms;                                /* monotonic: not to be tried before, in any case */
    int64_t compared_ms;                              /* atomic; wall clock, 0 never */
    uint64_t missing, excess, unknown, unknown_bytes; /* atomic; found by the last comparison */
    uint64_t orphan_count, orphan_bytes;              /* atomic; the same */
    bool orphans_doubted;                             /* atomic; the same: too many to be true */
    uint64_t trashed, trashed_bytes;                  /* atomic; orphans, since the start */
    uint64_t restored;                                /* atomic; copies taken back from the trash, since the start */
    struct orphans orphans;                           /* on their way to the trash */
};

struct background {
    struct gateway *gateway;
    bool stopping;                                         /* atomic */
    struct completion gc, repair, compare, orphan, expiry; /* signalled when the job has ended */
    uint64_t start_ms;                                     /* monotonic */
    int64_t start_wall_ms;                                 /* wall clock, at the same time */
    /* Chunks whose copies are being made or removed: whoever works on one of them puts it here first and reads its row
     * then, so that no copy is removed on the grounds of a row that another task is about to change. */
    struct chunk_id busy[BUSY_MAX];
    bool busy_used[BUSY_MAX];
    uint64_t repaired_chunks, repaired_bytes; /* atomic; since the start */
    uint64_t rate_bytes_per_s;                /* atomic; of the last round of repair that copied anything */
    struct node_watch nodes[CLUSTER_NODES_MAX];
};

bool background_is_stopping(const struct background *background);
/* Sleeps; not much longer than it takes to notice a stop. */
void background_pause(const struct background *background, uint64_t ms);

/* False when another task works on the chunk. */
bool background_claim(struct background *background, const struct chunk_id *id);
void background_unclaim(struct background *background, const struct chunk_id *id);

/* The jobs; each signals its completion at its end. */
void gc_task(void *background);      /* gc.c */
void repair_task(void *background);  /* repair.c */
void compare_task(void *background); /* compare.c */
void orphan_task(void *background);  /* orphan.c */
void expiry_task(void *background);  /* expiry.c */

#endif

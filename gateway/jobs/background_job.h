/* What the background jobs are and what they share. All of them are tasks of the gateway's first loop, so that what is
 * in here needs no lock, but for `stopping`, which another thread sets, and the figures, which requests on other loops
 * read. */
#ifndef TERCET_GATEWAY_BACKGROUND_JOB_H
#define TERCET_GATEWAY_BACKGROUND_JOB_H

#include "base/clock.h"
#include "base/task.h"
#include "gateway/jobs/background.h"
#include "gateway/gateway.h"
#include "gateway/jobs/orphan.h"
#include "gateway/jobs/rekey.h"
#include "storage/protocol.h"

/* Places for the chunks that tasks work on at once: batches of repair, of the comparison and of discards. The random
 * part of an id picks the set. */
#define BUSY_SETS 2048
#define BUSY_WAYS 8

/* How one node's chunks compare with the records. */
struct node_watch {
    bool compared;                                    /* since the gateway started */
    bool given_up;                                    /* away too long: its copies are recorded as missing */
    bool excess_left;                                 /* copies that are too many once other nodes are compared */
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
    uint64_t drain_copies, drain_bytes;               /* atomic; of a node that is being emptied: what is left */
    bool drained;                                     /* atomic; nothing is recorded there, and it has nothing */
};

/* Nodes that rows name and -nodes does not. */
struct unlisted {
    uint64_t copies[NODE_NUMBERS]; /* atomic; recorded there and not known to be bad, by the node's number */
    bool given_up;                 /* atomic; they have been away too long: no copy of theirs counts any more */
};

/* Every job. A row NAME stands for the `const struct job_kind NAME_job` that the job's file defines. */
#define BACKGROUND_JOBS(ROW)                                                                                           \
    ROW(bucketlog)                                                                                                     \
    ROW(gc)                                                                                                            \
    ROW(repair)                                                                                                        \
    ROW(compare)                                                                                                       \
    ROW(drain)                                                                                                         \
    ROW(orphan)                                                                                                        \
    ROW(expiry)                                                                                                        \
    ROW(rekey)                                                                                                         \
    ROW(lifecycle)                                                                                                     \
    ROW(join)                                                                                                          \
    ROW(unlisted)                                                                                                      \
    ROW(file_versions)

#define JOB_OVER UINT64_MAX

struct job;

/* A job does one round after the other until the gateway stops. It may be cut at any point: a round looks at
 * background_is_stopping() between two steps. Only `round` must be there. */
struct job_kind {
    const char *name;
    void (*register_metrics)(struct background *background); /* before the job begins: a first increase is to be seen */
    uint64_t (*start)(struct job *job);                      /* makes the state; ms until the first round */
    uint64_t (*round)(struct job *job);                      /* ms until the next one; JOB_OVER: there is none */
    void (*stop)(struct job *job);                           /* waits for what still runs; frees the state */
};

#define JOB_DECLARE(name) extern const struct job_kind name##_job;
BACKGROUND_JOBS(JOB_DECLARE)
#undef JOB_DECLARE

/* A job that runs. All functions of its kind but register_metrics are called in its task. */
struct job {
    const struct job_kind *kind;
    struct background *background;
    void *state; /* the job's own, NULL at first */
    struct completion ended;
};

#define JOB_NUMBER(name) JOB_##name,
enum { BACKGROUND_JOBS(JOB_NUMBER) JOB_COUNT };
#undef JOB_NUMBER

/* How the lifecycle of buckets stands. */
struct lifecycle_figures {
    uint64_t buckets, unfinished; /* atomic; that have rules, and of these, those that are not done today */
    uint64_t done_ms;             /* atomic; monotonic: when all were done the last time, or the start */
};

struct background {
    struct gateway *gateway;
    bool stopping; /* atomic */
    struct job jobs[JOB_COUNT];
    struct unlisted unlisted;
    /* Chunks whose copies are being made or removed: whoever works on one of them puts it here first and reads its row
     * then, so that no copy is removed on the grounds of a row that another task is about to change. */
    struct chunk_id busy[BUSY_SETS][BUSY_WAYS];
    bool busy_used[BUSY_SETS][BUSY_WAYS];
    uint64_t repaired_chunks, repaired_bytes; /* atomic; since the start */
    uint64_t rate_bytes_per_s;                /* atomic; of the last round of repair that copied anything */
    struct lifecycle_figures lifecycle;
    struct rekey rekey;
    uint64_t drain_bytes_per_s;            /* atomic; of the last page that copied anything */
    uint64_t placed_beside, zones_next_ms; /* of cluster_placed_beside what was walked for; monotonic: not before */
    bool drains;                           /* nodes were being emptied in the last round */
    struct node_watch nodes[CLUSTER_NODES_MAX];
};

bool background_is_stopping(const struct background *background);
/* Sleeps; not much longer than it takes to notice a stop. */
void background_pause(const struct background *background, uint64_t ms);

/* Waits until so many may have been done since then; rate 0: no bound. */
void background_pace(const struct background *background, uint64_t since_ms, uint64_t count, uint64_t rate);

/* The wall clock for ages on which the life of data depends: the earliest of ours, what it was at the start and has
 * passed since, and those of the nodes that answer. While no node has told its clock, INT64_MIN: nothing has any age.
 */
int64_t background_now_ms(const struct background *background);

/* False when another task works on the chunk, or there is no room to remember that this one does: it is left for later,
 * as if so. */
bool background_claim(struct background *background, const struct chunk_id *id);
void background_unclaim(struct background *background, const struct chunk_id *id);

/* Records all copies of a node that does not come back as missing; *missing is how many. */
enum status compare_give_up(struct background *background, unsigned node, uint64_t *missing);
/* The node is not in -nodes and was given up: nothing is to be waited for. Should it come back, what it holds of
 * deleted data are orphans. */
bool background_node_is_gone(const struct background *background, unsigned node);

#endif

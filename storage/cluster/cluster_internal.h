/* What the files of this folder share: the cluster itself. Everything but `tasks`, `checked` and `stopping` is set
 * before cluster_start and constant from then on; the nodes, the discard queue and the live chunks have locks of their
 * own. */
#ifndef TERCET_STORAGE_CLUSTER_CLUSTER_INTERNAL_H
#define TERCET_STORAGE_CLUSTER_CLUSTER_INTERNAL_H

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "storage/cluster/cluster.h"
#include "storage/cluster/discard.h"
#include "storage/cluster/live_chunks.h"
#include "storage/cluster/node.h"

struct cluster_metrics {
    struct metric_histogram *write_seconds, *read_seconds; /* of a chunk */
    struct metric_counter *write_standins;                 /* a node was replaced while a chunk was written */
    struct metric_counter *write_hedges;                   /* of these, for nodes that were only late */
    struct metric_counter *write_degraded;                 /* chunks stored with fewer copies than wanted */
    struct metric_counter *write_failed;                   /* chunks that could not be stored */
    struct metric_counter *read_failovers;                 /* another replica took over */
    struct metric_counter *read_hedges, *read_hedges_won;  /* a second replica was asked, and was the first to answer */
    struct metric_counter *read_damaged;                   /* copies found missing or corrupt */
    struct metric_counter *read_failed;                    /* chunks that no replica could give */
};

struct cluster {
    struct cluster_config config; /* without `nodes`, which belongs to the caller */
    struct node *nodes;
    unsigned node_count;
    cluster_damage_fn damage_fn;
    void *damage_arg;
    struct cluster_discard_guard discard_guard; /* under discards.lock */
    struct loop *loop;                          /* of the background tasks */
    struct discard_queue discards;
    struct live_chunks live;
    struct cluster_metrics metrics;
    atomic_bool stopping;
    _Atomic uint64_t hurry_ms;      /* monotonic: since when it is about to stop (cluster_hurry); 0: it is not */
    bool has_zones;                 /* enough for the copies of a chunk, and fewer than nodes */
    _Atomic uint64_t placed_beside; /* cluster_placed_beside */
    _Atomic int64_t hedge_credit;   /* see hedge.h */
    _Atomic unsigned late_credit;   /* of writes, see write_pace.h: in hundredths of a second try */
    pthread_mutex_t lock;           /* guards the two below; see write_pace.c, too */
    pthread_cond_t changed;         /* either of them changed */
    unsigned tasks;                 /* background tasks that have not ended */
    unsigned checked;               /* nodes whose first check is over */
};

/* A background task of the cluster: cluster_stop waits for it. */
void cluster_task_spawn(struct cluster *cluster, void (*fn)(void *arg), void *arg);
void cluster_task_ended(struct cluster *cluster); /* the last thing that it does */

struct node *cluster_node(const struct cluster *cluster, unsigned number); /* NULL when there is no such node */

/* The best node for a copy among those that take chunks and whose index is not in the set; doubted nodes come after
 * all others, and of the rest those in a zone of a node of `beside`, which has a copy or is to get one. NULL when there
 * is none. */
struct node *cluster_place(struct cluster *cluster, const struct chunk_id *id, uint64_t excluded, uint64_t beside);
/* The nodes of a ref, as a set. */
uint64_t cluster_holders(const struct cluster *cluster, const struct chunk_ref *ref);
unsigned cluster_placeable_count(const struct cluster *cluster);
/* Why a chunk finds no two nodes: STATUS_NO_SPACE when there would be enough if none were full, else
 * STATUS_UNAVAILABLE. */
enum status cluster_shortage(const struct cluster *cluster);

/* node_checker.c: the task that watches one node. */
void node_checker_start(struct cluster *cluster, struct node *node);

/* node_list.c: parses cluster_config.nodes. STATUS_INVALID with *error set. */
enum status node_list_parse(const char *text, struct node_address *nodes, unsigned *count, const char **error);

static_assert(CLUSTER_NODES_MAX <= 64, "sets of nodes are 64-bit masks");

#endif

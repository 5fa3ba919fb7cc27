/* The replicated store in memory: storage/cluster/cluster.h and meta_link.h without nodes, sockets and disks, for tests
 * of the gateway. What nodes do wrong is switched on by the test; waiting follows the clock (base/clock.h). Programs
 * that link it do not link tercet_storage_cluster's own. */
#ifndef TERCET_TESTS_FAKE_CLUSTER_H
#define TERCET_TESTS_FAKE_CLUSTER_H

#include <stdatomic.h>

#include "storage/cluster/cluster.h"
#include "storage/cluster/meta_link.h"

/* What a node is asked for. */
enum fake_call { FAKE_WRITE, FAKE_READ, FAKE_DELETE, FAKE_TRASH, FAKE_RESTORE, FAKE_PULL, FAKE_LIST, FAKE_META };
#define FAKE_CALLS (FAKE_META + 1)

/* A node's switches, to be set at any time, and what it was asked. */
struct fake_node {
    atomic_bool down; /* see fake_cluster_down */
    atomic_bool full, read_only, draining;
    atomic_uint latency_ms[FAKE_CALLS]; /* see fake_node_slow, too */
    atomic_int fails[FAKE_CALLS];       /* an enum status; such calls end with it */
    atomic_uint calls[FAKE_CALLS];      /* that reached the node, counted when they do */
    struct cluster_meta_state replica;  /* its replica of the metadata; set while nobody asks */
    struct bytes last_record;           /* that it applied; set while nobody asks, and not the node's */
    atomic_uint last_unanswered;        /* so many more questions for it get no answer */
};

/* Nodes 1 to count. Free with cluster_free. */
struct cluster *fake_cluster_create(unsigned count, uint64_t chunk_bytes);
/* Sets the nodes' clocks ahead of the test's (negative: behind). */
void fake_cluster_set_clocks(struct cluster *cluster, int64_t ahead_ms);
struct fake_node *fake_node(struct cluster *cluster, unsigned number);
void fake_node_slow(struct cluster *cluster, unsigned number, unsigned latency_ms); /* in all calls */
/* The node goes away, or comes back as one whose chunks may have changed; awaits_comparison then, if the gateway wants
 * that. */
void fake_cluster_down(struct cluster *cluster, unsigned number, bool down);
/* The node restarts, found damage, ...: its chunks may have changed. */
void fake_cluster_changed(struct cluster *cluster, unsigned number);

/* Gives a node a copy, of no particular bytes, stored at that time. */
void fake_copy_put(struct cluster *cluster, unsigned number, const struct chunk_ref *ref, int64_t stored_ms);
/* Puts it into its trash. */
void fake_copy_put_trash(struct cluster *cluster, unsigned number, const struct chunk_ref *ref, int64_t stored_ms);
/* A stream with that chunk is open, from now on or no longer. */
void fake_chunk_live(struct cluster *cluster, const struct chunk_id *id, bool live);
void fake_copy_lose(struct cluster *cluster, unsigned number, const struct chunk_id *id);
void fake_copy_damage(struct cluster *cluster, unsigned number, const struct chunk_id *id);
bool fake_copy_is_there(struct cluster *cluster, unsigned number, const struct chunk_id *id);
bool fake_copy_is_in_trash(struct cluster *cluster, unsigned number, const struct chunk_id *id);
size_t fake_copy_count(struct cluster *cluster, unsigned number);
/* Of all nodes together. */
size_t fake_copy_total(struct cluster *cluster);

#endif

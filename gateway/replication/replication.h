/* Replication of the metadata: keeps a replica on every node, makes each commit wait until enough of them hold it, and
 * knows whether this gateway was replaced. docs/internals/replication.md tells the whole of it.
 *
 * meta/ commits into the interface that meta/history.h declares and commit_hooks.c implements; nothing else goes up
 * from there. One task per node, its feeder (feeder.c), hands on what that node lacks. Groups of commits share
 * requests, and a commit waits for the fastest nodes only. When fewer than `copies` nodes follow, changes are refused
 * before they are made; when nodes fail in mid-commit, it ends UNCERTAIN and is handed on later.
 *
 * A node that is ahead of this gateway proves that the local database has lost something: no change is made any more
 * and the program ends. So it is when a node's fence is above this gateway: a restore of the metadata has put another
 * in its place. A gateway whose own database was restored raises the fence at nodes that were away then. */
#ifndef TERCET_GATEWAY_REPLICATION_H
#define TERCET_GATEWAY_REPLICATION_H

#include "base/pool.h"
#include "gateway/system/bandwidth.h"
#include "meta/history.h"
#include "storage/cluster/cluster.h"

struct lease;
struct replication;
struct taken_over;

struct replication_config {
    struct cluster *cluster;
    struct pool *pool;
    unsigned copies;            /* nodes that must hold a change before it is acknowledged, at least 1 */
    uint64_t node_timeout_ms;   /* a commit waits no longer */
    uint64_t stall_ms;          /* a node that takes more than twice that to answer does not count as following */
    uint64_t check_interval_ms; /* an idle node is asked where it is; its disk may have been replaced */
    /* For snapshots while enough nodes follow without; of the feeders' loop, outlives them. */
    struct bandwidth *bandwidth;
};

struct replication *replication_create(const struct replication_config *config);
const struct meta_replication *replication_hooks(struct replication *replication); /* for meta_open */
/* Starts the feeders and the lease. From a plain thread. */
void replication_start(struct replication *replication, struct meta *meta, struct loop *loop);
/* Once it was started: the recovery took this record over, without the chunks that it may have carried. Those who are
 * not known to have it are to get them by a repair. */
void replication_took_over(struct replication *replication, const struct taken_over *taken);
/* Can small chunks be carried with commits now? Only when all nodes that they would need follow. Any thread. */
bool replication_carries(struct replication *replication);
/* Whether this gateway is still the one (lease.h). Once it was started. */
struct lease *replication_lease(struct replication *replication);
/* Waits, at most wait_ms, until enough nodes follow; false when they do not. Blocks. */
bool replication_wait(struct replication *replication, uint64_t wait_ms);
/* Why no change is made any more, and main was woken to end the program: CONFLICT, a node was found ahead;
 * PRECONDITION, a restore has put another gateway in the place of this one. OK: none of that. */
enum status replication_refusal(struct replication *replication);
void replication_stop(struct replication *replication); /* when no commit runs any more */
void replication_free(struct replication *replication); /* after meta_close; NULL is fine */

#endif

/* Metadata sync: keeps a replica of the metadata on every node, and makes each commit wait until enough of them hold
 * it.
 *
 * One task per node, its feeder, hands on what that node lacks: from the records of the last commits, which are kept in
 * memory; else from the database's log; else a snapshot. Groups of commits share requests, and a commit waits for the
 * fastest nodes only. When fewer than `copies` nodes follow, changes are refused before they are made; when nodes fail
 * in mid-commit, it ends UNCERTAIN and is handed on later.
 *
 * A node that is ahead of this gateway proves that the local database has lost something: no change is made any more
 * and the process is told to stop. */
#ifndef TERCET_GATEWAY_META_SYNC_H
#define TERCET_GATEWAY_META_SYNC_H

#include "base/pool.h"
#include "gateway/bandwidth.h"
#include "meta/history.h"
#include "storage/cluster/cluster.h"

struct meta_sync;

struct meta_sync_config {
    struct cluster *cluster;
    struct pool *pool;
    unsigned copies;            /* nodes that must hold a change before it is acknowledged, at least 1 */
    uint64_t node_timeout_ms;   /* a commit waits no longer */
    uint64_t stall_ms;          /* a node that takes more than twice that to answer does not count as following */
    uint64_t check_interval_ms; /* an idle node is asked where it is; its disk may have been replaced */
    struct bandwidth
        *bandwidth; /* for snapshots while enough nodes follow without; of the feeders' loop, outlives them */
};

struct meta_sync *meta_sync_create(const struct meta_sync_config *config);
const struct meta_replication *meta_sync_replication(struct meta_sync *sync); /* for meta_open */
/* Starts the feeders. */
void meta_sync_start(struct meta_sync *sync, struct meta *meta, struct loop *loop);
/* Waits, at most wait_ms, until enough nodes follow; false when they do not. Blocks. */
bool meta_sync_wait(struct meta_sync *sync, uint64_t wait_ms);
/* A node was found ahead: the process must not serve and SIGTERM was sent to it. */
bool meta_sync_refused(struct meta_sync *sync);
void meta_sync_stop(struct meta_sync *sync); /* when no commit runs any more */
void meta_sync_free(struct meta_sync *sync); /* after meta_close; NULL is fine */

#endif

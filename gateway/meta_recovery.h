/* What may be done with the local metadata, given what the nodes' replicas say: checked before the gateway serves, and
 * the way back when the local database is lost. Both explain their refusal on stderr. From a plain thread, with the
 * cluster started and the metadata not yet open. */
#ifndef TERCET_GATEWAY_META_RECOVERY_H
#define TERCET_GATEWAY_META_RECOVERY_H

#include "base/loop.h"
#include "base/pool.h"
#include "storage/cluster/cluster.h"

struct meta_recovery_config {
    struct cluster *cluster;
    struct loop *loop;
    struct pool *pool;
    const char *data_dir, *meta_path; /* meta_path is below data_dir */
    const uint8_t *cluster_id;
    unsigned copies;       /* nodes that hold a change before it is acknowledged */
    unsigned restore_from; /* the number of the node to restore from, whatever others hold; 0: the most advanced one */
};

/* STATUS_OK when the local database may be served: all that any replica holds is in it; or there is none, and (nearly)
 * all nodes say that they hold nothing either. Nodes that do not answer are checked when they do (meta_sync.h). A torn
 * last record of the log (meta/torn_tail.h) is cut off when so many nodes answer that one would have it, had it been
 * acknowledged, and none has. */
enum status meta_recovery_check(const struct meta_recovery_config *config);
/* Rebuilds the local database from the most advanced replica. Refuses when a local one is not behind, and when another
 * node holds what that one does not (two histories, after a log lost its tail: the operator chooses the node). The old
 * database is set aside, never deleted. */
enum status meta_recovery_restore(const struct meta_recovery_config *config);

#endif

/* What may be done with the local metadata, given what the nodes' replicas say: checked before the gateway serves, and
 * the way back when the local database is lost. Both explain their refusal on stderr. From a plain thread, with the
 * cluster started, the data directory locked (data_lock.h) and the metadata not yet open. */
#ifndef TERCET_GATEWAY_RECOVERY_H
#define TERCET_GATEWAY_RECOVERY_H

#include "base/loop.h"
#include "base/pool.h"
#include "storage/cluster/cluster.h"

#define REPLACED_TEXT                                                                                                  \
    "this gateway was replaced: -restore-metadata was begun elsewhere, or here and not finished, and the nodes take "  \
    "nothing more from this database. Where another gateway is in its place, leave this one stopped. Otherwise run "   \
    "tercet-gateway -restore-metadata here: it brings back all that was acknowledged"

struct recovery_config {
    struct cluster *cluster;
    struct loop *loop;
    struct pool *pool;
    const char *data_dir, *meta_path; /* meta_path is below data_dir */
    const uint8_t *cluster_id;
    unsigned copies;       /* nodes that hold a change before it is acknowledged */
    bool restore_damaged;  /* also when the local database is not behind the nodes: it is damaged */
    unsigned restore_from; /* the number of the node to restore from, whatever others hold; 0: the most advanced one */
};

/* The record that was taken over, and who has it: only these have the chunks that it may have carried
 * (replication_took_over). */
struct taken_over {
    struct buffer record; /* to be released; empty: none was */
    unsigned holder_count;
    uint8_t holders[CLUSTER_NODES_MAX]; /* their numbers */
};

/* STATUS_OK when the local database may be served: all that any replica holds is in it; or there is none, and (nearly)
 * all nodes say that they hold nothing either. One record that nodes hold behind its last one was on its way when the
 * last process died: it is taken over, and is *taken then. One that they hold beside it (survey_find_strays) is passed
 * over. STATUS_PRECONDITION when a restore has put another in its place. Nodes that do not answer are checked when they
 * do (replication.h). A torn last record of the log (meta/store.h) is cut off when so many nodes answer that one would
 * have it, had it been acknowledged, and none has more. */
enum status recovery_check(const struct recovery_config *config, struct taken_over *taken);
/* Rebuilds the local database from the most advanced replica. Refuses when a local one is in use or not behind, and
 * when another node holds what that one does not (two histories, after a log lost its tail: the operator chooses the
 * node). Before it reads, the nodes shut out every gateway with an older database, wherever it runs: what such a one
 * had acknowledged by then is restored, and it acknowledges nothing afterwards. The old database is set aside, never
 * deleted. */
enum status recovery_restore(const struct recovery_config *config);

#endif

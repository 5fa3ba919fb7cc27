/* The nodes' replicas of the metadata as the gateway asks for them (storage/protocol.h). Rows pass through
 * uninterpreted. All functions run in a task and suspend; `index` is the node's place in the cluster's table. What a
 * call meets counts for the node's health like any other request, but for cluster_meta_state. */
#ifndef TERCET_STORAGE_CLUSTER_META_LINK_H
#define TERCET_STORAGE_CLUSTER_META_LINK_H

#include "storage/cluster/cluster.h"

/* How far a replica is; set whenever the node answered, also when it refused. Epoch 0: it is empty. */
struct cluster_meta_state {
    uint64_t epoch, sequence;
    uint32_t fence;    /* changes of a lower generation are refused */
    bool knows_fences; /* false: a node of an earlier build, which can shut nobody out */
    bool lost;         /* it held metadata, which were damaged, and holds none now */
    bool full;         /* it takes no more chunks, which the cluster knows by now */
};

enum status cluster_meta_state(struct cluster *cluster, unsigned index, struct cluster_meta_state *state);
/* Records, each with or without a carried block before it; a node stores what it is sent, whoever the block names.
 * STATUS_NO_SPACE: nothing was applied; there may be room for the records alone. STATUS_CONFLICT: the records do not
 * continue the replica. STATUS_PRECONDITION, also below: they are from before the fence, so that this gateway was
 * replaced. */
enum status cluster_meta_apply(struct cluster *cluster, unsigned index, struct bytes records,
                               struct cluster_meta_state *state);
/* Fetches the record that the node applied last, unchecked; it is empty when the node knows none, as after a snapshot.
 * STATUS_NOT_FOUND: the node is of an earlier build. */
enum status cluster_meta_last(struct cluster *cluster, unsigned index, struct buffer *record,
                              struct cluster_meta_state *state);
/* One page of a snapshot, with carried blocks before its record or without; STATUS_CONFLICT: begin again with page 0.
 */
struct cluster_meta_page {
    struct cluster_meta_state as_of;
    uint32_t number;
    bool last;
    /* Where the node is, when that is of an epoch not before as_of's and no part of the history; epoch 0: it is not. */
    struct cluster_meta_state over;
};
enum status cluster_meta_load(struct cluster *cluster, unsigned index, const struct cluster_meta_page *page,
                              struct bytes record, struct cluster_meta_state *state);
/* Appends a record of the rows behind `after` (family byte and key). */
enum status cluster_meta_dump(struct cluster *cluster, unsigned index, struct bytes after, struct buffer *record,
                              struct cluster_meta_state *state);
/* Shuts out whoever makes changes in an epoch of a lower generation; then `state` is what the node holds for good,
 * unless a later one changes it. STATUS_CONFLICT: there is such a fence already. STATUS_NOT_FOUND: the node is of an
 * earlier build. */
enum status cluster_meta_fence(struct cluster *cluster, unsigned index, uint32_t generation,
                               struct cluster_meta_state *state);

#endif

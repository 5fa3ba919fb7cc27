/* One signed request to a node: http_call plus the cluster's authentication and the bookkeeping of the node. */
#ifndef TERCET_STORAGE_CLUSTER_NODE_CALL_H
#define TERCET_STORAGE_CLUSTER_NODE_CALL_H

#include "base/http_client.h"
#include "storage/cluster/cluster_internal.h"
#include "storage/signed_call.h"

#define NODE_TARGET_MAX SIGNED_TARGET_MAX

struct node_call {
    struct http_call *http; /* NULL when none runs */
    struct node *node;
};

/* Starts the request; must run in a task. `options` gives the body and the windows; method, url and headers are filled
 * in. auth NULL: signed here, together with options.body. */
void node_call_start(struct node_call *call, const struct cluster *cluster, struct node *node, const char *method,
                     const char *target, const char *auth, struct http_call_options options);

/* What the end of the call says about the node; *reason is a literal for logs. Adopts the clock that a 401 reports.
 * STATUS_OK for 2xx; else what went wrong. Only once the call has ended. */
enum status node_call_judge(const struct node_call *call, enum node_outcome *outcome, const char **reason);

/* Is it to be sent once more? So it is when it was refused for its time alone, for the first time: judge has adopted
 * the clock. *redated: it was sent once more before, and is set then; false at first, it belongs to the caller. The one
 * place that decides so for a gateway; node_exchange.h sends again by itself. */
bool node_call_is_misdated(const struct node_call *call, bool *redated);

/* Reports to the node and frees the call (closing its connection when it is not over). Idempotent. */
void node_call_finish(struct node_call *call, enum node_outcome outcome, const char *reason);

#endif

/* One signed request to a node: http_call plus the cluster's authentication and the bookkeeping of the node. */
#ifndef TERCET_STORAGE_CLUSTER_NODE_CALL_H
#define TERCET_STORAGE_CLUSTER_NODE_CALL_H

#include "base/http_client.h"
#include "storage/cluster/cluster_state.h"

#define NODE_TARGET_MAX 512 /* bytes of a request target with NUL */

struct node_call {
    struct http_call *http; /* NULL when none runs */
    struct node *node;
};

/* Starts the request; must run in a task. `options` gives the body and the windows; method, url and headers are filled
 * in. auth NULL: signed here as a request without a body. */
void node_call_start(struct node_call *call, const struct cluster *cluster, struct node *node, const char *method,
                     const char *target, const char *auth, struct http_call_options options);

/* What the end of the call says about the node; *reason is a literal for logs. Adopts the clock that a 401 reports.
 * STATUS_OK for 2xx; else what went wrong. Only once the call has ended. */
enum status node_call_judge(const struct node_call *call, enum node_outcome *outcome, const char **reason);

/* Was it refused only because the node's clock is another? Signed anew it will do: judge has adopted the clock. */
bool node_call_needs_other_time(const struct node_call *call);

/* Reports to the node and frees the call (closing its connection when it is not over). Idempotent. */
void node_call_finish(struct node_call *call, enum node_outcome outcome, const char *reason);

/* A whole exchange without a request body; the response's body is discarded. Sent twice at most, see above. Suspends.
 */
enum status node_exchange(const struct cluster *cluster, struct node *node, const char *method, const char *target,
                          uint64_t deadline_ms);

#endif

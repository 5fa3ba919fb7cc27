/* The node's HTTP API, as storage/protocol.h says it. node_api_handle is an http_handler: each request runs as a task,
 * and whatever blocks goes through the pool.
 *
 * Order of a request: count it (too many running: 503), authorize it (everything but /health and /metrics), find its
 * route, run it. There is one place for each of these, in api.c. */
#ifndef TERCET_STORAGE_NODE_API_H
#define TERCET_STORAGE_NODE_API_H

#include "base/http_server.h"
#include "storage/node/chunk_store.h"
#include "storage/protocol.h"

struct meta_replica;
struct node_api;
struct pool;

struct node_api_config {
    struct chunk_store *store;
    struct meta_replica *replica; /* NULL: this node keeps none, and /meta/ is 404 */
    struct pool *pool;
    struct scrub *scrub; /* for /health; may be NULL */
    const struct cluster_identity *identity;
    const char *server_id; /* letters, digits, '.', '-', '_' */
    unsigned node_number;
    unsigned requests_max; /* handled at once; beyond: 503 */
    /* Each time after a gateway was told that the disk failed; may be NULL. In any loop's thread. */
    void (*on_failure_told)(void *arg);
    void *on_failure_told_arg;
};

/* Everything in config must outlive the API. */
struct node_api *node_api_create(const struct node_api_config *config);
void node_api_free(struct node_api *api); /* when no request is running */
/* For the number of connections in the metrics; NULL before the server runs. */
void node_api_set_server(struct node_api *api, const struct http_server *server);
bool node_api_is_vital(struct bytes path); /* what is served when there are too many connections */
void node_api_handle(struct http_request *request, void *api);
/* Answers what the HTTP server refuses before the handler runs. */
void node_api_refuse(struct http_request *request, const struct http_refusal *refusal);

#endif

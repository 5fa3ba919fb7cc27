/* A whole exchange with a node: one signed request, its answer, and a second sending when the node refused the time of
 * the first one's signature. Whoever streams, or goes on with something else meanwhile, uses node_call.h itself. */
#ifndef TERCET_STORAGE_CLUSTER_NODE_EXCHANGE_H
#define TERCET_STORAGE_CLUSTER_NODE_EXCHANGE_H

#include "storage/cluster/node_call.h"

struct node_exchange {
    const char *method, *target;
    struct bytes body;     /* data NULL: none; its checksum is signed */
    const char *auth;      /* NULL: it is signed here; else it is sent once */
    struct buffer *answer; /* takes the body of a 200; NULL: it is discarded */
    uint64_t timeout_ms;   /* of a sending */
    uint64_t doubt_ms;     /* the node is doubted when its answer has not begun after so long; 0: never */
    bool asking;           /* a failure says nothing about the node's health: it is asked before it is known to run */
    void (*headers)(void *arg, const struct http_call *http); /* NULL, or told of every answer that ended */
    void *arg;
};

/* Suspends. OK for 2xx; LIMIT when the answer is longer than its buffer may get; else as node_call_judge. */
enum status node_exchange(const struct cluster *cluster, struct node *node, const struct node_exchange *exchange);

#endif

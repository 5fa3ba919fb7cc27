/* One request to a node, signed as every member of the cluster signs (protocol.h): a gateway's to a node, a node's to
 * another. Every request to a node is begun here, but for the health check, which needs no signature. */
#ifndef TERCET_STORAGE_SIGNED_CALL_H
#define TERCET_STORAGE_SIGNED_CALL_H

#include "base/http_client.h"
#include "storage/protocol.h"

#define SIGNED_ADDRESS_MAX 300 /* bytes of HOST:PORT with NUL */
#define SIGNED_TARGET_MAX  512 /* of a request target */

struct signed_request {
    const struct cluster_identity *identity;
    const char *address; /* HOST:PORT */
    const char *method, *target;
    int64_t time_ms;  /* to sign with: the node's wall clock, as far as it is known */
    const char *auth; /* NULL: it is signed here, together with options.body */
};

/* Starts the request; must run in a task, whose request id and trace go with it. `options` gives the body and the
 * windows; method, url and headers are filled in. To be freed by http_call_free. */
struct http_call *signed_call_start(const struct signed_request *request, struct http_call_options options);
/* Was it refused for its time alone? *node_time_ms is the node's clock then: signed by that it will do. Once the head
 * has come. */
bool signed_call_is_misdated(const struct http_call *call, int64_t *node_time_ms);

#endif

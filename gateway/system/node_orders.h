/* What an administrator orders of a node: that it is emptied, so that it can be taken away, or that it takes part
 * again. Kept as a row of the metadata, so that a restart and a restore know it. */
#ifndef TERCET_GATEWAY_NODE_ORDERS_H
#define TERCET_GATEWAY_NODE_ORDERS_H

#include "gateway/gateway.h"

struct exchange;

/* Reads the row and tells the cluster; when the database has been opened. Blocks, from a plain thread, or suspends. */
enum status node_orders_open(struct gateway *gateway);
/* PUT /system/nodes/NUMBER with {"state":"draining"} or {"state":"active"}. 404: no such node; 409: fewer than
 * CHUNK_COPIES nodes would be left to take chunks. */
void node_orders_put(struct exchange *exchange);

#endif

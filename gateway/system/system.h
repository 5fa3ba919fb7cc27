/* Health, the state of the cluster, and metrics. */
#ifndef TERCET_GATEWAY_SYSTEM_H
#define TERCET_GATEWAY_SYSTEM_H

#include "gateway/gateway.h"

void system_health(struct exchange *exchange);         /* this process answers */
void system_cluster_health(struct exchange *exchange); /* the nodes, in short */
void system_nodes(struct exchange *exchange);          /* the nodes, in full */
void system_metrics(struct exchange *exchange);

/* The gateway's own gauges; once at start. */
void system_register_metrics(struct gateway *gateway);

#endif

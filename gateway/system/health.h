/* Health for those who restart, route and wait: liveness and readiness of this process alone, and the cluster's. */
#ifndef TERCET_GATEWAY_HEALTH_H
#define TERCET_GATEWAY_HEALTH_H

#include "gateway/gateway.h"

void health_live(struct exchange *exchange);    /* 200: the event loop answers */
void health_ready(struct exchange *exchange);   /* 503 while this process cannot commit; says nothing of the nodes */
void health_cluster(struct exchange *exchange); /* 503 while fewer nodes than a write needs take chunks */

#endif

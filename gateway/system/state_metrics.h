/* Metrics of the state that the gateway is in: are the data safe, what do the nodes and the database do, how
 * much is under way. Values are asked for when /metrics is rendered. */
#ifndef TERCET_GATEWAY_STATE_METRICS_H
#define TERCET_GATEWAY_STATE_METRICS_H

#include "gateway/gateway.h"

/* Once, when the stores are open. */
void state_metrics_register(struct gateway *gateway);

#endif

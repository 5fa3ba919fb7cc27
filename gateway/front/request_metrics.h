/* Counting requests: the documented metrics and Tercet's own, by action and never by path. */
#ifndef TERCET_GATEWAY_REQUEST_METRICS_H
#define TERCET_GATEWAY_REQUEST_METRICS_H

#include "gateway/gateway.h"

/* After the answer (or the client's going). */
void request_metrics_count(const struct exchange *exchange);

#endif

/* Metrics per bucket, behind a path of their own: /metrics itself has no series that a client can make. */
#ifndef TERCET_GATEWAY_BUCKET_METRICS_H
#define TERCET_GATEWAY_BUCKET_METRICS_H

#include "gateway/gateway.h"

#define BUCKET_METRICS_MAX 1000 /* buckets shown; tercet_buckets_omitted counts the rest */

/* GET /metrics/buckets: objects, versions and bytes, as counted in the batches that change them. */
void bucket_metrics(struct exchange *exchange);

#endif

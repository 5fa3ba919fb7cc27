/* Writing one object of an access log into its target bucket, as any object is written: durable, counted, within the
 * quota, encrypted as the bucket has it. */
#ifndef TERCET_GATEWAY_BUCKETLOG_DELIVERY_H
#define TERCET_GATEWAY_BUCKETLOG_DELIVERY_H

#include "gateway/bucketlog/batch.h"
#include "gateway/gateway.h"

/* The `count` lines from the first one on. time_ms: what the key says of the delivery. EXISTS: an earlier
 * call has written it. DENIED: the target takes it neither now nor later. Other failures pass. Suspends. */
enum status bucketlog_deliver(struct gateway *gateway, const struct bucketlog_address *address,
                              const struct bucketlog_batch_line *lines, size_t count, int64_t time_ms);

#endif

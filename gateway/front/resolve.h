/* What a request asks for: host, path and query become level, bucket, key and operation. Split once and decoded once,
 * before anything is decided. */
#ifndef TERCET_GATEWAY_RESOLVE_H
#define TERCET_GATEWAY_RESOLVE_H

#include "gateway/front/exchange.h"

/* Fills what exchange.h says is of here; then there is an operation. Answers a request that can have none (a malformed
 * query or path, a method that a path of the documented API does not have): STATUS_DENIED. */
enum status resolve(struct exchange *exchange);

/* The Bearer token in an Authorization header, which is none of S3's credentials; data NULL for another kind or none.
 */
struct bytes bearer_token(const struct http_request *http);

#endif

/* What pages of other sites may see of a bucket's answers: the CORS rules of the bucket, in the preflight that a
 * browser asks before a request, and in the headers of every answer. They give nobody a right: they are for browsers,
 * which keep an answer from a page that has no leave. */
#ifndef TERCET_GATEWAY_CORS_H
#define TERCET_GATEWAY_CORS_H

#include "gateway/front/exchange.h"

/* Whether a rule of the addressed bucket allows what the request says of origin, method and headers: of itself, or of
 * the one that a preflight announces. NOT_FOUND: the bucket has no rules; DENIED: none allows it; INTERNAL: what is
 * stored cannot be read. */
enum status cors_is_allowed(const struct exchange *exchange);
/* The headers of the first rule that allows it, and nothing without one. For the reply stage, errors too: also of
 * requests that were refused before anybody looked at their bucket; of these alone it may suspend, for the lease. */
void cors_add_headers(struct exchange *exchange);

#endif

/* The audit log: a line of JSON for each denial, each change of a right, and each use of root's keys. Who, from where,
 * what, on what, with which outcome, and what decided. No secret is in it, no query and no body. */
#ifndef TERCET_GATEWAY_AUDIT_H
#define TERCET_GATEWAY_AUDIT_H

#include "gateway/front/exchange.h"

/* When the request was answered, and before what it holds is released. Nothing without an audit log, or when the
 * request is none of these. */
void audit_request(const struct exchange *exchange);
/* The denial of so many of the keys that a request names, which itself is answered well; `first` is one of them. */
void audit_denied_keys(const struct exchange *exchange, const char *right, struct bytes first, size_t count);

#endif

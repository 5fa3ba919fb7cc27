/* What the HTTP server refuses before any handler runs, and what no handler answered: as S3 errors. */
#ifndef TERCET_GATEWAY_REFUSAL_H
#define TERCET_GATEWAY_REFUSAL_H

#include "base/http_server.h"

/* The `refuse` of every listener. Such a request has no path that could be relied on, so it is answered as S3's. */
void gateway_refuse(struct http_request *request, const struct http_refusal *refusal);

#endif

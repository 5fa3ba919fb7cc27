/* What the Host of a request says: a bucket below a domain, or a website. */
#ifndef TERCET_GATEWAY_HOST_H
#define TERCET_GATEWAY_HOST_H

#include "gateway/front/exchange.h"

/* The Host without its port. */
struct bytes host_name(const struct http_request *http);
/* What stands before ".DOMAIN"; empty: nothing does, or there is no domain (NULL or ""). */
struct bytes host_below(struct bytes name, const char *domain);
/* The bucket whose website the Host is: BUCKET.WEBSITE-DOMAIN, or one of -website-hosts; empty: it is none. *host is
 * what may be said of it in a location: the name, and the port if it is one. */
struct bytes website_bucket(const struct exchange *exchange, struct bytes *host);
/* Takes the next of -website-hosts; false at the end. */
bool website_host_next(struct bytes *rest, struct bytes *host);

#endif

/* Rights that a request needs beside the one of its operation, by what it asks for in headers or fields: an ACL, tags,
 * a retention with a new object. */
#ifndef TERCET_GATEWAY_FURTHER_RIGHTS_H
#define TERCET_GATEWAY_FURTHER_RIGHTS_H

#include "gateway/front/exchange.h"

/* Whether who asks has all of them; right, resource: those that were asked about already. What is decided about
 * reading the object is in exchange->further, since it may be about one version of it. May suspend. */
bool further_rights_check(struct exchange *exchange, const char *right, const struct resource *resource);

#endif

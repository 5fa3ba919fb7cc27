/* The handlers of IAM, as the table of operations has them. Each is called with a request that was authorized, and
 * answers exactly once. */
#ifndef TERCET_GATEWAY_IAM_HANDLERS_H
#define TERCET_GATEWAY_IAM_HANDLERS_H

#include "gateway/front/exchange.h"

/* user.c */
void iam_get_user(struct exchange *exchange);

#endif

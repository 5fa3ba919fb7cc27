/* What is asked for beside the operation: each wish is fulfilled, or refused by its name. */
#ifndef TERCET_GATEWAY_S3_HONOURED_H
#define TERCET_GATEWAY_S3_HONOURED_H

#include "compat/error.h"
#include "gateway/front/exchange.h"

/* Whether the operation honours all that the headers and parameters of the request ask for; its row says what. *error
 * is filled when it does not. Looks at nothing but the request. */
enum status s3_check_asked(const struct exchange *exchange, struct s3_error_details *error);
/* The same, and whether the bucket has the owner whom the client expects. Errors are answered here. */
enum status s3_refuse_unhonoured(struct exchange *exchange);

#endif

/* S3 Control: the API of the account, at paths below /v20180820/ with the header x-amz-account-id, whatever the host:
 * clients put the account's number before it. */
#ifndef TERCET_GATEWAY_S3_CONTROL_H
#define TERCET_GATEWAY_S3_CONTROL_H

#include "gateway/front/exchange.h"

bool s3_control_is_addressed(const struct http_request *http);
const struct operation *s3_control_operation(const struct http_request *http);

#endif

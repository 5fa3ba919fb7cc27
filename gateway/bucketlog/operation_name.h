/* What a request is called in an access log: REST.PUT.OBJECT. */
#ifndef TERCET_GATEWAY_BUCKETLOG_OPERATION_NAME_H
#define TERCET_GATEWAY_BUCKETLOG_OPERATION_NAME_H

#include "gateway/front/exchange.h"

#define BUCKETLOG_OPERATION_NAME_MAX 96

/* REST.METHOD.RESOURCE, WEBSITE.METHOD.OBJECT, or TERCET.METHOD.ACTION of the file API and its kin. */
void bucketlog_operation_name(const struct exchange *exchange, char out[BUCKETLOG_OPERATION_NAME_MAX]);

#endif

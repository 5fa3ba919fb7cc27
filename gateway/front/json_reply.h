/* Answers of the documented API and of the system endpoints: JSON, errors as {"error": ..., "detail": ...}.
 */
#ifndef TERCET_GATEWAY_JSON_REPLY_H
#define TERCET_GATEWAY_JSON_REPLY_H

#include <jansson.h>

#include "gateway/front/exchange.h"

/* Sends the value and releases it. Suspends. */
enum status json_reply(struct exchange *exchange, int http_status, json_t *take_value);
/* detail may be NULL; code is for log and metrics. */
enum status json_error(struct exchange *exchange, int http_status, const char *error, const char *detail);
/* The error for a failed operation on stored data: 503 with Retry-After, 507, 500, ... Nothing is sent to a
 * client that has gone. */
enum status json_error_status(struct exchange *exchange, enum status status);
/* Text from outside as a JSON string: invalid UTF-8 is replaced. */
json_t *json_text(struct bytes text);

#endif

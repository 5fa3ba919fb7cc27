/* What the pipeline refuses whatever the operation, in the words of the one who asked: XML for S3, JSON for the
 * documented API. All return STATUS_DENIED, or why the answer could not be sent. */
#ifndef TERCET_GATEWAY_PIPELINE_REFUSAL_H
#define TERCET_GATEWAY_PIPELINE_REFUSAL_H

#include "gateway/front/exchange.h"

enum status refuse_replaced(struct exchange *exchange); /* this gateway was replaced, or nobody can be asked whether */
enum status refuse_no_bucket(struct exchange *exchange);
/* Says to S3 clients with credentials what denied it, in AWS's words; decision NULL: it says nothing. */
enum status refuse_denied(struct exchange *exchange, const char *action, const struct decision *decision);
enum status refuse_disk_full(struct exchange *exchange);
enum status refuse_busy(struct exchange *exchange);

#endif

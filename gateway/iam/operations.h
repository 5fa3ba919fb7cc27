/* The rows of the Query API in the table of operations, and finding one by its action. */
#ifndef TERCET_GATEWAY_IAM_OPERATIONS_H
#define TERCET_GATEWAY_IAM_OPERATIONS_H

#include "compat/iam_response.h"
#include "gateway/front/operation.h"

extern const struct operation iam_operations[];
extern const size_t iam_operation_count;
/* Of a call as long as it is not known what it asks for; refused in any case. */
extern const struct operation iam_unknown_operation;

/* NULL for an action that is not offered. */
const struct operation *iam_operation_find(struct bytes action, enum query_service *service);

#endif

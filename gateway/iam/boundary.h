/* Permissions boundaries of users and roles. */
#ifndef TERCET_GATEWAY_IAM_BOUNDARY_H
#define TERCET_GATEWAY_IAM_BOUNDARY_H

#include "gateway/front/exchange.h"
#include "gateway/identity/directory.h"

/* *boundary is to be that managed policy, which has to be there, or none (data NULL); the index of who is bounded by
 * which is changed beside it. Answers errors. Suspends. */
enum status iam_boundary_set(struct exchange *exchange, struct identity_changes *changes, enum identity_table who,
                             const char *name, char **boundary, struct bytes arn);
/* By which name the indices have a managed policy: that at the end of its ARN. No policy of the account has the name of
 * one of AWS's own. */
const char *iam_policy_name(const char *arn);

#endif

/* Policies that calls bring. */
#ifndef TERCET_GATEWAY_IAM_POLICY_TEXT_H
#define TERCET_GATEWAY_IAM_POLICY_TEXT_H

#include "compat/policy.h"
#include "gateway/front/exchange.h"

/* The parameter of that name, which has to be a policy of that kind; data NULL and the answer sent when it is none:
 * MalformedPolicyDocument, with the place. */
struct bytes iam_policy_text(struct exchange *exchange, const char *parameter, enum policy_kind kind);

/* The parameter PolicyDocument as the text of a managed policy, of which the size is looked at, too. */
struct bytes iam_managed_text(struct exchange *exchange);

#endif

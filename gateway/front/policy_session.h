/* Condition keys about temporary credentials: when they were made, by whom, and what a provider's token said of who
 * asks (aws:TokenIssueTime, aws:SourceIdentity, aws:FederatedProvider, ISSUER:sub, ...). */
#ifndef TERCET_GATEWAY_POLICY_SESSION_H
#define TERCET_GATEWAY_POLICY_SESSION_H

#include "gateway/front/policy_context.h"

/* False: it is none of these keys. */
bool policy_session_find(const struct policy_question *question, struct bytes key, enum policy_presence *presence,
                         struct policy_values *values);

#endif

/* What a request says of the condition keys of policies (aws:SourceIp, s3:prefix, ...): found when a policy asks, so
 * that a request without a policy pays nothing. A key that AWS documents, and that such a request cannot have here, is
 * absent; one that it may have, and whose value nobody here can tell, is unknown (compat/policy.h says what follows).
 */
#ifndef TERCET_GATEWAY_POLICY_CONTEXT_H
#define TERCET_GATEWAY_POLICY_CONTEXT_H

#include "gateway/front/exchange.h"

#define POLICY_QUESTION_KEYS 48

/* Memory of the values: one for each key, however often it is asked for. On the caller's stack, not initialised. */
struct policy_answers {
    struct bytes values[POLICY_QUESTION_KEYS];
    char source[1280]; /* of a copy: a longer one names no object */
    char address[64], time[40], epoch[24], age[24], root_arn[64];
};
/* One question to authorize(). All of it outlives the decision. */
struct policy_question {
    const struct exchange *exchange;
    const char *action;
    const struct resource *resource;
    struct policy_answers *answers;
};
struct policy_context policy_question_context(const struct policy_question *question);

#endif

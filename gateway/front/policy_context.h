/* What a request says of the condition keys of policies (aws:SourceIp, s3:prefix, ...): found when a policy asks, so
 * that a request without a policy pays nothing. A key that AWS documents, and that such a request cannot have here, is
 * absent; one that it may have, and whose value nobody here can tell, is unknown (compat/policy.h says what follows).
 */
#ifndef TERCET_GATEWAY_POLICY_CONTEXT_H
#define TERCET_GATEWAY_POLICY_CONTEXT_H

#include "compat/tags.h"
#include "compat/jwt.h"
#include "gateway/front/exchange.h"

#define POLICY_QUESTION_KEYS 64

/* Tags of an object, found when a policy asks for them. */
struct policy_tags {
    bool asked, unknown; /* unknown: there may be some, and nobody can say which */
    uint64_t sequence;   /* of the version whose they are; 0: of none */
    struct tag_set set;
};

/* Those about temporary credentials, policy_session.h. */
enum policy_session_key {
    POLICY_SESSION_PROVIDER,
    POLICY_SESSION_MFA,
    POLICY_SESSION_SOURCE,
    POLICY_SESSION_TIME,
    POLICY_SESSION_SUB,
    POLICY_SESSION_AUD,
    POLICY_SESSION_OAUD,
    POLICY_SESSION_AMR,
    POLICY_SESSION_KEYS
};
struct policy_session_answers {
    struct bytes value[JWT_VALUES_MAX];
};

/* Memory of the values: one for each key, however often it is asked for. On the caller's stack. */
struct policy_answers {
    struct policy_tags existing, wanted; /* of the object that is addressed; that the request gives */
    struct bytes tag_keys[TAGS_OF_OBJECT_MAX];
    struct bytes values[POLICY_QUESTION_KEYS];
    struct policy_session_answers session[POLICY_SESSION_KEYS];
    char issued[40], provider[384]; /* the latter: an ARN with a url of 255 bytes */
    char source[1280];              /* of a copy: a longer one names no object */
    char address[64], time[40], epoch[24], age[24], root_arn[64];
    char lock_until[40], lock_days[24], lock_hold_days[24];
};
/* One question to authorize(). All of it outlives the decision. */
struct policy_question {
    const struct exchange *exchange;
    const char *action;
    const struct resource *resource;
    uint32_t bucket; /* of an object; 0: none */
    struct policy_answers *answers;
};
void policy_answers_init(struct policy_answers *answers);
void policy_answers_release(struct policy_answers *answers);
struct policy_context policy_question_context(const struct policy_question *question);

#endif

/* The role that a call wants to assume, as of when the call is authorized: what is decided about is what the session is
 * made of, whatever becomes of the role meanwhile. */
#ifndef TERCET_GATEWAY_IAM_TRUST_H
#define TERCET_GATEWAY_IAM_TRUST_H

#include "gateway/iam/call.h"
#include "gateway/identity/role.h"

struct iam_trust {
    struct identity_role role;
    struct policy *policy; /* who may assume it; NULL: it cannot be read, and nobody may */
};
void iam_trust_free(struct iam_trust *trust); /* NULL is nothing */

/* Of the parameter RoleArn: call->arn, call->trust, and what conditions may ask of the role. A role that is not there
 * leaves call->trust NULL, which is refused like one that may not be assumed. Answers errors. Suspends. */
enum status iam_trust_load(struct exchange *exchange);

/* Of who calls with temporary credentials: whether tags of theirs go on into the sessions of further roles. */
bool iam_inherits_tags(const struct exchange *exchange);
/* The source identity that the session to be made has: the one that is asked for, or the caller's, which goes on. data
 * NULL: none. */
struct bytes iam_source_identity(const struct exchange *exchange);

#endif

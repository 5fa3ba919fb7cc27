/* Whether who calls may do what the call asks for; see call.h. */
#include "gateway/iam/call.h"

#include <stdio.h>

#include "gateway/front/identify.h"
#include "gateway/front/operation.h"
#include "gateway/iam/holder.h"
#include "gateway/iam/reply.h"
#include "gateway/iam/trust.h"

/* What is made with tags is tagged, and AWS asks for that, too: else who may not tag would choose, of what it makes,
 * the tags that the conditions of policies look at. NULL: no other right. */
static const char *right_to_tag(const struct exchange *exchange)
{
    static const char *const rights[] = {
        [IAM_NEW_USER] = "iam:TagUser",
        [IAM_NEW_ROLE] = "iam:TagRole",
        [IAM_NEW_POLICY] = "iam:TagPolicy",
        [IAM_NEW_PROVIDER] = "iam:TagOpenIDConnectProvider",
    };
    const struct iam_call *call = exchange->call;
    size_t subject = exchange->operation->subject;

    if (subject == IAM_TO_ASSUME || subject == IAM_TO_FEDERATE)
        return call->tag_count > 0 || iam_inherits_tags(exchange) ? "sts:TagSession" : NULL;
    return call->tag_count > 0 && subject < sizeof(rights) / sizeof(rights[0]) ? rights[subject] : NULL;
}

/* Who assumes a role says, or hands on, who is behind it: where the role allows that. */
static const char *right_to_name(const struct exchange *exchange)
{
    bool names = exchange->operation->subject == IAM_TO_ASSUME && exchange->call->source_identity.data;

    return names ? "sts:SetSourceIdentity" : NULL;
}

#define KEY_SHOWN_MAX 128

/* Of a key its id, which the caller has: whose key it is would be said to who may not ask. */
static enum status refuse(struct exchange *exchange, const char *right)
{
    const struct buffer *arn = &exchange->call->arn;
    struct bytes id = iam_value(exchange, "AccessKeyId");
    char shown[KEY_SHOWN_MAX + 32];

    if (exchange->principal.caller.kind == POLICY_WEB_IDENTITY)
        return iam_fail(exchange, IAM_ACCESS_DENIED, "Not authorized to perform %s", right);
    if (exchange->operation->subject != IAM_OF_KEY)
        return iam_fail_denied(exchange, right, arn->len > 0 ? arn->data : "*");
    snprintf(shown, sizeof(shown), "access key %.*s", (int)(id.len < KEY_SHOWN_MAX ? id.len : KEY_SHOWN_MAX),
             id.len > 0 ? id.data : "");
    return iam_fail_denied(exchange, right, shown);
}

static struct decision decide(const struct exchange *exchange, const char *right, const struct resource *resource)
{
    if (exchange->operation->subject == IAM_TO_ASSUME && !resource->policy)
        return (struct decision){.by = DECIDED_BY_NONE}; /* who trusts nobody is nobody's role */
    if (exchange->operation->signed_is_enough && exchange->principal.access_key.len > 0)
        return (struct decision){.allowed = true, .by = DECIDED_BY_GRANT};
    return exchange_decide(exchange, right, resource);
}

enum status iam_call_authorize(struct exchange *exchange)
{
    struct iam_call *call = exchange->call;
    const char *right = exchange->operation->right;
    struct resource resource;

    exchange->permitted = false;
    call->generation = meta_identity_generation(exchange->gateway->meta);
    enum status status = identify_again(exchange, call->generation);
    if (!status)
        status = iam_call_resource(exchange, &resource);
    if (status)
        return status;
    exchange->decision = decide(exchange, right, &resource);
    if (!exchange->decision.allowed)
        return refuse(exchange, right);
    const char *further[] = {right_to_tag(exchange), right_to_name(exchange)};
    for (size_t i = 0; i < sizeof(further) / sizeof(further[0]); i++)
        if (further[i] && !exchange_may(exchange, further[i], &resource))
            return refuse(exchange, further[i]);
    exchange->permitted = true;
    return STATUS_OK;
}

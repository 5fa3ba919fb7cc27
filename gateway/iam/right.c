/* Whether who calls may do what the call asks for; see call.h. */
#include "gateway/iam/call.h"

#include "gateway/front/identify.h"
#include "gateway/front/operation.h"
#include "gateway/iam/reply.h"

static enum status refuse(struct exchange *exchange, const char *right)
{
    const struct buffer *arn = &exchange->call->arn;

    return iam_fail_denied(exchange, right, arn->len > 0 ? arn->data : "*");
}

static struct decision decide(const struct exchange *exchange, const char *right, const struct resource *resource)
{
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
    exchange->permitted = true;
    return STATUS_OK;
}

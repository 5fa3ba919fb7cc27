/* A request under way; see the header. */
#include "gateway/front/exchange.h"

#include "base/check.h"
#include "gateway/front/policy_context.h"
#include "gateway/front/signer.h"
#include "gateway/iam/call.h"
#include "gateway/keys/keyring.h"
#include "gateway/s3/access_settings.h"
#include "gateway/s3/acl.h"
#include "gateway/s3/post_form.h"
#include "gateway/s3/reply.h"

bool exchange_load_bucket(struct exchange *exchange)
{
    meta_settings_release(exchange->settings);
    exchange->settings = NULL;
    if (meta_bucket_load(exchange->gateway->meta, exchange->bucket_name, &exchange->bucket, &exchange->settings) ==
        STATUS_OK)
        return true;
    exchange->bucket.id = 0;
    return false;
}

/* Those that one decision may take of the request's. */
static size_t take_steps(const struct exchange *exchange)
{
    size_t *left = exchange->policy_steps;
    size_t taken = left && *left < POLICY_STEPS_MAX ? *left : POLICY_STEPS_MAX;

    if (left)
        *left -= taken;
    return taken;
}

static void give_back_steps(const struct exchange *exchange, size_t steps)
{
    if (exchange->policy_steps)
        *exchange->policy_steps += steps;
}

static bool is_root(const struct exchange *exchange)
{
    return exchange->principal.caller.kind == POLICY_ROOT;
}

/* A version's ACL adds to what was decided, by the tags of that very version if of any. */
static struct decision decide_by_acl(const struct exchange *exchange, const char *action, const struct resource *told,
                                     const struct request_context *context, const struct policy_tags *tags,
                                     uint64_t sequence)
{
    struct decision decision = authorize(&exchange->principal, action, told, context);

    if (!decision.allowed)
        return decision;
    if (tags->asked && tags->sequence != sequence)
        return (struct decision){.by = DECIDED_BY_NONE}; /* it is gone, and nothing is allowed of both */
    decision.of_version = true;
    decision.sequence = sequence;
    return decision;
}

/* ACLs are looked at last: that of the bucket is in memory, that of an object has to be read. */
static struct decision decide(const struct exchange *exchange, const char *action, const struct resource *resource,
                              uint32_t bucket, const struct meta_settings *settings)
{
    struct request_context context = exchange->context;
    struct resource told = *resource;
    struct policy_answers answers;
    const struct policy_question question = {exchange, action, &told, bucket, &answers};
    struct decision decision;
    uint64_t sequence;
    size_t steps = take_steps(exchange);

    policy_answers_init(&answers);
    context.account = bytes_from_str(exchange->gateway->options.account_id);
    context.canonical_id = s3_owner.id;
    context.keys = policy_question_context(&question);
    context.keys.steps = &steps;
    if (settings)
        access_settings_tell(settings, &told);
    told.acl_allows = settings && !is_root(exchange) && acl_bucket_allows(exchange, action, settings);
    decision = authorize(&exchange->principal, action, &told, &context);
    decision.of_version = answers.existing.asked;
    decision.sequence = answers.existing.sequence;
    if (decision.by == DECIDED_BY_NONE && bucket != 0 && resource->kind == RESOURCE_OBJECT &&
        acl_object_allows(exchange, action, resource, bucket, settings, &sequence)) {
        told.acl_allows = true;
        decision = decide_by_acl(exchange, action, &told, &context, &answers.existing, sequence);
    }
    policy_answers_release(&answers);
    give_back_steps(exchange, steps);
    return decision;
}

struct decision exchange_decide(const struct exchange *exchange, const char *action, const struct resource *resource)
{
    bool in_bucket = resource->kind != RESOURCE_NONE && resource->kind != RESOURCE_ARN;

    CHECK(!in_bucket || bytes_equal(resource->bucket, exchange->bucket_name));
    return decide(exchange, action, resource, in_bucket ? exchange->bucket.id : 0,
                  in_bucket ? exchange->settings : NULL);
}

bool exchange_may(const struct exchange *exchange, const char *action, const struct resource *resource)
{
    return exchange_decide(exchange, action, resource).allowed;
}

bool exchange_may_of(const struct exchange *exchange, const char *action, const struct resource *resource,
                     uint64_t sequence)
{
    const struct decision decision = exchange_decide(exchange, action, resource);

    return decision.allowed && decision_is_about(&decision, sequence);
}

struct decision exchange_decide_in(const struct exchange *exchange, const char *action, const struct resource *resource,
                                   uint32_t bucket, const struct meta_settings *settings)
{
    return decide(exchange, action, resource, bucket, settings);
}

bool exchange_may_in(const struct exchange *exchange, const char *action, const struct resource *resource,
                     uint32_t bucket, const struct meta_settings *settings)
{
    return decide(exchange, action, resource, bucket, settings).allowed;
}

struct header_list exchange_headers(const struct exchange *exchange)
{
    return (struct header_list){exchange->http->headers, exchange->http->header_count};
}

void exchange_begin_writing(struct exchange *exchange)
{
    struct gateway *gateway = exchange->gateway;

    key_writer_begin(&gateway->key_writers, &exchange->key_writer, keyring_generation(gateway->keyring));
}

void exchange_release(struct exchange *exchange)
{
    key_writer_end(&exchange->gateway->key_writers, &exchange->key_writer);
    iam_call_free(exchange);
    s3_form_free(exchange->form);
    signer_session_free(exchange->session);
    identity_release(exchange->identity);
    meta_settings_release(exchange->settings);
    auth_verification_release(&exchange->verification);
    uri_query_release(&exchange->query);
    buffer_release(&exchange->path_storage);
}

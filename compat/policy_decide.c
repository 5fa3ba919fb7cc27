/* The decision over all policies of a request; see the header. */
#include "compat/policy_internal.h"

/* What a group of policies says together. */
struct verdict {
    struct policy_outcome outcome;
    const struct policy *policy; /* whose outcome it is */
};

static struct verdict ask(const struct policy *const *policies, size_t count, const struct policy_request *request)
{
    struct verdict verdict = {.policy = NULL};

    for (size_t i = 0; i < count && verdict.outcome.effect != POLICY_DENY; i++) {
        struct policy_outcome outcome = policy_evaluate(policies[i], request);
        if (outcome.effect > verdict.outcome.effect)
            verdict = (struct verdict){outcome, policies[i]};
    }
    return verdict;
}

static struct policy_decision decision(bool allowed, enum policy_reason reason, const struct verdict *by)
{
    struct policy_decision decision = {.allowed = allowed, .reason = reason};

    if (by && by->policy) {
        decision.policy = by->policy;
        decision.statement = by->outcome.statement;
        decision.sid = by->outcome.sid;
    }
    return decision;
}

static bool is_of_account(const struct policy_request *request)
{
    return request->caller.account.len > 0 && bytes_equal(request->caller.account, request->resource_account);
}

/* The way back for an owner who has locked everybody out. */
static bool is_roots_right(const struct policy_request *request)
{
    return request->caller.kind == POLICY_ROOT && is_of_account(request) &&
           (bytes_equal_nocase(request->action, "s3:GetBucketPolicy") ||
            bytes_equal_nocase(request->action, "s3:PutBucketPolicy") ||
            bytes_equal_nocase(request->action, "s3:DeleteBucketPolicy"));
}

struct verdicts {
    struct verdict identity, resource, boundary, session;
    bool in_boundary, in_session;
};

static struct verdicts ask_all(const struct policy_set *set, const struct policy_request *request)
{
    struct verdicts said = {
        .identity = ask(set->identity, set->identity_count, request),
        .resource = ask(&set->resource, set->resource ? 1 : 0, request),
        .boundary = ask(&set->boundary, set->boundary ? 1 : 0, request),
        .session = ask(set->session, set->session_count, request),
    };
    said.in_boundary = !set->boundary || said.boundary.outcome.effect == POLICY_ALLOW;
    /* A federated user has no more than its session policy gives it. */
    said.in_session =
        set->session_count > 0 ? said.session.outcome.effect == POLICY_ALLOW : request->caller.kind != POLICY_FEDERATED;
    return said;
}

/* For what is allowed but for boundary and session. */
static struct policy_decision within(const struct verdicts *said, const struct verdict *by)
{
    if (!said->in_boundary)
        return decision(false, POLICY_BEYOND_BOUNDARY, NULL);
    if (!said->in_session)
        return decision(false, POLICY_BEYOND_SESSION, NULL);
    if (!by->policy)
        return decision(true, POLICY_ALLOWED_TO_ROOT, NULL);
    return decision(true, POLICY_ALLOWED, by);
}

/* By the caller's own policies; root needs none. */
static struct policy_decision by_identity(const struct verdicts *said, const struct policy_caller *caller)
{
    if (caller->kind != POLICY_ROOT && said->identity.outcome.effect != POLICY_ALLOW)
        return decision(false, POLICY_NOT_ALLOWED, NULL);
    return within(said, &said->identity);
}

static struct policy_decision decide_in_account(const struct verdicts *said, const struct policy_set *set,
                                                const struct policy_request *request)
{
    const struct policy_outcome *resource = &said->resource.outcome;
    bool needed = set->resource && set->resource->kind == POLICY_TRUST;

    if (resource->effect == POLICY_ALLOW && resource->named == POLICY_NAMED_ITSELF)
        return decision(true, POLICY_ALLOWED, &said->resource);
    if (resource->effect == POLICY_ALLOW && resource->named == POLICY_NAMED_ISSUER && said->in_boundary &&
        said->in_session)
        return decision(true, POLICY_ALLOWED, &said->resource);
    if (needed && resource->effect != POLICY_ALLOW)
        return decision(false, POLICY_NOT_ALLOWED, NULL);
    struct policy_decision own = by_identity(said, &request->caller);
    if (own.reason == POLICY_NOT_ALLOWED && resource->effect == POLICY_ALLOW && resource->named == POLICY_NAMED_ISSUER)
        return within(said, &said->resource);
    return own;
}

/* Who has no policies of its own, and no account. */
static bool is_nobody(const struct policy_caller *caller)
{
    return caller->kind == POLICY_ANONYMOUS || caller->kind == POLICY_WEB_IDENTITY || caller->kind == POLICY_SERVICE;
}

struct policy_decision policy_decide(const struct policy_set *set, const struct policy_request *request)
{
    size_t steps = POLICY_STEPS_MAX;
    struct policy_request bounded = *request;

    if (!bounded.context.steps)
        bounded.context.steps = &steps;
    bounded.caller.bounded = request->caller.bounded || set->boundary;
    struct verdicts said = ask_all(set, &bounded);
    const struct verdict *denies[] = {&said.identity, &said.boundary, &said.session, &said.resource};
    for (size_t i = 0; i < sizeof(denies) / sizeof(denies[0]); i++)
        if (denies[i]->outcome.effect == POLICY_DENY && !(denies[i] == &said.resource && is_roots_right(request)))
            return decision(false, POLICY_EXPLICIT_DENY, denies[i]);
    if (is_roots_right(request))
        said.resource = (struct verdict){.policy = NULL};
    bool named = said.resource.outcome.effect == POLICY_ALLOW && said.resource.outcome.named == POLICY_NAMED_ITSELF;
    if (is_nobody(&request->caller) && !named)
        return decision(false, POLICY_NOT_ALLOWED, NULL);
    if (is_nobody(&request->caller))
        return decision(true, POLICY_ALLOWED, &said.resource);
    if (is_of_account(request))
        return decide_in_account(&said, set, &bounded);
    if (said.resource.outcome.effect != POLICY_ALLOW)
        return decision(false, POLICY_NOT_ALLOWED, NULL);
    struct policy_decision own = by_identity(&said, &request->caller);
    return own.allowed ? decision(true, POLICY_ALLOWED, &said.resource) : own;
}

/* What one document says of a request. Every statement is asked; the order does not count. */
#include "compat/policy_condition.h"

#define OF_TERCET "tercet:"

static bool begins_with_tercet(struct bytes text)
{
    const size_t len = sizeof(OF_TERCET) - 1;

    return text.len >= len && (text.data[0] | 0x20) == OF_TERCET[0] &&
           bytes_equal_nocase(bytes_of(text.data, len), OF_TERCET);
}

static bool names_tercet(const struct policy_pattern *pattern)
{
    return pattern->count > 0 && pattern->pieces[0].kind == POLICY_PIECE_TEXT &&
           begins_with_tercet(pattern->pieces[0].text);
}

/* Tercet's own actions reach past the buckets' policies. Whoever wrote `*` or NotAction meant AWS's services, and the
 * policy of a bucket speaks of what S3 does with it. So an Allow has to name them; a Deny need not. */
static bool is_about_action(const struct policy *policy, const struct policy_statement *statement,
                            const struct policy_request *request)
{
    bool to_be_named = statement->allows && begins_with_tercet(request->action), found = false;

    if (to_be_named && (statement->not_action || policy->kind == POLICY_BUCKET))
        return false;
    for (size_t i = 0; !found && i < statement->action_count; i++)
        found = policy_pattern_match(&statement->actions[i], &request->context, request->action, true) ==
                    POLICY_MATCH_YES &&
                (!to_be_named || names_tercet(&statement->actions[i]));
    return found != statement->not_action;
}

/* A variable without a value makes a Resource match nothing. What a NotResource with one leaves out cannot be said. */
static enum policy_truth is_about_resource(const struct policy_statement *statement,
                                           const struct policy_request *request)
{
    bool unsaid = false;

    for (size_t i = 0; i < statement->resource_count; i++) {
        enum policy_match match = policy_arn_match(&statement->resources[i], &request->context, request->resource);
        if (match == POLICY_MATCH_YES)
            return statement->not_resource ? POLICY_FALSE : POLICY_TRUE;
        unsaid = unsaid || match == POLICY_MATCH_UNKNOWN || (match == POLICY_MATCH_MISSING && statement->not_resource);
    }
    if (unsaid)
        return POLICY_UNDECIDED;
    return statement->not_resource ? POLICY_TRUE : POLICY_FALSE;
}

static enum policy_named as_whom(const struct policy *policy, const struct policy_statement *statement,
                                 const struct policy_request *request)
{
    if (policy->kind != POLICY_BUCKET && policy->kind != POLICY_TRUST)
        return POLICY_NAMED_ITSELF;
    return policy_principals_name(statement, &request->caller);
}

/* Does the statement count for this request? What is undecided counts when it denies. */
static bool applies(const struct policy *policy, const struct policy_statement *statement,
                    const struct policy_request *request)
{
    enum policy_truth resource = POLICY_TRUE, conditions;

    if (!is_about_action(policy, statement, request))
        return false;
    if (policy->kind != POLICY_TRUST)
        resource = is_about_resource(statement, request);
    if (resource == POLICY_FALSE)
        return false;
    conditions = policy_conditions_hold(statement, &request->context);
    if (conditions == POLICY_FALSE)
        return false;
    return !statement->allows || (resource == POLICY_TRUE && conditions == POLICY_TRUE);
}

/* When the steps were not enough, what applies() says means nothing: it may have passed over an action. */
static bool speaks(const struct policy *policy, const struct policy_statement *statement,
                   const struct policy_request *request)
{
    bool does = policy_spend(&request->context, 1) && applies(policy, statement, request);

    return policy_is_spent(&request->context) ? !statement->allows : does;
}

static struct policy_outcome evaluate(const struct policy *policy, const struct policy_request *request)
{
    struct policy_outcome outcome = {.effect = POLICY_NEUTRAL};

    for (size_t i = 0; i < policy->statement_count && outcome.effect != POLICY_DENY; i++) {
        const struct policy_statement *statement = &policy->statements[i];
        enum policy_named named = as_whom(policy, statement, request);
        if (named == POLICY_NAMED_NOT || (statement->allows && named <= outcome.named) ||
            !speaks(policy, statement, request))
            continue;
        outcome = (struct policy_outcome){.effect = statement->allows ? POLICY_ALLOW : POLICY_DENY,
                                          .named = named,
                                          .statement = i + 1,
                                          .sid = statement->sid};
    }
    return outcome;
}

struct policy_outcome policy_evaluate(const struct policy *policy, const struct policy_request *request)
{
    size_t steps = POLICY_STEPS_MAX;
    struct policy_request bounded = *request;

    if (!bounded.context.steps)
        bounded.context.steps = &steps;
    return evaluate(policy, &bounded);
}

/* What one document says of a request. Every statement is asked; the order does not count. */
#include "compat/policy_condition.h"

static bool is_about_action(const struct policy_statement *statement, const struct policy_request *request)
{
    bool found = false;

    for (size_t i = 0; !found && i < statement->action_count; i++)
        found =
            policy_pattern_match(&statement->actions[i], &request->context, request->action, true) == POLICY_MATCH_YES;
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
static bool speaks(const struct policy *policy, const struct policy_statement *statement,
                   const struct policy_request *request)
{
    enum policy_truth resource = POLICY_TRUE, conditions;

    if (!is_about_action(statement, request))
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

struct policy_outcome policy_evaluate(const struct policy *policy, const struct policy_request *request)
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

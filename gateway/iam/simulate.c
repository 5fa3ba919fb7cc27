/* SimulatePrincipalPolicy and SimulateCustomPolicy: what a user, group or role might do, or what policies that are not
 * anybody's yet would allow. Decided by the same function as requests are, with the condition keys that the call
 * gives.
 *
 * It is work without end for who asks well: one call at a time is served, by one thread of the pool, and all its
 * decisions together have a bound. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/pool.h"
#include "base/task.h"
#include "compat/iam_names.h"
#include "compat/policy.h"
#include "gateway/iam/elements.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/reply.h"

#define ACTIONS_MAX   128 /* each is decided for each resource */
#define RESOURCES_MAX 64
#define POLICIES_MAX  128
#define CONTEXTS_MAX  64
#define VALUES_MAX    16 /* of one key */
#define ACTION_BYTES  128
#define DECISIONS_MAX 1024
/* Of all decisions of a call together. One that takes all of its own is closed, as a request's is. */
#define CALL_STEPS_MAX (64 * (size_t)POLICY_STEPS_MAX)

struct simulation {
    struct exchange *exchange;
    struct bytes actions[ACTIONS_MAX], resources[RESOURCES_MAX];
    size_t action_count, resource_count;
    struct policy *policies[POLICIES_MAX];
    struct origin {
        char *id;         /* user_NAME_POLICY, a managed policy's name, PolicyInputList.1 */
        const char *type; /* as AWS's model has them */
    } origins[POLICIES_MAX];
    size_t policy_count;
    struct policy *boundary;
    struct policy_entry entries[CONTEXTS_MAX];
    struct bytes values[CONTEXTS_MAX][VALUES_MAX];
    size_t entry_count;
    char *arn;     /* of who is simulated */
    bool too_many; /* policies; one that was left out might deny */
    size_t steps;  /* that are left */
    bool too_long; /* they were not enough */
    struct xml_writer *xml;
};

static void simulation_free(struct simulation *simulation)
{
    for (size_t i = 0; i < simulation->policy_count; i++) {
        policy_free(simulation->policies[i]);
        free(simulation->origins[i].id);
    }
    policy_free(simulation->boundary);
    free(simulation->arn);
    free(simulation);
}

/* ---- the parameters --------------------------------------------------------------------------------------------- */

static enum status parse_given(struct exchange *exchange, struct bytes text, enum policy_kind kind,
                               struct policy **policy)
{
    struct policy_problem problem;

    if (policy_parse(text, kind, (struct bytes){0}, policy, &problem) == STATUS_OK)
        return STATUS_OK;
    return iam_fail(exchange, IAM_INVALID_INPUT, "A policy cannot be read: %s", problem.text);
}

static enum status read_context(struct simulation *simulation)
{
    const struct iam_request *request = &simulation->exchange->call->request;
    struct iam_error error = {0};
    char list[64];
    enum status status = iam_request_count(request, "ContextEntries", CONTEXTS_MAX, &simulation->entry_count, &error);

    for (size_t i = 0; i < simulation->entry_count && !status; i++) {
        struct policy_entry *entry = &simulation->entries[i];
        entry->key = iam_request_member(request, "ContextEntries", i + 1, "ContextKeyName");
        snprintf(list, sizeof(list), "ContextEntries.member.%zu.ContextKeyValues", i + 1);
        status = iam_request_list(request, list, VALUES_MAX, simulation->values[i], &entry->values.count, &error);
        entry->values.values = simulation->values[i];
        for (size_t j = 0; j < entry->values.count && !status; j++)
            if (simulation->values[i][j].len > POLICY_VALUE_BYTES_MAX)
                status = iam_error_set(&error, IAM_INVALID_INPUT, "A value of a condition key is longer than %d bytes.",
                                       POLICY_VALUE_BYTES_MAX);
        if (!status && entry->key.len == 0)
            status = iam_error_set(&error, IAM_INVALID_INPUT, "An entry of ContextEntries has no ContextKeyName.");
    }
    return status ? iam_fail_error(simulation->exchange, &error) : STATUS_OK;
}

/* Where the next policy comes from. */
static void name_origin(struct simulation *simulation, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void name_origin(struct simulation *simulation, const char *type, const char *format, ...)
{
    char id[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(id, sizeof(id), format, arguments);
    va_end(arguments);
    simulation->origins[simulation->policy_count] = (struct origin){mem_strdup(id), type};
}

static enum status read_policies(struct simulation *simulation)
{
    struct exchange *exchange = simulation->exchange;
    struct bytes texts[POLICIES_MAX / 2];
    struct iam_error error = {0};
    size_t count;

    if (iam_request_list(&exchange->call->request, "PolicyInputList", POLICIES_MAX / 2, texts, &count, &error))
        return iam_fail_error(exchange, &error);
    for (size_t i = 0; i < count; i++) {
        enum status status =
            parse_given(exchange, texts[i], POLICY_IDENTITY, &simulation->policies[simulation->policy_count]);
        if (status)
            return status;
        name_origin(simulation, "none", "PolicyInputList.%zu", i + 1);
        simulation->policy_count++;
        task_yield(); /* each takes a while to read */
    }
    if (iam_request_list(&exchange->call->request, "PermissionsBoundaryPolicyInputList", 1, texts, &count, &error))
        return iam_fail_error(exchange, &error);
    return count > 0 ? parse_given(exchange, texts[0], POLICY_BOUNDARY, &simulation->boundary) : STATUS_OK;
}

static enum status read_parameters(struct simulation *simulation)
{
    const struct iam_request *request = &simulation->exchange->call->request;
    struct iam_error error = {0};
    enum status status =
        iam_request_list(request, "ActionNames", ACTIONS_MAX, simulation->actions, &simulation->action_count, &error);

    if (!status)
        status = iam_request_list(request, "ResourceArns", RESOURCES_MAX, simulation->resources,
                                  &simulation->resource_count, &error);
    for (size_t i = 0; i < simulation->action_count && !status; i++)
        if (simulation->actions[i].len > ACTION_BYTES ||
            !memchr(simulation->actions[i].data, ':', simulation->actions[i].len))
            status = iam_error_set(&error, IAM_INVALID_INPUT, "An action is written SERVICE:NAME, as in s3:GetObject.");
    for (size_t i = 0; i < simulation->resource_count && !status; i++)
        if (simulation->resources[i].len > IAM_ARN_MAX)
            status = iam_error_set(&error, IAM_INVALID_INPUT, "An ARN is longer than %d bytes.", IAM_ARN_MAX);
    if (!status && simulation->action_count == 0)
        status = iam_error_set(&error, IAM_VALIDATION_ERROR, "The request has no ActionNames.");
    if (status)
        return iam_fail_error(simulation->exchange, &error);
    if (simulation->resource_count == 0)
        simulation->resources[simulation->resource_count++] = BYTES("*");
    if (simulation->action_count * simulation->resource_count > DECISIONS_MAX)
        return iam_fail(simulation->exchange, IAM_INVALID_INPUT, "No more than %d pairs of action and resource.",
                        DECISIONS_MAX);
    status = read_context(simulation);
    return status ? status : read_policies(simulation);
}

/* ---- who is simulated ------------------------------------------------------------------------------------------- */

/* What cannot be read denies everything, as it does when the user asks. */
static void add_policy(struct simulation *simulation, const char *text, const char *type, const char *holder,
                       const char *name)
{
    static const char deny[] = "{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}}";
    struct policy_problem problem;
    struct policy **policy = &simulation->policies[simulation->policy_count];

    if (simulation->policy_count == POLICIES_MAX) {
        simulation->too_many = true;
        return;
    }
    if (!text || policy_parse(bytes_from_str(text), POLICY_IDENTITY, (struct bytes){0}, policy, &problem))
        CHECK(policy_parse(BYTES(deny), POLICY_IDENTITY, (struct bytes){0}, policy, &problem) == STATUS_OK);
    name_origin(simulation, type, "%s%s%s", holder, holder[0] ? "_" : "", name);
    simulation->policy_count++;
    task_yield();
}

static const char *default_text(struct identity_managed_policy *policy)
{
    const struct identity_policy_version *version = identity_managed_policy_version(policy, policy->default_version);
    return version ? version->document : NULL;
}

static void add_policies(struct simulation *simulation, const struct iam_holder *holder)
{
    struct exchange *exchange = simulation->exchange;

    char who[IAM_NAME_MAX + 16];

    snprintf(who, sizeof(who), "%s_%s", holder->kind->word, holder->name);
    for (size_t i = 0; i < holder->policies->count; i++)
        add_policy(simulation, holder->policies->items[i].text, holder->kind->word, who,
                   holder->policies->items[i].name);
    for (size_t i = 0; i < holder->attached->count; i++) {
        struct identity_managed_policy policy;
        enum status status =
            identity_managed_policy_load_arn(exchange->gateway->meta, exchange->gateway->options.account_id,
                                             bytes_from_str(holder->attached->names[i]), &policy);
        add_policy(simulation, status ? NULL : default_text(&policy),
                   !status && policy.of_aws ? "aws-managed" : "user-managed", "", status ? "absent" : policy.name);
        if (!status)
            identity_managed_policy_release(&policy);
    }
}

static void add_boundary(struct simulation *simulation, const char *arn)
{
    struct exchange *exchange = simulation->exchange;
    struct identity_managed_policy policy;
    struct policy_problem problem;

    if (simulation->boundary)
        return; /* the call brings one to try */
    enum status status = identity_managed_policy_load_arn(
        exchange->gateway->meta, exchange->gateway->options.account_id, bytes_from_str(arn), &policy);
    const char *text = status ? NULL : default_text(&policy);
    if (!text ||
        policy_parse(bytes_from_str(text), POLICY_BOUNDARY, (struct bytes){0}, &simulation->boundary, &problem))
        add_policy(simulation, NULL, "none", "", "boundary");
    if (!status)
        identity_managed_policy_release(&policy);
}

static enum status add_groups(struct simulation *simulation, const struct identity_user *user)
{
    for (size_t i = 0; i < user->groups.count; i++) {
        struct iam_holder group;
        enum status status =
            iam_holder_find(simulation->exchange, IDENTITY_GROUPS, bytes_from_str(user->groups.names[i]), &group);
        if (status)
            return iam_fail_status(simulation->exchange, status == STATUS_NOT_FOUND ? STATUS_CONFLICT : status);
        add_policies(simulation, &group);
        iam_holder_release(&group);
    }
    return STATUS_OK;
}

/* PolicySourceArn, and all policies that it has. */
static enum status add_source(struct simulation *simulation)
{
    static const struct {
        const char *kind;
        enum identity_table table;
    } kinds[] = {{"user", IDENTITY_USERS}, {"group", IDENTITY_GROUPS}, {"role", IDENTITY_ROLES}};
    struct exchange *exchange = simulation->exchange;
    struct bytes arn = iam_value(exchange, "PolicySourceArn"), path, name;
    struct iam_holder holder = {0};
    enum status status = STATUS_NOT_FOUND;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && status == STATUS_NOT_FOUND; i++)
        if (!identity_arn_parse(arn, exchange->gateway->options.account_id, kinds[i].kind, &path, &name))
            status = iam_holder_find(exchange, kinds[i].table, name, &holder);
    if (status == STATUS_NOT_FOUND ||
        (!status && !(bytes_equal_str(path, holder.path) && bytes_equal_str(name, holder.name)))) {
        iam_holder_release(&holder);
        return iam_fail(exchange, IAM_NO_SUCH_ENTITY, "The entity %.*s cannot be found.",
                        (int)(arn.len < IAM_ARN_MAX ? arn.len : IAM_ARN_MAX), arn.data ? arn.data : "");
    }
    if (status)
        return iam_fail_status(exchange, status);
    simulation->arn = mem_strndup(arn.data, arn.len);
    add_policies(simulation, &holder);
    if (holder.boundary && *holder.boundary)
        add_boundary(simulation, *holder.boundary);
    status = holder.kind->table == IDENTITY_USERS ? add_groups(simulation, &holder.user) : STATUS_OK;
    iam_holder_release(&holder);
    if (!status && simulation->too_many)
        status = iam_fail(exchange, IAM_INVALID_INPUT, "There are more than %d policies to decide by.", POLICIES_MAX);
    return status;
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

/* The policy that decided, when it was one of who is simulated. */
static void write_matched(const struct simulation *simulation, struct xml_writer *xml, const struct policy *policy)
{
    xml_writer_open(xml, "MatchedStatements");
    for (size_t i = 0; i < simulation->policy_count && policy; i++) {
        if (simulation->policies[i] != policy)
            continue;
        xml_writer_open(xml, "member");
        xml_writer_element_str(xml, "SourcePolicyId", simulation->origins[i].id);
        xml_writer_element_str(xml, "SourcePolicyType", simulation->origins[i].type);
        xml_writer_close(xml);
    }
    xml_writer_close(xml);
}

static void write_decision(struct simulation *simulation, struct xml_writer *xml, struct bytes action,
                           struct bytes resource)
{
    const struct policy_table table = {simulation->entries, simulation->entry_count};
    const char *account = simulation->exchange->gateway->options.account_id;
    const struct policy_set set = {.identity = (const struct policy *const *)simulation->policies,
                                   .identity_count = simulation->policy_count,
                                   .boundary = simulation->boundary};
    size_t steps = POLICY_STEPS_MAX;
    struct policy_request request = {
        .caller = {.kind = POLICY_USER,
                   .account = bytes_from_str(account),
                   .arn = bytes_from_str(simulation->arn ? simulation->arn : ""),
                   .bounded = simulation->boundary != NULL},
        .action = action,
        .resource = resource,
        .resource_account = bytes_from_str(account),
        .context = policy_table_context(&table),
    };

    request.context.steps = &steps;
    struct policy_decision decision = policy_decide(&set, &request);
    simulation->steps -= POLICY_STEPS_MAX - steps;
    xml_writer_open(xml, "member");
    xml_writer_element(xml, "EvalActionName", action);
    xml_writer_element(xml, "EvalResourceName", resource);
    xml_writer_element_str(xml, "EvalDecision",
                           decision.allowed                          ? "allowed"
                           : decision.reason == POLICY_EXPLICIT_DENY ? "explicitDeny"
                                                                     : "implicitDeny");
    write_matched(simulation, xml, decision.policy);
    xml_writer_open(xml, "MissingContextValues");
    xml_writer_close(xml);
    if (simulation->boundary) {
        xml_writer_open(xml, "PermissionsBoundaryDecisionDetail");
        xml_writer_element_bool(xml, "AllowedByPermissionsBoundary", decision.reason != POLICY_BEYOND_BOUNDARY);
        xml_writer_close(xml);
    }
    xml_writer_close(xml);
}

/* A thousand decisions by policies of any kind take their time. When less is left than one may take, the next is not
 * begun: it might be closed where a request's would not be. */
static void decide_all(void *arg)
{
    struct simulation *simulation = arg;

    simulation->steps = CALL_STEPS_MAX;
    for (size_t i = 0; i < simulation->action_count * simulation->resource_count; i++) {
        if (simulation->steps < POLICY_STEPS_MAX) {
            simulation->too_long = true;
            return;
        }
        write_decision(simulation, simulation->xml, simulation->actions[i / simulation->resource_count],
                       simulation->resources[i % simulation->resource_count]);
    }
}

/* Not while an answer is sent: a slow client would keep everybody else out. */
static enum status decide_alone(struct simulation *simulation)
{
    struct gateway *gateway = simulation->exchange->gateway;

    if (__atomic_exchange_n(&gateway->simulating, true, __ATOMIC_ACQUIRE))
        return iam_fail(simulation->exchange, IAM_THROTTLING, "Rate exceeded");
    pool_run(gateway->pool, decide_all, simulation);
    __atomic_store_n(&gateway->simulating, false, __ATOMIC_RELEASE);
    if (simulation->too_long)
        return iam_fail(simulation->exchange, IAM_INVALID_INPUT,
                        "These decisions take too long together; ask for fewer actions and resources.");
    return STATUS_OK;
}

static void answer(struct simulation *simulation)
{
    struct iam_answer answer;

    iam_answer_begin(simulation->exchange, &answer);
    xml_writer_open(answer.xml, "EvaluationResults");
    simulation->xml = answer.xml;
    if (decide_alone(simulation)) {
        buffer_release(&answer.document);
        return;
    }
    xml_writer_close(answer.xml);
    xml_writer_element_bool(answer.xml, "IsTruncated", false);
    HTTP_LAST_REPLY(iam_answer_send(simulation->exchange, &answer, STATUS_OK));
}

void iam_simulate_principal_policy(struct exchange *exchange)
{
    struct simulation *simulation = mem_zalloc(sizeof(*simulation));

    simulation->exchange = exchange;
    if (!read_parameters(simulation) && !add_source(simulation))
        answer(simulation);
    simulation_free(simulation);
}

void iam_simulate_custom_policy(struct exchange *exchange)
{
    struct simulation *simulation = mem_zalloc(sizeof(*simulation));

    simulation->exchange = exchange;
    if (!read_parameters(simulation))
        answer(simulation);
    simulation_free(simulation);
}

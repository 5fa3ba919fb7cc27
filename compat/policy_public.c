/* What can be said of a policy without a request: whether it is public, and which keys it asks for. */
#include <string.h>
#include <strings.h>

#include "compat/policy_condition.h"

/* Keys whose fixed values name who may come, or through what. */
static const char *const binding_keys[] = {
    "aws:PrincipalOrgID",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceOwner",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:userid",
    "s3:DataAccessPointAccount",
    "s3:DataAccessPointArn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
};
#define IPV4_BITS_MIN 8
#define IPV6_BITS_MIN 32

static bool is_fixed_pattern(const struct policy_pattern *pattern)
{
    for (size_t i = 0; i < pattern->count; i++)
        if (pattern->pieces[i].kind != POLICY_PIECE_TEXT)
            return false;
    return true;
}

/* accesspoint/NAME: the name may be anything. */
static bool is_any_access_point(const struct policy_arn *arn)
{
    const struct policy_pattern *last = &arn->parts[POLICY_ARN_PARTS - 1];

    if (arn->count != POLICY_ARN_PARTS || last->count == 0 || last->pieces[0].kind != POLICY_PIECE_TEXT ||
        !bytes_starts_with(last->pieces[0].text, BYTES("accesspoint/")))
        return false;
    for (size_t i = 0; i < last->count; i++)
        if (last->pieces[i].kind == POLICY_PIECE_VARIABLE)
            return false;
    return true;
}

/* The same as a text, to which everything before the name belongs. */
static bool is_any_access_point_text(const struct policy_pattern *pattern)
{
    struct bytes first = pattern->count > 0 ? pattern->pieces[0].text : bytes_of(NULL, 0);

    if (first.len == 0 || pattern->pieces[0].kind != POLICY_PIECE_TEXT ||
        !memmem(first.data, first.len, ":accesspoint/", 13))
        return false;
    for (size_t i = 0; i < pattern->count; i++)
        if (pattern->pieces[i].kind == POLICY_PIECE_VARIABLE)
            return false;
    return true;
}

static bool is_fixed_arn(const struct policy_arn *arn, bool of_access_point)
{
    bool any_name = of_access_point && is_any_access_point(arn);

    for (unsigned i = 0; i < arn->count; i++)
        if (!(any_name && i == POLICY_ARN_PARTS - 1) && !is_fixed_pattern(&arn->parts[i]))
            return false;
    return true;
}

static bool is_narrow(const struct policy_ip_range *range)
{
    return range->bits >= (range->len == 4 ? IPV4_BITS_MIN : IPV6_BITS_MIN);
}

static bool is_fixed(enum policy_operand_type type, const union policy_operand *operand, bool of_access_point)
{
    if (type == POLICY_OPERAND_IP)
        return is_narrow(&operand->range);
    if (type == POLICY_OPERAND_ARN)
        return is_fixed_arn(&operand->arn, of_access_point);
    return is_fixed_pattern(&operand->pattern) || (of_access_point && is_any_access_point_text(&operand->pattern));
}

static bool is_binding_key(struct bytes key, enum policy_operand_type type)
{
    if (bytes_equal_nocase(key, "aws:SourceIp"))
        return type == POLICY_OPERAND_IP;
    for (size_t i = 0; i < sizeof(binding_keys) / sizeof(binding_keys[0]); i++)
        if (bytes_equal_nocase(key, binding_keys[i]))
            return type == POLICY_OPERAND_STRING || type == POLICY_OPERAND_ARN;
    return false;
}

static bool binds(const struct policy_condition *condition)
{
    enum policy_operand_type type = condition->comparison->type;
    bool of_access_point = bytes_equal_nocase(condition->key, "s3:DataAccessPointArn");

    if (condition->comparison->negated || condition->if_exists || condition->quantifier == POLICY_ALL_VALUES ||
        !is_binding_key(condition->key, type))
        return false;
    for (size_t i = 0; i < condition->count; i++)
        if (!is_fixed(type, &condition->operands[i], of_access_point))
            return false;
    return true;
}

static bool lets_anybody_in(const struct policy_statement *statement)
{
    bool everybody = false;

    for (size_t i = 0; i < statement->principal_count; i++)
        everybody = everybody || statement->principals[i].kind == POLICY_PRINCIPAL_EVERYBODY;
    if (!statement->allows || !everybody)
        return false;
    for (size_t i = 0; i < statement->condition_count; i++)
        if (binds(&statement->conditions[i]))
            return false;
    return true;
}

bool policy_is_public(const struct policy *policy)
{
    for (size_t i = 0; i < policy->statement_count; i++)
        if (lets_anybody_in(&policy->statements[i]))
            return true;
    return false;
}

static bool begins_so(struct bytes key, struct bytes prefix)
{
    return key.len >= prefix.len && strncasecmp(key.data, prefix.data, prefix.len) == 0;
}

static bool pattern_uses(const struct policy_pattern *pattern, struct bytes prefix)
{
    for (size_t i = 0; i < pattern->count; i++)
        if (pattern->pieces[i].kind == POLICY_PIECE_VARIABLE && begins_so(pattern->pieces[i].text, prefix))
            return true;
    return false;
}

static bool arn_uses(const struct policy_arn *arn, struct bytes prefix)
{
    for (unsigned i = 0; i < arn->count; i++)
        if (pattern_uses(&arn->parts[i], prefix))
            return true;
    return false;
}

static bool condition_uses(const struct policy_condition *condition, struct bytes prefix)
{
    bool uses = begins_so(condition->key, prefix);

    for (size_t i = 0; !uses && i < condition->count; i++) {
        if (condition->comparison->type == POLICY_OPERAND_STRING)
            uses = pattern_uses(&condition->operands[i].pattern, prefix);
        else if (condition->comparison->type == POLICY_OPERAND_ARN)
            uses = arn_uses(&condition->operands[i].arn, prefix);
    }
    return uses;
}

bool policy_uses_key(const struct policy *policy, struct bytes prefix)
{
    for (size_t i = 0; i < policy->statement_count; i++) {
        const struct policy_statement *statement = &policy->statements[i];
        for (size_t j = 0; j < statement->resource_count; j++)
            if (arn_uses(&statement->resources[j], prefix))
                return true;
        for (size_t j = 0; j < statement->condition_count; j++)
            if (condition_uses(&statement->conditions[j], prefix))
                return true;
    }
    return false;
}

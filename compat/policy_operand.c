/* Operands: what an operator is given in the policy, read once, and compared with a value of the request, which is read
 * as the operator's type each time. */
#include "compat/policy_condition.h"

#include <stdlib.h>

#include "base/check.h"

#define READ_STEPS 64 /* of a value as an address, a date or the like, beside its length */

static enum status parse_binary(struct policy_parser *parser, struct bytes text, struct bytes *binary)
{
    size_t len = text.len;
    char *memory = policy_alloc(parser->policy, len + 1);

    if (base64_decode(text, memory, &len))
        return STATUS_INVALID;
    *binary = bytes_of(memory, len);
    return STATUS_OK;
}

static enum status parse_arn(struct policy_parser *parser, struct bytes text, struct policy_arn *arn)
{
    const struct policy_pattern *last;
    bool variable = false;

    if (policy_arn_parse(parser, text, POLICY_WILDCARDS | (parser->policy->has_variables ? POLICY_VARIABLES : 0), true,
                         arn))
        return STATUS_INVALID;
    last = &arn->parts[arn->count - 1];
    for (size_t i = 0; i < last->count; i++)
        variable = variable || last->pieces[i].kind == POLICY_PIECE_VARIABLE;
    if (arn->count == POLICY_ARN_PARTS || variable || policy_pattern_ends_with_any(last))
        return STATUS_OK;
    return policy_fail(parser, "A value must be in ARN format");
}

/* Those that have no variables. */
static enum status parse_plain(struct policy_parser *parser, enum policy_operand_type type, struct bytes text,
                               union policy_operand *operand)
{
    switch (type) {
    case POLICY_OPERAND_NUMBER:
        return policy_number_parse(text, &operand->number);
    case POLICY_OPERAND_DATE:
        return policy_date_parse(text, &operand->date_ms);
    case POLICY_OPERAND_BOOL:
    case POLICY_OPERAND_NULL:
        return policy_bool_parse(text, &operand->truth);
    case POLICY_OPERAND_BINARY:
        return parse_binary(parser, text, &operand->binary);
    case POLICY_OPERAND_IP:
        return policy_ip_range_parse(text, &operand->range);
    case POLICY_OPERAND_STRING:
    case POLICY_OPERAND_ARN:
        break;
    }
    return STATUS_INTERNAL;
}

enum status policy_operand_parse(struct policy_parser *parser, const struct policy_operator *comparison,
                                 struct bytes text, union policy_operand *operand)
{
    unsigned what =
        (comparison->wildcards ? POLICY_WILDCARDS : 0) | (parser->policy->has_variables ? POLICY_VARIABLES : 0);
    char quoted[POLICY_QUOTE_MAX + 1];

    if (comparison->type == POLICY_OPERAND_STRING)
        return policy_pattern_parse(parser, text, what, &operand->pattern);
    if (comparison->type == POLICY_OPERAND_ARN)
        return parse_arn(parser, text, &operand->arn);
    if (parse_plain(parser, comparison->type, text, operand))
        return policy_fail(parser, "Invalid value for %s: %s", comparison->name, policy_quote(text, quoted));
    return STATUS_OK;
}

static enum policy_match match_of(bool matches)
{
    return matches ? POLICY_MATCH_YES : POLICY_MATCH_NO;
}

/* order: of the request's value to the operand. */
static enum policy_match match_order(const struct policy_operator *comparison, int order)
{
    unsigned relation = order < 0 ? POLICY_LESS : order > 0 ? POLICY_GREATER : POLICY_EQUAL;

    return match_of(comparison->matches & relation);
}

static enum policy_match match_number(const struct policy_operator *comparison, const struct policy_number *operand,
                                      struct bytes value)
{
    struct policy_number number;

    if (policy_number_parse(value, &number))
        return POLICY_MATCH_UNKNOWN;
    return match_order(comparison, policy_number_compare(&number, operand));
}

static enum policy_match match_date(const struct policy_operator *comparison, int64_t operand_ms, struct bytes value)
{
    int64_t ms;

    if (policy_date_parse(value, &ms))
        return POLICY_MATCH_UNKNOWN;
    return match_order(comparison, (ms > operand_ms) - (ms < operand_ms));
}

static enum policy_match match_ip(const struct policy_ip_range *range, struct bytes value)
{
    struct policy_ip_range address;

    if (policy_ip_range_parse(value, &address) || address.bits != address.len * 8)
        return POLICY_MATCH_UNKNOWN;
    return match_of(policy_ip_range_has(range, &address));
}

static enum policy_match match_bool(bool operand, struct bytes value)
{
    bool truth;

    if (policy_bool_parse(value, &truth))
        return POLICY_MATCH_UNKNOWN;
    return match_of(truth == operand);
}

/* The request's value is in base64, too. */
static enum policy_match match_binary(struct bytes operand, struct bytes value)
{
    size_t len = value.len;
    char *binary = mem_alloc(len + 1);
    enum policy_match match = POLICY_MATCH_UNKNOWN;

    if (base64_decode(value, binary, &len) == STATUS_OK)
        match = match_of(bytes_equal(bytes_of(binary, len), operand));
    free(binary);
    return match;
}

static enum policy_match match_arn(const struct policy_arn *arn, const struct policy_context *context,
                                   struct bytes value)
{
    unsigned colons = 0;

    for (size_t i = 0; i < value.len; i++)
        colons += value.data[i] == ':';
    return colons + 1 < POLICY_ARN_PARTS ? POLICY_MATCH_UNKNOWN : policy_arn_match(arn, context, value);
}

enum policy_match policy_operand_match(const struct policy_operator *comparison, const union policy_operand *operand,
                                       const struct policy_context *context, struct bytes value)
{
    if (comparison->type != POLICY_OPERAND_STRING && !policy_spend(context, READ_STEPS + value.len))
        return POLICY_MATCH_UNKNOWN;
    switch (comparison->type) {
    case POLICY_OPERAND_STRING:
        return policy_pattern_match(&operand->pattern, context, value, comparison->nocase);
    case POLICY_OPERAND_ARN:
        return match_arn(&operand->arn, context, value);
    case POLICY_OPERAND_NUMBER:
        return match_number(comparison, &operand->number, value);
    case POLICY_OPERAND_DATE:
        return match_date(comparison, operand->date_ms, value);
    case POLICY_OPERAND_BOOL:
        return match_bool(operand->truth, value);
    case POLICY_OPERAND_BINARY:
        return match_binary(operand->binary, value);
    case POLICY_OPERAND_IP:
        return match_ip(&operand->range, value);
    case POLICY_OPERAND_NULL:
        break;
    }
    return POLICY_MATCH_UNKNOWN;
}

/* Conditions: keys and operators of a block all have to hold, of several operands one is enough, and for a negated
 * operator none may match. A missing key lets a negated operator hold, and one with IfExists; whether that is so for a
 * key that nobody knows is not decided. */
#include "compat/policy_condition.h"

#include <stdio.h>
#include <string.h>

static const struct policy_operator operators[] = {
    {"StringEquals", POLICY_OPERAND_STRING, false, 0, false, false},
    {"StringNotEquals", POLICY_OPERAND_STRING, true, 0, false, false},
    {"StringEqualsIgnoreCase", POLICY_OPERAND_STRING, false, 0, true, false},
    {"StringNotEqualsIgnoreCase", POLICY_OPERAND_STRING, true, 0, true, false},
    {"StringLike", POLICY_OPERAND_STRING, false, 0, false, true},
    {"StringNotLike", POLICY_OPERAND_STRING, true, 0, false, true},
    {"NumericEquals", POLICY_OPERAND_NUMBER, false, POLICY_EQUAL, false, false},
    {"NumericNotEquals", POLICY_OPERAND_NUMBER, true, POLICY_EQUAL, false, false},
    {"NumericLessThan", POLICY_OPERAND_NUMBER, false, POLICY_LESS, false, false},
    {"NumericLessThanEquals", POLICY_OPERAND_NUMBER, false, POLICY_LESS | POLICY_EQUAL, false, false},
    {"NumericGreaterThan", POLICY_OPERAND_NUMBER, false, POLICY_GREATER, false, false},
    {"NumericGreaterThanEquals", POLICY_OPERAND_NUMBER, false, POLICY_GREATER | POLICY_EQUAL, false, false},
    {"DateEquals", POLICY_OPERAND_DATE, false, POLICY_EQUAL, false, false},
    {"DateNotEquals", POLICY_OPERAND_DATE, true, POLICY_EQUAL, false, false},
    {"DateLessThan", POLICY_OPERAND_DATE, false, POLICY_LESS, false, false},
    {"DateLessThanEquals", POLICY_OPERAND_DATE, false, POLICY_LESS | POLICY_EQUAL, false, false},
    {"DateGreaterThan", POLICY_OPERAND_DATE, false, POLICY_GREATER, false, false},
    {"DateGreaterThanEquals", POLICY_OPERAND_DATE, false, POLICY_GREATER | POLICY_EQUAL, false, false},
    {"Bool", POLICY_OPERAND_BOOL, false, 0, false, false},
    {"BinaryEquals", POLICY_OPERAND_BINARY, false, 0, false, false},
    {"IpAddress", POLICY_OPERAND_IP, false, 0, false, false},
    {"NotIpAddress", POLICY_OPERAND_IP, true, 0, false, false},
    {"ArnEquals", POLICY_OPERAND_ARN, false, 0, false, false},
    {"ArnLike", POLICY_OPERAND_ARN, false, 0, false, false},
    {"ArnNotEquals", POLICY_OPERAND_ARN, true, 0, false, false},
    {"ArnNotLike", POLICY_OPERAND_ARN, true, 0, false, false},
    {"Null", POLICY_OPERAND_NULL, false, 0, false, false},
};

static bool cut_front(struct bytes *text, struct bytes front)
{
    if (!bytes_starts_with(*text, front))
        return false;
    *text = bytes_of(text->data + front.len, text->len - front.len);
    return true;
}

static bool cut_end(struct bytes *text, struct bytes end)
{
    if (text->len < end.len || memcmp(text->data + text->len - end.len, end.data, end.len) != 0)
        return false;
    text->len -= end.len;
    return true;
}

/* [ForAllValues:|ForAnyValue:]OPERATOR[IfExists] */
static enum status read_operator(struct policy_parser *parser, const char *name, struct policy_condition *condition)
{
    struct bytes text = bytes_from_str(name);
    char quoted[POLICY_QUOTE_MAX + 1];

    *condition = (struct policy_condition){0};
    if (cut_front(&text, BYTES("ForAllValues:")))
        condition->quantifier = POLICY_ALL_VALUES;
    else if (cut_front(&text, BYTES("ForAnyValue:")))
        condition->quantifier = POLICY_ANY_VALUE;
    condition->if_exists = cut_end(&text, BYTES("IfExists"));
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (bytes_equal_str(text, operators[i].name))
            condition->comparison = &operators[i];
    bool null = condition->comparison && condition->comparison->type == POLICY_OPERAND_NULL;
    if (!condition->comparison || (null && (condition->if_exists || condition->quantifier)))
        return policy_fail(parser, "Invalid Condition type : %s", policy_quote(bytes_from_str(name), quoted));
    return STATUS_OK;
}

static enum status read_key(struct policy_parser *parser, const char *name, struct policy_condition *condition)
{
    struct bytes key = bytes_from_str(name);
    const char *colon = strchr(name, ':');
    char quoted[POLICY_QUOTE_MAX + 1];

    if (!colon || colon == name || !colon[1])
        return policy_fail(parser, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: %s",
                           policy_quote(key, quoted));
    if (parser->policy->kind == POLICY_BUCKET && !policy_key_is_known(key))
        return policy_fail(parser, "Policy has an invalid condition key: %s", policy_quote(key, quoted));
    condition->key = policy_keep(parser->policy, key);
    return STATUS_OK;
}

/* Of a string, a number or a truth. */
static enum status read_text(struct policy_parser *parser, json_t *value, struct bytes *text)
{
    char number[64];

    if (json_is_string(value)) {
        *text = policy_keep(parser->policy, bytes_of(json_string_value(value), json_string_length(value)));
        return STATUS_OK;
    }
    if (json_is_boolean(value))
        snprintf(number, sizeof(number), "%s", json_is_true(value) ? "true" : "false");
    else if (json_is_integer(value))
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(number, sizeof(number), "%.15g", json_real_value(value));
    else
        return policy_fail(parser, "A value of a condition is a string, a number, or true or false");
    *text = policy_keep(parser->policy, bytes_from_str(number));
    return STATUS_OK;
}

static enum status read_condition(struct policy_parser *parser, const char *operator_name, const char *key,
                                  json_t *value, struct policy_condition *condition)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    char quoted[POLICY_QUOTE_MAX + 1];

    if (read_operator(parser, operator_name, condition) || read_key(parser, key, condition))
        return STATUS_INVALID;
    if (count == 0)
        return policy_fail(parser, "There is no value for the condition key %s", policy_quote(condition->key, quoted));
    condition->operands = policy_alloc(parser->policy, count * sizeof(*condition->operands));
    while (condition->count < count) {
        json_t *item = json_is_array(value) ? json_array_get(value, condition->count) : value;
        struct bytes text;
        if (read_text(parser, item, &text) ||
            policy_operand_parse(parser, condition->comparison, text, &condition->operands[condition->count++]))
            return STATUS_INVALID;
    }
    return STATUS_OK;
}

enum status policy_conditions_parse(struct policy_parser *parser, json_t *value, struct policy_statement *statement)
{
    json_t *conditions = value, *block, *item;
    const char *operator_name, *key;
    struct policy_condition *condition;
    size_t count = 0;

    if (!value)
        return STATUS_OK;
    parser->element = "Condition";
    if (!json_is_object(value))
        return policy_fail(parser, "Invalid policy syntax");
    json_object_foreach (conditions, operator_name, block)
        count += json_object_size(block);
    condition = policy_alloc(parser->policy, count * sizeof(*condition));
    statement->conditions = condition;
    statement->condition_count = count;
    json_object_foreach (conditions, operator_name, block) {
        struct policy_condition unused;
        if (read_operator(parser, operator_name, &unused))
            return STATUS_INVALID;
        if (!json_is_object(block))
            return policy_fail(parser, "Invalid policy syntax");
        json_object_foreach (block, key, item)
            if (read_condition(parser, operator_name, key, item, condition++))
                return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* For one value of the request. */
static enum policy_truth holds_for(const struct policy_condition *condition, const struct policy_context *context,
                                   struct bytes value)
{
    bool unknown = false;

    for (size_t i = 0; i < condition->count; i++) {
        enum policy_match match = policy_operand_match(condition->comparison, &condition->operands[i], context, value);
        if (match == POLICY_MATCH_YES)
            return condition->comparison->negated ? POLICY_FALSE : POLICY_TRUE;
        unknown = unknown || match == POLICY_MATCH_UNKNOWN;
    }
    if (unknown)
        return POLICY_UNDECIDED;
    return condition->comparison->negated ? POLICY_TRUE : POLICY_FALSE;
}

static enum policy_truth null_holds(const struct policy_condition *condition, bool absent)
{
    for (size_t i = 0; i < condition->count; i++)
        if (condition->operands[i].truth == absent)
            return POLICY_TRUE;
    return POLICY_FALSE;
}

static enum policy_truth holds_without_key(const struct policy_condition *condition)
{
    if (condition->if_exists || condition->quantifier == POLICY_ALL_VALUES)
        return POLICY_TRUE;
    return condition->comparison->negated && condition->quantifier == POLICY_ONE_VALUE ? POLICY_TRUE : POLICY_FALSE;
}

/* `decisive` of one value decides; else it is the other, unless one is undecided. */
static enum policy_truth holds_for_values(const struct policy_condition *condition,
                                          const struct policy_context *context, const struct policy_values *values,
                                          enum policy_truth decisive)
{
    enum policy_truth all = decisive == POLICY_TRUE ? POLICY_FALSE : POLICY_TRUE;

    for (size_t i = 0; i < values->count; i++) {
        enum policy_truth truth = holds_for(condition, context, values->values[i]);
        if (truth == decisive)
            return truth;
        all = truth == POLICY_UNDECIDED ? truth : all;
    }
    return all;
}

static enum policy_truth condition_holds(const struct policy_condition *condition, const struct policy_context *context)
{
    struct policy_values values = {0};
    enum policy_presence presence = policy_find(context, condition->key, &values);
    bool absent = presence == POLICY_KEY_ABSENT || values.count == 0;

    if (presence == POLICY_KEY_UNKNOWN)
        return POLICY_UNDECIDED;
    if (condition->comparison->type == POLICY_OPERAND_NULL)
        return null_holds(condition, absent);
    if (absent)
        return holds_without_key(condition);
    if (condition->quantifier == POLICY_ANY_VALUE)
        return holds_for_values(condition, context, &values, POLICY_TRUE);
    if (condition->quantifier == POLICY_ALL_VALUES && values.count == 1 && values.values[0].len == 0)
        return POLICY_TRUE; /* an empty text is no value */
    if (condition->quantifier == POLICY_ONE_VALUE && values.count > 1)
        return POLICY_UNDECIDED; /* AWS says nothing about several values without a set operator */
    return holds_for_values(condition, context, &values, POLICY_FALSE);
}

enum policy_truth policy_conditions_hold(const struct policy_statement *statement, const struct policy_context *context)
{
    enum policy_truth all = POLICY_TRUE;

    for (size_t i = 0; i < statement->condition_count && all != POLICY_FALSE; i++) {
        enum policy_truth truth = condition_holds(&statement->conditions[i], context);
        all = truth == POLICY_TRUE ? all : truth;
    }
    return all;
}

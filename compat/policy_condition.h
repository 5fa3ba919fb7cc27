/* Conditions of statements: operators, their operands, and whether they hold for a request. */
#ifndef TERCET_COMPAT_POLICY_CONDITION_H
#define TERCET_COMPAT_POLICY_CONDITION_H

#include "compat/policy_internal.h"
#include "compat/policy_value.h"

enum policy_operand_type {
    POLICY_OPERAND_STRING,
    POLICY_OPERAND_ARN,
    POLICY_OPERAND_NUMBER,
    POLICY_OPERAND_DATE,
    POLICY_OPERAND_BOOL,
    POLICY_OPERAND_BINARY,
    POLICY_OPERAND_IP,
    POLICY_OPERAND_NULL, /* a truth about whether the key is there */
};
union policy_operand {
    struct policy_pattern pattern;
    struct policy_arn arn;
    struct policy_number number;
    int64_t date_ms;
    struct policy_ip_range range;
    struct bytes binary; /* decoded */
    bool truth;          /* of BOOL and NULL */
};

/* Of the request's value to the operand: bits of what makes it match. */
#define POLICY_LESS    1u
#define POLICY_EQUAL   2u
#define POLICY_GREATER 4u

struct policy_operator {
    const char *name;
    enum policy_operand_type type;
    bool negated;           /* holds when no operand matches */
    unsigned matches;       /* of numbers and dates */
    bool nocase, wildcards; /* of strings */
};

enum policy_quantifier {
    POLICY_ONE_VALUE,
    POLICY_ALL_VALUES, /* ForAllValues */
    POLICY_ANY_VALUE,  /* ForAnyValue */
};
struct policy_condition {
    const struct policy_operator *comparison;
    enum policy_quantifier quantifier;
    bool if_exists;
    struct bytes key;
    union policy_operand *operands;
    size_t count; /* at least one */
};

enum status policy_conditions_parse(struct policy_parser *parser, json_t *value, struct policy_statement *statement);
/* All of the statement's together. */
enum policy_truth policy_conditions_hold(const struct policy_statement *statement,
                                         const struct policy_context *context);

/* One operand of that operator (policy_operand.c). Only strings and ARNs have variables. */
enum status policy_operand_parse(struct policy_parser *parser, const struct policy_operator *comparison,
                                 struct bytes text, union policy_operand *operand);
/* Does the request's value match it? UNKNOWN when that value is not of the operator's type. */
enum policy_match policy_operand_match(const struct policy_operator *comparison, const union policy_operand *operand,
                                       const struct policy_context *context, struct bytes value);

#endif

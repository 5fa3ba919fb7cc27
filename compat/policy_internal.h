/* What the files of the policy language share: the parsed form, and the steps of parsing and of matching. */
#ifndef TERCET_COMPAT_POLICY_INTERNAL_H
#define TERCET_COMPAT_POLICY_INTERNAL_H

#include <jansson.h>
#include <stdint.h>

#include "compat/policy.h"

#define POLICY_VARIABLES_MAX 16 /* in one pattern */
#define POLICY_ARN_PARTS     6

/* Patterns (policy_match.c): pieces one after another. */
enum policy_piece_kind {
    POLICY_PIECE_TEXT,     /* these very bytes */
    POLICY_PIECE_ONE,      /* ?: one character */
    POLICY_PIECE_ANY,      /* *: any number of them */
    POLICY_PIECE_VARIABLE, /* the value of a key, as text */
};
struct policy_piece {
    enum policy_piece_kind kind;
    unsigned variable;     /* its number in the pattern */
    struct bytes text;     /* of a variable the key */
    struct bytes fallback; /* of a variable; data NULL: none */
};
struct policy_pattern {
    const struct policy_piece *pieces;
    size_t count;
};
/* By parts, so that a wildcard does not reach into the next. With fewer than six the last one is for all the rest. */
struct policy_arn {
    struct policy_pattern parts[POLICY_ARN_PARTS];
    unsigned count;
    struct bytes front; /* all but the sixth part, with their colons, if they are of text alone; data NULL: not so */
};

enum policy_match {
    POLICY_MATCH_NO,
    POLICY_MATCH_YES,
    POLICY_MATCH_MISSING, /* a variable has no value in this request */
    POLICY_MATCH_UNKNOWN, /* it cannot be said */
};

/* Whether something holds. */
enum policy_truth {
    POLICY_FALSE,
    POLICY_TRUE,
    POLICY_UNDECIDED,
};

enum policy_principal_kind {
    POLICY_PRINCIPAL_EVERYBODY,
    POLICY_PRINCIPAL_ACCOUNT,
    POLICY_PRINCIPAL_CANONICAL,
    POLICY_PRINCIPAL_ARN,
    POLICY_PRINCIPAL_PROVIDER,
    POLICY_PRINCIPAL_SERVICE,
    POLICY_PRINCIPAL_NOBODY, /* a deleted user's or role's id */
};
struct policy_principal {
    enum policy_principal_kind kind;
    struct bytes text;
};

struct policy_condition;
struct policy_statement {
    bool allows;
    bool not_principal, not_action, not_resource;
    struct bytes sid;
    struct policy_principal *principals;
    struct policy_pattern *actions;
    struct policy_arn *resources;
    struct policy_condition *conditions; /* policy_condition.h */
    size_t principal_count, action_count, resource_count, condition_count;
};

struct policy_block;
struct policy {
    enum policy_kind kind;
    bool has_variables; /* its version is one with variables */
    struct policy_statement *statements;
    size_t statement_count;
    struct policy_block *blocks; /* all that the statements point to */
};

/* Memory that lives as long as the policy (policy_memory.c). */
void *policy_alloc(struct policy *policy, size_t size);
struct bytes policy_keep(struct policy *policy, struct bytes text);
void policy_release_memory(struct policy *policy);

/* A document while it is read: where we are, for the problem. */
struct policy_parser {
    struct policy *policy;
    struct bytes bucket;
    size_t statement;    /* from 1; 0: outside of them */
    const char *element; /* NULL: the statement as a whole */
    struct policy_problem *problem;
};
/* Says the problem and its place. Returns STATUS_INVALID. */
enum status policy_fail(struct policy_parser *parser, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A text from the document for a problem: what is not printable is shown as `?`, what is long is cut. */
#define POLICY_QUOTE_MAX 100
const char *policy_quote(struct bytes text, char out[POLICY_QUOTE_MAX + 1]);

/* One text, or an array of them that is not empty: calls `each` for every one, whose text is kept. */
size_t policy_text_count(json_t *value); /* 0: neither */
enum status policy_texts(struct policy_parser *parser, json_t *value,
                         enum status (*each)(struct policy_parser *parser, void *arg, size_t index, struct bytes text),
                         void *arg);

#define POLICY_WILDCARDS 1u
#define POLICY_VARIABLES 2u
/* Takes a pattern apart; its texts point into `text`, which has to live as long. */
enum status policy_pattern_parse(struct policy_parser *parser, struct bytes text, unsigned what,
                                 struct policy_pattern *pattern);
/* `what` is for the sixth part; the first five have no variables unless `everywhere`. */
enum status policy_arn_parse(struct policy_parser *parser, struct bytes text, unsigned what, bool everywhere,
                             struct policy_arn *arn);
bool policy_pattern_ends_with_any(const struct policy_pattern *pattern);

/* Takes steps from what is left of the decision's (policy_budget.c). False when there are not so many: nothing is left
 * then, what was asked for is not to be done, and what was found is not to be believed. Without a context, or without
 * its steps, nothing is counted. */
static inline bool policy_spend(const struct policy_context *context, size_t steps)
{
    if (!context || !context->steps)
        return true;
    bool enough = *context->steps > steps;
    *context->steps = enough ? *context->steps - steps : 0;
    return enough;
}

static inline bool policy_is_spent(const struct policy_context *context)
{
    return context && context->steps && *context->steps == 0;
}

/* The context's find(), for its steps; UNKNOWN also when a value is longer than it may be. */
enum policy_presence policy_find(const struct policy_context *context, struct bytes key, struct policy_values *values);

/* Steps are bounded by the pattern's length times the text's; UNKNOWN when too few are left. nocase: of ASCII letters.
 */
enum policy_match policy_pattern_match(const struct policy_pattern *pattern, const struct policy_context *context,
                                       struct bytes text, bool nocase);
enum policy_match policy_arn_match(const struct policy_arn *arn, const struct policy_context *context,
                                   struct bytes text);

/* One `${...}` at the beginning of the text, which is cut off it: the piece that it is. */
enum status policy_variable_parse(struct policy_parser *parser, struct bytes *rest, struct policy_piece *piece);
/* Its value in the request. MATCH_YES: it has one. */
enum policy_match policy_variable_value(const struct policy_piece *piece, const struct policy_context *context,
                                        struct bytes *value);

/* Principals (policy_principal.c). */
enum status policy_principals_parse(struct policy_parser *parser, json_t *value, struct policy_statement *statement);
enum policy_named policy_principals_name(const struct policy_statement *statement, const struct policy_caller *caller);

#endif

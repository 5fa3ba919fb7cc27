/* One statement: reading it, and whether it speaks of a request. */
#ifndef TERCET_COMPAT_POLICY_STATEMENT_H
#define TERCET_COMPAT_POLICY_STATEMENT_H

#include "compat/policy_internal.h"

enum status policy_statement_parse(struct policy_parser *parser, json_t *value, struct policy_statement *statement);

#endif

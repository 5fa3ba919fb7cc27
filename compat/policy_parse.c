/* A document as a whole: its size, its JSON, Version, Id and the list of statements. What is refused is refused before
 * anything deep or large is built: jansson recurses, and requests run on small stacks. The texts of problems begin with
 * AWS's words where these are known. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/json_nesting.h"
#include "compat/policy_statement.h"
#include "compat/utf8.h"

#define DEPTH_MAX 16 /* a valid document has seven */

static const struct {
    size_t bytes_max, chars_max;
} bounds[] = {
    [POLICY_IDENTITY] = {POLICY_DOCUMENT_BYTES_MAX, POLICY_IDENTITY_CHARS_MAX},
    [POLICY_BOUNDARY] = {POLICY_DOCUMENT_BYTES_MAX, POLICY_BOUNDARY_CHARS_MAX},
    [POLICY_SESSION] = {POLICY_DOCUMENT_BYTES_MAX, POLICY_SESSION_CHARS_MAX},
    [POLICY_BUCKET] = {POLICY_BUCKET_BYTES_MAX, POLICY_BUCKET_BYTES_MAX},
    [POLICY_TRUST] = {POLICY_DOCUMENT_BYTES_MAX, POLICY_TRUST_CHARS_MAX},
};

enum status policy_fail(struct policy_parser *parser, const char *format, ...)
{
    struct policy_problem *problem = parser->problem;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem->text, sizeof(problem->text), format, arguments);
    va_end(arguments);
    size_t len = strlen(problem->text);
    if (parser->statement > 0)
        snprintf(problem->text + len, sizeof(problem->text) - len, " (statement %zu%s%s)", parser->statement,
                 parser->element ? ", " : "", parser->element ? parser->element : "");
    return STATUS_INVALID;
}

const char *policy_quote(struct bytes text, char out[POLICY_QUOTE_MAX + 1])
{
    size_t len = text.len < POLICY_QUOTE_MAX ? text.len : POLICY_QUOTE_MAX;

    for (size_t i = 0; i < len; i++)
        out[i] = (char)(text.data[i] >= ' ' && text.data[i] <= '~' ? text.data[i] : '?');
    out[len] = '\0';
    return out;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

size_t policy_quota_chars(struct bytes document)
{
    size_t count = 0;

    for (size_t i = 0; i < document.len; i++) /* a character is counted where it begins */
        count += !is_space(document.data[i]) && ((unsigned char)document.data[i] & 0xc0) != 0x80;
    return count;
}

/* Tab, LF, CR, U+0020 to U+00FF: IAM takes no others. */
static bool has_characters_of_iam(struct bytes text)
{
    while (text.len > 0) {
        uint32_t c;
        size_t len = utf8_decode(text, &c);
        if (len == 0 || c > 0xff || (c < ' ' && !is_space((char)c)))
            return false;
        text = bytes_of(text.data + len, text.len - len);
    }
    return true;
}

static enum status read_json(struct policy_parser *parser, struct bytes document, json_t **json)
{
    bool of_iam = parser->policy->kind != POLICY_BUCKET;
    char quoted[POLICY_QUOTE_MAX + 1];
    json_error_t error;

    while (of_iam && document.len > 0 && is_space(document.data[0]))
        document = bytes_of(document.data + 1, document.len - 1);
    if (document.len == 0 || document.data[0] != '{')
        return policy_fail(parser, "Policies must be valid JSON and the first byte must be '{'");
    if (of_iam && !has_characters_of_iam(document))
        return policy_fail(parser, "The policy has characters other than tab, LF, CR and U+0020 to U+00FF");
    if (json_nesting(document) > DEPTH_MAX)
        return policy_fail(parser, "The policy is nested too deeply");
    *json = json_loadb(document.data, document.len, JSON_REJECT_DUPLICATES, &error);
    if (!*json)
        return policy_fail(parser,
                           "Policies must be valid JSON and the first byte must be '{' (line %d, column %d: %s)",
                           error.line, error.column, policy_quote(bytes_from_str(error.text), quoted));
    return STATUS_OK;
}

static enum status read_version(struct policy_parser *parser, json_t *version)
{
    const char *text = json_string_value(version);

    parser->policy->has_variables = text && strcmp(text, "2012-10-17") == 0;
    if (version && !parser->policy->has_variables && !(text && strcmp(text, "2008-10-17") == 0))
        return policy_fail(parser, "The policy must contain a valid version string");
    return STATUS_OK;
}

static bool has_principals(enum policy_kind kind)
{
    return kind == POLICY_BUCKET || kind == POLICY_TRUST;
}

static enum status check_elements(struct policy_parser *parser, json_t *document)
{
    char quoted[POLICY_QUOTE_MAX + 1];
    const char *name;
    json_t *value;

    json_object_foreach (document, name, value) {
        bool is_id = strcmp(name, "Id") == 0;
        if (strcmp(name, "Version") != 0 && strcmp(name, "Statement") != 0 &&
            !(is_id && has_principals(parser->policy->kind)))
            return policy_fail(parser, "Unknown field %s", policy_quote(bytes_from_str(name), quoted));
        if (is_id && !json_is_string(value))
            return policy_fail(parser, "Id must be a string");
    }
    return STATUS_OK;
}

static enum status check_unique(struct policy_parser *parser, const struct policy_statement *statement)
{
    parser->element = "Sid";
    for (const struct policy_statement *other = parser->policy->statements; other < statement; other++)
        if (statement->sid.len > 0 && bytes_equal(other->sid, statement->sid))
            return policy_fail(parser, "Statement IDs (SID) in a single policy must be unique");
    return STATUS_OK;
}

static enum status read_statements(struct policy_parser *parser, json_t *list)
{
    struct policy *policy = parser->policy;
    size_t count = json_is_array(list) ? json_array_size(list) : json_is_object(list);

    if (!list)
        return policy_fail(parser, "Missing required field Statement");
    if (count == 0)
        return policy_fail(parser, "Statement must be an object, or an array of at least one");
    policy->statements = policy_alloc(policy, count * sizeof(*policy->statements));
    while (policy->statement_count < count) {
        struct policy_statement *statement = &policy->statements[policy->statement_count];
        json_t *value = json_is_array(list) ? json_array_get(list, policy->statement_count) : list;
        parser->statement = ++policy->statement_count;
        parser->element = NULL;
        if (policy_statement_parse(parser, value, statement) || check_unique(parser, statement))
            return STATUS_INVALID;
    }
    return STATUS_OK;
}

static enum status read_document(struct policy_parser *parser, struct bytes document)
{
    json_t *json = NULL;
    enum status status = read_json(parser, document, &json);

    if (!status)
        status = check_elements(parser, json);
    if (!status)
        status = read_version(parser, json_object_get(json, "Version"));
    if (!status)
        status = read_statements(parser, json_object_get(json, "Statement"));
    json_decref(json);
    return status;
}

enum status policy_parse(struct bytes document, enum policy_kind kind, struct bytes bucket, struct policy **policy,
                         struct policy_problem *problem)
{
    struct policy_parser parser = {.bucket = bucket, .problem = problem};

    *policy = NULL;
    if (document.len > bounds[kind].bytes_max || policy_quota_chars(document) > bounds[kind].chars_max) {
        snprintf(problem->text, sizeof(problem->text), "The policy is larger than %zu %s", bounds[kind].chars_max,
                 kind == POLICY_BUCKET ? "bytes" : "characters");
        return STATUS_LIMIT;
    }
    parser.policy = mem_zalloc(sizeof(*parser.policy));
    parser.policy->kind = kind;
    enum status status = read_document(&parser, document);
    if (status)
        policy_free(parser.policy);
    else
        *policy = parser.policy;
    return status;
}

void policy_free(struct policy *policy)
{
    if (!policy)
        return;
    policy_release_memory(policy);
    free(policy);
}

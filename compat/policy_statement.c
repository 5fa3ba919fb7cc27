/* Reading one statement. Which elements it may have depends on the kind of the policy: identity policies have no
 * principals, and trust policies no resources. */
#include "compat/policy_statement.h"

#include <string.h>

#include "compat/policy_condition.h"

#define BIT(kind) (1u << (kind))
#define OF_IAM    (BIT(POLICY_IDENTITY) | BIT(POLICY_BOUNDARY) | BIT(POLICY_SESSION))
#define EVERY     (OF_IAM | BIT(POLICY_BUCKET) | BIT(POLICY_TRUST))

static const struct element {
    const char *name;
    const char *other;     /* that excludes it; the two are one element, which is required */
    unsigned kinds;        /* of policies that have it */
    const char *forbidden; /* what AWS says when it is in another kind */
} elements[] = {
    {"Sid", NULL, EVERY, NULL},
    {"Effect", NULL, EVERY, NULL},
    {"Principal", "NotPrincipal", BIT(POLICY_BUCKET) | BIT(POLICY_TRUST),
     "Policy document should not specify a principal"},
    {"NotPrincipal", "Principal", BIT(POLICY_BUCKET), "Has prohibited field NotPrincipal"},
    {"Action", "NotAction", EVERY, NULL},
    {"NotAction", "Action", EVERY, NULL},
    {"Resource", "NotResource", EVERY & ~BIT(POLICY_TRUST), "Has prohibited field Resource"},
    {"NotResource", "Resource", EVERY & ~BIT(POLICY_TRUST), "Has prohibited field NotResource"},
    {"Condition", NULL, EVERY, NULL},
};
#define ELEMENT_COUNT (sizeof(elements) / sizeof(elements[0]))

size_t policy_text_count(json_t *value)
{
    return json_is_array(value) ? json_array_size(value) : json_is_string(value);
}

enum status policy_texts(struct policy_parser *parser, json_t *value,
                         enum status (*each)(struct policy_parser *parser, void *arg, size_t index, struct bytes text),
                         void *arg)
{
    size_t count = policy_text_count(value);

    if (count == 0)
        return policy_fail(parser, "A string, or an array of at least one, is needed");
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        if (!json_is_string(item))
            return policy_fail(parser, "Value %zu is not a string", i + 1);
        struct bytes text = bytes_of(json_string_value(item), json_string_length(item));
        if (each(parser, arg, i, policy_keep(parser->policy, text)))
            return STATUS_INVALID;
    }
    return STATUS_OK;
}

static bool all_of(struct bytes text, const char *also)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && (!c || !strchr(also, c)))
            return false;
    }
    return true;
}

static enum status check_vendor(struct policy_parser *parser, struct bytes vendor)
{
    enum policy_kind kind = parser->policy->kind;
    bool any = bytes_equal_str(vendor, "*");

    if (!any && !all_of(vendor, "-"))
        return policy_fail(parser, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    if (kind == POLICY_BUCKET && !any && !bytes_equal_nocase(vendor, "s3"))
        return policy_fail(parser, "Policy has invalid action");
    if (kind == POLICY_TRUST && !bytes_equal_nocase(vendor, "sts"))
        return policy_fail(parser, "AssumeRole policy may only specify STS AssumeRole actions");
    return STATUS_OK;
}

static enum status read_action(struct policy_parser *parser, void *arg, size_t index, struct bytes text)
{
    struct policy_statement *statement = arg;
    const char *colon = text.len > 0 ? memchr(text.data, ':', text.len) : NULL;
    size_t vendor_len = colon ? (size_t)(colon - text.data) : 0;
    struct bytes vendor = bytes_of(text.data, vendor_len), name = bytes_of(text.data, 0);
    char quoted[POLICY_QUOTE_MAX + 1];

    if (colon)
        name = bytes_of(colon + 1, text.len - vendor_len - 1);
    else if (bytes_equal_str(text, "*"))
        vendor = name = text;
    if (vendor.len == 0)
        return policy_fail(parser, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    if (check_vendor(parser, vendor))
        return STATUS_INVALID;
    if (name.len == 0 || !all_of(name, "*?-_"))
        return policy_fail(parser, "Policy has invalid action: %s", policy_quote(text, quoted));
    return policy_pattern_parse(parser, text, POLICY_WILDCARDS, &statement->actions[index]);
}

/* The part before the first slash could be the bucket; there are no variables in it. */
static bool could_be_bucket(struct policy_parser *parser, const struct policy_arn *arn, struct bytes text)
{
    static const char *const parts[] = {"arn", "aws", "s3", "", ""};
    struct policy_pattern pattern;
    const char *slash = memchr(text.data, '/', text.len);
    size_t prefix_len = sizeof("arn:aws:s3:::") - 1;

    if (arn->count != POLICY_ARN_PARTS || !bytes_starts_with(text, BYTES("arn:aws:s3:::")))
        return false;
    for (unsigned i = 0; i < POLICY_ARN_PARTS - 1; i++)
        if (policy_pattern_match(&arn->parts[i], NULL, bytes_from_str(parts[i]), false) != POLICY_MATCH_YES)
            return false;
    size_t len = (slash ? (size_t)(slash - text.data) : text.len) - prefix_len;
    if (policy_pattern_parse(parser, bytes_of(text.data + prefix_len, len), POLICY_WILDCARDS, &pattern))
        return false;
    return policy_pattern_match(&pattern, NULL, parser->bucket, false) == POLICY_MATCH_YES;
}

static enum status read_resource(struct policy_parser *parser, void *arg, size_t index, struct bytes text)
{
    struct policy_statement *statement = arg;
    struct policy_arn *arn = &statement->resources[index];
    unsigned what = POLICY_WILDCARDS | (parser->policy->has_variables ? POLICY_VARIABLES : 0);
    char quoted[POLICY_QUOTE_MAX + 1];

    if (policy_arn_parse(parser, text, what, false, arn))
        return STATUS_INVALID;
    bool any = bytes_equal_str(text, "*");
    if (!any && (!bytes_starts_with(text, BYTES("arn:")) ||
                 (arn->count < POLICY_ARN_PARTS && !policy_pattern_ends_with_any(&arn->parts[arn->count - 1]))))
        return policy_fail(parser, "Resource %s must be in ARN format or \"*\"", policy_quote(text, quoted));
    if (!any && parser->policy->kind == POLICY_BUCKET && parser->bucket.data && !could_be_bucket(parser, arn, text))
        return policy_fail(parser, "Policy has invalid resource: %s", policy_quote(text, quoted));
    return STATUS_OK;
}

static enum status read_sid(struct policy_parser *parser, json_t *value, struct policy_statement *statement)
{
    if (!value)
        return STATUS_OK;
    if (!json_is_string(value))
        return policy_fail(parser, "A string is needed");
    statement->sid = policy_keep(parser->policy, bytes_of(json_string_value(value), json_string_length(value)));
    if ((BIT(parser->policy->kind) & OF_IAM) && !all_of(statement->sid, ""))
        return policy_fail(parser, "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the "
                                   "regular expression [0-9A-Za-z]*");
    return STATUS_OK;
}

static enum status read_effect(struct policy_parser *parser, json_t *value, struct policy_statement *statement)
{
    const char *text = json_string_value(value);
    char quoted[POLICY_QUOTE_MAX + 1];

    statement->allows = text && strcmp(text, "Allow") == 0;
    if (!value)
        return policy_fail(parser, "Missing required field Effect");
    if (!statement->allows && !(text && strcmp(text, "Deny") == 0))
        return policy_fail(parser, "Invalid effect: %s", policy_quote(bytes_from_str(text), quoted));
    return STATUS_OK;
}

static enum status check_elements_of(struct policy_parser *parser, json_t *value)
{
    char quoted[POLICY_QUOTE_MAX + 1];
    const char *name;
    json_t *item;

    json_object_foreach (value, name, item) {
        const struct element *element = elements;
        while (element < elements + ELEMENT_COUNT && strcmp(element->name, name) != 0)
            element++;
        if (element == elements + ELEMENT_COUNT)
            return policy_fail(parser, "Unknown field %s", policy_quote(bytes_from_str(name), quoted));
        if (!(element->kinds & BIT(parser->policy->kind)))
            return policy_fail(parser, "%s", element->forbidden);
        if (element->other && json_object_get(value, element->other))
            return policy_fail(parser, "%s and %s exclude each other", element->name, element->other);
    }
    return STATUS_OK;
}

/* The element of that name, or its other one; what is wrong with it is said with the name that it has. */
static enum status pick(struct policy_parser *parser, json_t *value, const char *name, const char *other, json_t **item,
                        bool *is_other)
{
    *item = json_object_get(value, name);
    *is_other = !*item;
    if (*is_other)
        *item = json_object_get(value, other);
    parser->element = *is_other ? other : name;
    if (*item)
        return STATUS_OK;
    parser->element = NULL;
    return policy_fail(parser, "Missing required field %s", name);
}

static enum status read_principals(struct policy_parser *parser, json_t *value, struct policy_statement *statement)
{
    json_t *item;

    if (BIT(parser->policy->kind) & OF_IAM)
        return STATUS_OK;
    if (pick(parser, value, "Principal", "NotPrincipal", &item, &statement->not_principal))
        return STATUS_INVALID;
    if (statement->not_principal && statement->allows)
        return policy_fail(parser, "NotPrincipal is for statements that deny");
    return policy_principals_parse(parser, item, statement);
}

static enum status read_actions(struct policy_parser *parser, json_t *value, struct policy_statement *statement)
{
    json_t *item;

    if (pick(parser, value, "Action", "NotAction", &item, &statement->not_action))
        return STATUS_INVALID;
    statement->action_count = policy_text_count(item);
    statement->actions = policy_alloc(parser->policy, statement->action_count * sizeof(*statement->actions));
    return policy_texts(parser, item, read_action, statement);
}

static enum status read_resources(struct policy_parser *parser, json_t *value, struct policy_statement *statement)
{
    json_t *item;

    if (parser->policy->kind == POLICY_TRUST)
        return STATUS_OK;
    if (pick(parser, value, "Resource", "NotResource", &item, &statement->not_resource))
        return STATUS_INVALID;
    statement->resource_count = policy_text_count(item);
    statement->resources = policy_alloc(parser->policy, statement->resource_count * sizeof(*statement->resources));
    return policy_texts(parser, item, read_resource, statement);
}

enum status policy_statement_parse(struct policy_parser *parser, json_t *value, struct policy_statement *statement)
{
    *statement = (struct policy_statement){0};
    if (!json_is_object(value))
        return policy_fail(parser, "A statement must be an object");
    if (check_elements_of(parser, value))
        return STATUS_INVALID;
    parser->element = "Sid";
    if (read_sid(parser, json_object_get(value, "Sid"), statement))
        return STATUS_INVALID;
    parser->element = NULL;
    if (read_effect(parser, json_object_get(value, "Effect"), statement) || read_principals(parser, value, statement) ||
        read_actions(parser, value, statement))
        return STATUS_INVALID;
    if (read_resources(parser, value, statement))
        return STATUS_INVALID;
    return policy_conditions_parse(parser, json_object_get(value, "Condition"), statement);
}

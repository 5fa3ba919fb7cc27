/* Lists that users, groups and roles have alike; see sections.h. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/iam_names.h"
#include "compat/tags.h"
#include "gateway/bootstrap/sections.h"
#include "gateway/identity/aws_policies.h"
#include "gateway/identity/managed_policy.h"

enum status entity_open(struct entity *entity, const char *const *fields, bool *absent)
{
    enum status status = entry_check_fields(entity->entry, fields);

    if (!status)
        status = entry_text(entity->entry, "name", true, &entity->name);
    if (!status)
        status = entry_bool(entity->entry, "absent", absent);
    return status ? status : entry_bool(entity->entry, "exact", &entity->exact);
}

enum status entity_path(const struct section_entry *entry, bool of_policy, const char **path)
{
    struct iam_error error;
    enum status status = entry_text(entry, "path", false, path);

    if (!status && *path && iam_path_check(bytes_from_str(*path), "path", of_policy, &error))
        return entry_fail_iam(entry, "path", &error);
    return status;
}

void entity_set_text(char **text, const char *value)
{
    char *old = *text;

    *text = value ? mem_strdup(value) : NULL;
    free(old);
}

/* ---- managed policies ----------------------------------------------------------------------------------------- */

/* The ARN, to be freed, of the managed policy that is meant by its name or its ARN. */
static enum status policy_arn(const struct section_entry *entry, const char *field, const char *text, char **arn)
{
    struct gateway *gateway = entry->bootstrap->gateway;
    const char *account = gateway->options.account_id;
    struct bytes given = bytes_from_str(text);
    struct identity_managed_policy policy;
    enum status status = bytes_starts_with(given, BYTES("arn:"))
                             ? identity_managed_policy_load_arn(gateway->meta, account, given, &policy)
                             : identity_managed_policy_load(gateway->meta, given, &policy);

    if (status == STATUS_NOT_FOUND && aws_policies_own(given))
        status = aws_policies_find(given, &policy);
    if (status == STATUS_NOT_FOUND || status == STATUS_INVALID)
        return entry_fail(entry, field, "there is no managed policy \"%.512s\"", text);
    if (status)
        return status;
    *arn = identity_arn(policy.of_aws ? AWS_POLICIES_ACCOUNT : account, "policy", policy.path, policy.name);
    identity_managed_policy_release(&policy);
    return STATUS_OK;
}

/* ARNs of the field's policies. */
static enum status wanted_arns(const struct entity *entity, struct identity_names *arns)
{
    struct identity_names texts = {0};
    enum status status = entry_names(entity->entry, "attached", &texts);

    for (size_t i = 0; !status && i < texts.count; i++) {
        char *arn = NULL;
        status = policy_arn(entity->entry, "attached", texts.names[i], &arn);
        if (!status)
            identity_names_add(arns, bytes_from_str(arn));
        free(arn);
    }
    identity_names_release(&texts);
    return status;
}

static void index_attached(const struct entity *entity, const char *arn, bool there)
{
    const char *slash = strrchr(arn, '/');

    identity_attached_change(entity->changes, slash ? slash + 1 : arn, entity->table, entity->name, there);
}

void entity_detach(const struct entity *entity, const struct identity_names *attached)
{
    for (size_t i = 0; i < attached->count; i++)
        index_attached(entity, attached->names[i], false);
}

/* Those that the entry does not name. */
static void detach_others(const struct entity *entity, const struct identity_names *wanted,
                          struct identity_names *attached)
{
    for (size_t i = attached->count; i-- > 0;) {
        if (identity_names_have(wanted, bytes_from_str(attached->names[i])))
            continue;
        index_attached(entity, attached->names[i], false);
        identity_names_remove(attached, bytes_from_str(attached->names[i]));
    }
}

enum status entity_attach(const struct entity *entity, struct identity_names *attached)
{
    struct identity_names wanted = {0};
    enum status status = wanted_arns(entity, &wanted);

    if (!status && entity->exact)
        detach_others(entity, &wanted, attached);
    for (size_t i = 0; !status && i < wanted.count; i++)
        if (identity_names_add(attached, bytes_from_str(wanted.names[i])))
            index_attached(entity, wanted.names[i], true);
    if (!status && attached->count > IAM_ATTACHED_MAX)
        status =
            entry_fail(entity->entry, "attached", "no more than %d managed policies can be attached", IAM_ATTACHED_MAX);
    identity_names_release(&wanted);
    return status;
}

static void index_bounded(const struct entity *entity, const char *arn, bool there)
{
    const char *slash = arn ? strrchr(arn, '/') : NULL;

    if (slash)
        identity_bounded_change(entity->changes, slash + 1, entity->table, entity->name, there);
}

void entity_unbound(const struct entity *entity, const char *boundary)
{
    index_bounded(entity, boundary, false);
}

enum status entity_boundary(const struct entity *entity, char **boundary)
{
    const char *text;
    char *arn = NULL;
    enum status status = entry_text(entity->entry, "boundary", false, &text);

    if (!status && text)
        status = policy_arn(entity->entry, "boundary", text, &arn);
    if (!status && (arn || entity->exact) && strcmp(arn ? arn : "", *boundary ? *boundary : "") != 0) {
        index_bounded(entity, *boundary, false);
        entity_set_text(boundary, arn);
        index_bounded(entity, arn, true);
    }
    free(arn);
    return status;
}

/* ---- inline policies and tags --------------------------------------------------------------------------------- */

static void texts_drop_others(struct identity_texts *texts, json_t *wanted)
{
    for (size_t i = texts->count; i-- > 0;)
        if (!json_object_get(wanted, texts->items[i].name))
            identity_texts_remove(texts, bytes_from_str(texts->items[i].name));
}

static enum status set_policy(const struct section_entry *policies, const char *name, size_t chars_max,
                              struct identity_texts *kept)
{
    const struct entry_policy rule = {.kind = POLICY_IDENTITY, .chars_max = chars_max, .required = true};
    struct iam_error error;
    char *document;

    if (iam_name_check(bytes_from_str(name), "policyName", IAM_NAME_MAX, &error))
        return entry_fail_iam(policies, name, &error);
    enum status status = entry_policy(policies, name, &rule, &document);
    if (status)
        return status;
    const char *before = identity_texts_find(kept, bytes_from_str(name));
    if (!before || !entry_same_json(before, document))
        identity_texts_set(kept, bytes_from_str(name), bytes_from_str(document));
    free(document);
    return STATUS_OK;
}

enum status entity_policies(const struct entity *entity, size_t chars_max, struct identity_texts *policies)
{
    struct section_entry below = *entity->entry;
    const char *name;
    json_t *value;
    size_t chars = 0;
    enum status status = STATUS_OK;

    below.object = json_object_get(entity->entry->object, "policies");
    if (below.object && !json_is_object(below.object))
        return entry_fail(entity->entry, "policies", "an object of names and policies is needed");
    if (strlen(below.place) + sizeof(".policies") <= sizeof(below.place))
        strcat(below.place, ".policies");
    if (entity->exact)
        texts_drop_others(policies, below.object);
    json_object_foreach (below.object, name, value) {
        status = set_policy(&below, name, chars_max, policies);
        if (status)
            return status;
    }
    for (size_t i = 0; i < policies->count; i++)
        chars += policy_quota_chars(bytes_from_str(policies->items[i].text));
    if (chars > chars_max)
        return entry_fail(entity->entry, "policies", "all together they have more than %zu characters", chars_max);
    return STATUS_OK;
}

enum status entity_tags(const struct entity *entity, struct identity_texts *tags)
{
    struct identity_texts wanted = {0};
    enum status status = entry_tags(entity->entry, &wanted);

    if (!status && entity->exact)
        texts_drop_others(tags, json_object_get(entity->entry->object, "tags"));
    for (size_t i = 0; !status && i < wanted.count; i++) {
        const char *before = identity_texts_find(tags, bytes_from_str(wanted.items[i].name));
        if (!before || strcmp(before, wanted.items[i].text) != 0)
            identity_texts_set(tags, bytes_from_str(wanted.items[i].name), bytes_from_str(wanted.items[i].text));
    }
    if (!status && tags->count > TAGS_OF_BUCKET_MAX)
        status = entry_fail(entity->entry, "tags", "there would be more than %d", TAGS_OF_BUCKET_MAX);
    identity_texts_release(&wanted);
    return status;
}

/* The section of roles. */
#include <stdlib.h>
#include <string.h>

#include "compat/iam_names.h"
#include "gateway/bootstrap/sections.h"
#include "gateway/identity/role.h"

static const char *const fields[] = {"name",     "path",     "trust",    "description", "maxSessionSeconds",
                                     "attached", "policies", "boundary", "tags",        "absent",
                                     "exact",    NULL};

static enum status read_trust(const struct entity *entity, bool made, char **trust)
{
    const struct entry_policy rule = {.kind = POLICY_TRUST, .chars_max = POLICY_TRUST_CHARS_MAX, .required = made};
    char *document = NULL;
    enum status status = entry_policy(entity->entry, "trust", &rule, &document);

    if (!status && document && (!*trust || !entry_same_json(*trust, document)))
        entity_set_text(trust, document);
    free(document);
    return status;
}

static enum status read_description(const struct section_entry *entry, char **description)
{
    struct iam_error error;
    const char *text;
    enum status status = entry_text(entry, "description", false, &text);

    if (!status && text && iam_description_check(bytes_from_str(text), &error))
        return entry_fail_iam(entry, "description", &error);
    if (!status && text)
        entity_set_text(description, text);
    return status;
}

static enum status bring_in(struct entity *entity, bool made, struct identity_role *role)
{
    const struct section_entry *entry = entity->entry;
    const char *path = NULL;
    enum status status = entity_path(entry, false, &path);

    if (!status && path && !made && strcmp(path, role->path) != 0)
        return entry_fail(entry, "path", "the role is there with the path %s, which cannot be changed", role->path);
    if (!status && path)
        entity_set_text(&role->path, path);
    entity->name = role->name;
    if (!status)
        status = read_trust(entity, made, &role->trust);
    if (!status)
        status = read_description(entry, &role->description);
    if (!status)
        status = entry_integer(entry, "maxSessionSeconds", IAM_SESSION_SECONDS_MIN, IAM_SESSION_SECONDS_MAX,
                               &role->session_seconds_max);
    if (!status)
        status = entity_attach(entity, &role->attached);
    if (!status)
        status = entity_policies(entity, IAM_ROLE_POLICIES_CHARS, &role->policies);
    if (!status)
        status = entity_boundary(entity, &role->boundary);
    if (!status)
        status = entity_tags(entity, &role->tags);
    if (!status)
        identity_role_put(entity->changes, role);
    return status;
}

static enum status find(const struct entity *entity, bool absent, struct identity_role *role, enum outcome *outcome)
{
    struct iam_error error;
    enum status status =
        identity_role_load(entity->entry->bootstrap->gateway->meta, bytes_from_str(entity->name), role);

    *outcome = status == STATUS_OK ? OUTCOME_CHANGED : absent ? OUTCOME_UNCHANGED : OUTCOME_MADE;
    if (status != STATUS_NOT_FOUND || absent)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    if (iam_name_check(bytes_from_str(entity->name), "roleName", IAM_ROLE_NAME_MAX, &error))
        return entry_fail_iam(entity->entry, "name", &error);
    identity_role_create(role, bytes_from_str(entity->name), BYTES("/"), (struct bytes){0});
    return STATUS_OK;
}

enum status bootstrap_role(const struct section_entry *entry, struct identity_changes *changes, enum outcome *outcome)
{
    struct entity entity = {.entry = entry, .changes = changes, .table = IDENTITY_ROLES};
    struct identity_role role = {0};
    bool absent = false;
    enum status status = entity_open(&entity, fields, &absent);

    if (!status)
        status = find(&entity, absent, &role, outcome);
    if (!status && !absent) {
        status = bring_in(&entity, *outcome == OUTCOME_MADE, &role);
    } else if (!status && *outcome == OUTCOME_CHANGED) {
        *outcome = OUTCOME_REMOVED;
        entity_detach(&entity, &role.attached);
        entity_unbound(&entity, role.boundary);
        identity_role_remove(changes, role.name);
    }
    identity_role_release(&role);
    return status;
}

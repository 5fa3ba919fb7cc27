/* The section of groups. */
#include <stdlib.h>
#include <string.h>

#include "compat/iam_names.h"
#include "gateway/bootstrap/sections.h"
#include "gateway/identity/group.h"

static const char *const fields[] = {"name", "path", "attached", "policies", "absent", "exact", NULL};

static enum status bring_in(struct entity *entity, struct identity_group *group)
{
    const char *path = NULL;
    enum status status = entity_path(entity->entry, false, &path);

    if (!status && path && strcmp(path, group->path) != 0)
        entity_set_text(&group->path, path);
    entity->name = group->name;
    if (!status)
        status = entity_attach(entity, &group->attached);
    if (!status)
        status = entity_policies(entity, IAM_GROUP_POLICIES_CHARS, &group->policies);
    if (!status)
        identity_group_put(entity->changes, group);
    return status;
}

static enum status take_away(const struct entity *entity, const struct identity_group *group)
{
    struct meta_identity_page page;
    enum status status = identity_rows_list(entity->entry->bootstrap->gateway->meta, IDENTITY_MEMBERS, group->name,
                                            (struct bytes){0}, 1, &page);

    if (status)
        return status;
    if (page.count > 0)
        status = entry_fail(entity->entry, NULL, "the group has users, so it cannot go");
    meta_identity_page_release(&page);
    if (status)
        return status;
    entity_detach(entity, &group->attached);
    identity_group_remove(entity->changes, group->name);
    return STATUS_OK;
}

static enum status find(const struct entity *entity, bool absent, struct identity_group *group, enum outcome *outcome)
{
    struct iam_error error;
    enum status status =
        identity_group_load(entity->entry->bootstrap->gateway->meta, bytes_from_str(entity->name), group);

    *outcome = status == STATUS_OK ? OUTCOME_CHANGED : absent ? OUTCOME_UNCHANGED : OUTCOME_MADE;
    if (status != STATUS_NOT_FOUND || absent)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    if (iam_name_check(bytes_from_str(entity->name), "groupName", IAM_NAME_MAX, &error))
        return entry_fail_iam(entity->entry, "name", &error);
    identity_group_create(group, bytes_from_str(entity->name), BYTES("/"));
    return STATUS_OK;
}

enum status bootstrap_group(const struct section_entry *entry, struct identity_changes *changes, enum outcome *outcome)
{
    struct entity entity = {.entry = entry, .changes = changes, .table = IDENTITY_GROUPS};
    struct identity_group group = {0};
    bool absent = false;
    enum status status = entity_open(&entity, fields, &absent);

    if (!status)
        status = find(&entity, absent, &group, outcome);
    if (!status && !absent) {
        status = bring_in(&entity, &group);
    } else if (!status && *outcome == OUTCOME_CHANGED) {
        *outcome = OUTCOME_REMOVED;
        status = take_away(&entity, &group);
    }
    identity_group_release(&group);
    return status;
}

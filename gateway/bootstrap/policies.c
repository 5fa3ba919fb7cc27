/* The section of managed policies. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "compat/iam_names.h"
#include "gateway/bootstrap/sections.h"
#include "gateway/identity/aws_policies.h"
#include "gateway/identity/managed_policy.h"

static const char *const fields[] = {"name", "path", "description", "document", "tags", "absent", "exact", NULL};

/* A path is part of the ARN, by which it is attached: it cannot change. */
static enum status check_kept(const struct section_entry *entry, const struct identity_managed_policy *policy,
                              const char *path)
{
    if (!path || strcmp(path, policy->path) == 0)
        return STATUS_OK;
    return entry_fail(entry, "path", "the policy is there with the path %s, which cannot be changed", policy->path);
}

/* The oldest one makes room. */
static void add_version(struct identity_managed_policy *policy, const char *document)
{
    unsigned number = 0;

    for (size_t i = 0; policy->version_count == MANAGED_POLICY_VERSIONS_MAX && i < policy->version_count; i++)
        if (policy->versions[i].number != policy->default_version)
            STATUS_IGNORE(identity_managed_policy_drop(policy, policy->versions[i].number),
                          "it is there, and no default");
    CHECK(identity_managed_policy_add(policy, bytes_from_str(document), &number) == STATUS_OK);
    policy->default_version = number;
    policy->updated_ms = clock_wall_ms();
}

static enum status make(const struct section_entry *entry, const char *name, const char *path, const char *document,
                        struct identity_managed_policy *policy)
{
    struct iam_error error;

    if (iam_name_check(bytes_from_str(name), "policyName", IAM_NAME_MAX, &error))
        return entry_fail_iam(entry, "name", &error);
    if (!document)
        return entry_fail(entry, "document", "it is missing");
    identity_managed_policy_create(policy, bytes_from_str(name), bytes_from_str(path ? path : "/"),
                                   bytes_from_str(document));
    return STATUS_OK;
}

static enum status describe(const struct entity *entity, const char *description,
                            struct identity_managed_policy *policy)
{
    struct iam_error error;

    if (description && iam_description_check(bytes_from_str(description), &error))
        return entry_fail_iam(entity->entry, "description", &error);
    if (description && (!policy->description || strcmp(description, policy->description) != 0))
        entity_set_text(&policy->description, description);
    return entity_tags(entity, &policy->tags);
}

static enum status bring_in(const struct entity *entity, const char *document, const char *description,
                            struct identity_managed_policy *policy, enum outcome outcome)
{
    const struct identity_policy_version *now = identity_managed_policy_version(policy, policy->default_version);
    enum status status = describe(entity, description, policy);

    if (!status && outcome != OUTCOME_MADE && document && (!now || !entry_same_json(now->document, document)))
        add_version(policy, document);
    if (!status)
        identity_managed_policy_put(entity->changes, policy);
    return status;
}

/* Is there a row of that index below the policy? */
static enum status is_used(const struct entity *entity, enum identity_table table, const char *policy, const char *kind,
                           bool *used)
{
    struct meta_identity_page page;
    char below[IAM_NAME_MAX + 16];

    snprintf(below, sizeof(below), "%s/%s", policy, kind);
    enum status status =
        identity_rows_list(entity->entry->bootstrap->gateway->meta, table, below, (struct bytes){0}, 1, &page);
    if (status)
        return status;
    *used = *used || page.count > 0;
    meta_identity_page_release(&page);
    return STATUS_OK;
}

static enum status take_away(const struct entity *entity, struct identity_managed_policy *policy, enum outcome *outcome)
{
    static const char *const kinds[] = {"user", "group", "role"};
    bool used = false;
    enum status status = STATUS_OK;

    for (size_t i = 0; !status && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        status = is_used(entity, IDENTITY_ATTACHED, policy->name, kinds[i], &used);
        if (!status)
            status = is_used(entity, IDENTITY_BOUNDED, policy->name, kinds[i], &used);
    }
    if (status)
        return status;
    if (used)
        return entry_fail(entity->entry, NULL, "the policy is attached, or a boundary, so it cannot go");
    identity_managed_policy_remove(entity->changes, policy->name);
    *outcome = OUTCOME_REMOVED;
    return STATUS_OK;
}

/* *policy is to be released, whatever the outcome. */
static enum status find(const struct entity *entity, const char *path, const char *document, bool absent,
                        struct identity_managed_policy *policy, enum outcome *outcome)
{
    const struct section_entry *entry = entity->entry;
    enum status status =
        identity_managed_policy_load(entry->bootstrap->gateway->meta, bytes_from_str(entity->name), policy);

    *outcome = status == STATUS_OK ? OUTCOME_CHANGED : absent ? OUTCOME_UNCHANGED : OUTCOME_MADE;
    if (!absent && aws_policies_own(bytes_from_str(entity->name)))
        return entry_fail(entry, "name", "a policy of AWS's own has that name");
    if (status == STATUS_NOT_FOUND)
        return absent ? STATUS_OK : make(entry, entity->name, path, document, policy);
    return status ? status : check_kept(entry, policy, path);
}

enum status bootstrap_policy(const struct section_entry *entry, struct identity_changes *changes, enum outcome *outcome)
{
    const struct entry_policy rule = {.kind = POLICY_IDENTITY, .chars_max = IAM_MANAGED_POLICY_CHARS};
    struct entity entity = {.entry = entry, .changes = changes, .table = IDENTITY_POLICIES};
    struct identity_managed_policy policy = {0};
    const char *path = NULL, *description = NULL;
    char *document = NULL;
    bool absent = false;
    enum status status = entry_check_fields(entry, fields);

    if (!status)
        status = entry_text(entry, "name", true, &entity.name);
    if (!status)
        status = entity_path(entry, true, &path);
    if (!status)
        status = entry_text(entry, "description", false, &description);
    if (!status)
        status = entry_bool(entry, "absent", &absent);
    if (!status)
        status = entry_bool(entry, "exact", &entity.exact);
    if (!status)
        status = entry_policy(entry, "document", &rule, &document);
    if (!status)
        status = find(&entity, path, document, absent, &policy, outcome);
    if (!status && !absent)
        status = bring_in(&entity, document, description, &policy, *outcome);
    else if (!status && *outcome == OUTCOME_CHANGED)
        status = take_away(&entity, &policy, outcome);
    identity_managed_policy_release(&policy);
    free(document);
    return status;
}

/* The elements of IAM's answers; see the header. */
#include "gateway/iam/elements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/iam_response.h"
#include "gateway/iam/boundary.h"
#include "gateway/iam/change.h"
#include "gateway/identity/aws_policies.h"

#define BELOW_MAX 256

char *iam_arn_of(const struct exchange *exchange, const char *kind, const char *path, const char *name)
{
    return identity_arn(exchange->gateway->options.account_id, kind, path, name);
}

static void write_arn(struct xml_writer *xml, const struct exchange *exchange, const char *kind, const char *path,
                      const char *name)
{
    char *arn = iam_arn_of(exchange, kind, path, name);

    xml_writer_element_str(xml, "Arn", arn);
    free(arn);
}

void iam_write_tags(struct xml_writer *xml, const struct identity_texts *tags)
{
    struct tag *list = mem_alloc((tags->count + 1) * sizeof(*list));

    for (size_t i = 0; i < tags->count; i++)
        list[i] = (struct tag){bytes_from_str(tags->items[i].name), bytes_from_str(tags->items[i].text)};
    iam_element_tags(xml, list, tags->count);
    free(list);
}

static void write_boundary(struct xml_writer *xml, const char *arn)
{
    if (!arn)
        return;
    xml_writer_open(xml, "PermissionsBoundary");
    xml_writer_element_str(xml, "PermissionsBoundaryType", "PermissionsBoundaryPolicy");
    xml_writer_element_str(xml, "PermissionsBoundaryArn", arn);
    xml_writer_close(xml);
}

void iam_write_user(struct xml_writer *xml, const struct exchange *exchange, const struct identity_user *user,
                    bool listed)
{
    xml_writer_element_str(xml, "Path", user->path);
    xml_writer_element_str(xml, "UserName", user->name);
    xml_writer_element_str(xml, "UserId", user->id);
    write_arn(xml, exchange, "user", user->path, user->name);
    iam_element_time(xml, "CreateDate", user->created_ms);
    if (listed)
        return;
    write_boundary(xml, user->boundary);
    if (user->tags.count > 0)
        iam_write_tags(xml, &user->tags);
}

void iam_write_group(struct xml_writer *xml, const struct exchange *exchange, const struct identity_group *group)
{
    xml_writer_element_str(xml, "Path", group->path);
    xml_writer_element_str(xml, "GroupName", group->name);
    xml_writer_element_str(xml, "GroupId", group->id);
    write_arn(xml, exchange, "group", group->path, group->name);
    iam_element_time(xml, "CreateDate", group->created_ms);
}

void iam_write_role(struct xml_writer *xml, const struct exchange *exchange, const struct identity_role *role,
                    bool listed)
{
    xml_writer_element_str(xml, "Path", role->path);
    xml_writer_element_str(xml, "RoleName", role->name);
    xml_writer_element_str(xml, "RoleId", role->id);
    write_arn(xml, exchange, "role", role->path, role->name);
    iam_element_time(xml, "CreateDate", role->created_ms);
    iam_element_document(xml, "AssumeRolePolicyDocument", bytes_from_str(role->trust));
    if (role->description)
        xml_writer_element_str(xml, "Description", role->description);
    xml_writer_element_u64(xml, "MaxSessionDuration", (uint64_t)role->session_seconds_max);
    if (listed)
        return;
    write_boundary(xml, role->boundary);
    if (role->tags.count > 0)
        iam_write_tags(xml, &role->tags);
}

char *iam_policy_arn(const struct exchange *exchange, const struct identity_managed_policy *policy)
{
    return identity_arn(policy->of_aws ? AWS_POLICIES_ACCOUNT : exchange->gateway->options.account_id, "policy",
                        policy->path, policy->name);
}

enum status iam_policy_uses(struct exchange *exchange, const struct identity_managed_policy *policy, size_t *attached,
                            size_t *bounding)
{
    static const struct {
        enum identity_table table;
        const char *kind;
    } indices[] = {{IDENTITY_ATTACHED, "user"},
                   {IDENTITY_ATTACHED, "group"},
                   {IDENTITY_ATTACHED, "role"},
                   {IDENTITY_BOUNDED, "user"},
                   {IDENTITY_BOUNDED, "role"}};

    enum status status = STATUS_OK;
    char *arn = iam_policy_arn(exchange, policy);

    *attached = *bounding = 0;
    for (size_t i = 0; i < sizeof(indices) / sizeof(indices[0]) && !status; i++) {
        char below[BELOW_MAX];
        size_t count;
        snprintf(below, sizeof(below), "%s/%s", iam_policy_name(arn), indices[i].kind);
        status = iam_rows_count(exchange, indices[i].table, below, &count);
        *(indices[i].table == IDENTITY_ATTACHED ? attached : bounding) += count;
    }
    free(arn);
    return status;
}

enum status iam_write_policy(struct xml_writer *xml, struct exchange *exchange,
                             const struct identity_managed_policy *policy, bool listed)
{
    char version[16];
    size_t attached, bounding;
    enum status status = iam_policy_uses(exchange, policy, &attached, &bounding);
    char *arn = iam_policy_arn(exchange, policy);

    snprintf(version, sizeof(version), "v%u", policy->default_version);
    xml_writer_element_str(xml, "PolicyName", policy->name);
    xml_writer_element_str(xml, "PolicyId", policy->id);
    xml_writer_element_str(xml, "Arn", arn);
    free(arn);
    xml_writer_element_str(xml, "Path", policy->path);
    xml_writer_element_str(xml, "DefaultVersionId", version);
    xml_writer_element_u64(xml, "AttachmentCount", attached);
    xml_writer_element_u64(xml, "PermissionsBoundaryUsageCount", bounding);
    xml_writer_element_bool(xml, "IsAttachable", true);
    if (!listed && policy->description)
        xml_writer_element_str(xml, "Description", policy->description);
    iam_element_time(xml, "CreateDate", policy->created_ms);
    iam_element_time(xml, "UpdateDate", policy->updated_ms);
    if (!listed)
        iam_write_tags(xml, &policy->tags);
    return status;
}

void iam_write_attached(struct xml_writer *xml, const struct identity_names *attached, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        const char *slash = strrchr(attached->names[i], '/');
        xml_writer_open(xml, "member");
        xml_writer_element_str(xml, "PolicyName", slash ? slash + 1 : attached->names[i]);
        xml_writer_element_str(xml, "PolicyArn", attached->names[i]);
        xml_writer_close(xml);
    }
}

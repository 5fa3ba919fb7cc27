/* What is to be made; see the header. */
#include "gateway/iam/new.h"

#include <stdlib.h>

#include "base/check.h"
#include "compat/iam_names.h"
#include "gateway/front/operation.h"
#include "gateway/iam/elements.h"
#include "gateway/iam/holder.h"
#include "gateway/iam/reply.h"
#include "gateway/identity/aws_policies.h"

static const struct {
    const char *parameter, *value, *new_parameter, *title;
    size_t chars_max;
} kinds[] = {
    [IDENTITY_USERS] = {"UserName", "userName", "NewUserName", "User", IAM_USER_NAME_MAX},
    [IDENTITY_GROUPS] = {"GroupName", "groupName", "NewGroupName", "Group", IAM_NAME_MAX},
    [IDENTITY_ROLES] = {"RoleName", "roleName", NULL, "Role", IAM_ROLE_NAME_MAX},
    [IDENTITY_POLICIES] = {"PolicyName", "policyName", NULL, "Policy", IAM_NAME_MAX},
};

enum status iam_new_read(struct exchange *exchange, enum identity_table table, struct iam_new *new)
{
    struct iam_error error = {0};
    struct bytes path = iam_value(exchange, "Path");

    *new = (struct iam_new){.table = table,
                            .name = iam_value(exchange, kinds[table].parameter),
                            .path = path.data ? path : BYTES("/"),
                            .boundary = iam_value(exchange, "PermissionsBoundary")};
    enum status status = iam_name_check(new->name, kinds[table].value, kinds[table].chars_max, &error);
    if (!status)
        status = iam_path_check(new->path, "path", table == IDENTITY_POLICIES, &error);
    if (!status)
        status = iam_request_tags(&exchange->call->request, new->tags, &new->tag_count, &error);
    return status ? iam_fail_error(exchange, &error) : STATUS_OK;
}

enum status iam_new_read_update(struct exchange *exchange, enum identity_table table, struct iam_new *new)
{
    struct iam_error error = {0};
    enum status status = STATUS_OK;

    *new = (struct iam_new){.table = table,
                            .name = iam_value(exchange, kinds[table].new_parameter),
                            .path = iam_value(exchange, "NewPath")};
    if (new->name.data)
        status = iam_name_check(new->name, table == IDENTITY_USERS ? "newUserName" : "newGroupName",
                                kinds[table].chars_max, &error);
    if (!status && new->path.data)
        status = iam_path_check(new->path, "newPath", false, &error);
    return status ? iam_fail_error(exchange, &error) : STATUS_OK;
}

enum status iam_new_check_absent(struct exchange *exchange, const struct iam_new *new)
{
    struct buffer document;

    buffer_init(&document, META_IDENTITY_DOCUMENT_MAX);
    enum status status = identity_row_load(exchange->gateway->meta, new->table, new->name, &document);
    buffer_release(&document);
    if (new->table == IDENTITY_POLICIES && aws_policies_own(new->name))
        status = STATUS_OK; /* the indices know policies by their names */
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status)
        return iam_fail_status(exchange, status);
    if (new->table == IDENTITY_POLICIES)
        return iam_fail(exchange, IAM_ENTITY_ALREADY_EXISTS,
                        "A policy called %.*s already exists. Duplicate names are not allowed.", (int)new->name.len,
                        new->name.data);
    return iam_fail(exchange, IAM_ENTITY_ALREADY_EXISTS, "%s with name %.*s already exists.", kinds[new->table].title,
                    (int)new->name.len, new->name.data);
}

void iam_new_take_tags(const struct iam_new *new, struct identity_texts *tags)
{
    for (size_t i = 0; i < new->tag_count; i++)
        identity_texts_set(tags, new->tags[i].key, new->tags[i].value);
}

enum status iam_new_may(struct exchange *exchange, const char *kind, const char *path, struct bytes name)
{
    char *text = mem_strndup(name.data, name.len), *arn = iam_arn_of(exchange, kind, path, text);
    const struct resource resource = {.kind = RESOURCE_ARN, .key = bytes_from_str(arn)};
    const char *right = exchange->operation->right;
    enum status status = exchange_may(exchange, right, &resource) ? STATUS_OK : iam_fail_denied(exchange, right, arn);

    free(text);
    free(arn);
    return status;
}

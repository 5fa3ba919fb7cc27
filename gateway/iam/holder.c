/* Users, groups and roles as those who have policies; see the header. */
#include "gateway/iam/holder.h"

#include "compat/iam_names.h"
#include "gateway/front/operation.h"
#include "gateway/iam/reply.h"

static const struct iam_holder_kind of_user = {IDENTITY_USERS, "UserName", "userName",
                                               "user",         "User",     IAM_USER_POLICIES_CHARS};
static const struct iam_holder_kind of_group = {IDENTITY_GROUPS, "GroupName", "groupName",
                                                "group",         "Group",     IAM_GROUP_POLICIES_CHARS};
static const struct iam_holder_kind of_role = {IDENTITY_ROLES, "RoleName", "roleName",
                                               "role",         "Role",     IAM_ROLE_POLICIES_CHARS};

struct bytes iam_value(const struct exchange *exchange, const char *name)
{
    return iam_request_value(&exchange->call->request, name);
}

struct bytes iam_user_name(const struct exchange *exchange)
{
    struct bytes name = iam_value(exchange, "UserName");
    return name.data ? name : exchange->principal.user_name;
}

/* STATUS_OK is handed on; what is not there, or cannot be read, is answered. */
static enum status answer_load(struct exchange *exchange, enum status status, const char *word, struct bytes name)
{
    if (status == STATUS_NOT_FOUND)
        return iam_fail(exchange, IAM_NO_SUCH_ENTITY, "The %s with name %.*s cannot be found.", word, (int)name.len,
                        name.data);
    return status ? iam_fail_status(exchange, status) : STATUS_OK;
}

static enum status check_name(struct exchange *exchange, struct bytes name, const char *parameter)
{
    struct iam_error error = {0};
    enum status status = iam_name_check(name, parameter, IAM_NAME_MAX, &error);

    return status ? iam_fail_error(exchange, &error) : STATUS_OK;
}

enum status iam_user_load(struct exchange *exchange, struct bytes name, struct identity_user *user)
{
    *user = (struct identity_user){0};
    enum status status = check_name(exchange, name, "userName");
    return status ? status
                  : answer_load(exchange, identity_user_load(exchange->gateway->meta, name, user), "user", name);
}

enum status iam_group_load(struct exchange *exchange, struct bytes name, struct identity_group *group)
{
    *group = (struct identity_group){0};
    enum status status = check_name(exchange, name, "groupName");
    return status ? status
                  : answer_load(exchange, identity_group_load(exchange->gateway->meta, name, group), "group", name);
}

enum status iam_role_load(struct exchange *exchange, struct bytes name, struct identity_role *role)
{
    *role = (struct identity_role){0};
    enum status status = check_name(exchange, name, "roleName");
    return status ? status
                  : answer_load(exchange, identity_role_load(exchange->gateway->meta, name, role), "role", name);
}

enum status iam_policy_load(struct exchange *exchange, struct bytes arn, bool to_attach,
                            struct identity_managed_policy *policy)
{
    const char *account = exchange->gateway->options.account_id;

    *policy = (struct identity_managed_policy){0};
    if (!bytes_starts_with(arn, BYTES("arn:aws:iam::")) || arn.len > IAM_ARN_MAX)
        return iam_fail(exchange, IAM_VALIDATION_ERROR, "Invalid ARN:  Could not be parsed!");
    enum status status = identity_managed_policy_load_arn(exchange->gateway->meta, account, arn, policy);
    if (status == STATUS_OK)
        return STATUS_OK;
    if (status != STATUS_NOT_FOUND && status != STATUS_INVALID)
        return iam_fail_status(exchange, status);
    return iam_fail(exchange, IAM_NO_SUCH_ENTITY, "Policy %.*s %s.", (int)arn.len, arn.data,
                    to_attach ? "does not exist or is not attachable" : "was not found");
}

enum status iam_policy_load_own(struct exchange *exchange, struct identity_managed_policy *policy)
{
    struct bytes arn = iam_value(exchange, "PolicyArn");
    enum status status = iam_policy_load(exchange, arn, false, policy);

    if (status || !policy->of_aws)
        return status;
    identity_managed_policy_release(policy);
    return iam_fail(exchange, IAM_ACCESS_DENIED, "Policy %.*s is one of AWS's own, which nobody changes.", (int)arn.len,
                    arn.data);
}

static enum status find_user(struct meta *meta, struct bytes name, struct iam_holder *holder)
{
    struct identity_user *user = &holder->user;
    enum status status = identity_user_load(meta, name, user);

    *holder = (struct iam_holder){
        &of_user,    *user,          {0}, {0}, user->name, user->path, user->id, &user->attached, &user->policies,
        &user->tags, &user->boundary};
    return status;
}

static enum status find_group(struct meta *meta, struct bytes name, struct iam_holder *holder)
{
    struct identity_group *group = &holder->group;
    enum status status = identity_group_load(meta, name, group);

    *holder =
        (struct iam_holder){&of_group,        {0},  *group, {0}, group->name, group->path, group->id, &group->attached,
                            &group->policies, NULL, NULL};
    return status;
}

static enum status find_role(struct meta *meta, struct bytes name, struct iam_holder *holder)
{
    struct identity_role *role = &holder->role;
    enum status status = identity_role_load(meta, name, role);

    *holder = (struct iam_holder){&of_role,
                                  {0},
                                  {0},
                                  *role,
                                  role->name,
                                  role->path,
                                  role->id,
                                  &role->attached,
                                  &role->policies,
                                  &role->tags,
                                  &role->boundary};
    return status;
}

enum status iam_holder_find(struct exchange *exchange, enum identity_table table, struct bytes name,
                            struct iam_holder *holder)
{
    struct meta *meta = exchange->gateway->meta;

    *holder = (struct iam_holder){0};
    if (table == IDENTITY_GROUPS)
        return find_group(meta, name, holder);
    return table == IDENTITY_ROLES ? find_role(meta, name, holder) : find_user(meta, name, holder);
}

static const struct iam_holder_kind *kind_of(enum iam_subject subject)
{
    switch (subject) {
    case IAM_OF_GROUP:
        return &of_group;
    case IAM_OF_ROLE:
        return &of_role;
    default:
        return &of_user;
    }
}

enum status iam_holder_load(struct exchange *exchange, struct iam_holder *holder)
{
    const struct iam_holder_kind *kind = kind_of(exchange->operation->subject);
    struct bytes name = iam_value(exchange, kind->parameter);
    enum status status = check_name(exchange, name, kind->value);

    *holder = (struct iam_holder){0};
    if (status)
        return status;
    return answer_load(exchange, iam_holder_find(exchange, kind->table, name, holder), kind->word, name);
}

void iam_holder_put(struct identity_changes *changes, const struct iam_holder *holder)
{
    if (holder->kind == &of_group)
        identity_group_put(changes, &holder->group);
    else if (holder->kind == &of_role)
        identity_role_put(changes, &holder->role);
    else
        identity_user_put(changes, &holder->user);
}

void iam_holder_release(struct iam_holder *holder)
{
    identity_user_release(&holder->user);
    identity_group_release(&holder->group);
    identity_role_release(&holder->role);
    *holder = (struct iam_holder){0};
}

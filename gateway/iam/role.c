/* Roles and their trust policies. */
#include <stdlib.h>

#include "base/check.h"
#include "compat/iam_names.h"
#include "gateway/iam/boundary.h"
#include "gateway/iam/elements.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/new.h"
#include "gateway/iam/page.h"
#include "gateway/iam/policy_text.h"

static void answer_role(struct exchange *exchange, const struct identity_role *role, bool with_last_used)
{
    struct iam_answer answer;

    iam_answer_begin(exchange, &answer);
    xml_writer_open(answer.xml, "Role");
    iam_write_role(answer.xml, exchange, role, false);
    if (with_last_used) { /* nobody keeps when it was */
        xml_writer_open(answer.xml, "RoleLastUsed");
        xml_writer_close(answer.xml);
    }
    xml_writer_close(answer.xml);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
}

struct role_parameters {
    struct iam_new new;
    struct bytes trust, description; /* data NULL: not given */
    uint64_t session_seconds;        /* 0: not given */
    struct identity_role role;
};

static enum status read_parameters(struct exchange *exchange, struct role_parameters *parameters)
{
    struct bytes seconds = iam_value(exchange, "MaxSessionDuration");
    struct iam_error error = {0};

    parameters->description = iam_value(exchange, "Description");
    if (iam_description_check(parameters->description, &error))
        return iam_fail_error(exchange, &error);
    if (seconds.data && (bytes_parse_u64(seconds, IAM_SESSION_SECONDS_MAX, &parameters->session_seconds) ||
                         parameters->session_seconds < IAM_SESSION_SECONDS_MIN))
        return iam_fail(exchange, IAM_VALIDATION_ERROR,
                        "1 validation error detected: Value at 'maxSessionDuration' failed to satisfy constraint: "
                        "Member must have value between %d and %d",
                        IAM_SESSION_SECONDS_MIN, IAM_SESSION_SECONDS_MAX);
    return STATUS_OK;
}

static enum status read_trust(struct exchange *exchange, const char *parameter, struct bytes *trust)
{
    *trust = iam_policy_text(exchange, parameter, POLICY_TRUST);
    if (!trust->data)
        return STATUS_DENIED;
    if (policy_quota_chars(*trust) > IAM_TRUST_POLICY_CHARS)
        return iam_fail(exchange, IAM_LIMIT_EXCEEDED, "Cannot exceed quota for ACLSizePerRole: %d",
                        IAM_TRUST_POLICY_CHARS);
    return STATUS_OK;
}

static void take(struct identity_role *role, const struct role_parameters *parameters)
{
    if (parameters->session_seconds)
        role->session_seconds_max = (int64_t)parameters->session_seconds;
    if (!parameters->description.data)
        return;
    free(role->description);
    role->description =
        parameters->description.len ? mem_strndup(parameters->description.data, parameters->description.len) : NULL;
}

static enum status decide_create(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct role_parameters *create = arg;
    struct identity_role *role = &create->role;
    enum status status = iam_new_check_absent(exchange, &create->new);

    identity_role_release(role);
    if (status)
        return status;
    identity_role_create(role, create->new.name, create->new.path, create->trust);
    take(role, create);
    iam_new_take_tags(&create->new, &role->tags);
    status = iam_boundary_set(exchange, changes, IDENTITY_ROLES, role->name, &role->boundary, create->new.boundary);
    if (!status)
        identity_role_put(changes, role);
    return status;
}

void iam_create_role(struct exchange *exchange)
{
    struct role_parameters create = {0};

    if (!iam_new_read(exchange, IDENTITY_ROLES, &create.new) && !read_parameters(exchange, &create) &&
        !read_trust(exchange, "AssumeRolePolicyDocument", &create.trust) &&
        !iam_change(exchange, decide_create, &create))
        answer_role(exchange, &create.role, false);
    identity_role_release(&create.role);
}

void iam_get_role(struct exchange *exchange)
{
    struct identity_role role;

    if (iam_role_load(exchange, iam_value(exchange, "RoleName"), &role))
        return;
    answer_role(exchange, &role, true);
    identity_role_release(&role);
}

static enum status write_row(struct exchange *exchange, struct xml_writer *xml, struct iam_page *page,
                             const struct meta_identity_row *row)
{
    struct identity_role role;
    enum status status = identity_role_read(row->document, &role);

    if (status)
        return status;
    if (iam_path_wanted(exchange, role.path) && iam_page_take(page, xml, identity_row_name(row))) {
        xml_writer_open(xml, "member");
        iam_write_role(xml, exchange, &role, true);
        xml_writer_close(xml);
    }
    identity_role_release(&role);
    return STATUS_OK;
}

void iam_list_roles(struct exchange *exchange)
{
    iam_list(exchange, IDENTITY_ROLES, "", "Roles", write_row);
}

/* The role as it is afterwards stays in the parameters. */
static enum status decide_update(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct role_parameters *update = arg;
    struct identity_role *role = &update->role;

    identity_role_release(role);
    enum status status = iam_role_load(exchange, iam_value(exchange, "RoleName"), role);
    if (status)
        return status;
    take(role, update);
    if (update->trust.data) {
        free(role->trust);
        role->trust = mem_strndup(update->trust.data, update->trust.len);
    }
    identity_role_put(changes, role);
    return STATUS_OK;
}

void iam_update_role(struct exchange *exchange)
{
    struct role_parameters update = {0};
    struct iam_answer answer;

    if (!read_parameters(exchange, &update) && !iam_change(exchange, decide_update, &update)) {
        iam_answer_begin(exchange, &answer); /* the one change that has a result, an empty one */
        HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
    }
    identity_role_release(&update.role);
}

void iam_update_role_description(struct exchange *exchange)
{
    struct role_parameters update = {0};

    if (!read_parameters(exchange, &update) && !iam_change(exchange, decide_update, &update))
        answer_role(exchange, &update.role, false);
    identity_role_release(&update.role);
}

void iam_update_assume_role_policy(struct exchange *exchange)
{
    struct role_parameters update = {0};

    if (!read_trust(exchange, "PolicyDocument", &update.trust) && !iam_change(exchange, decide_update, &update))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
    identity_role_release(&update.role);
}

static enum status decide_delete(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct identity_role role;
    enum status status = iam_role_load(exchange, iam_value(exchange, "RoleName"), &role);

    (void)arg;
    if (status)
        return status;
    if (role.policies.count > 0 || role.attached.count > 0)
        status = iam_fail(exchange, IAM_DELETE_CONFLICT, "Cannot delete entity, must %s first.",
                          role.policies.count > 0 ? "delete policies" : "detach all policies");
    if (!status)
        status = iam_boundary_set(exchange, changes, IDENTITY_ROLES, role.name, &role.boundary, (struct bytes){0});
    if (!status)
        identity_role_remove(changes, role.name);
    identity_role_release(&role);
    return status;
}

void iam_delete_role(struct exchange *exchange)
{
    if (!iam_change(exchange, decide_delete, NULL))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

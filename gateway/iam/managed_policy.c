/* Managed policies. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "compat/iam_names.h"
#include "gateway/iam/elements.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/new.h"
#include "gateway/iam/page.h"
#include "gateway/iam/policy_text.h"
#include "gateway/identity/aws_policies.h"

static void answer_policy(struct exchange *exchange, const struct identity_managed_policy *policy)
{
    struct iam_answer answer;

    iam_answer_begin(exchange, &answer);
    xml_writer_open(answer.xml, "Policy");
    enum status status = iam_write_policy(answer.xml, exchange, policy, false);
    xml_writer_close(answer.xml);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, status));
}

struct bytes iam_managed_text(struct exchange *exchange)
{
    struct bytes text = iam_policy_text(exchange, "PolicyDocument", POLICY_IDENTITY);

    if (!text.data || policy_quota_chars(text) <= IAM_MANAGED_POLICY_CHARS)
        return text;
    STATUS_IGNORE(
        iam_fail(exchange, IAM_LIMIT_EXCEEDED, "Cannot exceed quota for PolicySize: %d", IAM_MANAGED_POLICY_CHARS),
        "the caller sees that there is none");
    return (struct bytes){0};
}

struct create_policy {
    struct iam_new new;
    struct bytes text, description;
    struct identity_managed_policy policy;
};

static enum status decide_create(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct create_policy *create = arg;
    struct identity_managed_policy *policy = &create->policy;
    enum status status = iam_new_check_absent(exchange, &create->new);

    identity_managed_policy_release(policy);
    if (status)
        return status;
    identity_managed_policy_create(policy, create->new.name, create->new.path, create->text);
    if (create->description.len > 0)
        policy->description = mem_strndup(create->description.data, create->description.len);
    iam_new_take_tags(&create->new, &policy->tags);
    identity_managed_policy_put(changes, policy);
    return STATUS_OK;
}

void iam_create_policy(struct exchange *exchange)
{
    struct create_policy create = {.description = iam_value(exchange, "Description")};
    struct iam_error error = {0};

    if (iam_new_read(exchange, IDENTITY_POLICIES, &create.new))
        return;
    if (iam_description_check(create.description, &error)) {
        HTTP_LAST_REPLY(iam_fail_error(exchange, &error));
        return;
    }
    create.text = iam_managed_text(exchange);
    if (create.text.data && !iam_change(exchange, decide_create, &create))
        answer_policy(exchange, &create.policy);
    identity_managed_policy_release(&create.policy);
}

void iam_get_policy(struct exchange *exchange)
{
    struct identity_managed_policy policy;

    if (iam_policy_load(exchange, iam_value(exchange, "PolicyArn"), false, &policy))
        return;
    answer_policy(exchange, &policy);
    identity_managed_policy_release(&policy);
}

/* By OnlyAttached and PolicyUsageFilter. */
static enum status is_wanted(struct exchange *exchange, const struct identity_managed_policy *policy, bool *wanted)
{
    struct bytes usage = iam_value(exchange, "PolicyUsageFilter");
    bool bounding = bytes_equal_str(usage, "PermissionsBoundary");
    size_t attached, bounds;

    *wanted = iam_path_wanted(exchange, policy->path);
    if (!*wanted || (!bytes_equal_str(iam_value(exchange, "OnlyAttached"), "true") && !usage.data))
        return STATUS_OK;
    enum status status = iam_policy_uses(exchange, policy, &attached, &bounds);
    *wanted = !status && (bounding ? bounds : attached) > 0;
    return status;
}

static enum status write_policy(struct exchange *exchange, struct xml_writer *xml, struct iam_page *page,
                                const struct identity_managed_policy *policy, struct bytes marker)
{
    bool wanted;
    enum status status = is_wanted(exchange, policy, &wanted);

    if (status || !wanted || !iam_page_take(page, xml, marker))
        return status;
    xml_writer_open(xml, "member");
    status = iam_write_policy(xml, exchange, policy, true);
    xml_writer_close(xml);
    return status;
}

static enum status write_row(struct exchange *exchange, struct xml_writer *xml, struct iam_page *page,
                             const struct meta_identity_row *row)
{
    struct identity_managed_policy policy;
    enum status status = identity_managed_policy_read(row->document, &policy);

    if (status)
        return status;
    status = write_policy(exchange, xml, page, &policy, identity_row_name(row));
    identity_managed_policy_release(&policy);
    return status;
}

#define OF_AWS "aws:" /* how the markers of AWS's own begin, which come first */

static enum status write_of_aws(struct exchange *exchange, struct xml_writer *xml, struct iam_page *page)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < aws_policies_count() && !status && !page->truncated; i++) {
        struct identity_managed_policy policy;
        char marker[IAM_NAME_MAX + sizeof(OF_AWS)];
        aws_policies_get(i, &policy);
        snprintf(marker, sizeof(marker), OF_AWS "%s", policy.name);
        if (!page->marker.data || bytes_compare(bytes_from_str(marker), page->marker) > 0)
            status = write_policy(exchange, xml, page, &policy, bytes_from_str(marker));
        identity_managed_policy_release(&policy);
    }
    return status;
}

static enum status write_policies(struct exchange *exchange, struct xml_writer *xml, struct iam_page *page)
{
    struct bytes scope = iam_value(exchange, "Scope");
    bool among_own = page->marker.data && !bytes_starts_with(page->marker, BYTES(OF_AWS));
    enum status status = STATUS_OK;

    if (!bytes_equal_str(scope, "Local") && !among_own)
        status = write_of_aws(exchange, xml, page);
    if (status || page->truncated || bytes_equal_str(scope, "AWS"))
        return status;
    if (!among_own)
        page->marker = (struct bytes){0};
    return iam_list_rows(exchange, IDENTITY_POLICIES, "", xml, page, write_row);
}

void iam_list_policies(struct exchange *exchange)
{
    struct bytes scope = iam_value(exchange, "Scope");
    struct iam_answer answer;
    struct iam_page page;

    if (scope.data && !bytes_equal_str(scope, "All") && !bytes_equal_str(scope, "Local") &&
        !bytes_equal_str(scope, "AWS")) {
        HTTP_LAST_REPLY(iam_fail(exchange, IAM_VALIDATION_ERROR,
                                 "1 validation error detected: Value at 'scope' failed to satisfy constraint: Member "
                                 "must satisfy enum value set"));
        return;
    }
    if (iam_page_read(exchange, &page) || iam_path_prefix_check(exchange))
        return;
    iam_answer_begin(exchange, &answer);
    xml_writer_open(answer.xml, "Policies");
    enum status status = write_policies(exchange, answer.xml, &page);
    xml_writer_close(answer.xml);
    iam_page_write(answer.xml, &page);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, status));
}

static enum status decide_delete(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct identity_managed_policy policy;
    size_t attached = 0, bounding = 0;
    enum status status = iam_policy_load_own(exchange, &policy);

    (void)arg;
    if (status)
        return status;
    status = iam_policy_uses(exchange, &policy, &attached, &bounding);
    if (status)
        status = iam_fail_status(exchange, status);
    else if (attached + bounding > 0)
        status = iam_fail(exchange, IAM_DELETE_CONFLICT, "Cannot delete a policy attached to entities.");
    else if (policy.version_count > 1)
        status = iam_fail(exchange, IAM_DELETE_CONFLICT,
                          "This policy has more than one version. Before you delete a policy, you must delete the "
                          "policy's versions. The default version is deleted with the policy.");
    if (!status)
        identity_managed_policy_remove(changes, policy.name);
    identity_managed_policy_release(&policy);
    return status;
}

void iam_delete_policy(struct exchange *exchange)
{
    if (!iam_change(exchange, decide_delete, NULL))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

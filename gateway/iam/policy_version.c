/* Versions of managed policies. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "compat/iam_names.h"
#include "gateway/iam/elements.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/page.h"
#include "gateway/iam/policy_text.h"

void iam_write_version(struct xml_writer *xml, const struct identity_managed_policy *policy,
                       const struct identity_policy_version *version, bool with_document)
{
    char id[16];

    snprintf(id, sizeof(id), "v%u", version->number);
    if (with_document)
        iam_element_document(xml, "Document", bytes_from_str(version->document));
    xml_writer_element_str(xml, "VersionId", id);
    xml_writer_element_bool(xml, "IsDefaultVersion", version->number == policy->default_version);
    iam_element_time(xml, "CreateDate", version->created_ms);
}

/* VersionId: v1, v2 and so on. ValidationError is answered. */
static enum status read_number(struct exchange *exchange, unsigned *number)
{
    struct bytes id = iam_value(exchange, "VersionId");
    uint64_t value;

    if (id.len < 2 || id.data[0] != 'v' || id.data[1] == '0' ||
        bytes_parse_u64(bytes_of(id.data + 1, id.len - 1), UINT32_MAX, &value))
        return iam_fail(exchange, IAM_VALIDATION_ERROR,
                        "1 validation error detected: Value at 'versionId' failed to satisfy constraint: Member must "
                        "satisfy regular expression pattern: v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?");
    *number = (unsigned)value;
    return STATUS_OK;
}

static enum status refuse_absent(struct exchange *exchange, unsigned number)
{
    struct bytes arn = iam_value(exchange, "PolicyArn");
    return iam_fail(exchange, IAM_NO_SUCH_ENTITY, "Policy %.*s version v%u does not exist or is not attachable.",
                    (int)arn.len, arn.data, number);
}

struct version_change {
    struct bytes text;
    unsigned number;
    struct identity_managed_policy policy; /* as it is afterwards */
};

static enum status decide_create(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct version_change *create = arg;
    struct identity_managed_policy *policy = &create->policy;

    identity_managed_policy_release(policy);
    enum status status = iam_policy_load_own(exchange, policy);
    if (status)
        return status;
    if (identity_managed_policy_add(policy, create->text, &create->number))
        return iam_fail(exchange, IAM_LIMIT_EXCEEDED,
                        "A managed policy can have up to %d versions. Before you create a new version, you must "
                        "delete an existing version.",
                        MANAGED_POLICY_VERSIONS_MAX);
    if (bytes_equal_str(iam_value(exchange, "SetAsDefault"), "true"))
        policy->default_version = create->number;
    policy->updated_ms = clock_wall_ms();
    identity_managed_policy_put(changes, policy);
    return STATUS_OK;
}

void iam_create_policy_version(struct exchange *exchange)
{
    struct version_change create = {.text = iam_managed_text(exchange)};
    struct iam_answer answer;

    if (create.text.data && !iam_change(exchange, decide_create, &create)) {
        iam_answer_begin(exchange, &answer);
        xml_writer_open(answer.xml, "PolicyVersion");
        iam_write_version(answer.xml, &create.policy, identity_managed_policy_version(&create.policy, create.number),
                          false);
        xml_writer_close(answer.xml);
        HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
    }
    identity_managed_policy_release(&create.policy);
}

void iam_get_policy_version(struct exchange *exchange)
{
    struct identity_managed_policy policy;
    struct iam_answer answer;
    unsigned number;

    if (read_number(exchange, &number) || iam_policy_load(exchange, iam_value(exchange, "PolicyArn"), false, &policy))
        return;
    const struct identity_policy_version *version = identity_managed_policy_version(&policy, number);
    if (!version) {
        HTTP_LAST_REPLY(refuse_absent(exchange, number));
    } else {
        iam_answer_begin(exchange, &answer);
        xml_writer_open(answer.xml, "PolicyVersion");
        iam_write_version(answer.xml, &policy, version, true);
        xml_writer_close(answer.xml);
        HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
    }
    identity_managed_policy_release(&policy);
}

/* The newest first. */
void iam_list_policy_versions(struct exchange *exchange)
{
    struct identity_managed_policy policy;
    struct iam_answer answer;
    struct iam_span span;

    if (iam_policy_load(exchange, iam_value(exchange, "PolicyArn"), false, &policy))
        return;
    if (!iam_span_read(exchange, policy.version_count, &span)) {
        iam_answer_begin(exchange, &answer);
        xml_writer_open(answer.xml, "Versions");
        for (size_t i = span.first; i < span.end; i++) {
            xml_writer_open(answer.xml, "member");
            iam_write_version(answer.xml, &policy, &policy.versions[policy.version_count - 1 - i], false);
            xml_writer_close(answer.xml);
        }
        xml_writer_close(answer.xml);
        iam_page_write(answer.xml, &span.page);
        HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
    }
    identity_managed_policy_release(&policy);
}

static enum status decide_delete(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    const unsigned *number = arg;
    struct identity_managed_policy policy;
    enum status status = iam_policy_load_own(exchange, &policy);

    if (status)
        return status;
    status = identity_managed_policy_drop(&policy, *number);
    if (status == STATUS_CONFLICT) {
        status = iam_fail(exchange, IAM_DELETE_CONFLICT, "Cannot delete the default version of a policy.");
    } else if (status) {
        status = refuse_absent(exchange, *number);
    } else {
        policy.updated_ms = clock_wall_ms();
        identity_managed_policy_put(changes, &policy);
    }
    identity_managed_policy_release(&policy);
    return status;
}

void iam_delete_policy_version(struct exchange *exchange)
{
    unsigned number;

    if (!read_number(exchange, &number) && !iam_change(exchange, decide_delete, &number))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

static enum status decide_default(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    const unsigned *number = arg;
    struct identity_managed_policy policy;
    enum status status = iam_policy_load_own(exchange, &policy);

    if (status)
        return status;
    if (identity_managed_policy_version(&policy, *number)) {
        policy.default_version = *number;
        policy.updated_ms = clock_wall_ms();
        identity_managed_policy_put(changes, &policy);
    } else {
        status = refuse_absent(exchange, *number);
    }
    identity_managed_policy_release(&policy);
    return status;
}

void iam_set_default_policy_version(struct exchange *exchange)
{
    unsigned number;

    if (!read_number(exchange, &number) && !iam_change(exchange, decide_default, &number))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

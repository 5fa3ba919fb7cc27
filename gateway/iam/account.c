/* The account as a whole: its figures, and all that it knows of who may what. */
#include <string.h>

#include "compat/iam_names.h"
#include "gateway/iam/elements.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/page.h"

#define NO_QUOTA 2147483647 /* as many as the disk holds */

static void write_figure(struct xml_writer *xml, const char *key, uint64_t value)
{
    xml_writer_open(xml, "entry");
    xml_writer_element_str(xml, "key", key);
    xml_writer_element_u64(xml, "value", value);
    xml_writer_close(xml);
}

static void write_quotas(struct xml_writer *xml)
{
    static const struct {
        const char *key;
        uint64_t value;
    } quotas[] = {
        {"UsersQuota", NO_QUOTA},
        {"GroupsQuota", NO_QUOTA},
        {"RolesQuota", NO_QUOTA},
        {"PoliciesQuota", NO_QUOTA},
        {"PolicyVersionsInUseQuota", NO_QUOTA},
        {"InstanceProfiles", 0},
        {"InstanceProfilesQuota", 0},
        {"ServerCertificates", 0},
        {"ServerCertificatesQuota", 0},
        {"AccessKeysPerUserQuota", IAM_KEYS_OF_USER_MAX},
        {"GroupsPerUserQuota", IAM_GROUPS_OF_USER_MAX},
        {"AttachedPoliciesPerUserQuota", IAM_ATTACHED_MAX},
        {"AttachedPoliciesPerGroupQuota", IAM_ATTACHED_MAX},
        {"AttachedPoliciesPerRoleQuota", IAM_ATTACHED_MAX},
        {"UserPolicySizeQuota", IAM_USER_POLICIES_CHARS},
        {"GroupPolicySizeQuota", IAM_GROUP_POLICIES_CHARS},
        {"RolePolicySizeQuota", IAM_ROLE_POLICIES_CHARS},
        {"AssumeRolePolicySizeQuota", IAM_TRUST_POLICY_CHARS},
        {"PolicySizeQuota", IAM_MANAGED_POLICY_CHARS},
        {"VersionsPerPolicyQuota", MANAGED_POLICY_VERSIONS_MAX},
        {"AccountMFAEnabled", 0},
        {"MFADevices", 0},
        {"MFADevicesInUse", 0},
        {"AccountAccessKeysPresent", 1},
        {"AccountSigningCertificatesPresent", 0},
    };

    for (size_t i = 0; i < sizeof(quotas) / sizeof(quotas[0]); i++)
        write_figure(xml, quotas[i].key, quotas[i].value);
}

static enum status count_versions(struct exchange *exchange, size_t *policies, size_t *versions)
{
    const struct meta_identity_row *row;
    struct iam_rows rows;
    enum status status;

    *policies = *versions = 0;
    iam_rows_begin(&rows, IDENTITY_POLICIES, "", (struct bytes){0});
    while (!(status = iam_rows_next(exchange, &rows, &row)) && row) {
        struct identity_managed_policy policy;
        status = identity_managed_policy_read(row->document, &policy);
        if (status)
            break;
        *policies += 1;
        *versions += policy.version_count;
        identity_managed_policy_release(&policy);
    }
    iam_rows_release(&rows);
    return status;
}

void iam_get_account_summary(struct exchange *exchange)
{
    static const struct {
        enum identity_table table;
        const char *key;
    } tables[] = {{IDENTITY_USERS, "Users"},
                  {IDENTITY_GROUPS, "Groups"},
                  {IDENTITY_ROLES, "Roles"},
                  {IDENTITY_PROVIDERS, "Providers"}};
    struct iam_answer answer;
    size_t count, policies, versions;
    enum status status = count_versions(exchange, &policies, &versions);

    iam_answer_begin(exchange, &answer);
    xml_writer_open(answer.xml, "SummaryMap");
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !status; i++) {
        status = iam_rows_count(exchange, tables[i].table, "", &count);
        write_figure(answer.xml, tables[i].key, count);
    }
    write_figure(answer.xml, "Policies", policies);
    write_figure(answer.xml, "PolicyVersionsInUse", versions);
    write_quotas(answer.xml);
    xml_writer_close(answer.xml);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, status));
}

/* ---- GetAccountAuthorizationDetails ----------------------------------------------------------------------------- */

static void write_inline(struct xml_writer *xml, const char *element, const struct identity_texts *policies)
{
    xml_writer_open(xml, element);
    for (size_t i = 0; i < policies->count; i++) {
        xml_writer_open(xml, "member");
        xml_writer_element_str(xml, "PolicyName", policies->items[i].name);
        iam_element_document(xml, "PolicyDocument", bytes_from_str(policies->items[i].text));
        xml_writer_close(xml);
    }
    xml_writer_close(xml);
}

static void write_attached(struct xml_writer *xml, const struct identity_names *attached)
{
    xml_writer_open(xml, "AttachedManagedPolicies");
    iam_write_attached(xml, attached, 0, attached->count);
    xml_writer_close(xml);
}

static enum status write_user(struct exchange *exchange, struct xml_writer *xml, struct iam_page *page,
                              const struct meta_identity_row *row)
{
    struct identity_user user;
    enum status status = identity_user_read(row->document, &user);

    if (status)
        return status;
    if (iam_page_take(page, xml, row->key)) {
        xml_writer_open(xml, "member");
        iam_write_user(xml, exchange, &user, false);
        write_inline(xml, "UserPolicyList", &user.policies);
        xml_writer_open(xml, "GroupList");
        for (size_t i = 0; i < user.groups.count; i++)
            xml_writer_element_str(xml, "member", user.groups.names[i]);
        xml_writer_close(xml);
        write_attached(xml, &user.attached);
        xml_writer_close(xml);
    }
    identity_user_release(&user);
    return STATUS_OK;
}

static enum status write_group(struct exchange *exchange, struct xml_writer *xml, struct iam_page *page,
                               const struct meta_identity_row *row)
{
    struct identity_group group;
    enum status status = identity_group_read(row->document, &group);

    if (status)
        return status;
    if (iam_page_take(page, xml, row->key)) {
        xml_writer_open(xml, "member");
        iam_write_group(xml, exchange, &group);
        write_inline(xml, "GroupPolicyList", &group.policies);
        write_attached(xml, &group.attached);
        xml_writer_close(xml);
    }
    identity_group_release(&group);
    return STATUS_OK;
}

static enum status write_role(struct exchange *exchange, struct xml_writer *xml, struct iam_page *page,
                              const struct meta_identity_row *row)
{
    struct identity_role role;
    enum status status = identity_role_read(row->document, &role);

    if (status)
        return status;
    if (iam_page_take(page, xml, row->key)) {
        xml_writer_open(xml, "member");
        iam_write_role(xml, exchange, &role, false);
        xml_writer_open(xml, "InstanceProfileList");
        xml_writer_close(xml);
        write_inline(xml, "RolePolicyList", &role.policies);
        write_attached(xml, &role.attached);
        xml_writer_close(xml);
    }
    identity_role_release(&role);
    return STATUS_OK;
}

static enum status write_policy(struct exchange *exchange, struct xml_writer *xml, struct iam_page *page,
                                const struct meta_identity_row *row)
{
    struct identity_managed_policy policy;
    enum status status = identity_managed_policy_read(row->document, &policy);

    if (status)
        return status;
    if (iam_page_take(page, xml, row->key)) {
        xml_writer_open(xml, "member");
        status = iam_write_policy(xml, exchange, &policy, true);
        xml_writer_open(xml, "PolicyVersionList");
        for (size_t i = 0; i < policy.version_count; i++) {
            xml_writer_open(xml, "member");
            iam_write_version(xml, &policy, &policy.versions[i], true);
            xml_writer_close(xml);
        }
        xml_writer_close(xml);
        xml_writer_close(xml);
    }
    identity_managed_policy_release(&policy);
    return status;
}

static const struct details {
    enum identity_table table;
    const char *element, *filter, *key; /* key: how the rows' keys begin */
    iam_write_row *write;
} details[] = {
    {IDENTITY_USERS, "UserDetailList", "User", "user/", write_user},
    {IDENTITY_GROUPS, "GroupDetailList", "Group", "group/", write_group},
    {IDENTITY_ROLES, "RoleDetailList", "Role", "role/", write_role},
    {IDENTITY_POLICIES, "Policies", "LocalManagedPolicy", "policy/", write_policy},
};
#define DETAILS_COUNT (sizeof(details) / sizeof(details[0]))

/* Without a filter all of them. */
static bool is_wanted(const struct details *kind, const struct bytes *filter, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal_str(filter[i], kind->filter))
            return true;
    return count == 0;
}

/* The kind that the marker, a row's key, is of; 0 without one. */
static size_t first_kind(const struct iam_page *page)
{
    for (size_t i = 0; i < DETAILS_COUNT; i++)
        if (bytes_starts_with(page->marker, bytes_from_str(details[i].key)))
            return i;
    return 0;
}

void iam_get_account_authorization_details(struct exchange *exchange)
{
    enum status status = STATUS_OK;
    struct bytes filter[8];
    struct iam_error error = {0};
    struct iam_answer answer;
    struct iam_page page;
    size_t count;

    if (iam_page_read(exchange, &page))
        return;
    if (iam_request_list(&exchange->call->request, "Filter", 8, filter, &count, &error)) {
        HTTP_LAST_REPLY(iam_fail_error(exchange, &error));
        return;
    }
    size_t first = first_kind(&page);
    iam_answer_begin(exchange, &answer);
    for (size_t i = 0; i < DETAILS_COUNT && !status; i++) {
        struct bytes marker = page.marker;
        size_t len = strlen(details[i].key);
        page.marker =
            i == first && marker.len > len ? bytes_of(marker.data + len, marker.len - len) : (struct bytes){0};
        xml_writer_open(answer.xml, details[i].element);
        if (i >= first && !page.truncated && is_wanted(&details[i], filter, count))
            status = iam_list_rows(exchange, details[i].table, "", answer.xml, &page, details[i].write);
        xml_writer_close(answer.xml);
        page.marker = marker;
    }
    iam_page_write(answer.xml, &page);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, status));
}

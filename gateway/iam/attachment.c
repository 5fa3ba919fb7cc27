/* Managed policies that are attached to users, groups and roles: in their documents, and in the index by policy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/iam_names.h"
#include "gateway/iam/boundary.h"
#include "gateway/iam/elements.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/page.h"

static void change_index(struct identity_changes *changes, const struct iam_holder *holder, struct bytes arn,
                         bool there)
{
    char *text = mem_strndup(arn.data, arn.len);

    identity_attached_change(changes, iam_policy_name(text), holder->kind->table, holder->name, there);
    free(text);
}

static enum status decide_attach(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct bytes arn = iam_value(exchange, "PolicyArn");
    struct identity_managed_policy policy = {0};
    struct iam_holder holder;
    enum status status = iam_holder_load(exchange, &holder);

    (void)arg;
    if (!status)
        status = iam_policy_load(exchange, arn, true, &policy);
    if (!status && !identity_names_have(holder.attached, arn)) { /* twice is once */
        if (holder.attached->count >= IAM_ATTACHED_MAX) {
            status = iam_fail(exchange, IAM_LIMIT_EXCEEDED, "Cannot exceed quota for PoliciesPer%s: %d",
                              holder.kind->title, IAM_ATTACHED_MAX);
        } else {
            identity_names_add(holder.attached, arn);
            iam_holder_put(changes, &holder);
            change_index(changes, &holder, arn, true);
        }
    }
    identity_managed_policy_release(&policy);
    iam_holder_release(&holder);
    return status;
}

void iam_attach_policy(struct exchange *exchange)
{
    if (!iam_change(exchange, decide_attach, NULL))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

static enum status decide_detach(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct bytes arn = iam_value(exchange, "PolicyArn");
    struct identity_managed_policy policy = {0};
    struct iam_holder holder;
    enum status status = iam_holder_load(exchange, &holder);

    (void)arg;
    if (!status)
        status = iam_policy_load(exchange, arn, false, &policy);
    if (!status && !identity_names_remove(holder.attached, arn))
        status = iam_fail(exchange, IAM_NO_SUCH_ENTITY, "Policy %.*s was not found.", (int)arn.len, arn.data);
    if (!status) {
        iam_holder_put(changes, &holder);
        change_index(changes, &holder, arn, false);
    }
    identity_managed_policy_release(&policy);
    iam_holder_release(&holder);
    return status;
}

void iam_detach_policy(struct exchange *exchange)
{
    if (!iam_change(exchange, decide_detach, NULL))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

/* The path of a managed policy is in its ARN. */
static bool is_below(struct bytes prefix, const char *arn)
{
    const char *path = strchr(arn, '/');
    return bytes_starts_with(bytes_from_str(path ? path : ""), prefix);
}

void iam_list_attached_policies(struct exchange *exchange)
{
    struct iam_holder holder;
    struct iam_answer answer;
    struct iam_span span;

    if (iam_path_prefix_check(exchange) || iam_holder_load(exchange, &holder))
        return;
    if (!iam_span_read(exchange, holder.attached->count, &span)) {
        iam_answer_begin(exchange, &answer);
        xml_writer_open(answer.xml, "AttachedPolicies");
        for (size_t i = span.first; i < span.end; i++)
            if (is_below(iam_value(exchange, "PathPrefix"), holder.attached->names[i]))
                iam_write_attached(answer.xml, holder.attached, i, i + 1);
        xml_writer_close(answer.xml);
        iam_page_write(answer.xml, &span.page);
        HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
    }
    iam_holder_release(&holder);
}

/* ---- to whom a policy is attached ------------------------------------------------------------------------------- */

static const struct entity_list {
    enum identity_table table;
    const char *element, *filter, *word, *name, *id;
} lists[] = {
    {IDENTITY_GROUPS, "PolicyGroups", "Group", "group", "GroupName", "GroupId"},
    {IDENTITY_USERS, "PolicyUsers", "User", "user", "UserName", "UserId"},
    {IDENTITY_ROLES, "PolicyRoles", "Role", "role", "RoleName", "RoleId"},
};

/* Writes who has the policy, of one kind; who has lost it meanwhile is left out. Markers are KIND/NAME. */
static enum status write_entities(struct exchange *exchange, struct xml_writer *xml, struct iam_page *page,
                                  const struct entity_list *list, enum identity_table index, const char *policy)
{
    size_t word_len = strlen(list->word);
    const struct meta_identity_row *row;
    struct bytes after = {0};
    char below[256], marker[IAM_NAME_MAX + 16];
    struct iam_rows rows;
    enum status status;

    if (page->marker.len > word_len && bytes_starts_with(page->marker, bytes_from_str(list->word)))
        after = bytes_of(page->marker.data + word_len + 1, page->marker.len - word_len - 1);
    snprintf(below, sizeof(below), "%s/%s", policy, list->word);
    iam_rows_begin(&rows, index, below, after);
    while (!(status = iam_rows_next(exchange, &rows, &row)) && row && !page->truncated) {
        struct bytes name = identity_row_name(row);
        struct iam_holder holder;
        status = iam_holder_find(exchange, list->table, name, &holder);
        if (status == STATUS_NOT_FOUND)
            continue;
        if (status)
            break;
        snprintf(marker, sizeof(marker), "%s/%.*s", list->word, (int)name.len, name.data);
        if (iam_path_wanted(exchange, holder.path) && iam_page_take(page, xml, bytes_from_str(marker))) {
            xml_writer_open(xml, "member");
            xml_writer_element_str(xml, list->name, holder.name);
            xml_writer_element_str(xml, list->id, holder.id);
            xml_writer_close(xml);
        }
        iam_holder_release(&holder);
    }
    iam_rows_release(&rows);
    return status;
}

/* Lists whose kind stands before that of the marker were on an earlier page. */
static bool was_before(const struct iam_page *page, size_t at)
{
    for (size_t i = at + 1; i < sizeof(lists) / sizeof(lists[0]); i++)
        if (page->marker.data && bytes_starts_with(page->marker, bytes_from_str(lists[i].word)))
            return true;
    return false;
}

static enum status write_lists(struct exchange *exchange, struct iam_answer *answer, struct iam_page *page,
                               const char *policy)
{
    bool bounding = bytes_equal_str(iam_value(exchange, "PolicyUsageFilter"), "PermissionsBoundary");
    struct bytes filter = iam_value(exchange, "EntityFilter");
    enum status status = STATUS_OK;

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && !status; i++) {
        xml_writer_open(answer->xml, lists[i].element);
        if (!page->truncated && !was_before(page, i) && (!filter.data || bytes_equal_str(filter, lists[i].filter)))
            status = write_entities(exchange, answer->xml, page, &lists[i],
                                    bounding ? IDENTITY_BOUNDED : IDENTITY_ATTACHED, policy);
        xml_writer_close(answer->xml);
    }
    return status;
}

void iam_list_entities_for_policy(struct exchange *exchange)
{
    struct identity_managed_policy policy;
    struct iam_answer answer;
    struct iam_page page;

    if (iam_page_read(exchange, &page) || iam_path_prefix_check(exchange) ||
        iam_policy_load(exchange, iam_value(exchange, "PolicyArn"), false, &policy))
        return;
    iam_answer_begin(exchange, &answer);
    char *arn = iam_policy_arn(exchange, &policy);
    enum status status = write_lists(exchange, &answer, &page, iam_policy_name(arn));
    free(arn);
    iam_page_write(answer.xml, &page);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, status));
    identity_managed_policy_release(&policy);
}

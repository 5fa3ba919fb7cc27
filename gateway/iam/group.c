/* Groups. Who is in one stands with each user, and in the index of members, which are changed together. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "compat/iam_names.h"
#include "gateway/iam/boundary.h"
#include "gateway/iam/elements.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/new.h"
#include "gateway/iam/page.h"

#define RENAMED_MEMBERS_MAX 1000 /* of a group that gets another name: all of them change with it, in one commit */

struct create_group {
    struct iam_new new;
    struct identity_group group;
};

static enum status decide_create(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct create_group *create = arg;
    enum status status = iam_new_check_absent(exchange, &create->new);

    identity_group_release(&create->group);
    if (status)
        return status;
    identity_group_create(&create->group, create->new.name, create->new.path);
    identity_group_put(changes, &create->group);
    return STATUS_OK;
}

void iam_create_group(struct exchange *exchange)
{
    struct create_group create = {0};
    struct iam_answer answer;

    if (!iam_new_read(exchange, IDENTITY_GROUPS, &create.new) && !iam_change(exchange, decide_create, &create)) {
        iam_answer_begin(exchange, &answer);
        xml_writer_open(answer.xml, "Group");
        iam_write_group(answer.xml, exchange, &create.group);
        xml_writer_close(answer.xml);
        HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
    }
    identity_group_release(&create.group);
}

/* A row of the index says the name alone; who left at this very moment is not there any more. */
static enum status write_member(struct exchange *exchange, struct xml_writer *xml, struct iam_page *page,
                                const struct meta_identity_row *row)
{
    struct identity_user user;
    enum status status = identity_user_load(exchange->gateway->meta, identity_row_name(row), &user);

    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    if (iam_page_take(page, xml, identity_row_name(row))) {
        xml_writer_open(xml, "member");
        iam_write_user(xml, exchange, &user, true);
        xml_writer_close(xml);
    }
    identity_user_release(&user);
    return STATUS_OK;
}

void iam_get_group(struct exchange *exchange)
{
    struct identity_group group;
    struct iam_answer answer;
    struct iam_page page;

    if (iam_page_read(exchange, &page) || iam_group_load(exchange, iam_value(exchange, "GroupName"), &group))
        return;
    iam_answer_begin(exchange, &answer);
    xml_writer_open(answer.xml, "Group");
    iam_write_group(answer.xml, exchange, &group);
    xml_writer_close(answer.xml);
    xml_writer_open(answer.xml, "Users");
    enum status status = iam_list_rows(exchange, IDENTITY_MEMBERS, group.name, answer.xml, &page, write_member);
    xml_writer_close(answer.xml);
    iam_page_write(answer.xml, &page);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, status));
    identity_group_release(&group);
}

static enum status write_row(struct exchange *exchange, struct xml_writer *xml, struct iam_page *page,
                             const struct meta_identity_row *row)
{
    struct identity_group group;
    enum status status = identity_group_read(row->document, &group);

    if (status)
        return status;
    if (iam_path_wanted(exchange, group.path) && iam_page_take(page, xml, identity_row_name(row))) {
        xml_writer_open(xml, "member");
        iam_write_group(xml, exchange, &group);
        xml_writer_close(xml);
    }
    identity_group_release(&group);
    return STATUS_OK;
}

void iam_list_groups(struct exchange *exchange)
{
    iam_list(exchange, IDENTITY_GROUPS, "", "Groups", write_row);
}

/* ---- renaming --------------------------------------------------------------------------------------------------- */

static enum status move_member(struct exchange *exchange, struct identity_changes *changes, struct bytes member,
                               const char *old_name, struct bytes name)
{
    struct identity_user user;
    enum status status = iam_user_load(exchange, member, &user);

    if (status)
        return status;
    identity_names_remove(&user.groups, bytes_from_str(old_name));
    identity_names_add(&user.groups, name);
    identity_user_put(changes, &user);
    identity_user_release(&user);
    return STATUS_OK;
}

static enum status move_members(struct exchange *exchange, struct identity_changes *changes, const char *old_name,
                                struct bytes name, bool same_row)
{
    char *new_name = mem_strndup(name.data, name.len);
    const struct meta_identity_row *row;
    struct iam_rows rows;
    enum status status = STATUS_OK, listed;
    size_t count = 0;

    iam_rows_begin(&rows, IDENTITY_MEMBERS, old_name, (struct bytes){0});
    while (!(listed = iam_rows_next(exchange, &rows, &row)) && row) {
        char member[IAM_NAME_MAX + 1];
        struct bytes found = identity_row_name(row);
        snprintf(member, sizeof(member), "%.*s", (int)found.len, found.data);
        status = ++count > RENAMED_MEMBERS_MAX
                     ? iam_fail(exchange, IAM_LIMIT_EXCEEDED, "A group with more than %d users cannot be renamed.",
                                RENAMED_MEMBERS_MAX)
                     : move_member(exchange, changes, found, old_name, name);
        if (status)
            break;
        if (!same_row) {
            identity_member_change(changes, old_name, member, false);
            identity_member_change(changes, new_name, member, true);
        }
    }
    iam_rows_release(&rows);
    free(new_name);
    return listed ? iam_fail_status(exchange, listed) : status;
}

static enum status rename_group(struct exchange *exchange, struct identity_changes *changes,
                                struct identity_group *group, struct bytes name)
{
    struct iam_new new = {.table = IDENTITY_GROUPS, .name = name};
    bool same_row = bytes_equal_nocase(name, group->name);
    enum status status = same_row ? STATUS_OK : iam_new_check_absent(exchange, &new);

    if (!status)
        status = move_members(exchange, changes, group->name, name, same_row);
    if (status)
        return status;
    if (!same_row) {
        identity_group_remove(changes, group->name);
        for (size_t i = 0; i < group->attached.count; i++)
            identity_attached_change(changes, iam_policy_name(group->attached.names[i]), IDENTITY_GROUPS, group->name,
                                     false);
    }
    free(group->name);
    group->name = mem_strndup(name.data, name.len);
    for (size_t i = 0; i < group->attached.count; i++)
        identity_attached_change(changes, iam_policy_name(group->attached.names[i]), IDENTITY_GROUPS, group->name,
                                 true);
    return STATUS_OK;
}

static enum status decide_update(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct iam_new *new = arg;
    struct identity_group group;
    enum status status = iam_group_load(exchange, iam_value(exchange, "GroupName"), &group);

    if (status)
        return status;
    if (new->path.data) {
        free(group.path);
        group.path = mem_strndup(new->path.data, new->path.len);
    }
    status = iam_new_may(exchange, "group", group.path, new->name.data ? new->name : bytes_from_str(group.name));
    if (!status && new->name.data)
        status = rename_group(exchange, changes, &group, new->name);
    if (!status)
        identity_group_put(changes, &group);
    identity_group_release(&group);
    return status;
}

void iam_update_group(struct exchange *exchange)
{
    struct iam_new new;

    if (!iam_new_read_update(exchange, IDENTITY_GROUPS, &new) && !iam_change(exchange, decide_update, &new))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

/* ---- deleting --------------------------------------------------------------------------------------------------- */

static enum status decide_delete(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct identity_group group;
    size_t members = 0;
    enum status status = iam_group_load(exchange, iam_value(exchange, "GroupName"), &group);

    (void)arg;
    if (status)
        return status;
    status = iam_rows_count(exchange, IDENTITY_MEMBERS, group.name, &members);
    const char *first = members > 0                ? "remove users from group"
                        : group.policies.count > 0 ? "delete policies"
                        : group.attached.count > 0 ? "detach all policies"
                                                   : NULL;
    if (status)
        status = iam_fail_status(exchange, status);
    else if (first)
        status = iam_fail(exchange, IAM_DELETE_CONFLICT, "Cannot delete entity, must %s first.", first);
    else
        identity_group_remove(changes, group.name);
    identity_group_release(&group);
    return status;
}

void iam_delete_group(struct exchange *exchange)
{
    if (!iam_change(exchange, decide_delete, NULL))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

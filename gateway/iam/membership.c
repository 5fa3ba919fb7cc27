/* Users in groups. */
#include <stdlib.h>

#include "compat/iam_names.h"
#include "gateway/iam/elements.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/page.h"

/* Both have to be there. */
static enum status load_both(struct exchange *exchange, struct identity_user *user, struct identity_group *group)
{
    enum status status = iam_group_load(exchange, iam_value(exchange, "GroupName"), group);

    *user = (struct identity_user){0};
    if (!status)
        status = iam_user_load(exchange, iam_value(exchange, "UserName"), user);
    if (status)
        identity_group_release(group);
    return status;
}

/* Who is in it already stays in it, and that is no error. */
static enum status decide_add(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct identity_user user;
    struct identity_group group;
    enum status status = load_both(exchange, &user, &group);

    (void)arg;
    if (status)
        return status;
    if (identity_names_have(&user.groups, bytes_from_str(group.name))) {
        ;
    } else if (user.groups.count >= IAM_GROUPS_OF_USER_MAX) {
        status =
            iam_fail(exchange, IAM_LIMIT_EXCEEDED, "Cannot exceed quota for GroupsPerUser: %d", IAM_GROUPS_OF_USER_MAX);
    } else {
        identity_names_add(&user.groups, bytes_from_str(group.name));
        identity_user_put(changes, &user);
        identity_member_change(changes, group.name, user.name, true);
    }
    identity_user_release(&user);
    identity_group_release(&group);
    return status;
}

void iam_add_user_to_group(struct exchange *exchange)
{
    if (!iam_change(exchange, decide_add, NULL))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

static enum status decide_remove(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct identity_user user;
    struct identity_group group;
    enum status status = load_both(exchange, &user, &group);

    (void)arg;
    if (status)
        return status;
    if (identity_names_remove(&user.groups, bytes_from_str(group.name))) {
        identity_user_put(changes, &user);
        identity_member_change(changes, group.name, user.name, false);
    } else {
        status = iam_fail(exchange, IAM_NO_SUCH_ENTITY, "User %s is not in the group %s.", user.name, group.name);
    }
    identity_user_release(&user);
    identity_group_release(&group);
    return status;
}

void iam_remove_user_from_group(struct exchange *exchange)
{
    if (!iam_change(exchange, decide_remove, NULL))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

void iam_list_groups_for_user(struct exchange *exchange)
{
    struct identity_user user;
    struct iam_answer answer;
    struct iam_span span;
    enum status status = iam_user_load(exchange, iam_value(exchange, "UserName"), &user);

    if (status)
        return;
    status = iam_span_read(exchange, user.groups.count, &span);
    if (!status) {
        iam_answer_begin(exchange, &answer);
        xml_writer_open(answer.xml, "Groups");
        for (size_t i = span.first; i < span.end && !status; i++) {
            struct identity_group group;
            status = identity_group_load(exchange->gateway->meta, bytes_from_str(user.groups.names[i]), &group);
            if (status)
                break;
            xml_writer_open(answer.xml, "member");
            iam_write_group(answer.xml, exchange, &group);
            xml_writer_close(answer.xml);
            identity_group_release(&group);
        }
        xml_writer_close(answer.xml);
        iam_page_write(answer.xml, &span.page);
        HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, status == STATUS_NOT_FOUND ? STATUS_CONFLICT : status));
    }
    identity_user_release(&user);
}

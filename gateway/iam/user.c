/* Users. The account's root is none of them, and is shown when it asks for itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/iam_names.h"
#include "gateway/iam/boundary.h"
#include "gateway/iam/elements.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/new.h"
#include "gateway/iam/page.h"
#include "gateway/identity/access_key.h"

static void answer_user(struct exchange *exchange, const struct identity_user *user)
{
    struct iam_answer answer;

    iam_answer_begin(exchange, &answer);
    xml_writer_open(answer.xml, "User");
    iam_write_user(answer.xml, exchange, user, false);
    xml_writer_close(answer.xml);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
}

struct create_user {
    struct iam_new new;
    struct identity_user user;
};

static enum status decide_create(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct create_user *create = arg;
    struct identity_user *user = &create->user;
    enum status status = iam_new_check_absent(exchange, &create->new);

    identity_user_release(user);
    if (status)
        return status;
    identity_user_create(user, create->new.name, create->new.path);
    iam_new_take_tags(&create->new, &user->tags);
    status = iam_boundary_set(exchange, changes, IDENTITY_USERS, user->name, &user->boundary, create->new.boundary);
    if (!status)
        identity_user_put(changes, user);
    return status;
}

void iam_create_user(struct exchange *exchange)
{
    struct create_user create = {0};

    if (!iam_new_read(exchange, IDENTITY_USERS, &create.new) && !iam_change(exchange, decide_create, &create))
        answer_user(exchange, &create.user);
    identity_user_release(&create.user);
}

static void get_root(struct exchange *exchange)
{
    struct iam_answer answer;
    char arn[64];

    snprintf(arn, sizeof(arn), "arn:aws:iam::%s:root", exchange->gateway->options.account_id);
    iam_answer_begin(exchange, &answer);
    xml_writer_open(answer.xml, "User");
    xml_writer_element_str(answer.xml, "UserId", exchange->gateway->options.account_id);
    xml_writer_element_str(answer.xml, "Arn", arn);
    iam_element_time(answer.xml, "CreateDate", exchange->gateway->started_ms);
    xml_writer_close(answer.xml);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
}

void iam_get_user(struct exchange *exchange)
{
    struct bytes name = iam_user_name(exchange);
    struct identity_user user;

    if (!name.data) {
        get_root(exchange);
        return;
    }
    if (iam_user_load(exchange, name, &user))
        return;
    answer_user(exchange, &user);
    identity_user_release(&user);
}

static enum status write_row(struct exchange *exchange, struct xml_writer *xml, struct iam_page *page,
                             const struct meta_identity_row *row)
{
    struct identity_user user;
    enum status status = identity_user_read(row->document, &user);

    if (status)
        return status;
    if (iam_path_wanted(exchange, user.path) && iam_page_take(page, xml, identity_row_name(row))) {
        xml_writer_open(xml, "member");
        iam_write_user(xml, exchange, &user, true);
        xml_writer_close(xml);
    }
    identity_user_release(&user);
    return STATUS_OK;
}

void iam_list_users(struct exchange *exchange)
{
    iam_list(exchange, IDENTITY_USERS, "", "Users", write_row);
}

/* ---- renaming: the rows that have the name in their keys or in their documents go with it ---------------------- */

static enum status move_keys(struct exchange *exchange, struct identity_changes *changes,
                             const struct identity_user *user)
{
    for (size_t i = 0; i < user->keys.count; i++) {
        struct identity_access_key key;
        enum status status =
            identity_access_key_load(exchange->gateway->meta, bytes_from_str(user->keys.names[i]), &key);
        if (status)
            return iam_fail_status(exchange, status);
        free(key.user);
        key.user = mem_strdup(user->name);
        identity_access_key_put(changes, &key);
        identity_access_key_release(&key);
    }
    return STATUS_OK;
}

/* The rows of the indices: of the old name they go, then those of the new one come. */
static void change_indices(struct identity_changes *changes, const struct identity_user *user, const char *name,
                           bool there)
{
    for (size_t i = 0; i < user->groups.count; i++)
        identity_member_change(changes, user->groups.names[i], name, there);
    for (size_t i = 0; i < user->attached.count; i++)
        identity_attached_change(changes, iam_policy_name(user->attached.names[i]), IDENTITY_USERS, name, there);
    if (user->boundary)
        identity_bounded_change(changes, iam_policy_name(user->boundary), IDENTITY_USERS, name, there);
}

static enum status rename_user(struct exchange *exchange, struct identity_changes *changes, struct identity_user *user,
                               struct bytes name)
{
    struct iam_new new = {.table = IDENTITY_USERS, .name = name};
    bool same_row = bytes_equal_nocase(name, user->name); /* another case alone */
    enum status status = same_row ? STATUS_OK : iam_new_check_absent(exchange, &new);

    if (status)
        return status;
    if (!same_row) {
        identity_user_remove(changes, user->name);
        change_indices(changes, user, user->name, false);
    }
    free(user->name);
    user->name = mem_strndup(name.data, name.len);
    if (!same_row)
        change_indices(changes, user, user->name, true);
    return move_keys(exchange, changes, user);
}

static enum status decide_update(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct iam_new *new = arg;
    struct identity_user user;
    enum status status = iam_user_load(exchange, iam_value(exchange, "UserName"), &user);

    if (status)
        return status;
    if (new->path.data) {
        free(user.path);
        user.path = mem_strndup(new->path.data, new->path.len);
    }
    status = iam_new_may(exchange, "user", user.path, new->name.data ? new->name : bytes_from_str(user.name));
    if (!status && new->name.data)
        status = rename_user(exchange, changes, &user, new->name);
    if (!status)
        identity_user_put(changes, &user);
    identity_user_release(&user);
    return status;
}

void iam_update_user(struct exchange *exchange)
{
    struct iam_new new;

    if (!iam_new_read_update(exchange, IDENTITY_USERS, &new) && !iam_change(exchange, decide_update, &new))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

/* ---- deleting --------------------------------------------------------------------------------------------------- */

static enum status refuse_used(struct exchange *exchange, const struct identity_user *user)
{
    const char *first = user->keys.count > 0       ? "delete access keys"
                        : user->policies.count > 0 ? "delete policies"
                        : user->attached.count > 0 ? "detach all policies"
                        : user->groups.count > 0   ? "remove users from group"
                                                   : NULL;

    return first ? iam_fail(exchange, IAM_DELETE_CONFLICT, "Cannot delete entity, must %s first.", first) : STATUS_OK;
}

static enum status decide_delete(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct identity_user user;
    enum status status = iam_user_load(exchange, iam_value(exchange, "UserName"), &user);

    (void)arg;
    if (!status)
        status = refuse_used(exchange, &user);
    if (!status) {
        change_indices(changes, &user, user.name, false);
        identity_user_remove(changes, user.name);
    }
    identity_user_release(&user);
    return status;
}

void iam_delete_user(struct exchange *exchange)
{
    if (!iam_change(exchange, decide_delete, NULL))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

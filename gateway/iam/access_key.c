/* Access keys of users. A secret is shown once, in the answer that made it, and is in the directory sealed alone. */
#include <string.h>

#include "compat/iam_names.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/holder.h"
#include "gateway/iam/page.h"
#include "gateway/identity/access_key.h"
#include "gateway/identity/key_uses.h"

/* Root's keys are in files, which no call changes. */
static enum status load_owner(struct exchange *exchange, struct identity_user *user)
{
    struct bytes name = iam_user_name(exchange);

    if (name.data)
        return iam_user_load(exchange, name, user);
    *user = (struct identity_user){0};
    return iam_fail(exchange, IAM_VALIDATION_ERROR,
                    "Must specify userName when calling as root, whose keys are named in the gateway's configuration.");
}

struct create_key {
    struct identity_access_key key;
    char secret[ACCESS_KEY_SECRET_LEN + 1];
};

static enum status decide_create(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct create_key *create = arg;
    struct identity_user user;
    enum status status = load_owner(exchange, &user);

    identity_access_key_release(&create->key);
    if (!status && user.keys.count >= IAM_KEYS_OF_USER_MAX)
        status = iam_fail(exchange, IAM_LIMIT_EXCEEDED, "Cannot exceed quota for AccessKeysPerUser: %d",
                          IAM_KEYS_OF_USER_MAX);
    if (!status) {
        identity_access_key_create(&create->key, user.name, &exchange->gateway->seal, create->secret);
        identity_names_add(&user.keys, bytes_from_str(create->key.id));
        identity_access_key_put(changes, &create->key);
        identity_user_put(changes, &user);
    }
    identity_user_release(&user);
    return status;
}

static void write_key(struct xml_writer *xml, const struct identity_access_key *key, const char *secret)
{
    xml_writer_element_str(xml, "UserName", key->user);
    xml_writer_element_str(xml, "AccessKeyId", key->id);
    xml_writer_element_str(xml, "Status", key->active ? "Active" : "Inactive");
    if (secret)
        xml_writer_element_str(xml, "SecretAccessKey", secret);
    iam_element_time(xml, "CreateDate", key->created_ms);
}

void iam_create_access_key(struct exchange *exchange)
{
    struct create_key create = {0};
    struct iam_answer answer;

    if (!iam_change(exchange, decide_create, &create)) {
        iam_answer_begin(exchange, &answer);
        xml_writer_open(answer.xml, "AccessKey");
        write_key(answer.xml, &create.key, create.secret);
        xml_writer_close(answer.xml);
        answer.secret = true;
        HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
    }
    explicit_bzero(create.secret, sizeof(create.secret));
    identity_access_key_release(&create.key);
}

/* AccessKeyId, which has to be one of the user's. NoSuchEntity is answered. */
static enum status load_key(struct exchange *exchange, const struct identity_user *user,
                            struct identity_access_key *key)
{
    struct bytes id = iam_value(exchange, "AccessKeyId");
    enum status status = identity_access_key_load(exchange->gateway->meta, id, key);

    if (!status && user && !bytes_equal_nocase(bytes_from_str(key->user), user->name)) {
        identity_access_key_release(key);
        status = STATUS_NOT_FOUND;
    }
    if (status == STATUS_NOT_FOUND)
        return iam_fail(exchange, IAM_NO_SUCH_ENTITY, "The Access Key with id %.*s cannot be found.",
                        (int)(id.len < 128 ? id.len : 128), id.len ? id.data : "");
    return status ? iam_fail_status(exchange, status) : STATUS_OK;
}

static enum status decide_update(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    const bool *active = arg;
    struct identity_access_key key = {0};
    struct identity_user user;
    enum status status = load_owner(exchange, &user);

    if (!status)
        status = load_key(exchange, &user, &key);
    if (!status) {
        key.active = *active;
        identity_access_key_put(changes, &key);
    }
    identity_access_key_release(&key);
    identity_user_release(&user);
    return status;
}

void iam_update_access_key(struct exchange *exchange)
{
    struct bytes status = iam_value(exchange, "Status");
    bool active = bytes_equal_str(status, "Active");

    if (!active && !bytes_equal_str(status, "Inactive"))
        HTTP_LAST_REPLY(iam_fail(exchange, IAM_VALIDATION_ERROR,
                                 "1 validation error detected: Value at 'status' failed to satisfy constraint: Member "
                                 "must satisfy enum value set"));
    else if (!iam_change(exchange, decide_update, &active))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

static enum status decide_delete(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct identity_access_key key = {0};
    struct identity_user user;
    enum status status = load_owner(exchange, &user);

    (void)arg;
    if (!status)
        status = load_key(exchange, &user, &key);
    if (!status) {
        identity_names_remove(&user.keys, bytes_from_str(key.id));
        identity_access_key_remove(changes, key.id);
        identity_user_put(changes, &user);
    }
    identity_access_key_release(&key);
    identity_user_release(&user);
    return status;
}

void iam_delete_access_key(struct exchange *exchange)
{
    if (!iam_change(exchange, decide_delete, NULL))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

void iam_list_access_keys(struct exchange *exchange)
{
    struct identity_user user;
    struct iam_answer answer;
    struct iam_span span;
    enum status status = load_owner(exchange, &user);

    if (!status && !iam_span_read(exchange, user.keys.count, &span)) {
        iam_answer_begin(exchange, &answer);
        xml_writer_open(answer.xml, "AccessKeyMetadata");
        for (size_t i = span.first; i < span.end && !status; i++) {
            struct identity_access_key key;
            status = identity_access_key_load(exchange->gateway->meta, bytes_from_str(user.keys.names[i]), &key);
            if (status)
                break;
            xml_writer_open(answer.xml, "member");
            write_key(answer.xml, &key, NULL);
            xml_writer_close(answer.xml);
            identity_access_key_release(&key);
        }
        xml_writer_close(answer.xml);
        iam_page_write(answer.xml, &span.page);
        HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, status == STATUS_NOT_FOUND ? STATUS_CONFLICT : status));
    }
    identity_user_release(&user);
}

/* As of this process: to keep it for good would be a commit for each request. */
void iam_get_access_key_last_used(struct exchange *exchange)
{
    struct identity_access_key key;
    struct iam_answer answer;
    struct key_use use;

    if (load_key(exchange, NULL, &key))
        return;
    bool used = key_uses_find(exchange->gateway->key_uses, bytes_from_str(key.id), &use);
    iam_answer_begin(exchange, &answer);
    xml_writer_element_str(answer.xml, "UserName", key.user);
    xml_writer_open(answer.xml, "AccessKeyLastUsed");
    if (used)
        iam_element_time(answer.xml, "LastUsedDate", use.time_ms);
    xml_writer_element_str(answer.xml, "ServiceName", used ? use.service : "N/A");
    xml_writer_element_str(answer.xml, "Region", used ? use.region : "N/A");
    xml_writer_close(answer.xml);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
    identity_access_key_release(&key);
}

/* The section of users, with their access keys. A secret stands in the file itself, in another one, or in the
 * environment, so that the file can be kept beside a program that others may read. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/secret_file.h"
#include "compat/iam_names.h"
#include "gateway/bootstrap/sections.h"
#include "gateway/identity/access_key.h"
#include "gateway/identity/user.h"

#define SECRET_MIN 8
#define KEY_ID_MIN 3

static const char *const fields[] = {"name", "path", "groups", "attached", "policies", "boundary",
                                     "tags", "keys", "absent", "exact",    NULL};
static const char *const key_fields[] = {"id", "secret", "secretFile", "secretEnvironment", "active", NULL};

/* ---- access keys ---------------------------------------------------------------------------------------------- */

/* One of three fields says it; to be wiped. */
static enum status read_secret(const struct section_entry *entry, char secret[ACCESS_KEY_SECRET_MAX + 1])
{
    const char *given = NULL, *file = NULL, *variable = NULL, *error = "";
    enum status status = entry_text(entry, "secret", false, &given);

    if (!status)
        status = entry_text(entry, "secretFile", false, &file);
    if (!status)
        status = entry_text(entry, "secretEnvironment", false, &variable);
    if (status)
        return status;
    if (!!given + !!file + !!variable != 1)
        return entry_fail(entry, NULL, "one of secret, secretFile and secretEnvironment is needed");
    if (file && secret_file_read(file, secret, ACCESS_KEY_SECRET_MAX + 1, &error))
        return entry_fail(entry, "secretFile", "%.256s: %s", file, error);
    if (variable && !(given = getenv(variable)))
        return entry_fail(entry, "secretEnvironment", "%.128s is not in the environment", variable);
    if (given && strlen(given) > ACCESS_KEY_SECRET_MAX)
        return entry_fail(entry, NULL, "the secret has more than %d characters", ACCESS_KEY_SECRET_MAX);
    if (given)
        memcpy(secret, given, strlen(given) + 1);
    if (strlen(secret) < SECRET_MIN)
        return entry_fail(entry, NULL, "the secret has fewer than %d characters", SECRET_MIN);
    return STATUS_OK;
}

static enum status check_id(const struct section_entry *entry, const char *id)
{
    const struct gateway_options *options = &entry->bootstrap->gateway->options;
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t len = strlen(id);

    if (len < KEY_ID_MIN || len > IAM_NAME_MAX || strspn(id, allowed) != len)
        return entry_fail(entry, "id", "%d to %d letters, digits, _ and - are needed", KEY_ID_MIN, IAM_NAME_MAX);
    if (strcmp(id, options->access_key) == 0 || (options->access_key_2 && strcmp(id, options->access_key_2) == 0))
        return entry_fail(entry, "id", "it is the root user's");
    return STATUS_OK;
}

/* What the file wants of a key. */
struct wanted_key {
    const char *id;
    const char *secret;
    bool active, says_active; /* whether it is on; what the file does not say stays as it is */
};

/* Is the row of the key as the entry wants it? NOT_FOUND: there is none. */
static enum status compare_key(const struct section_entry *entry, const char *user, struct wanted_key *wanted,
                               bool *same)
{
    struct gateway *gateway = entry->bootstrap->gateway;
    struct identity_access_key key;
    char kept[ACCESS_KEY_SECRET_MAX + 1];
    enum status status = identity_access_key_load(gateway->meta, bytes_from_str(wanted->id), &key);

    if (status)
        return status;
    if (!wanted->says_active)
        wanted->active = key.active;
    if (!bytes_equal_nocase(bytes_from_str(user), key.user)) {
        status = entry_fail(entry, "id", "it is the key of another user");
    } else if (identity_access_key_secret(&key, &gateway->seal, kept) == STATUS_OK) {
        *same = key.active == wanted->active &&
                bytes_equal_constant_time(bytes_from_str(kept), bytes_from_str(wanted->secret));
        explicit_bzero(kept, sizeof(kept));
    }
    identity_access_key_release(&key);
    return status;
}

/* Lists of names do not tell upper from lower case, ids of keys do. */
static enum status list_key(const struct section_entry *entry, const char *id, struct identity_names *keys)
{
    identity_names_add(keys, bytes_from_str(id));
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->names[i], id) == 0)
            return STATUS_OK;
    return entry_fail(entry, "id", "another key of the user differs by upper and lower case alone");
}

static enum status bring_in_key(const struct entity *entity, const struct section_entry *entry, const char *secret,
                                struct identity_user *user)
{
    struct gateway *gateway = entry->bootstrap->gateway;
    struct wanted_key wanted = {.secret = secret, .active = true};
    struct identity_access_key key;
    bool same = false;
    enum status status = entry_text(entry, "id", true, &wanted.id);

    wanted.says_active = json_object_get(entry->object, "active") != NULL;
    if (!status)
        status = check_id(entry, wanted.id);
    if (!status)
        status = entry_bool(entry, "active", &wanted.active);
    if (!status)
        status = compare_key(entry, user->name, &wanted, &same);
    if (!status || status == STATUS_NOT_FOUND)
        status = list_key(entry, wanted.id, &user->keys);
    if (status || same)
        return status;
    identity_access_key_give(&key, wanted.id, user->name, &gateway->seal, secret);
    key.active = wanted.active;
    identity_access_key_put(entity->changes, &key);
    identity_access_key_release(&key);
    return STATUS_OK;
}

static void drop_other_keys(const struct entity *entity, json_t *wanted, struct identity_user *user)
{
    json_t *value;
    size_t j;

    for (size_t i = user->keys.count; i-- > 0;) {
        bool named = false;
        json_array_foreach(wanted, j, value)
        {
            const char *id = json_string_value(json_object_get(value, "id"));
            named = named || (id && strcmp(id, user->keys.names[i]) == 0);
        }
        if (named)
            continue;
        identity_access_key_remove(entity->changes, user->keys.names[i]);
        identity_names_remove(&user->keys, bytes_from_str(user->keys.names[i]));
    }
}

static enum status bring_in_keys(const struct entity *entity, struct identity_user *user)
{
    json_t *array;
    enum status status = entry_array(entity->entry, "keys", &array);

    if (!status && entity->exact)
        drop_other_keys(entity, array, user);
    for (size_t i = 0; !status && i < json_array_size(array); i++) {
        char secret[ACCESS_KEY_SECRET_MAX + 1];
        struct section_entry entry;
        status = entry_open(entity->entry, "keys", i, &entry);
        if (!status)
            status = entry_check_fields(&entry, key_fields);
        if (!status)
            status = read_secret(&entry, secret);
        if (!status)
            status = bring_in_key(entity, &entry, secret, user);
        explicit_bzero(secret, sizeof(secret));
    }
    if (!status && user->keys.count > IAM_KEYS_OF_USER_MAX)
        status = entry_fail(entity->entry, "keys",
                            "a user has no more than %d; \"exact\": true drops those that are not "
                            "in the file",
                            IAM_KEYS_OF_USER_MAX);
    return status;
}

/* ---- groups --------------------------------------------------------------------------------------------------- */

static void leave_others(const struct entity *entity, const struct identity_names *wanted, struct identity_user *user)
{
    for (size_t i = user->groups.count; i-- > 0;) {
        if (identity_names_have(wanted, bytes_from_str(user->groups.names[i])))
            continue;
        identity_member_change(entity->changes, user->groups.names[i], user->name, false);
        identity_names_remove(&user->groups, bytes_from_str(user->groups.names[i]));
    }
}

static enum status join(const struct entity *entity, const char *name, struct identity_user *user)
{
    struct buffer document;

    buffer_init(&document, META_IDENTITY_DOCUMENT_MAX);
    enum status status =
        identity_row_load(entity->entry->bootstrap->gateway->meta, IDENTITY_GROUPS, bytes_from_str(name), &document);
    buffer_release(&document);
    if (status == STATUS_NOT_FOUND)
        return entry_fail(entity->entry, "groups", "there is no group \"%.128s\"", name);
    if (!status && identity_names_add(&user->groups, bytes_from_str(name)))
        identity_member_change(entity->changes, name, user->name, true);
    return status;
}

static enum status bring_in_groups(const struct entity *entity, struct identity_user *user)
{
    struct identity_names wanted = {0};
    enum status status = entry_names(entity->entry, "groups", &wanted);

    if (!status && entity->exact)
        leave_others(entity, &wanted, user);
    for (size_t i = 0; !status && i < wanted.count; i++)
        status = join(entity, wanted.names[i], user);
    if (!status && user->groups.count > IAM_GROUPS_OF_USER_MAX)
        status = entry_fail(entity->entry, "groups", "a user is in no more than %d", IAM_GROUPS_OF_USER_MAX);
    identity_names_release(&wanted);
    return status;
}

/* ---- users ---------------------------------------------------------------------------------------------------- */

static enum status bring_in(struct entity *entity, struct identity_user *user)
{
    const char *path = NULL;
    enum status status = entity_path(entity->entry, false, &path);

    if (!status && path && strcmp(path, user->path) != 0)
        entity_set_text(&user->path, path);
    entity->name = user->name;
    if (!status)
        status = bring_in_groups(entity, user);
    if (!status)
        status = entity_attach(entity, &user->attached);
    if (!status)
        status = entity_policies(entity, IAM_USER_POLICIES_CHARS, &user->policies);
    if (!status)
        status = entity_boundary(entity, &user->boundary);
    if (!status)
        status = entity_tags(entity, &user->tags);
    if (!status)
        status = bring_in_keys(entity, user);
    if (!status)
        identity_user_put(entity->changes, user);
    return status;
}

static void take_away(const struct entity *entity, const struct identity_user *user)
{
    for (size_t i = 0; i < user->keys.count; i++)
        identity_access_key_remove(entity->changes, user->keys.names[i]);
    for (size_t i = 0; i < user->groups.count; i++)
        identity_member_change(entity->changes, user->groups.names[i], user->name, false);
    entity_detach(entity, &user->attached);
    entity_unbound(entity, user->boundary);
    identity_user_remove(entity->changes, user->name);
}

static enum status find(const struct entity *entity, bool absent, struct identity_user *user, enum outcome *outcome)
{
    struct iam_error error;
    enum status status =
        identity_user_load(entity->entry->bootstrap->gateway->meta, bytes_from_str(entity->name), user);

    *outcome = status == STATUS_OK ? OUTCOME_CHANGED : absent ? OUTCOME_UNCHANGED : OUTCOME_MADE;
    if (status != STATUS_NOT_FOUND || absent)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    if (iam_name_check(bytes_from_str(entity->name), "userName", IAM_USER_NAME_MAX, &error))
        return entry_fail_iam(entity->entry, "name", &error);
    identity_user_create(user, bytes_from_str(entity->name), BYTES("/"));
    return STATUS_OK;
}

enum status bootstrap_user(const struct section_entry *entry, struct identity_changes *changes, enum outcome *outcome)
{
    struct entity entity = {.entry = entry, .changes = changes, .table = IDENTITY_USERS};
    struct identity_user user = {0};
    bool absent = false;
    enum status status = entity_open(&entity, fields, &absent);

    if (!status)
        status = find(&entity, absent, &user, outcome);
    if (!status && !absent) {
        status = bring_in(&entity, &user);
    } else if (!status && *outcome == OUTCOME_CHANGED) {
        *outcome = OUTCOME_REMOVED;
        take_away(&entity, &user);
    }
    identity_user_release(&user);
    return status;
}

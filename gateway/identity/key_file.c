/* The key file; see the header. */
#include "gateway/identity/key_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/secret_file.h"
#include "gateway/identity/access_key.h"
#include "gateway/identity/user.h"

#define KEY_TEXT_LEN (2 * SEAL_KEY_LEN) /* in hex */
#define ROWS_TRIED   100

static enum status read_key(const char *path, struct seal_key *key, const char **error)
{
    char text[KEY_TEXT_LEN + 2];

    enum status status = secret_file_read(path, text, sizeof(text), error);
    if (!status && hex_decode(bytes_from_str(text), key->bytes, SEAL_KEY_LEN)) {
        *error = "it does not hold 64 hexadecimal digits";
        status = STATUS_INVALID;
    }
    explicit_bzero(text, sizeof(text));
    return status;
}

static enum status create_key(const char *path, struct seal_key *key, const char **error)
{
    char text[KEY_TEXT_LEN + 1];

    random_bytes(key->bytes, SEAL_KEY_LEN);
    hex_encode(key->bytes, SEAL_KEY_LEN, text);
    enum status status = secret_file_create(path, text);
    explicit_bzero(text, sizeof(text));
    if (status)
        *error = "the key that secrets of users are sealed with cannot be written there";
    return status;
}

/* All secrets are sealed by one key, so whichever of the first rows opens tells that it is the right one; one that is
 * damaged tells nothing. */
static enum status check_key(struct meta *meta, const struct meta_identity_page *page, const struct seal_key *key,
                             const char **error)
{
    char secret[ACCESS_KEY_SECRET_MAX + 1];
    enum status status = page->count ? STATUS_DENIED : STATUS_OK;

    for (size_t i = 0; i < page->count && status; i++) {
        struct identity_access_key access_key;
        status = identity_access_key_load(meta, identity_row_name(&page->rows[i]), &access_key);
        if (!status)
            status = identity_access_key_secret(&access_key, key, secret);
        identity_access_key_release(&access_key);
    }
    explicit_bzero(secret, sizeof(secret));
    if (!status)
        return STATUS_OK;
    *error = "it holds another key than the one that the secrets of users were sealed with: put back the file that "
             "belongs to these metadata";
    return STATUS_DENIED;
}

enum status identity_key_file_open(const char *path, struct meta *meta, struct seal_key *key, const char **error)
{
    struct meta_identity_page page;
    struct stat info;

    *error = "the access keys of users cannot be read";
    enum status status = identity_rows_list(meta, IDENTITY_KEYS, "", (struct bytes){0}, ROWS_TRIED, &page);
    if (status)
        return status;
    if (stat(path, &info) == 0) {
        status = read_key(path, key, error);
        if (!status)
            status = check_key(meta, &page, key, error);
    } else if (page.count > 0) {
        *error =
            "it is missing, and the secrets of users were sealed with the key in it: put back the file that belongs "
            "to these metadata";
        status = STATUS_NOT_FOUND;
    } else {
        status = create_key(path, key, error);
    }
    meta_identity_page_release(&page);
    return status;
}

/* ---- when it is lost ------------------------------------------------------------------------------------------- */

/* With the user's list of keys, as far as the user can be read. */
static void forget(struct identity_changes *changes, struct meta *meta, const char *id, struct bytes user_name)
{
    struct identity_user user;

    identity_access_key_remove(changes, id);
    if (user_name.len == 0 || identity_user_load(meta, user_name, &user))
        return;
    if (identity_names_remove(&user.keys, bytes_from_str(id)))
        identity_user_put(changes, &user);
    identity_user_release(&user);
}

static enum status forget_unless_opened(struct meta *meta, struct bytes row_name, const struct seal_key *key,
                                        uint64_t *forgotten)
{
    char secret[ACCESS_KEY_SECRET_MAX + 1];
    struct identity_access_key access_key = {0};
    struct identity_changes changes = {0};
    uint64_t generation = meta_identity_generation(meta);

    enum status status = identity_access_key_load(meta, row_name, &access_key);
    if (!status)
        status = identity_access_key_secret(&access_key, key, secret);
    explicit_bzero(secret, sizeof(secret));
    if (status == STATUS_DENIED || status == STATUS_CORRUPT) {
        char *id = mem_strndup(row_name.data, row_name.len);
        forget(&changes, meta, id, bytes_from_str(access_key.user));
        status = identity_changes_commit(meta, generation, &changes);
        *forgotten += status == STATUS_OK;
        free(id);
    }
    identity_changes_release(&changes);
    identity_access_key_release(&access_key);
    return status;
}

enum status identity_key_file_open_lost(const char *path, struct meta *meta, struct seal_key *key, uint64_t *forgotten,
                                        const char **error)
{
    struct meta_identity_page page;
    struct buffer after;
    struct stat info;
    bool more = true;

    *forgotten = 0;
    enum status status = stat(path, &info) == 0 ? read_key(path, key, error) : create_key(path, key, error);
    buffer_init(&after, META_IDENTITY_KEY_MAX);
    while (!status && more) {
        *error = "the access keys that it does not open cannot be removed";
        status = identity_rows_list(meta, IDENTITY_KEYS, "", buffer_bytes(&after), ROWS_TRIED, &page);
        if (status)
            break;
        for (size_t i = 0; i < page.count && !status; i++)
            status = forget_unless_opened(meta, identity_row_name(&page.rows[i]), key, forgotten);
        more = page.more;
        if (!status && page.count > 0)
            status = buffer_assign(&after, identity_row_name(&page.rows[page.count - 1]));
        meta_identity_page_release(&page);
    }
    buffer_release(&after);
    return status;
}

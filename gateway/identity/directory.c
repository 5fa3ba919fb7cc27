/* Keys, rows, changes and ids of the directory; see the header. */
#include "gateway/identity/directory.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static const char *const tables[] = {
    [IDENTITY_USERS] = "user",        [IDENTITY_KEYS] = "key",       [IDENTITY_GROUPS] = "group",
    [IDENTITY_MEMBERS] = "member",    [IDENTITY_ROLES] = "role",     [IDENTITY_POLICIES] = "policy",
    [IDENTITY_ATTACHED] = "attached", [IDENTITY_PROVIDERS] = "oidc", [IDENTITY_BOUNDED] = "bounded",
};

/* ---- keys ----------------------------------------------------------------------------------------------------- */

static void append_folded(struct buffer *key, struct bytes text, bool fold)
{
    size_t begin = key->len;

    if (buffer_append_bytes(key, text))
        buffer_clear(key); /* too long to be one: the empty key is never there */
    for (size_t i = begin; fold && i < key->len; i++)
        if (key->data[i] >= 'A' && key->data[i] <= 'Z')
            key->data[i] = (char)(key->data[i] - 'A' + 'a');
}

/* Names are unique ignoring case, so rows have them in lower case; ids of keys are what they are. */
static void key_begin(struct buffer *key, enum identity_table table, const char *below)
{
    buffer_init(key, META_IDENTITY_KEY_MAX);
    append_folded(key, bytes_from_str(tables[table]), false);
    append_folded(key, BYTES("/"), false);
    if (below[0]) {
        append_folded(key, bytes_from_str(below), true);
        append_folded(key, BYTES("/"), false);
    }
}

static void key_make(struct buffer *key, enum identity_table table, const char *below, struct bytes name)
{
    key_begin(key, table, below);
    if (key->len > 0 && key->len + name.len <= key->max)
        append_folded(key, name, table != IDENTITY_KEYS);
    else
        buffer_clear(key);
}

struct bytes identity_row_name(const struct meta_identity_row *row)
{
    bool of_provider = bytes_starts_with(row->key, BYTES("oidc/"));
    const char *slash =
        of_provider ? memchr(row->key.data, '/', row->key.len) : memrchr(row->key.data, '/', row->key.len);

    return slash ? bytes_of(slash + 1, (size_t)(row->key.data + row->key.len - slash - 1)) : row->key;
}

/* ---- rows ----------------------------------------------------------------------------------------------------- */

enum status identity_row_load(struct meta *meta, enum identity_table table, struct bytes name, struct buffer *document)
{
    struct buffer key;

    key_make(&key, table, "", name);
    enum status status = meta_identity_get(meta, buffer_bytes(&key), document);
    buffer_release(&key);
    return status;
}

enum status identity_row_view(const struct meta_identity_view *view, enum identity_table table, struct bytes name,
                              struct buffer *document)
{
    struct buffer key;

    key_make(&key, table, "", name);
    enum status status = meta_identity_view_get(view, buffer_bytes(&key), document);
    buffer_release(&key);
    return status;
}

enum status identity_rows_list(struct meta *meta, enum identity_table table, const char *below, struct bytes after,
                               size_t max, struct meta_identity_page *page)
{
    struct buffer lower, upper;
    enum status status = STATUS_NOT_FOUND;

    *page = (struct meta_identity_page){0};
    key_begin(&upper, table, below);
    key_make(&lower, table, below, after);
    if (after.len > 0 && lower.len > 0 && buffer_append(&lower, "", 1))
        buffer_clear(&lower);
    if (upper.len > 0 && lower.len > 0) {
        upper.data[upper.len - 1] = '/' + 1; /* behind all that begin so */
        status = meta_identity_list(meta, buffer_bytes(&lower), buffer_bytes(&upper), max, page);
    }
    buffer_release(&lower);
    buffer_release(&upper);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status; /* nothing is below, or behind, a name without end */
}

/* ---- changes -------------------------------------------------------------------------------------------------- */

static void append(struct identity_changes *changes, struct meta_identity_change change)
{
    changes->changes = mem_realloc(changes->changes, (changes->count + 1) * sizeof(*changes->changes));
    changes->changes[changes->count++] = change;
}

/* It counts as one, so that nobody takes the changes for none. */
void identity_changes_spoil(struct identity_changes *changes)
{
    changes->bad = true;
    append(changes, (struct meta_identity_change){{0}, {0}});
}

void identity_changes_add(struct identity_changes *changes, enum identity_table table, const char *below,
                          const char *name, char *take_document)
{
    struct buffer key;

    key_make(&key, table, below, bytes_from_str(name));
    if (key.len == 0 || !name[0]) {
        identity_changes_spoil(changes);
        free(take_document);
    } else {
        append(changes, (struct meta_identity_change){bytes_of(mem_strndup(key.data, key.len), key.len),
                                                      bytes_from_str(take_document)});
    }
    buffer_release(&key);
}

#define OF_INDEX "{\"v\":1}"

void identity_member_change(struct identity_changes *changes, const char *group, const char *user, bool there)
{
    identity_changes_add(changes, IDENTITY_MEMBERS, group, user, there ? mem_strdup(OF_INDEX) : NULL);
}

static void index_of_policy(struct identity_changes *changes, enum identity_table index, const char *policy,
                            enum identity_table who, const char *name, bool there)
{
    struct buffer below;

    buffer_init(&below, META_IDENTITY_KEY_MAX);
    if (buffer_printf(&below, "%s/%s", policy, tables[who]))
        identity_changes_spoil(changes);
    else
        identity_changes_add(changes, index, below.data, name, there ? mem_strdup(OF_INDEX) : NULL);
    buffer_release(&below);
}

void identity_attached_change(struct identity_changes *changes, const char *policy, enum identity_table who,
                              const char *name, bool there)
{
    index_of_policy(changes, IDENTITY_ATTACHED, policy, who, name, there);
}

void identity_bounded_change(struct identity_changes *changes, const char *policy, enum identity_table who,
                             const char *name, bool there)
{
    index_of_policy(changes, IDENTITY_BOUNDED, policy, who, name, there);
}

enum status identity_changes_commit(struct meta *meta, uint64_t generation, const struct identity_changes *changes)
{
    if (changes->bad)
        return STATUS_INVALID;
    return meta_identity_update(meta, generation, changes->changes, changes->count);
}

void identity_changes_release(struct identity_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        free((char *)changes->changes[i].key.data);
        free((char *)changes->changes[i].document.data);
    }
    free(changes->changes);
    *changes = (struct identity_changes){0};
}

/* ---- ids and ARNs --------------------------------------------------------------------------------------------- */

void identity_id_create(const char *prefix, char id[IDENTITY_ID_LEN + 1])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t random[IDENTITY_ID_LEN];
    size_t len = strlen(prefix);

    CHECK(len < IDENTITY_ID_LEN);
    random_bytes(random, sizeof(random));
    memcpy(id, prefix, len);
    for (size_t i = len; i < IDENTITY_ID_LEN; i++)
        id[i] = digits[random[i] % 32];
    id[IDENTITY_ID_LEN] = '\0';
}

void identity_canonical_id_create(char id[IDENTITY_CANONICAL_LEN + 1])
{
    uint8_t random[IDENTITY_CANONICAL_LEN / 2];

    random_bytes(random, sizeof(random));
    hex_encode(random, sizeof(random), id);
}

#define ARN_MAX 2048 /* of names and paths, which are shorter by far */

char *identity_arn(const char *account, const char *kind, const char *path, const char *name)
{
    struct buffer text;

    buffer_init(&text, ARN_MAX);
    enum status status = buffer_printf(&text, "arn:aws:iam::%s:%s%s%s", account, kind, path, name);
    CHECK(status == STATUS_OK);
    return text.data;
}

enum status identity_arn_parse(struct bytes arn, const char *account, const char *kind, struct bytes *path,
                               struct bytes *name)
{
    const char *parts[] = {"arn:aws:iam::", account, ":", kind};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct bytes part = bytes_from_str(parts[i]);
        if (!bytes_starts_with(arn, part))
            return STATUS_INVALID;
        arn = bytes_of(arn.data + part.len, arn.len - part.len);
    }
    if (arn.len < 2 || arn.data[0] != '/' || arn.data[arn.len - 1] == '/')
        return STATUS_INVALID;
    const char *slash = memrchr(arn.data, '/', arn.len);
    *path = bytes_of(arn.data, (size_t)(slash - arn.data) + 1);
    *name = bytes_of(slash + 1, arn.len - path->len);
    return STATUS_OK;
}

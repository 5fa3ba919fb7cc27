/* The keyring; see the header. */
#include "gateway/keys/keyring.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/secret_file.h"

#define LINE_BYTES_MAX (16 + KEY_NAME_MAX + 2 * SEAL_KEY_LEN)
static_assert((2 * KEYRING_KEYS_MAX + 16) * LINE_BYTES_MAX < KEYRING_FILE_BYTES_MAX, "a full keyring fits");

struct named_key {
    char name[KEY_NAME_MAX + 1];
    struct seal_key key;
    bool retired;
};

struct key_set {
    struct named_key keys[KEYRING_KEYS_MAX];
    size_t count, current;
};

static const struct key_provider_kind provider_kind;

struct keyring {
    struct key_provider provider;
    char *path;
    pthread_rwlock_t lock; /* guards the set; held for a copy of a key, never longer */
    struct key_set set;
    uint64_t generation; /* under lock */
};

static struct named_key *find(struct key_set *set, struct bytes name)
{
    for (size_t i = 0; i < set->count; i++)
        if (bytes_equal_str(name, set->keys[i].name))
            return &set->keys[i];
    return NULL;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

/* The next word of the line; empty: there is none. */
static struct bytes next_word(struct bytes *line)
{
    *line = bytes_trim(*line);
    size_t len = 0;
    while (len < line->len && line->data[len] != ' ' && line->data[len] != '\t')
        len++;
    struct bytes word = bytes_of(line->data, len);
    *line = bytes_of(line->data + len, line->len - len);
    return word;
}

static enum status parse_line(struct bytes line, struct key_set *set, struct bytes *current)
{
    struct bytes verb = next_word(&line), name = next_word(&line), value = next_word(&line);
    bool ends = bytes_trim(line).len == 0;

    if (verb.len == 0 || verb.data[0] == '#')
        return STATUS_OK;
    if (!key_name_is_valid(name) || !ends)
        return STATUS_INVALID;
    if (bytes_equal_str(verb, "current") && value.len == 0) {
        *current = name;
        return STATUS_OK;
    }
    struct named_key *key = &set->keys[set->count];
    if (bytes_equal_str(verb, "retired") && value.len == 0) {
        key = find(set, name);
        if (key)
            key->retired = true;
        return key ? STATUS_OK : STATUS_INVALID;
    }
    if (!bytes_equal_str(verb, "key") || set->count == KEYRING_KEYS_MAX || find(set, name) ||
        value.len != (size_t)2 * SEAL_KEY_LEN || hex_decode(value, key->key.bytes, SEAL_KEY_LEN))
        return STATUS_INVALID;
    memcpy(key->name, name.data, name.len);
    key->name[name.len] = '\0';
    set->count++;
    return STATUS_OK;
}

static enum status parse(struct bytes text, struct key_set *set, const char **error)
{
    struct bytes current = {0};
    enum status status = STATUS_OK;

    *error = "a line of the keyring is not `key NAME 64-HEXADECIMAL-DIGITS` with a new name, or `current NAME`, or "
             "`retired NAME` behind its key";
    while (text.len > 0 && !status) {
        const char *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;
        status = parse_line(bytes_of(text.data, len), set, &current);
        len += end != NULL;
        text = bytes_of(text.data + len, text.len - len);
    }
    if (status)
        return status;
    const struct named_key *key = find(set, current);
    *error = "the keyring does not say which of its keys is the current one, which cannot be retired";
    if (!key || key->retired)
        return STATUS_INVALID;
    set->current = (size_t)(key - set->keys);
    return STATUS_OK;
}

static enum status read_file(const char *path, struct key_set *set, const char **error)
{
    char *text = mem_alloc(KEYRING_FILE_BYTES_MAX + 1);
    size_t len;
    enum status status = secret_file_read_whole(path, text, KEYRING_FILE_BYTES_MAX + 1, &len, error);

    set->count = 0;
    if (!status)
        status = parse(bytes_of(text, len), set, error);
    explicit_bzero(text, KEYRING_FILE_BYTES_MAX + 1);
    free(text);
    return status;
}

static void write_set(const struct key_set *set, char *text, size_t size)
{
    char hex[2 * SEAL_KEY_LEN + 1];
    size_t len = (size_t)snprintf(text, size, "# Tercet keyring: without it nobody can read what was encrypted");

    for (size_t i = 0; i < set->count; i++) {
        hex_encode(set->keys[i].key.bytes, SEAL_KEY_LEN, hex);
        len += (size_t)snprintf(text + len, size - len, "\nkey %s %s", set->keys[i].name, hex);
        CHECK(len < size);
    }
    for (size_t i = 0; i < set->count; i++) {
        if (set->keys[i].retired)
            len += (size_t)snprintf(text + len, size - len, "\nretired %s", set->keys[i].name);
        CHECK(len < size);
    }
    len += (size_t)snprintf(text + len, size - len, "\ncurrent %s", set->keys[set->current].name);
    CHECK(len < size);
    explicit_bzero(hex, sizeof(hex));
}

static enum status write_file(const char *path, const struct key_set *set, const char **error)
{
    char *text = mem_alloc(KEYRING_FILE_BYTES_MAX);
    write_set(set, text, KEYRING_FILE_BYTES_MAX);
    enum status status = secret_file_create(path, text);
    explicit_bzero(text, KEYRING_FILE_BYTES_MAX);
    free(text);
    *error = "the keyring cannot be written";
    return status;
}

static enum status add(const char *path, const char *name, struct key_set *set, const char **error)
{
    enum status status = access(path, F_OK) != 0 && errno == ENOENT ? STATUS_OK : read_file(path, set, error);

    if (status)
        return status;
    *error = "the keyring has a key of that name";
    if (find(set, bytes_from_str(name)))
        return STATUS_EXISTS;
    *error = "the keyring is full";
    if (set->count == KEYRING_KEYS_MAX)
        return STATUS_LIMIT;
    struct named_key *key = &set->keys[set->count];
    memcpy(key->name, name, strlen(name) + 1);
    random_bytes(key->key.bytes, SEAL_KEY_LEN);
    set->current = set->count++;
    return write_file(path, set, error);
}

static enum status retire(const char *path, const char *name, struct key_set *set, const char **error)
{
    enum status status = read_file(path, set, error);

    if (status)
        return status;
    struct named_key *key = find(set, bytes_from_str(name));
    *error = "the keyring has no key of that name";
    if (!key)
        return STATUS_NOT_FOUND;
    *error = "it is the current key: make a new one first";
    if (key == &set->keys[set->current])
        return STATUS_INVALID;
    key->retired = true;
    return write_file(path, set, error);
}

enum status keyring_file_add(const char *path, const char *name, const char **error)
{
    *error = "the name of a key is 1 to 64 letters, digits, '.', '-' and '_'";
    if (!key_name_is_valid(bytes_from_str(name)))
        return STATUS_INVALID;
    struct key_set *set = mem_zalloc(sizeof(*set));
    enum status status = add(path, name, set, error);
    explicit_bzero(set, sizeof(*set));
    free(set);
    return status;
}

enum status keyring_file_retire(const char *path, const char *name, const char **error)
{
    struct key_set *set = mem_zalloc(sizeof(*set));
    enum status status = retire(path, name, set, error);

    explicit_bzero(set, sizeof(*set));
    free(set);
    return status;
}

/* ---- in memory -------------------------------------------------------------------------------------------------- */

enum status keyring_open(const char *path, struct keyring **keyring)
{
    struct keyring *opened = mem_zalloc(sizeof(*opened));
    const char *error = "";

    opened->provider.kind = &provider_kind;
    opened->path = mem_strdup(path);
    opened->generation = 1;
    CHECK(pthread_rwlock_init(&opened->lock, NULL) == 0);
    enum status status = read_file(path, &opened->set, &error);
    *keyring = status ? NULL : opened;
    if (!status)
        return STATUS_OK;
    fprintf(stderr, "tercet-gateway: keyring: %s: %s\n", path, error);
    log_error("the keyring cannot be used", LOG_STR("path", path), LOG_STR("reason", error), LOG_STATUS(status));
    keyring_free(opened);
    return status;
}

void keyring_reload(struct keyring *keyring)
{
    const char *error = "";

    if (!keyring)
        return;
    struct key_set *set = mem_zalloc(sizeof(*set));
    enum status status = read_file(keyring->path, set, &error);

    if (status) {
        log_error("the keyring cannot be read again; its keys stay as they were", LOG_STR("path", keyring->path),
                  LOG_STR("reason", error), LOG_STATUS(status));
    } else {
        pthread_rwlock_wrlock(&keyring->lock);
        keyring->generation += memcmp(&keyring->set, set, sizeof(*set)) != 0;
        keyring->set = *set;
        pthread_rwlock_unlock(&keyring->lock);
        log_info("keyring read", LOG_INT("keys", set->count), LOG_STR("current", set->keys[set->current].name));
    }
    explicit_bzero(set, sizeof(*set));
    free(set);
}

void keyring_free(struct keyring *keyring)
{
    if (!keyring)
        return;
    pthread_rwlock_destroy(&keyring->lock);
    free(keyring->path);
    explicit_bzero(keyring, sizeof(*keyring));
    free(keyring);
}

enum status keyring_find(struct keyring *keyring, struct bytes name, struct seal_key *key)
{
    pthread_rwlock_rdlock(&keyring->lock);
    const struct named_key *found = find(&keyring->set, name);
    if (found)
        *key = found->key;
    pthread_rwlock_unlock(&keyring->lock);
    return found ? STATUS_OK : STATUS_NOT_FOUND;
}

size_t keyring_list(struct keyring *keyring, struct keyring_key *keys, uint64_t *generation)
{
    *generation = 0;
    if (!keyring)
        return 0;
    pthread_rwlock_rdlock(&keyring->lock);
    const struct key_set *set = &keyring->set;
    size_t count = set->count;
    *generation = keyring->generation;
    for (size_t i = 0; i < count; i++) {
        memcpy(keys[i].name, set->keys[i].name, sizeof(keys[i].name));
        keys[i].current = i == set->current;
        keys[i].retired = set->keys[i].retired;
    }
    pthread_rwlock_unlock(&keyring->lock);
    return count;
}

uint64_t keyring_generation(struct keyring *keyring)
{
    uint64_t generation = 0;

    if (!keyring)
        return 0;
    pthread_rwlock_rdlock(&keyring->lock);
    generation = keyring->generation;
    pthread_rwlock_unlock(&keyring->lock);
    return generation;
}

/* ---- as a provider ---------------------------------------------------------------------------------------------- */

static struct keyring *of_provider(struct key_provider *provider)
{
    return (struct keyring *)provider;
}

static enum status seal_key(struct key_provider *provider, const struct key_binding *binding,
                            const struct seal_key *key, struct buffer *sealed)
{
    struct seal_key root;
    enum status status = keyring_find(of_provider(provider), binding->name, &root);

    if (status)
        return status;
    status = key_seal(&root, binding, key, sealed);
    explicit_bzero(&root, sizeof(root));
    return status;
}

static enum status open_key(struct key_provider *provider, const struct key_binding *binding, struct bytes sealed,
                            struct seal_key *key)
{
    struct seal_key root;

    if (sealed.len == 0 || sealed.data[0] != KEY_FORM_SEAL)
        return STATUS_CORRUPT;
    enum status status = keyring_find(of_provider(provider), binding->name, &root);
    if (status)
        return status;
    status = key_open(&root, binding, sealed, key);
    explicit_bzero(&root, sizeof(root));
    return status;
}

static enum status find_name(struct key_provider *provider, struct bytes name)
{
    struct keyring *keyring = of_provider(provider);

    pthread_rwlock_rdlock(&keyring->lock);
    const struct named_key *found = find(&keyring->set, name);
    bool retired = found && found->retired;
    pthread_rwlock_unlock(&keyring->lock);
    return retired ? STATUS_DENIED : found ? STATUS_OK : STATUS_NOT_FOUND;
}

static void current(struct key_provider *provider, char name[KEY_NAME_MAX + 1])
{
    struct keyring *keyring = of_provider(provider);

    pthread_rwlock_rdlock(&keyring->lock);
    memcpy(name, keyring->set.keys[keyring->set.current].name, KEY_NAME_MAX + 1);
    pthread_rwlock_unlock(&keyring->lock);
}

static const struct key_provider_kind provider_kind = {
    .seal = seal_key, .open = open_key, .find = find_name, .current = current};

struct key_provider *keyring_provider(struct keyring *keyring)
{
    return keyring ? &keyring->provider : NULL;
}

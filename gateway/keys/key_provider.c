/* What all providers of keys have in common; see the header. */
#include "gateway/keys/key_provider.h"

#include <string.h>

#include "base/checksum.h"

#define WRAP_LABEL "tercet wrap 1"

enum status key_provider_seal(struct key_provider *provider, const struct key_binding *binding,
                              const struct seal_key *key, struct buffer *sealed)
{
    return provider->kind->seal(provider, binding, key, sealed);
}

enum status key_provider_open(struct key_provider *provider, const struct key_binding *binding, struct bytes sealed,
                              struct seal_key *key)
{
    return provider->kind->open(provider, binding, sealed, key);
}

enum status key_provider_find(struct key_provider *provider, struct bytes name)
{
    return key_name_is_valid(name) ? provider->kind->find(provider, name) : STATUS_NOT_FOUND;
}

void key_provider_current(struct key_provider *provider, char name[KEY_NAME_MAX + 1])
{
    provider->kind->current(provider, name);
}

bool key_provider_problem(struct key_provider *provider, char out[KEY_PROBLEM_MAX])
{
    return provider && provider->kind->problem && provider->kind->problem(provider, out);
}

void key_provider_stop(struct key_provider *provider)
{
    if (provider && provider->kind->stop)
        provider->kind->stop(provider);
}

void key_provider_free(struct key_provider *provider)
{
    if (provider && provider->kind->free)
        provider->kind->free(provider);
}

bool key_name_is_valid(struct bytes name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

    for (size_t i = 0; i < name.len; i++)
        if (!name.data[i] || !strchr(allowed, name.data[i]))
            return false;
    return name.len > 0 && name.len <= KEY_NAME_MAX;
}

static void wrapping_key(const struct seal_key *root, const struct block_seal_id *id, struct seal_key *key)
{
    char label[sizeof(WRAP_LABEL) - 1 + BLOCK_SEAL_ID_LEN];

    memcpy(label, WRAP_LABEL, sizeof(WRAP_LABEL) - 1);
    memcpy(label + sizeof(WRAP_LABEL) - 1, id->bytes, BLOCK_SEAL_ID_LEN);
    hmac_sha256(bytes_of(root->bytes, SEAL_KEY_LEN), bytes_of(label, sizeof(label)), key->bytes);
}

enum status key_seal(const struct seal_key *root, const struct key_binding *binding, const struct seal_key *key,
                     struct buffer *sealed)
{
    struct seal_key wrapping;

    wrapping_key(root, binding->id, &wrapping);
    enum status status = seal_close(&wrapping, bytes_of(key->bytes, SEAL_KEY_LEN), binding->bound, sealed);
    explicit_bzero(&wrapping, sizeof(wrapping));
    return status;
}

enum status key_open(const struct seal_key *root, const struct key_binding *binding, struct bytes sealed,
                     struct seal_key *key)
{
    struct seal_key wrapping;
    struct buffer text;

    if (sealed.len != SEAL_KEY_LEN + SEAL_MORE)
        return STATUS_DENIED;
    buffer_init(&text, 2 * SEAL_KEY_LEN);
    wrapping_key(root, binding->id, &wrapping);
    enum status status = seal_open(&wrapping, sealed, binding->bound, &text);
    if (!status) {
        memcpy(key->bytes, text.data, SEAL_KEY_LEN);
        explicit_bzero(text.data, text.len);
    }
    explicit_bzero(&wrapping, sizeof(wrapping));
    buffer_release(&text);
    return status;
}

/* Answers of Vault; see the header. */
#include "gateway/keys/vault_answer.h"

#include <jansson.h>
#include <string.h>

#include "base/check.h"
#include "compat/json_nesting.h"

#define NESTING_MAX 8

static json_t *parse(struct bytes body)
{
    if (body.len == 0 || body.len > VAULT_ANSWER_BYTES_MAX || json_nesting(body) > NESTING_MAX)
        return NULL;
    return json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
}

static const json_t *data_of(const json_t *root)
{
    return json_object_get(root, "data");
}

static bool is_printable(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return true;
}

/* jansson keeps its own copy of each text, which is wiped where it is. */
static void wipe(const json_t *text)
{
    if (json_is_string(text))
        explicit_bzero((char *)json_string_value(text), json_string_length(text));
}

void vault_read_error(struct bytes body, char out[160])
{
    json_t *root = parse(body);
    const char *text = json_string_value(json_array_get(json_object_get(root, "errors"), 0));
    size_t len = 0;

    for (; text && text[len] && len < 159; len++)
        out[len] = text[len] >= ' ' && text[len] <= '~' ? text[len] : '?';
    out[len] = '\0';
    json_decref(root);
}

enum status vault_read_key(struct bytes body, uint64_t *latest_version, bool *usable)
{
    static const char *const sealing[] = {"aes128-gcm96", "aes256-gcm96", "chacha20-poly1305"};
    json_t *root = parse(body);
    const json_t *data = data_of(root), *version = json_object_get(data, "latest_version");
    const char *type = json_string_value(json_object_get(data, "type"));
    bool good = type && json_is_integer(version) && json_integer_value(version) > 0;

    *latest_version = good ? (uint64_t)json_integer_value(version) : 0;
    *usable = false;
    for (size_t i = 0; good && i < sizeof(sealing) / sizeof(sealing[0]); i++)
        *usable = *usable || strcmp(type, sealing[i]) == 0;
    if (json_is_true(json_object_get(data, "derived"))) /* would need a context besides */
        *usable = false;
    json_decref(root);
    return good ? STATUS_OK : STATUS_INVALID;
}

enum status vault_read_ciphertext(struct bytes body, char out[VAULT_CIPHERTEXT_BYTES_MAX + 1])
{
    json_t *root = parse(body);
    const json_t *text = json_object_get(data_of(root), "ciphertext");
    size_t len = json_string_length(text);
    bool good = json_is_string(text) && len > 0 && len <= VAULT_CIPHERTEXT_BYTES_MAX &&
                is_printable(json_string_value(text), len);

    if (good)
        memcpy(out, json_string_value(text), len);
    out[good ? len : 0] = '\0';
    json_decref(root);
    return good ? STATUS_OK : STATUS_INVALID;
}

static bool take_key(const json_t *text, struct seal_key *key)
{
    char decoded[SEAL_KEY_LEN + 8];
    size_t len = json_string_length(text), decoded_len = sizeof(decoded);
    bool good = json_is_string(text) && len == (SEAL_KEY_LEN + 2) / 3 * 4 &&
                base64_decode(bytes_of(json_string_value(text), len), decoded, &decoded_len) == STATUS_OK &&
                decoded_len == SEAL_KEY_LEN;

    if (good)
        memcpy(key->bytes, decoded, SEAL_KEY_LEN);
    explicit_bzero(decoded, sizeof(decoded));
    wipe(text);
    return good;
}

enum status vault_read_plaintext(struct bytes body, struct seal_key *key)
{
    json_t *root = parse(body);
    bool good = take_key(json_object_get(data_of(root), "plaintext"), key);

    json_decref(root);
    return good ? STATUS_OK : STATUS_INVALID;
}

enum status vault_read_batch(struct bytes body, size_t count, struct seal_key *keys, bool *opened)
{
    json_t *root = parse(body);
    const json_t *results = json_object_get(data_of(root), "batch_results");
    bool good = json_is_array(results) && json_array_size(results) == count;

    for (size_t i = 0; i < count; i++)
        opened[i] = good && take_key(json_object_get(json_array_get(results, i), "plaintext"), &keys[i]);
    json_decref(root);
    return good ? STATUS_OK : STATUS_INVALID;
}

static bool take_ttl(const json_t *seconds, const json_t *renewable, struct vault_lease *lease)
{
    if (!json_is_integer(seconds) || json_integer_value(seconds) < 0)
        return false;
    uint64_t ttl_s = (uint64_t)json_integer_value(seconds);
    lease->ttl_s = ttl_s < VAULT_TTL_MAX_S ? ttl_s : VAULT_TTL_MAX_S;
    lease->renewable = json_is_true(renewable);
    return true;
}

enum status vault_read_auth(struct bytes body, char token[VAULT_TOKEN_BYTES_MAX], struct vault_lease *lease)
{
    json_t *root = parse(body);
    const json_t *auth = json_object_get(root, "auth"), *text = json_object_get(auth, "client_token");
    size_t len = json_string_length(text);
    bool good = json_is_string(text) && len > 0 && len < VAULT_TOKEN_BYTES_MAX &&
                is_printable(json_string_value(text), len) &&
                take_ttl(json_object_get(auth, "lease_duration"), json_object_get(auth, "renewable"), lease);

    if (token) {
        memset(token, 0, VAULT_TOKEN_BYTES_MAX);
        if (good)
            memcpy(token, json_string_value(text), len);
    }
    wipe(text);
    json_decref(root);
    return good ? STATUS_OK : STATUS_INVALID;
}

enum status vault_read_lookup(struct bytes body, struct vault_lease *lease)
{
    json_t *root = parse(body);
    const json_t *data = data_of(root);
    bool good = take_ttl(json_object_get(data, "ttl"), json_object_get(data, "renewable"), lease);

    wipe(json_object_get(data, "id"));
    json_decref(root);
    return good ? STATUS_OK : STATUS_INVALID;
}

uint64_t vault_ciphertext_version(struct bytes ciphertext)
{
    static const char front[] = "vault:v";
    size_t begin = sizeof(front) - 1, end = begin;
    uint64_t version = 0;

    if (!bytes_starts_with(ciphertext, BYTES("vault:v")))
        return 0;
    while (end < ciphertext.len && ciphertext.data[end] != ':')
        end++;
    if (end == ciphertext.len || bytes_parse_u64(bytes_of(ciphertext.data + begin, end - begin), UINT32_MAX, &version))
        return 0;
    return version;
}

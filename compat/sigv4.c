/* Signature Version 4: canonical request, string to sign, keys.
 *
 * The canonical forms are rebuilt from what was sent: the path with each byte decoded and encoded exactly
 * once and nothing normalised, the query decoded, encoded and sorted, and of the headers the signed ones
 * only, in the order in which the client lists them. A name that is listed and was not sent counts as empty.
 *
 * A '+' in the path means a space. Clients that write it so sign either its meaning, %20, or the path as they
 * send it. %2B is what they sign for a plus: were it taken for a '+' as well, a signature for `a+b` would open
 * `a b`, and a proxy that decodes %2B would have objects stored under other names.
 */
#include "compat/sigv4.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/auth_internal.h"
#include "compat/auth_text.h"
#include "compat/header_index.h"
#include "compat/split.h"

void sigv4_sign(const uint8_t key[SHA256_LEN], struct bytes string_to_sign, char out[SIGV4_SIGNATURE_LEN + 1])
{
    uint8_t mac[SHA256_LEN];
    hmac_sha256(bytes_of(key, SHA256_LEN), string_to_sign, mac);
    hex_encode(mac, sizeof mac, out);
}

static void derive_key(struct bytes secret, struct bytes date, struct bytes region, struct bytes service,
                       uint8_t key[SHA256_LEN])
{
    static const char prefix[4] = {'A', 'W', 'S', '4'};
    char *first = mem_alloc(sizeof(prefix) + secret.len);

    memcpy(first, prefix, sizeof(prefix));
    if (secret.len)
        memcpy(first + sizeof(prefix), secret.data, secret.len);
    hmac_sha256(bytes_of(first, sizeof(prefix) + secret.len), date, key);
    hmac_sha256(bytes_of(key, SHA256_LEN), region, key);
    hmac_sha256(bytes_of(key, SHA256_LEN), service, key);
    hmac_sha256(bytes_of(key, SHA256_LEN), BYTES("aws4_request"), key);
    OPENSSL_cleanse(first, secret.len + 4);
    free(first);
}

/* FNV-1a over what a slot is for. */
static unsigned slot_of(struct bytes secret, struct bytes region, struct bytes service)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < secret.len; ++i)
        hash = (hash ^ (unsigned char)secret.data[i]) * 16777619u;
    for (size_t i = 0; i < region.len; ++i)
        hash = (hash ^ (unsigned char)region.data[i]) * 16777619u;
    for (size_t i = 0; i < service.len; ++i)
        hash = (hash ^ (unsigned char)service.data[i]) * 16777619u;
    return (hash ^ hash >> 16) % SIGV4_KEY_CACHE_SLOTS;
}

void sigv4_signing_key(struct bytes secret, struct bytes date, struct bytes region, struct bytes service,
                       struct sigv4_key_cache *cache, uint8_t key[SHA256_LEN])
{
    struct sigv4_key_cache_slot *slot;

    if (!cache || !secret.len || secret.len > SIGV4_SECRET_MAX || region.len > AUTH_REGION_MAX ||
        service.len > SIGV4_SERVICE_MAX || date.len != sizeof slot->date) {
        derive_key(secret, date, region, service, key);
        return;
    }
    slot = &cache->slots[slot_of(secret, region, service)];
    if (!bytes_equal_constant_time(bytes_of(slot->secret, slot->secret_len), secret) ||
        !bytes_equal(bytes_of(slot->region, slot->region_len), region) ||
        !bytes_equal(bytes_of(slot->service, slot->service_len), service) ||
        !bytes_equal(bytes_of(slot->date, sizeof slot->date), date)) {
        derive_key(secret, date, region, service, slot->key);
        memcpy(slot->secret, secret.data, secret.len);
        if (region.len)
            memcpy(slot->region, region.data, region.len);
        if (service.len)
            memcpy(slot->service, service.data, service.len);
        memcpy(slot->date, date.data, date.len);
        slot->secret_len = secret.len;
        slot->region_len = region.len;
        slot->service_len = service.len;
    }
    memcpy(key, slot->key, SHA256_LEN);
}

void sigv4_key_cache_init(struct sigv4_key_cache *cache)
{
    memset(cache, 0, sizeof *cache);
}

void sigv4_key_cache_release(struct sigv4_key_cache *cache)
{
    OPENSSL_cleanse(cache, sizeof *cache);
}

/* verbatim: as it was sent, but still only when it can be decoded. */
static enum status add_path(struct bytes path, bool verbatim, struct auth_text *text)
{
    struct buffer decoded;

    buffer_init(&decoded, path.len);
    enum status status = uri_decode(path, true, &decoded);
    if (!status && verbatim)
        auth_text_add(text, path);
    else if (!status && decoded.len)
        auth_text_add_encoded(text, buffer_bytes(&decoded), true);
    else if (!status)
        auth_text_add_char(text, '/');
    buffer_release(&decoded);
    return status;
}

struct encoded_parameter {
    size_t name_at, value_at, end;
};

/* By name, then by value. Comparing `name=value` as one text would sort `a-b` before `a`. */
static int compare_parameters(const void *left, const void *right, void *encoded_text)
{
    const struct encoded_parameter *a = left, *b = right;
    const char *text = encoded_text;
    int order = bytes_compare(bytes_of(text + a->name_at, a->value_at - a->name_at),
                              bytes_of(text + b->name_at, b->value_at - b->name_at));
    if (order)
        return order;
    return bytes_compare(bytes_of(text + a->value_at, a->end - a->value_at),
                         bytes_of(text + b->value_at, b->end - b->value_at));
}

static void add_query(const struct uri_query *query, bool presigned, struct auth_text *text)
{
    struct encoded_parameter sorted[URI_QUERY_PARAMETERS_MAX];
    struct buffer buffer;
    struct auth_text encoded = {&buffer, STATUS_OK};
    size_t count = 0;

    CHECK(query->count <= URI_QUERY_PARAMETERS_MAX);
    buffer_init(&buffer, AUTH_CANONICAL_BYTES_MAX);
    for (size_t i = 0; i < query->count; ++i) {
        if (presigned && bytes_equal_nocase(query->parameters[i].name, "X-Amz-Signature"))
            continue;
        sorted[count].name_at = buffer.len;
        auth_text_add_encoded(&encoded, query->parameters[i].name, false);
        sorted[count].value_at = buffer.len;
        auth_text_add_encoded(&encoded, query->parameters[i].value, false);
        sorted[count++].end = buffer.len;
    }
    qsort_r(sorted, count, sizeof sorted[0], compare_parameters, buffer.data);
    for (size_t i = 0; i < count; ++i) {
        const struct encoded_parameter *at = &sorted[i];
        if (i)
            auth_text_add_char(text, '&');
        auth_text_add(text, bytes_of(buffer.data + at->name_at, at->value_at - at->name_at));
        auth_text_add_char(text, '=');
        auth_text_add(text, bytes_of(buffer.data + at->value_at, at->end - at->value_at));
    }
    if (encoded.status)
        text->status = encoded.status;
    buffer_release(&buffer);
}

/* `name:value`; the values of a header that came more than once are joined by commas. */
static void add_header(const struct header_index *index, struct bytes name, struct auth_text *text)
{
    size_t first, count = header_index_find(index, name, &first);

    auth_text_add_lower(text, name);
    auth_text_add_char(text, ':');
    for (size_t i = 0; i < count; ++i) {
        if (i > 0)
            auth_text_add_char(text, ',');
        auth_text_add_value(text, index->sorted[first + i]->value, true);
    }
    auth_text_add_char(text, '\n');
}

static void add_signed_headers(const struct auth_request *request, struct bytes names, struct auth_text *text)
{
    struct header_index index;
    struct bytes name;

    header_index_make(&index, request->headers, request->header_count);
    while (split_next(&names, ';', &name))
        add_header(&index, name, text);
}

static enum status build_canonical_request(const struct auth_request *request,
                                           const struct auth_credentials *credentials, bool path_verbatim,
                                           struct buffer *out)
{
    struct auth_text text = {out, STATUS_OK};

    buffer_clear(out);
    auth_text_add(&text, request->method);
    auth_text_add_char(&text, '\n');
    enum status status = add_path(request->path, path_verbatim, &text);
    if (status)
        return status;
    auth_text_add_char(&text, '\n');
    add_query(request->query, credentials->type == AUTH_V4_QUERY, &text);
    auth_text_add_char(&text, '\n');
    add_signed_headers(request, credentials->signed_headers, &text);
    auth_text_add_char(&text, '\n');
    auth_text_add(&text, credentials->signed_headers);
    auth_text_add_char(&text, '\n');
    auth_text_add(&text, credentials->payload_text);
    return text.status;
}

static enum status build_string_to_sign(const struct auth_credentials *credentials, struct bytes canonical_request,
                                        struct buffer *out)
{
    uint8_t digest[SHA256_LEN];
    char digest_text[2 * SHA256_LEN + 1];
    struct auth_text text = {out, STATUS_OK};

    sha256_of(canonical_request.data, canonical_request.len, digest);
    hex_encode(digest, sizeof digest, digest_text);
    buffer_clear(out);
    auth_text_add_str(&text, "AWS4-HMAC-SHA256\n");
    auth_text_add_str(&text, credentials->timestamp);
    auth_text_add_char(&text, '\n');
    auth_text_add(&text, credentials->scope);
    auth_text_add_char(&text, '\n');
    auth_text_add_str(&text, digest_text);
    return text.status;
}

static enum status verify_reading(const struct auth_request *request, const struct auth_credentials *credentials,
                                  bool path_verbatim, struct auth_verification *out)
{
    char signature[SIGV4_SIGNATURE_LEN + 1];
    enum status status = build_canonical_request(request, credentials, path_verbatim, &out->canonical_request);

    if (!status)
        status = build_string_to_sign(credentials, buffer_bytes(&out->canonical_request), &out->string_to_sign);
    if (status)
        return status;
    sigv4_sign(out->signing_key, buffer_bytes(&out->string_to_sign), signature);
    if (!bytes_equal_constant_time(bytes_of(signature, SIGV4_SIGNATURE_LEN), credentials->signature))
        return STATUS_DENIED;
    return STATUS_OK;
}

enum status sigv4_verify(const struct auth_request *request, const struct auth_credentials *credentials,
                         struct bytes secret, struct sigv4_key_cache *cache, struct auth_verification *out)
{
    sigv4_signing_key(secret, bytes_from_str(credentials->date), credentials->region, credentials->service, cache,
                      out->signing_key);
    enum status status = verify_reading(request, credentials, false, out);
    if (status != STATUS_DENIED || !memchr(request->path.data, '+', request->path.len))
        return status;
    if (verify_reading(request, credentials, true, out) == STATUS_OK)
        return STATUS_OK;
    /* The client is told what its path means. */
    return verify_reading(request, credentials, false, out);
}

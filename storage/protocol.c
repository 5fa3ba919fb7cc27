/* Authentication between gateway and nodes; see the header for the grammar.
 * Every value that arrives is parsed strictly (no sign, no leading space, lower-case hex for MACs), so that one
 * request has exactly one spelling. MACs are compared in constant time, before anything else is believed. */
#include "storage/protocol.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret_file.h"
#include "base/check.h"

#define SECRET_LEN_MIN       16
#define MESSAGE_MAX          (16u << 10) /* a signed request; longer targets are refused */
#define FOOTER_SIGNED_LEN    16
#define FOOTER_MESSAGE_LABEL "tercet-footer-v1\n"

/* ---- identity ------------------------------------------------------------------------------------------------ */

enum status cluster_identity_parse(struct cluster_identity *identity, const char *id_hex, const char *secret,
                                   const char **error)
{
    memset(identity, 0, sizeof(*identity));
    if (!id_hex || hex_decode(bytes_from_str(id_hex), identity->id, CLUSTER_ID_LEN)) {
        *error = "the cluster id must be 32 hexadecimal digits";
        return STATUS_INVALID;
    }
    size_t len = secret ? strlen(secret) : 0;
    while (len && strchr(" \t\r\n", secret[len - 1]))
        len--;
    if (len < SECRET_LEN_MIN) {
        *error = "the cluster secret must have at least 16 characters";
        return STATUS_INVALID;
    }
    if (len >= sizeof(identity->secret)) {
        *error = "the cluster secret must have at most 255 characters";
        return STATUS_INVALID;
    }
    memcpy(identity->secret, secret, len);
    return STATUS_OK;
}

enum status cluster_identity_load(struct cluster_identity *identity, const char *id_hex, const char *secret_path,
                                  const char **error)
{
    char secret[1024];
    if (!secret_path || !*secret_path) {
        *error = "the file with the cluster secret is not given";
        return STATUS_INVALID;
    }
    enum status status = secret_file_read(secret_path, secret, sizeof(secret), error);
    if (!status)
        status = cluster_identity_parse(identity, id_hex, secret, error);
    explicit_bzero(secret, sizeof(secret));
    return status;
}

/* ---- requests ------------------------------------------------------------------------------------------------ */

static struct bytes identity_key(const struct cluster_identity *identity)
{
    return bytes_of(identity->secret, strlen(identity->secret));
}

static enum status request_mac(const struct cluster_identity *identity, struct bytes method, struct bytes target,
                               struct bytes time, struct bytes content, uint8_t mac[SHA256_LEN])
{
    char cluster[2 * CLUSTER_ID_LEN + 1];
    struct buffer message;
    hex_encode(identity->id, CLUSTER_ID_LEN, cluster);
    buffer_init(&message, MESSAGE_MAX);
    const struct bytes lines[] = {method, target, bytes_from_str(cluster), time, content};
    enum status status = buffer_append_str(&message, "tercet-v1");
    for (size_t i = 0; !status && i < sizeof(lines) / sizeof(lines[0]); i++) {
        status = buffer_append_char(&message, '\n');
        if (!status)
            status = buffer_append_bytes(&message, lines[i]);
    }
    if (!status)
        hmac_sha256(identity_key(identity), buffer_bytes(&message), mac);
    buffer_release(&message);
    return status;
}

void protocol_sign(const struct cluster_identity *identity, const char *method, struct bytes target, int64_t time_ms,
                   const char *content, char out[PROTOCOL_AUTH_MAX])
{
    uint8_t mac[SHA256_LEN];
    char mac_hex[2 * SHA256_LEN + 1], time[24];
    CHECK(time_ms >= 0);
    snprintf(time, sizeof(time), "%" PRId64, time_ms);
    enum status status =
        request_mac(identity, bytes_from_str(method), target, bytes_from_str(time), bytes_from_str(content), mac);
    CHECK(status == STATUS_OK);
    hex_encode(mac, SHA256_LEN, mac_hex);
    int len = snprintf(out, PROTOCOL_AUTH_MAX, "v1 %s %s %s", time, content, mac_hex);
    CHECK(len > 0 && len < PROTOCOL_AUTH_MAX);
}

/* Cuts the text up to the next space off; false when there is none. */
static bool word_next(struct bytes *rest, struct bytes *word)
{
    const char *space = rest->len ? memchr(rest->data, ' ', rest->len) : NULL;
    if (!space)
        return false;
    *word = bytes_of(rest->data, (size_t)(space - rest->data));
    *rest = bytes_of(space + 1, rest->len - word->len - 1);
    return true;
}

static bool hex_is_lower(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= 'A' && text.data[i] <= 'F')
            return false;
    return true;
}

static enum status content_parse(struct bytes content, struct protocol_auth *auth)
{
    const struct bytes prefix = BYTES("crc32c:");
    uint8_t crc[4];
    if (bytes_equal_str(content, "-"))
        return STATUS_OK;
    if (bytes_equal_str(content, "footer")) {
        auth->footer = true;
        return STATUS_OK;
    }
    /* "crc32c:HEX8:LENGTH" */
    if (!bytes_starts_with(content, prefix) || content.len < prefix.len + 10 || content.data[prefix.len + 8] != ':')
        return STATUS_INVALID;
    struct bytes hex = bytes_of(content.data + prefix.len, 8);
    struct bytes length = bytes_of(content.data + prefix.len + 9, content.len - prefix.len - 9);
    if (!hex_is_lower(hex) || hex_decode(hex, crc, sizeof(crc)) || bytes_parse_u64(length, INT64_MAX, &auth->length))
        return STATUS_INVALID;
    auth->has_checksum = true;
    auth->crc32c = get_u32(crc);
    return STATUS_OK;
}

/* Splits "v1 TIME CONTENT MAC" and understands its parts. */
static enum status auth_parse(struct bytes header, struct bytes *time, struct bytes *content,
                              struct protocol_auth *auth)
{
    struct bytes rest = header, version;
    uint64_t time_ms;
    memset(auth, 0, sizeof(*auth));
    if (header.len >= PROTOCOL_AUTH_MAX || !word_next(&rest, &version) || !bytes_equal_str(version, "v1") ||
        !word_next(&rest, time) || !word_next(&rest, content))
        return STATUS_INVALID;
    if (bytes_parse_u64(*time, INT64_MAX, &time_ms) || content_parse(*content, auth))
        return STATUS_INVALID;
    if (rest.len != 2 * SHA256_LEN || !hex_is_lower(rest) || hex_decode(rest, auth->mac, SHA256_LEN))
        return STATUS_INVALID;
    auth->time_ms = (int64_t)time_ms;
    return STATUS_OK;
}

enum status protocol_verify(const struct cluster_identity *identity, struct bytes method, struct bytes target,
                            struct bytes header, int64_t now_ms, struct protocol_auth *auth)
{
    struct bytes time, content;
    uint8_t mac[SHA256_LEN];
    if (auth_parse(header, &time, &content, auth) || request_mac(identity, method, target, time, content, mac))
        return STATUS_DENIED;
    if (!bytes_equal_constant_time(bytes_of(mac, SHA256_LEN), bytes_of(auth->mac, SHA256_LEN)))
        return STATUS_DENIED;
    if (now_ms < 0 || llabs((long long)(auth->time_ms - now_ms)) > PROTOCOL_SKEW_MS)
        return STATUS_TIMEOUT;
    return STATUS_OK;
}

/* ---- footers ------------------------------------------------------------------------------------------------- */

/* The footer's MAC covers the request's MAC and what the footer says, so a footer fits one request only. */
static void footer_mac(const struct cluster_identity *identity, const uint8_t request[SHA256_LEN],
                       const uint8_t footer[FOOTER_SIGNED_LEN], uint8_t mac[SHA256_LEN])
{
    char message[sizeof(FOOTER_MESSAGE_LABEL) - 1 + SHA256_LEN + FOOTER_SIGNED_LEN];
    const size_t label_len = sizeof(FOOTER_MESSAGE_LABEL) - 1;
    memcpy(message, FOOTER_MESSAGE_LABEL, label_len);
    memcpy(message + label_len, request, SHA256_LEN);
    memcpy(message + label_len + SHA256_LEN, footer, FOOTER_SIGNED_LEN);
    hmac_sha256(identity_key(identity), bytes_of(message, sizeof(message)), mac);
}

void protocol_footer_make(const struct cluster_identity *identity, struct bytes auth_header, uint64_t payload_len,
                          uint32_t crc32c, uint8_t out[PROTOCOL_FOOTER_LEN])
{
    struct protocol_auth auth;
    struct bytes time, content;
    enum status status = auth_parse(auth_header, &time, &content, &auth);
    CHECK(status == STATUS_OK);
    put_u64(out, payload_len);
    put_u32(out + 8, crc32c);
    put_u32(out + 12, 0);
    footer_mac(identity, auth.mac, out, out + FOOTER_SIGNED_LEN);
}

enum status protocol_footer_check(const struct cluster_identity *identity, const struct protocol_auth *auth,
                                  const uint8_t footer[PROTOCOL_FOOTER_LEN], uint64_t payload_len, uint32_t crc32c)
{
    uint8_t mac[SHA256_LEN];
    static_assert(PROTOCOL_FOOTER_LEN == FOOTER_SIGNED_LEN + SHA256_LEN, "footer layout");
    footer_mac(identity, auth->mac, footer, mac);
    if (!bytes_equal_constant_time(bytes_of(mac, SHA256_LEN), bytes_of(footer + FOOTER_SIGNED_LEN, SHA256_LEN)))
        return STATUS_DENIED;
    if (get_u64(footer) != payload_len || get_u32(footer + 8) != crc32c || get_u32(footer + 12) != 0)
        return STATUS_INVALID;
    return STATUS_OK;
}

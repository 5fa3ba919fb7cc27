/* Authentication between gateway and nodes: what is accepted, and everything that must not be. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/protocol.h"

#define CLUSTER "000102030405060708090a0b0c0d0e0f"
#define SECRET  "correct horse battery"
#define NOW     1795377600000
#define TARGET  "/chunks/00112233445566778899aabbccddeeff?first=1"

static struct cluster_identity identity_make(const char *id, const char *secret)
{
    struct cluster_identity identity;
    const char *error = NULL;
    assert_int_equal(cluster_identity_parse(&identity, id, secret, &error), STATUS_OK);
    return identity;
}

static enum status verify(const struct cluster_identity *identity, const char *method, const char *target,
                          const char *header, int64_t now, struct protocol_auth *auth)
{
    return protocol_verify(identity, bytes_from_str(method), bytes_from_str(target), bytes_from_str(header), now, auth);
}

static void identities(void **state)
{
    struct cluster_identity identity;
    const char *error = NULL;
    char longest[300];
    (void)state;
    assert_int_equal(cluster_identity_parse(&identity, CLUSTER, SECRET " \r\n", &error), STATUS_OK);
    assert_string_equal(identity.secret, SECRET);
    assert_int_equal(identity.id[15], 15);
    assert_int_equal(cluster_identity_parse(&identity, "0001", SECRET, &error), STATUS_INVALID);
    assert_non_null(strstr(error, "32 hexadecimal"));
    assert_int_equal(cluster_identity_parse(&identity, CLUSTER, "fifteen letters\n", &error), STATUS_INVALID);
    assert_non_null(strstr(error, "at least 16"));
    memset(longest, 'x', sizeof(longest));
    longest[255] = '\0';
    assert_int_equal(cluster_identity_parse(&identity, CLUSTER, longest, &error), STATUS_OK);
    longest[255] = 'x';
    longest[256] = '\0';
    assert_int_equal(cluster_identity_parse(&identity, CLUSTER, longest, &error), STATUS_INVALID);
    assert_int_equal(cluster_identity_parse(&identity, NULL, SECRET, &error), STATUS_INVALID);
}

static void secret_files(void **state)
{
    char path[] = "/tmp/tercet-secret-XXXXXX";
    struct cluster_identity identity;
    const char *error = NULL;
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, SECRET "\n", sizeof(SECRET)), sizeof(SECRET));
    assert_int_equal(cluster_identity_load(&identity, CLUSTER, path, &error), STATUS_OK);
    assert_string_equal(identity.secret, SECRET);
    assert_int_equal(fchmod(fd, 0604), 0);
    assert_int_equal(cluster_identity_load(&identity, CLUSTER, path, &error), STATUS_DENIED);
    assert_non_null(strstr(error, "0600"));
    close(fd);
    unlink(path);
    assert_int_equal(cluster_identity_load(&identity, CLUSTER, path, &error), STATUS_IO);
    assert_int_equal(cluster_identity_load(&identity, CLUSTER, "", &error), STATUS_INVALID);
}

static void the_signature_is_the_documented_one(void **state)
{
    struct cluster_identity identity = identity_make(CLUSTER, SECRET);
    char header[PROTOCOL_AUTH_MAX], expected[PROTOCOL_AUTH_MAX], hex[65];
    uint8_t mac[SHA256_LEN];
    (void)state;
    hmac_sha256(BYTES(SECRET), BYTES("tercet-v1\nGET\n" TARGET "\n" CLUSTER "\n1795377600000\n-"), mac);
    hex_encode(mac, sizeof(mac), hex);
    snprintf(expected, sizeof(expected), "v1 1795377600000 - %s", hex);
    protocol_sign(&identity, "GET", bytes_from_str(TARGET), NOW, "-", header);
    assert_string_equal(header, expected);
}

static void contents(void **state)
{
    struct cluster_identity identity = identity_make(CLUSTER, SECRET);
    char header[PROTOCOL_AUTH_MAX];
    struct protocol_auth auth;
    (void)state;
    protocol_sign(&identity, "GET", bytes_from_str(TARGET), NOW, "-", header);
    assert_int_equal(verify(&identity, "GET", TARGET, header, NOW, &auth), STATUS_OK);
    assert_false(auth.footer || auth.has_checksum);
    assert_int_equal(auth.time_ms, NOW);
    protocol_sign(&identity, "PUT", bytes_from_str(TARGET), NOW, "footer", header);
    assert_int_equal(verify(&identity, "PUT", TARGET, header, NOW, &auth), STATUS_OK);
    assert_true(auth.footer && !auth.has_checksum);
    protocol_sign(&identity, "PUT", bytes_from_str(TARGET), NOW, "crc32c:00c0ffee:4096", header);
    assert_int_equal(verify(&identity, "PUT", TARGET, header, NOW, &auth), STATUS_OK);
    assert_true(auth.has_checksum && !auth.footer);
    assert_int_equal(auth.crc32c, 0x00c0ffee);
    assert_int_equal(auth.length, 4096);
    /* rightly signed, but not in the grammar */
    static const char *const bad[] = {"",
                                      "x",
                                      "crc32c:00c0ffee",
                                      "crc32c:00C0FFEE:1",
                                      "crc32c:00c0ffee:",
                                      "Footer",
                                      "crc32c:00c0ffee:-1",
                                      "crc32c:00c0ffe:1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        protocol_sign(&identity, "PUT", bytes_from_str(TARGET), NOW, bad[i], header);
        assert_int_equal(verify(&identity, "PUT", TARGET, header, NOW, &auth), STATUS_DENIED);
    }
}

static void everything_else_is_denied(void **state)
{
    struct cluster_identity identity = identity_make(CLUSTER, SECRET);
    struct cluster_identity other_cluster = identity_make("100102030405060708090a0b0c0d0e0f", SECRET);
    struct cluster_identity other_secret = identity_make(CLUSTER, SECRET "!");
    char header[PROTOCOL_AUTH_MAX], changed[PROTOCOL_AUTH_MAX + 2];
    struct protocol_auth auth;
    (void)state;
    protocol_sign(&identity, "GET", bytes_from_str(TARGET), NOW, "-", header);
    assert_int_equal(verify(&other_cluster, "GET", TARGET, header, NOW, &auth), STATUS_DENIED);
    assert_int_equal(verify(&other_secret, "GET", TARGET, header, NOW, &auth), STATUS_DENIED);
    assert_int_equal(verify(&identity, "DELETE", TARGET, header, NOW, &auth), STATUS_DENIED);
    assert_int_equal(verify(&identity, "GET", TARGET "&count=1", header, NOW, &auth), STATUS_DENIED);
    assert_int_equal(protocol_verify(&identity, BYTES("GET"), BYTES(TARGET), bytes_from_str(NULL), NOW, &auth),
                     STATUS_DENIED);
    for (size_t i = 0; i < strlen(header); i++) {
        strcpy(changed, header);
        changed[i] = changed[i] == '1' ? '2' : '1';
        assert_int_equal(verify(&identity, "GET", TARGET, changed, NOW, &auth), STATUS_DENIED);
        strcpy(changed, header);
        changed[i] = '\0';
        assert_int_equal(verify(&identity, "GET", TARGET, changed, NOW, &auth), STATUS_DENIED);
    }
    snprintf(changed, sizeof(changed), "%s ", header);
    assert_int_equal(verify(&identity, "GET", TARGET, changed, NOW, &auth), STATUS_DENIED);
}

static void clocks(void **state)
{
    struct cluster_identity identity = identity_make(CLUSTER, SECRET);
    char header[PROTOCOL_AUTH_MAX];
    struct protocol_auth auth;
    (void)state;
    protocol_sign(&identity, "GET", bytes_from_str(TARGET), NOW, "-", header);
    assert_int_equal(verify(&identity, "GET", TARGET, header, NOW + PROTOCOL_SKEW_MS, &auth), STATUS_OK);
    assert_int_equal(verify(&identity, "GET", TARGET, header, NOW - PROTOCOL_SKEW_MS, &auth), STATUS_OK);
    assert_int_equal(verify(&identity, "GET", TARGET, header, NOW + PROTOCOL_SKEW_MS + 1, &auth), STATUS_TIMEOUT);
    assert_int_equal(verify(&identity, "GET", TARGET, header, NOW - PROTOCOL_SKEW_MS - 1, &auth), STATUS_TIMEOUT);
    /* whoever does not know the secret does not learn about clocks */
    header[strlen(header) - 1] ^= 1;
    assert_int_equal(verify(&identity, "GET", TARGET, header, NOW + 2 * PROTOCOL_SKEW_MS, &auth), STATUS_DENIED);
}

static void footers(void **state)
{
    struct cluster_identity identity = identity_make(CLUSTER, SECRET);
    char header[PROTOCOL_AUTH_MAX], later[PROTOCOL_AUTH_MAX];
    uint8_t footer[PROTOCOL_FOOTER_LEN];
    struct protocol_auth auth, other;
    (void)state;
    protocol_sign(&identity, "PUT", bytes_from_str(TARGET), NOW, "footer", header);
    protocol_sign(&identity, "PUT", bytes_from_str(TARGET), NOW + 1, "footer", later);
    assert_int_equal(verify(&identity, "PUT", TARGET, header, NOW, &auth), STATUS_OK);
    assert_int_equal(verify(&identity, "PUT", TARGET, later, NOW, &other), STATUS_OK);
    protocol_footer_make(&identity, bytes_from_str(header), 12345, 0xdeadbeef, footer);
    assert_int_equal(protocol_footer_check(&identity, &auth, footer, 12345, 0xdeadbeef), STATUS_OK);
    assert_int_equal(protocol_footer_check(&identity, &auth, footer, 12346, 0xdeadbeef), STATUS_INVALID);
    assert_int_equal(protocol_footer_check(&identity, &auth, footer, 12345, 0xdeadbeee), STATUS_INVALID);
    assert_int_equal(protocol_footer_check(&identity, &other, footer, 12345, 0xdeadbeef), STATUS_DENIED);
    for (int i = 0; i < PROTOCOL_FOOTER_LEN; i++) {
        footer[i] ^= 0x10;
        assert_int_equal(protocol_footer_check(&identity, &auth, footer, 12345, 0xdeadbeef), STATUS_DENIED);
        footer[i] ^= 0x10;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identities),
        cmocka_unit_test(secret_files),
        cmocka_unit_test(the_signature_is_the_documented_one),
        cmocka_unit_test(contents),
        cmocka_unit_test(everything_else_is_denied),
        cmocka_unit_test(clocks),
        cmocka_unit_test(footers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

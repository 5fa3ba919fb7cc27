/* Tokens of providers: what is read of them, what is none, and whose signature they carry, by the examples of RFC 7515
 * (appendices A.2 and A.3) among others. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/jwt.h"
#include "compat/jwt_algorithm.h"

#define HEAD   "{\"alg\":\"RS256\",\"kid\":\"k\"}"
#define CLAIMS "{\"iss\":\"https://i.example\",\"sub\":\"s\",\"aud\":\"a\",\"exp\":2000,\"iat\":1000}"

/* As in RFC 7515; what is signed says neither sub nor aud, so it is no token here, and verified by itself. */
#define RFC_PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RFC_RS256   "eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD
#define RFC_ES256   "eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD
#define RFC_RS256_SIGNATURE                                                                                            \
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t" \
    "1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12j" \
    "zDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQ" \
    "Ge77Rw"
#define RFC_ES256_SIGNATURE "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define RFC_MODULUS                                                                                                    \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pC" \
    "gNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg6" \
    "65xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRW" \
    "yuXpoQ"
#define RFC_X         "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define RFC_Y         "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define RSA_KEY(more) "{\"kty\":\"RSA\",\"n\":\"" RFC_MODULUS "\",\"e\":\"AQAB\"" more "}"
#define EC_KEY(more)  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC_X "\",\"y\":\"" RFC_Y "\"" more "}"

static size_t encode(const char *text, char *out)
{
    size_t len = base64_encode(text, strlen(text), out);

    while (len > 0 && out[len - 1] == '=')
        len--;
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i]);
    return len;
}

static enum status parse(const char *head, const char *claims, const char *signature, struct jwt *jwt)
{
    static char text[65536];
    const char *why;
    size_t len = encode(head, text);

    text[len++] = '.';
    len += encode(claims, text + len);
    text[len++] = '.';
    memcpy(text + len, signature, strlen(signature));
    return jwt_parse(bytes_of(text, len + strlen(signature)), jwt, &why);
}

static void test_what_it_says(void **state)
{
    struct jwt jwt;

    (void)state;
    assert_int_equal(parse(HEAD,
                           "{\"iss\":\"https://i.example/\",\"sub\":\"s\",\"aud\":[\"a\",\"b\"],\"azp\":\"c\","
                           "\"amr\":[\"mfa\",\"pwd\"],\"exp\":2000,\"iat\":1000,\"nbf\":1001,\"other\":{\"x\":[1]}}",
                           "AAAA", &jwt),
                     STATUS_OK);
    assert_true(bytes_equal_str(jwt.issuer, "https://i.example/"));
    assert_true(bytes_equal_str(jwt.subject, "s"));
    assert_int_equal(jwt.audience.count, 2);
    assert_true(bytes_equal_str(jwt.audience.values[1], "b"));
    assert_true(bytes_equal_str(jwt.authorized_party, "c"));
    assert_int_equal(jwt.methods.count, 2);
    assert_true(bytes_equal_str(jwt.key_id, "k"));
    assert_int_equal(jwt.signature_len, 3);
    assert_false(jwt.carries_tags);
    jwt_release(&jwt);
    assert_int_equal(parse(HEAD, CLAIMS, "AAAA", &jwt), STATUS_OK);
    assert_null(jwt.authorized_party.data);
    assert_int_equal(jwt.audience.count, 1);
    jwt_release(&jwt);
}

/* Another algorithm is none: not a shared secret's, for which a public key could be taken. */
static void test_algorithms(void **state)
{
    static const char *const none[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"\"}",
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"HS512\"}",
        "{\"alg\":\"rs256\"}",
        "{\"alg\":\"PS256\"}",
        "{\"alg\":\"EdDSA\"}",
        "{\"alg\":null}",
        "{}",
        "{\"alg\":[\"RS256\"]}",
        "{\"alg\":\"RS256\",\"alg\":\"none\"}",
        "{\"alg\":\"RS256\\u0000\"}",
        "{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}",
        "{\"alg\":\"RS256\",\"kid\":1}",
        "{\"alg\":\"RS256\",\"kid\":\"\"}",
        "[\"RS256\"]",
        "RS256",
    };
    static const char *const good[] = {"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"};
    char head[64];
    struct jwt jwt;

    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(parse(none[i], CLAIMS, "AAAA", &jwt), STATUS_INVALID);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(head, sizeof(head), "{\"alg\":\"%s\"}", good[i]);
        assert_int_equal(parse(head, CLAIMS, "AAAA", &jwt), STATUS_OK);
        jwt_release(&jwt);
    }
}

static void test_claims(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"sub\":\"s\",\"aud\":\"a\",\"exp\":2000,\"iat\":1000}",
        "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":2000,\"iat\":1000}",
        "{\"iss\":\"i\",\"sub\":\"s\",\"exp\":2000,\"iat\":1000}",
        "{\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"iat\":1000}",
        "{\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"exp\":2000}",
        "{\"iss\":\"i\",\"sub\":\"s\",\"aud\":[],\"exp\":2000,\"iat\":1000}",
        "{\"iss\":\"i\",\"sub\":\"s\",\"aud\":[1],\"exp\":2000,\"iat\":1000}",
        "{\"iss\":\"i\",\"sub\":\"\",\"aud\":\"a\",\"exp\":2000,\"iat\":1000}",
        "{\"iss\":\"i\",\"sub\":\"a\\nb\",\"aud\":\"a\",\"exp\":2000,\"iat\":1000}",
        "{\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"exp\":\"2000\",\"iat\":1000}",
        "{\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"exp\":2000.5,\"iat\":1000}",
        "{\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"exp\":-1,\"iat\":1000}",
        "{\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"exp\":9223372036854775807,\"iat\":1000}",
        "{\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"exp\":2000,\"iat\":1000,\"nbf\":\"x\"}",
        "{\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"exp\":2000,\"iat\":1000,\"azp\":1}",
        "{\"iss\":\"i\",\"sub\":\"s\",\"sub\":\"t\",\"aud\":\"a\",\"exp\":2000,\"iat\":1000}",
        "{\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"exp\":2000,\"iat\":1000,\"x\":[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"
        "}",
        "[]",
        "\"iss\"",
    };
    struct jwt jwt;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse(HEAD, bad[i], "AAAA", &jwt), STATUS_INVALID);
    assert_int_equal(parse(HEAD,
                           "{\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"exp\":2000,\"iat\":1000,"
                           "\"https://aws.amazon.com/tags\":{}}",
                           "AAAA", &jwt),
                     STATUS_OK);
    assert_true(jwt.carries_tags);
    jwt_release(&jwt);
}

static void test_forms(void **state)
{
    static const char *const texts[] = {"",
                                        ".",
                                        "..",
                                        "...",
                                        "a.b",
                                        "e30.e30",
                                        "e30.e30.",
                                        "e30..AA",
                                        ".e30.AA",
                                        "e30.e30.AA.AA",
                                        "e30=.e30.AA",
                                        "e3 0.e30.AA",
                                        "e30.e30.A+/A"};
    struct jwt jwt;
    const char *why;
    char *text = mem_zalloc(JWT_BYTES_MAX + 2), long_signature[1025];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(jwt_parse(bytes_from_str(texts[i]), &jwt, &why), STATUS_INVALID);
    memset(text, 'A', JWT_BYTES_MAX + 1);
    assert_int_equal(jwt_parse(bytes_of(text, JWT_BYTES_MAX + 1), &jwt, &why), STATUS_INVALID);
    memset(long_signature, 'A', 1024);
    long_signature[1024] = '\0';
    assert_int_equal(parse(HEAD, CLAIMS, long_signature, &jwt), STATUS_INVALID); /* longer than any key */
    free(text);
}

static void test_times(void **state)
{
    static const struct {
        int64_t expires, issued, not_before, now;
        enum jwt_time time;
    } rows[] = {
        {2000, 1000, 0, 1500, JWT_NOW},        {2000, 1000, 0, 2059, JWT_NOW},
        {2000, 1000, 0, 2060, JWT_EXPIRED},    {2000, 1000, 0, 940, JWT_NOW},
        {2000, 1000, 0, 939, JWT_NOT_YET},     {2000, 1000, 1600, 1540, JWT_NOW},
        {2000, 1000, 1600, 1539, JWT_NOT_YET}, {2000, 1000, 0, INT64_MAX / 2, JWT_EXPIRED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct jwt jwt = {
            .expires_s = rows[i].expires, .issued_s = rows[i].issued, .not_before_s = rows[i].not_before};
        assert_int_equal(jwt_check_time(&jwt, rows[i].now), rows[i].time);
    }
}

static void set_signature(struct jwt *jwt, const char *algorithm, const char *text, const char *signature)
{
    *jwt =
        (struct jwt){.algorithm = jwt_algorithm_find(bytes_from_str(algorithm)), .signed_text = bytes_from_str(text)};
    jwt->signature_len = sizeof(jwt->signature);
    assert_int_equal(base64url_decode(bytes_from_str(signature), jwt->signature, &jwt->signature_len), STATUS_OK);
}

static enum status verify(const char *keys, const struct jwt *jwt)
{
    char *document = mem_zalloc(strlen(keys) + 64);
    struct jwks *set;

    snprintf(document, strlen(keys) + 64, "{\"keys\":[%s]}", keys);
    assert_int_equal(jwks_parse(bytes_from_str(document), &set), STATUS_OK);
    enum status status = jwks_verify(set, jwt);
    jwks_free(set);
    free(document);
    return status;
}

static void test_examples_of_the_rfc(void **state)
{
    struct jwt jwt;

    (void)state;
    set_signature(&jwt, "RS256", RFC_RS256, RFC_RS256_SIGNATURE);
    assert_int_equal(verify(RSA_KEY(), &jwt), STATUS_OK);
    assert_int_equal(verify(EC_KEY() "," RSA_KEY(",\"use\":\"sig\",\"alg\":\"RS256\",\"kid\":\"x\""), &jwt), STATUS_OK);
    jwt.signed_text.len--;
    assert_int_equal(verify(RSA_KEY(), &jwt), STATUS_DENIED);
    jwt.signed_text.len++;
    jwt.signature[jwt.signature_len - 1] ^= 1;
    assert_int_equal(verify(RSA_KEY(), &jwt), STATUS_DENIED);

    set_signature(&jwt, "ES256", RFC_ES256, RFC_ES256_SIGNATURE);
    assert_int_equal(verify(EC_KEY(), &jwt), STATUS_OK);
    for (size_t i = 0; i < jwt.signature_len; i++) {
        jwt.signature[i] ^= 0x80;
        assert_int_equal(verify(EC_KEY(), &jwt), STATUS_DENIED);
        jwt.signature[i] ^= 0x80;
    }
    jwt.signature_len--;
    assert_int_equal(verify(EC_KEY(), &jwt), STATUS_DENIED);
    memset(jwt.signature, 0, sizeof(jwt.signature)); /* r and s of 0, which fit every text where nobody looks */
    jwt.signature_len = 64;
    assert_int_equal(verify(EC_KEY(), &jwt), STATUS_DENIED);
    jwt.signature_len = 0;
    assert_int_equal(verify(EC_KEY(), &jwt), STATUS_DENIED);
}

/* A key is for what it says, and a token is of the key that it names. */
static void test_which_key(void **state)
{
    struct jwt jwt;

    (void)state;
    set_signature(&jwt, "RS256", RFC_RS256, RFC_RS256_SIGNATURE);
    assert_int_equal(verify(EC_KEY(), &jwt), STATUS_NOT_FOUND);
    assert_int_equal(verify("", &jwt), STATUS_NOT_FOUND);
    assert_int_equal(verify(RSA_KEY(",\"use\":\"enc\""), &jwt), STATUS_NOT_FOUND);
    assert_int_equal(verify(RSA_KEY(",\"alg\":\"RS512\""), &jwt), STATUS_NOT_FOUND);
    jwt.key_id = BYTES("x");
    assert_int_equal(verify(RSA_KEY(), &jwt), STATUS_NOT_FOUND);
    assert_int_equal(verify(RSA_KEY(",\"kid\":\"X\""), &jwt), STATUS_NOT_FOUND);
    assert_int_equal(verify(RSA_KEY(",\"kid\":\"y\"") "," RSA_KEY(",\"kid\":\"x\""), &jwt), STATUS_OK);
    jwt.algorithm = jwt_algorithm_find(BYTES("RS384"));
    assert_int_equal(verify(RSA_KEY(",\"kid\":\"x\""), &jwt), STATUS_DENIED);
    jwt.algorithm = jwt_algorithm_find(BYTES("ES384"));
    assert_int_equal(verify(EC_KEY(",\"kid\":\"x\""), &jwt), STATUS_NOT_FOUND);
}

/* Keys that are none are left out, and a set that is none is refused. */
static void test_key_sets(void **state)
{
    static const char *const none[] = {
        "{}",
        "1",
        "null",
        "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
        "{\"kty\":\"RSA\"}",
        "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"n\":\"" RFC_MODULUS "\",\"e\":\"AQ\"}",
        "{\"kty\":\"RSA\",\"n\":\"" RFC_MODULUS "\",\"e\":\"AAAAAAAAAAAAAQAB\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC_X "\",\"y\":\"" RFC_X "\"}", /* on no curve */
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
        "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" RFC_X "\",\"y\":\"" RFC_Y "\"}",
    };
    static const char *const bad[] = {
        "", "{}", "[]", "{\"keys\":{}}", "{\"keys\":[", "{\"keys\":[],\"keys\":[]}", "{\"keys\":[[[[[[[[[[]]]]]]]]]]}"};
    struct jwt rsa, ec;
    struct jwks *set;

    (void)state;
    set_signature(&rsa, "RS256", RFC_RS256, RFC_RS256_SIGNATURE);
    set_signature(&ec, "ES256", RFC_ES256, RFC_ES256_SIGNATURE);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(verify(none[i], &rsa), STATUS_NOT_FOUND);
        assert_int_equal(verify(none[i], &ec), STATUS_NOT_FOUND);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(jwks_parse(bytes_from_str(bad[i]), &set), STATUS_INVALID);
        assert_null(set);
    }
    char *document = mem_zalloc(8 * JWKS_KEYS_MAX + 64);
    strcpy(document, "{\"keys\":[{}");
    for (int i = 0; i < JWKS_KEYS_MAX; i++)
        strcat(document, ",{}");
    strcat(document, "]}");
    assert_int_equal(jwks_parse(bytes_from_str(document), &set), STATUS_INVALID);
    free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_says), cmocka_unit_test(test_algorithms),
        cmocka_unit_test(test_claims),       cmocka_unit_test(test_forms),
        cmocka_unit_test(test_times),        cmocka_unit_test(test_examples_of_the_rfc),
        cmocka_unit_test(test_which_key),    cmocka_unit_test(test_key_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Key sets of providers, and verifying with them; see jwt.h. A key is for one kind of signature: an RSA key never
 * verifies as anything else, and a token says only which of the keys it means. Source: RFC 7517, RFC 7518 sections 3.3,
 * 3.4 and 6. */
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/json_nesting.h"
#include "compat/jwt.h"
#include "compat/jwt_algorithm.h"

#define NESTING_MAX      8
#define EXPONENT_LEN_MAX 4
#define COORDINATE_MAX   66
#define DER_MAX          160 /* of two numbers of 66 bytes */

struct jwk {
    EVP_PKEY *key;
    const char *curve; /* NULL: RSA */
    char *key_id;      /* NULL: none */
    char *algorithm;   /* NULL: any of its kind */
};
struct jwks {
    struct jwk keys[JWKS_KEYS_MAX];
    size_t count;
};

static struct bytes text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value)) : (struct bytes){0};
}

/* A number in bytes, as long as it may be. */
static bool number_of(const json_t *object, const char *name, uint8_t *out, size_t max, size_t *len)
{
    struct bytes text = text_of(object, name);

    *len = max;
    return text.len > 0 && text.len <= 2 * max && base64url_decode(text, out, len) == STATUS_OK && *len > 0;
}

static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY *key = NULL;

    CHECK(context && params);
    if (EVP_PKEY_fromdata_init(context) != 1 || EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(context);
    return key;
}

static EVP_PKEY *read_rsa(const json_t *object)
{
    uint8_t modulus[JWKS_RSA_BITS_MAX / 8 + 1], exponent[EXPONENT_LEN_MAX];
    size_t modulus_len, exponent_len;

    if (!number_of(object, "n", modulus, sizeof(modulus), &modulus_len) ||
        !number_of(object, "e", exponent, sizeof(exponent), &exponent_len))
        return NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(modulus, (int)modulus_len, NULL), *e = BN_bin2bn(exponent, (int)exponent_len, NULL);
    EVP_PKEY *key = NULL;
    CHECK(build && n && e);
    if (BN_num_bits(n) >= JWKS_RSA_BITS_MIN && BN_num_bits(n) <= JWKS_RSA_BITS_MAX && BN_is_odd(n) && BN_is_odd(e) &&
        !BN_is_one(e) && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        key = make_key("RSA", build);
    BN_free(n);
    BN_free(e);
    OSSL_PARAM_BLD_free(build);
    return key;
}

/* Whether the point lies on the curve, OpenSSL looks at. */
static EVP_PKEY *read_ec(const json_t *object, const struct jwt_algorithm *algorithm)
{
    size_t len = algorithm->coordinate_len, x_len, y_len;
    uint8_t point[1 + 2 * COORDINATE_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
    OSSL_PARAM_BLD *build;
    EVP_PKEY *key = NULL;

    if (!number_of(object, "x", point + 1, len, &x_len) || x_len != len ||
        !number_of(object, "y", point + 1 + len, len, &y_len) || y_len != len)
        return NULL;
    build = OSSL_PARAM_BLD_new();
    CHECK(build);
    if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, algorithm->group, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * len) == 1)
        key = make_key("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static char *copy_of(struct bytes text)
{
    return text.data ? mem_strndup(text.data, text.len) : NULL;
}

/* The algorithm of that curve; one curve has one. */
static const struct jwt_algorithm *of_curve(struct bytes curve)
{
    static const char *const names[] = {"ES256", "ES384", "ES512"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct jwt_algorithm *algorithm = jwt_algorithm_find(bytes_from_str(names[i]));
        if (bytes_equal_str(curve, algorithm->curve))
            return algorithm;
    }
    return NULL;
}

/* False for a key that is none for signatures here. */
static bool read_key(const json_t *object, struct jwk *key)
{
    struct bytes type = text_of(object, "kty"), use = text_of(object, "use");
    const struct jwt_algorithm *of_ec = of_curve(text_of(object, "crv"));

    *key = (struct jwk){.key = NULL};
    if (use.data && !bytes_equal_str(use, "sig"))
        return false;
    if (bytes_equal_str(type, "RSA"))
        key->key = read_rsa(object);
    else if (bytes_equal_str(type, "EC") && of_ec)
        key->key = read_ec(object, of_ec);
    if (!key->key)
        return false;
    key->curve = bytes_equal_str(type, "EC") ? of_ec->curve : NULL;
    key->key_id = copy_of(text_of(object, "kid"));
    key->algorithm = copy_of(text_of(object, "alg"));
    return true;
}

enum status jwks_parse(struct bytes document, struct jwks **set)
{
    json_t *value = NULL, *keys, *item;
    size_t i;

    *set = NULL;
    if (document.len <= JWKS_BYTES_MAX && json_nesting(document) <= NESTING_MAX)
        value = json_loadb(document.data, document.len, JSON_REJECT_DUPLICATES, NULL);
    keys = json_object_get(value, "keys");
    if (!json_is_array(keys) || json_array_size(keys) > JWKS_KEYS_MAX) {
        json_decref(value);
        return STATUS_INVALID;
    }
    *set = mem_zalloc(sizeof(**set));
    json_array_foreach(keys, i, item)
    {
        (*set)->count += read_key(item, &(*set)->keys[(*set)->count]);
    }
    json_decref(value);
    ERR_clear_error();
    return STATUS_OK;
}

void jwks_free(struct jwks *set)
{
    for (size_t i = 0; set && i < set->count; i++) {
        EVP_PKEY_free(set->keys[i].key);
        free(set->keys[i].key_id);
        free(set->keys[i].algorithm);
    }
    free(set);
}

/* A token without a key id can be of any key of its kind. */
static bool fits(const struct jwk *key, const struct jwt *jwt)
{
    const struct jwt_algorithm *algorithm = jwt->algorithm;
    bool same_kind =
        key->curve && algorithm->curve ? strcmp(key->curve, algorithm->curve) == 0 : !key->curve && !algorithm->curve;

    if (!same_kind || (key->algorithm && strcmp(key->algorithm, algorithm->name) != 0))
        return false;
    return !jwt->key_id.data || (key->key_id && bytes_equal_str(jwt->key_id, key->key_id));
}

/* A signature of ECDSA comes as two numbers, and OpenSSL wants them in DER. Length 0: it is none. */
static size_t to_der(const struct jwt *jwt, uint8_t der[DER_MAX])
{
    size_t half = jwt->algorithm->coordinate_len;
    uint8_t *at = der;

    if (jwt->signature_len != 2 * half)
        return 0;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(jwt->signature, (int)half, NULL), *s = BN_bin2bn(jwt->signature + half, (int)half, NULL);
    CHECK(signature && r && s && ECDSA_SIG_set0(signature, r, s) == 1);
    int len = i2d_ECDSA_SIG(signature, NULL);
    len = len > 0 && len <= DER_MAX ? i2d_ECDSA_SIG(signature, &at) : 0;
    ECDSA_SIG_free(signature);
    return len > 0 ? (size_t)len : 0;
}

static bool verifies(const struct jwk *key, const struct jwt *jwt)
{
    uint8_t der[DER_MAX];
    const uint8_t *signature = jwt->signature;
    size_t len = jwt->signature_len;

    if (jwt->algorithm->curve) {
        len = to_der(jwt, der);
        signature = der;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    CHECK(context);
    bool good =
        len > 0 && EVP_DigestVerifyInit_ex(context, NULL, jwt->algorithm->hash, NULL, NULL, key->key, NULL) == 1 &&
        EVP_DigestVerify(context, signature, len, (const uint8_t *)jwt->signed_text.data, jwt->signed_text.len) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good;
}

enum status jwks_verify(const struct jwks *set, const struct jwt *jwt)
{
    enum status status = STATUS_NOT_FOUND;

    for (size_t i = 0; i < set->count; i++) {
        if (!fits(&set->keys[i], jwt))
            continue;
        if (verifies(&set->keys[i], jwt))
            return STATUS_OK;
        status = STATUS_DENIED;
    }
    return status;
}

/* Tokens of OpenID Connect (RFC 7519) in the compact form that is signed (RFC 7515), and the keys that they are
 * verified with (JWK sets, RFC 7517 and 7518). Only signatures by RSA and ECDSA: a token that is not signed, or by a
 * shared secret, is none here, and what a token says of keys of its own (jwk, jku, x5u, ...) is never looked at. */
#ifndef TERCET_COMPAT_JWT_H
#define TERCET_COMPAT_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

#define JWT_BYTES_MAX     20000 /* of AssumeRoleWithWebIdentity */
#define JWT_TEXT_MAX      255   /* of a claim that is compared */
#define JWT_VALUES_MAX    10    /* of a claim that is a list */
#define JWT_SKEW_SECONDS  60    /* by so much the clocks of provider and gateway may differ */
#define JWKS_BYTES_MAX    262144
#define JWKS_KEYS_MAX     64
#define JWKS_RSA_BITS_MIN 2048
#define JWKS_RSA_BITS_MAX 4096

struct jwt_list {
    struct bytes values[JWT_VALUES_MAX];
    size_t count;
};
/* What a token says. Texts are the token's, until it is released. */
struct jwt {
    const struct jwt_algorithm *algorithm;
    struct bytes key_id;                            /* data NULL: it names none */
    struct bytes issuer, subject, authorized_party; /* the last: azp; data NULL: none */
    struct jwt_list audience, methods;              /* aud; amr */
    bool carries_tags;                              /* or another claim in AWS's name */
    int64_t expires_s, issued_s, not_before_s;      /* of the wall clock; the last 0: not said */
    struct bytes signed_text;                       /* of the text that was parsed */
    uint8_t signature[JWKS_RSA_BITS_MAX / 8];
    size_t signature_len;
    void *memory; /* its own */
};

/* STATUS_INVALID and why, a literal, for what is no such token; then there is nothing to release. What it says is
 * believed by nobody before jwks_verify(). */
enum status jwt_parse(struct bytes text, struct jwt *jwt, const char **why);
void jwt_release(struct jwt *jwt); /* idempotent */

enum jwt_time { JWT_NOW, JWT_EXPIRED, JWT_NOT_YET };
/* Whether it is good at that time. */
enum jwt_time jwt_check_time(const struct jwt *jwt, int64_t now_s);

/* The keys of a provider, as it publishes them; immutable. Keys of other kinds, too short or too long ones, and those
 * for encryption are left out. */
struct jwks;
enum status jwks_parse(struct bytes document, struct jwks **set); /* STATUS_INVALID */
void jwks_free(struct jwks *set);                                 /* NULL is nothing */
/* Whether one of the keys, for this algorithm and with the id that the token names, signed it. NOT_FOUND: there is no
 * such key; DENIED: it did not sign this. On a stack of usual size: OpenSSL is called. */
enum status jwks_verify(const struct jwks *set, const struct jwt *jwt);

#endif

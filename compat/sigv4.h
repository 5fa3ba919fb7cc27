/* AWS Signature Version 4: keys and signing, for POST policies and aws-chunked bodies too. Requests are
 * verified through auth.h. */
#ifndef TERCET_COMPAT_SIGV4_H
#define TERCET_COMPAT_SIGV4_H

#include "compat/auth.h"

/* The signing key of (secret, 20261122, region, service). With a cache (may be NULL) the four HMACs are saved when the
 * same secret, date, region and service came by recently. */
void sigv4_signing_key(struct bytes secret, struct bytes date, struct bytes region, struct bytes service,
                       struct sigv4_key_cache *cache, uint8_t key[SHA256_LEN]);

/* The signature, in lower-case hex, of any string to sign; POST policies sign their base64 text. */
#define SIGV4_SIGNATURE_LEN 64
void sigv4_sign(const uint8_t key[SHA256_LEN], struct bytes string_to_sign, char out[SIGV4_SIGNATURE_LEN + 1]);

/* Derived keys, used by one thread. Direct-mapped; holds secrets, so release wipes it. */
#define SIGV4_KEY_CACHE_SLOTS 64
#define SIGV4_SECRET_MAX      128 /* longer secrets work, uncached */
#define SIGV4_SERVICE_MAX     8   /* so do longer names */
struct sigv4_key_cache {
    struct sigv4_key_cache_slot {
        char secret[SIGV4_SECRET_MAX], region[AUTH_REGION_MAX], service[SIGV4_SERVICE_MAX], date[8];
        size_t secret_len, region_len, service_len; /* secret_len 0: empty slot */
        uint8_t key[SHA256_LEN];
    } slots[SIGV4_KEY_CACHE_SLOTS];
};
void sigv4_key_cache_init(struct sigv4_key_cache *cache);
void sigv4_key_cache_release(struct sigv4_key_cache *cache);

/* The credential `AKID/20261122/us-east-1/s3/aws4_request` in its parts. STATUS_INVALID when it is not of
 * that form; whether the service is the right one is for the caller to say. */
struct sigv4_credential {
    struct bytes access_key, scope, date, region, service;
};
enum status sigv4_credential_parse(struct bytes text, struct sigv4_credential *credential);
/* Fills in what every place of credentials has: the parts of the credential, and the moment of signing in its two text
 * forms. STATUS_INVALID when the credential is of another day. */
enum status sigv4_credential_take(const struct sigv4_credential *parts, int64_t signed_ms,
                                  struct auth_credentials *credentials);

#endif

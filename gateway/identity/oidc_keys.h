/* The keys that OpenID Connect providers sign with, fetched from them and kept: for an hour, and for a day when a
 * provider does not answer. Nobody but the registered provider is asked, at the address that it was registered with,
 * and for its keys where its own document says (over TLS, as that); redirects are not followed.
 *
 * Who asks for keys is nobody yet, so how often a provider is asked does not depend on them: one fetch at a time, and
 * one in -oidc-refresh, whether it succeeds or not, and whatever key ids tokens name. Keys that are there serve
 * meanwhile: only who fetches waits, and who needs a newer set. Sizes and times are bounded. */
#ifndef TERCET_GATEWAY_IDENTITY_OIDC_KEYS_H
#define TERCET_GATEWAY_IDENTITY_OIDC_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/pool.h"
#include "compat/jwt.h"

struct oidc_options {
    const char *ca_file; /* PEM; "" or NULL: the system's authorities */
    const char
        *loopback; /* "http" or "https": how providers on this host are asked, which may have a port; "": as all */
    uint64_t refresh_ms; /* at least, between two fetches from one provider */
};
struct oidc_keys;
/* The options' texts stay the caller's. */
struct oidc_keys *oidc_keys_create(const struct oidc_options *options, struct pool *pool);
void oidc_keys_free(struct oidc_keys *keys); /* NULL is nothing; no fetch is under way */

struct oidc_key_set;
const struct jwks *oidc_key_set_get(const struct oidc_key_set *set);
void oidc_key_set_release(struct oidc_key_set *set); /* NULL is nothing */
/* The keys of the provider of that url (host and path). seen: a set of it that lacks a key, or NULL; then a newer one
 * is wanted. NOT_FOUND: there is no newer one, for now; LIMIT: too many wait already; UNAVAILABLE: the provider cannot
 * be asked, or was a moment ago and could not. In a task; suspends. */
enum status oidc_keys_find(struct oidc_keys *keys, struct bytes url, const struct oidc_key_set *seen,
                           struct oidc_key_set **set);

/* Whether the provider's host is this one. */
bool oidc_url_is_loopback(struct bytes url);

#endif

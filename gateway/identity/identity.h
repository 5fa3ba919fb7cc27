/* Who an access key belongs to, or what a role is, with all that decides what it may do: read from the directory,
 * parsed, immutable, and shared by the requests that it signs. Kept in a cache as long as nothing was changed in the
 * directory: a right that was taken away, or a key, is gone for the next request that begins after the answer. */
#ifndef TERCET_GATEWAY_IDENTITY_IDENTITY_H
#define TERCET_GATEWAY_IDENTITY_IDENTITY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/seal.h"
#include "compat/policy.h"
#include "compat/tags.h"
#include "gateway/identity/access_key.h"
#include "gateway/identity/lists.h"
#include "gateway/identity/policy_pool.h"

struct identity_cache;

struct identity {
    enum policy_caller_kind kind; /* POLICY_USER; POLICY_ROLE_SESSION: a role, which has no key of its own */
    char *cached_as;              /* the access key; of a role no text that a request can claim to be its key */
    char secret[ACCESS_KEY_SECRET_MAX + 1]; /* of a role empty */
    bool active;                            /* the key; one that is not opens nothing. Of a role false */
    char *name, *path;
    char *id;                  /* AIDA..., AROA... */
    char *arn, *canonical_id;  /* canonical_id: of a role empty */
    int64_t revoked_before_ms; /* of a role: sessions that began before are void */
    struct identity_texts tags;
    struct tag *tag_list; /* the same, as requests ask for them */
    /* Its own, inline and attached, and those of its groups. One that cannot be read or parsed is in its place one that
     * denies everything. Names for log lines: the ARN, or user/NAME/POLICY, group/NAME/POLICY. */
    const struct policy **policies;
    char **policy_names;
    struct pooled_policy **pooled; /* who holds them */
    size_t policy_count;
    struct pooled_policy *boundary; /* NULL: none */
    uint64_t generation;            /* of the directory, from before it was read */
    size_t cost;                    /* about what it takes in memory, without the policies */
    _Atomic unsigned references;
};

/* Where identities are found. */
struct identity_source {
    struct meta *meta;
    const char *account; /* twelve digits */
    const struct seal_key *seal;
    struct identity_cache *cache;
};

/* Of an access key. NOT_FOUND: there is no such key. To be released. All of it is as of one moment, whoever changes the
 * directory meanwhile, and as often. May suspend. */
enum status identity_find(const struct identity_source *source, struct bytes access_key, struct identity **identity);
/* The same of a role, by its name. */
enum status identity_find_role(const struct identity_source *source, struct bytes name, struct identity **identity);
void identity_release(struct identity *identity); /* NULL is nothing; any thread */

/* Keeps so many bytes of identities and their policies, of those that were used last. */
struct identity_cache *identity_cache_create(uint64_t bytes_max);
void identity_cache_free(struct identity_cache *cache);
struct identity_cache_figures {
    uint64_t entries, bytes, policy_bytes, read; /* read: identities that were not there, or as of before a change */
};
struct identity_cache_figures identity_cache_figures(struct identity_cache *cache);

#endif

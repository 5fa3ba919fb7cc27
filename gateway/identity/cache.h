/* The identities that were used last, within a bound; see identity.h. Any thread; a lock is held for a look-up only. */
#ifndef TERCET_GATEWAY_IDENTITY_CACHE_H
#define TERCET_GATEWAY_IDENTITY_CACHE_H

#include "gateway/identity/identity.h"

/* Held for the caller; NULL: it is not there, or of another generation. Then it stays until it is replaced, since most
 * of its policies will be needed again. */
struct identity *identity_cache_get(struct identity_cache *cache, struct bytes cached_as, uint64_t generation);
/* Keeps it, too, if it fits at all; in the place of an earlier one that is cached as that. */
void identity_cache_put(struct identity_cache *cache, struct identity *identity);

/* Where the policies of its identities are. */
struct policy_pool *identity_cache_policies(struct identity_cache *cache);

#endif

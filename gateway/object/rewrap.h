/* Sealing an object's own key by another key of the keyring. No byte of the object is touched: its key, its identity
 * and the streams made with them stay as they are. */
#ifndef TERCET_GATEWAY_REWRAP_H
#define TERCET_GATEWAY_REWRAP_H

#include "gateway/object/encryption.h"
#include "meta/meta.h"

/* Appends the description of an object that was described by `from`, with the kind, bucket key and key's name of `to`;
 * its context stays. Not of CUSTOMER. NOT_FOUND: one of the two keys is not there, the old one unless *opened;
 * UNAVAILABLE, CORRUPT, LIMIT. Suspends. */
enum status encryption_rewrap(struct key_provider *keys, const struct encryption *from, const struct encryption *to,
                              const struct encryption_place *place, struct buffer *description, bool *opened);
/* Whether these attributes still have the description that was read. */
bool encryption_is_unchanged(struct bytes attributes, const struct encryption *read);

#endif

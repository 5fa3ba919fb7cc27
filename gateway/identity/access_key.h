/* An access key of a user: its row, from and to the directory. The secret is in it sealed (base/seal.h), by a key that
 * is not in the database. */
#ifndef TERCET_GATEWAY_IDENTITY_ACCESS_KEY_H
#define TERCET_GATEWAY_IDENTITY_ACCESS_KEY_H

#include <stdint.h>

#include "base/seal.h"
#include "gateway/identity/directory.h"

#define ACCESS_KEY_ID_LEN     20  /* of one that was made here: AKIA and 16 of A-Z2-7 */
#define ACCESS_KEY_SECRET_LEN 40  /* the same */
#define ACCESS_KEY_SECRET_MAX 128 /* of one that was given */

struct identity_access_key {
    char *id;
    char *user;   /* name */
    char *sealed; /* the secret, for this id: base64 */
    bool active;
    int64_t created_ms;
};
/* A new one, active, made now, with a random secret, which is shown once and to be wiped. */
void identity_access_key_create(struct identity_access_key *key, const char *user, const struct seal_key *seal,
                                char secret[ACCESS_KEY_SECRET_LEN + 1]);
/* The same with an id and a secret, of at most ACCESS_KEY_SECRET_MAX, that are given. */
void identity_access_key_give(struct identity_access_key *key, const char *id, const char *user,
                              const struct seal_key *seal, const char *secret);
/* Opens the secret. DENIED: it was sealed by another key, or is damaged. To be wiped. */
enum status identity_access_key_secret(const struct identity_access_key *key, const struct seal_key *seal,
                                       char secret[ACCESS_KEY_SECRET_MAX + 1]);
/* NOT_FOUND; CORRUPT for a document that cannot be read. After any failure there is nothing to release. Suspends. */
enum status identity_access_key_load(struct meta *meta, struct bytes id, struct identity_access_key *key);
/* From a document that was read. Does not suspend. */
enum status identity_access_key_read(struct bytes document, struct identity_access_key *key);
void identity_access_key_release(struct identity_access_key *key); /* idempotent */

/* Its row is to be that, or to go; the user's list of keys is changed beside it. */
void identity_access_key_put(struct identity_changes *changes, const struct identity_access_key *key);
void identity_access_key_remove(struct identity_changes *changes, const char *id);

#endif

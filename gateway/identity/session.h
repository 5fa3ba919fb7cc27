/* Temporary credentials: what their session token says, sealed so that nobody but the gateway reads, makes or changes
 * one. Nothing is kept of a session: all of it is in its token, which comes with each request, and whether the user or
 * the role of it is still there is looked up then.
 *
 * A token is sealed by a key of its own, which comes of the identity key and of the id of its access key (ASIA...): so
 * it opens for that id alone, and no key seals twice. */
#ifndef TERCET_GATEWAY_IDENTITY_SESSION_H
#define TERCET_GATEWAY_IDENTITY_SESSION_H

#include <stdint.h>

#include "base/seal.h"
#include "gateway/identity/access_key.h"
#include "gateway/identity/lists.h"

#define SESSION_TOKEN_MAX        16384 /* of a token, in bytes; no longer one is looked at */
#define SESSION_PACKED_BYTES_MAX 4096  /* of policies and tags in a token, as packed */
#define SESSION_POLICIES_MAX     11    /* one inline, and ten managed ones */

enum session_kind {
    SESSION_OF_USER,   /* GetSessionToken: the user itself, or root */
    SESSION_OF_ROLE,   /* AssumeRole and its kin */
    SESSION_FEDERATED, /* GetFederationToken */
};

/* What an OpenID Connect provider said of somebody: the condition keys ISSUER:sub and the like. All strings are its
 * own.
 */
struct identity_claims {
    char *issuer; /* host and path; NULL: there are no claims */
    char *subject, *audience;
    char *other_audience; /* oaud: what the audience was where the token names an authorized party; NULL: none */
    struct identity_texts methods; /* amr, each under its number */
};
void identity_claims_release(struct identity_claims *claims); /* idempotent */

/* All strings and lists are its own. */
struct identity_session {
    enum session_kind kind;
    char *key_id; /* ASIA... */
    char *secret;
    /* Of whom: a role by its name and id; a user by its id and the access key that the session was made with. Of root
     * the id is empty. */
    char *holder, *holder_id;
    char *maker, *maker_proof; /* NULL of a role; the proof says that the key has the secret that it had */
    char *name;                /* RoleSessionName, or the federated user's; empty of SESSION_OF_USER */
    int64_t issued_ms, expires_ms;
    struct identity_texts policies; /* compact JSON, each under its number */
    struct identity_texts tags;
    struct identity_names transitive; /* keys of those that go on into the sessions of further roles */
    char *source_identity;            /* NULL: none */
    struct identity_claims claims;
};

/* A new one: the id of its key, its secret and the time when it was made are filled in. */
void identity_session_begin(struct identity_session *session, enum session_kind kind, int64_t duration_seconds);
/* Says whose key it is made with. */
void identity_session_bind(struct identity_session *session, const struct seal_key *seal, struct bytes maker,
                           struct bytes maker_secret);
/* Whether the key that it was made with still has the secret that it had. */
bool identity_session_is_bound(const struct identity_session *session, const struct seal_key *seal,
                               struct bytes maker_secret);
/* How many bytes of SESSION_PACKED_BYTES_MAX its policies and tags take. */
size_t identity_session_packed_bytes(const struct identity_session *session);

/* Appends the token, base64. LIMIT: it would be longer than SESSION_TOKEN_MAX; INVALID: a text of it is no UTF-8. */
enum status identity_session_seal(const struct identity_session *session, const struct seal_key *seal,
                                  struct buffer *token);
/* DENIED: it is no token, it was changed, or it is another key's. Whether it has expired, or its user or role is gone,
 * is not looked at. After any failure there is nothing to release. */
enum status identity_session_open(const struct seal_key *seal, struct bytes key_id, struct bytes token,
                                  struct identity_session *session);
void identity_session_release(struct identity_session *session); /* wipes the secret; idempotent */

#endif

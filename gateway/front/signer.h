/* Whose key a request claims to be signed with, and by which secret that is to be verified: root's, a user's, or
 * temporary credentials, which come with their token. Nothing is verified here: until the signature is, nobody is
 * known.
 */
#ifndef TERCET_GATEWAY_SIGNER_H
#define TERCET_GATEWAY_SIGNER_H

#include "gateway/front/exchange.h"
#include "gateway/identity/session.h"

/* What temporary credentials add to whose they are: the token's own, and what is made of it for decisions. */
struct signer_session {
    struct identity_session token;
    struct policy *policies[SESSION_POLICIES_MAX];
    size_t policy_count;
    char *arn, *user_id; /* NULL of SESSION_OF_USER, which is the user itself */
    char root_arn[64];
    struct tag *tags; /* those of the user or the role that the token's do not replace, and the token's */
    size_t tag_count;
};
void signer_session_free(struct signer_session *session); /* NULL is nothing */

struct signer {
    const char *secret;         /* the exchange's, as long as its identity and its session */
    struct principal principal; /* who it is when the signature is right */
};
/* Looks the claimed key up, as of now; a user or a role is in exchange->identity then, which is empty before, and the
 * token in exchange->session, where it stays. Answers what is no key, a token that is damaged, of another key or
 * expired, and one whose user, role or access key is not what it was. Suspends. */
enum status signer_find(struct exchange *exchange, struct signer *signer);
/* The secret of the access key, root's or a user's, that a verified request was signed with; never one of temporary
 * credentials: NULL. */
const char *signer_secret(const struct exchange *exchange);

#endif

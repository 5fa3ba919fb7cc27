/* Calls of HashiCorp Vault or OpenBao: who we are there, and whether it answers. A token comes from a file, which
 * another program may replace, or from AppRole by a role id and a file with the secret id; it is renewed as long as it
 * can be, and fetched anew when it is refused. Tokens, secret ids and what is asked and answered are in no log. */
#ifndef TERCET_GATEWAY_VAULT_SESSION_H
#define TERCET_GATEWAY_VAULT_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/pool.h"

#define VAULT_PROBLEM_MAX 160

struct vault_options { /* texts are "" for none, and stay the caller's */
    const char *url;   /* https://HOST[:PORT]; http only of this host */
    const char *ca_file, *namespace;
    const char *token_file; /* or: */
    const char *role_id, *secret_id_file, *auth_mount;
    const char *mount;            /* of the transit engine */
    const char *key, *key_prefix; /* the current key's name; what Vault's names have before ours */
    uint64_t key_cache_ms;
};

struct vault_session;

/* NULL when the options are such; else what is wrong with them. */
const char *vault_options_problem(const struct vault_options *options);
struct vault_session *vault_session_create(const struct vault_options *options, struct pool *pool);
void vault_session_free(struct vault_session *session); /* no call is under way; NULL is nothing */

/* One call, within five seconds; path without /v1/. body: JSON, or empty. The answer to a 2xx is appended, and the
 * caller wipes it. NOT_FOUND: 404; INVALID: 400, *error is what it says; DENIED: 403, although the token is good;
 * UNAVAILABLE: everything else: it does not answer, is sealed, has no leader, takes no token of ours; or too many calls
 * wait. For a second after a failure calls fail at once, but those of vault_session_tend. Suspends. */
enum status vault_call(struct vault_session *session, const char *method, const char *path, struct bytes body,
                       struct buffer *answer, char error[VAULT_PROBLEM_MAX]);
/* To be called about once a second: renews the token in time, and sees whether a service that was away is back.
 * Suspends.
 */
void vault_session_tend(struct vault_session *session);

struct vault_state {
    bool away;                       /* the last call failed, or none was made */
    char problem[VAULT_PROBLEM_MAX]; /* why */
    uint64_t token_left_s;           /* UINT64_MAX: it does not end; 0: there is none */
    uint64_t calls, failures;
};
void vault_session_state(struct vault_session *session, struct vault_state *state); /* any thread */

#endif

/* What HashiCorp Vault and OpenBao answer, as far as it is needed: read strictly, since it comes from another machine.
 * INVALID: it is not such an answer. Texts of secrets within the parsed document are wiped; the body is the caller's.
 * Source: the API documentation of the transit engine, of AppRole and of tokens. */
#ifndef TERCET_GATEWAY_VAULT_ANSWER_H
#define TERCET_GATEWAY_VAULT_ANSWER_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/seal.h"

#define VAULT_ANSWER_BYTES_MAX     (256 * 1024)
#define VAULT_CIPHERTEXT_BYTES_MAX 512
#define VAULT_TOKEN_BYTES_MAX      4096
#define VAULT_TTL_MAX_S            (100u * 365 * 86400)

struct vault_lease {
    uint64_t ttl_s; /* 0: it does not end */
    bool renewable;
};

/* The first of `errors` as far as it is printable; "" when there is none. */
void vault_read_error(struct bytes body, char out[160]);
/* GET transit/keys/NAME: its newest version, and whether data can be sealed with it and bound to other data. */
enum status vault_read_key(struct bytes body, uint64_t *latest_version, bool *usable);
/* POST transit/encrypt/NAME: a text without control characters. */
enum status vault_read_ciphertext(struct bytes body, char out[VAULT_CIPHERTEXT_BYTES_MAX + 1]);
/* POST transit/decrypt/NAME: a key of 32 bytes; the caller wipes it. */
enum status vault_read_plaintext(struct bytes body, struct seal_key *key);
/* The same of a batch of count: opened[i] says whether keys[i] is there. */
enum status vault_read_batch(struct bytes body, size_t count, struct seal_key *keys, bool *opened);
/* POST auth/.../login, POST auth/token/renew-self. token may be NULL; the caller wipes it. */
enum status vault_read_auth(struct bytes body, char token[VAULT_TOKEN_BYTES_MAX], struct vault_lease *lease);
/* GET auth/token/lookup-self. */
enum status vault_read_lookup(struct bytes body, struct vault_lease *lease);

/* Version of the key in "vault:vN:..."; 0: the text is not of that form. */
uint64_t vault_ciphertext_version(struct bytes ciphertext);

#endif

/* The provider of keys (key_provider.h) whose keys stay in HashiCorp Vault or OpenBao, in its transit engine. So that
 * not every object costs a call, there is a key between: a root, random, sealed by Vault's key, whose sealed text is
 * kept with each object that it seals. Roots that Vault opened are kept for -key-cache in locked memory (key_cache.h).
 * docs/internals/encryption.md has the bytes. What the keyring sealed is opened by it, if there is one. */
#ifndef TERCET_GATEWAY_VAULT_H
#define TERCET_GATEWAY_VAULT_H

#include "gateway/keys/key_provider.h"
#include "gateway/keys/vault_session.h"

struct loop;

/* Asks for the current key from a task of the loop, for some seconds at most. NOT_FOUND, INVALID: Vault says that there
 * is none, or that it is not of a kind that is needed; explained on stderr and in the log. When Vault does not answer
 * that is OK: it may later. The provider is there in any case, to be stopped and freed. keyring may be NULL. Blocks. */
enum status vault_open(const struct vault_options *options, struct key_provider *keyring, struct pool *pool,
                       struct loop *loop, struct key_provider **provider);
/* Of any provider, or NULL: they say that there is nothing then. */
void vault_register_metrics(struct key_provider *provider);

#endif

/* What the files of the provider share: vault.c has roots and the provider, vault_transit.c the calls. */
#ifndef TERCET_GATEWAY_VAULT_INTERNAL_H
#define TERCET_GATEWAY_VAULT_INTERNAL_H

#include <pthread.h>

#include "gateway/keys/vault.h"
#include "gateway/keys/vault_answer.h"

#define VAULT_WRITERS_MAX   64 /* keys that objects are sealed with at a time */
#define VAULT_START_WAIT_MS 6000

/* The root that new objects of a key get. */
struct vault_writer {
    char name[KEY_NAME_MAX + 1];                     /* "": free */
    char ciphertext[VAULT_CIPHERTEXT_BYTES_MAX + 1]; /* "": none yet */
    uint64_t made_ms, used_ms, checked_ms;
    bool making;
};

struct vault {
    struct key_provider provider;
    struct vault_options options;
    struct key_provider *keyring;
    struct vault_session *session;
    struct key_cache *cache;
    uint64_t tend_ms, keys_kept; /* the latter atomic: in the cache */
    bool stopping;               /* atomic */
    pthread_mutex_t lock;        /* guards what follows; never held across a suspension */
    pthread_cond_t changed;
    bool first_done, running;
    enum status first;
    struct vault_writer writers[VAULT_WRITERS_MAX];
};

struct vault *vault_of(struct key_provider *provider); /* NULL: it is another kind, or NULL */
/* All suspend. NOT_FOUND, UNAVAILABLE as key_provider.h; find: INVALID: the key is of a kind that is no good. */
enum status vault_key_find(struct vault *vault, struct bytes name, uint64_t *version);
/* A random root and its sealed text, which was opened again to be sure. */
enum status vault_root_make(struct vault *vault, struct bytes name, char ciphertext[VAULT_CIPHERTEXT_BYTES_MAX + 1],
                            struct seal_key *root);
/* DENIED: it is no root of that key. */
enum status vault_root_open(struct vault *vault, struct bytes name, struct bytes ciphertext, struct seal_key *root);
/* Opens roots in use anew before their time is over, wipes those whose time is over, and sees whether keys have newer
 * versions. */
void vault_refresh(struct vault *vault);

#endif

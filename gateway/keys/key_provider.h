/* Who has the keys that objects' keys are sealed with (key-encryption keys): a keyring file, or a service in the
 * network. A key has a name, and one name is the current one: what asks for no key by name is sealed with that.
 *
 * A sealed object key says in its first byte how it was made, so each is opened by the provider that made it, and a
 * gateway that has two can read what either made. All functions are called in tasks, on any loop. They suspend where a
 * provider has to ask the network, so nobody calls them with a lock held; each comes back in bounded time. */
#ifndef TERCET_GATEWAY_KEY_PROVIDER_H
#define TERCET_GATEWAY_KEY_PROVIDER_H

#include "base/block_seal.h"
#include "base/bytes.h"

#define KEY_NAME_MAX         64 /* letters, digits, '.', '-', '_' */
#define KEY_SEALED_BYTES_MAX 1024
#define KEY_PROBLEM_MAX      160

/* Stored as the first byte of a sealed key, so a number is never given to another form. */
enum key_form {
    KEY_FORM_SEAL = 1,    /* base/seal.h, with a key that is made of the named one: key_seal() */
    KEY_FORM_SERVICE = 2, /* by a root that a service has sealed, whose sealed text stands before it: vault.c */
};

/* What a sealed key belongs to; it opens nowhere else. */
struct key_binding {
    struct bytes name;              /* of the key-encryption key */
    const struct block_seal_id *id; /* random, the object's own */
    struct bytes bound;             /* what else has to be the same */
};

struct key_provider;

struct key_provider_kind {
    enum status (*seal)(struct key_provider *provider, const struct key_binding *binding, const struct seal_key *key,
                        struct buffer *sealed);
    enum status (*open)(struct key_provider *provider, const struct key_binding *binding, struct bytes sealed,
                        struct seal_key *key);
    enum status (*find)(struct key_provider *provider, struct bytes name);
    void (*current)(struct key_provider *provider, char name[KEY_NAME_MAX + 1]);
    /* What follows may be NULL: there is no need. */
    bool (*problem)(struct key_provider *provider, char out[KEY_PROBLEM_MAX]);
    void (*stop)(struct key_provider *provider);
    void (*free)(struct key_provider *provider);
};

struct key_provider { /* the first member of what a provider is */
    const struct key_provider_kind *kind;
};

/* Appends the sealed key. NOT_FOUND: there is no key of that name; UNAVAILABLE: the provider does not answer, and what
 * is needed is not in memory; LIMIT. */
enum status key_provider_seal(struct key_provider *provider, const struct key_binding *binding,
                              const struct seal_key *key, struct buffer *sealed);
/* The caller wipes the key. NOT_FOUND, UNAVAILABLE as above; DENIED: it was not sealed with the key of that name for
 * that binding, or was changed since; CORRUPT: it has no form that this provider knows. */
enum status key_provider_open(struct key_provider *provider, const struct key_binding *binding, struct bytes sealed,
                              struct seal_key *key);
/* Whether there is a key of that name to seal with. NOT_FOUND; DENIED: it only opens any more; UNAVAILABLE. It makes
 * none. */
enum status key_provider_find(struct key_provider *provider, struct bytes name);
/* The name of the current key. Does not suspend. */
void key_provider_current(struct key_provider *provider, char name[KEY_NAME_MAX + 1]);

/* Whether it is away, and why. Any thread; does not suspend. No provider (NULL) has no problem. */
bool key_provider_problem(struct key_provider *provider, char out[KEY_PROBLEM_MAX]);
/* What it does in the background ends; blocks. Then, when no task asks it any more, its memory. NULL is nothing. The
 * keyring's belongs to the keyring. */
void key_provider_stop(struct key_provider *provider);
void key_provider_free(struct key_provider *provider);

/* The form KEY_FORM_SEAL, for providers and for keys that clients bring. Of a root one key for each object is made, so
 * that no bound on random nonces is near. key_seal: LIMIT; key_open: DENIED. Neither suspends. */
enum status key_seal(const struct seal_key *root, const struct key_binding *binding, const struct seal_key *key,
                     struct buffer *sealed);
enum status key_open(const struct seal_key *root, const struct key_binding *binding, struct bytes sealed,
                     struct seal_key *key);

bool key_name_is_valid(struct bytes name);

#endif

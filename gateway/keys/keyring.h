/* The provider of keys (key_provider.h) that needs nothing but a file: keys by name, from a file that its owner alone
 * may read:
 *
 *     # Tercet keyring
 *     key NAME 64-HEXADECIMAL-DIGITS
 *     current NAME
 *     retired NAME
 *
 * One of them is the current one: what names no key is sealed with it. A retired one opens what was sealed with it, and
 * seals nothing more. An object is lost for good with its key, so a key stays in the file as long as there may be an
 * object that needs it. All functions but those of the file may be
 * called from any thread and do not block. */
#ifndef TERCET_GATEWAY_KEYRING_H
#define TERCET_GATEWAY_KEYRING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/seal.h"
#include "gateway/keys/key_provider.h"

#define KEYRING_KEYS_MAX       256
#define KEYRING_FILE_BYTES_MAX 131072

struct keyring;

/* Reads the file. DENIED, LIMIT, IO as secret_file_read; INVALID: it is no keyring. An error is explained on stderr and
 * in the log. Blocks. */
enum status keyring_open(const char *path, struct keyring **keyring);
/* Reads it again, if there is one; on an error, which is logged, the keys stay as they are. Blocks. */
void keyring_reload(struct keyring *keyring);
void keyring_free(struct keyring *keyring); /* wipes the keys; NULL is allowed */

/* The key of that name; the caller wipes it. NOT_FOUND. */
enum status keyring_find(struct keyring *keyring, struct bytes name, struct seal_key *key);
/* Its keys for whom does not ask where they come from; the keyring's. NULL of NULL. */
struct key_provider *keyring_provider(struct keyring *keyring);

struct keyring_key {
    char name[KEY_NAME_MAX + 1];
    bool current, retired;
};
/* Its keys without what is secret, at most KEYRING_KEYS_MAX, and what generation they are: it grows whenever the keys
 * that are read again are others. NULL has none, in generation 0. */
size_t keyring_list(struct keyring *keyring, struct keyring_key *keys, uint64_t *generation);
uint64_t keyring_generation(struct keyring *keyring);

/* Adds a random key of that name to the file, which is made when it is not there, and makes it the current one. EXISTS,
 * INVALID: no name, or no keyring; the others as keyring_open. *error is a static text. Blocks. */
enum status keyring_file_add(const char *path, const char *name, const char **error);
/* Retires the key of that name. NOT_FOUND; INVALID: it is the current one, or the file is no keyring; the others
 * likewise. */
enum status keyring_file_retire(const char *path, const char *name, const char **error);

#endif

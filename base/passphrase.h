/* Keys out of passphrases. */
#ifndef TERCET_BASE_PASSPHRASE_H
#define TERCET_BASE_PASSPHRASE_H

#include "base/seal.h"

#define PASSPHRASE_SALT_LEN 16

/* By scrypt (N 131072, r 8, p 1): it takes 128 MiB and about half a second for each passphrase that somebody tries.
 * INTERNAL: there is no memory for that. Blocks. */
enum status passphrase_key(const char *passphrase, const uint8_t salt[PASSPHRASE_SALT_LEN], struct seal_key *key);

#endif

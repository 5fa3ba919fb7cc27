/* Keys out of passphrases; see the header. */
#include "base/passphrase.h"

#include <openssl/evp.h>
#include <string.h>

#define SCRYPT_N      131072
#define SCRYPT_R      8
#define SCRYPT_P      1
#define SCRYPT_MEMORY (160u << 20)

enum status passphrase_key(const char *passphrase, const uint8_t salt[PASSPHRASE_SALT_LEN], struct seal_key *key)
{
    int made = EVP_PBE_scrypt(passphrase, strlen(passphrase), salt, PASSPHRASE_SALT_LEN, SCRYPT_N, SCRYPT_R, SCRYPT_P,
                              SCRYPT_MEMORY, key->bytes, SEAL_KEY_LEN);
    return made == 1 ? STATUS_OK : STATUS_INTERNAL;
}

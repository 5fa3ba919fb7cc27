/* Answers of Vault, which may be of anybody's: whatever is read of them is within its bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "gateway/keys/vault_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char ciphertext[VAULT_CIPHERTEXT_BYTES_MAX + 1], error[160], *token = malloc(VAULT_TOKEN_BYTES_MAX);
    struct bytes body = bytes_of(data, size);
    struct seal_key keys[4];
    struct vault_lease lease;
    bool usable, opened[4];
    uint64_t version;

    vault_read_error(body, error);
    CHECK(strlen(error) < sizeof(error));
    if (vault_read_key(body, &version, &usable) == STATUS_OK)
        CHECK(version > 0);
    else
        CHECK(!usable);
    if (vault_read_ciphertext(body, ciphertext) == STATUS_OK) {
        CHECK(ciphertext[0] != '\0');
        vault_ciphertext_version(bytes_from_str(ciphertext));
    }
    STATUS_IGNORE(vault_read_plaintext(body, keys), "only its bounds are looked at");
    if (vault_read_batch(body, 4, keys, opened) != STATUS_OK)
        CHECK(!opened[0] && !opened[1] && !opened[2] && !opened[3]);
    if (vault_read_auth(body, token, &lease) == STATUS_OK) {
        CHECK(token[0] != '\0');
        CHECK(!strpbrk(token, "\r\n "));
        CHECK(lease.ttl_s <= VAULT_TTL_MAX_S);
    }
    if (vault_read_lookup(body, &lease) == STATUS_OK)
        CHECK(lease.ttl_s <= VAULT_TTL_MAX_S);
    vault_ciphertext_version(body);
    free(token);
    return 0;
}

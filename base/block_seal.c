/* Sealing a stream in blocks; see the header. The nonce is the last-block mark, three zero bytes, and the block's
 * number (u64, big-endian, as base/bytes.h has it); the associated data are the identity, the mark and the number. */
#include "base/block_seal.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"

#define KEY_LABEL "tercet stream 1"

enum { NONCE_LEN = 12, BOUND_LEN = BLOCK_SEAL_ID_LEN + 1 + 8 };
static_assert(SHA256_LEN == SEAL_KEY_LEN, "a derived key is what HMAC-SHA256 gives");

struct block_seal {
    EVP_CIPHER_CTX *cipher;
    uint8_t key[SEAL_KEY_LEN];
    uint8_t id[BLOCK_SEAL_ID_LEN];
};

uint64_t block_seal_size(uint64_t plain_bytes)
{
    uint64_t blocks = plain_bytes / BLOCK_SEAL_BYTES + (plain_bytes % BLOCK_SEAL_BYTES > 0);

    return plain_bytes > BLOCK_SEAL_SIZE_MAX ? UINT64_MAX : plain_bytes + blocks * BLOCK_SEAL_MORE;
}

uint64_t block_seal_stored_size(uint64_t plain_bytes, bool sealed)
{
    return sealed ? block_seal_size(plain_bytes) : plain_bytes;
}

void block_seal_id_create(struct block_seal_id *id)
{
    id->sealed = true;
    random_bytes(id->bytes, sizeof(id->bytes));
}

struct block_seal *block_seal_create(const struct seal_key *key, const struct block_seal_id *id)
{
    struct block_seal *seal = mem_zalloc(sizeof(*seal));
    char label[sizeof(KEY_LABEL) - 1 + BLOCK_SEAL_ID_LEN];

    CHECK(id->sealed);
    memcpy(label, KEY_LABEL, sizeof(KEY_LABEL) - 1);
    memcpy(label + sizeof(KEY_LABEL) - 1, id->bytes, BLOCK_SEAL_ID_LEN);
    hmac_sha256(bytes_of(key->bytes, SEAL_KEY_LEN), bytes_of(label, sizeof(label)), seal->key);
    memcpy(seal->id, id->bytes, BLOCK_SEAL_ID_LEN);
    seal->cipher = EVP_CIPHER_CTX_new();
    CHECK(seal->cipher);
    return seal;
}

void block_seal_free(struct block_seal *seal)
{
    if (!seal)
        return;
    EVP_CIPHER_CTX_free(seal->cipher); /* OpenSSL wipes what it holds */
    explicit_bzero(seal, sizeof(*seal));
    free(seal);
}

static void begin(struct block_seal *seal, uint64_t number, bool last, bool sealing)
{
    unsigned char nonce[NONCE_LEN] = {last};
    unsigned char bound[BOUND_LEN];
    int len = 0;

    put_u64(nonce + NONCE_LEN - 8, number);
    memcpy(bound, seal->id, BLOCK_SEAL_ID_LEN);
    bound[BLOCK_SEAL_ID_LEN] = last;
    put_u64(bound + BLOCK_SEAL_ID_LEN + 1, number);
    CHECK(EVP_CipherInit_ex(seal->cipher, EVP_aes_256_gcm(), NULL, seal->key, nonce, sealing) == 1);
    CHECK(EVP_CipherUpdate(seal->cipher, NULL, &len, bound, BOUND_LEN) == 1);
}

void block_seal_begin(struct block_seal *seal, uint64_t number, bool last)
{
    begin(seal, number, last, true);
}

void block_seal_update(struct block_seal *seal, const void *in, size_t len, void *out)
{
    int done = 0;

    CHECK(len <= BLOCK_SEAL_BYTES);
    CHECK(EVP_EncryptUpdate(seal->cipher, out, &done, in, (int)len) == 1 && done == (int)len);
}

void block_seal_end(struct block_seal *seal, uint8_t tag[BLOCK_SEAL_MORE])
{
    int done = 0;

    CHECK(EVP_EncryptFinal_ex(seal->cipher, tag, &done) == 1 && done == 0);
    CHECK(EVP_CIPHER_CTX_ctrl(seal->cipher, EVP_CTRL_GCM_GET_TAG, BLOCK_SEAL_MORE, tag) == 1);
}

enum status block_seal_open(struct block_seal *seal, uint64_t number, bool last, void *block, size_t len)
{
    unsigned char *bytes = block, tag[BLOCK_SEAL_MORE];
    int done = 0;

    if (len <= BLOCK_SEAL_MORE || len > BLOCK_SEAL_BYTES + BLOCK_SEAL_MORE)
        return STATUS_DENIED;
    size_t plain = len - BLOCK_SEAL_MORE;
    begin(seal, number, last, false);
    memcpy(tag, bytes + plain, sizeof(tag));
    CHECK(EVP_DecryptUpdate(seal->cipher, bytes, &done, bytes, (int)plain) == 1 && done == (int)plain);
    CHECK(EVP_CIPHER_CTX_ctrl(seal->cipher, EVP_CTRL_GCM_SET_TAG, BLOCK_SEAL_MORE, tag) == 1);
    if (EVP_DecryptFinal_ex(seal->cipher, tag, &done) == 1)
        return STATUS_OK;
    explicit_bzero(bytes, plain);
    return STATUS_DENIED;
}

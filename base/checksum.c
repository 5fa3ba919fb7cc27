/* CRC32 and CRC32C by ISA-L, digests and HMAC by OpenSSL, and the joining of CRCs. CRC64NVME is in
 * crc64nvme.c.
 *
 * Algorithms are fetched from OpenSSL once: a fetch takes locks and costs more than the digest of a small
 * body. HMAC is written out over the digests, because OpenSSL's one-shot form fetches at every call and a
 * signature needs five of them. */
#include "base/checksum.h"

#include <isa-l/crc.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#include "base/check.h"

#define CRC32_POLYNOMIAL     UINT64_C(0xedb88320) /* all reflected */
#define CRC32C_POLYNOMIAL    UINT64_C(0x82f63b78)
#define CRC64NVME_POLYNOMIAL UINT64_C(0x9a6c9329ac4bc9b5)

#define CRC_PIECE_MAX   ((size_t)1 << 30) /* crc32_iscsi takes an int */
#define HMAC_BLOCK_SIZE 64                /* of SHA-1 and of SHA-256 */
#define DIGEST_LEN_MAX  SHA256_LEN

uint32_t crc32_update(uint32_t crc, const void *data, size_t len)
{
    return len ? crc32_gzip_refl(crc, data, len) : crc;
}

uint32_t crc32c_update(uint32_t crc, const void *data, size_t len)
{
    /* ISA-L leaves the inversion before and after to the caller here, but not in crc32_gzip_refl. */
    const unsigned char *at = data;

    while (len) {
        size_t piece = len < CRC_PIECE_MAX ? len : CRC_PIECE_MAX;
        crc = ~crc32_iscsi((unsigned char *)at, (int)piece, ~crc);
        at += piece;
        len -= piece;
    }
    return crc;
}

/* The product of two polynomials modulo a third. Reflected: the bit `one` is x^0, the bit to its right x^1. The bits
 * are as good as random: without branches on them it takes half the time. */
static uint64_t crc_multiply(uint64_t a, uint64_t b, uint64_t polynomial, uint64_t one)
{
    uint64_t product = 0;

    for (uint64_t bit = one; bit; bit >>= 1) {
        product ^= b & -(uint64_t)((a & bit) != 0);
        b = b >> 1 ^ (polynomial & -(b & 1));
    }
    return product;
}

/* Appending n bytes multiplies a CRC by x^(8n), which this returns; the inversions at both ends cancel out. */
static uint64_t crc_power(uint64_t len, uint64_t polynomial, uint64_t one)
{
    uint64_t result = one, power = one >> 8; /* x^0, x^8 */

    for (; len; len >>= 1) {
        if (len & 1)
            result = crc_multiply(result, power, polynomial, one);
        power = crc_multiply(power, power, polynomial, one);
    }
    return result;
}

static uint64_t crc_combine(uint64_t crc_a, uint64_t crc_b, uint64_t len_b, uint64_t polynomial, uint64_t one)
{
    return crc_multiply(crc_a, crc_power(len_b, polynomial, one), polynomial, one) ^ crc_b;
}

uint32_t crc32_combine_lengths(uint32_t crc_a, uint32_t crc_b, uint64_t len_b)
{
    return (uint32_t)crc_combine(crc_a, crc_b, len_b, CRC32_POLYNOMIAL, UINT64_C(1) << 31);
}

/* Blocks of a chunk are joined one after the other, and all are of one length. */
uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t len_b)
{
    static __thread uint64_t known_len, known_power; /* 0: none yet */
    uint64_t one = UINT64_C(1) << 31;

    if (known_len != len_b || known_power == 0) {
        known_power = crc_power(len_b, CRC32C_POLYNOMIAL, one);
        known_len = len_b;
    }
    return (uint32_t)crc_multiply(crc_a, known_power, CRC32C_POLYNOMIAL, one) ^ crc_b;
}

uint64_t crc64nvme_combine(uint64_t crc_a, uint64_t crc_b, uint64_t len_b)
{
    return crc_combine(crc_a, crc_b, len_b, CRC64NVME_POLYNOMIAL, UINT64_C(1) << 63);
}

static EVP_MD *algorithms[4]; /* by enum digest_type; written once, before any reader */

static void fetch_algorithms(void)
{
    algorithms[DIGEST_MD5] = EVP_MD_fetch(NULL, "MD5", NULL);
    algorithms[DIGEST_SHA1] = EVP_MD_fetch(NULL, "SHA1", NULL);
    algorithms[DIGEST_SHA256] = EVP_MD_fetch(NULL, "SHA256", NULL);
    algorithms[DIGEST_SHA512] = EVP_MD_fetch(NULL, "SHA512", NULL);
    for (unsigned i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); ++i)
        CHECK(algorithms[i] != NULL);
}

static const EVP_MD *digest_algorithm(enum digest_type type)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(pthread_once(&once, fetch_algorithms) == 0);
    return algorithms[type];
}

void digest_init(struct digest *digest, enum digest_type type)
{
    digest->context = EVP_MD_CTX_new();
    CHECK(digest->context != NULL);
    CHECK(EVP_DigestInit_ex(digest->context, digest_algorithm(type), NULL) == 1);
}

void digest_update(struct digest *digest, const void *data, size_t len)
{
    CHECK(EVP_DigestUpdate(digest->context, data, len) == 1);
}

void digest_final(struct digest *digest, void *out)
{
    CHECK(EVP_DigestFinal_ex(digest->context, out, NULL) == 1);
    digest_release(digest);
}

void digest_release(struct digest *digest)
{
    EVP_MD_CTX_free(digest->context);
    digest->context = NULL;
}

void md5_of(const void *data, size_t len, uint8_t out[MD5_LEN])
{
    CHECK(EVP_Digest(data, len, out, NULL, digest_algorithm(DIGEST_MD5), NULL) == 1);
}

void sha256_of(const void *data, size_t len, uint8_t out[SHA256_LEN])
{
    CHECK(EVP_Digest(data, len, out, NULL, digest_algorithm(DIGEST_SHA256), NULL) == 1);
}

/* One pass of RFC 2104: the digest of (key XOR pad) followed by the message. */
static void hmac_pass(EVP_MD_CTX *context, const EVP_MD *algorithm, const uint8_t key[HMAC_BLOCK_SIZE], uint8_t pad,
                      const void *message, size_t len, uint8_t *out)
{
    uint8_t block[HMAC_BLOCK_SIZE];

    for (unsigned i = 0; i < HMAC_BLOCK_SIZE; ++i)
        block[i] = key[i] ^ pad;
    CHECK(EVP_DigestInit_ex(context, algorithm, NULL) == 1);
    CHECK(EVP_DigestUpdate(context, block, sizeof block) == 1);
    CHECK(EVP_DigestUpdate(context, message, len) == 1);
    CHECK(EVP_DigestFinal_ex(context, out, NULL) == 1);
    OPENSSL_cleanse(block, sizeof block);
}

static void hmac_of(enum digest_type type, size_t digest_len, struct bytes key, struct bytes message, uint8_t *out)
{
    const EVP_MD *algorithm = digest_algorithm(type);
    uint8_t block[HMAC_BLOCK_SIZE] = {0}, inner[DIGEST_LEN_MAX];
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    CHECK(context != NULL);
    if (key.len > HMAC_BLOCK_SIZE)
        CHECK(EVP_Digest(key.data, key.len, block, NULL, algorithm, NULL) == 1);
    else if (key.len)
        memcpy(block, key.data, key.len);
    hmac_pass(context, algorithm, block, 0x36, message.data, message.len, inner);
    hmac_pass(context, algorithm, block, 0x5c, inner, digest_len, out);
    OPENSSL_cleanse(block, sizeof block);
    EVP_MD_CTX_free(context);
}

void hmac_sha256(struct bytes key, struct bytes message, uint8_t out[SHA256_LEN])
{
    hmac_of(DIGEST_SHA256, SHA256_LEN, key, message, out);
}

void hmac_sha1(struct bytes key, struct bytes message, uint8_t out[SHA1_LEN])
{
    hmac_of(DIGEST_SHA1, SHA1_LEN, key, message, out);
}

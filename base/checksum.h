/* Checksums. CRCs by ISA-L (CRC32, CRC32C) and PCLMUL (CRC64NVME); digests by OpenSSL. All CRC functions take the
 * running value of the bytes before (0 at first), so that pieces can be chained. */
#ifndef TERCET_BASE_CHECKSUM_H
#define TERCET_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

uint32_t crc32_update(uint32_t crc, const void *data, size_t len);     /* ISO-HDLC, as zlib */
uint32_t crc32c_update(uint32_t crc, const void *data, size_t len);    /* Castagnoli */
uint64_t crc64nvme_update(uint64_t crc, const void *data, size_t len); /* check value ae8b14860a799888 */

/* The CRC of A followed by B, from theirs and B's length. O(log len_b); crc32c_combine with the length of the call
 * before on this thread: at once. */
uint32_t crc32_combine_lengths(uint32_t crc_a, uint32_t crc_b, uint64_t len_b);
uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t len_b);
uint64_t crc64nvme_combine(uint64_t crc_a, uint64_t crc_b, uint64_t len_b);

#define MD5_LEN    16
#define SHA1_LEN   20
#define SHA256_LEN 32
#define SHA512_LEN 64

enum digest_type { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512 };

/* A running digest. init allocates the OpenSSL context; release is idempotent. */
struct digest {
    void *context;
};
void digest_init(struct digest *digest, enum digest_type type);
void digest_update(struct digest *digest, const void *data, size_t len);
void digest_final(struct digest *digest, void *out); /* out as long as the type's length; the digest ends */
void digest_release(struct digest *digest);

void md5_of(const void *data, size_t len, uint8_t out[MD5_LEN]);
void sha256_of(const void *data, size_t len, uint8_t out[SHA256_LEN]);
void hmac_sha256(struct bytes key, struct bytes message, uint8_t out[SHA256_LEN]);
void hmac_sha1(struct bytes key, struct bytes message, uint8_t out[SHA1_LEN]);

#endif

/* MD5 (RFC 1321), which ETags are made of, of several messages at once. The steps of one message wait for each other;
 * those of several fill the lanes of vector registers, and eight messages cost hardly more than one. */
#ifndef TERCET_BASE_MD5_H
#define TERCET_BASE_MD5_H

#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"

#define MD5_BLOCK_BYTES  64u
#define MD5_MESSAGES_MAX 16u

/* A message as far as it was hashed; holds nothing that had to be released. */
struct md5 {
    uint32_t words[4];
    uint64_t len;
    uint8_t rest[MD5_BLOCK_BYTES]; /* the last len % MD5_BLOCK_BYTES bytes */
};

void md5_init(struct md5 *md5);
void md5_update(struct md5 *md5, const void *data, size_t len);
void md5_final(const struct md5 *md5, uint8_t out[MD5_LEN]);

/* Goes on with `blocks` whole blocks of each message: message i with those at data[i]. Each of them has to be at the
 * begin of a block (md5->len), and count from 1 to MD5_MESSAGES_MAX. */
void md5_update_together(struct md5 *const messages[], const uint8_t *const data[], unsigned count, size_t blocks);

/* The ways to do that which this processor knows, for tests: the one at index, NULL beyond the last. */
struct md5_kernel {
    const char *name;
    unsigned lanes;
    void (*run)(uint32_t *const words[], const uint8_t *const data[], size_t blocks); /* `lanes` of each */
};
const struct md5_kernel *md5_kernel_at(unsigned index);

#endif

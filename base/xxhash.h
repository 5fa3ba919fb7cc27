/* XXH64, XXH3 and XXH128, with seed 0, as S3 has them among its checksums: fast, and no protection against intent. */
#ifndef TERCET_BASE_XXHASH_H
#define TERCET_BASE_XXHASH_H

#include <stddef.h>

#define XXHASH_LEN_MAX 16 /* of XXH128; the others have 8 */

enum xxhash_type { XXHASH_64, XXHASH_3, XXHASH_128 };

/* A running hash. init allocates the library's state; release is idempotent. */
struct xxhash {
    enum xxhash_type type;
    void *state;
};
void xxhash_init(struct xxhash *hash, enum xxhash_type type);
void xxhash_update(struct xxhash *hash, const void *data, size_t len);
void xxhash_final(struct xxhash *hash, void *out); /* in big-endian order; the hash ends */
void xxhash_release(struct xxhash *hash);

#endif

/* Sealing a stream of bytes in blocks, so that any range of it can be read, and nothing of it changed, moved, repeated,
 * cut off or taken from another stream. AES-256-GCM over blocks of 64 KiB, each followed by its tag; number, last-block
 * mark and the stream's identity are bound to each (docs/internals/encryption.md has the bytes). A stream's key is
 * derived from a random key and its random identity, so no nonce is ever used twice with it: a stream is sealed once.
 * Belongs to one task at a time. Plain computing: some 20 us a block. */
#ifndef TERCET_BASE_BLOCK_SEAL_H
#define TERCET_BASE_BLOCK_SEAL_H

#include <stdbool.h>

#include "base/seal.h"

#define BLOCK_SEAL_BYTES    65536 /* plain bytes of every block but the last, which has 1 to so many */
#define BLOCK_SEAL_MORE     16    /* so many bytes longer is a sealed block */
#define BLOCK_SEAL_ID_LEN   32
#define BLOCK_SEAL_SIZE_MAX (INT64_MAX / 2) /* of a stream's plain bytes */

/* Which stream, and that it is sealed: what is kept of a part. */
struct block_seal_id {
    bool sealed; /* false: the bytes are as they are, and there is no identity */
    uint8_t bytes[BLOCK_SEAL_ID_LEN];
};

/* How long a stream of so many bytes is when it is sealed. An empty one has no blocks. */
uint64_t block_seal_size(uint64_t plain_bytes);
/* The same for one that is sealed or not. */
uint64_t block_seal_stored_size(uint64_t plain_bytes, bool sealed);
void block_seal_id_create(struct block_seal_id *id);

struct block_seal;

struct block_seal *block_seal_create(const struct seal_key *key, const struct block_seal_id *id);
void block_seal_free(struct block_seal *seal); /* wipes it; NULL is allowed */
/* A block in pieces: as many bytes as came in are put at `out`, which is not `in`; then the tag. */
void block_seal_begin(struct block_seal *seal, uint64_t number, bool last);
void block_seal_update(struct block_seal *seal, const void *in, size_t len, void *out);
void block_seal_end(struct block_seal *seal, uint8_t tag[BLOCK_SEAL_MORE]);
/* Opens a whole block in its place, len with its tag. DENIED when it is not that block of that stream: what is there
 * then is wiped. */
enum status block_seal_open(struct block_seal *seal, uint64_t number, bool last, void *block, size_t len);

#endif

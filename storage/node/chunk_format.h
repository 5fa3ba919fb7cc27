/* The stored form of a chunk: a head (header and table of block checksums), then the payload.
 *
 * A small chunk is one database value: head and payload back to back. A large chunk is a file: the head, zeros up to
 * CHUNK_FILE_PAYLOAD_OFFSET, the payload. The head's own CRC32C covers header and table, so a flipped bit anywhere is
 * noticed: in the head by that, in the payload by the table. All integers are big-endian.
 *
 *    0  8  magic                   48  4  payload size
 *    8  2  format version, 1       52  4  CRC32C of the payload
 *   10  2  zero                    56  8  stored at, wall clock milliseconds
 *   12  4  bytes in a block        64 12  zero
 *   16 16  cluster id              76  4  CRC32C of bytes 0-75 and of the table
 *   32 16  chunk id                80     table: one CRC32C for each block
 *
 * Pure functions over bytes; nothing here does I/O. */
#ifndef TERCET_STORAGE_NODE_CHUNK_FORMAT_H
#define TERCET_STORAGE_NODE_CHUNK_FORMAT_H

#include <stdint.h>

#include "base/chunk.h"
#include "base/status.h"
#include "storage/protocol.h"

#define CHUNK_FORMAT_VERSION      1
#define CHUNK_HEADER_BYTES        80u
#define CHUNK_HEAD_BYTES_MAX      (CHUNK_HEADER_BYTES + 4u * CHUNK_BLOCKS_MAX)
#define CHUNK_FILE_PAYLOAD_OFFSET 4096u

/* What a head says. */
struct chunk_head {
    uint8_t cluster[CLUSTER_ID_LEN];
    struct chunk_id id;
    uint32_t size; /* of the payload: 1 ... CHUNK_BYTES_MAX */
    uint32_t crc32c;
    int64_t stored_ms;
    uint32_t table[CHUNK_BLOCKS_MAX]; /* chunk_block_count(size) of them are used */
};

/* The checksums of a payload that arrives in pieces. Zero-initialise. */
struct chunk_sums {
    uint32_t size;
    uint32_t crc32c;
    uint32_t table[CHUNK_BLOCKS_MAX];
};

/* STATUS_LIMIT beyond CHUNK_BYTES_MAX; then nothing was added. */
enum status chunk_sums_update(struct chunk_sums *sums, const void *data, size_t len);

/* Bytes that the head of a chunk of that size takes, without padding. */
uint32_t chunk_head_len(uint32_t size);
/* Writes chunk_head_len(head->size) bytes. */
void chunk_head_encode(const struct chunk_head *head, uint8_t *out);
/* data may be longer than the head. STATUS_CORRUPT unless it is an intact head of this chunk in this cluster. */
enum status chunk_head_decode(struct bytes data, const uint8_t cluster[CLUSTER_ID_LEN], const struct chunk_id *id,
                              struct chunk_head *head);
/* How many payload bytes block `index` has. */
uint32_t chunk_block_len(const struct chunk_head *head, uint32_t index);
/* Whether the payload of `count` blocks from `first` on, which lies at data, matches the table. */
enum status chunk_blocks_verify(const struct chunk_head *head, uint32_t first, uint32_t count, const void *data);
/* The table as the protocol sends it: big-endian, 4 bytes for each block. */
void chunk_table_encode(const uint32_t *table, uint32_t count, uint8_t *out);

#endif

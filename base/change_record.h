/* A database's changes as gateway and nodes exchange them: what meta/ (which makes and takes them) and storage/ (which
 * keeps replicas) must agree on. Knows families by number and keys by their bytes, nothing of their meaning.
 *
 * A record is one atomic step: CHANGE_HEADER_LEN bytes (u32 "TMR1", u32 payload length, u64 epoch, u64 first sequence,
 * u32 count, u32 CRC32C of the 28 bytes before and the payload), then `count` changes (u8 kind, u8 family, u16 key
 * length, u32 value length, key, value), all big-endian. Change i of a record has sequence first + i. A snapshot's
 * pages are records too, of puts without sequences of their own: first and count only count.
 *
 * A carried block brings the bytes of small chunks with the record that it stands before: CARRIED_HEADER_LEN bytes (u32
 * "TMC1", u32 payload length, u32 count, u8 number of nodes, u8 nodes[4], 3 bytes zero, u32 CRC32C of the head of
 * each chunk and the 20 bytes before), then `count` chunks, each a head (chunk id, u32 size, u32 CRC32C of the bytes)
 * and the bytes. So all of it is under a checksum, and whoever has the chunks' need not go over the bytes again.
 *
 * The epoch says which process made the changes, of those that had the database one after the other: its upper half is
 * a generation, higher than all before; the lower half is random, so that two that went on from the same state are told
 * apart. */
#ifndef TERCET_BASE_CHANGE_RECORD_H
#define TERCET_BASE_CHANGE_RECORD_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/chunk.h"

#define CHANGE_HEADER_LEN  32
#define CHANGE_PAYLOAD_MAX (64u << 20) /* the rows of the largest object, and more */
#define CHANGE_RECORD_MAX  (CHANGE_HEADER_LEN + CHANGE_PAYLOAD_MAX)
#define CHANGE_PAGE_BYTES  (1u << 20) /* of a snapshot, and what is shipped at a time */

#define CARRIED_HEADER_LEN     24
#define CARRIED_CHUNK_HEAD_LEN 24
#define CARRIED_CHUNK_MAX      (1u << 20)
#define CARRIED_PAYLOAD_MAX    (16u << 20)
#define CARRIED_BLOCK_MAX      (CARRIED_HEADER_LEN + CARRIED_PAYLOAD_MAX)
#define CHANGE_BATCH_MAX       (CARRIED_BLOCK_MAX + CHANGE_RECORD_MAX) /* of what is sent at a time */

enum change_kind { CHANGE_PUT = 1, CHANGE_DELETE = 2 };

struct change {
    enum change_kind kind;
    uint8_t family;
    struct bytes key, value;
};

struct change_record {
    uint64_t epoch, first;
    uint32_t count;
    struct bytes payload;
};

/* A small chunk that is sent with the record that refers to it. */
struct carried_chunk {
    struct chunk_id id;
    uint32_t size, crc32c; /* size: 1 to CARRIED_CHUNK_MAX */
    const char *bytes;
};

/* The nodes that are to hold the chunks of a block, in the order of their chunk rows. */
struct carried_set {
    uint8_t count; /* at least 1 */
    uint8_t nodes[CHUNK_COPIES_MAX];
};

struct carried_block {
    struct carried_set set;
    uint32_t count; /* of chunks, at least 1 */
    struct bytes payload;
};

static inline uint32_t change_generation(uint64_t epoch)
{
    return (uint32_t)(epoch >> 32);
}
/* An epoch of that generation. */
uint64_t change_epoch_create(uint32_t generation);

/* ---- writing: reserve a header, append changes, seal ----------------------------------------------------------- */
/* Appends room for a header; *start is where the record begins. All return STATUS_LIMIT beyond the buffer's maximum. */
enum status change_record_begin(struct buffer *out, size_t *start);
enum status change_append(struct buffer *out, const struct change *change);
/* Fills the header in. STATUS_LIMIT beyond CHANGE_PAYLOAD_MAX. */
enum status change_record_seal(struct buffer *out, size_t start, uint64_t epoch, uint64_t first, uint32_t count);

/* The same for a carried block. carried_append copies the bytes, whose checksum is taken as it is given. STATUS_LIMIT
 * beyond the buffer's maximum or CARRIED_PAYLOAD_MAX: then nothing was appended. */
enum status carried_block_begin(struct buffer *out, size_t *start);
enum status carried_append(struct buffer *out, size_t start, const struct carried_chunk *chunk);
void carried_block_seal(struct buffer *out, size_t start, const struct carried_set *set);

/* ---- reading: nothing is believed ------------------------------------------------------------------------------ */
/* Takes the next record off. NOT_FOUND at the end, CORRUPT when it is malformed or its checksum is wrong. The changes
 * of a record that was taken are well formed and as many as it says. */
enum status change_record_next(struct bytes *records, struct change_record *record);
/* Takes the next change off the payload of such a record. NOT_FOUND at the end. */
enum status change_next(struct bytes *payload, struct change *change);

/* Takes a carried block off, when one comes next; NOT_FOUND when something else does, or nothing. CORRUPT when it is
 * malformed or its checksum is wrong. The chunks of a block that was taken are well formed and as many as it says;
 * their bytes are unchecked. */
enum status carried_block_next(struct bytes *records, struct carried_block *block);
/* Takes the next chunk off the payload of such a block. NOT_FOUND at the end. */
enum status carried_chunk_next(struct bytes *payload, struct carried_chunk *chunk);
/* STATUS_CORRUPT when the bytes do not have the chunk's checksum. A node, which computes that anyway, compares it
 * itself. */
static inline enum status carried_chunk_verify(const struct carried_chunk *chunk)
{
    return crc32c_update(0, chunk->bytes, chunk->size) == chunk->crc32c ? STATUS_OK : STATUS_CORRUPT;
}

#endif

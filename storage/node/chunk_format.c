/* Encoding and checking of stored chunks; the layout is in the header.
 * What is decoded comes from a disk and may be anything: no field is used before the head's CRC32C has been checked,
 * but for the size, which says how long the table is and is bounded first. */
#include "storage/node/chunk_format.h"

#include <assert.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"

#define OFFSET_VERSION     8
#define OFFSET_BLOCK_BYTES 12
#define OFFSET_CLUSTER     16
#define OFFSET_ID          32
#define OFFSET_SIZE        48
#define OFFSET_CRC         52
#define OFFSET_STORED      56
#define OFFSET_RESERVED    64
#define OFFSET_HEAD_CRC    76

static const uint8_t chunk_magic[8] = {'t', 'e', 'r', 'c', 'e', 't', 'C', 'K'};

static_assert(OFFSET_HEAD_CRC + 4 == CHUNK_HEADER_BYTES, "header layout");
static_assert(CHUNK_HEAD_BYTES_MAX <= CHUNK_FILE_PAYLOAD_OFFSET, "the head fits before the payload");

enum status chunk_sums_update(struct chunk_sums *sums, const void *data, size_t len)
{
    const char *next = data;
    if (len > CHUNK_BYTES_MAX - sums->size)
        return STATUS_LIMIT;
    if (len <= CHUNK_BLOCK_BYTES - sums->size % CHUNK_BLOCK_BYTES && sums->size < CHUNK_BLOCK_BYTES) {
        sums->crc32c = sums->table[0] = crc32c_update(sums->crc32c, data, len); /* one block is the whole, so far */
        sums->size += (uint32_t)len;
        return STATUS_OK;
    }
    while (len) {
        uint32_t *block = &sums->table[sums->size / CHUNK_BLOCK_BYTES];
        size_t room = CHUNK_BLOCK_BYTES - sums->size % CHUNK_BLOCK_BYTES;
        size_t part = len < room ? len : room;
        *block = crc32c_update(*block, next, part);
        if (part == CHUNK_BLOCK_BYTES) /* the payload's follows from the block's: one pass over the bytes */
            sums->crc32c = crc32c_combine(sums->crc32c, *block, part);
        else
            sums->crc32c = crc32c_update(sums->crc32c, next, part);
        next += part;
        len -= part;
        sums->size += (uint32_t)part;
    }
    return STATUS_OK;
}

uint32_t chunk_head_len(uint32_t size)
{
    return CHUNK_HEADER_BYTES + 4 * chunk_block_count(size);
}

static uint32_t head_crc(const uint8_t *data, uint32_t head_len)
{
    uint32_t crc = crc32c_update(0, data, OFFSET_HEAD_CRC);
    return crc32c_update(crc, data + CHUNK_HEADER_BYTES, head_len - CHUNK_HEADER_BYTES);
}

void chunk_head_encode(const struct chunk_head *head, uint8_t *out)
{
    CHECK(head->size >= 1 && head->size <= CHUNK_BYTES_MAX);
    memset(out, 0, CHUNK_HEADER_BYTES);
    memcpy(out, chunk_magic, sizeof(chunk_magic));
    put_u16(out + OFFSET_VERSION, CHUNK_FORMAT_VERSION);
    put_u32(out + OFFSET_BLOCK_BYTES, CHUNK_BLOCK_BYTES);
    memcpy(out + OFFSET_CLUSTER, head->cluster, CLUSTER_ID_LEN);
    memcpy(out + OFFSET_ID, head->id.bytes, CHUNK_ID_LEN);
    put_u32(out + OFFSET_SIZE, head->size);
    put_u32(out + OFFSET_CRC, head->crc32c);
    put_u64(out + OFFSET_STORED, (uint64_t)head->stored_ms);
    chunk_table_encode(head->table, chunk_block_count(head->size), out + CHUNK_HEADER_BYTES);
    put_u32(out + OFFSET_HEAD_CRC, head_crc(out, chunk_head_len(head->size)));
}

enum status chunk_head_decode(struct bytes data, const uint8_t cluster[CLUSTER_ID_LEN], const struct chunk_id *id,
                              struct chunk_head *head)
{
    static const uint8_t zeros[OFFSET_HEAD_CRC - OFFSET_RESERVED];
    const uint8_t *in = (const uint8_t *)data.data;
    if (data.len < CHUNK_HEADER_BYTES)
        return STATUS_CORRUPT;
    uint32_t size = get_u32(in + OFFSET_SIZE);
    if (size < 1 || size > CHUNK_BYTES_MAX || data.len < chunk_head_len(size))
        return STATUS_CORRUPT;
    if (get_u32(in + OFFSET_HEAD_CRC) != head_crc(in, chunk_head_len(size)))
        return STATUS_CORRUPT;
    if (memcmp(in, chunk_magic, sizeof(chunk_magic)) != 0 || get_u16(in + OFFSET_VERSION) != CHUNK_FORMAT_VERSION ||
        get_u16(in + OFFSET_VERSION + 2) != 0 || get_u32(in + OFFSET_BLOCK_BYTES) != CHUNK_BLOCK_BYTES ||
        memcmp(in + OFFSET_RESERVED, zeros, sizeof(zeros)) != 0)
        return STATUS_CORRUPT;
    if (memcmp(in + OFFSET_CLUSTER, cluster, CLUSTER_ID_LEN) != 0 ||
        memcmp(in + OFFSET_ID, id->bytes, CHUNK_ID_LEN) != 0)
        return STATUS_CORRUPT;
    memcpy(head->cluster, cluster, CLUSTER_ID_LEN);
    head->id = *id;
    head->size = size;
    head->crc32c = get_u32(in + OFFSET_CRC);
    head->stored_ms = (int64_t)get_u64(in + OFFSET_STORED);
    for (uint32_t i = 0; i < chunk_block_count(size); i++)
        head->table[i] = get_u32(in + CHUNK_HEADER_BYTES + 4 * i);
    return STATUS_OK;
}

uint32_t chunk_block_len(const struct chunk_head *head, uint32_t index)
{
    uint32_t offset = index * CHUNK_BLOCK_BYTES;
    uint32_t rest = head->size - offset;
    CHECK(offset < head->size);
    return rest < CHUNK_BLOCK_BYTES ? rest : CHUNK_BLOCK_BYTES;
}

enum status chunk_blocks_verify(const struct chunk_head *head, uint32_t first, uint32_t count, const void *data)
{
    const char *block = data;
    for (uint32_t i = first; i < first + count; i++) {
        uint32_t len = chunk_block_len(head, i);
        if (crc32c_update(0, block, len) != head->table[i])
            return STATUS_CORRUPT;
        block += len;
    }
    return STATUS_OK;
}

void chunk_table_encode(const uint32_t *table, uint32_t count, uint8_t *out)
{
    for (uint32_t i = 0; i < count; i++)
        put_u32(out + 4 * i, table[i]);
}

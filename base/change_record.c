/* See the header. */
#include "base/change_record.h"

#include <string.h>

#include "base/check.h"
#include "base/checksum.h"

#define MAGIC             0x544d5231u /* TMR1 */
#define CHANGE_FIXED_LEN  8
#define HEADER_SIGNED_LEN (CHANGE_HEADER_LEN - 4)

#define CARRIED_MAGIC      0x544d4331u /* TMC1 */
#define CARRIED_SIGNED_LEN (CARRIED_HEADER_LEN - 4)

uint64_t change_epoch_create(uint32_t generation)
{
    uint32_t random;
    random_bytes(&random, sizeof(random));
    return (uint64_t)generation << 32 | random;
}

enum status change_record_begin(struct buffer *out, size_t *start)
{
    static const char header[CHANGE_HEADER_LEN];
    *start = out->len;
    return buffer_append(out, header, sizeof(header));
}

enum status change_append(struct buffer *out, const struct change *change)
{
    uint8_t fixed[CHANGE_FIXED_LEN];
    if (change->key.len > UINT16_MAX || change->value.len > CHANGE_PAYLOAD_MAX)
        return STATUS_LIMIT;
    char *space = buffer_reserve(out, sizeof(fixed) + change->key.len + change->value.len);
    if (!space)
        return STATUS_LIMIT;
    fixed[0] = (uint8_t)change->kind;
    fixed[1] = change->family;
    put_u16(fixed + 2, (uint16_t)change->key.len);
    put_u32(fixed + 4, (uint32_t)change->value.len);
    CHECK(buffer_append(out, fixed, sizeof(fixed)) == STATUS_OK);
    CHECK(buffer_append_bytes(out, change->key) == STATUS_OK);
    return buffer_append_bytes(out, change->value);
}

static uint32_t record_checksum(const char *header, struct bytes payload)
{
    return crc32c_update(crc32c_update(0, header, HEADER_SIGNED_LEN), payload.data, payload.len);
}

enum status change_record_seal(struct buffer *out, size_t start, uint64_t epoch, uint64_t first, uint32_t count)
{
    CHECK(out->len >= start + CHANGE_HEADER_LEN);
    char *header = out->data + start;
    struct bytes payload = bytes_of(header + CHANGE_HEADER_LEN, out->len - start - CHANGE_HEADER_LEN);
    if (payload.len > CHANGE_PAYLOAD_MAX)
        return STATUS_LIMIT;
    put_u32(header, MAGIC);
    put_u32(header + 4, (uint32_t)payload.len);
    put_u64(header + 8, epoch);
    put_u64(header + 16, first);
    put_u32(header + 24, count);
    put_u32(header + HEADER_SIGNED_LEN, record_checksum(header, payload));
    return STATUS_OK;
}

enum status change_next(struct bytes *payload, struct change *change)
{
    if (payload->len == 0)
        return STATUS_NOT_FOUND;
    if (payload->len < CHANGE_FIXED_LEN)
        return STATUS_CORRUPT;
    const uint8_t *fixed = (const uint8_t *)payload->data;
    size_t key_len = get_u16(fixed + 2), value_len = get_u32(fixed + 4);
    size_t left = payload->len - CHANGE_FIXED_LEN;
    if ((fixed[0] != CHANGE_PUT && fixed[0] != CHANGE_DELETE) || key_len > left || value_len > left - key_len)
        return STATUS_CORRUPT;
    const char *key = payload->data + CHANGE_FIXED_LEN;
    *change = (struct change){fixed[0], fixed[1], bytes_of(key, key_len), bytes_of(key + key_len, value_len)};
    *payload = bytes_of(key + key_len + value_len, left - key_len - value_len);
    return STATUS_OK;
}

static bool changes_well_formed(const struct change_record *record)
{
    struct bytes payload = record->payload;
    struct change change;
    uint32_t count = 0;
    enum status status;
    while ((status = change_next(&payload, &change)) == STATUS_OK)
        count++;
    return status == STATUS_NOT_FOUND && count == record->count;
}

enum status change_record_next(struct bytes *records, struct change_record *record)
{
    const char *header = records->data;
    if (records->len == 0)
        return STATUS_NOT_FOUND;
    if (records->len < CHANGE_HEADER_LEN || get_u32(header) != MAGIC)
        return STATUS_CORRUPT;
    uint32_t len = get_u32(header + 4);
    if (len > CHANGE_PAYLOAD_MAX || len > records->len - CHANGE_HEADER_LEN)
        return STATUS_CORRUPT;
    *record = (struct change_record){
        .epoch = get_u64(header + 8),
        .first = get_u64(header + 16),
        .count = get_u32(header + 24),
        .payload = bytes_of(header + CHANGE_HEADER_LEN, len),
    };
    if (get_u32(header + HEADER_SIGNED_LEN) != record_checksum(header, record->payload) ||
        record->first > UINT64_MAX - record->count || !changes_well_formed(record))
        return STATUS_CORRUPT;
    *records = bytes_of(header + CHANGE_HEADER_LEN + len, records->len - CHANGE_HEADER_LEN - len);
    return STATUS_OK;
}

/* ---- carried blocks ---------------------------------------------------------------------------------------------- */

enum status carried_block_begin(struct buffer *out, size_t *start)
{
    static const char header[CARRIED_HEADER_LEN];
    *start = out->len;
    return buffer_append(out, header, sizeof(header));
}

enum status carried_append(struct buffer *out, size_t start, const struct carried_chunk *chunk)
{
    uint8_t head[CARRIED_CHUNK_HEAD_LEN];
    size_t payload_len = out->len - start - CARRIED_HEADER_LEN, len = sizeof(head) + chunk->size;
    CHECK(chunk->size > 0 && chunk->size <= CARRIED_CHUNK_MAX);
    if (len > CARRIED_PAYLOAD_MAX - payload_len || !buffer_reserve(out, len))
        return STATUS_LIMIT;
    memcpy(head, chunk->id.bytes, CHUNK_ID_LEN);
    put_u32(head + CHUNK_ID_LEN, chunk->size);
    put_u32(head + CHUNK_ID_LEN + 4, chunk->crc32c);
    CHECK(buffer_append(out, head, sizeof(head)) == STATUS_OK);
    return buffer_append(out, chunk->bytes, chunk->size);
}

enum status carried_chunk_next(struct bytes *payload, struct carried_chunk *chunk)
{
    if (payload->len == 0)
        return STATUS_NOT_FOUND;
    if (payload->len < CARRIED_CHUNK_HEAD_LEN)
        return STATUS_CORRUPT;
    const char *head = payload->data;
    size_t size = get_u32(head + CHUNK_ID_LEN), left = payload->len - CARRIED_CHUNK_HEAD_LEN;
    if (size == 0 || size > CARRIED_CHUNK_MAX || size > left)
        return STATUS_CORRUPT;
    memcpy(chunk->id.bytes, head, CHUNK_ID_LEN);
    chunk->size = (uint32_t)size;
    chunk->crc32c = get_u32(head + CHUNK_ID_LEN + 4);
    chunk->bytes = head + CARRIED_CHUNK_HEAD_LEN;
    *payload = bytes_of(chunk->bytes + size, left - size);
    return STATUS_OK;
}

/* Goes from head to head. STATUS_CORRUPT when they do not end where the payload does. */
static enum status carried_heads_sum(struct bytes payload, uint32_t *crc, uint32_t *count)
{
    struct carried_chunk chunk;
    enum status status;
    *crc = *count = 0;
    while ((status = carried_chunk_next(&payload, &chunk)) == STATUS_OK) {
        *crc = crc32c_update(*crc, chunk.bytes - CARRIED_CHUNK_HEAD_LEN, CARRIED_CHUNK_HEAD_LEN);
        ++*count;
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static bool carried_set_valid(const struct carried_set *set)
{
    if (set->count == 0 || set->count > CHUNK_COPIES_MAX)
        return false;
    for (unsigned i = 0; i < CHUNK_COPIES_MAX; i++)
        if ((set->nodes[i] != 0) != (i < set->count))
            return false;
    return true;
}

void carried_block_seal(struct buffer *out, size_t start, const struct carried_set *set)
{
    uint32_t crc, count;
    CHECK(out->len > start + CARRIED_HEADER_LEN);
    CHECK(carried_set_valid(set));
    char *header = out->data + start;
    struct bytes payload = bytes_of(header + CARRIED_HEADER_LEN, out->len - start - CARRIED_HEADER_LEN);
    CHECK(carried_heads_sum(payload, &crc, &count) == STATUS_OK);
    put_u32(header, CARRIED_MAGIC);
    put_u32(header + 4, (uint32_t)payload.len);
    put_u32(header + 8, count);
    header[12] = (char)set->count;
    memcpy(header + 13, set->nodes, CHUNK_COPIES_MAX);
    put_u32(header + CARRIED_SIGNED_LEN, crc32c_update(crc, header, CARRIED_SIGNED_LEN));
}

enum status carried_block_next(struct bytes *records, struct carried_block *block)
{
    const char *header = records->data;
    uint32_t crc, count;
    if (records->len < 4 || get_u32(header) != CARRIED_MAGIC)
        return STATUS_NOT_FOUND;
    if (records->len < CARRIED_HEADER_LEN)
        return STATUS_CORRUPT;
    uint32_t len = get_u32(header + 4);
    if (len == 0 || len > CARRIED_PAYLOAD_MAX || len > records->len - CARRIED_HEADER_LEN)
        return STATUS_CORRUPT;
    *block = (struct carried_block){
        .set.count = (uint8_t)header[12],
        .count = get_u32(header + 8),
        .payload = bytes_of(header + CARRIED_HEADER_LEN, len),
    };
    memcpy(block->set.nodes, header + 13, CHUNK_COPIES_MAX);
    if (carried_heads_sum(block->payload, &crc, &count) || count != block->count || !carried_set_valid(&block->set) ||
        crc32c_update(crc, header, CARRIED_SIGNED_LEN) != get_u32(header + CARRIED_SIGNED_LEN) ||
        memcmp(header + 17, "\0\0", 3) != 0)
        return STATUS_CORRUPT;
    *records = bytes_of(block->payload.data + len, records->len - CARRIED_HEADER_LEN - len);
    return STATUS_OK;
}

/* Lists of chunks, parts and streams within records; see the header. */
#include "meta/record_packed.h"

#include <string.h>

#include "base/check.h"

enum { PACKED_CHUNK_LEN = PACKED_CHUNK_BYTES, PACKED_PART_LEN = 2 + 8, PACKED_STREAM_LEN = PACKED_STREAM_BYTES };
#define RECORD_BYTES_MAX ((size_t)PACKED_CHUNK_LEN * RECORD_CHUNKS_MAX + (1u << 20))

_Static_assert((size_t)PACKED_PART_LEN *META_PART_MAX < RECORD_BYTES_MAX, "a version of many parts fits");
_Static_assert((size_t)PACKED_STREAM_LEN *META_PART_MAX + (size_t)PACKED_PART_LEN * META_PART_MAX <
                   (1u << 20) - (1u << 18),
               "and what was appended to it");

void record_buffer_init(struct buffer *buffer)
{
    buffer_init(buffer, RECORD_BYTES_MAX);
}

void packed_chunks_get(const struct packed_chunks *chunks, uint32_t index, struct chunk_id *id, uint32_t *size)
{
    CHECK(index < chunks->count);
    const char *entry = chunks->data + (size_t)index * PACKED_CHUNK_LEN;
    memcpy(id->bytes, entry, CHUNK_ID_LEN);
    *size = get_u32(entry + CHUNK_ID_LEN);
}

void packed_chunks_append(struct buffer *out, const struct chunk_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        record_put(out, list->refs[i].id.bytes, CHUNK_ID_LEN);
        record_put_u32(out, list->refs[i].size);
    }
}

void packed_chunks_join(struct buffer *out, const struct packed_chunks *chunks)
{
    record_put(out, chunks->data, (size_t)chunks->count * PACKED_CHUNK_LEN);
}

struct packed_chunks packed_chunks_part(const struct packed_chunks *chunks, uint32_t first, uint32_t count)
{
    CHECK(first <= chunks->count && count <= chunks->count - first);
    return (struct packed_chunks){chunks->data + (size_t)first * PACKED_CHUNK_LEN, count};
}

void packed_parts_get(const struct packed_parts *parts, uint32_t index, unsigned *number, uint64_t *size)
{
    CHECK(index < parts->count);
    const char *entry = parts->data + (size_t)index * PACKED_PART_LEN;
    *number = get_u16(entry);
    *size = get_u64(entry + 2);
}

void packed_parts_append(struct buffer *out, unsigned number, uint64_t size)
{
    record_put_u16(out, (uint16_t)number);
    record_put_u64(out, size);
}

void record_put_chunks(struct buffer *out, const struct packed_chunks *chunks)
{
    CHECK(chunks->count <= RECORD_CHUNKS_MAX);
    record_put_u32(out, chunks->count);
    record_put(out, chunks->data, (size_t)chunks->count * PACKED_CHUNK_LEN);
}

void record_read_chunks(struct record_reader *reader, struct packed_chunks *chunks, uint64_t *sum)
{
    uint32_t count = record_read_u32(reader);
    *sum = 0;
    *chunks = (struct packed_chunks){0};
    if (count > RECORD_CHUNKS_MAX)
        reader->bad = true;
    struct bytes data = record_read(reader, (size_t)count * PACKED_CHUNK_LEN);
    if (reader->bad)
        return;
    *chunks = (struct packed_chunks){data.data, count};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = get_u32(data.data + (size_t)i * PACKED_CHUNK_LEN + CHUNK_ID_LEN);
        if (size == 0 || size > CHUNK_BYTES_MAX)
            reader->bad = true;
        *sum += size;
    }
}

void record_put_parts(struct buffer *out, const struct upload_id *upload, const struct packed_parts *parts)
{
    CHECK(parts->count <= META_PART_MAX);
    record_put(out, upload->bytes, UPLOAD_ID_BYTES);
    record_put_u32(out, parts->count);
    record_put(out, parts->data, (size_t)parts->count * PACKED_PART_LEN);
}

void record_read_parts(struct record_reader *reader, struct upload_id *upload, struct packed_parts *parts,
                       uint64_t *sum)
{
    record_read_into(reader, upload->bytes, UPLOAD_ID_BYTES);
    uint32_t count = record_read_u32(reader);
    unsigned previous = 0;
    *sum = 0;
    *parts = (struct packed_parts){0};
    if (count > META_PART_MAX || upload->bytes[0] == 0xff) /* begins with a sequence, which never is that large */
        reader->bad = true;
    struct bytes data = record_read(reader, (size_t)count * PACKED_PART_LEN);
    if (reader->bad)
        return;
    *parts = (struct packed_parts){data.data, count};
    for (uint32_t i = 0; i < count; i++) {
        unsigned number;
        uint64_t size;
        packed_parts_get(parts, i, &number, &size);
        if (number <= previous || number > META_PART_MAX || __builtin_add_overflow(*sum, size, sum))
            reader->bad = true;
        previous = number;
    }
}

void packed_streams_get(const struct packed_streams *streams, uint32_t index, struct block_seal_id *id, uint64_t *size)
{
    CHECK(index < streams->count);
    const char *entry = streams->data + (size_t)index * PACKED_STREAM_LEN;
    id->sealed = true;
    memcpy(id->bytes, entry, BLOCK_SEAL_ID_LEN);
    *size = get_u64(entry + BLOCK_SEAL_ID_LEN);
}

void packed_streams_append(struct buffer *out, const struct block_seal_id *id, uint64_t size)
{
    record_put(out, id->bytes, BLOCK_SEAL_ID_LEN);
    record_put_u64(out, size);
}

void record_put_streams(struct buffer *out, const struct packed_streams *streams)
{
    CHECK(streams->count <= META_PART_MAX);
    record_put_u32(out, streams->count);
    record_put(out, streams->data, (size_t)streams->count * PACKED_STREAM_LEN);
}

void record_read_streams(struct record_reader *reader, struct packed_streams *streams, uint64_t *sum,
                         uint64_t *stored_sum)
{
    uint32_t count = record_read_u32(reader);
    *sum = *stored_sum = 0;
    *streams = (struct packed_streams){0};
    if (count > META_PART_MAX)
        reader->bad = true;
    struct bytes data = record_read(reader, (size_t)count * PACKED_STREAM_LEN);
    if (reader->bad)
        return;
    *streams = (struct packed_streams){data.data, count};
    for (uint32_t i = 0; i < count; i++) {
        uint64_t size = get_u64(data.data + (size_t)i * PACKED_STREAM_LEN + BLOCK_SEAL_ID_LEN);
        if (size == 0 || size > BLOCK_SEAL_SIZE_MAX / META_PART_MAX) {
            reader->bad = true;
            return;
        }
        *sum += size;
        *stored_sum += block_seal_size(size);
    }
}

/* Encoding and decoding of stored records; see the header. Each record's format byte is its own: a changed layout gets
 * the next number and a decoder for the old one. */
#include "meta/records.h"

#include <string.h>

#include "base/check.h"
#include "meta/record_io.h"

enum {
    HEAD_FORMAT = 1,
    VERSION_FORMAT = 1,
    UPLOAD_FORMAT = 1,
    PART_FORMAT = 1,
    CHUNK_FORMAT = 1,
    GC_FORMAT = 2,
    GC_FORMAT_NO_BYTES = 1,
    BUCKET_FORMAT = 1,
    STATE_FORMAT = 3,
    STATE_FORMAT_NO_GC_BYTES = 2,
};
enum { PACKED_CHUNK_LEN = CHUNK_ID_LEN + 4, PACKED_PART_LEN = 2 + 8 };
#define RECORD_BYTES_MAX ((size_t)PACKED_CHUNK_LEN * RECORD_CHUNKS_MAX + (1u << 16))

_Static_assert((size_t)PACKED_PART_LEN *META_PART_MAX < RECORD_BYTES_MAX, "a version of many parts fits");

void record_buffer_init(struct buffer *buffer)
{
    buffer_init(buffer, RECORD_BYTES_MAX);
}

/* Is it a record of that format, rather than of the one that is written now? */
static bool is_format(struct bytes record, uint8_t format)
{
    return record.len > 0 && (uint8_t)record.data[0] == format;
}

/* ---- packed arrays -------------------------------------------------------------------------------------------- */

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

static void put_chunks(struct buffer *out, const struct packed_chunks *chunks)
{
    CHECK(chunks->count <= RECORD_CHUNKS_MAX);
    record_put_u32(out, chunks->count);
    record_put(out, chunks->data, (size_t)chunks->count * PACKED_CHUNK_LEN);
}

/* *sum: the bytes of all of them. */
static void read_chunks(struct record_reader *reader, struct packed_chunks *chunks, uint64_t *sum)
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

static void put_parts(struct buffer *out, const struct upload_id *upload, const struct packed_parts *parts)
{
    CHECK(parts->count <= META_PART_MAX);
    record_put(out, upload->bytes, UPLOAD_ID_BYTES);
    record_put_u32(out, parts->count);
    record_put(out, parts->data, (size_t)parts->count * PACKED_PART_LEN);
}

static void read_parts(struct record_reader *reader, struct upload_id *upload, struct packed_parts *parts,
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

/* ---- objects -------------------------------------------------------------------------------------------------- */

static void put_checksum(struct buffer *out, const struct meta_checksum *checksum)
{
    CHECK(checksum->len <= sizeof(checksum->value));
    record_put_u8(out, checksum->algorithm);
    record_put_u8(out, checksum->full_object);
    record_put_u8(out, checksum->len);
    record_put(out, checksum->value, checksum->len);
}

static void read_checksum(struct record_reader *reader, struct meta_checksum *checksum)
{
    *checksum = (struct meta_checksum){0};
    checksum->algorithm = record_read_u8(reader);
    checksum->full_object = record_read_u8(reader);
    checksum->len = record_read_u8(reader);
    if (checksum->len > sizeof(checksum->value)) {
        checksum->len = 0;
        reader->bad = true;
    }
    record_read_into(reader, checksum->value, checksum->len);
}

static void put_headers(struct buffer *out, struct bytes headers)
{
    CHECK(headers.len <= META_HEADERS_MAX);
    record_put_u32(out, (uint32_t)headers.len);
    record_put(out, headers.data, headers.len);
}

static struct bytes read_headers(struct record_reader *reader)
{
    uint32_t len = record_read_u32(reader);
    if (len > META_HEADERS_MAX)
        reader->bad = true;
    return record_read(reader, len);
}

static void put_head(struct buffer *out, const struct version_head *head)
{
    record_put_u8(out, head->delete_marker);
    record_put_u8(out, head->null_version);
    record_put_u64(out, head->sequence);
    record_put_u64(out, head->random);
    record_put_u64(out, head->number);
    record_put_u64(out, (uint64_t)head->modified_ms);
    record_put_u64(out, head->size);
    record_put(out, head->etag_md5, MD5_LEN);
    record_put_u32(out, head->etag_parts);
    put_checksum(out, &head->checksum);
}

static void read_head(struct record_reader *reader, struct version_head *head)
{
    head->delete_marker = record_read_bool(reader);
    head->null_version = record_read_bool(reader);
    head->sequence = record_read_u64(reader);
    head->random = record_read_u64(reader);
    head->number = record_read_u64(reader);
    head->modified_ms = (int64_t)record_read_u64(reader);
    head->size = record_read_u64(reader);
    record_read_into(reader, head->etag_md5, MD5_LEN);
    head->etag_parts = record_read_u32(reader);
    read_checksum(reader, &head->checksum);
}

void version_head_encode(struct buffer *out, const struct version_head *head)
{
    record_put_u8(out, HEAD_FORMAT);
    put_head(out, head);
}

enum status version_head_decode(struct bytes record, struct version_head *head)
{
    struct record_reader reader = record_reader_open(record, HEAD_FORMAT);
    read_head(&reader, head);
    return record_reader_close(&reader);
}

enum status version_record_decode_head(struct bytes record, struct version_head *head)
{
    struct record_reader reader = record_reader_open(record, VERSION_FORMAT);
    read_head(&reader, head);
    return reader.bad ? STATUS_CORRUPT : STATUS_OK;
}

void version_record_encode(struct buffer *out, const struct version_record *record)
{
    record_put_u8(out, VERSION_FORMAT);
    put_head(out, &record->head);
    put_headers(out, record->headers);
    record_put_u8(out, record->multipart);
    if (record->multipart)
        put_parts(out, &record->upload, &record->parts);
    else
        put_chunks(out, &record->chunks);
}

enum status version_record_decode(struct bytes record, struct version_record *out)
{
    struct record_reader reader = record_reader_open(record, VERSION_FORMAT);
    uint64_t sum = 0;

    *out = (struct version_record){0};
    read_head(&reader, &out->head);
    out->headers = read_headers(&reader);
    out->multipart = record_read_bool(&reader);
    if (out->multipart)
        read_parts(&reader, &out->upload, &out->parts, &sum);
    else
        read_chunks(&reader, &out->chunks, &sum);
    if (sum != out->head.size)
        reader.bad = true;
    return record_reader_close(&reader);
}

/* ---- uploads and parts ---------------------------------------------------------------------------------------- */

void upload_record_encode(struct buffer *out, const struct upload_record *record)
{
    record_put_u8(out, UPLOAD_FORMAT);
    record_put_u64(out, (uint64_t)record->created_ms);
    record_put_u8(out, record->checksum_algorithm);
    record_put_u8(out, record->checksum_full_object);
    put_headers(out, record->headers);
}

enum status upload_record_decode(struct bytes record, struct upload_record *out)
{
    struct record_reader reader = record_reader_open(record, UPLOAD_FORMAT);
    out->created_ms = (int64_t)record_read_u64(&reader);
    out->checksum_algorithm = record_read_u8(&reader);
    out->checksum_full_object = record_read_u8(&reader);
    out->headers = read_headers(&reader);
    return record_reader_close(&reader);
}

void part_record_encode(struct buffer *out, const struct part_record *record)
{
    record_put_u8(out, PART_FORMAT);
    record_put_u64(out, record->part.size);
    record_put(out, record->part.md5, MD5_LEN);
    put_checksum(out, &record->part.checksum);
    record_put_u64(out, (uint64_t)record->part.modified_ms);
    put_chunks(out, &record->chunks);
}

enum status part_record_decode(struct bytes record, struct part_record *out)
{
    struct record_reader reader = record_reader_open(record, PART_FORMAT);
    uint64_t sum = 0;

    *out = (struct part_record){0};
    out->part.size = record_read_u64(&reader);
    record_read_into(&reader, out->part.md5, MD5_LEN);
    read_checksum(&reader, &out->part.checksum);
    out->part.modified_ms = (int64_t)record_read_u64(&reader);
    read_chunks(&reader, &out->chunks, &sum);
    if (sum != out->part.size)
        reader.bad = true;
    return record_reader_close(&reader);
}

/* ---- chunks --------------------------------------------------------------------------------------------------- */

_Static_assert(CHUNK_RECORD_LEN == 1 + 4 + 4 + 1 + CHUNK_COPIES_MAX + 1 + 1, "length of a chunk record");

void chunk_record_encode(struct buffer *out, const struct chunk_record *record)
{
    record_put_u8(out, CHUNK_FORMAT);
    record_put_u32(out, record->size);
    record_put_u32(out, record->crc32c);
    record_put_u8(out, record->copies);
    record_put(out, record->nodes, CHUNK_COPIES_MAX);
    record_put_u8(out, record->bad);
    record_put_u8(out, record->queued);
}

enum status chunk_record_decode(struct bytes record, struct chunk_record *out)
{
    struct record_reader reader = record_reader_open(record, CHUNK_FORMAT);
    out->size = record_read_u32(&reader);
    out->crc32c = record_read_u32(&reader);
    out->copies = record_read_u8(&reader);
    record_read_into(&reader, out->nodes, CHUNK_COPIES_MAX);
    out->bad = record_read_u8(&reader);
    out->queued = record_read_u8(&reader);
    if (out->size == 0 || out->size > CHUNK_BYTES_MAX || out->copies > CHUNK_COPIES_MAX)
        reader.bad = true;
    else if (out->bad >> out->copies || (out->queued > CHUNK_COPIES_MAX && out->queued != CHUNK_NOT_QUEUED))
        reader.bad = true;
    return record_reader_close(&reader);
}

/* ---- garbage -------------------------------------------------------------------------------------------------- */

void gc_record_encode(struct buffer *out, const struct gc_record *record)
{
    record_put_u8(out, GC_FORMAT);
    record_put_u8(out, (uint8_t)record->kind);
    record_put_u64(out, record->process);
    record_put_u64(out, record->monotonic_ms);
    record_put_u64(out, (uint64_t)record->wall_ms);
    if (record->kind == GC_PARTS)
        put_parts(out, &record->upload, &record->parts);
    else
        put_chunks(out, &record->chunks);
    record_put_u64(out, record->bytes);
}

enum status gc_record_decode(struct bytes record, struct gc_record *out)
{
    bool has_bytes = !is_format(record, GC_FORMAT_NO_BYTES);
    struct record_reader reader = record_reader_open(record, has_bytes ? GC_FORMAT : GC_FORMAT_NO_BYTES);
    uint64_t sum = 0;

    *out = (struct gc_record){0};
    uint8_t kind = record_read_u8(&reader);
    out->process = record_read_u64(&reader);
    out->monotonic_ms = record_read_u64(&reader);
    out->wall_ms = (int64_t)record_read_u64(&reader);
    if (kind == GC_PARTS)
        read_parts(&reader, &out->upload, &out->parts, &sum);
    else if (kind == GC_CHUNKS)
        read_chunks(&reader, &out->chunks, &sum);
    else
        reader.bad = true;
    if (has_bytes)
        out->bytes = record_read_u64(&reader);
    out->kind = kind == GC_PARTS ? GC_PARTS : GC_CHUNKS;
    return record_reader_close(&reader);
}

/* ---- buckets and the database itself -------------------------------------------------------------------------- */

void bucket_record_encode(struct buffer *out, const struct meta_bucket *bucket)
{
    size_t region_len = strlen(bucket->region);
    record_put_u8(out, BUCKET_FORMAT);
    record_put_u32(out, bucket->id);
    record_put_u8(out, bucket->versioned);
    record_put_u64(out, (uint64_t)bucket->created_ms);
    record_put_u8(out, (uint8_t)region_len);
    record_put(out, bucket->region, region_len);
    record_put_u64(out, bucket->objects);
    record_put_u64(out, bucket->versions);
    record_put_u64(out, bucket->bytes);
}

enum status bucket_record_decode(struct bytes record, struct meta_bucket *out)
{
    struct record_reader reader = record_reader_open(record, BUCKET_FORMAT);

    *out = (struct meta_bucket){0};
    out->id = record_read_u32(&reader);
    out->versioned = record_read_bool(&reader);
    out->created_ms = (int64_t)record_read_u64(&reader);
    size_t region_len = record_read_u8(&reader);
    if (region_len >= sizeof(out->region)) {
        reader.bad = true;
        region_len = 0;
    }
    record_read_into(&reader, out->region, region_len);
    if (memchr(out->region, '\0', region_len) || out->id == 0 || out->id == UINT32_MAX)
        reader.bad = true;
    out->objects = record_read_u64(&reader);
    out->versions = record_read_u64(&reader);
    out->bytes = record_read_u64(&reader);
    return record_reader_close(&reader);
}

void state_record_encode(struct buffer *out, const struct state_record *state)
{
    record_put_u8(out, STATE_FORMAT);
    record_put(out, state->cluster_id, sizeof(state->cluster_id));
    record_put_u64(out, state->sequence);
    record_put_u32(out, state->bucket_next);
    record_put_u64(out, state->gc_rows);
    record_put_u64(out, state->repair_rows);
    for (unsigned copies = 0; copies <= CHUNK_COPIES; copies++) {
        record_put_u64(out, state->durability.chunks[copies]);
        record_put_u64(out, state->durability.bytes[copies]);
    }
    record_put_u64(out, state->gc_bytes);
}

enum status state_record_decode(struct bytes record, struct state_record *out)
{
    bool has_gc_bytes = !is_format(record, STATE_FORMAT_NO_GC_BYTES);
    struct record_reader reader = record_reader_open(record, has_gc_bytes ? STATE_FORMAT : STATE_FORMAT_NO_GC_BYTES);
    record_read_into(&reader, out->cluster_id, sizeof(out->cluster_id));
    out->sequence = record_read_u64(&reader);
    out->bucket_next = record_read_u32(&reader);
    out->gc_rows = record_read_u64(&reader);
    out->repair_rows = record_read_u64(&reader);
    for (unsigned copies = 0; copies <= CHUNK_COPIES; copies++) {
        out->durability.chunks[copies] = record_read_u64(&reader);
        out->durability.bytes[copies] = record_read_u64(&reader);
    }
    out->gc_bytes = has_gc_bytes ? record_read_u64(&reader) : 0;
    if (out->bucket_next == 0 || out->bucket_next == UINT32_MAX)
        reader.bad = true;
    return record_reader_close(&reader);
}

/* Records of where chunks are, and of those that nothing refers to any more; see records.h. */
#include "meta/record_packed.h"
#include "meta/records.h"

enum {
    CHUNK_FORMAT = 1,
    GC_FORMAT = 2,
    GC_FORMAT_NO_BYTES = 1,
};

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
    else if (out->bad >> out->copies ||
             (out->queued > CHUNK_COPIES_MAX && out->queued != CHUNK_NOT_QUEUED && out->queued != CHUNK_UNWANTED))
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
        record_put_parts(out, &record->upload, &record->parts);
    else if (record->kind == GC_ANNOTATIONS)
        record_put(out, record->set.bytes, ANNOTATION_SET_BYTES);
    else
        record_put_chunks(out, &record->chunks);
    if (record->kind == GC_TAIL)
        record_put(out, record->pin, GC_PIN_LEN);
    record_put_u64(out, record->bytes);
}

enum status gc_record_decode(struct bytes record, struct gc_record *out)
{
    uint8_t format = record_format(record, GC_FORMAT);
    struct record_reader reader = record_reader_open(record, format);
    uint64_t sum = 0;

    *out = (struct gc_record){0};
    uint8_t kind = record_read_u8(&reader);
    out->process = record_read_u64(&reader);
    out->monotonic_ms = record_read_u64(&reader);
    out->wall_ms = (int64_t)record_read_u64(&reader);
    if (kind == GC_PARTS)
        record_read_parts(&reader, &out->upload, &out->parts, &sum);
    else if (kind == GC_ANNOTATIONS)
        record_read_into(&reader, out->set.bytes, ANNOTATION_SET_BYTES);
    else if (kind == GC_CHUNKS || kind == GC_TAIL)
        record_read_chunks(&reader, &out->chunks, &sum);
    else
        reader.bad = true;
    if (kind == GC_TAIL)
        record_read_into(&reader, out->pin, GC_PIN_LEN);
    if (format > GC_FORMAT_NO_BYTES)
        out->bytes = record_read_u64(&reader);
    out->kind = kind >= GC_CHUNKS && kind <= GC_ANNOTATIONS ? (enum gc_kind)kind : GC_CHUNKS;
    return record_reader_close(&reader);
}

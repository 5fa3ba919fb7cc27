/* Records of what bytes belong to: versions, uploads and parts, and of work that is left when a version changed; see
 * records.h. */
#include <string.h>

#include "base/block_seal.h"
#include "base/check.h"
#include "meta/outbox.h"
#include "meta/record_packed.h"
#include "meta/records.h"

enum {
    HEAD_FORMAT = 2,
    HEAD_FORMAT_NO_CLASS = 1,
    VERSION_FORMAT = 4,
    VERSION_FORMAT_NO_TAIL = 3, /* nor a rename's token */
    VERSION_FORMAT_NO_ATTRIBUTES = 2,
    VERSION_FORMAT_NO_CLASS = 1, /* nor a condition */
    UPLOAD_FORMAT = 3,
    UPLOAD_FORMAT_NO_ATTRIBUTES = 2,
    UPLOAD_FORMAT_NO_CLASS = 1, /* nor a condition */
    PART_FORMAT = 2,
    PART_FORMAT_NO_SEAL = 1,
    ANNOTATION_FORMAT = 1,
    OUTBOX_FORMAT = 1, /* holds a head: moves on with HEAD_FORMAT and VERSION_FORMAT */
};

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

static void put_attributes(struct buffer *out, struct bytes attributes)
{
    CHECK(attributes.len <= META_ATTRIBUTES_BYTES_MAX);
    record_put_u32(out, (uint32_t)attributes.len);
    record_put(out, attributes.data, attributes.len);
}

static struct bytes read_attributes(struct record_reader *reader)
{
    struct bytes attributes = record_read(reader, record_read_u32(reader));
    if (meta_attributes_check(attributes))
        reader->bad = true;
    return attributes;
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
    record_put_u8(out, head->storage_class);
}

static void read_head(struct record_reader *reader, bool has_class, struct version_head *head)
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
    head->storage_class = has_class ? record_read_u8(reader) : 0;
}

/* Of a write: what deletions alone have is not kept. */
static void put_condition(struct buffer *out, const struct meta_condition *condition)
{
    record_put_u8(out, condition->must_be_absent);
    record_put_u8(out, condition->must_match);
    record_put(out, condition->etag_md5, MD5_LEN);
    record_put_u32(out, condition->etag_parts);
}

static void read_condition(struct record_reader *reader, struct meta_condition *condition)
{
    condition->must_be_absent = record_read_bool(reader);
    condition->must_match = record_read_bool(reader);
    record_read_into(reader, condition->etag_md5, MD5_LEN);
    condition->etag_parts = record_read_u32(reader);
}

void version_head_encode(struct buffer *out, const struct version_head *head)
{
    record_put_u8(out, HEAD_FORMAT);
    put_head(out, head);
}

enum status version_head_decode(struct bytes record, struct version_head *head)
{
    uint8_t format = record_format(record, HEAD_FORMAT);
    struct record_reader reader = record_reader_open(record, format);
    read_head(&reader, format > HEAD_FORMAT_NO_CLASS, head);
    return record_reader_close(&reader);
}

enum status version_record_decode_head(struct bytes record, struct version_head *head)
{
    uint8_t format = record_format(record, VERSION_FORMAT);
    struct record_reader reader = record_reader_open(record, format);
    read_head(&reader, format > VERSION_FORMAT_NO_CLASS, head);
    return reader.bad ? STATUS_CORRUPT : STATUS_OK;
}

enum { MORE_TAIL = 1, MORE_RENAMED = 2 }; /* what a version has that most have not */

static void put_more(struct buffer *out, const struct version_record *record)
{
    const struct version_tail *tail = &record->tail;

    record_put_u8(out, (uint8_t)((tail->size > 0 ? MORE_TAIL : 0) | (record->renamed ? MORE_RENAMED : 0)));
    if (tail->size > 0) {
        record_put_u64(out, tail->size);
        record_put_chunks(out, &tail->chunks);
        record_put_streams(out, &tail->streams);
    }
    if (record->renamed)
        record_put(out, record->rename_token, META_RENAME_TOKEN_LEN);
}

static void read_tail(struct record_reader *reader, bool sealed, struct version_tail *tail)
{
    uint64_t stored, plain, stored_streams;

    tail->size = record_read_u64(reader);
    record_read_chunks(reader, &tail->chunks, &stored);
    record_read_streams(reader, &tail->streams, &plain, &stored_streams);
    if (tail->size == 0 || stored != (sealed ? stored_streams : tail->size) || (sealed && plain != tail->size) ||
        (!sealed && tail->streams.count > 0))
        reader->bad = true;
}

static void read_more(struct record_reader *reader, struct version_record *out)
{
    uint8_t more = record_read_u8(reader);

    if (more & ~(MORE_TAIL | MORE_RENAMED))
        reader->bad = true;
    if (more & MORE_TAIL)
        read_tail(reader, meta_attributes_sealed(out->attributes), &out->tail);
    /* there is something to append to, and what was written with it is not the whole */
    if ((more & MORE_TAIL) && out->tail.size >= out->head.size)
        reader->bad = true;
    if (!reader->bad && out->tail.chunks.count > RECORD_CHUNKS_MAX - out->chunks.count)
        reader->bad = true;
    out->renamed = more & MORE_RENAMED;
    if (out->renamed)
        record_read_into(reader, out->rename_token, META_RENAME_TOKEN_LEN);
}

void version_record_encode(struct buffer *out, const struct version_record *record)
{
    record_put_u8(out, VERSION_FORMAT);
    put_head(out, &record->head);
    put_headers(out, record->headers);
    record_put_u8(out, record->multipart);
    if (record->multipart) {
        record_put_parts(out, &record->upload, &record->parts);
        put_condition(out, &record->condition);
    } else {
        record_put_chunks(out, &record->chunks);
    }
    put_attributes(out, record->attributes);
    put_more(out, record);
}

enum status version_record_decode(struct bytes record, struct version_record *out)
{
    uint8_t format = record_format(record, VERSION_FORMAT);
    struct record_reader reader = record_reader_open(record, format);
    uint64_t sum = 0;

    *out = (struct version_record){0};
    read_head(&reader, format > VERSION_FORMAT_NO_CLASS, &out->head);
    out->headers = read_headers(&reader);
    out->multipart = record_read_bool(&reader);
    if (out->multipart)
        record_read_parts(&reader, &out->upload, &out->parts, &sum); /* of which the sizes are plain, too */
    else
        record_read_chunks(&reader, &out->chunks, &sum);
    if (out->multipart && format > VERSION_FORMAT_NO_CLASS)
        read_condition(&reader, &out->condition);
    if (format > VERSION_FORMAT_NO_ATTRIBUTES)
        out->attributes = read_attributes(&reader);
    if (format > VERSION_FORMAT_NO_TAIL)
        read_more(&reader, out);
    if (!reader.bad && sum != block_seal_stored_size(out->head.size - out->tail.size,
                                                     !out->multipart && meta_attributes_sealed(out->attributes)))
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
    record_put_u8(out, record->storage_class);
    put_condition(out, &record->condition);
    put_attributes(out, record->attributes);
}

enum status upload_record_decode(struct bytes record, struct upload_record *out)
{
    uint8_t format = record_format(record, UPLOAD_FORMAT);
    struct record_reader reader = record_reader_open(record, format);

    *out = (struct upload_record){0};
    out->created_ms = (int64_t)record_read_u64(&reader);
    out->checksum_algorithm = record_read_u8(&reader);
    out->checksum_full_object = record_read_u8(&reader);
    out->headers = read_headers(&reader);
    if (format > UPLOAD_FORMAT_NO_CLASS) {
        out->storage_class = record_read_u8(&reader);
        read_condition(&reader, &out->condition);
    }
    if (format > UPLOAD_FORMAT_NO_ATTRIBUTES)
        out->attributes = read_attributes(&reader);
    return record_reader_close(&reader);
}

static void put_part(struct buffer *out, const struct meta_part *part, const struct packed_chunks *chunks)
{
    record_put_u64(out, part->size);
    record_put(out, part->md5, MD5_LEN);
    put_checksum(out, &part->checksum);
    record_put_u64(out, (uint64_t)part->modified_ms);
    record_put_chunks(out, chunks);
    record_put_u8(out, part->seal.sealed);
    if (part->seal.sealed)
        record_put(out, part->seal.bytes, BLOCK_SEAL_ID_LEN);
}

static void read_part(struct record_reader *reader, bool has_seal, struct meta_part *part, struct packed_chunks *chunks)
{
    uint64_t sum = 0;

    part->size = record_read_u64(reader);
    record_read_into(reader, part->md5, MD5_LEN);
    read_checksum(reader, &part->checksum);
    part->modified_ms = (int64_t)record_read_u64(reader);
    record_read_chunks(reader, chunks, &sum);
    part->seal.sealed = has_seal && record_read_bool(reader);
    if (part->seal.sealed)
        record_read_into(reader, part->seal.bytes, BLOCK_SEAL_ID_LEN);
    if (sum != block_seal_stored_size(part->size, part->seal.sealed))
        reader->bad = true;
}

void part_record_encode(struct buffer *out, const struct part_record *record)
{
    record_put_u8(out, PART_FORMAT);
    put_part(out, &record->part, &record->chunks);
}

enum status part_record_decode(struct bytes record, struct part_record *out)
{
    uint8_t format = record_format(record, PART_FORMAT);
    struct record_reader reader = record_reader_open(record, format);

    *out = (struct part_record){0};
    read_part(&reader, format > PART_FORMAT_NO_SEAL, &out->part, &out->chunks);
    return record_reader_close(&reader);
}

void annotation_record_encode(struct buffer *out, const struct annotation_record *record)
{
    record_put_u8(out, ANNOTATION_FORMAT);
    record_put_u64(out, record->sequence);
    put_part(out, &record->text, &record->chunks);
}

enum status annotation_record_decode(struct bytes record, struct annotation_record *out)
{
    struct record_reader reader = record_reader_open(record, ANNOTATION_FORMAT);

    *out = (struct annotation_record){0};
    out->sequence = record_read_u64(&reader);
    read_part(&reader, true, &out->text, &out->chunks);
    return record_reader_close(&reader);
}

/* ---- the outbox ----------------------------------------------------------------------------------------------- */

void outbox_record_encode(struct buffer *out, const struct outbox_record *record)
{
    CHECK(record->key.len <= META_KEY_MAX && record->payload.len <= META_OUTBOX_PAYLOAD_MAX);
    record_put_u8(out, OUTBOX_FORMAT);
    record_put_u8(out, record->kind);
    record_put_u32(out, record->bucket);
    record_put_u64(out, (uint64_t)record->time_ms);
    record_put_u16(out, (uint16_t)record->key.len);
    record_put(out, record->key.data, record->key.len);
    put_head(out, &record->head);
    record_put_u32(out, (uint32_t)record->payload.len);
    record_put(out, record->payload.data, record->payload.len);
}

enum status outbox_record_decode(struct bytes record, struct outbox_record *out)
{
    struct record_reader reader = record_reader_open(record, OUTBOX_FORMAT);

    *out = (struct outbox_record){0};
    out->kind = record_read_u8(&reader);
    out->bucket = record_read_u32(&reader);
    out->time_ms = (int64_t)record_read_u64(&reader);
    out->key = record_read(&reader, record_read_u16(&reader));
    read_head(&reader, true, &out->head);
    out->payload = record_read(&reader, record_read_u32(&reader));
    if (object_key_check(out->key) || out->payload.len > META_OUTBOX_PAYLOAD_MAX)
        reader.bad = true;
    return record_reader_close(&reader);
}

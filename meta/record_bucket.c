/* Records of buckets, of the names in them, and of the database itself; see records.h. */
#include <string.h>

#include "base/check.h"
#include "meta/bucket_settings.h"
#include "meta/identity.h"
#include "meta/record_io.h"
#include "meta/records.h"

/* STATE_FORMAT is what an earlier build reads first, and refuses: it moves on with every record that such a build could
 * not read. */
enum {
    BUCKET_FORMAT = 1,
    NAME_FORMAT = 2,
    NAME_FORMAT_NO_NULL = 1, /* of buckets that always had versioning */
    NUMBER_FORMAT = 1,
    SETTING_FORMAT = 1,
    IDENTITY_FORMAT = 1,
    STATE_FORMAT = 12,            /* with it: versions that were appended to; laid out as 6 */
    STATE_FORMAT_NO_TAILS = 11,   /* with it: renamed versions; laid out as 6 */
    STATE_FORMAT_NO_TOKENS = 10,  /* with it: annotations, uploads with a version id; laid out as 6 */
    STATE_FORMAT_NO_NOTES = 9,    /* with it: sealed objects; laid out as 6 */
    STATE_FORMAT_NO_SEALS = 8,    /* with it: checksums of more than 32 bytes; laid out as 6 */
    STATE_FORMAT_SHORT_SUMS = 7,  /* with it: identities; laid out as 6 */
    STATE_FORMAT_NO_IDENTITY = 6, /* with it: settings of buckets, suspended versioning, attributes, the outbox */
    STATE_FORMAT_NO_SETTINGS = 5, /* with it: unwanted chunks, a row in `names` for each version kept; laid out as 3 */
    STATE_FORMAT_NO_NAMES = 4,    /* with it: storage classes in records */
    STATE_FORMAT_NO_CLASS = 3,
    STATE_FORMAT_NO_GC_BYTES = 2,
};

/* ---- buckets -------------------------------------------------------------------------------------------------- */

enum { VERSIONING_SUSPENDED = 2 }; /* 1: enabled, 0: never was */

void bucket_record_encode(struct buffer *out, const struct meta_bucket *bucket)
{
    size_t region_len = strlen(bucket->region);
    record_put_u8(out, BUCKET_FORMAT);
    record_put_u32(out, bucket->id);
    record_put_u8(out, bucket->suspended ? VERSIONING_SUSPENDED : bucket->versioned);
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
    uint8_t versioning = record_read_u8(&reader);
    if (versioning > VERSIONING_SUSPENDED)
        reader.bad = true;
    out->versioned = versioning > 0;
    out->suspended = versioning == VERSIONING_SUSPENDED;
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

void setting_record_encode(struct buffer *out, struct bytes document)
{
    CHECK(document.len <= META_SETTING_BYTES_MAX);
    record_put_u8(out, SETTING_FORMAT);
    record_put_u32(out, (uint32_t)document.len);
    record_put(out, document.data, document.len);
}

enum status setting_record_decode(struct bytes record, struct bytes *document)
{
    struct record_reader reader = record_reader_open(record, SETTING_FORMAT);
    *document = record_read(&reader, record_read_u32(&reader));
    if (document->len > META_SETTING_BYTES_MAX)
        reader.bad = true;
    return record_reader_close(&reader);
}

void identity_record_encode(struct buffer *out, struct bytes document)
{
    CHECK(document.len <= META_IDENTITY_DOCUMENT_MAX);
    record_put_u8(out, IDENTITY_FORMAT);
    record_put(out, document.data, document.len);
}

enum status identity_record_decode(struct bytes record, struct bytes *document)
{
    struct record_reader reader = record_reader_open(record, IDENTITY_FORMAT);
    *document = record_read(&reader, reader.left);
    if (document->len > META_IDENTITY_DOCUMENT_MAX)
        reader.bad = true;
    return record_reader_close(&reader);
}

/* ---- names in buckets with versions -------------------------------------------------------------------------- */

void name_record_encode(struct buffer *out, const struct name_record *record)
{
    record_put_u8(out, NAME_FORMAT);
    record_put_u64(out, record->number);
    record_put_u64(out, record->versions);
    record_put_u64(out, record->latest);
    record_put_u64(out, record->oldest);
    record_put_u64(out, record->null_version);
}

enum status name_record_decode(struct bytes record, struct name_record *out)
{
    uint8_t format = record_format(record, NAME_FORMAT);
    struct record_reader reader = record_reader_open(record, format);
    out->number = record_read_u64(&reader);
    out->versions = record_read_u64(&reader);
    out->latest = record_read_u64(&reader);
    out->oldest = record_read_u64(&reader);
    out->null_version = format > NAME_FORMAT_NO_NULL ? record_read_u64(&reader) : 0;
    if (out->null_version && (out->null_version < out->oldest || out->null_version > out->latest))
        reader.bad = true;
    if (out->number == 0 || out->versions > out->number || out->oldest > out->latest)
        reader.bad = true;
    if ((out->versions == 0) != (out->latest == 0) || (out->versions == 0) != (out->oldest == 0))
        reader.bad = true;
    return record_reader_close(&reader);
}

void number_record_encode(struct buffer *out, uint64_t sequence)
{
    record_put_u8(out, NUMBER_FORMAT);
    record_put_u64(out, sequence);
}

enum status number_record_decode(struct bytes record, uint64_t *sequence)
{
    struct record_reader reader = record_reader_open(record, NUMBER_FORMAT);
    *sequence = record_read_u64(&reader);
    return record_reader_close(&reader);
}

/* ---- the database itself -------------------------------------------------------------------------------------- */

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
    record_put_u64(out, state->outbox_rows);
    record_put_u64(out, state->outbox_bytes);
}

enum status state_record_decode(struct bytes record, struct state_record *out)
{
    uint8_t format = record_format(record, STATE_FORMAT);
    struct record_reader reader = record_reader_open(record, format);

    if (format < STATE_FORMAT_NO_GC_BYTES)
        reader.bad = true;
    out->has_names = format > STATE_FORMAT_NO_NAMES;
    record_read_into(&reader, out->cluster_id, sizeof(out->cluster_id));
    out->sequence = record_read_u64(&reader);
    out->bucket_next = record_read_u32(&reader);
    out->gc_rows = record_read_u64(&reader);
    out->repair_rows = record_read_u64(&reader);
    for (unsigned copies = 0; copies <= CHUNK_COPIES; copies++) {
        out->durability.chunks[copies] = record_read_u64(&reader);
        out->durability.bytes[copies] = record_read_u64(&reader);
    }
    out->gc_bytes = format > STATE_FORMAT_NO_GC_BYTES ? record_read_u64(&reader) : 0;
    out->outbox_rows = format > STATE_FORMAT_NO_SETTINGS ? record_read_u64(&reader) : 0;
    out->outbox_bytes = format > STATE_FORMAT_NO_SETTINGS ? record_read_u64(&reader) : 0;
    if (out->bucket_next == 0 || out->bucket_next == UINT32_MAX)
        reader.bad = true;
    return record_reader_close(&reader);
}

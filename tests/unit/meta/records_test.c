/* Records and row keys: every record comes back as it was written, nothing cut or bent is accepted, and rows sort as
 * listings need. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "meta/keys.h"
#include "meta/own_attribute.h"
#include "meta/records.h"

#define CLUSTER "0123456789abcdef"

static const struct version_head head = {.sequence = 0x0102030405060708,
                                         .random = 99,
                                         .number = 7,
                                         .modified_ms = 1700000000123,
                                         .size = 30,
                                         .etag_md5 = "0123456789abcde",
                                         .etag_parts = 2,
                                         .storage_class = 5,
                                         .checksum = {.algorithm = 2, .full_object = 1, .len = 8, .value = {1, 2, 3}}};

/* Kind 3, two bytes. */
#define ATTRIBUTES                                                                                                     \
    BYTES("\x03\0\0\0\x02"                                                                                             \
          "ab")
enum { ATTRIBUTES_LEN = 4 + 7 };

static enum status decode_head(struct bytes record)
{
    struct version_head out;
    return version_head_decode(record, &out);
}

static enum status decode_version(struct bytes record)
{
    struct version_record out;
    return version_record_decode(record, &out);
}

static enum status decode_part(struct bytes record)
{
    struct part_record out;
    return part_record_decode(record, &out);
}

static enum status decode_chunk(struct bytes record)
{
    struct chunk_record out;
    return chunk_record_decode(record, &out);
}

static enum status decode_gc(struct bytes record)
{
    struct gc_record out;
    return gc_record_decode(record, &out);
}

/* Every shorter and every longer record and every other format is refused. */
static void check_bounds(struct buffer *record, enum status (*decode)(struct bytes))
{
    assert_int_equal(decode(buffer_bytes(record)), STATUS_OK);
    for (size_t len = 0; len < record->len; len++)
        assert_int_equal(decode(bytes_of(record->data, len)), STATUS_CORRUPT);
    assert_int_equal(buffer_append_char(record, 0), STATUS_OK);
    assert_int_equal(decode(buffer_bytes(record)), STATUS_CORRUPT);
    record->len--;
    record->data[0]++;
    assert_int_equal(decode(buffer_bytes(record)), STATUS_CORRUPT);
    buffer_release(record);
}

static void test_versions(void **state)
{
    (void)state;
    struct chunk_ref refs[2] = {{.size = 10}, {.size = 20}};
    struct chunk_list list = {.refs = refs, .count = 2, .capacity = 2};
    struct version_record record = {.head = head, .headers = BYTES("h: v"), .attributes = ATTRIBUTES}, out;
    struct version_head head_out;
    struct buffer packed, value;
    struct chunk_id id;
    unsigned number;
    uint64_t part_size;
    uint32_t size;

    memset(refs[1].id.bytes, 0xee, CHUNK_ID_LEN);
    record_buffer_init(&packed);
    record_buffer_init(&value);
    packed_chunks_append(&packed, &list);
    record.chunks = (struct packed_chunks){packed.data, 2};
    version_record_encode(&value, &record);
    assert_int_equal(version_record_decode(buffer_bytes(&value), &out), STATUS_OK);
    assert_int_equal(version_record_decode_head(buffer_bytes(&value), &head_out), STATUS_OK);
    assert_int_equal(head_out.size, 30);
    assert_true(out.head.sequence == head.sequence && out.head.random == 99 && out.head.number == 7);
    assert_true(out.head.modified_ms == head.modified_ms && out.head.etag_parts == 2 && !out.multipart);
    assert_int_equal(out.head.storage_class, 5);
    assert_memory_equal(&out.head.checksum, &head.checksum, sizeof(head.checksum));
    assert_memory_equal(out.head.etag_md5, head.etag_md5, MD5_LEN);
    assert_true(bytes_equal_str(out.headers, "h: v") && out.chunks.count == 2);
    packed_chunks_get(&out.chunks, 1, &id, &size);
    assert_true(size == 20 && id.bytes[15] == 0xee);
    assert_true(bytes_equal(out.attributes, record.attributes));
    check_bounds(&value, decode_version);

    buffer_clear(&packed);
    packed_parts_append(&packed, 3, 10);
    packed_parts_append(&packed, 10000, 20);
    record.multipart = true;
    record.upload.bytes[5] = 5;
    record.parts = (struct packed_parts){packed.data, 2};
    record.condition = (struct meta_condition){.must_match = true, .etag_md5 = "e", .etag_parts = 4};
    version_record_encode(&value, &record);
    assert_int_equal(version_record_decode(buffer_bytes(&value), &out), STATUS_OK);
    assert_memory_equal(&out.condition, &record.condition, sizeof(out.condition));
    packed_parts_get(&out.parts, 1, &number, &part_size);
    assert_true(out.multipart && out.upload.bytes[5] == 5 && number == 10000 && part_size == 20);
    check_bounds(&value, decode_version);
    version_head_encode(&value, &head);
    check_bounds(&value, decode_head);
    buffer_release(&packed);
}

/* What was appended, and what a rename came by. */
static void test_versions_with_more(void **state)
{
    struct chunk_ref refs[2] = {{.size = 10}, {.size = 10}};
    struct chunk_list list = {.refs = refs, .count = 1, .capacity = 2};
    struct version_record record = {.head = head, .headers = BYTES("h: v"), .attributes = ATTRIBUTES}, out;
    struct buffer written, appended, value;

    (void)state;
    memset(refs[1].id.bytes, 0xee, CHUNK_ID_LEN);
    record_buffer_init(&written);
    record_buffer_init(&appended);
    record_buffer_init(&value);
    packed_chunks_append(&written, &list);
    list.count = 2;
    packed_chunks_append(&appended, &list);
    record.chunks = (struct packed_chunks){written.data, 1};
    record.tail = (struct version_tail){.size = 20, .chunks = {appended.data, 2}};
    record.renamed = true;
    memset(record.rename_token, 0x7e, META_RENAME_TOKEN_LEN);
    version_record_encode(&value, &record);
    assert_int_equal(version_record_decode(buffer_bytes(&value), &out), STATUS_OK);
    assert_true(out.tail.size == 20 && out.tail.chunks.count == 2 && out.tail.streams.count == 0 && out.renamed);
    assert_memory_equal(out.rename_token, record.rename_token, META_RENAME_TOKEN_LEN);
    check_bounds(&value, decode_version);

    record.renamed = false;
    record.tail.size = 19; /* not as long as its chunks */
    version_record_encode(&value, &record);
    assert_int_equal(decode_version(buffer_bytes(&value)), STATUS_CORRUPT);
    buffer_clear(&value);
    record.tail.size = 20;
    record.head.size = 20; /* nothing before it */
    record.chunks.count = 0;
    version_record_encode(&value, &record);
    assert_int_equal(decode_version(buffer_bytes(&value)), STATUS_CORRUPT);
    buffer_release(&value);
    buffer_release(&written);
    buffer_release(&appended);
}

/* The longest checksum is read as it was written; none is longer. Shorter ones are laid out as they ever were. */
static void test_checksums(void **state)
{
    enum { LEN_AT = 1 + 2 + 5 * 8 + MD5_LEN + 4 + 2 };
    struct version_head long_head = head, out;
    struct buffer value;

    (void)state;
    record_buffer_init(&value);
    version_head_encode(&value, &head);
    assert_int_equal(value.data[LEN_AT], 8);
    assert_int_equal(value.len, LEN_AT + 1 + 8 + 1);
    buffer_clear(&value);
    long_head.checksum = (struct meta_checksum){.algorithm = 6, .full_object = 1, .len = META_CHECKSUM_BYTES_MAX};
    memset(long_head.checksum.value, 0xa5, META_CHECKSUM_BYTES_MAX);
    version_head_encode(&value, &long_head);
    assert_int_equal(version_head_decode(buffer_bytes(&value), &out), STATUS_OK);
    assert_memory_equal(&out.checksum, &long_head.checksum, sizeof(out.checksum));
    value.data[LEN_AT]++;
    assert_int_equal(buffer_append_char(&value, 'x'), STATUS_OK);
    assert_int_equal(version_head_decode(buffer_bytes(&value), &out), STATUS_CORRUPT);
    buffer_release(&value);
}

/* Takes `len` bytes at `at` out of a record and makes it one of that format. */
static void make_older(struct buffer *record, uint8_t format, size_t at, size_t len)
{
    memmove(record->data + at, record->data + at + len, record->len - at - len);
    record->len -= len;
    record->data[0] = (char)format;
}

/* Records without attributes, and those without a storage class and conditions, are read as of the default class and
 * without any. */
static void test_older_formats(void **state)
{
    (void)state;
    enum { HEAD_LEN = 1 + 2 + 5 * 8 + MD5_LEN + 4 + 3 + 8, CONDITION_LEN = 2 + MD5_LEN + 4 };
    struct version_record record = {.head = head,
                                    .headers = BYTES("h: v"),
                                    .multipart = true,
                                    .attributes = ATTRIBUTES},
                          out;
    struct upload_record upload = {.created_ms = 6,
                                   .checksum_algorithm = 3,
                                   .headers = BYTES("u"),
                                   .storage_class = 2,
                                   .attributes = ATTRIBUTES},
                         upload_out;
    struct version_head head_out;
    struct buffer packed, value;

    record_buffer_init(&packed);
    record_buffer_init(&value);
    version_head_encode(&value, &head);
    make_older(&value, 1, HEAD_LEN, 1);
    assert_int_equal(version_head_decode(buffer_bytes(&value), &head_out), STATUS_OK);
    assert_true(head_out.storage_class == 0 && head_out.size == 30 && head_out.checksum.len == 8);
    buffer_clear(&value);

    packed_parts_append(&packed, 1, 30);
    record.parts = (struct packed_parts){packed.data, 1};
    record.condition.must_be_absent = true;
    version_record_encode(&value, &record);
    value.len--;
    make_older(&value, 3, value.len, 0); /* without what few versions have */
    assert_int_equal(version_record_decode(buffer_bytes(&value), &out), STATUS_OK);
    assert_true(bytes_equal(out.attributes, record.attributes) && !out.renamed && out.tail.size == 0);
    value.len -= ATTRIBUTES_LEN;
    make_older(&value, 2, value.len, 0);
    assert_int_equal(version_record_decode(buffer_bytes(&value), &out), STATUS_OK);
    assert_true(out.head.storage_class == 5 && out.condition.must_be_absent && out.attributes.len == 0);
    value.len -= CONDITION_LEN;
    make_older(&value, 1, HEAD_LEN, 1);
    assert_int_equal(version_record_decode(buffer_bytes(&value), &out), STATUS_OK);
    assert_true(out.head.storage_class == 0 && out.multipart && out.parts.count == 1);
    assert_true(!out.condition.must_be_absent && bytes_equal_str(out.headers, "h: v"));
    assert_int_equal(version_record_decode_head(buffer_bytes(&value), &head_out), STATUS_OK);
    buffer_clear(&value);

    upload.condition.must_be_absent = true;
    upload_record_encode(&value, &upload);
    assert_int_equal(upload_record_decode(buffer_bytes(&value), &upload_out), STATUS_OK);
    assert_true(upload_out.storage_class == 2 && upload_out.condition.must_be_absent);
    assert_true(bytes_equal(upload_out.attributes, upload.attributes));
    value.len -= ATTRIBUTES_LEN;
    make_older(&value, 2, value.len, 0);
    assert_int_equal(upload_record_decode(buffer_bytes(&value), &upload_out), STATUS_OK);
    assert_true(upload_out.storage_class == 2 && upload_out.attributes.len == 0);
    value.len -= 1 + CONDITION_LEN;
    make_older(&value, 1, value.len, 0);
    assert_int_equal(upload_record_decode(buffer_bytes(&value), &upload_out), STATUS_OK);
    assert_true(upload_out.storage_class == 0 && !upload_out.condition.must_be_absent && upload_out.created_ms == 6);
    assert_true(upload_out.checksum_algorithm == 3 && bytes_equal_str(upload_out.headers, "u"));
    buffer_release(&packed);
    buffer_release(&value);
}

static void test_versions_that_lie(void **state)
{
    (void)state;
    struct version_record record = {.head = head, .multipart = true};
    struct buffer packed, value;
    static const struct {
        unsigned first, second;
        uint64_t first_size, second_size;
    } cases[] = {{2, 1, 10, 20},     {1, 1, 10, 20}, {0, 1, 10, 20},
                 {1, 10001, 10, 20}, {1, 2, 10, 21}, {1, 2, 31, UINT64_MAX}};

    record_buffer_init(&packed);
    record_buffer_init(&value);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        buffer_clear(&packed);
        buffer_clear(&value);
        packed_parts_append(&packed, cases[i].first, cases[i].first_size);
        packed_parts_append(&packed, cases[i].second, cases[i].second_size);
        record.parts = (struct packed_parts){packed.data, 2};
        version_record_encode(&value, &record);
        assert_int_equal(decode_version(buffer_bytes(&value)), STATUS_CORRUPT);
    }
    buffer_release(&packed);
    buffer_release(&value);
}

static void test_others(void **state)
{
    (void)state;
    struct buffer value;
    struct chunk_record chunk = {.size = 5, .crc32c = 6, .copies = 2, .nodes = {8, 9}, .bad = 2, .queued = 1},
                        chunk_out;
    struct part_record part = {.part = {.size = 0, .md5 = "part", .modified_ms = 4}}, part_out;
    struct gc_record gc = {.kind = GC_PARTS, .process = 1, .monotonic_ms = 2, .wall_ms = 3, .bytes = 77}, gc_out;
    struct meta_bucket bucket = {.id = 4, .versioned = true, .region = "eu", .objects = 1, .versions = 2, .bytes = 3};
    struct meta_bucket bucket_out;
    struct state_record row = {.cluster_id = CLUSTER,
                               .sequence = 9,
                               .bucket_next = 2,
                               .gc_rows = 3,
                               .gc_bytes = 5,
                               .repair_rows = 4,
                               .outbox_rows = 6,
                               .outbox_bytes = 7,
                               .durability = {.chunks = {1, 2, 3, 4}, .bytes = {5, 6, 7, 8}}};
    struct state_record row_out;

    record_buffer_init(&value);
    chunk_record_encode(&value, &chunk);
    assert_int_equal(value.len, CHUNK_RECORD_LEN);
    assert_int_equal(chunk_record_decode(buffer_bytes(&value), &chunk_out), STATUS_OK);
    assert_int_equal(chunk_out.size, chunk.size);
    assert_int_equal(chunk_out.crc32c, chunk.crc32c);
    assert_int_equal(chunk_out.copies, chunk.copies);
    assert_memory_equal(chunk_out.nodes, chunk.nodes, sizeof(chunk.nodes));
    assert_int_equal(chunk_out.bad, chunk.bad);
    assert_int_equal(chunk_out.queued, chunk.queued);
    value.data[14] = 4; /* a bad copy that is none */
    assert_int_equal(decode_chunk(buffer_bytes(&value)), STATUS_CORRUPT);
    value.data[14] = 2;
    value.data[15] = (char)CHUNK_UNWANTED;
    assert_int_equal(decode_chunk(buffer_bytes(&value)), STATUS_OK);
    value.data[15] = (char)(CHUNK_UNWANTED - 1);
    assert_int_equal(decode_chunk(buffer_bytes(&value)), STATUS_CORRUPT);
    value.data[15] = 1;
    check_bounds(&value, decode_chunk);

    part_record_encode(&value, &part);
    assert_int_equal(part_record_decode(buffer_bytes(&value), &part_out), STATUS_OK);
    assert_true(memcmp(part_out.part.md5, "part", 5) == 0 && part_out.part.modified_ms == 4);
    check_bounds(&value, decode_part);
    part_record_encode(&value, &part);
    make_older(&value, 1, value.len - 1, 1); /* before sealed objects */
    assert_int_equal(part_record_decode(buffer_bytes(&value), &part_out), STATUS_OK);
    assert_true(!part_out.part.seal.sealed && part_out.part.modified_ms == 4);
    buffer_release(&value);
    part.part.seal = (struct block_seal_id){.sealed = true, .bytes = "identity"};
    part_record_encode(&value, &part);
    assert_int_equal(part_record_decode(buffer_bytes(&value), &part_out), STATUS_OK);
    assert_memory_equal(&part_out.part.seal, &part.part.seal, sizeof(part.part.seal));
    check_bounds(&value, decode_part);

    gc_record_encode(&value, &gc);
    assert_int_equal(gc_record_decode(buffer_bytes(&value), &gc_out), STATUS_OK);
    assert_true(gc_out.kind == GC_PARTS && gc_out.process == 1 && gc_out.monotonic_ms == 2 && gc_out.wall_ms == 3);
    assert_int_equal(gc_out.bytes, 77);
    check_bounds(&value, decode_gc);
    gc_record_encode(&value, &gc);
    value.data[0] = 1; /* a record without the bytes */
    assert_int_equal(decode_gc(buffer_bytes(&value)), STATUS_CORRUPT);
    assert_int_equal(gc_record_decode(bytes_of(value.data, value.len - 8), &gc_out), STATUS_OK);
    assert_true(gc_out.kind == GC_PARTS && gc_out.wall_ms == 3 && gc_out.bytes == 0);
    buffer_clear(&value);
    gc.kind = GC_TAIL;
    memset(gc.pin, 0x11, GC_PIN_LEN);
    gc_record_encode(&value, &gc);
    assert_int_equal(gc_record_decode(buffer_bytes(&value), &gc_out), STATUS_OK);
    assert_true(gc_out.kind == GC_TAIL && gc_out.bytes == 77);
    assert_memory_equal(gc_out.pin, gc.pin, GC_PIN_LEN);
    assert_int_equal(decode_gc(bytes_of(value.data, 0)), STATUS_CORRUPT);
    buffer_clear(&value);

    bucket_record_encode(&value, &bucket);
    assert_int_equal(bucket_record_decode(buffer_bytes(&value), &bucket_out), STATUS_OK);
    assert_true(bucket_out.id == 4 && bucket_out.versioned && bucket_out.versions == 2 && bucket_out.bytes == 3);
    assert_string_equal(bucket_out.region, "eu");
    assert_false(bucket_out.suspended);
    value.data[5] = 2; /* versioning: 0 never, 1 enabled, as before there was 2, suspended */
    assert_int_equal(bucket_record_decode(buffer_bytes(&value), &bucket_out), STATUS_OK);
    assert_true(bucket_out.versioned && bucket_out.suspended);
    value.data[5] = 3;
    assert_int_equal(bucket_record_decode(buffer_bytes(&value), &bucket_out), STATUS_CORRUPT);
    buffer_clear(&value);

    struct bytes document;
    identity_record_encode(&value, BYTES("document"));
    assert_int_equal(identity_record_decode(buffer_bytes(&value), &document), STATUS_OK);
    assert_true(bytes_equal_str(document, "document"));
    value.data[0] = 2;
    assert_int_equal(identity_record_decode(buffer_bytes(&value), &document), STATUS_CORRUPT);
    assert_int_equal(identity_record_decode((struct bytes){0}, &document), STATUS_CORRUPT);
    buffer_clear(&value);

    state_record_encode(&value, &row);
    assert_int_equal(state_record_decode(buffer_bytes(&value), &row_out), STATUS_OK);
    assert_true(memcmp(row_out.cluster_id, CLUSTER, 16) == 0 && row_out.sequence == 9);
    assert_true(row_out.bucket_next == 2 && row_out.gc_rows == 3 && row_out.repair_rows == 4);
    assert_memory_equal(&row_out.durability, &row.durability, sizeof(row.durability));
    assert_int_equal(row_out.gc_bytes, 5);
    assert_true(row_out.has_names);
    assert_true(row_out.outbox_rows == 6 && row_out.outbox_bytes == 7);
    assert_int_equal(value.data[0], 12); /* builds that free no tails refuse it */
    value.data[0] = 13;
    assert_int_equal(state_record_decode(buffer_bytes(&value), &row_out), STATUS_CORRUPT);
    for (char format = 11; format >= 6;
         format--) { /* before tails, renames, annotations, seals, long sums, identities */
        value.data[0] = format;
        assert_int_equal(state_record_decode(buffer_bytes(&value), &row_out), STATUS_OK);
        assert_true(row_out.outbox_bytes == 7 && row_out.has_names);
    }
    value.len -= 16;
    for (char format = 5; format >= 3; format--) { /* before settings; before names; before records had classes */
        value.data[0] = format;
        assert_int_equal(state_record_decode(buffer_bytes(&value), &row_out), STATUS_OK);
        assert_true(row_out.gc_bytes == 5 && row_out.has_names == (format == 5) && row_out.outbox_rows == 0);
    }
    value.data[0] = 2; /* a record without the bytes of garbage */
    assert_int_equal(state_record_decode(buffer_bytes(&value), &row_out), STATUS_CORRUPT);
    value.len -= 8;
    assert_int_equal(state_record_decode(buffer_bytes(&value), &row_out), STATUS_OK);
    assert_true(row_out.gc_rows == 3 && row_out.gc_bytes == 0 && row_out.durability.bytes[3] == 8);
    value.data[0] = 1;
    assert_int_equal(state_record_decode(buffer_bytes(&value), &row_out), STATUS_CORRUPT);
    buffer_release(&value);
}

static enum status decode_name(struct bytes record)
{
    struct name_record name;
    return name_record_decode(record, &name);
}

static enum status decode_number(struct bytes record)
{
    uint64_t sequence;
    return number_record_decode(record, &sequence);
}

static void test_names(void **state)
{
    static const struct name_record bad[] = {
        {0},
        {.number = 1, .versions = 2, .latest = 2, .oldest = 1},
        {.number = 3, .versions = 2, .latest = 1, .oldest = 2},
        {.number = 3, .versions = 2},
        {.number = 3, .latest = 1, .oldest = 1},
        {.number = 3, .versions = 1, .latest = 2},
        {.number = 3, .versions = 2, .latest = 9, .oldest = 3, .null_version = 2},
        {.number = 3, .versions = 2, .latest = 9, .oldest = 3, .null_version = 10},
    };
    struct name_record name = {.number = 9, .versions = 2, .latest = 8, .oldest = 6, .null_version = 7}, out;
    struct buffer value;
    uint64_t sequence;

    (void)state;
    record_buffer_init(&value);
    name_record_encode(&value, &name);
    assert_int_equal(name_record_decode(buffer_bytes(&value), &out), STATUS_OK);
    assert_memory_equal(&out, &name, sizeof(name));
    check_bounds(&value, decode_name);
    name_record_encode(&value, &name);
    value.data[0] = 1; /* from before there could be a null version among others */
    assert_int_equal(name_record_decode(bytes_of(value.data, value.len - 8), &out), STATUS_OK);
    assert_true(out.number == 9 && out.oldest == 6 && out.null_version == 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        buffer_clear(&value);
        name_record_encode(&value, &bad[i]);
        assert_int_equal(decode_name(buffer_bytes(&value)), STATUS_CORRUPT);
    }
    name = (struct name_record){.number = 9}; /* all its versions are gone */
    buffer_clear(&value);
    name_record_encode(&value, &name);
    assert_int_equal(decode_name(buffer_bytes(&value)), STATUS_OK);
    buffer_clear(&value);
    number_record_encode(&value, 77);
    assert_int_equal(number_record_decode(buffer_bytes(&value), &sequence), STATUS_OK);
    assert_int_equal(sequence, 77);
    check_bounds(&value, decode_number);
    buffer_release(&value);
}

static enum status decode_outbox(struct bytes record)
{
    struct outbox_record out;
    return outbox_record_decode(record, &out);
}

static void test_outbox(void **state)
{
    struct outbox_record record = {.kind = 3, .bucket = 4, .time_ms = 5, .key = BYTES("k"), .payload = BYTES("work")};
    struct outbox_record out;
    struct buffer value;

    (void)state;
    record.head = head;
    record_buffer_init(&value);
    outbox_record_encode(&value, &record);
    assert_int_equal(outbox_record_decode(buffer_bytes(&value), &out), STATUS_OK);
    assert_true(out.kind == 3 && out.bucket == 4 && out.time_ms == 5 && bytes_equal_str(out.key, "k"));
    assert_true(out.head.sequence == head.sequence && out.head.random == 99);
    assert_true(bytes_equal_str(out.payload, "work"));
    check_bounds(&value, decode_outbox);
    buffer_release(&value);
}

static void test_key_order(void **state)
{
    (void)state;
    struct row_key lower, upper, keys[7];
    struct bytes key;
    uint64_t sequence;

    row_key_version(&keys[0], 1, BYTES("a"), 9);
    row_key_version(&keys[1], 1, BYTES("a"), 8);
    row_key_version(&keys[2], 1, BYTES("a\x01"), 10);
    row_key_version(&keys[3], 1, BYTES("a/"), 1);
    row_key_version(&keys[4], 1, BYTES("ab"), 10);
    row_key_version(&keys[5], 1, BYTES("\xff\xff"), 1);
    row_key_version(&keys[6], 2, BYTES("a"), 1);
    for (int i = 0; i < 6; i++)
        assert_true(bytes_compare(row_key_bytes(&keys[i]), row_key_bytes(&keys[i + 1])) < 0);
    row_key_version_bounds(&lower, &upper, 1, BYTES("a"));
    for (int i = 0; i < 7; i++)
        assert_int_equal(i < 2, bytes_compare(row_key_bytes(&keys[i]), row_key_bytes(&lower)) >= 0 &&
                                    bytes_compare(row_key_bytes(&keys[i]), row_key_bytes(&upper)) < 0);
    assert_int_equal(row_key_version_parse(row_key_bytes(&keys[2]), &key, &sequence), STATUS_OK);
    assert_true(bytes_equal_str(key, "a\x01") && sequence == 10);
    keys[2].data[keys[2].len - KEY_VERSION_SUFFIX_LEN] = 1;
    assert_int_equal(row_key_version_parse(row_key_bytes(&keys[2]), &key, &sequence), STATUS_CORRUPT);
    row_key_prefix(&lower, 0xffff, BYTES("\xff\xff"));
    row_key_step_over(&lower);
    assert_memory_equal(lower.data, "\x00\x01", 2);
    assert_int_equal(lower.len, 2);
}

static void test_ids(void **state)
{
    (void)state;
    char text[META_VERSION_ID_LEN + 1];
    uint64_t sequence, random;

    version_id_format(0xabc, 0xdef0, text);
    assert_string_equal(text, "0000000000000abc000000000000def0");
    assert_int_equal(version_id_parse(bytes_from_str(text), &sequence, &random), STATUS_OK);
    assert_true(sequence == 0xabc && random == 0xdef0);
    assert_int_equal(version_id_parse(bytes_of(text, 31), &sequence, &random), STATUS_INVALID);
    assert_int_equal(version_id_parse(BYTES("0000000000000ABC000000000000def0"), &sequence, &random), STATUS_INVALID);
    assert_int_equal(version_id_parse(BYTES("0000000000000xyz000000000000def0"), &sequence, &random), STATUS_INVALID);
}

static enum status decode_annotation(struct bytes record)
{
    struct annotation_record out;
    return annotation_record_decode(record, &out);
}

static void test_annotations(void **state)
{
    struct annotation_record record = {.sequence = 77, .text = {.md5 = "text", .modified_ms = 5}}, out;
    struct gc_record gc = {.kind = GC_ANNOTATIONS, .wall_ms = 3, .set = {"a set of 16 byte"}, .bytes = 78}, gc_out;
    struct row_key key;
    struct bytes name;
    struct buffer value;

    (void)state;
    record_buffer_init(&value);
    annotation_record_encode(&value, &record);
    assert_int_equal(annotation_record_decode(buffer_bytes(&value), &out), STATUS_OK);
    assert_true(out.sequence == 77 && out.text.modified_ms == 5 && memcmp(out.text.md5, "text", 5) == 0);
    check_bounds(&value, decode_annotation);
    record.text.seal = (struct block_seal_id){.sealed = true, .bytes = "identity"};
    annotation_record_encode(&value, &record);
    assert_int_equal(annotation_record_decode(buffer_bytes(&value), &out), STATUS_OK);
    assert_memory_equal(&out.text.seal, &record.text.seal, sizeof(out.text.seal));
    check_bounds(&value, decode_annotation);

    gc_record_encode(&value, &gc);
    assert_int_equal(gc_record_decode(buffer_bytes(&value), &gc_out), STATUS_OK);
    assert_true(gc_out.kind == GC_ANNOTATIONS && gc_out.bytes == 78 && gc_out.wall_ms == 3);
    assert_memory_equal(&gc_out.set, &gc.set, sizeof(gc.set));
    value.data[1] = GC_ANNOTATIONS + 1;
    assert_int_equal(decode_gc(buffer_bytes(&value)), STATUS_CORRUPT);
    value.data[1] = GC_ANNOTATIONS;
    check_bounds(&value, decode_gc);

    row_key_annotation(&key, &gc.set, BYTES("a name"));
    assert_int_equal(row_key_annotation_parse(row_key_bytes(&key), &name), STATUS_OK);
    assert_true(bytes_equal_str(name, "a name"));
    assert_int_equal(row_key_annotation_parse(bytes_of(key.data, ANNOTATION_SET_BYTES), &name), STATUS_CORRUPT);
}

/* What meta keeps of a version among the attributes: not there when it would say nothing, beside all others else. */
static void test_own_attribute(void **state)
{
    const struct own_attribute nothing = {0};
    struct own_attribute own = {.has_id = true, .committed = 5, .sum = {.count = 2, .bytes = 30, .changed = 9}}, out;
    struct buffer with, without;
    struct bytes document;

    (void)state;
    buffer_init(&with, 1000);
    buffer_init(&without, 1000);
    own.set.bytes[15] = 15;
    assert_int_equal(own_attribute_write(ATTRIBUTES, &own, &with), STATUS_OK);
    assert_int_equal(own_attribute_read(buffer_bytes(&with), &out), STATUS_OK);
    assert_memory_equal(&out.set, &own.set, sizeof(out.set));
    assert_true(out.has_id && out.committed == 5 && out.sum.count == 2 && out.sum.bytes == 30 && out.sum.changed == 9);
    assert_int_equal(meta_attribute_find(buffer_bytes(&with), 3, &document), STATUS_OK);
    assert_int_equal(meta_attribute_find(buffer_bytes(&with), META_ATTRIBUTE_OWN, &document), STATUS_OK);
    ((char *)document.data)[0]++;
    assert_int_equal(own_attribute_read(buffer_bytes(&with), &out), STATUS_CORRUPT);
    assert_int_equal(own_attribute_write(buffer_bytes(&with), &nothing, &without), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&without), ATTRIBUTES));
    assert_int_equal(own_attribute_read(buffer_bytes(&without), &out), STATUS_OK);
    assert_memory_equal(&out, &nothing, sizeof(out));
    buffer_release(&with);
    buffer_release(&without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_annotations),   cmocka_unit_test(test_own_attribute),
        cmocka_unit_test(test_versions),      cmocka_unit_test(test_versions_with_more),
        cmocka_unit_test(test_older_formats), cmocka_unit_test(test_checksums),
        cmocka_unit_test(test_outbox),        cmocka_unit_test(test_versions_that_lie),
        cmocka_unit_test(test_others),        cmocka_unit_test(test_names),
        cmocka_unit_test(test_key_order),     cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A stored record may be anything: decoding must stay within its bytes, and what it accepts must encode to the same;
 * a record of an older format, to one of today's that does. The first byte chooses the kind of record. */
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "gateway/notify/payload.h"
#include "meta/own_attribute.h"
#include "meta/records.h"

static void name_again(struct bytes record, struct buffer *again)
{
    struct name_record name;
    if (name_record_decode(record, &name) == STATUS_OK)
        name_record_encode(again, &name);
}

static void number_again(struct bytes record, struct buffer *again)
{
    uint64_t sequence;
    if (number_record_decode(record, &sequence) == STATUS_OK)
        number_record_encode(again, sequence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void version_again(struct bytes record, struct buffer *again)
{
    struct version_head head;
    struct version_record version;
    enum status head_status = version_record_decode_head(record, &head);
    if (version_record_decode(record, &version) == STATUS_OK) {
        CHECK(head_status == STATUS_OK);
        CHECK(head.size == version.head.size);
        version_record_encode(again, &version);
    }
}

static void head_again(struct bytes record, struct buffer *again)
{
    struct version_head head;
    if (version_head_decode(record, &head) == STATUS_OK)
        version_head_encode(again, &head);
}

static void upload_again(struct bytes record, struct buffer *again)
{
    struct upload_record upload;
    if (upload_record_decode(record, &upload) == STATUS_OK)
        upload_record_encode(again, &upload);
}

static void part_again(struct bytes record, struct buffer *again)
{
    struct part_record part;
    if (part_record_decode(record, &part) == STATUS_OK)
        part_record_encode(again, &part);
}

static void chunk_again(struct bytes record, struct buffer *again)
{
    struct chunk_record chunk;
    if (chunk_record_decode(record, &chunk) == STATUS_OK)
        chunk_record_encode(again, &chunk);
}

static void gc_again(struct bytes record, struct buffer *again)
{
    struct gc_record gc;
    if (gc_record_decode(record, &gc) == STATUS_OK)
        gc_record_encode(again, &gc);
}

static void bucket_again(struct bytes record, struct buffer *again)
{
    struct meta_bucket bucket;
    if (bucket_record_decode(record, &bucket) == STATUS_OK)
        bucket_record_encode(again, &bucket);
}

static void setting_again(struct bytes record, struct buffer *again)
{
    struct bytes document;
    if (setting_record_decode(record, &document) == STATUS_OK)
        setting_record_encode(again, document);
}

static void outbox_again(struct bytes record, struct buffer *again)
{
    struct outbox_record row;
    if (outbox_record_decode(record, &row) == STATUS_OK)
        outbox_record_encode(again, &row);
}

static void event_again(struct bytes record, struct buffer *again)
{
    struct notify_payload payload;
    if (notify_payload_decode(record, &payload) == STATUS_OK)
        CHECK(notify_payload_encode(again, &payload) == STATUS_OK);
}

static void state_again(struct bytes record, struct buffer *again)
{
    struct state_record row;
    if (state_record_decode(record, &row) == STATUS_OK)
        state_record_encode(again, &row);
}

static void annotation_again(struct bytes record, struct buffer *again)
{
    struct annotation_record annotation;
    if (annotation_record_decode(record, &annotation) == STATUS_OK)
        annotation_record_encode(again, &annotation);
}

/* Attributes with what meta keeps of its own among them. */
static void own_again(struct bytes record, struct buffer *again)
{
    struct own_attribute own;
    if (meta_attributes_check(record) == STATUS_OK && own_attribute_read(record, &own) == STATUS_OK)
        CHECK(own_attribute_write(record, &own, again) == STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(struct bytes, struct buffer *) = {
        version_again, head_again,   upload_again,     part_again, chunk_again,
        gc_again,      bucket_again, state_again,      name_again, number_again,
        setting_again, outbox_again, annotation_again, own_again,  event_again,
    };
    struct buffer again, today;

    if (size == 0)
        return 0;
    void (*kind)(struct bytes, struct buffer *) = kinds[data[0] % (sizeof(kinds) / sizeof(*kinds))];
    struct bytes record = bytes_of(data + 1, size - 1);
    record_buffer_init(&again);
    record_buffer_init(&today);
    kind(record, &again);
    if (again.len > 0 && again.data[0] != record.data[0]) {
        kind(buffer_bytes(&again), &today);
        record = buffer_bytes(&today);
    }
    if (again.len > 0)
        CHECK(bytes_equal(record, buffer_bytes(&again)));
    buffer_release(&today);
    buffer_release(&again);
    return 0;
}

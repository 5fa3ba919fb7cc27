/* Reading a range of an object; see the header. */
#include "gateway/object/object_reader.h"

#include "base/check.h"
#include "gateway/object/sealed_reader.h"
#include "meta/damage.h"

static enum status next_chunk(void *arg, struct chunk_ref *ref, uint32_t *offset, uint32_t *len)
{
    return meta_cursor_next(arg, ref, offset, len);
}

static enum status fill(struct object_reader *reader)
{
    enum status status = reader->sealed ? sealed_reader_next(reader->sealed, &reader->pending)
                                        : stream_reader_next(reader->stream, &reader->pending);
    if (status)
        return status;
    /* fewer bytes than the record says, or more, can only be damaged metadata */
    if (reader->pending.len == 0 || reader->pending.len > reader->left)
        return damage_found("read an object", "its chunks are not as long as its record says");
    return STATUS_OK;
}

enum status object_reader_open(struct object_reader *reader, struct gateway *gateway, const struct meta_object *object,
                               const struct object_key *key, uint64_t offset, uint64_t len)
{
    bool sealed = key && key->sealed;
    uint64_t stored_offset = offset, stored_len = len;
    enum status status = STATUS_OK;

    *reader = (struct object_reader){.left = len};
    if (len == 0)
        return STATUS_OK;
    CHECK(sealed == meta_attributes_sealed(object->attributes)); /* what is sealed is never given out as it is */
    if (sealed)
        status = sealed_reader_range(object, offset, len, &stored_offset, &stored_len);
    if (status)
        return status;
    reader->cursor = meta_cursor_open(gateway->meta, object, stored_offset, stored_len);
    reader->stream = stream_reader_open(gateway->cluster, next_chunk, reader->cursor);
    if (sealed)
        reader->sealed = sealed_reader_create(gateway->meta, object, key, offset, len, reader->stream);
    return fill(reader);
}

enum status object_reader_next(struct object_reader *reader, struct bytes *out)
{
    *out = (struct bytes){0};
    if (reader->left == 0)
        return STATUS_OK;
    if (reader->pending.len == 0) {
        enum status status = fill(reader);
        if (status)
            return status;
    }
    *out = reader->pending;
    reader->left -= out->len;
    reader->pending = (struct bytes){0};
    return STATUS_OK;
}

void object_reader_release(struct object_reader *reader)
{
    sealed_reader_free(reader->sealed);
    if (reader->stream)
        stream_reader_close(reader->stream);
    if (reader->cursor)
        meta_cursor_close(reader->cursor);
    *reader = (struct object_reader){0};
}

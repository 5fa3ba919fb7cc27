/* Reading sealed objects; see the header. The blocks of a range lie together, also over the border of two parts, since
 * all blocks between its first and its last are of the range. A block is put together from what the nodes' reads give
 * and opened in its place, on the loop's thread, as TLS does it with as many bytes. */
#include "gateway/object/sealed_reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "meta/damage.h"

struct sealed_reader {
    struct meta *meta;
    const struct meta_object *object;
    struct object_key key;
    struct stream_reader *input;
    struct bytes in;           /* of the input, not yet taken */
    uint64_t offset, left;     /* of plain bytes in the object */
    struct meta_stream stream; /* that offset is in; size 0: none yet */
    struct block_seal *seal;   /* of the stream */
    char *block;
};

enum status sealed_reader_range(const struct meta_object *object, uint64_t offset, uint64_t len,
                                uint64_t *stored_offset, uint64_t *stored_len)
{
    struct meta_stream first, last;
    uint64_t end = offset + len - 1;

    CHECK(len > 0);
    if (meta_object_stream(object, offset, &first) || meta_object_stream(object, end, &last))
        return damage_found("read a sealed object", "its parts are not as long as its record says");
    uint64_t blocks_end = ((end - last.offset) / BLOCK_SEAL_BYTES + 1) * BLOCK_SEAL_BYTES;
    if (blocks_end > last.size)
        blocks_end = last.size;
    *stored_offset =
        first.stored_offset + (offset - first.offset) / BLOCK_SEAL_BYTES * (BLOCK_SEAL_BYTES + BLOCK_SEAL_MORE);
    *stored_len = last.stored_offset + block_seal_size(blocks_end) - *stored_offset;
    return STATUS_OK;
}

struct sealed_reader *sealed_reader_create(struct meta *meta, const struct meta_object *object,
                                           const struct object_key *key, uint64_t offset, uint64_t len,
                                           struct stream_reader *stream)
{
    struct sealed_reader *reader = mem_zalloc(sizeof(*reader));

    *reader = (struct sealed_reader){
        .meta = meta, .object = object, .key = *key, .input = stream, .offset = offset, .left = len};
    uint64_t block = object->size < BLOCK_SEAL_BYTES ? object->size : BLOCK_SEAL_BYTES;
    reader->block = mem_alloc((size_t)block + BLOCK_SEAL_MORE);
    return reader;
}

void sealed_reader_free(struct sealed_reader *reader)
{
    if (!reader)
        return;
    block_seal_free(reader->seal);
    free(reader->block);
    explicit_bzero(&reader->key, sizeof(reader->key));
    free(reader);
}

/* The identity of a part's stream. */
static enum status find_part(const struct sealed_reader *reader, struct block_seal_id *id)
{
    struct meta_part *parts;
    size_t count;
    bool truncated;
    enum status status =
        meta_object_parts(reader->meta, reader->object, reader->stream.part - 1, 1, &parts, &count, &truncated);

    if (status)
        return status;
    if (count == 1)
        *id = parts->seal;
    free(parts);
    return count == 1 && id->sealed ? STATUS_OK : damage_found("read a sealed object", "a part of it is not sealed");
}

/* Goes to the stream that has the next byte. */
static enum status enter(struct sealed_reader *reader)
{
    struct block_seal_id id = reader->key.id;
    enum status status = meta_object_stream(reader->object, reader->offset, &reader->stream);

    if (status)
        return damage_found("read a sealed object", "its parts end before it does");
    if (reader->stream.part > 0)
        status = find_part(reader, &id);
    else if (reader->stream.seal.sealed)
        id = reader->stream.seal;
    if (status)
        return status;
    block_seal_free(reader->seal);
    reader->seal = block_seal_create(&reader->key.key, &id);
    return STATUS_OK;
}

/* Puts the next stored bytes together. */
static enum status collect(struct sealed_reader *reader, size_t len)
{
    for (size_t have = 0; have < len;) {
        if (reader->in.len == 0) {
            enum status status = stream_reader_next(reader->input, &reader->in);
            if (status)
                return status;
            if (reader->in.len == 0)
                return damage_found("read a sealed object", "its chunks are not as long as its record says");
        }
        size_t take = len - have < reader->in.len ? len - have : reader->in.len;
        memcpy(reader->block + have, reader->in.data, take);
        reader->in = bytes_of(reader->in.data + take, reader->in.len - take);
        have += take;
    }
    return STATUS_OK;
}

static enum status not_genuine(const struct sealed_reader *reader, uint64_t number)
{
    log_error("a block of a sealed object is not the one that was written",
              LOG_INT("sequence", reader->object->sequence), LOG_INT("part", reader->stream.part),
              LOG_INT("block", number));
    return STATUS_CORRUPT;
}

enum status sealed_reader_next(struct sealed_reader *reader, struct bytes *out)
{
    const struct meta_stream *stream = &reader->stream;
    enum status status = STATUS_OK;

    *out = (struct bytes){0};
    if (reader->left == 0)
        return STATUS_OK;
    if (!reader->seal || reader->offset - stream->offset >= stream->size)
        status = enter(reader);
    if (status)
        return status;
    uint64_t number = (reader->offset - stream->offset) / BLOCK_SEAL_BYTES;
    uint64_t begin = number * BLOCK_SEAL_BYTES, rest = stream->size - begin;
    size_t plain = rest < BLOCK_SEAL_BYTES ? (size_t)rest : BLOCK_SEAL_BYTES;
    status = collect(reader, plain + BLOCK_SEAL_MORE);
    if (status)
        return status;
    if (block_seal_open(reader->seal, number, plain == rest, reader->block, plain + BLOCK_SEAL_MORE))
        return not_genuine(reader, number);
    size_t skip = (size_t)(reader->offset - stream->offset - begin);
    *out = bytes_of(reader->block + skip, plain - skip < reader->left ? plain - skip : (size_t)reader->left);
    reader->offset += out->len;
    reader->left -= out->len;
    return STATUS_OK;
}

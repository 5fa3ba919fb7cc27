/* Walking an object's chunks, a few at a time; see meta.h. The object holds its chunks, readers.h. */
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "meta/chunk_rows.h"
#include "meta/internal.h"
#include "meta/object_storage.h"
#include "meta/tail.h"

enum { CURSOR_BATCH = 16 };

struct meta_cursor {
    struct meta *meta;
    const struct version_record *record;
    bool sealed;
    uint64_t begin, end; /* the bytes wanted, as they are stored */
    /* where loading goes on */
    struct packed_chunks chunks; /* of the object, or of the part under way */
    struct store_value part;     /* what they point into, for a part */
    uint32_t part_next, chunk_next;
    bool in_tail;    /* the chunks are those of the tail */
    uint64_t offset; /* in the object, of chunk_next */
    /* what was loaded and not yet given out */
    struct chunk_ref refs[CURSOR_BATCH];
    uint64_t offsets[CURSOR_BATCH];
    unsigned count, given;
    enum status status;
};

/* Of what the object was written with, as it is stored: each part is a stream of its own. */
static uint64_t stored_base_size(const struct version_record *record)
{
    uint64_t sum = 0;

    if (!meta_attributes_sealed(record->attributes))
        return record->head.size - record->tail.size;
    if (!record->multipart)
        return block_seal_size(record->head.size - record->tail.size);
    for (uint32_t i = 0; i < record->parts.count; i++) {
        unsigned number;
        uint64_t size;
        packed_parts_get(&record->parts, i, &number, &size);
        sum += block_seal_size(size);
    }
    return sum;
}

/* The same of the whole object. */
static uint64_t stored_size(const struct version_record *record)
{
    struct tail_piece last;
    uint64_t size = stored_base_size(record);

    return tail_last(&record->tail, meta_attributes_sealed(record->attributes), &last)
               ? size + last.before + last.stored
               : size;
}

struct meta_cursor *meta_cursor_open(struct meta *meta, const struct meta_object *object, uint64_t offset, uint64_t len)
{
    const struct object_storage *storage = object->storage;
    struct meta_cursor *cursor = mem_zalloc(sizeof(*cursor));

    CHECK(storage);
    cursor->meta = meta;
    cursor->record = &storage->row.record;
    cursor->sealed = meta_attributes_sealed(cursor->record->attributes);
    uint64_t size = stored_size(cursor->record);
    cursor->begin = offset < size ? offset : size;
    cursor->end = len < size - cursor->begin ? cursor->begin + len : size;
    if (!cursor->record->multipart)
        cursor->chunks = cursor->record->chunks;
    return cursor;
}

void meta_cursor_close(struct meta_cursor *cursor)
{
    store_value_release(&cursor->part);
    free(cursor);
}

/* Goes to what was appended, behind all parts. */
static enum status cursor_next_tail(struct meta_cursor *cursor)
{
    if (cursor->in_tail || cursor->record->tail.size == 0)
        return STATUS_CORRUPT; /* the chunks end before the object does */
    cursor->in_tail = true;
    cursor->chunks = cursor->record->tail.chunks;
    cursor->chunk_next = 0;
    return STATUS_OK;
}

/* Goes to the next part that reaches beyond the beginning. The record's bounds were checked when it was decoded. */
static enum status cursor_next_part(struct meta_cursor *cursor, const struct store_view *view)
{
    const struct version_record *record = cursor->record;
    struct part_record part;
    struct row_key key;
    unsigned number;
    uint64_t size, stored;

    if (record->multipart && view->in_memory)
        return STATUS_UNAVAILABLE; /* part rows are large and seldom there */
    for (;;) {
        if (!record->multipart || cursor->part_next == record->parts.count)
            return cursor_next_tail(cursor);
        packed_parts_get(&record->parts, cursor->part_next++, &number, &size);
        stored = block_seal_stored_size(size, cursor->sealed);
        if (cursor->offset + stored > cursor->begin)
            break;
        cursor->offset += stored;
    }
    store_value_release(&cursor->part);
    row_key_part(&key, &record->upload, number);
    enum status status = store_get(view, STORE_PARTS, row_key_bytes(&key), &cursor->part);
    if (!status)
        status = part_record_decode(store_value_bytes(&cursor->part), &part);
    if (!status && (part.part.size != size || part.part.seal.sealed != cursor->sealed))
        status = STATUS_CORRUPT;
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
    cursor->chunks = part.chunks;
    cursor->chunk_next = 0;
    return STATUS_OK;
}

static enum status cursor_load(struct meta_cursor *cursor, const struct store_view *view)
{
    cursor->count = cursor->given = 0;
    while (cursor->count < CURSOR_BATCH && cursor->offset < cursor->end) {
        struct chunk_record record;
        struct chunk_id id;
        uint32_t size;
        enum status status;
        if (cursor->chunk_next == cursor->chunks.count) {
            status = cursor_next_part(cursor, view);
            if (status)
                return status;
            continue;
        }
        packed_chunks_get(&cursor->chunks, cursor->chunk_next++, &id, &size);
        if (cursor->offset + size > cursor->begin) {
            status = chunk_row_get(view, &id, &record);
            if (status || record.size != size)
                return status && status != STATUS_NOT_FOUND ? status : STATUS_CORRUPT;
            cursor->offsets[cursor->count] = cursor->offset;
            chunk_record_ref(&record, &id, &cursor->refs[cursor->count++]);
        }
        cursor->offset += size;
    }
    return STATUS_OK;
}

/* On the loop; false, with nothing changed, when it has to be the pool. */
static bool cursor_load_in_memory(struct meta_cursor *cursor)
{
    const struct store_view view = meta_view_in_memory(cursor->meta);
    const struct packed_chunks chunks = cursor->chunks;
    uint32_t chunk_next = cursor->chunk_next;
    uint64_t offset = cursor->offset;
    bool in_tail = cursor->in_tail;

    if (cursor_load(cursor, &view) == STATUS_OK)
        return true;
    cursor->chunks = chunks;
    cursor->in_tail = in_tail;
    cursor->chunk_next = chunk_next;
    cursor->offset = offset;
    cursor->count = cursor->given = 0;
    return false;
}

static void cursor_load_run(void *arg)
{
    struct meta_cursor *cursor = arg;
    const struct store_view view = meta_view(cursor->meta);
    cursor->status = damage_of_row(cursor_load(cursor, &view), "read the chunk map of an object");
    if (cursor->status)
        log_error("chunk map of an object cannot be read", LOG_INT("sequence", cursor->record->head.sequence),
                  LOG_STATUS(cursor->status));
}

enum status meta_cursor_next(struct meta_cursor *cursor, struct chunk_ref *ref, uint32_t *chunk_offset,
                             uint32_t *chunk_len)
{
    if (cursor->given == cursor->count) {
        bool more = !cursor->status && cursor->offset < cursor->end && cursor->begin < cursor->end;
        if (more && !cursor_load_in_memory(cursor))
            pool_run(cursor->meta->pool, cursor_load_run, cursor);
        if (cursor->given == cursor->count)
            return cursor->status ? cursor->status : STATUS_NOT_FOUND;
    }
    uint64_t start = cursor->offsets[cursor->given];
    *ref = cursor->refs[cursor->given++];
    uint64_t begin = start < cursor->begin ? cursor->begin : start;
    uint64_t end = start + ref->size < cursor->end ? start + ref->size : cursor->end;
    *chunk_offset = (uint32_t)(begin - start);
    *chunk_len = (uint32_t)(end - begin);
    return STATUS_OK;
}

/* ---- streams of sealed objects -------------------------------------------------------------------------------- */

/* The one of what was appended. */
static enum status tail_stream(const struct version_record *record, uint64_t offset, struct meta_stream *stream)
{
    uint64_t base = record->head.size - record->tail.size;
    struct tail_piece piece;
    struct tail_walk walk;
    uint64_t ignored;

    tail_walk_begin(&walk, &record->tail, true);
    while (tail_walk_next(&walk, &piece)) {
        if (offset - base - piece.offset >= piece.plain)
            continue;
        *stream = (struct meta_stream){.offset = base + piece.offset,
                                       .size = piece.plain,
                                       .stored_offset = stored_base_size(record) + piece.before};
        packed_streams_get(&record->tail.streams, piece.stream, &stream->seal, &ignored);
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

enum status meta_object_stream(const struct meta_object *object, uint64_t offset, struct meta_stream *stream)
{
    const struct object_storage *storage = object->storage;
    CHECK(storage);
    const struct version_record *record = &storage->row.record;

    *stream = (struct meta_stream){0};
    if (offset >= object->size - record->tail.size)
        return tail_stream(record, offset, stream);
    if (!record->multipart) {
        stream->size = object->size - record->tail.size;
        return STATUS_OK;
    }
    for (uint32_t i = 0; i < record->parts.count; i++) {
        packed_parts_get(&record->parts, i, &stream->part, &stream->size);
        if (offset - stream->offset < stream->size)
            return STATUS_OK;
        stream->offset += stream->size;
        stream->stored_offset += block_seal_size(stream->size);
    }
    return STATUS_NOT_FOUND;
}

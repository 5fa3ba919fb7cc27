/* The parts of an object that was uploaded in parts, and the pieces of one that was appended to; see meta.h. Their
 * numbers and sizes are in the version's record, the rest in the rows of the upload, which the object holds, readers.h.
 */
#include <stdlib.h>

#include "base/check.h"
#include "meta/append.h"
#include "meta/internal.h"
#include "meta/object_storage.h"
#include "meta/tail.h"

static const struct version_record *record_of(const struct meta_object *object)
{
    const struct object_storage *storage = object->storage;

    CHECK(storage);
    return &storage->row.record;
}

enum status meta_object_part(const struct meta_object *object, unsigned number, uint64_t *offset, uint64_t *size,
                             unsigned *part_count)
{
    const struct version_record *record = record_of(object);
    enum status status = STATUS_NOT_FOUND;

    *offset = 0;
    *size = object->size;
    *part_count = record->multipart ? record->parts.count + (record->tail.size > 0) : 1;
    if (!record->multipart)
        return number == 1 ? STATUS_OK : STATUS_NOT_FOUND;
    unsigned found = 0;
    for (uint32_t i = 0; i < record->parts.count && status; i++) {
        packed_parts_get(&record->parts, i, &found, size);
        if (found == number)
            status = STATUS_OK;
        else
            *offset += *size;
    }
    if (status && record->tail.size > 0 && number == found + 1) { /* all that was appended, as one part more */
        *size = record->tail.size;
        status = STATUS_OK;
    }
    return status;
}

struct parts_read {
    struct meta *meta;
    const struct version_record *record;
    uint32_t first, count; /* of the record's parts */
    struct meta_part *parts;
    enum status status;
};

static enum status read_part(const struct store_view *view, const struct version_record *record, uint32_t index,
                             struct meta_part *part)
{
    struct part_record found;
    struct store_value value = {0};
    struct row_key key;
    unsigned number;
    uint64_t size;

    packed_parts_get(&record->parts, index, &number, &size);
    row_key_part(&key, &record->upload, number);
    enum status status = store_get(view, STORE_PARTS, row_key_bytes(&key), &value);
    if (!status)
        status = part_record_decode(store_value_bytes(&value), &found);
    if (!status && found.part.size != size)
        status = STATUS_CORRUPT;
    if (!status) {
        *part = found.part;
        part->number = number;
    }
    store_value_release(&value);
    return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
}

static void parts_read_run(void *arg)
{
    struct parts_read *read = arg;
    const struct store_view view = meta_view(read->meta);

    for (uint32_t i = 0; i < read->count && !read->status; i++)
        read->status = read_part(&view, read->record, read->first + i, &read->parts[i]);
    read->status = damage_of_row(read->status, "read the parts of an object");
}

enum status meta_object_parts(struct meta *meta, const struct meta_object *object, unsigned after, unsigned max,
                              struct meta_part **parts, size_t *count, bool *truncated)
{
    struct parts_read read = {.meta = meta, .record = record_of(object)};
    uint32_t all = read.record->multipart ? read.record->parts.count : 0;
    unsigned number;
    uint64_t size;

    for (; read.first < all; read.first++) {
        packed_parts_get(&read.record->parts, read.first, &number, &size);
        if (number > after)
            break;
    }
    read.count = all - read.first < max ? all - read.first : max;
    *truncated = read.count < all - read.first;
    read.parts = mem_alloc((read.count + 1) * sizeof(*read.parts));
    if (read.count > 0)
        pool_run(meta->pool, parts_read_run, &read);
    if (read.status) {
        free(read.parts);
        read.parts = NULL;
        read.count = 0;
    }
    *parts = read.parts;
    *count = read.count;
    return read.status;
}

/* ---- what was appended ---------------------------------------------------------------------------------------- */

bool meta_object_pieces(const struct meta_object *object, struct meta_pieces *pieces)
{
    const struct version_record *record = record_of(object);
    struct tail_walk walk;
    struct tail_piece piece;

    *pieces = (struct meta_pieces){0};
    tail_walk_begin(&walk, &record->tail, meta_attributes_sealed(record->attributes));
    while (tail_walk_next(&walk, &piece)) {
        pieces->count += piece.plain < META_PIECE_COUNTED || walk.sealed;
        pieces->small += piece.plain < META_PIECE_SMALL;
        pieces->last = piece.plain;
    }
    return record->tail.size > 0;
}

/* The run from this piece on, as long as it is of small ones and not too large. */
static void run_grow(struct tail_walk *walk, struct meta_join *join, uint64_t stored_max)
{
    const uint64_t whole = walk->tail->size;
    struct tail_walk ahead = *walk;
    struct tail_piece piece;
    uint64_t stored = 0;

    while (tail_walk_next(&ahead, &piece)) {
        /* the last one may be joined with what is appended next */
        bool last = piece.offset + piece.plain == whole && piece.plain < META_PIECE_APPENDED;
        if (piece.plain >= META_PIECE_SMALL || last || stored + piece.stored > stored_max)
            return;
        stored += piece.stored;
        join->size += piece.plain;
        join->pieces++;
        join->chunks += piece.chunks;
        *walk = ahead;
    }
}

bool meta_object_joinable(const struct meta_object *object, uint64_t size_min, uint32_t pieces_min,
                          struct meta_join *join)
{
    const struct version_record *record = record_of(object);
    uint64_t base = record->head.size - record->tail.size;
    struct tail_piece skipped;
    struct tail_walk walk;

    tail_walk_begin(&walk, &record->tail, meta_attributes_sealed(record->attributes));
    do {
        uint32_t chunk = walk.next.chunk;
        *join = (struct meta_join){.offset = base + walk.next.offset};
        run_grow(&walk, join, META_JOIN_BYTES_MAX);
        if (join->pieces > 1 && (join->size >= size_min || join->pieces >= pieces_min)) {
            join->run = packed_chunks_part(&record->tail.chunks, chunk, join->chunks).data;
            return true;
        }
    } while (join->pieces > 0 || tail_walk_next(&walk, &skipped));
    return false;
}

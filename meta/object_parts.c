/* The parts of an object that was uploaded in parts; see meta.h. Their numbers and sizes are in the version's record,
 * the rest in the rows of the upload, which the object holds, readers.h. */
#include <stdlib.h>

#include "base/check.h"
#include "meta/internal.h"
#include "meta/object_storage.h"

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
    *part_count = record->multipart ? record->parts.count : 1;
    if (!record->multipart)
        return number == 1 ? STATUS_OK : STATUS_NOT_FOUND;
    for (uint32_t i = 0; i < record->parts.count && status; i++) {
        unsigned found;
        packed_parts_get(&record->parts, i, &found, size);
        if (found == number)
            status = STATUS_OK;
        else
            *offset += *size;
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

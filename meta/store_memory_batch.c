/* See the header: a list of rows by key, for those who read through the batch, and an array with the order of its
 * changes. */
#include "meta/store_memory_batch.h"

#include <stdlib.h>

#include "base/check.h"

struct store_batch *memory_batch_create(struct meta_store *db)
{
    struct memory_batch *batch = mem_zalloc(sizeof(*batch));
    batch->batch.db = db;
    return &batch->batch;
}

void memory_batch_free(struct store_batch *handle)
{
    struct memory_batch *batch = memory_batch_of(handle);
    for (unsigned i = 0; i < STORE_FAMILY_COUNT; i++)
        rows_release(&batch->families[i]);
    free((char *)batch->log_data.data);
    free(batch->changes);
    free(batch->marks);
    free(batch);
}

static size_t change_bytes(const struct memory_change *change)
{
    return sizeof(uint64_t) + change->row->key.len + change->value->bytes.len;
}

static void batch_add(struct memory_batch *batch, enum store_family family, struct row *row)
{
    if (batch->count == batch->capacity) {
        batch->capacity = batch->capacity ? 2 * batch->capacity : 16;
        batch->changes = mem_realloc(batch->changes, batch->capacity * sizeof(*batch->changes));
    }
    struct memory_change *change = &batch->changes[batch->count++];
    *change = (struct memory_change){family, row, row->newest};
    batch->bytes += change_bytes(change);
}

void memory_batch_put(struct store_batch *handle, enum store_family family, struct bytes key, struct bytes value)
{
    struct memory_batch *batch = memory_batch_of(handle);
    batch_add(batch, family, rows_put(&batch->families[family], batch->count + 1, key, value));
}

void memory_batch_delete(struct store_batch *handle, enum store_family family, struct bytes key)
{
    struct memory_batch *batch = memory_batch_of(handle);
    batch_add(batch, family, rows_delete(&batch->families[family], batch->count + 1, key));
}

unsigned memory_batch_count(const struct store_batch *batch)
{
    return memory_batch_of(batch)->count;
}

size_t memory_batch_bytes(const struct store_batch *batch)
{
    return memory_batch_of(batch)->bytes;
}

void memory_batch_log_data(struct store_batch *handle, struct bytes data)
{
    struct memory_batch *batch = memory_batch_of(handle);
    CHECK(!batch->log_data.data);
    batch->log_data = bytes_of(mem_strndup(data.data, data.len), data.len);
    batch->bytes += data.len;
}

void memory_batch_mark(struct store_batch *handle)
{
    struct memory_batch *batch = memory_batch_of(handle);
    if (batch->mark_count == batch->mark_capacity) {
        batch->mark_capacity = batch->mark_capacity ? 2 * batch->mark_capacity : 16;
        batch->marks = mem_realloc(batch->marks, batch->mark_capacity * sizeof(*batch->marks));
    }
    batch->marks[batch->mark_count++] = batch->count;
}

void memory_batch_rollback(struct store_batch *handle)
{
    struct memory_batch *batch = memory_batch_of(handle);
    CHECK(batch->mark_count > 0);
    unsigned count = batch->marks[--batch->mark_count];
    while (batch->count > count) {
        struct memory_change *change = &batch->changes[--batch->count];
        batch->bytes -= change_bytes(change);
        row_take_back(change->row);
    }
}

enum status memory_batch_changes(const struct store_batch *handle, struct buffer *out, uint32_t *count)
{
    const struct memory_batch *batch = memory_batch_of(handle);
    enum status status = STATUS_OK;
    *count = 0;
    for (unsigned i = 0; i < batch->count && !status; i++) {
        const struct memory_change *made = &batch->changes[i];
        struct change change = {.kind = made->value->deleted ? CHANGE_DELETE : CHANGE_PUT,
                                .family = (uint8_t)made->family,
                                .key = made->row->key,
                                .value = made->value->bytes};
        status = change_append(out, &change);
        *count += status == STATUS_OK;
    }
    return status;
}

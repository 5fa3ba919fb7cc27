/* See the header. */
#include "storage/node/carried_chunks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "storage/node/chunk_store_internal.h"
#include "storage/node/small_store_internal.h"

#define ROWS_BEGIN 64

struct carried_row {
    struct index_entry entry;
    const char *bytes;
    uint8_t head[SMALL_HEAD_BYTES_MAX];
    bool is_new;
};

void carried_chunks_init(struct carried_chunks *chunks, struct chunk_store *store)
{
    *chunks = (struct carried_chunks){.store = store};
}

void carried_chunks_release(struct carried_chunks *chunks)
{
    free(chunks->rows);
    free(chunks->locks);
}

/* ---- taking them ----------------------------------------------------------------------------------------------- */

static enum status row_fill(struct carried_row *row, const struct chunk_store *store, const struct carried_chunk *chunk,
                            int64_t now_ms)
{
    struct chunk_sums sums = {0};
    struct chunk_head head;
    enum status status = chunk_sums_update(&sums, chunk->bytes, chunk->size);
    if (status || sums.crc32c != chunk->crc32c)
        return STATUS_CORRUPT;
    chunk_store_head_fill(store, &chunk->id, &sums, now_ms, &head);
    chunk_head_encode(&head, row->head);
    row->entry = (struct index_entry){chunk->id, head.size, head.crc32c, head.stored_ms, false};
    row->bytes = chunk->bytes;
    row->is_new = false;
    return STATUS_OK;
}

enum status carried_chunks_add(struct carried_chunks *chunks, const struct carried_block *block)
{
    struct bytes payload = block->payload;
    struct carried_chunk chunk;
    enum status status;
    int64_t now_ms = clock_wall_ms();
    while ((status = carried_chunk_next(&payload, &chunk)) == STATUS_OK) {
        if (chunks->count == chunks->capacity) {
            chunks->capacity = chunks->capacity ? 2 * chunks->capacity : ROWS_BEGIN;
            chunks->rows = mem_realloc(chunks->rows, chunks->capacity * sizeof(*chunks->rows));
        }
        status = row_fill(&chunks->rows[chunks->count], chunks->store, &chunk, now_ms);
        if (status)
            return status;
        chunks->count++;
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- storing them ---------------------------------------------------------------------------------------------- */

static int row_compare(const void *a, const void *b)
{
    const struct carried_row *first = a, *second = b;
    return memcmp(first->entry.id.bytes, second->entry.id.bytes, CHUNK_ID_LEN);
}

static void locks_take(struct carried_chunks *chunks)
{
    chunks->locks = mem_alloc(chunks->count * sizeof(*chunks->locks));
    for (size_t i = 0; i < chunks->count; i++)
        chunks->locks[i] = chunk_store_lock(chunks->store, &chunks->rows[i].entry.id);
    chunks->lock_count = chunk_store_locks_take(chunks->locks, (unsigned)chunks->count);
}

/* With the locks held, and in the order of the ids, so that one that comes twice meets itself. */
static enum status row_look(struct carried_chunks *chunks, size_t i)
{
    struct carried_row *row = &chunks->rows[i];
    const struct index_entry *before = i ? &chunks->rows[i - 1].entry : NULL;
    if (before && memcmp(before->id.bytes, row->entry.id.bytes, CHUNK_ID_LEN) == 0)
        return before->size == row->entry.size && before->crc32c == row->entry.crc32c ? STATUS_OK : STATUS_CORRUPT;
    enum status status = chunk_store_existing_locked(chunks->store, &row->entry);
    row->is_new = status == STATUS_OK;
    if (status == STATUS_CONFLICT)
        return STATUS_CORRUPT;
    return status == STATUS_EXISTS ? STATUS_OK : status;
}

static void row_add(const struct carried_row *row, struct rocks_batch *batch)
{
    const struct small_row small = {row->entry, bytes_of(row->head, chunk_head_len(row->entry.size)),
                                    bytes_of(row->bytes, row->entry.size)};
    small_row_put(batch, &small);
}

static enum status rows_add(struct carried_chunks *chunks, struct rocks_batch *batch)
{
    enum status status = disk_check_trust(&chunks->store->disk, DISK_CHUNKS);
    for (size_t i = 0; !status && i < chunks->count; i++) {
        status = row_look(chunks, i);
        if (!status && chunks->rows[i].is_new)
            row_add(&chunks->rows[i], batch);
    }
    return status;
}

enum status carried_chunks_begin(struct carried_chunks *chunks, struct rocks_batch *batch)
{
    if (chunks->count == 0)
        return STATUS_OK;
    qsort(chunks->rows, chunks->count, sizeof(*chunks->rows), row_compare);
    locks_take(chunks);
    enum status status = rows_add(chunks, batch);
    if (status)
        chunk_store_locks_give(chunks->locks, chunks->lock_count);
    return status;
}

bool carried_chunks_are_new(const struct carried_chunks *chunks)
{
    for (size_t i = 0; i < chunks->count; i++)
        if (chunks->rows[i].is_new)
            return true;
    return false;
}

void carried_chunks_end(struct carried_chunks *chunks, bool written)
{
    for (size_t i = 0; written && i < chunks->count; i++) {
        if (!chunks->rows[i].is_new)
            continue;
        chunk_store_appeared_locked(chunks->store, &chunks->rows[i].entry);
        __atomic_add_fetch(&chunks->store->carried, 1, __ATOMIC_RELAXED);
    }
    chunk_store_locks_give(chunks->locks, chunks->lock_count);
    chunks->lock_count = 0;
}

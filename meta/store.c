/* The interface: hands each call to the implementation, and does once what is the same for all of them. */
#include "meta/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/pool.h"
#include "meta/store_operations.h"

void store_close(struct meta_store *db)
{
    db->operations->close(db);
}

uint64_t store_figure(struct meta_store *db, enum database_figure figure)
{
    return db->operations->figure(db, figure);
}

/* ---- batches --------------------------------------------------------------------------------------------------- */

struct store_batch *store_batch_create(struct meta_store *db)
{
    return db->operations->batch_create(db);
}

void store_batch_free(struct store_batch *batch)
{
    batch->db->operations->batch_free(batch);
}

void store_batch_put(struct store_batch *batch, enum store_family family, struct bytes key, struct bytes value)
{
    batch->db->operations->batch_put(batch, family, key, value);
}

void store_batch_delete(struct store_batch *batch, enum store_family family, struct bytes key)
{
    batch->db->operations->batch_delete(batch, family, key);
}

unsigned store_batch_count(const struct store_batch *batch)
{
    return batch->db->operations->batch_count(batch);
}

size_t store_batch_bytes(const struct store_batch *batch)
{
    return batch->db->operations->batch_bytes(batch);
}

void store_batch_log_data(struct store_batch *batch, struct bytes data)
{
    batch->db->operations->batch_log_data(batch, data);
}

void store_batch_mark(struct store_batch *batch)
{
    batch->db->operations->batch_mark(batch);
}

void store_batch_rollback(struct store_batch *batch)
{
    batch->db->operations->batch_rollback(batch);
}

enum status store_batch_changes(const struct store_batch *batch, struct buffer *out, uint32_t *count)
{
    return batch->db->operations->batch_changes(batch, out, count);
}

static enum status store_write_on(struct meta_store *db, struct store_batch *batch, const struct store_terms *terms)
{
    CHECK(batch->db == db);
    blocking_call();
    return db->operations->write(db, batch, terms);
}

enum status store_write(struct meta_store *db, struct store_batch *batch)
{
    return store_write_on(db, batch, &(struct store_terms){0});
}

enum status store_write_lazily(struct meta_store *db, struct store_batch *batch)
{
    return store_write_on(db, batch, &(struct store_terms){.lazy = true});
}

enum status store_append(struct meta_store *db, struct store_batch *batch, uint64_t sequence)
{
    return store_write_on(db, batch, &(struct store_terms){.lazy = true, .conditional = true, .sequence = sequence});
}

enum status store_sync(struct meta_store *db)
{
    blocking_call();
    return db->operations->sync(db);
}

/* ---- reads ------------------------------------------------------------------------------------------------------ */

void store_value_copy(struct store_value *value, struct bytes bytes)
{
    value->data = mem_strndup(bytes.data, bytes.len);
    value->len = bytes.len;
}

void store_value_release(struct store_value *value)
{
    free(value->data);
    *value = (struct store_value){0};
}

struct bytes store_value_bytes(const struct store_value *value)
{
    return bytes_of(value->data, value->len);
}

enum status store_get(const struct store_view *view, enum store_family family, struct bytes key,
                      struct store_value *value)
{
    if (!view->in_memory)
        blocking_call();
    return view->db->operations->get(view, family, key, value);
}

void store_iterator_open(struct store_iterator *it, const struct store_view *view, enum store_family family,
                         struct bytes lower, struct bytes upper)
{
    if (!view->in_memory)
        blocking_call();
    *it = (struct store_iterator){.db = view->db, .bounds = mem_alloc(lower.len + upper.len + 1)};
    if (lower.len)
        memcpy(it->bounds, lower.data, lower.len);
    if (upper.len)
        memcpy(it->bounds + lower.len, upper.data, upper.len);
    it->lower = bytes_of(it->bounds, lower.len);
    it->upper = bytes_of(upper.data ? it->bounds + lower.len : NULL, upper.len);
    view->db->operations->iterator_open(it, view, family);
}

void store_iterator_close(struct store_iterator *it)
{
    if (it->db)
        it->db->operations->iterator_close(it);
    free(it->bounds);
    *it = (struct store_iterator){0};
}

void store_iterator_seek(struct store_iterator *it, struct bytes key)
{
    it->db->operations->iterator_seek(it, bytes_compare(key, it->lower) < 0 ? it->lower : key);
}

void store_iterator_first(struct store_iterator *it)
{
    it->db->operations->iterator_seek(it, it->lower);
}

void store_iterator_last(struct store_iterator *it)
{
    it->db->operations->iterator_last(it);
}

void store_iterator_next(struct store_iterator *it)
{
    it->db->operations->iterator_next(it);
}

void store_iterator_previous(struct store_iterator *it)
{
    it->db->operations->iterator_previous(it);
}

bool store_iterator_valid(const struct store_iterator *it)
{
    return it->db->operations->iterator_valid(it);
}

struct bytes store_iterator_key(const struct store_iterator *it)
{
    return it->db->operations->iterator_key(it);
}

struct bytes store_iterator_value(const struct store_iterator *it)
{
    return it->db->operations->iterator_value(it);
}

enum status store_iterator_status(const struct store_iterator *it)
{
    return it->db->operations->iterator_status(it);
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

uint64_t store_sequence(struct meta_store *db)
{
    return db->operations->sequence(db);
}

void store_sequence_set(struct meta_store *db, uint64_t sequence)
{
    db->operations->sequence_set(db, sequence);
}

enum status store_changes_read(struct meta_store *db, uint64_t from, uint64_t last, uint64_t epoch, struct buffer *out)
{
    return db->operations->changes_read(db, from, last, epoch, out);
}

enum status store_changes_begin(struct meta_store *db, uint64_t from, uint64_t *begin)
{
    return db->operations->changes_begin(db, from, begin);
}

/* CORRUPT for a family that does not exist. */
static enum status batch_fill(struct store_batch *batch, struct bytes payload)
{
    struct change change;
    enum status status;

    while ((status = change_next(&payload, &change)) == STATUS_OK) {
        if (change.family >= STORE_FAMILY_COUNT)
            return STATUS_CORRUPT;
        if (change.kind == CHANGE_PUT)
            store_batch_put(batch, change.family, change.key, change.value);
        else
            store_batch_delete(batch, change.family, change.key);
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status store_apply(struct meta_store *db, struct bytes payload)
{
    struct store_batch *batch = store_batch_create(db);
    enum status status = batch_fill(batch, payload);

    if (!status)
        status = store_write_lazily(db, batch);
    store_batch_free(batch);
    return status;
}

enum status store_write_record(struct meta_store *db, const struct change_record *record)
{
    const struct store_terms terms = {.conditional = true, .sequence = record->first - 1, .recorded = true};
    struct store_batch *batch = store_batch_create(db);
    enum status status = batch_fill(batch, record->payload);

    if (!status && record->count == 0)
        status = STATUS_CORRUPT;
    if (!status)
        status = store_write_on(db, batch, &terms);
    store_batch_free(batch);
    return status;
}

void store_snapshot_open(struct store_snapshot *snapshot, struct meta_store *db)
{
    *snapshot = (struct store_snapshot){.db = db};
    db->operations->snapshot_open(snapshot);
}

void store_snapshot_close(struct store_snapshot *snapshot)
{
    if (snapshot->db)
        snapshot->db->operations->snapshot_close(snapshot);
    *snapshot = (struct store_snapshot){0};
}

void store_dump_open(struct store_dump *dump, struct meta_store *db)
{
    *dump = (struct store_dump){0};
    store_snapshot_open(&dump->snapshot, db);
}

void store_dump_close(struct store_dump *dump)
{
    store_iterator_close(&dump->rows);
    store_snapshot_close(&dump->snapshot);
}

/* Appends rows of the current family until the page is full. */
static enum status dump_rows(struct store_dump *dump, struct buffer *out, size_t begin, uint32_t *count)
{
    struct store_iterator *rows = &dump->rows;

    for (; store_iterator_valid(rows) && out->len - begin < CHANGE_PAGE_BYTES; store_iterator_next(rows)) {
        struct change change = {.kind = CHANGE_PUT,
                                .family = (uint8_t)dump->family,
                                .key = store_iterator_key(rows),
                                .value = store_iterator_value(rows)};
        enum status status = change_append(out, &change);
        if (status)
            return status;
        ++*count;
    }
    return store_iterator_status(rows);
}

enum status store_dump_next(struct store_dump *dump, struct buffer *out, uint32_t *count)
{
    const struct store_view view = {.db = dump->snapshot.db, .snapshot = &dump->snapshot};
    size_t begin = out->len;
    enum status status = STATUS_OK;

    *count = 0;
    while (!status && dump->family < STORE_FAMILY_COUNT && out->len - begin < CHANGE_PAGE_BYTES) {
        if (!dump->rows.db) {
            store_iterator_open(&dump->rows, &view, dump->family, BYTES(""), (struct bytes){0});
            store_iterator_first(&dump->rows);
        }
        status = dump_rows(dump, out, begin, count);
        if (!status && !store_iterator_valid(&dump->rows)) {
            store_iterator_close(&dump->rows);
            dump->family++;
        }
    }
    return status;
}

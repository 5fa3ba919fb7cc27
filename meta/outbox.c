/* Rows of the outbox: added by commits, read in their order, removed; see outbox.h. */
#include "meta/outbox.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/lock.h"
#include "meta/internal.h"
#include "meta/list_walk.h"
#include "meta/version.h"

void outbox_init(struct outbox *outbox, const struct state_record *state)
{
    *outbox = (struct outbox){0};
    pthread_mutex_init(&outbox->lock, NULL);
    atomic_store(&outbox->rows, state->outbox_rows);
    atomic_store(&outbox->bytes, state->outbox_bytes);
}

void outbox_release(struct outbox *outbox)
{
    pthread_mutex_destroy(&outbox->lock);
}

uint64_t meta_outbox_backlog(struct meta *meta)
{
    return atomic_load(&meta->outbox.rows);
}

uint64_t meta_outbox_backlog_bytes(struct meta *meta)
{
    return atomic_load(&meta->outbox.bytes);
}

/* ---- adding --------------------------------------------------------------------------------------------------- */

enum status outbox_add(struct txn *txn, const struct meta_outbox_entry *entry, uint32_t bucket, struct bytes key,
                       const struct version_head *head)
{
    struct state_record *state = &txn->state;
    struct row_key row_key;

    if (!entry)
        return STATUS_OK;
    CHECK(entry->payload.len <= META_OUTBOX_PAYLOAD_MAX);
    const struct outbox_record record = {.kind = entry->kind,
                                         .bucket = bucket,
                                         .time_ms = txn->now_ms,
                                         .key = key,
                                         .head = *head,
                                         .payload = entry->payload};
    struct buffer *value = txn_value(txn);
    outbox_record_encode(value, &record);
    if (state->outbox_rows >= META_OUTBOX_ROWS_MAX || state->outbox_bytes + value->len > META_OUTBOX_BYTES_MAX)
        return STATUS_LIMIT;
    state->outbox_rows++;
    state->outbox_bytes += value->len;
    row_key_gc(&row_key, state->sequence, txn->outbox_index++);
    txn_put(txn, STORE_OUTBOX, &row_key, buffer_bytes(value));
    return STATUS_OK;
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

struct outbox_next {
    struct meta *meta;
    struct meta_outbox_place after;
    size_t max;
    struct meta_outbox_page *page;
    enum status status;
};

static enum status row_take(struct meta_outbox_page *page, const struct store_iterator *it, uint64_t replicated)
{
    struct meta_outbox_row *row = &page->rows[page->count];
    struct outbox_record record;

    *row = (struct meta_outbox_row){0};
    enum status status = row_key_gc_parse(store_iterator_key(it), &row->place.sequence, &row->place.index);
    if (!status && row->place.sequence > replicated)
        return STATUS_LIMIT;
    if (!status)
        status = outbox_record_decode(store_iterator_value(it), &record);
    if (status)
        return status;
    row->kind = record.kind;
    row->bucket = record.bucket;
    row->time_ms = record.time_ms;
    row->key = page_text_copy(&page->storage, record.key);
    row->payload = page_text_copy(&page->storage, record.payload);
    version_head_show(&record.head, false, &row->object);
    page->count++;
    return STATUS_OK;
}

static void outbox_next_run(void *arg)
{
    struct outbox_next *next = arg;
    struct outbox *outbox = &next->meta->outbox;
    struct store_view view = meta_view(next->meta);
    struct row_key lower, upper;
    struct store_iterator it;
    enum status status = STATUS_OK;

    lock_acquire(&outbox->lock);
    uint64_t replicated = replicated_mark_advance(&outbox->mark, next->meta);
    lock_release(&outbox->lock);
    row_key_gc(&lower, next->after.sequence, next->after.index);
    lower.data[lower.len++] = '\0'; /* the first key behind that one */
    row_key_gc(&upper, UINT64_MAX, UINT32_MAX);
    store_iterator_open(&it, &view, STORE_OUTBOX, row_key_bytes(&lower), row_key_bytes(&upper));
    for (store_iterator_first(&it); !status && store_iterator_valid(&it) && next->page->count < next->max;
         store_iterator_next(&it))
        status = row_take(next->page, &it, replicated);
    if (!status)
        status = store_iterator_status(&it);
    store_iterator_close(&it);
    next->status = status == STATUS_LIMIT ? STATUS_OK : status;
}

enum status meta_outbox_next(struct meta *meta, const struct meta_outbox_place *after, size_t max,
                             struct meta_outbox_page *page)
{
    struct outbox_next next = {
        .meta = meta, .max = max < META_OUTBOX_DONE_MAX ? max : META_OUTBOX_DONE_MAX, .page = page};

    *page = (struct meta_outbox_page){.rows = mem_alloc((next.max ? next.max : 1) * sizeof(*page->rows))};
    if (after)
        next.after = *after;
    pool_run(meta->pool, outbox_next_run, &next);
    next.status = damage_of_row(next.status, "read the outbox");
    if (next.status)
        meta_outbox_page_release(page);
    return next.status;
}

void meta_outbox_page_release(struct meta_outbox_page *page)
{
    page_text_release(page->storage);
    free(page->rows);
    *page = (struct meta_outbox_page){0};
}

/* ---- removing ------------------------------------------------------------------------------------------------- */

struct outbox_done {
    struct commit_op op;
    const struct meta_outbox_place *places;
    size_t count;
};

static enum status row_remove(struct txn *txn, const struct meta_outbox_place *place)
{
    struct store_value value = {0};
    struct row_key row_key;

    row_key_gc(&row_key, place->sequence, place->index);
    enum status status = store_get(&txn->view, STORE_OUTBOX, row_key_bytes(&row_key), &value);
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    CHECK(txn->state.outbox_rows > 0 && txn->state.outbox_bytes >= value.len);
    txn->state.outbox_rows--;
    txn->state.outbox_bytes -= value.len;
    store_value_release(&value);
    txn_delete(txn, STORE_OUTBOX, &row_key);
    return STATUS_OK;
}

static enum status outbox_done_prepare(struct commit_op *op, struct txn *txn)
{
    const struct outbox_done *done = (struct outbox_done *)op;
    enum status status = STATUS_OK;

    for (size_t i = 0; i < done->count && !status; i++)
        status = row_remove(txn, &done->places[i]);
    return status;
}

enum status meta_outbox_done(struct meta *meta, const struct meta_outbox_place *places, size_t count)
{
    struct outbox_done done = {.op.prepare = outbox_done_prepare, .places = places, .count = count};

    CHECK(count <= META_OUTBOX_DONE_MAX);
    return commit_run(meta, &done.op);
}

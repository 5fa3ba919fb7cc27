/* Garbage in the committer: queueing it, and removing rows of the queue once nothing of them is left.
 * What a row names keeps its chunk rows until every copy was freed, so "done" needs no bookkeeping: a chunk is done
 * when its row is gone, a part when its chunks are, a row of the queue when all that it names is. */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "meta/annotation_rows.h"
#include "meta/chunk_rows.h"
#include "meta/gc.h"
#include "meta/internal.h"

enum { TIDY_PARTS_MAX = 1024 }; /* parts removed in one commit */

static void gc_put(struct txn *txn, struct gc_record *record)
{
    struct row_key key;

    record->process = txn->meta->process;
    record->monotonic_ms = clock_monotonic_ms();
    record->wall_ms = txn->now_ms;
    struct buffer *value = txn_value(txn);
    gc_record_encode(value, record);
    row_key_gc(&key, txn->state.sequence, txn->gc_index++);
    txn_put(txn, STORE_GC, &key, buffer_bytes(value));
    txn->state.gc_rows++;
    txn->state.gc_bytes += record->bytes;
}

static void gc_queue_list(struct txn *txn, struct gc_record *record)
{
    const struct packed_chunks *chunks = &record->chunks;
    for (uint32_t i = 0; i < chunks->count; i++) {
        struct chunk_id id;
        uint32_t size;
        packed_chunks_get(chunks, i, &id, &size);
        record->bytes += size;
    }
    if (chunks->count > 0)
        gc_put(txn, record);
}

void gc_queue_chunks(struct txn *txn, const struct packed_chunks *chunks)
{
    struct gc_record record = {.kind = GC_CHUNKS, .chunks = *chunks};

    gc_queue_list(txn, &record);
}

void gc_queue_tail(struct txn *txn, const struct version_record *version, const struct packed_chunks *chunks)
{
    struct gc_record record = {.kind = GC_TAIL, .chunks = *chunks};
    struct reader_pin pin;

    if (chunks->count == 0)
        return;
    CHECK(reader_pin_version(&pin, version)); /* it has bytes before its tail */
    memcpy(record.pin, pin.bytes, GC_PIN_LEN);
    gc_queue_list(txn, &record);
}

void gc_queue_parts(struct txn *txn, const struct upload_id *upload, const struct packed_parts *parts, uint64_t bytes)
{
    struct gc_record record = {.kind = GC_PARTS, .upload = *upload, .parts = *parts, .bytes = bytes};
    gc_put(txn, &record);
}

void gc_queue_annotations(struct txn *txn, const struct annotation_set *set, uint64_t bytes)
{
    struct gc_record record = {.kind = GC_ANNOTATIONS, .set = *set, .bytes = bytes};
    gc_put(txn, &record);
}

void gc_queue_version(struct txn *txn, const struct version_record *record)
{
    static const struct packed_parts every_part;
    if (record->multipart)
        gc_queue_parts(txn, &record->upload, &every_part, record->head.size - record->tail.size);
    else
        gc_queue_chunks(txn, &record->chunks);
    gc_queue_tail(txn, record, &record->tail.chunks);
}

bool gc_parts_contain(const struct packed_parts *parts, unsigned number)
{
    uint32_t low = 0, high = parts->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        unsigned found;
        uint64_t size;
        packed_parts_get(parts, middle, &found, &size);
        if (found == number)
            return true;
        if (found < number)
            low = middle + 1;
        else
            high = middle;
    }
    return parts->count == 0; /* every part */
}

/* OK: the chunks are all gone. NOT_EMPTY: some are left. */
static enum status chunks_gone(const struct store_view *view, const struct packed_chunks *chunks)
{
    for (uint32_t i = 0; i < chunks->count; i++) {
        struct chunk_record record;
        struct chunk_id id;
        uint32_t size;
        packed_chunks_get(chunks, i, &id, &size);
        enum status status = chunk_row_get(view, &id, &record);
        if (status != STATUS_NOT_FOUND)
            return status ? status : STATUS_NOT_EMPTY;
    }
    return STATUS_OK;
}

/* Removes the rows of parts whose chunks are gone. NOT_EMPTY: others are left. */
static enum status parts_tidy(struct txn *txn, const struct gc_record *record)
{
    struct row_key lower, upper, key;
    struct store_iterator it;
    enum status status = STATUS_OK;
    unsigned finished[TIDY_PARTS_MAX], count = 0;

    row_key_part_bounds(&lower, &upper, &record->upload);
    store_iterator_open(&it, &txn->view, STORE_PARTS, row_key_bytes(&lower), row_key_bytes(&upper));
    for (store_iterator_first(&it); !status && store_iterator_valid(&it); store_iterator_next(&it)) {
        struct part_record part;
        unsigned number;
        status = row_key_part_parse(store_iterator_key(&it), &number);
        if (status || !gc_parts_contain(&record->parts, number))
            continue;
        status = part_record_decode(store_iterator_value(&it), &part);
        if (!status)
            status = chunks_gone(&txn->view, &part.chunks);
        if (!status && count == TIDY_PARTS_MAX)
            status = STATUS_NOT_EMPTY;
        if (!status)
            finished[count++] = number;
    }
    if (!status)
        status = store_iterator_status(&it);
    store_iterator_close(&it);
    for (unsigned i = 0; i < count; i++) {
        row_key_part(&key, &record->upload, finished[i]);
        txn_delete(txn, STORE_PARTS, &key);
    }
    return status;
}

/* Removes the rows of annotations, all together, once their chunks are gone. */
static enum status annotations_tidy(struct txn *txn, const struct gc_record *record)
{
    struct packed_chunks chunks;
    struct buffer storage;

    record_buffer_init(&storage);
    enum status status = annotation_chunks_load(&txn->view, &record->set, &storage, &chunks);
    if (!status)
        status = chunks_gone(&txn->view, &chunks);
    buffer_release(&storage);
    return status ? status : annotation_rows_delete(txn, &record->set);
}

static enum status record_tidy(struct txn *txn, const struct gc_record *record)
{
    switch (record->kind) {
    case GC_PARTS:
        return parts_tidy(txn, record);
    case GC_ANNOTATIONS:
        return annotations_tidy(txn, record);
    case GC_CHUNKS:
    case GC_TAIL:
        break;
    }
    return chunks_gone(&txn->view, &record->chunks);
}

/* Removes the row if nothing of it is left, and says so. A damaged row stays, and does not hold up the others. */
static bool gc_tidy(struct txn *txn, const struct gc_place *place)
{
    struct row_key key;
    struct store_value value = {0};
    struct gc_record record;
    enum status status;

    row_key_gc(&key, place->sequence, place->index);
    status = store_get(&txn->view, STORE_GC, row_key_bytes(&key), &value);
    if (!status)
        status = gc_record_decode(store_value_bytes(&value), &record);
    if (!status)
        status = record_tidy(txn, &record);
    if (!status) {
        txn_delete(txn, STORE_GC, &key);
        txn->state.gc_rows--;
        txn->state.gc_bytes -= record.bytes;
    }
    store_value_release(&value);
    if (status && status != STATUS_NOT_FOUND && status != STATUS_NOT_EMPTY)
        log_error("garbage row cannot be removed", LOG_INT("sequence", place->sequence), LOG_STATUS(status));
    return status == STATUS_OK;
}

struct gc_op {
    struct commit_op op;
    const struct gc_finish *finish;
    uint64_t removed; /* rows */
};

/* Whether the copies that were freed are all that are recorded now. */
static bool copies_covered(const struct chunk_record *record, const struct chunk_ref *ref)
{
    for (unsigned i = 0; i < record->copies; i++)
        if (!memchr(ref->nodes, record->nodes[i], ref->copies))
            return false;
    return true;
}

static enum status gc_prepare(struct commit_op *op, struct txn *txn)
{
    struct gc_op *gc = (struct gc_op *)op;
    const struct gc_finish *finish = gc->finish;

    for (size_t i = 0; i < finish->ref_count; i++) {
        const struct chunk_ref *ref = &finish->refs[i];
        struct chunk_record record;
        enum status status = chunk_row_get(&txn->view, &ref->id, &record);
        if (status == STATUS_NOT_FOUND)
            continue;
        if (status)
            return status;
        if (copies_covered(&record, ref)) /* else repair added one: it is handed out again */
            chunk_row_delete(txn, &ref->id, &record);
    }
    for (size_t i = 0; i < finish->place_count; i++)
        gc->removed += gc_tidy(txn, &finish->places[i]);
    return STATUS_OK;
}

enum status gc_finish(struct meta *meta, const struct gc_finish *finish)
{
    struct gc_op op = {.op.prepare = gc_prepare, .finish = finish};
    enum status status = commit_run(meta, &op.op);
    if (!status || status == STATUS_UNCERTAIN)
        atomic_fetch_add(&meta->gc.removed, op.removed);
    return status;
}

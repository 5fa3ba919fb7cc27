/* Walking the garbage queue: what is handed out to be freed, and when.
 * One walk goes through what is new, and never back, so that chunks which cannot be freed now (a node is away, a reader
 * is slow) hold nothing up, and so that deleted rows are not read again; another one goes over what was left behind. A
 * row is due when its grace has passed and nobody reads what it names, or is looking up a version that it may name. */
#include "meta/gc.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "meta/annotation_rows.h"
#include "meta/chunk_rows.h"
#include "meta/internal.h"

enum {
    DONE_CHUNKS_MAX = 512,  /* chunks finished in one commit */
    TIDY_PLACES_MAX = 1024, /* empty rows that are removed in one commit */
};

void gc_walk_init(struct gc_walk *walk, uint64_t rows_queued)
{
    *walk = (struct gc_walk){.samples = {{clock_monotonic_ms(), rows_queued}}, .sample_count = 1};
    pthread_mutex_init(&walk->lock, NULL);
}

void gc_walk_release(struct gc_walk *walk)
{
    pthread_mutex_destroy(&walk->lock);
}

struct gc_next {
    struct meta *meta;
    enum meta_gc_pass pass;
    struct gc_position *at; /* where the pass goes on */
    uint64_t grace_ms;
    size_t left; /* chunks that may still be handed out */
    struct meta_garbage *garbage;
    size_t before;          /* chunks that were in there */
    struct gc_place *empty; /* rows with nothing left, found on the way */
    size_t empty_count;
    struct gc_place place; /* of the row under the iterator */
    bool any;              /* something of it is left */
    enum status status;
};

static bool gc_grace_passed(const struct gc_next *next, const struct gc_record *record)
{
    uint64_t now = clock_monotonic_ms();
    if (record->process == next->meta->process)
        return now - record->monotonic_ms >= next->grace_ms;
    /* Queued before a restart: no reader of then is left, and the wall clock may have been set since. */
    int64_t age = clock_wall_ms() - record->wall_ms;
    return (age >= 0 && (uint64_t)age >= next->grace_ms) || now - next->meta->opened_ms >= next->grace_ms;
}

/* LIMIT: as many as were asked for; the walk's position is where to go on. */
static enum status gc_hand_chunks(struct gc_next *next, const struct packed_chunks *chunks)
{
    struct gc_position *at = next->at;
    struct store_view view = meta_view(next->meta);

    for (; at->chunk < chunks->count; at->chunk++) {
        struct chunk_record record;
        struct chunk_ref ref;
        struct chunk_id id;
        uint32_t size;
        if (next->left == 0)
            return STATUS_LIMIT;
        packed_chunks_get(chunks, at->chunk, &id, &size);
        enum status status = chunk_row_get(&view, &id, &record);
        if (status == STATUS_NOT_FOUND)
            continue;
        if (status)
            return status;
        chunk_record_ref_all(&record, &id, &ref);
        struct meta_gc_row row = {.sequence = next->place.sequence, .index = next->place.index};
        meta_garbage_append(next->garbage, &ref, &row);
        next->left--;
        next->any = true;
    }
    at->chunk = 0;
    return STATUS_OK;
}

static enum status gc_hand_parts(struct gc_next *next, const struct gc_record *record)
{
    struct gc_position *at = next->at;
    struct store_view view = meta_view(next->meta);
    struct row_key lower, upper, key;
    struct store_iterator it;
    enum status status = STATUS_OK;

    row_key_part_bounds(&lower, &upper, &record->upload);
    row_key_part(&key, &record->upload, at->part);
    store_iterator_open(&it, &view, STORE_PARTS, row_key_bytes(&lower), row_key_bytes(&upper));
    for (store_iterator_seek(&it, row_key_bytes(&key)); !status && store_iterator_valid(&it);
         store_iterator_next(&it)) {
        struct part_record part;
        unsigned number;
        status = row_key_part_parse(store_iterator_key(&it), &number);
        if (status || !gc_parts_contain(&record->parts, number))
            continue;
        if (number != at->part)
            at->chunk = 0;
        at->part = number;
        status = part_record_decode(store_iterator_value(&it), &part);
        if (!status)
            status = gc_hand_chunks(next, &part.chunks);
    }
    if (!status)
        status = store_iterator_status(&it);
    store_iterator_close(&it);
    return status;
}

/* Does a reader still want what the row names? Then it is left to the other pass. */
static bool gc_is_read(struct gc_next *next, const struct gc_record *record)
{
    struct reader_registry *readers = &next->meta->readers;
    struct reader_pin pin;

    if (record->kind == GC_PARTS) {
        reader_pin_upload(&pin, &record->upload);
        return reader_registry_holds(readers, &pin, next->place.sequence);
    }
    if (record->kind == GC_TAIL) {
        memcpy(pin.bytes, record->pin, READER_PIN_BYTES);
        return reader_registry_holds(readers, &pin, next->place.sequence);
    }
    /* a version is read as a whole, each of the annotations by itself */
    uint32_t pins = record->kind == GC_ANNOTATIONS ? record->chunks.count : record->chunks.count > 0;
    for (uint32_t i = 0; i < pins; i++) {
        reader_pin_chunk(&pin, &record->chunks, i);
        if (reader_registry_holds(readers, &pin, next->place.sequence))
            return true;
    }
    return false;
}

/* What of the row is left, from the pass's position in it. LIMIT: enough was found. */
static enum status gc_hand_record(struct gc_next *next, const struct gc_record *record)
{
    struct meta_garbage *garbage = next->garbage;
    bool whole = next->at->part == 0 && next->at->chunk == 0;
    size_t before = garbage->chunks.count;

    if (gc_is_read(next, record))
        return STATUS_OK;
    if (next->empty_count == TIDY_PLACES_MAX)
        return STATUS_LIMIT;
    next->any = false;
    enum status status = record->kind == GC_PARTS ? gc_hand_parts(next, record) : gc_hand_chunks(next, &record->chunks);
    if (status)
        return status;
    if (garbage->chunks.count > before)
        garbage->rows[garbage->chunks.count - 1].ends = true;
    else if (whole && !next->any)
        next->empty[next->empty_count++] = next->place;
    return STATUS_OK;
}

/* The row under the iterator. NOT_FOUND: it is not due, nor is any behind it. LIMIT as above. */
static enum status gc_hand_row(struct gc_next *next, struct bytes value)
{
    const struct store_view view = meta_view(next->meta);
    struct gc_record record;
    struct buffer storage; /* of the chunks of annotations, whose rows stay as they are until all are gone */

    enum status status = gc_record_decode(value, &record);
    if (status)
        return status;
    if (!gc_grace_passed(next, &record))
        return STATUS_NOT_FOUND;
    if (reader_registry_looks_up(&next->meta->readers, next->place.sequence))
        return STATUS_NOT_FOUND;
    record_buffer_init(&storage);
    if (record.kind == GC_ANNOTATIONS)
        status = annotation_chunks_load(&view, &record.set, &storage, &record.chunks);
    if (!status)
        status = gc_hand_record(next, &record);
    buffer_release(&storage);
    return status;
}

static bool same_place(const struct gc_place *a, const struct gc_place *b)
{
    return a->sequence == b->sequence && a->index == b->index;
}

/* The row under the iterator is behind the pass from now on. */
static void gc_pass_row(struct gc_next *next)
{
    next->at->place.index++;
    next->at->part = next->at->chunk = 0;
    if (next->pass == META_GC_NEW)
        atomic_fetch_add(&next->meta->gc.passed, 1);
}

/* Walks on until enough was found (LIMIT) or the end. Under the walk's lock. */
static enum status gc_next_walk(struct gc_next *next)
{
    struct gc_walk *walk = &next->meta->gc;
    struct store_view view = meta_view(next->meta);
    uint64_t replicated = replicated_mark_advance(&walk->replicated, next->meta);
    struct gc_place end = next->pass == META_GC_NEW ? (struct gc_place){UINT64_MAX, UINT32_MAX} : walk->fresh.place;
    struct row_key lower, upper;
    struct store_iterator it;
    enum status status = STATUS_OK;

    row_key_gc(&lower, next->at->place.sequence, next->at->place.index);
    row_key_gc(&upper, end.sequence, end.index);
    store_iterator_open(&it, &view, STORE_GC, row_key_bytes(&lower), row_key_bytes(&upper));
    for (store_iterator_first(&it); !status && store_iterator_valid(&it); store_iterator_next(&it)) {
        status = row_key_gc_parse(store_iterator_key(&it), &next->place.sequence, &next->place.index);
        if (!status && next->place.sequence > replicated)
            status = STATUS_NOT_FOUND;
        if (status)
            break;
        if (next->pass == META_GC_AGAIN && same_place(&next->at->place, &walk->again_start))
            walk->again_start = next->place;
        if (!same_place(&next->place, &next->at->place))
            next->at->part = next->at->chunk = 0;
        next->at->place = next->place;
        status = gc_hand_row(next, store_iterator_value(&it));
        STATUS_IGNORE(damage_of_row(status, "read the garbage queue"), "it only makes the damage known");
        if (status == STATUS_CORRUPT) /* it stays, and holds up nothing */
            status = STATUS_OK;
        if (!status)
            gc_pass_row(next);
    }
    if (!status)
        status = store_iterator_status(&it);
    store_iterator_close(&it);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static void gc_next_run(void *arg)
{
    struct gc_next *next = arg;
    struct gc_walk *walk = &next->meta->gc;

    lock_acquire(&walk->lock);
    next->at = next->pass == META_GC_NEW ? &walk->fresh : &walk->again;
    next->status = gc_next_walk(next);
    if (!next->status && next->pass == META_GC_AGAIN && next->garbage->chunks.count == next->before)
        walk->again = (struct gc_position){.place = walk->again_start};
    if (next->pass == META_GC_NEW)
        gc_backlog_sample(next->meta, next->grace_ms);
    lock_release(&walk->lock);
}

enum status meta_gc_next(struct meta *meta, enum meta_gc_pass pass, uint64_t grace_ms, size_t max,
                         struct meta_garbage *garbage)
{
    struct gc_next next = {.meta = meta, .pass = pass, .grace_ms = grace_ms, .left = max, .garbage = garbage};
    enum status status;

    next.before = garbage->chunks.count;
    next.empty = mem_alloc(TIDY_PLACES_MAX * sizeof(*next.empty));
    do { /* until something is found, or the end: of a million empty rows too */
        next.empty_count = 0;
        pool_run(meta->pool, gc_next_run, &next);
        status = next.status == STATUS_LIMIT ? STATUS_OK : next.status;
        if (next.empty_count > 0) {
            struct gc_finish finish = {.places = next.empty, .place_count = next.empty_count};
            enum status finished = gc_finish(meta, &finish);
            status = status ? status : finished;
        }
    } while (!status && next.status == STATUS_LIMIT && garbage->chunks.count == next.before && max > 0);
    if (status)
        log_error("garbage queue cannot be walked", LOG_STATUS(status));
    free(next.empty);
    return status;
}

enum status meta_gc_done(struct meta *meta, const struct meta_garbage *freed)
{
    struct gc_place *places = mem_alloc(DONE_CHUNKS_MAX * sizeof(*places));
    const struct chunk_list *chunks = &freed->chunks;
    enum status status = STATUS_OK;

    for (size_t i = 0; i < chunks->count && !status; i += DONE_CHUNKS_MAX) {
        size_t count = chunks->count - i < DONE_CHUNKS_MAX ? chunks->count - i : DONE_CHUNKS_MAX;
        struct gc_finish finish = {.refs = chunks->refs + i, .ref_count = count, .places = places};
        for (size_t j = i; j < i + count; j++)
            if (freed->rows[j].ends)
                places[finish.place_count++] = (struct gc_place){freed->rows[j].sequence, freed->rows[j].index};
        status = gc_finish(meta, &finish);
    }
    free(places);
    return status;
}

/* Walking the garbage queue: what is handed out to be freed, and when.
 * A walk goes on where the last one ended, also within a row, so that chunks which cannot be freed now (a node is away)
 * hold nothing up; at the end one empty answer starts it over. A row is due when its grace has passed and it was queued
 * before every open cursor began to read. Grace also covers the moment between a lookup and the opening of its cursor.
 */
#include "meta/gc.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "meta/chunk_rows.h"
#include "meta/internal.h"

enum {
    DONE_CHUNKS_MAX = 1024, /* chunks finished in one commit */
    TIDY_PLACES_MAX = 256,  /* empty rows that one walk removes */
};

void gc_walk_init(struct gc_walk *walk)
{
    *walk = (struct gc_walk){0};
    pthread_mutex_init(&walk->lock, NULL);
    walk->handed = mem_zalloc(GC_HANDED_SLOTS * sizeof(*walk->handed));
}

void gc_walk_release(struct gc_walk *walk)
{
    pthread_mutex_destroy(&walk->lock);
    free(walk->handed);
}

/* The random part of an id picks the slot. */
static struct gc_handed *gc_handed_slot(struct gc_walk *walk, const struct chunk_id *id)
{
    return &walk->handed[get_u64(id->bytes + CHUNK_ID_LEN - 8) % GC_HANDED_SLOTS];
}

struct gc_next {
    struct meta *meta;
    uint64_t grace_ms;
    size_t left; /* chunks that may still be handed out */
    struct chunk_list *chunks;
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
    struct gc_walk *walk = &next->meta->gc;
    struct db_view view = meta_view(next->meta);

    for (; walk->chunk < chunks->count; walk->chunk++) {
        struct chunk_record record;
        struct chunk_ref ref;
        struct chunk_id id;
        uint32_t size;
        if (next->left == 0)
            return STATUS_LIMIT;
        packed_chunks_get(chunks, walk->chunk, &id, &size);
        enum status status = chunk_row_get(&view, &id, &record);
        if (status == STATUS_NOT_FOUND)
            continue;
        if (status)
            return status;
        chunk_record_ref_all(&record, &id, &ref);
        chunk_list_append(next->chunks, &ref);
        *gc_handed_slot(walk, &id) = (struct gc_handed){id, next->place};
        next->left--;
        next->any = true;
    }
    walk->chunk = 0;
    return STATUS_OK;
}

static enum status gc_hand_parts(struct gc_next *next, const struct gc_record *record)
{
    struct gc_walk *walk = &next->meta->gc;
    struct db_view view = meta_view(next->meta);
    struct row_key lower, upper, key;
    struct db_iterator it;
    enum status status = STATUS_OK;

    row_key_part_bounds(&lower, &upper, &record->upload);
    row_key_part(&key, &record->upload, walk->part);
    db_iterator_open(&it, &view, DB_PARTS, row_key_bytes(&lower), row_key_bytes(&upper));
    for (db_iterator_seek(&it, row_key_bytes(&key)); !status && db_iterator_valid(&it); db_iterator_next(&it)) {
        struct part_record part;
        unsigned number;
        status = row_key_part_parse(db_iterator_key(&it), &number);
        if (status || !gc_parts_contain(&record->parts, number))
            continue;
        if (number != walk->part)
            walk->chunk = 0;
        walk->part = number;
        status = part_record_decode(db_iterator_value(&it), &part);
        if (!status)
            status = gc_hand_chunks(next, &part.chunks);
    }
    if (!status)
        status = db_iterator_status(&it);
    db_iterator_close(&it);
    return status;
}

/* The row under the iterator, from the walk's position in it. NOT_FOUND: it is not due, nor is any behind it. */
static enum status gc_hand_row(struct gc_next *next, struct bytes value)
{
    struct gc_walk *walk = &next->meta->gc;
    struct gc_record record;
    bool whole = walk->part == 0 && walk->chunk == 0;

    enum status status = gc_record_decode(value, &record);
    if (status)
        return status;
    if (!gc_grace_passed(next, &record))
        return STATUS_NOT_FOUND;
    next->any = false;
    status = record.kind == GC_PARTS ? gc_hand_parts(next, &record) : gc_hand_chunks(next, &record.chunks);
    if (status)
        return status;
    if (whole && !next->any && next->empty_count < TIDY_PLACES_MAX)
        next->empty[next->empty_count++] = next->place;
    return STATUS_OK;
}

/* The last commit that is known to be on enough nodes: in the worst case that of the call before. Under the walk's
 * lock. */
static uint64_t gc_replicated(struct meta *meta)
{
    const struct meta_replication *replication = meta->history.replication;
    struct gc_walk *walk = &meta->gc;
    struct meta_position now;

    if (!replication)
        return UINT64_MAX;
    if (replication->held(replication->arg) >= walk->mark_position) {
        walk->replicated = walk->mark;
        walk->mark = atomic_load(&meta->sequence);
        meta_position(meta, &now); /* after it, so that it covers the mark */
        walk->mark_position = now.sequence;
        if (replication->held(replication->arg) >= walk->mark_position)
            walk->replicated = walk->mark;
    }
    return walk->replicated;
}

/* Walks on until enough was found or the end. Under the walk's lock. */
static enum status gc_next_walk(struct gc_next *next)
{
    struct gc_walk *walk = &next->meta->gc;
    struct db_view view = meta_view(next->meta);
    uint64_t oldest = cursor_registry_oldest(&next->meta->cursors);
    uint64_t replicated = gc_replicated(next->meta);
    struct row_key lower, upper;
    struct db_iterator it;
    enum status status = STATUS_OK;

    row_key_gc(&lower, walk->place.sequence, walk->place.index);
    row_key_gc(&upper, UINT64_MAX, UINT32_MAX);
    db_iterator_open(&it, &view, DB_GC, row_key_bytes(&lower), row_key_bytes(&upper));
    for (db_iterator_first(&it); !status && db_iterator_valid(&it); db_iterator_next(&it)) {
        status = row_key_gc_parse(db_iterator_key(&it), &next->place.sequence, &next->place.index);
        if (!status && (next->place.sequence > oldest || next->place.sequence > replicated))
            status = STATUS_NOT_FOUND;
        if (status)
            break;
        if (next->place.sequence != walk->place.sequence || next->place.index != walk->place.index)
            walk->part = walk->chunk = 0;
        walk->place = next->place;
        status = gc_hand_row(next, db_iterator_value(&it));
        if (!status || status == STATUS_CORRUPT) { /* go on behind it */
            walk->place.index++;
            walk->part = walk->chunk = 0;
        }
    }
    if (!status)
        status = db_iterator_status(&it);
    db_iterator_close(&it);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static void gc_next_run(void *arg)
{
    struct gc_next *next = arg;
    struct gc_walk *walk = &next->meta->gc;
    size_t before = next->chunks->count;

    pthread_mutex_lock(&walk->lock);
    next->status = gc_next_walk(next);
    if (next->status == STATUS_LIMIT)
        next->status = STATUS_OK;
    else if (!next->status && next->chunks->count == before) {
        walk->place = (struct gc_place){0};
        walk->part = walk->chunk = 0;
    }
    pthread_mutex_unlock(&walk->lock);
}

enum status meta_gc_next(struct meta *meta, uint64_t grace_ms, size_t max, struct chunk_list *chunks)
{
    struct gc_next next = {.meta = meta, .grace_ms = grace_ms, .left = max, .chunks = chunks};

    next.empty = mem_alloc(TIDY_PLACES_MAX * sizeof(*next.empty));
    pool_run(meta->pool, gc_next_run, &next);
    if (next.empty_count > 0) {
        struct gc_finish finish = {.places = next.empty, .place_count = next.empty_count};
        enum status status = gc_finish(meta, &finish);
        next.status = next.status ? next.status : status;
    }
    if (next.status)
        log_error("garbage queue cannot be walked", LOG_STATUS(next.status));
    free(next.empty);
    return next.status;
}

/* The rows that these chunks came from, each once as long as they lie side by side. */
static size_t gc_places_of(struct gc_walk *walk, const struct chunk_ref *refs, size_t count, struct gc_place *places)
{
    size_t found = 0;
    pthread_mutex_lock(&walk->lock);
    for (size_t i = 0; i < count; i++) {
        const struct gc_handed *handed = gc_handed_slot(walk, &refs[i].id);
        if (memcmp(&handed->id, &refs[i].id, sizeof(handed->id)) != 0)
            continue;
        if (found > 0 && places[found - 1].sequence == handed->place.sequence &&
            places[found - 1].index == handed->place.index)
            continue;
        places[found++] = handed->place;
    }
    pthread_mutex_unlock(&walk->lock);
    return found;
}

enum status meta_gc_done(struct meta *meta, const struct chunk_list *chunks)
{
    struct gc_place *places = mem_alloc(DONE_CHUNKS_MAX * sizeof(*places));
    enum status status = STATUS_OK;

    for (size_t i = 0; i < chunks->count && !status; i += DONE_CHUNKS_MAX) {
        size_t count = chunks->count - i < DONE_CHUNKS_MAX ? chunks->count - i : DONE_CHUNKS_MAX;
        struct gc_finish finish = {.refs = chunks->refs + i, .ref_count = count, .places = places};
        finish.place_count = gc_places_of(&meta->gc, finish.refs, count, places);
        status = gc_finish(meta, &finish);
    }
    free(places);
    return status;
}

uint64_t meta_gc_backlog(struct meta *meta)
{
    return atomic_load(&meta->gc_rows);
}

uint64_t meta_gc_backlog_bytes(struct meta *meta)
{
    return atomic_load(&meta->gc_bytes);
}

/* See the header. Each change has its number in the sequence, and rows remember what they were (store_rows.h), so a
 * reader is only a number; what no open reader can see is dropped when a row changes again. One lock for all of it. */
#include "meta/store_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/lock.h"
#include "meta/damage.h"
#include "meta/store_memory_batch.h"
#include "meta/store_operations.h"
#include "meta/store_rows.h"

/* A reader as of a number, that is, an iterator or a snapshot. */
struct memory_reader {
    uint64_t number;
    struct memory_reader *next, **link;
};

/* What was written at once, as in a change record. */
struct memory_write {
    uint64_t first;
    uint32_t count;
    struct bytes log_data; /* its own */
    struct buffer payload;
};

struct store_memory {
    struct meta_store store;
    pthread_mutex_t lock; /* guards all below */
    struct rows families[STORE_FAMILY_COUNT];
    uint64_t sequence;
    uint64_t synced; /* of the last change that a crash leaves */
    struct memory_reader *readers;
    struct memory_write *writes;
    size_t write_count, write_capacity;
    enum status write_failure, sync_failure, read_failure;
    bool hidden;
};

static struct store_memory *memory_of(struct meta_store *db)
{
    return (struct store_memory *)db;
}

/* ---- readers ----------------------------------------------------------------------------------------------------- */

static void reader_enter(struct store_memory *db, struct memory_reader *reader, uint64_t number)
{
    *reader = (struct memory_reader){.number = number, .next = db->readers, .link = &db->readers};
    if (reader->next)
        reader->next->link = &reader->next;
    db->readers = reader;
}

static void reader_leave(struct memory_reader *reader)
{
    *reader->link = reader->next;
    if (reader->next)
        reader->next->link = reader->link;
}

/* A crash reads, too. */
static uint64_t readers_oldest(const struct store_memory *db)
{
    uint64_t oldest = db->synced;
    for (const struct memory_reader *reader = db->readers; reader; reader = reader->next)
        oldest = reader->number < oldest ? reader->number : oldest;
    return oldest;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Of a batch that is too large for a record only its place is kept. */
static void write_remember(struct store_memory *db, const struct store_batch *batch)
{
    if (db->write_count == db->write_capacity) {
        db->write_capacity = db->write_capacity ? 2 * db->write_capacity : 16;
        db->writes = mem_realloc(db->writes, db->write_capacity * sizeof(*db->writes));
    }
    struct memory_write *write = &db->writes[db->write_count++];
    const struct bytes log_data = memory_batch_of(batch)->log_data;
    *write = (struct memory_write){.first = db->sequence + 1};
    if (log_data.len)
        write->log_data = bytes_of(mem_strndup(log_data.data, log_data.len), log_data.len);
    buffer_init(&write->payload, CHANGE_PAYLOAD_MAX);
    if (memory_batch_changes(batch, &write->payload, &write->count))
        buffer_release(&write->payload);
    write->count = memory_batch_count(batch);
}

static void batch_apply(struct store_memory *db, const struct memory_batch *batch)
{
    uint64_t oldest = readers_oldest(db);
    for (unsigned i = 0; i < batch->count; i++) {
        const struct memory_change *change = &batch->changes[i];
        struct rows *rows = &db->families[change->family];
        uint64_t number = db->sequence + 1 + i;
        struct row *row = change->value->deleted ? rows_delete(rows, number, change->row->key)
                                                 : rows_put(rows, number, change->row->key, change->value->bytes);
        row_trim(row, oldest);
    }
    db->sequence += batch->count;
}

static enum status sync_locked(struct store_memory *db)
{
    if (!db->sync_failure)
        db->synced = db->sequence;
    return db->sync_failure;
}

static enum status memory_sync(struct meta_store *store)
{
    struct store_memory *db = memory_of(store);
    lock_acquire(&db->lock);
    enum status status = sync_locked(db);
    lock_release(&db->lock);
    return status;
}

static enum status memory_write(struct meta_store *store, struct store_batch *batch, const struct store_terms *terms)
{
    struct store_memory *db = memory_of(store);
    lock_acquire(&db->lock);
    enum status status = db->write_failure;
    if (!status && terms->conditional && db->sequence != terms->sequence)
        status = STATUS_CONFLICT;
    if (!status && memory_batch_count(batch) > 0) {
        write_remember(db, batch);
        batch_apply(db, memory_batch_of(batch));
    }
    if (!status && !terms->lazy)
        status = sync_locked(db);
    lock_release(&db->lock);
    return status == STATUS_DAMAGED ? damage_found("write", "a test wants it") : status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static enum status read_admitted(const struct store_memory *db, bool in_memory)
{
    if (db->read_failure)
        return db->read_failure == STATUS_DAMAGED ? damage_found("read", "a test wants it") : db->read_failure;
    return in_memory && db->hidden ? STATUS_UNAVAILABLE : STATUS_OK;
}

/* What a row of the batch, if there is one, or else of the database is to a reader. NULL: not there. */
static const struct row_value *value_seen(const struct row *row, const struct row *changed, uint64_t number)
{
    const struct row_value *value = changed && changed->newest ? changed->newest : NULL;
    if (!value && row)
        value = row_value_at(row, number);
    return value && !value->deleted ? value : NULL;
}

static enum status memory_get(const struct store_view *view, enum store_family family, struct bytes key,
                              struct store_value *value)
{
    struct store_memory *db = memory_of(view->db);
    const struct row *changed = view->batch ? rows_find(&memory_batch_of(view->batch)->families[family], key) : NULL;
    lock_acquire(&db->lock);
    enum status status = read_admitted(db, view->in_memory);
    uint64_t number = view->snapshot ? view->snapshot->sequence : db->sequence;
    const struct row_value *seen = value_seen(rows_find(&db->families[family], key), changed, number);
    if (!status && !seen)
        status = STATUS_NOT_FOUND;
    if (!status)
        store_value_copy(value, seen->bytes);
    lock_release(&db->lock);
    return status;
}

struct memory_place {
    struct memory_reader reader;
    const struct rows *rows, *changed; /* changed: of the batch, NULL without one */
    bool in_memory;
    enum status status;
    struct bytes key;
    const struct row_value *value; /* NULL: at no row */
};

static void memory_iterator_open(struct store_iterator *it, const struct store_view *view, enum store_family family)
{
    struct store_memory *db = memory_of(view->db);
    struct memory_place *place = mem_zalloc(sizeof(*place));
    lock_acquire(&db->lock);
    place->rows = &db->families[family];
    place->changed = view->batch ? &memory_batch_of(view->batch)->families[family] : NULL;
    place->in_memory = view->in_memory;
    reader_enter(db, &place->reader, view->snapshot ? view->snapshot->sequence : db->sequence);
    lock_release(&db->lock);
    it->place = place;
}

static void memory_iterator_close(struct store_iterator *it)
{
    struct store_memory *db = memory_of(it->db);
    struct memory_place *place = it->place;
    lock_acquire(&db->lock);
    reader_leave(&place->reader);
    lock_release(&db->lock);
    free(place);
}

/* The next row in the direction, of both lists the nearer one. */
static const struct row *nearest(const struct memory_place *place, struct bytes key, bool forward, bool beyond)
{
    const struct row *row = forward ? rows_seek(place->rows, key, beyond) : rows_before(place->rows, key);
    if (!place->changed)
        return row;
    const struct row *changed = forward ? rows_seek(place->changed, key, beyond) : rows_before(place->changed, key);
    if (!row || !changed)
        return row ? row : changed;
    return (bytes_compare(changed->key, row->key) < 0) == forward ? changed : row;
}

/* Moves to the first row in that direction that the reader sees. */
static void place_move(struct store_iterator *it, struct bytes key, bool forward, bool beyond)
{
    struct store_memory *db = memory_of(it->db);
    struct memory_place *place = it->place;
    const struct row *row;

    lock_acquire(&db->lock);
    place->value = NULL;
    place->status = read_admitted(db, place->in_memory);
    while (!place->status && !place->value && (row = nearest(place, key, forward, beyond))) {
        key = place->key = row->key;
        beyond = true;
        if (bytes_compare(key, it->lower) < 0 || (it->upper.data && bytes_compare(key, it->upper) >= 0))
            break;
        place->value = value_seen(rows_find(place->rows, key), place->changed ? rows_find(place->changed, key) : NULL,
                                  place->reader.number);
    }
    lock_release(&db->lock);
}

static void memory_iterator_seek(struct store_iterator *it, struct bytes key)
{
    place_move(it, key, true, false);
}

static void memory_iterator_last(struct store_iterator *it)
{
    place_move(it, it->upper, false, true);
}

static void memory_iterator_next(struct store_iterator *it)
{
    place_move(it, ((struct memory_place *)it->place)->key, true, true);
}

static void memory_iterator_previous(struct store_iterator *it)
{
    place_move(it, ((struct memory_place *)it->place)->key, false, true);
}

static bool memory_iterator_valid(const struct store_iterator *it)
{
    return ((const struct memory_place *)it->place)->value != NULL;
}

static struct bytes memory_iterator_key(const struct store_iterator *it)
{
    return ((const struct memory_place *)it->place)->key;
}

static struct bytes memory_iterator_value(const struct store_iterator *it)
{
    return ((const struct memory_place *)it->place)->value->bytes;
}

static enum status memory_iterator_status(const struct store_iterator *it)
{
    return ((const struct memory_place *)it->place)->status;
}

/* ---- changes ----------------------------------------------------------------------------------------------------- */

static uint64_t memory_sequence(struct meta_store *store)
{
    struct store_memory *db = memory_of(store);
    lock_acquire(&db->lock);
    uint64_t sequence = db->sequence;
    lock_release(&db->lock);
    return sequence;
}

/* Rows keep the numbers that they have: as long as nobody reads them as of an earlier one, only their order counts. */
static void memory_sequence_set(struct meta_store *store, uint64_t sequence)
{
    struct store_memory *db = memory_of(store);
    lock_acquire(&db->lock);
    CHECK(!db->readers && sequence >= db->sequence);
    db->sequence = sequence;
    lock_release(&db->lock);
}

static enum status write_append(const struct memory_write *write, uint64_t epoch, struct buffer *out)
{
    size_t begin = out->len, start;
    enum status status = write->payload.len ? buffer_append_bytes(out, write->log_data) : STATUS_LIMIT;
    if (!status)
        status = change_record_begin(out, &start);
    if (!status)
        status = buffer_append_bytes(out, buffer_bytes(&write->payload));
    if (!status)
        status = change_record_seal(out, start, epoch, write->first, write->count);
    if (status)
        out->len = begin;
    return status;
}

static enum status memory_changes_read(struct meta_store *store, uint64_t from, uint64_t last, uint64_t epoch,
                                       struct buffer *out)
{
    struct store_memory *db = memory_of(store);
    size_t begin = out->len, i = 0;
    enum status status = STATUS_OK;
    lock_acquire(&db->lock);
    while (i < db->write_count && db->writes[i].first < from)
        i++;
    if (i == db->write_count || db->writes[i].first != from || from > last)
        status = STATUS_NOT_FOUND;
    for (; !status && i < db->write_count && db->writes[i].first <= last && out->len - begin < CHANGE_PAGE_BYTES; i++)
        status = write_append(&db->writes[i], epoch, out);
    lock_release(&db->lock);
    return status == STATUS_LIMIT && out->len > begin ? STATUS_OK : status;
}

static enum status memory_changes_begin(struct meta_store *store, uint64_t from, uint64_t *begin)
{
    struct store_memory *db = memory_of(store);
    size_t i = 0;
    lock_acquire(&db->lock);
    while (i < db->write_count && db->writes[i].first < from)
        i++;
    bool found = i < db->write_count;
    if (found)
        *begin = db->writes[i].first;
    lock_release(&db->lock);
    return found ? STATUS_OK : STATUS_NOT_FOUND;
}

static void memory_snapshot_open(struct store_snapshot *snapshot)
{
    struct store_memory *db = memory_of(snapshot->db);
    struct memory_reader *reader = mem_alloc(sizeof(*reader));
    lock_acquire(&db->lock);
    snapshot->sequence = db->sequence;
    reader_enter(db, reader, db->sequence);
    lock_release(&db->lock);
    snapshot->place = reader;
}

static void memory_snapshot_close(struct store_snapshot *snapshot)
{
    struct store_memory *db = memory_of(snapshot->db);
    struct memory_reader *reader = (struct memory_reader *)snapshot->place;
    lock_acquire(&db->lock);
    reader_leave(reader);
    lock_release(&db->lock);
    free(reader);
}

/* ---- opening, closing, failing ----------------------------------------------------------------------------------- */

static uint64_t memory_figure(struct meta_store *store, enum database_figure figure)
{
    (void)store, (void)figure;
    return 0;
}

void store_memory_fail_writes(struct meta_store *store, enum status status)
{
    struct store_memory *db = memory_of(store);
    lock_acquire(&db->lock);
    db->write_failure = status;
    lock_release(&db->lock);
}

void store_memory_fail_syncs(struct meta_store *store, enum status status)
{
    struct store_memory *db = memory_of(store);
    lock_acquire(&db->lock);
    db->sync_failure = status;
    lock_release(&db->lock);
}

void store_memory_fail_reads(struct meta_store *store, enum status status)
{
    struct store_memory *db = memory_of(store);
    lock_acquire(&db->lock);
    db->read_failure = status;
    lock_release(&db->lock);
}

void store_memory_hide(struct meta_store *store, bool hidden)
{
    struct store_memory *db = memory_of(store);
    lock_acquire(&db->lock);
    db->hidden = hidden;
    lock_release(&db->lock);
}

static void write_forget_last(struct store_memory *db)
{
    struct memory_write *write = &db->writes[--db->write_count];
    buffer_release(&write->payload);
    free((char *)write->log_data.data);
}

void store_memory_crash(struct meta_store *store)
{
    struct store_memory *db = memory_of(store);
    lock_acquire(&db->lock);
    db->readers = NULL;
    for (unsigned i = 0; i < STORE_FAMILY_COUNT; i++)
        for (struct row *row = db->families[i].first[0]; row; row = row->next[0])
            while (row->newest && row->newest->number > db->synced)
                row_take_back(row);
    while (db->write_count > 0 && db->writes[db->write_count - 1].first > db->synced)
        write_forget_last(db);
    db->sequence = db->synced;
    lock_release(&db->lock);
}

void store_memory_forget_changes(struct meta_store *store)
{
    struct store_memory *db = memory_of(store);
    lock_acquire(&db->lock);
    while (db->write_count > 0)
        write_forget_last(db);
    lock_release(&db->lock);
}

static void memory_close(struct meta_store *store)
{
    struct store_memory *db = memory_of(store);
    CHECK(!db->readers);
    store_memory_forget_changes(store);
    for (unsigned i = 0; i < STORE_FAMILY_COUNT; i++)
        rows_release(&db->families[i]);
    free(db->writes);
    pthread_mutex_destroy(&db->lock);
    free(db);
}

struct meta_store *store_memory_create(void)
{
    static const struct store_operations operations = {
        .close = memory_close,
        .figure = memory_figure,
        .batch_create = memory_batch_create,
        .batch_free = memory_batch_free,
        .batch_put = memory_batch_put,
        .batch_delete = memory_batch_delete,
        .batch_count = memory_batch_count,
        .batch_bytes = memory_batch_bytes,
        .batch_log_data = memory_batch_log_data,
        .batch_mark = memory_batch_mark,
        .batch_rollback = memory_batch_rollback,
        .batch_changes = memory_batch_changes,
        .write = memory_write,
        .sync = memory_sync,
        .get = memory_get,
        .iterator_open = memory_iterator_open,
        .iterator_close = memory_iterator_close,
        .iterator_seek = memory_iterator_seek,
        .iterator_last = memory_iterator_last,
        .iterator_next = memory_iterator_next,
        .iterator_previous = memory_iterator_previous,
        .iterator_valid = memory_iterator_valid,
        .iterator_key = memory_iterator_key,
        .iterator_value = memory_iterator_value,
        .iterator_status = memory_iterator_status,
        .sequence = memory_sequence,
        .sequence_set = memory_sequence_set,
        .changes_read = memory_changes_read,
        .changes_begin = memory_changes_begin,
        .snapshot_open = memory_snapshot_open,
        .snapshot_close = memory_snapshot_close,
    };
    struct store_memory *db = mem_zalloc(sizeof(*db));
    db->store.operations = &operations;
    pthread_mutex_init(&db->lock, NULL);
    return &db->store;
}

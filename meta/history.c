/* The history: its row, shipping, reading, restoring; see history.h. The row lies with the state in the default family;
 * it is replicated like every other, and a restore replaces it. */
#include "meta/history.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "meta/history_internal.h"
#include "meta/internal.h"
#include "meta/record_io.h"

#define HISTORY_FORMAT    3
#define HISTORY_FORMAT_V2 2 /* the store did not keep the sequence: it was RocksDB's plus a base */
#define HISTORY_FORMAT_V1 1 /* the same, and one epoch, without a lineage */
#define ROW_BYTES_MAX     (64 + LINEAGE_PAST_MAX * 16)

/* ---- the row ------------------------------------------------------------------------------------------------- */

static void row_put(struct store_batch *batch, const struct history *history, const struct lineage *lineage)
{
    struct buffer row;
    buffer_init(&row, ROW_BYTES_MAX);
    record_put_u8(&row, HISTORY_FORMAT);
    record_put_u64(&row, lineage->epoch);
    record_put_u64(&row, (uint64_t)history->restored_ms);
    record_put_u64(&row, history->log_first);
    record_put_u32(&row, lineage->restored_generation);
    record_put_u16(&row, (uint16_t)lineage->count);
    for (unsigned i = 0; i < lineage->count; i++) {
        record_put_u64(&row, lineage->past[i].epoch);
        record_put_u64(&row, lineage->past[i].sequence);
    }
    store_batch_put(batch, STORE_DEFAULT, HISTORY_KEY, buffer_bytes(&row));
    buffer_release(&row);
}

static uint8_t row_format(struct bytes row)
{
    uint8_t format = row.len ? (uint8_t)row.data[0] : 0;
    return format == HISTORY_FORMAT_V1 || format == HISTORY_FORMAT_V2 ? format : HISTORY_FORMAT;
}

/* *base: of a store that did not keep the sequence, else 0. */
static enum status row_decode(struct bytes row, struct history *history, uint64_t *base)
{
    struct lineage *lineage = &history->lineage;
    uint8_t format = row_format(row);
    struct record_reader reader = record_reader_open(row, format);
    lineage->epoch = record_read_u64(&reader);
    *base = format == HISTORY_FORMAT ? 0 : record_read_u64(&reader);
    history->restored_ms = (int64_t)record_read_u64(&reader);
    if (format == HISTORY_FORMAT_V1) {
        history->log_first = *base + 1;
        lineage->restored_generation = change_generation(lineage->epoch);
        return record_reader_close(&reader);
    }
    history->log_first = record_read_u64(&reader);
    lineage->restored_generation = record_read_u32(&reader);
    lineage->count = record_read_u16(&reader);
    if (lineage->count > LINEAGE_PAST_MAX)
        return STATUS_CORRUPT;
    for (unsigned i = 0; i < lineage->count; i++) {
        lineage->past[i].epoch = record_read_u64(&reader);
        lineage->past[i].sequence = record_read_u64(&reader);
    }
    return record_reader_close(&reader);
}

enum status history_row_lineage(struct bytes row, struct lineage *lineage)
{
    struct history history = {0};
    uint64_t base;
    enum status status = row_decode(row, &history, &base);

    *lineage = history.lineage;
    return status;
}

/* NOT_FOUND in a database that was never replicated. */
static enum status row_get(struct meta_store *db, struct history *history, uint64_t *base)
{
    struct store_view view = {.db = db};
    struct store_value value = {0};
    history->db = db;
    *base = 0;
    enum status status = store_get(&view, STORE_DEFAULT, HISTORY_KEY, &value);
    if (status)
        return status;
    status = row_decode(store_value_bytes(&value), history, base);
    store_value_release(&value);
    return status;
}

/* The same when the database is opened: one of an earlier build then learns its sequence. The first commit, which
 * begins an epoch and so writes the row anew, makes it known for good. */
static enum status row_load(struct meta_store *db, struct history *history)
{
    uint64_t base;
    enum status status = row_get(db, history, &base);
    if (!status && base)
        store_sequence_set(db, base + store_sequence(db));
    return status;
}

static enum status row_write(const struct history *history)
{
    struct store_batch *batch = store_batch_create(history->db);
    row_put(batch, history, &history->lineage);
    enum status status = store_write(history->db, batch); /* synced, and with it all rows before */
    store_batch_free(batch);
    return status;
}

enum status history_open(struct history *history, struct meta_store *db)
{
    enum status status = row_load(db, history);
    if (status == STATUS_NOT_FOUND) {
        history->lineage = (struct lineage){.epoch = change_epoch_create(1), .restored_generation = 1};
        history->log_first = 1;
        history->begun = true;
        status = row_write(history);
    }
    if (status)
        return status;
    pthread_mutex_init(&history->lock, NULL);
    pthread_mutex_init(&history->group_lock, NULL);
    return STATUS_OK;
}

void history_close(struct history *history)
{
    pthread_mutex_destroy(&history->group_lock);
    pthread_mutex_destroy(&history->lock);
}

uint64_t history_last(const struct history *history)
{
    return store_sequence(history->db);
}

void history_prepare(struct history *history, struct store_batch *batch)
{
    if (history->begun)
        return;
    history->next = history->lineage;
    lineage_advance(&history->next, history_last(history));
    row_put(batch, history, &history->next);
}

enum status history_append(struct history *history, struct store_batch *batch, uint64_t seen)
{
    if (history->begun)
        return store_append(history->db, batch, seen);
    lock_acquire(&history->lock);
    enum status status = store_append(history->db, batch, seen);
    history->begun = status == STATUS_OK;
    if (history->begun)
        history->lineage = history->next;
    lock_release(&history->lock);
    return status;
}

/* The cluster that the state row names. */
static enum status cluster_check(struct meta_store *db, const uint8_t *cluster_id)
{
    struct store_view view = {.db = db};
    struct store_value value = {0};
    struct state_record state;
    enum status status = store_get(&view, STORE_DEFAULT, STATE_KEY, &value);
    if (status)
        return status;
    status = state_record_decode(store_value_bytes(&value), &state);
    store_value_release(&value);
    if (!status && memcmp(state.cluster_id, cluster_id, sizeof(state.cluster_id)) != 0)
        status = STATUS_DENIED;
    return status;
}

/* ---- positions ----------------------------------------------------------------------------------------------- */

enum status history_position(struct meta_store *db, const uint8_t *cluster_id, struct meta_position *position,
                             struct lineage *lineage)
{
    struct history history = {.db = db};
    enum status status = cluster_check(db, cluster_id);
    if (!status)
        status = row_load(db, &history);
    if (status == STATUS_NOT_FOUND) /* it was never replicated, or died while it was made */
        status = STATUS_OK;
    *position = (struct meta_position){history.lineage.epoch, history_last(&history)};
    *lineage = history.lineage;
    return status;
}

enum status meta_position_peek(const char *path, const uint8_t *cluster_id, struct meta_position *position,
                               struct lineage *lineage)
{
    struct meta_store *db = NULL;
    enum status status = store_exists(path) ? store_open(path, 0, &db) : STATUS_NOT_FOUND;
    if (status)
        return status;
    status = history_position(db, cluster_id, position, lineage);
    store_close(db);
    return status;
}

enum status meta_torn_find(const char *path, const uint8_t *cluster_id, struct meta_torn *torn)
{
    struct meta_store *db = NULL;
    *torn = (struct meta_torn){0};
    enum status status = store_torn_find(path, &torn->log);
    if (!status)
        status = store_open_prefix(path, &db);
    if (status)
        return status;
    status = history_position(db, cluster_id, &torn->left, &torn->lineage);
    store_close(db);
    return status;
}

enum status meta_torn_drop(const struct meta_torn *torn)
{
    enum status status = store_torn_drop(&torn->log);
    if (!status)
        log_error("the last record of the metadata's log was torn and is dropped: no node has it, so it was not "
                  "acknowledged",
                  LOG_STR("path", torn->log.path), LOG_INT("offset", torn->log.offset),
                  LOG_INT("bytes", torn->log.bytes), LOG_INT("sequence", torn->left.sequence));
    return status;
}

void meta_position(struct meta *meta, struct meta_position *position)
{
    struct history *history = &meta->history;
    lock_acquire(&history->lock);
    *position = (struct meta_position){history->lineage.epoch, history_last(history)};
    lock_release(&history->lock);
}

enum standing meta_judge(struct meta *meta, const struct meta_position *replica)
{
    struct history *history = &meta->history;
    lock_acquire(&history->lock);
    enum standing standing = lineage_judge(&history->lineage, history_last(history), replica);
    lock_release(&history->lock);
    return standing;
}

bool meta_judge_at_once(struct meta *meta, const struct meta_position *replica, enum standing *standing)
{
    struct history *history = &meta->history;
    if (!lock_try(&history->lock))
        return false;
    *standing = lineage_judge(&history->lineage, history_last(history), replica);
    lock_release(&history->lock);
    return true;
}

int64_t meta_restored_ms(const struct meta *meta)
{
    return meta->history.restored_ms;
}

uint32_t meta_restored_generation(const struct meta *meta)
{
    return meta->history.restored_ms ? meta->history.lineage.restored_generation : 0;
}

/* ---- handing on ---------------------------------------------------------------------------------------------- */

uint64_t history_ship(const struct history *history, const struct store_batch *batch, struct buffer *take_block,
                      const struct carried_set *nodes)
{
    struct buffer record;
    uint64_t last = history_last(history);
    uint64_t first = last - store_batch_count(batch) + 1;
    uint32_t count = 0;
    size_t start;

    if (!history->replication)
        return 0;
    const struct carried_set *carried = take_block->len ? nodes : NULL;
    record = *take_block;
    buffer_init(take_block, CARRIED_BLOCK_MAX);
    enum status status = change_record_begin(&record, &start);
    if (!status)
        status = store_batch_changes(batch, &record, &count);
    if (!status)
        status = change_record_seal(&record, start, history->lineage.epoch, first, count);
    if (status) {
        log_error("a commit is too large for a record: replicas need a snapshot", LOG_STATUS(status));
        buffer_clear(&record);
    } else {
        CHECK(count == store_batch_count(batch));
    }
    history->replication->begin(history->replication->arg, &record, first, last, carried);
    return last;
}

enum status meta_changes_read(struct meta *meta, uint64_t from, struct buffer *records)
{
    struct history *history = &meta->history;
    uint64_t end;
    if (from < history->log_first)
        return STATUS_NOT_FOUND;
    lock_acquire(&history->lock);
    uint64_t epoch = lineage_epoch_at(&history->lineage, from, &end), last = history_last(history);
    lock_release(&history->lock);
    return store_changes_read(meta->db, from, end < last ? end : last, epoch, records);
}

enum status meta_changes_begin(struct meta *meta, uint64_t from, uint64_t *begin)
{
    uint64_t log_first = meta->history.log_first;
    return store_changes_begin(meta->db, from > log_first ? from : log_first, begin);
}

struct meta_snapshot {
    struct store_dump rows;
    struct meta_position position;
};

struct meta_snapshot *meta_snapshot_open(struct meta *meta, struct meta_position *position)
{
    struct history *history = &meta->history;
    struct meta_snapshot *snapshot = mem_zalloc(sizeof(*snapshot));
    lock_acquire(&history->group_lock);
    lock_acquire(&history->lock);
    store_dump_open(&snapshot->rows, meta->db);
    snapshot->position = (struct meta_position){history->lineage.epoch, snapshot->rows.snapshot.sequence};
    lock_release(&history->lock);
    bool failed = atomic_load(&meta->failed);
    lock_release(&history->group_lock);
    *position = snapshot->position;
    if (!failed)
        return snapshot;
    meta_snapshot_close(snapshot);
    return NULL;
}

enum status meta_snapshot_next(struct meta_snapshot *snapshot, struct buffer *record, bool *end)
{
    uint32_t count = 0;
    size_t start;
    enum status status = change_record_begin(record, &start);
    if (!status)
        status = store_dump_next(&snapshot->rows, record, &count);
    if (!status)
        status = change_record_seal(record, start, snapshot->position.epoch, snapshot->position.sequence, count);
    *end = snapshot->rows.family == STORE_FAMILY_COUNT;
    return status;
}

void meta_snapshot_close(struct meta_snapshot *snapshot)
{
    if (!snapshot)
        return;
    store_dump_close(&snapshot->rows);
    free(snapshot);
}

/* ---- restoring ----------------------------------------------------------------------------------------------- */

struct meta_restore {
    struct meta_store *db;
};

enum status meta_restore_open(const char *path, struct meta_restore **out)
{
    struct meta_restore *restore = mem_zalloc(sizeof(*restore));
    enum status status = access(path, F_OK) == 0 ? STATUS_EXISTS : store_open(path, 0, &restore->db);
    if (status)
        free(restore);
    else
        *out = restore;
    return status;
}

enum status meta_restore_add(struct meta_restore *restore, const struct change_record *record)
{
    return store_apply(restore->db, record->payload);
}

enum status meta_restore_lineage(struct meta_restore *restore, const uint8_t *cluster_id, struct lineage *lineage)
{
    struct history history = {0};
    uint64_t base;
    enum status status = cluster_check(restore->db, cluster_id);
    if (!status)
        status = row_get(restore->db, &history, &base);
    *lineage = history.lineage;
    return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
}

enum status meta_restore_finish(struct meta_restore *restore, const struct meta_position *replica, uint32_t generation)
{
    struct history history = {0};
    uint64_t base;
    enum status status = row_get(restore->db, &history, &base);
    if (status)
        return status;
    store_sequence_set(restore->db, replica->sequence);
    history.log_first = replica->sequence + 1; /* the row below: the log before it is of rows, not of changes */
    history.restored_ms = clock_wall_ms();
    lineage_restore(&history.lineage, replica, generation);
    return row_write(&history);
}

void meta_restore_free(struct meta_restore *restore)
{
    if (!restore)
        return;
    store_close(restore->db);
    free(restore);
}

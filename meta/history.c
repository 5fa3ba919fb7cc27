/* The history: its row, shipping, reading, restoring; see history.h. The row lies with the state in the default family;
 * it is replicated like every other, and a restore replaces it. */
#include "meta/history.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "meta/db_log.h"
#include "meta/history_internal.h"
#include "meta/internal.h"
#include "meta/record_io.h"

#define HISTORY_KEY       BYTES("history")
#define HISTORY_FORMAT    2
#define HISTORY_FORMAT_V1 1 /* one epoch, without a lineage */
#define ROW_BYTES_MAX     (64 + LINEAGE_PAST_MAX * 16)

/* ---- the row ------------------------------------------------------------------------------------------------- */

static void row_put(struct db_batch *batch, const struct history *history, const struct lineage *lineage)
{
    struct buffer row;
    buffer_init(&row, ROW_BYTES_MAX);
    record_put_u8(&row, HISTORY_FORMAT);
    record_put_u64(&row, lineage->epoch);
    record_put_u64(&row, history->base);
    record_put_u64(&row, (uint64_t)history->restored_ms);
    record_put_u64(&row, history->log_first);
    record_put_u32(&row, lineage->restored_generation);
    record_put_u16(&row, (uint16_t)lineage->count);
    for (unsigned i = 0; i < lineage->count; i++) {
        record_put_u64(&row, lineage->past[i].epoch);
        record_put_u64(&row, lineage->past[i].sequence);
    }
    db_batch_put(history->db, batch, DB_DEFAULT, HISTORY_KEY, buffer_bytes(&row));
    buffer_release(&row);
}

static enum status row_decode(struct bytes row, struct history *history)
{
    struct lineage *lineage = &history->lineage;
    bool is_v1 = row.len && row.data[0] == HISTORY_FORMAT_V1;
    struct record_reader reader = record_reader_open(row, is_v1 ? HISTORY_FORMAT_V1 : HISTORY_FORMAT);
    lineage->epoch = record_read_u64(&reader);
    history->base = record_read_u64(&reader);
    history->restored_ms = (int64_t)record_read_u64(&reader);
    if (is_v1) {
        history->log_first = history->base + 1;
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

/* NOT_FOUND in a database that was never replicated. */
static enum status row_get(struct db *db, struct history *history)
{
    struct db_view view = {.db = db};
    struct db_value value = {0};
    history->db = db;
    enum status status = db_get(&view, DB_DEFAULT, HISTORY_KEY, &value);
    if (status)
        return status;
    status = row_decode(db_value_bytes(&value), history);
    db_value_release(&value);
    return status;
}

static enum status row_write(const struct history *history)
{
    struct db_batch *batch = db_batch_create();
    row_put(batch, history, &history->lineage);
    enum status status = db_write(history->db, batch); /* synced, and with it all rows before */
    db_batch_free(batch);
    return status;
}

enum status history_open(struct history *history, struct db *db)
{
    enum status status = row_get(db, history);
    if (status == STATUS_NOT_FOUND) {
        history->lineage = (struct lineage){.epoch = change_epoch_create(1), .restored_generation = 1};
        history->log_first = 1;
        history->begun = true;
        status = row_write(history);
    }
    if (!status)
        pthread_mutex_init(&history->lock, NULL);
    return status;
}

void history_close(struct history *history)
{
    pthread_mutex_destroy(&history->lock);
}

uint64_t history_last(const struct history *history)
{
    return history->base + db_sequence(history->db);
}

void history_prepare(struct history *history, struct db_batch *batch)
{
    if (history->begun)
        return;
    history->next = history->lineage;
    lineage_advance(&history->next, history_last(history));
    row_put(batch, history, &history->next);
}

enum status history_write(struct history *history, struct db_batch *batch)
{
    if (history->begun)
        return db_write(history->db, batch);
    pthread_mutex_lock(&history->lock);
    enum status status = db_write(history->db, batch);
    history->begun = status == STATUS_OK;
    if (history->begun)
        history->lineage = history->next;
    pthread_mutex_unlock(&history->lock);
    return status;
}

/* The cluster that the state row names. */
static enum status cluster_check(struct db *db, const uint8_t *cluster_id)
{
    struct db_view view = {.db = db};
    struct db_value value = {0};
    struct state_record state;
    enum status status = db_get(&view, DB_DEFAULT, STATE_KEY, &value);
    if (status)
        return status;
    status = state_record_decode(db_value_bytes(&value), &state);
    db_value_release(&value);
    if (!status && memcmp(state.cluster_id, cluster_id, sizeof(state.cluster_id)) != 0)
        status = STATUS_DENIED;
    return status;
}

/* ---- positions ----------------------------------------------------------------------------------------------- */

enum status history_position(struct db *db, const uint8_t *cluster_id, struct meta_position *position,
                             struct lineage *lineage)
{
    struct history history = {.db = db};
    enum status status = cluster_check(db, cluster_id);
    if (!status)
        status = row_get(db, &history);
    if (status == STATUS_NOT_FOUND) /* it was never replicated, or died while it was made */
        status = STATUS_OK;
    *position = (struct meta_position){history.lineage.epoch, history_last(&history)};
    *lineage = history.lineage;
    return status;
}

enum status meta_position_peek(const char *path, const uint8_t *cluster_id, struct meta_position *position,
                               struct lineage *lineage)
{
    struct db *db = NULL;
    struct buffer current;

    buffer_init(&current, 8192);
    enum status status = buffer_printf(&current, "%s/CURRENT", path);
    if (!status && access(current.data, F_OK) != 0)
        status = STATUS_NOT_FOUND;
    buffer_release(&current);
    if (!status)
        status = db_open(path, 0, &db);
    if (status)
        return status;
    status = history_position(db, cluster_id, position, lineage);
    db_close(db);
    return status;
}

void meta_position(struct meta *meta, struct meta_position *position)
{
    struct history *history = &meta->history;
    pthread_mutex_lock(&history->lock);
    *position = (struct meta_position){history->lineage.epoch, history_last(history)};
    pthread_mutex_unlock(&history->lock);
}

enum standing meta_judge(struct meta *meta, const struct meta_position *replica)
{
    struct history *history = &meta->history;
    pthread_mutex_lock(&history->lock);
    enum standing standing = lineage_judge(&history->lineage, history_last(history), replica);
    pthread_mutex_unlock(&history->lock);
    return standing;
}

int64_t meta_restored_ms(const struct meta *meta)
{
    return meta->history.restored_ms;
}

/* ---- handing on ---------------------------------------------------------------------------------------------- */

uint64_t history_ship(const struct history *history, const struct db_batch *batch)
{
    struct buffer record;
    uint64_t last = history_last(history);
    uint64_t first = last - db_batch_count(batch) + 1;
    uint32_t count = 0;
    size_t start;

    if (!history->replication)
        return 0;
    buffer_init(&record, CHANGE_RECORD_MAX);
    enum status status = change_record_begin(&record, &start);
    if (!status)
        status = db_batch_changes(batch, &record, &count);
    if (!status)
        status = change_record_seal(&record, start, history->lineage.epoch, first, count);
    if (status) {
        log_error("a commit is too large for a record: replicas need a snapshot", LOG_STATUS(status));
        buffer_clear(&record);
    } else {
        CHECK(count == db_batch_count(batch));
    }
    history->replication->begin(history->replication->arg, &record, first, last);
    return last;
}

enum status meta_changes_read(struct meta *meta, uint64_t from, struct buffer *records)
{
    struct history *history = &meta->history;
    uint64_t end, base = history->base;
    if (from < history->log_first)
        return STATUS_NOT_FOUND;
    pthread_mutex_lock(&history->lock);
    uint64_t epoch = lineage_epoch_at(&history->lineage, from, &end), last = history_last(history);
    pthread_mutex_unlock(&history->lock);
    return db_log_read(meta->db, from - base, (end < last ? end : last) - base, epoch, base, records);
}

struct meta_snapshot {
    struct db_snapshot rows;
    struct meta_position position;
};

struct meta_snapshot *meta_snapshot_open(struct meta *meta, struct meta_position *position)
{
    struct history *history = &meta->history;
    struct meta_snapshot *snapshot = mem_zalloc(sizeof(*snapshot));
    pthread_mutex_lock(&history->lock);
    db_snapshot_open(&snapshot->rows, meta->db);
    snapshot->position = (struct meta_position){history->lineage.epoch, history->base + snapshot->rows.sequence};
    pthread_mutex_unlock(&history->lock);
    *position = snapshot->position;
    return snapshot;
}

enum status meta_snapshot_next(struct meta_snapshot *snapshot, struct buffer *record, bool *end)
{
    uint32_t count = 0;
    size_t start;
    enum status status = change_record_begin(record, &start);
    if (!status)
        status = db_snapshot_next(&snapshot->rows, record, &count);
    if (!status)
        status = change_record_seal(record, start, snapshot->position.epoch, snapshot->position.sequence, count);
    *end = snapshot->rows.family == DB_FAMILY_COUNT;
    return status;
}

void meta_snapshot_close(struct meta_snapshot *snapshot)
{
    if (!snapshot)
        return;
    db_snapshot_close(&snapshot->rows);
    free(snapshot);
}

/* ---- restoring ----------------------------------------------------------------------------------------------- */

struct meta_restore {
    struct db *db;
};

enum status meta_restore_open(const char *path, struct meta_restore **out)
{
    struct meta_restore *restore = mem_zalloc(sizeof(*restore));
    enum status status = access(path, F_OK) == 0 ? STATUS_EXISTS : db_open(path, 0, &restore->db);
    if (status)
        free(restore);
    else
        *out = restore;
    return status;
}

enum status meta_restore_add(struct meta_restore *restore, const struct change_record *record)
{
    return db_apply(restore->db, record->payload, false);
}

enum status meta_restore_lineage(struct meta_restore *restore, const uint8_t *cluster_id, struct lineage *lineage)
{
    struct history history = {0};
    enum status status = cluster_check(restore->db, cluster_id);
    if (!status)
        status = row_get(restore->db, &history);
    *lineage = history.lineage;
    return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
}

enum status meta_restore_finish(struct meta_restore *restore, const struct meta_position *replica, uint32_t generation)
{
    struct history history = {0};
    enum status status = row_get(restore->db, &history);
    if (status)
        return status;
    /* There are fewer rows than there were changes. The row below is the first change after the replica's end. */
    uint64_t rows = db_sequence(restore->db);
    history.base = replica->sequence > rows ? replica->sequence - rows : 0;
    history.log_first = history.base + rows + 1;
    history.restored_ms = clock_wall_ms();
    lineage_restore(&history.lineage, replica, generation);
    return row_write(&history);
}

void meta_restore_free(struct meta_restore *restore)
{
    if (!restore)
        return;
    db_close(restore->db);
    free(restore);
}

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

#define HISTORY_KEY    BYTES("history")
#define HISTORY_FORMAT 1

/* ---- the row ------------------------------------------------------------------------------------------------- */

static void row_put(struct db_batch *batch, struct db *db, const struct history *history)
{
    struct buffer row;
    buffer_init(&row, 64);
    record_put_u8(&row, HISTORY_FORMAT);
    record_put_u64(&row, history->epoch);
    record_put_u64(&row, history->base);
    record_put_u64(&row, (uint64_t)history->restored_ms);
    db_batch_put(db, batch, DB_DEFAULT, HISTORY_KEY, buffer_bytes(&row));
    buffer_release(&row);
}

/* NOT_FOUND in a database that was never replicated. */
static enum status row_get(struct db *db, struct history *history)
{
    struct db_view view = {.db = db};
    struct db_value value = {0};
    enum status status = db_get(&view, DB_DEFAULT, HISTORY_KEY, &value);
    if (status)
        return status;
    struct record_reader reader = record_reader_open(db_value_bytes(&value), HISTORY_FORMAT);
    history->epoch = record_read_u64(&reader);
    history->base = record_read_u64(&reader);
    history->restored_ms = (int64_t)record_read_u64(&reader);
    status = record_reader_close(&reader);
    db_value_release(&value);
    return status;
}

enum status history_open(struct history *history, struct db *db)
{
    enum status status = row_get(db, history);
    if (status != STATUS_NOT_FOUND)
        return status;
    struct db_batch *batch = db_batch_create();
    history->epoch = change_epoch_create(1);
    history->base = 0;
    row_put(batch, db, history);
    status = db_write(db, batch);
    db_batch_free(batch);
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

enum status history_position(struct db *db, const uint8_t *cluster_id, struct meta_position *position)
{
    struct history history = {0};
    enum status status = cluster_check(db, cluster_id);
    if (!status)
        status = row_get(db, &history);
    if (status == STATUS_NOT_FOUND) /* it was never replicated, or died while it was made */
        status = STATUS_OK;
    *position = (struct meta_position){history.epoch, history.base + db_sequence(db)};
    return status;
}

enum status meta_position_peek(const char *path, const uint8_t *cluster_id, struct meta_position *position)
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
    status = history_position(db, cluster_id, position);
    db_close(db);
    return status;
}

void meta_position(struct meta *meta, struct meta_position *position)
{
    *position = (struct meta_position){meta->history.epoch, meta->history.base + db_sequence(meta->db)};
}

int64_t meta_restored_ms(const struct meta *meta)
{
    return meta->history.restored_ms;
}

/* ---- handing on ---------------------------------------------------------------------------------------------- */

uint64_t history_ship(const struct history *history, struct db *db, const struct db_batch *batch)
{
    struct buffer record;
    uint64_t last = history->base + db_sequence(db);
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
        status = change_record_seal(&record, start, history->epoch, first, count);
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
    const struct history *history = &meta->history;
    if (from <= history->base)
        return STATUS_NOT_FOUND;
    return db_log_read(meta->db, from - history->base, history->epoch, history->base, records);
}

struct meta_snapshot {
    struct db_snapshot rows;
    struct meta_position position;
};

struct meta_snapshot *meta_snapshot_open(struct meta *meta, struct meta_position *position)
{
    struct meta_snapshot *snapshot = mem_zalloc(sizeof(*snapshot));
    db_snapshot_open(&snapshot->rows, meta->db);
    snapshot->position = (struct meta_position){meta->history.epoch, meta->history.base + snapshot->rows.sequence};
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

enum status meta_restore_finish(struct meta_restore *restore, const uint8_t *cluster_id,
                                const struct meta_position *replica)
{
    struct history history = {0};
    enum status status = cluster_check(restore->db, cluster_id);
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
    /* Fewer rows than changes: after the row below, this database is one change behind the replica's end. */
    uint64_t rows = db_sequence(restore->db);
    history.base = replica->sequence > rows ? replica->sequence - rows : 0;
    history.epoch = change_epoch_create(change_generation(replica->epoch) + 1);
    struct db_batch *batch = db_batch_create();
    history.restored_ms = clock_wall_ms();
    row_put(batch, restore->db, &history);
    status = db_write(restore->db, batch); /* synced, and with it all rows before */
    db_batch_free(batch);
    return status;
}

void meta_restore_free(struct meta_restore *restore)
{
    if (!restore)
        return;
    db_close(restore->db);
    free(restore);
}

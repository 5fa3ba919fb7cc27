/* Opening and closing the metadata; see meta.h. */
#include "meta/meta.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "meta/internal.h"

/* Reads the state row, or makes a new database this cluster's. */
static enum status meta_load_state(struct db *db, const uint8_t *cluster_id, struct state_record *state)
{
    struct db_view view = {.db = db};
    struct db_value value = {0};

    enum status status = db_get(&view, DB_DEFAULT, STATE_KEY, &value);
    if (status == STATUS_OK) {
        status = state_record_decode(db_value_bytes(&value), state);
        db_value_release(&value);
        if (status)
            log_error("state of the metadata is damaged", LOG_STATUS(status));
        else if (memcmp(state->cluster_id, cluster_id, sizeof(state->cluster_id)) != 0)
            status = STATUS_DENIED;
        if (status == STATUS_DENIED)
            log_error("metadata belong to another cluster", LOG_STATUS(status));
        return status;
    }
    if (status != STATUS_NOT_FOUND)
        return status;

    struct db_batch *batch = db_batch_create();
    struct buffer record;
    record_buffer_init(&record);
    *state = (struct state_record){.bucket_next = 1};
    memcpy(state->cluster_id, cluster_id, sizeof(state->cluster_id));
    state_record_encode(&record, state);
    db_batch_put(db, batch, DB_DEFAULT, STATE_KEY, buffer_bytes(&record));
    status = db_write(db, batch);
    buffer_release(&record);
    db_batch_free(batch);
    return status;
}

enum status meta_open(const struct meta_options *options, struct meta **out)
{
    struct meta *meta = mem_zalloc(sizeof(*meta));
    struct state_record state;

    bucket_table_init(&meta->buckets);
    enum status status = db_open(options->path, options->cache_bytes, &meta->db);
    if (!status)
        status = meta_load_state(meta->db, options->cluster_id, &state);
    if (!status)
        status = bucket_table_load(&meta->buckets, meta->db);
    if (!status)
        status = history_open(&meta->history, meta->db);
    if (status) {
        if (meta->db)
            db_close(meta->db);
        bucket_table_release(&meta->buckets);
        free(meta);
        return status;
    }
    meta->history.replication = options->replication;
    meta->space = options->space;
    meta->pool = options->pool;
    meta->opened_ms = clock_monotonic_ms();
    random_bytes(&meta->process, sizeof(meta->process));
    atomic_store(&meta->sequence, state.sequence);
    atomic_store(&meta->gc_rows, state.gc_rows);
    atomic_store(&meta->gc_bytes, state.gc_bytes);
    repair_publish(meta, state.repair_rows);
    durability_publish(&meta->durability, &state.durability);
    cursor_registry_init(&meta->cursors);
    gc_walk_init(&meta->gc);
    repair_walk_init(&meta->repair);
    committer_start(&meta->committer, meta, &state);
    *out = meta;
    return STATUS_OK;
}

void meta_close(struct meta *meta)
{
    committer_stop(&meta->committer);
    repair_walk_release(&meta->repair);
    gc_walk_release(&meta->gc);
    cursor_registry_release(&meta->cursors);
    bucket_table_release(&meta->buckets);
    history_close(&meta->history);
    db_close(meta->db);
    free(meta);
}

uint64_t meta_sequence(const struct meta *meta)
{
    return atomic_load(&meta->sequence);
}

unsigned meta_commits_waiting(const struct meta *meta)
{
    return __atomic_load_n(&meta->committer.waiting_ops, __ATOMIC_RELAXED);
}

uint64_t meta_rocksdb_property(struct meta *meta, const char *name)
{
    return db_property(meta->db, name);
}

bool meta_is_failing(struct meta *meta)
{
    return db_property_shared(meta->db, DB_BACKGROUND_ERRORS) > atomic_load(&meta->errors_survived);
}

/* Opening and closing the metadata; see meta.h. */
#include "meta/meta.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "meta/internal.h"
#include "meta/name.h"
#include "meta/setting_rows.h"
#include "meta/upload.h"

/* Reads the state row, or makes a new database this cluster's. */
static enum status meta_load_state(struct meta_store *db, const uint8_t *cluster_id, struct state_record *state)
{
    struct store_view view = {.db = db};
    struct store_value value = {0};

    enum status status = store_get(&view, STORE_DEFAULT, STATE_KEY, &value);
    if (status == STATUS_OK) {
        status = state_record_decode(store_value_bytes(&value), state);
        store_value_release(&value);
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

    struct store_batch *batch = store_batch_create(db);
    struct buffer record;
    record_buffer_init(&record);
    *state = (struct state_record){.bucket_next = 1, .has_names = true};
    memcpy(state->cluster_id, cluster_id, sizeof(state->cluster_id));
    state_record_encode(&record, state);
    store_batch_put(batch, STORE_DEFAULT, STATE_KEY, buffer_bytes(&record));
    status = store_write(db, batch);
    buffer_release(&record);
    store_batch_free(batch);
    return status;
}

enum status meta_open(const struct meta_options *options, struct meta **out)
{
    struct meta *meta = mem_zalloc(sizeof(*meta));
    struct state_record state;

    bucket_table_init(&meta->buckets);
    meta->setting_kinds = (struct meta_setting_kinds){options->setting_kinds, options->setting_kind_count};
    meta->quota_kind = options->quota_kind;
    meta->db = options->store;
    meta->owns_db = !options->store;
    enum status status = meta->db ? STATUS_OK : store_open(options->path, options->cache_bytes, &meta->db);
    if (!status)
        status = meta_load_state(meta->db, options->cluster_id, &state);
    if (!status)
        status = bucket_table_load(&meta->buckets, meta->db);
    if (!status)
        status = setting_rows_load(meta);
    if (!status)
        upload_bytes_load(meta);
    if (!status)
        status = history_open(&meta->history, meta->db);
    if (!status && !state.has_names)
        status = names_build(meta, &state);
    if (status) {
        if (meta->db && meta->owns_db)
            store_close(meta->db);
        bucket_table_release(&meta->buckets);
        free(meta);
        return status;
    }
    meta->history.replication = options->replication;
    meta->space = options->space;
    meta->pool = options->pool;
    meta->bounded_bucket = options->bounded_bucket;
    meta->versions_max = options->bounded_bucket ? options->versions_max : 0;
    meta->guard = options->guard;
    meta->opened_ms = clock_monotonic_ms();
    random_bytes(&meta->process, sizeof(meta->process));
    atomic_store(&meta->sequence, state.sequence);
    atomic_store(&meta->gc_rows, state.gc_rows);
    atomic_store(&meta->gc_bytes, state.gc_bytes);
    repair_publish(meta, state.repair_rows);
    durability_publish(&meta->durability, &state.durability);
    reader_registry_init(&meta->readers);
    gc_walk_init(&meta->gc, state.gc_rows);
    outbox_init(&meta->outbox, &state);
    identities_init(&meta->identities);
    repair_walk_init(&meta->repair);
    settle_init(&meta->settle, state.sequence);
    committer_start(&meta->committer, meta, &state);
    *out = meta;
    return STATUS_OK;
}

void meta_close(struct meta *meta)
{
    committer_stop(&meta->committer);
    settle_release(&meta->settle);
    repair_walk_release(&meta->repair);
    outbox_release(&meta->outbox);
    gc_walk_release(&meta->gc);
    reader_registry_release(&meta->readers);
    bucket_table_release(&meta->buckets);
    history_close(&meta->history);
    if (meta->owns_db)
        store_close(meta->db);
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

uint64_t meta_figure(struct meta *meta, enum database_figure figure)
{
    return store_figure(meta->db, figure);
}

bool meta_is_damaged(void)
{
    return damage_count() > 0;
}

bool meta_has_failed(const struct meta *meta)
{
    return atomic_load(&meta->failed);
}

bool meta_is_failing(struct meta *meta)
{
    return store_figure(meta->db, FIGURE_BACKGROUND_ERRORS) > atomic_load(&meta->errors_survived);
}

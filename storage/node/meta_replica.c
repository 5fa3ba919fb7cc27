/* What is taken into the replica and what is refused: records, pages of a snapshot, the fence. See the header. */
#include <string.h>

#include "base/check.h"
#include "base/lock.h"
#include "storage/node/carried_chunks.h"
#include "storage/node/meta_replica_internal.h"
#include "storage/node/small_store_internal.h"

static void batch_add(struct rocks_batch *batch, uint32_t table, const struct change *change)
{
    uint8_t prefix[REPLICA_PREFIX_LEN];
    replica_prefix(table, change->family, prefix);
    if (change->kind == CHANGE_PUT)
        rocks_batch_put_prefixed(batch, FAMILY_METADATA, bytes_of(prefix, sizeof(prefix)), change->key, change->value);
    else
        rocks_batch_delete_prefixed(batch, FAMILY_METADATA, bytes_of(prefix, sizeof(prefix)), change->key);
}

static void batch_add_record(struct rocks_batch *batch, uint32_t table, const struct change_record *record)
{
    struct bytes payload = record->payload;
    struct change change;
    while (change_next(&payload, &change) == STATUS_OK)
        batch_add(batch, table, &change);
}

static void batch_clear_table(struct rocks_batch *batch, uint32_t table)
{
    uint8_t first[4], end[4];
    put_u32(first, table);
    put_u32(end, table + 1);
    rocks_batch_delete_range(batch, FAMILY_METADATA, bytes_of(first, sizeof(first)), bytes_of(end, sizeof(end)));
}

/* The same epoch, or one that began later. Whether that one continues what is held, only the gateway can tell: it asks
 * for the state first. */
static bool epoch_continues(const struct meta_replica_state *state, uint64_t epoch)
{
    return epoch == state->epoch || change_generation(epoch) > change_generation(state->epoch);
}

static bool is_fenced_off(const struct meta_replica_state *state, uint64_t epoch)
{
    return change_generation(epoch) < state->fence;
}

/* ---- records --------------------------------------------------------------------------------------------------- */

/* A request that is applied, under write_lock. */
struct application {
    struct meta_replica *replica;
    struct rocks_batch *batch;
    struct carried_chunks chunks;
    uint32_t table;
    struct meta_replica_state state; /* moves with what is added */
    struct bytes last;               /* the record with which it ends; absent: nothing is new */
};

/* Adds the record if it is new. */
static enum status record_add(struct application *application, const struct change_record *record, struct bytes whole)
{
    struct meta_replica_state *state = &application->state;
    if (record->count == 0)
        return STATUS_CORRUPT;
    uint64_t last = record->first + record->count - 1;
    if (is_fenced_off(state, record->epoch))
        return STATUS_PRECONDITION;
    if (!epoch_continues(state, record->epoch))
        return STATUS_CONFLICT;
    if (last <= state->sequence)
        return STATUS_OK;
    if (record->first != state->sequence + 1)
        return STATUS_CONFLICT;
    batch_add_record(application->batch, application->table, record);
    state->epoch = record->epoch;
    state->sequence = last;
    application->last = whole;
    return STATUS_OK;
}

/* One record after the other, each with the block before it. */
static enum status records_add(struct application *application, struct bytes records)
{
    struct carried_block block;
    struct change_record record;
    while (records.len) {
        enum status status = carried_block_next(&records, &block);
        if (status == STATUS_OK)
            status = carried_chunks_add(&application->chunks, &block);
        else if (status == STATUS_NOT_FOUND)
            status = STATUS_OK;
        const char *start = records.data;
        if (!status)
            status = change_record_next(&records, &record);
        if (!status)
            status = record_add(application, &record, bytes_of(start, (size_t)(records.data - start)));
        if (status)
            return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status; /* a block without its record */
    }
    return STATUS_OK;
}

/* All that is new, chunks and rows, in one write with one sync. */
static enum status application_commit(struct application *application)
{
    struct meta_replica *replica = application->replica;
    if (application->last.len)
        replica_last_put(application->batch, application->last);
    enum status status = carried_chunks_begin(&application->chunks, application->batch);
    if (status)
        return status;
    bool new_chunks = carried_chunks_are_new(&application->chunks);
    if (application->last.len || new_chunks)
        status = disk_check_metadata_room(replica->disk, rocks_batch_bytes(application->batch));
    if (!status && application->last.len)
        status = replica_state_commit(replica, application->batch, &application->state, application->table);
    else if (!status && new_chunks)
        status = replica_write(replica, application->batch, true);
    carried_chunks_end(&application->chunks, status == STATUS_OK);
    return status;
}

enum status meta_replica_apply(struct meta_replica *replica, struct bytes records)
{
    struct application application = {.replica = replica, .batch = rocks_batch_create(replica->db, false)};
    carried_chunks_init(&application.chunks, replica->store);
    lock_acquire(&replica->write_lock);
    application.table = replica_table(replica);
    if (application.table == 0) { /* a snapshot may have been loaded there in part */
        application.table = 1;
        batch_clear_table(application.batch, application.table);
        replica->page_next = 0;
    }
    meta_replica_state(replica, &application.state);
    enum status status = records_add(&application, records);
    if (!status)
        status = application_commit(&application);
    lock_release(&replica->write_lock);
    carried_chunks_release(&application.chunks);
    rocks_batch_free(application.batch);
    return status;
}

/* ---- snapshots ----------------------------------------------------------------------------------------------- */

static bool state_equal(const struct meta_replica_state *a, const struct meta_replica_state *b)
{
    return a->epoch == b->epoch && a->sequence == b->sequence;
}

/* The last page takes the replica's place, and is synced with all before; chunks that are there are durable at once. */
static enum status page_write(struct meta_replica *replica, const struct meta_replica_page *page,
                              struct carried_chunks *chunks, struct rocks_batch *batch,
                              const struct meta_replica_state *state, uint32_t fresh)
{
    enum status status = carried_chunks_begin(chunks, batch);
    if (status)
        return status;
    replica->page_next = 0;
    if (carried_chunks_are_new(chunks))
        status = disk_check_metadata_room(replica->disk, rocks_batch_bytes(batch));
    if (!status)
        status = page->last ? replica_state_commit(replica, batch, state, fresh)
                            : replica_write(replica, batch, carried_chunks_are_new(chunks));
    carried_chunks_end(chunks, status == STATUS_OK);
    return status;
}

static enum status load_locked(struct meta_replica *replica, const struct meta_replica_page *page,
                               const struct change_record *record, struct carried_chunks *chunks,
                               struct rocks_batch *batch)
{
    uint32_t table = replica_table(replica), fresh = table + 1;
    struct meta_replica_state state;
    meta_replica_state(replica, &state);
    if (fresh == UINT32_MAX)
        return STATUS_LIMIT;
    if (is_fenced_off(&state, page->as_of.epoch))
        return STATUS_PRECONDITION;
    if (!epoch_continues(&state, page->as_of.epoch) && !state_equal(&page->over, &state))
        return STATUS_CONFLICT;
    if (page->number == 0)
        batch_clear_table(batch, fresh);
    else if (page->number != replica->page_next || !state_equal(&page->as_of, &replica->loading))
        return STATUS_CONFLICT;
    batch_add_record(batch, fresh, record);
    state.epoch = page->as_of.epoch;
    state.sequence = page->as_of.sequence;
    if (page->last && table)
        batch_clear_table(batch, table);
    if (page->last)
        replica_last_put(batch, (struct bytes){0});
    enum status status = page_write(replica, page, chunks, batch, &state, fresh);
    if (status)
        return status;
    replica->loading = page->as_of;
    replica->page_next = page->last ? 0 : page->number + 1;
    return STATUS_OK;
}

/* The blocks before the record, and that. */
static enum status page_read(struct bytes bytes, struct carried_chunks *chunks, struct change_record *record)
{
    struct carried_block block;
    enum status status;
    while ((status = carried_block_next(&bytes, &block)) == STATUS_OK) {
        status = carried_chunks_add(chunks, &block);
        if (status)
            return status;
    }
    if (status != STATUS_NOT_FOUND || change_record_next(&bytes, record) || bytes.len)
        return STATUS_CORRUPT;
    return STATUS_OK;
}

enum status meta_replica_load(struct meta_replica *replica, const struct meta_replica_page *page, struct bytes bytes)
{
    struct change_record record;
    struct carried_chunks chunks;
    carried_chunks_init(&chunks, replica->store);
    enum status status = page->as_of.epoch ? page_read(bytes, &chunks, &record) : STATUS_CORRUPT;
    if (!status)
        status = disk_check_metadata_room(replica->disk, record.payload.len);
    if (!status) {
        struct rocks_batch *batch = rocks_batch_create(replica->db, false);
        lock_acquire(&replica->write_lock);
        status = load_locked(replica, page, &record, &chunks, batch);
        lock_release(&replica->write_lock);
        rocks_batch_free(batch);
    }
    carried_chunks_release(&chunks);
    return status;
}

/* ---- the fence ----------------------------------------------------------------------------------------------- */

enum status meta_replica_fence(struct meta_replica *replica, uint32_t generation)
{
    struct rocks_batch *batch = rocks_batch_create(replica->db, false);
    struct meta_replica_state state;
    CHECK(generation > 0);
    lock_acquire(&replica->write_lock);
    uint32_t table = replica_table(replica);
    meta_replica_state(replica, &state);
    enum status status = generation > state.fence ? STATUS_OK : STATUS_CONFLICT;
    if (!status)
        status = disk_check_metadata_room(replica->disk, REPLICA_STATE_LEN_MAX);
    state.fence = generation;
    if (!status)
        status = replica_state_commit(replica, batch, &state, table);
    lock_release(&replica->write_lock);
    rocks_batch_free(batch);
    return status;
}

/* The row that says where the replica is: which table it is, up to which change, and its fence. It is written together
 * with what it speaks of, so whatever dies, it is true. Beside it, in the same write, the record that led there. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/lock.h"
#include "storage/node/meta_replica_internal.h"
#include "storage/node/small_store_internal.h"

#define STATE_FORMAT        1  /* as long as there was no fence */
#define STATE_LEN           21 /* format, table, epoch, sequence */
#define STATE_FORMAT_FENCED 2
#define STATE_LEN_FENCED    REPLICA_STATE_LEN_MAX /* the same, fence */

static_assert(STATE_LEN_FENCED == STATE_LEN + 4, "a u32 more");

/* The state is the first row of all: chunk_store.c looks at that when it is opened. */
static const char state_key[REPLICA_PREFIX_LEN + 1] = {0, 0, 0, 0, 0, 's'};
static const char last_key[REPLICA_PREFIX_LEN + 1] = {0, 0, 0, 0, 1, 'r'};

enum status replica_position_read(struct rocks *db, unsigned family, struct replica_position *position,
                                  char error[DISK_ERROR_MAX])
{
    const struct rocks_view view = {0};
    size_t len = 0;
    char *row = NULL;
    *position = (struct replica_position){0};
    enum status status = rocks_get(db, &view, family, bytes_of(state_key, sizeof(state_key)), &row, &len);
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    bool fenced = len == STATE_LEN_FENCED && row[0] == STATE_FORMAT_FENCED;
    if (fenced || (len == STATE_LEN && row[0] == STATE_FORMAT)) {
        position->known = true;
        position->table = get_u32(row + 1);
        position->state = (struct meta_replica_state){get_u64(row + 5), get_u64(row + 13), 0};
        position->state.fence = fenced ? get_u32(row + STATE_LEN) : 0;
    } else {
        snprintf(error, DISK_ERROR_MAX, "the replica of the metadata has an unknown format");
        status = STATUS_CONFLICT;
    }
    free(row);
    return status;
}

void meta_replica_state(struct meta_replica *replica, struct meta_replica_state *state)
{
    lock_acquire(&replica->state_lock);
    *state = replica->position.state;
    lock_release(&replica->state_lock);
}

bool meta_replica_is_lost(struct meta_replica *replica)
{
    lock_acquire(&replica->state_lock);
    bool lost = replica->lost;
    lock_release(&replica->state_lock);
    return lost;
}

uint32_t replica_table(struct meta_replica *replica)
{
    lock_acquire(&replica->state_lock);
    uint32_t table = replica->position.table;
    lock_release(&replica->state_lock);
    return table;
}

void replica_prefix(uint32_t table, uint8_t family, uint8_t out[REPLICA_PREFIX_LEN])
{
    put_u32(out, table);
    out[4] = family;
}

void replica_last_put(struct rocks_batch *batch, struct bytes record)
{
    if (record.len)
        rocks_batch_put(batch, FAMILY_METADATA, bytes_of(last_key, sizeof(last_key)), record);
    else
        rocks_batch_delete(batch, FAMILY_METADATA, bytes_of(last_key, sizeof(last_key)));
}

enum status meta_replica_last(struct meta_replica *replica, struct buffer *out)
{
    const struct rocks_view view = {0};
    size_t len = 0;
    char *row = NULL;
    enum status status =
        rocks_get(replica->db, &view, FAMILY_METADATA, bytes_of(last_key, sizeof(last_key)), &row, &len);
    if (!status)
        status = buffer_append(out, row, len);
    free(row);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status replica_write(struct meta_replica *replica, struct rocks_batch *batch, bool sync)
{
    enum status status = disk_check_trust(replica->disk, DISK_CHUNKS);
    return status ? status : rocks_write(replica->db, batch, sync);
}

static void state_publish(struct meta_replica *replica, const struct meta_replica_state *state, uint32_t table)
{
    lock_acquire(&replica->state_lock);
    replica->position = (struct replica_position){*state, table, true};
    replica->lost = replica->lost && state->epoch == 0;
    lock_release(&replica->state_lock);
}

static void state_put(struct rocks_batch *batch, const struct meta_replica_state *state, uint32_t table)
{
    uint8_t row[STATE_LEN_FENCED] = {state->fence ? STATE_FORMAT_FENCED : STATE_FORMAT};
    put_u32(row + 1, table);
    put_u64(row + 5, state->epoch);
    put_u64(row + 13, state->sequence);
    put_u32(row + STATE_LEN, state->fence);
    rocks_batch_put(batch, FAMILY_METADATA, bytes_of(state_key, sizeof(state_key)),
                    bytes_of(row, state->fence ? STATE_LEN_FENCED : STATE_LEN));
}

enum status replica_state_commit(struct meta_replica *replica, struct rocks_batch *batch,
                                 const struct meta_replica_state *state, uint32_t table)
{
    state_put(batch, state, table);
    enum status status = replica_write(replica, batch, true);
    if (!status)
        state_publish(replica, state, table);
    return status;
}

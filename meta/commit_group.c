/* A group of operations: prepared, appended, sent and synced, in this order; see the header. */
#include "meta/commit_group.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/service.h"
#include "meta/internal.h"

enum { GROUP_OPS_MAX = 1024 };     /* all keys of a DeleteObjects */
#define GROUP_BYTES_MAX (4u << 20) /* of changes, and of carried chunks; one operation more may go beyond */
#define SPACE_WAIT_MS   7000       /* the store looks every 5 s whether there is room again (rocks.h) */
#define SPACE_RETRY_MS  100

/* A group while it is made. */
struct draft {
    struct committer *committer;
    struct store_batch *batch;
    struct buffer value, attributes;
    struct buffer block; /* of the carried chunks; empty without any */
    struct carried_set nodes;
    bool placed; /* nodes was asked for: count 0: none can carry */
};

static void draft_init(struct draft *draft, struct committer *committer)
{
    *draft = (struct draft){.committer = committer, .batch = store_batch_create(committer->meta->db)};
    record_buffer_init(&draft->value);
    buffer_init(&draft->attributes, META_ATTRIBUTES_BYTES_MAX);
    buffer_init(&draft->block, CARRIED_BLOCK_MAX + CHANGE_RECORD_MAX); /* the record comes behind it */
}

static void draft_release(struct draft *draft)
{
    buffer_release(&draft->value);
    buffer_release(&draft->attributes);
    buffer_release(&draft->block);
    store_batch_free(draft->batch);
}

static bool draft_is_full(const struct draft *draft, unsigned ops)
{
    return ops >= GROUP_OPS_MAX || store_batch_bytes(draft->batch) >= GROUP_BYTES_MAX ||
           draft->block.len >= GROUP_BYTES_MAX;
}

/* ---- preparing ----------------------------------------------------------------------------------------------------
 */

/* The nodes of the group, chosen when the first chunks are to be carried. */
static bool draft_place(struct draft *draft)
{
    const struct meta_replication *replication = draft->committer->meta->history.replication;

    if (!draft->placed && replication)
        draft->nodes.count = (uint8_t)replication->place(replication->arg, draft->nodes.nodes);
    draft->placed = true;
    return draft->nodes.count > 0;
}

static void draft_carry(struct draft *draft, const struct chunk_list *chunks)
{
    const char *bytes = chunks->carried;
    size_t start = 0;

    if (draft->block.len == 0)
        CHECK(carried_block_begin(&draft->block, &start) == STATUS_OK);
    for (size_t i = 0; i < chunks->count; i++) {
        const struct chunk_ref *ref = &chunks->refs[i];
        const struct carried_chunk chunk = {.id = ref->id, .size = ref->size, .crc32c = ref->crc32c, .bytes = bytes};
        CHECK(carried_append(&draft->block, start, &chunk) == STATUS_OK); /* chunk_list_check has bounds for it */
        bytes += ref->size;
    }
}

/* Lets one operation add to the batch, all or nothing. */
static void draft_prepare(struct draft *draft, struct commit_op *op)
{
    struct committer *committer = draft->committer;
    struct meta *meta = committer->meta;
    struct txn txn = {
        .view = {.db = meta->db, .batch = draft->batch},
        .meta = meta,
        .state = committer->state,
        .now_ms = clock_wall_ms(),
        .carriers = &draft->nodes,
        .value = &draft->value,
        .attributes = &draft->attributes,
    };
    unsigned count = store_batch_count(draft->batch);

    if (op->carried && !draft_place(draft)) {
        op->status = STATUS_UNAVAILABLE;
        return;
    }
    txn.state.sequence++;
    store_batch_mark(draft->batch);
    op->status = damage_of_row(op->prepare(op, &txn), "prepare a change");
    if (op->status == STATUS_OK) {
        committer->state = txn.state;
        bucket_table_stage(&meta->buckets, &txn.bucket);
        if (op->carried)
            draft_carry(draft, op->carried);
    } else {
        while (store_batch_count(draft->batch) != count) /* the operation may have set marks of its own */
            store_batch_rollback(draft->batch);
    }
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* A write that succeeds has survived the errors in the background up to its begin. One that it brings about itself, by
 * filling a memtable that then cannot be flushed, may be counted before it returns: that one stops the next write. */
static enum status append_once(struct meta *meta, struct store_batch *batch, uint64_t seen)
{
    uint64_t errors = store_figure(meta->db, FIGURE_BACKGROUND_ERRORS);
    enum status status = history_append(&meta->history, batch, seen);

    if (!status)
        atomic_store(&meta->errors_survived, errors);
    return status;
}

/* The store met damage in its background, at a compaction, and refuses every write from then on, before its log. */
static bool is_refused_for_damage(struct meta *meta, enum status status)
{
    return status == STATUS_DAMAGED && store_figure(meta->db, FIGURE_BACKGROUND_ERRORS) > 0;
}

static enum status write_failed(struct meta *meta, enum status status)
{
    log_error(status == STATUS_CONFLICT
                  ? "another process changed the metadata: the gateway stops, because what it knows of them is old"
                  : "metadata cannot be written: the gateway stops, because a failed write or sync of the log must "
                    "not be repeated",
              LOG_STATUS(status));
    atomic_store(&meta->failed, true);
    settle_fail(&meta->settle);
    service_wake();
    return STATUS_UNCERTAIN;
}

/* OK; with nothing written NO_SPACE or DAMAGED: to end then would take the reads away that still can be answered, and
 * the next process would meet the same damage. UNCERTAIN: nobody knows what the disk holds, and this was the last
 * write; main ends the program. */
static enum status batch_append(struct committer *committer, struct store_batch *batch, uint64_t before)
{
    const struct timespec pause = {.tv_nsec = SPACE_RETRY_MS * 1000000L};
    struct meta *meta = committer->meta;
    uint64_t until_ms = clock_monotonic_ms() + (committer->no_space ? 0 : SPACE_WAIT_MS);
    enum status status = meta_space_admits(meta->space) ? append_once(meta, batch, committer->seen) : STATUS_NO_SPACE;

    while (status == STATUS_NO_SPACE && clock_monotonic_ms() < until_ms && meta_space_admits(meta->space)) {
        settle_withdraw(&meta->settle, before); /* readers do not wait for what is not written */
        nanosleep(&pause, NULL);                /* there is room, but the store has not noticed yet */
        settle_begin(&meta->settle, committer->state.sequence);
        status = append_once(meta, batch, committer->seen);
    }
    if (status && status != STATUS_NO_SPACE && !is_refused_for_damage(meta, status))
        return write_failed(meta, status);
    if (status == STATUS_NO_SPACE && !committer->no_space)
        log_error("there is no room for metadata: changes are refused", LOG_STATUS(status));
    committer->no_space = status == STATUS_NO_SPACE;
    return status;
}

/* What readers without the database see. */
static void state_publish(struct committer *committer)
{
    struct meta *meta = committer->meta;

    bucket_table_publish(&meta->buckets);
    identities_publish(&meta->identities);
    atomic_store(&meta->gc_rows, committer->state.gc_rows);
    atomic_store(&meta->gc_bytes, committer->state.gc_bytes);
    atomic_store(&meta->outbox.rows, committer->state.outbox_rows);
    atomic_store(&meta->outbox.bytes, committer->state.outbox_bytes);
    repair_publish(meta, committer->state.repair_rows);
    durability_publish(&meta->durability, &committer->state.durability);
    atomic_store(&meta->sequence, committer->state.sequence);
    settle_reach(&meta->settle, SETTLE_DURABLE, committer->state.sequence);
}

/* Appends; sends it to the nodes when that went well; makes it durable, while they do. UNCERTAIN when the sync failed:
 * they may have it. On any other failure nothing was written. *sequence is what the replicas must reach, 0 when there
 * are none. */
static enum status draft_write_locked(struct draft *draft, uint64_t before, uint64_t *sequence)
{
    struct committer *committer = draft->committer;
    struct meta *meta = committer->meta;

    settle_begin(&meta->settle, committer->state.sequence);
    enum status status = batch_append(committer, draft->batch, before);
    if (status) {
        settle_withdraw(&meta->settle, before);
        return status;
    }
    committer->seen += store_batch_count(draft->batch);
    *sequence = history_ship(&meta->history, draft->batch, &draft->block, &draft->nodes);
    status = store_sync(meta->db);
    return status ? write_failed(meta, status) : STATUS_OK;
}

static enum status draft_write(struct draft *draft, uint64_t before, uint64_t *sequence)
{
    struct committer *committer = draft->committer;
    struct meta *meta = committer->meta;

    bucket_table_write(&meta->buckets, draft->batch);
    buffer_clear(&draft->value);
    state_record_encode(&draft->value, &committer->state);
    store_batch_put(draft->batch, STORE_DEFAULT, STATE_KEY, buffer_bytes(&draft->value));
    history_prepare(&meta->history, draft->batch);
    if (draft->block.len) {
        carried_block_seal(&draft->block, 0, &draft->nodes);
        store_batch_log_data(draft->batch, buffer_bytes(&draft->block));
    }
    lock_acquire(&meta->history.group_lock);
    enum status status = draft_write_locked(draft, before, sequence);
    lock_release(&meta->history.group_lock);
    if (!status)
        state_publish(committer);
    return status;
}

/* ---- outcomes -----------------------------------------------------------------------------------------------------
 */

/* Does the owner take what it wants for done? Or for done by another, which counts no less: who deletes again after an
 * error, or makes a bucket that is there, is answered with success. */
static bool claims_done(const struct commit_op *op)
{
    return op->status == STATUS_OK || op->status == STATUS_NOT_FOUND || op->status == STATUS_EXISTS;
}

/* What was taken for done may come to nothing. */
static void ops_fail(struct commit_op *ops, enum status status)
{
    for (struct commit_op *op = ops; op; op = op->next)
        if (claims_done(op))
            op->status = status;
}

void ops_signal(struct commit_op *ops)
{
    while (ops) {
        struct commit_op *op = ops;
        ops = op->next; /* the operation is gone once it was signalled */
        completion_signal(&op->completion);
    }
}

void commit_group_end(struct meta *meta, struct commit_group *group, enum meta_held held,
                      const struct meta_short *missing)
{
    if (held == META_NOT_HELD)
        ops_fail(group->ops, STATUS_UNCERTAIN);
    for (struct commit_op *op = group->ops; op && held == META_HELD_SHORT; op = op->next)
        if (op->carried)
            op->missing = *missing;
    if (group->commit)
        settle_reach(&meta->settle, SETTLE_OUTCOME, group->commit);
    ops_signal(group->ops);
    free(group);
}

/* What the replicas must hold before the outcomes are told, though nothing was written: all that these may have seen.
 * 0: nothing. */
static uint64_t seen_sequence(struct committer *committer, const struct commit_op *ops)
{
    const struct history *history = &committer->meta->history;

    while (ops && !claims_done(ops))
        ops = ops->next;
    return ops && history->replication ? history_last(history) : 0;
}

struct commit_op *commit_group_run(struct committer *committer, struct commit_op *first, struct commit_group **group)
{
    struct meta *meta = committer->meta;
    struct commit_op *rest = first, *last = NULL;
    const struct state_record before = committer->state;
    enum status status = STATUS_OK;
    uint64_t sequence = 0;
    struct draft draft;

    draft_init(&draft, committer);
    for (unsigned i = 0; rest && !draft_is_full(&draft, i); i++) {
        draft_prepare(&draft, rest);
        last = rest;
        rest = rest->next;
    }
    if (last)
        last->next = NULL;
    if (store_batch_count(draft.batch) > 0 || !first)
        status = draft_write(&draft, before.sequence, &sequence);
    else
        committer->state = before; /* no commit has that sequence: readers would wait for it */
    if (status) {
        committer->state = before;
        bucket_table_revert(&meta->buckets);
        identities_revert(&meta->identities);
        ops_fail(first, status);
        sequence = 0;
    }
    draft_release(&draft);
    if (sequence == 0 && !status)
        sequence = seen_sequence(committer, first);
    *group = mem_alloc(sizeof(**group));
    **group = (struct commit_group){.ops = first, .sequence = sequence, .written_ms = clock_monotonic_ms()};
    if (!status && (sequence > 0 || !meta->history.replication))
        (*group)->commit = committer->state.sequence;
    return rest;
}

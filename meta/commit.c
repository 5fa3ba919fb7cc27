/* The committer; see the header. */
#include "meta/commit.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "meta/internal.h"

enum { GROUP_OPS_MAX = 256 };
#define GROUP_BYTES_MAX  (4u << 20)
#define SPACE_WAIT_MS    7000 /* RocksDB tries every 5 s whether there is room again */
#define SPACE_RETRY_MS   100
#define EXIT_DISK_FAILED 3 /* as of a node */

void txn_put(struct txn *txn, enum db_family family, const struct row_key *key, struct bytes value)
{
    db_batch_put(txn->view.db, txn->view.batch, family, row_key_bytes(key), value);
}

void txn_delete(struct txn *txn, enum db_family family, const struct row_key *key)
{
    db_batch_delete(txn->view.db, txn->view.batch, family, row_key_bytes(key));
}

struct buffer *txn_value(struct txn *txn)
{
    buffer_clear(txn->value);
    return txn->value;
}

enum status txn_bucket(struct txn *txn, uint32_t id, struct bucket_entry **bucket)
{
    *bucket = bucket_table_find(&txn->meta->buckets, id);
    txn->bucket.entry = *bucket;
    return *bucket ? STATUS_OK : STATUS_NOT_FOUND;
}

/* Lets one operation add to the batch, all or nothing. */
static void group_prepare(struct committer *committer, struct db_batch *batch, struct buffer *value,
                          struct commit_op *op)
{
    struct meta *meta = committer->meta;
    struct txn txn = {
        .view = {.db = meta->db, .batch = batch},
        .meta = meta,
        .state = committer->state,
        .now_ms = clock_wall_ms(),
        .value = value,
    };
    unsigned count = db_batch_count(batch);

    txn.state.sequence++;
    db_batch_mark(batch);
    op->status = op->prepare(op, &txn);
    if (op->status == STATUS_OK) {
        committer->state = txn.state;
        bucket_table_stage(&meta->buckets, &txn.bucket);
    } else if (db_batch_count(batch) != count) {
        db_batch_rollback(batch);
    }
}

/* A write that succeeds has survived the errors in the background up to its begin. One that it brings about itself, by
 * filling a memtable that then cannot be flushed, may be counted before it returns: that one stops the next write. */
static enum status write_once(struct meta *meta, struct db_batch *batch)
{
    uint64_t errors = db_property_shared(meta->db, DB_BACKGROUND_ERRORS);
    enum status status = history_write(&meta->history, batch);

    if (!status)
        atomic_store(&meta->errors_survived, errors);
    return status;
}

/* Returns only OK, or NO_SPACE with nothing written. */
static enum status batch_write(struct committer *committer, struct db_batch *batch)
{
    const struct timespec pause = {.tv_nsec = SPACE_RETRY_MS * 1000000L};
    struct meta *meta = committer->meta;
    uint64_t until_ms = clock_monotonic_ms() + (committer->no_space ? 0 : SPACE_WAIT_MS);
    enum status status = meta_space_admits(meta->space) ? write_once(meta, batch) : STATUS_NO_SPACE;

    while (status == STATUS_NO_SPACE && clock_monotonic_ms() < until_ms && meta_space_admits(meta->space)) {
        nanosleep(&pause, NULL); /* there is room, but RocksDB has not noticed yet */
        status = write_once(meta, batch);
    }
    if (status && status != STATUS_NO_SPACE) {
        log_error(
            "metadata cannot be written: the gateway stops, because a failed write or sync of the log must not be "
            "repeated",
            LOG_STATUS(status));
        _exit(EXIT_DISK_FAILED);
    }
    if (status && !committer->no_space)
        log_error("there is no room for metadata: changes are refused", LOG_STATUS(status));
    committer->no_space = status == STATUS_NO_SPACE;
    return status;
}

/* NO_SPACE: nothing was written. *sequence is what the replicas must reach, 0 when there are none. */
static enum status group_write(struct committer *committer, struct db_batch *batch, struct buffer *value,
                               uint64_t *sequence)
{
    struct meta *meta = committer->meta;

    bucket_table_write(&meta->buckets, meta->db, batch);
    buffer_clear(value);
    state_record_encode(value, &committer->state);
    db_batch_put(meta->db, batch, DB_DEFAULT, STATE_KEY, buffer_bytes(value));
    history_prepare(&meta->history, batch);
    enum status status = batch_write(committer, batch);
    if (status)
        return status;
    bucket_table_publish(&meta->buckets);
    atomic_store(&meta->gc_rows, committer->state.gc_rows);
    atomic_store(&meta->gc_bytes, committer->state.gc_bytes);
    repair_publish(meta, committer->state.repair_rows);
    durability_publish(&meta->durability, &committer->state.durability);
    atomic_store(&meta->sequence, committer->state.sequence);
    *sequence = history_ship(&meta->history, batch);
    return STATUS_OK;
}

/* Operations whose outcome is known here but not yet to their owners. */
struct commit_group {
    struct commit_op *ops;
    uint64_t sequence, written_ms;
    struct commit_group *next;
};

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

static void ops_signal(struct commit_op *ops)
{
    while (ops) {
        struct commit_op *op = ops;
        ops = op->next; /* the operation is gone once it was signalled */
        completion_signal(&op->completion);
    }
}

static void group_hand_over(struct committer *committer, struct commit_op *ops, uint64_t sequence)
{
    struct commit_group *group = mem_alloc(sizeof(*group));
    *group = (struct commit_group){.ops = ops, .sequence = sequence, .written_ms = clock_monotonic_ms()};
    pthread_mutex_lock(&committer->lock);
    if (committer->last_group)
        committer->last_group->next = group;
    else
        committer->first_group = group;
    committer->last_group = group;
    pthread_cond_signal(&committer->written);
    pthread_mutex_unlock(&committer->lock);
}

static void *acknowledger_main(void *arg)
{
    struct committer *committer = arg;
    const struct meta_replication *replication = committer->meta->history.replication;

    for (;;) {
        pthread_mutex_lock(&committer->lock);
        while (!committer->first_group && !committer->stopping)
            pthread_cond_wait(&committer->written, &committer->lock);
        struct commit_group *group = committer->first_group;
        if (group)
            committer->first_group = group->next;
        if (!committer->first_group)
            committer->last_group = NULL;
        pthread_mutex_unlock(&committer->lock);
        if (!group)
            return NULL;
        bool replicated = replication->wait(replication->arg, group->sequence, group->written_ms);
        if (!replicated)
            ops_fail(group->ops, STATUS_UNCERTAIN);
        ops_signal(group->ops);
        free(group);
    }
}

/* Refuses all of them when the replicas cannot follow. */
static bool ops_refuse(struct committer *committer, struct commit_op *ops)
{
    const struct meta_replication *replication = committer->meta->history.replication;

    if (!replication || replication->ready(replication->arg))
        return false;
    for (struct commit_op *op = ops; op; op = op->next)
        op->status = STATUS_UNAVAILABLE;
    ops_signal(ops);
    return true;
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

/* Commits operations from the list until a group is full. Returns those that are left. */
static struct commit_op *group_commit(struct committer *committer, struct commit_op *first)
{
    struct db_batch *batch = db_batch_create();
    struct buffer value;
    struct commit_op *rest = first, *last = NULL;
    const struct state_record before = committer->state;
    enum status status = STATUS_OK;
    uint64_t sequence = 0;

    record_buffer_init(&value);
    for (unsigned i = 0; rest && i < GROUP_OPS_MAX && db_batch_bytes(batch) < GROUP_BYTES_MAX; i++) {
        group_prepare(committer, batch, &value, rest);
        last = rest;
        rest = rest->next;
    }
    last->next = NULL;
    if (db_batch_count(batch) > 0)
        status = group_write(committer, batch, &value, &sequence);
    if (status) {
        committer->state = before;
        bucket_table_revert(&committer->meta->buckets);
        ops_fail(first, status);
    }
    buffer_release(&value);
    db_batch_free(batch);
    if (sequence == 0)
        sequence = seen_sequence(committer, first);
    if (sequence > 0)
        group_hand_over(committer, first, sequence);
    else
        ops_signal(first);
    return rest;
}

/* After an error in RocksDB's background, when nobody commits: a write of the state shows whether it is over. */
static void probe_commit(struct committer *committer)
{
    struct db_batch *batch = db_batch_create();
    struct buffer value;
    uint64_t sequence = 0;

    record_buffer_init(&value);
    if (group_write(committer, batch, &value, &sequence) == STATUS_OK && sequence > 0)
        group_hand_over(committer, NULL, sequence);
    buffer_release(&value);
    db_batch_free(batch);
}

/* Waits for operations, for a second at most. */
static struct commit_op *ops_take(struct committer *committer, bool *stopping)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_mutex_lock(&committer->lock);
    int timed_out = 0;
    while (!committer->first && !committer->stopping && !timed_out)
        timed_out = pthread_cond_timedwait(&committer->waiting, &committer->lock, &until);
    struct commit_op *ops = committer->first;
    committer->first = committer->last = NULL;
    *stopping = committer->stopping;
    pthread_mutex_unlock(&committer->lock);
    return ops;
}

static void *committer_main(void *arg)
{
    struct committer *committer = arg;

    for (;;) {
        bool stopping;
        struct commit_op *ops = ops_take(committer, &stopping);
        if (!ops && stopping)
            return NULL;
        if (!ops) {
            if (meta_is_failing(committer->meta))
                probe_commit(committer);
            continue;
        }
        if (ops_refuse(committer, ops))
            continue;
        while (ops)
            ops = group_commit(committer, ops);
    }
}

void committer_start(struct committer *committer, struct meta *meta, const struct state_record *state)
{
    pthread_condattr_t attributes;

    committer->meta = meta;
    committer->state = *state;
    pthread_mutex_init(&committer->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&committer->waiting, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_cond_init(&committer->written, NULL);
    int error = pthread_create(&committer->thread, NULL, committer_main, committer);
    CHECK(error == 0);
    if (meta->history.replication) {
        error = pthread_create(&committer->acknowledger, NULL, acknowledger_main, committer);
        CHECK(error == 0);
    }
}

void committer_stop(struct committer *committer)
{
    pthread_mutex_lock(&committer->lock);
    CHECK(!committer->first);
    committer->stopping = true;
    pthread_cond_signal(&committer->waiting);
    pthread_cond_signal(&committer->written);
    pthread_mutex_unlock(&committer->lock);
    pthread_join(committer->thread, NULL);
    if (committer->meta->history.replication)
        pthread_join(committer->acknowledger, NULL);
    pthread_cond_destroy(&committer->written);
    pthread_cond_destroy(&committer->waiting);
    pthread_mutex_destroy(&committer->lock);
}

enum status commit_run(struct meta *meta, struct commit_op *op)
{
    struct committer *committer = &meta->committer;

    op->next = NULL;
    completion_init(&op->completion);
    __atomic_add_fetch(&committer->waiting_ops, 1, __ATOMIC_RELAXED);
    pthread_mutex_lock(&committer->lock);
    if (committer->last)
        committer->last->next = op;
    else
        committer->first = op;
    committer->last = op;
    pthread_cond_signal(&committer->waiting);
    pthread_mutex_unlock(&committer->lock);
    completion_wait(&op->completion);
    __atomic_sub_fetch(&committer->waiting_ops, 1, __ATOMIC_RELAXED);
    return op->status;
}

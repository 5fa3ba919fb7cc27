/* The queue of chunks with too few good copies, worked off fewest copies first.
 * Each number of copies has its own position, so that a chunk that cannot be repaired now (a node is away) does not
 * hold up those behind it. When the whole queue was walked, one empty answer says so and the walk starts over. */
#include "meta/repair.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "meta/chunk_rows.h"
#include "meta/internal.h"

void repair_walk_init(struct repair_walk *walk)
{
    *walk = (struct repair_walk){0};
    pthread_mutex_init(&walk->lock, NULL);
}

void repair_walk_release(struct repair_walk *walk)
{
    pthread_mutex_destroy(&walk->lock);
}

struct repair_next {
    struct meta *meta;
    size_t max;
    struct chunk_list *chunks;
    enum status status;
};

/* Appends what is queued with that many copies, behind the position. */
static enum status repair_next_class(struct repair_next *next, unsigned copies)
{
    struct store_view view = meta_view(next->meta);
    struct chunk_id *position = &next->meta->repair.position[copies];
    struct row_key lower, upper;
    struct store_iterator it;
    enum status status = STATUS_OK;

    row_key_repair(&lower, copies, position);
    row_key_repair(&upper, copies + 1, &(struct chunk_id){0});
    store_iterator_open(&it, &view, STORE_REPAIR, row_key_bytes(&lower), row_key_bytes(&upper));
    for (store_iterator_first(&it); store_iterator_valid(&it) && next->chunks->count < next->max;
         store_iterator_next(&it)) {
        struct chunk_record record;
        struct chunk_ref ref;
        struct chunk_id id;
        unsigned key_copies;
        status = row_key_repair_parse(store_iterator_key(&it), &key_copies, &id);
        if (status)
            break;
        if (memcmp(&id, position, sizeof(id)) == 0)
            continue;
        *position = id;
        status = chunk_row_get(&view, &id, &record);
        if (status == STATUS_NOT_FOUND) {
            status = STATUS_OK; /* freed since the iterator was opened */
            continue;
        }
        if (status)
            break;
        chunk_record_ref(&record, &id, &ref);
        chunk_list_append(next->chunks, &ref);
    }
    if (!status)
        status = store_iterator_status(&it);
    store_iterator_close(&it);
    return status;
}

static void repair_next_run(void *arg)
{
    struct repair_next *next = arg;
    struct repair_walk *walk = &next->meta->repair;
    size_t before = next->chunks->count;

    next->max += before;
    lock_acquire(&walk->lock);
    for (unsigned copies = 0; copies < CHUNK_COPIES && !next->status; copies++)
        next->status = repair_next_class(next, copies);
    if (!next->status && next->chunks->count == before)
        memset(walk->position, 0, sizeof(walk->position));
    lock_release(&walk->lock);
}

enum status meta_repair_next(struct meta *meta, size_t max, struct chunk_list *chunks)
{
    struct repair_next next = {meta, max, chunks, STATUS_OK};
    pool_run(meta->pool, repair_next_run, &next);
    next.status = damage_of_row(next.status, "read the repair queue");
    if (next.status)
        log_error("repair queue cannot be read", LOG_STATUS(next.status));
    return next.status;
}

/* A chunk queued behind the walk must not wait until the walk is over. */
static void repair_walk_step_back(struct repair_walk *walk, const struct chunk_id *id, uint8_t queued)
{
    if (queued >= CHUNK_COPIES)
        return;
    lock_acquire(&walk->lock);
    struct chunk_id *position = &walk->position[queued];
    if (memcmp(id, position, sizeof(*id)) <= 0) {
        *position = *id;
        for (unsigned i = CHUNK_ID_LEN; i-- > 0 && position->bytes[i]-- == 0;)
            ;
    }
    lock_release(&walk->lock);
}

struct repair_op {
    struct commit_op op;
    const struct chunk_ref *ref; /* done */
    const struct chunk_id *id;   /* add, good */
    unsigned node;               /* add: the bad one; good: the good one */
    uint8_t queued;              /* result */
};

/* Only the copy that was made, the last one, is known to be good: another may have been tried as a last resort, been
 * found bad while the copy was made, or turned out never to have been there, so that it is not recorded any more. */
static uint8_t repair_still_bad(const struct chunk_record *before, const struct chunk_ref *ref)
{
    uint8_t bad = 0;

    for (unsigned i = 0; i + 1 < ref->copies; i++) {
        const uint8_t *known = memchr(before->nodes, ref->nodes[i], before->copies);
        if (!known || before->bad & 1u << (known - before->nodes))
            bad |= (uint8_t)(1u << i);
    }
    return bad;
}

/* The nodes whose copies were recorded while this one was made stay recorded; so do, as bad, those that had a bad copy
 * and no longer count, as far as there is room: one that is away may still hold its copy, and GC must ask it too. */
static void repair_keep(struct chunk_record *record, const struct chunk_record *before, bool bad)
{
    for (unsigned i = 0; i < before->copies && record->copies < CHUNK_COPIES_MAX; i++)
        if (bad == (before->bad >> i & 1) && !memchr(record->nodes, before->nodes[i], record->copies)) {
            record->bad |= (uint8_t)(bad << record->copies);
            record->nodes[record->copies++] = before->nodes[i];
        }
}

/* *queued: where the chunk is queued now. */
static enum status repair_done_one(struct txn *txn, const struct chunk_ref *ref, uint8_t *queued)
{
    struct chunk_record before, record;

    enum status status = chunk_row_get(&txn->view, &ref->id, &before);
    if (status)
        return status;
    record = before;
    record.bad = repair_still_bad(&before, ref);
    record.copies = ref->copies;
    memset(record.nodes, 0, sizeof(record.nodes));
    memcpy(record.nodes, ref->nodes, ref->copies);
    repair_keep(&record, &before, false);
    repair_keep(&record, &before, true);
    chunk_row_put(txn, &ref->id, &record);
    *queued = record.queued;
    return STATUS_OK;
}

static enum status repair_done_prepare(struct commit_op *op, struct txn *txn)
{
    struct repair_op *done = (struct repair_op *)op;
    return repair_done_one(txn, done->ref, &done->queued);
}

enum status meta_repair_done(struct meta *meta, const struct chunk_ref *ref)
{
    struct repair_op op = {.op.prepare = repair_done_prepare, .ref = ref};
    if (ref->copies == 0 || ref->copies > CHUNK_COPIES_MAX)
        return STATUS_INVALID;
    enum status status = commit_run(meta, &op.op);
    if (!status)
        repair_walk_step_back(&meta->repair, &ref->id, op.queued);
    return status;
}

struct repair_done_many_op {
    struct commit_op op;
    const struct chunk_ref *refs;
    size_t count;
    bool *known;                         /* results */
    uint8_t queued[META_REPAIR_ADD_MAX]; /* results */
};

static enum status repair_done_many_prepare(struct commit_op *op, struct txn *txn)
{
    struct repair_done_many_op *many = (struct repair_done_many_op *)op;

    for (size_t i = 0; i < many->count; i++) {
        many->queued[i] = CHUNK_NOT_QUEUED;
        enum status status = repair_done_one(txn, &many->refs[i], &many->queued[i]);
        if (status && status != STATUS_NOT_FOUND)
            return status;
        many->known[i] = !status;
    }
    return STATUS_OK;
}

enum status meta_repair_done_many(struct meta *meta, const struct chunk_ref *refs, size_t count, bool *known)
{
    struct repair_done_many_op op = {
        .op.prepare = repair_done_many_prepare, .refs = refs, .count = count, .known = known};
    if (count > META_REPAIR_ADD_MAX)
        return STATUS_LIMIT;
    for (size_t i = 0; i < count; i++)
        if (refs[i].copies == 0 || refs[i].copies > CHUNK_COPIES_MAX)
            return STATUS_INVALID;
    enum status status = commit_run(meta, &op.op);
    for (size_t i = 0; i < count && !status; i++)
        repair_walk_step_back(&meta->repair, &refs[i].id, op.queued[i]);
    return status;
}

static enum status repair_good_prepare(struct commit_op *op, struct txn *txn)
{
    struct repair_op *good = (struct repair_op *)op;
    struct chunk_record record;

    enum status status = chunk_row_get(&txn->view, good->id, &record);
    if (status)
        return status;
    for (unsigned i = 0; i < record.copies; i++)
        if (record.nodes[i] == good->node)
            record.bad &= (uint8_t) ~(1u << i);
    chunk_row_put(txn, good->id, &record);
    good->queued = record.queued;
    return STATUS_OK;
}

enum status meta_repair_good(struct meta *meta, const struct chunk_id *id, unsigned good_node)
{
    struct repair_op op = {.op.prepare = repair_good_prepare, .id = id, .node = good_node};
    enum status status = commit_run(meta, &op.op);
    if (!status)
        repair_walk_step_back(&meta->repair, id, op.queued);
    return status;
}

/* *queued: where the chunk was queued just now, or CHUNK_NOT_QUEUED. */
static enum status repair_add_one(struct txn *txn, const struct chunk_id *id, unsigned bad_node, uint8_t *queued)
{
    struct chunk_record record;
    uint8_t bad;

    *queued = CHUNK_NOT_QUEUED;
    enum status status = chunk_row_get(&txn->view, id, &record);
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    bad = record.bad;
    for (unsigned i = 0; i < record.copies; i++)
        if (record.nodes[i] == bad_node)
            record.bad |= (uint8_t)(1u << i);
    if (record.bad == bad)
        return STATUS_OK; /* known already, or a copy that does not count */
    chunk_row_put(txn, id, &record);
    *queued = record.queued;
    return STATUS_OK;
}

static enum status repair_add_prepare(struct commit_op *op, struct txn *txn)
{
    struct repair_op *add = (struct repair_op *)op;
    return repair_add_one(txn, add->id, add->node, &add->queued);
}

enum status meta_repair_add(struct meta *meta, const struct chunk_id *id, unsigned bad_node)
{
    struct repair_op op = {.op.prepare = repair_add_prepare, .id = id, .node = bad_node};
    enum status status = commit_run(meta, &op.op);
    if (!status)
        repair_walk_step_back(&meta->repair, id, op.queued);
    return status;
}

struct repair_many_op {
    struct commit_op op;
    const struct chunk_id *ids;
    size_t count;
    unsigned bad_node;
    uint8_t queued[META_REPAIR_ADD_MAX]; /* results */
};

static enum status repair_many_prepare(struct commit_op *op, struct txn *txn)
{
    struct repair_many_op *many = (struct repair_many_op *)op;
    enum status status = STATUS_OK;

    for (size_t i = 0; i < many->count && !status; i++)
        status = repair_add_one(txn, &many->ids[i], many->bad_node, &many->queued[i]);
    return status;
}

enum status meta_repair_add_many(struct meta *meta, const struct chunk_id *ids, size_t count, unsigned bad_node)
{
    struct repair_many_op op = {.op.prepare = repair_many_prepare, .ids = ids, .count = count, .bad_node = bad_node};
    if (count > META_REPAIR_ADD_MAX)
        return STATUS_LIMIT;
    enum status status = commit_run(meta, &op.op);
    for (size_t i = 0; i < count && !status; i++)
        repair_walk_step_back(&meta->repair, &ids[i], op.queued[i]);
    return status;
}

struct replace_op {
    struct commit_op op;
    const struct chunk_list *chunks;
    struct meta_short missing;
    uint8_t *queued; /* results */
};

/* The lost copy stays recorded as a bad one, since its node may store it later, while there is room. A repair may have
 * been faster with either. */
static void replace_one(struct chunk_record *record, uint8_t lost, uint8_t stand_in)
{
    uint8_t *copy = memchr(record->nodes, lost, record->copies);
    const uint8_t *there = stand_in ? memchr(record->nodes, stand_in, record->copies) : NULL;

    if (copy)
        record->bad |= (uint8_t)(1u << (copy - record->nodes));
    if (there) {
        record->bad &= (uint8_t) ~(1u << (there - record->nodes));
    } else if (stand_in && record->copies < CHUNK_COPIES_MAX) {
        record->nodes[record->copies++] = stand_in;
    } else if (stand_in && copy) {
        record->bad &= (uint8_t) ~(1u << (copy - record->nodes));
        *copy = stand_in;
    }
}

static enum status replace_prepare(struct commit_op *op, struct txn *txn)
{
    struct replace_op *replace = (struct replace_op *)op;
    struct chunk_record record;

    memset(replace->queued, CHUNK_NOT_QUEUED, replace->chunks->count);
    for (size_t i = 0; i < replace->chunks->count; i++) {
        const struct chunk_id *id = &replace->chunks->refs[i].id;
        enum status status = chunk_row_get(&txn->view, id, &record);
        if (status == STATUS_NOT_FOUND) /* removed meanwhile */
            continue;
        if (status)
            return status;
        for (unsigned at = 0; at < replace->missing.count; at++)
            replace_one(&record, replace->missing.nodes[at].lost, replace->missing.nodes[at].stand_in);
        chunk_row_put(txn, id, &record);
        replace->queued[i] = record.queued;
    }
    return STATUS_OK;
}

enum status repair_replace(struct meta *meta, const struct chunk_list *chunks, const struct meta_short *missing)
{
    struct replace_op op = {.op.prepare = replace_prepare, .chunks = chunks, .missing = *missing};
    op.queued = mem_alloc(chunks->count);
    enum status status = commit_run(meta, &op.op);

    for (size_t i = 0; i < chunks->count && !status; i++)
        repair_walk_step_back(&meta->repair, &chunks->refs[i].id, op.queued[i]);
    free(op.queued);
    return status;
}

void repair_publish(struct meta *meta, uint64_t rows)
{
    atomic_store(&meta->repair_rows, rows);
    if (rows == 0)
        atomic_store(&meta->repair_since_ms, 0);
    else if (atomic_load(&meta->repair_since_ms) == 0)
        atomic_store(&meta->repair_since_ms, clock_monotonic_ms());
}

uint64_t meta_repair_backlog_ms(struct meta *meta)
{
    uint64_t since_ms = atomic_load(&meta->repair_since_ms);
    return since_ms ? clock_monotonic_ms() - since_ms : 0;
}

uint64_t meta_repair_backlog(struct meta *meta)
{
    return atomic_load(&meta->repair_rows);
}

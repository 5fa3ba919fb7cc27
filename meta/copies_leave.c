/* Striking a node's copies off the records once others replace them: when a node is emptied, or a copy is moved. The
 * record is the only place that says how many copies there are, so it is decided here, in the committer, that enough
 * are left. */
#include <string.h>

#include "meta/chunk_rows.h"
#include "meta/internal.h"

struct leave_op {
    struct commit_op op;
    const struct chunk_id *ids;
    size_t count;
    unsigned node;
    bool *left; /* results */
};

/* Takes the copy at that place out of the list. */
static void copy_strike(struct chunk_record *record, unsigned at)
{
    uint8_t below = (uint8_t)((1u << at) - 1);
    record->bad = (uint8_t)((record->bad & below) | (record->bad >> 1 & ~below));
    record->copies--;
    memmove(record->nodes + at, record->nodes + at + 1, record->copies - at);
    record->nodes[record->copies] = 0;
}

static enum status leave_one(struct txn *txn, const struct chunk_id *id, unsigned node, bool *left)
{
    struct chunk_record record;
    unsigned good = 0;

    *left = false;
    enum status status = chunk_row_get(&txn->view, id, &record);
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    const uint8_t *place = memchr(record.nodes, (int)node, record.copies);
    if (!place || record.queued == CHUNK_UNWANTED)
        return STATUS_OK;
    unsigned at = (unsigned)(place - record.nodes);
    for (unsigned i = 0; i < record.copies; i++)
        good += i != at && !(record.bad & 1u << i);
    if (good < CHUNK_COPIES)
        return STATUS_OK;
    copy_strike(&record, at);
    chunk_row_put(txn, id, &record);
    *left = true;
    return STATUS_OK;
}

static enum status leave_prepare(struct commit_op *op, struct txn *txn)
{
    struct leave_op *leave = (struct leave_op *)op;
    enum status status = STATUS_OK;

    for (size_t i = 0; i < leave->count && !status; i++)
        status = leave_one(txn, &leave->ids[i], leave->node, &leave->left[i]);
    return status;
}

enum status meta_copies_leave(struct meta *meta, const struct chunk_id *ids, size_t count, unsigned node, bool *left)
{
    struct leave_op op = {.op.prepare = leave_prepare, .ids = ids, .count = count, .node = node, .left = left};
    if (count > META_REPAIR_ADD_MAX)
        return STATUS_LIMIT;
    enum status status = commit_run(meta, &op.op);
    if (status)
        memset(left, 0, count * sizeof(*left));
    return status;
}

/* Garbage that cannot be freed at once, because a node that holds some of it is away. Until that node is back, the
 * other copies of these chunks go, and nobody misses them: such a chunk is marked in its row as unwanted, and is from
 * then on neither queued for repair nor counted among those that have too few copies, or none. Only what waits is
 * marked, so that freeing as it usually goes writes nothing more. The mark goes with the row. */
#include "meta/chunk_rows.h"
#include "meta/gc.h"
#include "meta/internal.h"

#define WAIT_CHUNKS_MAX 1024 /* marked in one commit */

struct gc_wait {
    struct commit_op op;
    struct meta *meta;
    const struct chunk_ref *refs;
    size_t count;
    size_t wanted; /* of these, so many are not marked yet */
    enum status status;
};

static void gc_wait_look(void *arg)
{
    struct gc_wait *wait = arg;
    struct store_view view = meta_view(wait->meta);

    for (size_t i = 0; i < wait->count && !wait->status; i++) {
        struct chunk_record record;
        wait->status = chunk_row_get(&view, &wait->refs[i].id, &record);
        if (!wait->status)
            wait->wanted += record.queued != CHUNK_UNWANTED;
        else if (wait->status == STATUS_NOT_FOUND)
            wait->status = STATUS_OK;
    }
}

static enum status gc_wait_prepare(struct commit_op *op, struct txn *txn)
{
    struct gc_wait *wait = (struct gc_wait *)op;

    for (size_t i = 0; i < wait->count; i++) {
        struct chunk_record record;
        enum status status = chunk_row_get(&txn->view, &wait->refs[i].id, &record);
        if (status == STATUS_NOT_FOUND)
            continue;
        if (status)
            return status;
        if (record.queued != CHUNK_UNWANTED)
            chunk_row_unwant(txn, &wait->refs[i].id, &record);
    }
    return STATUS_OK;
}

enum status meta_gc_wait(struct meta *meta, const struct chunk_list *chunks)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < chunks->count && !status; i += WAIT_CHUNKS_MAX) {
        size_t count = chunks->count - i < WAIT_CHUNKS_MAX ? chunks->count - i : WAIT_CHUNKS_MAX;
        struct gc_wait wait = {.op.prepare = gc_wait_prepare, .meta = meta, .refs = chunks->refs + i, .count = count};
        pool_run(meta->pool, gc_wait_look, &wait);
        status = wait.status;
        if (!status && wait.wanted > 0)
            status = commit_run(meta, &wait.op);
    }
    return status;
}

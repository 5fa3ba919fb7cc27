/* Appending to an object, and joining what was appended in small pieces; see meta.h. What an object was written with
 * stays where it is for as long as the object: readers hold the whole by it (readers.h), also chunks of the tail that
 * are replaced under them. */
#include <string.h>

#include "base/check.h"
#include "meta/append.h"
#include "meta/chunk_rows.h"
#include "meta/gc.h"
#include "meta/internal.h"
#include "meta/object_storage.h"
#include "meta/quota.h"
#include "meta/tail.h"
#include "meta/version.h"

struct object_append {
    struct commit_op op;
    uint32_t bucket;
    struct bytes key;
    const struct meta_append *append; /* NULL: of a join */
    const struct meta_join *join;
    const struct chunk_list *chunks;
    struct packed_chunks packed;
    struct meta_object *object;
    struct buffer tail_chunks, tail_streams, attributes; /* scratch */
};

static void object_append_init(struct object_append *op)
{
    record_buffer_init(&op->tail_chunks);
    record_buffer_init(&op->tail_streams);
    buffer_init(&op->attributes, META_ATTRIBUTES_BYTES_MAX);
}

static void object_append_release(struct object_append *op)
{
    buffer_release(&op->tail_chunks);
    buffer_release(&op->tail_streams);
    buffer_release(&op->attributes);
}

/* ---- in the committer ---------------------------------------------------------------------------------------------
 */

/* The rotation of keys writes another description to the same version: an older one would need a key that may be gone.
 */
static bool is_sealed_as_read(const struct meta_append *append, const struct version_record *record)
{
    struct bytes now;

    return meta_attribute_find(record->attributes, META_ATTRIBUTE_SEALED, &now) == STATUS_OK &&
           bytes_equal(now, append->sealed_was);
}

static enum status append_check(const struct object_append *op, const struct version_record *record)
{
    const struct meta_append *append = op->append;
    bool sealed = meta_attributes_sealed(record->attributes);

    if (record->head.sequence != append->sequence)
        return STATUS_CONFLICT;
    if (sealed != append->seal.sealed || (record->head.size == 0 && sealed) != (append->sealed.data != NULL))
        return STATUS_CONFLICT;
    if (append->sealed.data && !is_sealed_as_read(append, record))
        return STATUS_CONFLICT;
    return version_condition_check(append->condition, &record->head);
}

/* Of an empty object, what comes is what it was written with. */
static enum status append_first(struct object_append *op, struct txn *txn, struct version_record *record)
{
    const struct meta_attribute change = {META_ATTRIBUTE_SEALED, op->append->sealed};
    enum status status = STATUS_OK;

    if (op->append->joined > 0)
        return STATUS_CONFLICT;
    if (record->multipart)
        gc_queue_version(txn, record);
    record->multipart = false;
    record->parts = (struct packed_parts){0};
    record->chunks = op->packed;
    if (op->append->sealed.data) {
        status = meta_attributes_pack(record->attributes, &change, 1, &op->attributes);
        record->attributes = buffer_bytes(&op->attributes);
    }
    return status;
}

/* Room for one piece more, of chunks that are recorded in rows of bounded length. */
static bool has_room(const struct object_append *op, const struct version_record *record)
{
    return record->chunks.count + record->tail.chunks.count + op->packed.count <= RECORD_CHUNKS_MAX &&
           record->tail.streams.count < META_PART_MAX;
}

static enum status append_behind(struct object_append *op, struct txn *txn, struct version_record *record)
{
    const struct meta_append *append = op->append;
    struct tail_change change = {.chunk = record->tail.chunks.count,
                                 .stream = record->tail.streams.count,
                                 .with = op->packed,
                                 .seal = &append->seal,
                                 .plain = append->joined + append->size,
                                 .plain_gone = append->joined};
    struct packed_chunks gone = {0};
    struct tail_piece last;

    if (append->joined > 0) {
        if (!tail_last(&record->tail, append->seal.sealed, &last) || last.plain != append->joined)
            return STATUS_CONFLICT;
        change.chunk = last.chunk;
        change.chunks = last.chunks;
        change.stream = last.stream;
        change.streams = append->seal.sealed;
        gone = packed_chunks_part(&record->tail.chunks, last.chunk, last.chunks);
    } else if (!has_room(op, record)) {
        return STATUS_LIMIT;
    }
    gc_queue_tail(txn, record, &gone);
    struct version_tail tail = record->tail;
    tail_change(&tail, append->seal.sealed, &change, &op->tail_chunks, &op->tail_streams, &record->tail);
    return STATUS_OK;
}

static enum status append_commit(struct object_append *op, struct txn *txn, struct version_record *record)
{
    const struct meta_append *append = op->append;
    struct version_head *head = &record->head;

    enum status status = append_check(op, record);
    if (!status)
        status = head->size == 0 ? append_first(op, txn, record) : append_behind(op, txn, record);
    if (status)
        return status;
    head->size += append->size;
    memcpy(head->etag_md5, append->etag_md5, MD5_LEN);
    head->etag_parts = append->etag_parts;
    head->checksum = append->checksum;
    status = version_renew(txn, op->key, append->size, record);
    if (!status)
        status = quota_check(txn);
    if (!status)
        status = outbox_add(txn, append->outbox, op->bucket, op->key, head);
    if (status)
        return status;
    chunk_rows_add(txn, op->chunks);
    version_head_show(head, true, op->object);
    return STATUS_OK;
}

static struct packed_chunks join_chunks(const struct meta_join *join)
{
    return (struct packed_chunks){join->run, join->chunks};
}

/* Where the pieces that were joined are now: what stands before them may have been joined as well, and more been
 * appended. Chunks are never used twice, so the same ids are the same bytes. */
static bool find_run(const struct version_tail *tail, bool sealed, const struct meta_join *join,
                     struct tail_piece *first)
{
    struct packed_chunks run = join_chunks(join);
    struct tail_walk walk;

    tail_walk_begin(&walk, tail, sealed);
    while (tail_walk_next(&walk, first)) {
        struct packed_chunks here = {0};
        if (run.count <= tail->chunks.count - first->chunk)
            here = packed_chunks_part(&tail->chunks, first->chunk, run.count);
        if (here.count == run.count && memcmp(here.data, run.data, (size_t)run.count * PACKED_CHUNK_BYTES) == 0)
            return true;
    }
    return false;
}

static enum status join_commit(struct object_append *op, struct txn *txn, struct version_record *record)
{
    const struct meta_join *join = op->join;
    bool sealed = meta_attributes_sealed(record->attributes);
    struct tail_piece first;

    if (op->packed.count > join->chunks / 2)
        return STATUS_LIMIT;
    if (sealed != join->seal.sealed || !find_run(&record->tail, sealed, join, &first))
        return STATUS_CONFLICT;
    const struct tail_change change = {.chunk = first.chunk,
                                       .chunks = join->chunks,
                                       .stream = first.stream,
                                       .streams = join->pieces,
                                       .with = op->packed,
                                       .seal = &join->seal,
                                       .plain = join->size,
                                       .plain_gone = join->size};
    const struct packed_chunks gone = packed_chunks_part(&record->tail.chunks, first.chunk, join->chunks);
    struct version_tail tail = record->tail;
    gc_queue_tail(txn, record, &gone);
    tail_change(&tail, sealed, &change, &op->tail_chunks, &op->tail_streams, &record->tail);
    version_rewrite(txn, op->bucket, op->key, record);
    chunk_rows_add(txn, op->chunks);
    return STATUS_OK;
}

static enum status object_append_prepare(struct commit_op *commit, struct txn *txn)
{
    struct object_append *op = (struct object_append *)commit;
    struct bucket_entry *bucket;
    struct version_row row;

    buffer_clear(&op->tail_chunks);
    buffer_clear(&op->tail_streams);
    buffer_clear(&op->attributes);
    enum status status = txn_bucket(txn, op->bucket, &bucket);
    if (status)
        return status;
    if (op->append && bucket->staged.versioned)
        return STATUS_INVALID;
    status = version_load_latest(&txn->view, op->bucket, op->key, &row);
    if (status)
        return status;
    status = op->append ? append_commit(op, txn, &row.record) : join_commit(op, txn, &row.record);
    version_row_release(&row);
    return status;
}

/* ---- the two ------------------------------------------------------------------------------------------------------
 */

enum status meta_object_append(struct meta *meta, uint32_t bucket, struct bytes key, const struct meta_append *append,
                               const struct chunk_list *chunks, struct meta_object *object)
{
    struct object_append op = {.op.prepare = object_append_prepare,
                               .bucket = bucket,
                               .key = key,
                               .append = append,
                               .chunks = chunks,
                               .object = object};

    *object = (struct meta_object){0};
    if (object_key_check(key))
        return STATUS_NOT_FOUND;
    if (append->size == 0)
        return STATUS_INVALID;
    enum status status =
        chunk_list_check(chunks, block_seal_stored_size(append->joined + append->size, append->seal.sealed));
    if (status)
        return status;
    object_append_init(&op);
    status = chunk_list_commit(meta, &op.op, chunks, &op.packed);
    object_append_release(&op);
    return status;
}

enum status meta_object_join(struct meta *meta, uint32_t bucket, struct bytes key, const struct meta_join *join,
                             const struct chunk_list *chunks)
{
    struct object_append op = {
        .op.prepare = object_append_prepare, .bucket = bucket, .key = key, .join = join, .chunks = chunks};

    enum status status = chunk_list_check(chunks, block_seal_stored_size(join->size, join->seal.sealed));
    if (status)
        return status;
    object_append_init(&op);
    status = chunk_list_commit(meta, &op.op, chunks, &op.packed);
    object_append_release(&op);
    return status;
}

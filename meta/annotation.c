/* Annotations of a version that is there: putting one and deleting one; see annotations.h. The version's row says how
 * many there are, so each change writes it, too. */
#include <string.h>

#include "base/check.h"
#include "meta/annotation_rows.h"
#include "meta/chunk_rows.h"
#include "meta/gc.h"
#include "meta/internal.h"
#include "meta/own_attribute.h"
#include "meta/quota.h"
#include "meta/version.h"

struct annotation_op {
    struct commit_op op;
    const struct meta_annotated *where;
    struct bytes name;
    struct meta_annotation *annotation; /* NULL: it is deleted */
    const struct chunk_list *chunks;
    struct packed_chunks packed;
    bool removed;
};

/* The annotation that has the name now. NOT_FOUND. */
static enum status annotation_load(const struct store_view *view, const struct own_attribute *own, struct bytes name,
                                   struct store_value *value, struct annotation_record *record)
{
    struct row_key key;

    *value = (struct store_value){0};
    if (own->sum.count == 0)
        return STATUS_NOT_FOUND;
    row_key_annotation(&key, &own->set, name);
    enum status status = store_get(view, STORE_ANNOTATIONS, row_key_bytes(&key), value);
    return status ? status : annotation_record_decode(store_value_bytes(value), record);
}

/* Takes the one before away, which somebody may want to stay. */
static enum status annotation_drop(struct annotation_op *change, struct txn *txn, const struct version_record *version,
                                   const struct annotation_record *before, struct own_attribute *own)
{
    struct row_key key;
    enum status status = version_removal_check(txn, version);

    if (status)
        return status;
    row_key_annotation(&key, &own->set, change->name);
    txn_delete(txn, STORE_ANNOTATIONS, &key);
    gc_queue_chunks(txn, &before->chunks);
    own->sum.count--;
    own->sum.bytes -= before->text.size;
    txn->bucket.bytes -= (int64_t)before->text.size;
    change->removed = true;
    return STATUS_OK;
}

static enum status annotation_write(const struct annotation_op *change, struct txn *txn,
                                    const struct version_record *version, struct own_attribute *own)
{
    struct meta_annotation *annotation = change->annotation;

    if (annotation->seal.sealed != meta_attributes_sealed(version->attributes))
        return STATUS_INVALID;
    if (own->sum.count == META_ANNOTATIONS_MAX)
        return STATUS_EXISTS;
    /* one that takes the place of the only one stays in its set: who has read the version finds it there */
    if (own->sum.count == 0 && !change->removed)
        annotation_set_create(&own->set, txn->state.sequence);
    own->sum.count++;
    own->sum.bytes += annotation->size;
    txn->bucket.bytes += (int64_t)annotation->size;
    annotation->sequence = txn->state.sequence;
    annotation->modified_ms = txn->now_ms;
    annotation_row_put(txn, &own->set, annotation, &change->packed);
    chunk_rows_add(txn, change->chunks);
    return quota_check(txn);
}

static enum status annotation_change(struct annotation_op *change, struct txn *txn, struct version_record *version,
                                     struct buffer *attributes)
{
    const struct meta_annotated *where = change->where;
    struct store_value value;
    struct annotation_record before;
    struct own_attribute own;
    enum status status = own_attribute_read(version->attributes, &own);

    change->removed = false;
    if (status)
        return status;
    status = annotation_load(&txn->view, &own, change->name, &value, &before);
    if (!status)
        status = annotation_drop(change, txn, version, &before, &own);
    store_value_release(&value);
    if (status == STATUS_NOT_FOUND) {
        if (!change->annotation)
            return STATUS_OK;
        status = STATUS_OK;
    }
    if (!status && change->annotation)
        status = annotation_write(change, txn, version, &own);
    if (status)
        return status;
    own.sum.changed = txn->state.sequence;
    status = own_attribute_write(version->attributes, &own, attributes);
    if (status)
        return status;
    version->attributes = buffer_bytes(attributes);
    version_rewrite(txn, where->bucket, where->key, version);
    return outbox_add(txn, where->outbox, where->bucket, where->key, &version->head);
}

static enum status annotation_prepare(struct commit_op *op, struct txn *txn)
{
    struct annotation_op *change = (struct annotation_op *)op;
    const struct meta_annotated *where = change->where;
    struct bucket_entry *bucket;
    struct buffer attributes;
    struct version_row row;
    bool latest;

    txn->permits = where->permits;
    enum status status = txn_bucket(txn, where->bucket, &bucket);
    if (status)
        return status;
    status = version_load_which(&txn->view, where->bucket, where->key, &where->version, &row, &latest);
    if (status)
        return status;
    buffer_init(&attributes, META_ATTRIBUTES_BYTES_MAX);
    if (row.record.head.sequence != where->sequence)
        status = STATUS_PRECONDITION;
    else if (row.record.head.delete_marker)
        status = STATUS_INVALID;
    else
        status = annotation_change(change, txn, &row.record, &attributes);
    buffer_release(&attributes);
    version_row_release(&row);
    return status;
}

static enum status name_check(const struct meta_annotated *where, struct bytes name)
{
    if (object_key_check(where->key))
        return STATUS_NOT_FOUND;
    return name.len == 0 || name.len > META_ANNOTATION_NAME_MAX ? STATUS_INVALID : STATUS_OK;
}

enum status meta_annotation_put(struct meta *meta, const struct meta_annotated *where,
                                struct meta_annotation *annotation, const struct chunk_list *chunks)
{
    struct annotation_op put = {.op.prepare = annotation_prepare,
                                .where = where,
                                .name = annotation->name,
                                .annotation = annotation,
                                .chunks = chunks};
    enum status status = name_check(where, annotation->name);

    if (!status && (annotation->size == 0 || annotation->size > META_ANNOTATION_BYTES_MAX))
        status = STATUS_INVALID;
    if (!status)
        status = chunk_list_check(chunks, block_seal_stored_size(annotation->size, annotation->seal.sealed));
    return status ? status : chunk_list_commit(meta, &put.op, chunks, &put.packed);
}

enum status meta_annotation_delete(struct meta *meta, const struct meta_annotated *where, struct bytes name,
                                   bool *removed)
{
    struct annotation_op delete = {.op.prepare = annotation_prepare, .where = where, .name = name};
    enum status status = name_check(where, name);

    if (!status)
        status = commit_run(meta, &delete.op);
    *removed = !status && delete.removed;
    return status;
}

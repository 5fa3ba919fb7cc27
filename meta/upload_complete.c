/* Completing a multipart upload: its parts become an object where they are. The version names the upload and its parts,
 * so the commit writes no chunk row, however large the object. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "meta/gc.h"
#include "meta/internal.h"
#include "meta/object_storage.h"
#include "meta/own_attribute.h"
#include "meta/quota.h"
#include "meta/upload.h"

struct upload_complete {
    struct commit_op op;
    const struct meta_upload *upload;
    struct upload_id id;
    const unsigned *numbers;
    size_t count;
    const struct meta_condition *condition;
    meta_complete_fn decide;
    void *arg;
    struct meta_object *object;
    struct buffer attributes; /* of the version, as long as the operation prepares */
};

/* The upload's parts, sorted into those that the request names and the rest. */
struct part_selection {
    struct meta_part *parts;         /* by position in the request */
    const struct meta_part **chosen; /* the same, NULL where there is none */
    struct buffer named, rest;       /* packed parts */
    uint32_t rest_count;
    uint64_t rest_bytes, rest_stored_bytes; /* as clients see them, and as they lie on the nodes */
    uint64_t size;                          /* of the named ones */
};

static void part_selection_init(struct part_selection *selection, size_t count)
{
    *selection = (struct part_selection){0};
    selection->parts = mem_zalloc(count * sizeof(*selection->parts));
    selection->chosen = mem_zalloc(count * sizeof(struct meta_part *));
    record_buffer_init(&selection->named);
    record_buffer_init(&selection->rest);
}

static void part_selection_release(struct part_selection *selection)
{
    free(selection->parts);
    free(selection->chosen);
    buffer_release(&selection->named);
    buffer_release(&selection->rest);
}

/* Both the rows and the request's numbers ascend. */
static enum status part_selection_load(struct part_selection *selection, const struct store_view *view,
                                       const struct upload_complete *complete)
{
    struct row_key lower, upper;
    struct store_iterator it;
    enum status status = STATUS_OK;
    size_t at = 0;

    row_key_part_bounds(&lower, &upper, &complete->id);
    store_iterator_open(&it, view, STORE_PARTS, row_key_bytes(&lower), row_key_bytes(&upper));
    for (store_iterator_first(&it); store_iterator_valid(&it); store_iterator_next(&it)) {
        struct part_record record;
        unsigned number;
        status = row_key_part_parse(store_iterator_key(&it), &number);
        if (!status)
            status = part_record_decode(store_iterator_value(&it), &record);
        if (status)
            break;
        while (at < complete->count && complete->numbers[at] < number)
            at++;
        if (at == complete->count || complete->numbers[at] != number) {
            packed_parts_append(&selection->rest, number, record.part.size);
            selection->rest_count++;
            selection->rest_bytes += record.part.size;
            selection->rest_stored_bytes += block_seal_stored_size(record.part.size, record.part.seal.sealed);
            continue;
        }
        record.part.number = number;
        selection->parts[at] = record.part;
        selection->chosen[at] = &selection->parts[at];
        packed_parts_append(&selection->named, number, record.part.size);
        selection->size += record.part.size;
    }
    if (!status)
        status = store_iterator_status(&it);
    store_iterator_close(&it);
    return status;
}

/* Gives the caller the new version as meta_object_get would. */
static enum status complete_show(const struct txn *txn, const struct version_record *record, bool latest,
                                 struct meta_object *object)
{
    struct version_row row = {0};
    struct buffer value;

    record_buffer_init(&value);
    version_record_encode(&value, record);
    store_value_copy(&row.value, buffer_bytes(&value));
    buffer_release(&value);
    enum status status = version_record_decode(store_value_bytes(&row.value), &row.record);
    if (status)
        version_row_release(&row);
    else
        object_take_row(&txn->meta->readers, object, &row, latest, txn->state.sequence);
    return status;
}

static enum status complete_decide(struct upload_complete *complete, const struct part_selection *selection)
{
    complete->object->size = selection->size;
    enum status status = complete->decide(complete->arg, selection->chosen, complete->count, complete->object);
    for (size_t i = 0; i < complete->count && !status; i++)
        if (!selection->chosen[i])
            status = STATUS_INVALID;
    return status;
}

static bool says_something(const struct meta_condition *condition)
{
    return condition && (condition->must_be_absent || condition->must_match || condition->must_exist);
}

/* Where in the order the version is, and what says so in its row: of an upload that has a version's id. */
static enum status complete_place(struct upload_complete *complete, const struct txn *txn,
                                  const struct version_head *previous, const struct upload_record *upload,
                                  struct version_record *record)
{
    struct own_attribute own;
    enum status status = own_attribute_read(upload->attributes, &own);

    if (status || !own.has_id)
        return status;
    record->head.sequence = get_u64(complete->id.bytes);
    record->head.random = get_u64(complete->id.bytes + 8);
    /* a condition is about what the object takes the place of */
    if ((says_something(complete->condition) || says_something(&upload->condition)) &&
        !version_comes_last(&record->head, previous))
        return STATUS_EXISTS;
    own.committed = txn->state.sequence;
    buffer_clear(&complete->attributes);
    status = own_attribute_write(upload->attributes, &own, &complete->attributes);
    record->attributes = buffer_bytes(&complete->attributes);
    return status;
}

static enum status complete_commit(struct upload_complete *complete, struct txn *txn, const struct bucket_entry *bucket,
                                   const struct version_head *previous, const struct upload_record *upload)
{
    const struct meta_object *object = complete->object;
    struct part_selection selection;
    struct row_key key;

    part_selection_init(&selection, complete->count);
    enum status status = part_selection_load(&selection, &txn->view, complete);
    if (!status)
        status = complete_decide(complete, &selection);
    if (status)
        goto out;
    struct version_record record = {
        .head = {.size = object->size,
                 .etag_parts = object->etag_parts,
                 .checksum = object->checksum,
                 .storage_class = upload->storage_class},
        .headers = upload->headers,
        .attributes = upload->attributes,
        .multipart = true,
        .upload = complete->id,
        .parts = {selection.named.data, (uint32_t)complete->count},
    };
    if (complete->condition)
        record.condition = *complete->condition;
    memcpy(record.head.etag_md5, object->etag_md5, MD5_LEN);
    status = complete_place(complete, txn, previous, upload, &record);
    if (!status)
        status = version_add(txn, bucket, complete->upload->key, previous, &record);
    txn->bucket.upload_bytes -= (int64_t)(selection.size + selection.rest_bytes);
    if (!status)
        status = quota_check(txn);
    if (!status)
        status = outbox_add(txn, complete->upload->outbox, bucket->staged.id, complete->upload->key, &record.head);
    if (status)
        goto out;
    row_key_upload(&key, complete->upload->bucket, complete->upload->key, &complete->id);
    txn_delete(txn, STORE_UPLOADS, &key);
    if (selection.rest_count > 0) {
        struct packed_parts rest = {selection.rest.data, selection.rest_count};
        gc_queue_parts(txn, &complete->id, &rest, selection.rest_stored_bytes);
    }
    status = complete_show(txn, &record, version_comes_last(&record.head, previous), complete->object);
out:
    part_selection_release(&selection);
    return status;
}

static bool same_condition(const struct meta_condition *a, const struct meta_condition *b)
{
    return a->must_be_absent == b->must_be_absent && a->must_match == b->must_match && a->etag_parts == b->etag_parts &&
           memcmp(a->etag_md5, b->etag_md5, MD5_LEN) == 0;
}

/* Parts that the object was made without count as never uploaded. */
static void part_selection_keep(struct part_selection *selection, const struct upload_complete *complete,
                                const struct packed_parts *parts)
{
    uint32_t at = 0;

    for (size_t i = 0; i < complete->count; i++) {
        unsigned number = 0;
        uint64_t size;
        for (; at < parts->count && number < complete->numbers[i]; at++)
            packed_parts_get(parts, at, &number, &size);
        if (number != complete->numbers[i])
            selection->chosen[i] = NULL;
        if (number > complete->numbers[i])
            at--;
    }
}

/* The upload made this version: does the request say what the one said that completed it? */
static enum status complete_compare(struct upload_complete *complete, const struct store_view *view,
                                    const struct version_record *version)
{
    struct part_selection selection;
    enum status status = STATUS_OK;

    if (complete->condition && !same_condition(complete->condition, &version->condition))
        status = version_condition_check(complete->condition, &version->head);
    if (status)
        return status;
    part_selection_init(&selection, complete->count);
    status = part_selection_load(&selection, view, complete);
    part_selection_keep(&selection, complete, &version->parts);
    complete->object->checksum = version->head.checksum;
    if (!status)
        status = complete_decide(complete, &selection);
    part_selection_release(&selection);
    if (!status && complete->count != version->parts.count)
        status = STATUS_NOT_FOUND; /* the parts are right, but no upload is left to make another object of them */
    return status;
}

/* The version that the upload became: it has the upload's id; or it is the latest, where there are no such ids. */
static enum status complete_find(const struct upload_complete *complete, const struct store_view *view,
                                 struct version_row *row)
{
    const struct meta_upload *upload = complete->upload;
    enum status status = version_load(view, upload->bucket, upload->key, get_u64(complete->id.bytes), row);

    if (status == STATUS_NOT_FOUND)
        status = version_load_latest(view, upload->bucket, upload->key, row);
    if (!status && (!row->record.multipart || memcmp(&row->record.upload, &complete->id, sizeof(complete->id)) != 0)) {
        version_row_release(row);
        status = STATUS_NOT_FOUND;
    }
    return status;
}

/* A Complete whose answer was lost is sent again: the upload is gone, and its object is there. */
static enum status complete_again(struct upload_complete *complete, struct txn *txn)
{
    const struct meta_upload *upload = complete->upload;
    struct version_head latest;
    struct version_row row;

    enum status status = complete_find(complete, &txn->view, &row);
    if (status)
        return status;
    status = complete_compare(complete, &txn->view, &row.record);
    if (!status)
        status = version_latest_head(&txn->view, upload->bucket, upload->key, true, &latest);
    if (status)
        version_row_release(&row);
    else
        object_take_row(&txn->meta->readers, complete->object, &row, latest.sequence == row.record.head.sequence,
                        txn->state.sequence - 1);
    return status;
}

static enum status upload_complete_prepare(struct commit_op *op, struct txn *txn)
{
    struct upload_complete *complete = (struct upload_complete *)op;
    const struct meta_upload *upload = complete->upload;
    struct bucket_entry *bucket;
    struct version_head head;
    const struct version_head *previous = &head;
    struct upload_row row;

    enum status status = txn_bucket(txn, upload->bucket, &bucket);
    if (status)
        return status;
    status = upload_load(&txn->view, upload->bucket, upload->key, &complete->id, &row);
    if (status == STATUS_NOT_FOUND)
        return complete_again(complete, txn);
    if (status)
        return status;
    status = version_latest_head(&txn->view, upload->bucket, upload->key, bucket->staged.versioned, &head);
    if (status == STATUS_NOT_FOUND) {
        previous = NULL;
        status = STATUS_OK;
    }
    if (!status)
        status = version_condition_check(complete->condition, previous);
    if (!status)
        status = version_condition_check(&row.record.condition, previous);
    if (!status)
        status = complete_commit(complete, txn, bucket, previous, &row.record);
    upload_row_release(&row);
    return status;
}

enum status meta_upload_complete(struct meta *meta, const struct meta_upload *upload, const unsigned *numbers,
                                 size_t count, const struct meta_condition *condition, meta_complete_fn decide,
                                 void *arg, struct meta_object *object)
{
    struct upload_complete complete = {.op.prepare = upload_complete_prepare,
                                       .upload = upload,
                                       .numbers = numbers,
                                       .count = count,
                                       .condition = condition,
                                       .decide = decide,
                                       .arg = arg,
                                       .object = object};

    *object = (struct meta_object){0};
    if (count == 0 || count > META_PART_MAX)
        return STATUS_INVALID;
    for (size_t i = 0; i < count; i++)
        if (numbers[i] < 1 || numbers[i] > META_PART_MAX || (i > 0 && numbers[i] <= numbers[i - 1]))
            return STATUS_INVALID;
    enum status status = upload_name(upload, &complete.id);
    if (status)
        return status;
    buffer_init(&complete.attributes, META_ATTRIBUTES_BYTES_MAX);
    status = commit_run(meta, &complete.op);
    buffer_release(&complete.attributes);
    return status;
}

/* Multipart uploads until they are completed: create, get, put and list parts, abort; see meta.h. */
#include "meta/upload.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "meta/chunk_rows.h"
#include "meta/gc.h"
#include "meta/internal.h"
#include "meta/own_attribute.h"
#include "meta/quota.h"
#include "meta/version.h"

void upload_row_release(struct upload_row *row)
{
    store_value_release(&row->value);
}

enum status upload_load(const struct store_view *view, uint32_t bucket, struct bytes key, const struct upload_id *id,
                        struct upload_row *row)
{
    struct row_key row_key;

    *row = (struct upload_row){0};
    row_key_upload(&row_key, bucket, key, id);
    enum status status = store_get(view, STORE_UPLOADS, row_key_bytes(&row_key), &row->value);
    if (!status)
        status = upload_record_decode(store_value_bytes(&row->value), &row->record);
    if (status)
        upload_row_release(row);
    return status;
}

enum status upload_name(const struct meta_upload *upload, struct upload_id *id)
{
    if (object_key_check(upload->key) || upload_id_parse(bytes_from_str(upload->id), id))
        return STATUS_NOT_FOUND;
    return STATUS_OK;
}

/* ---- create and get ------------------------------------------------------------------------------------------- */

struct upload_op {
    struct commit_op op;
    struct meta_upload *create;
    const struct meta_upload *upload;
    struct upload_id id;
    struct meta_part *part;
    const struct chunk_list *chunks;
    struct packed_chunks packed;
};

/* A condition that fails already would fail at the Complete: better before the parts are sent. */
static enum status upload_create_check(struct txn *txn, const struct bucket_entry *bucket,
                                       const struct meta_upload *upload)
{
    struct version_head head;

    enum status status = version_latest_head(&txn->view, upload->bucket, upload->key, bucket->staged.versioned, &head);
    if (status && status != STATUS_NOT_FOUND)
        return status;
    return version_condition_check(&upload->condition, status ? NULL : &head);
}

static void upload_write(struct txn *txn, const struct meta_upload *upload, const struct upload_id *id,
                         struct bytes attributes)
{
    const struct upload_record record = {.created_ms = upload->created_ms,
                                         .checksum_algorithm = upload->checksum_algorithm,
                                         .checksum_full_object = upload->checksum_full_object,
                                         .storage_class = upload->storage_class,
                                         .headers = upload->headers,
                                         .attributes = attributes,
                                         .condition = upload->condition};
    struct buffer *value = txn_value(txn);
    struct row_key key;

    upload_record_encode(value, &record);
    row_key_upload(&key, upload->bucket, upload->key, id);
    txn_put(txn, STORE_UPLOADS, &key, buffer_bytes(value));
}

static enum status upload_create_prepare(struct commit_op *op, struct txn *txn)
{
    struct meta_upload *upload = ((struct upload_op *)op)->create;
    struct bucket_entry *bucket;
    struct buffer attributes;
    struct upload_id id;

    enum status status = txn_bucket(txn, upload->bucket, &bucket);
    if (!status)
        status = upload_create_check(txn, bucket, upload);
    if (status)
        return status;
    put_u64(id.bytes, txn->state.sequence);
    random_bytes(id.bytes + 8, UPLOAD_ID_BYTES - 8);
    upload_id_format(&id, upload->id);
    upload->created_ms = txn->now_ms;
    upload->has_version = bucket->staged.versioned && !bucket->staged.suspended;
    buffer_init(&attributes, META_ATTRIBUTES_BYTES_MAX);
    status =
        own_attribute_write(upload->attributes, &(struct own_attribute){.has_id = upload->has_version}, &attributes);
    if (!status)
        upload_write(txn, upload, &id, buffer_bytes(&attributes));
    buffer_release(&attributes);
    return status;
}

enum status meta_upload_create(struct meta *meta, struct meta_upload *upload)
{
    struct upload_op op = {.op.prepare = upload_create_prepare, .create = upload};

    enum status status = object_key_check(upload->key);
    CHECK(meta_attributes_check(upload->attributes) == STATUS_OK);
    if (!status && upload->headers.len > META_HEADERS_MAX)
        status = STATUS_LIMIT;
    return status ? status : commit_run(meta, &op.op);
}

struct upload_storage {
    struct upload_row row;
    char key[];
};

struct upload_get {
    struct meta *meta;
    uint32_t bucket;
    struct bytes key;
    struct upload_id id;
    struct upload_row row;
    enum status status;
};

static void upload_get_run(void *arg)
{
    struct upload_get *get = arg;
    struct store_view view = meta_view(get->meta);
    get->status = upload_load(&view, get->bucket, get->key, &get->id, &get->row);
}

enum status meta_upload_get(struct meta *meta, uint32_t bucket, struct bytes key, struct bytes id,
                            struct meta_upload *upload)
{
    struct upload_get get = {.meta = meta, .bucket = bucket, .key = key};

    *upload = (struct meta_upload){0};
    if (object_key_check(key) || upload_id_parse(id, &get.id))
        return STATUS_NOT_FOUND;
    pool_run(meta->pool, upload_get_run, &get);
    if (get.status)
        return damage_of_row(get.status, "read an upload");
    struct own_attribute own;
    get.status = own_attribute_read(get.row.record.attributes, &own);
    if (get.status) {
        upload_row_release(&get.row);
        return damage_of_row(get.status, "read an upload");
    }
    struct upload_storage *storage = mem_alloc(sizeof(*storage) + key.len);
    storage->row = get.row;
    memcpy(storage->key, key.data, key.len);
    *upload = (struct meta_upload){.bucket = bucket,
                                   .key = bytes_of(storage->key, key.len),
                                   .headers = get.row.record.headers,
                                   .attributes = get.row.record.attributes,
                                   .checksum_algorithm = get.row.record.checksum_algorithm,
                                   .checksum_full_object = get.row.record.checksum_full_object,
                                   .storage_class = get.row.record.storage_class,
                                   .condition = get.row.record.condition,
                                   .created_ms = get.row.record.created_ms,
                                   .has_version = own.has_id,
                                   .storage = storage};
    upload_id_format(&get.id, upload->id);
    return STATUS_OK;
}

void meta_upload_release(struct meta_upload *upload)
{
    struct upload_storage *storage = upload->storage;
    if (storage)
        upload_row_release(&storage->row);
    free(storage);
    *upload = (struct meta_upload){0};
}

/* ---- parts ---------------------------------------------------------------------------------------------------- */

static enum status part_load(const struct store_view *view, const struct row_key *key, struct store_value *value,
                             struct part_record *record)
{
    enum status status = store_get(view, STORE_PARTS, row_key_bytes(key), value);
    return status ? status : part_record_decode(store_value_bytes(value), record);
}

static enum status part_put_prepare(struct commit_op *op, struct txn *txn)
{
    struct upload_op *put = (struct upload_op *)op;
    struct upload_row row;
    struct store_value replaced = {0};
    struct bucket_entry *bucket;
    struct part_record record;
    struct row_key key;

    enum status status = txn_bucket(txn, put->upload->bucket, &bucket);
    if (status)
        return status;
    status = upload_load(&txn->view, put->upload->bucket, put->upload->key, &put->id, &row);
    if (status)
        return status;
    bool sealed = meta_attributes_sealed(row.record.attributes);
    upload_row_release(&row);
    if (sealed != put->part->seal.sealed)
        return STATUS_INVALID;
    row_key_part(&key, &put->id, put->part->number);
    status = part_load(&txn->view, &key, &replaced, &record);
    if (!status) {
        gc_queue_chunks(txn, &record.chunks);
        txn->bucket.upload_bytes -= (int64_t)record.part.size;
    }
    store_value_release(&replaced);
    if (status && status != STATUS_NOT_FOUND)
        return status;
    txn->bucket.upload_bytes += (int64_t)put->part->size;
    status = quota_check(txn);
    if (status)
        return status;

    put->part->modified_ms = txn->now_ms;
    record = (struct part_record){.part = *put->part, .chunks = put->packed};
    struct buffer *value = txn_value(txn);
    part_record_encode(value, &record);
    txn_put(txn, STORE_PARTS, &key, buffer_bytes(value));
    chunk_rows_add(txn, put->chunks);
    return STATUS_OK;
}

enum status meta_part_put(struct meta *meta, const struct meta_upload *upload, struct meta_part *part,
                          const struct chunk_list *chunks)
{
    struct upload_op put = {.op.prepare = part_put_prepare, .upload = upload, .part = part, .chunks = chunks};

    if (part->number < 1 || part->number > META_PART_MAX)
        return STATUS_INVALID;
    enum status status = upload_name(upload, &put.id);
    if (!status)
        status = chunk_list_check(chunks, block_seal_stored_size(part->size, part->seal.sealed));
    return status ? status : chunk_list_commit(meta, &put.op, chunks, &put.packed);
}

struct part_list {
    struct meta *meta;
    const struct meta_upload *upload;
    struct upload_id id;
    unsigned after, max;
    struct meta_part *parts;
    size_t count;
    bool truncated;
    enum status status;
};

static enum status part_list_walk(struct part_list *list, const struct store_view *view)
{
    struct row_key lower, upper, first;
    struct store_iterator it;
    enum status status = STATUS_OK;
    size_t capacity = 0;

    row_key_part_bounds(&lower, &upper, &list->id);
    row_key_part(&first, &list->id, list->after + 1);
    store_iterator_open(&it, view, STORE_PARTS, row_key_bytes(&lower), row_key_bytes(&upper));
    for (store_iterator_seek(&it, row_key_bytes(&first)); store_iterator_valid(&it); store_iterator_next(&it)) {
        struct part_record record;
        unsigned number;
        if (list->count == list->max) {
            list->truncated = list->max > 0;
            break;
        }
        status = row_key_part_parse(store_iterator_key(&it), &number);
        if (!status)
            status = part_record_decode(store_iterator_value(&it), &record);
        if (status)
            break;
        if (list->count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            list->parts = mem_realloc(list->parts, capacity * sizeof(*list->parts));
        }
        record.part.number = number;
        list->parts[list->count++] = record.part;
    }
    if (!status)
        status = store_iterator_status(&it);
    store_iterator_close(&it);
    return status;
}

static void part_list_run(void *arg)
{
    struct part_list *list = arg;
    struct store_view view = meta_view(list->meta);
    struct upload_row row;

    list->status = upload_load(&view, list->upload->bucket, list->upload->key, &list->id, &row);
    if (list->status)
        return;
    upload_row_release(&row);
    if (list->after < META_PART_MAX)
        list->status = part_list_walk(list, &view);
}

enum status meta_part_list(struct meta *meta, const struct meta_upload *upload, unsigned after, unsigned max,
                           struct meta_part **parts, size_t *count, bool *truncated)
{
    struct part_list list = {.meta = meta, .upload = upload, .after = after, .max = max};

    list.status = upload_name(upload, &list.id);
    if (!list.status)
        pool_run(meta->pool, part_list_run, &list);
    list.status = damage_of_row(list.status, "list parts");
    if (!list.status)
        list.status = settle_wait_durable(&meta->settle);
    if (list.status) {
        free(list.parts);
        list.parts = NULL;
        list.count = 0;
    }
    *parts = list.parts;
    *count = list.count;
    *truncated = list.truncated;
    return list.status;
}

/* ---- abort ---------------------------------------------------------------------------------------------------- */

struct parts_sum {
    bool any;
    uint64_t bytes, stored_bytes; /* as clients see them, and as they lie on the nodes */
};

/* What of an upload's parts can be read. A damaged one counts for nothing here, whoever asks. */
static enum status parts_sum(const struct store_view *view, const struct upload_id *id, struct parts_sum *sum)
{
    struct row_key lower, upper;
    struct store_iterator it;

    *sum = (struct parts_sum){0};
    row_key_part_bounds(&lower, &upper, id);
    store_iterator_open(&it, view, STORE_PARTS, row_key_bytes(&lower), row_key_bytes(&upper));
    for (store_iterator_first(&it); store_iterator_valid(&it); store_iterator_next(&it)) {
        struct part_record part;
        sum->any = true;
        if (part_record_decode(store_iterator_value(&it), &part) == STATUS_OK) {
            sum->bytes += part.part.size;
            sum->stored_bytes += block_seal_stored_size(part.part.size, part.part.seal.sealed);
        }
    }
    enum status status = store_iterator_status(&it);
    store_iterator_close(&it);
    return status;
}

static enum status upload_count(struct meta *meta, const struct store_view *view, struct bytes row)
{
    struct upload_id id;
    struct bytes key;
    struct parts_sum sum;

    enum status status = row_key_upload_parse(row, &key, &id);
    if (!status)
        status = parts_sum(view, &id, &sum);
    return status ? status : bucket_table_load_upload(&meta->buckets, get_u32(row.data), sum.bytes);
}

void upload_bytes_load(struct meta *meta)
{
    const struct store_view view = {.db = meta->db};
    enum status status = STATUS_OK, first = STATUS_OK;
    struct store_iterator it;

    store_iterator_open(&it, &view, STORE_UPLOADS, BYTES(""), BYTES("\xff"));
    for (store_iterator_first(&it); store_iterator_valid(&it); store_iterator_next(&it)) {
        status = upload_count(meta, &view, store_iterator_key(&it));
        first = first ? first : status;
    }
    status = store_iterator_status(&it);
    store_iterator_close(&it);
    first = first ? first : status;
    if (first)
        log_error("uploads in progress cannot all be counted: quotas see less than there is", LOG_STATUS(first));
}

/* Removes the upload and queues its parts. txn->bucket is its bucket. */
static enum status upload_drop(struct txn *txn, uint32_t bucket, struct bytes key, const struct upload_id *id)
{
    static const struct packed_parts every_part;
    struct row_key upload_key;
    struct parts_sum sum;

    enum status status = parts_sum(&txn->view, id, &sum);
    if (status)
        return status;
    txn->bucket.upload_bytes -= (int64_t)sum.bytes;
    row_key_upload(&upload_key, bucket, key, id);
    txn_delete(txn, STORE_UPLOADS, &upload_key);
    if (sum.any)
        gc_queue_parts(txn, id, &every_part, sum.stored_bytes);
    return STATUS_OK;
}

enum status upload_drop_some(struct txn *txn, uint32_t bucket, unsigned max, bool *more)
{
    struct row_key *rows;
    unsigned count;

    enum status status = txn_first_rows(txn, STORE_UPLOADS, bucket, max, &rows, &count, more);
    for (unsigned i = 0; i < count && !status; i++) {
        struct upload_id id;
        struct bytes key;
        status = row_key_upload_parse(row_key_bytes(&rows[i]), &key, &id);
        if (!status)
            status = upload_drop(txn, bucket, key, &id);
    }
    free(rows);
    return status;
}

static enum status upload_abort_prepare(struct commit_op *op, struct txn *txn)
{
    struct upload_op *abort_op = (struct upload_op *)op;
    const struct meta_upload *upload = abort_op->upload;
    struct bucket_entry *bucket;
    struct upload_row row;

    enum status status = txn_bucket(txn, upload->bucket, &bucket);
    if (!status)
        status = upload_load(&txn->view, upload->bucket, upload->key, &abort_op->id, &row);
    if (status)
        return status;
    upload_row_release(&row);
    return upload_drop(txn, upload->bucket, upload->key, &abort_op->id);
}

enum status meta_upload_abort(struct meta *meta, const struct meta_upload *upload)
{
    struct upload_op op = {.op.prepare = upload_abort_prepare, .upload = upload};
    enum status status = upload_name(upload, &op.id);
    return status ? status : commit_run(meta, &op.op);
}

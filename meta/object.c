/* Objects: the operations on versions of one key; see meta.h. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "meta/chunk_rows.h"
#include "meta/internal.h"
#include "meta/object_storage.h"
#include "meta/version.h"

enum { DELETE_VERSIONS_MAX = 1000 }; /* in one commit */

void object_take_row(struct meta_object *object, struct version_row *row, bool latest, uint64_t read_sequence)
{
    struct object_storage *storage = mem_alloc(sizeof(*storage));
    storage->row = *row;
    storage->read_sequence = read_sequence;
    *row = (struct version_row){0};
    *object = (struct meta_object){.storage = storage, .headers = storage->row.record.headers};
    version_head_show(&storage->row.record.head, latest, object);
}

void meta_object_release(struct meta_object *object)
{
    struct object_storage *storage = object->storage;
    if (storage)
        version_row_release(&storage->row);
    free(storage);
    *object = (struct meta_object){0};
}

/* ---- put ------------------------------------------------------------------------------------------------------ */

struct object_put {
    struct commit_op op;
    uint32_t bucket;
    struct bytes key;
    struct meta_object *object;
    const struct chunk_list *chunks;
    struct packed_chunks packed;
    const struct meta_condition *condition;
};

static enum status object_put_prepare(struct commit_op *op, struct txn *txn)
{
    struct object_put *put = (struct object_put *)op;
    struct bucket_entry *bucket;
    struct version_head head;
    const struct version_head *previous = &head;

    enum status status = txn_bucket(txn, put->bucket, &bucket);
    if (status)
        return status;
    status = version_latest_head(&txn->view, put->bucket, put->key, bucket->staged.versioned, &head);
    if (status == STATUS_NOT_FOUND)
        previous = NULL;
    else if (status)
        return status;
    status = version_condition_check(put->condition, previous);
    if (status)
        return status;

    struct meta_object *object = put->object;
    struct version_record record = {
        .head = {.size = object->size, .etag_parts = object->etag_parts, .checksum = object->checksum},
        .headers = object->headers,
        .chunks = put->packed,
    };
    memcpy(record.head.etag_md5, object->etag_md5, MD5_LEN);
    status = version_add(txn, bucket, put->key, previous, &record);
    if (status)
        return status;
    chunk_rows_add(txn, put->chunks);
    version_head_show(&record.head, true, object);
    return STATUS_OK;
}

enum status meta_object_put(struct meta *meta, uint32_t bucket, struct bytes key, struct meta_object *object,
                            const struct chunk_list *chunks, const struct meta_condition *condition)
{
    struct object_put put = {.op.prepare = object_put_prepare,
                             .bucket = bucket,
                             .key = key,
                             .object = object,
                             .chunks = chunks,
                             .condition = condition};

    enum status status = object_key_check(key);
    if (!status && object->headers.len > META_HEADERS_MAX)
        status = STATUS_LIMIT;
    if (!status)
        status = chunk_list_check(chunks, object->size);
    return status ? status : chunk_list_commit(meta, &put.op, chunks, &put.packed);
}

/* ---- get ------------------------------------------------------------------------------------------------------ */

struct object_get {
    struct meta *meta;
    uint32_t bucket;
    struct bytes key;
    const struct meta_version *version;
    struct meta_object *object;
    enum status status;
};

static void object_get_from(struct object_get *get, const struct db_view *view)
{
    uint64_t sequence = meta_sequence(get->meta); /* before the read */
    struct version_row row;
    bool latest;

    get->status = version_load_which(view, get->bucket, get->key, get->version, &row, &latest);
    if (!get->status)
        object_take_row(get->object, &row, latest, sequence);
}

static void object_get_run(void *arg)
{
    struct object_get *get = arg;
    struct db_view view = meta_view(get->meta);

    object_get_from(get, &view);
}

enum status meta_object_get(struct meta *meta, uint32_t bucket, struct bytes key, const struct meta_version *version,
                            struct meta_object *object)
{
    struct object_get get = {meta, bucket, key, version, object, STATUS_OK};

    *object = (struct meta_object){0};
    if (object_key_check(key))
        return STATUS_NOT_FOUND;
    /* most objects that are asked for are in memory, and the trip to the pool costs more than the read */
    const struct db_view memory = meta_view_in_memory(meta);
    object_get_from(&get, &memory);
    if (get.status == STATUS_UNAVAILABLE)
        pool_run(meta->pool, object_get_run, &get);
    if (get.status == STATUS_CORRUPT)
        log_error("version record is damaged", LOG_BYTES("key", key));
    return get.status;
}

/* ---- delete --------------------------------------------------------------------------------------------------- */

struct object_delete {
    struct commit_op op;
    uint32_t bucket;
    struct bytes key;
    const struct meta_version *version;
    const struct meta_condition *condition;
    struct meta_deletion *result;
    uint64_t count; /* delete_all */
    bool more;
};

/* A versioned bucket without a version named: a delete marker hides the object. */
static enum status object_delete_mark(struct object_delete *delete, struct txn *txn, struct bucket_entry *bucket)
{
    struct version_head head;
    struct version_record marker = {.head = {.delete_marker = true}};
    struct meta_object shown = {0};
    const struct version_head *previous = &head;

    enum status status = version_latest_head(&txn->view, delete->bucket, delete->key, true, &head);
    if (status == STATUS_NOT_FOUND)
        previous = NULL;
    else if (status)
        return status;
    status = version_condition_check(delete->condition, previous);
    if (!status)
        status = version_add(txn, bucket, delete->key, previous, &marker);
    if (status)
        return status;
    version_head_show(&marker.head, true, &shown);
    delete->result->marker_created = true;
    memcpy(delete->result->version_id, shown.version_id, sizeof(shown.version_id));
    return STATUS_OK;
}

static enum status object_delete_version(struct object_delete *delete, struct txn *txn)
{
    struct version_row row;
    struct meta_object shown = {0};
    bool latest;

    enum status status = version_load_which(&txn->view, delete->bucket, delete->key, delete->version, &row, &latest);
    if (status)
        return status;
    status = version_condition_check(delete->condition, &row.record.head);
    if (!status)
        status = version_remove(txn, delete->bucket, delete->key, &row.record, latest);
    version_head_show(&row.record.head, latest, &shown);
    version_row_release(&row);
    if (status)
        return status;
    delete->result->removed = true;
    delete->result->marker_removed = shown.delete_marker;
    memcpy(delete->result->version_id, shown.version_id, sizeof(shown.version_id));
    return STATUS_OK;
}

static enum status object_delete_prepare(struct commit_op *op, struct txn *txn)
{
    struct object_delete *delete = (struct object_delete *)op;
    bool named = delete->version && (delete->version->id.data || delete->version->number);
    struct bucket_entry *bucket;

    enum status status = txn_bucket(txn, delete->bucket, &bucket);
    if (status)
        return status;
    if (!named && bucket->staged.versioned)
        return object_delete_mark(delete, txn, bucket);
    status = object_delete_version(delete, txn);
    if (status == STATUS_NOT_FOUND && !named)
        status = version_condition_check(delete->condition, NULL);
    return status;
}

enum status meta_object_delete(struct meta *meta, uint32_t bucket, struct bytes key, const struct meta_version *version,
                               const struct meta_condition *condition, struct meta_deletion *result)
{
    struct object_delete delete = {.op.prepare = object_delete_prepare,
                                   .bucket = bucket,
                                   .key = key,
                                   .version = version,
                                   .condition = condition,
                                   .result = result};
    *result = (struct meta_deletion){0};
    enum status status = object_key_check(key);
    return status ? status : commit_run(meta, &delete.op);
}

static enum status object_delete_all_prepare(struct commit_op *op, struct txn *txn)
{
    struct object_delete *delete = (struct object_delete *)op;
    struct bucket_entry *bucket;

    enum status status = txn_bucket(txn, delete->bucket, &bucket);
    if (status)
        return status;
    return version_remove_oldest(txn, delete->bucket, delete->key, DELETE_VERSIONS_MAX, &delete->count, &delete->more);
}

enum status meta_object_delete_all(struct meta *meta, uint32_t bucket, struct bytes key, uint64_t *count)
{
    struct object_delete delete = {.op.prepare = object_delete_all_prepare, .bucket = bucket, .key = key, .more = true};

    enum status status = object_key_check(key);
    while (!status && delete.more) /* oldest first, so that the latest stays what it is until the end */
        status = commit_run(meta, &delete.op);
    *count = delete.count;
    return status;
}

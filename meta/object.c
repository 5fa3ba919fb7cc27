/* Objects: putting and getting versions of one key; see meta.h. Deleting is object_delete.c's. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "meta/annotation_rows.h"
#include "meta/chunk_rows.h"
#include "meta/internal.h"
#include "meta/object_storage.h"
#include "meta/own_attribute.h"
#include "meta/quota.h"
#include "meta/version.h"

void object_take_row(struct reader_registry *registry, struct meta_object *object, struct version_row *row, bool latest,
                     uint64_t sequence)
{
    struct object_storage *storage = mem_zalloc(sizeof(*storage));
    storage->row = *row;
    *row = (struct version_row){0};
    reader_begin(registry, &storage->reader, &storage->row.record, sequence);
    *object = (struct meta_object){
        .storage = storage, .headers = storage->row.record.headers, .attributes = storage->row.record.attributes};
    version_head_show(&storage->row.record.head, latest, object);
}

void meta_object_release(struct meta_object *object)
{
    struct object_storage *storage = object->storage;
    if (storage) {
        reader_end(&storage->reader);
        version_row_release(&storage->row);
        store_value_release(&storage->beside);
    }
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
    struct buffer attributes;

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
        .head = {.size = object->size,
                 .etag_parts = object->etag_parts,
                 .checksum = object->checksum,
                 .storage_class = object->storage_class},
        .headers = object->headers,
        .attributes = object->attributes,
        .chunks = put->packed,
    };
    memcpy(record.head.etag_md5, object->etag_md5, MD5_LEN);
    buffer_init(&attributes, META_ATTRIBUTES_BYTES_MAX);
    status = annotations_announce(txn, object->annotations, &record, &attributes);
    if (!status)
        status = version_add(txn, bucket, put->key, previous, &record);
    if (!status)
        status = annotations_add(txn, object->annotations, &record);
    buffer_release(&attributes);
    if (!status)
        status = quota_check(txn);
    if (!status)
        status = outbox_add(txn, object->outbox, put->bucket, put->key, &record.head);
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
    CHECK(meta_attributes_check(object->attributes) == STATUS_OK);
    if (!status && object->headers.len > META_HEADERS_MAX)
        status = STATUS_LIMIT;
    if (!status)
        status =
            chunk_list_check(chunks, block_seal_stored_size(object->size, meta_attributes_sealed(object->attributes)));
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

static void object_get_from(struct object_get *get, const struct store_view *view)
{
    struct reader_registry *registry = &get->meta->readers;
    uint64_t sequence = meta_sequence(get->meta); /* before the read */
    struct version_row row;
    struct lookup lookup;
    bool latest;

    lookup_begin(registry, &lookup, sequence);
    get->status = version_load_which(view, get->bucket, get->key, get->version, &row, &latest);
    if (!get->status)
        object_take_row(registry, get->object, &row, latest, sequence);
    lookup_end(registry, &lookup);
}

/* Waits for what the answer depends on. */
static enum status object_get_settle(struct object_get *get)
{
    struct settle *settle = &get->meta->settle;

    struct own_attribute own = {0};

    if (!get->status)
        get->status = own_attribute_read(get->object->attributes, &own);
    if (get->status && get->status != STATUS_NOT_FOUND) {
        meta_object_release(get->object);
        return get->status;
    }
    uint64_t committed = own.committed ? own.committed : get->object->sequence;
    enum status status = get->status ? settle_wait_durable(settle) : settle_wait(settle, SETTLE_OUTCOME, committed);
    if (status && !get->status)
        meta_object_release(get->object);
    return status ? status : get->status;
}

static void object_get_run(void *arg)
{
    struct object_get *get = arg;
    struct store_view view = meta_view(get->meta);

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
    const struct store_view memory = meta_view_in_memory(meta);
    object_get_from(&get, &memory);
    if (get.status == STATUS_UNAVAILABLE)
        pool_run(meta->pool, object_get_run, &get);
    get.status = object_get_settle(&get);
    if (get.status == STATUS_NOT_FOUND && version_absence(version, false) == STATUS_INVALID &&
        bucket_table_is_unversioned(&meta->buckets, bucket))
        return STATUS_INVALID;
    return damage_of_row(get.status, "read a version");
}

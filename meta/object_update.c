/* Changing the attributes and the class of a version where it is; see meta.h. */
#include "base/check.h"
#include "meta/internal.h"
#include "meta/version.h"

struct object_update {
    struct commit_op op;
    uint32_t bucket;
    struct bytes key;
    const struct meta_version *version;
    const struct meta_object_update *update;
    struct meta_object *object;
};

/* Whether the version is one that the caller wants to change, and as it expects it. */
static enum status update_check(const struct meta_object_update *update, const struct bucket_entry *bucket,
                                const struct version_head *head, const struct meta_object *object)
{
    if (head->delete_marker)
        return STATUS_CONFLICT;
    if (update->sequence && update->sequence != head->sequence)
        return STATUS_PRECONDITION;
    enum status status = version_condition_check(update->condition, head);
    if (!status && update->check)
        status = update->check(update->arg, &bucket->staged, bucket->settings_staged, object);
    return status;
}

/* The class is in the row that listings read, too. */
static void update_class(struct txn *txn, const struct object_update *update, struct version_record *record,
                         bool latest)
{
    record->head.storage_class = *update->update->storage_class;
    if (latest)
        version_current_rewrite(txn, update->bucket, update->key, &record->head);
}

static enum status update_write(struct txn *txn, const struct object_update *update, struct version_record *record,
                                bool latest)
{
    const uint8_t *storage_class = update->update->storage_class;
    bool moves = storage_class && *storage_class != record->head.storage_class;
    struct buffer attributes;

    buffer_init(&attributes, META_ATTRIBUTES_BYTES_MAX);
    enum status status =
        meta_attributes_pack(record->attributes, update->update->changes, update->update->count, &attributes);
    if (!status && meta_attributes_sealed(buffer_bytes(&attributes)) != meta_attributes_sealed(record->attributes))
        status = STATUS_INVALID;
    if (!status && moves)
        update_class(txn, update, record, latest);
    if (!status && (moves || !bytes_equal(buffer_bytes(&attributes), record->attributes))) {
        record->attributes = buffer_bytes(&attributes);
        version_rewrite(txn, update->bucket, update->key, record);
        status = outbox_add(txn, update->update->outbox, update->bucket, update->key, &record->head);
    }
    buffer_release(&attributes);
    return status;
}

static enum status object_update_prepare(struct commit_op *op, struct txn *txn)
{
    struct object_update *update = (struct object_update *)op;
    struct bucket_entry *bucket;
    struct version_row row;
    bool latest;

    enum status status = txn_bucket(txn, update->bucket, &bucket);
    if (status)
        return status;
    status = version_load_which(&txn->view, update->bucket, update->key, update->version, &row, &latest);
    if (status == STATUS_NOT_FOUND)
        status = version_absence(update->version, bucket->staged.versioned);
    if (status)
        return status;
    struct meta_object object = {.headers = row.record.headers, .attributes = row.record.attributes};
    version_head_show(&row.record.head, latest, &object);
    status = update_check(update->update, bucket, &row.record.head, &object);
    if (!status)
        status = update_write(txn, update, &row.record, latest);
    object.headers = object.attributes = (struct bytes){0};
    *update->object = object;
    version_row_release(&row);
    return status;
}

enum status meta_object_update(struct meta *meta, uint32_t bucket, struct bytes key, const struct meta_version *version,
                               const struct meta_object_update *update, struct meta_object *object)
{
    struct object_update op = {.op.prepare = object_update_prepare,
                               .bucket = bucket,
                               .key = key,
                               .version = version,
                               .update = update,
                               .object = object};

    for (size_t i = 0; i < update->count; i++)
        CHECK(update->changes[i].kind != META_ATTRIBUTE_OWN);
    *object = (struct meta_object){0};
    return object_key_check(key) ? STATUS_NOT_FOUND : commit_run(meta, &op.op);
}

/* Creating and deleting buckets, and their versioning; see meta.h. */
#include <string.h>

#include "meta/internal.h"
#include "meta/name.h"
#include "meta/setting_rows.h"
#include "meta/upload.h"

enum { DROP_UPLOADS_MAX = 256, DROP_NAMES_MAX = 1024 }; /* in one commit */

struct bucket_op {
    struct commit_op op;
    struct bytes name;
    struct meta_bucket bucket; /* to create */
    struct settings_change settings;
    uint32_t id; /* to delete; 0: whichever has the name */
    bool more;   /* delete: uploads or names are left */
};

static enum status bucket_row_get(const struct store_view *view, struct bytes name, struct meta_bucket *bucket)
{
    struct store_value value = {0};
    enum status status = store_get(view, STORE_BUCKETS, name, &value);
    if (!status)
        status = bucket_record_decode(store_value_bytes(&value), bucket);
    store_value_release(&value);
    return status;
}

static void bucket_row_key(struct row_key *key, struct bytes name)
{
    key->len = name.len;
    memcpy(key->data, name.data, name.len);
}

static enum status bucket_create_prepare(struct commit_op *op, struct txn *txn)
{
    struct bucket_op *create = (struct bucket_op *)op;
    struct meta_bucket existing;
    struct row_key key;

    enum status status = bucket_row_get(&txn->view, create->name, &existing);
    if (status != STATUS_NOT_FOUND)
        return status ? status : STATUS_EXISTS;
    if (txn->state.bucket_next == UINT32_MAX - 1)
        return STATUS_LIMIT;
    create->bucket.id = txn->state.bucket_next++;
    create->bucket.created_ms = txn->now_ms;
    struct buffer *value = txn_value(txn);
    bucket_record_encode(value, &create->bucket);
    bucket_row_key(&key, create->name);
    txn_put(txn, STORE_BUCKETS, &key, buffer_bytes(value));
    txn->bucket.created = create->bucket;
    settings_change_apply(&create->settings, txn, create->bucket.id, NULL);
    return STATUS_OK;
}

enum status meta_bucket_create(struct meta *meta, struct bytes name, bool versioned, struct bytes region,
                               const struct meta_settings_update *settings)
{
    struct bucket_op create = {.op.prepare = bucket_create_prepare, .name = name, .bucket = {.versioned = versioned}};

    if (name.len == 0 || name.len > META_BUCKET_MAX || memchr(name.data, '\0', name.len))
        return STATUS_INVALID;
    if (region.len >= sizeof(create.bucket.region) || (region.len > 0 && memchr(region.data, '\0', region.len)))
        return STATUS_INVALID;
    memcpy(create.bucket.name, name.data, name.len);
    if (region.len > 0)
        memcpy(create.bucket.region, region.data, region.len);
    enum status status = settings_change_init(&create.settings, meta, settings);
    if (!status)
        status = commit_run(meta, &create.op);
    settings_change_release(&create.settings);
    return status;
}

static enum status versioning_prepare(struct commit_op *op, struct txn *txn)
{
    struct bucket_op *set = (struct bucket_op *)op;
    const struct meta_settings_update *settings = set->settings.update;
    const struct meta_guard *guard = txn->meta->guard;
    struct bucket_entry *bucket;
    struct row_key key;

    enum status status = txn_bucket(txn, set->bucket.id, &bucket);
    if (!status && set->bucket.suspended && guard && guard->suspension)
        status = guard->suspension(guard->arg, &bucket->staged, bucket->settings_staged);
    if (!status && settings && settings->check)
        status = settings->check(settings->arg, &bucket->staged, bucket->settings_staged);
    if (status)
        return status;
    txn->bucket.versioning_changed = true;
    txn->bucket.suspended = set->bucket.suspended;
    struct buffer *value = txn_value(txn); /* whose place the row takes that the whole group writes in the end */
    bucket_record_encode(value, &bucket->staged);
    bucket_row_key(&key, bytes_from_str(bucket->staged.name));
    txn_put(txn, STORE_BUCKETS, &key, buffer_bytes(value));
    settings_change_apply(&set->settings, txn, bucket->staged.id, bucket->settings_staged);
    return STATUS_OK;
}

enum status meta_bucket_set_versioning(struct meta *meta, uint32_t bucket, bool suspended,
                                       const struct meta_settings_update *settings)
{
    struct bucket_op set = {.op.prepare = versioning_prepare, .bucket = {.id = bucket, .suspended = suspended}};

    enum status status = settings_change_init(&set.settings, meta, settings);
    if (!status)
        status = commit_run(meta, &set.op);
    settings_change_release(&set.settings);
    return status;
}

enum status meta_bucket_get(struct meta *meta, struct bytes name, struct meta_bucket *out)
{
    return bucket_table_get(&meta->buckets, name, out, NULL);
}

void meta_bucket_list(struct meta *meta, struct meta_bucket **buckets, size_t *count)
{
    bucket_table_list(&meta->buckets, buckets, count);
}

static enum status bucket_delete_prepare(struct commit_op *op, struct txn *txn)
{
    struct bucket_op *delete = (struct bucket_op *)op;
    struct meta_bucket existing;
    struct bucket_entry *bucket;
    struct row_key key;

    enum status status = bucket_row_get(&txn->view, delete->name, &existing);
    if (!status && delete->id && delete->id != existing.id)
        status = STATUS_NOT_FOUND;
    if (!status)
        status = txn_bucket(txn, existing.id, &bucket);
    if (status)
        return status;
    if (bucket->staged.versions > 0)
        return STATUS_NOT_EMPTY;
    status = upload_drop_some(txn, bucket->staged.id, DROP_UPLOADS_MAX, &delete->more);
    if (!status && !delete->more)
        status = name_drop_some(txn, bucket->staged.id, DROP_NAMES_MAX, &delete->more);
    if (status || delete->more)
        return status;
    bucket_row_key(&key, delete->name);
    txn_delete(txn, STORE_BUCKETS, &key);
    setting_rows_drop(txn, bucket->staged.id, bucket->settings_staged);
    txn->bucket.deleted = true;
    return STATUS_OK;
}

enum status meta_bucket_delete_this(struct meta *meta, struct bytes name, uint32_t bucket)
{
    struct bucket_op delete = {.op.prepare = bucket_delete_prepare, .name = name, .id = bucket, .more = true};
    enum status status = name.len == 0 || name.len > META_BUCKET_MAX ? STATUS_NOT_FOUND : STATUS_OK;

    while (!status && delete.more)
        status = commit_run(meta, &delete.op);
    return status;
}

enum status meta_bucket_delete(struct meta *meta, struct bytes name)
{
    return meta_bucket_delete_this(meta, name, 0);
}

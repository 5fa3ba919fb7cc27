/* Settings of buckets: loading them, and changing them in a commit; see bucket_settings.h. */
#include "meta/bucket_settings.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "meta/internal.h"
#include "meta/setting_rows.h"

/* ---- at the start --------------------------------------------------------------------------------------------- */

static enum status row_load(struct meta *meta, struct bytes row, struct bytes record)
{
    struct bytes document;
    struct setting *setting;
    uint32_t bucket;
    uint8_t number;

    enum status status = row_key_setting_parse(row, &bucket, &number);
    if (!status)
        status = setting_record_decode(record, &document);
    if (status) {
        log_error("setting of a bucket is damaged", LOG_STATUS(status));
        return status;
    }
    const struct meta_setting_kind *kind = setting_kind_find(&meta->setting_kinds, number);
    if (!kind) {
        log_error("a bucket has a setting that this build does not know, and must not pass over: use the build that "
                  "stored it, or a later one",
                  LOG_INT("kind", number), LOG_INT("bucket", bucket));
        return STATUS_INVALID;
    }
    status = setting_create(kind, document, &setting);
    if (status) {
        log_error("setting of a bucket cannot be used: what needs it fails until it is replaced",
                  LOG_STR("setting", kind->name), LOG_INT("bucket", bucket), LOG_STATUS(status));
        setting = setting_create_unusable(kind, document);
    }
    status = bucket_table_load_setting(&meta->buckets, bucket, number, setting);
    setting_release(setting);
    if (status)
        log_error("setting belongs to no bucket", LOG_STR("setting", kind->name), LOG_INT("bucket", bucket));
    return status ? STATUS_CORRUPT : STATUS_OK;
}

enum status setting_rows_load(struct meta *meta)
{
    const struct store_view view = {.db = meta->db};
    struct store_iterator it;
    enum status status = STATUS_OK;

    store_iterator_open(&it, &view, STORE_SETTINGS, BYTES(""), BYTES("\xff"));
    for (store_iterator_first(&it); !status && store_iterator_valid(&it); store_iterator_next(&it))
        status = row_load(meta, store_iterator_key(&it), store_iterator_value(&it));
    if (!status)
        status = store_iterator_status(&it);
    store_iterator_close(&it);
    return status;
}

/* ---- changes -------------------------------------------------------------------------------------------------- */

static enum status change_parse(const struct meta_setting_kinds *kinds, const struct meta_setting_change *change,
                                struct setting **setting)
{
    const struct meta_setting_kind *kind = setting_kind_find(kinds, change->kind);

    CHECK(kind);
    if (!change->document.data)
        return STATUS_OK;
    CHECK(kind->bytes_max <= META_SETTING_BYTES_MAX);
    if (change->document.len > kind->bytes_max)
        return STATUS_LIMIT;
    return setting_create(kind, change->document, setting);
}

enum status settings_change_init(struct settings_change *change, const struct meta *meta,
                                 const struct meta_settings_update *update)
{
    enum status status = STATUS_OK;

    *change = (struct settings_change){0};
    if (!update)
        return STATUS_OK;
    change->update = update;
    change->settings = mem_zalloc(update->count * sizeof(struct setting *));
    for (size_t i = 0; i < update->count && !status; i++)
        status = change_parse(&meta->setting_kinds, &update->changes[i], &change->settings[i]);
    return status;
}

void settings_change_release(struct settings_change *change)
{
    for (size_t i = 0; change->settings && i < change->update->count; i++)
        setting_release(change->settings[i]);
    free(change->settings);
    *change = (struct settings_change){0};
}

static void row_put(struct txn *txn, uint32_t bucket, uint8_t kind, const struct setting *setting)
{
    struct row_key key;

    row_key_setting(&key, bucket, kind);
    if (setting) {
        struct buffer *value = txn_value(txn);
        setting_record_encode(value, setting_document(setting));
        txn_put(txn, STORE_SETTINGS, &key, buffer_bytes(value));
    } else {
        txn_delete(txn, STORE_SETTINGS, &key);
    }
}

void settings_change_apply(const struct settings_change *change, struct txn *txn, uint32_t bucket,
                           const struct meta_settings *before)
{
    struct meta_settings *after = NULL;

    for (size_t i = 0; change->update && i < change->update->count; i++) {
        uint8_t kind = change->update->changes[i].kind;
        struct meta_settings *with = settings_with(i ? after : before, kind, change->settings[i]);
        row_put(txn, bucket, kind, change->settings[i]);
        meta_settings_release(after);
        after = with;
    }
    txn->bucket.settings_changed = change->update && change->update->count > 0;
    txn->bucket.settings = after;
}

void setting_rows_drop(struct txn *txn, uint32_t bucket, const struct meta_settings *settings)
{
    uint8_t kinds[META_SETTING_KIND_MAX];
    unsigned count = settings_kinds(settings, kinds);

    for (unsigned i = 0; i < count; i++)
        row_put(txn, bucket, kinds[i], NULL);
}

struct settings_op {
    struct commit_op op;
    uint32_t bucket;
    struct settings_change change;
};

static enum status settings_update_prepare(struct commit_op *op, struct txn *txn)
{
    struct settings_op *update = (struct settings_op *)op;
    const struct meta_settings_update *asked = update->change.update;
    struct bucket_entry *bucket;

    enum status status = txn_bucket(txn, update->bucket, &bucket);
    if (!status && asked && asked->check)
        status = asked->check(asked->arg, &bucket->staged, bucket->settings_staged);
    if (!status)
        settings_change_apply(&update->change, txn, bucket->staged.id, bucket->settings_staged);
    return status;
}

enum status meta_bucket_settings_update(struct meta *meta, uint32_t bucket, const struct meta_settings_update *update)
{
    struct settings_op op = {.op.prepare = settings_update_prepare, .bucket = bucket};

    enum status status = settings_change_init(&op.change, meta, update);
    if (!status)
        status = commit_run(meta, &op.op);
    settings_change_release(&op.change);
    return status;
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

enum status meta_bucket_load(struct meta *meta, struct bytes name, struct meta_bucket *bucket,
                             struct meta_settings **settings)
{
    *settings = NULL;
    return bucket_table_get(&meta->buckets, name, bucket, settings);
}

/* Renaming an object where its bytes are; see meta.h. Chunks, parts and garbage name no key, so a version goes to
 * another key by its two rows alone, and whoever reads it reads on. */
#include <string.h>

#include "base/check.h"
#include "meta/internal.h"
#include "meta/version.h"

struct object_rename {
    struct commit_op op;
    uint32_t bucket;
    struct meta_rename *rename;
    struct meta_object *object;
};

static struct meta_object shown(const struct version_row *row)
{
    struct meta_object object = {.headers = row->record.headers, .attributes = row->record.attributes};

    version_head_show(&row->record.head, true, &object);
    return object;
}

/* What was renamed to this key last came by the very same request. */
static bool is_repeated(const struct meta_rename *rename, const struct version_row *target)
{
    return target && rename->token && target->record.renamed &&
           memcmp(target->record.rename_token, rename->token, META_RENAME_TOKEN_LEN) == 0;
}

static enum status rename_check(const struct object_rename *op, const struct version_row *source,
                                const struct version_row *target)
{
    const struct meta_rename *rename = op->rename;
    struct meta_object from = shown(source), to = {0};
    struct bytes seal = meta_attributes_seal(from.attributes);

    if (rename->sequence != source->record.head.sequence)
        return STATUS_PRECONDITION;
    if ((seal.data != NULL) != (rename->sealed.data != NULL) || !bytes_equal(seal, rename->sealed_was))
        return STATUS_PRECONDITION;
    if (target)
        to = shown(target);
    return rename->check ? rename->check(rename->arg, &from, target ? &to : NULL) : STATUS_OK;
}

static enum status rename_move(struct object_rename *op, struct txn *txn, const struct version_row *source,
                               const struct version_row *target)
{
    const struct meta_rename *rename = op->rename;
    const struct meta_attribute change = {META_ATTRIBUTE_SEALED, rename->sealed};
    struct version_record record = source->record;
    struct buffer attributes;
    enum status status = STATUS_OK;

    buffer_init(&attributes, META_ATTRIBUTES_BYTES_MAX);
    if (rename->sealed.data) {
        status = meta_attributes_pack(record.attributes, &change, 1, &attributes);
        record.attributes = buffer_bytes(&attributes);
    }
    record.renamed = rename->token != NULL;
    if (rename->token)
        memcpy(record.rename_token, rename->token, META_RENAME_TOKEN_LEN);
    if (!status)
        status = outbox_add(txn, rename->outbox_source, op->bucket, rename->source, &record.head);
    if (!status)
        status = version_move(txn, rename->source, rename->target, target ? &target->record : NULL, &record);
    if (!status)
        status = outbox_add(txn, rename->outbox_target, op->bucket, rename->target, &record.head);
    if (!status)
        version_head_show(&record.head, true, op->object);
    buffer_release(&attributes);
    return status;
}

static enum status rename_found(struct object_rename *op, struct txn *txn, const struct version_row *target)
{
    struct version_row source;

    if (is_repeated(op->rename, target)) {
        op->rename->repeated = true;
        version_head_show(&target->record.head, true, op->object);
        return STATUS_OK;
    }
    enum status status = version_load_latest(&txn->view, op->bucket, op->rename->source, &source);
    if (status)
        return status;
    status = rename_check(op, &source, target);
    if (!status)
        status = rename_move(op, txn, &source, target);
    version_row_release(&source);
    return status;
}

static enum status object_rename_prepare(struct commit_op *commit, struct txn *txn)
{
    struct object_rename *op = (struct object_rename *)commit;
    struct bucket_entry *bucket;
    struct version_row target;

    enum status status = txn_bucket(txn, op->bucket, &bucket);
    op->rename->no_bucket = status == STATUS_NOT_FOUND;
    if (status)
        return status;
    if (bucket->staged.versioned)
        return STATUS_INVALID;
    status = version_load_latest(&txn->view, op->bucket, op->rename->target, &target);
    if (status == STATUS_NOT_FOUND)
        return rename_found(op, txn, NULL);
    if (status)
        return status;
    status = rename_found(op, txn, &target);
    version_row_release(&target);
    return status;
}

enum status meta_object_rename(struct meta *meta, uint32_t bucket, struct meta_rename *rename,
                               struct meta_object *object)
{
    struct object_rename op = {
        .op.prepare = object_rename_prepare, .bucket = bucket, .rename = rename, .object = object};

    *object = (struct meta_object){0};
    rename->repeated = rename->no_bucket = false;
    CHECK(!bytes_equal(rename->source, rename->target));
    if (object_key_check(rename->source))
        return STATUS_NOT_FOUND;
    enum status status = object_key_check(rename->target);
    return status ? status : commit_run(meta, &op.op);
}

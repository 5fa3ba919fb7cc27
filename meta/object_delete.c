/* Deleting objects; see meta.h: one, many at once, or a name with all its versions. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "meta/internal.h"
#include "meta/version.h"

enum { DELETE_VERSIONS_MAX = 1000 }; /* in one commit */

struct object_delete {
    struct commit_op op;
    uint32_t bucket;
    struct bytes key;
    const struct meta_version *version;
    const struct meta_condition *condition;
    struct meta_seen seen;
    const struct meta_outbox_entry *outbox;
    uint32_t permits;
    struct meta_deletion *result;
    uint64_t count; /* delete_all */
    bool more;
};

void meta_seen_attributes(struct meta_seen *seen, struct bytes attributes)
{
    seen->has_attributes = true;
    seen->attributes_crc = crc32c_update(0, attributes.data, attributes.len);
}

static enum status seen_attributes_check(const struct meta_seen *seen, struct bytes attributes)
{
    struct meta_seen now;

    if (!seen->has_attributes)
        return STATUS_OK;
    meta_seen_attributes(&now, attributes);
    return now.attributes_crc == seen->attributes_crc ? STATUS_OK : STATUS_PRECONDITION;
}

/* The same of the latest version, which a marker is to hide. */
static enum status object_delete_may_hide(const struct object_delete *delete, const struct txn *txn,
                                          const struct version_head *head)
{
    struct version_row row;

    if (!head || !delete->seen.has_attributes)
        return STATUS_OK;
    enum status status = version_load(&txn->view, delete->bucket, delete->key, head->sequence, &row);
    if (status)
        return status;
    status = seen_attributes_check(&delete->seen, row.record.attributes);
    version_row_release(&row);
    return status;
}

/* Whether what is addressed may go; head NULL: nothing is there. */
static enum status object_delete_may(const struct object_delete *delete, const struct version_head *head, bool latest)
{
    const struct meta_seen *seen = &delete->seen;

    if (seen->none && head)
        return STATUS_PRECONDITION;
    if (seen->sequence && (!head || head->sequence != seen->sequence || (!seen->anywhere && latest != seen->latest)))
        return STATUS_PRECONDITION;
    return version_condition_check(delete->condition, head);
}

/* A versioned bucket without a version named: a delete marker hides the object. */
static enum status object_delete_mark(struct object_delete *delete, struct txn *txn, struct bucket_entry *bucket)
{
    struct version_head head;
    struct version_record marker = {.head = {.delete_marker = true}};
    struct meta_object shown = {0};
    const struct version_head *previous = &head;

    txn->permits = 0; /* they are for a version that is named, and none that goes for the marker is */
    enum status status = version_latest_head(&txn->view, delete->bucket, delete->key, true, &head);
    if (status == STATUS_NOT_FOUND)
        previous = NULL;
    else if (status)
        return status;
    status = object_delete_may(delete, previous, true);
    if (!status)
        status = object_delete_may_hide(delete, txn, previous);
    if (!status)
        status = version_add(txn, bucket, delete->key, previous, &marker);
    if (!status)
        status = outbox_add(txn, delete->outbox, delete->bucket, delete->key, &marker.head);
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
    if (status == STATUS_NOT_FOUND && delete->version && delete->version->id.data)
        memcpy(delete->result->version_id, delete->version->id.data, delete->version->id.len); /* it was checked */
    if (status)
        return status;
    status = object_delete_may(delete, &row.record.head, latest);
    if (!status)
        status = seen_attributes_check(&delete->seen, row.record.attributes);
    if (!status)
        status = version_remove(txn, delete->bucket, delete->key, &row.record, latest);
    if (!status)
        status = outbox_add(txn, delete->outbox, delete->bucket, delete->key, &row.record.head);
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

    txn->permits = delete->permits;
    enum status status = txn_bucket(txn, delete->bucket, &bucket);
    delete->result->no_bucket = status == STATUS_NOT_FOUND;
    if (status)
        return status;
    delete->result->versioned = bucket->staged.versioned;
    if (!named && bucket->staged.versioned)
        return object_delete_mark(delete, txn, bucket);
    status = object_delete_version(delete, txn);
    if (status == STATUS_NOT_FOUND)
        status = version_absence(delete->version, bucket->staged.versioned);
    if (status == STATUS_NOT_FOUND && !named)
        status = object_delete_may(delete, NULL, true);
    return status;
}

/* What can be said of a deletion before the commit. */
static enum status object_delete_check(const struct object_delete *delete)
{
    enum status status = object_key_check(delete->key);

    if (!status && delete->version && delete->version->id.data)
        status = version_id_check(delete->version->id);
    return status;
}

enum status meta_object_delete(struct meta *meta, uint32_t bucket, struct bytes key, const struct meta_version *version,
                               const struct meta_condition *condition, const struct meta_outbox_entry *outbox,
                               struct meta_deletion *result)
{
    struct object_delete delete = {.op.prepare = object_delete_prepare,
                                   .bucket = bucket,
                                   .key = key,
                                   .version = version,
                                   .condition = condition,
                                   .outbox = outbox,
                                   .result = result};
    *result = (struct meta_deletion){0};
    enum status status = object_delete_check(&delete);
    return status ? status : commit_run(meta, &delete.op);
}

void meta_objects_delete(struct meta *meta, uint32_t bucket, struct meta_object_deletion *const *deletions,
                         size_t count)
{
    struct object_delete *deletes = mem_zalloc((count ? count : 1) * sizeof(*deletes));
    struct commit_list list = {0};

    for (size_t i = 0; i < count; i++) {
        struct meta_object_deletion *deletion = deletions[i];
        deletion->result = (struct meta_deletion){0};
        deletes[i] = (struct object_delete){.op.prepare = object_delete_prepare,
                                            .bucket = bucket,
                                            .key = deletion->key,
                                            .version = &deletion->version,
                                            .condition = &deletion->condition,
                                            .seen = deletion->seen,
                                            .outbox = deletion->outbox,
                                            .permits = deletion->permits,
                                            .result = &deletion->result};
        deletion->status = object_delete_check(&deletes[i]);
        if (!deletion->status)
            commit_list_add(&list, &deletes[i].op);
    }
    commit_submit(meta, &list);
    for (size_t i = count; i-- > 0;) /* the last one ends last, as a rule, and wakes this once */
        if (!deletions[i]->status)
            deletions[i]->status = commit_wait(meta, &deletes[i].op);
    free(deletes);
}

static enum status object_delete_all_prepare(struct commit_op *op, struct txn *txn)
{
    struct object_delete *delete = (struct object_delete *)op;
    struct bucket_entry *bucket;

    enum status status = txn_bucket(txn, delete->bucket, &bucket);
    if (!status && !bucket->staged.versioned)
        status = STATUS_INVALID;
    if (status)
        return status;
    status =
        version_remove_oldest(txn, delete->bucket, delete->key, DELETE_VERSIONS_MAX, &delete->count, &delete->more);
    if (!status && !delete->more && delete->count > 0) {
        const struct version_head none = {.sequence = txn->state.sequence, .null_version = true};
        status = outbox_add(txn, delete->outbox, delete->bucket, delete->key, &none);
    }
    return status;
}

enum status meta_object_delete_all(struct meta *meta, uint32_t bucket, struct bytes key,
                                   const struct meta_outbox_entry *outbox, uint64_t *count)
{
    struct object_delete delete = {
        .op.prepare = object_delete_all_prepare, .bucket = bucket, .key = key, .outbox = outbox, .more = true};

    enum status status = object_key_check(key);
    while (!status && delete.more) /* oldest first, so that the latest stays what it is until the end */
        status = commit_run(meta, &delete.op);
    *count = delete.count;
    return status;
}

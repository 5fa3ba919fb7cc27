/* Adding and removing versions, in the committer. In every batch: the version's row, the `current` row that listings
 * read (there is one exactly when the latest version is no delete marker), the bucket's counters, and the garbage. */
#include <stdlib.h>

#include "base/check.h"
#include "meta/gc.h"
#include "meta/version.h"

static void current_put(struct txn *txn, uint32_t bucket, struct bytes key, const struct version_head *head)
{
    struct row_key row_key;
    struct buffer *value = txn_value(txn);
    version_head_encode(value, head);
    row_key_current(&row_key, bucket, key);
    txn_put(txn, DB_CURRENT, &row_key, buffer_bytes(value));
    txn->bucket.objects++;
}

static void current_delete(struct txn *txn, uint32_t bucket, struct bytes key)
{
    struct row_key row_key;
    row_key_current(&row_key, bucket, key);
    txn_delete(txn, DB_CURRENT, &row_key);
    txn->bucket.objects--;
}

/* Removes the row and what hangs on it, but does not look at `current`. */
static void version_drop(struct txn *txn, uint32_t bucket, struct bytes key, const struct version_record *record)
{
    struct row_key row_key;
    row_key_version(&row_key, bucket, key, record->head.sequence);
    txn_delete(txn, DB_VERSIONS, &row_key);
    txn->bucket.versions--;
    txn->bucket.bytes -= (int64_t)record->head.size;
    gc_queue_version(txn, record);
}

enum status version_add(struct txn *txn, const struct bucket_entry *bucket, struct bytes key,
                        const struct version_head *previous, struct version_record *record)
{
    struct version_head *head = &record->head;
    uint32_t bucket_id = bucket->staged.id;
    struct version_row replaced = {0};
    struct row_key row_key;

    if (previous && !bucket->staged.versioned) {
        enum status status = version_load(&txn->view, bucket_id, key, previous->sequence, &replaced);
        if (status) /* `current` names a version that is not there */
            return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
        version_drop(txn, bucket_id, key, &replaced.record);
        version_row_release(&replaced);
    }
    head->sequence = txn->state.sequence;
    random_bytes(&head->random, sizeof(head->random));
    head->number = previous ? previous->number + 1 : 1;
    head->modified_ms = previous && previous->modified_ms > txn->now_ms ? previous->modified_ms : txn->now_ms;
    head->null_version = !bucket->staged.versioned;

    struct buffer *value = txn_value(txn);
    version_record_encode(value, record);
    row_key_version(&row_key, bucket_id, key, head->sequence);
    txn_put(txn, DB_VERSIONS, &row_key, buffer_bytes(value));
    txn->bucket.versions++;
    txn->bucket.bytes += (int64_t)head->size;
    if (previous && !previous->delete_marker)
        current_delete(txn, bucket_id, key);
    if (!head->delete_marker)
        current_put(txn, bucket_id, key, head);
    return STATUS_OK;
}

/* The newest version that is left becomes current, unless it is a delete marker. */
static enum status current_restore(struct txn *txn, uint32_t bucket, struct bytes key)
{
    struct row_key lower, upper;
    struct db_iterator it;
    struct version_head head;
    enum status status;

    row_key_version_bounds(&lower, &upper, bucket, key);
    db_iterator_open(&it, &txn->view, DB_VERSIONS, row_key_bytes(&lower), row_key_bytes(&upper));
    db_iterator_first(&it);
    if (db_iterator_valid(&it)) {
        status = version_record_decode_head(db_iterator_value(&it), &head);
        if (!status && !head.delete_marker)
            current_put(txn, bucket, key, &head);
    } else {
        status = db_iterator_status(&it);
    }
    db_iterator_close(&it);
    return status;
}

enum status version_remove(struct txn *txn, uint32_t bucket, struct bytes key, const struct version_record *record,
                           bool latest)
{
    version_drop(txn, bucket, key, record);
    if (!latest)
        return STATUS_OK;
    if (!record->head.delete_marker)
        current_delete(txn, bucket, key);
    return current_restore(txn, bucket, key);
}

enum status version_remove_oldest(struct txn *txn, uint32_t bucket, struct bytes key, unsigned max, uint64_t *count,
                                  bool *more)
{
    uint64_t *sequences = mem_alloc(max * sizeof(*sequences));
    struct row_key lower, upper;
    struct db_iterator it;
    struct version_row row;
    struct version_head latest = {0};
    unsigned found = 0;

    row_key_version_bounds(&lower, &upper, bucket, key);
    db_iterator_open(&it, &txn->view, DB_VERSIONS, row_key_bytes(&lower), row_key_bytes(&upper));
    for (db_iterator_last(&it); db_iterator_valid(&it) && found < max; db_iterator_previous(&it)) {
        struct bytes row_key;
        if (row_key_version_parse(db_iterator_key(&it), &row_key, &sequences[found++]))
            break;
    }
    *more = db_iterator_valid(&it);
    enum status status = db_iterator_status(&it);
    db_iterator_close(&it);
    for (unsigned i = 0; i < found && !status; i++) {
        status = version_load(&txn->view, bucket, key, sequences[i], &row);
        if (status)
            break;
        version_drop(txn, bucket, key, &row.record);
        latest = row.record.head;
        version_row_release(&row);
    }
    if (!status && found > 0 && !*more && !latest.delete_marker)
        current_delete(txn, bucket, key);
    *count += found;
    free(sequences);
    return status;
}

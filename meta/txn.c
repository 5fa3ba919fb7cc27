/* What an operation reads and changes while it prepares; see commit.h. */
#include <string.h>

#include "base/check.h"
#include "meta/internal.h"

void txn_put(struct txn *txn, enum store_family family, const struct row_key *key, struct bytes value)
{
    store_batch_put(txn->view.batch, family, row_key_bytes(key), value);
}

void txn_delete(struct txn *txn, enum store_family family, const struct row_key *key)
{
    store_batch_delete(txn->view.batch, family, row_key_bytes(key));
}

struct buffer *txn_value(struct txn *txn)
{
    buffer_clear(txn->value);
    return txn->value;
}

enum status txn_first_rows(struct txn *txn, enum store_family family, uint32_t bucket, unsigned max,
                           struct row_key **rows, unsigned *count, bool *more)
{
    struct row_key lower, upper, *found = mem_alloc(max * sizeof(*found));
    struct store_iterator it;
    enum status status = STATUS_OK;

    *rows = found;
    *count = 0;
    row_key_prefix(&lower, bucket, BYTES(""));
    upper = lower;
    row_key_step_over(&upper);
    store_iterator_open(&it, &txn->view, family, row_key_bytes(&lower), row_key_bytes(&upper));
    for (store_iterator_first(&it); !status && store_iterator_valid(&it) && *count < max; store_iterator_next(&it)) {
        struct bytes row = store_iterator_key(&it);
        if (row.len > KEY_BYTES_MAX) {
            status = STATUS_CORRUPT;
            continue;
        }
        found[*count].len = row.len;
        memcpy(found[(*count)++].data, row.data, row.len);
    }
    *more = store_iterator_valid(&it);
    if (!status)
        status = store_iterator_status(&it);
    store_iterator_close(&it);
    return status;
}

enum status txn_bucket(struct txn *txn, uint32_t id, struct bucket_entry **bucket)
{
    *bucket = bucket_table_find(&txn->meta->buckets, id);
    txn->bucket.entry = *bucket;
    return *bucket ? STATUS_OK : STATUS_NOT_FOUND;
}

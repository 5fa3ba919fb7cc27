/* Names: their rows, and how these change with the versions; see the header. */
#include "meta/name.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "meta/version.h"

enum status name_load(const struct store_view *view, uint32_t bucket, struct bytes key, struct name_record *name)
{
    struct row_key row_key;
    struct store_value value = {0};

    row_key_current(&row_key, bucket, key);
    enum status status = store_get(view, STORE_NAMES, row_key_bytes(&row_key), &value);
    if (!status)
        status = name_record_decode(store_value_bytes(&value), name);
    store_value_release(&value);
    return status;
}

/* What `current` says of a key without a row in `names`. */
static enum status name_imply(const struct store_view *view, uint32_t bucket, struct bytes key,
                              struct name_record *name)
{
    struct version_head head;

    enum status status = version_latest_head(view, bucket, key, false, &head);
    if (!status && !head.null_version)
        status = STATUS_NOT_FOUND;
    if (!status)
        *name = (struct name_record){.number = head.number,
                                     .versions = 1,
                                     .latest = head.sequence,
                                     .oldest = head.sequence,
                                     .null_version = head.sequence};
    return status;
}

enum status name_find(const struct store_view *view, uint32_t bucket, struct bytes key, struct name_record *name,
                      bool *implied)
{
    enum status status = name_load(view, bucket, key, name);

    *implied = false;
    if (status != STATUS_NOT_FOUND)
        return status;
    status = name_imply(view, bucket, key, name);
    *implied = !status;
    if (status == STATUS_NOT_FOUND && !view->batch) /* unless a commit in between wrote the row */
        status = name_load(view, bucket, key, name);
    return status;
}

enum status name_find_number(const struct store_view *view, uint32_t bucket, struct bytes key, uint64_t number,
                             uint64_t *sequence)
{
    struct row_key row_key;
    struct store_value value = {0};
    struct name_record name;
    bool implied;

    row_key_number(&row_key, bucket, key, number);
    enum status status = store_get(view, STORE_NAMES, row_key_bytes(&row_key), &value);
    if (!status)
        status = number_record_decode(store_value_bytes(&value), sequence);
    store_value_release(&value);
    if (status != STATUS_NOT_FOUND)
        return status;
    status = name_find(view, bucket, key, &name, &implied);
    if (!status && (!implied || name.number != number))
        status = STATUS_NOT_FOUND;
    *sequence = status ? 0 : name.latest;
    return status;
}

static void number_put(struct txn *txn, uint32_t bucket, struct bytes key, uint64_t number, uint64_t sequence)
{
    struct row_key row_key;
    struct buffer *value = txn_value(txn);

    number_record_encode(value, sequence);
    row_key_number(&row_key, bucket, key, number);
    txn_put(txn, STORE_NAMES, &row_key, buffer_bytes(value));
}

void name_put(struct txn *txn, uint32_t bucket, struct bytes key, const struct name_record *name)
{
    struct row_key row_key;
    struct buffer *value = txn_value(txn);

    name_record_encode(value, name);
    row_key_current(&row_key, bucket, key);
    txn_put(txn, STORE_NAMES, &row_key, buffer_bytes(value));
}

enum status name_add_version(struct txn *txn, uint32_t bucket, struct bytes key, struct version_head *head,
                             struct name_record *name, bool implied)
{
    if (implied && name->null_version) /* a number of its own in a row of its own, from now on */
        number_put(txn, bucket, key, name->number, name->null_version);
    head->number = ++name->number;
    if (head->sequence > name->latest)
        name->latest = head->sequence;
    if (name->versions++ == 0 || head->sequence < name->oldest)
        name->oldest = head->sequence;
    if (head->null_version)
        name->null_version = head->sequence;
    name_put(txn, bucket, key, name);
    number_put(txn, bucket, key, head->number, head->sequence);
    return STATUS_OK;
}

/* The version next to that one, which must be there. */
static enum status neighbour(const struct txn *txn, uint32_t bucket, struct bytes key, uint64_t sequence, bool newer,
                             uint64_t *found)
{
    struct row_key lower, upper, at;
    struct store_iterator it;

    row_key_version_bounds(&lower, &upper, bucket, key);
    row_key_version(&at, bucket, key, sequence);
    store_iterator_open(&it, &txn->view, STORE_VERSIONS, row_key_bytes(&lower), row_key_bytes(&upper));
    store_iterator_seek(&it, row_key_bytes(&at));
    if (store_iterator_valid(&it)) {
        if (newer)
            store_iterator_previous(&it);
        else
            store_iterator_next(&it);
    }
    enum status status = store_iterator_status(&it);
    if (!status)
        status =
            store_iterator_valid(&it) ? row_key_version_parse(store_iterator_key(&it), &key, found) : STATUS_CORRUPT;
    store_iterator_close(&it);
    return status;
}

enum status name_find_newer(const struct txn *txn, uint32_t bucket, struct bytes key, uint64_t sequence,
                            uint64_t *found)
{
    return neighbour(txn, bucket, key, sequence, true, found);
}

enum status name_take_null(struct txn *txn, uint32_t bucket, struct bytes key, struct name_record *name)
{
    enum status status = STATUS_OK;

    /* the latest is about to be another one, so only the other end may have to be looked for */
    if (name->null_version == name->oldest && name->versions > 1)
        status = neighbour(txn, bucket, key, name->oldest, true, &name->oldest);
    name->versions--;
    name->null_version = 0;
    return status;
}

enum status name_remove_version(struct txn *txn, uint32_t bucket, struct bytes key, const struct version_head *head,
                                struct name_record *name)
{
    bool implied;
    enum status status = name_find(&txn->view, bucket, key, name, &implied);

    if (!status && name->versions == 0)
        status = STATUS_CORRUPT;
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
    name->versions--;
    if (head->null_version)
        name->null_version = 0;
    if (name->versions == 0)
        name->latest = name->oldest = 0;
    else if (head->sequence == name->latest && name->versions == 1)
        name->latest = name->oldest;
    else if (head->sequence == name->oldest && name->versions == 1)
        name->oldest = name->latest;
    else if (head->sequence == name->latest)
        status = neighbour(txn, bucket, key, head->sequence, false, &name->latest);
    else if (head->sequence == name->oldest)
        status = neighbour(txn, bucket, key, head->sequence, true, &name->oldest);
    if (!status)
        name_put(txn, bucket, key, name);
    return status;
}

enum status name_drop_some(struct txn *txn, uint32_t bucket, unsigned max, bool *more)
{
    struct row_key *rows;
    unsigned count;

    enum status status = txn_first_rows(txn, STORE_NAMES, bucket, max, &rows, &count, more);
    for (unsigned i = 0; i < count && !status; i++)
        txn_delete(txn, STORE_NAMES, &rows[i]);
    free(rows);
    return status;
}

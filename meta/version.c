/* Finding versions of a key; see the header. Rows of a key are sorted newest first, and their numbers fall with their
 * sequences, so a number is found by bisecting the sequences. */
#include "meta/version.h"

#include <string.h>

void version_row_release(struct version_row *row)
{
    db_value_release(&row->value);
}

/* Takes over the value. */
static enum status version_row_decode(struct version_row *row, uint64_t sequence)
{
    enum status status = version_record_decode(db_value_bytes(&row->value), &row->record);
    if (!status && row->record.head.sequence != sequence)
        status = STATUS_CORRUPT;
    if (status)
        version_row_release(row);
    return status;
}

enum status version_load(const struct db_view *view, uint32_t bucket, struct bytes key, uint64_t sequence,
                         struct version_row *row)
{
    struct row_key row_key;

    *row = (struct version_row){0};
    row_key_version(&row_key, bucket, key, sequence);
    enum status status = db_get(view, DB_VERSIONS, row_key_bytes(&row_key), &row->value);
    return status ? status : version_row_decode(row, sequence);
}

static void versions_open(struct db_iterator *it, const struct db_view *view, uint32_t bucket, struct bytes key)
{
    struct row_key lower, upper;
    row_key_version_bounds(&lower, &upper, bucket, key);
    db_iterator_open(it, view, DB_VERSIONS, row_key_bytes(&lower), row_key_bytes(&upper));
}

/* The head of the row under the iterator. */
static enum status versions_head(struct db_iterator *it, struct version_head *head)
{
    struct bytes key;
    uint64_t sequence;

    if (!db_iterator_valid(it)) {
        enum status status = db_iterator_status(it);
        return status ? status : STATUS_NOT_FOUND;
    }
    enum status status = row_key_version_parse(db_iterator_key(it), &key, &sequence);
    if (!status)
        status = version_record_decode_head(db_iterator_value(it), head);
    if (!status && head->sequence != sequence)
        status = STATUS_CORRUPT;
    return status;
}

/* A copy of the row under the iterator. */
static enum status versions_row(struct db_iterator *it, uint64_t sequence, struct version_row *row)
{
    *row = (struct version_row){0};
    db_value_copy(&row->value, db_iterator_value(it));
    return version_row_decode(row, sequence);
}

/* The newest row at or before the sequence. */
static enum status versions_seek(struct db_iterator *it, uint32_t bucket, struct bytes key, uint64_t sequence,
                                 struct version_head *head)
{
    struct row_key row_key;
    row_key_version(&row_key, bucket, key, sequence);
    db_iterator_seek(it, row_key_bytes(&row_key));
    return versions_head(it, head);
}

static enum status current_head(const struct db_view *view, uint32_t bucket, struct bytes key,
                                struct version_head *head)
{
    struct row_key row_key;
    struct db_value value = {0};

    row_key_current(&row_key, bucket, key);
    enum status status = db_get(view, DB_CURRENT, row_key_bytes(&row_key), &value);
    if (!status)
        status = version_head_decode(db_value_bytes(&value), head);
    db_value_release(&value);
    return status;
}

enum status version_latest_head(const struct db_view *view, uint32_t bucket, struct bytes key, bool markers,
                                struct version_head *head)
{
    struct db_iterator it;

    enum status status = current_head(view, bucket, key, head);
    if (status != STATUS_NOT_FOUND || !markers)
        return status;
    versions_open(&it, view, bucket, key);
    db_iterator_first(&it);
    status = versions_head(&it, head);
    db_iterator_close(&it);
    return status;
}

enum status version_load_latest(const struct db_view *view, uint32_t bucket, struct bytes key, struct version_row *row)
{
    struct version_head head;
    struct db_iterator it;

    /* Two point reads use the Bloom filters; between them a commit may have replaced the version. */
    enum status status = current_head(view, bucket, key, &head);
    if (!status)
        status = version_load(view, bucket, key, head.sequence, row);
    if (status != STATUS_NOT_FOUND)
        return status;
    versions_open(&it, view, bucket, key);
    db_iterator_first(&it);
    status = versions_head(&it, &head);
    if (!status)
        status = versions_row(&it, head.sequence, row);
    db_iterator_close(&it);
    return status;
}

/* Moves to the row with that id; newest is under the iterator. */
static enum status versions_find_id(struct db_iterator *it, uint32_t bucket, struct bytes key, struct bytes id,
                                    const struct version_head *newest, struct version_head *head)
{
    uint64_t sequence, random;

    if (bytes_equal_str(id, "null")) { /* only buckets without versioning have it: as their one version */
        *head = *newest;
        return newest->null_version ? STATUS_OK : STATUS_NOT_FOUND;
    }
    enum status status = version_id_parse(id, &sequence, &random);
    if (!status)
        status = versions_seek(it, bucket, key, sequence, head);
    if (!status && (head->sequence != sequence || head->random != random || head->null_version))
        status = STATUS_NOT_FOUND;
    return status;
}

/* Moves to the row with that number; newest is under the iterator. */
static enum status versions_find_number(struct db_iterator *it, uint32_t bucket, struct bytes key, uint64_t number,
                                        const struct version_head *newest, struct version_head *head)
{
    struct version_head oldest;
    uint64_t low, high = newest->sequence;
    enum status status;

    *head = *newest;
    if (newest->number <= number)
        return newest->number == number ? STATUS_OK : STATUS_NOT_FOUND;
    db_iterator_last(it);
    status = versions_head(it, &oldest);
    if (status || oldest.number > number)
        return status ? status : STATUS_NOT_FOUND;
    *head = oldest;
    if (oldest.number == number)
        return STATUS_OK;
    low = oldest.sequence;
    while (low < high) { /* up to `low` numbers are smaller, behind `high` they are larger */
        uint64_t middle = low + (high - low + 1) / 2;
        status = versions_seek(it, bucket, key, middle, head);
        if (status || head->number == number)
            return status;
        if (head->number < number)
            low = middle;
        else if (head->sequence > oldest.sequence)
            high = head->sequence - 1;
        else
            return STATUS_CORRUPT; /* numbers do not fall with their sequences */
    }
    return STATUS_NOT_FOUND;
}

static bool which_is_latest(const struct meta_version *which)
{
    return !which || (!which->id.data && which->number == 0);
}

enum status version_load_which(const struct db_view *view, uint32_t bucket, struct bytes key,
                               const struct meta_version *which, struct version_row *row, bool *latest)
{
    struct version_head newest, head;
    struct db_iterator it;
    uint64_t sequence, random;

    *latest = true;
    if (which_is_latest(which))
        return version_load_latest(view, bucket, key, row);
    if (which->id.data && !bytes_equal_str(which->id, "null") && version_id_parse(which->id, &sequence, &random))
        return STATUS_INVALID; /* whether or not the key has versions */
    versions_open(&it, view, bucket, key);
    db_iterator_first(&it);
    enum status status = versions_head(&it, &newest);
    if (!status && which->id.data)
        status = versions_find_id(&it, bucket, key, which->id, &newest, &head);
    else if (!status)
        status = versions_find_number(&it, bucket, key, which->number, &newest, &head);
    if (!status)
        status = versions_row(&it, head.sequence, row);
    if (!status)
        *latest = head.sequence == newest.sequence;
    db_iterator_close(&it);
    return status;
}

enum status version_condition_check(const struct meta_condition *condition, const struct version_head *head)
{
    bool exists = head && !head->delete_marker;

    if (!condition)
        return STATUS_OK;
    if (condition->must_be_absent && exists)
        return STATUS_PRECONDITION;
    if ((condition->must_match || condition->must_exist) && !exists)
        return STATUS_NOT_FOUND;
    if (condition->must_match &&
        (head->etag_parts != condition->etag_parts || memcmp(head->etag_md5, condition->etag_md5, MD5_LEN) != 0))
        return STATUS_PRECONDITION;
    return STATUS_OK;
}

void version_head_show(const struct version_head *head, bool latest, struct meta_object *object)
{
    object->size = head->size;
    memcpy(object->etag_md5, head->etag_md5, MD5_LEN);
    object->etag_parts = head->etag_parts;
    object->checksum = head->checksum;
    object->sequence = head->sequence;
    object->number = head->number;
    object->modified_ms = head->modified_ms;
    object->delete_marker = head->delete_marker;
    object->latest = latest;
    if (head->null_version)
        memcpy(object->version_id, "null", sizeof("null"));
    else
        version_id_format(head->sequence, head->random, object->version_id);
}

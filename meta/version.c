/* Finding versions of a key; see the header. Every way ends in point reads: what was deleted is never walked over, but
 * by a reader whose version went away under it. */
#include "meta/version.h"

#include <string.h>

#include "meta/name.h"

void version_row_release(struct version_row *row)
{
    store_value_release(&row->value);
}

/* Takes over the value. */
static enum status version_row_decode(struct version_row *row, uint64_t sequence)
{
    enum status status = version_record_decode(store_value_bytes(&row->value), &row->record);
    if (!status && row->record.head.sequence != sequence)
        status = STATUS_CORRUPT;
    if (status)
        version_row_release(row);
    return status;
}

/* The row's bytes; to be released. */
static enum status version_bytes(const struct store_view *view, uint32_t bucket, struct bytes key, uint64_t sequence,
                                 struct store_value *value)
{
    struct row_key row_key;

    *value = (struct store_value){0};
    row_key_version(&row_key, bucket, key, sequence);
    return store_get(view, STORE_VERSIONS, row_key_bytes(&row_key), value);
}

enum status version_load(const struct store_view *view, uint32_t bucket, struct bytes key, uint64_t sequence,
                         struct version_row *row)
{
    *row = (struct version_row){0};
    enum status status = version_bytes(view, bucket, key, sequence, &row->value);
    return status ? status : version_row_decode(row, sequence);
}

enum status version_load_head(const struct store_view *view, uint32_t bucket, struct bytes key, uint64_t sequence,
                              struct version_head *head)
{
    struct store_value value;

    enum status status = version_bytes(view, bucket, key, sequence, &value);
    if (!status)
        status = version_record_decode_head(store_value_bytes(&value), head);
    if (!status && head->sequence != sequence)
        status = STATUS_CORRUPT;
    store_value_release(&value);
    return status;
}

static enum status current_head(const struct store_view *view, uint32_t bucket, struct bytes key,
                                struct version_head *head)
{
    struct row_key row_key;
    struct store_value value = {0};

    row_key_current(&row_key, bucket, key);
    enum status status = store_get(view, STORE_CURRENT, row_key_bytes(&row_key), &value);
    if (!status)
        status = version_head_decode(store_value_bytes(&value), head);
    store_value_release(&value);
    return status;
}

/* Where the latest version is that `current` does not know, because it is a delete marker. */
static enum status latest_marker(const struct store_view *view, uint32_t bucket, struct bytes key, uint64_t *sequence)
{
    struct name_record name;

    enum status status = name_load(view, bucket, key, &name);
    if (!status && name.versions == 0)
        status = STATUS_NOT_FOUND;
    *sequence = status ? 0 : name.latest;
    return status;
}

enum status version_latest_head(const struct store_view *view, uint32_t bucket, struct bytes key, bool markers,
                                struct version_head *head)
{
    uint64_t sequence;

    enum status status = current_head(view, bucket, key, head);
    if (status != STATUS_NOT_FOUND || !markers)
        return status;
    status = latest_marker(view, bucket, key, &sequence);
    return status ? status : version_load_head(view, bucket, key, sequence, head);
}

/* The newest row, as of one moment. */
static enum status version_load_first(const struct store_view *view, uint32_t bucket, struct bytes key,
                                      struct version_row *row)
{
    struct row_key lower, upper;
    struct store_iterator it;
    struct bytes found;
    uint64_t sequence;
    enum status status;

    *row = (struct version_row){0};
    row_key_version_bounds(&lower, &upper, bucket, key);
    store_iterator_open(&it, view, STORE_VERSIONS, row_key_bytes(&lower), row_key_bytes(&upper));
    store_iterator_first(&it);
    if (store_iterator_valid(&it)) {
        status = row_key_version_parse(store_iterator_key(&it), &found, &sequence);
        if (!status) {
            store_value_copy(&row->value, store_iterator_value(&it));
            status = version_row_decode(row, sequence);
        }
    } else {
        status = store_iterator_status(&it);
        status = status ? status : STATUS_NOT_FOUND;
    }
    store_iterator_close(&it);
    return status;
}

enum status version_load_latest(const struct store_view *view, uint32_t bucket, struct bytes key,
                                struct version_row *row)
{
    struct version_head head;
    uint64_t sequence;

    /* Point reads use the Bloom filters, and pass no rows that were deleted. */
    enum status status = current_head(view, bucket, key, &head);
    if (!status)
        sequence = head.sequence;
    else if (status == STATUS_NOT_FOUND)
        status = latest_marker(view, bucket, key, &sequence);
    if (status)
        return status;
    status = version_load(view, bucket, key, sequence, row);
    if (status == STATUS_NOT_FOUND) /* a commit came in between */
        status = version_load_first(view, bucket, key, row);
    return status;
}

enum { NULL_TRIES_MAX = 8 }; /* each but the first after a commit that replaced what was found */

static enum status version_load_null(const struct store_view *view, uint32_t bucket, struct bytes key,
                                     struct version_row *row)
{
    enum status status = STATUS_NOT_FOUND;
    uint64_t missing = 0;

    for (int i = 0; i < NULL_TRIES_MAX && status == STATUS_NOT_FOUND; i++) {
        struct name_record name;
        bool implied;
        status = name_find(view, bucket, key, &name, &implied);
        if (!status && !name.null_version)
            status = STATUS_NOT_FOUND;
        if (status)
            return status;
        if (name.null_version == missing) /* a commit that removes it changes what points to it */
            return STATUS_CORRUPT;
        missing = name.null_version;
        status = version_load(view, bucket, key, missing, row);
    }
    return status == STATUS_NOT_FOUND ? STATUS_UNAVAILABLE : status;
}

enum status version_id_check(struct bytes id)
{
    uint64_t sequence, random;

    return bytes_equal_str(id, "null") ? STATUS_OK : version_id_parse(id, &sequence, &random);
}

enum status version_absence(const struct meta_version *which, bool versioned)
{
    bool by_id = which && which->id.data && !bytes_equal_str(which->id, "null");

    return by_id && !versioned ? STATUS_INVALID : STATUS_NOT_FOUND;
}

static enum status version_load_id(const struct store_view *view, uint32_t bucket, struct bytes key, struct bytes id,
                                   struct version_row *row)
{
    uint64_t sequence, random;

    if (bytes_equal_str(id, "null"))
        return version_load_null(view, bucket, key, row);
    enum status status = version_id_parse(id, &sequence, &random);
    if (!status)
        status = version_load(view, bucket, key, sequence, row);
    if (status || (row->record.head.random == random && !row->record.head.null_version))
        return status;
    version_row_release(row);
    return STATUS_NOT_FOUND;
}

static enum status version_load_number(const struct store_view *view, uint32_t bucket, struct bytes key,
                                       uint64_t number, struct version_row *row)
{
    uint64_t sequence;

    enum status status = name_find_number(view, bucket, key, number, &sequence);
    if (!status)
        status = version_load(view, bucket, key, sequence, row);
    if (!status && row->record.head.number != number) {
        version_row_release(row);
        status = STATUS_CORRUPT;
    }
    return status;
}

static bool which_is_latest(const struct meta_version *which)
{
    return !which || (!which->id.data && which->number == 0);
}

enum status version_load_which(const struct store_view *view, uint32_t bucket, struct bytes key,
                               const struct meta_version *which, struct version_row *row, bool *latest)
{
    struct name_record name;
    enum status status;
    bool implied;

    *latest = true;
    if (which_is_latest(which))
        return version_load_latest(view, bucket, key, row);
    if (which->id.data)
        status = version_load_id(view, bucket, key, which->id, row);
    else
        status = version_load_number(view, bucket, key, which->number, row);
    if (status)
        return status;
    status = name_find(view, bucket, key, &name, &implied);
    if (status)
        version_row_release(row);
    else
        *latest = name.latest == row->record.head.sequence;
    return status;
}

enum status version_condition_check(const struct meta_condition *condition, const struct version_head *head)
{
    bool exists = head && !head->delete_marker;

    if (!condition)
        return STATUS_OK;
    if (condition->of_version && exists && head->sequence != condition->sequence)
        return STATUS_PRECONDITION;
    bool needs =
        condition->must_match || condition->must_exist || condition->must_have_size || condition->must_have_time;
    if (condition->must_be_absent && exists)
        return STATUS_PRECONDITION;
    if (needs && !exists)
        return STATUS_NOT_FOUND;
    if (condition->must_have_size && head->size != condition->size)
        return STATUS_PRECONDITION;
    if (condition->must_have_time && head->modified_ms / 1000 != condition->modified_s)
        return STATUS_PRECONDITION;
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
    object->storage_class = head->storage_class;
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

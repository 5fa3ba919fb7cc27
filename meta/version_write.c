/* Adding and removing versions, in the committer. In every batch: the version's row, the `current` row that listings
 * read (there is one exactly when the latest version is no delete marker), the rows of its name where versions are kept
 * (name.h), the bucket's counters, and the garbage. A version's row is written and deleted nowhere else, so here the
 * guard (guard.h) is asked. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "meta/annotation_rows.h"
#include "meta/gc.h"
#include "meta/internal.h"
#include "meta/name.h"
#include "meta/version.h"

void version_current_rewrite(struct txn *txn, uint32_t bucket, struct bytes key, const struct version_head *head)
{
    struct row_key row_key;
    struct buffer *value = txn_value(txn);
    version_head_encode(value, head);
    row_key_current(&row_key, bucket, key);
    txn_put(txn, STORE_CURRENT, &row_key, buffer_bytes(value));
}

static void current_put(struct txn *txn, uint32_t bucket, struct bytes key, const struct version_head *head)
{
    version_current_rewrite(txn, bucket, key, head);
    txn->bucket.objects++;
}

static void current_delete(struct txn *txn, uint32_t bucket, struct bytes key)
{
    struct row_key row_key;
    row_key_current(&row_key, bucket, key);
    txn_delete(txn, STORE_CURRENT, &row_key);
    txn->bucket.objects--;
}

static bool keeps_versions(const struct txn *txn)
{
    return txn->bucket.entry->staged.versioned;
}

static struct meta_object shown(const struct version_record *record)
{
    struct meta_object object = {.headers = record->headers, .attributes = record->attributes};

    version_head_show(&record->head, false, &object);
    return object;
}

/* Asked once of each version that is removed, before anything of it is changed: what the guard goes by (clocks) may be
 * another at the next question. */
enum status version_removal_check(const struct txn *txn, const struct version_record *record)
{
    const struct meta_guard *guard = txn->meta->guard;
    const struct bucket_entry *bucket = txn->bucket.entry;

    if (!guard || !guard->removal || record->head.delete_marker)
        return STATUS_OK;
    const struct meta_object object = shown(record);
    const struct meta_guarded version = {&bucket->staged, bucket->settings_staged, &object};
    return guard->removal(guard->arg, &version, txn->permits);
}

/* What the guard adds to the attributes of a new version. */
static enum status creation_complete(struct txn *txn, struct version_record *record)
{
    const struct meta_guard *guard = txn->meta->guard;
    const struct bucket_entry *bucket = txn->bucket.entry;
    struct meta_attribute change;
    bool changed = false;

    if (!guard || !guard->creation || record->head.delete_marker)
        return STATUS_OK;
    const struct meta_object object = shown(record);
    const struct meta_guarded version = {&bucket->staged, bucket->settings_staged, &object};
    enum status status = guard->creation(guard->arg, &version, &change, &changed);
    if (status || !changed)
        return status;
    buffer_clear(txn->attributes);
    status = meta_attributes_pack(record->attributes, &change, 1, txn->attributes);
    record->attributes = buffer_bytes(txn->attributes);
    return status;
}

/* Removes the row and what hangs on it, but does not look at `current`, nor at the name. The guard was asked: for
 * version_remove and version_drop alone. */
static void version_erase(struct txn *txn, uint32_t bucket, struct bytes key, const struct version_record *record)
{
    struct row_key row_key;

    row_key_version(&row_key, bucket, key, record->head.sequence);
    txn_delete(txn, STORE_VERSIONS, &row_key);
    if (keeps_versions(txn)) {
        row_key_number(&row_key, bucket, key, record->head.number);
        txn_delete(txn, STORE_NAMES, &row_key);
    }
    txn->bucket.versions--;
    txn->bucket.bytes -= (int64_t)record->head.size;
    gc_queue_version(txn, record);
    annotations_drop(txn, record);
}

/* The same, if the guard lets it go; otherwise nothing is changed. */
static enum status version_drop(struct txn *txn, uint32_t bucket, struct bytes key, const struct version_record *record)
{
    enum status status = version_removal_check(txn, record);

    if (!status)
        version_erase(txn, bucket, key, record);
    return status;
}

enum { TRIM_WITH_NEW = 8 }; /* old versions that go when a new one comes */

/* Old versions of the name beyond the bound, if it has one. That they cannot be removed is no reason against the new:
 * then all of the removing is taken back, and nothing else. */
static void surplus_remove(struct txn *txn, const struct bucket_entry *bucket, struct bytes key)
{
    const struct meta *meta = txn->meta;
    const struct meta_keep keep = {.versions_max = meta->versions_max, .replaced_before_ms = INT64_MIN};
    uint64_t removed;
    bool more;

    if (keep.versions_max == 0 || strcmp(bucket->staged.name, meta->bounded_bucket) != 0)
        return;
    const struct txn before = *txn;
    struct store_batch *batch = txn->view.batch;
    unsigned count = store_batch_count(batch);
    store_batch_mark(batch);
    enum status status = version_trim(txn, bucket->staged.id, key, &keep, TRIM_WITH_NEW, &removed, &more);
    if (!status)
        return;
    if (store_batch_count(batch) != count)
        store_batch_rollback(batch);
    *txn = before;
    log_error("surplus versions cannot be removed", LOG_BYTES("key", key), LOG_STATUS(status));
}

/* EXISTS: a new version came so far back in the order that it was surplus at once. */
static enum status check_is_kept(const struct txn *txn, uint32_t bucket, struct bytes key, uint64_t sequence)
{
    struct version_head head;
    enum status status = version_load_head(&txn->view, bucket, key, sequence, &head);

    return status == STATUS_NOT_FOUND ? STATUS_EXISTS : status;
}

/* Removes the null version, whose place a new one takes. */
static enum status null_replace(struct txn *txn, uint32_t bucket, struct bytes key, uint64_t sequence)
{
    struct version_row replaced;

    enum status status = version_load(&txn->view, bucket, key, sequence, &replaced);
    if (status) /* `current`, or the name, knows a version that is not there */
        return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
    status = version_drop(txn, bucket, key, &replaced.record);
    version_row_release(&replaced);
    return status;
}

/* Numbers the new version; while versioning is suspended it replaces the null version, wherever in the order that is.
 */
static enum status version_number(struct txn *txn, uint32_t bucket, struct bytes key,
                                  const struct version_head *previous, struct version_head *head)
{
    struct name_record name;
    bool implied = false;

    enum status status = previous ? name_find(&txn->view, bucket, key, &name, &implied)
                                  : name_load(&txn->view, bucket, key, &name); /* nothing is there to imply it */
    if (status == STATUS_NOT_FOUND) {
        name = (struct name_record){0};
        status = STATUS_OK;
    }
    if (!status && head->null_version && name.null_version) {
        uint64_t replaced = name.null_version;
        status = name_take_null(txn, bucket, key, &name);
        if (!status)
            status = null_replace(txn, bucket, key, replaced);
    }
    return status ? status : name_add_version(txn, bucket, key, head, &name, implied);
}

void version_rewrite(struct txn *txn, uint32_t bucket, struct bytes key, const struct version_record *record)
{
    struct row_key row_key;
    struct buffer *value = txn_value(txn);

    version_record_encode(value, record);
    row_key_version(&row_key, bucket, key, record->head.sequence);
    txn_put(txn, STORE_VERSIONS, &row_key, buffer_bytes(value));
}

bool version_comes_last(const struct version_head *head, const struct version_head *previous)
{
    return !previous || head->sequence > previous->sequence;
}

static void current_replace(struct txn *txn, uint32_t bucket, struct bytes key, const struct version_head *previous,
                            const struct version_head *head)
{
    if (previous && !previous->delete_marker)
        current_delete(txn, bucket, key);
    if (!head->delete_marker)
        current_put(txn, bucket, key, head);
}

enum status version_add(struct txn *txn, const struct bucket_entry *bucket, struct bytes key,
                        const struct version_head *previous, struct version_record *record)
{
    struct version_head *head = &record->head;
    uint32_t bucket_id = bucket->staged.id;
    enum status status = STATUS_OK;

    bool placed = head->sequence != 0;
    if (!placed) {
        head->sequence = txn->state.sequence;
        random_bytes(&head->random, sizeof(head->random));
    }
    head->number = previous ? previous->number + 1 : 1; /* unless versions are kept */
    head->modified_ms = previous && previous->modified_ms > txn->now_ms ? previous->modified_ms : txn->now_ms;
    head->null_version = !placed && (!bucket->staged.versioned || bucket->staged.suspended);
    if (bucket->staged.versioned)
        status = version_number(txn, bucket_id, key, previous, head);
    else if (previous)
        status = null_replace(txn, bucket_id, key, previous->sequence);
    if (!status)
        status = creation_complete(txn, record);
    if (status)
        return status;

    version_rewrite(txn, bucket_id, key, record);
    txn->bucket.versions++;
    txn->bucket.bytes += (int64_t)head->size;
    if (version_comes_last(head, previous))
        current_replace(txn, bucket_id, key, previous, head);
    surplus_remove(txn, bucket, key);
    return placed ? check_is_kept(txn, bucket_id, key, head->sequence) : STATUS_OK;
}

enum status version_renew(struct txn *txn, struct bytes key, uint64_t more, struct version_record *record)
{
    struct version_head *head = &record->head;
    uint32_t bucket = txn->bucket.entry->staged.id;
    struct row_key row_key;

    CHECK(!keeps_versions(txn));
    enum status status = version_removal_check(txn, record);
    if (status)
        return status;
    row_key_version(&row_key, bucket, key, head->sequence);
    txn_delete(txn, STORE_VERSIONS, &row_key);
    head->sequence = txn->state.sequence;
    head->number++;
    head->modified_ms = head->modified_ms > txn->now_ms ? head->modified_ms : txn->now_ms;
    txn->bucket.bytes += (int64_t)more;
    version_rewrite(txn, bucket, key, record);
    version_current_rewrite(txn, bucket, key, head);
    return STATUS_OK;
}

enum status version_move(struct txn *txn, struct bytes source, struct bytes target,
                         const struct version_record *replaced, struct version_record *record)
{
    struct version_head *head = &record->head;
    uint32_t bucket = txn->bucket.entry->staged.id;
    struct row_key row_key;

    CHECK(!keeps_versions(txn));
    enum status status = version_removal_check(txn, record);
    if (!status && replaced) {
        status = version_drop(txn, bucket, target, replaced);
        if (!status)
            current_delete(txn, bucket, target);
    }
    if (status)
        return status;
    row_key_version(&row_key, bucket, source, head->sequence);
    txn_delete(txn, STORE_VERSIONS, &row_key);
    current_delete(txn, bucket, source);
    head->sequence = txn->state.sequence;
    head->number = replaced ? replaced->head.number + 1 : 1;
    version_rewrite(txn, bucket, target, record);
    current_put(txn, bucket, target, head);
    return STATUS_OK;
}

/* The version becomes current, unless it is a delete marker. */
static enum status current_restore(struct txn *txn, uint32_t bucket, struct bytes key, uint64_t sequence)
{
    struct version_head head;

    enum status status = version_load_head(&txn->view, bucket, key, sequence, &head);
    if (!status && !head.delete_marker)
        current_put(txn, bucket, key, &head);
    return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
}

enum status version_remove(struct txn *txn, uint32_t bucket, struct bytes key, const struct version_record *record,
                           bool latest)
{
    struct name_record name = {0};
    enum status status = version_removal_check(txn, record);

    if (!status && keeps_versions(txn))
        status = name_remove_version(txn, bucket, key, &record->head, &name);
    if (status)
        return status;
    version_erase(txn, bucket, key, record);
    if (latest && !record->head.delete_marker)
        current_delete(txn, bucket, key);
    return latest && name.versions > 0 ? current_restore(txn, bucket, key, name.latest) : STATUS_OK;
}

/* The sequences of up to max versions, oldest first, from that one on. */
static enum status oldest_find(struct txn *txn, uint32_t bucket, struct bytes key, uint64_t oldest, unsigned max,
                               uint64_t *sequences, unsigned *found)
{
    struct row_key lower, upper, at;
    struct store_iterator it;
    struct bytes row_key;
    enum status status = STATUS_OK;

    *found = 0;
    row_key_version_bounds(&lower, &upper, bucket, key);
    row_key_version(&at, bucket, key, oldest);
    store_iterator_open(&it, &txn->view, STORE_VERSIONS, row_key_bytes(&lower), row_key_bytes(&upper));
    for (store_iterator_seek(&it, row_key_bytes(&at)); !status && store_iterator_valid(&it) && *found < max;
         store_iterator_previous(&it))
        status = row_key_version_parse(store_iterator_key(&it), &row_key, &sequences[(*found)++]);
    if (!status)
        status = store_iterator_status(&it);
    store_iterator_close(&it);
    return status;
}

/* Removes the first of these versions; the last of them, which stays, is the oldest then. */
static enum status oldest_drop(struct txn *txn, uint32_t bucket, struct bytes key, const uint64_t *sequences,
                               unsigned count, struct name_record *name)
{
    bool whole = count == name->versions;
    struct version_row row;

    for (unsigned i = 0; i < count; i++) {
        enum status status = version_load(&txn->view, bucket, key, sequences[i], &row);
        if (status)
            return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
        status = version_drop(txn, bucket, key, &row.record);
        if (row.record.head.null_version)
            name->null_version = 0;
        if (!status && whole && i == count - 1 && !row.record.head.delete_marker)
            current_delete(txn, bucket, key);
        version_row_release(&row);
        if (status)
            return status;
    }
    name->versions -= count;
    name->oldest = whole ? 0 : sequences[count];
    name->latest = whole ? 0 : name->latest;
    name_put(txn, bucket, key, name);
    return STATUS_OK;
}

enum status version_remove_oldest(struct txn *txn, uint32_t bucket, struct bytes key, unsigned max, uint64_t *count,
                                  bool *more)
{
    uint64_t *sequences = mem_alloc((max + 1) * sizeof(*sequences));
    struct name_record name;
    unsigned found = 0;
    bool implied;

    *more = false;
    enum status status = name_find(&txn->view, bucket, key, &name, &implied);
    if (status == STATUS_NOT_FOUND || (!status && name.versions == 0)) {
        status = STATUS_OK;
        goto out;
    }
    if (!status)
        status = oldest_find(txn, bucket, key, name.oldest, max + 1, sequences, &found);
    if (!status && found != (name.versions <= max ? name.versions : max + 1))
        status = STATUS_CORRUPT;
    if (status)
        goto out;
    *more = found > max;
    found -= *more;
    status = oldest_drop(txn, bucket, key, sequences, found, &name);
    if (!status)
        *count += found;
out:
    free(sequences);
    return status;
}

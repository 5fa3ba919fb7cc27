/* Removing old versions of a name, of which a bucket keeps a bounded number or for a bounded time. Always the oldest
 * one goes, and never the newest: it is what the name means, be it a delete marker. A version's time runs from when it
 * was replaced: one that was the newest for years can be had back for as long as any other. One that has to stay (an
 * object lock) holds back those behind it. */
#include "meta/internal.h"
#include "meta/name.h"
#include "meta/version.h"

enum { TRIM_MAX = 256 }; /* in one commit */

/* Whether the oldest of several versions is not to be kept. */
static enum status oldest_is_due(struct txn *txn, uint32_t bucket, struct bytes key, const struct name_record *name,
                                 const struct meta_keep *keep, bool *due)
{
    struct version_head successor, oldest;
    uint64_t sequence;

    *due = keep->versions_max > 0 && name->versions > keep->versions_max;
    if (*due || keep->replaced_before_ms == INT64_MIN)
        return STATUS_OK;
    enum status status = name_find_newer(txn, bucket, key, name->oldest, &sequence);
    if (!status)
        status = version_load_head(&txn->view, bucket, key, sequence, &successor);
    if (!status)
        status = version_load_head(&txn->view, bucket, key, name->oldest, &oldest);
    if (!status) /* the one that is replaced may have come later than what replaces it (has_version) */
        *due = successor.modified_ms <= keep->replaced_before_ms && oldest.modified_ms <= keep->replaced_before_ms;
    return status;
}

static enum status oldest_remove(struct txn *txn, uint32_t bucket, struct bytes key, uint64_t sequence)
{
    struct version_row row;

    enum status status = version_load(&txn->view, bucket, key, sequence, &row);
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
    status = version_remove(txn, bucket, key, &row.record, false);
    version_row_release(&row);
    return status;
}

enum status version_trim(struct txn *txn, uint32_t bucket, struct bytes key, const struct meta_keep *keep, unsigned max,
                         uint64_t *removed, bool *more)
{
    struct name_record name;
    bool due, implied;

    *removed = 0;
    *more = false;
    for (;;) {
        enum status status = name_find(&txn->view, bucket, key, &name, &implied);
        if (status == STATUS_NOT_FOUND || (!status && name.versions < 2))
            return STATUS_OK;
        if (!status)
            status = oldest_is_due(txn, bucket, key, &name, keep, &due);
        if (status || !due)
            return status;
        *more = *removed == max;
        if (*more)
            return STATUS_OK;
        status = oldest_remove(txn, bucket, key, name.oldest);
        if (status == STATUS_DENIED || status == STATUS_CONFLICT)
            return STATUS_OK; /* the guard lets it stay, and none behind it is the oldest */
        if (status)
            return status;
        ++*removed;
    }
}

struct trim_op {
    struct commit_op op;
    uint32_t bucket;
    struct bytes key;
    const struct meta_keep *keep;
    uint64_t removed;
    bool more;
};

static enum status trim_prepare(struct commit_op *op, struct txn *txn)
{
    struct trim_op *trim = (struct trim_op *)op;
    struct bucket_entry *bucket;

    enum status status = txn_bucket(txn, trim->bucket, &bucket);
    if (!status && !bucket->staged.versioned)
        status = STATUS_INVALID;
    if (!status)
        status = version_trim(txn, trim->bucket, trim->key, trim->keep, TRIM_MAX, &trim->removed, &trim->more);
    return status;
}

enum status meta_versions_trim(struct meta *meta, uint32_t bucket, struct bytes key, const struct meta_keep *keep,
                               uint64_t *removed, bool *more)
{
    struct trim_op trim = {.op.prepare = trim_prepare, .bucket = bucket, .key = key, .keep = keep};

    enum status status = object_key_check(key);
    if (!status)
        status = commit_run(meta, &trim.op);
    *removed = status ? 0 : trim.removed;
    *more = !status && trim.more;
    return status;
}

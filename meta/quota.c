/* Quotas, in the committer; see the header. */
#include "meta/quota.h"

#include "meta/bucket_settings.h"
#include "meta/internal.h"

static bool grows_beyond(uint64_t now, int64_t change, uint64_t max)
{
    return max != META_QUOTA_NONE && change > 0 && now + (uint64_t)change > max;
}

enum status quota_check(const struct txn *txn)
{
    const struct bucket_change *change = &txn->bucket;
    struct meta_setting found;

    if (txn->meta->quota_kind == 0)
        return STATUS_OK;
    enum status status = meta_setting_find(change->entry->settings_staged, txn->meta->quota_kind, &found);
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    const struct meta_quota *quota = found.parsed;
    const struct meta_bucket *bucket = &change->entry->staged;
    if (grows_beyond(bucket->bytes + bucket->upload_bytes, change->bytes + change->upload_bytes, quota->bytes) ||
        grows_beyond(bucket->versions, change->versions, quota->versions))
        return STATUS_QUOTA;
    return STATUS_OK;
}

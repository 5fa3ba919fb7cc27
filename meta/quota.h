/* Quotas: how much a bucket may hold. What a setting says of that is the upper layer's; which kind it is, and that it
 * parses to a struct meta_quota, meta_open is told. It is decided in the committer, where the counters of buckets are
 * exact, so that no number of writes at once gets past it. */
#ifndef TERCET_META_QUOTA_H
#define TERCET_META_QUOTA_H

#include <stdint.h>

#include "base/status.h"

#define META_QUOTA_NONE UINT64_MAX

/* Against `bytes` with `upload_bytes`, and `versions`, of struct meta_bucket: old versions, delete markers and parts of
 * uploads in progress count. */
struct meta_quota {
    uint64_t bytes, versions; /* META_QUOTA_NONE: no bound */
};

struct txn;

/* STATUS_QUOTA when what the operation did to its bucket makes more of what is bounded than the quota allows. What
 * leaves no more of it passes, also in a bucket that is beyond its quota. INTERNAL: the quota cannot be read, so nobody
 * knows. */
enum status quota_check(const struct txn *txn);

#endif

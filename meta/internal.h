/* What the files of meta/ share: the open database and its parts. */
#ifndef TERCET_META_INTERNAL_H
#define TERCET_META_INTERNAL_H

#include <stdatomic.h>

#include "base/pool.h"
#include "meta/bucket_table.h"
#include "meta/commit.h"
#include "meta/damage.h"
#include "meta/store.h"
#include "meta/gc.h"
#include "meta/guard.h"
#include "meta/history_internal.h"
#include "meta/identity_internal.h"
#include "meta/meta.h"
#include "meta/outbox_internal.h"
#include "meta/readers.h"
#include "meta/repair.h"
#include "meta/settle.h"
#include "meta/space.h"

/* The durability set as committed, for readers on any thread. */
struct durability {
    _Atomic uint64_t chunks[CHUNK_COPIES + 1], bytes[CHUNK_COPIES + 1];
};
void durability_publish(struct durability *durability, const struct meta_durability *committed);

struct meta {
    struct meta_store *db;
    bool owns_db;
    struct meta_space *space; /* may be NULL */
    struct pool *pool;
    const char *bounded_bucket; /* as in meta_options */
    uint64_t versions_max;
    const struct meta_guard *guard; /* may be NULL */
    uint64_t process;               /* random: tells this process's clock readings from those of others */
    uint64_t opened_ms;             /* monotonic */
    _Atomic uint64_t sequence, gc_rows, gc_bytes, repair_rows; /* as committed */
    _Atomic uint64_t repair_since_ms; /* monotonic: since when repair_rows is not 0, as far as known here; 0: it is 0 */
    _Atomic uint64_t errors_survived; /* errors in the background before the last commit began */
    atomic_bool failed;               /* a write or a sync failed: no more is written */
    struct durability durability;
    struct bucket_table buckets;
    struct meta_setting_kinds setting_kinds;
    uint8_t quota_kind; /* as in meta_options */
    struct history history;
    struct committer committer;
    struct settle settle;
    struct reader_registry readers;
    struct gc_walk gc;
    struct outbox outbox;
    struct identities identities;
    struct repair_walk repair;
};

/* Makes the length of the repair queue known, as committed. The committer's thread, or before it runs. */
void repair_publish(struct meta *meta, uint64_t rows);

/* The committed database, for reads in the pool. */
static inline struct store_view meta_view(const struct meta *meta)
{
    return (struct store_view){.db = meta->db};
}

/* The same for a loop, which must not wait for the disk. */
static inline struct store_view meta_view_in_memory(const struct meta *meta)
{
    return (struct store_view){.db = meta->db, .in_memory = true};
}

#endif

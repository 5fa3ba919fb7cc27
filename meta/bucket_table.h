/* All buckets in memory, with counters. Readers see what is committed, under a lock held for a copy only; the committer
 * stages the changes of a group beside it and publishes them once the group is on disk. */
#ifndef TERCET_META_BUCKET_TABLE_H
#define TERCET_META_BUCKET_TABLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "meta/store.h"
#include "meta/meta.h"
#include "meta/settings_snapshot.h"

struct bucket_entry {
    struct meta_bucket committed;          /* under the table's lock */
    struct meta_bucket staged;             /* the committer's */
    struct meta_settings *settings;        /* under the table's lock; held, as is the next */
    struct meta_settings *settings_staged; /* the committer's */
    bool dirty, deleted;                   /* the committer's: in the group under way */
};

struct bucket_array {
    struct bucket_entry **entries;
    size_t count, capacity;
};

struct bucket_table {
    pthread_rwlock_t lock;
    struct bucket_array by_name; /* under lock */
    struct bucket_array by_id;   /* the committer's; owns the entries */
    struct bucket_array touched; /* the committer's: entries created, changed or deleted in the group */
};

/* What one operation does to one bucket. */
struct bucket_change {
    struct bucket_entry *entry; /* NULL: nothing */
    int64_t objects, versions, bytes, upload_bytes;
    bool deleted;
    struct meta_bucket created;         /* id 0: none */
    bool versioning_changed, suspended; /* enabled, or suspended */
    bool settings_changed;
    struct meta_settings *settings; /* then these, held */
};

void bucket_table_init(struct bucket_table *table);
void bucket_table_release(struct bucket_table *table);
enum status bucket_table_load(struct bucket_table *table, struct meta_store *db); /* once, before the committer runs */
/* Then puts one setting in place, which the table holds. NOT_FOUND: there is no such bucket. */
enum status bucket_table_load_setting(struct bucket_table *table, uint32_t id, uint8_t kind, struct setting *setting);

/* Adds to what the bucket's uploads in progress hold; once for each, before the committer runs. NOT_FOUND. */
enum status bucket_table_load_upload(struct bucket_table *table, uint32_t id, uint64_t bytes);

/* The committer's, in this order for each group. */
struct bucket_entry *bucket_table_find(struct bucket_table *table, uint32_t id); /* NULL: none, or deleted */
void bucket_table_stage(struct bucket_table *table, const struct bucket_change *change);
void bucket_table_write(struct bucket_table *table, struct store_batch *batch);
void bucket_table_publish(struct bucket_table *table); /* the group was written */
void bucket_table_revert(struct bucket_table *table);  /* or it was not: everything is as before the group */

/* Anyone's. */
enum status bucket_table_get(struct bucket_table *table, struct bytes name, struct meta_bucket *out,
                             struct meta_settings **settings); /* to be released; NULL: not asked for */
/* The bucket is there and never kept versions. Looks through all. */
bool bucket_table_is_unversioned(struct bucket_table *table, uint32_t id);
void bucket_table_list(struct bucket_table *table, struct meta_bucket **buckets, size_t *count);

#endif

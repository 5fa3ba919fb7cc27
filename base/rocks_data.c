/* Writing to RocksDB and reading from it; see rocks.h. */
#include <stdlib.h>

#include "base/check.h"
#include "base/page_cache.h"
#include "base/pool.h"
#include "base/rocks_internal.h"

enum {
    READ_TIER_MEMORY = 1,  /* rocksdb::ReadTier::kBlockCacheTier: memtables and the cache */
    MEMORY_SKIPS_MAX = 64, /* deleted rows that a read in memory may pass, before it is left to the pool */
};

/* ---- batches ----------------------------------------------------------------------------------------------------- */

struct rocks_batch *rocks_batch_create(struct rocks *db, bool indexed)
{
    struct rocks_batch *batch = mem_zalloc(sizeof(*batch));
    batch->db = db;
    if (indexed)
        batch->indexed = rocksdb_writebatch_wi_create(0, 1); /* one entry per key, as iteration needs */
    else
        batch->plain = rocksdb_writebatch_create();
    return batch;
}

void rocks_batch_free(struct rocks_batch *batch)
{
    if (batch->indexed)
        rocksdb_writebatch_wi_destroy(batch->indexed);
    else
        rocksdb_writebatch_destroy(batch->plain);
    free(batch);
}

void rocks_batch_put(struct rocks_batch *batch, unsigned family, struct bytes key, struct bytes value)
{
    rocksdb_column_family_handle_t *handle = batch->db->families[family];
    const char *data = value.len ? value.data : "";
    if (batch->indexed)
        rocksdb_writebatch_wi_put_cf(batch->indexed, handle, key.data, key.len, data, value.len);
    else
        rocksdb_writebatch_put_cf(batch->plain, handle, key.data, key.len, data, value.len);
}

void rocks_batch_delete(struct rocks_batch *batch, unsigned family, struct bytes key)
{
    rocksdb_column_family_handle_t *handle = batch->db->families[family];
    if (batch->indexed)
        rocksdb_writebatch_wi_delete_cf(batch->indexed, handle, key.data, key.len);
    else
        rocksdb_writebatch_delete_cf(batch->plain, handle, key.data, key.len);
}

void rocks_batch_put_prefixed(struct rocks_batch *batch, unsigned family, struct bytes prefix, struct bytes key,
                              struct bytes value)
{
    const char *const keys[] = {prefix.data, key.data}, *const values[] = {value.data};
    const size_t key_lens[] = {prefix.len, key.len}, value_lens[] = {value.len};
    rocksdb_writebatch_putv_cf(batch->plain, batch->db->families[family], 2, keys, key_lens, 1, values, value_lens);
}

void rocks_batch_put_joined(struct rocks_batch *batch, unsigned family, struct bytes key, struct bytes head,
                            struct bytes rest)
{
    const char *const keys[] = {key.data}, *const values[] = {head.data, rest.data};
    const size_t key_lens[] = {key.len}, value_lens[] = {head.len, rest.len};
    rocksdb_writebatch_putv_cf(batch->plain, batch->db->families[family], 1, keys, key_lens, 2, values, value_lens);
}

void rocks_batch_delete_prefixed(struct rocks_batch *batch, unsigned family, struct bytes prefix, struct bytes key)
{
    const char *const keys[] = {prefix.data, key.data};
    const size_t key_lens[] = {prefix.len, key.len};
    rocksdb_writebatch_deletev_cf(batch->plain, batch->db->families[family], 2, keys, key_lens);
}

void rocks_batch_delete_range(struct rocks_batch *batch, unsigned family, struct bytes from, struct bytes end)
{
    rocksdb_writebatch_delete_range_cf(batch->plain, batch->db->families[family], from.data, from.len, end.data,
                                       end.len);
}

void rocks_batch_log_data(struct rocks_batch *batch, struct bytes data)
{
    if (batch->indexed)
        rocksdb_writebatch_wi_put_log_data(batch->indexed, data.data, data.len);
    else
        rocksdb_writebatch_put_log_data(batch->plain, data.data, data.len);
}

unsigned rocks_batch_count(const struct rocks_batch *batch)
{
    return (unsigned)(batch->indexed ? rocksdb_writebatch_wi_count(batch->indexed)
                                     : rocksdb_writebatch_count(batch->plain));
}

size_t rocks_batch_bytes(const struct rocks_batch *batch)
{
    size_t size = 0;
    if (batch->indexed)
        rocksdb_writebatch_wi_data(batch->indexed, &size);
    else
        rocksdb_writebatch_data(batch->plain, &size);
    return size;
}

void rocks_batch_mark(struct rocks_batch *batch)
{
    rocksdb_writebatch_wi_set_save_point(batch->indexed);
}

void rocks_batch_rollback(struct rocks_batch *batch)
{
    char *error = NULL;
    rocksdb_writebatch_wi_rollback_to_save_point(batch->indexed, &error);
    CHECK(!error);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

enum status rocks_write(struct rocks *db, struct rocks_batch *batch, bool sync)
{
    const rocksdb_writeoptions_t *options = sync ? db->synced : db->unsynced;
    char *error = NULL;
    blocking_call();
    if (batch->indexed)
        rocksdb_write_writebatch_wi(db->database, options, batch->indexed, &error);
    else
        rocksdb_write(db->database, options, batch->plain, &error);
    return rocks_outcome(db, ROCKS_WRITE, 0, error);
}

enum status rocks_put(struct rocks *db, unsigned family, struct bytes key, struct bytes value, bool sync)
{
    char *error = NULL;
    blocking_call();
    rocksdb_put_cf(db->database, sync ? db->synced : db->unsynced, db->families[family], key.data, key.len, value.data,
                   value.len, &error);
    return rocks_outcome(db, ROCKS_WRITE, family, error);
}

enum status rocks_delete(struct rocks *db, unsigned family, struct bytes key, bool sync)
{
    char *error = NULL;
    blocking_call();
    rocksdb_delete_cf(db->database, sync ? db->synced : db->unsynced, db->families[family], key.data, key.len, &error);
    return rocks_outcome(db, ROCKS_WRITE, family, error);
}

enum status rocks_sync(struct rocks *db)
{
    char *error = NULL;
    blocking_call();
    rocksdb_flush_wal(db->database, 1, &error);
    return rocks_outcome(db, ROCKS_WRITE, 0, error);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* NULL: the usual options do. */
static rocksdb_readoptions_t *view_options(const struct rocks_view *view)
{
    if (!view->snapshot && !view->passing)
        return NULL;
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    if (view->snapshot)
        rocksdb_readoptions_set_snapshot(options, (const rocksdb_snapshot_t *)view->snapshot);
    if (view->passing)
        rocksdb_readoptions_set_fill_cache(options, 0);
    return options;
}

static char *value_read(const struct rocks *db, const struct rocks_view *view, const rocksdb_readoptions_t *options,
                        unsigned family, struct bytes key, size_t *len, char **error)
{
    return view->batch
               ? rocksdb_writebatch_wi_get_from_batch_and_db_cf(view->batch->indexed, db->database, options,
                                                                db->families[family], key.data, key.len, len, error)
               : rocksdb_get_cf(db->database, options, db->families[family], key.data, key.len, len, error);
}

static enum status value_outcome(const struct rocks *db, unsigned family, const char *data, char *error)
{
    if (error)
        return rocks_outcome(db, ROCKS_READ, family, error);
    return data ? STATUS_OK : STATUS_NOT_FOUND;
}

/* Not with RocksDB's own way of reading in memory: that knows its caches only, and says neither whether a row is there
 * when the block is not. An error is no verdict here, whatever it is: the kernel may give less of a file than it has,
 * which looks like damage. The caller reads again where it may wait, and that counts. */
static enum status get_in_memory(const struct rocks *db, const struct rocks_view *view, unsigned family,
                                 struct bytes key, char **data, size_t *len)
{
    char *error = NULL;

    page_cache_only_begin();
    *data = value_read(db, view, db->anywhere, family, key, len, &error);
    if (!page_cache_only_end() && !error)
        return *data ? STATUS_OK : STATUS_NOT_FOUND;
    if (error)
        rocksdb_free(error);
    free(*data); /* RocksDB's C interface allocates with malloc */
    *data = NULL;
    return STATUS_UNAVAILABLE;
}

enum status rocks_get(struct rocks *db, const struct rocks_view *view, unsigned family, struct bytes key, char **data,
                      size_t *len)
{
    char *error = NULL;

    if (view->in_memory && !view->snapshot && !view->passing)
        return get_in_memory(db, view, family, key, data, len);
    blocking_call();
    rocksdb_readoptions_t *own = view_options(view);
    *data = value_read(db, view, own ? own : db->anywhere, family, key, len, &error);
    if (own)
        rocksdb_readoptions_destroy(own);
    return value_outcome(db, family, *data, error);
}

struct rocks_iterator {
    const struct rocks *db;
    rocksdb_iterator_t *iterator;
    rocksdb_readoptions_t *options;
    struct bytes lower, upper;
    unsigned family;
};

struct rocks_iterator *rocks_iterator_create(struct rocks *db, const struct rocks_view *view, unsigned family,
                                             struct bytes lower, struct bytes upper)
{
    struct rocks_iterator *it = mem_alloc(sizeof(*it));
    rocksdb_readoptions_t *options = view_options(view);

    if (!view->in_memory)
        blocking_call();
    if (!options)
        options = rocksdb_readoptions_create();
    if (lower.data)
        rocksdb_readoptions_set_iterate_lower_bound(options, lower.data, lower.len);
    if (upper.data)
        rocksdb_readoptions_set_iterate_upper_bound(options, upper.data, upper.len);
    if (view->in_memory) {
        rocksdb_readoptions_set_read_tier(options, READ_TIER_MEMORY);
        rocksdb_readoptions_set_max_skippable_internal_keys(options, MEMORY_SKIPS_MAX);
    }
    rocksdb_iterator_t *iterator = rocksdb_create_iterator_cf(db->database, options, db->families[family]);
    if (view->batch)
        iterator =
            rocksdb_writebatch_wi_create_iterator_with_base_cf(view->batch->indexed, iterator, db->families[family]);
    *it = (struct rocks_iterator){db, iterator, options, lower, upper, family};
    return it;
}

void rocks_iterator_free(struct rocks_iterator *it)
{
    if (!it)
        return;
    rocksdb_iter_destroy(it->iterator);
    rocksdb_readoptions_destroy(it->options);
    free(it);
}

void rocks_iterator_seek(struct rocks_iterator *it, struct bytes key)
{
    rocksdb_iter_seek(it->iterator, key.data, key.len);
}

void rocks_iterator_first(struct rocks_iterator *it)
{
    if (it->lower.data)
        rocks_iterator_seek(it, it->lower);
    else
        rocksdb_iter_seek_to_first(it->iterator);
}

void rocks_iterator_last(struct rocks_iterator *it)
{
    if (!it->upper.data) {
        rocksdb_iter_seek_to_last(it->iterator);
        return;
    }
    /* seek_for_prev includes its key and the upper bound is exclusive. */
    rocksdb_iter_seek_for_prev(it->iterator, it->upper.data, it->upper.len);
    if (rocksdb_iter_valid(it->iterator) && !rocks_iterator_valid(it))
        rocksdb_iter_prev(it->iterator);
}

void rocks_iterator_next(struct rocks_iterator *it)
{
    rocksdb_iter_next(it->iterator);
}

void rocks_iterator_previous(struct rocks_iterator *it)
{
    rocksdb_iter_prev(it->iterator);
}

bool rocks_iterator_valid(const struct rocks_iterator *it)
{
    if (!rocksdb_iter_valid(it->iterator))
        return false;
    /* The part that comes from a batch does not know the bounds. */
    struct bytes key = rocks_iterator_key(it);
    return (!it->lower.data || bytes_compare(key, it->lower) >= 0) &&
           (!it->upper.data || bytes_compare(key, it->upper) < 0);
}

struct bytes rocks_iterator_key(const struct rocks_iterator *it)
{
    struct bytes key;
    key.data = rocksdb_iter_key(it->iterator, &key.len);
    return key;
}

struct bytes rocks_iterator_value(const struct rocks_iterator *it)
{
    struct bytes value;
    value.data = rocksdb_iter_value(it->iterator, &value.len);
    return value;
}

enum status rocks_iterator_status(const struct rocks_iterator *it)
{
    char *error = NULL;
    rocksdb_iter_get_error(it->iterator, &error);
    return rocks_outcome(it->db, ROCKS_READ, it->family, error);
}

struct rocks_snapshot *rocks_snapshot_create(struct rocks *db)
{
    return (struct rocks_snapshot *)rocksdb_create_snapshot(db->database);
}

void rocks_snapshot_free(struct rocks *db, struct rocks_snapshot *snapshot)
{
    rocksdb_release_snapshot(db->database, (const rocksdb_snapshot_t *)snapshot);
}

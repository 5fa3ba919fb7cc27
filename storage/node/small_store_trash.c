/* The rows of chunks in the trash; their bytes stay where they are. */
#include "storage/node/small_store_internal.h"

#define TRASH_LEN (SMALL_ENTRY_LEN + 8)

static void trash_encode(const struct trash_entry *trash, uint8_t out[TRASH_LEN])
{
    small_entry_encode(&trash->entry, out);
    put_u64(out + SMALL_ENTRY_LEN, (uint64_t)trash->trashed_ms);
}

static enum status trash_decode(struct bytes key, struct bytes value, struct trash_entry *trash)
{
    if (value.len != TRASH_LEN)
        return STATUS_CORRUPT;
    trash->trashed_ms = (int64_t)get_u64(value.data + SMALL_ENTRY_LEN);
    return small_entry_decode(key, bytes_of(value.data, SMALL_ENTRY_LEN), &trash->entry);
}

enum status small_store_trash_lookup(struct small_store *store, const struct chunk_id *id, struct trash_entry *trash)
{
    struct small_value value = {0};
    enum status status = small_row_get(store, SMALL_ANYWHERE, FAMILY_TRASH, id, &value);
    if (!status)
        status = trash_decode(small_key(id), bytes_of(value.data, value.len), trash);
    small_value_release(&value);
    return small_row_outcome(store, status);
}

enum status small_store_trash(struct small_store *store, const struct trash_entry *trash)
{
    uint8_t row[TRASH_LEN];
    struct bytes key = small_key(&trash->entry.id);
    struct rocks_batch *batch = rocks_batch_create(store->db, false);
    trash_encode(trash, row);
    rocks_batch_delete(batch, FAMILY_INDEX, key);
    rocks_batch_put(batch, FAMILY_TRASH, key, bytes_of(row, sizeof(row)));
    enum status status = rocks_write(store->db, batch, true);
    rocks_batch_free(batch);
    return status;
}

enum status small_store_restore(struct small_store *store, const struct trash_entry *trash)
{
    uint8_t row[SMALL_ENTRY_LEN];
    struct bytes key = small_key(&trash->entry.id);
    struct rocks_batch *batch = rocks_batch_create(store->db, false);
    small_entry_encode(&trash->entry, row);
    rocks_batch_put(batch, FAMILY_INDEX, key, bytes_of(row, sizeof(row)));
    rocks_batch_delete(batch, FAMILY_TRASH, key);
    enum status status = rocks_write(store->db, batch, true);
    rocks_batch_free(batch);
    return status;
}

enum status small_store_trash_delete(struct small_store *store, const struct chunk_id *id, bool with_bytes)
{
    struct rocks_batch *batch = rocks_batch_create(store->db, false);
    rocks_batch_delete(batch, FAMILY_TRASH, small_key(id));
    if (with_bytes)
        rocks_batch_delete(batch, FAMILY_DATA, small_key(id));
    enum status status = rocks_write(store->db, batch, false);
    rocks_batch_free(batch);
    return status;
}

struct trash_walk {
    struct small_store *store;
    small_store_trash_fn fn;
    void *arg;
};

static enum status trash_row(void *arg, struct bytes key, struct bytes value)
{
    const struct trash_walk *walk = arg;
    struct trash_entry trash;
    enum status status = small_row_outcome(walk->store, trash_decode(key, value, &trash));
    return status ? status : walk->fn(walk->arg, &trash);
}

enum status small_store_trash_iterate(struct small_store *store, const struct chunk_id *after, small_store_trash_fn fn,
                                      void *arg)
{
    struct trash_walk walk = {store, fn, arg};
    return small_rows_walk(store, FAMILY_TRASH, after, trash_row, &walk);
}

/* A batch of the store in memory (store_memory.c): rows like the store's own, numbered by the batch's own changes. The
 * functions are the store's operations for batches (store_operations.h). No locks: a batch is one thread's. */
#ifndef TERCET_META_STORE_MEMORY_BATCH_H
#define TERCET_META_STORE_MEMORY_BATCH_H

#include "meta/store_operations.h"
#include "meta/store_rows.h"

struct memory_change {
    enum store_family family;
    struct row *row;
    const struct row_value *value;
};

struct memory_batch {
    struct store_batch batch;
    struct rows families[STORE_FAMILY_COUNT];
    struct memory_change *changes;
    unsigned count, capacity;
    unsigned *marks; /* counts to which a rollback returns, the last first */
    unsigned mark_count, mark_capacity;
    size_t bytes;
    struct bytes log_data; /* the batch's own */
};

static inline struct memory_batch *memory_batch_of(const struct store_batch *batch)
{
    return (struct memory_batch *)batch;
}

struct store_batch *memory_batch_create(struct meta_store *db);
void memory_batch_free(struct store_batch *handle);
void memory_batch_put(struct store_batch *handle, enum store_family family, struct bytes key, struct bytes value);
void memory_batch_delete(struct store_batch *handle, enum store_family family, struct bytes key);
unsigned memory_batch_count(const struct store_batch *batch);
size_t memory_batch_bytes(const struct store_batch *batch);
void memory_batch_log_data(struct store_batch *handle, struct bytes data);
void memory_batch_mark(struct store_batch *handle);
void memory_batch_rollback(struct store_batch *handle);
enum status memory_batch_changes(const struct store_batch *handle, struct buffer *out, uint32_t *count);

#endif

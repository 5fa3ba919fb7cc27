/* What an implementation of the store fills in. Each function does what its namesake in store.h promises; what that
 * does for all of them (bounds of iterators, copies) is done in store.c. For implementations and store.c only. */
#ifndef TERCET_META_STORE_OPERATIONS_H
#define TERCET_META_STORE_OPERATIONS_H

#include "meta/store.h"

struct store_terms {
    bool lazy;         /* it need not be durable yet */
    bool conditional;  /* CONFLICT unless the store is */
    uint64_t sequence; /* at this one */
    bool recorded;     /* the batch is a record's, which has the rows that the store adds to a batch */
};

struct store_operations {
    void (*close)(struct meta_store *db);
    uint64_t (*figure)(struct meta_store *db, enum database_figure figure);

    struct store_batch *(*batch_create)(struct meta_store *db);
    void (*batch_free)(struct store_batch *batch);
    void (*batch_put)(struct store_batch *batch, enum store_family family, struct bytes key, struct bytes value);
    void (*batch_delete)(struct store_batch *batch, enum store_family family, struct bytes key);
    unsigned (*batch_count)(const struct store_batch *batch);
    size_t (*batch_bytes)(const struct store_batch *batch);
    void (*batch_log_data)(struct store_batch *batch, struct bytes data);
    void (*batch_mark)(struct store_batch *batch);
    void (*batch_rollback)(struct store_batch *batch);
    enum status (*batch_changes)(const struct store_batch *batch, struct buffer *out, uint32_t *count);
    enum status (*write)(struct meta_store *db, struct store_batch *batch, const struct store_terms *terms);
    enum status (*sync)(struct meta_store *db);

    enum status (*get)(const struct store_view *view, enum store_family family, struct bytes key,
                       struct store_value *value);

    /* The bounds are in the iterator already; an iterator that was opened is nowhere. */
    void (*iterator_open)(struct store_iterator *it, const struct store_view *view, enum store_family family);
    void (*iterator_close)(struct store_iterator *it);
    void (*iterator_seek)(struct store_iterator *it, struct bytes key); /* never before lower */
    void (*iterator_last)(struct store_iterator *it);
    void (*iterator_next)(struct store_iterator *it);
    void (*iterator_previous)(struct store_iterator *it);
    bool (*iterator_valid)(const struct store_iterator *it);
    struct bytes (*iterator_key)(const struct store_iterator *it);
    struct bytes (*iterator_value)(const struct store_iterator *it);
    enum status (*iterator_status)(const struct store_iterator *it);

    uint64_t (*sequence)(struct meta_store *db);
    void (*sequence_set)(struct meta_store *db, uint64_t sequence);
    enum status (*changes_read)(struct meta_store *db, uint64_t from, uint64_t last, uint64_t epoch,
                                struct buffer *out);
    enum status (*changes_begin)(struct meta_store *db, uint64_t from, uint64_t *begin);
    void (*snapshot_open)(struct store_snapshot *snapshot);
    void (*snapshot_close)(struct store_snapshot *snapshot);
};

/* These begin what an implementation keeps. */
struct meta_store {
    const struct store_operations *operations;
};
struct store_batch {
    struct meta_store *db;
};

#endif

/* Rows of identities, and the generation that says when they changed; see the header. */
#include "meta/identity.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "meta/internal.h"

#define PAGE_BYTES (4u << 20) /* of a page, from which on it takes no further row */

void identities_init(struct identities *identities)
{
    identities->staged = 1;
    atomic_store(&identities->generation, 1);
}

void identities_publish(struct identities *identities)
{
    atomic_store(&identities->generation, identities->staged);
}

void identities_revert(struct identities *identities)
{
    identities->staged = atomic_load(&identities->generation);
}

uint64_t meta_identity_generation(struct meta *meta)
{
    return atomic_load(&meta->identities.generation);
}

static bool key_is_valid(struct bytes key)
{
    return key.len > 0 && key.len <= META_IDENTITY_KEY_MAX;
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

struct meta_identity_view {
    struct store_view store;
};

static enum status row_get(const struct store_view *view, struct bytes key, struct buffer *document)
{
    struct store_value value = {0};
    struct bytes found;

    enum status status = store_get(view, STORE_IDENTITY, key, &value);
    if (status)
        return status;
    status = identity_record_decode(store_value_bytes(&value), &found);
    if (!status)
        status = buffer_append_bytes(document, found);
    store_value_release(&value);
    return damage_of_row(status, "read an identity");
}

enum status meta_identity_view_get(const struct meta_identity_view *view, struct bytes key, struct buffer *document)
{
    return key_is_valid(key) ? row_get(&view->store, key, document) : STATUS_NOT_FOUND;
}

struct identity_read {
    struct meta *meta;
    meta_identity_reader *read;
    void *arg;
    enum status status;
};

static void identity_read_run(void *arg)
{
    struct identity_read *read = arg;
    struct store_snapshot snapshot;
    struct meta_identity_view view = {.store = meta_view(read->meta)};

    store_snapshot_open(&snapshot, read->meta->db);
    view.store.snapshot = &snapshot;
    read->status = read->read(&view, read->arg);
    store_snapshot_close(&snapshot);
}

enum status meta_identity_read(struct meta *meta, meta_identity_reader *read, void *arg)
{
    struct identity_read job = {.meta = meta, .read = read, .arg = arg};

    pool_run(meta->pool, identity_read_run, &job);
    enum status settled = settle_wait_durable(&meta->settle);
    return settled ? settled : job.status;
}

struct identity_get {
    struct meta *meta;
    struct bytes key;
    struct buffer *document;
    enum status status;
};

static void identity_get_run(void *arg)
{
    struct identity_get *get = arg;
    const struct store_view view = meta_view(get->meta);

    get->status = row_get(&view, get->key, get->document);
}

enum status meta_identity_get(struct meta *meta, struct bytes key, struct buffer *document)
{
    struct identity_get get = {.meta = meta, .key = key, .document = document};

    if (!key_is_valid(key))
        return STATUS_NOT_FOUND;
    pool_run(meta->pool, identity_get_run, &get);
    enum status settled = settle_wait_durable(&meta->settle);
    return settled ? settled : get.status;
}

struct identity_list {
    struct meta *meta;
    struct bytes lower, upper;
    size_t max;
    struct meta_identity_page *page;
    enum status status;
};

static enum status row_take(struct meta_identity_page *page, const struct store_iterator *it, size_t *bytes)
{
    struct bytes document, key = store_iterator_key(it);

    enum status status = identity_record_decode(store_iterator_value(it), &document);
    if (status)
        return status;
    char *text = mem_alloc(key.len + document.len + 1); /* freed by the key, which is its begin */
    memcpy(text, key.data, key.len);
    memcpy(text + key.len, document.data, document.len);
    page->rows[page->count++] =
        (struct meta_identity_row){bytes_of(text, key.len), bytes_of(text + key.len, document.len)};
    *bytes += key.len + document.len;
    return STATUS_OK;
}

static void identity_list_run(void *arg)
{
    struct identity_list *list = arg;
    struct store_view view = meta_view(list->meta);
    struct store_iterator it;
    size_t bytes = 0;

    list->status = STATUS_OK;
    store_iterator_open(&it, &view, STORE_IDENTITY, list->lower, list->upper);
    for (store_iterator_first(&it);
         !list->status && store_iterator_valid(&it) && list->page->count < list->max && bytes < PAGE_BYTES;
         store_iterator_next(&it))
        list->status = row_take(list->page, &it, &bytes);
    if (!list->status)
        list->status = store_iterator_status(&it);
    list->page->more = !list->status && store_iterator_valid(&it);
    store_iterator_close(&it);
}

enum status meta_identity_list(struct meta *meta, struct bytes lower, struct bytes upper, size_t max,
                               struct meta_identity_page *page)
{
    struct identity_list list = {.meta = meta, .lower = lower, .upper = upper, .page = page};

    list.max = max < META_IDENTITY_PAGE_MAX ? max : META_IDENTITY_PAGE_MAX;
    *page = (struct meta_identity_page){.rows = mem_alloc((list.max ? list.max : 1) * sizeof(*page->rows))};
    pool_run(meta->pool, identity_list_run, &list);
    enum status status = damage_of_row(list.status, "read identities");
    enum status settled = settle_wait_durable(&meta->settle);
    if (settled)
        status = settled;
    if (status)
        meta_identity_page_release(page);
    return status;
}

void meta_identity_page_release(struct meta_identity_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        free((char *)page->rows[i].key.data);
    free(page->rows);
    *page = (struct meta_identity_page){0};
}

/* ---- changing ------------------------------------------------------------------------------------------------- */

struct identity_update {
    struct commit_op op;
    uint64_t generation;
    const struct meta_identity_change *changes;
    size_t count;
};

static enum status identity_update_prepare(struct commit_op *op, struct txn *txn)
{
    const struct identity_update *update = (struct identity_update *)op;
    struct identities *identities = &txn->meta->identities;

    if (update->generation != identities->staged)
        return STATUS_CONFLICT;
    for (size_t i = 0; i < update->count; i++) {
        const struct meta_identity_change *change = &update->changes[i];
        if (change->document.data) {
            struct buffer *value = txn_value(txn);
            identity_record_encode(value, change->document);
            store_batch_put(txn->view.batch, STORE_IDENTITY, change->key, buffer_bytes(value));
        } else {
            store_batch_delete(txn->view.batch, STORE_IDENTITY, change->key);
        }
    }
    identities->staged++;
    return STATUS_OK;
}

static enum status changes_check(const struct meta_identity_change *changes, size_t count)
{
    size_t bytes = 0;

    if (count > META_IDENTITY_CHANGES_MAX)
        return STATUS_LIMIT;
    for (size_t i = 0; i < count; i++) {
        if (!key_is_valid(changes[i].key) || changes[i].document.len > META_IDENTITY_DOCUMENT_MAX)
            return STATUS_LIMIT;
        bytes += changes[i].key.len + changes[i].document.len;
    }
    return bytes > META_IDENTITY_UPDATE_MAX ? STATUS_LIMIT : STATUS_OK;
}

enum status meta_identity_update(struct meta *meta, uint64_t generation, const struct meta_identity_change *changes,
                                 size_t count)
{
    struct identity_update update = {
        .op.prepare = identity_update_prepare, .generation = generation, .changes = changes, .count = count};

    enum status status = changes_check(changes, count);
    return status || count == 0 ? status : commit_run(meta, &update.op);
}

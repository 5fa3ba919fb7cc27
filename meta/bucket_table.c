/* The buckets in memory; see the header. Sorted arrays: buckets are few, and created and deleted rarely. */
#include "meta/bucket_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/lock.h"
#include "base/log.h"
#include "meta/records.h"

static void array_insert(struct bucket_array *array, size_t at, struct bucket_entry *entry)
{
    if (array->count == array->capacity) {
        array->capacity = array->capacity ? 2 * array->capacity : 16;
        array->entries = mem_realloc(array->entries, array->capacity * sizeof(*array->entries));
    }
    memmove(array->entries + at + 1, array->entries + at, (array->count - at) * sizeof(*array->entries));
    array->entries[at] = entry;
    array->count++;
}

static void array_remove(struct bucket_array *array, size_t at)
{
    array->count--;
    memmove(array->entries + at, array->entries + at + 1, (array->count - at) * sizeof(*array->entries));
}

/* Index of the first entry whose name is not below. */
static size_t name_position(const struct bucket_array *array, struct bytes name)
{
    size_t low = 0, high = array->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (bytes_compare(bytes_from_str(array->entries[middle]->committed.name), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t id_position(const struct bucket_array *array, uint32_t id)
{
    size_t low = 0, high = array->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (array->entries[middle]->staged.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool name_is_at(const struct bucket_array *array, size_t at, struct bytes name)
{
    return at < array->count && bytes_equal_str(name, array->entries[at]->committed.name);
}

void bucket_table_init(struct bucket_table *table)
{
    *table = (struct bucket_table){0};
    pthread_rwlock_init(&table->lock, NULL);
}

static void entry_free(struct bucket_entry *entry)
{
    meta_settings_release(entry->settings);
    meta_settings_release(entry->settings_staged);
    free(entry);
}

void bucket_table_release(struct bucket_table *table)
{
    for (size_t i = 0; i < table->by_id.count; i++)
        entry_free(table->by_id.entries[i]);
    free(table->by_id.entries);
    free(table->by_name.entries);
    free(table->touched.entries);
    pthread_rwlock_destroy(&table->lock);
}

static struct bucket_entry *entry_create(struct bucket_table *table, const struct meta_bucket *bucket)
{
    struct bucket_entry *entry = mem_zalloc(sizeof(*entry));
    entry->committed = entry->staged = *bucket;
    array_insert(&table->by_id, id_position(&table->by_id, bucket->id), entry);
    return entry;
}

enum status bucket_table_load(struct bucket_table *table, struct meta_store *db)
{
    struct store_view view = {.db = db};
    struct store_iterator it;
    enum status status = STATUS_OK;

    store_iterator_open(&it, &view, STORE_BUCKETS, BYTES(""), BYTES("\xff"));
    for (store_iterator_first(&it); !status && store_iterator_valid(&it); store_iterator_next(&it)) {
        struct meta_bucket bucket;
        struct bytes name = store_iterator_key(&it);
        status = bucket_record_decode(store_iterator_value(&it), &bucket);
        if (name.len == 0 || name.len > META_BUCKET_MAX || memchr(name.data, '\0', name.len))
            status = STATUS_CORRUPT;
        if (status) {
            log_error("bucket record is damaged", LOG_BYTES("bucket", name));
            break;
        }
        memcpy(bucket.name, name.data, name.len);
        array_insert(&table->by_name, table->by_name.count, entry_create(table, &bucket));
    }
    if (!status)
        status = store_iterator_status(&it);
    store_iterator_close(&it);
    return status;
}

/* *settings becomes the same as those. */
static void settings_follow(struct meta_settings **settings, struct meta_settings *those)
{
    if (*settings == those)
        return;
    meta_settings_release(*settings);
    *settings = settings_hold(those);
}

enum status bucket_table_load_setting(struct bucket_table *table, uint32_t id, uint8_t kind, struct setting *setting)
{
    struct bucket_entry *entry = bucket_table_find(table, id);
    if (!entry)
        return STATUS_NOT_FOUND;
    struct meta_settings *with = settings_with(entry->settings, kind, setting);
    settings_follow(&entry->settings, with);
    settings_follow(&entry->settings_staged, with);
    meta_settings_release(with);
    return STATUS_OK;
}

enum status bucket_table_load_upload(struct bucket_table *table, uint32_t id, uint64_t bytes)
{
    struct bucket_entry *entry = bucket_table_find(table, id);
    if (!entry)
        return STATUS_NOT_FOUND;
    entry->staged.upload_bytes += bytes;
    entry->committed.upload_bytes += bytes;
    return STATUS_OK;
}

struct bucket_entry *bucket_table_find(struct bucket_table *table, uint32_t id)
{
    size_t at = id_position(&table->by_id, id);
    if (at == table->by_id.count || table->by_id.entries[at]->staged.id != id)
        return NULL;
    return table->by_id.entries[at]->deleted ? NULL : table->by_id.entries[at];
}

static void counter_add(uint64_t *counter, int64_t change)
{
    CHECK(change >= 0 || *counter >= (uint64_t)-change);
    *counter += (uint64_t)change;
}

/* What was counted at the start may lack what could not be read then. */
static void upload_bytes_add(uint64_t *counter, int64_t change)
{
    *counter = change < 0 && (uint64_t)-change > *counter ? 0 : *counter + (uint64_t)change;
}

void bucket_table_stage(struct bucket_table *table, const struct bucket_change *change)
{
    struct bucket_entry *entry = change->entry;
    if (change->created.id)
        entry = entry_create(table, &change->created);
    if (!entry)
        return;
    counter_add(&entry->staged.objects, change->objects);
    counter_add(&entry->staged.versions, change->versions);
    counter_add(&entry->staged.bytes, change->bytes);
    upload_bytes_add(&entry->staged.upload_bytes, change->upload_bytes);
    entry->deleted = change->deleted;
    if (change->versioning_changed) {
        entry->staged.versioned = true;
        entry->staged.suspended = change->suspended;
    }
    if (change->settings_changed) {
        meta_settings_release(entry->settings_staged);
        entry->settings_staged = change->settings;
    }
    if (!entry->dirty)
        array_insert(&table->touched, table->touched.count, entry);
    entry->dirty = true;
}

void bucket_table_write(struct bucket_table *table, struct store_batch *batch)
{
    struct buffer value;
    record_buffer_init(&value);
    for (size_t i = 0; i < table->touched.count; i++) {
        struct bucket_entry *entry = table->touched.entries[i];
        if (entry->deleted)
            continue; /* its operation removed the row */
        buffer_clear(&value);
        bucket_record_encode(&value, &entry->staged);
        store_batch_put(batch, STORE_BUCKETS, bytes_from_str(entry->staged.name), buffer_bytes(&value));
    }
    buffer_release(&value);
}

/* Forgets a bucket. When it was deleted, its name may be taken again by a bucket of the same group, which comes later.
 */
static void entry_delete(struct bucket_table *table, struct bucket_entry *entry)
{
    size_t at = name_position(&table->by_name, bytes_from_str(entry->committed.name));
    if (at < table->by_name.count && table->by_name.entries[at] == entry)
        array_remove(&table->by_name, at);
    array_remove(&table->by_id, id_position(&table->by_id, entry->staged.id));
    entry_free(entry);
}

void bucket_table_publish(struct bucket_table *table)
{
    lock_acquire_write(&table->lock);
    for (size_t i = 0; i < table->touched.count; i++) {
        struct bucket_entry *entry = table->touched.entries[i];
        if (entry->deleted) {
            entry_delete(table, entry);
            continue;
        }
        struct bytes name = bytes_from_str(entry->staged.name);
        size_t at = name_position(&table->by_name, name);
        entry->committed = entry->staged;
        settings_follow(&entry->settings, entry->settings_staged);
        entry->dirty = false;
        if (!name_is_at(&table->by_name, at, name))
            array_insert(&table->by_name, at, entry);
    }
    table->touched.count = 0;
    lock_release_shared(&table->lock);
}

void bucket_table_revert(struct bucket_table *table)
{
    lock_acquire_write(&table->lock);
    for (size_t i = 0; i < table->touched.count; i++) {
        struct bucket_entry *entry = table->touched.entries[i];
        size_t at = name_position(&table->by_name, bytes_from_str(entry->committed.name));
        if (at == table->by_name.count || table->by_name.entries[at] != entry) {
            entry_delete(table, entry); /* it was created in the group */
            continue;
        }
        entry->staged = entry->committed;
        settings_follow(&entry->settings_staged, entry->settings);
        entry->dirty = entry->deleted = false;
    }
    table->touched.count = 0;
    lock_release_shared(&table->lock);
}

enum status bucket_table_get(struct bucket_table *table, struct bytes name, struct meta_bucket *out,
                             struct meta_settings **settings)
{
    enum status status = STATUS_NOT_FOUND;
    lock_acquire_read(&table->lock);
    size_t at = name_position(&table->by_name, name);
    if (name_is_at(&table->by_name, at, name)) {
        *out = table->by_name.entries[at]->committed;
        if (settings)
            *settings = settings_hold(table->by_name.entries[at]->settings);
        status = STATUS_OK;
    }
    lock_release_shared(&table->lock);
    return status;
}

bool bucket_table_is_unversioned(struct bucket_table *table, uint32_t id)
{
    bool unversioned = false;
    lock_acquire_read(&table->lock);
    for (size_t i = 0; i < table->by_name.count; i++)
        if (table->by_name.entries[i]->committed.id == id)
            unversioned = !table->by_name.entries[i]->committed.versioned;
    lock_release_shared(&table->lock);
    return unversioned;
}

void bucket_table_list(struct bucket_table *table, struct meta_bucket **buckets, size_t *count)
{
    lock_acquire_read(&table->lock);
    *count = table->by_name.count;
    *buckets = mem_alloc((*count ? *count : 1) * sizeof(**buckets));
    for (size_t i = 0; i < *count; i++)
        (*buckets)[i] = table->by_name.entries[i]->committed;
    lock_release_shared(&table->lock);
}

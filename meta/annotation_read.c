/* Annotations, for readers; see annotations.h. One is held by the name of its first chunk, as a version of one chunk
 * list is. That it can still be reached is looked at again under the lookup that finds it: the version that the caller
 * has keeps its own chunks, and no others. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "meta/internal.h"
#include "meta/list_walk.h"
#include "meta/object_storage.h"
#include "meta/own_attribute.h"
#include "meta/records.h"

struct meta_annotation_sum meta_annotations_of(const struct meta_object *object)
{
    struct own_attribute own;
    enum status status = damage_of_row(own_attribute_read(object->attributes, &own), "read a version's annotations");

    return status ? (struct meta_annotation_sum){0} : own.sum;
}

static void annotation_show(const struct annotation_record *record, struct bytes name,
                            struct meta_annotation *annotation)
{
    *annotation = (struct meta_annotation){.name = name,
                                           .size = record->text.size,
                                           .checksum = record->text.checksum,
                                           .seal = record->text.seal,
                                           .sequence = record->sequence,
                                           .modified_ms = record->text.modified_ms};
    memcpy(annotation->md5, record->text.md5, MD5_LEN);
}

/* ---- one ------------------------------------------------------------------------------------------------------ */

struct annotation_get {
    struct meta *meta;
    uint32_t bucket;
    struct bytes key, name;
    uint64_t version; /* its sequence */
    struct meta_annotation *annotation;
    struct meta_object *text;
    bool gone;
    enum status status;
};

/* The annotation as the row of a version that has no other bytes. */
static void annotation_take(struct annotation_get *get, struct store_value *value, struct version_row *version,
                            const struct annotation_record *record, uint64_t sequence)
{
    struct version_row row = {.value = *value,
                              .record = {.head = {.sequence = record->sequence,
                                                  .size = record->text.size,
                                                  .modified_ms = record->text.modified_ms,
                                                  .checksum = record->text.checksum,
                                                  .storage_class = version->record.head.storage_class},
                                         .attributes = version->record.attributes,
                                         .chunks = record->chunks}};

    memcpy(row.record.head.etag_md5, record->text.md5, MD5_LEN);
    object_take_row(&get->meta->readers, get->text, &row, false, sequence);
    ((struct object_storage *)get->text->storage)->beside = version->value;
    *value = version->value = (struct store_value){0};
    annotation_show(record, get->name, get->annotation);
}

static enum status annotation_find(struct annotation_get *get, struct version_row *version, uint64_t sequence)
{
    const struct store_view view = meta_view(get->meta);
    struct annotation_record record;
    struct store_value value = {0};
    struct own_attribute own;
    struct row_key key;
    enum status status = own_attribute_read(version->record.attributes, &own);

    if (!status && own.sum.count == 0)
        status = STATUS_NOT_FOUND;
    if (status)
        return status;
    row_key_annotation(&key, &own.set, get->name);
    status = store_get(&view, STORE_ANNOTATIONS, row_key_bytes(&key), &value);
    if (!status)
        status = annotation_record_decode(store_value_bytes(&value), &record);
    if (!status && record.text.seal.sealed != meta_attributes_sealed(version->record.attributes))
        status = STATUS_CORRUPT;
    if (!status)
        annotation_take(get, &value, version, &record, sequence);
    store_value_release(&value);
    return status;
}

static void annotation_get_run(void *arg)
{
    struct annotation_get *get = arg;
    struct reader_registry *registry = &get->meta->readers;
    const struct store_view view = meta_view(get->meta);
    uint64_t sequence = meta_sequence(get->meta); /* before the read */
    struct version_row version;
    struct lookup lookup;

    lookup_begin(registry, &lookup, sequence);
    get->status = version_load(&view, get->bucket, get->key, get->version, &version);
    get->gone = get->status == STATUS_NOT_FOUND;
    if (!get->status) {
        get->status = annotation_find(get, &version, sequence);
        version_row_release(&version);
    }
    lookup_end(registry, &lookup);
}

enum status meta_annotation_get(struct meta *meta, uint32_t bucket, struct bytes key, const struct meta_object *version,
                                struct bytes name, struct meta_annotation *annotation, struct meta_object *text,
                                bool *gone)
{
    struct settle *settle = &meta->settle;
    struct annotation_get get = {.meta = meta,
                                 .bucket = bucket,
                                 .key = key,
                                 .name = name,
                                 .version = version->sequence,
                                 .annotation = annotation,
                                 .text = text,
                                 .status = STATUS_NOT_FOUND};

    *annotation = (struct meta_annotation){0};
    *text = (struct meta_object){0};
    if (name.len > 0 && name.len <= META_ANNOTATION_NAME_MAX)
        pool_run(meta->pool, annotation_get_run, &get);
    *gone = get.gone;
    if (get.status && get.status != STATUS_NOT_FOUND)
        return damage_of_row(get.status, "read an annotation");
    enum status settled =
        get.status ? settle_wait_durable(settle) : settle_wait(settle, SETTLE_OUTCOME, annotation->sequence);
    if (settled && !get.status)
        meta_object_release(text);
    return settled ? settled : get.status;
}

/* ---- all of them ---------------------------------------------------------------------------------------------- */

struct annotation_list {
    struct meta *meta;
    struct own_attribute own;
    struct bytes prefix, after;
    unsigned max;
    struct meta_annotation_page *page;
    enum status status;
};

/* To the first row that is wanted. */
static void list_start(const struct annotation_list *list, struct store_iterator *it)
{
    bool behind = list->after.len > 0 && bytes_compare(list->after, list->prefix) >= 0;
    struct row_key first;

    row_key_annotation(&first, &list->own.set, behind ? list->after : list->prefix);
    store_iterator_seek(it, row_key_bytes(&first));
    if (behind && store_iterator_valid(it) && bytes_equal(store_iterator_key(it), row_key_bytes(&first)))
        store_iterator_next(it);
}

static enum status list_add(struct annotation_list *list, const struct store_iterator *it)
{
    struct meta_annotation_page *page = list->page;
    struct annotation_record record;
    struct bytes name;
    enum status status = row_key_annotation_parse(store_iterator_key(it), &name);

    if (!status && !bytes_starts_with(name, list->prefix))
        return STATUS_NOT_FOUND;
    if (!status)
        status = annotation_record_decode(store_iterator_value(it), &record);
    if (status)
        return status;
    page->truncated = page->count == list->max;
    if (page->truncated)
        return STATUS_NOT_FOUND;
    annotation_show(&record, page_text_copy(&page->storage, name), &page->entries[page->count++]);
    return STATUS_OK;
}

static void annotation_list_run(void *arg)
{
    struct annotation_list *list = arg;
    const struct store_view view = meta_view(list->meta);
    struct row_key lower, upper;
    struct store_iterator it;

    row_key_annotation_bounds(&lower, &upper, &list->own.set);
    store_iterator_open(&it, &view, STORE_ANNOTATIONS, row_key_bytes(&lower), row_key_bytes(&upper));
    for (list_start(list, &it); !list->status && store_iterator_valid(&it); store_iterator_next(&it))
        list->status = list_add(list, &it);
    if (!list->status)
        list->status = store_iterator_status(&it);
    if (list->status == STATUS_NOT_FOUND)
        list->status = STATUS_OK;
    store_iterator_close(&it);
}

enum status meta_annotation_list(struct meta *meta, const struct meta_object *version, struct bytes prefix,
                                 struct bytes after, unsigned max, struct meta_annotation_page *page)
{
    struct annotation_list list = {.meta = meta, .prefix = prefix, .after = after, .page = page};

    *page = (struct meta_annotation_page){0};
    list.max = max < META_ANNOTATIONS_MAX ? max : META_ANNOTATIONS_MAX;
    list.status = own_attribute_read(version->attributes, &list.own);
    if (!list.status && list.own.sum.count > 0 && list.max > 0 && prefix.len <= META_ANNOTATION_NAME_MAX) {
        page->entries = mem_alloc(list.max * sizeof(*page->entries));
        pool_run(meta->pool, annotation_list_run, &list);
    }
    list.status = damage_of_row(list.status, "list annotations");
    if (!list.status)
        list.status = settle_wait_durable(&meta->settle);
    if (list.status)
        meta_annotation_page_release(page);
    return list.status;
}

void meta_annotation_page_release(struct meta_annotation_page *page)
{
    page_text_release(page->storage);
    free(page->entries);
    *page = (struct meta_annotation_page){0};
}

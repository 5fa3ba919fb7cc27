/* Listings of current objects, of versions and of uploads; see meta.h. Each fills one page in the pool. */
#include <stdlib.h>

#include "base/check.h"
#include "meta/internal.h"
#include "meta/list_walk.h"
#include "meta/name.h"
#include "meta/own_attribute.h"
#include "meta/upload.h"
#include "meta/version.h"

/* ---- objects and versions ------------------------------------------------------------------------------------- */

struct list_job {
    struct meta *meta;
    const struct meta_list_query *query;
    struct meta_list_page *page;
    unsigned max;
    enum status status;
    /* versions only: the key under way and its newest version */
    struct bytes key; /* in the page's text: the query may be gone, or made anew, before the page is */
    uint64_t newest;
};

/* Adds the common prefix and goes behind it. */
static void list_add_prefix(struct list_job *job, struct list_walk *walk, struct bytes common)
{
    struct meta_list_entry *entry = &job->page->entries[job->page->count++];
    *entry = (struct meta_list_entry){.key = page_text_copy(&job->page->storage, common), .is_prefix = true};
    list_walk_skip(walk, entry->key);
}

static enum status list_add_current(struct list_job *job, struct list_walk *walk, struct bytes key)
{
    struct meta_list_entry *entry = &job->page->entries[job->page->count];
    struct version_head head;

    enum status status = version_head_decode(store_iterator_value(&walk->it), &head);
    if (status)
        return status;
    *entry = (struct meta_list_entry){.key = page_text_copy(&job->page->storage, key)};
    version_head_show(&head, true, &entry->object);
    job->page->count++;
    store_iterator_next(&walk->it);
    return STATUS_OK;
}

static enum status list_add_version(struct list_job *job, struct list_walk *walk, struct bytes key)
{
    struct meta_list_entry *entry = &job->page->entries[job->page->count];
    struct version_head head;

    enum status status = version_record_decode_head(store_iterator_value(&walk->it), &head);
    if (status)
        return status;
    if (!bytes_equal(key, job->key)) {
        job->key = page_text_copy(&job->page->storage, key);
        job->newest = head.sequence;
    }
    *entry = (struct meta_list_entry){.key = job->key};
    version_head_show(&head, head.sequence == job->newest, &entry->object);
    job->page->count++;
    store_iterator_next(&walk->it);
    return STATUS_OK;
}

/* Fills the page from where the walk stands. */
static enum status list_fill(struct list_job *job, struct list_walk *walk,
                             enum status (*add)(struct list_job *, struct list_walk *, struct bytes))
{
    struct bytes key, common;
    enum status status;

    while ((status = list_walk_key(walk, &key)) == STATUS_OK) {
        if (job->page->count == job->max) {
            job->page->truncated = true;
            return STATUS_OK;
        }
        if (list_walk_common_prefix(walk, key, &common))
            list_add_prefix(job, walk, common);
        else if ((status = add(job, walk, key)))
            return status;
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static void list_current_run(void *arg)
{
    struct list_job *job = arg;
    const struct meta_list_query *query = job->query;
    struct store_view view = meta_view(job->meta);
    struct list_walk walk;

    list_walk_open(&walk, &view, STORE_CURRENT, 0, query->bucket, query->prefix, query->delimiter);
    list_walk_start(&walk, query->after);
    job->status = list_fill(job, &walk, list_add_current);
    list_walk_close(&walk);
}

/* Where in the order the version is that the marker names; 0 of a null version that is no more: nobody knows where it
 * was. */
static enum status marker_sequence(const struct store_view *view, const struct meta_list_query *query,
                                   uint64_t *sequence)
{
    struct name_record name;
    uint64_t random;
    bool implied;

    if (!bytes_equal_str(query->after_version, "null"))
        return version_id_parse(query->after_version, sequence, &random);
    enum status status = name_find(view, query->bucket, query->after, &name, &implied);
    *sequence = status ? 0 : name.null_version;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Goes behind one version of the key; the newest one is looked up to know whether what follows is the latest. After a
 * null version that is gone the key is listed again: better some versions twice than others never. */
static enum status list_start_version(struct list_job *job, const struct store_view *view, struct list_walk *walk)
{
    const struct meta_list_query *query = job->query;
    struct row_key row_key;
    struct bytes key, common;
    uint64_t sequence;

    if (object_key_check(query->after) || list_walk_marker_prefix(walk, query->after, &common)) {
        list_walk_start(walk, query->after);
        return STATUS_OK;
    }
    enum status status = marker_sequence(view, query, &sequence);
    if (status)
        return status;
    row_key_version(&row_key, query->bucket, query->after, UINT64_MAX);
    store_iterator_seek(&walk->it, row_key_bytes(&row_key));
    if (list_walk_key(walk, &key) == STATUS_OK && bytes_equal(key, query->after)) {
        status = row_key_version_parse(store_iterator_key(&walk->it), &key, &job->newest);
        job->key = page_text_copy(&job->page->storage, query->after);
    }
    if (!status && sequence > 0) {
        row_key_version(&row_key, query->bucket, query->after, sequence - 1);
        store_iterator_seek(&walk->it, row_key_bytes(&row_key));
    }
    return status;
}

static void list_versions_run(void *arg)
{
    struct list_job *job = arg;
    const struct meta_list_query *query = job->query;
    struct store_view view = meta_view(job->meta);
    struct list_walk walk;

    list_walk_open(&walk, &view, STORE_VERSIONS, KEY_VERSION_SUFFIX_LEN, query->bucket, query->prefix,
                   query->delimiter);
    if (query->after_version.len > 0)
        job->status = list_start_version(job, &view, &walk);
    else
        list_walk_start(&walk, query->after);
    if (!job->status)
        job->status = list_fill(job, &walk, list_add_version);
    list_walk_close(&walk);
}

static enum status list_run(struct meta *meta, const struct meta_list_query *query, struct meta_list_page *page,
                            void (*run)(void *))
{
    struct list_job job = {.meta = meta, .query = query, .page = page};

    *page = (struct meta_list_page){0};
    job.max = query->max < LIST_MAX ? query->max : LIST_MAX;
    if (job.max == 0)
        return STATUS_OK;
    page->entries = mem_alloc(job.max * sizeof(*page->entries));
    pool_run(meta->pool, run, &job);
    job.status = damage_of_row(job.status, "list objects");
    if (!job.status)
        job.status = settle_wait_durable(&meta->settle);
    if (job.status)
        meta_list_page_release(page);
    return job.status;
}

enum status meta_list(struct meta *meta, const struct meta_list_query *query, struct meta_list_page *page)
{
    return list_run(meta, query, page, list_current_run);
}

enum status meta_list_versions(struct meta *meta, const struct meta_list_query *query, struct meta_list_page *page)
{
    return list_run(meta, query, page, list_versions_run);
}

void meta_list_page_release(struct meta_list_page *page)
{
    page_text_release(page->storage);
    free(page->entries);
    *page = (struct meta_list_page){0};
}

/* ---- uploads -------------------------------------------------------------------------------------------------- */

struct upload_list_job {
    struct meta *meta;
    const struct meta_upload_query *query;
    struct meta_upload_page *page;
    unsigned max;
    enum status status;
};

static enum status upload_list_add(struct upload_list_job *job, struct list_walk *walk)
{
    struct meta_upload_page *page = job->page;
    struct meta_upload_entry *entry = &page->entries[page->count];
    struct upload_record record;
    struct own_attribute own;
    struct upload_id id;
    struct bytes key, common;

    enum status status = row_key_upload_parse(store_iterator_key(&walk->it), &key, &id);
    if (!status)
        status = upload_record_decode(store_iterator_value(&walk->it), &record);
    if (!status)
        status = own_attribute_read(record.attributes, &own);
    if (status)
        return status;
    page->count++;
    if (list_walk_common_prefix(walk, key, &common)) {
        *entry = (struct meta_upload_entry){.key = page_text_copy(&page->storage, common), .is_prefix = true};
        list_walk_skip(walk, entry->key);
        return STATUS_OK;
    }
    *entry = (struct meta_upload_entry){.key = page_text_copy(&page->storage, key),
                                        .created_ms = record.created_ms,
                                        .has_version = own.has_id,
                                        .checksum_algorithm = record.checksum_algorithm,
                                        .checksum_full_object = record.checksum_full_object,
                                        .storage_class = record.storage_class};
    upload_id_format(&id, entry->id);
    store_iterator_next(&walk->it);
    return STATUS_OK;
}

/* Behind one upload of the marker's key. */
static enum status upload_list_start(const struct meta_upload_query *query, struct list_walk *walk)
{
    struct upload_id id;
    struct row_key row_key;
    struct bytes common;

    if (query->upload_id_marker.len == 0 || object_key_check(query->key_marker) ||
        list_walk_marker_prefix(walk, query->key_marker, &common)) {
        list_walk_start(walk, query->key_marker);
        return STATUS_OK;
    }
    enum status status = upload_id_parse(query->upload_id_marker, &id);
    if (status)
        return status;
    row_key_upload(&row_key, query->bucket, query->key_marker, &id);
    store_iterator_seek(&walk->it, row_key_bytes(&row_key));
    if (store_iterator_valid(&walk->it) && bytes_equal(store_iterator_key(&walk->it), row_key_bytes(&row_key)))
        store_iterator_next(&walk->it);
    return STATUS_OK;
}

static void upload_list_run(void *arg)
{
    struct upload_list_job *job = arg;
    const struct meta_upload_query *query = job->query;
    struct store_view view = meta_view(job->meta);
    struct list_walk walk;
    struct bytes key;

    list_walk_open(&walk, &view, STORE_UPLOADS, KEY_UPLOAD_SUFFIX_LEN, query->bucket, query->prefix, query->delimiter);
    enum status status = upload_list_start(query, &walk);
    while (!status && (status = list_walk_key(&walk, &key)) == STATUS_OK) {
        if (job->page->count == job->max) {
            job->page->truncated = true;
            break;
        }
        status = upload_list_add(job, &walk);
    }
    list_walk_close(&walk);
    job->status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status meta_upload_list(struct meta *meta, const struct meta_upload_query *query, struct meta_upload_page *page)
{
    struct upload_list_job job = {.meta = meta, .query = query, .page = page};

    *page = (struct meta_upload_page){0};
    job.max = query->max < LIST_MAX ? query->max : LIST_MAX;
    if (job.max == 0)
        return STATUS_OK;
    page->entries = mem_alloc(job.max * sizeof(*page->entries));
    pool_run(meta->pool, upload_list_run, &job);
    job.status = damage_of_row(job.status, "list uploads");
    if (!job.status)
        job.status = settle_wait_durable(&meta->settle);
    if (job.status)
        meta_upload_page_release(page);
    return job.status;
}

void meta_upload_page_release(struct meta_upload_page *page)
{
    page_text_release(page->storage);
    free(page->entries);
    *page = (struct meta_upload_page){0};
}

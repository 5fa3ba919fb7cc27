/* Walking sealed rows and replacing their documents; see the header. */
#include "meta/reseal.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "meta/internal.h"
#include "meta/list_walk.h"
#include "meta/upload.h"
#include "meta/version.h"

#define PAGE_BYTES_MAX (1u << 20) /* of what a page copies; the last row may go beyond */

static const struct sealed_family {
    enum store_family family;
    size_t suffix_len;
} families[] = {
    [META_SEALED_UPLOADS] = {STORE_UPLOADS, KEY_UPLOAD_SUFFIX_LEN},
    [META_SEALED_VERSIONS] = {STORE_VERSIONS, KEY_VERSION_SUFFIX_LEN},
};

/* ---- walking ---------------------------------------------------------------------------------------------------- */

struct sealed_walk {
    struct meta *meta;
    uint32_t bucket;
    enum meta_sealed_family family;
    struct bytes after;
    size_t max;
    struct meta_sealed_page *page;
    enum status status;
};

static enum status read_attributes(enum meta_sealed_family family, struct bytes value, struct bytes *attributes)
{
    struct version_record version;
    struct upload_record upload;
    enum status status;

    if (family == META_SEALED_UPLOADS) {
        status = upload_record_decode(value, &upload);
        *attributes = status ? (struct bytes){0} : upload.attributes;
        return status;
    }
    status = version_record_decode(value, &version);
    *attributes = status || version.head.delete_marker ? (struct bytes){0} : version.attributes;
    return status;
}

static size_t add_row(struct sealed_walk *job, const struct list_walk *walk, struct bytes key)
{
    struct meta_sealed_page *page = job->page;
    struct meta_sealed *entry = &page->entries[page->count];
    struct bytes attributes, document, row = store_iterator_key(&walk->it);

    page->examined++;
    if (read_attributes(job->family, store_iterator_value(&walk->it), &attributes)) {
        page->damaged++;
        return 0;
    }
    if (meta_attribute_find(attributes, META_ATTRIBUTE_SEALED, &document))
        return 0;
    *entry = (struct meta_sealed){.key = page_text_copy(&page->storage, key),
                                  .document = page_text_copy(&page->storage, document),
                                  .row = page_text_copy(&page->storage, row)};
    page->count++;
    return entry->key.len + entry->document.len + entry->row.len;
}

static void sealed_walk_run(void *arg)
{
    struct sealed_walk *job = arg;
    const struct sealed_family *family = &families[job->family];
    struct store_view view = meta_view(job->meta);
    struct meta_sealed_page *page = job->page;
    struct list_walk walk;
    struct bytes key;
    size_t copied = 0;
    enum status status;

    list_walk_open(&walk, &view, family->family, family->suffix_len, job->bucket, (struct bytes){0}, (struct bytes){0});
    if (job->after.len > 0)
        store_iterator_seek(&walk.it, job->after);
    else
        store_iterator_first(&walk.it);
    if (store_iterator_valid(&walk.it) && bytes_equal(store_iterator_key(&walk.it), job->after))
        store_iterator_next(&walk.it);
    while ((status = list_walk_key(&walk, &key)) == STATUS_OK) {
        if (page->examined == job->max || copied > PAGE_BYTES_MAX) {
            page->more = true;
            break;
        }
        copied += add_row(job, &walk, key);
        page->last = page_text_copy(&page->storage, store_iterator_key(&walk.it));
        store_iterator_next(&walk.it);
    }
    list_walk_close(&walk);
    job->status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status meta_sealed_walk(struct meta *meta, uint32_t bucket, enum meta_sealed_family family, struct bytes after,
                             size_t max, struct meta_sealed_page *page)
{
    struct sealed_walk job = {.meta = meta, .bucket = bucket, .family = family, .after = after, .page = page};

    job.max = max < META_SEALED_ROWS_MAX ? max : META_SEALED_ROWS_MAX;
    *page = (struct meta_sealed_page){.entries = mem_alloc(META_SEALED_ROWS_MAX * sizeof(struct meta_sealed))};
    pool_run(meta->pool, sealed_walk_run, &job);
    job.status = damage_of_row(job.status, "look for what is sealed");
    if (!job.status)
        job.status = settle_wait_durable(&meta->settle);
    if (job.status)
        meta_sealed_page_release(page);
    return job.status;
}

void meta_sealed_page_release(struct meta_sealed_page *page)
{
    page_text_release(page->storage);
    free(page->entries);
    *page = (struct meta_sealed_page){0};
}

/* ---- in the committer ------------------------------------------------------------------------------------------- */

struct reseal_op {
    struct commit_op op;
    uint32_t bucket;
    enum meta_sealed_family family;
    const struct meta_reseal *change;
};

/* The attributes with the new document, if they have the old one. */
static enum status replace(const struct meta_reseal *change, struct bytes attributes, struct buffer *out)
{
    const struct meta_attribute attribute = {META_ATTRIBUTE_SEALED, change->after};
    struct bytes document;

    if (meta_attribute_find(attributes, META_ATTRIBUTE_SEALED, &document) || !bytes_equal(document, change->before))
        return STATUS_PRECONDITION;
    return meta_attributes_pack(attributes, &attribute, 1, out);
}

static enum status replace_in_version(struct txn *txn, const struct reseal_op *op, struct buffer *attributes)
{
    struct row_key row_key;
    struct version_row row;
    struct bytes key;
    uint64_t sequence;
    enum status status = row_key_version_parse(op->change->row, &key, &sequence);

    if (!status)
        status = version_load(&txn->view, op->bucket, key, sequence, &row);
    if (status)
        return status;
    status = replace(op->change, row.record.attributes, attributes);
    if (!status) {
        struct buffer *value = txn_value(txn);
        row.record.attributes = buffer_bytes(attributes);
        version_record_encode(value, &row.record);
        row_key_version(&row_key, op->bucket, key, sequence);
        txn_put(txn, STORE_VERSIONS, &row_key, buffer_bytes(value));
    }
    version_row_release(&row);
    return status;
}

static enum status replace_in_upload(struct txn *txn, const struct reseal_op *op, struct buffer *attributes)
{
    struct row_key row_key;
    struct upload_row row;
    struct upload_id id;
    struct bytes key;
    enum status status = row_key_upload_parse(op->change->row, &key, &id);

    if (!status)
        status = upload_load(&txn->view, op->bucket, key, &id, &row);
    if (status)
        return status;
    status = replace(op->change, row.record.attributes, attributes);
    if (!status) {
        struct buffer *value = txn_value(txn);
        row.record.attributes = buffer_bytes(attributes);
        upload_record_encode(value, &row.record);
        row_key_upload(&row_key, op->bucket, key, &id);
        txn_put(txn, STORE_UPLOADS, &row_key, buffer_bytes(value));
    }
    upload_row_release(&row);
    return status;
}

static enum status reseal_prepare(struct commit_op *commit, struct txn *txn)
{
    const struct reseal_op *op = (const struct reseal_op *)commit;
    struct bucket_entry *bucket;
    struct buffer attributes;
    enum status status = txn_bucket(txn, op->bucket, &bucket);

    if (status)
        return status;
    buffer_init(&attributes, META_ATTRIBUTES_BYTES_MAX);
    status = op->family == META_SEALED_UPLOADS ? replace_in_upload(txn, op, &attributes)
                                               : replace_in_version(txn, op, &attributes);
    buffer_release(&attributes);
    return status;
}

void meta_reseal(struct meta *meta, uint32_t bucket, enum meta_sealed_family family, struct meta_reseal *changes,
                 size_t count)
{
    struct reseal_op *ops = mem_zalloc((count ? count : 1) * sizeof(*ops));
    struct commit_list list = {0};

    for (size_t i = 0; i < count; i++) {
        ops[i] =
            (struct reseal_op){.op.prepare = reseal_prepare, .bucket = bucket, .family = family, .change = &changes[i]};
        commit_list_add(&list, &ops[i].op);
    }
    commit_submit(meta, &list);
    for (size_t i = count; i-- > 0;) /* the last one ends last, as a rule, and wakes this once */
        changes[i].status = commit_wait(meta, &ops[i].op);
    free(ops);
}

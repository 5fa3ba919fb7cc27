/* The rows of annotations, as sets: of a version that goes, and of one that comes with some; see the header. */
#include "meta/annotation_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "meta/chunk_rows.h"
#include "meta/gc.h"
#include "meta/internal.h"
#include "meta/own_attribute.h"

enum status annotation_chunks_load(const struct store_view *view, const struct annotation_set *set,
                                   struct buffer *storage, struct packed_chunks *chunks)
{
    struct row_key lower, upper;
    struct store_iterator it;
    enum status status = STATUS_OK;

    *chunks = (struct packed_chunks){0};
    row_key_annotation_bounds(&lower, &upper, set);
    store_iterator_open(&it, view, STORE_ANNOTATIONS, row_key_bytes(&lower), row_key_bytes(&upper));
    for (store_iterator_first(&it); !status && store_iterator_valid(&it); store_iterator_next(&it)) {
        struct annotation_record record;
        status = annotation_record_decode(store_iterator_value(&it), &record);
        if (!status)
            packed_chunks_join(storage, &record.chunks);
        if (!status)
            chunks->count += record.chunks.count;
    }
    if (!status)
        status = store_iterator_status(&it);
    store_iterator_close(&it);
    chunks->data = storage->data;
    return status;
}

enum status annotation_rows_delete(struct txn *txn, const struct annotation_set *set)
{
    struct row_key *rows = mem_alloc(META_ANNOTATIONS_MAX * sizeof(*rows));
    struct row_key lower, upper;
    struct store_iterator it;
    unsigned count = 0;

    row_key_annotation_bounds(&lower, &upper, set);
    store_iterator_open(&it, &txn->view, STORE_ANNOTATIONS, row_key_bytes(&lower), row_key_bytes(&upper));
    for (store_iterator_first(&it); store_iterator_valid(&it) && count < META_ANNOTATIONS_MAX;
         store_iterator_next(&it)) {
        struct bytes key = store_iterator_key(&it);
        rows[count].len = key.len;
        memcpy(rows[count++].data, key.data, key.len);
    }
    enum status status = store_iterator_status(&it);
    if (!status && store_iterator_valid(&it))
        status = STATUS_CORRUPT;
    store_iterator_close(&it);
    for (unsigned i = 0; i < count && !status; i++)
        txn_delete(txn, STORE_ANNOTATIONS, &rows[i]);
    free(rows);
    return status;
}

void annotations_drop(struct txn *txn, const struct version_record *record)
{
    struct own_attribute own;

    if (damage_of_row(own_attribute_read(record->attributes, &own), "remove a version's annotations"))
        return;
    if (own.sum.count == 0)
        return;
    txn->bucket.bytes -= (int64_t)own.sum.bytes;
    gc_queue_annotations(txn, &own.set, own.sum.bytes);
}

/* ---- with a new version --------------------------------------------------------------------------------------- */

static enum status new_check(const struct meta_new_annotations *annotations, bool sealed)
{
    if (annotations->count > META_ANNOTATIONS_MAX)
        return STATUS_INVALID;
    for (size_t i = 0; i < annotations->count; i++) {
        const struct meta_annotation *annotation = &annotations->entries[i].annotation;
        const struct chunk_list *chunks = &annotations->entries[i].chunks;
        if (annotation->name.len == 0 || annotation->name.len > META_ANNOTATION_NAME_MAX || annotation->size == 0 ||
            annotation->size > META_ANNOTATION_BYTES_MAX || annotation->seal.sealed != sealed || chunks->carried ||
            (i > 0 && bytes_compare(annotations->entries[i - 1].annotation.name, annotation->name) >= 0))
            return STATUS_INVALID;
        enum status status = chunk_list_check(chunks, block_seal_stored_size(annotation->size, sealed));
        if (status)
            return status;
    }
    return STATUS_OK;
}

enum status annotations_announce(struct txn *txn, const struct meta_new_annotations *annotations,
                                 struct version_record *record, struct buffer *storage)
{
    struct own_attribute own;
    enum status status = own_attribute_read(record->attributes, &own);
    bool copied = own.has_id || own.committed || own.sum.changed;

    own = (struct own_attribute){0};
    if (annotations && annotations->count > 0) {
        status = new_check(annotations, meta_attributes_sealed(record->attributes));
        own.sum = (struct meta_annotation_sum){.count = (uint32_t)annotations->count, .changed = txn->state.sequence};
        for (size_t i = 0; i < annotations->count; i++)
            own.sum.bytes += annotations->entries[i].annotation.size;
        annotation_set_create(&own.set, txn->state.sequence);
    }
    if (status || (!copied && own.sum.count == 0))
        return status;
    status = own_attribute_write(record->attributes, &own, storage);
    record->attributes = buffer_bytes(storage);
    return status;
}

static void annotation_add(struct txn *txn, const struct annotation_set *set,
                           const struct meta_new_annotation *annotation)
{
    struct buffer packed;

    record_buffer_init(&packed);
    packed_chunks_append(&packed, &annotation->chunks);
    const struct packed_chunks chunks = {packed.data, (uint32_t)annotation->chunks.count};
    annotation_row_put(txn, set, &annotation->annotation, &chunks);
    chunk_rows_add(txn, &annotation->chunks);
    buffer_release(&packed);
}

enum status annotations_add(struct txn *txn, const struct meta_new_annotations *annotations,
                            const struct version_record *record)
{
    struct own_attribute own;

    if (!annotations || annotations->count == 0)
        return STATUS_OK;
    enum status status = own_attribute_read(record->attributes, &own);
    if (status)
        return status;
    txn->bucket.bytes += (int64_t)own.sum.bytes;
    for (size_t i = 0; i < annotations->count; i++)
        annotation_add(txn, &own.set, &annotations->entries[i]);
    return STATUS_OK;
}

void annotation_set_create(struct annotation_set *set, uint64_t sequence)
{
    put_u64(set->bytes, sequence);
    random_bytes(set->bytes + 8, ANNOTATION_SET_BYTES - 8);
}

void annotation_row_put(struct txn *txn, const struct annotation_set *set, const struct meta_annotation *annotation,
                        const struct packed_chunks *chunks)
{
    struct annotation_record record = {.sequence = txn->state.sequence,
                                       .text = {.size = annotation->size,
                                                .checksum = annotation->checksum,
                                                .modified_ms = txn->now_ms,
                                                .seal = annotation->seal},
                                       .chunks = *chunks};
    struct buffer *value = txn_value(txn);
    struct row_key key;

    memcpy(record.text.md5, annotation->md5, MD5_LEN);
    annotation_record_encode(value, &record);
    row_key_annotation(&key, set, annotation->name);
    txn_put(txn, STORE_ANNOTATIONS, &key, buffer_bytes(value));
}

/* The annotations of a copied object: read and stored anew, one after the other, and committed with the copy, so that
 * it never is there without them. Until then their chunks are taken back by who has them. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "gateway/object/object_reader.h"
#include "gateway/object/stored_checksum.h"
#include "gateway/s3/annotations.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/reply.h"
#include "storage/cluster/cluster.h"

/* The right to give them to the copy; copy_source.c asks for that to read them. */
static enum status check_right(struct exchange *exchange)
{
    const struct resource copy = {.kind = RESOURCE_OBJECT, .bucket = exchange->bucket_name, .key = exchange->key};

    return exchange_may(exchange, "s3:PutObjectAnnotation", &copy) ? STATUS_OK : s3_fail(exchange, S3_ACCESS_DENIED);
}

static enum status changed_meanwhile(struct exchange *exchange)
{
    return s3_fail(exchange, S3_OPERATION_ABORTED);
}

/* ingest_commit_fn: they are committed with the object. */
static enum status keep_chunks(void *arg, const struct chunk_list *chunks)
{
    struct meta_new_annotation *entry = arg;

    for (size_t i = 0; i < chunks->count; i++)
        chunk_list_append(&entry->chunks, &chunks->refs[i]);
    return STATUS_OK;
}

static enum status copy_bytes(struct exchange *exchange, const struct meta_object *text, const struct object_key *key,
                              struct ingest *ingest)
{
    struct object_reader reader;
    struct bytes piece;
    enum status status = object_reader_open(&reader, exchange->gateway, text, key, 0, text->size);

    while (!status) {
        status = object_reader_next(&reader, &piece);
        if (status || piece.len == 0)
            break;
        status = http_request_is_closed(exchange->http) ? STATUS_CLOSED : ingest_write(ingest, piece);
    }
    object_reader_release(&reader);
    return status;
}

/* from, to: the keys of the two objects; of each annotation the stream is another. */
static enum status store_copy(struct exchange *exchange, const struct meta_annotation *annotation,
                              const struct meta_object *text, const struct object_key *from, struct object_key *to,
                              struct meta_new_annotation *entry)
{
    struct object_key key = *from;
    struct ingest ingest = {0};
    const struct ingest_plan plan = {.expected_size = text->size,
                                     .algorithm = stored_checksum_read(&text->checksum).algorithm,
                                     .key = to,
                                     .never_carried = true};

    if (to->sealed)
        block_seal_id_create(&to->id);
    key.id = annotation->seal;
    enum status status = ingest_open(&ingest, exchange->gateway, &plan);
    if (!status)
        status = copy_bytes(exchange, text, &key, &ingest);
    if (!status) {
        ingest_seal(&ingest);
        entry->annotation = (struct meta_annotation){.name = entry->annotation.name,
                                                     .size = ingest.size,
                                                     .checksum = stored_checksum_make(&ingest.checksum_value),
                                                     .seal = ingest.seal};
        ingest_etag(&ingest, entry->annotation.md5);
        status = ingest_store(&ingest, keep_chunks, entry);
    }
    explicit_bzero(&key, sizeof(key));
    ingest_release(&ingest);
    return status ? s3_fail_status(exchange, status) : STATUS_OK;
}

static enum status copy_one(struct exchange *exchange, const struct copy_source *source, const struct object_key *from,
                            struct object_key *to, struct annotation_copies *copies)
{
    struct meta_new_annotation *entry = &copies->entries[copies->made.count];
    struct meta_annotation annotation;
    struct meta_object text;
    bool gone;

    entry->annotation.name = copies->page.entries[copies->made.count].name;
    enum status status = meta_annotation_get(exchange->gateway->meta, source->bucket.id, source->key, &source->object,
                                             entry->annotation.name, &annotation, &text, &gone);
    if (status == STATUS_NOT_FOUND)
        return changed_meanwhile(exchange);
    if (status)
        return s3_fail_status(exchange, status);
    status = store_copy(exchange, &annotation, &text, from, to, entry);
    copies->made.count++;
    meta_object_release(&text);
    return status;
}

/* Whether what was read is what the source had at one moment: no change has come since the copy began. */
static enum status check_unchanged(struct exchange *exchange, const struct copy_source *source,
                                   const struct annotation_copies *copies)
{
    const struct meta_annotation_sum before = meta_annotations_of(&source->object);
    const struct meta_version version = {.id = source->version_id};
    struct meta_object now;
    enum status status = meta_object_get(exchange->gateway->meta, source->bucket.id, source->key, &version, &now);

    if (status)
        return status == STATUS_NOT_FOUND ? changed_meanwhile(exchange) : s3_fail_status(exchange, status);
    bool same = now.sequence == source->object.sequence && meta_annotations_of(&now).changed == before.changed &&
                copies->made.count == before.count;
    meta_object_release(&now);
    return same ? STATUS_OK : changed_meanwhile(exchange);
}

static enum status copy_all(struct exchange *exchange, const struct copy_source *source, const struct object_key *key,
                            struct annotation_copies *copies)
{
    const struct encryption_place place = {source->bucket_name, source->key};
    struct object_key from = {0}, to = *key;
    enum status status = s3_key_of_source(exchange, &place, source->object.attributes, &from);

    copies->entries = mem_zalloc((copies->page.count + 1) * sizeof(*copies->entries));
    copies->made.entries = copies->entries;
    for (size_t i = 0; i < copies->page.count && !status; i++)
        status = copy_one(exchange, source, &from, &to, copies);
    explicit_bzero(&from, sizeof(from));
    explicit_bzero(&to, sizeof(to));
    return status ? status : check_unchanged(exchange, source, copies);
}

enum status annotation_copies_make(struct exchange *exchange, const struct copy_source *source, struct bytes attributes,
                                   const struct object_key *key, struct annotation_copies *copies)
{
    enum status status;

    if (!source->with_annotations || meta_annotations_of(&source->object).count == 0)
        return STATUS_OK;
    status = check_right(exchange);
    if (!status)
        status = s3_annotations_may_be(exchange, attributes);
    if (status)
        return status;
    copies->cluster = exchange->gateway->cluster;
    status = meta_annotation_list(exchange->gateway->meta, &source->object, BYTES(""), BYTES(""), META_ANNOTATIONS_MAX,
                                  &copies->page);
    return status ? s3_fail_status(exchange, status) : copy_all(exchange, source, key, copies);
}

void annotation_copies_release(struct annotation_copies *copies)
{
    for (size_t i = 0; i < copies->made.count; i++) {
        if (!copies->handed_on && copies->entries[i].chunks.count > 0)
            cluster_discard(copies->cluster, &copies->entries[i].chunks);
        chunk_list_release(&copies->entries[i].chunks);
    }
    free(copies->entries);
    meta_annotation_page_release(&copies->page);
    *copies = (struct annotation_copies){0};
}

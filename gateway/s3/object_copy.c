/* CopyObject. Chunks are never shared between objects: the bytes are read and stored anew. */
#include <string.h>

#include "gateway/object/object_read.h"
#include "gateway/object/stored_checksum.h"
#include "gateway/s3/annotations.h"
#include "gateway/s3/attributes.h"
#include "gateway/s3/body.h"
#include "gateway/s3/copy_source.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/metadata.h"
#include "gateway/s3/object_tags.h"
#include "gateway/s3/publish.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

struct copy_request {
    struct copy_source source;
    struct condition_write condition_said;
    enum storage_class storage_class; /* never the source's, as on AWS */
    struct buffer headers, attributes;
    enum checksum_algorithm algorithm;
    struct object_key key;
    struct annotation_copies annotations;
};

/* Whether a copy with these attributes is encrypted, and otherwise than its source. */
static bool is_encrypted_otherwise(struct bytes source_attributes, struct bytes attributes)
{
    struct encryption before, after;

    if (encryption_read(attributes, &after))
        return false; /* to plain */
    return encryption_read(source_attributes, &before) || before.kind != after.kind ||
           before.bucket_key != after.bucket_key || !bytes_equal(before.key_name, after.key_name) ||
           after.kind == ENCRYPTION_CUSTOMER;
}

static enum status copy_to_itself(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    s3_error_setf(&details, S3_INVALID_REQUEST,
                  "This copy request is illegal because it is trying to copy an object to itself without changing the "
                  "object's metadata, storage class, website redirect location or encryption attributes.");
    return s3_fail_details(exchange, &details);
}

static enum status metadata(struct exchange *exchange, struct copy_request *request)
{
    struct bytes directive = s3_header(exchange, "x-amz-metadata-directive");
    bool replace = bytes_equal_str(directive, "REPLACE");
    enum status status;

    if (directive.len > 0 && !replace && !bytes_equal_str(directive, "COPY"))
        return s3_fail_argument(exchange, "x-amz-metadata-directive", directive, "Unknown metadata directive.");
    status = s3_collect_headers(exchange, &request->headers); /* refuses what cannot be had in either case */
    if (status || replace)
        return status;
    buffer_clear(&request->headers);
    status = s3_copy_headers(exchange, request->source.object.headers, &request->headers);
    if (status)
        return status;
    /* naming the storage class is a change, also when it stays the same: a way to copy an object onto itself */
    if (request->source.bucket.id == exchange->bucket.id && bytes_equal(request->source.key, exchange->key) &&
        !request->source.by_version && s3_header(exchange, "x-amz-storage-class").len == 0 &&
        s3_header(exchange, S3_REDIRECT_HEADER).len == 0 &&
        !is_encrypted_otherwise(request->source.object.attributes, buffer_bytes(&request->attributes)))
        return copy_to_itself(exchange);
    return STATUS_OK;
}

/* The right to give the copy its source's tags, which policies may ask about. */
static enum status check_tags(struct exchange *exchange, const struct meta_object *source)
{
    const struct resource resource = {.kind = RESOURCE_OBJECT, .bucket = exchange->bucket_name, .key = exchange->key};
    struct tag_set set;

    if (object_tags_of(source, &set))
        return s3_fail_status(exchange, STATUS_CORRUPT);
    exchange->new_tags = &set;
    bool may = set.count == 0 || exchange_may(exchange, "s3:PutObjectTagging", &resource);
    exchange->new_tags = NULL;
    tag_set_release(&set);
    return may ? STATUS_OK : s3_fail(exchange, S3_ACCESS_DENIED);
}

static enum status prepare(struct exchange *exchange, struct copy_request *request)
{
    struct s3_error_details details = {0};
    bool full_object;
    enum status status;

    request->source.with_tags = object_tags_are_copied(exchange);
    request->source.with_annotations =
        !bytes_equal_str(s3_header(exchange, "x-amz-object-annotation-directive"), "EXCLUDE");
    status = copy_source_open(exchange, &request->source);
    if (!status && request->source.with_tags)
        status = check_tags(exchange, &request->source.object);
    if (!status && conditions_parse_write(exchange_headers(exchange), &request->condition_said, &details))
        status = s3_fail_details(exchange, &details);
    if (!status)
        status = s3_checksum_wanted(exchange, &request->algorithm, &full_object);
    if (!status)
        status = s3_attributes_of_new_object(exchange, &request->source.object, &request->attributes);
    if (!status)
        status = s3_key_to_write(exchange, buffer_bytes(&request->attributes), &request->key);
    if (!status)
        status = s3_storage_class(exchange, &request->storage_class);
    if (!status)
        status = metadata(exchange, request);
    if (!status && request->source.object.size > S3_OBJECT_BYTES_MAX) {
        s3_error_setf(&details, S3_INVALID_REQUEST,
                      "The specified copy source is larger than the maximum allowable size for a copy source: %llu",
                      S3_OBJECT_BYTES_MAX);
        status = s3_fail_details(exchange, &details);
    }
    if (request->algorithm == CHECKSUM_NONE)
        request->algorithm = stored_checksum_read(&request->source.object.checksum).algorithm;
    if (request->algorithm == CHECKSUM_NONE)
        request->algorithm = CHECKSUM_CRC64NVME;
    return status;
}

static void reply(struct exchange *exchange, const struct meta_object *object)
{
    const struct response_copy copy = {.modified_ms = object->modified_ms,
                                       .etag = object_etag(object),
                                       .checksum = stored_checksum_read(&object->checksum)};
    struct buffer body;

    buffer_init(&body, 4096);
    s3_reply_new_version(exchange, object->version_id);
    s3_reply_storage_class(exchange, object);
    s3_reply_encryption(exchange, object->attributes, true);
    HTTP_LAST_REPLY(s3_reply_document(exchange, response_copy(&body, &copy), &body));
}

void s3_copy_object(struct exchange *exchange)
{
    struct copy_request request = {0};
    struct meta_object object = {0};
    struct ingest ingest = {0};
    enum status status;

    buffer_init(&request.headers, META_HEADERS_MAX);
    buffer_init(&request.attributes, META_ATTRIBUTES_BYTES_MAX);
    status = prepare(exchange, &request);
    if (status)
        goto out;
    const struct ingest_plan plan = {
        .expected_size = request.source.object.size, .algorithm = request.algorithm, .key = &request.key};
    const struct range whole = {0, request.source.object.size};
    status = ingest_open(&ingest, exchange->gateway, &plan);
    if (status) {
        HTTP_LAST_REPLY(s3_fail_status(exchange, status));
        goto out;
    }
    status = annotation_copies_make(exchange, &request.source, buffer_bytes(&request.attributes), &request.key,
                                    &request.annotations);
    if (!status)
        status = copy_source_read(exchange, &request.source, &whole, &ingest);
    const struct s3_version version = {buffer_bytes(&request.headers),
                                       buffer_bytes(&request.attributes),
                                       request.storage_class,
                                       &request.condition_said,
                                       false,
                                       &request.annotations.made};
    request.annotations.handed_on = !status;
    if (!status)
        status = s3_publish(exchange, &ingest, &version, &object);
    if (!status)
        reply(exchange, &object);
out:
    explicit_bzero(&request.key, sizeof(request.key));
    annotation_copies_release(&request.annotations);
    ingest_release(&ingest);
    copy_source_log(exchange, &request.source);
    copy_source_release(&request.source);
    buffer_release(&request.headers);
    buffer_release(&request.attributes);
}

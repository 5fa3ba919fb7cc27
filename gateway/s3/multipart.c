/* Multipart uploads: create, abort, parts and listings. Completing one is complete.c. */
#include "gateway/s3/multipart.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/s3/copy_source.h"

enum status s3_upload_or_ended(struct exchange *exchange, struct meta_bucket *bucket, struct meta_upload *upload,
                               bool *ended)
{
    struct bytes id = uri_query_value(&exchange->query, "uploadId");
    enum status status = s3_bucket(exchange, bucket);

    *ended = false;
    if (status)
        return status;
    status = meta_upload_get(exchange->gateway->meta, bucket->id, exchange->key, id, upload);
    if (status == STATUS_NOT_FOUND && id.len == META_UPLOAD_ID_LEN) {
        *upload = (struct meta_upload){.bucket = bucket->id, .key = exchange->key};
        memcpy(upload->id, id.data, id.len);
        *ended = true;
        return STATUS_OK;
    }
    if (status == STATUS_NOT_FOUND || status == STATUS_INVALID)
        return s3_fail_no_such_upload(exchange);
    return status ? s3_fail_status(exchange, status) : STATUS_OK;
}

enum status s3_upload(struct exchange *exchange, struct meta_bucket *bucket, struct meta_upload *upload)
{
    bool ended;
    enum status status = s3_upload_or_ended(exchange, bucket, upload, &ended);

    return !status && ended ? s3_fail_no_such_upload(exchange) : status;
}

enum status s3_fail_no_such_upload(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, S3_NO_SUCH_UPLOAD);
    s3_error_add(&details, "UploadId", uri_query_value(&exchange->query, "uploadId"));
    return s3_fail_details(exchange, &details);
}

static void reply_created(struct exchange *exchange, const struct meta_upload *upload)
{
    struct buffer body;

    buffer_init(&body, 16384);
    if (upload->checksum_algorithm != CHECKSUM_NONE) {
        http_reply_header_str(exchange->http, "x-amz-checksum-algorithm", checksum_name(upload->checksum_algorithm));
        http_reply_header_str(exchange->http, "x-amz-checksum-type", checksum_type_name(upload->checksum_full_object));
    }
    if (response_initiate(&body, exchange->bucket_name, exchange->key, bytes_from_str(upload->id)))
        s3_fail(exchange, S3_INTERNAL_ERROR);
    else
        s3_reply_xml(exchange, &body);
    buffer_release(&body);
}

void s3_create_multipart_upload(struct exchange *exchange)
{
    enum checksum_algorithm algorithm;
    struct meta_bucket bucket;
    struct buffer headers;
    bool full_object;

    buffer_init(&headers, META_HEADERS_MAX);
    if (s3_bucket(exchange, &bucket) || s3_whole_object(exchange) || s3_collect_headers(exchange, &headers))
        goto out;
    if (s3_checksum_wanted(exchange, &algorithm, &full_object))
        goto out;
    struct meta_upload upload = {.bucket = bucket.id,
                                 .key = exchange->key,
                                 .headers = buffer_bytes(&headers),
                                 .checksum_algorithm = (uint8_t)algorithm,
                                 .checksum_full_object = full_object};
    enum status status = meta_upload_create(exchange->gateway->meta, &upload);
    if (status)
        s3_fail_status(exchange, status);
    else
        reply_created(exchange, &upload);
out:
    buffer_release(&headers);
}

void s3_abort_multipart_upload(struct exchange *exchange)
{
    struct meta_bucket bucket;
    struct meta_upload upload;

    if (s3_upload(exchange, &bucket, &upload))
        return;
    enum status status = meta_upload_abort(exchange->gateway->meta, &upload);
    if (status == STATUS_NOT_FOUND)
        s3_fail_no_such_upload(exchange);
    else if (status)
        s3_fail_status(exchange, status);
    else
        s3_reply_empty(exchange, 204);
    meta_upload_release(&upload);
}

static enum status part_number(struct exchange *exchange, unsigned *number)
{
    struct bytes text = uri_query_value(&exchange->query, "partNumber");
    struct s3_error_details details = {0};
    uint64_t value = 0;

    if (bytes_parse_u64(text, META_PART_MAX, &value) == STATUS_OK && value >= 1) {
        *number = (unsigned)value;
        return STATUS_OK;
    }
    s3_error_setf(&details, S3_INVALID_ARGUMENT, "Part number must be an integer between 1 and %d, inclusive",
                  META_PART_MAX);
    s3_error_add(&details, "ArgumentName", BYTES("partNumber"));
    s3_error_add(&details, "ArgumentValue", text);
    return s3_fail_details(exchange, &details);
}

/* The algorithm of a part: the upload's. Naming another is an error, as on AWS. */
static enum status part_algorithm(struct exchange *exchange, const struct meta_upload *upload,
                                  enum checksum_algorithm named, enum checksum_algorithm *algorithm)
{
    struct s3_error_details details = {0};

    *algorithm = upload->checksum_algorithm != CHECKSUM_NONE ? (enum checksum_algorithm)upload->checksum_algorithm
                 : named != CHECKSUM_NONE                    ? named
                                                             : CHECKSUM_CRC64NVME;
    if (named == CHECKSUM_NONE || named == *algorithm)
        return STATUS_OK;
    s3_error_setf(&details, S3_INVALID_REQUEST,
                  "Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
                  checksum_name(*algorithm), checksum_name(named));
    return s3_fail_details(exchange, &details);
}

static enum status commit_part(struct exchange *exchange, const struct meta_upload *upload, struct ingest *ingest,
                               struct meta_part *part)
{
    struct chunk_list chunks = {0};
    enum status status = ingest_finish(ingest, &chunks);

    part->size = ingest->size;
    part->checksum = stored_checksum_make(&ingest->checksum_value);
    memcpy(part->md5, ingest->md5_value, MD5_LEN);
    if (!status) {
        status = meta_part_put(exchange->gateway->meta, upload, part, &chunks);
        if (status)
            ingest_discard(exchange->gateway, status, &chunks);
    }
    chunk_list_release(&chunks);
    if (status == STATUS_NOT_FOUND)
        return s3_fail_no_such_upload(exchange);
    return status ? s3_fail_status(exchange, status) : STATUS_OK;
}

static void receive_part(struct exchange *exchange, const struct meta_upload *upload, struct s3_body *body)
{
    struct ingest ingest = {0};
    struct meta_part part = {0};
    struct ingest_plan plan = {.expected_size = s3_body_size(body), .sha256 = s3_body_wants_sha256(body)};
    enum status status = part_number(exchange, &part.number);

    if (!status)
        status = part_algorithm(exchange, upload, s3_body_algorithm(body), &plan.algorithm);
    if (status)
        return;
    status = ingest_open(&ingest, exchange->gateway, &plan);
    if (status) {
        s3_fail_status(exchange, status);
        return;
    }
    status = s3_body_to_ingest(body, &ingest);
    if (!status)
        status = commit_part(exchange, upload, &ingest, &part);
    if (!status) {
        const struct etag etag = s3_part_etag(&part);
        const struct checksum_value checksum = stored_checksum_read(&part.checksum);
        s3_reply_etag(exchange, &etag);
        s3_reply_checksum(exchange, &checksum, 0);
        s3_reply_empty(exchange, 200);
    }
    ingest_release(&ingest);
}

struct etag s3_part_etag(const struct meta_part *part)
{
    struct etag etag = {.parts = 0};
    memcpy(etag.md5, part->md5, MD5_LEN);
    return etag;
}

void s3_upload_part(struct exchange *exchange)
{
    struct meta_bucket bucket;
    struct meta_upload upload;
    struct s3_body *body;

    if (s3_upload(exchange, &bucket, &upload))
        return;
    if (s3_body_open(exchange, S3_OBJECT_BYTES_MAX, &body) == STATUS_OK) {
        receive_part(exchange, &upload, body);
        s3_body_close(body);
    }
    meta_upload_release(&upload);
}

static void reply_part_copy(struct exchange *exchange, const struct meta_part *part)
{
    const struct response_copy copy = {.part = true,
                                       .modified_ms = part->modified_ms,
                                       .etag = s3_part_etag(part),
                                       .checksum = stored_checksum_read(&part->checksum)};
    struct buffer body;

    buffer_init(&body, 4096);
    if (response_copy(&body, &copy))
        s3_fail(exchange, S3_INTERNAL_ERROR);
    else
        s3_reply_xml(exchange, &body);
    buffer_release(&body);
}

static void copy_part(struct exchange *exchange, const struct meta_upload *upload, const struct copy_source *source)
{
    struct s3_error_details details = {0};
    struct ingest ingest = {0};
    struct ingest_plan plan = {0};
    struct meta_part part = {0};
    struct range range;
    enum status status = part_number(exchange, &part.number);

    if (!status &&
        range_copy_source(s3_header(exchange, "x-amz-copy-source-range"), source->object.size, &range, &details))
        status = s3_fail_details(exchange, &details);
    if (!status)
        status = part_algorithm(exchange, upload, CHECKSUM_NONE, &plan.algorithm);
    if (status)
        return;
    plan.expected_size = range.length;
    status = range.length > S3_OBJECT_BYTES_MAX ? STATUS_LIMIT : STATUS_OK;
    if (status) {
        s3_fail(exchange, S3_ENTITY_TOO_LARGE);
        return;
    }
    status = ingest_open(&ingest, exchange->gateway, &plan);
    if (status) {
        s3_fail_status(exchange, status);
        return;
    }
    status = copy_source_read(exchange, source, &range, &ingest);
    if (!status)
        status = commit_part(exchange, upload, &ingest, &part);
    if (!status)
        reply_part_copy(exchange, &part);
    ingest_release(&ingest);
}

void s3_upload_part_copy(struct exchange *exchange)
{
    struct copy_source source;
    struct meta_bucket bucket;
    struct meta_upload upload;

    if (s3_upload(exchange, &bucket, &upload))
        return;
    if (copy_source_open(exchange, &source) == STATUS_OK)
        copy_part(exchange, &upload, &source);
    copy_source_release(&source);
    meta_upload_release(&upload);
}

static void write_parts(struct exchange *exchange, const struct response_parts *list, const struct meta_part *parts,
                        size_t count)
{
    struct xml_writer writer;
    struct buffer body;

    buffer_init(&body, S3_REPLY_BYTES_MAX);
    response_parts_begin(&writer, &body, list);
    for (size_t i = 0; i < count; i++) {
        const struct response_part part = {.number = parts[i].number,
                                           .modified_ms = parts[i].modified_ms,
                                           .etag = s3_part_etag(&parts[i]),
                                           .size = parts[i].size,
                                           .checksum = stored_checksum_read(&parts[i].checksum)};
        response_parts_add(&writer, &part);
    }
    if (response_parts_end(&writer))
        s3_fail(exchange, S3_INTERNAL_ERROR);
    else
        s3_reply_xml(exchange, &body);
    buffer_release(&body);
}

void s3_list_parts(struct exchange *exchange)
{
    struct meta_bucket bucket;
    struct meta_upload upload;
    struct meta_part *parts = NULL;
    size_t count = 0;
    bool truncated = false;
    uint64_t max, after;

    if (s3_number(exchange, "max-parts", S3_LIST_MAX, S3_LIST_MAX, &max) ||
        s3_number(exchange, "part-number-marker", META_PART_MAX, 0, &after) || s3_upload(exchange, &bucket, &upload))
        return;
    enum status status =
        meta_part_list(exchange->gateway->meta, &upload, (unsigned)after, (unsigned)max, &parts, &count, &truncated);
    if (status) {
        s3_fail_status(exchange, status);
    } else {
        const struct response_parts list = {
            .truncated = truncated,
            .bucket = exchange->bucket_name,
            .key = exchange->key,
            .upload_id = bytes_from_str(upload.id),
            .owner = &s3_owner,
            .part_number_marker = after,
            .next_part_number_marker = count > 0 ? parts[count - 1].number : 0,
            .max_parts = max,
            .checksum = upload.checksum_algorithm,
            .checksum_full_object = upload.checksum_full_object,
        };
        write_parts(exchange, &list, parts, count);
    }
    free(parts);
    meta_upload_release(&upload);
}

static void write_uploads(struct exchange *exchange, struct response_uploads *list, const struct meta_upload_page *page)
{
    struct xml_writer writer;
    struct buffer body;

    if (page->count > 0) {
        const struct meta_upload_entry *last = &page->entries[page->count - 1];
        list->next_key_marker = last->key;
        list->next_upload_id_marker = last->is_prefix ? (struct bytes){0} : bytes_from_str(last->id);
    }
    buffer_init(&body, S3_REPLY_BYTES_MAX);
    response_uploads_begin(&writer, &body, list);
    for (size_t i = 0; i < page->count; i++) {
        const struct meta_upload_entry *entry = &page->entries[i];
        const struct response_upload upload = {.key = entry->key,
                                               .upload_id = bytes_from_str(entry->id),
                                               .initiated_ms = entry->created_ms,
                                               .owner = &s3_owner,
                                               .checksum = entry->checksum_algorithm,
                                               .checksum_full_object = entry->checksum_full_object};
        if (!entry->is_prefix)
            response_uploads_add(&writer, &upload);
    }
    for (size_t i = 0; i < page->count; i++)
        if (page->entries[i].is_prefix)
            response_list_add_prefix(&writer, page->entries[i].key);
    if (response_uploads_end(&writer))
        s3_fail(exchange, S3_INTERNAL_ERROR);
    else
        s3_reply_xml(exchange, &body);
    buffer_release(&body);
}

void s3_list_multipart_uploads(struct exchange *exchange)
{
    struct meta_upload_page page = {0};
    struct meta_bucket bucket;
    bool url_encode;
    uint64_t max;

    if (s3_bucket(exchange, &bucket) || s3_encoding_type(exchange, &url_encode) ||
        s3_number(exchange, "max-uploads", S3_LIST_MAX, S3_LIST_MAX, &max))
        return;
    const struct meta_upload_query query = {
        .bucket = bucket.id,
        .prefix = uri_query_value(&exchange->query, "prefix"),
        .delimiter = uri_query_value(&exchange->query, "delimiter"),
        .key_marker = uri_query_value(&exchange->query, "key-marker"),
        .upload_id_marker = uri_query_value(&exchange->query, "upload-id-marker"),
        .max = (unsigned)max,
    };
    enum status status = meta_upload_list(exchange->gateway->meta, &query, &page);
    if (status == STATUS_INVALID) {
        s3_fail_argument(exchange, "upload-id-marker", query.upload_id_marker, "Invalid uploadId marker");
        return;
    }
    if (status) {
        s3_fail_status(exchange, status);
        return;
    }
    struct response_uploads list = {
        .url_encode = url_encode,
        .truncated = page.truncated,
        .bucket = exchange->bucket_name,
        .prefix = query.prefix,
        .delimiter = query.delimiter,
        .key_marker = query.key_marker,
        .upload_id_marker = query.upload_id_marker,
        .max_uploads = max,
    };
    write_uploads(exchange, &list, &page);
    meta_upload_page_release(&page);
}

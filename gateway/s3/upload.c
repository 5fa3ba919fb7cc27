/* Multipart uploads: create, find, abort. Their parts are part.c, the listings upload_lists.c, and completing one is
 * complete.c. */
#include "gateway/s3/upload.h"

#include <string.h>

#include "compat/conditions.h"
#include "gateway/object/object_read.h"
#include "gateway/s3/attributes.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/lifecycle.h"
#include "gateway/s3/metadata.h"
#include "gateway/s3/publish.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

enum status s3_upload_or_ended(struct exchange *exchange, struct meta_upload *upload, bool *ended)
{
    struct bytes id = uri_query_value(&exchange->query, "uploadId");
    enum status status;

    *ended = false;
    status = meta_upload_get(exchange->gateway->meta, exchange->bucket.id, exchange->key, id, upload);
    if (status == STATUS_NOT_FOUND && id.len == META_UPLOAD_ID_LEN) {
        *upload = (struct meta_upload){.bucket = exchange->bucket.id, .key = exchange->key};
        memcpy(upload->id, id.data, id.len);
        *ended = true;
        return STATUS_OK;
    }
    if (status == STATUS_NOT_FOUND || status == STATUS_INVALID)
        return s3_fail_no_such_upload(exchange);
    return status ? s3_fail_status(exchange, status) : STATUS_OK;
}

enum status s3_upload(struct exchange *exchange, struct meta_upload *upload)
{
    bool ended;
    enum status status = s3_upload_or_ended(exchange, upload, &ended);

    return !status && ended ? s3_fail_no_such_upload(exchange) : status;
}

enum status s3_fail_no_such_upload(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, S3_NO_SUCH_UPLOAD);
    s3_error_add(&details, "UploadId", uri_query_value(&exchange->query, "uploadId"));
    return s3_fail_details(exchange, &details);
}

void s3_reply_upload_version(struct exchange *exchange, const struct meta_upload *upload)
{
    if (upload->has_version)
        http_reply_header_str(exchange->http, "x-amz-version-id", upload->id);
}

static void reply_created(struct exchange *exchange, const struct meta_upload *upload)
{
    struct buffer body;

    buffer_init(&body, 16384);
    if (upload->checksum_algorithm != CHECKSUM_NONE) {
        http_reply_header_str(exchange->http, "x-amz-checksum-algorithm", checksum_name(upload->checksum_algorithm));
        http_reply_header_str(exchange->http, "x-amz-checksum-type", checksum_type_name(upload->checksum_full_object));
    }
    s3_reply_abort_date(exchange, upload);
    s3_reply_upload_version(exchange, upload);
    s3_reply_encryption(exchange, upload->attributes, true);
    HTTP_LAST_REPLY(s3_reply_document(
        exchange, response_initiate(&body, exchange->bucket_name, exchange->key, bytes_from_str(upload->id)), &body));
}

static void fail_create(struct exchange *exchange, const struct condition_write *condition_said, enum status status)
{
    struct s3_error_details details = {0};

    switch (status) {
    case STATUS_PRECONDITION:
        conditions_failed(condition_said, &details);
        HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
        break;
    case STATUS_NOT_FOUND:
        if (condition_said->must_match)
            HTTP_LAST_REPLY(s3_fail_no_such_key(exchange));
        else
            HTTP_LAST_REPLY(s3_fail_no_such_bucket(exchange));
        break;
    default:
        HTTP_LAST_REPLY(s3_fail_status(exchange, status));
        break;
    }
}

void s3_create_multipart_upload(struct exchange *exchange)
{
    struct s3_error_details details = {0};
    enum checksum_algorithm algorithm;
    enum storage_class storage_class;
    struct condition_write condition;
    struct buffer headers, attributes;
    bool full_object;

    buffer_init(&headers, META_HEADERS_MAX);
    buffer_init(&attributes, META_ATTRIBUTES_BYTES_MAX);
    if (s3_collect_headers(exchange, &headers) || s3_attributes_of_new_object(exchange, NULL, &attributes))
        goto out;
    if (s3_checksum_wanted(exchange, &algorithm, &full_object) || s3_storage_class(exchange, &storage_class))
        goto out;
    if (conditions_parse_write(exchange_headers(exchange), &condition, &details)) {
        HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
        goto out;
    }
    struct meta_upload upload = {.bucket = exchange->bucket.id,
                                 .key = exchange->key,
                                 .headers = buffer_bytes(&headers),
                                 .attributes = buffer_bytes(&attributes),
                                 .checksum_algorithm = (uint8_t)algorithm,
                                 .checksum_full_object = full_object,
                                 .storage_class = (uint8_t)storage_class,
                                 .condition = s3_condition_of_write(exchange, &condition)};
    enum status status = meta_upload_create(exchange->gateway->meta, &upload);
    if (status)
        fail_create(exchange, &condition, status);
    else
        reply_created(exchange, &upload);
out:
    buffer_release(&headers);
    buffer_release(&attributes);
}

void s3_abort_multipart_upload(struct exchange *exchange)
{
    struct meta_upload upload;

    if (s3_upload(exchange, &upload))
        return;
    enum status status = meta_upload_abort(exchange->gateway->meta, &upload);
    if (status == STATUS_NOT_FOUND) {
        HTTP_LAST_REPLY(s3_fail_no_such_upload(exchange));
    } else if (status) {
        HTTP_LAST_REPLY(s3_fail_status(exchange, status));
    } else {
        s3_reply_upload_version(exchange, &upload);
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 204));
    }
    meta_upload_release(&upload);
}

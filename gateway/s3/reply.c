/* S3 answers: XML documents, an object's headers, and errors. */
#include <string.h>

#include "base/log.h"
#include "compat/names.h"
#include "gateway/s3/s3.h"

#define ERROR_BYTES_MAX (2u << 20) /* SignatureDoesNotMatch carries the canonical request twice */

enum status s3_fail_details(struct exchange *exchange, struct s3_error_details *details)
{
    struct buffer body;
    int http_status = s3_error_http_status(details->code);

    if (http_request_is_closed(exchange->http) || http_reply_started(exchange->http))
        return STATUS_CLOSED;
    exchange->error_code = s3_error_code(details->code);
    details->resource = exchange->http->path;
    details->request_id = details->host_id = bytes_from_str(exchange->http->id);
    buffer_init(&body, ERROR_BYTES_MAX);
    if (http_status == 503)
        http_reply_header_str(exchange->http, "Retry-After", "1");
    if (http_status != 304) {
        http_reply_header_str(exchange->http, "Content-Type", "application/xml");
        if (s3_error_render(&body, details))
            buffer_clear(&body);
    }
    http_reply(exchange->http, http_status, buffer_bytes(&body));
    buffer_release(&body);
    return STATUS_DENIED;
}

enum status s3_fail(struct exchange *exchange, enum s3_error code)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, code);
    return s3_fail_details(exchange, &details);
}

enum status s3_fail_argument(struct exchange *exchange, const char *name, struct bytes value, const char *message)
{
    struct s3_error_details details = {0};

    s3_error_setf(&details, S3_INVALID_ARGUMENT, "%s", message);
    s3_error_add(&details, "ArgumentName", bytes_from_str(name));
    s3_error_add(&details, "ArgumentValue", value);
    return s3_fail_details(exchange, &details);
}

enum status s3_fail_no_such_bucket(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, S3_NO_SUCH_BUCKET);
    s3_error_add(&details, "BucketName", exchange->bucket_name);
    return s3_fail_details(exchange, &details);
}

enum status s3_fail_no_such_key(struct exchange *exchange)
{
    struct s3_error_details details = {0};
    struct bytes version = uri_query_value(&exchange->query, "versionId");

    s3_error_set(&details, version.len ? S3_NO_SUCH_VERSION : S3_NO_SUCH_KEY);
    s3_error_add(&details, "Key", exchange->key);
    if (version.len)
        s3_error_add(&details, "VersionId", version);
    return s3_fail_details(exchange, &details);
}

void s3_error_from_status(enum status status, struct s3_error_details *details)
{
    switch (status) {
    case STATUS_UNAVAILABLE:
    case STATUS_UNCERTAIN:
    case STATUS_IO:
    case STATUS_CORRUPT:
        s3_error_setf(details, S3_SERVICE_UNAVAILABLE,
                      "Too few storage nodes can be reached for this now. Please try again.");
        break;
    case STATUS_LIMIT:
        s3_error_set(details, S3_SLOW_DOWN);
        break;
    case STATUS_NO_SPACE:
        s3_error_set(details, S3_INSUFFICIENT_STORAGE);
        break;
    case STATUS_TIMEOUT:
        s3_error_set(details, S3_REQUEST_TIMEOUT);
        break;
    case STATUS_INVALID:
        s3_error_set(details, S3_INCOMPLETE_BODY);
        break;
    case STATUS_CONFLICT:
        s3_error_set(details, S3_CONDITIONAL_REQUEST_CONFLICT);
        break;
    default:
        log_error("request failed", LOG_STATUS(status));
        s3_error_set(details, S3_INTERNAL_ERROR);
        break;
    }
}

enum status s3_fail_status(struct exchange *exchange, enum status status)
{
    struct s3_error_details details = {0};

    if (status == STATUS_CLOSED || status == STATUS_CANCELLED)
        return status;
    s3_error_from_status(status, &details);
    return s3_fail_details(exchange, &details);
}

enum status s3_reply_empty(struct exchange *exchange, int http_status)
{
    return http_reply(exchange->http, http_status, (struct bytes){0});
}

enum status s3_reply_xml(struct exchange *exchange, const struct buffer *document)
{
    http_reply_header_str(exchange->http, "Content-Type", "application/xml");
    return http_reply(exchange->http, 200, buffer_bytes(document));
}

void s3_reply_encoded(struct exchange *exchange, const char *name, struct bytes value)
{
    struct buffer text;

    buffer_init(&text, 6 * value.len + 16);
    if (metadata_encode(value, &text) == STATUS_OK)
        http_reply_header(exchange->http, name, buffer_bytes(&text));
    buffer_release(&text);
}

void s3_reply_text(struct exchange *exchange, const char *name, struct bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c < ' ' || c == 0x7f) {
            s3_reply_encoded(exchange, name, value);
            return;
        }
    }
    http_reply_header(exchange->http, name, value);
}

void s3_reply_etag(struct exchange *exchange, const struct etag *etag)
{
    char text[ETAG_TEXT_MAX];

    etag_text(etag, text);
    http_reply_header_str(exchange->http, "ETag", text);
}

void s3_reply_checksum(struct exchange *exchange, const struct checksum_value *value, uint32_t composite_parts)
{
    char text[CHECKSUM_TEXT_MAX];

    if (value->algorithm == CHECKSUM_NONE)
        return;
    checksum_text(value, value->full_object ? 0 : composite_parts, text);
    http_reply_header_str(exchange->http, checksum_header_name(value->algorithm), text);
    http_reply_header_str(exchange->http, "x-amz-checksum-type", checksum_type_name(value->full_object));
}

void s3_reply_version(struct exchange *exchange, const struct meta_bucket *bucket, const char *version_id)
{
    if (bucket->versioned && *version_id)
        http_reply_header_str(exchange->http, "x-amz-version-id", version_id);
}

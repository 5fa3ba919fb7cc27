/* S3 answers: XML documents, headers, and errors; see the header. */
#include "gateway/s3/reply.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "compat/storage_class.h"
#include "gateway/front/reply.h"
#include "gateway/iam/reply.h"
#include "gateway/s3/control.h"

#define LOCATION_BYTES_MAX 16384

const struct response_owner s3_owner = {{"75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a", 64},
                                        {"tercet", 6}};

void s3_give_error_headers(struct exchange *exchange, const struct s3_error_details *details)
{
    const char *message = details->message[0] ? details->message : s3_error_message(details->code);

    http_reply_header_str(exchange->http, "x-amz-error-code", s3_error_code(details->code));
    reply_text(exchange, "x-amz-error-message", bytes_from_str(message));
}

/* As XML, or as a page where a browser asks. */
static enum status render(struct exchange *exchange, const struct s3_error_details *details, int http_status,
                          struct buffer *body)
{
    if (exchange->website_host.len == 0) {
        bool control = s3_control_is_addressed(exchange->http);
        http_reply_header_str(exchange->http, "Content-Type", "application/xml");
        return control ? s3_error_render_wrapped(body, details) : s3_error_render(body, details);
    }
    s3_give_error_headers(exchange, details);
    http_reply_header_str(exchange->http, "Content-Type", "text/html; charset=utf-8");
    return s3_error_render_html(body, details, http_reason_phrase(http_status));
}

enum status s3_fail_details(struct exchange *exchange, struct s3_error_details *details)
{
    struct buffer body;
    int http_status = s3_error_http_status(details->code);

    if (http_reply_started(exchange->http))
        return STATUS_CLOSED;
    if (exchange->call)
        return iam_fail_s3(exchange, details);
    exchange->error_code = s3_error_code(details->code);
    details->resource = exchange->http->path;
    details->request_id = details->host_id = bytes_from_str(exchange->http->id);
    buffer_init(&body, S3_ERROR_BYTES_MAX);
    if (http_status != 304 && render(exchange, details, http_status, &body))
        buffer_clear(&body);
    HTTP_LAST_REPLY(reply_error(exchange, http_status, buffer_bytes(&body)));
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

    s3_error_argument(&details, bytes_from_str(name), value, "%s", message);
    return s3_fail_details(exchange, &details);
}

void s3_error_no_such_bucket(const struct exchange *exchange, struct s3_error_details *details)
{
    s3_error_set(details, S3_NO_SUCH_BUCKET);
    s3_error_add(details, "BucketName", exchange->bucket_name);
}

enum status s3_fail_no_such_bucket(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    s3_error_no_such_bucket(exchange, &details);
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

enum status s3_fail_delete_marker(struct exchange *exchange, const struct meta_object *marker, bool as_absent)
{
    struct s3_error_details details = {0};
    char modified[CLOCK_TEXT_MAX];

    http_reply_header_str(exchange->http, "x-amz-delete-marker", "true");
    http_reply_header_str(exchange->http, "x-amz-version-id", marker->version_id);
    if (as_absent)
        return s3_fail_no_such_key(exchange);
    s3_error_set(&details, S3_METHOD_NOT_ALLOWED);
    s3_error_add(&details, "Method", exchange->http->method);
    s3_error_add(&details, "ResourceType", BYTES("DeleteMarker"));
    http_reply_header_str(exchange->http, "Allow", "DELETE");
    clock_format_rfc1123(marker->modified_ms, modified);
    http_reply_header_str(exchange->http, "Last-Modified", modified);
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
    case STATUS_DAMAGED:
        /* Not 503: that and Retry-After would promise that waiting helps. A 4xx would say that there is no such object.
         */
        s3_error_setf(details, S3_INTERNAL_ERROR, "%s", GATEWAY_DAMAGED_TEXT);
        break;
    case STATUS_LIMIT:
        s3_error_set(details, S3_SLOW_DOWN);
        break;
    case STATUS_NO_SPACE:
        s3_error_set(details, S3_INSUFFICIENT_STORAGE);
        break;
    case STATUS_QUOTA:
        s3_error_set(details, S3_QUOTA_EXCEEDED);
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
    if (meta_has_failed(exchange->gateway->meta) && (status == STATUS_UNCERTAIN || status == STATUS_UNAVAILABLE))
        s3_error_setf(&details, S3_SERVICE_UNAVAILABLE, "%s", GATEWAY_DISK_FAILED_TEXT);
    return s3_fail_details(exchange, &details);
}

enum status s3_reply_empty(struct exchange *exchange, int http_status)
{
    return reply_send(exchange, http_status, (struct bytes){0});
}

enum status s3_reply_xml(struct exchange *exchange, struct bytes document)
{
    http_reply_header_str(exchange->http, "Content-Type", "application/xml");
    return reply_send(exchange, 200, document);
}

enum status s3_reply_json(struct exchange *exchange, struct bytes document)
{
    http_reply_header_str(exchange->http, "Content-Type", "application/json");
    return reply_send(exchange, 200, document);
}

enum status s3_reply_document(struct exchange *exchange, enum status written, struct buffer *take_document)
{
    enum status status =
        written ? s3_fail(exchange, S3_INTERNAL_ERROR) : s3_reply_xml(exchange, buffer_bytes(take_document));

    buffer_release(take_document);
    return status;
}

void s3_reply_checksum(struct exchange *exchange, const struct checksum_value *value, uint32_t composite_parts)
{
    s3_reply_checksum_typed(exchange, value, composite_parts, value->full_object);
}

void s3_reply_checksum_typed(struct exchange *exchange, const struct checksum_value *value, uint32_t composite_parts,
                             bool full_object)
{
    char text[CHECKSUM_TEXT_MAX];

    if (value->algorithm == CHECKSUM_NONE)
        return;
    checksum_text(value, value->full_object ? 0 : composite_parts, text);
    http_reply_header_str(exchange->http, checksum_header_name(value->algorithm), text);
    http_reply_header_str(exchange->http, "x-amz-checksum-type", checksum_type_name(full_object));
}

void s3_location(const struct exchange *exchange, struct buffer *location)
{
    struct bytes host = http_request_header(exchange->http, "Host");

    buffer_init(location, LOCATION_BYTES_MAX);
    STATUS_IGNORE(
        buffer_printf(location, "%s://%.*s/", exchange->http->tls ? "https" : "http", (int)host.len, host.data),
        "a location that is too long is cut");
    if (exchange->virtual_host.len == 0) {
        STATUS_IGNORE(buffer_append_bytes(location, exchange->bucket_name), "a location that is too long is cut");
        STATUS_IGNORE(buffer_append_char(location, '/'), "a location that is too long is cut");
    }
    STATUS_IGNORE(uri_encode(exchange->key, true, location), "a location that is too long is cut");
}

void s3_reply_storage_class(struct exchange *exchange, const struct meta_object *object)
{
    if (object->storage_class != STORAGE_STANDARD)
        http_reply_header_str(exchange->http, "x-amz-storage-class", storage_class_name(object->storage_class));
}

void s3_reply_version(struct exchange *exchange, const char *version_id)
{
    if (exchange->bucket.versioned && *version_id)
        http_reply_header_str(exchange->http, "x-amz-version-id", version_id);
}

void s3_reply_new_version(struct exchange *exchange, const char *version_id)
{
    if (strcmp(version_id, "null") != 0)
        http_reply_header_str(exchange->http, "x-amz-version-id", version_id);
}

const char *s3_bucket_region(const struct exchange *exchange, const struct meta_bucket *bucket)
{
    return bucket->region[0] ? bucket->region : exchange->gateway->options.region;
}

/* GetObject and HeadObject: versions, conditions, ranges and parts. */
#include "base/clock.h"
#include "compat/range.h"
#include "gateway/object_reader.h"
#include "gateway/s3/s3.h"

/* What of the object is wanted. */
struct selection {
    struct range range;
    bool partial;
    unsigned parts_count; /* with partNumber: of a multipart object, else 0 */
};

static enum status find_object(struct exchange *exchange, struct meta_bucket *bucket, struct meta_object *object)
{
    const struct meta_version version = s3_version(exchange);
    enum status status = s3_bucket(exchange, bucket);

    if (status)
        return status;
    status = meta_object_get(exchange->gateway->meta, bucket->id, exchange->key, &version, object);
    if (status == STATUS_NOT_FOUND)
        return s3_fail_no_such_key(exchange);
    if (status == STATUS_INVALID)
        return s3_fail_argument(exchange, "versionId", version.id, "Invalid version id specified");
    return status ? s3_fail_status(exchange, status) : STATUS_OK;
}

static enum status fail_delete_marker(struct exchange *exchange, const struct meta_object *object)
{
    struct s3_error_details details = {0};

    http_reply_header_str(exchange->http, "x-amz-delete-marker", "true");
    http_reply_header_str(exchange->http, "x-amz-version-id", object->version_id);
    if (!uri_query_value(&exchange->query, "versionId").len)
        return s3_fail_no_such_key(exchange);
    s3_error_set(&details, S3_METHOD_NOT_ALLOWED);
    s3_error_add(&details, "Method", exchange->http->method);
    s3_error_add(&details, "ResourceType", BYTES("DeleteMarker"));
    http_reply_header_str(exchange->http, "Allow", "DELETE");
    return s3_fail_details(exchange, &details);
}

static enum status check_conditions(struct exchange *exchange, const struct meta_object *object)
{
    const struct condition_target target = {s3_object_etag(object), object->modified_ms, clock_wall_ms()};
    struct s3_error_details details = {0};

    if (conditions_check_read(s3_headers(exchange), &target, &details) == STATUS_OK)
        return STATUS_OK;
    if (details.code == S3_NOT_MODIFIED) {
        char date[CLOCK_TEXT_MAX];
        clock_format_rfc1123(object->modified_ms, date);
        http_reply_header_str(exchange->http, "Last-Modified", date);
        s3_reply_etag(exchange, &target.etag);
    }
    return s3_fail_details(exchange, &details);
}

static enum status select_part(struct exchange *exchange, const struct meta_object *object, struct selection *selection)
{
    struct bytes text = uri_query_value(&exchange->query, "partNumber");
    struct s3_error_details details = {0};
    uint64_t number;

    if (bytes_parse_u64(text, META_PART_MAX, &number) || number == 0) {
        s3_error_setf(&details, S3_INVALID_ARGUMENT, "Part number must be an integer between 1 and %d, inclusive",
                      META_PART_MAX);
        s3_error_add(&details, "ArgumentName", BYTES("partNumber"));
        s3_error_add(&details, "ArgumentValue", text);
        return s3_fail_details(exchange, &details);
    }
    if (http_request_header(exchange->http, "Range").data) {
        s3_error_setf(&details, S3_INVALID_REQUEST, "Cannot specify both Range header and partNumber query parameter");
        return s3_fail_details(exchange, &details);
    }
    if (meta_object_part(object, (unsigned)number, &selection->range.offset, &selection->range.length,
                         &selection->parts_count)) {
        s3_error_set(&details, S3_INVALID_PART_NUMBER);
        s3_error_add_u64(&details, "PartNumberRequested", number);
        s3_error_add_u64(&details, "ActualPartCount", object->etag_parts ? object->etag_parts : 1);
        return s3_fail_details(exchange, &details);
    }
    if (object->etag_parts == 0)
        selection->parts_count = 0;
    selection->partial = object->size > 0;
    return STATUS_OK;
}

static enum status select_bytes(struct exchange *exchange, const struct meta_object *object,
                                struct selection *selection)
{
    const struct condition_target target = {s3_object_etag(object), object->modified_ms, clock_wall_ms()};
    struct bytes header = http_request_header(exchange->http, "Range");
    struct s3_error_details details = {0};
    char content_range[RANGE_TEXT_MAX];

    *selection = (struct selection){.range = {0, object->size}};
    if (uri_query_has(&exchange->query, "partNumber"))
        return select_part(exchange, object, selection);
    if (!conditions_range_counts(s3_headers(exchange), &target))
        return STATUS_OK;
    switch (range_resolve(header, object->size, &selection->range)) {
    case RANGE_WHOLE:
        return STATUS_OK;
    case RANGE_PARTIAL:
        selection->partial = true;
        return STATUS_OK;
    case RANGE_UNSATISFIABLE:
        break;
    }
    range_content_range_unsatisfied(object->size, content_range);
    http_reply_header_str(exchange->http, "Content-Range", content_range);
    range_unsatisfiable(header, object->size, &details);
    return s3_fail_details(exchange, &details);
}

static void give_object_headers(struct exchange *exchange, const struct meta_bucket *bucket,
                                const struct meta_object *object, const struct selection *selection)
{
    const struct etag etag = s3_object_etag(object);
    const struct checksum_value checksum = stored_checksum_read(&object->checksum);
    bool whole = selection->range.length == object->size;
    char text[RANGE_TEXT_MAX];

    s3_give_headers(exchange, object);
    s3_reply_etag(exchange, &etag);
    clock_format_rfc1123(object->modified_ms, text);
    http_reply_header_str(exchange->http, "Last-Modified", text);
    http_reply_header_str(exchange->http, "Accept-Ranges", "bytes");
    s3_reply_version(exchange, bucket, object->version_id);
    /* SDKs compare a checksum with the bytes they got: one of the whole object on a part of it breaks them */
    if (whole && bytes_equal_nocase(s3_header(exchange, "x-amz-checksum-mode"), "ENABLED"))
        s3_reply_checksum(exchange, &checksum, object->etag_parts);
    if (selection->parts_count > 0)
        http_reply_header_u64(exchange->http, "x-amz-mp-parts-count", selection->parts_count);
    if (selection->partial) {
        range_content_range(&selection->range, object->size, text);
        http_reply_header_str(exchange->http, "Content-Range", text);
    }
}

static void send_object(struct exchange *exchange, const struct meta_bucket *bucket, const struct meta_object *object,
                        const struct selection *selection)
{
    bool head = bytes_equal_str(exchange->http->method, "HEAD");
    int http_status = selection->partial ? 206 : 200;
    struct object_reader reader = {0};

    if (head) {
        give_object_headers(exchange, bucket, object, selection);
        if (http_reply_start(exchange->http, http_status, selection->range.length) == STATUS_OK)
            http_reply_finish(exchange->http);
        return;
    }
    enum status status =
        object_reader_open(&reader, exchange->gateway, object, selection->range.offset, selection->range.length);
    if (status) {
        s3_fail_status(exchange, status);
    } else {
        give_object_headers(exchange, bucket, object, selection);
        object_reader_send(&reader, exchange->http, http_status);
    }
    object_reader_release(&reader);
}

void s3_get_object(struct exchange *exchange)
{
    struct meta_bucket bucket;
    struct meta_object object;
    struct selection selection;

    if (find_object(exchange, &bucket, &object))
        return;
    if (object.delete_marker)
        fail_delete_marker(exchange, &object);
    else if (!check_conditions(exchange, &object) && !select_bytes(exchange, &object, &selection))
        send_object(exchange, &bucket, &object, &selection);
    meta_object_release(&object);
}

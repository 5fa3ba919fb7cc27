/* What the headers and parameters of a request say, for all operations alike. */
#include "gateway/s3/request.h"

#include "gateway/front/further_rights.h"
#include "gateway/front/operation.h"
#include "gateway/s3/reply.h"

static struct bytes find_header(const struct exchange *exchange, const char *name)
{
    struct bytes value = http_request_header(exchange->http, name);
    bool query_signed = exchange->credentials.type != AUTH_V2_HEADER; /* that signs sub-resources only */
    const struct uri_parameter *parameter = query_signed ? uri_query_find_nocase(&exchange->query, name) : NULL;

    return value.len > 0 || !parameter ? value : bytes_trim(parameter->value);
}

struct bytes s3_header(const struct exchange *exchange, const char *name)
{
    struct bytes value = find_header(exchange, name);

    return value.len > 0 ? value : (struct bytes){0};
}

bool s3_names_copy_source(const struct exchange *exchange)
{
    return find_header(exchange, "x-amz-copy-source").data != NULL;
}

struct header_list s3_named_headers(const struct exchange *exchange, const char *const *names, size_t count,
                                    struct http_header *storage)
{
    struct header_list list = {storage, 0};

    for (size_t i = 0; i < count; i++) {
        struct bytes value = s3_header(exchange, names[i]);
        if (value.data)
            storage[list.count++] = (struct http_header){bytes_from_str(names[i]), value};
    }
    return list;
}

enum status s3_checksum_wanted(struct exchange *exchange, enum checksum_algorithm *algorithm, bool *full_object)
{
    static const char *const names[] = {"x-amz-checksum-algorithm", "x-amz-checksum-type"};
    struct http_header said[2];
    struct s3_error_details details = {0};

    if (checksum_creation_parse(s3_named_headers(exchange, names, 2, said), algorithm, full_object, &details))
        return s3_fail_details(exchange, &details);
    return STATUS_OK;
}

enum status s3_storage_class(struct exchange *exchange, enum storage_class *storage_class)
{
    struct s3_error_details details = {0};

    if (storage_class_parse(s3_header(exchange, "x-amz-storage-class"), storage_class, &details))
        return s3_fail_details(exchange, &details);
    return STATUS_OK;
}

/* The versionId parameter; absent gives the latest. */
static struct meta_version s3_version(const struct exchange *exchange)
{
    return (struct meta_version){.id = uri_query_value(&exchange->query, "versionId")};
}

enum status s3_number(struct exchange *exchange, const char *name, uint64_t max, uint64_t default_value,
                      uint64_t *value)
{
    struct bytes text = uri_query_value(&exchange->query, name);
    struct s3_error_details details = {0};

    *value = default_value;
    if (text.len == 0)
        return STATUS_OK;
    if (bytes_parse_u64(text, INT32_MAX, value) == STATUS_OK) {
        if (*value > max)
            *value = max;
        return STATUS_OK;
    }
    s3_error_argument(&details, bytes_from_str(name), text, "Provided %s not an integer or within integer range", name);
    return s3_fail_details(exchange, &details);
}

enum status s3_encoding_type(struct exchange *exchange, bool *url_encode)
{
    struct bytes text = uri_query_value(&exchange->query, "encoding-type");

    *url_encode = bytes_equal_str(text, "url");
    if (text.len == 0 || *url_encode)
        return STATUS_OK;
    return s3_fail_argument(exchange, "encoding-type", text, "Invalid Encoding Method specified in Request");
}

bool s3_may_list(const struct exchange *exchange)
{
    const struct resource bucket = {.kind = RESOURCE_BUCKET, .bucket = exchange->bucket_name};

    return exchange_may(exchange, "s3:ListBucket", &bucket);
}

static enum status fail_absent(struct exchange *exchange)
{
    return s3_may_list(exchange) ? s3_fail_no_such_key(exchange) : s3_fail(exchange, S3_ACCESS_DENIED);
}

static bool is_about(const struct exchange *exchange, const struct decision *decision, const struct meta_object *object)
{
    return decision_is_about(decision, object->sequence) && decision_is_about(&exchange->further, object->sequence);
}

/* What was decided by the tags or the ACL of one version is decided anew for another one that has taken its place
 * since. */
static bool is_decided(struct exchange *exchange, const struct meta_object *object)
{
    const struct resource resource = {.kind = RESOURCE_OBJECT,
                                      .bucket = exchange->bucket_name,
                                      .key = exchange->key,
                                      .version_id = uri_query_value(&exchange->query, "versionId")};
    const char *right = operation_right(exchange->operation, uri_query_has(&exchange->query, "versionId"));
    struct decision decision = exchange->decision;

    if (is_about(exchange, &decision, object))
        return true;
    decision = exchange_decide(exchange, right, &resource);
    return decision.allowed && further_rights_check(exchange, right, &resource) &&
           is_about(exchange, &decision, object);
}

enum status s3_find_object(struct exchange *exchange, struct meta_object *object)
{
    const struct meta_version version = s3_version(exchange);
    enum status status = meta_object_get(exchange->gateway->meta, exchange->bucket.id, exchange->key, &version, object);

    if (status == STATUS_NOT_FOUND)
        return fail_absent(exchange);
    if (status == STATUS_INVALID)
        return s3_fail_argument(exchange, "versionId", version.id, "Invalid version id specified");
    if (status)
        return s3_fail_status(exchange, status);
    if (is_decided(exchange, object)) {
        if (!object->delete_marker)
            exchange_log_size(exchange, object->size);
        return STATUS_OK;
    }
    meta_object_release(object);
    return s3_fail(exchange, S3_ACCESS_DENIED);
}

enum status s3_find_readable(struct exchange *exchange, struct meta_object *object)
{
    bool as_absent = !uri_query_has(&exchange->query, "versionId");
    enum status status = s3_find_object(exchange, object);

    if (status || !object->delete_marker)
        return status;
    if (as_absent && !s3_may_list(exchange))
        status = s3_fail(exchange, S3_ACCESS_DENIED);
    else
        status = s3_fail_delete_marker(exchange, object, as_absent);
    meta_object_release(object);
    return status;
}

enum status s3_require_resource(struct exchange *exchange)
{
    struct meta_object object;

    if (exchange->level != S3_OBJECT)
        return STATUS_OK;
    enum status status = s3_find_object(exchange, &object);
    if (status)
        return status;
    if (object.delete_marker) /* as AWS answers for what belongs to an object, whether or not a version is named */
        status = s3_fail_delete_marker(exchange, &object, false);
    meta_object_release(&object);
    return status;
}

enum status s3_part_number(struct exchange *exchange, unsigned *number)
{
    struct bytes text = uri_query_value(&exchange->query, "partNumber");
    struct s3_error_details details = {0};
    uint64_t value = 0;

    if (bytes_parse_u64(text, META_PART_MAX, &value) == STATUS_OK && value >= 1) {
        *number = (unsigned)value;
        return STATUS_OK;
    }
    s3_error_argument(&details, BYTES("partNumber"), text, "Part number must be an integer between 1 and %d, inclusive",
                      META_PART_MAX);
    return s3_fail_details(exchange, &details);
}

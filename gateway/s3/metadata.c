/* The headers kept with an object: which of a request's are stored, which are refused because Tercet has no
 * such feature, and how they are given back. */
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "compat/names.h"
#include "gateway/s3/s3.h"
#include "gateway/stored_headers.h"

static const char *const stored_names[] = {"Cache-Control",    "Content-Disposition", "Content-Encoding",
                                           "Content-Language", "Content-Type",        "Expires"};
#define STORED_NAMES (sizeof(stored_names) / sizeof(stored_names[0]))

/* Asking for these and getting an object without them would be a lie. */
static const char *const refused_prefixes[] = {
    "x-amz-server-side-encryption",    "x-amz-tagging", "x-amz-object-lock-",
    "x-amz-website-redirect-location", "x-amz-grant-",  "x-amz-copy-source-server-side-encryption",
    "x-amz-write-offset-bytes"};

static bool has_prefix(struct bytes name, const char *prefix)
{
    size_t len = strlen(prefix);
    return name.len >= len && strncasecmp(name.data, prefix, len) == 0;
}

static enum status not_implemented(struct exchange *exchange, struct bytes header)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, S3_NOT_IMPLEMENTED);
    s3_error_add(&details, "Header", header);
    return s3_fail_details(exchange, &details);
}

static enum status refuse_features(struct exchange *exchange)
{
    struct bytes acl = http_request_header(exchange->http, "x-amz-acl");
    struct bytes storage_class = http_request_header(exchange->http, "x-amz-storage-class");

    for (size_t i = 0; i < exchange->http->header_count; i++)
        for (size_t j = 0; j < sizeof(refused_prefixes) / sizeof(refused_prefixes[0]); j++)
            if (has_prefix(exchange->http->headers[i].name, refused_prefixes[j]))
                return not_implemented(exchange, exchange->http->headers[i].name);
    /* the ACLs that mean what every object has anyway */
    if (acl.data && !bytes_equal_str(acl, "private") && !bytes_equal_str(acl, "bucket-owner-full-control") &&
        !bytes_equal_str(acl, "bucket-owner-read"))
        return not_implemented(exchange, BYTES("x-amz-acl"));
    if (storage_class.len > 0 && !bytes_equal_str(storage_class, "STANDARD"))
        return s3_fail(exchange, S3_INVALID_STORAGE_CLASS);
    return STATUS_OK;
}

/* A presigned request may carry metadata in its query, where it counts as headers. */
static enum status collect_query(struct exchange *exchange, struct buffer *stored)
{
    for (size_t i = 0; i < exchange->query.count; i++) {
        const struct uri_parameter *parameter = &exchange->query.parameters[i];
        if (metadata_name(parameter->name).data && stored_headers_add(stored, parameter->name, parameter->value))
            return s3_fail(exchange, S3_METADATA_TOO_LARGE);
    }
    return STATUS_OK;
}

/* aws-chunked is how the body travelled, not what the object is. */
static struct bytes without_aws_chunked(struct bytes value, struct buffer *scratch)
{
    buffer_clear(scratch);
    while (value.len > 0) {
        const char *comma = memchr(value.data, ',', value.len);
        size_t len = comma ? (size_t)(comma - value.data) : value.len;
        struct bytes coding = bytes_trim(bytes_of(value.data, len));
        if (coding.len > 0 && !bytes_equal_nocase(coding, "aws-chunked")) {
            if (scratch->len > 0)
                buffer_append_char(scratch, ',');
            buffer_append_bytes(scratch, coding);
        }
        len += comma != NULL;
        value = bytes_of(value.data + len, value.len - len);
    }
    return buffer_bytes(scratch);
}

static enum status collect_header(struct buffer *stored, const struct http_header *header, struct buffer *scratch)
{
    if (metadata_name(header->name).data)
        return stored_headers_add(stored, header->name, header->value);
    for (size_t i = 0; i < STORED_NAMES; i++) {
        if (!bytes_equal_nocase(header->name, stored_names[i]))
            continue;
        struct bytes value = header->value;
        if (strcmp(stored_names[i], "Content-Encoding") == 0)
            value = without_aws_chunked(value, scratch);
        return value.len > 0 ? stored_headers_add(stored, header->name, value) : STATUS_OK;
    }
    return STATUS_OK;
}

enum status s3_collect_headers(struct exchange *exchange, struct buffer *stored)
{
    struct s3_error_details details = {0};
    struct buffer scratch;
    enum status status = refuse_features(exchange);

    if (status)
        return status;
    if (metadata_check(s3_headers(exchange), &details))
        return s3_fail_details(exchange, &details);
    buffer_init(&scratch, META_HEADERS_MAX);
    for (size_t i = 0; !status && i < exchange->http->header_count; i++)
        status = collect_header(stored, &exchange->http->headers[i], &scratch);
    buffer_release(&scratch);
    if (status)
        return s3_fail(exchange, S3_METADATA_TOO_LARGE);
    return collect_query(exchange, stored);
}

static void give_header(struct exchange *exchange, const char *name, struct bytes value)
{
    struct buffer text;

    buffer_init(&text, 6 * value.len + 16);
    if (metadata_encode(value, &text) == STATUS_OK)
        http_reply_header(exchange->http, name, buffer_bytes(&text));
    buffer_release(&text);
}

/* response-content-type and its like, of a signed request. */
static struct bytes override_of(const struct exchange *exchange, const char *name)
{
    char parameter[64] = "response-";
    size_t len = strlen(parameter);

    for (const char *c = name; *c && len < sizeof(parameter) - 1; c++)
        parameter[len++] = (*c >= 'A' && *c <= 'Z') ? (char)(*c - 'A' + 'a') : *c;
    parameter[len] = '\0';
    return uri_query_value(&exchange->query, parameter);
}

static void give_metadata(struct exchange *exchange, struct bytes headers)
{
    size_t position = 0;
    struct bytes name, value;
    char text[META_KEY_MAX];

    while (stored_headers_next(headers, &position, &name, &value)) {
        if (!metadata_name(name).data || name.len >= sizeof(text))
            continue;
        memcpy(text, name.data, name.len);
        text[name.len] = '\0';
        give_header(exchange, text, value);
    }
}

void s3_give_headers(struct exchange *exchange, const struct meta_object *object)
{
    for (size_t i = 0; i < STORED_NAMES; i++) {
        struct bytes value = override_of(exchange, stored_names[i]);
        char lower[32] = {0};
        for (size_t j = 0; stored_names[i][j]; j++)
            lower[j] = (char)(stored_names[i][j] | 0x20);
        if (value.len == 0)
            value = stored_headers_find(object->headers, lower);
        if (value.len == 0 && strcmp(lower, "content-type") == 0)
            value = BYTES("binary/octet-stream");
        if (value.len > 0)
            give_header(exchange, stored_names[i], value);
    }
    give_metadata(exchange, object->headers);
}

struct etag s3_object_etag(const struct meta_object *object)
{
    struct etag etag = {.parts = object->etag_parts};
    memcpy(etag.md5, object->etag_md5, MD5_LEN);
    return etag;
}

struct checksum_value s3_checksum_of(const struct meta_checksum *stored)
{
    struct checksum_value value = {.algorithm = stored->algorithm < CHECKSUM_ALGORITHM_COUNT ? stored->algorithm : 0,
                                   .full_object = stored->full_object != 0,
                                   .len = stored->len};
    memcpy(value.value, stored->value, sizeof(value.value));
    return value;
}

struct meta_checksum s3_checksum_stored(const struct checksum_value *value)
{
    struct meta_checksum stored = {
        .algorithm = (uint8_t)value->algorithm, .full_object = value->full_object, .len = value->len};
    memcpy(stored.value, value->value, sizeof(stored.value));
    return stored;
}

struct meta_condition s3_condition(const struct condition_write *condition)
{
    struct meta_condition out = {.must_be_absent = condition->must_be_absent,
                                 .must_match = condition->must_match,
                                 .must_exist = condition->must_exist,
                                 .etag_parts = condition->etag.parts};
    memcpy(out.etag_md5, condition->etag.md5, MD5_LEN);
    return out;
}

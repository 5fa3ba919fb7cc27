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
    "x-amz-server-side-encryption",    "x-amz-object-lock-", "x-amz-copy-source-server-side-encryption",
    "x-amz-website-redirect-location", "x-amz-grant-",       "x-amz-write-offset-bytes"};

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

/* Only the ACLs that mean what every bucket and object has anyway. */
static bool is_owners_acl(struct bytes acl)
{
    return bytes_equal_str(acl, "private") || bytes_equal_str(acl, "bucket-owner-full-control") ||
           bytes_equal_str(acl, "bucket-owner-read");
}

static enum status refuse_feature(struct exchange *exchange, struct bytes name, struct bytes value)
{
    if (!has_prefix(name, "x-amz-"))
        return STATUS_OK;
    for (size_t i = 0; i < sizeof(refused_prefixes) / sizeof(refused_prefixes[0]); i++)
        if (has_prefix(name, refused_prefixes[i]))
            return not_implemented(exchange, name);
    if ((bytes_equal_nocase(name, "x-amz-acl") && !is_owners_acl(value)) ||
        (bytes_equal_nocase(name, "x-amz-tagging") && value.len > 0) ||
        (bytes_equal_nocase(name, "x-amz-bucket-object-lock-enabled") && !bytes_equal_nocase(value, "false")))
        return not_implemented(exchange, name);
    if (bytes_equal_nocase(name, "x-amz-storage-class") && !bytes_equal_str(value, "STANDARD"))
        return s3_fail(exchange, S3_INVALID_STORAGE_CLASS);
    return STATUS_OK;
}

enum status s3_refuse_features(struct exchange *exchange)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; !status && i < exchange->http->header_count; i++)
        status = refuse_feature(exchange, exchange->http->headers[i].name, exchange->http->headers[i].value);
    /* clients that presign put them there */
    for (size_t i = 0; !status && i < exchange->query.count; i++)
        status = refuse_feature(exchange, exchange->query.parameters[i].name, exchange->query.parameters[i].value);
    return status;
}

/* What a client may name its metadata: it becomes a header's name again (RFC 9110 section 5.6.2). */
static bool is_token(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return name.len > 0;
}

/* A presigned request may carry metadata in its query, where it counts as headers. */
static enum status collect_query(struct exchange *exchange, struct buffer *stored)
{
    size_t total = 0;

    for (size_t i = 0; i < exchange->query.count; i++) {
        const struct uri_parameter *parameter = &exchange->query.parameters[i];
        if (!metadata_name(parameter->name).data)
            continue;
        if (!is_token(parameter->name))
            return s3_fail_argument(exchange, METADATA_PREFIX, parameter->name,
                                    "The name of a metadata element is not a header name.");
        total += parameter->name.len + parameter->value.len;
        if (total > METADATA_BYTES_MAX || stored_headers_add(stored, parameter->name, parameter->value))
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
    enum status status = s3_refuse_features(exchange);

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
    char text[METADATA_BYTES_MAX + sizeof(METADATA_PREFIX)];

    while (stored_headers_next(headers, &position, &name, &value)) {
        if (!metadata_name(name).data || !is_token(name) || name.len >= sizeof(text))
            continue;
        memcpy(text, name.data, name.len);
        text[name.len] = '\0';
        s3_reply_encoded(exchange, text, value);
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
            s3_reply_text(exchange, stored_names[i], value);
    }
    give_metadata(exchange, object->headers);
}

struct etag s3_object_etag(const struct meta_object *object)
{
    struct etag etag = {.parts = object->etag_parts};
    memcpy(etag.md5, object->etag_md5, MD5_LEN);
    return etag;
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

/* What a request addresses: bucket and key from path or Host, and its parameters. The gate ran before: the
 * path is decoded exactly as it was signed. */
#include <string.h>
#include <strings.h>

#include "compat/names.h"
#include "gateway/s3/s3.h"

const struct response_owner s3_owner = {{"75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a", 64},
                                        {"tercet", 6}};

struct bytes s3_virtual_host_bucket(const struct gateway *gateway, const struct http_request *http)
{
    const char *domain = gateway->options.domain;
    struct bytes host = http_request_header(http, "Host");
    const char *colon = host.len ? memrchr(host.data, ':', host.len) : NULL;

    if (colon)
        host.len = (size_t)(colon - host.data);
    if (!domain || !*domain || host.len < strlen(domain) + 2)
        return (struct bytes){0};
    size_t bucket_len = host.len - strlen(domain) - 1;
    if (host.data[bucket_len] != '.' || strncasecmp(host.data + bucket_len + 1, domain, strlen(domain)) != 0)
        return (struct bytes){0};
    return bytes_of(host.data, bucket_len);
}

/* Appends a decoded piece of the path and returns where it is; the buffer was reserved, so it does not move.
 */
static enum status decode_piece(struct exchange *exchange, struct bytes raw, struct bytes *out)
{
    size_t before = exchange->path_storage.len;
    enum status status = uri_decode(raw, exchange->verification.path_plus_is_space, &exchange->path_storage);
    if (!status)
        *out = bytes_of(exchange->path_storage.data + before, exchange->path_storage.len - before);
    return status;
}

static enum status address_pieces(struct exchange *exchange, struct bytes bucket, struct bytes key)
{
    struct s3_error_details details = {0};
    enum status status = STATUS_OK;

    if (!buffer_reserve(&exchange->path_storage, bucket.len + key.len + 1))
        return s3_fail(exchange, S3_KEY_TOO_LONG);
    if (bucket.len > 0)
        status = decode_piece(exchange, bucket, &exchange->bucket_name);
    if (!status && key.len > 0)
        status = decode_piece(exchange, key, &exchange->key);
    if (status)
        return s3_fail(exchange, S3_INVALID_URI);
    if (exchange->level == S3_OBJECT && key_check(exchange->key, &details))
        return s3_fail_details(exchange, &details);
    return STATUS_OK;
}

/* Bucket and key as they are on the wire, and the level. */
static bool split_path(struct exchange *exchange, struct bytes *bucket, struct bytes *key)
{
    struct bytes path = exchange->http->path;

    *bucket = s3_virtual_host_bucket(exchange->gateway, exchange->http);
    *key = (struct bytes){0};
    exchange->virtual_host = bucket->len > 0;
    if (path.len == 0 || path.data[0] != '/')
        return false;
    path = bytes_of(path.data + 1, path.len - 1);
    if (exchange->virtual_host) {
        *key = path;
    } else {
        const char *slash = memchr(path.data, '/', path.len);
        size_t bucket_len = slash ? (size_t)(slash - path.data) : path.len;
        *bucket = bytes_of(path.data, bucket_len);
        if (slash)
            *key = bytes_of(slash + 1, path.len - bucket_len - 1);
    }
    exchange->level = bucket->len == 0 ? S3_SERVICE : key->len == 0 ? S3_BUCKET : S3_OBJECT;
    return bucket->len > 0 || key->len == 0;
}

bool s3_find_level(struct exchange *exchange)
{
    struct bytes bucket, key;

    return split_path(exchange, &bucket, &key);
}

enum status s3_address(struct exchange *exchange)
{
    struct bytes bucket, key;

    if (!split_path(exchange, &bucket, &key))
        return s3_fail(exchange, S3_INVALID_URI);
    return address_pieces(exchange, bucket, key);
}

struct header_list s3_headers(const struct exchange *exchange)
{
    return (struct header_list){exchange->http->headers, exchange->http->header_count};
}

struct bytes s3_header(const struct exchange *exchange, const char *name)
{
    struct bytes value = http_request_header(exchange->http, name);
    bool query_signed = exchange->credentials.type != AUTH_V2_HEADER; /* that signs sub-resources only */
    const struct uri_parameter *parameter = query_signed ? uri_query_find_nocase(&exchange->query, name) : NULL;

    return value.data || !parameter ? value : bytes_trim(parameter->value);
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

enum status s3_bucket(struct exchange *exchange, struct meta_bucket *bucket)
{
    if (meta_bucket_get(exchange->gateway->meta, exchange->bucket_name, bucket) == STATUS_OK)
        return STATUS_OK;
    return s3_fail_no_such_bucket(exchange);
}

struct meta_version s3_version(const struct exchange *exchange)
{
    return (struct meta_version){.id = uri_query_value(&exchange->query, "versionId")};
}

enum status s3_whole_object(struct exchange *exchange)
{
    struct bytes version = uri_query_value(&exchange->query, "versionId");
    struct bytes part = uri_query_value(&exchange->query, "partNumber");

    if (version.data)
        return s3_fail_argument(exchange, "versionId", version, "This operation does not accept a version-id.");
    if (part.data)
        return s3_fail_argument(exchange, "partNumber", part, "A part needs the uploadId of its upload.");
    return STATUS_OK;
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
    s3_error_setf(&details, S3_INVALID_ARGUMENT, "Provided %s not an integer or within integer range", name);
    s3_error_add(&details, "ArgumentName", bytes_from_str(name));
    s3_error_add(&details, "ArgumentValue", text);
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

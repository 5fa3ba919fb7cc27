/* What a request asks for; see the header. The documented API owns its paths, but /files is also a bucket: signed
 * requests there are S3's, and so is every request to a bucket's own host. */
#include "gateway/front/resolve.h"

#include <string.h>

#include "gateway/front/json_reply.h"
#include "gateway/front/host.h"
#include "gateway/front/operation.h"
#include "gateway/iam/call.h"
#include "gateway/s3/control.h"
#include "gateway/s3/reply.h"

/* The bucket that the Host names below the configured domain. */
static struct bytes virtual_host_bucket(const struct exchange *exchange)
{
    return host_below(host_name(exchange->http), exchange->gateway->options.domain);
}

struct bytes bearer_token(const struct http_request *http)
{
    struct bytes header = http_request_header(http, "Authorization");

    if (header.len < 7 || !bytes_equal_nocase(bytes_of(header.data, 7), "Bearer "))
        return (struct bytes){0};
    return bytes_trim(bytes_of(header.data + 7, header.len - 7));
}

/* With credentials of S3, right or wrong: from an S3 client, which wants XML. */
static bool is_signed(const struct exchange *exchange)
{
    const struct auth_request request = {
        .query = &exchange->query,
        .headers = exchange->http->headers,
        .header_count = exchange->http->header_count,
    };
    return !bearer_token(exchange->http).data && auth_is_claimed(&request);
}

static bool is_for_s3(const struct exchange *exchange, bool path_known)
{
    struct bytes path = exchange->http->path;

    if (exchange->virtual_host.len > 0 || !path_known)
        return true;
    return (!exchange->operation || bytes_equal_str(path, "/files") || bytes_starts_with(path, BYTES("/files/"))) &&
           is_signed(exchange);
}

/* Bucket and key as they are on the wire, and the level. False for a path that addresses nothing. */
static bool split_path(struct exchange *exchange, struct bytes *bucket, struct bytes *key)
{
    struct bytes path = exchange->http->path;

    *bucket = exchange->virtual_host;
    *key = (struct bytes){0};
    if (path.len == 0 || path.data[0] != '/')
        return false;
    path = bytes_of(path.data + 1, path.len - 1);
    if (exchange->virtual_host.len > 0) {
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

static bool is_encoded(struct bytes raw)
{
    return raw.len > 0 && (memchr(raw.data, '%', raw.len) || memchr(raw.data, '+', raw.len));
}

/* A piece of the path, decoded: where it is in the request's head, or in storage that was reserved and does not move.
 */
static enum status decode_piece(struct exchange *exchange, struct bytes raw, struct bytes *out)
{
    size_t before = exchange->path_storage.len;
    enum status status;

    *out = raw;
    if (!is_encoded(raw))
        return STATUS_OK;
    status = uri_decode(raw, true, &exchange->path_storage); /* '+' is a space, as on AWS */
    if (!status)
        *out = bytes_of(exchange->path_storage.data + before, exchange->path_storage.len - before);
    return status;
}

static enum status decode_pieces(struct exchange *exchange, struct bytes bucket, struct bytes key)
{
    enum status status;

    if ((is_encoded(bucket) || is_encoded(key)) && !buffer_reserve(&exchange->path_storage, bucket.len + key.len + 1))
        return s3_fail(exchange, S3_KEY_TOO_LONG);
    status = decode_piece(exchange, bucket, &exchange->bucket_name);
    if (!status)
        status = decode_piece(exchange, key, &exchange->key);
    return status ? s3_fail(exchange, S3_INVALID_URI) : STATUS_OK;
}

static enum status resolve_s3(struct exchange *exchange)
{
    struct bytes bucket, key;
    bool addresses = split_path(exchange, &bucket, &key);

    if (bytes_equal_str(exchange->http->method, "OPTIONS"))
        exchange->operation = &s3_preflight_operation;
    else
        exchange->operation = addresses ? operation_by_s3(exchange, &exchange->unknown) : &s3_unknown_operation;
    return addresses ? decode_pieces(exchange, bucket, key) : s3_fail(exchange, S3_INVALID_URI);
}

/* A website is of pages: whatever the query says, and whoever signed what. */
static enum status resolve_website(struct exchange *exchange)
{
    struct bytes bucket, key;
    bool addresses = split_path(exchange, &bucket, &key);

    exchange->operation = bytes_equal_str(exchange->http->method, "OPTIONS")
                              ? &s3_preflight_operation
                              : s3_website_operation(exchange->http->method);
    return addresses ? decode_pieces(exchange, bucket, key) : s3_fail(exchange, S3_INVALID_URI);
}

/* The documented API is about one bucket, unless the path names it. Its handlers find the file's name, which may stand
 * in a form. */
static enum status resolve_documented(struct exchange *exchange)
{
    if (!exchange->operation) {
        HTTP_LAST_REPLY(json_error(exchange, 405, "Method not allowed", NULL));
        return STATUS_DENIED;
    }
    if (exchange->operation->names_bucket) {
        struct bytes path = exchange->http->path;
        size_t before = strlen(exchange->operation->path);
        exchange->bucket_name = bytes_of(path.data + before, path.len - before);
    } else if (exchange->operation->resource != RESOURCE_NONE) {
        exchange->bucket_name = BYTES(GATEWAY_FILES_BUCKET);
    }
    return STATUS_OK;
}

enum status resolve(struct exchange *exchange)
{
    bool path_known;

    exchange->virtual_host = website_bucket(exchange, &exchange->website_host);
    if (exchange->virtual_host.len > 0)
        return resolve_website(exchange);
    exchange->virtual_host = virtual_host_bucket(exchange);
    exchange->operation = operation_by_path(exchange->http, &path_known);
    bool readable = uri_query_parse(exchange->http->query, &exchange->query) == STATUS_OK;
    if (readable && s3_control_is_addressed(exchange->http)) {
        exchange->operation = s3_control_operation(exchange->http);
        return STATUS_OK;
    }
    if (readable && iam_is_addressed(exchange)) {
        iam_call_begin(exchange);
        return STATUS_OK;
    }
    if (readable)
        return is_for_s3(exchange, path_known) ? resolve_s3(exchange) : resolve_documented(exchange);
    if (!path_known)
        return s3_fail(exchange, S3_INVALID_URI);
    HTTP_LAST_REPLY(
        json_error(exchange, 400, "Malformed query", "Its percent-encoding is wrong, or it has too many parameters."));
    return STATUS_DENIED;
}

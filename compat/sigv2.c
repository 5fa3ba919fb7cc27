/* Signature Version 2: HMAC-SHA1 over method, Content-MD5, Content-Type, date or expiry, the x-amz-* headers
 * and the resource. The resource is the path as sent, behind the bucket when the Host names it, with the
 * parameters below. */
#include "compat/sigv2.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/checksum.h"
#include "compat/auth_internal.h"
#include "compat/auth_text.h"

#define AMZ_HEADERS_MAX (AUTH_SIGNED_HEADERS_MAX + URI_QUERY_PARAMETERS_MAX)

/* The parameters that name a sub-resource or override a response header; the rest of a query is not signed.
 */
static const char *const signed_parameters[] = {
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "encryption",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
};

void sigv2_sign(struct bytes secret, struct bytes string_to_sign, char out[SIGV2_SIGNATURE_LEN + 1])
{
    uint8_t mac[SHA1_LEN];
    hmac_sha1(secret, string_to_sign, mac);
    base64_encode(mac, sizeof mac, out);
}

/* `AKID:signature`; the signature has no colon, so the access key ends at the last one. */
enum status sigv2_parse_header(const struct auth_request *request, struct bytes authorization, int64_t now_wall_ms,
                               struct auth_credentials *credentials, struct s3_error_details *error)
{
    const char *colon = authorization.len ? memrchr(authorization.data, ':', authorization.len) : NULL;
    size_t len = colon ? (size_t)(colon - authorization.data) : 0;

    if (!len || len > AUTH_ACCESS_KEY_MAX || len + 1 == authorization.len)
        return auth_refuse_argument(error, "Authorization",
                                    "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature");
    credentials->access_key = bytes_of(authorization.data, len);
    credentials->signature = bytes_of(colon + 1, authorization.len - len - 1);
    return auth_read_date(request, now_wall_ms, &credentials->signed_ms, error);
}

enum status sigv2_parse_query(const struct auth_request *request, int64_t now_wall_ms,
                              struct auth_credentials *credentials, struct s3_error_details *error)
{
    const struct uri_query *query = request->query;
    struct bytes expires = uri_query_value(query, "Expires");
    uint64_t seconds;

    credentials->access_key = uri_query_value(query, "AWSAccessKeyId");
    credentials->signature = uri_query_value(query, "Signature");
    if (!credentials->access_key.len || !credentials->signature.len || !expires.len)
        return auth_refuse(error, S3_ACCESS_DENIED,
                           "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters");
    if (credentials->access_key.len > AUTH_ACCESS_KEY_MAX)
        return auth_refuse(error, S3_INVALID_ACCESS_KEY_ID,
                           "The AWS Access Key Id you provided does not exist in our records.");
    if (bytes_parse_u64(expires, UINT32_MAX, &seconds))
        return auth_refuse(error, S3_ACCESS_DENIED, "Invalid date (should be seconds since epoch)");
    credentials->expires_ms = (int64_t)seconds * 1000;
    const struct uri_parameter *token = uri_query_find_nocase(query, "x-amz-security-token");
    if (token)
        credentials->session_token = token->value;
    if (now_wall_ms > credentials->expires_ms)
        return auth_refuse_expired(credentials->expires_ms, now_wall_ms, error);
    return STATUS_OK;
}

static bool is_amz(struct bytes name)
{
    return name.len > 6 && strncasecmp(name.data, "x-amz-", 6) == 0;
}

struct amz_header {
    struct bytes name, value;
    size_t order; /* of arrival, which decides among equal names */
};

static int compare_amz_headers(const void *left, const void *right)
{
    const struct amz_header *a = left, *b = right;
    size_t common = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = strncasecmp(a->name.data, b->name.data, common);

    if (!order)
        order = (a->name.len > b->name.len) - (a->name.len < b->name.len);
    return order ? order : (a->order > b->order) - (a->order < b->order);
}

/* Collects the x-amz-* headers and, for the query form, the x-amz-* parameters, which stand for headers
 * there. */
static enum status collect_amz_headers(const struct auth_request *request, bool from_query,
                                       struct amz_header sorted[AMZ_HEADERS_MAX], size_t *count)
{
    size_t found = 0;

    for (size_t i = 0; i < request->header_count; ++i) {
        if (!is_amz(request->headers[i].name))
            continue;
        if (found == AMZ_HEADERS_MAX)
            return STATUS_LIMIT;
        sorted[found] = (struct amz_header){request->headers[i].name, request->headers[i].value, found};
        ++found;
    }
    for (size_t i = 0; from_query && i < request->query->count; ++i) {
        if (!is_amz(request->query->parameters[i].name))
            continue;
        if (found == AMZ_HEADERS_MAX)
            return STATUS_LIMIT;
        sorted[found] =
            (struct amz_header){request->query->parameters[i].name, request->query->parameters[i].value, found};
        ++found;
    }
    qsort(sorted, found, sizeof sorted[0], compare_amz_headers);
    *count = found;
    return STATUS_OK;
}

static enum status add_amz_headers(const struct auth_request *request, bool from_query, struct auth_text *text)
{
    struct amz_header *sorted = mem_alloc(AMZ_HEADERS_MAX * sizeof *sorted);
    size_t count;

    enum status status = collect_amz_headers(request, from_query, sorted, &count);
    if (status)
        goto out;
    for (size_t i = 0; i < count; ++i) {
        bool again = i && auth_same_name(sorted[i - 1].name, sorted[i].name);
        if (!again)
            auth_text_add_lower(text, sorted[i].name);
        auth_text_add_char(text, again ? ',' : ':');
        auth_text_add_value(text, sorted[i].value, false);
        if (i + 1 == count || !auth_same_name(sorted[i].name, sorted[i + 1].name))
            auth_text_add_char(text, '\n');
    }
out:
    free(sorted);
    return status;
}

/* How clients write the resource of one and the same request. */
struct reading {
    bool with_slash; /* botocore asks for `/bucket` and signs `/bucket/` */
    bool bare_names; /* rclone asks for `?uploads=` and signs `?uploads` */
};

static void add_resource(const struct auth_request *request, struct reading reading, struct auth_text *text)
{
    char separator = '?';

    if (request->virtual_host_bucket.data) {
        auth_text_add_char(text, '/');
        auth_text_add(text, request->virtual_host_bucket);
    }
    auth_text_add(text, request->path);
    if (reading.with_slash)
        auth_text_add_char(text, '/');
    for (size_t i = 0; i < sizeof signed_parameters / sizeof signed_parameters[0]; ++i) {
        const struct uri_parameter *parameter = uri_query_find(request->query, signed_parameters[i]);
        if (!parameter)
            continue;
        auth_text_add_char(text, separator);
        auth_text_add(text, parameter->name);
        if (parameter->has_equals && !(reading.bare_names && parameter->value.len == 0)) {
            auth_text_add_char(text, '=');
            auth_text_add(text, parameter->value);
        }
        separator = '&';
    }
}

/* The date line stays empty when x-amz-date says it, and is the expiry in the query form. */
static void add_date(const struct auth_request *request, bool from_query, struct auth_text *text)
{
    if (from_query)
        auth_text_add(text, uri_query_value(request->query, "Expires"));
    else if (!auth_header(request, "x-amz-date").data)
        auth_text_add_value(text, auth_header(request, "date"), false);
}

static enum status build_string_to_sign(const struct auth_request *request, bool from_query, struct reading reading,
                                        struct buffer *out)
{
    struct auth_text text = {out, STATUS_OK};

    auth_text_add(&text, request->method);
    auth_text_add_char(&text, '\n');
    auth_text_add_value(&text, auth_header(request, "content-md5"), false);
    auth_text_add_char(&text, '\n');
    auth_text_add_value(&text, auth_header(request, "content-type"), false);
    auth_text_add_char(&text, '\n');
    add_date(request, from_query, &text);
    auth_text_add_char(&text, '\n');
    enum status status = add_amz_headers(request, from_query, &text);
    if (status)
        return status;
    add_resource(request, reading, &text);
    return text.status;
}

/* `/bucket`, and not `/bucket/` or a key. */
static bool names_bucket_alone(const struct auth_request *request)
{
    return !request->virtual_host_bucket.data && request->path.len > 1 &&
           !memchr(request->path.data + 1, '/', request->path.len - 1);
}

static enum status verify_reading(const struct auth_request *request, const struct auth_credentials *credentials,
                                  struct bytes secret, struct reading reading, struct auth_verification *out)
{
    char signature[SIGV2_SIGNATURE_LEN + 1];

    buffer_clear(&out->string_to_sign);
    enum status status =
        build_string_to_sign(request, credentials->type == AUTH_V2_QUERY, reading, &out->string_to_sign);
    if (status)
        return status;
    sigv2_sign(secret, buffer_bytes(&out->string_to_sign), signature);
    if (!bytes_equal_constant_time(bytes_of(signature, SIGV2_SIGNATURE_LEN), credentials->signature))
        return STATUS_DENIED;
    return STATUS_OK;
}

/* Whether a parameter that is signed was sent as `name=`. */
static bool has_empty_value(const struct auth_request *request)
{
    for (size_t i = 0; i < sizeof signed_parameters / sizeof signed_parameters[0]; ++i) {
        const struct uri_parameter *parameter = uri_query_find(request->query, signed_parameters[i]);
        if (parameter && parameter->has_equals && parameter->value.len == 0)
            return true;
    }
    return false;
}

/* The request as it was sent comes last: that is what a client is told whose signature fits none. */
enum status sigv2_verify(const struct auth_request *request, const struct auth_credentials *credentials,
                         struct bytes secret, struct auth_verification *out)
{
    int alone = names_bucket_alone(request), empty = has_empty_value(request);
    enum status status = STATUS_DENIED;

    for (int slash = alone; status && slash >= 0; --slash)
        for (int bare = empty; status && bare >= 0; --bare)
            status = verify_reading(request, credentials, secret, (struct reading){slash, bare}, out);
    return status;
}

/* Finds out which credentials a request carries and hands them to the version that they are of. Here is what
 * the versions share: errors, dates, and what x-amz-content-sha256 says about the body.
 *
 * Exactly one of the forms of a head, or a refusal: credentials in the header and in the query, two Authorization
 * headers, or half of a presigned query never fall through to anonymous access. */
#include "compat/auth.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <string.h>

#include "base/clock.h"
#include "compat/auth_internal.h"

struct bytes auth_header(const struct auth_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; ++i)
        if (bytes_equal_nocase(request->headers[i].name, name))
            return request->headers[i].value;
    return bytes_of(NULL, 0);
}

static size_t auth_header_count(const struct auth_request *request, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < request->header_count; ++i)
        count += bytes_equal_nocase(request->headers[i].name, name);
    return count;
}

enum status auth_refuse(struct s3_error_details *error, enum s3_error code, const char *message)
{
    s3_error_setf(error, code, "%s", message);
    return STATUS_DENIED;
}

enum status auth_refuse_argument(struct s3_error_details *error, const char *argument, const char *message)
{
    STATUS_IGNORE(auth_refuse(error, S3_INVALID_ARGUMENT, message), "the caller returns the refusal");
    s3_error_add(error, "ArgumentName", bytes_from_str(argument));
    return STATUS_DENIED;
}

enum status auth_read_date(const struct auth_request *request, int64_t now_wall_ms, int64_t *signed_ms,
                           struct s3_error_details *error)
{
    struct bytes text = auth_header(request, "x-amz-date");

    if (!text.data)
        text = auth_header(request, "date");
    text = bytes_trim(text);
    if (clock_parse_basic(text, signed_ms) && clock_parse_http(text, signed_ms))
        return auth_refuse(error, S3_ACCESS_DENIED, "AWS authentication requires a valid Date or x-amz-date header");
    if (*signed_ms >= now_wall_ms - AUTH_SKEW_MAX_MS && *signed_ms <= now_wall_ms + AUTH_SKEW_MAX_MS)
        return STATUS_OK;
    s3_error_set(error, S3_REQUEST_TIME_TOO_SKEWED);
    s3_error_add(error, "RequestTime", text);
    s3_error_add_time(error, "ServerTime", now_wall_ms);
    s3_error_add_u64(error, "MaxAllowedSkewMilliseconds", AUTH_SKEW_MAX_MS);
    return STATUS_DENIED;
}

enum status auth_refuse_expired(int64_t expires_ms, int64_t now_wall_ms, struct s3_error_details *error)
{
    STATUS_IGNORE(auth_refuse(error, S3_ACCESS_DENIED, "Request has expired"), "the caller returns the refusal");
    s3_error_add_time(error, "Expires", expires_ms);
    s3_error_add_time(error, "ServerTime", now_wall_ms);
    return STATUS_DENIED;
}

#define SCHEME_V4 "AWS4-HMAC-SHA256"
#define SCHEME_V2 "AWS"

/* Splits `scheme rest`; *rest is empty without a space. */
static struct bytes authorization_scheme(struct bytes value, struct bytes *rest)
{
    const char *space = value.len ? memchr(value.data, ' ', value.len) : NULL;
    size_t len = space ? (size_t)(space - value.data) : value.len;
    *rest = bytes_trim(bytes_of(value.data + len, value.len - len));
    return bytes_of(value.data, len);
}

static enum status find_header_type(struct bytes value, enum auth_type *type, struct bytes *authorization,
                                    struct s3_error_details *error)
{
    struct bytes scheme = authorization_scheme(bytes_trim(value), authorization);

    if (bytes_equal_str(scheme, SCHEME_V4)) {
        *type = AUTH_V4_HEADER;
        return STATUS_OK;
    }
    if (bytes_equal_str(scheme, SCHEME_V2)) {
        *type = AUTH_V2_HEADER;
        return STATUS_OK;
    }
    if (bytes_starts_with(scheme, BYTES("AWS4-")))
        return auth_refuse(error, S3_INVALID_REQUEST,
                           "The authorization mechanism you have provided is not supported. Please use "
                           "AWS4-HMAC-SHA256.");
    return auth_refuse_argument(error, "Authorization", "Unsupported Authorization Type");
}

/* One parameter of a presigned form is enough to make the request a presigned one: what is missing is then an
 * error and not anonymous access. */
static bool has_v4_query(const struct uri_query *query)
{
    return uri_query_find_nocase(query, "X-Amz-Algorithm") || uri_query_find_nocase(query, "X-Amz-Credential") ||
           uri_query_find_nocase(query, "X-Amz-Signature");
}

static bool has_v2_query(const struct uri_query *query)
{
    return uri_query_has(query, "AWSAccessKeyId") || uri_query_has(query, "Signature");
}

bool auth_is_claimed(const struct auth_request *request)
{
    return auth_header_count(request, "authorization") > 0 || has_v4_query(request->query) ||
           has_v2_query(request->query);
}

static enum status find_type(const struct auth_request *request, enum auth_type *type, struct bytes *authorization,
                             struct s3_error_details *error)
{
    const struct uri_query *query = request->query;
    size_t in_header = auth_header_count(request, "authorization");
    bool v4_query = has_v4_query(query);
    bool v2_query = has_v2_query(query);

    if (in_header + v4_query + v2_query > 1)
        return auth_refuse_argument(error, "Authorization",
                                    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                                    "Signature query string parameter or the Authorization header should be "
                                    "specified");
    if (in_header)
        return find_header_type(auth_header(request, "authorization"), type, authorization, error);
    *type = v4_query ? AUTH_V4_QUERY : v2_query ? AUTH_V2_QUERY : AUTH_ANONYMOUS;
    return STATUS_OK;
}

static bool is_v2(enum auth_type type)
{
    return type == AUTH_V2_HEADER || type == AUTH_V2_QUERY;
}

static const struct payload_name {
    const char *text;
    enum payload_kind kind;
} payload_names[] = {
    {"UNSIGNED-PAYLOAD", PAYLOAD_UNSIGNED},
    {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", PAYLOAD_STREAMING_UNSIGNED_TRAILER},
    {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", PAYLOAD_STREAMING_SIGNED},
    {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", PAYLOAD_STREAMING_SIGNED_TRAILER},
};

static bool match_payload(struct bytes text, struct auth_credentials *credentials)
{
    for (size_t i = 0; i < sizeof payload_names / sizeof payload_names[0]; ++i) {
        if (bytes_equal_str(text, payload_names[i].text)) {
            credentials->payload = payload_names[i].kind;
            return true;
        }
    }
    credentials->payload = PAYLOAD_SHA256;
    return hex_decode(text, credentials->payload_sha256, SHA256_LEN) == STATUS_OK;
}

/* A presigned query may carry the value too, and then it is the one that was signed. */
static enum status parse_payload(const struct auth_request *request, struct auth_credentials *credentials,
                                 struct s3_error_details *error)
{
    static const char name[] = "x-amz-content-sha256";
    const struct uri_parameter *parameter = uri_query_find_nocase(request->query, name);
    bool v4 = credentials->type == AUTH_V4_HEADER || credentials->type == AUTH_V4_QUERY;
    struct bytes text = bytes_trim(auth_header(request, name));

    if (request->query_api) { /* what came is hashed, whatever the header says */
        credentials->payload = PAYLOAD_SHA256;
        return STATUS_OK;
    }
    if (auth_header_count(request, name) > 1)
        return auth_refuse_argument(error, name, "x-amz-content-sha256 must be given once.");
    if (credentials->type == AUTH_V4_QUERY && parameter)
        text = parameter->value;
    if (!text.data) {
        if (credentials->type == AUTH_V4_HEADER)
            return auth_refuse(error, S3_INVALID_REQUEST,
                               "Missing required header for this request: x-amz-content-sha256");
        text = BYTES("UNSIGNED-PAYLOAD");
    }
    if (!match_payload(text, credentials)) {
        STATUS_IGNORE(
            auth_refuse_argument(error, name,
                                 "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
                                 "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a "
                                 "valid sha256 value."),
            "the caller returns the refusal");
        s3_error_add(error, "ArgumentValue", text);
        return STATUS_DENIED;
    }
    if (!v4 &&
        (credentials->payload == PAYLOAD_STREAMING_SIGNED || credentials->payload == PAYLOAD_STREAMING_SIGNED_TRAILER))
        return auth_refuse(error, S3_INVALID_REQUEST, "Signed chunks require authentication with AWS4-HMAC-SHA256.");
    credentials->payload_text = text;
    return STATUS_OK;
}

enum status auth_parse(const struct auth_request *request, int64_t now_wall_ms, struct auth_credentials *credentials,
                       struct s3_error_details *error)
{
    struct bytes authorization = bytes_of(NULL, 0);
    enum auth_type type = AUTH_ANONYMOUS;

    *credentials = (struct auth_credentials){0};
    *error = (struct s3_error_details){0};
    enum status status = find_type(request, &type, &authorization, error);
    if (status)
        return status;
    if (request->query_api && is_v2(type))
        return auth_refuse(error, S3_INVALID_REQUEST,
                           "The authorization mechanism you have provided is not supported. "
                           "Please use AWS4-HMAC-SHA256.");
    credentials->type = type;
    credentials->session_token = auth_header(request, "x-amz-security-token");
    switch (type) {
    case AUTH_ANONYMOUS:
        break;
    case AUTH_V4_HEADER:
        status = sigv4_parse_header(request, authorization, now_wall_ms, credentials, error);
        break;
    case AUTH_V4_QUERY:
        status = sigv4_parse_query(request, now_wall_ms, credentials, error);
        break;
    case AUTH_V2_HEADER:
        status = sigv2_parse_header(request, authorization, now_wall_ms, credentials, error);
        break;
    case AUTH_V2_QUERY:
        status = sigv2_parse_query(request, now_wall_ms, credentials, error);
        break;
    case AUTH_V4_FORM:
    case AUTH_V2_FORM:
        break; /* never in a head */
    }
    return status ? status : parse_payload(request, credentials, error);
}

enum status auth_verify(const struct auth_request *request, const struct auth_credentials *credentials,
                        struct bytes secret, struct sigv4_key_cache *cache, struct auth_verification *out)
{
    enum status status;

    *out = (struct auth_verification){0};
    buffer_init(&out->string_to_sign, AUTH_CANONICAL_BYTES_MAX);
    buffer_init(&out->canonical_request, AUTH_CANONICAL_BYTES_MAX);
    switch (credentials->type) {
    case AUTH_V4_HEADER:
    case AUTH_V4_QUERY:
        status = sigv4_verify(request, credentials, secret, cache, out);
        break;
    case AUTH_V2_HEADER:
    case AUTH_V2_QUERY:
        status = sigv2_verify(request, credentials, secret, out);
        break;
    case AUTH_V4_FORM:
    case AUTH_V2_FORM:
        status = auth_verify_form(credentials, secret, cache, out);
        break;
    default: /* nothing was signed */
        status = STATUS_DENIED;
        break;
    }
    if (status != STATUS_DENIED) {
        buffer_release(&out->string_to_sign);
        buffer_release(&out->canonical_request);
    }
    return status;
}

void auth_verification_release(struct auth_verification *verification)
{
    buffer_release(&verification->string_to_sign);
    buffer_release(&verification->canonical_request);
    OPENSSL_cleanse(verification->signing_key, sizeof verification->signing_key);
}

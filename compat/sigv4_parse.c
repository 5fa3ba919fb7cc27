/* Reads Signature Version 4 credentials, from the Authorization header or a presigned query, and checks all
 * that needs no secret: completeness, the scope, dates and expiry, and that nothing which matters was left
 * unsigned. Any region is accepted: the scope is signed, so it need not be ours. */
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "compat/auth_internal.h"
#include "compat/auth_text.h"
#include "compat/header_index.h"
#include "compat/sigv4.h"
#include "compat/split.h"

#define DATE_LEN           8
#define UNSIGNED_NAMES_MAX 256

static bool is_region_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
}

/* Cuts the last `/piece` off the text. */
static bool cut_last(struct bytes *text, struct bytes *piece)
{
    const char *slash = text->len ? memrchr(text->data, '/', text->len) : NULL;
    if (!slash)
        return false;
    size_t before = (size_t)(slash - text->data);
    *piece = bytes_of(slash + 1, text->len - before - 1);
    text->len = before;
    return true;
}

/* From the end, since an access key may hold a slash. */
enum status sigv4_credential_parse(struct bytes text, struct sigv4_credential *credential)
{
    struct bytes rest = text, terminator;
    uint64_t number;

    if (!cut_last(&rest, &terminator) || !cut_last(&rest, &credential->service) ||
        !cut_last(&rest, &credential->region) || !cut_last(&rest, &credential->date))
        return STATUS_INVALID;
    if (!bytes_equal_str(terminator, "aws4_request"))
        return STATUS_INVALID;
    if (credential->date.len != DATE_LEN || bytes_parse_u64(credential->date, UINT64_MAX, &number))
        return STATUS_INVALID;
    if (credential->region.len > AUTH_REGION_MAX || !rest.len || rest.len > AUTH_ACCESS_KEY_MAX)
        return STATUS_INVALID;
    for (size_t i = 0; i < credential->region.len; ++i)
        if (!is_region_char(credential->region.data[i]))
            return STATUS_INVALID;
    credential->access_key = rest;
    credential->scope = bytes_of(credential->date.data, text.len - rest.len - 1);
    return STATUS_OK;
}

/* A signature for one door opens no other: what is signed for S3 is no call of the Query API, nor the other way round.
 * Which of its two services a call is of, the caller compares with the action. */
static bool service_fits(const struct auth_request *request, struct bytes service)
{
    return request->query_api ? bytes_equal_str(service, "iam") || bytes_equal_str(service, "sts")
                              : bytes_equal_str(service, "s3");
}

/* What AWS has under the name of S3 with a host and a signature of its own: refused by its name. */
static const char *service_not_offered(struct bytes service)
{
    static const struct {
        const char *service, *text;
    } services[] = {
        {"s3tables", "S3 Tables is not implemented."},
        {"s3vectors", "S3 Vectors is not implemented."},
        {"s3-object-lambda", "S3 Object Lambda is not implemented."},
        {"s3-outposts", "S3 on Outposts is not implemented."},
    };

    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
        if (bytes_equal_str(service, services[i].service))
            return services[i].text;
    return NULL;
}

/* readable: whose service another one is; NULL: it is no credential. */
static enum status refuse_service(const struct sigv4_credential *readable, const struct auth_request *request,
                                  const char *message, enum s3_error code, struct s3_error_details *error)
{
    const char *not_offered = readable && !request->query_api ? service_not_offered(readable->service) : NULL;

    if (not_offered)
        return auth_refuse(error, S3_NOT_IMPLEMENTED, not_offered);
    if (readable && request->query_api)
        return auth_refuse(error, S3_SIGNATURE_DOES_NOT_MATCH,
                           "Credential should be scoped to correct service: 'iam' or 'sts'.");
    return auth_refuse(error, code, message);
}

/* RFC 9110 section 5.6.2, lower case and upper case. */
static bool is_token(struct bytes text)
{
    for (size_t i = 0; i < text.len; ++i) {
        char c = text.data[i];
        if (c <= ' ' || c >= 127 || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return text.len > 0;
}

static enum status check_signed_headers(struct bytes list)
{
    struct bytes name;
    size_t count = 0;

    while (split_next(&list, ';', &name))
        if (!is_token(name) || ++count > AUTH_SIGNED_HEADERS_MAX)
            return STATUS_INVALID;
    return count ? STATUS_OK : STATUS_INVALID;
}

static bool must_be_signed(struct bytes name, enum auth_type type)
{
    if (bytes_equal_nocase(name, "x-amz-content-sha256"))
        return type == AUTH_V4_HEADER;
    return bytes_equal_nocase(name, "host") || (name.len > 6 && strncasecmp(name.data, "x-amz-", 6) == 0);
}

/* Which of the request's headers are signed. False when the list names one twice: nobody signs so, and the text that
 * was signed would hold it as often. */
static bool find_signed(const struct auth_request *request, struct bytes list, bool is_signed[HTTP_HEADERS_MAX])
{
    struct header_index index;
    struct bytes name;
    size_t first;

    header_index_make(&index, request->headers, request->header_count);
    while (split_next(&list, ';', &name)) {
        size_t count = header_index_find(&index, name, &first);
        for (size_t i = first; i < first + count; ++i) {
            size_t at = (size_t)(index.sorted[i] - request->headers);
            if (is_signed[at])
                return false;
            is_signed[at] = true;
        }
    }
    return true;
}

static bool names_host(struct bytes list)
{
    struct bytes name;

    while (split_next(&list, ';', &name))
        if (bytes_equal_nocase(name, "host"))
            return true;
    return false;
}

/* Host always has to be signed; a list that does not name it is refused even when the request has none. */
static enum status refuse_unsigned_headers(const struct auth_request *request,
                                           const struct auth_credentials *credentials, struct s3_error_details *error)
{
    enum status status = STATUS_OK;
    bool is_signed[HTTP_HEADERS_MAX] = {0};
    struct buffer names;
    struct auth_text text = {&names, STATUS_OK};

    if (!find_signed(request, credentials->signed_headers, is_signed))
        return auth_refuse(error,
                           credentials->type == AUTH_V4_QUERY ? S3_AUTHORIZATION_QUERY_PARAMETERS_ERROR
                                                              : S3_AUTHORIZATION_HEADER_MALFORMED,
                           "The SignedHeaders are mal-formed; a header is named twice.");
    buffer_init(&names, UNSIGNED_NAMES_MAX); /* what does not fit is not named */
    if (!names_host(credentials->signed_headers))
        auth_text_add_str(&text, "host");
    for (size_t i = 0; i < request->header_count; ++i) {
        struct bytes name = request->headers[i].name;
        if (is_signed[i] || bytes_equal_nocase(name, "host") || !must_be_signed(name, credentials->type))
            continue;
        if (names.len)
            auth_text_add_str(&text, ", ");
        auth_text_add_lower(&text, name);
    }
    if (names.len) {
        status =
            auth_refuse(error, S3_ACCESS_DENIED, "There were headers present in the request which were not signed");
        s3_error_add_copy(error, "HeadersNotSigned", buffer_bytes(&names));
    }
    buffer_release(&names);
    return status;
}

enum status sigv4_credential_take(const struct sigv4_credential *parts, int64_t signed_ms,
                                  struct auth_credentials *credentials)
{
    char timestamp[CLOCK_TEXT_MAX];

    clock_format_basic(signed_ms, timestamp);
    memcpy(credentials->timestamp, timestamp, sizeof credentials->timestamp);
    memcpy(credentials->date, timestamp, DATE_LEN);
    credentials->signed_ms = signed_ms;
    credentials->access_key = parts->access_key;
    credentials->region = parts->region;
    credentials->service = parts->service;
    credentials->scope = parts->scope;
    return bytes_equal_str(parts->date, credentials->date) ? STATUS_OK : STATUS_INVALID;
}

/* `Credential=...,SignedHeaders=...,Signature=...` in any order, with or without spaces after the commas. */
static enum status read_components(struct bytes text, struct bytes *credential, struct bytes *signed_headers,
                                   struct bytes *signature)
{
    struct bytes piece;

    while (split_next(&text, ',', &piece)) {
        struct bytes value = bytes_trim(piece), name, *slot;
        if (!value.len)
            continue;
        if (!split_next(&value, '=', &name))
            return STATUS_INVALID;
        if (bytes_equal_str(name, "Credential"))
            slot = credential;
        else if (bytes_equal_str(name, "SignedHeaders"))
            slot = signed_headers;
        else if (bytes_equal_str(name, "Signature"))
            slot = signature;
        else
            return STATUS_INVALID;
        if (slot->data)
            return STATUS_INVALID;
        *slot = bytes_trim(value);
    }
    return credential->len && signed_headers->len && signature->len ? STATUS_OK : STATUS_INVALID;
}

enum status sigv4_parse_header(const struct auth_request *request, struct bytes authorization, int64_t now_wall_ms,
                               struct auth_credentials *credentials, struct s3_error_details *error)
{
    const enum s3_error code = S3_AUTHORIZATION_HEADER_MALFORMED;
    struct bytes credential = {0}, signed_headers = {0}, signature = {0};
    struct sigv4_credential parts;
    int64_t signed_ms;

    if (read_components(authorization, &credential, &signed_headers, &signature))
        return auth_refuse(error, code,
                           "The authorization header is malformed; the authorization header requires three "
                           "components: Credential, SignedHeaders, and Signature.");
    bool readable = sigv4_credential_parse(credential, &parts) == STATUS_OK;
    if (!readable || !service_fits(request, parts.service))
        return refuse_service(readable ? &parts : NULL, request,
                              "The authorization header is malformed; the Credential is mal-formed; expecting "
                              "\"<YOUR-AKID>/YYYYMMDD/REGION/s3/aws4_request\".",
                              code, error);
    if (check_signed_headers(signed_headers))
        return auth_refuse(error, code, "The authorization header is malformed; the SignedHeaders are mal-formed.");
    enum status status = auth_read_date(request, now_wall_ms, &signed_ms, error);
    if (status)
        return status;
    if (sigv4_credential_take(&parts, signed_ms, credentials))
        return auth_refuse(error, code,
                           "The authorization header is malformed; Invalid credential date. This date is not the "
                           "same as X-Amz-Date.");
    credentials->signed_headers = signed_headers;
    credentials->signature = signature;
    return refuse_unsigned_headers(request, credentials, error);
}

/* The value of a parameter that must come exactly once; absent otherwise. */
static struct bytes single_parameter(const struct uri_query *query, const char *name)
{
    const struct uri_parameter *found = NULL;

    for (size_t i = 0; i < query->count; ++i) {
        if (!bytes_equal_nocase(query->parameters[i].name, name))
            continue;
        if (found)
            return bytes_of(NULL, 0);
        found = &query->parameters[i];
    }
    return found ? found->value : bytes_of(NULL, 0);
}

static enum status check_validity(struct bytes expires, int64_t signed_ms, int64_t now_wall_ms, int64_t *expires_ms,
                                  struct s3_error_details *error)
{
    const enum s3_error code = S3_AUTHORIZATION_QUERY_PARAMETERS_ERROR;
    uint64_t seconds;

    if (expires.len && expires.data[0] == '-')
        return auth_refuse(error, code, "X-Amz-Expires must be non-negative");
    if (bytes_parse_u64(expires, UINT32_MAX, &seconds))
        return auth_refuse(error, code, "X-Amz-Expires should be a number");
    if (seconds < 1)
        return auth_refuse(error, code, "X-Amz-Expires must be at least 1 second");
    if (seconds > AUTH_EXPIRES_SECONDS_MAX)
        return auth_refuse(error, code,
                           "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires "
                           "must be less than 604800 seconds");
    *expires_ms = signed_ms + (int64_t)seconds * 1000;
    if (signed_ms > now_wall_ms + AUTH_SKEW_MAX_MS)
        return auth_refuse(error, S3_ACCESS_DENIED, "Request is not valid yet");
    if (now_wall_ms <= *expires_ms)
        return STATUS_OK;
    STATUS_IGNORE(auth_refuse_expired(*expires_ms, now_wall_ms, error), "the caller returns the refusal");
    s3_error_add(error, "X-Amz-Expires", expires);
    return STATUS_DENIED;
}

enum status sigv4_parse_query(const struct auth_request *request, int64_t now_wall_ms,
                              struct auth_credentials *credentials, struct s3_error_details *error)
{
    const enum s3_error code = S3_AUTHORIZATION_QUERY_PARAMETERS_ERROR;
    const struct uri_query *query = request->query;
    struct bytes algorithm = single_parameter(query, "X-Amz-Algorithm");
    struct bytes credential = single_parameter(query, "X-Amz-Credential");
    struct bytes date = single_parameter(query, "X-Amz-Date");
    struct bytes expires = single_parameter(query, "X-Amz-Expires");
    struct sigv4_credential parts;
    int64_t signed_ms;

    credentials->signed_headers = single_parameter(query, "X-Amz-SignedHeaders");
    credentials->signature = single_parameter(query, "X-Amz-Signature");
    if (!algorithm.data || !credential.data || !date.data || !expires.data || !credentials->signed_headers.data ||
        !credentials->signature.data)
        return auth_refuse(error, code,
                           "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                           "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.");
    if (!bytes_equal_str(algorithm, "AWS4-HMAC-SHA256"))
        return auth_refuse(error, code, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"");
    bool readable = sigv4_credential_parse(credential, &parts) == STATUS_OK;
    if (!readable || !service_fits(request, parts.service))
        return refuse_service(readable ? &parts : NULL, request,
                              "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "
                              "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
                              code, error);
    if (clock_parse_basic(date, &signed_ms))
        return auth_refuse(error, code, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
    if (check_signed_headers(credentials->signed_headers))
        return auth_refuse(error, code, "X-Amz-SignedHeaders is mal-formed.");
    if (sigv4_credential_take(&parts, signed_ms, credentials))
        return auth_refuse(error, code, "Invalid credential date. This date is not the same as X-Amz-Date.");
    enum status status = check_validity(expires, signed_ms, now_wall_ms, &credentials->expires_ms, error);
    if (status)
        return status;
    struct bytes token = single_parameter(query, "X-Amz-Security-Token");
    if (token.data)
        credentials->session_token = token;
    return refuse_unsigned_headers(request, credentials, error);
}

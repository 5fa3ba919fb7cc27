/* Any request head through auth_parse and auth_verify: a first line `METHOD target`, then `Name: value` lines. What
 * must hold: a refusal names its code, what was accepted is within its bounds, and a secret that nobody signed with
 * opens nothing. */
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "compat/auth.h"
#include "compat/sigv4.h"
#include "compat/split.h"

#define HEADERS_MAX 64
#define NOW_MS      INT64_C(1795377600000) /* 2026-11-22T20:00:00Z, when the seeds were recorded */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t parse_headers(struct bytes rest, struct http_header headers[HEADERS_MAX])
{
    struct bytes line;
    size_t count = 0;

    while (count < HEADERS_MAX && split_next(&rest, '\n', &line)) {
        struct bytes value = line, name;
        if (line.len && line.data[line.len - 1] == '\r')
            --value.len;
        if (split_next(&value, ':', &name) && name.len)
            headers[count++] = (struct http_header){name, bytes_trim(value)};
    }
    return count;
}

static void check_error(const struct s3_error_details *error)
{
    struct buffer document;

    CHECK(error->code != S3_ERROR_NONE);
    buffer_init(&document, S3_ERROR_BYTES_MAX);
    CHECK(s3_error_render(&document, error) == STATUS_OK);
    buffer_release(&document);
}

static void verify(const struct auth_request *request, const struct auth_credentials *credentials)
{
    static struct sigv4_key_cache cache;
    struct auth_verification verification;

    CHECK(credentials->access_key.len <= AUTH_ACCESS_KEY_MAX);
    CHECK(credentials->region.len <= AUTH_REGION_MAX);
    enum status status = auth_verify(request, credentials, BYTES("nobody signs with this"), &cache, &verification);
    CHECK(status != STATUS_OK);
    CHECK(verification.string_to_sign.len <= AUTH_CANONICAL_BYTES_MAX);
    auth_verification_release(&verification);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_header headers[HEADERS_MAX];
    struct bytes rest = bytes_of(data, size), line, target, path;
    struct auth_request request = {.headers = headers};
    struct auth_credentials credentials;
    struct s3_error_details error;
    struct uri_query query;

    if (!split_next(&rest, '\n', &line) || !split_next(&line, ' ', &request.method) ||
        !split_next(&line, ' ', &target) || !split_next(&target, '?', &path))
        return 0;
    if (uri_query_parse(target, &query))
        return 0;
    request.path = path;
    request.query = &query;
    request.header_count = parse_headers(rest, headers);
    if (size % 2)
        request.virtual_host_bucket = BYTES("bucket");
    if (auth_parse(&request, NOW_MS, &credentials, &error))
        check_error(&error);
    else if (credentials.type != AUTH_ANONYMOUS)
        verify(&request, &credentials);
    uri_query_release(&query);
    return 0;
}

/* What a request may ask for beside its operation: honoured, refused by name, or AWS's error; and that no recorded
 * client asks for what is refused. */
#include "../compat/request_vectors.h"

#include "gateway/front/operation.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/honoured.h"

/* The error for a request with this header or, with a leading '?', parameter. */
static enum s3_error asked(const char *method, enum s3_level level, const char *query, const char *name,
                           const char *value, struct s3_error_details *error)
{
    struct http_header headers[] = {{BYTES("Host"), BYTES("localhost")},
                                    {bytes_from_str(name), bytes_from_str(value)},
                                    {BYTES("X-Amz-Copy-Source"), BYTES("b/k")}};
    bool copies = strncmp(query, "COPY", 4) == 0;
    struct http_request http = {.method = bytes_from_str(method),
                                .headers = headers,
                                .header_count = copies ? 3
                                                : name ? 2
                                                       : 1};
    struct exchange exchange = {.http = &http, .level = level};
    struct operation_words words;

    *error = (struct s3_error_details){0};
    assert_int_equal(uri_query_parse(bytes_from_str(copies ? query + 4 : query), &exchange.query), STATUS_OK);
    exchange.operation = operation_by_s3(&exchange, &words);
    assert_ptr_not_equal(exchange.operation, &s3_unknown_operation);
    enum status status = s3_check_asked(&exchange, error);
    assert_int_equal(status != STATUS_OK, error->code != S3_ERROR_NONE);
    if (error->code == S3_NOT_IMPLEMENTED && name) {
        assert_string_equal(error->elements[0].name, "Header");
        assert_true(bytes_equal_str(error->elements[0].value, name));
    }
    uri_query_release(&exchange.query);
    return error->code;
}

static void test_headers(void **state)
{
    static const struct {
        const char *method;
        enum s3_level level;
        const char *query, *name, *value;
        enum s3_error error;
    } rows[] = {
        {"PUT", S3_OBJECT, "", "X-Amz-Acl", "private", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-acl", "", S3_ERROR_NONE}, /* aptly */
        {"PUT", S3_OBJECT, "", "x-amz-acl", "  ", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-acl", "public-read", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-acl", "nonsense", S3_INVALID_ARGUMENT},
        {"PUT", S3_OBJECT, "", "x-amz-tagging", "", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-tagging", "a=b", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-grant-read", "id=1", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-write-offset-bytes", "0", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-website-redirect-location", "/", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-server-side-encryption", "AES256", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-next-year", "1", S3_NOT_IMPLEMENTED},
        {"PUT", S3_OBJECT, "", "x-amz-meta-a", "1", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-checksum-crc32", "AAAAAA==", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-checksum-algorithm", "SHA256", S3_ERROR_NONE}, /* beside it: FoundationDB */
        {"PUT", S3_OBJECT, "uploadId=u&partNumber=1", "x-amz-checksum-algorithm", "SHA256", S3_ERROR_NONE},
        {"POST", S3_OBJECT, "uploadId=u", "x-amz-checksum-algorithm", "SHA256", S3_NOT_IMPLEMENTED},
        {"POST", S3_OBJECT, "uploads", "x-amz-metadata-directive", "COPY", S3_ERROR_NONE}, /* s3cmd */
        {"PUT", S3_OBJECT, "", "x-amz-metadata-directive", "REPLACE", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-checksum-type", "FULL_OBJECT", S3_NOT_IMPLEMENTED},
        {"POST", S3_OBJECT, "uploadId=u", "x-amz-checksum-type", "FULL_OBJECT", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-sdk-checksum-algorithm", "CRC32", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-request-payer", "requester", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amzn-trace-id", "Root=1", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-object-lock-mode", "GOVERNANCE", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "", "x-amz-object-lock-legal-hold", "ON", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "uploadId=u&partNumber=1", "x-amz-object-lock-legal-hold", "ON", S3_NOT_IMPLEMENTED},
        {"GET", S3_OBJECT, "", "x-amz-bypass-governance-retention", "true", S3_INVALID_ARGUMENT},
        {"POST", S3_OBJECT, "uploads", "x-amz-object-lock-legal-hold", "ON", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "COPY", "x-amz-object-lock-retain-until-date", "2030-01-01T00:00:00Z", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "COPY", "x-amz-metadata-directive", "REPLACE", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "COPY", "x-amz-tagging-directive", "COPY", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "COPY", "x-amz-tagging-directive", "nonsense", S3_INVALID_ARGUMENT},
        {"PUT", S3_OBJECT, "COPY", "x-amz-copy-source-if-match", "e", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "COPY", "x-amz-checksum-crc32", "AAAAAA==", S3_NOT_IMPLEMENTED},
        {"PUT", S3_OBJECT, "COPY", "x-amz-copy-source-range", "bytes=0-1", S3_NOT_IMPLEMENTED},
        {"PUT", S3_OBJECT, "COPY", "x-amz-copy-source-server-side-encryption-customer-algorithm", "AES256",
         S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "COPYuploadId=u&partNumber=1", "x-amz-copy-source-range", "bytes=0-1", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "COPYuploadId=u&partNumber=1", "x-amz-server-side-encryption-customer-key", "k",
         S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "uploadId=u&partNumber=1", "x-amz-server-side-encryption-customer-key", "k", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "uploadId=u&partNumber=1", "x-amz-server-side-encryption", "AES256", S3_INVALID_ARGUMENT},
        {"PUT", S3_OBJECT, "uploadId=u&partNumber=1", "x-amz-meta-a", "1", S3_INVALID_ARGUMENT},
        {"PUT", S3_OBJECT, "uploadId=u&partNumber=1", "x-amz-checksum-sha256", "s", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "uploadId=u&partNumber=1", "x-amz-acl", "private", S3_NOT_IMPLEMENTED},
        {"POST", S3_OBJECT, "uploads", "x-amz-checksum-type", "FULL_OBJECT", S3_ERROR_NONE},
        {"POST", S3_OBJECT, "uploadId=u", "x-amz-mp-object-size", "1", S3_ERROR_NONE},
        {"POST", S3_OBJECT, "uploadId=u", "x-amz-meta-a", "1", S3_INVALID_ARGUMENT},
        {"DELETE", S3_OBJECT, "uploadId=u", "x-amz-if-match-initiated-time", "t", S3_NOT_IMPLEMENTED},
        {"GET", S3_OBJECT, "", "x-amz-checksum-mode", "ENABLED", S3_ERROR_NONE},
        {"GET", S3_OBJECT, "", "x-amz-copy-source", "b/k", S3_INVALID_ARGUMENT},
        {"HEAD", S3_OBJECT, "", "x-amz-copy-source", "b/k", S3_INVALID_ARGUMENT},
        {"DELETE", S3_OBJECT, "", "x-amz-copy-source", "b/k", S3_INVALID_ARGUMENT},
        {"GET", S3_OBJECT, "", "x-amz-server-side-encryption", "AES256", S3_INVALID_REQUEST},
        {"HEAD", S3_OBJECT, "", "x-amz-server-side-encryption-customer-algorithm", "AES256", S3_ERROR_NONE},
        {"GET", S3_OBJECT, "", "x-amz-server-side-encryption-aws-kms-key-id", "k", S3_INVALID_REQUEST},
        {"PUT", S3_OBJECT, "uploadId=u&partNumber=1", "x-amz-server-side-encryption-context",
         "e30=", S3_NOT_IMPLEMENTED},
        {"DELETE", S3_OBJECT, "", "x-amz-mfa", "serial 123456", S3_NOT_IMPLEMENTED},
        {"DELETE", S3_OBJECT, "", "x-amz-bypass-governance-retention", "true", S3_ERROR_NONE},
        {"DELETE", S3_OBJECT, "", "x-amz-bypass-governance-retention", "false", S3_ERROR_NONE},
        {"PUT", S3_BUCKET, "", "x-amz-acl", "public-read", S3_ERROR_NONE},
        {"PUT", S3_BUCKET, "", "x-amz-bucket-object-lock-enabled", "true", S3_ERROR_NONE},
        {"PUT", S3_BUCKET, "", "x-amz-bucket-object-lock-enabled", "False", S3_ERROR_NONE},
        {"PUT", S3_BUCKET, "", "x-amz-object-ownership", "BucketOwnerEnforced", S3_ERROR_NONE},
        {"PUT", S3_BUCKET, "", "x-amz-object-ownership", "ObjectWriter", S3_ERROR_NONE},
        {"PUT", S3_BUCKET, "", "x-amz-bucket-namespace", "global", S3_ERROR_NONE},
        {"PUT", S3_BUCKET, "", "x-amz-bucket-namespace", "account-regional", S3_NOT_IMPLEMENTED},
        {"GET", S3_BUCKET, "", "x-amz-optional-object-attributes", "RestoreStatus", S3_ERROR_NONE},
        {"GET", S3_BUCKET, "", "x-amz-next-year", "1", S3_NOT_IMPLEMENTED},
        {"GET", S3_SERVICE, "", "x-amz-next-year", "1", S3_NOT_IMPLEMENTED},
    };
    struct s3_error_details error;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum s3_error code = asked(rows[i].method, rows[i].level, rows[i].query, rows[i].name, rows[i].value, &error);
        if (code != rows[i].error)
            fail_msg("%s %s with %s: %s -> %d", rows[i].method, rows[i].query, rows[i].name, rows[i].value, code);
    }
}

static void test_parameters(void **state)
{
    static const struct {
        const char *method;
        enum s3_level level;
        const char *query;
        enum s3_error error;
    } rows[] = {
        {"PUT", S3_OBJECT, "x-amz-acl=public-read", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "X-Amz-Tagging=a%3Db", S3_ERROR_NONE},
        {"PUT", S3_OBJECT,
         "X-Amz-Algorithm=A&X-Amz-Credential=c&X-Amz-Date=d&X-Amz-Expires=1&X-Amz-SignedHeaders=h&"
         "X-Amz-Signature=s&X-Amz-Security-Token=t",
         S3_ERROR_NONE},
        {"GET", S3_OBJECT, "x-amz-copy-source=b%2Fk", S3_INVALID_ARGUMENT},
        {"GET", S3_OBJECT, "AWSAccessKeyId=a&Expires=1&Signature=s&response-content-type=t", S3_ERROR_NONE},
        {"PUT", S3_OBJECT, "versionId=v", S3_INVALID_ARGUMENT},
        {"PUT", S3_OBJECT, "partNumber=1", S3_INVALID_ARGUMENT},
        {"POST", S3_OBJECT, "uploads&versionId=v", S3_INVALID_ARGUMENT},
        {"DELETE", S3_OBJECT, "partNumber=1", S3_INVALID_ARGUMENT},
        {"DELETE", S3_OBJECT, "uploadId=u&versionId=v", S3_INVALID_ARGUMENT},
        {"DELETE", S3_BUCKET, "versionId=v", S3_INVALID_ARGUMENT},
        {"DELETE", S3_OBJECT, "versionId=", S3_INVALID_ARGUMENT}, /* a script's empty variable is not the latest */
        {"GET", S3_OBJECT, "versionId=", S3_INVALID_ARGUMENT},
        {"DELETE", S3_OBJECT, "versionId=v", S3_ERROR_NONE},
        {"GET", S3_OBJECT, "versionId=v&partNumber=1", S3_ERROR_NONE},
    };
    struct s3_error_details error;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum s3_error code = asked(rows[i].method, rows[i].level, rows[i].query, NULL, NULL, &error);
        if (code != rows[i].error)
            fail_msg("%s ?%s -> %d", rows[i].method, rows[i].query, code);
    }
}

/* Of a PUT of an object, or of a copy. */
static enum s3_error asked_twice(const char *query, const char *name, const char *first, const char *second)
{
    struct http_header headers[] = {{bytes_from_str(name), bytes_from_str(first)},
                                    {bytes_from_str(name), bytes_from_str(second ? second : "")}};
    struct http_request http = {.method = BYTES("PUT"), .headers = headers, .header_count = second ? 2 : 1};
    struct exchange exchange = {.http = &http, .level = S3_OBJECT};
    struct s3_error_details error = {0};
    struct operation_words words;

    assert_int_equal(uri_query_parse(bytes_from_str(query), &exchange.query), STATUS_OK);
    exchange.operation = operation_by_s3(&exchange, &words);
    assert_ptr_not_equal(exchange.operation, &s3_unknown_operation);
    (void)s3_check_asked(&exchange, &error);
    uri_query_release(&exchange.query);
    return error.code;
}

static void test_repeated(void **state)
{
    (void)state;
    /* both have the signature of the line "x-amz-copy-source: /b/a,b" */
    assert_int_equal(asked_twice("", "x-amz-copy-source", "/b/a", "b"), S3_INVALID_ARGUMENT);
    assert_int_equal(asked_twice("", "x-amz-copy-source", "", "/b/a"), S3_INVALID_ARGUMENT);
    assert_int_equal(asked_twice("", "x-amz-storage-class", "STANDARD", "GLACIER"), S3_INVALID_ARGUMENT);
    assert_int_equal(asked_twice("", "x-amz-expected-bucket-owner", "", "111111111111"), S3_INVALID_ARGUMENT);
    assert_int_equal(asked_twice("", "x-amz-acl", "private", "private"), S3_INVALID_ARGUMENT);
    assert_int_equal(asked_twice("X-Amz-Storage-Class=GLACIER", "x-amz-storage-class", "STANDARD", NULL),
                     S3_INVALID_ARGUMENT);
    assert_int_equal(
        asked_twice("x-amz-expected-bucket-owner=111111111111", "x-amz-expected-bucket-owner", "000000000000", NULL),
        S3_INVALID_ARGUMENT);
    assert_int_equal(asked_twice("x-amz-storage-class=STANDARD&X-Amz-Storage-Class=GLACIER", "Range", "", NULL),
                     S3_INVALID_ARGUMENT);
    assert_int_equal(asked_twice("x-amz-meta-a=2", "x-amz-meta-a", "1", NULL), S3_INVALID_ARGUMENT);
    assert_int_equal(asked_twice("x-amz-meta-a=1&X-Amz-Meta-A=2", "Range", "", NULL), S3_INVALID_ARGUMENT);
    assert_int_equal(asked_twice("", "x-amz-meta-a", "1", "2"), S3_ERROR_NONE);
    assert_int_equal(asked_twice("", "x-amz-acl", "", ""), S3_ERROR_NONE);
    assert_int_equal(asked_twice("", "x-amz-user-agent", "a", "b"), S3_ERROR_NONE);
    assert_int_equal(asked_twice("x-amz-acl=private", "x-amz-storage-class", "STANDARD", NULL), S3_ERROR_NONE);
}

struct recorded {
    size_t requests, offered;
};

static void check_recorded(struct vector *vector, void *arg)
{
    struct recorded *recorded = arg;
    struct bytes path = vector->request.path;
    const char *slash = path.len > 1 ? memchr(path.data + 1, '/', path.len - 1) : NULL;
    bool key = slash && slash + 1 < path.data + path.len;
    struct http_request http = {
        .method = vector->request.method, .headers = vector->headers, .header_count = vector->request.header_count};
    struct exchange exchange = {.http = &http,
                                .query = vector->query,
                                .level = path.len < 2 ? S3_SERVICE
                                         : key        ? S3_OBJECT
                                                      : S3_BUCKET};
    struct s3_error_details error = {0};
    struct operation_words words;

    recorded->requests++;
    exchange.operation = operation_by_s3(&exchange, &words);
    if (exchange.operation == &s3_unknown_operation)
        fail_msg("%s: has no row", vector->name);
    if (exchange.operation->refused)
        return;
    recorded->offered++;
    if (s3_check_asked(&exchange, &error))
        fail_msg("%s: %s %s %.*s", vector->name, s3_error_code(error.code), error.message,
                 (int)error.elements[0].value.len, error.elements[0].value.data);
}

static void test_recorded_clients(void **state)
{
    struct recorded recorded = {0};

    (void)state;
    vectors_each(check_recorded, &recorded);
    assert_true(recorded.requests > 300);
    assert_true(recorded.offered > recorded.requests * 9 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_headers), cmocka_unit_test(test_parameters),
                                       cmocka_unit_test(test_repeated), cmocka_unit_test(test_recorded_clients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

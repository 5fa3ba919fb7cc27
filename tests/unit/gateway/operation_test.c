/* The table of operations: which request finds which row, and that what has no row finds none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "gateway/operation.h"

static const char *s3_action(const char *method, enum s3_level level, const char *query, const char *header)
{
    struct http_header headers[] = {{BYTES("Host"), BYTES("localhost")}, {bytes_from_str(header), BYTES("x")}};
    struct http_request http = {.method = bytes_from_str(method), .headers = headers, .header_count = header ? 2 : 1};
    struct exchange exchange = {.http = &http, .level = level};

    assert_int_equal(uri_query_parse(bytes_from_str(query), &exchange.query), STATUS_OK);
    const struct operation *operation = operation_by_s3(&exchange);
    uri_query_release(&exchange.query);
    if (operation)
        assert_true(operation->permission == PERMIT_S3 &&  /* nothing of S3 is open */
                    operation->class != OPERATION_SYSTEM); /* and all of it is bounded */
    return operation ? operation->action : "none";
}

static void test_s3_rows(void **state)
{
    static const struct {
        const char *method;
        enum s3_level level;
        const char *query, *header, *action;
    } rows[] = {
        {"GET", S3_SERVICE, NULL, NULL, "ListBuckets"},
        {"GET", S3_SERVICE, "x-id=ListBuckets", NULL, "ListBuckets"},
        {"PUT", S3_SERVICE, NULL, NULL, "none"},
        {"PUT", S3_BUCKET, NULL, NULL, "CreateBucket"},
        {"GET", S3_BUCKET, "list-type=2&prefix=a", NULL, "ListObjects"},
        {"GET", S3_BUCKET, "location", NULL, "GetBucketLocation"},
        {"GET", S3_BUCKET, "location=", NULL, "GetBucketLocation"},
        {"PUT", S3_BUCKET, "versioning", NULL, "none"},
        {"PUT", S3_BUCKET, "acl", NULL, "none"},
        {"PUT", S3_BUCKET, "policy", NULL, "none"},
        {"DELETE", S3_BUCKET, "policy", NULL, "none"},
        {"DELETE", S3_BUCKET, "lifecycle", NULL, "none"},
        {"DELETE", S3_BUCKET, NULL, NULL, "DeleteBucket"},
        {"POST", S3_BUCKET, "delete", NULL, "DeleteObjects"},
        {"POST", S3_BUCKET, NULL, NULL, "none"},
        {"GET", S3_BUCKET, "intelligent-tiering&id=1", NULL, "none"},
        {"PUT", S3_OBJECT, NULL, NULL, "PutObject"},
        {"PUT", S3_OBJECT, NULL, "X-Amz-Copy-Source", "CopyObject"},
        {"PUT", S3_OBJECT, "x-amz-copy-source=a%2Fb", NULL, "CopyObject"},
        {"PUT", S3_OBJECT, "partNumber=1&uploadId=u", NULL, "UploadPart"},
        {"PUT", S3_OBJECT, "partNumber=1&uploadId=u", "x-amz-copy-source", "UploadPartCopy"},
        {"PUT", S3_OBJECT, "tagging", NULL, "none"},
        {"PUT", S3_OBJECT, "acl", NULL, "none"},
        {"PUT", S3_OBJECT, "retention", NULL, "none"},
        {"DELETE", S3_OBJECT, "tagging", NULL, "none"},
        {"DELETE", S3_OBJECT, "versionId=v", NULL, "DeleteObject"},
        {"GET", S3_OBJECT, "partNumber=1", NULL, "GetObject"},
        {"GET", S3_OBJECT, "uploadId=u", NULL, "ListParts"},
        {"GET", S3_OBJECT, "torrent", NULL, "none"},
        {"GET", S3_OBJECT, "attributes", NULL, "none"},
        {"HEAD", S3_OBJECT, NULL, NULL, "HeadObject"},
        {"POST", S3_OBJECT, "uploads", NULL, "CreateMultipartUpload"},
        {"POST", S3_OBJECT, "uploadId=u", NULL, "CompleteMultipartUpload"},
        {"POST", S3_OBJECT, "select&select-type=2", NULL, "none"},
        {"POST", S3_OBJECT, "restore", NULL, "none"},
        {"PATCH", S3_OBJECT, NULL, NULL, "none"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(s3_action(rows[i].method, rows[i].level, rows[i].query, rows[i].header), rows[i].action);
}

static const char *path_action(const char *method, const char *path, bool *known)
{
    struct http_request http = {.method = bytes_from_str(method), .path = bytes_from_str(path)};
    const struct operation *operation = operation_by_path(&http, known);
    return operation ? operation->action : "none";
}

static void test_paths(void **state)
{
    bool known;

    (void)state;
    assert_string_equal(path_action("POST", "/upload", &known), "UploadFile");
    assert_string_equal(path_action("GET", "/files/a/b", &known), "DownloadFile");
    assert_string_equal(path_action("DELETE", "/files/a", &known), "DeleteFile");
    assert_string_equal(path_action("GET", "/files", &known), "ListFiles");
    assert_string_equal(path_action("PUT", "/upload", &known), "none");
    assert_true(known);
    assert_string_equal(path_action("GET", "/files/", &known), "none");
    assert_string_equal(path_action("GET", "/uploads", &known), "none");
    assert_false(known);
    assert_string_equal(path_action("GET", "/", &known), "none");
    assert_false(known);
}

static void test_classes(void **state)
{
    static const struct {
        const char *method, *path;
        enum operation_class class;
    } rows[] = {
        {"POST", "/upload", OPERATION_WRITE},       {"GET", "/download", OPERATION_READ},
        {"GET", "/files", OPERATION_LIST},          {"DELETE", "/delete", OPERATION_OTHER},
        {"GET", "/health", OPERATION_SYSTEM},       {"GET", "/livez", OPERATION_SYSTEM},
        {"GET", "/readyz", OPERATION_SYSTEM},       {"GET", "/metrics", OPERATION_SYSTEM},
        {"GET", "/system/nodes", OPERATION_SYSTEM},
    };
    bool known;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_request http = {.method = bytes_from_str(rows[i].method), .path = bytes_from_str(rows[i].path)};
        const struct operation *operation = operation_by_path(&http, &known);

        assert_non_null(operation);
        assert_int_equal(operation->class, rows[i].class);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_s3_rows), cmocka_unit_test(test_paths),
                                       cmocka_unit_test(test_classes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The table of operations: which request finds which row, and that what has no row finds none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "gateway/front/operation.h"
#include "gateway/s3/handlers.h"

static const char *s3_action(const char *method, enum s3_level level, const char *query, const char *header)
{
    struct http_header headers[] = {{BYTES("Host"), BYTES("localhost")}, {bytes_from_str(header), BYTES("x")}};
    struct http_request http = {.method = bytes_from_str(method), .headers = headers, .header_count = header ? 2 : 1};
    struct exchange exchange = {.http = &http, .level = level};
    struct operation_words words;
    static char action[128];

    assert_int_equal(uri_query_parse(bytes_from_str(query), &exchange.query), STATUS_OK);
    const struct operation *operation = operation_by_s3(&exchange, &words);
    uri_query_release(&exchange.query);
    assert_int_equal(operation->refused, operation->handle == s3_not_offered || operation->handle == s3_unknown);
    snprintf(action, sizeof(action), "%s%s", operation->handle == s3_not_offered ? "not " : "", operation->action);
    return action;
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
        {"PUT", S3_BUCKET, "versioning", NULL, "PutBucketVersioning"},
        {"PUT", S3_BUCKET, "acl", NULL, "PutBucketAcl"},
        {"PUT", S3_BUCKET, "cors", NULL, "PutBucketCors"},
        {"PUT", S3_BUCKET, "policy", NULL, "PutBucketPolicy"},
        {"PUT", S3_BUCKET, "website", NULL, "PutBucketWebsite"},
        {"DELETE", S3_BUCKET, "policy", NULL, "DeleteBucketPolicy"},
        {"DELETE", S3_BUCKET, "lifecycle", NULL, "DeleteBucketLifecycle"},
        {"PUT", S3_BUCKET, "lifecycle", NULL, "PutBucketLifecycle"},
        {"DELETE", S3_BUCKET, NULL, NULL, "DeleteBucket"},
        {"POST", S3_BUCKET, "delete", NULL, "DeleteObjects"},
        {"POST", S3_BUCKET, NULL, NULL, "PostObject"},
        {"GET", S3_BUCKET, "intelligent-tiering&id=1", NULL, "GetBucketIntelligentTieringConfiguration"},
        {"PUT", S3_OBJECT, NULL, NULL, "PutObject"},
        {"PUT", S3_OBJECT, NULL, "X-Amz-Copy-Source", "CopyObject"},
        {"PUT", S3_OBJECT, "x-amz-copy-source=a%2Fb", NULL, "CopyObject"},
        {"PUT", S3_OBJECT, "partNumber=1&uploadId=u", NULL, "UploadPart"},
        {"PUT", S3_OBJECT, "partNumber=1&uploadId=u", "x-amz-copy-source", "UploadPartCopy"},
        {"PUT", S3_OBJECT, "tagging", NULL, "PutObjectTagging"},
        {"PUT", S3_OBJECT, "annotation&annotationName=a&versionId=v", NULL, "PutObjectAnnotation"},
        {"GET", S3_OBJECT, "annotation&annotationName=a", NULL, "GetObjectAnnotation"},
        {"GET", S3_OBJECT, "annotation", NULL, "ListObjectAnnotations"},
        {"DELETE", S3_OBJECT, "annotation&annotationName=a", NULL, "DeleteObjectAnnotation"},
        {"HEAD", S3_OBJECT, "annotation&annotationName=a", NULL, "none"},
        {"PUT", S3_OBJECT, "acl", NULL, "PutObjectAcl"},
        {"PUT", S3_OBJECT, "encryption&versionId=v", NULL, "UpdateObjectEncryption"},
        {"PUT", S3_OBJECT, "renameObject", NULL, "RenameObject"},
        {"PUT", S3_OBJECT, "retention", NULL, "PutObjectRetention"},
        {"DELETE", S3_OBJECT, "tagging", NULL, "DeleteObjectTagging"},
        {"DELETE", S3_OBJECT, "versionId=v", NULL, "DeleteObject"},
        {"GET", S3_OBJECT, "partNumber=1", NULL, "GetObject"},
        {"GET", S3_OBJECT, "uploadId=u", NULL, "ListParts"},
        {"GET", S3_OBJECT, "torrent", NULL, "not GetObjectTorrent"},
        {"GET", S3_OBJECT, "attributes", NULL, "GetObjectAttributes"},
        {"HEAD", S3_OBJECT, NULL, NULL, "HeadObject"},
        {"POST", S3_OBJECT, "uploads", NULL, "CreateMultipartUpload"},
        {"POST", S3_OBJECT, "uploadId=u", NULL, "CompleteMultipartUpload"},
        {"POST", S3_OBJECT, "select&select-type=2", NULL, "not SelectObjectContent"},
        {"POST", S3_OBJECT, "restore", NULL, "not RestoreObject"},
        {"PATCH", S3_OBJECT, NULL, NULL, "none"},
        {"GET", S3_BUCKET, "abac", NULL, "GetBucketAbac"},
        {"PUT", S3_BUCKET, "abac", NULL, "PutBucketAbac"},
        {"DELETE", S3_BUCKET, "abac", NULL, "none"},
        {"GET", S3_BUCKET, "metrics&id=m", NULL, "GetBucketMetricsConfiguration"},
        {"DELETE", S3_BUCKET, "inventory&id=i", NULL, "DeleteBucketInventoryConfiguration"},
        {"PUT", S3_BUCKET, "analytics&id=a", NULL, "not PutBucketAnalyticsConfiguration"},
        {"PUT", S3_BUCKET, "metadataInventoryTable=", NULL, "not UpdateBucketMetadataInventoryTableConfiguration"},
        {"PUT", S3_BUCKET, "notYetInvented", NULL, "none"},
        {"DELETE", S3_BUCKET, "notYetInvented=", NULL, "none"},
        {"PUT", S3_OBJECT, "word", NULL, "none"},
        {"PUT", S3_OBJECT, "uploadId=u&partNumber=1&word", NULL, "none"},
        {"POST", S3_OBJECT, "uploads&word", NULL, "none"},
        {"DELETE", S3_OBJECT, "word", NULL, "none"},
        {"GET", S3_OBJECT, "word", NULL, "GetObject"}, /* changes nothing */
        {"PUT", S3_OBJECT, "x-id=PutObject&tool=1", NULL, "PutObject"},
        {"PUT", S3_OBJECT, "x-id", NULL, "PutObject"},
        {"PUT", S3_OBJECT, "x-amz-acl=", NULL, "PutObject"},
        {"PUT", S3_OBJECT, "x-amz-copy-source=", NULL, "CopyObject"}, /* a wrong one */
        {"GET", S3_BUCKET, "x-amz-copy-source=a%2Fb", NULL, "ListObjects"},
        {"GET", S3_BUCKET, "acl&policy", NULL, "none"},
        {"GET", S3_BUCKET, "acl&acl", NULL, "GetBucketAcl"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(s3_action(rows[i].method, rows[i].level, rows[i].query, rows[i].header), rows[i].action);
}

/* What a row is done to: its level, but for the keys that a body lists. */
static enum resource_kind expected_resource(const struct operation *row)
{
    static const enum resource_kind kinds[] = {
        [S3_SERVICE] = RESOURCE_NONE, [S3_BUCKET] = RESOURCE_BUCKET, [S3_OBJECT] = RESOURCE_OBJECT};

    if (strcmp(row->action, "PostObject") == 0) /* the key stands in the form */
        return RESOURCE_OBJECT;
    if (strcmp(row->action, "CreateBucket") == 0 || strcmp(row->action, "ListBuckets") == 0 ||
        strcmp(row->action, "PutObjectTagging") == 0 || strcmp(row->action, "PutObjectRetention") == 0 ||
        strcmp(row->action, "PutObjectLegalHold") == 0) /* asked by the handler */
        return RESOURCE_LISTED;
    return strcmp(row->action, "DeleteObjects") == 0 ? RESOURCE_LISTED : kinds[row->level];
}

/* No two rows answer the same request, so that their order means nothing; nothing of S3 is open or unbounded. */
static void test_s3_table(void **state)
{
    const struct request_context here = {.local = true};

    (void)state;
    for (size_t i = 0; i < s3_operation_count; i++) {
        const struct operation *row = &s3_operations[i];
        const struct resource resource = {.kind = row->resource, .bucket = BYTES("bucket"), .key = BYTES("key")};

        assert_int_equal(row->form, strcmp(row->action, "PostObject") == 0);
        assert_int_equal(row->bucket_may_be_absent, strcmp(row->action, "CreateBucket") == 0);
        assert_false(row->unsigned_always);
        assert_int_equal(row->resource, expected_resource(row));
        assert_int_not_equal(row->class, CLASS_SYSTEM);
        for (int by_version = 0; by_version < 2; by_version++) {
            const char *right = operation_right(row, by_version);
            assert_true(authorize(&principal_root, right, &resource, &here).allowed);
            assert_false(authorize(&principal_unknown, right, &resource, &here).allowed);
            assert_false(authorize(&principal_files, right, &resource, &here).allowed);
        }
        for (size_t j = 0; j < i; j++) {
            const struct operation *other = &s3_operations[j];
            bool same_selector = row->selector && other->selector ? strcmp(row->selector, other->selector) == 0
                                                                  : row->selector == other->selector;
            assert_string_not_equal(row->action, other->action);
            bool told_apart = row->with ? other->without && strcmp(row->with, other->without) == 0
                                        : row->without && other->with && strcmp(row->without, other->with) == 0;
            assert_false(row->level == other->level && strcmp(row->method, other->method) == 0 && same_selector &&
                         row->copies == other->copies && !told_apart);
        }
    }
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

/* No two rows of paths answer the same request either, and each is open to whom it is meant for. */
static void test_path_table(void **state)
{
    const struct request_context here = {.local = true}, away = {.local = false};

    (void)state;
    for (size_t i = 0; i < path_operation_count; i++) {
        const struct operation *row = &path_operations[i];
        const struct resource resource = {.kind = row->resource, .bucket = BYTES("files")};
        bool health = strcmp(row->right, "tercet:Health") == 0, nodes = strcmp(row->right, "tercet:ManageNodes") == 0;
        bool of_root = row->names_bucket || nodes; /* and of nobody else */
        size_t matches = 0;

        for (size_t j = 0; j < path_operation_count; j++) {
            const struct operation *other = &path_operations[j];
            size_t len = strlen(other->path);
            bool below = other->path[len - 1] == '/' && strncmp(row->path, other->path, len) == 0;
            matches += (below || strcmp(row->path, other->path) == 0) && strcmp(row->method, other->method) == 0;
        }
        assert_int_equal(matches, 1);
        assert_int_equal(row->class == CLASS_SYSTEM, row->resource == RESOURCE_NONE);
        assert_int_equal(authorize(&principal_files, row->right, &resource, &away).allowed, !of_root);
        assert_int_equal(authorize(&principal_unknown, row->right, &resource, &here).allowed, !of_root);
        assert_int_equal(authorize(&principal_unknown, row->right, &resource, &away).allowed, health);
        assert_int_equal(authorize(&principal_root, row->right, &resource, &away).allowed, health || of_root);
    }
}

static void test_classes(void **state)
{
    static const struct {
        const char *method, *path;
        enum operation_class class;
    } rows[] = {
        {"POST", "/upload", CLASS_WRITE},   {"GET", "/download", CLASS_READ},  {"GET", "/files", CLASS_LIST},
        {"DELETE", "/delete", CLASS_OTHER}, {"GET", "/health", CLASS_SYSTEM},  {"GET", "/livez", CLASS_SYSTEM},
        {"GET", "/readyz", CLASS_SYSTEM},   {"GET", "/metrics", CLASS_SYSTEM}, {"GET", "/system/nodes", CLASS_SYSTEM},
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_s3_rows), cmocka_unit_test(test_s3_table),
                                       cmocka_unit_test(test_paths), cmocka_unit_test(test_path_table),
                                       cmocka_unit_test(test_classes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

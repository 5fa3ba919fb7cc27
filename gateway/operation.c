/* The table of operations; see the header. S3 is looked up by level, method and the one sub-resource of the
 * query; a request with a sub-resource that has no row here is not implemented, whatever else it looks like.
 */
#include "gateway/operation.h"

#include <string.h>

#include "gateway/background.h"
#include "gateway/bucket_metrics.h"
#include "gateway/files/files.h"
#include "gateway/health.h"
#include "gateway/s3/s3.h"
#include "gateway/system.h"

#define PATH(class, action, method, path, permission, handle)                                                          \
    {                                                                                                                  \
        action, method, path, S3_SERVICE, NULL, NULL, permission, handle, false, OPERATION_##class                     \
    }
#define S3(class, action, method, level, selector, header, handle)                                                     \
    {                                                                                                                  \
        action, method, NULL, level, selector, header, PERMIT_S3, handle, false, OPERATION_##class                     \
    }
#define S3_GROWS(class, action, method, level, selector, header, handle)                                               \
    {                                                                                                                  \
        action, method, NULL, level, selector, header, PERMIT_S3, handle, true, OPERATION_##class                      \
    }

static const struct operation operations[] = {
    {"UploadFile", "POST", "/upload", S3_SERVICE, NULL, NULL, PERMIT_FILES, files_upload, true, OPERATION_WRITE},
    PATH(READ, "DownloadFile", "GET", "/download", PERMIT_FILES, files_download),
    PATH(READ, "DownloadFile", "HEAD", "/download", PERMIT_FILES, files_download),
    PATH(LIST, "ListFiles", "GET", "/files", PERMIT_FILES, files_list),
    PATH(OTHER, "DeleteFile", "DELETE", "/delete", PERMIT_FILES, files_delete),
    PATH(READ, "DownloadFile", "GET", "/files/", PERMIT_FILES, files_download),
    PATH(READ, "DownloadFile", "HEAD", "/files/", PERMIT_FILES, files_download),
    PATH(OTHER, "DeleteFile", "DELETE", "/files/", PERMIT_FILES, files_delete),
    PATH(SYSTEM, "Health", "GET", "/health", PERMIT_OPEN, system_health),
    PATH(SYSTEM, "Health", "HEAD", "/health", PERMIT_OPEN, system_health),
    PATH(SYSTEM, "Ready", "GET", "/readyz", PERMIT_OPEN, health_ready),
    PATH(SYSTEM, "Ready", "HEAD", "/readyz", PERMIT_OPEN, health_ready),
    PATH(SYSTEM, "Live", "GET", "/livez", PERMIT_OPEN, health_live),
    PATH(SYSTEM, "Live", "HEAD", "/livez", PERMIT_OPEN, health_live),
    PATH(SYSTEM, "ClusterHealth", "GET", "/health/cluster", PERMIT_OPEN, health_cluster),
    PATH(SYSTEM, "ClusterHealth", "HEAD", "/health/cluster", PERMIT_OPEN, health_cluster),
    PATH(SYSTEM, "Live", "GET", "/minio/health/live", PERMIT_OPEN, health_live),
    PATH(SYSTEM, "Live", "HEAD", "/minio/health/live", PERMIT_OPEN, health_live),
    PATH(SYSTEM, "Ready", "GET", "/minio/health/ready", PERMIT_OPEN, health_ready),
    PATH(SYSTEM, "Ready", "HEAD", "/minio/health/ready", PERMIT_OPEN, health_ready),
    PATH(SYSTEM, "ClusterHealth", "GET", "/minio/health/cluster", PERMIT_OPEN, health_cluster),
    PATH(SYSTEM, "ClusterHealth", "HEAD", "/minio/health/cluster", PERMIT_OPEN, health_cluster),
    PATH(SYSTEM, "SystemHealth", "GET", "/system/health", PERMIT_FILES, system_cluster_health),
    PATH(SYSTEM, "SystemNodes", "GET", "/system/nodes", PERMIT_FILES, system_nodes),
    PATH(SYSTEM, "SystemRepair", "GET", "/system/repair", PERMIT_FILES, background_repair_state),
    PATH(SYSTEM, "Metrics", "GET", "/metrics", PERMIT_FILES, system_metrics),
    PATH(SYSTEM, "BucketMetrics", "GET", "/metrics/buckets", PERMIT_FILES, bucket_metrics),

    S3(LIST, "ListBuckets", "GET", S3_SERVICE, NULL, NULL, s3_list_buckets),

    S3_GROWS(OTHER, "CreateBucket", "PUT", S3_BUCKET, NULL, NULL, s3_create_bucket),
    S3(OTHER, "HeadBucket", "HEAD", S3_BUCKET, NULL, NULL, s3_head_bucket),
    S3(OTHER, "DeleteBucket", "DELETE", S3_BUCKET, NULL, NULL, s3_delete_bucket),
    S3(LIST, "ListObjects", "GET", S3_BUCKET, NULL, NULL, s3_list_objects),
    S3(LIST, "ListObjectVersions", "GET", S3_BUCKET, "versions", NULL, s3_list_object_versions),
    S3(OTHER, "DeleteObjects", "POST", S3_BUCKET, "delete", NULL, s3_delete_objects),
    S3(LIST, "ListMultipartUploads", "GET", S3_BUCKET, "uploads", NULL, s3_list_multipart_uploads),
    S3(OTHER, "GetBucketLocation", "GET", S3_BUCKET, "location", NULL, s3_get_bucket_location),
    S3(OTHER, "GetBucketVersioning", "GET", S3_BUCKET, "versioning", NULL, s3_get_bucket_versioning),
    S3(OTHER, "GetBucketAcl", "GET", S3_BUCKET, "acl", NULL, s3_get_acl),
    S3(OTHER, "GetBucketPolicy", "GET", S3_BUCKET, "policy", NULL, s3_get_unset),
    S3(OTHER, "GetBucketPolicyStatus", "GET", S3_BUCKET, "policyStatus", NULL, s3_get_unset),
    S3(OTHER, "GetBucketLifecycle", "GET", S3_BUCKET, "lifecycle", NULL, s3_get_unset),
    S3(OTHER, "GetBucketCors", "GET", S3_BUCKET, "cors", NULL, s3_get_unset),
    S3(OTHER, "GetBucketTagging", "GET", S3_BUCKET, "tagging", NULL, s3_get_unset),
    S3(OTHER, "GetObjectLockConfiguration", "GET", S3_BUCKET, "object-lock", NULL, s3_get_unset),
    S3(OTHER, "GetBucketEncryption", "GET", S3_BUCKET, "encryption", NULL, s3_get_unset),
    S3(OTHER, "GetBucketWebsite", "GET", S3_BUCKET, "website", NULL, s3_get_unset),
    S3(OTHER, "GetBucketReplication", "GET", S3_BUCKET, "replication", NULL, s3_get_unset),
    S3(OTHER, "GetPublicAccessBlock", "GET", S3_BUCKET, "publicAccessBlock", NULL, s3_get_unset),
    S3(OTHER, "GetBucketOwnershipControls", "GET", S3_BUCKET, "ownershipControls", NULL, s3_get_unset),
    S3(OTHER, "GetBucketLogging", "GET", S3_BUCKET, "logging", NULL, s3_get_unset),
    S3(OTHER, "GetBucketNotification", "GET", S3_BUCKET, "notification", NULL, s3_get_unset),
    S3(OTHER, "GetBucketAccelerate", "GET", S3_BUCKET, "accelerate", NULL, s3_get_unset),
    S3(OTHER, "GetBucketRequestPayment", "GET", S3_BUCKET, "requestPayment", NULL, s3_get_unset),

    S3_GROWS(WRITE, "UploadPartCopy", "PUT", S3_OBJECT, "uploadId", "x-amz-copy-source", s3_upload_part_copy),
    S3_GROWS(WRITE, "UploadPart", "PUT", S3_OBJECT, "uploadId", NULL, s3_upload_part),
    S3_GROWS(WRITE, "CopyObject", "PUT", S3_OBJECT, NULL, "x-amz-copy-source", s3_copy_object),
    S3_GROWS(WRITE, "PutObject", "PUT", S3_OBJECT, NULL, NULL, s3_put_object),
    S3(READ, "GetObject", "GET", S3_OBJECT, NULL, NULL, s3_get_object),
    S3(READ, "HeadObject", "HEAD", S3_OBJECT, NULL, NULL, s3_get_object),
    S3(OTHER, "DeleteObject", "DELETE", S3_OBJECT, NULL, NULL, s3_delete_object),
    S3_GROWS(OTHER, "CreateMultipartUpload", "POST", S3_OBJECT, "uploads", NULL, s3_create_multipart_upload),
    S3_GROWS(OTHER, "CompleteMultipartUpload", "POST", S3_OBJECT, "uploadId", NULL, s3_complete_multipart_upload),
    S3(OTHER, "AbortMultipartUpload", "DELETE", S3_OBJECT, "uploadId", NULL, s3_abort_multipart_upload),
    S3(LIST, "ListParts", "GET", S3_OBJECT, "uploadId", NULL, s3_list_parts),
    S3(OTHER, "GetObjectAcl", "GET", S3_OBJECT, "acl", NULL, s3_get_acl),
    S3(OTHER, "GetObjectTagging", "GET", S3_OBJECT, "tagging", NULL, s3_get_unset),
    S3(OTHER, "GetObjectRetention", "GET", S3_OBJECT, "retention", NULL, s3_get_unset),
    S3(OTHER, "GetObjectLegalHold", "GET", S3_OBJECT, "legal-hold", NULL, s3_get_unset),
};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

/* Every query parameter of S3 that selects another operation than the plain one. */
static const char *const selectors[] = {"accelerate",
                                        "acl",
                                        "analytics",
                                        "annotation",
                                        "attributes",
                                        "cors",
                                        "delete",
                                        "encryption",
                                        "intelligent-tiering",
                                        "inventory",
                                        "legal-hold",
                                        "lifecycle",
                                        "location",
                                        "logging",
                                        "metadataConfiguration",
                                        "metadataTable",
                                        "metrics",
                                        "notification",
                                        "object-lock",
                                        "ownershipControls",
                                        "policy",
                                        "policyStatus",
                                        "publicAccessBlock",
                                        "renameObject",
                                        "replication",
                                        "requestPayment",
                                        "restore",
                                        "retention",
                                        "select",
                                        "session",
                                        "tagging",
                                        "torrent",
                                        "uploadId",
                                        "uploads",
                                        "versioning",
                                        "versions",
                                        "website"};

static bool path_matches(const struct operation *operation, struct bytes path)
{
    size_t len = strlen(operation->path);
    bool prefix = len > 1 && operation->path[len - 1] == '/';

    return prefix ? path.len > len && memcmp(path.data, operation->path, len) == 0
                  : bytes_equal_str(path, operation->path);
}

const struct operation *operation_by_path(const struct http_request *http, bool *path_known)
{
    *path_known = false;
    for (size_t i = 0; i < OPERATIONS && operations[i].path; i++) {
        if (!path_matches(&operations[i], http->path))
            continue;
        *path_known = true;
        if (bytes_equal_str(http->method, operations[i].method))
            return &operations[i];
    }
    return NULL;
}

/* False for a request that names two: it has no one meaning. */
static bool find_selector(const struct uri_query *query, const char **selector)
{
    *selector = NULL;
    for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
        if (!uri_query_has(query, selectors[i]))
            continue;
        if (*selector)
            return false;
        *selector = selectors[i];
    }
    return true;
}

const struct operation *operation_by_s3(const struct exchange *exchange)
{
    const char *selector;

    if (!find_selector(&exchange->query, &selector))
        return NULL;
    for (size_t i = 0; i < OPERATIONS; i++) {
        const struct operation *operation = &operations[i];
        if (operation->path || operation->level != exchange->level ||
            !bytes_equal_str(exchange->http->method, operation->method))
            continue;
        if (selector ? !operation->selector || strcmp(selector, operation->selector) != 0 : operation->selector != NULL)
            continue;
        if (operation->header && !s3_header(exchange, operation->header).data)
            continue;
        return operation;
    }
    return NULL;
}

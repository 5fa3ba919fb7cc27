/* The table of operations; see the header. S3 is looked up by level, method and the one sub-resource of the query; a
 * request with a sub-resource that has no row is not implemented, whatever else it looks like. */
#include "gateway/front/operation.h"

#include <string.h>

#include "gateway/jobs/background.h"
#include "gateway/notify/notify.h"
#include "gateway/system/bucket_metrics.h"
#include "gateway/system/bucket_quota.h"
#include "gateway/files/files.h"
#include "gateway/system/health.h"
#include "gateway/s3/request.h"
#include "gateway/system/node_orders.h"
#include "gateway/system/system.h"

#define PATH(class_, action_, method_, path_, right_, resource_, handle_, ...)                                         \
    {                                                                                                                  \
        .action = action_, .method = method_, .path = path_, .right = "tercet:" right_,                                \
        .resource = RESOURCE_##resource_, .handle = handle_, .class = CLASS_##class_, ##__VA_ARGS__                    \
    }
#define FILES(class_, action_, method_, path_, handle_, ...)                                                           \
    PATH(class_, action_, method_, path_, "UseFiles", BUCKET, handle_, ##__VA_ARGS__)
#define STATE(action_, path_, handle_) PATH(SYSTEM, action_, "GET", path_, "ReadState", NONE, handle_)
#define QUOTA(action_, method_, right_, handle_)                                                                       \
    PATH(OTHER, action_, method_, "/system/quota/", right_, BUCKET, handle_, .names_bucket = true)
#define HEALTH(action_, path_, handle_)                                                                                \
    PATH(SYSTEM, action_, "GET", path_, "Health", NONE, handle_),                                                      \
        PATH(SYSTEM, action_, "HEAD", path_, "Health", NONE, handle_)
const struct operation path_operations[] = {
    FILES(WRITE, "UploadFile", "POST", "/upload", files_upload, .grows = true, .event = NOTIFICATION_CREATED_PUT),
    FILES(READ, "DownloadFile", "GET", "/download", files_download),
    FILES(READ, "DownloadFile", "HEAD", "/download", files_download),
    FILES(LIST, "ListFiles", "GET", "/files", files_list),
    FILES(OTHER, "DeleteFile", "DELETE", "/delete", files_delete, .event = NOTIFICATION_REMOVED_DELETE),
    FILES(READ, "DownloadFile", "GET", "/files/", files_download),
    FILES(READ, "DownloadFile", "HEAD", "/files/", files_download),
    FILES(OTHER, "DeleteFile", "DELETE", "/files/", files_delete, .event = NOTIFICATION_REMOVED_DELETE),
    HEALTH("Health", "/health", system_health),
    HEALTH("Ready", "/readyz", health_ready),
    HEALTH("Live", "/livez", health_live),
    HEALTH("ClusterHealth", "/health/cluster", health_cluster),
    HEALTH("Live", "/minio/health/live", health_live),
    HEALTH("Ready", "/minio/health/ready", health_ready),
    HEALTH("ClusterHealth", "/minio/health/cluster", health_cluster),
    STATE("SystemHealth", "/system/health", system_cluster_health),
    STATE("SystemNodes", "/system/nodes", system_nodes),
    PATH(SYSTEM, "PutNodeState", "PUT", "/system/nodes/", "ManageNodes", NONE, node_orders_put),
    STATE("SystemRepair", "/system/repair", background_repair_state),
    STATE("SystemEncryption", "/system/encryption", background_encryption_state),
    STATE("SystemLifecycle", "/system/lifecycle", background_lifecycle_state),
    STATE("SystemNotifications", "/system/notifications", notify_state),
    QUOTA("GetBucketQuota", "GET", "GetBucketQuota", bucket_quota_get),
    QUOTA("PutBucketQuota", "PUT", "PutBucketQuota", bucket_quota_put),
    QUOTA("DeleteBucketQuota", "DELETE", "PutBucketQuota", bucket_quota_delete),
    STATE("Metrics", "/metrics", system_metrics),
    STATE("BucketMetrics", "/metrics/buckets", bucket_metrics),
};
const size_t path_operation_count = sizeof(path_operations) / sizeof(path_operations[0]);

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
    for (size_t i = 0; i < path_operation_count; i++) {
        if (!path_matches(&path_operations[i], http->path))
            continue;
        *path_known = true;
        if (bytes_equal_str(http->method, path_operations[i].method))
            return &path_operations[i];
    }
    return NULL;
}

/* Whether the parameter selects another operation than the plain one, on whatever level and with whatever method. */
static bool is_selector(struct bytes name)
{
    for (size_t i = 0; i < s3_operation_count; i++)
        if (s3_operations[i].selector && bytes_equal_str(name, s3_operations[i].selector))
            return true;
    return false;
}

bool operation_reads_parameter(const struct operation *operation, struct bytes name)
{
    for (const char *const *parameter = operation->parameters; parameter && *parameter; parameter++)
        if (bytes_equal_str(name, *parameter))
            return true;
    return false;
}

/* The sub-resources that the query names: one is the rule. The same one twice counts once. */
static void find_selectors(const struct uri_query *query, struct operation_words *words)
{
    words->count = 0;
    for (size_t i = 0; i < query->count && words->count < 2; i++) {
        struct bytes name = query->parameters[i].name;
        if (is_selector(name) && !(words->count == 1 && bytes_equal(name, words->name[0])))
            words->name[words->count++] = name;
    }
}

bool operation_changes(struct bytes method)
{
    return !bytes_equal_str(method, "GET") && !bytes_equal_str(method, "HEAD");
}

/* A word without a value that the operation does not read may be the sub-resource of an operation that is newer than
 * this table: what changes something must not be taken for another operation. x-amz-* count as headers. */
static bool find_unknown_word(const struct operation *operation, const struct uri_query *query,
                              struct operation_words *words)
{
    for (size_t i = 0; i < query->count; i++) {
        struct bytes name = query->parameters[i].name;
        if (query->parameters[i].value.len > 0 || is_selector(name) || bytes_equal_str(name, "x-id") ||
            (operation && operation_reads_parameter(operation, name)) ||
            (name.len > 6 && bytes_equal_nocase(bytes_of(name.data, 6), "x-amz-")))
            continue;
        *words = (struct operation_words){{name}, 1};
        return true;
    }
    return false;
}

static bool tells_apart(const struct operation *operation, const struct uri_query *query)
{
    return (!operation->with || uri_query_has(query, operation->with)) &&
           (!operation->without || !uri_query_has(query, operation->without));
}

const struct operation *operation_by_s3(const struct exchange *exchange, struct operation_words *words)
{
    struct bytes method = exchange->http->method;
    bool copies = exchange->level == S3_OBJECT && bytes_equal_str(method, "PUT") && s3_names_copy_source(exchange);

    find_selectors(&exchange->query, words);
    for (size_t i = 0; words->count < 2 && i < s3_operation_count; i++) {
        const struct operation *operation = &s3_operations[i];
        if (operation->level != exchange->level || !bytes_equal_str(method, operation->method) ||
            (!operation->refused && operation->copies != copies) || !tells_apart(operation, &exchange->query))
            continue;
        if (words->count ? !operation->selector || !bytes_equal_str(words->name[0], operation->selector)
                         : operation->selector != NULL)
            continue;
        return operation_changes(method) && find_unknown_word(operation, &exchange->query, words)
                   ? &s3_unknown_operation
                   : operation;
    }
    if (words->count == 0)
        find_unknown_word(NULL, &exchange->query, words); /* to name it */
    return &s3_unknown_operation;
}

const char *operation_right(const struct operation *operation, bool by_version)
{
    return by_version && operation->version_right ? operation->version_right : operation->right;
}

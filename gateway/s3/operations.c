/* The S3 rows of the table of operations: every operation of AWS's model, the ones that Tercet does not have included,
 * so that a request for one of these is refused by its name and never taken for another. Two operations of the model
 * are one row where only a parameter's value tells them apart (ListObjects and ListObjectsV2, get and list of a
 * configuration). */
#include "compat/encryption_header.h"
#include "gateway/front/operation.h"
#include "gateway/s3/handlers.h"

#define LIST(...)                                                                                                      \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }
#define ON(resource_, class_, action_, right_, method_, level_, selector_, handle_, ...)                               \
    {                                                                                                                  \
        .action = action_, .right = right_, .method = method_, .level = S3_##level_, .resource = RESOURCE_##resource_, \
        .selector = selector_, .handle = handle_, .class = CLASS_##class_, ##__VA_ARGS__                               \
    }
/* Most operations are done to what their level addresses. */
#define S3(class_, action_, right_, method_, level_, selector_, handle_, ...)                                          \
    ON(level_, class_, action_, right_, method_, level_, selector_, handle_, ##__VA_ARGS__)
#define NOT_OFFERED(action_, right_, method_, level_, selector_, ...)                                                  \
    S3(OTHER, action_, right_, method_, level_, selector_, s3_not_offered, .refused = true, ##__VA_ARGS__)
#define RESOURCE_SERVICE RESOURCE_NONE

/* Of the request's body, or of the object that it completes. */
#define CHECKSUMS                                                                                                      \
    "x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme", "x-amz-checksum-sha1",                \
        "x-amz-checksum-sha256", "x-amz-checksum-md5", "x-amz-checksum-sha512", "x-amz-checksum-xxhash64",             \
        "x-amz-checksum-xxhash3", "x-amz-checksum-xxhash128"
/* Of no weight where the metadata can only be the request's own; s3cmd sends it with the upload that it copies into. */
#define METADATA_DIRECTIVE "x-amz-metadata-directive"
#define OBJECT_LOCK        "x-amz-object-lock-"
#define BYPASS             "x-amz-bypass-governance-retention"
#define COPY_SOURCE                                                                                                    \
    "x-amz-copy-source", "x-amz-copy-source-if-match", "x-amz-copy-source-if-modified-since",                          \
        "x-amz-copy-source-if-none-match", "x-amz-copy-source-if-unmodified-since",                                    \
        "x-amz-source-expected-bucket-owner"

const struct operation s3_operations[] = {
    ON(LISTED, LIST, "ListBuckets", "s3:ListAllMyBuckets", "GET", SERVICE, NULL, s3_list_buckets),
    NOT_OFFERED("ListDirectoryBuckets", "s3:ListAllMyDirectoryBuckets", "GET", SERVICE, "max-directory-buckets"),

    S3(OTHER, "DeleteBucket", "s3:DeleteBucket", "DELETE", BUCKET, NULL, s3_delete_bucket),
    S3(LIST, "ListObjects", "s3:ListBucket", "GET", BUCKET, NULL, s3_list_objects,
       .headers = LIST("x-amz-optional-object-attributes")),
    S3(OTHER, "HeadBucket", "s3:ListBucket", "HEAD", BUCKET, NULL, s3_head_bucket),
    ON(LISTED, OTHER, "CreateBucket", "s3:CreateBucket", "PUT", BUCKET, NULL, s3_create_bucket, .grows = true,
       .bucket_may_be_absent = true,
       .headers = LIST("x-amz-acl", "x-amz-grant-", "x-amz-bucket-namespace", "x-amz-object-ownership",
                       "x-amz-bucket-object-lock-enabled", CHECKSUMS)),
    ON(OBJECT, WRITE, "PostObject", "s3:PutObject", "POST", BUCKET, NULL, s3_post_object, .grows = true, .form = true,
       .headers = LIST("x-amz-acl", "x-amz-checksum-algorithm", "x-amz-meta-", OBJECT_LOCK, "x-amz-storage-class",
                       "x-amz-website-redirect-location", SSE_NAMES, SSE_CUSTOMER_NAMES, CHECKSUMS)),
    NOT_OFFERED("GetBucketAbac", "s3:GetBucketAbac", "GET", BUCKET, "abac"),
    NOT_OFFERED("PutBucketAbac", "s3:PutBucketAbac", "PUT", BUCKET, "abac"),
    S3(OTHER, "GetBucketAccelerate", "s3:GetAccelerateConfiguration", "GET", BUCKET, "accelerate", s3_get_setting),
    NOT_OFFERED("PutBucketAccelerate", "s3:PutAccelerateConfiguration", "PUT", BUCKET, "accelerate"),
    S3(OTHER, "GetBucketAcl", "s3:GetBucketAcl", "GET", BUCKET, "acl", s3_get_acl),
    S3(OTHER, "PutBucketAcl", "s3:PutBucketAcl", "PUT", BUCKET, "acl", s3_put_acl,
       .headers = LIST("x-amz-acl", "x-amz-grant-", CHECKSUMS)),
    NOT_OFFERED("DeleteBucketAnalyticsConfiguration", "s3:PutAnalyticsConfiguration", "DELETE", BUCKET, "analytics"),
    NOT_OFFERED("GetBucketAnalyticsConfiguration", "s3:GetAnalyticsConfiguration", "GET", BUCKET, "analytics"),
    NOT_OFFERED("PutBucketAnalyticsConfiguration", "s3:PutAnalyticsConfiguration", "PUT", BUCKET, "analytics"),
    S3(OTHER, "DeleteBucketCors", "s3:PutBucketCORS", "DELETE", BUCKET, "cors", s3_delete_setting),
    S3(OTHER, "GetBucketCors", "s3:GetBucketCORS", "GET", BUCKET, "cors", s3_get_setting),
    S3(OTHER, "PutBucketCors", "s3:PutBucketCORS", "PUT", BUCKET, "cors", s3_put_setting, .headers = LIST(CHECKSUMS)),
    ON(LISTED, OTHER, "DeleteObjects", "s3:DeleteObject", "POST", BUCKET, "delete", s3_delete_objects,
       .version_right = "s3:DeleteObjectVersion", .headers = LIST(BYPASS, CHECKSUMS)),
    S3(OTHER, "DeleteBucketEncryption", "s3:PutEncryptionConfiguration", "DELETE", BUCKET, "encryption",
       s3_delete_setting),
    S3(OTHER, "GetBucketEncryption", "s3:GetEncryptionConfiguration", "GET", BUCKET, "encryption", s3_get_setting),
    S3(OTHER, "PutBucketEncryption", "s3:PutEncryptionConfiguration", "PUT", BUCKET, "encryption", s3_put_setting,
       .headers = LIST(CHECKSUMS)),
    NOT_OFFERED("DeleteBucketIntelligentTieringConfiguration", "s3:PutIntelligentTieringConfiguration", "DELETE",
                BUCKET, "intelligent-tiering"),
    NOT_OFFERED("GetBucketIntelligentTieringConfiguration", "s3:GetIntelligentTieringConfiguration", "GET", BUCKET,
                "intelligent-tiering"),
    NOT_OFFERED("PutBucketIntelligentTieringConfiguration", "s3:PutIntelligentTieringConfiguration", "PUT", BUCKET,
                "intelligent-tiering"),
    NOT_OFFERED("DeleteBucketInventoryConfiguration", "s3:PutInventoryConfiguration", "DELETE", BUCKET, "inventory"),
    NOT_OFFERED("GetBucketInventoryConfiguration", "s3:GetInventoryConfiguration", "GET", BUCKET, "inventory"),
    NOT_OFFERED("PutBucketInventoryConfiguration", "s3:PutInventoryConfiguration", "PUT", BUCKET, "inventory"),
    S3(OTHER, "DeleteBucketLifecycle", "s3:PutLifecycleConfiguration", "DELETE", BUCKET, "lifecycle",
       s3_delete_setting),
    S3(OTHER, "GetBucketLifecycle", "s3:GetLifecycleConfiguration", "GET", BUCKET, "lifecycle",
       s3_get_bucket_lifecycle),
    S3(OTHER, "PutBucketLifecycle", "s3:PutLifecycleConfiguration", "PUT", BUCKET, "lifecycle", s3_put_bucket_lifecycle,
       .headers = LIST("x-amz-transition-default-minimum-object-size", CHECKSUMS)),
    S3(OTHER, "GetBucketLocation", "s3:GetBucketLocation", "GET", BUCKET, "location", s3_get_bucket_location),
    S3(OTHER, "GetBucketLogging", "s3:GetBucketLogging", "GET", BUCKET, "logging", s3_get_setting),
    S3(OTHER, "PutBucketLogging", "s3:PutBucketLogging", "PUT", BUCKET, "logging", s3_put_default,
       .headers = LIST(CHECKSUMS)),
    NOT_OFFERED("UpdateBucketMetadataAnnotationTableConfiguration",
                "s3:UpdateBucketMetadataAnnotationTableConfiguration", "PUT", BUCKET, "metadataAnnotationTable"),
    NOT_OFFERED("DeleteBucketMetadataConfiguration", "s3:DeleteBucketMetadataTableConfiguration", "DELETE", BUCKET,
                "metadataConfiguration"),
    NOT_OFFERED("GetBucketMetadataConfiguration", "s3:GetBucketMetadataTableConfiguration", "GET", BUCKET,
                "metadataConfiguration"),
    NOT_OFFERED("CreateBucketMetadataConfiguration", "s3:CreateBucketMetadataTableConfiguration", "POST", BUCKET,
                "metadataConfiguration"),
    NOT_OFFERED("UpdateBucketMetadataInventoryTableConfiguration", "s3:UpdateBucketMetadataInventoryTableConfiguration",
                "PUT", BUCKET, "metadataInventoryTable"),
    NOT_OFFERED("UpdateBucketMetadataJournalTableConfiguration", "s3:UpdateBucketMetadataJournalTableConfiguration",
                "PUT", BUCKET, "metadataJournalTable"),
    NOT_OFFERED("DeleteBucketMetadataTableConfiguration", "s3:DeleteBucketMetadataTableConfiguration", "DELETE", BUCKET,
                "metadataTable"),
    NOT_OFFERED("GetBucketMetadataTableConfiguration", "s3:GetBucketMetadataTableConfiguration", "GET", BUCKET,
                "metadataTable"),
    NOT_OFFERED("CreateBucketMetadataTableConfiguration", "s3:CreateBucketMetadataTableConfiguration", "POST", BUCKET,
                "metadataTable"),
    NOT_OFFERED("DeleteBucketMetricsConfiguration", "s3:PutMetricsConfiguration", "DELETE", BUCKET, "metrics"),
    NOT_OFFERED("GetBucketMetricsConfiguration", "s3:GetMetricsConfiguration", "GET", BUCKET, "metrics"),
    NOT_OFFERED("PutBucketMetricsConfiguration", "s3:PutMetricsConfiguration", "PUT", BUCKET, "metrics"),
    S3(OTHER, "GetBucketNotification", "s3:GetBucketNotification", "GET", BUCKET, "notification", s3_get_setting),
    S3(OTHER, "PutBucketNotification", "s3:PutBucketNotification", "PUT", BUCKET, "notification", s3_put_default,
       .headers = LIST("x-amz-skip-destination-validation", CHECKSUMS)),
    S3(OTHER, "GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration", "GET", BUCKET, "object-lock",
       s3_get_setting),
    S3(OTHER, "PutObjectLockConfiguration", "s3:PutBucketObjectLockConfiguration", "PUT", BUCKET, "object-lock",
       s3_put_object_lock_configuration, .headers = LIST("x-amz-bucket-object-lock-token", CHECKSUMS)),
    S3(OTHER, "DeleteBucketOwnershipControls", "s3:PutBucketOwnershipControls", "DELETE", BUCKET, "ownershipControls",
       s3_delete_setting),
    S3(OTHER, "GetBucketOwnershipControls", "s3:GetBucketOwnershipControls", "GET", BUCKET, "ownershipControls",
       s3_get_setting),
    S3(OTHER, "PutBucketOwnershipControls", "s3:PutBucketOwnershipControls", "PUT", BUCKET, "ownershipControls",
       s3_put_setting, .headers = LIST(CHECKSUMS)),
    S3(OTHER, "DeleteBucketPolicy", "s3:DeleteBucketPolicy", "DELETE", BUCKET, "policy", s3_delete_setting),
    S3(OTHER, "GetBucketPolicy", "s3:GetBucketPolicy", "GET", BUCKET, "policy", s3_get_setting),
    S3(OTHER, "PutBucketPolicy", "s3:PutBucketPolicy", "PUT", BUCKET, "policy", s3_put_bucket_policy,
       .headers = LIST("x-amz-confirm-remove-self-bucket-access", CHECKSUMS)),
    S3(OTHER, "GetBucketPolicyStatus", "s3:GetBucketPolicyStatus", "GET", BUCKET, "policyStatus",
       s3_get_bucket_policy_status),
    S3(OTHER, "DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock", "DELETE", BUCKET, "publicAccessBlock",
       s3_delete_setting),
    S3(OTHER, "GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock", "GET", BUCKET, "publicAccessBlock",
       s3_get_setting),
    S3(OTHER, "PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock", "PUT", BUCKET, "publicAccessBlock",
       s3_put_setting, .headers = LIST(CHECKSUMS)),
    S3(OTHER, "DeleteBucketReplication", "s3:PutReplicationConfiguration", "DELETE", BUCKET, "replication",
       s3_delete_setting),
    S3(OTHER, "GetBucketReplication", "s3:GetReplicationConfiguration", "GET", BUCKET, "replication", s3_get_setting),
    NOT_OFFERED("PutBucketReplication", "s3:PutReplicationConfiguration", "PUT", BUCKET, "replication"),
    S3(OTHER, "GetBucketRequestPayment", "s3:GetBucketRequestPayment", "GET", BUCKET, "requestPayment", s3_get_setting),
    S3(OTHER, "PutBucketRequestPayment", "s3:PutBucketRequestPayment", "PUT", BUCKET, "requestPayment", s3_put_default,
       .headers = LIST(CHECKSUMS)),
    NOT_OFFERED("CreateSession", "s3express:CreateSession", "GET", BUCKET, "session"),
    S3(OTHER, "DeleteBucketTagging", "s3:PutBucketTagging", "DELETE", BUCKET, "tagging", s3_delete_setting),
    S3(OTHER, "GetBucketTagging", "s3:GetBucketTagging", "GET", BUCKET, "tagging", s3_get_setting),
    S3(OTHER, "PutBucketTagging", "s3:PutBucketTagging", "PUT", BUCKET, "tagging", s3_put_setting,
       .headers = LIST(CHECKSUMS)),
    S3(LIST, "ListMultipartUploads", "s3:ListBucketMultipartUploads", "GET", BUCKET, "uploads",
       s3_list_multipart_uploads),
    S3(OTHER, "GetBucketVersioning", "s3:GetBucketVersioning", "GET", BUCKET, "versioning", s3_get_bucket_versioning),
    S3(OTHER, "PutBucketVersioning", "s3:PutBucketVersioning", "PUT", BUCKET, "versioning", s3_put_bucket_versioning,
       .headers = LIST(CHECKSUMS)),
    S3(LIST, "ListObjectVersions", "s3:ListBucketVersions", "GET", BUCKET, "versions", s3_list_object_versions,
       .headers = LIST("x-amz-optional-object-attributes")),
    S3(OTHER, "DeleteBucketWebsite", "s3:DeleteBucketWebsite", "DELETE", BUCKET, "website", s3_delete_setting),
    S3(OTHER, "GetBucketWebsite", "s3:GetBucketWebsite", "GET", BUCKET, "website", s3_get_setting),
    S3(OTHER, "PutBucketWebsite", "s3:PutBucketWebsite", "PUT", BUCKET, "website", s3_put_setting,
       .headers = LIST(CHECKSUMS)),

    S3(OTHER, "DeleteObject", "s3:DeleteObject", "DELETE", OBJECT, NULL, s3_delete_object,
       .parameters = LIST("versionId"), .version_right = "s3:DeleteObjectVersion",
       .headers = LIST(BYPASS, "x-amz-if-match-last-modified-time", "x-amz-if-match-size")),
    S3(READ, "GetObject", "s3:GetObject", "GET", OBJECT, NULL, s3_get_object,
       .headers = LIST("x-amz-checksum-mode", SSE_CUSTOMER_NAMES), .version_right = "s3:GetObjectVersion"),
    S3(READ, "HeadObject", "s3:GetObject", "HEAD", OBJECT, NULL, s3_get_object,
       .headers = LIST("x-amz-checksum-mode", SSE_CUSTOMER_NAMES), .version_right = "s3:GetObjectVersion"),
    S3(WRITE, "CopyObject", "s3:PutObject", "PUT", OBJECT, NULL, s3_copy_object, .grows = true, .copies = true,
       .headers = LIST("x-amz-acl", "x-amz-grant-", "x-amz-checksum-algorithm", "x-amz-meta-", METADATA_DIRECTIVE,
                       "x-amz-object-annotation-directive", OBJECT_LOCK, "x-amz-storage-class", "x-amz-tagging",
                       "x-amz-tagging-directive", "x-amz-website-redirect-location", SSE_NAMES, SSE_CUSTOMER_NAMES,
                       SSE_COPY_SOURCE_NAMES, COPY_SOURCE)),
    S3(WRITE, "PutObject", "s3:PutObject", "PUT", OBJECT, NULL, s3_put_object, .grows = true,
       .headers = LIST("x-amz-acl", "x-amz-grant-", "x-amz-checksum-algorithm", "x-amz-meta-", METADATA_DIRECTIVE,
                       OBJECT_LOCK, "x-amz-storage-class", "x-amz-tagging", "x-amz-website-redirect-location",
                       SSE_NAMES, SSE_CUSTOMER_NAMES, CHECKSUMS)),
    S3(OTHER, "GetObjectAcl", "s3:GetObjectAcl", "GET", OBJECT, "acl", s3_get_acl,
       .version_right = "s3:GetObjectVersionAcl"),
    S3(OTHER, "PutObjectAcl", "s3:PutObjectAcl", "PUT", OBJECT, "acl", s3_put_acl, .parameters = LIST("versionId"),
       .version_right = "s3:PutObjectVersionAcl", .headers = LIST("x-amz-acl", "x-amz-grant-", CHECKSUMS)),
    NOT_OFFERED("DeleteObjectAnnotation", "s3:DeleteObjectAnnotation", "DELETE", OBJECT, "annotation"),
    NOT_OFFERED("GetObjectAnnotation", "s3:GetObjectAnnotation", "GET", OBJECT, "annotation"),
    NOT_OFFERED("PutObjectAnnotation", "s3:PutObjectAnnotation", "PUT", OBJECT, "annotation"),
    S3(OTHER, "GetObjectAttributes", "s3:GetObjectAttributes", "GET", OBJECT, "attributes", s3_get_object_attributes,
       .version_right = "s3:GetObjectVersionAttributes",
       .headers = LIST("x-amz-object-attributes", "x-amz-max-parts", "x-amz-part-number-marker", SSE_CUSTOMER_NAMES)),
    S3(OTHER, "UpdateObjectEncryption", "s3:UpdateObjectEncryption", "PUT", OBJECT, "encryption",
       s3_update_object_encryption, .parameters = LIST("versionId"), .headers = LIST(CHECKSUMS)),
    S3(OTHER, "GetObjectLegalHold", "s3:GetObjectLegalHold", "GET", OBJECT, "legal-hold", s3_get_object_legal_hold),
    ON(LISTED, OTHER, "PutObjectLegalHold", "s3:PutObjectLegalHold", "PUT", OBJECT, "legal-hold",
       s3_put_object_legal_hold, .parameters = LIST("versionId"), .headers = LIST(CHECKSUMS)),
    NOT_OFFERED("RenameObject", "s3express:CreateSession", "PUT", OBJECT, "renameObject"),
    NOT_OFFERED("RestoreObject", "s3:RestoreObject", "POST", OBJECT, "restore"),
    S3(OTHER, "GetObjectRetention", "s3:GetObjectRetention", "GET", OBJECT, "retention", s3_get_object_retention),
    ON(LISTED, OTHER, "PutObjectRetention", "s3:PutObjectRetention", "PUT", OBJECT, "retention",
       s3_put_object_retention, .parameters = LIST("versionId"), .headers = LIST(BYPASS, CHECKSUMS)),
    NOT_OFFERED("SelectObjectContent", "s3:GetObject", "POST", OBJECT, "select"),
    S3(OTHER, "DeleteObjectTagging", "s3:DeleteObjectTagging", "DELETE", OBJECT, "tagging", s3_delete_object_tagging,
       .parameters = LIST("versionId"), .version_right = "s3:DeleteObjectVersionTagging"),
    S3(OTHER, "GetObjectTagging", "s3:GetObjectTagging", "GET", OBJECT, "tagging", s3_get_object_tagging,
       .version_right = "s3:GetObjectVersionTagging"),
    ON(LISTED, OTHER, "PutObjectTagging", "s3:PutObjectTagging", "PUT", OBJECT, "tagging", s3_put_object_tagging,
       .grows = true, .parameters = LIST("versionId"), .version_right = "s3:PutObjectVersionTagging",
       .headers = LIST(CHECKSUMS)),
    NOT_OFFERED("GetObjectTorrent", "s3:GetObjectTorrent", "GET", OBJECT, "torrent",
                .version_right = "s3:GetObjectVersionTorrent"),
    S3(OTHER, "AbortMultipartUpload", "s3:AbortMultipartUpload", "DELETE", OBJECT, "uploadId",
       s3_abort_multipart_upload),
    S3(LIST, "ListParts", "s3:ListMultipartUploadParts", "GET", OBJECT, "uploadId", s3_list_parts,
       .headers = LIST(SSE_CUSTOMER_NAMES)),
    S3(OTHER, "CompleteMultipartUpload", "s3:PutObject", "POST", OBJECT, "uploadId", s3_complete_multipart_upload,
       .grows = true, .headers = LIST("x-amz-checksum-type", "x-amz-mp-object-size", SSE_CUSTOMER_NAMES, CHECKSUMS)),
    S3(WRITE, "UploadPart", "s3:PutObject", "PUT", OBJECT, "uploadId", s3_upload_part, .grows = true,
       .headers = LIST("x-amz-checksum-algorithm", SSE_CUSTOMER_NAMES, CHECKSUMS), .parameters = LIST("partNumber")),
    S3(WRITE, "UploadPartCopy", "s3:PutObject", "PUT", OBJECT, "uploadId", s3_upload_part_copy, .grows = true,
       .copies = true,
       .headers = LIST("x-amz-copy-source-range", SSE_CUSTOMER_NAMES, SSE_COPY_SOURCE_NAMES, COPY_SOURCE),
       .parameters = LIST("partNumber")),
    S3(OTHER, "CreateMultipartUpload", "s3:PutObject", "POST", OBJECT, "uploads", s3_create_multipart_upload,
       .grows = true,
       .headers = LIST("x-amz-acl", "x-amz-grant-", "x-amz-checksum-algorithm", "x-amz-checksum-type", "x-amz-meta-",
                       METADATA_DIRECTIVE, OBJECT_LOCK, "x-amz-storage-class", "x-amz-tagging",
                       "x-amz-website-redirect-location", SSE_NAMES, SSE_CUSTOMER_NAMES)),
};
const size_t s3_operation_count = sizeof(s3_operations) / sizeof(s3_operations[0]);

const struct operation s3_preflight_operation = {
    .action = "Preflight",
    .method = "OPTIONS",
    .right = "tercet:Preflight",
    .resource = RESOURCE_NONE,
    .unsigned_always = true,
    .bucket_may_be_absent = true,
    .handle = s3_preflight,
    .class = CLASS_OTHER,
};

const struct operation s3_unknown_operation = {
    .action = "none",
    .method = "",
    .right = "s3:Unknown",
    .resource = RESOURCE_NONE,
    .refused = true,
    .handle = s3_unknown,
    .class = CLASS_OTHER,
};

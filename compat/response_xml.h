/* The XML documents that S3 answers with, in AWS's element order.
 *
 * Small documents are one call. Lists are a begin, an add per item and an end, all on one xml_writer, so that a page of
 * a thousand keys goes from the store to the buffer without copies. Failures stick to the writer: the end functions
 * and the one-call functions return the first. Absent spans (data NULL) leave optional elements out. */
#ifndef TERCET_COMPAT_RESPONSE_XML_H
#define TERCET_COMPAT_RESPONSE_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "compat/checksum_header.h"
#include "compat/cors.h"
#include "compat/error.h"
#include "compat/etag.h"
#include "compat/tags.h"
#include "compat/xml_writer.h"

struct response_owner {
    struct bytes id, display_name;
};

/* ---- ListBuckets: ListAllMyBucketsResult ------------------------------------------------------------------------- */
void response_buckets_begin(struct xml_writer *writer, struct buffer *out, const struct response_owner *owner);
void response_buckets_add(struct xml_writer *writer, struct bytes name, int64_t created_ms, struct bytes region);
/* Both absent unless the request paged: the prefix asked for, the token of the next page. */
enum status response_buckets_end(struct xml_writer *writer, struct bytes prefix, struct bytes continuation_token);

/* ---- ListObjects V1 and V2: ListBucketResult --------------------------------------------------------------------- */
struct response_list {
    bool v2;
    bool url_encode; /* encoding-type=url */
    bool truncated;
    struct bytes bucket, prefix, delimiter; /* delimiter: absent or empty gives no element */
    uint64_t max_keys;
    /* V1 */
    struct bytes marker;      /* always an element */
    struct bytes next_marker; /* the caller gives it only with a delimiter, and when truncated */
    /* V2 */
    struct bytes continuation_token, next_continuation_token, start_after;
    uint64_t key_count; /* keys and common prefixes */
};
struct response_object {
    struct bytes key;
    int64_t modified_ms;
    struct etag etag;
    uint64_t size;
    enum checksum_algorithm checksum; /* NONE: no elements */
    bool checksum_full_object;
    unsigned storage_class;
    const struct response_owner *owner; /* NULL: none (V2 without fetch-owner) */
};
void response_list_begin(struct xml_writer *writer, struct buffer *out, const struct response_list *list);
void response_list_add(struct xml_writer *writer, const struct response_object *object);
/* CommonPrefixes; all of them behind the last object. For the other lists too. */
void response_list_add_prefix(struct xml_writer *writer, struct bytes prefix);
enum status response_list_end(struct xml_writer *writer);

/* ---- ListObjectVersions: ListVersionsResult ---------------------------------------------------------------------- */
struct response_versions {
    bool url_encode, truncated;
    struct bytes bucket, prefix, delimiter, key_marker, version_id_marker; /* the markers are always elements */
    struct bytes next_key_marker, next_version_id_marker;                  /* absent unless truncated */
    uint64_t max_keys;
};
struct response_version {
    struct response_object object; /* owner required; etag, size and checksum not looked at for a delete marker */
    struct bytes version_id;
    bool is_latest, delete_marker;
};
void response_versions_begin(struct xml_writer *writer, struct buffer *out, const struct response_versions *list);
void response_versions_add(struct xml_writer *writer, const struct response_version *version);
enum status response_versions_end(struct xml_writer *writer);

/* ---- ListMultipartUploads ---------------------------------------------------------------------------------------- */
struct response_uploads {
    bool url_encode, truncated;
    struct bytes bucket, prefix, delimiter, key_marker, upload_id_marker;
    struct bytes next_key_marker, next_upload_id_marker; /* always elements, truncated or not */
    uint64_t max_uploads;
};
struct response_upload {
    struct bytes key, upload_id, version_id; /* version_id absent: no element */
    int64_t initiated_ms;
    const struct response_owner *owner; /* also the initiator */
    unsigned storage_class;
    enum checksum_algorithm checksum;
    bool checksum_full_object;
};
void response_uploads_begin(struct xml_writer *writer, struct buffer *out, const struct response_uploads *list);
void response_uploads_add(struct xml_writer *writer, const struct response_upload *upload);
enum status response_uploads_end(struct xml_writer *writer);

/* ---- ListParts --------------------------------------------------------------------------------------------------- */
struct response_parts {
    bool truncated;
    struct bytes bucket, key, upload_id;
    const struct response_owner *owner;
    unsigned storage_class;
    uint64_t part_number_marker, next_part_number_marker, max_parts;
    enum checksum_algorithm checksum;
    bool checksum_full_object;
};
struct response_part {
    uint32_t number;
    int64_t modified_ms;
    struct etag etag;
    uint64_t size;
    struct checksum_value checksum; /* algorithm NONE: no element */
};
void response_parts_begin(struct xml_writer *writer, struct buffer *out, const struct response_parts *list);
void response_parts_add(struct xml_writer *writer, const struct response_part *part);
enum status response_parts_end(struct xml_writer *writer);

/* ---- annotations ------------------------------------------------------------------------------------------------- */
enum status response_annotation_put(struct buffer *out, struct bytes key, struct bytes name);

struct response_annotations {
    struct bytes bucket, key, prefix, continuation_token;
    struct bytes next_continuation_token; /* empty: there are no more */
    uint64_t max, count;
};
struct response_annotation {
    struct bytes name;
    int64_t modified_ms;
    struct etag etag;
    uint64_t size;
    enum checksum_algorithm checksum;
};
void response_annotations_begin(struct xml_writer *writer, struct buffer *out, const struct response_annotations *list);
void response_annotations_add(struct xml_writer *writer, const struct response_annotation *annotation);
enum status response_annotations_end(struct xml_writer *writer);

/* ---- DeleteObjects: DeleteResult --------------------------------------------------------------------------------- */
struct response_deleted {
    struct bytes key, version_id;          /* version_id: as asked for, absent when not */
    bool delete_marker;                    /* one was added, or removed */
    struct bytes delete_marker_version_id; /* absent without one */
};
void response_delete_begin(struct xml_writer *writer, struct buffer *out);
void response_delete_add(struct xml_writer *writer, const struct response_deleted *deleted);
void response_delete_add_error(struct xml_writer *writer, struct bytes key, struct bytes version_id,
                               const struct s3_error_details *error);
enum status response_delete_end(struct xml_writer *writer);

/* ---- one-call documents ------------------------------------------------------------------------------------------ */
enum status response_location(struct buffer *out, struct bytes region); /* empty for us-east-1 */
enum status response_initiate(struct buffer *out, struct bytes bucket, struct bytes key, struct bytes upload_id);

struct response_complete {
    struct bytes location, bucket, key;
    struct etag etag;
    struct checksum_value checksum; /* algorithm NONE: no elements; the type is its full_object */
};
/* CompleteMultipartUploadResult. COMPOSITE checksums get -N from the ETag's parts. */
enum status response_complete(struct buffer *out, const struct response_complete *complete);
/* PostResponse of POST policy uploads with success_action_status 201; has no namespace. */
enum status response_post(struct buffer *out, struct bytes location, struct bytes bucket, struct bytes key,
                          const struct etag *etag);

struct response_copy {
    bool part; /* CopyPartResult instead of CopyObjectResult */
    int64_t modified_ms;
    struct etag etag;
    struct checksum_value checksum;
};
enum status response_copy(struct buffer *out, const struct response_copy *copy);

/* AccessControlPolicy of a private bucket or object: the owner has FULL_CONTROL. */
enum status response_versioning(struct buffer *out, const char *status); /* NULL: versioning was never enabled */

enum status response_tagging(struct buffer *out, const struct tag *tags, size_t count);
enum status response_cors(struct buffer *out, const struct cors_configuration *configuration);

/* GetObjectAttributesResponse: only what was asked for. */
struct response_attributes {
    bool with_etag, with_checksum, with_parts, with_storage_class, with_size;
    struct etag etag;
    struct checksum_value checksum; /* algorithm NONE: none stored */
    uint64_t size;
    unsigned storage_class;
    /* multipart only: parts_count 0 leaves ObjectParts out */
    uint32_t parts_count, part_number_marker, next_part_number_marker, max_parts;
    bool parts_truncated;
    const struct response_part *parts; /* of this page; listed for COMPOSITE checksums only, as AWS does */
    size_t parts_len;
};
enum status response_attributes(struct buffer *out, const struct response_attributes *attributes);

#endif

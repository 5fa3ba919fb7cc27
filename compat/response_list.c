/* The list documents of response_xml.h: each is a header, items, and the closing tag. Keys, prefixes,
 * delimiters and markers that hold a key go through xml_writer_name, which encodes them when the request
 * asked for it; tokens and ids never are. */
#include "compat/response_elements.h"
#include "compat/storage_class.h"

static void list_begin(struct xml_writer *writer, struct buffer *out, const char *root, bool url_encode)
{
    xml_writer_init(writer, out);
    writer->url_encode = url_encode;
    xml_writer_open_root(writer, root);
}

static enum status list_end(struct xml_writer *writer)
{
    xml_writer_close(writer);
    return xml_writer_finish(writer);
}

static void list_delimiter(struct xml_writer *writer, struct bytes delimiter)
{
    if (delimiter.len > 0)
        xml_writer_name(writer, "Delimiter", delimiter);
}

static void list_encoding_type(struct xml_writer *writer)
{
    if (writer->url_encode)
        xml_writer_element_str(writer, "EncodingType", "url");
}

void response_list_add_prefix(struct xml_writer *writer, struct bytes prefix)
{
    xml_writer_open(writer, "CommonPrefixes");
    xml_writer_name(writer, "Prefix", prefix);
    xml_writer_close(writer);
}

/* ---- ListBuckets ------------------------------------------------------------------------------------------------- */

void response_buckets_begin(struct xml_writer *writer, struct buffer *out, const struct response_owner *owner)
{
    list_begin(writer, out, "ListAllMyBucketsResult", false);
    response_element_owner(writer, "Owner", owner);
    xml_writer_open(writer, "Buckets");
}

void response_buckets_add(struct xml_writer *writer, struct bytes name, int64_t created_ms, struct bytes region)
{
    xml_writer_open(writer, "Bucket");
    xml_writer_element(writer, "Name", name);
    xml_writer_element_time(writer, "CreationDate", created_ms);
    response_element_optional(writer, "BucketRegion", region);
    xml_writer_close(writer);
}

enum status response_buckets_end(struct xml_writer *writer, struct bytes prefix, struct bytes continuation_token)
{
    xml_writer_close(writer);
    response_element_optional(writer, "ContinuationToken", continuation_token);
    response_element_optional(writer, "Prefix", prefix);
    return list_end(writer);
}

/* ---- ListObjects ------------------------------------------------------------------------------------------------- */

static void list_markers_v1(struct xml_writer *writer, const struct response_list *list)
{
    xml_writer_name(writer, "Marker", list->marker);
    if (list->next_marker.data)
        xml_writer_name(writer, "NextMarker", list->next_marker);
}

static void list_markers_v2(struct xml_writer *writer, const struct response_list *list)
{
    if (list->start_after.data)
        xml_writer_name(writer, "StartAfter", list->start_after);
    response_element_optional(writer, "ContinuationToken", list->continuation_token);
    response_element_optional(writer, "NextContinuationToken", list->next_continuation_token);
    xml_writer_element_u64(writer, "KeyCount", list->key_count);
}

void response_list_begin(struct xml_writer *writer, struct buffer *out, const struct response_list *list)
{
    list_begin(writer, out, "ListBucketResult", list->url_encode);
    xml_writer_element(writer, "Name", list->bucket);
    xml_writer_name(writer, "Prefix", list->prefix);
    if (list->v2)
        list_markers_v2(writer, list);
    else
        list_markers_v1(writer, list);
    xml_writer_element_u64(writer, "MaxKeys", list->max_keys);
    list_delimiter(writer, list->delimiter);
    list_encoding_type(writer);
    xml_writer_element_bool(writer, "IsTruncated", list->truncated);
}

void response_list_add(struct xml_writer *writer, const struct response_object *object)
{
    xml_writer_open(writer, "Contents");
    xml_writer_name(writer, "Key", object->key);
    xml_writer_element_time(writer, "LastModified", object->modified_ms);
    response_element_etag(writer, &object->etag);
    response_element_algorithm(writer, object->checksum, object->checksum_full_object);
    xml_writer_element_u64(writer, "Size", object->size);
    if (object->owner)
        response_element_owner(writer, "Owner", object->owner);
    xml_writer_element_str(writer, "StorageClass", storage_class_name(object->storage_class));
    xml_writer_close(writer);
}

enum status response_list_end(struct xml_writer *writer)
{
    return list_end(writer);
}

/* ---- ListObjectVersions ------------------------------------------------------------------------------------------ */

void response_versions_begin(struct xml_writer *writer, struct buffer *out, const struct response_versions *list)
{
    list_begin(writer, out, "ListVersionsResult", list->url_encode);
    xml_writer_element(writer, "Name", list->bucket);
    xml_writer_name(writer, "Prefix", list->prefix);
    xml_writer_name(writer, "KeyMarker", list->key_marker);
    xml_writer_element(writer, "VersionIdMarker", list->version_id_marker);
    if (list->next_key_marker.data)
        xml_writer_name(writer, "NextKeyMarker", list->next_key_marker);
    response_element_optional(writer, "NextVersionIdMarker", list->next_version_id_marker);
    xml_writer_element_u64(writer, "MaxKeys", list->max_keys);
    list_delimiter(writer, list->delimiter);
    list_encoding_type(writer);
    xml_writer_element_bool(writer, "IsTruncated", list->truncated);
}

void response_versions_add(struct xml_writer *writer, const struct response_version *version)
{
    const struct response_object *object = &version->object;

    xml_writer_open(writer, version->delete_marker ? "DeleteMarker" : "Version");
    xml_writer_name(writer, "Key", object->key);
    xml_writer_element(writer, "VersionId", version->version_id);
    xml_writer_element_bool(writer, "IsLatest", version->is_latest);
    xml_writer_element_time(writer, "LastModified", object->modified_ms);
    if (!version->delete_marker) {
        response_element_etag(writer, &object->etag);
        response_element_algorithm(writer, object->checksum, object->checksum_full_object);
        xml_writer_element_u64(writer, "Size", object->size);
    }
    response_element_owner(writer, "Owner", object->owner);
    if (!version->delete_marker)
        xml_writer_element_str(writer, "StorageClass", storage_class_name(object->storage_class));
    xml_writer_close(writer);
}

enum status response_versions_end(struct xml_writer *writer)
{
    return list_end(writer);
}

/* ---- ListMultipartUploads ---------------------------------------------------------------------------------------- */

void response_uploads_begin(struct xml_writer *writer, struct buffer *out, const struct response_uploads *list)
{
    list_begin(writer, out, "ListMultipartUploadsResult", list->url_encode);
    xml_writer_element(writer, "Bucket", list->bucket);
    xml_writer_name(writer, "KeyMarker", list->key_marker);
    xml_writer_element(writer, "UploadIdMarker", list->upload_id_marker);
    xml_writer_name(writer, "NextKeyMarker", list->next_key_marker);
    xml_writer_element(writer, "NextUploadIdMarker", list->next_upload_id_marker);
    list_delimiter(writer, list->delimiter);
    xml_writer_name(writer, "Prefix", list->prefix);
    list_encoding_type(writer);
    xml_writer_element_u64(writer, "MaxUploads", list->max_uploads);
    xml_writer_element_bool(writer, "IsTruncated", list->truncated);
}

void response_uploads_add(struct xml_writer *writer, const struct response_upload *upload)
{
    xml_writer_open(writer, "Upload");
    xml_writer_name(writer, "Key", upload->key);
    xml_writer_element(writer, "UploadId", upload->upload_id);
    response_element_owner(writer, "Initiator", upload->owner);
    response_element_owner(writer, "Owner", upload->owner);
    xml_writer_element_str(writer, "StorageClass", storage_class_name(upload->storage_class));
    xml_writer_element_time(writer, "Initiated", upload->initiated_ms);
    response_element_algorithm(writer, upload->checksum, upload->checksum_full_object);
    response_element_optional(writer, "VersionId", upload->version_id);
    xml_writer_close(writer);
}

enum status response_uploads_end(struct xml_writer *writer)
{
    return list_end(writer);
}

/* ---- ListParts --------------------------------------------------------------------------------------------------- */

void response_parts_begin(struct xml_writer *writer, struct buffer *out, const struct response_parts *list)
{
    list_begin(writer, out, "ListPartsResult", false);
    xml_writer_element(writer, "Bucket", list->bucket);
    xml_writer_element(writer, "Key", list->key);
    xml_writer_element(writer, "UploadId", list->upload_id);
    response_element_owner(writer, "Initiator", list->owner);
    response_element_owner(writer, "Owner", list->owner);
    xml_writer_element_str(writer, "StorageClass", storage_class_name(list->storage_class));
    xml_writer_element_u64(writer, "PartNumberMarker", list->part_number_marker);
    xml_writer_element_u64(writer, "NextPartNumberMarker", list->next_part_number_marker);
    xml_writer_element_u64(writer, "MaxParts", list->max_parts);
    xml_writer_element_bool(writer, "IsTruncated", list->truncated);
    response_element_algorithm(writer, list->checksum, list->checksum_full_object);
}

void response_parts_add(struct xml_writer *writer, const struct response_part *part)
{
    response_element_part(writer, part);
}

enum status response_parts_end(struct xml_writer *writer)
{
    return list_end(writer);
}

/* ---- ListObjectAnnotations --------------------------------------------------------------------------------------- */

void response_annotations_begin(struct xml_writer *writer, struct buffer *out, const struct response_annotations *list)
{
    list_begin(writer, out, "ListObjectAnnotationsOutput", false);
    xml_writer_element(writer, "Bucket", list->bucket);
    xml_writer_element(writer, "Key", list->key);
    response_element_optional(writer, "AnnotationPrefix", list->prefix);
    xml_writer_element_u64(writer, "MaxAnnotationResults", list->max);
    xml_writer_element_u64(writer, "AnnotationCount", list->count);
    response_element_optional(writer, "ContinuationToken", list->continuation_token);
    response_element_optional(writer, "NextContinuationToken", list->next_continuation_token);
    xml_writer_open(writer, "Annotations");
}

void response_annotations_add(struct xml_writer *writer, const struct response_annotation *annotation)
{
    xml_writer_open(writer, "AnnotationEntry");
    xml_writer_element(writer, "AnnotationName", annotation->name);
    xml_writer_element_time(writer, "LastModified", annotation->modified_ms);
    response_element_etag(writer, &annotation->etag);
    if (annotation->checksum != CHECKSUM_NONE)
        xml_writer_element_str(writer, "ChecksumAlgorithm", checksum_name(annotation->checksum));
    xml_writer_element_u64(writer, "Size", annotation->size);
    xml_writer_close(writer);
}

enum status response_annotations_end(struct xml_writer *writer)
{
    xml_writer_close(writer);
    return list_end(writer);
}

/* ---- DeleteObjects ----------------------------------------------------------------------------------------------- */

void response_delete_begin(struct xml_writer *writer, struct buffer *out)
{
    list_begin(writer, out, "DeleteResult", false);
}

void response_delete_add(struct xml_writer *writer, const struct response_deleted *deleted)
{
    xml_writer_open(writer, "Deleted");
    xml_writer_element(writer, "Key", deleted->key);
    response_element_optional(writer, "VersionId", deleted->version_id);
    if (deleted->delete_marker) {
        xml_writer_element_bool(writer, "DeleteMarker", true);
        response_element_optional(writer, "DeleteMarkerVersionId", deleted->delete_marker_version_id);
    }
    xml_writer_close(writer);
}

void response_delete_add_error(struct xml_writer *writer, struct bytes key, struct bytes version_id,
                               const struct s3_error_details *error)
{
    xml_writer_open(writer, "Error");
    xml_writer_element(writer, "Key", key);
    response_element_optional(writer, "VersionId", version_id);
    xml_writer_element_str(writer, "Code", s3_error_code(error->code));
    xml_writer_element_str(writer, "Message", error->message[0] ? error->message : s3_error_message(error->code));
    xml_writer_close(writer);
}

enum status response_delete_end(struct xml_writer *writer)
{
    return list_end(writer);
}

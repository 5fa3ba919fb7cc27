/* ListParts and ListMultipartUploads. */
#include <stdlib.h>

#include "gateway/object/stored_checksum.h"
#include "gateway/s3/acl.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/lifecycle.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"
#include "gateway/s3/upload.h"

static void write_parts(struct exchange *exchange, const struct response_parts *list, const struct meta_part *parts,
                        size_t count)
{
    struct xml_writer writer;
    struct buffer body;

    buffer_init(&body, S3_REPLY_BYTES_MAX);
    response_parts_begin(&writer, &body, list);
    for (size_t i = 0; i < count; i++) {
        const struct response_part part = {.number = parts[i].number,
                                           .modified_ms = parts[i].modified_ms,
                                           .etag = s3_part_etag(&parts[i]),
                                           .size = parts[i].size,
                                           .checksum = stored_checksum_read(&parts[i].checksum)};
        response_parts_add(&writer, &part);
    }
    HTTP_LAST_REPLY(s3_reply_document(exchange, response_parts_end(&writer), &body));
}

void s3_list_parts(struct exchange *exchange)
{
    const struct response_owner owner = acl_bucket_owner(exchange->settings);
    struct meta_upload upload;
    struct meta_part *parts = NULL;
    size_t count = 0;
    bool truncated = false;
    uint64_t max, after;

    if (s3_number(exchange, "max-parts", S3_LIST_MAX, S3_LIST_MAX, &max) ||
        s3_number(exchange, "part-number-marker", META_PART_MAX, 0, &after) || s3_upload(exchange, &upload))
        return;
    if (s3_check_key(exchange, upload.attributes)) {
        meta_upload_release(&upload);
        return;
    }
    enum status status =
        meta_part_list(exchange->gateway->meta, &upload, (unsigned)after, (unsigned)max, &parts, &count, &truncated);
    if (status) {
        HTTP_LAST_REPLY(s3_fail_status(exchange, status));
    } else {
        const struct response_parts list = {
            .truncated = truncated,
            .bucket = exchange->bucket_name,
            .key = exchange->key,
            .upload_id = bytes_from_str(upload.id),
            .owner = &owner,
            .storage_class = upload.storage_class,
            .part_number_marker = after,
            .next_part_number_marker = count > 0 ? parts[count - 1].number : 0,
            .max_parts = max,
            .checksum = upload.checksum_algorithm,
            .checksum_full_object = upload.checksum_full_object,
        };
        s3_reply_abort_date(exchange, &upload);
        s3_reply_upload_version(exchange, &upload);
        write_parts(exchange, &list, parts, count);
    }
    free(parts);
    meta_upload_release(&upload);
}

static void write_uploads(struct exchange *exchange, struct response_uploads *list, const struct meta_upload_page *page)
{
    const struct response_owner owner = acl_bucket_owner(exchange->settings);
    struct xml_writer writer;
    struct buffer body;

    if (page->count > 0) {
        const struct meta_upload_entry *last = &page->entries[page->count - 1];
        list->next_key_marker = last->key;
        list->next_upload_id_marker = last->is_prefix ? (struct bytes){0} : bytes_from_str(last->id);
    }
    buffer_init(&body, S3_REPLY_BYTES_MAX);
    response_uploads_begin(&writer, &body, list);
    for (size_t i = 0; i < page->count; i++) {
        const struct meta_upload_entry *entry = &page->entries[i];
        const struct response_upload upload = {.key = entry->key,
                                               .upload_id = bytes_from_str(entry->id),
                                               .version_id = bytes_from_str(entry->has_version ? entry->id : NULL),
                                               .initiated_ms = entry->created_ms,
                                               .owner = &owner,
                                               .storage_class = entry->storage_class,
                                               .checksum = entry->checksum_algorithm,
                                               .checksum_full_object = entry->checksum_full_object};
        if (!entry->is_prefix)
            response_uploads_add(&writer, &upload);
    }
    for (size_t i = 0; i < page->count; i++)
        if (page->entries[i].is_prefix)
            response_list_add_prefix(&writer, page->entries[i].key);
    HTTP_LAST_REPLY(s3_reply_document(exchange, response_uploads_end(&writer), &body));
}

void s3_list_multipart_uploads(struct exchange *exchange)
{
    struct meta_upload_page page = {0};
    bool url_encode;
    uint64_t max;

    if (s3_encoding_type(exchange, &url_encode) || s3_number(exchange, "max-uploads", S3_LIST_MAX, S3_LIST_MAX, &max))
        return;
    const struct meta_upload_query query = {
        .bucket = exchange->bucket.id,
        .prefix = uri_query_value(&exchange->query, "prefix"),
        .delimiter = uri_query_value(&exchange->query, "delimiter"),
        .key_marker = uri_query_value(&exchange->query, "key-marker"),
        .upload_id_marker = uri_query_value(&exchange->query, "upload-id-marker"),
        .max = (unsigned)max,
    };
    enum status status = meta_upload_list(exchange->gateway->meta, &query, &page);
    if (status == STATUS_INVALID) {
        HTTP_LAST_REPLY(
            s3_fail_argument(exchange, "upload-id-marker", query.upload_id_marker, "Invalid uploadId marker"));
        return;
    }
    if (status) {
        HTTP_LAST_REPLY(s3_fail_status(exchange, status));
        return;
    }
    struct response_uploads list = {
        .url_encode = url_encode,
        .truncated = page.truncated,
        .bucket = exchange->bucket_name,
        .prefix = query.prefix,
        .delimiter = query.delimiter,
        .key_marker = query.key_marker,
        .upload_id_marker = query.upload_id_marker,
        .max_uploads = max,
    };
    write_uploads(exchange, &list, &page);
    meta_upload_page_release(&page);
}

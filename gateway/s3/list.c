/* ListObjects V1 and V2, and ListObjectVersions. A page is read from the metadata once and written out in
 * that order: keys first, common prefixes behind them, as AWS does. */
#include <string.h>

#include "gateway/object/object_read.h"
#include "gateway/object/stored_checksum.h"
#include "gateway/s3/acl.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

struct list_request {
    struct meta_list_query query;
    bool url_encode;
    uint64_t max_keys;
    struct buffer token; /* its storage */
};

/* A continuation token is the key behind which to go on, in hex: opaque to clients, and no state is kept. */
static enum status decode_token(struct exchange *exchange, struct list_request *request, struct bytes token)
{
    struct s3_error_details details = {0};

    if (token.len % 2 == 0 && token.len <= 2 * META_KEY_MAX + 2) {
        char *out = buffer_reserve(&request->token, token.len / 2 + 1);
        if (out && hex_decode(token, out, token.len / 2) == STATUS_OK) {
            request->token.len = token.len / 2;
            request->query.after = buffer_bytes(&request->token);
            return STATUS_OK;
        }
    }
    s3_error_setf(&details, S3_INVALID_ARGUMENT, "The continuation token provided is incorrect");
    s3_error_add(&details, "ArgumentName", BYTES("continuation-token"));
    return s3_fail_details(exchange, &details);
}

static enum status read_request(struct exchange *exchange, struct list_request *request)
{
    enum status status = s3_encoding_type(exchange, &request->url_encode);

    buffer_init(&request->token, 4096);
    if (!status)
        status = s3_number(exchange, "max-keys", S3_LIST_MAX, S3_LIST_MAX, &request->max_keys);
    request->query = (struct meta_list_query){
        .bucket = exchange->bucket.id,
        .prefix = uri_query_value(&exchange->query, "prefix"),
        .delimiter = uri_query_value(&exchange->query, "delimiter"),
        .max = (unsigned)request->max_keys,
    };
    return status;
}

static void write_page(struct exchange *exchange, const struct response_list *list, const struct meta_list_page *page,
                       bool with_owner)
{
    const struct response_owner owner = acl_bucket_owner(exchange->settings);
    struct xml_writer writer;
    struct buffer body;

    buffer_init(&body, S3_REPLY_BYTES_MAX);
    response_list_begin(&writer, &body, list);
    for (size_t i = 0; i < page->count; i++) {
        const struct meta_list_entry *entry = &page->entries[i];
        if (entry->is_prefix)
            continue;
        const struct checksum_value checksum = stored_checksum_read(&entry->object.checksum);
        const struct response_object object = {
            .key = entry->key,
            .modified_ms = entry->object.modified_ms,
            .etag = object_etag(&entry->object),
            .size = entry->object.size,
            .checksum = checksum.algorithm,
            .checksum_full_object = checksum.full_object,
            .storage_class = entry->object.storage_class,
            .owner = with_owner ? &owner : NULL,
        };
        response_list_add(&writer, &object);
    }
    for (size_t i = 0; i < page->count; i++)
        if (page->entries[i].is_prefix)
            response_list_add_prefix(&writer, page->entries[i].key);
    HTTP_LAST_REPLY(s3_reply_document(exchange, response_list_end(&writer), &body));
}

static enum status place_v2(struct exchange *exchange, struct list_request *request, struct response_list *list)
{
    list->continuation_token = uri_query_value(&exchange->query, "continuation-token");
    list->start_after = uri_query_value(&exchange->query, "start-after");
    request->query.after = list->start_after;
    if (list->continuation_token.len > 0)
        return decode_token(exchange, request, list->continuation_token);
    return STATUS_OK;
}

static void reply_list(struct exchange *exchange, const struct list_request *request, struct response_list *list,
                       const struct meta_list_page *page)
{
    struct bytes last = page->count > 0 ? page->entries[page->count - 1].key : (struct bytes){0};
    char token[2 * (META_KEY_MAX + 2) + 1];

    list->truncated = page->truncated;
    list->key_count = page->count;
    if (page->truncated && last.len <= META_KEY_MAX && list->v2) {
        hex_encode(last.data, last.len, token);
        list->next_continuation_token = bytes_from_str(token);
    } else if (page->truncated && request->query.delimiter.len > 0) {
        list->next_marker = last;
    }
    write_page(exchange, list, page,
               !list->v2 || bytes_equal_str(uri_query_value(&exchange->query, "fetch-owner"), "true"));
}

void s3_list_objects(struct exchange *exchange)
{
    struct list_request request = {0};
    struct meta_list_page page = {0};
    enum status status = read_request(exchange, &request);
    struct response_list list = {
        .v2 = bytes_equal_str(uri_query_value(&exchange->query, "list-type"), "2"),
        .url_encode = request.url_encode,
        .bucket = exchange->bucket_name,
        .prefix = request.query.prefix,
        .delimiter = request.query.delimiter,
        .max_keys = request.max_keys,
    };

    if (!status && list.v2)
        status = place_v2(exchange, &request, &list);
    else
        list.marker = request.query.after = uri_query_value(&exchange->query, "marker");
    if (!status) {
        status = meta_list(exchange->gateway->meta, &request.query, &page);
        if (status)
            HTTP_LAST_REPLY(s3_fail_status(exchange, status));
        else
            reply_list(exchange, &request, &list, &page);
    }
    meta_list_page_release(&page);
    buffer_release(&request.token);
}

static void write_versions(struct exchange *exchange, const struct response_versions *list,
                           const struct meta_list_page *page)
{
    const struct response_owner owner = acl_bucket_owner(exchange->settings);
    struct xml_writer writer;
    struct buffer body;

    buffer_init(&body, S3_REPLY_BYTES_MAX);
    response_versions_begin(&writer, &body, list);
    for (size_t i = 0; i < page->count; i++) {
        const struct meta_list_entry *entry = &page->entries[i];
        if (entry->is_prefix)
            continue;
        const struct checksum_value checksum = stored_checksum_read(&entry->object.checksum);
        const struct response_version version = {
            .object = {.key = entry->key,
                       .modified_ms = entry->object.modified_ms,
                       .etag = object_etag(&entry->object),
                       .size = entry->object.size,
                       .checksum = checksum.algorithm,
                       .checksum_full_object = checksum.full_object,
                       .storage_class = entry->object.storage_class,
                       .owner = &owner},
            .version_id = bytes_from_str(entry->object.version_id),
            .is_latest = entry->object.latest,
            .delete_marker = entry->object.delete_marker,
        };
        response_versions_add(&writer, &version);
    }
    for (size_t i = 0; i < page->count; i++)
        if (page->entries[i].is_prefix)
            response_list_add_prefix(&writer, page->entries[i].key);
    HTTP_LAST_REPLY(s3_reply_document(exchange, response_versions_end(&writer), &body));
}

static void reply_versions(struct exchange *exchange, const struct list_request *request,
                           const struct meta_list_page *page)
{
    struct response_versions list = {
        .url_encode = request->url_encode,
        .truncated = page->truncated,
        .bucket = exchange->bucket_name,
        .prefix = request->query.prefix,
        .delimiter = request->query.delimiter,
        .key_marker = request->query.after,
        .version_id_marker = request->query.after_version,
        .max_keys = request->max_keys,
    };
    if (page->truncated && page->count > 0) {
        const struct meta_list_entry *last = &page->entries[page->count - 1];
        list.next_key_marker = last->key;
        if (!last->is_prefix)
            list.next_version_id_marker = bytes_from_str(last->object.version_id);
    }
    write_versions(exchange, &list, page);
}

void s3_list_object_versions(struct exchange *exchange)
{
    struct list_request request = {0};
    struct meta_list_page page = {0};
    enum status status = read_request(exchange, &request);

    request.query.after = uri_query_value(&exchange->query, "key-marker");
    request.query.after_version = uri_query_value(&exchange->query, "version-id-marker");
    if (!status && request.query.after_version.len > 0 && request.query.after.len == 0)
        status = s3_fail_argument(exchange, "version-id-marker", request.query.after_version,
                                  "A version-id marker cannot be specified without a key marker.");
    if (!status) {
        status = meta_list_versions(exchange->gateway->meta, &request.query, &page);
        if (status == STATUS_INVALID) {
            HTTP_LAST_REPLY(s3_fail_argument(exchange, "version-id-marker", request.query.after_version,
                                             "Invalid version id specified"));
        } else if (status) {
            HTTP_LAST_REPLY(s3_fail_status(exchange, status));
        } else {
            reply_versions(exchange, &request, &page);
        }
    }
    meta_list_page_release(&page);
    buffer_release(&request.token);
}

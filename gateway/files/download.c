/* GET and HEAD of /download?filename=&version= and /files/{filename}. */
#include <string.h>

#include "base/clock.h"
#include "compat/conditions.h"
#include "compat/range.h"
#include "gateway/files/files.h"
#include "gateway/json_reply.h"
#include "gateway/object_reader.h"
#include "gateway/s3/s3.h"
#include "gateway/stored_headers.h"

/* RFC 6266: name_vN.ext, once for old clients in ASCII and once in UTF-8. */
static void give_disposition(struct exchange *exchange, uint64_t version)
{
    struct bytes name = exchange->key;
    const char *slash = memrchr(name.data, '/', name.len);
    struct buffer plain, text;

    if (slash)
        name = bytes_of(slash + 1, name.len - (size_t)(slash + 1 - name.data));
    const char *dot = name.len ? memrchr(name.data, '.', name.len) : NULL;
    size_t stem = dot && dot != name.data ? (size_t)(dot - name.data) : name.len;

    buffer_init(&plain, 2 * META_KEY_MAX);
    buffer_init(&text, 8 * META_KEY_MAX);
    buffer_append(&plain, name.data, stem);
    buffer_printf(&plain, "_v%llu", (unsigned long long)version);
    buffer_append(&plain, name.data + stem, name.len - stem);
    buffer_append_str(&text, "attachment; filename=\"");
    for (size_t i = 0; i < plain.len; i++) {
        char c = plain.data[i];
        buffer_append_char(&text, (unsigned char)c >= 0x80 || c == '"' || c == '\\' ? '_' : c);
    }
    buffer_append_str(&text, "\"; filename*=UTF-8''");
    uri_encode(buffer_bytes(&plain), false, &text);
    http_reply_header(exchange->http, "Content-Disposition", buffer_bytes(&text));
    buffer_release(&plain);
    buffer_release(&text);
}

static void give_headers(struct exchange *exchange, const struct meta_object *object, const struct range *range,
                         bool partial)
{
    struct bytes type = stored_headers_find(object->headers, "content-type");
    const struct etag etag = s3_object_etag(object);
    char text[RANGE_TEXT_MAX];

    s3_reply_text(exchange, "Content-Type", type.len ? type : BYTES("application/octet-stream"));
    /* what anybody uploaded must never run as a page of this origin */
    http_reply_header_str(exchange->http, "X-Content-Type-Options", "nosniff");
    give_disposition(exchange, object->number);
    s3_reply_etag(exchange, &etag);
    clock_format_rfc1123(object->modified_ms, text);
    http_reply_header_str(exchange->http, "Last-Modified", text);
    http_reply_header_str(exchange->http, "Accept-Ranges", "bytes");
    http_reply_header_u64(exchange->http, "X-File-Version", object->number);
    if (partial) {
        range_content_range(range, object->size, text);
        http_reply_header_str(exchange->http, "Content-Range", text);
    }
}

static void send_range(struct exchange *exchange, const struct meta_object *object, const struct range *range,
                       bool partial)
{
    struct object_reader reader = {0};
    int http_status = partial ? 206 : 200;
    enum status status;

    if (bytes_equal_str(exchange->http->method, "HEAD")) {
        give_headers(exchange, object, range, partial);
        if (http_reply_start(exchange->http, http_status, range->length) == STATUS_OK)
            http_reply_finish(exchange->http);
        return;
    }
    status = object_reader_open(&reader, exchange->gateway, object, range->offset, range->length);
    if (status) {
        json_error_status(exchange, status);
    } else {
        give_headers(exchange, object, range, partial);
        object_reader_send(&reader, exchange->http, http_status);
    }
    object_reader_release(&reader);
}

static void send_object(struct exchange *exchange, const struct meta_object *object)
{
    const struct condition_target target = {s3_object_etag(object), object->modified_ms, clock_wall_ms()};
    struct s3_error_details details = {0};
    struct range range = {0, object->size};
    struct bytes wanted = {0};
    char text[RANGE_TEXT_MAX];

    if (conditions_check_read(s3_headers(exchange), &target, &details)) {
        s3_reply_etag(exchange, &target.etag);
        if (details.code == S3_NOT_MODIFIED)
            http_reply(exchange->http, 304, (struct bytes){0});
        else
            json_error(exchange, 412, "Precondition failed", NULL);
        return;
    }
    if (conditions_range_counts(s3_headers(exchange), &target))
        wanted = http_request_header(exchange->http, "Range");
    switch (range_resolve(wanted, object->size, &range)) {
    case RANGE_WHOLE:
        send_range(exchange, object, &range, false);
        break;
    case RANGE_PARTIAL:
        send_range(exchange, object, &range, true);
        break;
    case RANGE_UNSATISFIABLE:
        range_content_range_unsatisfied(object->size, text);
        http_reply_header_str(exchange->http, "Content-Range", text);
        json_error(exchange, 416, "Range not satisfiable", NULL);
        break;
    }
}

void files_download(struct exchange *exchange)
{
    struct meta_version version;
    struct meta_bucket bucket;
    struct meta_object object;
    enum status status;

    if (files_name(exchange) || files_version(exchange, &version) || files_bucket(exchange, &bucket))
        return;
    status = meta_object_get(exchange->gateway->meta, bucket.id, exchange->key, &version, &object);
    if (status == STATUS_NOT_FOUND) {
        json_error(exchange, 404, "File not found", version.number ? "There is no such version." : NULL);
        return;
    }
    if (status) {
        json_error_status(exchange, status);
        return;
    }
    if (object.delete_marker)
        json_error(exchange, 404, "File not found", "It was deleted.");
    else
        send_object(exchange, &object);
    meta_object_release(&object);
}

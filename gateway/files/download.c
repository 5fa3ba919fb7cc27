/* GET and HEAD of /download?filename=&version= and /files/{filename}. */
#include <string.h>

#include "base/check.h"
#include "gateway/files/files.h"
#include "gateway/front/json_reply.h"
#include "gateway/object/encryption.h"
#include "gateway/front/reply.h"
#include "gateway/object/object_read.h"
#include "gateway/object/stored_headers.h"

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
    CHECK(buffer_append(&plain, name.data, stem) == STATUS_OK);
    CHECK(buffer_printf(&plain, "_v%llu", (unsigned long long)version) == STATUS_OK);
    CHECK(buffer_append(&plain, name.data + stem, name.len - stem) == STATUS_OK);
    CHECK(buffer_append_str(&text, "attachment; filename=\"") == STATUS_OK);
    for (size_t i = 0; i < plain.len; i++) {
        char c = plain.data[i];
        CHECK(buffer_append_char(&text, (unsigned char)c >= 0x80 || c == '"' || c == '\\' ? '_' : c) == STATUS_OK);
    }
    CHECK(buffer_append_str(&text, "\"; filename*=UTF-8''") == STATUS_OK);
    CHECK(uri_encode(buffer_bytes(&plain), false, &text) == STATUS_OK);
    http_reply_header(exchange->http, "Content-Disposition", buffer_bytes(&text));
    buffer_release(&plain);
    buffer_release(&text);
}

/* object_give_headers */
static void give_headers(struct exchange *exchange, const struct meta_object *object, const void *arg)
{
    struct bytes type = stored_headers_find(object->headers, "content-type");

    (void)arg;
    reply_text(exchange, "Content-Type", type.len ? type : BYTES("application/octet-stream"));
    /* what anybody uploaded must never run as a page of this origin */
    http_reply_header_str(exchange->http, "X-Content-Type-Options", "nosniff");
    give_disposition(exchange, object->number);
    http_reply_header_u64(exchange->http, "X-File-Version", object->number);
}

/* Of an object that a client wrote by S3 with a key of its own nobody has it here. */
static enum status open_key(struct exchange *exchange, const struct meta_object *object, struct object_key *key)
{
    const struct encryption_place place = {exchange->bucket_name, exchange->key};
    enum status status = encryption_open_kept(exchange->gateway->keys, object->attributes, &place, key);

    if (status == STATUS_DENIED)
        HTTP_LAST_REPLY(json_error(exchange, 403, "File is encrypted", "With a key that its owner alone has."));
    else if (status == STATUS_UNAVAILABLE)
        HTTP_LAST_REPLY(json_error(exchange, 503, "Service unavailable",
                                   "The service that has the encryption keys does not answer."));
    else if (status)
        HTTP_LAST_REPLY(json_error(exchange, 500, "File is encrypted",
                                   "The key that it was encrypted with is not there: see the server's log."));
    return status;
}

static void send_object(struct exchange *exchange, const struct meta_object *object)
{
    const struct etag etag = object_etag(object);
    struct s3_error_details details = {0};
    struct object_range wanted;
    struct object_key key;
    enum status status;

    if (object_check_conditions(exchange, object, &details)) {
        if (details.code == S3_NOT_MODIFIED) {
            HTTP_LAST_REPLY(reply_send(exchange, 304, (struct bytes){0}));
        } else {
            reply_etag(exchange, &etag);
            HTTP_LAST_REPLY(json_error(exchange, 412, "Precondition failed", NULL));
        }
        return;
    }
    if (object_select_range(exchange, object, &wanted)) {
        HTTP_LAST_REPLY(json_error(exchange, 416, "Range not satisfiable", NULL));
        return;
    }
    if (open_key(exchange, object, &key))
        return;
    status = object_send(exchange, object, &key, &wanted, give_headers, NULL);
    explicit_bzero(&key, sizeof(key));
    if (status)
        HTTP_LAST_REPLY(json_error_status(exchange, status));
}

void files_download(struct exchange *exchange)
{
    struct meta_version version;
    struct meta_object object;
    enum status status;

    if (files_name(exchange) || files_version(exchange, &version))
        return;
    status = meta_object_get(exchange->gateway->meta, exchange->bucket.id, exchange->key, &version, &object);
    if (status == STATUS_NOT_FOUND) {
        HTTP_LAST_REPLY(
            json_error(exchange, 404, "File not found", version.number ? "There is no such version." : NULL));
        return;
    }
    if (status) {
        HTTP_LAST_REPLY(json_error_status(exchange, status));
        return;
    }
    if (object.delete_marker)
        HTTP_LAST_REPLY(json_error(exchange, 404, "File not found", "It was deleted."));
    else
        send_object(exchange, &object);
    meta_object_release(&object);
}

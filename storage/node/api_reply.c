/* What the routes of the node's API share: signed bodies, queries, JSON answers, and what each failure looks like from
 * outside. */
#include <stdlib.h>
#include <string.h>

#include "storage/node/api_internal.h"

enum status api_body_read(struct api_request *request, struct buffer *body)
{
    const struct protocol_auth *auth = &request->auth;
    if (!auth->has_checksum)
        return STATUS_INVALID;
    if (auth->length > body->max)
        return STATUS_LIMIT;
    enum status status = http_body_read_all(request->http, body);
    if (!status && (body->len != auth->length || crc32c_update(0, body->data, body->len) != auth->crc32c))
        status = STATUS_MISMATCH;
    return status;
}

void api_reply_json(struct http_request *http, int http_status, json_t *take_body)
{
    char *text = json_dumps(take_body, JSON_COMPACT);
    json_decref(take_body);
    http_reply_header_str(http, "content-type", "application/json");
    HTTP_LAST_REPLY(http_reply(http, http_status, bytes_from_str(text ? text : "{}")));
    free(text);
}

void api_reply_error(struct http_request *http, int http_status, const char *error)
{
    api_reply_json(http, http_status, json_pack("{s:s}", "error", error));
}

void node_api_refuse(struct http_request *request, const struct http_refusal *refusal)
{
    api_reply_error(request, refusal->status, refusal->message);
}

void api_reply_status(struct http_request *http, enum status status)
{
    switch (status) {
    case STATUS_OK:
    case STATUS_EXISTS:
    case STATUS_CLOSED:
    case STATUS_CANCELLED:
        return;
    case STATUS_NOT_FOUND:
    case STATUS_CORRUPT:
        api_reply_error(http, 404, "no such chunk here");
        return;
    case STATUS_CONFLICT:
        api_reply_error(http, 409, "the chunk is here with other bytes");
        return;
    case STATUS_INVALID:
        api_reply_error(http, 400, "the request is malformed");
        return;
    case STATUS_MISMATCH:
    case STATUS_DENIED:
        api_reply_error(http, 400, "the bytes do not match their signed checksum and length");
        return;
    case STATUS_LIMIT:
        api_reply_error(http, 413, "the chunk is too large");
        return;
    case STATUS_TIMEOUT:
        api_reply_error(http, 408, "the body did not arrive in time");
        return;
    case STATUS_NO_SPACE:
        api_reply_error(http, 507, "the disk is at its reserve");
        return;
    case STATUS_IO:
        api_reply_error(http, 503, "the disk failed");
        return;
    case STATUS_UNAVAILABLE:
        http_reply_header_str(http, "retry-after", "1");
        api_reply_error(http, 503, "try again");
        return;
    case STATUS_DAMAGED:
        http_reply_header_str(http, "retry-after", "1");
        api_reply_error(http, 503, "a database of this node is damaged; it is set aside and made anew");
        return;
    case STATUS_PRECONDITION:
    case STATUS_QUOTA:
    case STATUS_NOT_EMPTY:
    case STATUS_UNCERTAIN:
    case STATUS_INTERNAL:
    case STATUS_COUNT:
        break;
    }
    api_reply_error(http, 500, "internal error");
}

void api_reply_chunk_headers(struct http_request *http, uint32_t size, uint32_t crc32c)
{
    char hex[9];
    uint8_t crc[4];
    put_u32(crc, crc32c);
    hex_encode(crc, sizeof(crc), hex);
    http_reply_header_u64(http, "x-tercet-size", size);
    http_reply_header_str(http, "x-tercet-crc32c", hex);
}

void api_reply_stored(struct http_request *http, enum status status, uint32_t size, uint32_t crc32c)
{
    api_reply_chunk_headers(http, size, crc32c);
    HTTP_LAST_REPLY(http_reply(http, status == STATUS_EXISTS ? 200 : 201, bytes_of(NULL, 0)));
}

bool api_query_next(struct bytes *query, struct bytes *name, struct bytes *value)
{
    if (!query->len)
        return false;
    const char *end = memchr(query->data, '&', query->len);
    struct bytes part = bytes_of(query->data, end ? (size_t)(end - query->data) : query->len);
    *query = end ? bytes_of(end + 1, query->len - part.len - 1) : bytes_of(NULL, 0);
    const char *equals = part.len ? memchr(part.data, '=', part.len) : NULL;
    *name = bytes_of(part.data, equals ? (size_t)(equals - part.data) : part.len);
    *value = equals ? bytes_of(equals + 1, part.len - name->len - 1) : bytes_of(NULL, 0);
    return true;
}

bool api_expected_take(struct api_expected *expected, struct bytes name, struct bytes value)
{
    uint64_t size;
    uint8_t crc[4];
    if (bytes_equal_str(name, "size")) {
        expected->has_size = bytes_parse_u64(value, CHUNK_BYTES_MAX, &size) == STATUS_OK;
        expected->chunk.size = expected->has_size ? (uint32_t)size : 0;
        return expected->has_size;
    }
    if (!bytes_equal_str(name, "crc32c"))
        return false;
    expected->has_crc = value.len == 2 * sizeof(crc) && hex_decode(value, crc, sizeof(crc)) == STATUS_OK;
    expected->chunk.crc32c = expected->has_crc ? get_u32(crc) : 0;
    return expected->has_crc;
}

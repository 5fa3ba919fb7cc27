/* PUT /chunks/{id}: the body streams in, through two pieces, into the store.
 *
 * With a footer the last PROTOCOL_FOOTER_LEN bytes of the body are held back until its end is known; they say, signed,
 * what the payload should have been. Without, the request's own signature says it. Only when that fits is the chunk
 * committed; in every other case nothing is left of it. Memory: two pieces and what chunk_put keeps. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/pool.h"
#include "storage/node/api_internal.h"

#define IN_PLACE_BYTES (64u << 10)

struct chunk_upload {
    struct api_request *request;
    struct chunk_put *put;
    struct api_append *append;
    uint32_t footer_len;
    bool in_place;   /* so small that nothing blocks and that the hand-over to the pool costs more than the checksum */
    size_t piece;    /* payload bytes handed on at a time */
    size_t capacity; /* of each buffer: a piece, a footer, and the byte that proves that there is more */
    char *buffers[2];
    unsigned current;
    size_t len;            /* in the current buffer */
    uint32_t size, crc32c; /* of what was committed */
    enum status status;
};

/* Refuses what can be refused before the body is read. */
static enum status upload_open(struct chunk_upload *upload, struct api_request *request)
{
    uint64_t length = request->http->content_length;
    bool known = length != HTTP_LENGTH_UNKNOWN;
    memset(upload, 0, sizeof(*upload));
    upload->request = request;
    if (!request->auth.footer && !request->auth.has_checksum)
        return STATUS_INVALID;
    upload->footer_len = request->auth.footer ? PROTOCOL_FOOTER_LEN : 0;
    if (known && length <= upload->footer_len)
        return STATUS_INVALID;
    if (known && length - upload->footer_len > CHUNK_BYTES_MAX)
        return STATUS_LIMIT;
    if (chunk_store_failed(request->api->config.store))
        return STATUS_IO;
    uint32_t expected = known ? (uint32_t)(length - upload->footer_len) : UINT32_MAX;
    upload->piece = expected < API_PIECE_BYTES ? expected : API_PIECE_BYTES;
    upload->capacity = upload->piece + upload->footer_len + 1;
    upload->buffers[0] = mem_alloc(upload->capacity);
    upload->put = chunk_put_create(request->api->config.store, &request->id, expected);
    upload->in_place = expected <= IN_PLACE_BYTES && chunk_put_stays_small(upload->put);
    upload->append = api_append_create(request->api, upload->put);
    return STATUS_OK;
}

/* The current buffer is full: hands its first piece on, and goes on in the other one with the rest. */
static enum status upload_turn(struct chunk_upload *upload)
{
    char *full = upload->buffers[upload->current];
    enum status status = api_append_piece(upload->append, full, upload->piece);
    if (status)
        return status;
    upload->current ^= 1;
    if (!upload->buffers[upload->current])
        upload->buffers[upload->current] = mem_alloc(upload->capacity);
    upload->len -= upload->piece;
    memcpy(upload->buffers[upload->current], full + upload->piece, upload->len);
    return STATUS_OK;
}

static enum status upload_receive(struct chunk_upload *upload)
{
    enum status status = STATUS_OK;
    for (;;) {
        size_t got = 0;
        if (upload->len == upload->capacity)
            status = upload_turn(upload);
        if (!status)
            status = http_body_read(upload->request->http, upload->buffers[upload->current] + upload->len,
                                    upload->capacity - upload->len, &got);
        if (status || got == 0)
            return status;
        upload->len += got;
    }
}

static enum status upload_check(const struct chunk_upload *upload, const uint8_t *footer)
{
    const struct protocol_auth *auth = &upload->request->auth;
    uint32_t size = chunk_put_size(upload->put), crc32c = chunk_put_crc32c(upload->put);
    if (auth->footer)
        return protocol_footer_check(upload->request->api->config.identity, auth, footer, size, crc32c)
                   ? STATUS_MISMATCH
                   : STATUS_OK;
    return auth->length == size && auth->crc32c == crc32c ? STATUS_OK : STATUS_MISMATCH;
}

/* The last bytes, the check, the commit. */
static enum status upload_commit(struct chunk_upload *upload)
{
    const char *rest = upload->buffers[upload->current];
    if (upload->len < upload->footer_len)
        return STATUS_MISMATCH;
    size_t len = upload->len - upload->footer_len;
    enum status status = len ? chunk_put_append(upload->put, rest, len) : STATUS_OK;
    if (!status)
        status = upload_check(upload, (const uint8_t *)rest + len);
    if (!status)
        status = chunk_put_commit(upload->put);
    return status;
}

/* For every outcome; closing and unlinking block too. */
static void upload_finish(void *arg)
{
    struct chunk_upload *upload = arg;
    if (!upload->status)
        upload->status = upload_commit(upload);
    upload->size = chunk_put_size(upload->put);
    upload->crc32c = chunk_put_crc32c(upload->put);
    chunk_put_free(upload->put);
}

enum status api_put(struct api_request *request)
{
    struct chunk_upload upload;
    enum status status = upload_open(&upload, request);
    if (!status) {
        enum status appended;
        status = upload_receive(&upload);
        appended = api_append_wait(upload.append);
        upload.status = status ? status : appended;
        if (upload.in_place)
            upload_finish(&upload);
        else
            pool_run(request->api->config.pool, upload_finish, &upload);
        status = upload.status;
    }
    api_append_free(upload.append);
    free(upload.buffers[0]);
    free(upload.buffers[1]);
    if (!status || status == STATUS_EXISTS)
        api_reply_stored(request->http, status, upload.size, upload.crc32c);
    else
        api_reply_status(request->http, status);
    return status;
}

/* GET of a chunk: the table of its checksums, and the blocks that are asked for.
 *
 * The handler reads and checks the first piece before the answer begins, so damage found there is a 404 like any other
 * absent chunk; damage found later cuts the connection, for a clean end would say that the bytes are right. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/pool.h"
#include "storage/node/api_internal.h"

#define PIECE_BLOCKS (API_PIECE_BYTES / CHUNK_BLOCK_BYTES)

struct download {
    struct api_request *request;
    struct store_reader reader;
    bool open;
    uint64_t first, count; /* blocks asked for; after the first read: blocks still to be read */
    uint64_t body_bytes;   /* of the whole answer */
    char *buffer;          /* the table, only in the first piece, and a piece */
    size_t len;            /* in the buffer */
    enum status status;
};

static enum status range_parse(struct bytes query, uint64_t *first, uint64_t *count)
{
    struct bytes name, value;
    *first = 0;
    *count = CHUNK_BLOCKS_MAX;
    while (api_query_next(&query, &name, &value)) {
        enum status status = STATUS_INVALID;
        if (bytes_equal_str(name, "first"))
            status = bytes_parse_u64(value, CHUNK_BLOCKS_MAX, first);
        else if (bytes_equal_str(name, "count"))
            status = bytes_parse_u64(value, CHUNK_BLOCKS_MAX, count);
        if (status)
            return STATUS_INVALID;
    }
    return *count ? STATUS_OK : STATUS_INVALID;
}

/* Payload bytes of the blocks from `first` on. */
static uint64_t blocks_bytes(const struct chunk_head *head, uint64_t first, uint64_t count)
{
    uint64_t end = (first + count) * CHUNK_BLOCK_BYTES;
    return (end < head->size ? end : head->size) - first * CHUNK_BLOCK_BYTES;
}

/* Reads the next piece to the buffer's end. */
static enum status download_read(struct download *download)
{
    uint32_t count = download->count < PIECE_BLOCKS ? (uint32_t)download->count : PIECE_BLOCKS;
    uint32_t first = (uint32_t)download->first;
    enum status status = store_reader_read(&download->reader, first, count, download->buffer + download->len);
    if (status)
        return status;
    download->len += blocks_bytes(&download->reader.head, first, count);
    download->first += count;
    download->count -= count;
    return STATUS_OK;
}

/* The reader is open: the table and the first piece. */
static enum status download_first_piece(struct download *download)
{
    const struct chunk_head *head = &download->reader.head;
    uint32_t blocks = chunk_block_count(head->size);
    if (download->first >= blocks)
        return STATUS_INVALID;
    if (download->count > blocks - download->first)
        download->count = blocks - download->first;
    uint64_t payload = blocks_bytes(head, download->first, download->count);
    download->body_bytes = 4 * blocks + payload;
    download->buffer = mem_alloc(4 * blocks + (payload < API_PIECE_BYTES ? payload : API_PIECE_BYTES));
    chunk_table_encode(head->table, blocks, (uint8_t *)download->buffer);
    download->len = 4 * blocks;
    return download_read(download);
}

/* In the pool. */
static void download_begin(void *arg)
{
    struct download *download = arg;
    download->status =
        store_reader_open(&download->reader, download->request->api->config.store, &download->request->id);
    download->open = download->status == STATUS_OK;
    if (download->open)
        download->status = download_first_piece(download);
}

/* On the loop: most small chunks that are read were read or written lately, and a trip to the pool costs several times
 * what it takes to copy one. False when it has to be the pool. */
static bool download_begin_in_memory(struct download *download)
{
    uint64_t first = download->first, count = download->count;
    if (!store_reader_open_memory(&download->reader, download->request->api->config.store, &download->request->id))
        return false;
    download->open = true;
    download->status = download_first_piece(download);
    if (download->status != STATUS_UNAVAILABLE)
        return true;
    store_reader_release(&download->reader);
    free(download->buffer);
    *download = (struct download){.request = download->request, .first = first, .count = count};
    return false;
}

/* In the pool. */
static void download_continue(void *arg)
{
    struct download *download = arg;
    download->len = 0;
    download->status = download_read(download);
}

/* In the pool. */
static void download_end(void *arg)
{
    struct download *download = arg;
    store_reader_release(&download->reader);
}

static enum status download_send(struct download *download)
{
    struct http_request *http = download->request->http;
    struct pool *pool = download->request->api->config.pool;
    api_reply_chunk_headers(http, download->reader.head.size, download->reader.head.crc32c);
    http_reply_header_str(http, "content-type", "application/octet-stream");
    enum status status = http_reply_start(http, 200, download->body_bytes);
    if (!status)
        status = http_reply_write(http, download->buffer, download->len);
    while (!status && download->count) {
        pool_run(pool, download_continue, download);
        status = download->status;
        if (!status)
            status = http_reply_write(http, download->buffer, download->len);
    }
    if (!status)
        return http_reply_finish(http);
    http_reply_abort(http);
    return status;
}

enum status api_get(struct api_request *request)
{
    struct download download = {.request = request};
    struct pool *pool = request->api->config.pool;
    enum status status = range_parse(request->http->query, &download.first, &download.count);
    if (!status) {
        if (!download_begin_in_memory(&download))
            pool_run(pool, download_begin, &download);
        status = download.status;
    }
    if (status)
        api_reply_status(request->http, status);
    else
        status = download_send(&download);
    if (download.open && download.reader.fd >= 0)
        pool_run(pool, download_end, &download); /* closing a file may wait */
    else if (download.open)
        store_reader_release(&download.reader);
    free(download.buffer);
    return status;
}

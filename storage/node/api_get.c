/* GET, HEAD and DELETE of a chunk, and the inventory.
 *
 * GET reads and checks the first piece before the answer begins, so damage found there is a 404 like any other absent
 * chunk; damage found later cuts the connection, for a clean end would say that the bytes are right. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/pool.h"
#include "storage/node/api_private.h"

#define PIECE_BLOCKS            (API_PIECE_BYTES / CHUNK_BLOCK_BYTES)
#define INVENTORY_LIMIT_DEFAULT 1000

/* ---- GET ----------------------------------------------------------------------------------------------------- */

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
    if (download.open && download.reader.in_memory)
        store_reader_release(&download.reader);
    else if (download.open)
        pool_run(pool, download_end, &download);
    free(download.buffer);
    return status;
}

/* ---- HEAD and DELETE ----------------------------------------------------------------------------------------- */

struct lookup {
    struct api_request *request;
    struct chunk_info info;
    bool has_expected; /* of a restore */
    struct chunk_expected expected;
    enum status status;
};

/* In the pool. */
static void stat_run(void *arg)
{
    struct lookup *lookup = arg;
    lookup->status = chunk_store_stat(lookup->request->api->config.store, &lookup->request->id, &lookup->info);
}

enum status api_head(struct api_request *request)
{
    struct lookup lookup = {.request = request};
    struct http_request *http = request->http;
    pool_run(request->api->config.pool, stat_run, &lookup);
    if (lookup.status) {
        api_reply_status(http, lookup.status);
        return lookup.status;
    }
    api_reply_chunk_headers(http, lookup.info.size, lookup.info.crc32c);
    if (!http_reply_start(http, 200, 4 * chunk_block_count(lookup.info.size) + (uint64_t)lookup.info.size))
        http_reply_finish(http);
    return STATUS_OK;
}

/* In the pool. */
static void delete_run(void *arg)
{
    struct lookup *lookup = arg;
    lookup->status = chunk_store_delete(lookup->request->api->config.store, &lookup->request->id);
}

/* In the pool. */
static void trash_run(void *arg)
{
    struct lookup *lookup = arg;
    lookup->status = chunk_store_trash(lookup->request->api->config.store, &lookup->request->id);
}

/* In the pool. */
static void restore_run(void *arg)
{
    struct lookup *lookup = arg;
    lookup->status = chunk_store_restore(lookup->request->api->config.store, &lookup->request->id,
                                         lookup->has_expected ? &lookup->expected : NULL);
}

/* Both or none. */
static enum status expected_parse(struct lookup *lookup)
{
    struct bytes query = lookup->request->http->query, name, value;
    struct api_expected expected = {0};
    while (api_query_next(&query, &name, &value))
        if (!api_expected_take(&expected, name, value))
            return STATUS_INVALID;
    lookup->has_expected = expected.has_size && expected.has_crc;
    lookup->expected = expected.chunk;
    return lookup->has_expected || lookup->request->http->query.len == 0 ? STATUS_OK : STATUS_INVALID;
}

static enum status change(struct lookup *lookup, void (*run)(void *lookup))
{
    struct http_request *http = lookup->request->http;
    pool_run(lookup->request->api->config.pool, run, lookup);
    if (lookup->status)
        api_reply_status(http, lookup->status);
    else
        http_reply(http, 204, bytes_of(NULL, 0));
    return lookup->status;
}

enum status api_delete(struct api_request *request)
{
    struct lookup lookup = {.request = request};
    return change(&lookup, delete_run);
}

enum status api_trash(struct api_request *request)
{
    struct lookup lookup = {.request = request};
    return change(&lookup, trash_run);
}

enum status api_restore(struct api_request *request)
{
    struct lookup lookup = {.request = request};
    enum status status = expected_parse(&lookup);
    if (!status)
        return change(&lookup, restore_run);
    api_reply_status(request->http, status);
    return status;
}

/* ---- inventory ----------------------------------------------------------------------------------------------- */

struct inventory {
    struct api_request *request;
    bool has_after;
    struct chunk_id after;
    uint64_t limit;
    uint8_t *records;
    size_t len;
    enum status status;
};

static enum status inventory_parse(struct inventory *inventory, struct bytes query)
{
    struct bytes name, value;
    inventory->limit = INVENTORY_LIMIT_DEFAULT;
    while (api_query_next(&query, &name, &value)) {
        enum status status = STATUS_INVALID;
        if (bytes_equal_str(name, "limit")) {
            status = bytes_parse_u64(value, INVENTORY_RECORDS_MAX, &inventory->limit);
        } else if (bytes_equal_str(name, "after")) {
            status = chunk_id_parse(value, &inventory->after);
            inventory->has_after = true;
        }
        if (status)
            return STATUS_INVALID;
    }
    return inventory->limit ? STATUS_OK : STATUS_INVALID;
}

static void inventory_begin(struct inventory *inventory, uint32_t count)
{
    inventory->len = (size_t)count * INVENTORY_RECORD_LEN;
    inventory->records = mem_alloc(inventory->len + 1);
}

static void inventory_record(struct inventory *inventory, uint32_t index, const struct chunk_id *id, uint32_t size,
                             uint32_t crc32c, int64_t time_ms)
{
    uint8_t *record = inventory->records + (size_t)index * INVENTORY_RECORD_LEN;
    memcpy(record, id->bytes, CHUNK_ID_LEN);
    put_u32(record + 16, size);
    put_u32(record + 20, crc32c);
    put_u64(record + 24, (uint64_t)time_ms);
}

/* In the pool. */
static void inventory_run(void *arg)
{
    struct inventory *inventory = arg;
    uint32_t count = 0;
    struct chunk_info *list = mem_alloc(inventory->limit * sizeof(*list));
    inventory->status =
        chunk_store_inventory(inventory->request->api->config.store, inventory->has_after ? &inventory->after : NULL,
                              list, (uint32_t)inventory->limit, &count);
    inventory_begin(inventory, count);
    for (uint32_t i = 0; i < count; i++)
        inventory_record(inventory, i, &list[i].id, list[i].size, list[i].crc32c, list[i].stored_ms);
    free(list);
}

/* In the pool. */
static void trash_list_run(void *arg)
{
    struct inventory *inventory = arg;
    uint32_t count = 0;
    struct trashed_chunk *list = mem_alloc(inventory->limit * sizeof(*list));
    inventory->status =
        chunk_store_trash_list(inventory->request->api->config.store, inventory->has_after ? &inventory->after : NULL,
                               list, (uint32_t)inventory->limit, &count);
    inventory_begin(inventory, count);
    for (uint32_t i = 0; i < count; i++)
        inventory_record(inventory, i, &list[i].id, list[i].size, list[i].crc32c, list[i].trashed_ms);
    free(list);
}

static enum status inventory_reply(struct api_request *request, void (*run)(void *inventory))
{
    struct inventory inventory = {.request = request};
    struct http_request *http = request->http;
    enum status status = inventory_parse(&inventory, http->query);
    if (!status) {
        pool_run(request->api->config.pool, run, &inventory);
        status = inventory.status;
    }
    if (status) {
        api_reply_status(http, status);
    } else {
        http_reply_header_str(http, "content-type", "application/octet-stream");
        http_reply(http, 200, bytes_of(inventory.records, inventory.len));
    }
    free(inventory.records);
    return status;
}

enum status api_inventory(struct api_request *request)
{
    return inventory_reply(request, inventory_run);
}

enum status api_trash_list(struct api_request *request)
{
    return inventory_reply(request, trash_list_run);
}

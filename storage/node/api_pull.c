/* POST /chunks/{id}/pull: this node fetches a chunk from another one and keeps it. The source must have what the
 * gateway's record says; the payload is checked against that and, block by block, against the table that the source
 * sent, before it is committed. Memory: two pieces, as for PUT, and the client's receive window. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/pool.h"
#include "storage/node/source_call.h"

#define PULL_STALL_MS 10000 /* the source is given up after this long without a byte */

struct pull {
    struct api_request *request;
    char source[SOURCE_ADDRESS_MAX];
    struct http_call *call;
    uint32_t size, crc32c; /* as the gateway and the source say */
    uint8_t table[4 * CHUNK_BLOCKS_MAX];
    struct chunk_put *put;
    struct api_append *append;
    char *buffers[2];
    const char *error; /* what the source did wrong; NULL when it is not to blame */
    enum status status;
};

/* Says that the source is to blame. */
static enum status pull_blame(struct pull *pull, enum status status, const char *error)
{
    pull->error = error;
    return status;
}

static enum status query_parse(struct pull *pull, struct bytes query)
{
    struct bytes name, value;
    struct api_expected expected = {0};
    if (!api_query_next(&query, &name, &value) || !bytes_equal_str(name, "from"))
        return STATUS_INVALID;
    enum status status = source_parse(value, pull->source);
    if (status)
        return status;
    while (api_query_next(&query, &name, &value))
        if (!api_expected_take(&expected, name, value))
            return STATUS_INVALID;
    pull->size = expected.chunk.size;
    pull->crc32c = expected.chunk.crc32c;
    return expected.has_size && expected.has_crc && pull->size ? STATUS_OK : STATUS_INVALID;
}

/* ---- the source ---------------------------------------------------------------------------------------------- */

static enum status source_open(struct pull *pull)
{
    char id[CHUNK_ID_TEXT_LEN + 1], target[64];
    uint64_t size;
    uint8_t crc[4];
    chunk_id_format(&pull->request->id, id);
    snprintf(target, sizeof(target), "/chunks/%s", id);
    enum status status = source_call(pull->request->api, pull->source, "GET", target, bytes_of(NULL, 0),
                                     clock_monotonic_ms() + PULL_STALL_MS, &pull->call);
    if (status)
        return pull_blame(pull, status, "the source does not answer");
    if (http_call_status(pull->call) == 404)
        return pull_blame(pull, STATUS_NOT_FOUND, "the source does not have the chunk");
    if (http_call_status(pull->call) != 200)
        return pull_blame(pull, STATUS_UNAVAILABLE, "the source refuses");
    struct bytes crc_hex = http_call_header(pull->call, "x-tercet-crc32c");
    if (bytes_parse_u64(http_call_header(pull->call, "x-tercet-size"), CHUNK_BYTES_MAX, &size) || size == 0 ||
        crc_hex.len != 8 || hex_decode(crc_hex, crc, sizeof(crc)))
        return pull_blame(pull, STATUS_INVALID, "the source's answer is malformed");
    if (size != pull->size || get_u32(crc) != pull->crc32c)
        return pull_blame(pull, STATUS_MISMATCH, "the source has other bytes under this id");
    return STATUS_OK;
}

/* Receives exactly len bytes. */
static enum status source_read(struct pull *pull, void *out, size_t len)
{
    char *next = out;
    while (len) {
        struct bytes received;
        enum status status = http_call_receive(pull->call, clock_monotonic_ms() + PULL_STALL_MS, &received);
        if (!status && received.len == 0)
            status = STATUS_CLOSED;
        if (status)
            return pull_blame(pull, status, "the source broke off");
        size_t part = received.len < len ? received.len : len;
        memcpy(next, received.data, part);
        http_call_consume(pull->call, part);
        next += part;
        len -= part;
    }
    return STATUS_OK;
}

/* ---- the copy ------------------------------------------------------------------------------------------------ */

static enum status pull_receive(struct pull *pull)
{
    size_t piece = pull->size < API_PIECE_BYTES ? pull->size : API_PIECE_BYTES;
    enum status status = source_read(pull, pull->table, 4 * chunk_block_count(pull->size));
    unsigned current = 0;
    for (uint32_t done = 0; !status && done < pull->size;) {
        uint32_t len = pull->size - done < piece ? pull->size - done : (uint32_t)piece;
        if (!pull->buffers[current])
            pull->buffers[current] = mem_alloc(piece);
        status = source_read(pull, pull->buffers[current], len);
        if (!status)
            status = api_append_piece(pull->append, pull->buffers[current], len);
        done += len;
        current ^= 1;
    }
    enum status appended = api_append_wait(pull->append);
    return status ? status : appended;
}

static enum status pull_commit(struct pull *pull)
{
    uint8_t table[sizeof(pull->table)];
    uint32_t blocks = chunk_block_count(pull->size);
    chunk_table_encode(chunk_put_sums(pull->put)->table, blocks, table);
    if (chunk_put_crc32c(pull->put) != pull->crc32c || memcmp(table, pull->table, 4 * blocks) != 0)
        return pull_blame(pull, STATUS_MISMATCH, "the source sent bytes that do not match their checksums");
    return chunk_put_commit(pull->put);
}

/* In the pool, for every outcome. */
static void pull_finish(void *arg)
{
    struct pull *pull = arg;
    if (!pull->status)
        pull->status = pull_commit(pull);
    chunk_put_free(pull->put);
}

static enum status pull_run(struct pull *pull)
{
    struct node_api *api = pull->request->api;
    enum status status = query_parse(pull, pull->request->http->query);
    if (status)
        return status;
    if (chunk_store_failed(api->config.store))
        return STATUS_IO;
    status = source_open(pull);
    if (status)
        return status;
    pull->put = chunk_put_create(api->config.store, &pull->request->id, pull->size);
    pull->append = api_append_create(api, pull->put);
    pull->status = pull_receive(pull);
    pool_run(api->config.pool, pull_finish, pull);
    return pull->status;
}

enum status api_pull(struct api_request *request)
{
    struct pull *pull = mem_zalloc(sizeof(*pull));
    struct http_request *http = request->http;
    pull->request = request;
    enum status status = pull_run(pull);
    if (pull->call)
        http_call_free(pull->call);
    if (!status || status == STATUS_EXISTS)
        api_reply_stored(http, status, pull->size, pull->crc32c);
    else if (pull->error)
        api_reply_error(http, 502, pull->error);
    else
        api_reply_status(http, status);
    api_append_free(pull->append);
    free(pull->buffers[0]);
    free(pull->buffers[1]);
    free(pull);
    return status;
}

/* Many small chunks with one request: POST /chunks/read sends them, POST /chunks/pull fetches them from another node
 * and keeps them. A node that lost its disk is made anew by these. What comes is checked, chunk by chunk, against what
 * the gateway's records say, and becomes durable with a few syncs. Memory: twice PROTOCOL_PULL_BYTES a request. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/pool.h"
#include "storage/node/source_call.h"

#define PULL_TIMEOUT_MS 10000 /* for the whole answer of the source */
#define ANSWER_MAX      (PROTOCOL_PULL_BYTES + PROTOCOL_PULL_MAX)

/* The chunks that a request is about. */
struct pull_many {
    struct api_request *request;
    struct buffer body; /* as it came */
    size_t count;
    uint64_t bytes; /* their sizes together */
    struct chunk_info *chunks;
    struct buffer payload; /* of the answer, or of the source's answer */
    uint8_t outcomes[PROTOCOL_PULL_MAX];
    char source[SOURCE_ADDRESS_MAX];
};

/* Reads the body and checks it. */
static enum status pull_many_open(struct pull_many *many, struct api_request *request)
{
    many->request = request;
    buffer_init(&many->body, PROTOCOL_PULL_MAX * PULL_RECORD_LEN);
    buffer_init(&many->payload, ANSWER_MAX);
    enum status status = api_body_read(request, &many->body);
    if (status)
        return status;
    if (many->body.len == 0 || many->body.len % PULL_RECORD_LEN)
        return STATUS_INVALID;
    many->count = many->body.len / PULL_RECORD_LEN;
    many->chunks = mem_zalloc(many->count * sizeof(*many->chunks));
    for (size_t i = 0; i < many->count; i++) {
        const char *record = many->body.data + i * PULL_RECORD_LEN;
        struct chunk_info *chunk = &many->chunks[i];
        memcpy(chunk->id.bytes, record, CHUNK_ID_LEN);
        chunk->size = get_u32(record + CHUNK_ID_LEN);
        chunk->crc32c = get_u32(record + CHUNK_ID_LEN + 4);
        if (chunk->size == 0 || chunk->size > CHUNK_BLOCK_BYTES)
            return STATUS_INVALID;
        many->bytes += chunk->size;
    }
    return many->bytes > PROTOCOL_PULL_BYTES ? STATUS_LIMIT : STATUS_OK;
}

static void pull_many_free(struct pull_many *many)
{
    buffer_release(&many->body);
    buffer_release(&many->payload);
    free(many->chunks);
    free(many);
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* A copy as the record says, checked; false when there is none. */
static bool chunk_read(struct chunk_store *store, const struct chunk_info *chunk, char *out)
{
    struct store_reader reader;
    if (store_reader_open(&reader, store, &chunk->id))
        return false;
    bool right = reader.head.size == chunk->size && reader.head.crc32c == chunk->crc32c &&
                 store_reader_read(&reader, 0, 1, out) == STATUS_OK;
    store_reader_release(&reader);
    return right;
}

/* In the pool. */
static void read_many_run(void *arg)
{
    struct pull_many *many = arg;
    static const char no = 0, yes = 1;
    char *block = mem_alloc(CHUNK_BLOCK_BYTES);

    for (size_t i = 0; i < many->count; i++) {
        bool here = chunk_read(many->request->api->config.store, &many->chunks[i], block);
        CHECK(buffer_append(&many->payload, here ? &yes : &no, 1) == STATUS_OK);
        if (here)
            CHECK(buffer_append(&many->payload, block, many->chunks[i].size) == STATUS_OK);
    }
    free(block);
}

enum status api_read_many(struct api_request *request)
{
    struct pull_many *many = mem_zalloc(sizeof(*many));
    enum status status = pull_many_open(many, request);

    if (status) {
        api_reply_status(request->http, status);
    } else {
        pool_run(request->api->config.pool, read_many_run, many);
        http_reply_header_str(request->http, "content-type", "application/octet-stream");
        HTTP_LAST_REPLY(http_reply(request->http, 200, buffer_bytes(&many->payload)));
    }
    pull_many_free(many);
    return status;
}

/* ---- fetching ---------------------------------------------------------------------------------------------------- */

/* In the pool: what is here already, or in the trash, needs not be fetched; what is here and bad is set aside. */
static void held_find(void *arg)
{
    struct pull_many *many = arg;
    struct chunk_store *store = many->request->api->config.store;

    for (size_t i = 0; i < many->count; i++) {
        struct chunk_expected expected = {many->chunks[i].size, many->chunks[i].crc32c};
        bool held = chunk_store_restore(store, &many->chunks[i].id, &expected) == STATUS_OK;
        many->outcomes[i] = held ? PULL_HELD : PULL_FAILED;
    }
}

static enum status source_read(struct pull_many *many, struct bytes body)
{
    uint64_t deadline_ms = clock_monotonic_ms() + PULL_TIMEOUT_MS;
    struct http_call *call;
    struct bytes piece = {.len = 1};

    enum status status =
        source_call(many->request->api, many->source, "POST", "/chunks/read", body, deadline_ms, &call);
    if (!status && http_call_status(call) != 200)
        status = STATUS_UNAVAILABLE;
    while (!status && piece.len) {
        status = http_call_receive(call, deadline_ms, &piece);
        if (!status)
            status = buffer_append_bytes(&many->payload, piece);
        if (!status)
            http_call_consume(call, piece.len);
    }
    http_call_free(call);
    return status;
}

/* Takes the next chunk off the source's answer. data NULL: the source does not have it, or not as recorded; false: the
 * answer is malformed. */
static bool answer_next(struct bytes *answer, const struct chunk_info *chunk, struct bytes *data)
{
    *data = bytes_of(NULL, 0);
    if (answer->len == 0 || (unsigned char)answer->data[0] > 1)
        return false;
    bool sent = answer->data[0] == 1;
    *answer = bytes_of(answer->data + 1, answer->len - 1);
    if (!sent)
        return true;
    if (answer->len < chunk->size)
        return false;
    if (crc32c_update(0, answer->data, chunk->size) == chunk->crc32c)
        *data = bytes_of(answer->data, chunk->size);
    *answer = bytes_of(answer->data + chunk->size, answer->len - chunk->size);
    return true;
}

/* In the pool: keeps what came and is right. */
static void fetched_store(void *arg)
{
    struct pull_many *many = arg;
    struct chunk_store *store = many->request->api->config.store;
    struct bytes answer = buffer_bytes(&many->payload), data;
    struct chunk_put *puts[PROTOCOL_PULL_MAX];
    enum status outcomes[PROTOCOL_PULL_MAX];
    size_t from[PROTOCOL_PULL_MAX], count = 0;

    for (size_t i = 0; i < many->count; i++) {
        const struct chunk_info *chunk = &many->chunks[i];
        if (many->outcomes[i] == PULL_HELD)
            continue;
        if (!answer_next(&answer, chunk, &data))
            break;
        if (!data.data)
            continue;
        puts[count] = chunk_put_create(store, &chunk->id, chunk->size);
        if (chunk_put_append(puts[count], data.data, data.len))
            chunk_put_free(puts[count]);
        else
            from[count++] = i;
    }
    chunk_put_commit_many(puts, count, outcomes);
    for (size_t i = 0; i < count; i++) {
        if (!outcomes[i] || outcomes[i] == STATUS_EXISTS)
            many->outcomes[from[i]] = PULL_STORED;
        chunk_put_free(puts[i]);
    }
}

static void pull_many_run(struct pull_many *many)
{
    struct node_api *api = many->request->api;
    uint8_t wanted[PROTOCOL_PULL_MAX * PULL_RECORD_LEN];
    size_t len = 0;

    pool_run(api->config.pool, held_find, many);
    for (size_t i = 0; i < many->count; i++)
        if (many->outcomes[i] != PULL_HELD) {
            memcpy(wanted + len, many->body.data + i * PULL_RECORD_LEN, PULL_RECORD_LEN);
            len += PULL_RECORD_LEN;
        }
    if (len == 0)
        return;
    enum status status = source_read(many, bytes_of(wanted, len));
    if (status)
        log_warn("chunks could not be fetched", LOG_STR("from", many->source), LOG_STATUS(status));
    else
        pool_run(api->config.pool, fetched_store, many);
}

enum status api_pull_many(struct api_request *request)
{
    struct pull_many *many = mem_zalloc(sizeof(*many));
    enum status status = pull_many_open(many, request);

    struct bytes query = request->http->query, name, value = {0};

    if (!status && (!api_query_next(&query, &name, &value) || !bytes_equal_str(name, "from")))
        status = STATUS_INVALID;
    if (!status)
        status = source_parse(value, many->source);
    if (!status && chunk_store_failed(request->api->config.store))
        status = STATUS_IO;
    if (status) {
        api_reply_status(request->http, status);
    } else {
        pull_many_run(many);
        http_reply_header_str(request->http, "content-type", "application/octet-stream");
        HTTP_LAST_REPLY(http_reply(request->http, 200, bytes_of(many->outcomes, many->count)));
    }
    pull_many_free(many);
    return status;
}

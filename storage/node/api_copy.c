/* What is asked of one copy without reading it: HEAD, and the ways into the trash and back. */
#include "base/pool.h"
#include "storage/node/api_internal.h"

struct chunk_lookup {
    struct api_request *request;
    struct chunk_info info;
    bool has_expected; /* of a restore */
    struct chunk_expected expected;
    enum status status;
};

/* In the pool. */
static void stat_run(void *arg)
{
    struct chunk_lookup *lookup = arg;
    lookup->status = chunk_store_stat(lookup->request->api->config.store, &lookup->request->id, &lookup->info);
}

enum status api_head(struct api_request *request)
{
    struct chunk_lookup lookup = {.request = request};
    struct http_request *http = request->http;
    pool_run(request->api->config.pool, stat_run, &lookup);
    if (lookup.status) {
        api_reply_status(http, lookup.status);
        return lookup.status;
    }
    api_reply_chunk_headers(http, lookup.info.size, lookup.info.crc32c);
    if (!http_reply_start(http, 200, 4 * chunk_block_count(lookup.info.size) + (uint64_t)lookup.info.size))
        HTTP_LAST_REPLY(http_reply_finish(http));
    return STATUS_OK;
}

/* In the pool. */
static void trash_run(void *arg)
{
    struct chunk_lookup *lookup = arg;
    lookup->status = chunk_store_trash(lookup->request->api->config.store, &lookup->request->id);
}

/* In the pool. */
static void restore_run(void *arg)
{
    struct chunk_lookup *lookup = arg;
    lookup->status = chunk_store_restore(lookup->request->api->config.store, &lookup->request->id,
                                         lookup->has_expected ? &lookup->expected : NULL);
}

/* Both or none. */
static enum status expected_parse(struct chunk_lookup *lookup)
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

static enum status change(struct chunk_lookup *lookup, void (*run)(void *lookup))
{
    struct http_request *http = lookup->request->http;
    pool_run(lookup->request->api->config.pool, run, lookup);
    if (lookup->status)
        api_reply_status(http, lookup->status);
    else
        HTTP_LAST_REPLY(http_reply(http, 204, bytes_of(NULL, 0)));
    return lookup->status;
}

enum status api_trash(struct api_request *request)
{
    struct chunk_lookup lookup = {.request = request};
    return change(&lookup, trash_run);
}

enum status api_restore(struct api_request *request)
{
    struct chunk_lookup lookup = {.request = request};
    enum status status = expected_parse(&lookup);
    if (!status)
        return change(&lookup, restore_run);
    api_reply_status(request->http, status);
    return status;
}

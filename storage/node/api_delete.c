/* Deleting chunks: one, or many with one request and one sync. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/pool.h"
#include "storage/node/api_internal.h"

struct deletion {
    struct chunk_store *store;
    size_t count;
    const struct chunk_id *ids;
    enum status *outcomes;
};

/* In the pool. */
static void deletion_run(void *arg)
{
    const struct deletion *deletion = arg;
    chunk_store_delete_many(deletion->store, deletion->ids, deletion->count, deletion->outcomes);
}

enum status api_delete(struct api_request *request)
{
    const struct node_api_config *config = &request->api->config;
    enum status status;
    struct deletion deletion = {.store = config->store, .count = 1, .ids = &request->id, .outcomes = &status};

    pool_run(config->pool, deletion_run, &deletion);
    if (status)
        api_reply_status(request->http, status);
    else
        HTTP_LAST_REPLY(http_reply(request->http, 204, bytes_of(NULL, 0)));
    return status;
}

static bool is_gone(enum status outcome)
{
    return outcome == STATUS_OK || outcome == STATUS_NOT_FOUND;
}

/* Answers with what became of each; the worst outcome is that of the request. */
static enum status reply_outcomes(struct http_request *http, const struct deletion *deletion)
{
    uint8_t answer[PROTOCOL_DELETE_MAX];
    enum status worst = STATUS_OK;

    for (size_t i = 0; i < deletion->count; i++) {
        answer[i] = is_gone(deletion->outcomes[i]) ? DELETE_GONE : DELETE_KEPT;
        if (!is_gone(deletion->outcomes[i]))
            worst = deletion->outcomes[i];
    }
    if (worst == STATUS_IO) { /* the disk failed: the gateway must hear of it as of every such failure */
        api_reply_status(http, worst);
        return worst;
    }
    http_reply_header_str(http, "content-type", "application/octet-stream");
    HTTP_LAST_REPLY(http_reply(http, 200, bytes_of(answer, deletion->count)));
    return worst;
}

static_assert(sizeof(struct chunk_id) == CHUNK_ID_LEN, "the body is an array of ids");

enum status api_delete_many(struct api_request *request)
{
    const struct node_api_config *config = &request->api->config;
    struct deletion deletion = {.store = config->store};
    struct buffer body;

    buffer_init(&body, PROTOCOL_DELETE_MAX * CHUNK_ID_LEN);
    enum status status = api_body_read(request, &body);
    if (!status && (body.len == 0 || body.len % CHUNK_ID_LEN))
        status = STATUS_INVALID;
    if (status) {
        api_reply_status(request->http, status);
    } else {
        deletion.count = body.len / CHUNK_ID_LEN;
        deletion.ids = (const struct chunk_id *)body.data;
        deletion.outcomes = mem_alloc(deletion.count * sizeof(*deletion.outcomes));
        pool_run(config->pool, deletion_run, &deletion);
        status = reply_outcomes(request->http, &deletion);
        free(deletion.outcomes);
    }
    buffer_release(&body);
    return status;
}

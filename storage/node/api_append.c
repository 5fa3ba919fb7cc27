/* Overlaps network and disk: while one piece is checksummed and written in the pool, the task receives the next. At
 * most one piece is with the pool. */
#include <stdlib.h>

#include "base/check.h"
#include "base/pool.h"
#include "base/task.h"
#include "storage/node/api_internal.h"

struct api_append {
    struct node_api *api;
    struct chunk_put *put;
    const void *data;
    size_t len;
    enum status status; /* of all pieces so far: the first error stays */
    bool running;
    struct completion completion;
};

struct api_append *api_append_create(struct node_api *api, struct chunk_put *put)
{
    struct api_append *append = mem_zalloc(sizeof(*append));
    append->api = api;
    append->put = put;
    return append;
}

static void append_run(void *arg)
{
    struct api_append *append = arg;
    append->status = chunk_put_append(append->put, append->data, append->len);
    completion_signal(&append->completion);
}

enum status api_append_wait(struct api_append *append)
{
    if (append->running)
        completion_wait(&append->completion);
    append->running = false;
    return append->status;
}

enum status api_append_piece(struct api_append *append, const void *data, size_t len)
{
    enum status status = api_append_wait(append);
    if (status)
        return status;
    append->data = data;
    append->len = len;
    append->running = true;
    completion_init(&append->completion);
    pool_submit(append->api->config.pool, append_run, append);
    return STATUS_OK;
}

void api_append_free(struct api_append *append)
{
    CHECK(!append || !append->running);
    free(append);
}

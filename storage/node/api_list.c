/* Pages of what the node holds: the inventory (GET /chunks) and the trash (GET /trash), in the order of the ids. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/pool.h"
#include "storage/node/api_internal.h"

#define INVENTORY_LIMIT_DEFAULT 1000

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
        HTTP_LAST_REPLY(http_reply(http, 200, bytes_of(inventory.records, inventory.len)));
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

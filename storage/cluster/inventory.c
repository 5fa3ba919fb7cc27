/* Asking a node which chunks it holds, page by page. What it answers is checked: the ids ascend and lie behind the one
 * asked for, so that whoever pages through them comes to an end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "storage/cluster/node_exchange.h"

static enum status page_parse(struct bytes page, const struct chunk_id *after, struct cluster_copy *copies,
                              size_t *count)
{
    const uint8_t *at = (const uint8_t *)page.data;
    if (page.len % INVENTORY_RECORD_LEN)
        return STATUS_INVALID;
    *count = page.len / INVENTORY_RECORD_LEN;
    for (size_t i = 0; i < *count; i++, at += INVENTORY_RECORD_LEN) {
        memcpy(copies[i].id.bytes, at, CHUNK_ID_LEN);
        copies[i].size = get_u32(at + 16);
        copies[i].crc32c = get_u32(at + 20);
        copies[i].stored_ms = (int64_t)get_u64(at + 24);
        if (after && memcmp(copies[i].id.bytes, after->bytes, CHUNK_ID_LEN) <= 0)
            return STATUS_INVALID;
        after = &copies[i].id;
    }
    return STATUS_OK;
}

static enum status page_ask(struct cluster *cluster, unsigned number, const char *path, const struct chunk_id *after,
                            size_t capacity, struct cluster_copy *copies, size_t *count)
{
    char target[NODE_TARGET_MAX], text[CHUNK_ID_TEXT_LEN + 1];
    struct node *node = cluster_node(cluster, number);
    struct buffer page;

    *count = 0;
    CHECK(capacity >= 1 && capacity <= INVENTORY_RECORDS_MAX);
    if (!node)
        return STATUS_UNAVAILABLE;
    snprintf(target, sizeof(target), "%s?limit=%zu", path, capacity);
    if (after) {
        chunk_id_format(after, text);
        snprintf(target, sizeof(target), "%s?after=%s&limit=%zu", path, text, capacity);
    }
    buffer_init(&page, capacity * INVENTORY_RECORD_LEN);
    enum status status = node_exchange(
        cluster, node,
        &(struct node_exchange){
            .method = "GET", .target = target, .answer = &page, .timeout_ms = cluster->config.node_timeout_ms});
    if (!status)
        status = page_parse(buffer_bytes(&page), after, copies, count);
    if (status)
        *count = 0;
    buffer_release(&page);
    return status;
}

enum status cluster_inventory(struct cluster *cluster, unsigned number, const struct chunk_id *after, size_t capacity,
                              struct cluster_copy *copies, size_t *count)
{
    return page_ask(cluster, number, "/chunks", after, capacity, copies, count);
}

enum status cluster_trash(struct cluster *cluster, unsigned number, const struct chunk_id *after, size_t capacity,
                          struct cluster_copy *copies, size_t *count)
{
    return page_ask(cluster, number, "/trash", after, capacity, copies, count);
}

/* See the header. */
#include "storage/cluster/meta_link.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "storage/cluster/node_exchange.h"

#define BYTES_PER_MS_MIN 1024 /* a slow disk must not make a large request fail */

/* Every answer says how far the replica is, also a refusal. */
static void state_take(void *arg, const struct http_call *http)
{
    struct cluster_meta_state *state = arg;
    uint8_t epoch[8];
    uint64_t sequence, fence;
    if (hex_decode(http_call_header(http, PROTOCOL_HEADER_EPOCH), epoch, sizeof(epoch)) ||
        bytes_parse_u64(http_call_header(http, PROTOCOL_HEADER_SEQUENCE), UINT64_MAX, &sequence))
        return;
    *state = (struct cluster_meta_state){.epoch = get_u64(epoch), .sequence = sequence};
    state->knows_fences =
        bytes_parse_u64(http_call_header(http, PROTOCOL_HEADER_FENCE), UINT32_MAX, &fence) == STATUS_OK;
    state->fence = state->knows_fences ? (uint32_t)fence : 0;
    state->lost = http_call_header(http, PROTOCOL_HEADER_LOST).len > 0;
    state->full = http_call_header(http, PROTOCOL_HEADER_FULL).len > 0;
}

static enum status meta_exchange(struct cluster *cluster, unsigned index, struct node_exchange exchange,
                                 struct cluster_meta_state *state)
{
    CHECK(index < cluster->node_count);
    exchange.timeout_ms = cluster->config.node_timeout_ms + exchange.body.len / BYTES_PER_MS_MIN;
    exchange.doubt_ms = 2 * cluster->config.stall_ms;
    exchange.headers = state_take;
    exchange.arg = state;
    state->full = false;
    enum status status = node_exchange(cluster, &cluster->nodes[index], &exchange);
    if (state->full)
        node_filled(&cluster->nodes[index]);
    return status;
}

enum status cluster_meta_state(struct cluster *cluster, unsigned index, struct cluster_meta_state *state)
{
    return meta_exchange(cluster, index,
                         (struct node_exchange){.method = "GET", .target = "/meta/state", .asking = true}, state);
}

enum status cluster_meta_apply(struct cluster *cluster, unsigned index, struct bytes records,
                               struct cluster_meta_state *state)
{
    return meta_exchange(cluster, index,
                         (struct node_exchange){.method = "PUT", .target = "/meta/batches", .body = records}, state);
}

enum status cluster_meta_last(struct cluster *cluster, unsigned index, struct buffer *record,
                              struct cluster_meta_state *state)
{
    buffer_clear(record);
    return meta_exchange(cluster, index,
                         (struct node_exchange){.method = "GET", .target = "/meta/last", .answer = record}, state);
}

enum status cluster_meta_load(struct cluster *cluster, unsigned index, const struct cluster_meta_page *page,
                              struct bytes record, struct cluster_meta_state *state)
{
    char target[NODE_TARGET_MAX], over[64] = "";
    if (page->over.epoch)
        snprintf(over, sizeof(over), "&over=%016" PRIx64 "-%" PRIu64, page->over.epoch, page->over.sequence);
    snprintf(target, sizeof(target), "/meta/snapshot?epoch=%016" PRIx64 "&sequence=%" PRIu64 "&page=%" PRIu32 "%s%s",
             page->as_of.epoch, page->as_of.sequence, page->number, page->last ? "&last=1" : "", over);
    return meta_exchange(cluster, index, (struct node_exchange){.method = "PUT", .target = target, .body = record},
                         state);
}

enum status cluster_meta_dump(struct cluster *cluster, unsigned index, struct bytes after, struct buffer *record,
                              struct cluster_meta_state *state)
{
    return meta_exchange(
        cluster, index,
        (struct node_exchange){
            .method = "POST", .target = "/meta/dump", .body = after.len ? after : BYTES(""), .answer = record},
        state);
}

enum status cluster_meta_fence(struct cluster *cluster, unsigned index, uint32_t generation,
                               struct cluster_meta_state *state)
{
    char target[NODE_TARGET_MAX];
    snprintf(target, sizeof(target), "/meta/fence?generation=%" PRIu32, generation);
    return meta_exchange(cluster, index, (struct node_exchange){.method = "POST", .target = target}, state);
}

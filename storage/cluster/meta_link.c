/* See the header. */
#include "storage/cluster/meta_link.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "storage/cluster/node_call.h"

#define BYTES_PER_MS_MIN 1024 /* a slow disk must not make a large request fail */

struct exchange {
    struct cluster *cluster;
    struct node *node;
    const char *method, *target;
    bool asking;       /* a failure says nothing about the node's health: it is asked before it is known to run */
    struct bytes body; /* data NULL: none */
    struct buffer *answer;
    struct cluster_meta_state *state;
};

static void state_take(const struct http_call *http, struct cluster_meta_state *state)
{
    uint8_t epoch[8];
    uint64_t sequence;
    if (hex_decode(http_call_header(http, PROTOCOL_HEADER_EPOCH), epoch, sizeof(epoch)) ||
        bytes_parse_u64(http_call_header(http, PROTOCOL_HEADER_SEQUENCE), UINT64_MAX, &sequence))
        return;
    *state = (struct cluster_meta_state){get_u64(epoch), sequence};
}

static void call_begin(struct node_call *call, const struct exchange *exchange)
{
    char content[48] = "-", auth[PROTOCOL_AUTH_MAX];
    if (exchange->body.data)
        snprintf(content, sizeof(content), "crc32c:%08" PRIx32 ":%zu",
                 crc32c_update(0, exchange->body.data, exchange->body.len), exchange->body.len);
    protocol_sign(&exchange->cluster->config.identity, exchange->method, bytes_from_str(exchange->target),
                  node_signing_time(exchange->node, clock_wall_ms()), content, auth);
    node_call_start(call, exchange->cluster, exchange->node, exchange->method, exchange->target, auth,
                    (struct http_call_options){.body = exchange->body});
}

/* Collects the body until the exchange has ended. */
static enum status answer_receive(struct node_call *call, uint64_t deadline_ms, struct buffer *answer)
{
    struct bytes piece = {0};
    enum status status = http_call_receive(call->http, deadline_ms, &piece);
    while (!status && piece.len) {
        status = buffer_append_bytes(answer, piece);
        http_call_consume(call->http, piece.len);
        if (!status)
            status = http_call_receive(call->http, deadline_ms, &piece);
    }
    return status;
}

/* One sending. *again: it was refused for its time alone. */
static enum status exchange_once(const struct exchange *exchange, bool *again)
{
    const struct cluster_config *config = &exchange->cluster->config;
    struct node_call call = {0};
    enum node_outcome outcome = NODE_FAILED;
    const char *reason = "timed out";
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t deadline_ms = now_ms + config->node_timeout_ms + exchange->body.len / BYTES_PER_MS_MIN;

    *again = false;
    call_begin(&call, exchange);
    enum status status = http_call_wait_head(call.http, now_ms + 2 * config->stall_ms);
    if (status == STATUS_TIMEOUT) {
        node_doubt(exchange->node, "does not answer in time");
        status = http_call_wait_head(call.http, deadline_ms);
    }
    if (!status) {
        bool wanted = exchange->answer && http_call_status(call.http) == 200;
        status =
            wanted ? answer_receive(&call, deadline_ms, exchange->answer) : http_call_wait_end(call.http, deadline_ms);
    }
    if (http_call_ended(call.http)) {
        status = node_call_judge(&call, &outcome, &reason);
        state_take(call.http, exchange->state);
        *again = node_call_needs_other_time(&call);
    }
    if (exchange->asking && outcome == NODE_FAILED)
        outcome = NODE_ABANDONED;
    node_call_finish(&call, outcome, reason);
    return status;
}

static enum status exchange_run(const struct exchange *exchange)
{
    bool again;
    enum status status = exchange_once(exchange, &again);
    if (again)
        status = exchange_once(exchange, &again);
    return status;
}

enum status cluster_meta_state(struct cluster *cluster, unsigned index, struct cluster_meta_state *state)
{
    CHECK(index < cluster->node_count);
    return exchange_run(&(struct exchange){.cluster = cluster,
                                           .node = &cluster->nodes[index],
                                           .method = "GET",
                                           .target = "/meta/state",
                                           .asking = true,
                                           .state = state});
}

enum status cluster_meta_apply(struct cluster *cluster, unsigned index, struct bytes records,
                               struct cluster_meta_state *state)
{
    CHECK(index < cluster->node_count);
    return exchange_run(&(struct exchange){.cluster = cluster,
                                           .node = &cluster->nodes[index],
                                           .method = "PUT",
                                           .target = "/meta/batches",
                                           .body = records,
                                           .state = state});
}

enum status cluster_meta_load(struct cluster *cluster, unsigned index, const struct cluster_meta_page *page,
                              struct bytes record, struct cluster_meta_state *state)
{
    char target[NODE_TARGET_MAX];
    CHECK(index < cluster->node_count);
    snprintf(target, sizeof(target), "/meta/snapshot?epoch=%016" PRIx64 "&sequence=%" PRIu64 "&page=%" PRIu32 "%s",
             page->as_of.epoch, page->as_of.sequence, page->number, page->last ? "&last=1" : "");
    return exchange_run(&(struct exchange){.cluster = cluster,
                                           .node = &cluster->nodes[index],
                                           .method = "PUT",
                                           .target = target,
                                           .body = record,
                                           .state = state});
}

enum status cluster_meta_dump(struct cluster *cluster, unsigned index, struct bytes after, struct buffer *record,
                              struct cluster_meta_state *state)
{
    CHECK(index < cluster->node_count);
    return exchange_run(&(struct exchange){.cluster = cluster,
                                           .node = &cluster->nodes[index],
                                           .method = "POST",
                                           .target = "/meta/dump",
                                           .body = after.len ? after : BYTES(""),
                                           .answer = record,
                                           .state = state});
}

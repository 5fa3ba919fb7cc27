/* See the header. */
#include "storage/cluster/node_exchange.h"

#include "base/check.h"
#include "base/clock.h"

#define HURRY_LOOK_MS 100  /* whether the cluster is about to stop */
#define HURRY_WAIT_MS 1000 /* what it may take from then on */

/* When the wait for a node's answer ends: earlier than planned when the cluster is about to stop, but not before it had
 * its second. */
static uint64_t wait_end_ms(const struct cluster *cluster, uint64_t begun_ms, uint64_t deadline_ms)
{
    uint64_t hurry_ms = atomic_load(&cluster->hurry_ms);
    uint64_t end_ms = (hurry_ms > begun_ms ? hurry_ms : begun_ms) + HURRY_WAIT_MS;
    return hurry_ms && end_ms < deadline_ms ? end_ms : deadline_ms;
}

/* Waits for the answer's head, in pieces, so that it is noticed when the cluster is about to stop. */
static enum status head_wait(const struct cluster *cluster, struct http_call *http, uint64_t begun_ms,
                             uint64_t deadline_ms)
{
    for (;;) {
        uint64_t end_ms = wait_end_ms(cluster, begun_ms, deadline_ms), look_ms = clock_monotonic_ms() + HURRY_LOOK_MS;
        enum status status = http_call_wait_head(http, look_ms < end_ms ? look_ms : end_ms);
        if (status != STATUS_TIMEOUT || http_call_ended(http) || clock_monotonic_ms() >= end_ms)
            return status;
    }
}

/* Collects the body of a 200, of which the head has come, until its end. Any other answer's body is discarded. */
static enum status answer_collect(struct http_call *http, uint64_t deadline_ms, struct buffer *answer)
{
    struct bytes piece = {.len = 1};
    enum status status = STATUS_OK;

    if (!answer || http_call_status(http) != 200)
        return http_call_wait_end(http, deadline_ms);
    buffer_clear(answer);
    while (!status && piece.len) {
        status = http_call_receive(http, deadline_ms, &piece);
        if (!status)
            status = buffer_append_bytes(answer, piece);
        if (!status)
            http_call_consume(http, piece.len);
    }
    return status;
}

static enum status answer_wait(const struct cluster *cluster, const struct node_call *call,
                               const struct node_exchange *exchange)
{
    uint64_t now_ms = clock_monotonic_ms(), deadline_ms = now_ms + exchange->timeout_ms;
    enum status status = STATUS_TIMEOUT;

    if (exchange->doubt_ms) {
        status = head_wait(cluster, call->http, now_ms, now_ms + exchange->doubt_ms);
        if (status == STATUS_TIMEOUT)
            node_doubt(call->node, "does not answer in time");
    }
    if (status == STATUS_TIMEOUT)
        status = head_wait(cluster, call->http, now_ms, deadline_ms);
    return status ? status : answer_collect(call->http, wait_end_ms(cluster, now_ms, deadline_ms), exchange->answer);
}

/* One sending. True: it is to be sent once more. */
static bool exchange_once(const struct cluster *cluster, struct node *node, const struct node_exchange *exchange,
                          bool *redated, enum status *status)
{
    struct node_call call = {0};
    enum node_outcome outcome = NODE_FAILED;
    const char *reason = "timed out";
    bool again = false;

    node_call_start(&call, cluster, node, exchange->method, exchange->target, exchange->auth,
                    (struct http_call_options){.body = exchange->body});
    *status = answer_wait(cluster, &call, exchange);
    if (*status == STATUS_LIMIT) {
        reason = "sent too long an answer";
    } else if (http_call_ended(call.http)) {
        *status = node_call_judge(&call, &outcome, &reason);
        if (exchange->headers)
            exchange->headers(exchange->arg, call.http);
        again = !exchange->auth && node_call_is_misdated(&call, redated);
    }
    if (exchange->asking && outcome == NODE_FAILED)
        outcome = NODE_ABANDONED;
    node_call_finish(&call, outcome, reason);
    return again;
}

enum status node_exchange(const struct cluster *cluster, struct node *node, const struct node_exchange *exchange)
{
    bool redated = false;
    enum status status;

    CHECK(exchange->method && exchange->target);
    CHECK(exchange->timeout_ms > 0);
    while (exchange_once(cluster, node, exchange, &redated, &status))
        continue;
    return status;
}

/* See the header. This is the one place that says which answers are a node's failure. */
#include "storage/cluster/node_call.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/task.h"
#include "base/trace.h"

void node_call_start(struct node_call *call, const struct cluster *cluster, struct node *node, const char *method,
                     const char *target, const char *auth, struct http_call_options options)
{
    char url[sizeof(node->address) + NODE_TARGET_MAX + 8];
    char header[PROTOCOL_AUTH_MAX + 16];
    char own_auth[PROTOCOL_AUTH_MAX];
    char id_header[64], trace_header[TRACE_PARENT_LEN + 16];
    const char *headers[4] = {header};
    unsigned count = 1;

    CHECK(!call->http);
    if (!auth) {
        protocol_sign(&cluster->config.identity, method, bytes_from_str(target),
                      node_signing_time(node, clock_wall_ms()), "-", own_auth);
        auth = own_auth;
    }
    snprintf(url, sizeof(url), "http://%s%s", node->address, target);
    snprintf(header, sizeof(header), "x-tercet-auth: %s", auth);
    if (task_request_id()) {
        snprintf(id_header, sizeof(id_header), "x-tercet-request-id: %s", task_request_id());
        headers[count++] = id_header;
    }
    if (task_trace()) {
        snprintf(trace_header, sizeof(trace_header), "traceparent: %s", task_trace());
        headers[count++] = trace_header;
    }
    options.method = method;
    options.url = url;
    options.headers = headers;
    node_request_begin(node);
    call->node = node;
    call->http = http_call_start(&options);
}

static enum status judge_transport(enum status outcome, const char **reason)
{
    switch (outcome) {
    case STATUS_UNAVAILABLE:
        *reason = "cannot connect";
        break;
    case STATUS_TIMEOUT:
        *reason = "timed out";
        break;
    case STATUS_CLOSED:
        *reason = "closed the connection";
        break;
    default:
        *reason = "broke the exchange";
        outcome = STATUS_IO;
        break;
    }
    return outcome;
}

/* A node whose clock is far from ours tells its own. */
static bool node_time(const struct node_call *call, uint64_t *node_time_ms)
{
    return http_call_status(call->http) == 401 &&
           bytes_parse_u64(http_call_header(call->http, "x-tercet-time"), INT64_MAX / 2, node_time_ms) == STATUS_OK;
}

bool node_call_needs_other_time(const struct node_call *call)
{
    uint64_t node_time_ms;
    return http_call_outcome(call->http) == STATUS_OK && node_time(call, &node_time_ms);
}

enum status node_call_judge(const struct node_call *call, enum node_outcome *outcome, const char **reason)
{
    enum status transport = http_call_outcome(call->http);
    int http_status = http_call_status(call->http);
    uint64_t node_time_ms;
    *outcome = NODE_FAILED;
    if (transport)
        return judge_transport(transport, reason);
    *reason = "answered with a server error";
    if (http_status == 507) {
        *outcome = NODE_FULL;
        *reason = "is full";
        return STATUS_NO_SPACE;
    }
    if (http_status == 503 && http_call_header(call->http, "retry-after").len) {
        *outcome = NODE_ABANDONED; /* it works as much as it can: no reason to send everything to the others */
        *reason = "has too much to do";
    }
    if (http_status == 502) { /* to a pull: blames its source, and that is judged by requests of our own */
        *outcome = NODE_ABANDONED;
        *reason = "could not copy from the other node";
    }
    if (http_status >= 500)
        return STATUS_UNAVAILABLE;
    *outcome = NODE_ANSWERED;
    *reason = "answered";
    switch (http_status) {
    case 401:
        if (node_time(call, &node_time_ms))
            node_clock_adopt(call->node, (int64_t)node_time_ms);
        *reason = "has another clock";
        return STATUS_DENIED;
    case 403:
        *reason = "refuses the cluster secret";
        return STATUS_DENIED;
    case 404:
        *reason = "does not have it";
        return STATUS_NOT_FOUND;
    case 409:
        *reason = "has other bytes under this id";
        return STATUS_CONFLICT;
    default:
        break;
    }
    if (http_status >= 200 && http_status < 300)
        return STATUS_OK;
    *reason = "refused the request";
    return STATUS_INVALID;
}

void node_call_finish(struct node_call *call, enum node_outcome outcome, const char *reason)
{
    if (!call->http)
        return;
    http_call_free(call->http);
    call->http = NULL;
    node_request_end(call->node, outcome, reason);
}

/* One sending. *again: it was refused for its time alone. */
static enum status exchange_once(const struct cluster *cluster, struct node *node, const char *method,
                                 const char *target, uint64_t deadline_ms, bool *again)
{
    struct node_call call = {0};
    enum node_outcome outcome = NODE_FAILED;
    const char *reason = "timed out";
    node_call_start(&call, cluster, node, method, target, NULL, (struct http_call_options){0});
    enum status status = http_call_wait_end(call.http, deadline_ms);
    *again = false;
    if (http_call_ended(call.http)) {
        status = node_call_judge(&call, &outcome, &reason);
        *again = node_call_needs_other_time(&call);
    }
    node_call_finish(&call, outcome, reason);
    return status;
}

enum status node_exchange(const struct cluster *cluster, struct node *node, const char *method, const char *target,
                          uint64_t deadline_ms)
{
    bool again;
    enum status status = exchange_once(cluster, node, method, target, deadline_ms, &again);
    if (again)
        status = exchange_once(cluster, node, method, target, deadline_ms, &again);
    return status;
}

/* See the header. This is the one place that says which answers are a node's failure. */
#include "storage/cluster/node_call.h"

#include "base/check.h"
#include "base/clock.h"

void node_call_start(struct node_call *call, const struct cluster *cluster, struct node *node, const char *method,
                     const char *target, const char *auth, struct http_call_options options)
{
    const struct signed_request request = {.identity = &cluster->config.identity,
                                           .address = node->address,
                                           .method = method,
                                           .target = target,
                                           .time_ms = node_signing_time(node, clock_wall_ms()),
                                           .auth = auth};

    CHECK(!call->http);
    node_request_begin(node);
    call->node = node;
    call->http = signed_call_start(&request, options);
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

bool node_call_is_misdated(const struct node_call *call, bool *redated)
{
    int64_t node_time_ms;
    if (*redated || !http_call_ended(call->http) || http_call_outcome(call->http) ||
        !signed_call_is_misdated(call->http, &node_time_ms))
        return false;
    *redated = true;
    return true;
}

enum status node_call_judge(const struct node_call *call, enum node_outcome *outcome, const char **reason)
{
    enum status transport = http_call_outcome(call->http);
    int http_status = http_call_status(call->http);
    int64_t node_time_ms;
    *outcome = NODE_FAILED;
    if (transport) {
        enum status status = judge_transport(transport, reason);
        const char *tls_problem = http_call_problem(call->http);
        if (tls_problem)
            *reason = tls_problem;
        return status;
    }
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
        if (signed_call_is_misdated(call->http, &node_time_ms))
            node_clock_adopt(call->node, node_time_ms);
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
    case 412:
        *reason = "takes nothing from a gateway that was replaced";
        return STATUS_PRECONDITION;
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

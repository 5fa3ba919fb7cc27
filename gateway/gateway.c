/* One request from routing to the answer: authenticate, find the operation, authorize, dispatch, account. */
#include "gateway/gateway.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/task.h"
#include "base/trace.h"
#include "gateway/gate.h"
#include "gateway/json_reply.h"
#include "gateway/request_metrics.h"
#include "gateway/s3/s3.h"
#include "meta/space.h"

#define PATH_STORAGE_MAX 65536 /* the head is no larger */

/* The documented API owns its paths, but /files is also a bucket: signed requests there are S3's. */
static bool is_for_s3(const struct exchange *exchange)
{
    struct bytes path = exchange->http->path;

    if (s3_virtual_host_bucket(exchange->gateway, exchange->http).len > 0)
        return true;
    return exchange->credentials.type != AUTH_ANONYMOUS &&
           (bytes_equal_str(path, "/files") || bytes_starts_with(path, BYTES("/files/")));
}

static void method_not_allowed(struct exchange *exchange)
{
    json_error(exchange, 405, "Method not allowed", NULL);
}

static void not_implemented(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, S3_NOT_IMPLEMENTED);
    s3_error_add(&details, "Method", exchange->http->method);
    s3_fail_details(exchange, &details);
}

static void disk_full(struct exchange *exchange)
{
    static const char message[] =
        "The disk of the gateway, where the metadata are, is full. Nothing can be added; reading "
        "and deleting work.";
    struct s3_error_details details = {0};

    if (exchange->operation->path) {
        json_error(exchange, 507, "Insufficient storage", message);
        return;
    }
    s3_error_setf(&details, S3_INSUFFICIENT_STORAGE, "%s", message);
    s3_fail_details(exchange, &details);
}

static void slow_down(struct exchange *exchange)
{
    if (exchange->operation->path)
        json_error_status(exchange, STATUS_LIMIT);
    else
        s3_fail(exchange, S3_SLOW_DOWN);
}

/* Runs the handler if there is room for what it costs. */
static void serve(struct exchange *exchange)
{
    const struct operation *operation = exchange->operation;
    struct admission *admission = &exchange->gateway->admission;
    bool copies = operation->header != NULL; /* from another object: the request has no body */
    uint64_t body_bytes = copies ? HTTP_LENGTH_UNKNOWN : exchange->http->content_length, kept_bytes = 0;
    struct admission_share share;

    if (operation->class == OPERATION_WRITE)
        kept_bytes = stream_writer_memory(exchange->gateway->cluster, body_bytes);
    if (!admission_enter(admission, operation->class, kept_bytes, &share)) {
        slow_down(exchange);
        return;
    }
    operation->handle(exchange);
    admission_leave(admission, &share);
}

static void dispatch(struct exchange *exchange, const struct operation *operation)
{
    if (gate_authorize(exchange, operation))
        return;
    exchange->permitted = true;
    if (operation->grows && meta_space_is_low(exchange->gateway->meta_space))
        disk_full(exchange);
    else
        serve(exchange);
}

static void route_s3(struct exchange *exchange, const struct operation *operation)
{
    if (exchange->credentials.type == AUTH_ANONYMOUS) {
        s3_fail(exchange, S3_ACCESS_DENIED);
        return;
    }
    if (s3_address(exchange))
        return;
    if (operation)
        dispatch(exchange, operation);
    else
        not_implemented(exchange);
}

static void route(struct exchange *exchange)
{
    bool path_known;
    const struct operation *operation = operation_by_path(exchange->http, &path_known);

    exchange->operation = operation;
    if (uri_query_parse(exchange->http->query, &exchange->query)) {
        if (path_known)
            json_error(exchange, 400, "Malformed query",
                       "Its percent-encoding is wrong, or it has too many parameters.");
        else
            s3_fail(exchange, S3_INVALID_URI);
        return;
    }
    enum status refused = gate_authenticate(exchange);
    /* a signed request that the documented API has no row for comes from an S3 client, which wants XML */
    bool for_s3 = is_for_s3(exchange) || (!operation && (!path_known || exchange->credentials.type != AUTH_ANONYMOUS));
    if (for_s3)
        operation = s3_find_level(exchange) ? operation_by_s3(exchange) : NULL;
    exchange->operation = operation; /* what is refused is counted and logged as what it asked for */
    if (refused)
        return;
    if (for_s3)
        route_s3(exchange, operation);
    else if (operation)
        dispatch(exchange, operation);
    else
        method_not_allowed(exchange);
}

static void log_request(const struct exchange *exchange)
{
    const struct http_request *http = exchange->http;
    char peer[64];

    http_request_peer_text(http, peer);
    /* the query is left out: presigned signatures are in it */
    const struct log_field fields[] = {
        LOG_STR("remote", peer),
        LOG_BYTES("method", http->method),
        LOG_BYTES("path", http->path),
        LOG_STR("action", exchange->operation ? exchange->operation->action : "none"),
        LOG_BYTES("bucket", exchange->bucket_name),
        LOG_BYTES("key", exchange->key),
        LOG_BYTES("accessKey", exchange->credentials.access_key),
        LOG_INT("statusCode", http->status),
        LOG_STR("error", exchange->error_code ? exchange->error_code : ""),
        LOG_INT("bytesIn", http->bytes_in),
        LOG_INT("bytesOut", http->bytes_out),
        LOG_INT("durationUs", clock_monotonic_us() - http->start_us),
        {0},
    };
    log_access(fields);
}

void gateway_handle(struct http_request *request, void *arg)
{
    struct exchange exchange = {.gateway = arg, .http = request};
    char trace[TRACE_PARENT_LEN + 1];

    task_set_request_id(request->id);
    if (trace_continue(http_request_header(request, "traceparent"), trace))
        task_set_trace(trace);
    /* Every answer has them, so that a client's report can be found in the log. */
    http_reply_header_str(request, "x-amz-request-id", request->id);
    http_reply_header_str(request, "x-amz-id-2", request->id);
    buffer_init(&exchange.path_storage, PATH_STORAGE_MAX);
    route(&exchange);
    request_metrics_count(&exchange);
    if (exchange.gateway->options.access_log || log_enabled(LOG_DEBUG))
        log_request(&exchange);
    auth_verification_release(&exchange.verification);
    uri_query_release(&exchange.query);
    buffer_release(&exchange.path_storage);
    task_set_trace(NULL);
    task_set_request_id(NULL);
}

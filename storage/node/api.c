/* The way of every request through the node: count, authorize, find the route, run, measure. */
#include "storage/node/api.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/task.h"
#include "base/trace.h"
#include "storage/node/api_internal.h"

#define REQUEST_ID_MAX 32

struct node_api *node_api_create(const struct node_api_config *config)
{
    struct node_api *api = mem_zalloc(sizeof(*api));
    api->config = *config;
    uint8_t instance[8];
    random_bytes(instance, sizeof(instance));
    hex_encode(instance, sizeof(instance), api->instance);
    api->start_ms = clock_monotonic_ms();
    node_metrics_init(&api->metrics, config->server_id);
    return api;
}

void node_api_free(struct node_api *api)
{
    free(api);
}

void node_api_set_server(struct node_api *api, const struct http_server *server)
{
    __atomic_store_n(&api->server, server, __ATOMIC_RELEASE);
}

/* ---- routes -------------------------------------------------------------------------------------------------- */

/* What comes behind a chunk's id says what is to be done with it; it is taken off. */
static enum node_route chunk_route(struct bytes *id)
{
    static const struct {
        const char *name;
        enum node_route route;
    } verbs[] = {{"/pull", ROUTE_PULL}, {"/trash", ROUTE_TRASH}, {"/restore", ROUTE_RESTORE}};

    if (id->len <= CHUNK_ID_TEXT_LEN)
        return ROUTE_CHUNK;
    struct bytes verb = bytes_of(id->data + CHUNK_ID_TEXT_LEN, id->len - CHUNK_ID_TEXT_LEN);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (!bytes_equal_str(verb, verbs[i].name))
            continue;
        id->len = CHUNK_ID_TEXT_LEN;
        return verbs[i].route;
    }
    return ROUTE_CHUNK;
}

/* STATUS_INVALID: it looks like a chunk's path, but names no chunk. */
static enum status route_find(struct api_request *request, enum node_route *route)
{
    struct bytes path = request->http->path;
    const struct bytes prefix = BYTES("/chunks/");
    *route = ROUTE_OTHER;
    if (bytes_equal_str(path, "/health"))
        *route = ROUTE_HEALTH;
    else if (bytes_equal_str(path, "/metrics"))
        *route = ROUTE_METRICS;
    else if (bytes_equal_str(path, "/chunks"))
        *route = ROUTE_INVENTORY;
    else if (bytes_equal_str(path, "/chunks/delete"))
        *route = ROUTE_DELETE;
    else if (bytes_equal_str(path, "/chunks/pull"))
        *route = ROUTE_PULL_MANY;
    else if (bytes_equal_str(path, "/chunks/read"))
        *route = ROUTE_READ_MANY;
    else if (bytes_equal_str(path, "/trash"))
        *route = ROUTE_TRASH_LIST;
    else if (bytes_starts_with(path, BYTES("/meta/")))
        *route = ROUTE_META;
    if (*route != ROUTE_OTHER)
        return STATUS_OK;
    if (!bytes_starts_with(path, prefix))
        return STATUS_NOT_FOUND;
    struct bytes id = bytes_of(path.data + prefix.len, path.len - prefix.len);
    *route = chunk_route(&id);
    return chunk_id_parse(id, &request->id);
}

static void reply_wrong_method(struct http_request *http, const char *allowed)
{
    http_reply_header_str(http, "allow", allowed);
    api_reply_error(http, 405, "method not allowed");
}

/* Runs an operation on chunks and measures it. */
static void run_operation(struct api_request *request, enum node_operation operation,
                          enum status (*run)(struct api_request *request))
{
    uint64_t start_us = clock_monotonic_us();
    enum status status = run(request);
    node_metrics_operation(&request->api->metrics, operation, status, (double)(clock_monotonic_us() - start_us) / 1e6);
    log_debug("operation", LOG_BYTES("method", request->http->method), LOG_BYTES("path", request->http->path),
              LOG_STATUS(status));
}

/* For a path that knows one method. */
static void run_only(struct api_request *request, bool right_method, const char *allowed, enum node_operation operation,
                     enum status (*run)(struct api_request *request))
{
    if (right_method)
        run_operation(request, operation, run);
    else
        reply_wrong_method(request->http, allowed);
}

static void run_chunk(struct api_request *request, enum node_method method)
{
    switch (method) {
    case METHOD_GET:
        run_operation(request, OPERATION_READ, api_get);
        return;
    case METHOD_HEAD:
        run_operation(request, OPERATION_STAT, api_head);
        return;
    case METHOD_PUT:
        run_operation(request, OPERATION_WRITE, api_put);
        return;
    case METHOD_DELETE:
        run_operation(request, OPERATION_DELETE, api_delete);
        return;
    case METHOD_POST:
    case METHOD_OTHER:
    case METHOD_COUNT:
        break;
    }
    reply_wrong_method(request->http, "GET, HEAD, PUT, DELETE");
}

static void run_route(struct api_request *request, enum node_route route, enum node_method method)
{
    bool reading = method == METHOD_GET || method == METHOD_HEAD;
    switch (route) {
    case ROUTE_CHUNK:
        run_chunk(request, method);
        return;
    case ROUTE_PULL:
        run_only(request, method == METHOD_POST, "POST", OPERATION_PULL, api_pull);
        return;
    case ROUTE_DELETE:
        run_only(request, method == METHOD_POST, "POST", OPERATION_DELETE, api_delete_many);
        return;
    case ROUTE_PULL_MANY:
        run_only(request, method == METHOD_POST, "POST", OPERATION_PULL, api_pull_many);
        return;
    case ROUTE_READ_MANY:
        run_only(request, method == METHOD_POST, "POST", OPERATION_READ, api_read_many);
        return;
    case ROUTE_TRASH:
        run_only(request, method == METHOD_POST, "POST", OPERATION_TRASH, api_trash);
        return;
    case ROUTE_RESTORE:
        run_only(request, method == METHOD_POST, "POST", OPERATION_RESTORE, api_restore);
        return;
    case ROUTE_INVENTORY:
        run_only(request, method == METHOD_GET, "GET", OPERATION_LIST, api_inventory);
        return;
    case ROUTE_TRASH_LIST:
        run_only(request, method == METHOD_GET, "GET", OPERATION_LIST, api_trash_list);
        return;
    case ROUTE_META:
        api_meta(request, method);
        return;
    case ROUTE_HEALTH:
    case ROUTE_METRICS:
        if (!reading)
            reply_wrong_method(request->http, "GET, HEAD");
        else if (route == ROUTE_HEALTH)
            api_health(request);
        else
            api_metrics(request);
        return;
    case ROUTE_OTHER:
    case ROUTE_COUNT:
        break;
    }
    api_reply_error(request->http, 404, "no such path");
}

/* ---- the gate ------------------------------------------------------------------------------------------------ */

/* Answers and returns false unless the request comes from the cluster. */
static bool authorize(struct api_request *request)
{
    struct http_request *http = request->http;
    struct bytes header = http_request_header(http, PROTOCOL_HEADER_AUTH);
    int64_t now_ms = clock_wall_ms();
    enum status status = STATUS_DENIED;
    if (http_request_header_count(http, PROTOCOL_HEADER_AUTH) == 1)
        status =
            protocol_verify(request->api->config.identity, http->method, http->target, header, now_ms, &request->auth);
    if (!status)
        return true;
    if (status == STATUS_TIMEOUT) {
        http_reply_header_u64(http, PROTOCOL_HEADER_TIME, (uint64_t)now_ms);
        api_reply_error(http, 401, "the clocks of sender and node differ too much");
    } else {
        log_warn("request without valid authentication", LOG_BYTES("path", http->path));
        api_reply_error(http, 403, "not authenticated as a member of this cluster");
    }
    return false;
}

static enum node_route handle(struct api_request *request, enum node_method method)
{
    struct node_api *api = request->api;
    enum node_route route;
    enum status status = route_find(request, &route);
    if (route == ROUTE_HEALTH || route == ROUTE_METRICS) {
        run_route(request, route, method);
        return route;
    }
    unsigned running = __atomic_add_fetch(&api->in_flight, 1, __ATOMIC_RELAXED);
    if (running > api->config.requests_max) {
        metric_counter_add(api->metrics.refused, 1);
        http_reply_header_str(request->http, "retry-after", "1");
        api_reply_error(request->http, 503, "too many requests are running");
    } else if (authorize(request)) {
        if (status == STATUS_INVALID)
            api_reply_error(request->http, 400, "not the name of a chunk");
        else
            run_route(request, route, method);
    }
    __atomic_sub_fetch(&api->in_flight, 1, __ATOMIC_RELAXED);
    return route;
}

/* The id under which the gateway logs the request that this one is a part of. */
static bool request_id_adopt(const struct http_request *http, char out[REQUEST_ID_MAX + 1])
{
    struct bytes id = http_request_header(http, PROTOCOL_HEADER_REQUEST_ID);
    if (id.len == 0 || id.len > REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!isxdigit((unsigned char)id.data[i]))
            return false;
    memcpy(out, id.data, id.len);
    out[id.len] = '\0';
    return true;
}

void node_api_handle(struct http_request *http, void *arg)
{
    struct api_request request = {.api = arg, .http = http};
    char id[REQUEST_ID_MAX + 1], trace[TRACE_PARENT_LEN + 1];
    if (request_id_adopt(http, id))
        task_set_request_id(id);
    if (trace_continue(http_request_header(http, "traceparent"), trace))
        task_set_trace(trace);
    enum node_method method = node_method_of(http->method);
    enum node_route route = handle(&request, method);
    node_metrics_transfer(&request.api->metrics, http->bytes_in, http->bytes_out);
    node_metrics_request(&request.api->metrics, route, method, http->status,
                         (double)(clock_monotonic_us() - http->start_us) / 1e6);
    task_set_trace(NULL);
    task_set_request_id(http->id);
}

bool node_api_is_vital(struct bytes path)
{
    return bytes_equal_str(path, "/health") || bytes_equal_str(path, "/metrics");
}

/* The way of every request through the node: count, authorize, find the route, run, measure. */
#include "storage/node/api.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/task.h"
#include "base/trace.h"
#include "storage/node/api_private.h"
#include "storage/node/meta_replica.h"
#include "storage/node/scrub.h"

#define METRICS_BYTES_MAX (1u << 20)
#define REQUEST_ID_MAX    32

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
    struct bytes header = http_request_header(http, "x-tercet-auth");
    int64_t now_ms = clock_wall_ms();
    enum status status = STATUS_DENIED;
    if (http_request_header_count(http, "x-tercet-auth") == 1)
        status =
            protocol_verify(request->api->config.identity, http->method, http->target, header, now_ms, &request->auth);
    if (!status)
        return true;
    if (status == STATUS_TIMEOUT) {
        http_reply_header_u64(http, "x-tercet-time", (uint64_t)now_ms);
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
    struct bytes id = http_request_header(http, "x-tercet-request-id");
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

/* ---- health and metrics -------------------------------------------------------------------------------------- */

struct snapshot {
    struct node_api *api;
    struct node_gauges gauges;
    enum status status;
};

/* In the pool: asking the file system may block. */
static void snapshot_take(void *arg)
{
    struct snapshot *snapshot = arg;
    struct chunk_store *store = snapshot->api->config.store;
    snapshot->status = chunk_store_info(store, &snapshot->gauges.store);
    snapshot->gauges.database_memory = chunk_store_memory(store);
}

static void figures_take(void *arg)
{
    struct snapshot *snapshot = arg;
    const struct node_api_config *config = &snapshot->api->config;

    snapshot_take(snapshot);
    chunk_store_figures(config->store, &snapshot->gauges.databases[DATABASE_CHUNKS]);
    if (config->replica)
        meta_replica_figures(config->replica, &snapshot->gauges.databases[DATABASE_METADATA]);
}

static json_t *scrub_describe(struct scrub *scrub)
{
    struct scrub_info info;
    scrub_info(scrub, &info);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "passes", (json_int_t)info.passes, "chunks",
                     (json_int_t)info.chunks, "bytes", (json_int_t)info.bytes, "damaged", (json_int_t)info.damaged,
                     "passStartedMs", (json_int_t)info.pass_started_ms, "lastPassEndedMs",
                     (json_int_t)info.last_pass_ended_ms);
}

/* Not a probe of whoever supervises this process, nor a check that was given up while the disk was slow to answer. */
static bool gateway_listens(const struct http_request *http)
{
    return bytes_equal_str(http_request_header(http, "user-agent"), PROTOCOL_GATEWAY_AGENT) &&
           !http_request_is_closed(http);
}

/* freeBytes is what chunks may still take: the reserve is not among it. */
void api_health(struct api_request *request)
{
    struct node_api *api = request->api;
    struct snapshot snapshot = {.api = api};
    char cluster[2 * CLUSTER_ID_LEN + 1];
    pool_run(api->config.pool, snapshot_take, &snapshot);
    const struct chunk_store_info *info = &snapshot.gauges.store;
    bool failed = info->read_only || snapshot.status != STATUS_OK;
    hex_encode(api->config.identity->id, CLUSTER_ID_LEN, cluster);
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:s, s:I, s:I, s:I, s:I}", "status",
                  info->read_only ? "READ-ONLY"
                  : failed        ? "ERROR"
                                  : "OK",
                  "serverID", api->config.server_id, "role", "storage-node", "nodeId", (int)api->config.node_number,
                  "clusterId", cluster, "totalBytes", (json_int_t)info->space.total_bytes, "freeBytes",
                  (json_int_t)info->space.usable_bytes, "chunks", (json_int_t)info->chunks, "chunkBytes",
                  (json_int_t)info->bytes, "corruptions", (json_int_t)info->corruptions, "full", (int)info->space.full,
                  "readOnly", (int)info->read_only, "version", TERCET_VERSION, "uptimeSeconds",
                  (json_int_t)((clock_monotonic_ms() - api->start_ms) / 1000), "timeMs", (json_int_t)clock_wall_ms(),
                  "trashChunks", (json_int_t)info->trash_chunks, "trashBytes", (json_int_t)info->trash_bytes);
    CHECK(body != NULL);
    json_object_set_new(body, "instance", json_string(api->instance));
    if (api->config.scrub)
        json_object_set_new(body, "scrub", scrub_describe(api->config.scrub));
    bool told = info->read_only && gateway_listens(request->http);
    api_reply_json(request->http, failed ? 503 : 200, body);
    if (told && api->config.on_failure_told)
        api->config.on_failure_told(api->config.on_failure_told_arg);
}

void api_metrics(struct api_request *request)
{
    struct node_api *api = request->api;
    struct snapshot snapshot = {.api = api};
    const struct http_server *server = __atomic_load_n(&api->server, __ATOMIC_ACQUIRE);
    struct buffer text;
    pool_run(api->config.pool, figures_take, &snapshot);
    snapshot.gauges.connections = server ? http_server_connections(server) : 0;
    snapshot.gauges.in_flight = __atomic_load_n(&api->in_flight, __ATOMIC_RELAXED);
    snapshot.gauges.pool_backlog = pool_backlog(api->config.pool);
    node_metrics_gauges(&api->metrics, &snapshot.gauges);
    buffer_init(&text, METRICS_BYTES_MAX);
    if (metrics_render(&text)) {
        api_reply_error(request->http, 500, "the metrics are too long");
    } else {
        http_reply_header_str(request->http, "content-type", "text/plain; version=0.0.4; charset=utf-8");
        http_reply(request->http, 200, buffer_bytes(&text));
    }
    buffer_release(&text);
}

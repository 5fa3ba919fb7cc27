/* What the node says of itself: GET /health, which the gateway and supervisors ask, and GET /metrics. */
#include "base/check.h"
#include "base/clock.h"
#include "base/pool.h"
#include "storage/node/api_internal.h"
#include "storage/node/meta_replica.h"
#include "storage/node/scrub.h"

#define METRICS_BYTES_MAX (1u << 20)

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
    chunk_store_figures(config->store, &snapshot->gauges.database);
}

static json_t *scrub_describe(struct scrub *scrub)
{
    struct scrub_info info;
    scrub_info(scrub, &info);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "passes", (json_int_t)info.passes, "chunks",
                     (json_int_t)info.chunks, "bytes", (json_int_t)info.bytes, "damaged", (json_int_t)info.damaged,
                     "unread", (json_int_t)info.unread, "passStartedMs", (json_int_t)info.pass_started_ms,
                     "lastPassEndedMs", (json_int_t)info.last_pass_ended_ms);
}

/* Not a probe of whoever supervises this process, nor a check that was given up while the disk was slow to answer. */
static bool gateway_listens(const struct http_request *http)
{
    return bytes_equal_str(http_request_header(http, "user-agent"), PROTOCOL_GATEWAY_AGENT) &&
           !http_request_peer_has_ended(http);
}

/* freeBytes is what chunks may still take: the reserve is not among it. */
void api_health(struct api_request *request)
{
    struct node_api *api = request->api;
    struct snapshot snapshot = {.api = api};
    char cluster[2 * CLUSTER_ID_LEN + 1];
    pool_run(api->config.pool, snapshot_take, &snapshot);
    const struct chunk_store_info *info = &snapshot.gauges.store;
    bool failed = info->read_only || info->damaged || snapshot.status != STATUS_OK;
    hex_encode(api->config.identity->id, CLUSTER_ID_LEN, cluster);
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:s, s:I, s:I, s:I, s:I}", "status",
                  info->read_only ? "READ-ONLY"
                  : info->damaged ? "DAMAGED"
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
    json_object_set_new(body, "ballastBytes", json_integer((json_int_t)info->space.ballast_bytes));
    json_object_set_new(body, "instance", json_string(api->instance));
    json_object_set_new(body, "setAside",
                        json_pack("{s:i, s:i}", "chunks", (int)info->set_aside[DISK_CHUNKS], "metadata",
                                  (int)info->set_aside[DISK_METADATA]));
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
        HTTP_LAST_REPLY(http_reply(request->http, 200, buffer_bytes(&text)));
    }
    buffer_release(&text);
}

/* Health, cluster state and metrics; see the header. */
#include "gateway/front/reply.h"
#include "gateway/system/system.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "gateway/jobs/background.h"
#include "gateway/front/json_reply.h"
#include "gateway/system/state_metrics.h"
#include "meta/space.h"

#define METRICS_BYTES_MAX (8u << 20)

void system_health(struct exchange *exchange)
{
    const struct gateway *gateway = exchange->gateway;

    HTTP_LAST_REPLY(
        json_reply(exchange, 200,
                   json_pack("{s:s, s:s, s:s, s:s, s:I}", "status", "OK", "serverID", gateway->options.server_id,
                             "role", "coordinator", "version", TERCET_VERSION, "uptimeSeconds",
                             (json_int_t)((clock_wall_ms() - gateway->started_ms) / 1000))));
}

static json_t *time_or_null(int64_t wall_ms)
{
    char text[CLOCK_TEXT_MAX];

    if (wall_ms == 0)
        return json_null();
    clock_format_iso8601_ms(wall_ms, text);
    return json_string(text);
}

static json_t *node_short(const struct gateway *gateway, unsigned index, const struct cluster_node_info *node)
{
    (void)gateway;
    (void)index;
    json_t *value = json_pack("{s:s, s:b, s:s}", "serverId", node->server_id[0] ? node->server_id : node->address,
                              "healthy", node->healthy, "circuitState", breaker_state_name(node->breaker));
    json_object_set_new(value, "circuitReason",
                        node->reason[0] ? json_text(bytes_from_str(node->reason)) : json_null());
    json_object_set_new(value, "lastTransition", time_or_null(node->last_transition_ms));
    json_object_set_new(value, "nextProbe", time_or_null(node->next_probe_ms));
    if (node->last_error[0])
        json_object_set_new(value, "error", json_text(bytes_from_str(node->last_error)));
    return value;
}

static json_t *transitions(const struct cluster_node_info *node)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < node->last_count; i++) {
        const struct cluster_transition *move = &node->last[i];
        json_array_append_new(list, json_pack("{s:o, s:s, s:o}", "time", time_or_null(move->wall_ms), "state",
                                              breaker_state_name(move->state), "reason",
                                              json_text(bytes_from_str(move->reason))));
    }
    return list;
}

/* What a node that is being emptied still has. */
static json_t *drain_object(const struct background_drain *drain)
{
    json_int_t seconds = drain->bytes_per_s > 0 ? (json_int_t)(drain->bytes / drain->bytes_per_s) : 0;
    json_t *left = drain->bytes_per_s > 0 || drain->copies == 0 ? json_integer(seconds) : json_null();

    return json_pack("{s:I, s:I, s:o}", "copiesLeft", (json_int_t)drain->copies, "bytesLeft", (json_int_t)drain->bytes,
                     "secondsLeft", left);
}

static const char *state_text(const struct cluster_node_info *node, const struct background_drain *drain)
{
    if (!node->draining)
        return "active";
    return drain->drained ? "drained" : "draining";
}

static json_t *node_full(const struct gateway *gateway, unsigned index, const struct cluster_node_info *node)
{
    json_t *value = node_short(gateway, index, node);
    struct background_drain drain;

    background_drain_state(gateway->background, index, &drain);
    json_object_set_new(value, "state", json_string(state_text(node, &drain)));
    if (node->draining)
        json_object_set_new(value, "drain", drain_object(&drain));

    json_object_set_new(value, "nodeId", json_integer(node->number));
    json_object_set_new(value, "address", json_string(node->address));
    if (node->zone[0])
        json_object_set_new(value, "zone", json_string(node->zone));
    json_object_set_new(value, "writable", json_boolean(node->writable));
    json_object_set_new(value, "full", json_boolean(node->full));
    json_object_set_new(value, "readOnly", json_boolean(node->read_only));
    json_object_set_new(value, "chunks", json_integer((json_int_t)node->chunks));
    json_object_set_new(value, "totalBytes", json_integer((json_int_t)node->total_bytes));
    json_object_set_new(value, "freeBytes", json_integer((json_int_t)node->free_bytes));
    json_object_set_new(value, "requests", json_integer((json_int_t)node->requests));
    json_object_set_new(value, "failures", json_integer((json_int_t)node->failures));
    json_object_set_new(value, "lastSeen", time_or_null(node->last_seen_ms));
    json_object_set_new(value, "transitions", transitions(node));
    return value;
}

static json_t *nodes_array(const struct gateway *gateway,
                           json_t *(*describe)(const struct gateway *, unsigned, const struct cluster_node_info *))
{
    const struct cluster *cluster = gateway->cluster;
    json_t *nodes = json_array();
    struct cluster_node_info node;

    for (unsigned i = 0; i < cluster_node_count(cluster); i++) {
        cluster_node_info(cluster, i, &node);
        json_array_append_new(nodes, describe(gateway, i, &node));
    }
    return nodes;
}

static json_t *disk_object(const struct meta_space_state *disk)
{
    return json_pack("{s:b, s:I, s:I, s:I}", "full", disk->low, "totalBytes", (json_int_t)disk->last.total_bytes,
                     "freeBytes", (json_int_t)disk->last.free_bytes, "reserveBytes", (json_int_t)disk->reserve_bytes);
}

/* Nodes that records name and -nodes does not, until they are given up. */
static json_t *unlisted_array(const struct background *background)
{
    json_t *nodes = json_array();

    for (unsigned node = 0; node < NODE_NUMBERS; node++) {
        uint64_t copies = background_unlisted_copies(background, node);
        if (copies > 0)
            json_array_append_new(nodes, json_pack("{s:i, s:I}", "nodeId", (int)node, "copies", (json_int_t)copies));
    }
    return nodes;
}

void system_cluster_health(struct exchange *exchange)
{
    json_t *unlisted = unlisted_array(exchange->gateway->background);
    const struct cluster *cluster = exchange->gateway->cluster;
    unsigned healthy = cluster_healthy_count(cluster), total = cluster_node_count(cluster);
    bool damaged = meta_is_damaged();
    struct meta_space_state disk;

    meta_space_get(exchange->gateway->meta_space, &disk);
    bool well = healthy == total && !disk.low && !damaged && json_array_size(unlisted) == 0;
    HTTP_LAST_REPLY(
        json_reply(exchange, 200,
                   json_pack("{s:s, s:i, s:i, s:b, s:o, s:o, s:o, s:b}", "status", well ? "healthy" : "degraded",
                             "healthyNodes", (int)healthy, "totalNodes", (int)total, "writable",
                             !disk.low && cluster_writable_count(cluster) >= CHUNK_COPIES_MIN, "nodes",
                             nodes_array(exchange->gateway, node_short), "unlistedNodes", unlisted, "gatewayDisk",
                             disk_object(&disk), "metadataDamaged", (int)damaged)));
}

void system_nodes(struct exchange *exchange)
{
    const struct cluster *cluster = exchange->gateway->cluster;
    unsigned healthy = cluster_healthy_count(cluster), total = cluster_node_count(cluster);

    HTTP_LAST_REPLY(
        json_reply(exchange, 200,
                   json_pack("{s:o, s:i, s:i, s:b}", "nodes", nodes_array(exchange->gateway, node_full), "healthyCount",
                             (int)healthy, "totalCount", (int)total, "isHealthy", healthy == total)));
}

void system_metrics(struct exchange *exchange)
{
    struct buffer text;

    buffer_init(&text, METRICS_BYTES_MAX);
    if (metrics_render(&text)) {
        HTTP_LAST_REPLY(json_error(exchange, 500, "Internal error", NULL));
    } else {
        http_reply_header_str(exchange->http, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
        HTTP_LAST_REPLY(reply_send(exchange, 200, buffer_bytes(&text)));
    }
    buffer_release(&text);
}

static double meta_sequence_value(void *arg)
{
    return (double)meta_sequence(((struct gateway *)arg)->meta);
}

static double writable_nodes(void *arg)
{
    return cluster_writable_count(((struct gateway *)arg)->cluster);
}

static double stored_objects(void *arg)
{
    struct meta_bucket *buckets;
    size_t count;
    double sum = 0;

    meta_bucket_list(((struct gateway *)arg)->meta, &buckets, &count);
    for (size_t i = 0; i < count; i++)
        sum += (double)buckets[i].objects;
    free(buckets);
    return sum;
}

static double stored_bytes(void *arg)
{
    struct meta_bucket *buckets;
    size_t count;
    double sum = 0;

    meta_bucket_list(((struct gateway *)arg)->meta, &buckets, &count);
    for (size_t i = 0; i < count; i++)
        sum += (double)buckets[i].bytes;
    free(buckets);
    return sum;
}

void system_register_metrics(struct gateway *gateway)
{
    metrics_register_process("coordinator");
    state_metrics_register(gateway);
    hold_back_register_metrics();
    metric_gauge_callback("tercet_meta_sequence", "Sequence of the last metadata commit.", "", meta_sequence_value,
                          gateway);
    metric_gauge_callback("tercet_writable_nodes", "Nodes that take new chunks.", "", writable_nodes, gateway);
    metric_gauge_callback("tercet_objects", "Current objects of all buckets.", "", stored_objects, gateway);
    metric_gauge_callback("tercet_object_bytes", "Bytes of all versions of all buckets.", "", stored_bytes, gateway);
    metric_gauge_callback("storage_used_bytes", "Bytes of all versions of all buckets.", "", stored_bytes, gateway);
}

/* What repair has left, as metrics, and GET /system/repair: how many copies the chunks have, what repair did and how
 * long it still needs, and how each node's chunks compared with the records. */
#include "gateway/jobs/background.h"
#include "gateway/jobs/repair.h"
#include "gateway/front/json_reply.h"

#include <math.h>

#include "base/clock.h"
#include "base/metrics.h"

static json_int_t read_u64(const uint64_t *value)
{
    return (json_int_t)__atomic_load_n(value, __ATOMIC_RELAXED);
}

/* Of the last comparison, and what became of them and others since the start. */
static json_t *orphans_state(const struct node_watch *watch)
{
    return json_pack("{s:I, s:I, s:b, s:I, s:I, s:I}", "orphans", read_u64(&watch->orphan_count), "orphanBytes",
                     read_u64(&watch->orphan_bytes), "orphansDoubted",
                     (int)__atomic_load_n(&watch->orphans_doubted, __ATOMIC_RELAXED), "trashed",
                     read_u64(&watch->trashed), "trashedBytes", read_u64(&watch->trashed_bytes), "takenBack",
                     read_u64(&watch->restored));
}

static json_t *node_state(const struct cluster_node_info *info, const struct node_watch *watch)
{
    int64_t compared_ms = __atomic_load_n(&watch->compared_ms, __ATOMIC_RELAXED);
    char text[CLOCK_TEXT_MAX] = "";
    json_t *value = json_pack("{s:i, s:b, s:b, s:I, s:I, s:I, s:I}", "nodeId", (int)info->number, "healthy",
                              (int)info->healthy, "awaitsComparison", (int)info->awaits_comparison, "missing",
                              read_u64(&watch->missing), "excess", read_u64(&watch->excess), "unknown",
                              read_u64(&watch->unknown), "unknownBytes", read_u64(&watch->unknown_bytes));

    json_object_update_new(value, orphans_state(watch));
    if (compared_ms)
        clock_format_iso8601_ms(compared_ms, text);
    json_object_set_new(value, "compared", compared_ms ? json_string(text) : json_null());
    return value;
}

static json_t *nodes_state(const struct background *background)
{
    const struct cluster *cluster = background->gateway->cluster;
    json_t *nodes = json_array();
    struct cluster_node_info info;

    for (unsigned i = 0; i < cluster_node_count(cluster); i++) {
        cluster_node_info(cluster, i, &info);
        json_array_append_new(nodes, node_state(&info, &background->nodes[i]));
    }
    return nodes;
}

/* Bytes that have to be copied until every chunk has all its copies. */
static uint64_t bytes_left(const struct meta_durability *durability)
{
    uint64_t bytes = 0;
    for (unsigned copies = 0; copies < CHUNK_COPIES; copies++)
        bytes += durability->bytes[copies] * (CHUNK_COPIES - copies);
    return bytes;
}

/* At the rate of the last round that copied anything; negative: there was none yet. */
static int64_t seconds_left(const struct background *background, uint64_t bytes)
{
    uint64_t rate = (uint64_t)read_u64(&background->rate_bytes_per_s);

    if (bytes == 0)
        return 0;
    return rate ? (int64_t)(bytes / rate) : -1;
}

static double left_bytes_value(void *arg)
{
    const struct background *background = arg;
    struct meta_durability durability;

    meta_durability_get(background->gateway->meta, &durability);
    return (double)bytes_left(&durability);
}

static double left_seconds_value(void *arg)
{
    int64_t seconds = seconds_left(arg, (uint64_t)left_bytes_value(arg));
    return seconds < 0 ? NAN : (double)seconds;
}

void repair_state_register_metrics(struct background *background)
{
    metric_gauge_callback("tercet_repair_left_bytes", "Bytes to be copied until every chunk has all its copies.", "",
                          left_bytes_value, background);
    metric_gauge_callback(
        "tercet_repair_left_seconds",
        "Seconds until every chunk has all its copies, at the rate of the last copies made; NaN: none were made yet.",
        "", left_seconds_value, background);
}

void background_repair_state(struct exchange *exchange)
{
    const struct background *background = exchange->gateway->background;
    struct meta_durability durability;
    json_t *by_copies = json_array();

    meta_durability_get(exchange->gateway->meta, &durability);
    uint64_t left = bytes_left(&durability);
    uint64_t rate = (uint64_t)read_u64(&background->rate_bytes_per_s);
    for (unsigned copies = 0; copies <= CHUNK_COPIES; copies++)
        json_array_append_new(by_copies, json_pack("{s:i, s:I, s:I}", "copies", (int)copies, "chunks",
                                                   (json_int_t)durability.chunks[copies], "bytes",
                                                   (json_int_t)durability.bytes[copies]));
    json_t *value =
        json_pack("{s:I, s:I, s:o, s:I, s:I, s:I}", "queuedChunks",
                  (json_int_t)meta_repair_backlog(exchange->gateway->meta), "bytesLeft", (json_int_t)left,
                  "chunksByCopies", by_copies, "repairedChunks", read_u64(&background->repaired_chunks),
                  "repairedBytes", read_u64(&background->repaired_bytes), "bytesPerSecond", (json_int_t)rate);
    int64_t seconds = seconds_left(background, left);
    json_object_set_new(value, "secondsLeft", seconds < 0 ? json_null() : json_integer(seconds));
    json_object_set_new(value, "nodes", nodes_state(background));
    HTTP_LAST_REPLY(json_reply(exchange, 200, value));
}

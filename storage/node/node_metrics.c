/* Creation and updating of the node's metrics; see the header. */
#include "storage/node/node_metrics.h"

#include <stdio.h>
#include <string.h>

#define LABELS_MAX 256

static const char *const route_names[ROUTE_COUNT] = {
    [ROUTE_CHUNK] = "/chunks/{id}",
    [ROUTE_PULL] = "/chunks/{id}/pull",
    [ROUTE_INVENTORY] = "/chunks",
    [ROUTE_HEALTH] = "/health",
    [ROUTE_METRICS] = "/metrics",
    [ROUTE_OTHER] = "other",
    [ROUTE_META] = "/meta",
    [ROUTE_TRASH] = "/chunks/{id}/trash",
    [ROUTE_RESTORE] = "/chunks/{id}/restore",
    [ROUTE_TRASH_LIST] = "/trash",
    [ROUTE_DELETE] = "/chunks/delete",
    [ROUTE_PULL_MANY] = "/chunks/pull",
    [ROUTE_READ_MANY] = "/chunks/read",
};
static const char *const method_names[METHOD_COUNT] = {"GET", "HEAD", "PUT", "POST", "DELETE", "OTHER"};
static const char *const operation_names[OPERATION_COUNT] = {"write", "read", "stat",  "delete",
                                                             "pull",  "list", "trash", "restore"};
static const char *const database_names[DISK_DATABASE_COUNT] = {[DISK_CHUNKS] = "chunks", [DISK_METADATA] = "metadata"};
/* What a node answers; anything else, and 0 for a client that left before the answer, shares the last cell. */
static const int http_statuses[NODE_HTTP_STATUSES - 1] = {200, 201, 204, 400, 401, 403, 404, 405, 408,
                                                          409, 413, 431, 500, 501, 502, 503, 507};

static struct metric_gauge *node_gauge(const struct node_metrics *metrics, const char *name, const char *help)
{
    char labels[LABELS_MAX];
    snprintf(labels, sizeof(labels), "server_id=\"%s\"", metrics->server_id);
    return metric_gauge_get(name, help, labels);
}

static struct metric_counter *node_counter(const struct node_metrics *metrics, const char *name, const char *help)
{
    char labels[LABELS_MAX];
    snprintf(labels, sizeof(labels), "server_id=\"%s\"", metrics->server_id);
    return metric_counter_get(name, help, labels);
}

static struct metric_counter *transfer_counter(const struct node_metrics *metrics, const char *operation)
{
    char labels[LABELS_MAX];
    snprintf(labels, sizeof(labels), "operation=\"%s\",server_id=\"%s\"", operation, metrics->server_id);
    return metric_counter_get("data_transfer_bytes_total", "Bytes of request and response bodies.", labels);
}

/* What a database says of itself, as a metric. */
static const struct {
    const char *name, *help;
} figure_metrics[DATABASE_FIGURES] = {
    [FIGURE_PENDING_COMPACTION_BYTES] = {"tercet_node_rocksdb_pending_compaction_bytes",
                                         "Bytes of the node's database that compaction has yet to rewrite."},
    [FIGURE_WRITE_STOPPED] = {"tercet_node_rocksdb_write_stopped", "1 while the node's database takes no writes."},
    [FIGURE_DELAYED_WRITE_RATE] = {"tercet_node_rocksdb_delayed_write_bytes_per_second",
                                   "Rate to which writes of the node's database are slowed down; 0: not slowed."},
    [FIGURE_MEMTABLE_BYTES] = {"tercet_node_rocksdb_memtable_bytes", "Memory of all memtables of the node's database."},
    [FIGURE_TABLE_READER_BYTES] = {"tercet_node_rocksdb_table_reader_bytes",
                                   "Memory of the table readers of the node's database outside of its cache."},
    [FIGURE_LEVEL0_FILES] = {"tercet_node_rocksdb_level0_files", "Files in level 0 of the node's database."},
    [FIGURE_BACKGROUND_ERRORS] = {"tercet_node_rocksdb_background_errors",
                                  "Errors of the node's database in the background since the start."},
    [FIGURE_CACHE_USED_BYTES] = {"tercet_node_rocksdb_cache_used_bytes",
                                 "Bytes used of the block cache of the node's database."},
    [FIGURE_CACHE_CAPACITY_BYTES] = {"tercet_node_rocksdb_cache_capacity_bytes",
                                     "Size of the block cache of the node's database."},
    [FIGURE_TABLE_BYTES] = {"tercet_node_rocksdb_sst_bytes", "Size of all table files of the node's database."},
    [FIGURE_BLOB_BYTES] = {"tercet_node_rocksdb_blob_bytes",
                           "Size of all blob files of the node's database, where small chunks lie."},
    [FIGURE_LIVE_DATA_BYTES] =
        {"tercet_node_rocksdb_live_data_bytes",
         "Bytes in table and blob files of the node's database that compaction may not drop, estimated."},
    [FIGURE_RUNNING_COMPACTIONS] = {"tercet_node_rocksdb_running_compactions",
                                    "Compactions of the node's database that run."},
    [FIGURE_RUNNING_FLUSHES] = {"tercet_node_rocksdb_running_flushes", "Flushes of the node's database that run."},
};

static void databases_init(struct node_metrics *metrics)
{
    char labels[LABELS_MAX];

    for (int i = 0; i < DISK_DATABASE_COUNT; i++) {
        snprintf(labels, sizeof(labels), "server_id=\"%s\",database=\"%s\"", metrics->server_id, database_names[i]);
        metrics->set_aside[i] = metric_gauge_get(
            "tercet_node_databases_set_aside", "Databases that were damaged and are kept beside the new one.", labels);
        for (int n = 0; i == DISK_CHUNKS && n < DATABASE_FIGURES; n++) /* the one that there is now */
            metrics->database[n] = metric_gauge_get(figure_metrics[n].name, figure_metrics[n].help, labels);
    }
}

void node_metrics_init(struct node_metrics *metrics, const char *server_id)
{
    memset(metrics, 0, sizeof(*metrics));
    metrics->server_id = server_id;
    for (int i = 0; i < OPERATION_COUNT; i++) {
        char labels[LABELS_MAX];
        snprintf(labels, sizeof(labels), "operation=\"%s\",server_id=\"%s\"", operation_names[i], server_id);
        metrics->operations[i] =
            metric_histogram_get("storage_operation_duration_seconds", "Time that operations on chunks took.", labels,
                                 metric_seconds_bounds, metric_seconds_bound_count);
        metrics->errors[i] = metric_counter_get("storage_errors_total", "Operations on chunks that failed.", labels);
    }
    metrics->bytes_in = transfer_counter(metrics, "upload");
    metrics->bytes_out = transfer_counter(metrics, "download");
    metrics->refused =
        node_counter(metrics, "tercet_node_requests_refused_total", "Requests refused because too many were running.");
    metrics->corruptions = node_counter(metrics, "tercet_node_corruptions_total",
                                        "Copies of chunks that failed their checksums and were set aside.");
    metrics->carried = node_counter(metrics, "tercet_node_carried_chunks_total",
                                    "Small chunks stored that came with a change of the metadata.");
    metrics->used_bytes = node_gauge(metrics, "storage_used_bytes", "Payload bytes of the chunks stored.");
    metrics->connections = node_gauge(metrics, "active_connections", "Open client connections.");
    metrics->in_flight = node_gauge(metrics, "tercet_node_requests_in_flight", "Requests being handled.");
    metrics->chunks = node_gauge(metrics, "tercet_node_chunks", "Chunks stored on the node.");
    metrics->disk_total =
        node_gauge(metrics, "tercet_node_disk_total_bytes", "Size of the file system with the chunks.");
    metrics->disk_free = node_gauge(
        metrics, "tercet_node_disk_free_bytes",
        "Free bytes of the file system with the chunks, the ballast (see tercet_node_disk_ballast_bytes) among them.");
    metrics->disk_ballast = node_gauge(metrics, "tercet_node_disk_ballast_bytes",
                                       "Bytes of the file that is kept on the disk with the chunks, as a part of the "
                                       "reserve, to be given up when that disk is full.");
    metrics->disk_full = node_gauge(metrics, "tercet_node_disk_full",
                                    "1 while the disk with the chunks has no more free than its reserve.");
    metrics->read_only = node_gauge(metrics, "tercet_node_read_only", "1 when the disk with the chunks failed.");
    metrics->database_memory =
        node_gauge(metrics, "tercet_node_database_memory_bytes", "Memory that the node's database uses.");
    metrics->pool_backlog = node_gauge(metrics, "tercet_node_pool_backlog", "Work that waits for a pool thread.");
    metrics->trash_chunks =
        node_gauge(metrics, "tercet_node_trash_chunks", "Orphans (chunks without a record) in the trash.");
    metrics->trash_bytes = node_gauge(metrics, "tercet_node_trash_bytes",
                                      "Payload bytes of the orphans (chunks without a record) in the trash.");
    databases_init(metrics);
}

enum node_method node_method_of(struct bytes method)
{
    for (int i = 0; i < METHOD_OTHER; i++)
        if (bytes_equal_str(method, method_names[i]))
            return i;
    return METHOD_OTHER;
}

/* ---- requests ------------------------------------------------------------------------------------------------ */

static unsigned status_slot(int http_status)
{
    for (unsigned i = 0; i < NODE_HTTP_STATUSES - 1; i++)
        if (http_statuses[i] && http_statuses[i] == http_status)
            return i;
    return NODE_HTTP_STATUSES - 1;
}

/* Two threads may both look a cell up the first time: the registry gives both the same. */
static struct metric_counter *request_counter(struct node_metrics *metrics, enum node_route route,
                                              enum node_method method, int http_status)
{
    unsigned slot = status_slot(http_status);
    struct metric_counter **kept = &metrics->requests[route][method][slot];
    struct metric_counter *counter = __atomic_load_n(kept, __ATOMIC_ACQUIRE);
    if (!counter) {
        char labels[LABELS_MAX], code[16] = "none";
        if (slot != NODE_HTTP_STATUSES - 1)
            snprintf(code, sizeof(code), "%d", http_status);
        snprintf(labels, sizeof(labels), "method=\"%s\",endpoint=\"%s\",status_code=\"%s\",server_id=\"%s\"",
                 method_names[method], route_names[route], code, metrics->server_id);
        counter = metric_counter_get("http_requests_total", "Requests answered.", labels);
        __atomic_store_n(kept, counter, __ATOMIC_RELEASE);
    }
    return counter;
}

static struct metric_histogram *request_histogram(struct node_metrics *metrics, enum node_route route,
                                                  enum node_method method)
{
    struct metric_histogram **kept = &metrics->durations[route][method];
    struct metric_histogram *histogram = __atomic_load_n(kept, __ATOMIC_ACQUIRE);
    if (!histogram) {
        char labels[LABELS_MAX];
        snprintf(labels, sizeof(labels), "method=\"%s\",endpoint=\"%s\",server_id=\"%s\"", method_names[method],
                 route_names[route], metrics->server_id);
        histogram = metric_histogram_get("http_request_duration_seconds",
                                         "Time from a request's head to the end of its answer.", labels,
                                         metric_seconds_bounds, metric_seconds_bound_count);
        __atomic_store_n(kept, histogram, __ATOMIC_RELEASE);
    }
    return histogram;
}

/* Errors are rare enough to be looked up each time. */
static void count_http_error(const struct node_metrics *metrics, enum node_route route, enum node_method method,
                             int http_status)
{
    char labels[LABELS_MAX];
    snprintf(labels, sizeof(labels), "method=\"%s\",endpoint=\"%s\",error_type=\"%s\",server_id=\"%s\"",
             method_names[method], route_names[route], http_status >= 500 ? "server_error" : "client_error",
             metrics->server_id);
    metric_counter_add(metric_counter_get("http_errors_total", "Requests answered with an error.", labels), 1);
}

void node_metrics_request(struct node_metrics *metrics, enum node_route route, enum node_method method, int http_status,
                          double seconds)
{
    metric_counter_add(request_counter(metrics, route, method, http_status), 1);
    metric_histogram_observe(request_histogram(metrics, route, method), seconds);
    if (http_status >= 400)
        count_http_error(metrics, route, method, http_status);
}

void node_metrics_transfer(struct node_metrics *metrics, uint64_t bytes_in, uint64_t bytes_out)
{
    metric_counter_add(metrics->bytes_in, bytes_in);
    metric_counter_add(metrics->bytes_out, bytes_out);
}

void node_metrics_operation(struct node_metrics *metrics, enum node_operation operation, enum status status,
                            double seconds)
{
    metric_histogram_observe(metrics->operations[operation], seconds);
    if (status == STATUS_IO || status == STATUS_CORRUPT || status == STATUS_NO_SPACE || status == STATUS_INTERNAL ||
        status == STATUS_UNAVAILABLE || status == STATUS_DAMAGED)
        metric_counter_add(metrics->errors[operation], 1);
}

/* Adds what the store has counted since the last time. */
static void counter_follow(struct metric_counter *counter, uint64_t *kept, uint64_t counted)
{
    uint64_t seen = __atomic_exchange_n(kept, counted, __ATOMIC_RELAXED);
    if (counted > seen)
        metric_counter_add(counter, counted - seen);
}

void node_metrics_gauges(struct node_metrics *metrics, const struct node_gauges *gauges)
{
    counter_follow(metrics->corruptions, &metrics->corruptions_seen, gauges->store.corruptions);
    counter_follow(metrics->carried, &metrics->carried_seen, gauges->store.carried);
    metric_gauge_set(metrics->used_bytes, (double)gauges->store.bytes);
    metric_gauge_set(metrics->connections, gauges->connections);
    metric_gauge_set(metrics->in_flight, gauges->in_flight);
    metric_gauge_set(metrics->chunks, (double)gauges->store.chunks);
    metric_gauge_set(metrics->disk_total, (double)gauges->store.space.total_bytes);
    metric_gauge_set(metrics->disk_free, (double)gauges->store.space.free_bytes);
    metric_gauge_set(metrics->disk_ballast, (double)gauges->store.space.ballast_bytes);
    metric_gauge_set(metrics->disk_full, gauges->store.space.full);
    metric_gauge_set(metrics->read_only, gauges->store.read_only);
    metric_gauge_set(metrics->database_memory, (double)gauges->database_memory);
    metric_gauge_set(metrics->pool_backlog, gauges->pool_backlog);
    metric_gauge_set(metrics->trash_chunks, (double)gauges->store.trash_chunks);
    metric_gauge_set(metrics->trash_bytes, (double)gauges->store.trash_bytes);
    for (int i = 0; i < DISK_DATABASE_COUNT; i++)
        metric_gauge_set(metrics->set_aside[i], gauges->store.set_aside[i]);
    for (int n = 0; n < DATABASE_FIGURES; n++)
        metric_gauge_set(metrics->database[n], (double)gauges->database.values[n]);
}

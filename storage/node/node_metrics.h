/* The node's metrics: the documented names, and tercet_ ones beside them. Requests are labelled by route, never by
 * path; cells of requests are found once and kept. */
#ifndef TERCET_STORAGE_NODE_NODE_METRICS_H
#define TERCET_STORAGE_NODE_NODE_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/database_figures.h"
#include "base/metrics.h"
#include "base/status.h"
#include "storage/node/chunk_store.h"

enum node_route {
    ROUTE_CHUNK,
    ROUTE_PULL,
    ROUTE_DELETE,
    ROUTE_PULL_MANY,
    ROUTE_READ_MANY,
    ROUTE_TRASH,
    ROUTE_RESTORE,
    ROUTE_INVENTORY,
    ROUTE_TRASH_LIST,
    ROUTE_META,
    ROUTE_HEALTH,
    ROUTE_METRICS,
    ROUTE_OTHER,
    ROUTE_COUNT
};
enum node_method { METHOD_GET, METHOD_HEAD, METHOD_PUT, METHOD_POST, METHOD_DELETE, METHOD_OTHER, METHOD_COUNT };
enum node_operation {
    OPERATION_WRITE,
    OPERATION_READ,
    OPERATION_STAT,
    OPERATION_DELETE,
    OPERATION_PULL,
    OPERATION_LIST,
    OPERATION_TRASH,
    OPERATION_RESTORE,
    OPERATION_COUNT
};

#define NODE_HTTP_STATUSES 24

struct node_metrics {
    const char *server_id;
    struct metric_counter *requests[ROUTE_COUNT][METHOD_COUNT][NODE_HTTP_STATUSES]; /* atomic, made when needed */
    struct metric_histogram *durations[ROUTE_COUNT][METHOD_COUNT];                  /* atomic, made when needed */
    struct metric_histogram *operations[OPERATION_COUNT];
    struct metric_counter *errors[OPERATION_COUNT];
    struct metric_counter *bytes_in, *bytes_out, *refused, *corruptions, *carried;
    struct metric_gauge *used_bytes, *connections, *in_flight, *chunks, *disk_total, *disk_free, *disk_full;
    struct metric_gauge *disk_ballast;
    struct metric_gauge *read_only, *database_memory, *pool_backlog, *trash_chunks, *trash_bytes;
    struct metric_gauge *database[DATABASE_FIGURES], *set_aside[DISK_DATABASE_COUNT];
    uint64_t corruptions_seen, carried_seen; /* atomic */
};

/* What the gauges are set from when /metrics is asked for. */
struct node_gauges {
    struct chunk_store_info store;
    uint64_t database_memory;
    struct database_figures database;
    unsigned connections, in_flight, pool_backlog;
};

void node_metrics_init(struct node_metrics *metrics, const char *server_id); /* the string is kept */
enum node_method node_method_of(struct bytes method);
void node_metrics_request(struct node_metrics *metrics, enum node_route route, enum node_method method, int http_status,
                          double seconds);
void node_metrics_transfer(struct node_metrics *metrics, uint64_t bytes_in, uint64_t bytes_out);
/* NOT_FOUND, EXISTS, CONFLICT and errors of the peer do not count as errors of the storage. */
void node_metrics_operation(struct node_metrics *metrics, enum node_operation operation, enum status status,
                            double seconds);
void node_metrics_gauges(struct node_metrics *metrics, const struct node_gauges *gauges);

#endif

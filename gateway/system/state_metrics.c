/* Gauges of safety, nodes, database and load; see the header. Cells live as long as the process, and so do the
 * small structs that tell a callback which number it is about. Callbacks read memory only. */
#include "gateway/system/state_metrics.h"

#include <stdio.h>

#include "base/check.h"
#include "base/metrics.h"
#include "gateway/keys/vault.h"
#include "meta/space.h"

#define LABELS_MAX 64

/* ---- safety --------------------------------------------------------------------------------------------------- */

struct copies_cell {
    struct gateway *gateway;
    unsigned copies;
};

static double chunks_value(void *arg)
{
    const struct copies_cell *cell = arg;
    struct meta_durability durability;

    meta_durability_get(cell->gateway->meta, &durability);
    return (double)durability.chunks[cell->copies];
}

static double chunk_bytes_value(void *arg)
{
    const struct copies_cell *cell = arg;
    struct meta_durability durability;

    meta_durability_get(cell->gateway->meta, &durability);
    return (double)durability.bytes[cell->copies];
}

static double write_quorum(void *arg)
{
    return cluster_writable_count(((struct gateway *)arg)->cluster) >= CHUNK_COPIES_MIN;
}

static double failures_tolerable(void *arg)
{
    unsigned writable = cluster_writable_count(((struct gateway *)arg)->cluster);

    return writable > CHUNK_COPIES_MIN ? writable - CHUNK_COPIES_MIN : 0;
}

static double node_count(void *arg)
{
    return cluster_node_count(((struct gateway *)arg)->cluster);
}

static double repair_age(void *arg)
{
    return (double)meta_repair_backlog_ms(((struct gateway *)arg)->meta) / 1000;
}

static void register_safety(struct gateway *gateway)
{
    char labels[LABELS_MAX];

    for (unsigned copies = 0; copies <= CHUNK_COPIES; copies++) {
        struct copies_cell *cell = mem_alloc(sizeof(*cell));
        *cell = (struct copies_cell){gateway, copies};
        snprintf(labels, sizeof(labels), "copies=\"%u\"", copies);
        metric_gauge_callback("tercet_chunks", "Chunks by number of good copies (3: three or more).", labels,
                              chunks_value, cell);
        metric_gauge_callback("tercet_chunk_bytes", "Bytes of chunks, counted once, by number of good copies.", labels,
                              chunk_bytes_value, cell);
    }
    metric_gauge_callback("tercet_write_quorum", "1 while enough nodes take new chunks.", "", write_quorum, gateway);
    metric_gauge_callback("tercet_node_failures_tolerable", "Nodes that may still be lost before writes are refused.",
                          "", failures_tolerable, gateway);
    metric_gauge_callback("tercet_nodes", "Nodes of the cluster.", "", node_count, gateway);
    metric_gauge_callback("tercet_repair_oldest_age_seconds",
                          "Time for which the repair queue has not been empty, counted from the gateway's start at "
                          "most; nothing queued since then is older.",
                          "", repair_age, gateway);
}

/* ---- nodes ---------------------------------------------------------------------------------------------------- */

struct node_cell {
    const struct cluster *cluster;
    unsigned index;
    double (*value)(const struct cluster_node_info *info);
};

static double node_last_seen(const struct cluster_node_info *info)
{
    return (double)info->last_seen_ms / 1000;
}

static double node_total(const struct cluster_node_info *info)
{
    return (double)info->total_bytes;
}

static double node_free(const struct cluster_node_info *info)
{
    return (double)info->free_bytes;
}

static double node_full(const struct cluster_node_info *info)
{
    return info->full;
}

static double node_read_only(const struct cluster_node_info *info)
{
    return info->read_only;
}

static double node_transitions(const struct cluster_node_info *info)
{
    return info->transitions;
}

static double node_requests(const struct cluster_node_info *info)
{
    return (double)info->requests;
}

static double node_value(void *arg)
{
    const struct node_cell *cell = arg;
    struct cluster_node_info info;

    cluster_node_info(cell->cluster, cell->index, &info);
    return cell->value(&info);
}

static void register_nodes(struct gateway *gateway)
{
    static const struct {
        const char *name, *help;
        double (*value)(const struct cluster_node_info *info);
        bool counter;
    } numbers[] = {
        {"tercet_node_last_seen_timestamp_seconds", "When the node last answered, in seconds since 1970; 0: never.",
         node_last_seen, false},
        {"tercet_node_reported_total_bytes", "Size of the node's disk, by its last health answer.", node_total, false},
        {"tercet_node_reported_free_bytes", "Bytes that chunks may still take on the node, by its last health answer.",
         node_free, false},
        {"tercet_node_reported_full", "1 when the node's last health answer said that its disk is full.", node_full,
         false},
        {"tercet_node_reported_read_only", "1 when the node's last health answer said that its disk failed.",
         node_read_only, false},
        {"tercet_node_breaker_transitions_total", "Changes of the state of the node's breaker.", node_transitions,
         true},
        {"tercet_node_requests_total", "Requests sent to the node.", node_requests, true},
    };
    char labels[LABELS_MAX];
    struct cluster_node_info info;

    for (unsigned i = 0; i < cluster_node_count(gateway->cluster); i++) {
        cluster_node_info(gateway->cluster, i, &info);
        snprintf(labels, sizeof(labels), "node=\"%u\"", info.number);
        for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
            struct node_cell *cell = mem_alloc(sizeof(*cell));
            *cell = (struct node_cell){gateway->cluster, i, numbers[n].value};
            if (numbers[n].counter)
                metric_counter_callback(numbers[n].name, numbers[n].help, labels, node_value, cell);
            else
                metric_gauge_callback(numbers[n].name, numbers[n].help, labels, node_value, cell);
        }
    }
}

/* ---- the metadata database ------------------------------------------------------------------------------------ */

struct database_cell {
    struct meta *meta;
    enum database_figure figure;
};

static double database_value(void *arg)
{
    const struct database_cell *cell = arg;

    return (double)meta_figure(cell->meta, cell->figure);
}

static double database_failing(void *arg)
{
    return meta_is_failing(arg);
}

static double database_damaged(void *arg)
{
    (void)arg;
    return meta_is_damaged();
}

/* The names are those of RocksDB, whatever the database is. */
static void register_database(struct gateway *gateway)
{
    static const struct {
        const char *name, *help;
        enum database_figure figure;
    } numbers[] = {
        {"tercet_meta_rocksdb_pending_compaction_bytes",
         "Bytes of the metadata database that compaction has yet to rewrite.", FIGURE_PENDING_COMPACTION_BYTES},
        {"tercet_meta_rocksdb_write_stopped", "1 while the metadata database takes no writes.", FIGURE_WRITE_STOPPED},
        {"tercet_meta_rocksdb_delayed_write_bytes_per_second",
         "Rate to which writes of the metadata database are slowed down; 0: not slowed.", FIGURE_DELAYED_WRITE_RATE},
        {"tercet_meta_rocksdb_memtable_bytes", "Memory of all memtables of the metadata database.",
         FIGURE_MEMTABLE_BYTES},
        {"tercet_meta_rocksdb_table_reader_bytes",
         "Memory of the metadata database's table readers outside of its cache.", FIGURE_TABLE_READER_BYTES},
        {"tercet_meta_rocksdb_level0_files", "Files in level 0 of the metadata database.", FIGURE_LEVEL0_FILES},
        {"tercet_meta_rocksdb_background_errors", "Errors of the metadata database in the background since the start.",
         FIGURE_BACKGROUND_ERRORS},
        {"tercet_meta_rocksdb_cache_used_bytes", "Bytes used of the metadata database's block cache.",
         FIGURE_CACHE_USED_BYTES},
        {"tercet_meta_rocksdb_cache_capacity_bytes", "Size of the metadata database's block cache.",
         FIGURE_CACHE_CAPACITY_BYTES},
        {"tercet_meta_rocksdb_sst_bytes", "Size of all table files of the metadata database.", FIGURE_TABLE_BYTES},
        {"tercet_meta_rocksdb_running_compactions", "Compactions of the metadata database that run.",
         FIGURE_RUNNING_COMPACTIONS},
        {"tercet_meta_rocksdb_running_flushes", "Flushes of the metadata database that run.", FIGURE_RUNNING_FLUSHES},
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct database_cell *cell = mem_alloc(sizeof(*cell));
        *cell = (struct database_cell){gateway->meta, numbers[i].figure};
        metric_gauge_callback(numbers[i].name, numbers[i].help, "", database_value, cell);
    }
    metric_counter_get("tercet_metadata_corruptions_total",
                       "Reads and writes that met damage of the metadata database.", "");
    metric_gauge_callback("tercet_metadata_damaged", "1 when damage of the metadata database was met since the start.",
                          "", database_damaged, NULL);
    metric_gauge_callback("tercet_meta_failing",
                          "1 from an error of the metadata database in the background until a commit succeeds.", "",
                          database_failing, gateway->meta);
}

/* ---- the gateway's own disk ----------------------------------------------------------------------------------- */

static double disk_total(void *arg)
{
    struct meta_space_state disk;
    meta_space_get(arg, &disk);
    return (double)disk.last.total_bytes;
}

static double disk_free(void *arg)
{
    struct meta_space_state disk;
    meta_space_get(arg, &disk);
    return (double)disk.last.free_bytes;
}

static double disk_reserve(void *arg)
{
    struct meta_space_state disk;
    meta_space_get(arg, &disk);
    return (double)disk.reserve_bytes;
}

static double disk_ballast(void *arg)
{
    struct meta_space_state disk;
    meta_space_get(arg, &disk);
    return (double)disk.ballast_bytes;
}

static double disk_full(void *arg)
{
    return meta_space_is_low(arg);
}

static void register_disk(struct gateway *gateway)
{
    struct meta_space *space = gateway->meta_space;

    metric_gauge_callback("tercet_gateway_disk_total_bytes", "Size of the disk with the metadata.", "", disk_total,
                          space);
    metric_gauge_callback("tercet_gateway_disk_free_bytes", "Free bytes of the disk with the metadata.", "", disk_free,
                          space);
    metric_gauge_callback("tercet_gateway_disk_reserve_bytes",
                          "Bytes that uploads must leave free on the disk with the metadata.", "", disk_reserve, space);
    metric_gauge_callback(
        "tercet_gateway_disk_ballast_bytes",
        "Bytes of the file that is kept on the disk with the metadata to be given up when that disk is full.", "",
        disk_ballast, space);
    metric_gauge_callback("tercet_gateway_disk_full",
                          "1 while uploads are refused because the disk with the metadata is full.", "", disk_full,
                          space);
}

/* ---- load ----------------------------------------------------------------------------------------------------- */

static double pool_waiting(void *arg)
{
    return pool_backlog(((struct gateway *)arg)->pool);
}

static double commits_waiting(void *arg)
{
    return meta_commits_waiting(((struct gateway *)arg)->meta);
}

static double connections(void *arg)
{
    struct gateway *gateway = arg;
    unsigned sum = 0;

    for (size_t i = 0; i < sizeof(gateway->servers) / sizeof(gateway->servers[0]); i++) {
        const struct http_server *server = __atomic_load_n(&gateway->servers[i], __ATOMIC_ACQUIRE);

        sum += server ? http_server_connections(server) : 0;
    }
    return sum;
}

static void register_load(struct gateway *gateway)
{
    admission_register_metrics(&gateway->admission);
    http_pauses_register_metrics(&gateway->pauses);
    metric_gauge_callback("active_connections", "Open client connections.", "", connections, gateway);
    metric_gauge_callback("tercet_pool_backlog", "Work that waits for a pool thread.", "", pool_waiting, gateway);
    metric_gauge_callback("tercet_meta_commits_waiting", "Changes of the metadata asked for and not yet acknowledged.",
                          "", commits_waiting, gateway);
}

void state_metrics_register(struct gateway *gateway)
{
    register_safety(gateway);
    register_nodes(gateway);
    register_database(gateway);
    register_disk(gateway);
    register_load(gateway);
    vault_register_metrics(gateway->keys);
}

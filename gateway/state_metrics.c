/* Gauges of safety, nodes, database and load; see the header. Cells live as long as the process, and so do the
 * small structs that tell a callback which number it is about. Callbacks read memory only. */
#include "gateway/state_metrics.h"

#include <stdio.h>

#include "base/check.h"
#include "base/metrics.h"
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
        {"tercet_node_last_seen_timestamp_seconds", "When the node last answered; 0: never.", node_last_seen, false},
        {"tercet_node_reported_total_bytes", "Size of the node's disk, by its last health answer.", node_total, false},
        {"tercet_node_reported_free_bytes", "What chunks may still take there.", node_free, false},
        {"tercet_node_reported_full", "1 when the node said that its disk is full.", node_full, false},
        {"tercet_node_reported_read_only", "1 when the node said that its disk failed.", node_read_only, false},
        {"tercet_node_breaker_transitions_total", "Changes of the node's breaker.", node_transitions, true},
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
    const char *property;
    uint64_t (*read)(struct meta *meta, const char *property);
};

static double database_value(void *arg)
{
    const struct database_cell *cell = arg;

    return (double)cell->read(cell->meta, cell->property);
}

static double database_failing(void *arg)
{
    return meta_is_failing(arg);
}

static void register_database(struct gateway *gateway)
{
    static const struct {
        const char *name, *help, *property;
        bool shared;
    } numbers[] = {
        {"tercet_meta_rocksdb_pending_compaction_bytes", "Bytes that compaction has yet to rewrite.",
         "rocksdb.estimate-pending-compaction-bytes", false},
        {"tercet_meta_rocksdb_write_stopped", "1 while RocksDB takes no writes.", "rocksdb.is-write-stopped", true},
        {"tercet_meta_rocksdb_delayed_write_bytes_per_second", "Rate that writes are slowed down to; 0: not slowed.",
         "rocksdb.actual-delayed-write-rate", true},
        {"tercet_meta_rocksdb_memtable_bytes", "Memory of all memtables.", "rocksdb.cur-size-all-mem-tables", false},
        {"tercet_meta_rocksdb_table_reader_bytes", "Memory of table readers outside of the cache.",
         "rocksdb.estimate-table-readers-mem", false},
        {"tercet_meta_rocksdb_level0_files", "Files in level 0.", "rocksdb.num-files-at-level0", false},
        {"tercet_meta_rocksdb_background_errors", "Errors in the background since the start.",
         "rocksdb.background-errors", true},
        {"tercet_meta_rocksdb_cache_used_bytes", "Use of the block cache.", "rocksdb.block-cache-usage", true},
        {"tercet_meta_rocksdb_cache_capacity_bytes", "Size of the block cache.", "rocksdb.block-cache-capacity", true},
        {"tercet_meta_rocksdb_sst_bytes", "Size of all table files.", "rocksdb.total-sst-files-size", false},
        {"tercet_meta_rocksdb_running_compactions", "Compactions that run.", "rocksdb.num-running-compactions", true},
        {"tercet_meta_rocksdb_running_flushes", "Flushes that run.", "rocksdb.num-running-flushes", true},
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct database_cell *cell = mem_alloc(sizeof(*cell));
        *cell = (struct database_cell){gateway->meta, numbers[i].property,
                                       numbers[i].shared ? meta_rocksdb_property_shared : meta_rocksdb_property};
        metric_gauge_callback(numbers[i].name, numbers[i].help, "", database_value, cell);
    }
    metric_gauge_callback("tercet_meta_failing", "1 after an error in the background until a commit succeeds.", "",
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
    metric_gauge_callback("tercet_gateway_disk_free_bytes", "Free there.", "", disk_free, space);
    metric_gauge_callback("tercet_gateway_disk_reserve_bytes", "What uploads must leave free there.", "", disk_reserve,
                          space);
    metric_gauge_callback("tercet_gateway_disk_ballast_bytes", "Held there to be given up when it is full.", "",
                          disk_ballast, space);
    metric_gauge_callback("tercet_gateway_disk_full", "1 while uploads are refused because it is full.", "", disk_full,
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
    metric_gauge_callback("active_connections", "Open client connections.", "", connections, gateway);
    metric_gauge_callback("tercet_pool_backlog", "Work that waits for a pool thread.", "", pool_waiting, gateway);
    metric_gauge_callback("tercet_meta_commits_waiting", "Changes of the metadata asked for and not yet acknowledged.",
                          "", commits_waiting, gateway);
}

/* Counters of background jobs that begin to count late, shown from the start, so that a first increase is seen. */
static void register_jobs(void)
{
    metric_counter_get("tercet_repaired_chunks_total", "Copies made anew.", "");
    metric_counter_get("tercet_repaired_bytes_total", "Bytes of copies made anew.", "");
    metric_counter_get("tercet_gc_chunks_total", "Chunks freed on all their nodes.", "");
    metric_counter_get("tercet_orphans_trashed_total", "Orphans put into a node's trash.", "");
    metric_counter_get("tercet_orphan_bytes_trashed_total", "Their bytes.", "");
}

void state_metrics_register(struct gateway *gateway)
{
    register_jobs();
    register_safety(gateway);
    register_nodes(gateway);
    register_database(gateway);
    register_disk(gateway);
    register_load(gateway);
}

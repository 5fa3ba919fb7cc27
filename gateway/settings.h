/* The gateway's settings: one table, from which flags, environment, file and -help are read. */
#ifndef TERCET_GATEWAY_SETTINGS_H
#define TERCET_GATEWAY_SETTINGS_H

#include "gateway/gateway.h"

struct settings {
    const char *listen, *data_dir, *nodes, *cluster_id, *cluster_secret_file;
    const char *access_key, *secret_key, *secret_key_file, *files_token, *files_token_file;
    const char *tls_cert, *tls_key, *domain, *region, *server_id, *log_level, *log_dir;
    uint64_t port, tls_port, threads, pool_threads, connections_max;
    uint64_t chunk_bytes, window_bytes, cache_bytes;
    uint64_t stall_ms, node_timeout_ms, health_interval_ms, suspect_interval_ms, breaker_failures, breaker_open_ms;
    uint64_t hedge_percent;
    uint64_t gc_interval_ms, gc_grace_ms, repair_interval_ms, drain_ms;
    uint64_t repair_bandwidth, repair_concurrency, node_dead_after_ms, inventory_interval_ms, upload_expiry_ms;
    uint64_t orphan_age_ms, orphan_percent;
    uint64_t reads_max, writes_max, upload_bytes_max, lists_max, others_max;
    uint64_t idle_timeout_ms, head_timeout_ms, rate_min, rate_window_ms;
    uint64_t metadata_copies, restore_from, data_reserve_bytes;
    bool open_files_api, access_log, restore_metadata, health;
};

/* Reads everything and checks what belongs together; explains on stderr and exits 2 when it does not. */
void settings_load(struct settings *settings, int argc, char **argv);

struct gateway_options settings_gateway_options(const struct settings *settings);
struct admission settings_admission(const struct settings *settings);
/* Reads the cluster secret; explains on stderr and exits 2. */
void settings_cluster_config(const struct settings *settings, struct cluster_config *config);

#endif

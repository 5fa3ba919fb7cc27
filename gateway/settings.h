/* The gateway's settings: one table, from which flags, environment, file and -help are read. Each setting is in the
 * part that it is for: what handlers and jobs look at, what the cluster is made with, the bounds of admission; here is
 * what only main needs. */
#ifndef TERCET_GATEWAY_SETTINGS_H
#define TERCET_GATEWAY_SETTINGS_H

#include "base/tls_identity.h"
#include "gateway/keys/vault.h"
#include "gateway/gateway.h"
#include "gateway/notify/notify.h"

struct settings {
    struct gateway_options gateway;
    struct cluster_config cluster;
    struct admission admission; /* its bounds */
    struct notify_options notify;
    const char *listen, *data_dir, *cluster_id, *cluster_secret_file, *secret_key_file, *files_token_file;
    const char *secret_key_2_file, *identity_key, *keyring, *new_key, *retire_key;
    const char *export_keys, *import_keys, *passphrase_file;
    struct tls_files tls, node_tls;
    struct vault_options vault;
    const char *key_provider;
    const char *log_level, *log_dir, *audit_log;
    uint64_t port, tls_port, threads, pool_threads, connections_max, connections_per_peer_max, head_memory_max;
    uint64_t idle_timeout_ms, head_timeout_ms, rate_min, rate_window_ms, read_pause_ms;
    uint64_t cache_bytes, identity_cache_bytes, data_reserve_bytes, metadata_copies, restore_from;
    uint64_t gc_backlog, repair_bandwidth, drain_ms;
    bool restore_metadata, restore_damaged, identity_key_lost, health;
};

/* Reads everything and checks what belongs together, the keys in files too; explains on stderr and exits 2 when it does
 * not. */
void settings_load(struct settings *settings, int argc, char **argv);
/* Reads who the cluster is, its id and its secret, for settings->cluster; explains on stderr and exits 2. */
void settings_take_identity(struct settings *settings);

#endif

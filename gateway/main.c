/* tercet-gateway: starts everything from the bottom up, waits for a signal, and stops it from the top down.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/service.h"
#include "compat/compat.h"
#include "gateway/background.h"
#include "gateway/meta_recovery.h"
#include "gateway/meta_sync.h"
#include "gateway/settings.h"
#include "gateway/system.h"
#include "meta/space.h"

#define NODES_WAIT_MS       3000  /* for their first answers, at start */
#define FIRST_START_WAIT_MS 30000 /* the same when nothing can be done without them */

struct servers {
    struct http_server *main, *tls;
};

static enum status open_disk(struct gateway *gateway, const struct settings *settings)
{
    const struct meta_space_config config = {.directory = settings->data_dir,
                                             .reserve_bytes = settings->data_reserve_bytes};

    if (mkdir(settings->data_dir, 0700) != 0 && errno != EEXIST) {
        fprintf(stderr, "tercet-gateway: %s: %s\n", settings->data_dir, strerror(errno));
        return STATUS_IO;
    }
    return meta_space_create(&config, &gateway->meta_space);
}

static enum status start_cluster(struct gateway *gateway, const struct cluster_config *config)
{
    const char *error = "";

    enum status status = cluster_create(config, &gateway->cluster, &error);
    if (status) {
        fprintf(stderr, "tercet-gateway: nodes: %s\n", error);
        return status;
    }
    cluster_start(gateway->cluster, gateway->loops.loops[0], NODES_WAIT_MS);
    return STATUS_OK;
}

/* The first start of a cluster makes the bucket of the file API, for which enough nodes must be there. */
static enum status create_files_bucket(struct gateway *gateway)
{
    struct meta_bucket bucket;

    if (meta_bucket_get(gateway->meta, BYTES(GATEWAY_FILES_BUCKET), &bucket) == STATUS_OK)
        return STATUS_OK;
    if (gateway->meta_sync)
        meta_sync_wait(gateway->meta_sync, FIRST_START_WAIT_MS);
    enum status status = meta_bucket_create(gateway->meta, BYTES(GATEWAY_FILES_BUCKET), true, (struct bytes){0});
    if (status == STATUS_UNCERTAIN) /* it is there, and will be on the nodes when they are */
        status = STATUS_OK;
    if (status)
        fprintf(stderr, "tercet-gateway: the first bucket cannot be made: %s. Are the nodes running?\n",
                status_name(status));
    return status;
}

static enum status open_metadata(struct gateway *gateway, const struct settings *settings, const char *path,
                                 const struct cluster_config *cluster)
{
    struct meta_options options = {
        .path = path,
        .cluster_id = cluster->identity.id,
        .pool = gateway->pool,
        .cache_bytes = settings->cache_bytes,
        .space = gateway->meta_space,
    };

    if (settings->metadata_copies) {
        const struct meta_sync_config config = {
            .cluster = gateway->cluster,
            .pool = gateway->pool,
            .copies = (unsigned)settings->metadata_copies,
            .node_timeout_ms = cluster->node_timeout_ms,
            .stall_ms = cluster->stall_ms,
            .check_interval_ms = cluster->health_interval_ms,
            .bandwidth = &gateway->bandwidth,
        };
        gateway->meta_sync = meta_sync_create(&config);
        options.replication = meta_sync_replication(gateway->meta_sync);
    }
    enum status status = meta_open(&options, &gateway->meta);
    if (status) {
        fprintf(stderr, "tercet-gateway: the metadata in %s cannot be opened: %s\n", path, status_name(status));
        return status;
    }
    if (gateway->meta_sync) {
        meta_sync_start(gateway->meta_sync, gateway->meta, gateway->loops.loops[0]);
        if (!meta_sync_wait(gateway->meta_sync, NODES_WAIT_MS))
            log_warn("too few nodes keep the metadata: changes are refused until more do");
    }
    return create_files_bucket(gateway);
}

static enum status open_stores(struct gateway *gateway, const struct settings *settings)
{
    struct cluster_config cluster;
    char path[4096];

    settings_cluster_config(settings, &cluster);
    snprintf(path, sizeof(path), "%s/meta", settings->data_dir);
    enum status status = open_disk(gateway, settings);
    if (!status)
        status = start_cluster(gateway, &cluster);
    const struct meta_recovery_config recovery = {
        .cluster = gateway->cluster,
        .loop = gateway->loops.loops[0],
        .pool = gateway->pool,
        .data_dir = settings->data_dir,
        .meta_path = path,
        .cluster_id = cluster.identity.id,
        .copies = (unsigned)settings->metadata_copies,
        .restore_from = (unsigned)settings->restore_from,
    };
    if (!status && settings->restore_metadata)
        return meta_recovery_restore(&recovery);
    if (!status && settings->metadata_copies)
        status = meta_recovery_check(&recovery);
    return status ? status : open_metadata(gateway, settings, path, &cluster);
}

static enum status start_servers(struct gateway *gateway, const struct settings *settings, struct servers *servers)
{
    struct http_server_config config = {
        .address = settings->listen,
        .port = (uint16_t)settings->port,
        .handler = gateway_handle,
        .handler_arg = gateway,
        .connections_max = (uint32_t)settings->connections_max,
        .idle_timeout_ms = (uint32_t)settings->idle_timeout_ms,
        .head_timeout_ms = (uint32_t)settings->head_timeout_ms,
        .rate_bytes_per_second_min = (uint32_t)settings->rate_min,
        .rate_window_ms = (uint32_t)settings->rate_window_ms,
    };
    struct http_server_config tls = config;
    enum status status;

    tls.port = (uint16_t)settings->tls_port;
    tls.tls_cert = settings->tls_cert;
    tls.tls_key = settings->tls_key;
    if (settings->tls_cert[0] && !settings->tls_port) {
        tls.port = config.port;
        config = tls;
    }
    status = http_server_start(&gateway->loops, &config, &servers->main);
    if (!status && settings->tls_port)
        status = http_server_start(&gateway->loops, &tls, &servers->tls);
    __atomic_store_n(&gateway->servers[0], servers->main, __ATOMIC_RELEASE);
    __atomic_store_n(&gateway->servers[1], servers->tls, __ATOMIC_RELEASE);
    if (status)
        fprintf(stderr, "tercet-gateway: cannot listen on %s port %u: %s\n", settings->listen,
                servers->main ? tls.port : config.port, status_name(status));
    return status;
}

static void stop_servers(struct servers *servers, uint64_t drain_ms)
{
    if (servers->tls) {
        http_server_stop(servers->tls, drain_ms);
        http_server_free(servers->tls);
    }
    if (servers->main) {
        http_server_stop(servers->main, drain_ms);
        http_server_free(servers->main);
    }
}

static int run(struct gateway *gateway, const struct settings *settings, const sigset_t *signals)
{
    struct servers servers = {0};
    int signal_number;
    enum status status = open_stores(gateway, settings);

    if (status || settings->restore_metadata)
        goto out;
    gateway->background = background_start(gateway);
    system_register_metrics(gateway);
    status = start_servers(gateway, settings, &servers);
    if (!status) {
        log_info("gateway is ready", LOG_INT("port", http_server_port(servers.main)));
        service_ready();
        signal_number = service_wait(signals, &gateway->loops);
        service_stopping(settings->drain_ms);
        log_info("stopping", LOG_INT("signal", signal_number));
        if (gateway->meta_sync && meta_sync_refused(gateway->meta_sync))
            status = STATUS_CONFLICT;
    }
out:
    stop_servers(&servers, settings->drain_ms);
    if (gateway->background)
        background_stop(gateway->background);
    if (gateway->meta_sync)
        meta_sync_stop(gateway->meta_sync);
    if (gateway->cluster)
        cluster_stop(gateway->cluster);
    background_free(gateway->background);
    return status ? 1 : 0;
}

int main(int argc, char **argv)
{
    static struct settings settings;
    static struct gateway gateway;
    enum log_level level = LOG_ERROR;
    sigset_t signals;

    settings_load(&settings, argc, argv);
    log_level_parse(bytes_from_str(settings.log_level), &level);
    log_init("tercet-gateway", settings.server_id, level);
    if (settings.log_dir[0] && log_open(settings.log_dir)) {
        fprintf(stderr, "tercet-gateway: logdir: the log file below %s cannot be opened\n", settings.log_dir);
        return 2;
    }
    mallopt(M_ARENA_MAX, 4); /* an arena per thread would keep what uploads once needed */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    service_block_signals(&signals);
    compat_init();
    service_raise_file_limit(settings.connections_max);

    gateway.options = settings_gateway_options(&settings);
    gateway.admission = settings_admission(&settings);
    gateway.bandwidth.bytes_per_s = settings.repair_bandwidth;
    gateway.started_ms = clock_wall_ms();
    gateway.pool = pool_create((unsigned)settings.pool_threads, "pool");
    loop_group_start(&gateway.loops,
                     settings.threads ? (unsigned)settings.threads : (unsigned)sysconf(_SC_NPROCESSORS_ONLN));
    int code = run(&gateway, &settings, &signals);
    loop_group_stop(&gateway.loops);
    if (gateway.cluster)
        cluster_free(gateway.cluster);
    if (gateway.meta)
        meta_close(gateway.meta);
    meta_space_free(gateway.meta_space);
    meta_sync_free(gateway.meta_sync);
    pool_free(gateway.pool);
    return code;
}

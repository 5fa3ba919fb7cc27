/* tercet-gateway: starts everything from the bottom up, waits for a signal, and stops it from the top down.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ballast.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/owner_only.h"
#include "base/service.h"
#include "compat/compat.h"
#include "gateway/bootstrap/bootstrap.h"
#include "gateway/jobs/background.h"
#include "gateway/system/data_lock.h"
#include "gateway/replication/recovery.h"
#include "gateway/replication/replication.h"
#include "gateway/front/operation.h"
#include "gateway/front/refusal.h"
#include "gateway/identity/key_file.h"
#include "gateway/identity/key_uses.h"
#include "gateway/identity/oidc_keys.h"
#include "gateway/keys/key_provider.h"
#include "gateway/notify/notify.h"
#include "gateway/settings.h"
#include "gateway/stores.h"
#include "gateway/system/system.h"
#include "gateway/s3/access_settings.h"
#include "gateway/s3/account_access.h"
#include "gateway/s3/bucket_settings.h"
#include "meta/space.h"

#define EXIT_DISK_FAILED 3 /* as of a node */
#define EXIT_REPLACED    4 /* starting it again helps nobody; 2: settings */

struct servers {
    struct http_server *main, *tls;
};

/* What supervisors ask for: served also when there are too many connections. */
static bool is_vital(struct bytes path)
{
    const struct http_request request = {.method = BYTES("GET"), .path = path};
    bool path_known;
    const struct operation *operation = operation_by_path(&request, &path_known);

    return operation && operation->class == CLASS_SYSTEM;
}

/* The client of an answer that has been paused for the longest time has it cut. */
static bool make_room(void *arg, enum operation_class class)
{
    struct gateway *gateway = arg;

    return http_pauses_cut_longest(&gateway->pauses, class + 1);
}

static enum status start_servers(struct gateway *gateway, const struct settings *settings, struct servers *servers)
{
    struct http_server_config config = {
        .address = settings->listen,
        .port = (uint16_t)settings->port,
        .handler = gateway_handle,
        .handler_arg = gateway,
        .refuse = gateway_refuse,
        .connections_max = (uint32_t)settings->connections_max,
        .connections_per_peer_max = (uint32_t)settings->connections_per_peer_max,
        .head_memory_max = (uint32_t)settings->head_memory_max,
        .is_vital = is_vital,
        .pauses = &gateway->pauses,
        .pause_timeout_ms = (uint32_t)settings->read_pause_ms,
        .idle_timeout_ms = (uint32_t)settings->idle_timeout_ms,
        .head_timeout_ms = (uint32_t)settings->head_timeout_ms,
        .rate_bytes_per_second_min = (uint32_t)settings->rate_min,
        .rate_window_ms = (uint32_t)settings->rate_window_ms,
    };
    struct http_server_config tls = config;
    enum status status;

    tls.port = (uint16_t)settings->tls_port;
    tls.tls = gateway->tls;
    if (gateway->tls && !settings->tls_port) {
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

/* The disk failed a commit: neither a drain nor closing the database may touch it. */
static void end_if_failed(const struct gateway *gateway)
{
    if (gateway->meta && meta_has_failed(gateway->meta))
        _exit(EXIT_DISK_FAILED);
}

struct stop {
    struct gateway *gateway;
    struct servers *servers;
    uint64_t drain_ms;
    bool done; /* atomic */
};

static void *stop_main(void *arg)
{
    struct stop *stop = arg;
    struct gateway *gateway = stop->gateway;

    stop_servers(stop->servers, stop->drain_ms);
    key_provider_stop(gateway->keys);
    if (gateway->cluster)
        cluster_hurry(gateway->cluster);
    notify_stop(gateway->notify);
    if (gateway->background)
        background_stop(gateway->background);
    if (gateway->replication)
        replication_stop(gateway->replication);
    if (gateway->cluster)
        cluster_stop(gateway->cluster);
    background_free(gateway->background);
    __atomic_store_n(&stop->done, true, __ATOMIC_RELEASE);
    service_wake();
    return NULL;
}

/* From the top down. Meanwhile main waits for a disk that fails: what stops still commits. */
static void stop_all(struct gateway *gateway, struct servers *servers, uint64_t drain_ms)
{
    struct stop stop = {.gateway = gateway, .servers = servers, .drain_ms = drain_ms};
    pthread_t thread;
    sigset_t none;

    sigemptyset(&none);
    CHECK(pthread_create(&thread, NULL, stop_main, &stop) == 0);
    while (!__atomic_load_n(&stop.done, __ATOMIC_ACQUIRE)) {
        service_wait(&none, &gateway->loops, CLOCK_NEVER);
        end_if_failed(gateway);
    }
    pthread_join(thread, NULL);
}

/* Serves until a signal comes (OK), or there is a reason to stop. */
static enum status wait_end(struct gateway *gateway, const sigset_t *signals)
{
    enum status status = STATUS_OK;
    int signal_number = 0;

    while (!signal_number && !status) {
        signal_number = service_wait(signals, &gateway->loops, CLOCK_NEVER);
        if (meta_has_failed(gateway->meta))
            status = STATUS_IO;
        else if (gateway->replication)
            status = replication_refusal(gateway->replication);
    }
    log_info("stopping", LOG_INT("signal", signal_number), LOG_STATUS(status));
    return status;
}

/* Explains on stderr and exits 2. */
static void open_notify(struct gateway *gateway, const struct settings *settings)
{
    struct buffer error;

    buffer_init(&error, NOTIFY_EXPLAIN_MAX);
    if (notify_create(&settings->notify, &gateway->notify, &error)) {
        fprintf(stderr, "tercet-gateway: notify: %.*s\n", (int)error.len, error.data ? error.data : "");
        exit(2);
    }
    buffer_release(&error);
    notify_register_metrics(gateway->notify);
}

static int run(struct gateway *gateway, const struct settings *settings, const sigset_t *signals)
{
    struct servers servers = {0};
    enum status status = stores_open(gateway, settings);

    if (status || settings->restore_metadata)
        goto out;
    gateway->background = background_start(gateway);
    notify_start(gateway->notify, gateway);
    system_register_metrics(gateway);
    status = start_servers(gateway, settings, &servers);
    if (!status) {
        log_info("gateway is ready", LOG_INT("port", http_server_port(servers.main)));
        service_ready();
        status = wait_end(gateway, signals);
        end_if_failed(gateway);
        service_stopping(settings->drain_ms);
    }
out:
    end_if_failed(gateway);
    stop_all(gateway, &servers, settings->drain_ms);
    return status == STATUS_PRECONDITION ? EXIT_REPLACED : status ? 1 : 0;
}

int main(int argc, char **argv)
{
    static struct settings settings;
    static struct gateway gateway;
    enum log_level level = LOG_ERROR;
    sigset_t signals;

    owner_only_files();
    settings_load(&settings, argc, argv);
    settings_take_identity(&settings);
    STATUS_IGNORE(log_level_parse(bytes_from_str(settings.log_level), &level), "settings_load has checked it");
    log_init("tercet-gateway", settings.gateway.server_id, level);
    if (settings.audit_log[0] && log_open_audit(settings.audit_log)) {
        fprintf(stderr, "tercet-gateway: audit-log: %s cannot be opened: %s\n", settings.audit_log, strerror(errno));
        return 2;
    }
    if (settings.log_dir[0] && log_open(settings.log_dir)) {
        fprintf(stderr, "tercet-gateway: logdir: the log file below %s cannot be opened: %s\n", settings.log_dir,
                strerror(errno));
        return 2;
    }
    mallopt(M_ARENA_MAX, 4); /* an arena per thread would keep what uploads once needed */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    service_block_signals(&signals);
    compat_init();
    service_raise_file_limit(settings.connections_max);

    gateway.options = settings.gateway;
    gateway.admission = settings.admission;
    gateway.hold_back.rows_max = settings.gc_backlog;
    gateway.admission.make_room = make_room;
    gateway.admission.make_room_arg = &gateway;
    http_pauses_init(&gateway.pauses);
    gateway.bandwidth.bytes_per_s = settings.repair_bandwidth;
    gateway.started_ms = clock_wall_ms();
    open_notify(&gateway, &settings);
    gateway.pool = pool_create((unsigned)settings.pool_threads, "pool");
    gateway.md5_queue = md5_queue_create(gateway.pool);
    loop_group_start(&gateway.loops,
                     settings.threads ? (unsigned)settings.threads : (unsigned)sysconf(_SC_NPROCESSORS_ONLN));
    int code = run(&gateway, &settings, &signals);
    end_if_failed(&gateway);
    loop_group_stop(&gateway.loops);
    stores_close(&gateway);
    notify_free(gateway.notify);
    pool_free(gateway.pool);
    md5_queue_free(gateway.md5_queue);
    return code;
}

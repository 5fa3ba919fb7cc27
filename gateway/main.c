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
#include "gateway/settings.h"
#include "gateway/system/system.h"
#include "gateway/s3/access_settings.h"
#include "gateway/s3/account_access.h"
#include "gateway/s3/bucket_settings.h"
#include "meta/space.h"

#define NODES_WAIT_MS       3000  /* for their first answers, at start */
#define FIRST_START_WAIT_MS 30000 /* the same when nothing can be done without them */

#define EXIT_DISK_FAILED 3 /* as of a node */
#define EXIT_REPLACED    4 /* starting it again helps nobody; 2: settings */

struct servers {
    struct http_server *main, *tls;
};

/* With the ballast given up, if there was one. */
static enum status check_room(const struct meta_space *space, const char *data_dir)
{
    struct meta_space_state state;
    meta_space_get(space, &state);
    if (state.last.free_bytes >= BALLAST_OPEN_BYTES_MIN)
        return STATUS_OK;
    fprintf(stderr,
            "tercet-gateway: %s: no space left on its disk to open the database: %" PRIu64
            " bytes are free, %u are needed; free some and start the gateway again\n",
            data_dir, state.last.free_bytes, BALLAST_OPEN_BYTES_MIN);
    log_error("the gateway cannot start: no space left on its disk to open the database", LOG_STR("dataDir", data_dir),
              LOG_INT("freeBytes", state.last.free_bytes), LOG_INT("neededBytes", BALLAST_OPEN_BYTES_MIN));
    return STATUS_NO_SPACE;
}

static enum status open_disk(struct gateway *gateway, const struct settings *settings)
{
    const struct meta_space_config config = {.directory = settings->data_dir,
                                             .reserve_bytes = settings->data_reserve_bytes};

    if (mkdir(settings->data_dir, 0700) != 0 && errno != EEXIST) {
        fprintf(stderr, "tercet-gateway: %s: %s\n", settings->data_dir, strerror(errno));
        return STATUS_IO;
    }
    int fd = open(settings->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        owner_only_directory(fd, settings->data_dir);
        close(fd);
    }
    enum status status =
        data_lock_take(settings->data_dir, settings->restore_metadata ? "a restore of the metadata" : "a gateway");
    if (!status)
        status = meta_space_create(&config, &gateway->meta_space);
    return status ? status : check_room(gateway->meta_space, settings->data_dir);
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
    trusted_clock_start(&gateway->clock, gateway->cluster);
    lock_guard_init(&gateway->lock_guard, &gateway->clock);
    return STATUS_OK;
}

/* The first start of a cluster makes the bucket of the file API, for which enough nodes must be there. */
static enum status create_files_bucket(struct gateway *gateway)
{
    struct meta_bucket bucket;

    if (meta_bucket_get(gateway->meta, BYTES(GATEWAY_FILES_BUCKET), &bucket) == STATUS_OK)
        return STATUS_OK;
    if (gateway->replication)
        replication_wait(gateway->replication, FIRST_START_WAIT_MS);
    enum status status = files_bucket_create(gateway->meta);
    if (meta_has_failed(gateway->meta)) {
        fprintf(stderr, "tercet-gateway: the first bucket cannot be made: the disk of the metadata failed\n");
        return STATUS_IO;
    }
    if (status == STATUS_UNCERTAIN) /* it is there, and will be on the nodes when they are */
        status = STATUS_OK;
    if (status)
        fprintf(stderr, "tercet-gateway: the first bucket cannot be made: %s. Are the nodes running?\n",
                status_name(status));
    return status;
}

/* Who there is beside root. */
static enum status open_identities(struct gateway *gateway, const struct settings *settings)
{
    char path[4096];
    const char *error = "";
    uint64_t forgotten = 0;

    if (settings->identity_key[0])
        snprintf(path, sizeof(path), "%s", settings->identity_key);
    else
        snprintf(path, sizeof(path), "%s/identity.key", settings->data_dir);
    enum status status = settings->identity_key_lost
                             ? identity_key_file_open_lost(path, gateway->meta, &gateway->seal, &forgotten, &error)
                             : identity_key_file_open(path, gateway->meta, &gateway->seal, &error);
    if (forgotten)
        log_warn("access keys of users were removed: the key of their secrets is lost", LOG_INT("removed", forgotten));
    if (status) {
        fprintf(stderr, "tercet-gateway: identity-key: %s: %s\n", path, error);
        log_error("the key of the users' secrets cannot be used", LOG_STR("path", path), LOG_STR("reason", error),
                  LOG_STATUS(status));
        return status;
    }
    gateway->key_uses = key_uses_create();
    gateway->identities = (struct identity_source){.meta = gateway->meta,
                                                   .account = settings->gateway.account_id,
                                                   .seal = &gateway->seal,
                                                   .cache = identity_cache_create(settings->identity_cache_bytes)};
    gateway->oidc_keys = oidc_keys_create(&(struct oidc_options){.ca_file = settings->gateway.oidc_ca_file,
                                                                 .loopback = settings->gateway.oidc_loopback,
                                                                 .refresh_ms = settings->gateway.oidc_refresh_ms},
                                          gateway->pool);
    return STATUS_OK;
}

static void log_applied(const struct bootstrap_report *report)
{
    log_info("bootstrap file applied", LOG_INT("made", report->made), LOG_INT("changed", report->changed),
             LOG_INT("removed", report->removed), LOG_INT("unchanged", report->unchanged));
}

/* What SIGHUP does, too: the gateway goes on with what was done. */
static void reload_bootstrap(void *arg)
{
    struct bootstrap_report report;
    enum status status = bootstrap_apply(arg, ((struct gateway *)arg)->options.bootstrap, &report);

    if (status)
        log_error("the bootstrap file was not applied to its end", LOG_STR("problem", report.problem),
                  LOG_STATUS(status));
    else
        log_applied(&report);
}

/* Nothing is served before what the file wants is there. */
static enum status start_bootstrap(struct gateway *gateway, const struct settings *settings)
{
    struct bootstrap_report report;

    if (!settings->gateway.bootstrap[0])
        return STATUS_OK;
    if (gateway->replication)
        replication_wait(gateway->replication, FIRST_START_WAIT_MS);
    enum status status = bootstrap_apply(gateway, settings->gateway.bootstrap, &report);
    if (status) {
        fprintf(stderr, "tercet-gateway: bootstrap: %s\n", report.problem);
        log_error("the bootstrap file cannot be applied", LOG_STR("problem", report.problem), LOG_STATUS(status));
        return status;
    }
    log_applied(&report);
    service_on_reload(reload_bootstrap, gateway);
    return STATUS_OK;
}

static enum status open_metadata(struct gateway *gateway, const struct settings *settings, const char *path,
                                 const struct cluster_config *cluster, const struct taken_over *taken)
{
    struct meta_options options = {
        .path = path,
        .cluster_id = cluster->identity.id,
        .pool = gateway->pool,
        .cache_bytes = settings->cache_bytes,
        .space = gateway->meta_space,
        .bounded_bucket = GATEWAY_FILES_BUCKET,
        .versions_max = settings->gateway.files_versions_max,
        .setting_kinds = s3_setting_kinds,
        .setting_kind_count = s3_setting_kind_count,
        .guard = &gateway->lock_guard.hooks,
        .quota_kind = S3_SETTING_QUOTA,
    };

    if (settings->metadata_copies) {
        const struct replication_config config = {
            .cluster = gateway->cluster,
            .pool = gateway->pool,
            .copies = (unsigned)settings->metadata_copies,
            .node_timeout_ms = cluster->node_timeout_ms,
            .stall_ms = cluster->stall_ms,
            .check_interval_ms = cluster->health_interval_ms,
            .bandwidth = &gateway->bandwidth,
        };
        gateway->replication = replication_create(&config);
        options.replication = replication_hooks(gateway->replication);
    }
    enum status status = meta_open(&options, &gateway->meta);
    if (status) {
        fprintf(stderr, "tercet-gateway: the metadata in %s cannot be opened: %s\n", path, status_name(status));
        return status;
    }
    if (gateway->replication) {
        replication_start(gateway->replication, gateway->meta, gateway->loops.loops[0]);
        replication_took_over(gateway->replication, taken);
        gateway->lease = replication_lease(gateway->replication);
        if (!replication_wait(gateway->replication, NODES_WAIT_MS))
            log_warn("too few nodes keep the metadata: changes are refused until more do");
    }
    status = open_identities(gateway, settings);
    if (!status)
        status = account_access_load(gateway->meta);
    if (!status)
        status = create_files_bucket(gateway);
    return status ? status : start_bootstrap(gateway, settings);
}

static enum status open_stores(struct gateway *gateway, const struct settings *settings)
{
    const struct cluster_config *cluster = &settings->cluster;
    char path[4096];

    snprintf(path, sizeof(path), "%s/meta", settings->data_dir);
    enum status status = open_disk(gateway, settings);
    if (!status)
        status = start_cluster(gateway, cluster);
    const struct recovery_config recovery = {
        .cluster = gateway->cluster,
        .loop = gateway->loops.loops[0],
        .pool = gateway->pool,
        .data_dir = settings->data_dir,
        .meta_path = path,
        .cluster_id = cluster->identity.id,
        .copies = (unsigned)settings->metadata_copies,
        .restore_from = (unsigned)settings->restore_from,
        .restore_damaged = settings->restore_damaged,
    };
    if (!status && settings->restore_metadata)
        return recovery_restore(&recovery);
    struct taken_over taken = {0};
    if (!status && settings->metadata_copies)
        status = recovery_check(&recovery, &taken);
    if (!status)
        status = open_metadata(gateway, settings, path, cluster, &taken);
    buffer_release(&taken.record);
    return status;
}

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
    if (gateway->cluster)
        cluster_hurry(gateway->cluster);
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

static int run(struct gateway *gateway, const struct settings *settings, const sigset_t *signals)
{
    struct servers servers = {0};
    enum status status = open_stores(gateway, settings);

    if (status || settings->restore_metadata)
        goto out;
    gateway->background = background_start(gateway);
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
    gateway.pool = pool_create((unsigned)settings.pool_threads, "pool");
    gateway.md5_queue = md5_queue_create(gateway.pool);
    loop_group_start(&gateway.loops,
                     settings.threads ? (unsigned)settings.threads : (unsigned)sysconf(_SC_NPROCESSORS_ONLN));
    int code = run(&gateway, &settings, &signals);
    end_if_failed(&gateway);
    loop_group_stop(&gateway.loops);
    if (gateway.meta)
        meta_close(gateway.meta); /* its committer may still ask the cluster which nodes can be reached */
    lock_guard_release(&gateway.lock_guard);
    if (gateway.cluster)
        cluster_free(gateway.cluster);
    identity_cache_free(gateway.identities.cache);
    key_uses_free(gateway.key_uses);
    oidc_keys_free(gateway.oidc_keys);
    meta_space_free(gateway.meta_space);
    replication_free(gateway.replication);
    pool_free(gateway.pool);
    md5_queue_free(gateway.md5_queue);
    return code;
}

/* tercet-node: one storage node. Settings, start, and the two ways to end: a signal drains the requests that run and
 * exits 0; a failed disk is told to the gateway and exits 3 (also when a signal comes meanwhile), so that whoever
 * supervises the process starts it anew and the data is recovered from what is really on the disk. A database that
 * turns out to be damaged ends nothing: the node is stopped and started within the process, which sets it aside. Exit
 * 1: it could not start; 2: a bad setting. With -restore-trash it only does that, and exits. */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/owner_only.h"
#include "base/pool.h"
#include "base/service.h"
#include "base/tls_identity.h"
#include "storage/node/api.h"
#include "storage/node/chunk_store.h"
#include "storage/node/disk_ballast.h"
#include "storage/node/meta_replica.h"
#include "storage/node/salvage.h"
#include "storage/node/scrub.h"
#include "storage/node/trash_emptier.h"

#define REQUESTS_MAX     2048 /* all 1,024 downloads that a gateway serves by default, and as many copies of uploads */
#define FAILURE_DRAIN_MS 2000
#define PAUSE_TIMEOUT_MS 86400000 /* the gateway decides how long its clients may pause; dead ones TCP finds */
#define EXIT_START       1
#define EXIT_SETTING     2
#define EXIT_DISK_FAILED 3
#define MALLOC_ARENAS    2 /* measured under load: 9 MiB less at the peak than with the default, as fast */
#define SERVER_ID_MAX    63

static struct settings {
    struct tls_files tls;
    const char *listen, *data_dir, *cluster_id, *cluster_secret_file, *server_id, *log_level, *log_dir;
    bool health, restore_trash;
    uint64_t port, node_id, threads, pool_threads, reserve, small_chunk, drain_ms, scrub_period_ms, trash_grace_ms;
} settings;

static const struct config_option options[] = {
    {"listen", CONFIG_STRING(struct settings, listen), "127.0.0.1", 0, 0, "numeric address to listen on"},
    {"port", CONFIG_UINT(struct settings, port), "8081", 0, 65535, "port to listen on; 0 lets the kernel choose"},
    {"data-dir", CONFIG_STRING(struct settings, data_dir), "./data/node", 0, 0, "directory of the chunks"},
    {"node-id", CONFIG_UINT(struct settings, node_id), "1", 1, 255, "number of this node within the cluster"},
    {"cluster-id", CONFIG_STRING(struct settings, cluster_id), "", 0, 0,
     "id of the cluster, 32 hexadecimal digits, the same on every node"},
    {"cluster-secret-file", CONFIG_STRING(struct settings, cluster_secret_file), "", 0, 0,
     "file with the secret that gateway and nodes share; others must not be able to read it"},
    {"tls-ca", CONFIG_STRING(struct settings, tls.ca), "", 0, 0,
     "file with the certificates of the authorities that the gateway's and the other nodes' certificates are of, PEM. "
     "With it, -tls-cert and -tls-key this node speaks TLS 1.3 alone, with peers that show such a certificate; read "
     "again on SIGHUP"},
    {"tls-cert", CONFIG_STRING(struct settings, tls.cert), "", 0, 0,
     "file with the certificate chain of this node, PEM: it names the host by which the gateway knows the node"},
    {"tls-key", CONFIG_STRING(struct settings, tls.key), "", 0, 0, "file with its private key, PEM"},
    {"server-id", CONFIG_STRING(struct settings, server_id), "", 0, 0,
     "name of this node in logs and metrics; empty: node-NUMBER"},
    {"threads", CONFIG_UINT(struct settings, threads), "0", 0, 64, "number of event loops; 0: one per core, at most 4"},
    {"pool-threads", CONFIG_UINT(struct settings, pool_threads), "16", 1, 256, "number of threads for blocking work"},
    {"reserve", CONFIG_SIZE(struct settings, reserve), "256M", 0, 0, "disk space that chunks must leave free"},
    {"small-chunk", CONFIG_SIZE(struct settings, small_chunk), "64K", 0, SMALL_CHUNK_BYTES_MAX,
     "chunks up to this size, and all that come with a change of the metadata, are kept in the database, others in "
     "files"},
    {"scrub-period", CONFIG_DURATION(struct settings, scrub_period_ms), "14d", 100, 0,
     "time in which every chunk is read and verified once"},
    {"trash-grace", CONFIG_DURATION(struct settings, trash_grace_ms), "7d", 100, 0,
     "time for which orphans that the gateway found are kept in the trash"},
    {"restore-trash", CONFIG_BOOL(struct settings, restore_trash), "false", 0, 0,
     "take everything in the trash back into service, then exit; the node must not be running"},
    {"loglevel", CONFIG_STRING(struct settings, log_level), "error", 0, 0,
     "least important lines that are logged: debug, info, warn or error"},
    {"logdir", CONFIG_STRING(struct settings, log_dir), "", 0, 0,
     "also log to DIRECTORY/tercet-node/SERVER-ID.log, opened anew on SIGHUP"},
    {"health", CONFIG_BOOL(struct settings, health), "false", 0, 0,
     "asks the node that runs with these settings for its health and exits: 0 when it is well"},
    {"drain", CONFIG_DURATION(struct settings, drain_ms), "30s", 0, 0,
     "time for the requests under way to end at SIGTERM"},
    {0},
};

struct node_process {
    struct cluster_identity identity;
    char server_id[SERVER_ID_MAX + 1];
    struct chunk_store *store;
    struct meta_replica *replica;
    struct pool *pool;
    struct disk_watch *watch;
    struct scrub *scrub;
    struct trash_emptier *trash_emptier;
    struct salvage *salvage;
    struct loop_group loops;
    struct node_api *api;
    struct http_server *server;
    uint16_t port;            /* 0: the kernel chooses at the first start */
    atomic_bool failure_told; /* the gateway knows that the disk failed */
    unsigned set_aside;       /* databases that were found damaged, see disk_config */
};

static int refuse(int exit_code, const char *reason)
{
    fprintf(stderr, "tercet-node: %s\n", reason);
    if (exit_code == EXIT_START)
        log_error("the node cannot start", LOG_STR("reason", reason));
    return exit_code;
}

/* Makes the server id fit for labels and logs. */
static bool server_id_take(struct node_process *node)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    size_t len = strlen(settings.server_id);
    if (len == 0) {
        snprintf(node->server_id, sizeof(node->server_id), "node-%u", (unsigned)settings.node_id);
        return true;
    }
    if (len > SERVER_ID_MAX || strspn(settings.server_id, allowed) != len)
        return false;
    strcpy(node->server_id, settings.server_id);
    return true;
}

/* In any thread: main looks at what is the matter, a failed disk or a damaged database. */
static void wake_for_disk(void *arg)
{
    (void)arg;
    service_wake();
}

static void failure_told(void *arg)
{
    struct node_process *node = arg;
    atomic_store(&node->failure_told, true);
    service_wake();
}

static int node_configure(struct node_process *node)
{
    const char *error = NULL;
    enum log_level level;
    if (log_level_parse(bytes_from_str(settings.log_level), &level))
        return refuse(EXIT_SETTING, "loglevel must be debug, info, warn or error");
    if (!server_id_take(node))
        return refuse(EXIT_SETTING, "server-id may have up to 63 letters, digits, '.', '-' and '_'");
    if (cluster_identity_load(&node->identity, settings.cluster_id, settings.cluster_secret_file, &error))
        return refuse(EXIT_SETTING, error);
    log_init("tercet-node", node->server_id, level);
    if (settings.log_dir[0] && log_open(settings.log_dir)) {
        char reason[DISK_ERROR_MAX];
        snprintf(reason, sizeof(reason), "the log file below logdir cannot be opened: %s", strerror(errno));
        return refuse(EXIT_SETTING, reason);
    }
    return 0;
}

/* What SIGHUP does besides the log. */
static void reload(void *arg)
{
    struct node_process *node = arg;
    STATUS_IGNORE(tls_identity_reload(node->identity.tls), "logged; the one before goes on");
}

static int tls_open(struct node_process *node)
{
    char error[DISK_ERROR_MAX];
    if (!settings.tls.ca[0] && !settings.tls.cert[0] && !settings.tls.key[0])
        return 0;
    if (!settings.tls.ca[0] || !settings.tls.cert[0] || !settings.tls.key[0])
        return refuse(EXIT_SETTING, "tls-ca, tls-cert and tls-key: all three or none");
    if (tls_identity_open(&settings.tls, &node->identity.tls, error, sizeof(error)))
        return refuse(EXIT_SETTING, error);
    return 0;
}

static int store_open(struct node_process *node)
{
    char error[DISK_ERROR_MAX];
    struct chunk_store_config store = {
        .disk = {.path = settings.data_dir,
                 .node_number = (unsigned)settings.node_id,
                 .reserve_bytes = settings.reserve,
                 .on_failure = wake_for_disk,
                 .on_damage = wake_for_disk,
                 .set_aside = node->set_aside},
        .small_bytes_max = (uint32_t)settings.small_chunk,
    };
    memcpy(store.disk.cluster, node->identity.id, CLUSTER_ID_LEN);
    return chunk_store_open(&store, &node->store, error) ? refuse(EXIT_START, error) : 0;
}

static int node_restore_trash(struct node_process *node)
{
    uint64_t restored;
    int result = store_open(node);
    if (result)
        return result;
    if (chunk_store_trash_restore_all(node->store, &restored))
        result = refuse(EXIT_START, "the trash cannot be restored as a whole; see the log");
    printf("%" PRIu64 " chunks taken back from the trash\n", restored);
    chunk_store_close(node->store);
    return result;
}

static int node_start(struct node_process *node)
{
    char error[DISK_ERROR_MAX];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = settings.threads ? (unsigned)settings.threads : cores > 4 ? 4 : cores > 1 ? (unsigned)cores : 1;
    int result = store_open(node);
    if (result)
        return result;
    node->watch = disk_watch_start(chunk_store_disk(node->store));
    if (meta_replica_open(node->store, &node->replica, error))
        return refuse(EXIT_START, error);
    node->pool = pool_create((unsigned)settings.pool_threads, "pool");
    loop_group_start(&node->loops, threads);
    node->scrub = scrub_start(node->store, node->server_id, settings.scrub_period_ms);
    node->trash_emptier = trash_emptier_start(node->store, settings.trash_grace_ms);
    node->salvage = salvage_start(node->store);
    struct node_api_config api = {
        .scrub = node->scrub,
        .store = node->store,
        .replica = node->replica,
        .pool = node->pool,
        .identity = &node->identity,
        .server_id = node->server_id,
        .node_number = (unsigned)settings.node_id,
        .requests_max = REQUESTS_MAX,
        .on_failure_told = failure_told,
        .on_failure_told_arg = node,
    };
    node->api = node_api_create(&api);
    struct http_server_config server = {
        .address = settings.listen,
        .port = node->port,
        .handler = node_api_handle,
        .handler_arg = node->api,
        .refuse = node_api_refuse,
        .is_vital = node_api_is_vital,
        .tls = node->identity.tls,
        .pause_timeout_ms = PAUSE_TIMEOUT_MS,
    };
    if (http_server_start(&node->loops, &server, &node->server))
        return refuse(EXIT_START, "cannot listen; is the port in use?");
    node->port = http_server_port(node->server);
    node_api_set_server(node->api, node->server);
    return 0;
}

/* What was started, in reverse; it can be started again. */
static void node_stop(struct node_process *node)
{
    if (node->server) {
        http_server_stop(node->server, node->set_aside ? FAILURE_DRAIN_MS : settings.drain_ms);
        node_api_set_server(node->api, NULL);
        http_server_free(node->server);
    }
    if (node->loops.count)
        loop_group_stop(&node->loops);
    if (node->pool)
        pool_free(node->pool);
    node_api_free(node->api);
    salvage_stop(node->salvage);
    scrub_stop(node->scrub);
    trash_emptier_stop(node->trash_emptier);
    meta_replica_close(node->replica);
    disk_watch_stop(node->watch);
    chunk_store_close(node->store);
    node->server = NULL;
    node->loops = (struct loop_group){0};
    node->pool = NULL;
    node->api = NULL;
    node->salvage = NULL;
    node->scrub = NULL;
    node->trash_emptier = NULL;
    node->replica = NULL;
    node->watch = NULL;
    node->store = NULL;
}

/* Waits for what ends the node: a signal, whose number is returned, or 0. A failed disk is shown by /health first:
 * started anew, the node would have nothing to say about it. */
static int end_wait(struct node_process *node, const sigset_t *signals)
{
    uint64_t until_ms = CLOCK_NEVER;
    for (;;) {
        int signal_number = service_wait(signals, &node->loops, until_ms);
        if (signal_number)
            return signal_number;
        bool failed = chunk_store_failed(node->store);
        if (!failed && disk_damaged(chunk_store_disk(node->store)))
            return 0;
        if (failed && until_ms == CLOCK_NEVER)
            until_ms = clock_monotonic_ms() + PROTOCOL_FAILURE_TELL_S * 1000;
        if (failed && (atomic_load(&node->failure_told) || clock_monotonic_ms() >= until_ms))
            return 0;
    }
}

static int node_wait(struct node_process *node, const sigset_t *signals)
{
    service_ready();
    int signal_number = end_wait(node, signals);
    bool failed = chunk_store_failed(node->store);
    node->set_aside = signal_number == 0 && !failed ? disk_damaged(chunk_store_disk(node->store)) : 0;
    if (node->set_aside)
        return 0;
    service_stopping(failed ? FAILURE_DRAIN_MS : settings.drain_ms);
    if (!failed) {
        log_info("stopping", LOG_INT("signal", signal_number));
        return 0;
    }
    http_server_stop(node->server, FAILURE_DRAIN_MS);
    /* Closing the database would touch the disk. */
    _exit(EXIT_DISK_FAILED);
}

int main(int argc, char **argv)
{
    static struct node_process node;
    sigset_t signals;
    mallopt(M_ARENA_MAX, MALLOC_ARENAS);
    owner_only_files();
    config_load(options, &settings, "tercet-node", argc, argv);
    if (settings.health)
        return service_probe(settings.listen, (uint16_t)settings.port, settings.tls.cert[0] ? &settings.tls : NULL);
    int result = node_configure(&node);
    if (!result)
        result = tls_open(&node);
    if (result)
        return result;
    if (settings.restore_trash)
        return node_restore_trash(&node);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    service_block_signals(&signals);
    service_raise_file_limit(HTTP_CONNECTIONS_DEFAULT);
    metrics_register_process("storage-node");
    service_on_reload(reload, &node);
    node.port = (uint16_t)settings.port;
    /* With a database that turned out to be damaged it begins anew, in the same process, as another instance. */
    do {
        result = node_start(&node);
        node.set_aside = 0;
        if (!result) {
            log_info("ready", LOG_STR("listen", settings.listen), LOG_INT("port", node.port));
            result = node_wait(&node, &signals);
        }
        node_stop(&node);
    } while (!result && node.set_aside);
    tls_identity_free(node.identity.tls);
    return result;
}

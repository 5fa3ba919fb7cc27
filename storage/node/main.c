/* tercet-node: one storage node. Settings, start, and the two ways to end: a signal drains the requests that run and
 * exits 0; a failed disk is told to the gateway and exits 3 (also when a signal comes meanwhile), so that whoever
 * supervises the process starts it anew and the data is recovered from what is really on the disk. Exit 1: it could not
 * start; 2: a bad setting. With -restore-trash it only does that, and exits. */
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "base/service.h"
#include "storage/node/api.h"
#include "storage/node/chunk_store.h"
#include "storage/node/meta_replica.h"
#include "storage/node/scrub.h"
#include "storage/node/trash.h"

#define REQUESTS_MAX        2048 /* all 1,024 downloads that a gateway serves by default, and as many copies of uploads */
#define FAILURE_DRAIN_MS    2000
#define EXIT_START          1
#define EXIT_SETTING        2
#define EXIT_DISK_FAILED    3
#define SIGNAL_DISK_FAILED  SIGUSR1
#define SIGNAL_FAILURE_TOLD SIGALRM /* or nobody asked */
#define MALLOC_ARENAS       2       /* measured under load: 9 MiB less at the peak than with the default, as fast */
#define SERVER_ID_MAX       63

static struct {
    const char *listen, *data_dir, *cluster_id, *cluster_secret_file, *server_id, *log_level, *log_dir;
    bool health, restore_trash;
    uint64_t port, node_id, threads, pool_threads, reserve, small_chunk, drain_ms, scrub_period_ms, trash_grace_ms;
} settings;

static const struct config_option options[] = {
    {"listen", CONFIG_STRING, &settings.listen, "127.0.0.1", 0, 0, "numeric address to listen on", false},
    {"port", CONFIG_UINT, &settings.port, "8081", 0, 65535, "port to listen on; 0 lets the kernel choose", false},
    {"data-dir", CONFIG_STRING, &settings.data_dir, "./data/node", 0, 0, "directory of the chunks", false},
    {"node-id", CONFIG_UINT, &settings.node_id, "1", 1, 255, "number of this node within the cluster", false},
    {"cluster-id", CONFIG_STRING, &settings.cluster_id, "", 0, 0, "id of the cluster: 32 hexadecimal digits", false},
    {"cluster-secret-file", CONFIG_STRING, &settings.cluster_secret_file, "", 0, 0,
     "file with the secret that gateway and nodes share, mode 0600", false},
    {"server-id", CONFIG_STRING, &settings.server_id, "", 0, 0, "name in logs and metrics (default node-NUMBER)",
     false},
    {"threads", CONFIG_UINT, &settings.threads, "0", 0, 64, "event loops; 0: one per core, at most 4", false},
    {"pool-threads", CONFIG_UINT, &settings.pool_threads, "16", 1, 256, "threads for blocking work", false},
    {"reserve", CONFIG_SIZE, &settings.reserve, "256M", 0, 0, "disk space to keep free", false},
    {"small-chunk", CONFIG_SIZE, &settings.small_chunk, "64K", 0, SMALL_CHUNK_BYTES_MAX,
     "chunks up to this size are kept in the database, larger ones in files", false},
    {"scrub-period", CONFIG_DURATION, &settings.scrub_period_ms, "14d", 100, 0,
     "every chunk is read and verified once in this time", false},
    {"trash-grace", CONFIG_DURATION, &settings.trash_grace_ms, "7d", 100, 0,
     "orphans that the gateway found are kept in the trash for so long", false},
    {"restore-trash", CONFIG_BOOL, &settings.restore_trash, "false", 0, 0,
     "take everything in the trash back into service, then exit; the node must not be running", false},
    {"loglevel", CONFIG_STRING, &settings.log_level, "error", 0, 0, "debug, info, warn or error", false},
    {"logdir", CONFIG_STRING, &settings.log_dir, "", 0, 0,
     "also log to DIRECTORY/tercet-node/SERVER-ID.log, opened anew on SIGHUP", false},
    {"health", CONFIG_BOOL, &settings.health, "false", 0, 0,
     "asks the node that runs with these settings for its health and exits: 0 when it is well", false},
    {"drain", CONFIG_DURATION, &settings.drain_ms, "30s", 0, 0, "time that running requests get at the end", false},
    {NULL, CONFIG_STRING, NULL, NULL, 0, 0, NULL, false},
};

struct node {
    struct cluster_identity identity;
    char server_id[SERVER_ID_MAX + 1];
    struct chunk_store *store;
    struct meta_replica *replica;
    struct pool *pool;
    struct scrub *scrub;
    struct trash *trash;
    struct loop_group loops;
    struct node_api *api;
    struct http_server *server;
};

static int refuse(int exit_code, const char *reason)
{
    fprintf(stderr, "tercet-node: %s\n", reason);
    return exit_code;
}

/* Makes the server id fit for labels and logs. */
static bool server_id_take(struct node *node)
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

/* In any thread: main waits for signals. */
static void disk_failed_signal(void *arg)
{
    (void)arg;
    kill(getpid(), SIGNAL_DISK_FAILED);
}

static void failure_told_signal(void *arg)
{
    (void)arg;
    kill(getpid(), SIGNAL_FAILURE_TOLD);
}

static int node_configure(struct node *node)
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
    if (settings.log_dir[0] && log_open(settings.log_dir))
        return refuse(EXIT_SETTING, "the log file below logdir cannot be opened");
    return 0;
}

static int store_open(struct node *node)
{
    char error[DISK_ERROR_MAX];
    struct chunk_store_config store = {
        .disk = {.path = settings.data_dir,
                 .node_number = (unsigned)settings.node_id,
                 .reserve_bytes = settings.reserve,
                 .on_failure = disk_failed_signal},
        .small_bytes_max = (uint32_t)settings.small_chunk,
    };
    memcpy(store.disk.cluster, node->identity.id, CLUSTER_ID_LEN);
    return chunk_store_open(&store, &node->store, error) ? refuse(EXIT_START, error) : 0;
}

static int node_restore_trash(struct node *node)
{
    uint64_t restored;
    int result = store_open(node);
    if (result)
        return result;
    if (trash_restore_all(node->store, &restored))
        result = refuse(EXIT_START, "the trash cannot be restored as a whole; see the log");
    printf("%" PRIu64 " chunks taken back from the trash\n", restored);
    chunk_store_close(node->store);
    return result;
}

static int node_start(struct node *node)
{
    char error[DISK_ERROR_MAX];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = settings.threads ? (unsigned)settings.threads : cores > 4 ? 4 : cores > 1 ? (unsigned)cores : 1;
    int result = store_open(node);
    if (result)
        return result;
    if (meta_replica_open(chunk_store_disk(node->store), &node->replica, error))
        return refuse(EXIT_START, error);
    metrics_register_process("storage-node");
    node->pool = pool_create((unsigned)settings.pool_threads, "pool");
    loop_group_start(&node->loops, threads);
    node->scrub = scrub_start(node->store, node->server_id, settings.scrub_period_ms);
    node->trash = trash_start(node->store, settings.trash_grace_ms);
    struct node_api_config api = {
        .scrub = node->scrub,
        .store = node->store,
        .replica = node->replica,
        .pool = node->pool,
        .identity = &node->identity,
        .server_id = node->server_id,
        .node_number = (unsigned)settings.node_id,
        .requests_max = REQUESTS_MAX,
        .on_failure_told = failure_told_signal,
    };
    node->api = node_api_create(&api);
    struct http_server_config server = {
        .address = settings.listen,
        .port = (uint16_t)settings.port,
        .handler = node_api_handle,
        .handler_arg = node->api,
    };
    if (http_server_start(&node->loops, &server, &node->server))
        return refuse(EXIT_START, "cannot listen; is the port in use?");
    node_api_set_server(node->api, node->server);
    return 0;
}

/* What was started, in reverse. */
static void node_stop(struct node *node)
{
    if (node->server) {
        http_server_stop(node->server, settings.drain_ms);
        node_api_set_server(node->api, NULL);
        http_server_free(node->server);
    }
    if (node->loops.count)
        loop_group_stop(&node->loops);
    if (node->pool)
        pool_free(node->pool);
    node_api_free(node->api);
    scrub_stop(node->scrub);
    trash_stop(node->trash);
    meta_replica_close(node->replica);
    chunk_store_close(node->store);
}

/* The next signal that ends the node. A failed disk is shown by /health first: started anew, the node would have
 * nothing to say about it. */
static int end_wait(struct node *node, const sigset_t *signals)
{
    for (;;) {
        int signal_number = service_wait(signals, &node->loops);
        if (signal_number == SIGNAL_DISK_FAILED && chunk_store_failed(node->store))
            alarm(PROTOCOL_FAILURE_TELL_S);
        else if (signal_number == SIGNAL_FAILURE_TOLD && chunk_store_failed(node->store))
            return signal_number;
        else if (signal_number == SIGTERM || signal_number == SIGINT)
            return signal_number;
    }
}

static int node_wait(struct node *node, const sigset_t *signals)
{
    service_ready();
    int signal_number = end_wait(node, signals);
    bool failed = chunk_store_failed(node->store);
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
    static struct node node;
    sigset_t signals;
    mallopt(M_ARENA_MAX, MALLOC_ARENAS);
    config_load(options, "tercet-node", argc, argv);
    if (settings.health)
        return service_probe(settings.listen, (uint16_t)settings.port, false);
    int result = node_configure(&node);
    if (result)
        return result;
    if (settings.restore_trash)
        return node_restore_trash(&node);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGNAL_DISK_FAILED);
    sigaddset(&signals, SIGNAL_FAILURE_TOLD);
    service_block_signals(&signals);
    service_raise_file_limit(HTTP_CONNECTIONS_DEFAULT);
    result = node_start(&node);
    if (!result) {
        log_info("ready", LOG_STR("listen", settings.listen), LOG_INT("port", http_server_port(node.server)));
        result = node_wait(&node, &signals);
    }
    node_stop(&node);
    return result;
}

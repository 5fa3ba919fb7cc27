/* The gateway's settings; see the header. */
#include "gateway/settings.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/config.h"
#include "base/log.h"
#include "base/service.h"

#define SECRET_FILE_MAX 4096
#define SERVER_ID_MAX   63
#define SENDING_BYTES   (768u << 10) /* of an upload, beside its window: stream_writer_memory() */

static _Noreturn void refuse(const char *what, const char *why)
{
    fprintf(stderr, "tercet-gateway: %s: %s\n", what, why);
    exit(2);
}

/* The first line of a file that nobody else may read. */
static const char *read_secret(const char *path)
{
    char text[SECRET_FILE_MAX];
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &info) != 0)
        refuse(path, "cannot be read");
    if (info.st_mode & (S_IRWXG | S_IRWXO))
        refuse(path, "holds a secret but others may read it: chmod 600");
    ssize_t len = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (len < 0)
        refuse(path, "cannot be read");
    text[len] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    return mem_strdup(text);
}

/* A file that is named wins over the value given directly. */
static void take_secret(const char *path, const char **secret)
{
    if (!path[0])
        return;
    free((char *)*secret);
    *secret = read_secret(path);
}

/* Fit for labels of metrics, for the log, and as the name of a file. */
static bool is_name(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    size_t len = strlen(text);

    return len > 0 && len <= SERVER_ID_MAX && text[0] != '.' && strspn(text, allowed) == len;
}

static void check(struct settings *settings)
{
    enum log_level level;

    take_secret(settings->secret_key_file, &settings->secret_key);
    take_secret(settings->files_token_file, &settings->files_token);
    if (!settings->restore_metadata && (strlen(settings->access_key) < 3 || strlen(settings->secret_key) < 8))
        refuse("access-key, secret-key-file", "an access key of at least 3 and a secret of at least 8 characters are "
                                              "needed");
    if (!settings->tls_cert[0] != !settings->tls_key[0])
        refuse("tls-cert, tls-key", "both or neither");
    if (settings->tls_port && !settings->tls_cert[0])
        refuse("tls-port", "needs tls-cert and tls-key");
    if (settings->files_token[0] && strlen(settings->files_token) < 16)
        refuse("files-token", "at least 16 characters");
    if (!is_name(settings->server_id))
        refuse("server-id", "1 to 63 letters, digits, '.', '-' and '_'");
    if (settings->upload_bytes_max < settings->window_bytes + SENDING_BYTES)
        refuse("upload-memory", "at least -window and 768K for what is being sent");
    if (log_level_parse(bytes_from_str(settings->log_level), &level))
        refuse("loglevel", "debug, info, warn or error");
}

void settings_load(struct settings *s, int argc, char **argv)
{
    const struct config_option options[] = {
        {"listen", CONFIG_STRING, &s->listen, "127.0.0.1", 0, 0, "address to listen on", false},
        {"port", CONFIG_UINT, &s->port, "8080", 0, 65535, "HTTP port (HTTPS with -tls-cert and without -tls-port)",
         false},
        {"tls-port", CONFIG_UINT, &s->tls_port, "0", 0, 65535, "HTTPS port beside the HTTP port; 0: none", false},
        {"tls-cert", CONFIG_STRING, &s->tls_cert, "", 0, 0, "certificate chain, PEM", false},
        {"tls-key", CONFIG_STRING, &s->tls_key, "", 0, 0, "private key, PEM", false},
        {"data-dir", CONFIG_STRING, &s->data_dir, "./data/gateway", 0, 0, "where the metadata is kept", false},
        {"nodes", CONFIG_STRING, &s->nodes, "127.0.0.1:8081,127.0.0.1:8082,127.0.0.1:8083,127.0.0.1:8084", 0, 0,
         "storage nodes: [NUMBER=]HOST:PORT, separated by commas", false},
        {"cluster-id", CONFIG_STRING, &s->cluster_id, "", 0, 0, "32 hex digits, the same on every node", false},
        {"cluster-secret-file", CONFIG_STRING, &s->cluster_secret_file, "", 0, 0,
         "file with the secret that gateway and nodes share", false},
        {"access-key", CONFIG_STRING, &s->access_key, "", 0, 0, "access key of the root user", false},
        {"secret-key", CONFIG_STRING, &s->secret_key, "", 0, 0, "its secret; better in a file", true},
        {"secret-key-file", CONFIG_STRING, &s->secret_key_file, "", 0, 0, "file with the secret", false},
        {"files-token", CONFIG_STRING, &s->files_token, "", 0, 0,
         "Bearer token of the file API for peers on other hosts", true},
        {"files-token-file", CONFIG_STRING, &s->files_token_file, "", 0, 0, "file with the token", false},
        {"open-files-api", CONFIG_BOOL, &s->open_files_api, "false", 0, 0,
         "serve the file API to every peer without credentials", false},
        {"domain", CONFIG_STRING, &s->domain, "", 0, 0, "base domain of virtual-host style: BUCKET.domain", false},
        {"region", CONFIG_STRING, &s->region, "us-east-1", 0, 0, "region that is reported; any is accepted", false},
        {"server-id", CONFIG_STRING, &s->server_id, "coordinator", 0, 0, "name in answers, log and metrics", false},
        {"loglevel", CONFIG_STRING, &s->log_level, "error", 0, 0, "debug, info, warn or error", false},
        {"logdir", CONFIG_STRING, &s->log_dir, "", 0, 0,
         "also log to DIRECTORY/tercet-gateway/SERVER-ID.log, opened anew on SIGHUP", false},
        {"health", CONFIG_BOOL, &s->health, "false", 0, 0,
         "asks the gateway that runs with these settings for its health and exits: 0 when it is well", false},
        {"accesslog", CONFIG_BOOL, &s->access_log, "false", 0, 0, "log every request, whatever the log level", false},
        {"threads", CONFIG_UINT, &s->threads, "0", 0, 64, "event loops; 0: one per core", false},
        {"pool-threads", CONFIG_UINT, &s->pool_threads, "8", 1, 256, "threads for metadata reads and hashing", false},
        {"connections", CONFIG_UINT, &s->connections_max, "10000", 1, 1000000, "connections at once", false},
        {"reads", CONFIG_UINT, &s->reads_max, "1024", 1, 100000, "downloads at once; beyond: 503 SlowDown", false},
        {"writes", CONFIG_UINT, &s->writes_max, "1024", 1, 100000, "uploads and copies at once; beyond: 503 SlowDown",
         false},
        {"upload-memory", CONFIG_SIZE, &s->upload_bytes_max, "768M", 1u << 20, 0,
         "memory of all uploads together; beyond: 503 SlowDown", false},
        {"lists", CONFIG_UINT, &s->lists_max, "128", 1, 100000, "listings at once; beyond: 503 SlowDown", false},
        {"others", CONFIG_UINT, &s->others_max, "1024", 1, 100000,
         "other S3 requests and deletions at once; beyond: 503 SlowDown", false},
        {"idle-timeout", CONFIG_DURATION, &s->idle_timeout_ms, "1m", 100, 86400000,
         "a connection without a request is closed after", false},
        {"head-timeout", CONFIG_DURATION, &s->head_timeout_ms, "20s", 100, 3600000,
         "a request's head must be there within", false},
        {"rate-min", CONFIG_SIZE, &s->rate_min, "1K", 1, 1u << 30,
         "bytes per second that a client must send or take while the gateway waits for it", false},
        {"rate-window", CONFIG_DURATION, &s->rate_window_ms, "30s", 100, 3600000, "on average over so much waiting",
         false},
        {"chunk-size", CONFIG_SIZE, &s->chunk_bytes, "8M", 65536, CHUNK_BYTES_MAX, "objects are cut into chunks of",
         false},
        {"window", CONFIG_SIZE, &s->window_bytes, "1M", 131072, 64u << 20, "bytes of one upload kept in memory", false},
        {"cache", CONFIG_SIZE, &s->cache_bytes, "16M", 1u << 20, 0, "metadata cache", false},
        {"stall", CONFIG_DURATION, &s->stall_ms, "500ms", 10, 60000,
         "a node without progress for so long gets a stand-in", false},
        {"node-timeout", CONFIG_DURATION, &s->node_timeout_ms, "30s", 100, 600000, "and is given up after", false},
        {"health-interval", CONFIG_DURATION, &s->health_interval_ms, "30s", 100, 3600000,
         "between health checks; a node whose disk fails waits 40 s to be asked why, then it ends", false},
        {"suspect-interval", CONFIG_DURATION, &s->suspect_interval_ms, "1s", 50, 600000,
         "between health checks of a node that failed", false},
        {"breaker-failures", CONFIG_UINT, &s->breaker_failures, "5", 1, 1000, "failures in a row that open the breaker",
         false},
        {"breaker-open", CONFIG_DURATION, &s->breaker_open_ms, "5s", 10, 600000, "pause before a half-open probe",
         false},
        {"hedge-percent", CONFIG_UINT, &s->hedge_percent, "5", 0, 100,
         "so many reads in a hundred may ask a second node when the first one hesitates; 0: none", false},
        {"metadata-copies", CONFIG_UINT, &s->metadata_copies, "2", 0, 8,
         "nodes that must hold a change of the metadata before it is acknowledged; 0: none is asked", false},
        {"data-reserve", CONFIG_SIZE, &s->data_reserve_bytes, "256M", 0, 0,
         "space that uploads must leave free in data-dir; less on disks under 5 GiB; 0: none", false},
        {"restore-metadata", CONFIG_BOOL, &s->restore_metadata, "false", 0, 0,
         "rebuild lost metadata from the nodes, then exit", false},
        {"restore-from", CONFIG_UINT, &s->restore_from, "0", 0, 255,
         "with restore-metadata: number of the node to take them from, whatever others hold; 0: the most advanced",
         false},
        {"gc-interval", CONFIG_DURATION, &s->gc_interval_ms, "30s", 50, 0, "between rounds of freeing deleted data",
         false},
        {"gc-grace", CONFIG_DURATION, &s->gc_grace_ms, "2m", 0, 0, "deleted data are kept at least so long", false},
        {"repair-interval", CONFIG_DURATION, &s->repair_interval_ms, "5s", 50, 0, "between rounds of making copies",
         false},
        {"repair-bandwidth", CONFIG_SIZE, &s->repair_bandwidth, "100M", 65536, 0,
         "bytes per second that repair and snapshots of the metadata may copy", false},
        {"repair-concurrency", CONFIG_UINT, &s->repair_concurrency, "4", 1, 16, "copies that repair makes at once",
         false},
        {"node-dead-after", CONFIG_DURATION, &s->node_dead_after_ms, "10m", 100, 0,
         "a node away for so long is given up and its chunks are made anew on the others", false},
        {"inventory-interval", CONFIG_DURATION, &s->inventory_interval_ms, "24h", 100, 0,
         "between comparisons of what a node holds with what is recorded; at once when it was away", false},
        {"orphan-age", CONFIG_DURATION, &s->orphan_age_ms, "24h", 100, 0,
         "chunks on a node that no record refers to go to its trash when they are older", false},
        {"orphan-percent", CONFIG_UINT, &s->orphan_percent, "10", 0, 100,
         "but none does when they are a larger part of the node's chunks, and more than 1000: the metadata may be "
         "wrong",
         false},
        {"upload-expiry", CONFIG_DURATION, &s->upload_expiry_ms, "7d", 100, 0,
         "multipart uploads that were begun longer ago are aborted", false},
        {"drain", CONFIG_DURATION, &s->drain_ms, "30s", 0, 600000, "time for requests to end at SIGTERM", false},
        {0},
    };
    config_load(options, "tercet-gateway", argc, argv);
    if (s->health)
        exit(service_probe(s->listen, (uint16_t)s->port, s->tls_cert[0] && !s->tls_port));
    check(s);
}

struct gateway_options settings_gateway_options(const struct settings *settings)
{
    return (struct gateway_options){
        .access_key = settings->access_key,
        .secret_key = settings->secret_key,
        .files_token = settings->files_token,
        .domain = settings->domain,
        .region = settings->region,
        .server_id = settings->server_id,
        .open_files_api = settings->open_files_api,
        .access_log = settings->access_log,
        .gc_interval_ms = settings->gc_interval_ms,
        .gc_grace_ms = settings->gc_grace_ms,
        .repair_interval_ms = settings->repair_interval_ms,
        .repair_concurrency = settings->repair_concurrency,
        .node_dead_after_ms = settings->node_dead_after_ms,
        .inventory_interval_ms = settings->inventory_interval_ms,
        .orphan_age_ms = settings->orphan_age_ms,
        .orphan_percent = settings->orphan_percent,
        .upload_expiry_ms = settings->upload_expiry_ms,
    };
}

struct admission settings_admission(const struct settings *settings)
{
    return (struct admission){
        .limits = {[OPERATION_READ] = settings->reads_max,
                   [OPERATION_WRITE] = settings->writes_max,
                   [OPERATION_LIST] = settings->lists_max,
                   [OPERATION_OTHER] = settings->others_max},
        .upload_bytes_max = settings->upload_bytes_max,
    };
}

void settings_cluster_config(const struct settings *settings, struct cluster_config *config)
{
    const char *error = "";

    *config = (struct cluster_config){
        .nodes = settings->nodes,
        .chunk_bytes = settings->chunk_bytes,
        .window_bytes = settings->window_bytes,
        .stall_ms = settings->stall_ms,
        .node_timeout_ms = settings->node_timeout_ms,
        .health_interval_ms = settings->health_interval_ms,
        .suspect_interval_ms = settings->suspect_interval_ms,
        .breaker_failures = settings->breaker_failures,
        .breaker_open_ms = settings->breaker_open_ms,
        .hedge_percent = settings->hedge_percent,
    };
    if (cluster_identity_load(&config->identity, settings->cluster_id, settings->cluster_secret_file, &error))
        refuse("cluster-id, cluster-secret-file", error);
}

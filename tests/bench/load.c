/* The load generator's program; see load.h. Prints one line of JSON: requests, errors, seconds, bytes of bodies, and
 * latencies in microseconds. Exits 1 when anything failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/config.h"
#include "tests/bench/load.h"

static const char *const kinds[LOAD_KIND_COUNT] = {
    [LOAD_S3_PUT] = "s3-put",       [LOAD_S3_GET] = "s3-get",       [LOAD_S3_LIST] = "s3-list",
    [LOAD_FILES_PUT] = "files-put", [LOAD_FILES_GET] = "files-get", [LOAD_PLAIN_GET] = "plain-get",
    [LOAD_NODE_PUT] = "node-put",
};

static void options_load(struct load_options *options, int argc, char **argv)
{
    const char *kind = NULL;
    const struct config_option table[] = {
        {"kind", CONFIG_STRING, &kind, "s3-get", 0, 0,
         "s3-put, s3-get, s3-list, files-put, files-get, plain-get or node-put", false},
        {"host", CONFIG_STRING, &options->host, "127.0.0.1", 0, 0, "numeric address of the server", false},
        {"port", CONFIG_UINT, &options->port, "8080", 1, 65535, "its port", false},
        {"bucket", CONFIG_STRING, &options->bucket, "load", 0, 0, "bucket of S3 requests", false},
        {"prefix", CONFIG_STRING, &options->prefix, "key", 0, 0, "how keys begin", false},
        {"size", CONFIG_SIZE, &options->size, "4K", 0, 1ull << 40, "bytes of a body", false},
        {"keys", CONFIG_UINT, &options->keys, "1000", 1, 99999999, "number of keys", false},
        {"parallel", CONFIG_UINT, &options->parallel, "16", 1, 4096, "requests at a time", false},
        {"requests", CONFIG_UINT, &options->requests_max, "10000000", 1, 10000000, "at most so many", false},
        {"duration", CONFIG_DURATION, &options->duration_ms, "5s", 1, 3600000, "at most so long", false},
        {"access-key", CONFIG_STRING, &options->access_key, "", 0, 0, "of S3 requests", false},
        {"secret-key", CONFIG_STRING, &options->secret_key, "", 0, 0, "of S3 requests", true},
        {"cluster-id", CONFIG_STRING, &options->cluster_id, "", 0, 0, "of the node", false},
        {"cluster-secret-file", CONFIG_STRING, &options->cluster_secret_file, "", 0, 0, "of the node", false},
        {0},
    };
    config_load(table, "load", argc, argv);
    for (int i = 0; i < LOAD_KIND_COUNT; i++) {
        if (strcmp(kind, kinds[i]) == 0) {
            options->kind = (enum load_kind)i;
            return;
        }
    }
    fprintf(stderr, "load: there is no kind %s\n", kind);
    exit(2);
}

static uint32_t percentile(const struct load_result *result, unsigned percent)
{
    return result->requests ? result->latency_us[(result->requests - 1) * percent / 100] : 0;
}

int main(int argc, char **argv)
{
    struct load_options options = {0};
    struct load_source source = {0};
    struct load_result result = {0};
    enum status status;

    options_load(&options, argc, argv);
    status = load_source_init(&source, &options);
    if (status == STATUS_OK)
        status = load_run(&source, &result);
    printf("{\"requests\": %llu, \"errors\": %llu, \"seconds\": %.6f, \"bytes\": %llu, \"p50_us\": %u, "
           "\"p99_us\": %u}\n",
           (unsigned long long)result.requests, (unsigned long long)result.errors, result.seconds,
           (unsigned long long)result.body_bytes, percentile(&result, 50), percentile(&result, 99));
    free(result.latency_us);
    load_source_release(&source);
    return status == STATUS_OK && result.errors == 0 ? 0 : 1;
}

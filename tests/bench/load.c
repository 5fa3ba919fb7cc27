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
    [LOAD_S3_DELETE] = "s3-delete", [LOAD_FILES_PUT] = "files-put", [LOAD_FILES_GET] = "files-get",
    [LOAD_PLAIN_GET] = "plain-get", [LOAD_NODE_PUT] = "node-put",
};

static void options_load(struct load_options *options, int argc, char **argv)
{
    static const struct config_option table[] = {
        {"kind", CONFIG_STRING(struct load_options, kind_name), "s3-get", 0, 0,
         "s3-put, s3-get, s3-list, s3-delete, files-put, files-get, plain-get or node-put"},
        {"host", CONFIG_STRING(struct load_options, host), "127.0.0.1", 0, 0, "numeric address of the server"},
        {"port", CONFIG_UINT(struct load_options, port), "8080", 1, 65535, "its port"},
        {"bucket", CONFIG_STRING(struct load_options, bucket), "load", 0, 0, "bucket of S3 requests"},
        {"prefix", CONFIG_STRING(struct load_options, prefix), "key", 0, 0, "how keys begin"},
        {"size", CONFIG_SIZE(struct load_options, size), "4K", 0, 1ull << 40, "bytes of a body"},
        {"size-min", CONFIG_SIZE(struct load_options, size_min), "0", 0, 1ull << 40, "not 0: bodies of this to -size"},
        {"keys", CONFIG_UINT(struct load_options, keys), "1000", 1, 99999999, "number of keys"},
        {"from", CONFIG_UINT(struct load_options, from), "0", 0, 99999999, "the first key that is written"},
        {"step", CONFIG_UINT(struct load_options, step), "1", 1, 99999999, "writing takes each so many-th key"},
        {"parallel", CONFIG_UINT(struct load_options, parallel), "16", 1, 4096, "requests at a time"},
        {"requests", CONFIG_UINT(struct load_options, requests_max), "10000000", 1, 10000000, "at most so many"},
        {"duration", CONFIG_DURATION(struct load_options, duration_ms), "5s", 1, 3600000, "at most so long"},
        {"access-key", CONFIG_STRING(struct load_options, access_key), "", 0, 0, "of S3 requests"},
        {"secret-key", CONFIG_SECRET(struct load_options, secret_key), "", 0, 0, "of S3 requests"},
        {"cluster-id", CONFIG_STRING(struct load_options, cluster_id), "", 0, 0, "of the node"},
        {"cluster-secret-file", CONFIG_STRING(struct load_options, cluster_secret_file), "", 0, 0, "of the node"},
        {0},
    };
    config_load(table, options, "load", argc, argv);
    for (int i = 0; i < LOAD_KIND_COUNT; i++) {
        if (strcmp(options->kind_name, kinds[i]) == 0) {
            options->kind = (enum load_kind)i;
            return;
        }
    }
    fprintf(stderr, "load: there is no kind %s\n", options->kind_name);
    exit(2);
}

static uint32_t percentile(const struct load_result *result, const uint32_t *sorted_us, unsigned percent)
{
    return result->requests ? sorted_us[(result->requests - 1) * percent / 100] : 0;
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
           "\"p99_us\": %u, \"max_us\": %u, \"first_p50_us\": %u, \"stall_us\": %u}\n",
           (unsigned long long)result.requests, (unsigned long long)result.errors, result.seconds,
           (unsigned long long)result.body_bytes, percentile(&result, result.latency_us, 50),
           percentile(&result, result.latency_us, 99), percentile(&result, result.latency_us, 100),
           percentile(&result, result.first_us, 50), result.stall_us);
    free(result.latency_us);
    free(result.first_us);
    load_source_release(&source);
    return status == STATUS_OK && result.errors == 0 ? 0 : 1;
}

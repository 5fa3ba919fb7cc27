/* A load generator for the benchmarks: so many requests of one kind at a time, over kept connections, from one thread.
 *
 * load_request.c makes the requests (and signs them), load_run.c sends them and reads the answers, load.c has the
 * settings and the report. Bodies are a repeated pattern; answers are counted, not kept. It talks to 127.0.0.1 or
 * whatever numeric address it is given, stops by itself, and uses no more than one core. */
#ifndef TERCET_TESTS_LOAD_H
#define TERCET_TESTS_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "compat/sigv4.h"
#include "storage/protocol.h"

enum load_kind {
    LOAD_S3_PUT,
    LOAD_S3_GET,
    LOAD_S3_LIST,   /* ListObjectsV2, pages of 1000 from random places */
    LOAD_S3_DELETE, /* DeleteObjects of the next 1000 keys */
    LOAD_FILES_PUT, /* POST /upload */
    LOAD_FILES_GET, /* GET /download */
    LOAD_PLAIN_GET, /* GET /key */
    LOAD_NODE_PUT,  /* a chunk straight to a storage node */
    LOAD_KIND_COUNT
};

struct load_options {
    const char *kind_name;
    enum load_kind kind;
    const char *host;
    uint64_t port;
    const char *bucket, *prefix;
    uint64_t size, size_min;            /* of a body; with size_min something between both, always the same for a key */
    uint64_t keys;                      /* prefix00000000 to prefix{keys - 1} */
    uint64_t from, step;                /* writing begins with this key, and takes each so many-th */
    uint64_t parallel;                  /* requests at a time */
    uint64_t requests_max, duration_ms; /* whichever comes first; no new request is begun then */
    const char *access_key, *secret_key;
    const char *cluster_id, *cluster_secret_file;
};

#define LOAD_PATTERN_BYTES (1u << 20)

/* What all requests share. Zero-initialise, load_source_init, load_source_release. */
struct load_source {
    const struct load_options *options;
    char *pattern; /* LOAD_PATTERN_BYTES */
    uint64_t begun;
    uint64_t random;
    struct sigv4_key_cache key_cache;
    struct cluster_identity identity;
    uint32_t body_crc32c;
};

/* One request: head, bytes of the pattern, tail. */
struct load_request {
    struct buffer head, tail;
    uint64_t body_bytes; /* of the pattern */
};

/* STATUS_INVALID with a message on stderr when the settings do not fit the kind. */
enum status load_source_init(struct load_source *source, const struct load_options *options);
void load_source_release(struct load_source *source);

void load_request_init(struct load_request *request);
void load_request_release(struct load_request *request);
/* The next request, in the buffers of one that is done. */
void load_request_next(struct load_source *source, struct load_request *request);

struct load_result {
    uint64_t requests, errors, body_bytes; /* of requests that succeeded; bodies in either direction */
    double seconds;
    uint32_t *latency_us; /* of each request; sorted */
    uint32_t *first_us;   /* until the first byte of its answer; sorted */
    uint32_t stall_us;    /* the longest time in which no request ended */
};

/* Runs until the limits are reached. STATUS_IO when the server cannot be reached or fails too often. Both arrays are
 * the caller's to free. */
enum status load_run(struct load_source *source, struct load_result *result);

#endif

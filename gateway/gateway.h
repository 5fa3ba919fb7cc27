/* What every part of the gateway shares: its settings, the stores below it, and the one request that a task
 * serves. */
#ifndef TERCET_GATEWAY_H
#define TERCET_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/http_server.h"
#include "base/loop.h"
#include "base/pool.h"
#include "compat/auth.h"
#include "compat/uri.h"
#include "gateway/admission.h"
#include "gateway/bandwidth.h"
#include "meta/meta.h"
#include "storage/cluster/cluster.h"

#define GATEWAY_FILES_BUCKET "files" /* the versioned bucket that the documented API and S3 share */

struct meta_space;
struct meta_sync;

struct gateway_options {
    const char *access_key, *secret_key; /* the root credentials */
    const char *files_token;             /* Bearer token of the documented API, NULL for none */
    const char *domain;                  /* virtual-host style: BUCKET.domain; NULL for none */
    const char *region;
    const char *server_id;
    bool open_files_api; /* the documented API without credentials for every peer */
    bool access_log;
    uint64_t gc_interval_ms, gc_grace_ms, repair_interval_ms;
    uint64_t repair_concurrency;
    uint64_t node_dead_after_ms;    /* then a node's chunks are made anew on the others */
    uint64_t inventory_interval_ms; /* between comparisons of a node that was not away */
    uint64_t orphan_age_ms;         /* chunks without a record go to the trash when they are older than this */
    uint64_t orphan_percent;        /* but none does when they are a larger part of the node's chunks */
    uint64_t upload_expiry_ms;      /* multipart uploads older than this are aborted */
};

struct background;

struct gateway {
    struct gateway_options options;
    struct meta *meta;
    struct meta_space *meta_space;
    struct meta_sync *meta_sync; /* NULL: the nodes keep no replicas of the metadata */
    struct cluster *cluster;
    struct pool *pool; /* reads of metadata, hashing */
    struct loop_group loops;
    struct admission admission;
    struct http_server *servers[2]; /* atomic: HTTP and HTTPS, NULL before they run */
    struct background *background;  /* NULL before it runs */
    struct bandwidth bandwidth;     /* the first loop's: repair and snapshots of the metadata */
    int64_t started_ms;             /* wall clock */
};

/* One level of S3's address space. */
enum s3_level { S3_SERVICE, S3_BUCKET, S3_OBJECT };

struct operation;

/* A request under way; lives on its task's stack. */
struct exchange {
    struct gateway *gateway;
    struct http_request *http;
    const struct operation *operation; /* what it asks for, permitted or not; NULL: nothing that there is */
    bool permitted;
    struct uri_query query;
    /* S3: what is addressed. The gate authorizes these very bytes and the handlers use them. */
    enum s3_level level;
    struct bytes bucket_name, key; /* decoded */
    bool virtual_host;
    struct buffer path_storage; /* holds bucket_name and key */
    struct auth_credentials credentials;
    struct auth_verification verification;
    const char *error_code; /* of the error that was answered, for log and metrics; NULL when none */
};

/* Serves one request from routing to the answer; the http_handler of every listener. arg is the struct
 * gateway. */
void gateway_handle(struct http_request *request, void *arg);

#endif

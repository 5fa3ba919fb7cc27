/* The process: its settings, and the stores and bounds that all its parts share. */
#ifndef TERCET_GATEWAY_H
#define TERCET_GATEWAY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/http_pauses.h"
#include "base/http_server.h"
#include "base/loop.h"
#include "base/md5_queue.h"
#include "base/pool.h"
#include "gateway/front/admission.h"
#include "gateway/system/bandwidth.h"
#include "gateway/front/hold_back.h"
#include "gateway/identity/identity.h"
#include "gateway/keys/key_writers.h"
#include "gateway/s3/lock_guard.h"
#include "gateway/system/trusted_clock.h"
#include "meta/meta.h"
#include "storage/cluster/cluster.h"

/* To clients, whom no repetition helps. */
#define GATEWAY_DAMAGED_TEXT                                                                                           \
    "The server's metadata database is damaged; repeating this does not help. Its log says what to do."
#define GATEWAY_DISK_FAILED_TEXT                                                                                       \
    "The disk of the gateway, where the metadata are, failed; the change may have been made. The gateway ends."
#define GATEWAY_FILES_BUCKET "files" /* the versioned bucket that the documented API and S3 share */

struct key_provider;
struct tls_identity;
struct keyring;
struct lease;
struct meta_space;
struct rename_tokens;
struct notify;
struct replication;
struct key_uses;
struct bucketlog_spool;
struct join_hints;
struct oidc_keys;

struct gateway_options {
    const char *access_key, *secret_key;      /* the root credentials */
    const char *access_key_2, *secret_key_2;  /* a second pair, while they are exchanged; "" or NULL: none */
    const char *bootstrap;                    /* file of users and buckets that are to be there; "": none */
    const char *oidc_ca_file, *oidc_loopback; /* identity/oidc_keys.h */
    uint64_t oidc_refresh_ms;
    const char *files_token;    /* Bearer token of the documented API, "" for none */
    const char *domain;         /* virtual-host style: BUCKET.domain; "" for none */
    const char *website_domain; /* websites of buckets: BUCKET.website_domain; "" for none */
    const char *website_hosts;  /* further hosts of websites, with commas between; "" for none */
    const char *region;
    const char *account_id; /* twelve digits: the owner of every bucket */
    const char *server_id;
    bool open_files_api; /* the documented API without credentials for every peer */
    bool access_log;
    bool encrypt_all;          /* what nothing else is said of is encrypted, too */
    bool allow_ssec_over_http; /* clients' own keys without TLS */
    uint64_t small_max;        /* up to so many bytes are carried by the commit; 0: none are */
    uint64_t gc_interval_ms, gc_grace_ms, repair_interval_ms;
    uint64_t repair_concurrency;
    uint64_t node_dead_after_ms;    /* then a node's chunks are made anew on the others */
    uint64_t inventory_interval_ms; /* between comparisons of a node that was not away */
    uint64_t orphan_age_ms;         /* chunks without a record go to the trash when they are older than this */
    uint64_t orphan_percent;        /* but none does when they are a larger part of the node's chunks */
    uint64_t upload_expiry_ms;      /* multipart uploads older than this are aborted */
    uint64_t lifecycle_rate;        /* versions a second that the lifecycle looks at */
    uint64_t lifecycle_change_rate; /* versions a second that it removes or changes */
    uint64_t lifecycle_day_ms;      /* a day of its rules; 0: 24 hours */
    uint64_t rekey_rate;            /* versions a second that are looked at for keys that are to be sealed anew */
    uint64_t files_versions_max;    /* of a file; 0: no bound */
    uint64_t files_versions_days;   /* that one is kept when it was replaced; 0: no bound */
    uint64_t log_delivery_ms;       /* between deliveries of buckets' access logs */
    uint64_t log_spool_bytes;       /* of their lines that wait */
};

struct background;

#define GATEWAY_CALL_SHARES 256

struct gateway {
    struct gateway_options options;
    struct meta *meta;
    struct meta_space *meta_space;
    struct lease *lease; /* NULL: the nodes keep no replicas, and cannot say whether this gateway was replaced */
    struct replication *replication; /* NULL: the nodes keep no replicas of the metadata */
    struct cluster *cluster;
    struct notify *notify;
    struct trusted_clock clock;
    struct lock_guard lock_guard; /* the committer's */
    struct pool *pool;            /* reads of metadata, hashing */
    struct md5_queue *md5_queue;  /* what uploads want hashed */
    struct identity_source identities;
    struct key_uses *key_uses;
    struct oidc_keys *oidc_keys;
    struct rename_tokens *rename_tokens;
    struct join_hints *join_hints;
    struct key_provider *keys; /* what objects' keys are sealed with; NULL: there are none */
    struct keyring *keyring;   /* the file of keys; NULL: there is none */
    struct key_writers key_writers;
    struct seal_key seal; /* what secrets in the metadata are sealed with */
    struct loop_group loops;
    struct admission admission;
    struct hold_back hold_back;
    /* Lines of buckets' access logs; NULL: none are kept. */
    struct bucketlog_spool *bucketlog;
    /* Memory of forms of the Query API, iam/call.c, each atomic: of root's keys; of all others; of these the shares of
     * access keys, and of peers that sign nothing. */
    uint64_t root_call_bytes, call_bytes, call_shares[GATEWAY_CALL_SHARES], peer_call_shares[GATEWAY_CALL_SHARES];
    bool simulating;                     /* atomic: policies are being tried, iam/simulate.c */
    struct http_pauses pauses;           /* answers whose clients are slow */
    struct tls_identity *tls, *node_tls; /* of the HTTPS listener; towards nodes; NULL: none */
    struct http_server *servers[2];      /* atomic: HTTP and HTTPS, NULL before they run */
    struct background *background;       /* NULL before it runs */
    pthread_mutex_t node_orders_lock;    /* guards the next; system/node_orders.c */
    uint64_t node_orders_known;          /* the generation after which the cluster was told last */
    struct bandwidth bandwidth;          /* the first loop's: repair and snapshots of the metadata */
    int64_t started_ms;                  /* wall clock */
};

struct exchange; /* a request under way: front/exchange.h */

/* Serves one request from its head to its answer (front/pipeline.c); the http_handler of every listener. arg is the
 * struct gateway. */
void gateway_handle(struct http_request *request, void *arg);

#endif

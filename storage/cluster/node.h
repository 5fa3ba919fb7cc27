/* One storage node as this gateway knows it: its address, what its last health check said, what live requests met.
 * Shared by all loops; a mutex guards each node, held for a few instructions at a time and never across I/O. */
#ifndef TERCET_STORAGE_CLUSTER_NODE_H
#define TERCET_STORAGE_CLUSTER_NODE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "storage/cluster/breaker.h"
#include "storage/cluster/cluster.h"

struct metric_counter;
struct metric_gauge;
struct task;

#define NODE_NUMBER_MAX   255
#define NODE_INSTANCE_MAX 33 /* with NUL */

/* A node of the list. */
struct node_address {
    unsigned number;
    char address[300];
    char zone[NODE_ZONE_MAX]; /* "" when none was given: then it is a zone of its own */
};

struct node {
    unsigned number;   /* down to the counters these never change after node_init */
    unsigned index;    /* in the cluster's table */
    unsigned zone;     /* two nodes with the same one may fail together: the index of the first of them */
    char address[300]; /* host:port */
    char zone_name[NODE_ZONE_MAX];
    double score_share; /* of cluster_health_score while it is up */
    struct metric_gauge *up_gauge, *breaker_gauge, *score_gauge;
    struct metric_counter *failure_counter, *disk_failure_counter;
    struct metric_counter *opened_counters[BREAKER_CAUSES]; /* by cause; NULL for NEVER */
    _Atomic uint64_t answer_us;                             /* see write_pace.h */
    _Atomic uint64_t first_us, first_learnt_ms;             /* see hedge.h */

    pthread_mutex_t lock; /* guards all below */
    struct breaker breaker;
    struct cluster_transition moves[NODE_TRANSITIONS_MAX]; /* of the breaker: a ring, the next one at move_count */
    unsigned move_count;
    char open_reason[NODE_REASON_MAX]; /* of the last opening */
    bool checked;                      /* a health check has ended, well or not */
    bool check_failed;                 /* the last health check */
    bool suspect;                      /* a live request failed and nothing has succeeded since */
    bool silent;      /* silent for some time while it owed an answer: others are preferred until it gives any sign */
    uint64_t sign_ms; /* when it last answered anything, monotonic */
    bool up;          /* as last published */
    bool full, read_only, draining;
    uint64_t filled_ms; /* monotonic: when a request was last told that it is full; 0: never */
    char server_id[64];
    uint64_t total_bytes, free_bytes, chunks;
    int64_t clock_ahead_ms; /* its wall clock minus our monotonic one, which never steps; 0: never heard */
    int64_t last_seen_ms;
    char last_error[128];
    uint64_t requests, failures;
    unsigned in_flight;
    uint64_t changes, down_since_ms;  /* see cluster_node_info */
    char instance[NODE_INSTANCE_MAX]; /* of its process; empty: unknown */
    uint64_t corruptions;             /* as last reported */
    bool compares_returning, awaits_comparison;
    struct task *checker; /* its health task while that runs */
    bool check_now;
    struct metric_gauge *availability_gauge; /* of its name as last known */
};

/* What a health check found. */
struct node_report {
    uint64_t asked_ms; /* monotonic: when the check began; what was learned since is newer than what it says */
    char server_id[64];
    uint64_t total_bytes, free_bytes, chunks;
    bool full, read_only;
    int64_t clock_ms;                 /* its wall clock */
    char instance[NODE_INSTANCE_MAX]; /* another one for every process of the node */
    uint64_t corruptions;             /* that this process found */
};

/* How a request ended, seen from the node's reputation. */
enum node_outcome {
    NODE_ANSWERED,  /* with anything that a working node may say, 4xx too */
    NODE_FAILED,    /* no connection, no answer in time, 5xx */
    NODE_FULL,      /* 507: not a failure, but nothing more to be written there */
    NODE_ABANDONED, /* we gave up: says nothing */
};

/* How much a node may be trusted with. */
enum node_standing {
    NODE_GOOD,
    NODE_DOUBTED, /* a request failed or is late just now, no check has confirmed it yet */
    NODE_DOWN,    /* unreachable, foreign, or its breaker is not closed */
};

void node_init(struct node *node, unsigned index, const struct node_address *place, const struct cluster_config *config,
               unsigned node_count);
void node_release(struct node *node);

/* Around each request but health checks. `reason` (for NODE_FAILED) is kept as last_error. */
void node_request_begin(struct node *node);
void node_request_end(struct node *node, enum node_outcome outcome, const char *reason);
/* It says that it takes no more chunks; until a health check finds room again. */
void node_filled(struct node *node);
/* A request is unusually late. If the node has answered nothing at all since `since_ms`, others are preferred from now
 * on and it is checked at once; it still counts as healthy. */
void node_late(struct node *node, uint64_t since_ms);
/* Another node is late. If this one has not answered anything since then either, it is checked at once. */
void node_ask(struct node *node, uint64_t since_ms);
/* The node does not answer a running request in time: doubt it and have it checked now. */
void node_doubt(struct node *node, const char *reason);

/* A write was answered at the usual pace, or far too slowly. */
void node_pace(struct node *node, bool slow);

/* probed: the check was a probe of the breaker, whose canary passed. */
void node_check_passed(struct node *node, const struct node_report *report, bool probed);
void node_check_failed(struct node *node, const char *reason);
void node_probe_failed(struct node *node, const char *reason); /* after a check that passed */
/* Is the next health check to be a probe of the breaker? */
bool node_probe_allowed(struct node *node);
/* The task that checks the node registers itself, so that it can be woken; NULL when it ends. */
void node_set_checker(struct node *node, struct task *checker);
void node_wake_checker(struct node *node);
void node_check_begins(struct node *node); /* takes the request for a check back */
bool node_check_is_requested(struct node *node);

enum node_standing node_standing(struct node *node);
bool node_was_found_down(struct node *node); /* by its last health check */
/* Neither down, full, read-only nor being emptied. */
bool node_takes_chunks(struct node *node, enum node_standing *standing);
void node_set_draining(struct node *node, bool draining);
bool node_is_draining(struct node *node);
void node_compare_returning(struct node *node);
void node_admit(struct node *node, uint64_t changes);
bool node_is_only_full(struct node *node);   /* would take chunks if it were not full */
bool node_is_writable(struct node *node);    /* takes chunks and is not suspect; it may be late just now */
bool node_is_good_target(struct node *node); /* takes chunks, and nothing is held against it */
uint64_t node_free_bytes(struct node *node);
unsigned node_in_flight(struct node *node);
/* The time to sign with: ours (wall_ms), unless the node's clock is too far from it. Steps of our own are seen. */
int64_t node_signing_time(struct node *node, int64_t wall_ms);
/* Its wall clock now; false when it was never heard. */
bool node_clock(struct node *node, int64_t *wall_ms);
void node_clock_adopt(struct node *node, int64_t node_time_ms);
void node_info(struct node *node, struct cluster_node_info *info);

#endif

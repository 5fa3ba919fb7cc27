/* What the files of this room share. `lock` guards what it is said to guard, for instants only: the feeders live on one
 * loop, the committer and its acknowledger come with threads of their own. */
#ifndef TERCET_GATEWAY_REPLICATION_INTERNAL_H
#define TERCET_GATEWAY_REPLICATION_INTERNAL_H

#include <pthread.h>

#include "gateway/replication/carried_group.h"
#include "gateway/replication/record_ring.h"
#include "gateway/replication/replication.h"
#include "storage/cluster/meta_link.h"

#define REPLICATION_RETRY_MS 200 /* a node that failed is asked again, and waiting tasks look around */
/* Times -stall: a blocked node waits so long before it stores what is not its own, and one that refused chunks for lack
 * of room before it is sent some again. */
#define PATIENCE_STALLS 2

/* One node, and the task that hands on to it (feeder.c). */
struct feeder {
    struct replication *replication;
    unsigned index, number;
    bool met, needs_snapshot;       /* its task's */
    struct meta_position overruled; /* its task's: where the node is, when that is no part of the history; else 0 */
    bool proven;                    /* its task's: it took changes since it was last met anew */
    uint64_t loads;   /* its task's: where a snapshot ends whose last page it was sent, until it says that it is there
                         or behind; 0: there is none */
    uint64_t doubted; /* its task's: up to there it may have stored for others what it did not say */
    uint64_t refused_ms; /* its task's: when it last refused chunks for lack of room; 0: it took some since */
    /* under lock: */
    struct task *task; /* NULL when it does not run */
    bool emptied;      /* it came without a replica: what it has since then proves nothing */
    bool heard;        /* it came with a part of our history, and so without anything else that was acknowledged */
    uint64_t applied;  /* what the node holds of our history */
    bool following;    /* it has caught up, or takes what is in the ring */
    uint64_t call_started_ms; /* 0: no request runs */
    uint64_t answered_ms;     /* when the last one was answered */
    uint64_t blocked_ms;      /* what it lacks is to be handed on later, then and ever since; 0: it is not */
    uint64_t compared;        /* its rule's (hand_on.h), since it was met last */
    uint64_t blocked_settled; /* how much was settled when that was last found */
    uint64_t wanted;          /* up to there it is asked for at once; what is behind that can wait for more of it */
};

struct replication {
    struct replication_config config;
    struct meta_replication hooks;
    struct meta *meta;
    struct loop *loop;
    struct lease *lease;
    struct metric_histogram *seconds;
    struct metric_counter *uncertain, *snapshots, *carried, *stand_ins;
    uint32_t generation;          /* of the database when it was opened: a fence above it is meant for us */
    uint32_t restored_generation; /* the fence of the restore that made it; 0: none did */
    pthread_mutex_t lock;         /* guards all below, and the feeders' part */
    pthread_cond_t changed;       /* of any of it */
    struct record_ring ring;
    struct carried_group *groups;                     /* the oldest first */
    uint64_t last;                                    /* sequence of the last change that is in the log here */
    uint64_t settled;                                 /* see hand_on.h */
    uint64_t awaited;                                 /* what the acknowledger waits for; 0: nothing */
    unsigned others_wait;                             /* threads that wait for something else */
    struct correction *corrections, *last_correction; /* stood_in.c: rows that are to be corrected */
    unsigned correction_count;
    bool correcting; /* its task runs */
    bool ending;     /* nothing is added any more */
    bool stopping;
    enum status refusal;        /* replication_refusal */
    uint64_t short_since_ms;    /* a change was to be made and too few nodes followed, then and ever since; else 0 */
    uint64_t hopeless_since_ms; /* the acknowledger would have given a group up then and ever since; else 0 */
    unsigned running;           /* feeders */
    unsigned turn;              /* the node from which the prompt ones of the next group are counted */
    unsigned count;
    struct feeder feeders[CLUSTER_NODES_MAX];
};

/* replication.c */
/* Nothing more is to be handed on: it stops, or changes are refused. */
bool replication_is_stopping(struct replication *replication);
/* No change is made any more; those that wait for nodes are told that they may be done or not; the program is to end.
 * Any thread. */
void replication_refuse(struct replication *replication, enum status why);

/* A node's fence was found to be above this gateway: refuses for good. Any thread. */
void replication_shut_out(struct replication *replication, unsigned node, uint32_t fence);

/* commit_hooks.c */
void commit_hooks_init(struct replication *replication);
bool commit_hooks_enough_follow_locked(const struct replication *replication);
/* The nodes that follow, by their places. */
uint64_t commit_hooks_following_locked(const struct replication *replication);
/* A node holds more: does it matter to anyone who waits? */
void commit_hooks_held_locked(struct replication *replication);
/* Waits for a change of anything, at most until then. */
void commit_hooks_wait_locked(struct replication *replication, uint64_t until_ms);

/* feeder.c */
void feeder_main(void *arg);
double feeder_lag(void *arg); /* for metrics */
/* Looks at what the node says that it holds. CONFLICT: the gateway stops. */
enum status feeder_check(struct feeder *feeder, const struct cluster_meta_state *node);

/* snapshot_sender.c: all rows, page by page, to one node. */
enum status snapshot_send(struct feeder *feeder);

#endif

/* What nodes_in_sim.c, the nodes, and network_in_sim.c, the way to them, share. */
#ifndef TERCET_TESTS_MODEL_NODES_INTERNAL_H
#define TERCET_TESTS_MODEL_NODES_INTERNAL_H

#include "base/change_record.h"
#include "meta/store_rows.h"
#include "storage/cluster/meta_link.h"
#include "tests/model/nodes_in_sim.h"

#define MS          1000ull
#define RECORDS_MAX (CARRIED_BLOCK_MAX + CHANGE_RECORD_MAX + CHANGE_PAGE_BYTES)

struct entry;

struct node_in_sim {
    bool up, cut, slow, full;
    unsigned reserve;          /* chunks that it takes all the same while it is full */
    bool seems_full;           /* to the gateway, since the last check or answer */
    uint64_t checked_us;       /* when it was last checked */
    bool busy;                 /* a request is written */
    uint64_t life;             /* ends with a crash */
    struct entry *pending;     /* written and not synced */
    uint64_t doubted_until_us; /* the gateway takes it for down */
    uint64_t epoch, sequence, changes;
    uint32_t fence;
    struct buffer last;
    struct rows families[STORE_FAMILY_COUNT];
    struct chunk_id *chunks;
    size_t chunk_count, chunk_capacity;
    /* a snapshot under way, in memory */
    struct buffer loading;
    struct cluster_meta_page page;
};

extern struct net {
    struct node_in_sim nodes[NODES];
    unsigned lost_of_thousand; /* messages */
    uint64_t life;             /* of the network: ends with a power failure */
} net;

enum ask { ASK_STATE, ASK_APPLY, ASK_LOAD, ASK_DUMP, ASK_FENCE, ASK_LAST };

struct message {
    unsigned holders;
    unsigned index;
    enum ask ask;
    struct buffer body, answer;
    struct cluster_meta_page page;
    uint32_t generation;
    uint64_t life;
    bool answered;
    enum status status;
    struct cluster_meta_state state;
};

/* What the node does with the request, and what it answers. False: it crashed meanwhile, and no answer comes. */
bool node_ask(struct node_in_sim *node, struct message *message);

#endif

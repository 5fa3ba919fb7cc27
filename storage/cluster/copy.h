/* One copy of a chunk on its way to one node: sent from the window, or pulled by the node from another one. */
#ifndef TERCET_STORAGE_CLUSTER_COPY_H
#define TERCET_STORAGE_CLUSTER_COPY_H

#include "storage/cluster/node_call.h"

struct chunk_writer;

enum copy_state { COPY_SENDING, COPY_PULLING, COPY_STORED, COPY_FAILED };

struct copy {
    struct chunk_writer *chunk;
    struct node *node;
    struct node *source; /* of a pull */
    struct node_call call;
    enum copy_state state;
    bool may_be_stored; /* the node holds the chunk, or might */
    bool stalled;       /* owes progress for too long; a stand-in is looked for */
    bool late;          /* long without an answer or progress, not yet stalled */
    bool hedged;        /* and another copy was begun in its place, in case it never comes */
    bool whole;         /* the body is given to the call as one piece, not read from the window */
    bool redated;       /* sent again because the node's clock differs from ours */
    bool paused;        /* has taken all there is and waits for more from the client */
    uint64_t position;  /* the next byte of the stream to send */
    size_t footer_sent;
    uint64_t owing_since_ms;
    uint64_t all_sent_ms;      /* the node has every byte and owes its answer; 0 before */
    uint64_t silence_noted_ms; /* when the silence first looked like a stall, 0 when it does not */
    uint64_t late_noted_ms;    /* same for being late */
    char auth[PROTOCOL_AUTH_MAX];
    uint8_t footer[PROTOCOL_FOOTER_LEN];
};

/* Starts to send; in a task. */
void copy_send(struct copy *copy, struct chunk_writer *chunk, struct node *node);
/* Lets the node fetch the chunk from `source`. */
void copy_pull(struct copy *copy, struct chunk_writer *chunk, struct node *node, struct node *source);
/* The chunk grew or was completed. */
void copy_resume(struct copy *copy);
/* Looks at the call: ends the copy when that has ended or took too long. Returns when to look again. */
uint64_t copy_poll(struct copy *copy, uint64_t now_ms);
/* The copy is not wanted any more; nothing happens unless it is running. */
void copy_cancel(struct copy *copy);
/* Gives a stalled copy up because it holds the others up. Like the silence of one that was cancelled, this is held
 * against its node only if that can be spared (write_pace.h): when a busy disk makes several nodes hesitate at once,
 * not all of them may be shut out. */
void copy_drop(struct copy *copy);

bool copy_is_running(const struct copy *copy);
/* The lowest position of the window that it still needs, UINT64_MAX when none. */
uint64_t copy_floor(const struct copy *copy);

#endif

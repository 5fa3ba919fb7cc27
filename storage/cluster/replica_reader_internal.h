/* What replica_reader.c and replica_attempt.c share; nobody else includes it. */
#ifndef TERCET_STORAGE_CLUSTER_REPLICA_READER_INTERNAL_H
#define TERCET_STORAGE_CLUSTER_REPLICA_READER_INTERNAL_H

#include "storage/cluster/node_call.h"
#include "storage/cluster/replica_reader.h"

struct replica {
    struct node *node;
    bool asked;   /* in this round */
    bool bad;     /* missing or damaged: not asked again */
    bool redated; /* it refused our clock's time, and was excused */
};

/* A replica being asked for the blocks from reader->block on; nothing runs while replica is NULL. */
struct replica_attempt {
    struct replica *replica;
    struct node_call call;
    bool body_begun; /* the answer's head and table were accepted */
    bool brought;    /* verified blocks */
    uint64_t begun_us;
};

struct replica_reader {
    struct cluster *cluster;
    struct chunk_ref ref;
    struct replica replicas[CHUNK_COPIES_MAX];
    uint32_t end;       /* of the wanted part, within the chunk */
    uint32_t position;  /* the next byte to hand out */
    uint32_t block;     /* the next block to verify */
    uint32_t block_end; /* behind the last block that is wanted */
    uint32_t *table;    /* CRC32C per block of the whole chunk */
    bool second_round;
    bool hedged; /* since the last failure: once is enough */
    struct replica_attempt current;
    struct replica_attempt rival; /* of a hedged read, until one of the two has brought something */
    size_t handed_out;            /* bytes of the current answer's receive buffer to consume first */
    uint64_t opened_ms;
    uint64_t waiting_since_ms; /* when the caller asked for more, or another replica was turned to */
    uint64_t returned_ms;      /* when the caller was last given something */
    uint64_t away_ms;          /* how long it then stayed away */
    uint32_t excused_block;    /* excuses are used up to here (exclusive) */
    bool measured;
};

/* Sends the request; the attempt must be empty. In a task. */
void replica_attempt_begin(struct replica_reader *reader, struct replica_attempt *attempt, struct replica *replica);
/* One look at the answer, without waiting. STATUS_OK: verified blocks were taken, *out is their wanted part, valid
 * until handed_out bytes are consumed. STATUS_TIMEOUT: nothing yet; after anything else the attempt has failed:
 * *outcome and *reason say how. */
enum status replica_attempt_look(struct replica_reader *reader, struct replica_attempt *attempt, struct bytes *out,
                                 enum node_outcome *outcome, const char **reason);

#endif

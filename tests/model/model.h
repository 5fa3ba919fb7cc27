/* What the model knows of one history: what clients were told, and what there is of the gateway. */
#ifndef TERCET_TESTS_MODEL_MODEL_H
#define TERCET_TESTS_MODEL_MODEL_H

#include <stdio.h>

#include "base/chunk.h"
#include "meta/meta.h"

#define MS         1000ull
#define KEYS       6 /* of each bucket */
#define WRITES_MAX 20000

enum outcome { PENDING, ACKNOWLEDGED, REFUSED, UNKNOWN };

struct write {
    unsigned key;
    enum outcome outcome;
    bool read_early; /* while its outcome was open, and too few nodes had its bytes */
    uint64_t disk;   /* how many disks of the gateway there were before the one it was written to */
    struct chunk_id chunk;
};

struct known {
    uint64_t sequence;
    uint32_t write; /* its number; 0: there is none */
};

/* The least that a reader must be told of a name: the latest version that was read or acknowledged. With the gateway's
 * disk those go that were only read: of a commit that reached too few nodes. */
struct name {
    struct known told, acknowledged;
};

extern struct model {
    uint64_t seed;
    struct write writes[WRITES_MAX]; /* from 1 on */
    uint32_t write_count;
    struct name names[2 * KEYS];
    uint64_t acknowledged, uncertain, refused, reads, crashes, restores;
    /* the gateway's process */
    struct cluster *cluster;
    struct meta *meta;
    struct replication *replication;
    struct bandwidth *bandwidth;
    struct meta_bucket buckets[2]; /* the second one keeps versions */
    bool disk_lost, serves, quiet;
    bool cut_restore; /* a restore came to nothing: nodes may have a fence of it, which shuts a later gateway out */
    bool shut_out;    /* the gateway is, and is to be restored once more */
    unsigned writing; /* clients that do */
} model;

extern FILE *report; /* what is found; the rest is the programs' own */

/* What was told is not true: says so and ends the process. */
_Noreturn void violated(const char *format, ...);

/* ---- clients.c --------------------------------------------------------------------------------------------------- */
void client_main(void *arg); /* one client, for as long as the gateway runs */
void client_read(unsigned key);
unsigned holders_of(const struct chunk_id *chunk); /* how many nodes have it durably */

#endif

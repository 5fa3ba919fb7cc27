/* Which histories a database went through, so that a replica can be told from the remains of another.
 *
 * A history is named by its epoch (base/change_record.h). A process begins a new one with its first commit, so what a
 * log lost at a restart and what was written in its place never have the same epoch and sequence. The lineage says at
 * which sequence each epoch ended; a replica that went further in one of them has changes that this database lost. */
#ifndef TERCET_META_LINEAGE_H
#define TERCET_META_LINEAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define LINEAGE_PAST_MAX 256
#define LINEAGE_RESTORE_GAP                                                                                            \
    1024 /* generations: starts that a node which was away at the restore may have seen alone                          \
          */

struct meta_position {
    uint64_t epoch; /* 0: of nothing */
    uint64_t sequence;
};

struct lineage {
    uint64_t epoch;               /* the current one */
    uint32_t restored_generation; /* whatever is older and not from this lineage was given up by a restore */
    unsigned count;               /* the last of those before: */
    struct meta_position past[LINEAGE_PAST_MAX]; /* an epoch and where it ended, oldest first */
};

/* A replica, beside a database. */
enum standing {
    STANDING_PREFIX,    /* it holds what the database held at that sequence, or nothing */
    STANDING_OVERRULED, /* it holds what a restore gave up, or is older than the lineage reaches: a snapshot replaces it
                         */
    STANDING_AHEAD,     /* it holds all that the database does, and more */
    STANDING_FORKED,    /* it holds changes that the database does not, and the other way round */
};

/* How a replica stands to a database that is at `last`. */
enum standing lineage_judge(const struct lineage *lineage, uint64_t last, const struct meta_position *replica);

/* Is that where the database is now, or where one of its epochs ended? */
bool lineage_ended_at(const struct lineage *lineage, uint64_t last, const struct meta_position *position);

/* The current epoch ended at that sequence; a new one begins. */
void lineage_advance(struct lineage *lineage, uint64_t end);
/* The same for a restore from `replica`: later ends were given up, and so was every history before `generation`, which
 * is that of the epoch that begins. It is LINEAGE_RESTORE_GAP above all that is known here when that is more. */
void lineage_restore(struct lineage *lineage, const struct meta_position *replica, uint32_t generation);
/* The epoch in which a change was made; *end is the last of its changes, UINT64_MAX in the current one. */
uint64_t lineage_epoch_at(const struct lineage *lineage, uint64_t sequence, uint64_t *end);

#endif

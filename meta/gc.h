/* The queue of what nothing refers to any more. */
#ifndef TERCET_META_GC_H
#define TERCET_META_GC_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/chunk.h"
#include "meta/commit.h"
#include "meta/records.h"
#include "meta/replicated.h"

/* ---- in the committer ----------------------------------------------------------------------------------------- */
void gc_queue_chunks(struct txn *txn, const struct packed_chunks *chunks);
/* The parts named, or (count 0) every part of the upload, with so many bytes. One row, however large they are. */
void gc_queue_parts(struct txn *txn, const struct upload_id *upload, const struct packed_parts *parts, uint64_t bytes);
/* All annotations of a version, with so many bytes. */
void gc_queue_annotations(struct txn *txn, const struct annotation_set *set, uint64_t bytes);
/* Chunks that were appended to the version, of which others took the place, or which go with it. */
void gc_queue_tail(struct txn *txn, const struct version_record *version, const struct packed_chunks *chunks);
/* Whatever holds the version's bytes. */
void gc_queue_version(struct txn *txn, const struct version_record *record);

/* Whether the list names the part; the empty list names all. */
bool gc_parts_contain(const struct packed_parts *parts, unsigned number);

struct gc_place { /* a row of the queue */
    uint64_t sequence;
    uint32_t index;
};
struct gc_finish {
    const struct chunk_ref *refs; /* freed on these nodes */
    size_t ref_count;
    const struct gc_place *places; /* to be removed if nothing is left of them */
    size_t place_count;
};
/* Commits that; suspends. */
enum status gc_finish(struct meta *meta, const struct gc_finish *finish);

/* ---- the walk of meta_gc_next --------------------------------------------------------------------------------- */
struct gc_position {
    struct gc_place place; /* the row to go on in, with what of it was handed out */
    uint32_t part, chunk;
};

/* How many rows had been queued at some time, for telling how many were when those that are due now were. */
#define GC_SAMPLES 64
struct gc_sample {
    uint64_t ms, queued;
};

struct gc_walk {
    pthread_mutex_t lock; /* never held across a suspension */
    /* under lock: */
    struct gc_position fresh;    /* of META_GC_NEW: what lies before it was handed out */
    struct gc_position again;    /* of META_GC_AGAIN, which ends where the other one is; */
    struct gc_place again_start; /* nothing is left before it: no deleted rows to be read through */
    struct replicated_mark replicated;
    struct gc_sample samples[GC_SAMPLES]; /* a ring, the next one at sample_count */
    uint64_t sample_count;
    /* not under it: */
    _Atomic uint64_t passed;  /* rows that META_GC_NEW has gone through */
    _Atomic uint64_t removed; /* of these */
    _Atomic uint64_t overdue; /* see meta_gc_overdue */
};
/* gc_backlog.c, under the lock: notes what is queued now, and reckons how much of it is overdue. */
void gc_backlog_sample(struct meta *meta, uint64_t grace_ms);

void gc_walk_init(struct gc_walk *walk, uint64_t rows_queued);
void gc_walk_release(struct gc_walk *walk);

#endif

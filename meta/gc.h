/* The queue of what nothing refers to any more. */
#ifndef TERCET_META_GC_H
#define TERCET_META_GC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/chunk.h"
#include "meta/commit.h"
#include "meta/records.h"

/* ---- in the committer ----------------------------------------------------------------------------------------- */
void gc_queue_chunks(struct txn *txn, const struct packed_chunks *chunks);
/* The parts named, or (count 0) every part of the upload, with so many bytes. One row, however large they are. */
void gc_queue_parts(struct txn *txn, const struct upload_id *upload, const struct packed_parts *parts, uint64_t bytes);
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
#define GC_HANDED_SLOTS 2048

struct gc_walk {
    pthread_mutex_t lock; /* never held across a suspension */
    /* under lock: */
    struct gc_place place; /* the row to go on in, with what of it was handed out */
    uint32_t part, chunk;
    uint64_t replicated; /* commits up to this one are on enough nodes; */
    uint64_t mark;       /* those up to this one are when the nodes have reached mark_position */
    uint64_t mark_position;
    /* Which row a chunk that was handed out belongs to. A hint in a direct-mapped table: what was overwritten is
     * found again by the next walk. */
    struct gc_handed {
        struct chunk_id id;
        struct gc_place place;
    } * handed;
};
void gc_walk_init(struct gc_walk *walk);
void gc_walk_release(struct gc_walk *walk);

#endif

/* How much garbage there is, and how far freeing is behind; and the lists in which it is handed out. */
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "meta/gc.h"
#include "meta/internal.h"

enum { SAMPLES_A_GRACE = GC_SAMPLES / 2 };

void meta_garbage_append(struct meta_garbage *garbage, const struct chunk_ref *ref, const struct meta_gc_row *row)
{
    if (garbage->chunks.count == garbage->row_capacity) {
        garbage->row_capacity = garbage->row_capacity ? 2 * garbage->row_capacity : 64;
        garbage->rows = mem_realloc(garbage->rows, garbage->row_capacity * sizeof(*garbage->rows));
    }
    garbage->rows[garbage->chunks.count] = *row;
    chunk_list_append(&garbage->chunks, ref);
}

void meta_garbage_release(struct meta_garbage *garbage)
{
    chunk_list_release(&garbage->chunks);
    free(garbage->rows);
    *garbage = (struct meta_garbage){0};
}

uint64_t meta_gc_backlog(struct meta *meta)
{
    return atomic_load(&meta->gc_rows);
}

uint64_t meta_gc_backlog_bytes(struct meta *meta)
{
    return atomic_load(&meta->gc_bytes);
}

uint64_t meta_gc_left(struct meta *meta)
{
    uint64_t removed = atomic_load(&meta->gc.removed); /* before the other, which is never smaller */
    return atomic_load(&meta->gc.passed) - removed;
}

uint64_t meta_gc_overdue(struct meta *meta)
{
    return atomic_load(&meta->gc.overdue);
}

/* What had been queued `ago_ms` ago at least. */
static uint64_t queued_before(const struct gc_walk *walk, uint64_t now_ms, uint64_t ago_ms)
{
    uint64_t kept = walk->sample_count < GC_SAMPLES ? walk->sample_count : GC_SAMPLES;
    for (uint64_t i = 1; i <= kept; i++) {
        const struct gc_sample *sample = &walk->samples[(walk->sample_count - i) % GC_SAMPLES];
        if (now_ms - sample->ms >= ago_ms)
            return sample->queued;
    }
    return 0;
}

void gc_backlog_sample(struct meta *meta, uint64_t grace_ms)
{
    struct gc_walk *walk = &meta->gc;
    const struct gc_sample *last = &walk->samples[(walk->sample_count - 1) % GC_SAMPLES];
    uint64_t now_ms = clock_monotonic_ms();

    if (now_ms - last->ms >= grace_ms / SAMPLES_A_GRACE)
        walk->samples[walk->sample_count++ % GC_SAMPLES] =
            (struct gc_sample){now_ms, atomic_load(&meta->gc_rows) + atomic_load(&walk->removed)};
    uint64_t due = queued_before(walk, now_ms, grace_ms), passed = atomic_load(&walk->passed);
    atomic_store(&walk->overdue, due > passed ? due - passed : 0);
}

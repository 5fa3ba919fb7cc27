/* Commits that are on enough nodes; see the header. */
#include "meta/replicated.h"

#include "meta/internal.h"

uint64_t replicated_mark_advance(struct replicated_mark *mark, struct meta *meta)
{
    const struct meta_replication *replication = meta->history.replication;
    struct meta_position now;

    if (!replication) /* what is durable here; rows can be seen before that */
        return atomic_load(&meta->sequence);
    if (replication->held(replication->arg) >= mark->mark_position) {
        mark->replicated = mark->mark;
        mark->mark = atomic_load(&meta->sequence);
        meta_position(meta, &now); /* after it, so that it covers the mark */
        mark->mark_position = now.sequence;
        if (replication->held(replication->arg) >= mark->mark_position)
            mark->replicated = mark->mark;
    }
    return mark->replicated;
}

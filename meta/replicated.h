/* Which commits are known to be on enough nodes, by their own sequence: what must not be done for a change that may
 * still be lost with this disk waits for that. Learned step by step, so it lags behind by a call in the worst case. */
#ifndef TERCET_META_REPLICATED_H
#define TERCET_META_REPLICATED_H

#include <stdint.h>

struct meta;

struct replicated_mark { /* under a lock of its owner's */
    uint64_t replicated; /* commits up to this one are on enough nodes; */
    uint64_t mark;       /* those up to this one are when the nodes have reached mark_position */
    uint64_t mark_position;
};
/* Looks again, and returns the last commit that is. */
uint64_t replicated_mark_advance(struct replicated_mark *mark, struct meta *meta);

#endif

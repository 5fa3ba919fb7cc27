/* What time it is, where the life of data depends on it: by the gateway's clock and those of the nodes together, so
 * that one clock that is wrong takes nothing away. */
#ifndef TERCET_GATEWAY_TRUSTED_CLOCK_H
#define TERCET_GATEWAY_TRUSTED_CLOCK_H

#include "base/clock.h"

struct cluster;

struct trusted_clock {
    struct clock_guard guard; /* since the start */
    const struct cluster *cluster;
};
void trusted_clock_start(struct trusted_clock *clock, const struct cluster *cluster);

/* The earliest of all that are known: what is over by it is over by each. INT64_MIN while no node has told its own:
 * then nothing has any age. Any thread; does not block. */
int64_t trusted_clock_earliest_ms(const struct trusted_clock *clock);
/* What a time that is to come is counted from: the gateway's clock, unless all nodes' are earlier, or all later. */
int64_t trusted_clock_now_ms(const struct trusted_clock *clock);

#endif

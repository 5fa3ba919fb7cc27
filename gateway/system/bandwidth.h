/* Bytes per second that several background tasks of one loop share: repair's copies and the snapshots of the metadata.
 * Whoever wants to send asks first and waits for its turn; what was granted is used up in the order of asking. */
#ifndef TERCET_GATEWAY_BANDWIDTH_H
#define TERCET_GATEWAY_BANDWIDTH_H

#include <stdint.h>

#include "base/clock.h"

struct bandwidth {
    uint64_t bytes_per_s;   /* not 0 */
    uint64_t granted_to_ms; /* monotonic: what was granted so far is used up until then */
};

/* How many milliseconds to wait before these bytes are sent. */
static inline uint64_t bandwidth_take(struct bandwidth *bandwidth, uint64_t bytes)
{
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t begin_ms = bandwidth->granted_to_ms > now_ms ? bandwidth->granted_to_ms : now_ms;

    bandwidth->granted_to_ms = begin_ms + bytes * 1000 / bandwidth->bytes_per_s;
    return begin_ms - now_ms;
}

#endif

/* The clocks of the gateway and of the nodes, taken together; see the header. */
#include "gateway/system/trusted_clock.h"

#include "storage/cluster/cluster.h"

void trusted_clock_start(struct trusted_clock *clock, const struct cluster *cluster)
{
    clock_guard_start(&clock->guard);
    clock->cluster = cluster;
}

int64_t trusted_clock_earliest_ms(const struct trusted_clock *clock)
{
    int64_t ours_ms = clock_guard_now_ms(&clock->guard), earliest_ms, latest_ms;

    if (!cluster_clocks(clock->cluster, &earliest_ms, &latest_ms))
        return INT64_MIN;
    return ours_ms < earliest_ms ? ours_ms : earliest_ms;
}

int64_t trusted_clock_now_ms(const struct trusted_clock *clock)
{
    int64_t ours_ms = clock_wall_ms(), earliest_ms, latest_ms;

    if (!cluster_clocks(clock->cluster, &earliest_ms, &latest_ms))
        return ours_ms;
    if (ours_ms < earliest_ms)
        return earliest_ms;
    return ours_ms > latest_ms ? latest_ms : ours_ms;
}

/* The node's wall clock, as it last told it, carried on by our monotonic one, which never steps. */
#include "base/clock.h"
#include "base/lock.h"
#include "storage/cluster/node_internal.h"

#define CLOCK_SKEW_TOLERATED_MS 60000 /* well within PROTOCOL_SKEW_MS */

int64_t node_signing_time(struct node *node, int64_t wall_ms)
{
    lock_acquire(&node->lock);
    int64_t ahead_ms = node->clock_ahead_ms;
    lock_release(&node->lock);
    int64_t its_ms = ahead_ms + (int64_t)clock_monotonic_ms();
    bool close = its_ms - wall_ms >= -CLOCK_SKEW_TOLERATED_MS && its_ms - wall_ms <= CLOCK_SKEW_TOLERATED_MS;
    return close || ahead_ms == 0 ? wall_ms : its_ms;
}

bool node_clock(struct node *node, int64_t *wall_ms)
{
    lock_acquire(&node->lock);
    int64_t ahead_ms = node->clock_ahead_ms;
    lock_release(&node->lock);
    *wall_ms = ahead_ms + (int64_t)clock_monotonic_ms();
    return ahead_ms != 0;
}

void node_clock_adopt(struct node *node, int64_t node_time_ms)
{
    lock_acquire(&node->lock);
    node->clock_ahead_ms = node_time_ms - (int64_t)clock_monotonic_ms();
    lock_release(&node->lock);
}

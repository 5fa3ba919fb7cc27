/* What others may ask of a node: how far it is to be trusted, what it takes, and all of it for a person to see. */
#include <string.h>

#include "base/clock.h"
#include "base/lock.h"
#include "storage/cluster/node_internal.h"

enum node_standing node_standing(struct node *node)
{
    lock_acquire(&node->lock);
    enum node_standing standing = node_standing_locked(node);
    lock_release(&node->lock);
    return standing;
}

bool node_was_found_down(struct node *node)
{
    lock_acquire(&node->lock);
    bool down = node->check_failed;
    lock_release(&node->lock);
    return down;
}

bool node_takes_chunks(struct node *node, enum node_standing *standing)
{
    lock_acquire(&node->lock);
    *standing = node_standing_locked(node);
    bool takes =
        *standing != NODE_DOWN && !node->full && !node->read_only && !node->draining && !node->awaits_comparison;
    lock_release(&node->lock);
    return takes;
}

bool node_is_only_full(struct node *node)
{
    lock_acquire(&node->lock);
    bool only_full = node_standing_locked(node) != NODE_DOWN && node->full && !node->read_only && !node->draining &&
                     !node->awaits_comparison;
    lock_release(&node->lock);
    return only_full;
}

bool node_is_writable(struct node *node)
{
    lock_acquire(&node->lock);
    bool writable = node_is_writable_locked(node);
    lock_release(&node->lock);
    return writable;
}

bool node_is_good_target(struct node *node)
{
    enum node_standing standing;
    return node_takes_chunks(node, &standing) && standing == NODE_GOOD;
}

void node_set_draining(struct node *node, bool draining)
{
    lock_acquire(&node->lock);
    node->draining = draining;
    lock_release(&node->lock);
}

bool node_is_draining(struct node *node)
{
    lock_acquire(&node->lock);
    bool draining = node->draining;
    lock_release(&node->lock);
    return draining;
}

uint64_t node_free_bytes(struct node *node)
{
    lock_acquire(&node->lock);
    uint64_t free_bytes = node->free_bytes;
    lock_release(&node->lock);
    return free_bytes;
}

unsigned node_in_flight(struct node *node)
{
    lock_acquire(&node->lock);
    unsigned in_flight = node->in_flight;
    lock_release(&node->lock);
    return in_flight;
}

static void moves_copy_locked(const struct node *node, struct cluster_node_info *info)
{
    uint64_t now_ms = clock_monotonic_ms(), until_ms = node->breaker.open_until_ms;
    info->last_count = node->move_count < NODE_TRANSITIONS_MAX ? node->move_count : NODE_TRANSITIONS_MAX;
    for (unsigned i = 0; i < info->last_count; i++)
        info->last[i] = node->moves[(node->move_count - 1 - i) % NODE_TRANSITIONS_MAX];
    info->last_transition_ms = info->last[0].wall_ms;
    if (node->breaker.state == BREAKER_OPEN)
        info->next_probe_ms = clock_wall_ms() + (int64_t)(until_ms > now_ms ? until_ms - now_ms : 0);
    if (node->breaker.state != BREAKER_CLOSED)
        node_text_copy(info->reason, sizeof(info->reason), node->open_reason);
}

void node_info(struct node *node, struct cluster_node_info *info)
{
    memset(info, 0, sizeof(*info));
    info->number = node->number;
    node_text_copy(info->address, sizeof(info->address), node->address);
    node_text_copy(info->zone, sizeof(info->zone), node->zone_name);
    lock_acquire(&node->lock);
    node_text_copy(info->server_id, sizeof(info->server_id), node->server_id);
    info->healthy = node_is_up_locked(node) && !node->awaits_comparison;
    info->writable = node_is_writable_locked(node);
    info->full = node->full;
    info->read_only = node->read_only;
    info->draining = node->draining;
    info->breaker = node->breaker.state;
    info->total_bytes = node->total_bytes;
    info->free_bytes = node->free_bytes;
    info->chunks = node->chunks;
    info->last_seen_ms = node->last_seen_ms;
    moves_copy_locked(node, info);
    node_text_copy(info->last_error, sizeof(info->last_error), node->last_error);
    info->requests = node->requests;
    info->failures = node->failures;
    info->changes = node->changes;
    info->down_since_ms = node->down_since_ms;
    info->awaits_comparison = node->awaits_comparison;
    info->transitions = node->breaker.transitions;
    lock_release(&node->lock);
}

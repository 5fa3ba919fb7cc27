/* What requests tell of a node: that they begin and end, that it is late, that it is slow. Each change of the breaker
 * or of being up is logged here, once, and published as metrics. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/task.h"
#include "storage/cluster/node_internal.h"

void node_text_copy(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
}

enum node_standing node_standing_locked(const struct node *node)
{
    if (!node->checked || node->check_failed || node->breaker.state != BREAKER_CLOSED)
        return NODE_DOWN;
    return node->suspect || node->silent ? NODE_DOUBTED : NODE_GOOD;
}

bool node_is_up_locked(const struct node *node)
{
    return node_standing_locked(node) != NODE_DOWN && !node->suspect;
}

bool node_is_writable_locked(const struct node *node)
{
    return node_is_up_locked(node) && !node->awaits_comparison && !node->full && !node->read_only && !node->draining;
}

void node_publish_locked(struct node *node)
{
    bool up = node_is_up_locked(node);
    metric_gauge_set(node->breaker_gauge, node->breaker.state);
    metric_gauge_set(node->up_gauge, up);
    metric_gauge_set(node->availability_gauge, up);
    if (up == node->up)
        return;
    node->up = up;
    metric_gauge_add(node->score_gauge, up ? node->score_share : -node->score_share);
}

void node_breaker_moved_locked(struct node *node)
{
    struct cluster_transition *move = &node->moves[node->move_count++ % NODE_TRANSITIONS_MAX];
    move->wall_ms = clock_wall_ms();
    move->state = node->breaker.state;
    if (move->state == BREAKER_OPEN) {
        metric_counter_add(node->opened_counters[node->breaker.cause], 1);
        snprintf(node->open_reason, sizeof(node->open_reason), "%s: %s", breaker_cause_name(node->breaker.cause),
                 node->last_error);
        node_text_copy(move->reason, sizeof(move->reason), node->open_reason);
    } else {
        node_text_copy(move->reason, sizeof(move->reason),
                       move->state == BREAKER_CLOSED ? "probes passed" : "pause over");
    }
    log_warn("breaker of a node changed", LOG_INT("node", node->number), LOG_STR("address", node->address),
             LOG_STR("state", breaker_state_name(node->breaker.state)), LOG_STR("reason", move->reason));
}

/* node_availability knows a node by the name that it gives itself. Until it has said one, by the default of the name,
 * so that a node that never answers is seen to be away; a name that it has given up leaves the metrics. */
void node_name_availability(struct node *node, const char *server_id)
{
    char label[96];

    snprintf(label, sizeof(label), "server_id=\"%s\"", server_id);
    if (node->availability_gauge)
        metric_gauge_hide(node->availability_gauge);
    node->availability_gauge = metric_gauge_get("node_availability", "1 while the storage node is available", label);
}

static void register_openings(struct node *node)
{
    char labels[64];

    for (unsigned cause = BREAKER_NEVER + 1; cause < BREAKER_CAUSES; cause++) {
        snprintf(labels, sizeof(labels), "node=\"%u\",cause=\"%s\"", node->number, breaker_cause_name(cause));
        node->opened_counters[cause] = metric_counter_get("tercet_node_breaker_opened_total",
                                                          "Times that the node's breaker opened, by cause.", labels);
    }
}

void node_init(struct node *node, unsigned index, const struct node_address *place, const struct cluster_config *config,
               unsigned node_count)
{
    char label[32], server_id[32];
    uint64_t seed;
    unsigned number = place->number;
    *node = (struct node){.number = number, .index = index, .zone = index, .score_share = 100.0 / node_count};
    node_text_copy(node->address, sizeof(node->address), place->address);
    node_text_copy(node->zone_name, sizeof(node->zone_name), place->zone);
    random_bytes(&seed, sizeof(seed));
    breaker_init(&node->breaker, config->breaker_failures, config->breaker_open_ms, seed);
    pthread_mutex_init(&node->lock, NULL);
    snprintf(label, sizeof(label), "node=\"%u\"", number);
    node->up_gauge = metric_gauge_get("tercet_node_up", "1 while the node answers and its breaker is closed", label);
    node->breaker_gauge = metric_gauge_get("tercet_node_breaker_state",
                                           "State of the node's breaker: 0 closed, 1 half-open, 2 open.", label);
    node->failure_counter = metric_counter_get("tercet_node_failures_total", "Requests to the node that failed", label);
    node->disk_failure_counter =
        metric_counter_get("tercet_node_disk_failures_total", "Times that the node said that its disk failed.", label);
    node->score_gauge = metric_gauge_get("cluster_health_score", "Share of the nodes that are up, 0 to 100", "");
    snprintf(server_id, sizeof(server_id), "node-%u", number);
    node_name_availability(node, server_id);
    register_openings(node);
    node_publish_locked(node);
}

void node_release(struct node *node)
{
    if (node->up)
        metric_gauge_add(node->score_gauge, -node->score_share);
    pthread_mutex_destroy(&node->lock);
}

static void error_set_locked(struct node *node, const char *reason)
{
    node_text_copy(node->last_error, sizeof(node->last_error), reason);
}

static void check_request_locked(struct node *node)
{
    node->check_now = true;
    if (node->checker)
        task_unpark(node->checker);
}

void node_request_begin(struct node *node)
{
    lock_acquire(&node->lock);
    node->requests++;
    node->in_flight++;
    lock_release(&node->lock);
}

void node_failure_locked(struct node *node, const char *reason)
{
    node->failures++;
    metric_counter_add(node->failure_counter, 1);
    error_set_locked(node, reason);
    if (breaker_failure(&node->breaker, clock_monotonic_ms()))
        node_breaker_moved_locked(node);
    if (!node->suspect)
        check_request_locked(node);
    node->suspect = true;
}

void node_success_locked(struct node *node)
{
    node->last_seen_ms = clock_wall_ms();
    node->suspect = node->silent = false;
    node->sign_ms = clock_monotonic_ms();
    node->last_error[0] = '\0';
}

void node_request_end(struct node *node, enum node_outcome outcome, const char *reason)
{
    lock_acquire(&node->lock);
    CHECK(node->in_flight > 0);
    node->in_flight--;
    switch (outcome) {
    case NODE_ANSWERED:
        node_success_locked(node);
        /* While half-open only health checks count: a probe is granted to them alone. */
        if (node->breaker.state == BREAKER_CLOSED)
            breaker_success(&node->breaker, clock_monotonic_ms());
        break;
    case NODE_FAILED:
        if (node->breaker.state != BREAKER_HALF_OPEN)
            node_failure_locked(node, reason);
        break;
    case NODE_FULL:
        node_success_locked(node);
        node->full = true;
        node->filled_ms = clock_monotonic_ms();
        break;
    case NODE_ABANDONED:
        break;
    }
    node_publish_locked(node);
    lock_release(&node->lock);
}

void node_filled(struct node *node)
{
    lock_acquire(&node->lock);
    if (!node->full)
        check_request_locked(node); /* from then on as often as a full node is */
    node->full = true;
    node->filled_ms = clock_monotonic_ms();
    lock_release(&node->lock);
}

void node_pace(struct node *node, bool slow)
{
    lock_acquire(&node->lock);
    if (breaker_pace(&node->breaker, slow, clock_monotonic_ms())) {
        error_set_locked(node, "writes take far longer than on the other nodes");
        node_breaker_moved_locked(node);
        check_request_locked(node);
        node_publish_locked(node);
    }
    lock_release(&node->lock);
}

/* A sign in the very millisecond of since_ms came before: an answer needs longer, a sign after it is as old by now. */
void node_late(struct node *node, uint64_t since_ms)
{
    lock_acquire(&node->lock);
    if (!node->silent && node->sign_ms <= since_ms) {
        node->silent = true;
        check_request_locked(node);
    }
    lock_release(&node->lock);
}

void node_ask(struct node *node, uint64_t since_ms)
{
    lock_acquire(&node->lock);
    if (node->sign_ms <= since_ms && !node->check_failed)
        check_request_locked(node);
    lock_release(&node->lock);
}

void node_doubt(struct node *node, const char *reason)
{
    lock_acquire(&node->lock);
    if (!node->suspect) {
        node->suspect = true;
        error_set_locked(node, reason);
        check_request_locked(node);
        node_publish_locked(node);
    }
    lock_release(&node->lock);
}

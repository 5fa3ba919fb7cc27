/* Bookkeeping about one node, see the header. Each change of the breaker or of being up is logged here, once, and
 * published as metrics. */
#include "storage/cluster/node.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/task.h"

#define CLOCK_SKEW_TOLERATED_MS 60000 /* well within PROTOCOL_SKEW_MS */

static void text_copy(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
}

static enum node_standing standing_locked(const struct node *node)
{
    if (!node->checked || node->check_failed || node->breaker.state != BREAKER_CLOSED)
        return NODE_DOWN;
    return node->suspect || node->wary ? NODE_DOUBTED : NODE_GOOD;
}

static bool is_up_locked(const struct node *node)
{
    return standing_locked(node) != NODE_DOWN && !node->suspect;
}

static bool is_writable_locked(const struct node *node)
{
    return is_up_locked(node) && !node->barred && !node->full && !node->read_only;
}

static void publish_locked(struct node *node)
{
    bool up = is_up_locked(node);
    metric_gauge_set(node->breaker_gauge, node->breaker.state);
    metric_gauge_set(node->up_gauge, up);
    metric_gauge_set(node->availability_gauge, up);
    if (up == node->up)
        return;
    node->up = up;
    metric_gauge_add(node->score_gauge, up ? node->score_share : -node->score_share);
}

static void breaker_moved_locked(struct node *node)
{
    struct cluster_transition *move = &node->moves[node->move_count++ % NODE_TRANSITIONS_MAX];
    move->wall_ms = clock_wall_ms();
    move->state = node->breaker.state;
    if (move->state == BREAKER_OPEN) {
        metric_counter_add(node->opened_counters[node->breaker.cause], 1);
        snprintf(node->open_reason, sizeof(node->open_reason), "%s: %s", breaker_cause_name(node->breaker.cause),
                 node->last_error);
        text_copy(move->reason, sizeof(move->reason), node->open_reason);
    } else {
        text_copy(move->reason, sizeof(move->reason), move->state == BREAKER_CLOSED ? "probes passed" : "pause over");
    }
    log_warn("breaker of a node changed", LOG_INT("node", node->number), LOG_STR("address", node->address),
             LOG_STR("state", breaker_state_name(node->breaker.state)), LOG_STR("reason", move->reason));
}

/* node_availability knows a node by the name that it gives itself. Until it has said one, by the default of the name,
 * so that a node that never answers is seen to be away; a name that it has given up leaves the metrics. */
static void availability_name(struct node *node, const char *server_id)
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
        node->opened_counters[cause] =
            metric_counter_get("tercet_node_breaker_opened_total", "Times the node's breaker opened, by cause", labels);
    }
}

void node_init(struct node *node, unsigned index, unsigned number, const char *address,
               const struct cluster_config *config, unsigned node_count)
{
    char label[32], server_id[32];
    uint64_t seed;
    *node = (struct node){.number = number, .index = index, .score_share = 100.0 / node_count};
    CHECK(strlen(address) < sizeof(node->address));
    text_copy(node->address, sizeof(node->address), address);
    random_bytes(&seed, sizeof(seed));
    breaker_init(&node->breaker, config->breaker_failures, config->breaker_open_ms, seed);
    pthread_mutex_init(&node->lock, NULL);
    snprintf(label, sizeof(label), "node=\"%u\"", number);
    node->up_gauge = metric_gauge_get("tercet_node_up", "1 while the node answers and its breaker is closed", label);
    node->breaker_gauge = metric_gauge_get("tercet_node_breaker_state", "0 closed, 1 half-open, 2 open", label);
    node->failure_counter = metric_counter_get("tercet_node_failures_total", "Requests to the node that failed", label);
    node->disk_failure_counter =
        metric_counter_get("tercet_node_disk_failures_total", "Times the node said that its disk failed", label);
    node->score_gauge = metric_gauge_get("cluster_health_score", "Share of the nodes that are up, 0 to 100", "");
    snprintf(server_id, sizeof(server_id), "node-%u", number);
    availability_name(node, server_id);
    register_openings(node);
    publish_locked(node);
}

void node_release(struct node *node)
{
    if (node->up)
        metric_gauge_add(node->score_gauge, -node->score_share);
    pthread_mutex_destroy(&node->lock);
}

static void error_set_locked(struct node *node, const char *reason)
{
    text_copy(node->last_error, sizeof(node->last_error), reason);
}

static void check_request_locked(struct node *node)
{
    node->check_now = true;
    if (node->checker)
        task_unpark(node->checker);
}

void node_request_begin(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    node->requests++;
    node->in_flight++;
    pthread_mutex_unlock(&node->lock);
}

static void failure_locked(struct node *node, const char *reason)
{
    node->failures++;
    metric_counter_add(node->failure_counter, 1);
    error_set_locked(node, reason);
    if (breaker_failure(&node->breaker, clock_monotonic_ms()))
        breaker_moved_locked(node);
    if (!node->suspect)
        check_request_locked(node);
    node->suspect = true;
}

static void success_locked(struct node *node)
{
    node->last_seen_ms = clock_wall_ms();
    node->suspect = node->wary = false;
    node->sign_ms = clock_monotonic_ms();
    node->last_error[0] = '\0';
}

void node_request_end(struct node *node, enum node_outcome outcome, const char *reason)
{
    pthread_mutex_lock(&node->lock);
    CHECK(node->in_flight > 0);
    node->in_flight--;
    switch (outcome) {
    case NODE_ANSWERED:
        success_locked(node);
        /* While half-open only health checks count: a probe is granted to them alone. */
        if (node->breaker.state == BREAKER_CLOSED)
            breaker_success(&node->breaker, clock_monotonic_ms());
        break;
    case NODE_FAILED:
        if (node->breaker.state != BREAKER_HALF_OPEN)
            failure_locked(node, reason);
        break;
    case NODE_FULL:
        success_locked(node);
        node->full = true;
        break;
    case NODE_ABANDONED:
        break;
    }
    publish_locked(node);
    pthread_mutex_unlock(&node->lock);
}

void node_pace(struct node *node, bool slow)
{
    pthread_mutex_lock(&node->lock);
    if (breaker_pace(&node->breaker, slow, clock_monotonic_ms())) {
        error_set_locked(node, "writes take far longer than on the other nodes");
        breaker_moved_locked(node);
        check_request_locked(node);
        publish_locked(node);
    }
    pthread_mutex_unlock(&node->lock);
}

/* A sign in the very millisecond of since_ms came before: an answer needs longer, a sign after it is as old by now. */
void node_late(struct node *node, uint64_t since_ms)
{
    pthread_mutex_lock(&node->lock);
    if (!node->wary && node->sign_ms <= since_ms) {
        node->wary = true;
        check_request_locked(node);
    }
    pthread_mutex_unlock(&node->lock);
}

void node_ask(struct node *node, uint64_t since_ms)
{
    pthread_mutex_lock(&node->lock);
    if (node->sign_ms <= since_ms && !node->check_failed)
        check_request_locked(node);
    pthread_mutex_unlock(&node->lock);
}

void node_doubt(struct node *node, const char *reason)
{
    pthread_mutex_lock(&node->lock);
    if (!node->suspect) {
        node->suspect = true;
        error_set_locked(node, reason);
        check_request_locked(node);
        publish_locked(node);
    }
    pthread_mutex_unlock(&node->lock);
}

static void server_id_learn_locked(struct node *node, const char *server_id)
{
    if (strcmp(node->server_id, server_id) == 0)
        return;
    text_copy(node->server_id, sizeof(node->server_id), server_id);
    availability_name(node, server_id);
}

static void changed_locked(struct node *node)
{
    node->changes++;
    node->barred = node->bars_returning;
}

/* A restart that fell between two checks, and copies that the node found damaged. */
static void changes_learn_locked(struct node *node, const struct node_report *report)
{
    bool restarted = node->instance[0] && strcmp(node->instance, report->instance) != 0;
    if (restarted) {
        changed_locked(node);
        node->read_only = false; /* said by another process: if this one says so too, its disk failed anew */
    } else if (report->corruptions > node->corruptions) {
        node->changes++;
    }
    text_copy(node->instance, sizeof(node->instance), report->instance);
    node->corruptions = report->corruptions;
}

void node_bar_returning(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    node->bars_returning = true;
    node->barred = node->down_since_ms != 0;
    pthread_mutex_unlock(&node->lock);
}

void node_admit(struct node *node, uint64_t changes)
{
    pthread_mutex_lock(&node->lock);
    if (node->changes == changes)
        node->barred = false;
    pthread_mutex_unlock(&node->lock);
}

/* After changes_learn_locked. The node ends then, and comes back with nothing to say about it. */
static void read_only_learn_locked(struct node *node, bool read_only)
{
    if (read_only && !node->read_only) {
        log_error("the disk of a node failed", LOG_INT("node", node->number), LOG_STR("address", node->address));
        metric_counter_add(node->disk_failure_counter, 1);
    }
    node->read_only = read_only;
}

void node_check_passed(struct node *node, const struct node_report *report, bool probed)
{
    pthread_mutex_lock(&node->lock);
    if (!node->checked || node->check_failed)
        log_info("node is reachable", LOG_INT("node", node->number), LOG_STR("address", node->address));
    if (node->check_failed)
        breaker_retry(&node->breaker);
    node->checked = true;
    node->check_failed = false;
    node->down_since_ms = 0;
    success_locked(node);
    changes_learn_locked(node, report);
    server_id_learn_locked(node, report->server_id);
    node->total_bytes = report->total_bytes;
    node->free_bytes = report->free_bytes;
    node->chunks = report->chunks;
    node->full = report->full;
    read_only_learn_locked(node, report->read_only);
    node->clock_ahead_ms = report->clock_ms - (int64_t)clock_monotonic_ms();
    /* While closed, answers to checks must not hide failures of live requests. */
    if (probed && node->breaker.state == BREAKER_HALF_OPEN && breaker_success(&node->breaker, clock_monotonic_ms()))
        breaker_moved_locked(node);
    publish_locked(node);
    pthread_mutex_unlock(&node->lock);
}

void node_check_failed(struct node *node, const char *reason)
{
    pthread_mutex_lock(&node->lock);
    if (!node->checked || !node->check_failed)
        log_warn("node is not usable", LOG_INT("node", node->number), LOG_STR("address", node->address),
                 LOG_STR("error", reason));
    if (!node->down_since_ms) {
        node->down_since_ms = clock_monotonic_ms();
        changed_locked(node);
    }
    node->checked = true;
    node->check_failed = true;
    node->suspect = true;
    failure_locked(node, reason);
    publish_locked(node);
    pthread_mutex_unlock(&node->lock);
}

void node_probe_failed(struct node *node, const char *reason)
{
    pthread_mutex_lock(&node->lock);
    failure_locked(node, reason);
    publish_locked(node);
    pthread_mutex_unlock(&node->lock);
}

bool node_probe_allowed(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    enum breaker_state before = node->breaker.state;
    bool allowed = before != BREAKER_CLOSED && breaker_allow(&node->breaker, clock_monotonic_ms());
    if (node->breaker.state != before)
        breaker_moved_locked(node);
    publish_locked(node);
    pthread_mutex_unlock(&node->lock);
    return allowed;
}

void node_set_checker(struct node *node, struct task *checker)
{
    pthread_mutex_lock(&node->lock);
    node->checker = checker;
    pthread_mutex_unlock(&node->lock);
}

void node_wake_checker(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    if (node->checker)
        task_unpark(node->checker);
    pthread_mutex_unlock(&node->lock);
}

void node_check_begins(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    node->check_now = false;
    pthread_mutex_unlock(&node->lock);
}

bool node_check_is_requested(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    bool requested = node->check_now;
    pthread_mutex_unlock(&node->lock);
    return requested;
}

enum node_standing node_standing(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    enum node_standing standing = standing_locked(node);
    pthread_mutex_unlock(&node->lock);
    return standing;
}

bool node_was_found_down(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    bool down = node->check_failed;
    pthread_mutex_unlock(&node->lock);
    return down;
}

bool node_takes_chunks(struct node *node, enum node_standing *standing)
{
    pthread_mutex_lock(&node->lock);
    *standing = standing_locked(node);
    bool takes = *standing != NODE_DOWN && !node->full && !node->read_only && !node->barred;
    pthread_mutex_unlock(&node->lock);
    return takes;
}

bool node_is_only_full(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    bool only_full = standing_locked(node) != NODE_DOWN && node->full && !node->read_only && !node->barred;
    pthread_mutex_unlock(&node->lock);
    return only_full;
}

bool node_is_writable(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    bool writable = is_writable_locked(node);
    pthread_mutex_unlock(&node->lock);
    return writable;
}

bool node_is_good_target(struct node *node)
{
    enum node_standing standing;
    return node_takes_chunks(node, &standing) && standing == NODE_GOOD;
}

uint64_t node_free_bytes(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    uint64_t free_bytes = node->free_bytes;
    pthread_mutex_unlock(&node->lock);
    return free_bytes;
}

unsigned node_in_flight(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    unsigned in_flight = node->in_flight;
    pthread_mutex_unlock(&node->lock);
    return in_flight;
}

int64_t node_signing_time(struct node *node, int64_t wall_ms)
{
    pthread_mutex_lock(&node->lock);
    int64_t ahead_ms = node->clock_ahead_ms;
    pthread_mutex_unlock(&node->lock);
    int64_t its_ms = ahead_ms + (int64_t)clock_monotonic_ms();
    bool close = its_ms - wall_ms >= -CLOCK_SKEW_TOLERATED_MS && its_ms - wall_ms <= CLOCK_SKEW_TOLERATED_MS;
    return close || ahead_ms == 0 ? wall_ms : its_ms;
}

void node_clock_adopt(struct node *node, int64_t node_time_ms)
{
    pthread_mutex_lock(&node->lock);
    node->clock_ahead_ms = node_time_ms - (int64_t)clock_monotonic_ms();
    pthread_mutex_unlock(&node->lock);
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
        text_copy(info->reason, sizeof(info->reason), node->open_reason);
}

void node_info(struct node *node, struct cluster_node_info *info)
{
    memset(info, 0, sizeof(*info));
    info->number = node->number;
    text_copy(info->address, sizeof(info->address), node->address);
    pthread_mutex_lock(&node->lock);
    text_copy(info->server_id, sizeof(info->server_id), node->server_id);
    info->healthy = is_up_locked(node) && !node->barred;
    info->writable = is_writable_locked(node);
    info->full = node->full;
    info->read_only = node->read_only;
    info->breaker = node->breaker.state;
    info->total_bytes = node->total_bytes;
    info->free_bytes = node->free_bytes;
    info->chunks = node->chunks;
    info->last_seen_ms = node->last_seen_ms;
    moves_copy_locked(node, info);
    text_copy(info->last_error, sizeof(info->last_error), node->last_error);
    info->requests = node->requests;
    info->failures = node->failures;
    info->changes = node->changes;
    info->down_since_ms = node->down_since_ms;
    info->barred = node->barred;
    info->transitions = node->breaker.transitions;
    pthread_mutex_unlock(&node->lock);
}

/* What health checks tell of a node: that it answers, what it says of itself, whether it was away or restarted, and so
 * whether its chunks may have changed behind our back. */
#include <string.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/task.h"
#include "storage/cluster/node_internal.h"

static void server_id_learn_locked(struct node *node, const char *server_id)
{
    if (strcmp(node->server_id, server_id) == 0)
        return;
    node_text_copy(node->server_id, sizeof(node->server_id), server_id);
    node_name_availability(node, server_id);
}

static void changed_locked(struct node *node)
{
    node->changes++;
    node->awaits_comparison = node->compares_returning;
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
    node_text_copy(node->instance, sizeof(node->instance), report->instance);
    node->corruptions = report->corruptions;
}

void node_compare_returning(struct node *node)
{
    lock_acquire(&node->lock);
    node->compares_returning = true;
    node->awaits_comparison = node->down_since_ms != 0;
    lock_release(&node->lock);
}

void node_admit(struct node *node, uint64_t changes)
{
    lock_acquire(&node->lock);
    if (node->changes == changes)
        node->awaits_comparison = false;
    lock_release(&node->lock);
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
    lock_acquire(&node->lock);
    if (!node->checked || node->check_failed)
        log_info("node is reachable", LOG_INT("node", node->number), LOG_STR("address", node->address));
    if (node->check_failed)
        breaker_retry(&node->breaker);
    node->checked = true;
    node->check_failed = false;
    node->down_since_ms = 0;
    node_success_locked(node);
    changes_learn_locked(node, report);
    server_id_learn_locked(node, report->server_id);
    node->total_bytes = report->total_bytes;
    node->free_bytes = report->free_bytes;
    node->chunks = report->chunks;
    if (report->full || node->filled_ms < report->asked_ms) /* else the node became full while it was asked */
        node->full = report->full;
    read_only_learn_locked(node, report->read_only);
    node->clock_ahead_ms = report->clock_ms - (int64_t)clock_monotonic_ms();
    /* While closed, answers to checks must not hide failures of live requests. */
    if (probed && node->breaker.state == BREAKER_HALF_OPEN && breaker_success(&node->breaker, clock_monotonic_ms()))
        node_breaker_moved_locked(node);
    node_publish_locked(node);
    lock_release(&node->lock);
}

void node_check_failed(struct node *node, const char *reason)
{
    lock_acquire(&node->lock);
    if (!node->checked || !node->check_failed || strcmp(node->last_error, reason) != 0)
        log_warn("node is not usable", LOG_INT("node", node->number), LOG_STR("address", node->address),
                 LOG_STR("error", reason));
    if (!node->down_since_ms) {
        node->down_since_ms = clock_monotonic_ms();
        changed_locked(node);
    }
    node->checked = true;
    node->check_failed = true;
    node->suspect = true;
    node_failure_locked(node, reason);
    node_publish_locked(node);
    lock_release(&node->lock);
}

void node_probe_failed(struct node *node, const char *reason)
{
    lock_acquire(&node->lock);
    node_failure_locked(node, reason);
    node_publish_locked(node);
    lock_release(&node->lock);
}

bool node_probe_allowed(struct node *node)
{
    lock_acquire(&node->lock);
    enum breaker_state before = node->breaker.state;
    bool allowed = before != BREAKER_CLOSED && breaker_allow(&node->breaker, clock_monotonic_ms());
    if (node->breaker.state != before)
        node_breaker_moved_locked(node);
    node_publish_locked(node);
    lock_release(&node->lock);
    return allowed;
}

void node_set_checker(struct node *node, struct task *checker)
{
    lock_acquire(&node->lock);
    node->checker = checker;
    lock_release(&node->lock);
}

void node_wake_checker(struct node *node)
{
    lock_acquire(&node->lock);
    if (node->checker)
        task_unpark(node->checker);
    lock_release(&node->lock);
}

void node_check_begins(struct node *node)
{
    lock_acquire(&node->lock);
    node->check_now = false;
    lock_release(&node->lock);
}

bool node_check_is_requested(struct node *node)
{
    lock_acquire(&node->lock);
    bool requested = node->check_now;
    lock_release(&node->lock);
    return requested;
}

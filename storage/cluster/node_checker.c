/* Health checks: one task per node asks GET /health, each health_interval_ms while the node is good and each
 * suspect_interval_ms while it is not; at once when a live request met trouble. A node that answers under another
 * number or for another cluster is as bad as one that does not answer: bytes must never go to the wrong place. A check
 * that the breaker takes for a probe goes on with a canary. */
#include "storage/cluster/cluster_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "base/lock.h"
#include "base/task.h"
#include "storage/cluster/canary.h"
#include "storage/cluster/write_pace.h"

#define HEALTH_BODY_BYTES_MAX 65536
#define HEALTH_CHECK_PAUSE_MS 100 /* between two checks, whatever happens */
#define HEALTH_TIMEOUT_MS_MIN 100
#define CANARY_STEP_MS_MIN    1000

struct checker {
    struct cluster *cluster;
    struct node *node;
};

static uint64_t json_count(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 ? (uint64_t)value : 0;
}

/* Goes into metric labels: anything that is not plainly a name becomes '_'. */
static void name_copy(char *out, size_t size, const char *text)
{
    size_t len = 0;
    for (; text && text[len] && len < size - 1; len++) {
        char c = text[len];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_';
        out[len] = plain ? c : '_';
    }
    out[len] = '\0';
}

/* NULL when the answer is that of the node which is expected there, else what is wrong with it. */
static const char *report_parse(const struct cluster *cluster, const struct node *node, struct bytes body,
                                struct node_report *report)
{
    char cluster_id[2 * CLUSTER_ID_LEN + 1];
    const char *problem = NULL;
    json_t *root = json_loadb(body.data ? body.data : "", body.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(root)) {
        problem = "health answer is not JSON";
        goto out;
    }
    hex_encode(cluster->config.identity.id, CLUSTER_ID_LEN, cluster_id);
    const char *its_cluster = json_string_value(json_object_get(root, "clusterId"));
    if (!its_cluster || strcmp(its_cluster, cluster_id) != 0) {
        problem = "belongs to another cluster";
        goto out;
    }
    if (json_count(root, "nodeId") != node->number) {
        problem = "is another node: its number differs";
        goto out;
    }
    name_copy(report->server_id, sizeof(report->server_id), json_string_value(json_object_get(root, "serverID")));
    report->total_bytes = json_count(root, "totalBytes");
    report->free_bytes = json_count(root, "freeBytes");
    report->chunks = json_count(root, "chunks");
    report->full = json_is_true(json_object_get(root, "full"));
    report->read_only = json_is_true(json_object_get(root, "readOnly"));
    name_copy(report->instance, sizeof(report->instance), json_string_value(json_object_get(root, "instance")));
    report->corruptions = json_count(root, "corruptions");
    report->clock_ms = (int64_t)json_count(root, "timeMs");
out:
    json_decref(root);
    return problem;
}

/* NULL when the answer is a report: 503 is one where it says that the disk failed. Else what is wrong with it. */
static const char *answer_judge(const struct cluster *cluster, const struct node *node, int http_status,
                                struct bytes body, struct node_report *report)
{
    const char *problem = NULL;
    if (http_status == 200 || http_status == 503)
        problem = report_parse(cluster, node, body, report);
    if (http_status == 200 || (http_status == 503 && report->read_only))
        return problem;
    return "health check was answered with an error";
}

/* The node answers; does it also do its work? One that takes no chunks anyhow is not asked for more. */
static void check_by_canary(struct cluster *cluster, struct node *node, const struct node_report *report)
{
    uint64_t step_ms = 2 * cluster->config.stall_ms;
    if (step_ms < CANARY_STEP_MS_MIN)
        step_ms = CANARY_STEP_MS_MIN;
    const char *problem = report->read_only ? NULL : canary_send(cluster, node, step_ms);
    node_check_passed(node, report, !problem);
    if (problem)
        node_probe_failed(node, problem);
}

static void check(struct cluster *cluster, struct node *node)
{
    static const char *const headers[] = {"user-agent: " PROTOCOL_GATEWAY_AGENT, NULL};
    char url[sizeof(node->address) + 16];
    struct buffer body;
    struct node_report report = {.asked_ms = clock_monotonic_ms()};
    int http_status = 0;
    const char *problem;
    bool probe = node_probe_allowed(node);
    uint64_t timeout_ms = 3 * write_pace_stall_ms(cluster, node) / 2;
    if (timeout_ms < HEALTH_TIMEOUT_MS_MIN)
        timeout_ms = HEALTH_TIMEOUT_MS_MIN;

    struct tls_identity *tls = cluster->config.identity.tls;
    const char *tls_problem = NULL;
    snprintf(url, sizeof(url), "%s://%s/health", tls ? "https" : "http", node->address);
    struct http_call_options options = {.method = "GET",
                                        .url = url,
                                        .headers = headers,
                                        .connect_timeout_ms = (uint32_t)timeout_ms,
                                        .tls = tls,
                                        .tls_only = tls,
                                        .problem = &tls_problem};
    buffer_init(&body, HEALTH_BODY_BYTES_MAX);
    enum status status = http_exchange(&options, clock_monotonic_ms() + timeout_ms, &http_status, &body);
    if (status && tls_problem)
        problem = tls_problem;
    else if (status == STATUS_UNAVAILABLE)
        problem = "cannot connect";
    else if (status == STATUS_TIMEOUT)
        problem = "health check timed out";
    else if (status)
        problem = "health check broke off";
    else
        problem = answer_judge(cluster, node, http_status, buffer_bytes(&body), &report);
    buffer_release(&body);
    if (problem)
        node_check_failed(node, problem);
    else if (probe)
        check_by_canary(cluster, node, &report);
    else
        node_check_passed(node, &report, false);
}

/* Parks until the next check is due; early when the node became doubtful or the cluster stops. A full node is looked at
 * as often as a bad one: who has deleted something wants to write. */
static void wait_due(struct cluster *cluster, struct node *node, uint64_t checked_ms)
{
    while (!atomic_load(&cluster->stopping)) {
        bool often = node_standing(node) != NODE_GOOD || node_is_only_full(node);
        uint64_t interval_ms = often ? cluster->config.suspect_interval_ms : cluster->config.health_interval_ms;
        if (node_check_is_requested(node) && interval_ms > HEALTH_CHECK_PAUSE_MS)
            interval_ms = HEALTH_CHECK_PAUSE_MS;
        uint64_t due_ms = checked_ms + interval_ms;
        if (clock_monotonic_ms() >= due_ms)
            return;
        task_park_until(due_ms);
    }
}

static void checker_run(void *arg)
{
    struct checker *checker = arg;
    struct cluster *cluster = checker->cluster;
    struct node *node = checker->node;
    bool first = true;

    free(checker);
    node_set_checker(node, task_self());
    while (!atomic_load(&cluster->stopping)) {
        node_check_begins(node);
        check(cluster, node);
        if (first) {
            lock_acquire(&cluster->lock);
            cluster->checked++;
            pthread_cond_broadcast(&cluster->changed);
            lock_release(&cluster->lock);
            first = false;
        }
        wait_due(cluster, node, clock_monotonic_ms());
    }
    node_set_checker(node, NULL);
    cluster_task_ended(cluster);
}

void node_checker_start(struct cluster *cluster, struct node *node)
{
    struct checker *checker = mem_alloc(sizeof(*checker));
    *checker = (struct checker){cluster, node};
    cluster_task_spawn(cluster, checker_run, checker);
}

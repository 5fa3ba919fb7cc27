/* What the cluster believes of its nodes: first checks, wrong answers, failure, recovery, the breaker's way back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/metrics.h"
#include "fake_nodes.h"
#include "storage/cluster/node.h"

static struct cluster_node_info info_of(unsigned index)
{
    struct cluster_node_info info;
    cluster_node_info(fake.cluster, index, &info);
    return info;
}

struct wait {
    unsigned index;
    bool healthy;
    enum breaker_state breaker;
    bool happened;
};

static void wait_run(void *arg)
{
    struct wait *wait = arg;
    struct cluster_node_info info;
    wait->happened = FAKE_EVENTUALLY(({
        info = info_of(wait->index);
        info.healthy == wait->healthy &&info.breaker == wait->breaker;
    }));
}

static void assert_becomes(unsigned index, bool healthy, enum breaker_state breaker)
{
    struct wait wait = {.index = index, .healthy = healthy, .breaker = breaker};
    fake_run(wait_run, &wait);
    assert_true(wait.happened);
}

static struct cluster_config quick_config(void)
{
    struct cluster_config config = fake_config();
    config.health_interval_ms = 50;
    config.suspect_interval_ms = 30;
    config.stall_ms = 100;
    config.breaker_open_ms = 100;
    return config;
}

static void start_quick(void)
{
    struct cluster_config config = quick_config();
    fake_start_nodes(0);
    fake_start_cluster(&config);
}

static bool each_is_checked_once(void)
{
    for (unsigned i = 0; i < FAKE_NODES; i++)
        if (fake.nodes[i].checks != 1)
            return false;
    return true;
}

/* The next check is due in 30 s, but sooner when the answer to the first one was late: on a busy machine one may be. */
static void start_checked_once(void **state)
{
    fake_start();
    for (unsigned tries = 1; !each_is_checked_once() && tries < 20; tries++) {
        fake_teardown(state);
        fake_start();
    }
    assert_true(each_is_checked_once());
}

static void test_first_checks(void **state)
{
    start_checked_once(state);
    assert_int_equal(cluster_node_count(fake.cluster), FAKE_NODES);
    assert_int_equal(cluster_healthy_count(fake.cluster), FAKE_NODES);
    assert_int_equal(cluster_writable_count(fake.cluster), FAKE_NODES);
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        struct cluster_node_info info = info_of(i);
        assert_int_equal(info.number, i + 1);
        assert_string_equal(info.address, fake.nodes[i].address);
        assert_int_equal(info.server_id[5], '1' + (int)i);
        assert_true(info.healthy && info.writable);
        assert_int_equal(info.breaker, BREAKER_CLOSED);
        assert_int_equal(info.total_bytes, 1000000000);
        assert_int_equal(info.free_bytes, 500000000);
        assert_true(info.last_seen_ms > clock_wall_ms() - 60000);
        assert_string_equal(info.last_error, "");
        assert_true(cluster_node_readable(fake.cluster, i + 1));
    }
    assert_false(cluster_node_readable(fake.cluster, 99));
}

static void test_wrong_nodes_are_not_used(void **state)
{
    (void)state;
    struct cluster_config config = fake_config();
    fake_start_nodes(0);
    fake.nodes[0].cluster_id = "ffffffffffffffffffffffffffffffff";
    fake.nodes[1].said_number = 3;
    fake.nodes[2].health_fault = FAULT_ERROR;
    fake.nodes[3].full = true;
    fake_start_cluster(&config);
    assert_int_equal(cluster_healthy_count(fake.cluster), 1);
    assert_int_equal(cluster_writable_count(fake.cluster), 0);
    assert_string_equal(info_of(0).last_error, "belongs to another cluster");
    assert_string_equal(info_of(1).last_error, "is another node: its number differs");
    assert_string_equal(info_of(2).last_error, "health check was answered with an error");
    assert_true(info_of(3).full && info_of(3).healthy && !info_of(3).writable);
    assert_false(cluster_node_readable(fake.cluster, 1));
}

static void test_failure_opens_and_recovery_closes(void **state)
{
    (void)state;
    start_quick();
    fake.nodes[2].health_fault = FAULT_ERROR;
    assert_becomes(2, false, BREAKER_OPEN);
    assert_true(info_of(2).failures >= 5);
    assert_true(info_of(2).last_transition_ms > 0);
    assert_int_equal(cluster_healthy_count(fake.cluster), FAKE_NODES - 1);
    fake.nodes[2].health_fault = FAULT_NONE;
    assert_becomes(2, true, BREAKER_CLOSED);
    assert_string_equal(info_of(2).last_error, "");
    assert_int_equal(info_of(0).failures, 0);
}

static void test_returning_node_waits_for_no_pause(void **state)
{
    (void)state;
    struct cluster_config config = quick_config();
    config.breaker_open_ms = 60000;
    fake_start_nodes(0);
    fake_start_cluster(&config);
    fake.nodes[2].health_fault = FAULT_ERROR;
    assert_becomes(2, false, BREAKER_OPEN);
    fake.nodes[2].health_fault = FAULT_NONE;
    assert_becomes(2, true, BREAKER_CLOSED);
}

static void changes_run(void *arg)
{
    bool *noticed = arg;
    *noticed = FAKE_EVENTUALLY(info_of(1).changes == 1);
}

/* However soon after its start, and though no check found it away: its disk may be another one. */
static void test_restart_is_noticed(void **state)
{
    (void)state;
    bool noticed = false;
    start_quick();
    assert_int_equal(info_of(1).changes, 0);
    fake.nodes[1].restarts++;
    fake_run(changes_run, &noticed);
    assert_true(noticed);
    assert_int_equal(info_of(0).changes, 0);
}

/* Opens the breaker of a node whose checks then pass again, with a fault left for the canary. */
static void open_with(unsigned index, enum fault put_fault, enum fault get_fault)
{
    start_quick();
    fake.nodes[index].health_fault = FAULT_ERROR;
    assert_becomes(index, false, BREAKER_OPEN);
    struct cluster_node_info info = info_of(index);
    assert_in_range(info.last_count, 1, NODE_TRANSITIONS_MAX - 1);
    assert_string_equal(info.last[info.last_count - 1].reason,
                        "failures in a row: health check was answered with an error");
    fake.nodes[index].put_fault = put_fault;
    fake.nodes[index].get_fault = get_fault;
    fake.nodes[index].health_fault = FAULT_NONE;
}

struct reason_wait {
    unsigned index;
    const char *reason;
    bool happened;
};

static void reason_run(void *arg)
{
    struct reason_wait *wait = arg;
    struct cluster_node_info info;
    wait->happened = FAKE_EVENTUALLY(({
        info = info_of(wait->index);
        strcmp(info.reason, wait->reason) == 0;
    }));
}

static void assert_reason(unsigned index, const char *reason)
{
    struct reason_wait wait = {.index = index, .reason = reason};
    fake_run(reason_run, &wait);
    assert_true(wait.happened);
}

static void assert_recovers(unsigned index)
{
    fake.nodes[index].put_fault = fake.nodes[index].get_fault = FAULT_NONE;
    assert_becomes(index, true, BREAKER_CLOSED);
    struct cluster_node_info info = info_of(index);
    assert_string_equal(info.reason, "");
    assert_true(info.next_probe_ms == 0);
    assert_in_range(info.last_count, 3, NODE_TRANSITIONS_MAX);
    assert_int_equal(info.last[0].state, BREAKER_CLOSED);
    assert_true(info.last[0].wall_ms == info.last_transition_ms);
    assert_int_equal(info.last[1].state, BREAKER_HALF_OPEN);
    assert_int_equal(info.last[2].state, BREAKER_OPEN);
    assert_int_equal(fake_chunk_count(&fake.nodes[index]), 0);
}

static void test_canaries_close(void **state)
{
    (void)state;
    open_with(2, FAULT_NONE, FAULT_NONE);
    assert_recovers(2);
    assert_true(fake.nodes[2].puts >= 3);
    assert_true(fake.nodes[2].gets >= 3);
    assert_true(fake.nodes[2].deletes >= 3);
    assert_string_equal(info_of(2).last[0].reason, "probes passed");
    assert_int_equal(fake.nodes[0].puts, 0);
}

static void test_failed_canaries_keep_open(void **state)
{
    (void)state;
    open_with(2, FAULT_ERROR, FAULT_NONE);
    assert_reason(2, "probe failed: could not write a chunk");
    assert_recovers(2);
}

static void test_canary_is_compared(void **state)
{
    (void)state;
    open_with(1, FAULT_NONE, FAULT_BAD_BLOCK);
    assert_reason(1, "probe failed: gave other bytes back than were written");
    fake.nodes[1].get_fault = FAULT_MISSING;
    assert_reason(1, "probe failed: a chunk that it had taken could not be read back");
    assert_recovers(1);
}

/* 507 is an answer: the breaker closes, and the node stays out of placement. */
static void test_canary_to_a_full_node(void **state)
{
    (void)state;
    open_with(0, FAULT_FULL, FAULT_NONE);
    fake.nodes[0].full = true;
    assert_becomes(0, true, BREAKER_CLOSED);
    assert_true(fake.nodes[0].puts >= 3);
    assert_int_equal(fake.nodes[0].gets, 0);
    assert_true(info_of(0).full && !info_of(0).writable);
}

static bool metrics_contain(const char *line)
{
    struct buffer text;

    buffer_init(&text, 1u << 20);
    assert_int_equal(metrics_render(&text), STATUS_OK);
    bool found = strstr(text.data, line) != NULL;
    buffer_release(&text);
    return found;
}

static void test_read_only_node_is_sent_no_canary(void **state)
{
    (void)state;
    open_with(0, FAULT_ERROR, FAULT_NONE);
    fake.nodes[0].read_only = true;
    assert_becomes(0, true, BREAKER_CLOSED);
    assert_true(info_of(0).read_only && !info_of(0).writable);
    assert_true(metrics_contain("\ntercet_node_disk_failures_total{node=\"1\"} 1\n"));
    assert_true(metrics_contain("\ntercet_node_disk_failures_total{node=\"2\"} 0\n"));
}

static bool metrics_come_to_contain(const char *line)
{
    for (int i = 0; i < 1000 && !metrics_contain(line); i++) {
        clock_move_ms(100);
        usleep(1000);
    }
    return metrics_contain(line);
}

/* The gateway has not seen the node well in between. */
static void test_disk_that_fails_again_counts_again(void **state)
{
    (void)state;
    start_quick();
    fake.nodes[2].read_only = true;
    assert_true(metrics_come_to_contain("\ntercet_node_disk_failures_total{node=\"3\"} 1\n"));
    fake.nodes[2].restarts++;
    assert_true(metrics_come_to_contain("\ntercet_node_disk_failures_total{node=\"3\"} 2\n"));
}

static void test_silent_node_is_down(void **state)
{
    (void)state;
    start_quick();
    fake.nodes[1].health_fault = FAULT_SILENT;
    struct wait wait = {.index = 1, .healthy = false, .breaker = BREAKER_CLOSED};
    fake_run(wait_run, &wait);
    assert_true(wait.happened);
    assert_string_equal(info_of(1).last_error, "health check timed out");
}

static void test_dead_at_start(void **state)
{
    (void)state;
    struct cluster_config config = fake_config();
    fake_start_nodes(0);
    fake_kill(3);
    uint64_t start_ms = clock_monotonic_ms();
    fake_start_cluster(&config);
    assert_true(clock_monotonic_ms() - start_ms < 2000);
    assert_int_equal(cluster_healthy_count(fake.cluster), FAKE_NODES - 1);
    assert_string_equal(info_of(3).last_error, "cannot connect");
    assert_string_equal(info_of(3).server_id, "");
    assert_int_equal(info_of(3).last_seen_ms, 0);
}

static void test_start_waits_no_longer_than_told(void **state)
{
    (void)state;
    struct cluster_config config = fake_config();
    char list[256];
    const char *error;
    config.stall_ms = 2000;
    fake_start_nodes(0);
    fake.nodes[0].health_fault = FAULT_SILENT;
    snprintf(list, sizeof(list), "%s,%s", fake.nodes[0].address, fake.nodes[1].address);
    config.nodes = list;
    config.identity = fake.identity;
    config.node_timeout_ms = 5000;
    assert_int_equal(cluster_create(&config, &fake.cluster, &error), STATUS_OK);
    uint64_t start_ms = clock_monotonic_ms();
    clock_skip_idle(true);
    cluster_start(fake.cluster, fake.loops.loops[0], 200);
    clock_skip_idle(false);
    uint64_t took_ms = clock_monotonic_ms() - start_ms;
    assert_in_range(took_ms, 190, 1500);
    assert_false(info_of(0).healthy);
}

/* A step of our own clock changes nothing for the nodes: what is known of theirs hangs on the monotonic one. */
static void test_signing_time(void **state)
{
    (void)state;
    struct cluster_config config = fake_config();
    struct node node;
    int64_t wall_ms = clock_wall_ms();
    const int64_t day_ms = 86400000;
    node_init(&node, 0, &(struct node_address){.number = 1, .address = "127.0.0.1:1"}, &config, 1);
    assert_true(node_signing_time(&node, wall_ms) == wall_ms); /* nothing known of its clock */
    assert_true(node_signing_time(&node, wall_ms + day_ms) == wall_ms + day_ms);
    node_clock_adopt(&node, wall_ms);
    assert_true(node_signing_time(&node, wall_ms + 50000) == wall_ms + 50000);
    for (int sign = -1; sign <= 1; sign += 2) {
        int64_t signed_ms = node_signing_time(&node, wall_ms + sign * day_ms);
        assert_true(signed_ms >= wall_ms && signed_ms < wall_ms + 60000);
    }
    node_clock_adopt(&node, wall_ms - day_ms);
    int64_t signed_ms = node_signing_time(&node, wall_ms);
    assert_true(signed_ms >= wall_ms - day_ms && signed_ms < wall_ms - day_ms + 60000);
    node_release(&node);
}

static void test_metrics(void **state)
{
    (void)state;
    struct buffer text;
    fake_start();
    buffer_init(&text, 1u << 20);
    assert_int_equal(metrics_render(&text), STATUS_OK);
    assert_non_null(strstr(text.data, "\ntercet_node_up{node=\"1\"} 1\n"));
    assert_non_null(strstr(text.data, "\ntercet_node_breaker_state{node=\"4\"} 0\n"));
    assert_non_null(strstr(text.data, "\nnode_availability{server_id=\"fake-2\"} 1\n"));
    assert_non_null(strstr(text.data, "\ncluster_health_score 100\n"));
    buffer_release(&text);
}

/* A node is there from the start, at 0, and under the name that it last gave itself alone. */
static void test_availability_follows_the_name(void **state)
{
    (void)state;
    struct cluster_config config = fake_config();
    struct node_report report = {.server_id = "node-77"};
    struct node node;

    node_init(&node, 0, &(struct node_address){.number = 77, .address = "127.0.0.1:1"}, &config, 1);
    assert_true(metrics_contain("\nnode_availability{server_id=\"node-77\"} 0\n"));
    node_check_failed(&node, "cannot connect");
    assert_true(metrics_contain("\nnode_availability{server_id=\"node-77\"} 0\n"));
    node_check_passed(&node, &report, false);
    assert_true(metrics_contain("\nnode_availability{server_id=\"node-77\"} 1\n"));
    strcpy(report.server_id, "cellar");
    node_check_passed(&node, &report, false);
    assert_true(metrics_contain("\nnode_availability{server_id=\"cellar\"} 1\n"));
    assert_false(metrics_contain("server_id=\"node-77\""));
    strcpy(report.server_id, "node-77");
    node_check_passed(&node, &report, false);
    assert_true(metrics_contain("\nnode_availability{server_id=\"node-77\"} 1\n"));
    assert_false(metrics_contain("server_id=\"cellar\""));
    node_release(&node);
}

/* A check that began before the node became full says what was true then. */
static void test_a_check_under_way_does_not_empty_a_node(void **state)
{
    (void)state;
    struct cluster_config config = fake_config();
    struct node_report report = {.server_id = "node-78", .asked_ms = clock_monotonic_ms()};
    struct node node;

    node_init(&node, 0, &(struct node_address){.number = 78, .address = "127.0.0.1:1"}, &config, 1);
    node_check_passed(&node, &report, false);
    assert_false(node.full);
    node_filled(&node);
    node_check_passed(&node, &report, false);
    assert_true(node.full);
    report.asked_ms = clock_monotonic_ms() + 1;
    node_check_passed(&node, &report, false);
    assert_false(node.full);
    node_release(&node);
}

static void test_config_is_checked(void **state)
{
    (void)state;
    struct cluster *cluster;
    const char *error = NULL;
    struct cluster_config config = fake_config();
    config.nodes = "nonsense";
    assert_int_equal(cluster_create(&config, &cluster, &error), STATUS_INVALID);
    assert_non_null(error);
    config.nodes = "a:1";
    config.chunk_bytes = CHUNK_BYTES_MAX + 1;
    assert_int_equal(cluster_create(&config, &cluster, &error), STATUS_INVALID);
    config.chunk_bytes = CHUNK_BYTES_MAX;
    config.window_bytes = 1000;
    assert_int_equal(cluster_create(&config, &cluster, &error), STATUS_INVALID);
    config.window_bytes = 1u << 20;
    assert_int_equal(cluster_create(&config, &cluster, &error), STATUS_OK);
    cluster_free(cluster);
}

int main(void)
{
#define WITH_NODES(test) cmocka_unit_test_teardown(test, fake_teardown)
    const struct CMUnitTest tests[] = {
        WITH_NODES(test_first_checks),
        WITH_NODES(test_wrong_nodes_are_not_used),
        WITH_NODES(test_failure_opens_and_recovery_closes),
        WITH_NODES(test_returning_node_waits_for_no_pause),
        WITH_NODES(test_restart_is_noticed),
        WITH_NODES(test_canaries_close),
        WITH_NODES(test_failed_canaries_keep_open),
        WITH_NODES(test_canary_is_compared),
        WITH_NODES(test_canary_to_a_full_node),
        WITH_NODES(test_read_only_node_is_sent_no_canary),
        WITH_NODES(test_disk_that_fails_again_counts_again),
        WITH_NODES(test_silent_node_is_down),
        WITH_NODES(test_dead_at_start),
        WITH_NODES(test_start_waits_no_longer_than_told),
        cmocka_unit_test(test_signing_time),
        WITH_NODES(test_metrics),
        cmocka_unit_test(test_availability_follows_the_name),
        cmocka_unit_test(test_a_check_under_way_does_not_empty_a_node),
        cmocka_unit_test(test_config_is_checked),
    };
    log_init("test", "test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The registry under several threads, and its text form; promtool lints it where it is installed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metrics.h"

#define THREADS 4
#define ROUNDS  20000

static const double bounds[] = {0.5, 1, 2};

static struct buffer render(void)
{
    struct buffer out;

    buffer_init(&out, 1 << 20);
    assert_int_equal(metrics_render(&out), STATUS_OK);
    return out;
}

static void assert_contains(const char *want)
{
    struct buffer out = render();

    if (!strstr(out.data, want))
        fail_msg("no \"%s\" in:\n%s", want, out.data);
    buffer_release(&out);
}

static void test_cells(void **state)
{
    struct metric_counter *put = metric_counter_get("test_requests_total", "Requests", "action=\"put\"");
    struct metric_counter *get = metric_counter_get("test_requests_total", "Requests", "action=\"get\"");
    struct metric_gauge *gauge = metric_gauge_get("test_free_bytes", "Free", "");

    (void)state;
    assert_ptr_not_equal(put, get);
    assert_ptr_equal(put, metric_counter_get("test_requests_total", "Requests", "action=\"put\""));
    metric_counter_add(put, 2);
    metric_counter_add(get, UINT64_C(1) << 60);
    assert_int_equal(metric_counter_value(put), 2);
    /* sorted by name, then by labels; the number is exact */
    assert_contains("# HELP test_free_bytes Free\n# TYPE test_free_bytes gauge\ntest_free_bytes 0\n"
                    "# HELP test_requests_total Requests\n# TYPE test_requests_total counter\n"
                    "test_requests_total{action=\"get\"} 1152921504606846976\n"
                    "test_requests_total{action=\"put\"} 2\n");
    metric_gauge_set(gauge, 0.1);
    assert_contains("\ntest_free_bytes 0.1\n");
    metric_gauge_add(gauge, -1.1);
    assert_contains("\ntest_free_bytes -1\n");
    metric_gauge_set(gauge, 12345678901234);
    assert_contains("\ntest_free_bytes 12345678901234\n");
    metric_gauge_set(gauge, 1.0 / 3);
    assert_contains("\ntest_free_bytes 0.33333333333333331\n");
    metric_gauge_set(gauge, INFINITY);
    assert_contains("\ntest_free_bytes +Inf\n");
    metric_gauge_set(gauge, NAN);
    assert_contains("\ntest_free_bytes NaN\n");
    metric_gauge_hide(gauge);
    assert_contains("# TYPE test_free_bytes gauge\n# HELP test_requests_total");
    metric_gauge_set(gauge, 1);
    assert_contains("\ntest_free_bytes 1\n");
}

static void test_histogram(void **state)
{
    struct metric_histogram *plain = metric_histogram_get("test_plain_seconds", "Time", "", bounds, 3);
    struct metric_histogram *labelled = metric_histogram_get("test_op_seconds", "Time", "op=\"x\"", bounds, 3);

    (void)state;
    metric_histogram_observe(plain, 0.5); /* a bound belongs to its bucket */
    metric_histogram_observe(plain, 0.75);
    metric_histogram_observe(plain, 100);
    metric_histogram_observe(labelled, 1.5);
    assert_contains("# TYPE test_plain_seconds histogram\n"
                    "test_plain_seconds_bucket{le=\"0.5\"} 1\n"
                    "test_plain_seconds_bucket{le=\"1\"} 2\n"
                    "test_plain_seconds_bucket{le=\"2\"} 2\n"
                    "test_plain_seconds_bucket{le=\"+Inf\"} 3\n"
                    "test_plain_seconds_sum 101.25\n"
                    "test_plain_seconds_count 3\n");
    assert_contains("test_op_seconds_bucket{op=\"x\",le=\"1\"} 0\n"
                    "test_op_seconds_bucket{op=\"x\",le=\"2\"} 1\n"
                    "test_op_seconds_bucket{op=\"x\",le=\"+Inf\"} 1\n"
                    "test_op_seconds_sum{op=\"x\"} 1.5\n"
                    "test_op_seconds_count{op=\"x\"} 1\n");
    for (unsigned i = 1; i < metric_seconds_bound_count; i++)
        assert_true(metric_seconds_bounds[i - 1] < metric_seconds_bounds[i]);
}

static double twice(void *arg)
{
    return 2 * *(double *)arg;
}

static void test_callbacks(void **state)
{
    static double value = 21;

    (void)state;
    metric_gauge_callback("test_asked", "Asked for", "k=\"v\"", twice, &value);
    metric_counter_callback("test_asked_total", "Asked for", "", twice, &value);
    assert_contains("# TYPE test_asked gauge\ntest_asked{k=\"v\"} 42\n");
    assert_contains("# TYPE test_asked_total counter\ntest_asked_total 42\n");
    value = 1;
    assert_contains("\ntest_asked_total 2\n");
}

static void *update(void *arg)
{
    struct metric_counter *counter = metric_counter_get("test_threads_total", "Threads", "");
    struct metric_gauge *gauge = metric_gauge_get("test_threads", "Threads", "");
    struct metric_histogram *histogram = metric_histogram_get("test_threads_seconds", "Threads", "", bounds, 3);

    for (int i = 0; i < ROUNDS; i++) {
        char labels[32];
        metric_counter_add(counter, 1);
        metric_gauge_add(gauge, 1);
        metric_histogram_observe(histogram, 1);
        if (i % 100)
            continue;
        snprintf(labels, sizeof(labels), "n=\"%d\"", i);
        metric_counter_add(metric_counter_get("test_labels_total", "Labels", labels), 1);
        if (arg && i % 1000 == 0) {
            struct buffer out = render();
            buffer_release(&out);
        }
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[THREADS];
    char want[64];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, update, i == 0 ? &threads : NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    snprintf(want, sizeof(want), "\ntest_threads_total %d\n", THREADS * ROUNDS);
    assert_contains(want);
    snprintf(want, sizeof(want), "\ntest_threads %d\n", THREADS * ROUNDS);
    assert_contains(want);
    snprintf(want, sizeof(want), "\ntest_threads_seconds_sum %d\n", THREADS * ROUNDS);
    assert_contains(want);
    for (int i = 0; i < ROUNDS; i += 100) {
        snprintf(want, sizeof(want), "n=\"%d\"", i);
        assert_int_equal(metric_counter_value(metric_counter_get("test_labels_total", "Labels", want)), THREADS);
    }
}

static double rendered_value(const char *name)
{
    struct buffer out = render();
    char line[128];

    snprintf(line, sizeof(line), "\n%s ", name);
    const char *at = strstr(out.data, line);
    assert_non_null(at);
    double value = strtod(at + strlen(line), NULL);
    buffer_release(&out);
    return value;
}

static void test_process_metrics(void **state)
{
    (void)state;
    metrics_register_process("test");
    assert_contains("tercet_build_info{role=\"test\",version=\"" TERCET_VERSION "\",revision=\"unknown\"} 1\n");
    assert_true(rendered_value("process_cpu_seconds_total") > 0);
    assert_true(rendered_value("process_resident_memory_bytes") > 100000);
    assert_true(rendered_value("process_virtual_memory_bytes") >= rendered_value("process_resident_memory_bytes"));
    double fds = rendered_value("process_open_fds");
    int fd = dup(STDOUT_FILENO);
    assert_true(rendered_value("process_open_fds") == fds + 1);
    close(fd);
    assert_true(rendered_value("process_max_fds") > fds);
    assert_true(fabs(rendered_value("process_start_time_seconds") - (double)time(NULL)) < 600);
}

/* Counting many costs much, and anyone may ask: it is done once a second. */
static void test_many_fds_are_counted_seldom(void **state)
{
    enum { MANY = 400 };
    int fds[MANY];

    (void)state;
    clock_hold();
    metrics_register_process("test");
    for (int i = 0; i < MANY; i++)
        assert_true((fds[i] = dup(STDOUT_FILENO)) >= 0);
    double count = rendered_value("process_open_fds");
    assert_true(count >= MANY);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    clock_move_ms(999);
    assert_true(rendered_value("process_open_fds") == count);
    clock_move_ms(1);
    assert_true(rendered_value("process_open_fds") == count - MANY);
    clock_release();
}

static void test_promtool_accepts(void **state)
{
    (void)state;
    if (system("command -v promtool >/dev/null 2>&1") != 0)
        skip();
    struct buffer out = render();
    FILE *promtool = popen("promtool check metrics", "w");
    assert_non_null(promtool);
    assert_int_equal(fwrite(out.data, 1, out.len, promtool), out.len);
    assert_int_equal(pclose(promtool), 0);
    buffer_release(&out);
}

static void test_a_full_buffer_is_reported(void **state)
{
    struct buffer out;

    (void)state;
    buffer_init(&out, 100);
    assert_int_equal(metrics_render(&out), STATUS_LIMIT);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_callbacks),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_process_metrics),
        cmocka_unit_test(test_many_fds_are_counted_seldom),
        cmocka_unit_test(test_promtool_accepts),
        cmocka_unit_test(test_a_full_buffer_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What log lines look like: stdout is a pipe or a file while a line is written, jansson reads it back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/task.h"

#define LINE_TEST_MAX 8300
#define THREADS       4
#define THREAD_LINES  500

struct capture {
    FILE *file;
    int saved;
    char *text;
};

static void capture_start(struct capture *capture)
{
    fflush(stdout);
    capture->file = tmpfile();
    assert_non_null(capture->file);
    capture->saved = dup(STDOUT_FILENO);
    assert_true(dup2(fileno(capture->file), STDOUT_FILENO) >= 0);
}

static void capture_end(struct capture *capture)
{
    assert_true(dup2(capture->saved, STDOUT_FILENO) >= 0);
    close(capture->saved);
    long len = lseek(fileno(capture->file), 0, SEEK_END);
    assert_true(len >= 0);
    rewind(capture->file);
    capture->text = calloc(1, (size_t)len + 1);
    assert_non_null(capture->text);
    assert_int_equal(fread(capture->text, 1, (size_t)len, capture->file), len);
    fclose(capture->file);
}

/* Parses exactly one line, which ends the text. */
static json_t *line_of(const char *text)
{
    json_error_t error;
    json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    assert_true(strchr(text, '\n') == text + strlen(text) - 1);
    if (!line)
        fail_msg("%s in %s", error.text, text);
    return line;
}

static const char *member(const json_t *line, const char *name)
{
    const char *value = json_string_value(json_object_get(line, name));
    return value ? value : "(none)";
}

static void test_members(void **state)
{
    struct capture capture;
    int64_t before = clock_wall_ms(), at = 0;

    (void)state;
    log_init("gateway", "gw-1", LOG_INFO);
    capture_start(&capture);
    log_warn("node is unreachable", LOG_STR("nodeId", "n\"1\""), LOG_INT("tries", -3), LOG_NUM("load", 0.25),
             LOG_BOOL("up", false), LOG_STR("none", NULL), LOG_NUM("nan", NAN), LOG_STATUS(STATUS_TIMEOUT));
    capture_end(&capture);
    json_t *line = line_of(capture.text);
    assert_int_equal(clock_parse_iso8601(bytes_from_str(member(line, "timestamp")), &at), STATUS_OK);
    assert_in_range(at, before, before + 60000);
    assert_int_equal(strlen(member(line, "timestamp")), 24);
    assert_string_equal(member(line, "level"), "warn");
    assert_non_null(strstr(member(line, "caller"), "base/log_test.c:"));
    assert_true(member(line, "caller")[0] != '/');
    assert_string_equal(member(line, "message"), "node is unreachable");
    assert_string_equal(member(line, "service"), "gateway");
    assert_string_equal(member(line, "serverID"), "gw-1");
    assert_string_equal(member(line, "nodeId"), "n\"1\"");
    assert_string_equal(member(line, "status"), "timeout");
    assert_int_equal(json_integer_value(json_object_get(line, "tries")), -3);
    assert_true(json_real_value(json_object_get(line, "load")) == 0.25);
    assert_true(json_is_false(json_object_get(line, "up")));
    assert_true(json_is_null(json_object_get(line, "none")));
    assert_true(json_is_null(json_object_get(line, "nan")));
    assert_null(json_object_get(line, "requestID"));
    json_decref(line);
    free(capture.text);
}

static void test_levels(void **state)
{
    enum log_level level = LOG_INFO;
    struct capture capture;

    (void)state;
    assert_int_equal(log_level_parse(BYTES("error"), &level), STATUS_OK);
    assert_int_equal(level, LOG_ERROR);
    assert_int_equal(log_level_parse(BYTES("debug"), &level), STATUS_OK);
    assert_int_equal(level, LOG_DEBUG);
    assert_int_equal(log_level_parse(BYTES("Warn"), &level), STATUS_INVALID);
    assert_int_equal(log_level_parse(BYTES(""), &level), STATUS_INVALID);

    log_set_level(LOG_ERROR);
    capture_start(&capture);
    log_warn("not written");
    log_access((const struct log_field[]){LOG_INT("statusCode", 200), {0}});
    capture_end(&capture);
    json_t *line = line_of(capture.text);
    assert_string_equal(member(line, "level"), "info");
    assert_int_equal(json_integer_value(json_object_get(line, "statusCode")), 200);
    json_decref(line);
    free(capture.text);

    capture_start(&capture);
    log_error("written");
    log_set_level(LOG_DEBUG);
    capture_end(&capture);
    json_decref(line_of(capture.text));
    free(capture.text);
}

/* jansson refuses invalid UTF-8 and raw control characters, so parsing proves the escapes. */
static void test_hostile_strings(void **state)
{
    static const struct {
        struct bytes given;
        const char *escaped;
    } cases[] = {
        {BYTES("a\nb\x01\x1f\x7f\\\"/"), "a\\u000ab\\u0001\\u001f\\u007f\\\\\\\"/"},
        {BYTES("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {BYTES("\xff\xc3(\xe2\x82"), "\\ufffd\\ufffd(\\ufffd\\ufffd"},
        {BYTES("\xc0\x80"), "\\ufffd\\ufffd"},                       /* overlong */
        {BYTES("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd"},            /* surrogate */
        {BYTES("\xe0\x9f\xbf"), "\\ufffd\\ufffd\\ufffd"},            /* overlong */
        {BYTES("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd"}, /* beyond U+10FFFF */
        {BYTES("\xf0\x8f\xbf\xbf"), "\\ufffd\\ufffd\\ufffd\\ufffd"}, /* overlong */
        {BYTES("a\0b"), "a\\u0000b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct capture capture;
        char want[128];
        json_error_t error;

        capture_start(&capture);
        log_info("m", LOG_BYTES("key", cases[i].given));
        capture_end(&capture);
        snprintf(want, sizeof(want), ",\"key\":\"%s\"}\n", cases[i].escaped);
        assert_non_null(strstr(capture.text, want));
        json_t *line = json_loads(capture.text, JSON_ALLOW_NUL, &error);
        assert_non_null(line);
        json_decref(line);
        free(capture.text);
    }
}

static void test_long_lines_are_cut(void **state)
{
    char *key = malloc(LINE_TEST_MAX);

    (void)state;
    assert_non_null(key);
    for (int kind = 0; kind < 3; kind++) {
        /* Every length near the limit, so that each piece meets the end of the line once. */
        for (size_t len = 7600; len < LINE_TEST_MAX; len++) {
            struct capture capture;

            for (size_t i = 0; i < len; i++)
                key[i] = kind == 1 ? '\n' : kind == 2 && i < len / 3 * 3 ? "\xe2\x82\xac"[i % 3] : 'x';
            capture_start(&capture);
            log_info("m", LOG_BYTES("key", bytes_of(key, len)), LOG_INT("after", 1), LOG_STR("last", "z"));
            capture_end(&capture);
            assert_true(strlen(capture.text) <= 8192);
            json_t *line = line_of(capture.text);
            bool whole = json_string_length(json_object_get(line, "key")) == len && json_object_get(line, "last");
            assert_int_equal(json_is_true(json_object_get(line, "truncated")), !whole);
            if (len > 8100)
                assert_false(whole);
            if (len == 7600 && kind == 0)
                assert_true(whole);
            json_decref(line);
            free(capture.text);
        }
    }
    free(key);
}

static void log_in_task(void *arg)
{
    task_set_request_id("0123456789ABCDEF");
    log_info("in a task");
    task_set_request_id(NULL);
    loop_stop(arg);
}

static void test_request_id(void **state)
{
    struct loop *loop = loop_create();
    struct capture capture;

    (void)state;
    task_spawn(loop, log_in_task, loop);
    capture_start(&capture);
    loop_run(loop);
    capture_end(&capture);
    json_t *line = line_of(capture.text);
    assert_string_equal(member(line, "requestID"), "0123456789ABCDEF");
    json_decref(line);
    free(capture.text);
    loop_free(loop);
}

static void *write_lines(void *arg)
{
    for (int i = 0; i < THREAD_LINES; i++)
        log_info("from a thread", LOG_INT("number", i), LOG_STR("filler", arg));
    return NULL;
}

static void test_lines_of_threads_do_not_mix(void **state)
{
    static char filler[1200];
    pthread_t threads[THREADS];
    struct capture capture;
    unsigned lines = 0;

    (void)state;
    memset(filler, 'f', sizeof(filler) - 1);
    capture_start(&capture);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, filler), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    capture_end(&capture);
    for (char *at = capture.text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, lines++) {
        json_t *line = json_loadb(at, (size_t)(end - at), 0, NULL);
        assert_non_null(line);
        json_decref(line);
    }
    assert_int_equal(lines, THREADS * THREAD_LINES);
    free(capture.text);
}

/* In its own file alone, which is opened anew under its name. */
static void test_audit(void **state)
{
    char path[] = "/tmp/tercet-audit-XXXXXX", moved[sizeof(path) + 8], text[1024] = "";
    int fd = mkstemp(path);
    struct capture capture;

    (void)state;
    assert_true(fd >= 0);
    assert_false(log_audit_enabled());
    assert_int_equal(log_open_audit(path), STATUS_OK);
    assert_true(log_audit_enabled());
    snprintf(moved, sizeof(moved), "%s.1", path);
    capture_start(&capture);
    log_audit((const struct log_field[]){LOG_STR("outcome", "denied"), {0}});
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(log_reopen(), STATUS_OK);
    log_audit((const struct log_field[]){LOG_STR("outcome", "done"), {0}});
    capture_end(&capture);
    assert_string_equal(capture.text, "");
    free(capture.text);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    assert_non_null(strstr(text, "\"outcome\":\"denied\""));
    assert_null(strstr(text, "done"));
    close(fd);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    assert_non_null(strstr(text, "\"outcome\":\"done\""));
    close(fd);
    unlink(path);
    unlink(moved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),         cmocka_unit_test(test_levels),
        cmocka_unit_test(test_hostile_strings), cmocka_unit_test(test_long_lines_are_cut),
        cmocka_unit_test(test_request_id),      cmocka_unit_test(test_lines_of_threads_do_not_mix),
        cmocka_unit_test(test_audit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

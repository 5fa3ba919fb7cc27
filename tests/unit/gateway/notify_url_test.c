/* URLs of targets: their parts, what is refused, and a password that stands in a file. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret_file.h"
#include "gateway/notify/target.h"

static void test_parts(void **state)
{
    static const struct {
        const char *text, *scheme, *user, *password, *host;
        uint16_t port;
        const char *path, *query;
        bool tls;
        const char *ca_file;
    } rows[] = {
        {"http://example.com", "http", "", "", "example.com", 0, "", "", false, ""},
        {"HTTPS://example.com:8443/a/b?c=d&e", "https", "", "", "example.com", 8443, "/a/b", "c=d&e", true, ""},
        {"amqp://u%40x:p%3aq@[::1]:5672/%2f?x=1", "amqp", "u@x", "p:q", "::1", 5672, "/%2f", "x=1", false, ""},
        {"mqtts://u@h/t?ca-file=/etc/a%20b.pem&qos=1", "mqtts", "u", "", "h", 0, "/t", "qos=1", true, "/etc/a b.pem"},
        {"redis://:p@h?", "redis", "", "p", "h", 0, "", "", false, ""},
        {"rediss://h?a&&ca-file=", "rediss", "", "", "h", 0, "", "a", true, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct notify_url url;
        struct buffer error;
        buffer_init(&error, NOTIFY_ERROR_MAX);
        assert_int_equal(notify_url_parse(bytes_from_str(rows[i].text), &url, &error), STATUS_OK);
        assert_int_equal(error.len, 0);
        assert_string_equal(url.scheme, rows[i].scheme);
        assert_string_equal(url.user, rows[i].user);
        assert_string_equal(url.password, rows[i].password);
        assert_string_equal(url.host, rows[i].host);
        assert_int_equal(url.port, rows[i].port);
        assert_string_equal(url.path, rows[i].path);
        assert_string_equal(url.query, rows[i].query);
        assert_int_equal(url.tls, rows[i].tls);
        assert_string_equal(url.ca_file, rows[i].ca_file);
        notify_url_release(&url);
        notify_url_release(&url);
        buffer_release(&error);
    }
}

static void test_what_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "example.com",
        "http:/x",
        "://x",
        "ht_tp://x",
        "http://",
        "http://:80",
        "http://x:0",
        "http://x:65536",
        "http://x:",
        "http://x y",
        "http://x\n",
        "http://x/#a",
        "http://[::1",
        "http://[::1]8",
        "http://[x]",
        "http://a%zz@x",
        "http://a%00@x",
        "http://x?a=%z",
        "http://x?password-file=/nowhere/at/all",
        "http://x/?a#b",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct notify_url url;
        struct buffer error;
        buffer_init(&error, NOTIFY_ERROR_MAX);
        assert_int_equal(notify_url_parse(bytes_from_str(texts[i]), &url, &error), STATUS_INVALID);
        assert_true(error.len > 0);
        assert_null(url.host);
        buffer_release(&error);
    }
}

static void test_password_in_a_file(void **state)
{
    char path[] = "/tmp/notify_url_XXXXXX", text[128];
    struct notify_url url;
    struct buffer error;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(secret_file_create(path, "se cret\n"), STATUS_OK);
    snprintf(text, sizeof(text), "amqp://user@host/?a=b&password-file=%s&c=d", path);
    buffer_init(&error, NOTIFY_ERROR_MAX);
    assert_int_equal(notify_url_parse(bytes_from_str(text), &url, &error), STATUS_OK);
    assert_string_equal(url.password, "se cret");
    assert_string_equal(url.query, "a=b&c=d");
    notify_url_release(&url);

    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(notify_url_parse(bytes_from_str(text), &url, &error), STATUS_INVALID);
    assert_non_null(strstr(error.data, path));
    assert_null(strstr(error.data, "se cret"));
    buffer_release(&error);
    unlink(path);
}

static void test_parameters(void **state)
{
    struct notify_url url;
    struct buffer error;

    (void)state;
    buffer_init(&error, NOTIFY_ERROR_MAX);
    assert_int_equal(notify_url_parse(BYTES("kafka://h/topic?a=x%20y&bb=&c&a=2"), &url, &error), STATUS_OK);
    static const struct {
        const char *name, *value;
    } rows[] = {{"a", "x y"}, {"bb", ""}, {"c", ""}, {"b", NULL}, {"", NULL}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *value = notify_url_parameter(&url, rows[i].name);
        if (rows[i].value)
            assert_string_equal(value, rows[i].value);
        else
            assert_null(value);
        free(value);
    }
    notify_url_release(&url);
    buffer_release(&error);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_password_in_a_file),
        cmocka_unit_test(test_parameters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

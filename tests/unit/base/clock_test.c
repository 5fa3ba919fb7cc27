/* Clocks that tests hold, and text forms of time, checked against the C library's calendar and the examples of the
 * specifications. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define RFC_EXAMPLE_MS INT64_C(784111777000) /* RFC 9110 section 5.6.7 */

static void test_clocks_advance(void **state)
{
    uint64_t us = clock_monotonic_us(), ms = clock_monotonic_ms();
    int64_t wall = clock_wall_ms();

    (void)state;
    assert_in_range(ms - us / 1000, 0, 60000);
    assert_true(clock_monotonic_us() >= us);
    assert_in_range(wall / 1000 - time(NULL) + 2, 0, 4);
}

/* What a thread waits for by the clock, and whether it came in time. */
struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t condition;
    uint64_t until_ms;
    uint64_t ended_ms;
};

static void *wait_for_the_time(void *arg)
{
    struct waiting *waiting = arg;

    pthread_mutex_lock(&waiting->lock);
    while (clock_cond_wait(&waiting->condition, &waiting->lock, waiting->until_ms))
        ;
    waiting->ended_ms = clock_monotonic_ms();
    pthread_mutex_unlock(&waiting->lock);
    return NULL;
}

static void test_held_clocks_stand_still(void **state)
{
    struct waiting waiting = {.lock = PTHREAD_MUTEX_INITIALIZER};
    uint64_t before_us, us, boot_ms;
    pthread_t thread;
    int64_t wall_ms;

    (void)state;
    clock_cond_init(&waiting.condition);
    before_us = clock_monotonic_us();
    clock_hold();
    us = clock_monotonic_us();
    boot_ms = clock_boot_ms();
    wall_ms = clock_wall_ms();
    assert_true(us >= before_us);
    waiting.until_ms = us / 1000 + 3600000;
    pthread_create(&thread, NULL, wait_for_the_time, &waiting);
    usleep(2000); /* in which a clock that is not held goes on */
    assert_true(clock_monotonic_us() == us && clock_boot_ms() == boot_ms && clock_wall_ms() == wall_ms);
    clock_move_ms(3599999);
    assert_true(clock_monotonic_us() == us + 3599999000 && clock_boot_ms() == boot_ms + 3599999);
    assert_true(clock_wall_ms() == wall_ms + 3599999);
    clock_move_ms(1);
    pthread_join(thread, NULL);
    assert_true(waiting.ended_ms == waiting.until_ms);
    clock_release();
    assert_true(clock_monotonic_us() >= us + 3600000000); /* it never goes back */
    waiting.until_ms = clock_monotonic_ms() + 2;
    wait_for_the_time(&waiting);
    assert_in_range(waiting.ended_ms - waiting.until_ms, 0, 60000);
}

static void test_formats(void **state)
{
    char text[CLOCK_TEXT_MAX];

    (void)state;
    clock_format_iso8601_ms(RFC_EXAMPLE_MS + 123, text);
    assert_string_equal(text, "1994-11-06T08:49:37.123Z");
    clock_format_rfc1123(RFC_EXAMPLE_MS, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    clock_format_basic(RFC_EXAMPLE_MS, text);
    assert_string_equal(text, "19941106T084937Z");
    clock_format_iso8601_ms(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    clock_format_iso8601_ms(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    clock_format_iso8601_ms(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

/* Every 37th hour or so between the years 1600 and 2500: format as the C library does and parse back. */
static void test_calendar_agrees_with_libc(void **state)
{
    (void)state;
    for (int64_t at = INT64_C(-11676096000); at < INT64_C(16725225600); at += 133337 * 7) {
        time_t seconds = (time_t)at;
        char want[64], text[CLOCK_TEXT_MAX];
        struct tm tm;
        int64_t parsed = 0;

        gmtime_r(&seconds, &tm);
        strftime(want, sizeof want, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        clock_format_rfc1123(at * 1000, text);
        assert_string_equal(text, want);
        assert_int_equal(clock_parse_http(bytes_from_str(text), &parsed), STATUS_OK);
        assert_true(parsed == at * 1000);
        clock_format_basic(at * 1000, text);
        assert_int_equal(clock_parse_basic(bytes_from_str(text), &parsed), STATUS_OK);
        assert_true(parsed == at * 1000);
        clock_format_iso8601_ms(at * 1000 + 7, text);
        assert_int_equal(clock_parse_iso8601(bytes_from_str(text), &parsed), STATUS_OK);
        assert_true(parsed == at * 1000 + 7);
    }
}

static void test_parse_http(void **state)
{
    static const char *const good[] = {"Sun, 06 Nov 1994 08:49:37 GMT",   "Sunday, 06-Nov-94 08:49:37 GMT",
                                       "Sun Nov  6 08:49:37 1994",        "Sun Nov 06 08:49:37 1994",
                                       "Sun, 06 Nov 1994 08:49:37 +0000", "Sun, 06 Nov 1994 08:49:37 -0000"};
    static const char *const bad[] = {"",
                                      "Sun, 06 Nov 1994 08:49:37",
                                      "Sun, 6 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 08:49:37 GMT ",
                                      "Sun, 06 Nov 1994 08:49:37 CET",
                                      "Sun, 06 Nov 1994 08:49:37 -0100",
                                      "Xyz, 06 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Nob 1994 08:49:37 GMT",
                                      "Sun, 00 Nov 1994 08:49:37 GMT",
                                      "Sun, 31 Nov 1994 08:49:37 GMT",
                                      "Sun, 29 Feb 1900 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 24:49:37 GMT",
                                      "Sun, 06 Nov 1994 08:60:37 GMT",
                                      "Sun, 06 Nov 1994 08:49:61 GMT",
                                      "Sun, 06 Nov -994 08:49:37 GMT",
                                      "Sunday, 06-Nov-1994 08:49:37 GMT",
                                      "1994-11-06T08:49:37Z"};
    int64_t wall = 0;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; ++i) {
        assert_int_equal(clock_parse_http(bytes_from_str(good[i]), &wall), STATUS_OK);
        assert_true(wall == RFC_EXAMPLE_MS);
    }
    wall = 5;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
        assert_int_equal(clock_parse_http(bytes_from_str(bad[i]), &wall), STATUS_INVALID);
        assert_int_equal(wall, 5);
    }
    assert_int_equal(clock_parse_http(BYTES("Tue, 29 Feb 2000 00:00:00 GMT"), &wall), STATUS_OK);
    /* Leap second: the first of the next minute. */
    assert_int_equal(clock_parse_http(BYTES("Sat, 31 Dec 2016 23:59:60 GMT"), &wall), STATUS_OK);
    assert_true(wall == INT64_C(1483228800000));
}

static void test_parse_iso(void **state)
{
    static const char *const bad[] = {"2026-11-22T19:54:00",       "2026-11-22 19:54:00Z", "2026-11-22T19:54:00.Z",
                                      "2026-13-22T19:54:00Z",      "2026-11-22T19:54Z",    "2026-11-22T19:54:00.1",
                                      "2026-11-22T19:54:00+00:00", "2026-11-22",           "20261122T195400Z"};
    int64_t wall = 0, fraction = 0;

    (void)state;
    assert_int_equal(clock_parse_iso8601(BYTES("2026-11-22T19:54:00Z"), &wall), STATUS_OK);
    assert_true(wall == INT64_C(1795377240000));
    assert_int_equal(clock_parse_iso8601(BYTES("2026-11-22T19:54:00.1Z"), &fraction), STATUS_OK);
    assert_int_equal(fraction - wall, 100);
    assert_int_equal(clock_parse_iso8601(BYTES("2026-11-22T19:54:00.123999999Z"), &fraction), STATUS_OK);
    assert_int_equal(fraction - wall, 123);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i)
        assert_int_equal(clock_parse_iso8601(bytes_from_str(bad[i]), &wall), STATUS_INVALID);
    assert_int_equal(clock_parse_basic(BYTES("20261122T195400Z"), &fraction), STATUS_OK);
    assert_true(fraction == wall);
    assert_int_equal(clock_parse_basic(BYTES("20261122T195400"), &wall), STATUS_INVALID);
    assert_int_equal(clock_parse_basic(BYTES("20261122T1954000"), &wall), STATUS_INVALID);
    assert_int_equal(clock_parse_basic(BYTES("20261132T195400Z"), &wall), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clocks_advance), cmocka_unit_test(test_held_clocks_stand_still),
        cmocka_unit_test(test_formats),        cmocka_unit_test(test_calendar_agrees_with_libc),
        cmocka_unit_test(test_parse_http),     cmocka_unit_test(test_parse_iso),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

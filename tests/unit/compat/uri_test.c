/* Percent-encoding and query parameters. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "compat/uri.h"

static void expect_decoded(const char *text, bool plus_is_space, const char *expected, size_t len)
{
    struct buffer out;

    buffer_init(&out, 64);
    assert_int_equal(uri_decode(bytes_from_str(text), plus_is_space, &out), STATUS_OK);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, expected, len);
    buffer_release(&out);
}

static void test_decode(void **state)
{
    (void)state;
    expect_decoded("a%20b%2Fc", false, "a b/c", 5);
    expect_decoded("a+b%2Bc", false, "a+b+c", 5);
    expect_decoded("a+b%2Bc", true, "a b+c", 5);
    expect_decoded("%2520", false, "%20", 3); /* once */
    expect_decoded("/./..//%2e", false, "/./..//.", 8);
    expect_decoded("%00%fF%Ff", false, "\0\xff\xff", 3);
    expect_decoded("", false, "", 0);
}

static void test_decode_refuses_bad_escapes(void **state)
{
    static const char *const bad[] = {"%", "a%", "%4", "ab%%", "%%%", "%g0", "%0g", "%+1", "a%2", "%2\xc3"};
    struct buffer out;
    (void)state;

    buffer_init(&out, 64);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
        assert_int_equal(uri_decode(bytes_from_str(bad[i]), false, &out), STATUS_INVALID);
        assert_int_equal(out.len, 0);
    }
    buffer_release(&out);
}

static void test_the_limit_counts_decoded_bytes(void **state)
{
    struct buffer out;
    (void)state;

    buffer_init(&out, 2);
    assert_int_equal(uri_decode(BYTES("%41%42"), false, &out), STATUS_OK);
    assert_int_equal(uri_decode(BYTES("%43"), false, &out), STATUS_LIMIT);
    assert_int_equal(out.len, 2);
    assert_memory_equal(out.data, "AB", 2);
    buffer_clear(&out);
    assert_int_equal(uri_encode(BYTES(" "), false, &out), STATUS_LIMIT);
    assert_int_equal(out.len, 0);
    buffer_release(&out);
}

static void test_encode(void **state)
{
    struct buffer out;
    (void)state;

    buffer_init(&out, 128);
    assert_int_equal(uri_encode(BYTES("/aZ09-._~ +*!'()\xc3\xbc\0"), true, &out), STATUS_OK);
    assert_string_equal(out.data, "/aZ09-._~%20%2B%2A%21%27%28%29%C3%BC%00");
    buffer_clear(&out);
    assert_int_equal(uri_encode(BYTES("a/b"), false, &out), STATUS_OK);
    assert_string_equal(out.data, "a%2Fb");
    buffer_release(&out);
}

static void test_query(void **state)
{
    struct uri_query query;
    (void)state;

    assert_int_equal(uri_query_parse(BYTES("&uploads&prefix=a%2fb+c&x=&x=2&=v&k=a=b&"), &query), STATUS_OK);
    assert_int_equal(query.count, 6);
    assert_true(uri_query_has(&query, "uploads"));
    assert_false(uri_query_has(&query, "Uploads"));
    assert_non_null(uri_query_find_nocase(&query, "UPLOADS"));
    assert_false(uri_query_find(&query, "uploads")->has_equals);
    assert_non_null(uri_query_value(&query, "uploads").data);
    assert_true(bytes_equal_str(uri_query_value(&query, "prefix"), "a/b c"));
    assert_true(uri_query_find(&query, "x")->has_equals);
    assert_int_equal(uri_query_value(&query, "x").len, 0);
    assert_true(bytes_equal_str(uri_query_value(&query, ""), "v"));
    assert_true(bytes_equal_str(uri_query_value(&query, "k"), "a=b"));
    assert_null(uri_query_value(&query, "absent").data);
    uri_query_release(&query);
    uri_query_release(&query);
    assert_int_equal(query.count, 0);
}

static void test_an_absent_query_is_empty(void **state)
{
    struct uri_query query;
    (void)state;

    assert_int_equal(uri_query_parse(bytes_of(NULL, 0), &query), STATUS_OK);
    assert_int_equal(query.count, 0);
    assert_int_equal(uri_query_parse(BYTES("&&"), &query), STATUS_OK);
    assert_int_equal(query.count, 0);
}

static void test_bad_queries_are_refused(void **state)
{
    struct uri_query query;
    char many[2 * URI_QUERY_PARAMETERS_MAX + 2];
    (void)state;

    assert_int_equal(uri_query_parse(BYTES("a=1&b=%zz"), &query), STATUS_INVALID);
    assert_null(query.parameters);
    assert_int_equal(uri_query_parse(BYTES("%1=1"), &query), STATUS_INVALID);
    for (size_t i = 0; i < sizeof many; ++i)
        many[i] = i % 2 ? '&' : 'a';
    assert_int_equal(uri_query_parse(bytes_of(many, sizeof many - 2), &query), STATUS_OK);
    assert_int_equal(query.count, URI_QUERY_PARAMETERS_MAX);
    uri_query_release(&query);
    assert_int_equal(uri_query_parse(bytes_of(many, sizeof many), &query), STATUS_LIMIT);
    assert_null(query.parameters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_decode_refuses_bad_escapes),
        cmocka_unit_test(test_the_limit_counts_decoded_bytes),
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_an_absent_query_is_empty),
        cmocka_unit_test(test_bad_queries_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The forms of the Query API: what is read of them, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compat/iam_request.h"

static struct iam_request request;
static struct iam_error error;

static void read_form(const char *form)
{
    iam_request_release(&request);
    if (iam_request_parse(bytes_from_str(form), &request, &error))
        fail_msg("%s: %s", form, error.message);
}

static void test_values(void **state)
{
    (void)state;
    read_form("Action=CreateUser&UserName=a%2Bb+c&Empty=&Alone&&%C3%A9=%C3%BC");
    assert_int_equal(request.count, 5);
    assert_true(bytes_equal_str(iam_request_value(&request, "Action"), "CreateUser"));
    assert_true(bytes_equal_str(iam_request_value(&request, "UserName"), "a+b c"));
    assert_true(bytes_equal_str(iam_request_value(&request, "\xc3\xa9"), "\xc3\xbc"));
    assert_non_null(iam_request_value(&request, "Empty").data);
    assert_int_equal(iam_request_value(&request, "Empty").len, 0);
    assert_non_null(iam_request_value(&request, "Alone").data);
    assert_null(iam_request_value(&request, "UserNam").data);
    assert_null(iam_request_value(&request, "UserNamee").data);
    read_form("");
    assert_int_equal(request.count, 0);
    assert_null(iam_request_value(&request, "Action").data);
}

static void test_refused_forms(void **state)
{
    static const struct {
        const char *form;
        enum iam_error_code code;
    } rows[] = {
        {"a=1&b=2&a=1", IAM_INVALID_QUERY_PARAMETER}, {"a=1&%61=2", IAM_INVALID_QUERY_PARAMETER},
        {"=1", IAM_MALFORMED_QUERY_STRING},           {"a=%", IAM_MALFORMED_QUERY_STRING},
        {"a=%0", IAM_MALFORMED_QUERY_STRING},         {"%GG=1", IAM_MALFORMED_QUERY_STRING},
        {"a=%00", IAM_MALFORMED_QUERY_STRING},        {"%00=1", IAM_MALFORMED_QUERY_STRING},
        {"a=%C3", IAM_MALFORMED_QUERY_STRING},        {"a=%ED%A0%80", IAM_MALFORMED_QUERY_STRING}, /* a surrogate */
        {"a=%C0%AF", IAM_MALFORMED_QUERY_STRING},                                                  /* overlong */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct iam_request none;
        assert_int_equal(iam_request_parse(bytes_from_str(rows[i].form), &none, &error), STATUS_DENIED);
        assert_int_equal(error.code, rows[i].code);
        assert_null(none.parameters);
        assert_null(none.storage);
    }
}

static void test_bounds(void **state)
{
    char *form = malloc(8 * IAM_PARAMETERS_MAX + 16), name[IAM_NAME_BYTES_MAX + 4];
    struct iam_request big;
    size_t len = 0;

    (void)state;
    for (size_t i = 0; i < IAM_PARAMETERS_MAX; i++)
        len += (size_t)sprintf(form + len, "%zu&", i);
    assert_int_equal(iam_request_parse(bytes_from_str(form), &big, &error), STATUS_OK);
    assert_int_equal(big.count, IAM_PARAMETERS_MAX);
    iam_request_release(&big);
    strcat(form, "a");
    assert_int_equal(iam_request_parse(bytes_from_str(form), &big, &error), STATUS_DENIED);
    free(form);
    memset(name, 'n', sizeof(name));
    memcpy(name + IAM_NAME_BYTES_MAX, "=1", 3);
    assert_int_equal(iam_request_parse(bytes_from_str(name), &big, &error), STATUS_OK);
    iam_request_release(&big);
    memcpy(name + IAM_NAME_BYTES_MAX, "n=1", 4);
    assert_int_equal(iam_request_parse(bytes_from_str(name), &big, &error), STATUS_DENIED);
}

static void test_lists(void **state)
{
    static const struct {
        const char *form;
        int count; /* -1: refused */
    } rows[] = {
        {"", 0},
        {"K=", 0},
        {"K=x", -1},
        {"K.member.1=a", 1},
        {"K.member.2=b&K.member.1=a", 2},
        {"K.member.2=b", -1},
        {"K.member.0=b", -1},
        {"K.member.01=b", -1},
        {"K.member.=b", -1},
        {"K.member.x=b", -1},
        {"K.member.1=a&K.member.3=c", -1},
        {"K.member.1.Key=a", -1},
        {"K.member.1=a&K.member.2=a&K.member.3=a&K.member.4=a", -1}, /* of at most three */
        {"K.member.99999999999999999999=a", -1},
        {"K.members.1=a&Kx.member.1=a&k.member.1=a", 0},
    };
    struct bytes values[3];
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        read_form(rows[i].form);
        enum status status = iam_request_list(&request, "K", 3, values, &count, &error);
        if ((status == STATUS_OK) != (rows[i].count >= 0))
            fail_msg("%s", rows[i].form);
        if (status)
            assert_int_equal(error.code, IAM_VALIDATION_ERROR);
        else
            assert_int_equal(count, rows[i].count);
    }
    read_form("K.member.2=b&K.member.1=a&K.member.3=c");
    assert_int_equal(iam_request_list(&request, "K", 3, values, &count, &error), STATUS_OK);
    assert_true(bytes_equal_str(values[0], "a") && bytes_equal_str(values[1], "b") && bytes_equal_str(values[2], "c"));
}

#define TAG(n, key, value) "&Tags.member." n ".Key=" key "&Tags.member." n ".Value=" value

static void test_tags(void **state)
{
    static const struct {
        const char *form;
        int count;
    } rows[] = {
        {"", 0},
        {"Tags=", 0},
        {TAG("1", "k", "v"), 1},
        {TAG("1", "k", ""), 1},
        {TAG("1", "", "v"), -1},
        {TAG("1", "k%0A", "v"), -1},
        {TAG("1", "k*", "v"), -1},
        {TAG("1", "a b_.:/=%2B-@", "%C3%A9"), 1},
        {TAG("1", "k", "v") TAG("2", "K", "w"), -1},
        {TAG("1", "k", "v") TAG("2", "l", "w"), 2},
        {"Tags.member.1.Key=k", -1},
        {"Tags.member.1.Value=k", -1},
        {TAG("1", "k", "v") "&Tags.member.1.Colour=red", -1},
        {"Tags.member.1=k", -1},
    };
    struct tag tags[IAM_TAGS_MAX];
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        read_form(rows[i].form);
        enum status status = iam_request_tags(&request, tags, &count, &error);
        if ((status == STATUS_OK) != (rows[i].count >= 0))
            fail_msg("%s", rows[i].form);
        if (!status)
            assert_int_equal(count, rows[i].count);
    }
}

static void test_unknown(void **state)
{
    static const char *const names[] = {"UserName", "Tags", NULL};

    (void)state;
    read_form("Action=x&Version=y&UserName=z&X-Amz-Date=d" TAG("1", "k", "v"));
    assert_null(iam_request_unknown(&request, names).data);
    assert_true(bytes_equal_str(iam_request_unknown(&request, NULL), "Tags.member.1.Key"));
    read_form("UserName.member.1=z&Tagsx=1");
    assert_true(bytes_equal_str(iam_request_unknown(&request, names), "Tagsx"));
    read_form("UserName.entry.1=z");
    assert_non_null(iam_request_unknown(&request, names).data);
}

static int end(void **state)
{
    (void)state;
    iam_request_release(&request);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values), cmocka_unit_test(test_refused_forms), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_lists),  cmocka_unit_test(test_tags),          cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}

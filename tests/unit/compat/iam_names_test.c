/* Names and paths of IAM, and answers in its XML. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "compat/iam_names.h"
#include "compat/iam_response.h"

static struct iam_error error;

static void test_names(void **state)
{
    static const struct {
        const char *name;
        enum status status;
    } rows[] = {
        {"a", STATUS_OK},        {"Ab9_+=,.@-", STATUS_OK},    {"", STATUS_DENIED},   {"a b", STATUS_DENIED},
        {"a/b", STATUS_DENIED},  {"a:b", STATUS_DENIED},       {"a*", STATUS_DENIED}, {"\xc3\xa9", STATUS_DENIED},
        {"12345678", STATUS_OK}, {"123456789", STATUS_DENIED}, /* of at most eight here */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(iam_name_check(bytes_from_str(rows[i].name), "userName", i == 1 ? 64 : 8, &error),
                         rows[i].status);
    assert_string_equal(error.message, "1 validation error detected: Value at 'userName' failed to satisfy "
                                       "constraint: Member must have length less than or equal to 8");
    assert_int_equal(iam_name_check((struct bytes){0}, "userName", 8, &error), STATUS_DENIED);
}

static void test_paths(void **state)
{
    static const struct {
        const char *path;
        bool any, policy;
    } rows[] = {
        {"/", true, true},         {"/a/", true, true},          {"/a/b-c_d/", true, true}, {"", false, false},
        {"a/", false, false},      {"/a", false, false},         {"/a b/", false, false},   {"/a!/", true, false},
        {"/a\x7f/", false, false}, {"/\xc3\xa9/", false, false},
    };
    char longest[IAM_PATH_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(iam_path_check(bytes_from_str(rows[i].path), "path", false, &error) == STATUS_OK, rows[i].any);
        assert_int_equal(iam_path_check(bytes_from_str(rows[i].path), "path", true, &error) == STATUS_OK,
                         rows[i].policy);
    }
    memset(longest, '/', sizeof(longest));
    assert_int_equal(iam_path_check(bytes_of(longest, IAM_PATH_MAX), "path", false, &error), STATUS_OK);
    assert_int_equal(iam_path_check(bytes_of(longest, IAM_PATH_MAX + 1), "path", false, &error), STATUS_DENIED);
    assert_int_equal(iam_prefix_check(BYTES("/a"), &error), STATUS_OK);
    assert_int_equal(iam_prefix_check(BYTES("a"), &error), STATUS_DENIED);
}

static void test_texts(void **state)
{
    (void)state;
    assert_int_equal(iam_document_check(BYTES("{\t\r\n \xc3\xbf}"), "policyDocument", &error), STATUS_OK);
    assert_int_equal(iam_document_check(BYTES("{\x01}"), "policyDocument", &error), STATUS_DENIED);
    assert_int_equal(iam_document_check(BYTES("{\xc4\x80}"), "policyDocument", &error), STATUS_DENIED);
    assert_int_equal(iam_document_check(BYTES(""), "policyDocument", &error), STATUS_DENIED);
    assert_int_equal(iam_document_check((struct bytes){0}, "policyDocument", &error), STATUS_DENIED);
    assert_int_equal(iam_description_check(BYTES(""), &error), STATUS_OK);
    assert_int_equal(iam_description_check(BYTES("caf\xc3\xa9"), &error), STATUS_OK);
    assert_int_equal(iam_description_check(BYTES("\xc2\xa0"), &error), STATUS_DENIED);
}

static void test_an_answer(void **state)
{
    static const char expected[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<TagUserResponse "
        "xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">"
        "<TagUserResult><When>2026-11-22T19:54:00Z</When><Document>%7B%22a%22%3A%20%22%2F~%22%7D</"
        "Document><Tags><member>"
        "<Key>k</Key><Value>&lt;</Value></member></Tags></TagUserResult><ResponseMetadata><RequestId>id</RequestId>"
        "</ResponseMetadata></TagUserResponse>";
    const struct tag tag = {BYTES("k"), BYTES("<")};
    struct iam_response response;
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    iam_response_begin(&response, &out, QUERY_IAM, "TagUser", true);
    iam_element_time(&response.xml, "When", INT64_C(1795377240123));
    iam_element_document(&response.xml, "Document", BYTES("{\"a\": \"/~\"}"));
    iam_element_tags(&response.xml, &tag, 1);
    assert_int_equal(iam_response_end(&response, BYTES("id")), STATUS_OK);
    assert_string_equal(out.data, expected);
    buffer_clear(&out);
    iam_response_begin(&response, &out, QUERY_STS, "X", false);
    assert_int_equal(iam_response_end(&response, BYTES("id")), STATUS_OK);
    assert_non_null(
        strstr(out.data, "<XResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><ResponseMetadata>"));
    buffer_release(&out);
}

static void test_an_error(void **state)
{
    struct buffer out;

    (void)state;
    buffer_init(&out, IAM_ERROR_BYTES_MAX);
    assert_int_equal(iam_error_set(&error, IAM_NO_SUCH_ENTITY, "The user with name %s cannot be found.", "<b>"),
                     STATUS_DENIED);
    assert_int_equal(iam_error_http_status(error.code), 404);
    assert_int_equal(iam_error_render(&out, QUERY_IAM, &error, BYTES("id")), STATUS_OK);
    assert_non_null(strstr(out.data, "<Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>The user with name "
                                     "&lt;b&gt; cannot be found.</Message></Error><RequestId>id</RequestId>"));
    buffer_clear(&out);
    assert_int_equal(iam_error_set(&error, IAM_INTERNAL_FAILURE, "x"), STATUS_DENIED);
    assert_int_equal(iam_error_render(&out, QUERY_IAM, &error, BYTES("id")), STATUS_OK);
    assert_non_null(strstr(out.data, "<Type>Receiver</Type>"));
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),     cmocka_unit_test(test_paths),    cmocka_unit_test(test_texts),
        cmocka_unit_test(test_an_answer), cmocka_unit_test(test_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

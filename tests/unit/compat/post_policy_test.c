/* Policies of upload forms by a table: what they allow, and AWS's words for what they do not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "compat/post_policy.h"

#define NOW          "2026-11-29T12:00:00Z"
#define LATER        "2026-11-29T12:00:01Z"
#define MORE         "{\"bucket\":\"b\"},[\"starts-with\",\"$key\",\"\"]"
#define SIMPLE       "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."
#define FAILED(text) "Invalid according to Policy: Policy Condition failed: " text
#define EXTRA(name)  "Invalid according to Policy: Extra input fields: " name

/* A form with a key and one more field. */
static enum status check(const char *document, const char *name, const char *value, struct post_range *range,
                         struct s3_error_details *error)
{
    struct post_fields fields;
    struct post_upload upload = {&fields, BYTES("b"), 0};
    static char encoded[65536];

    post_fields_init(&fields);
    assert_int_equal(clock_parse_iso8601(BYTES(NOW), &upload.now_wall_ms), STATUS_OK);
    assert_int_equal(post_fields_begin(&fields, BYTES("key")), STATUS_OK);
    assert_int_equal(post_fields_append(&fields, BYTES("user/k")), STATUS_OK);
    if (name) {
        assert_int_equal(post_fields_begin(&fields, bytes_from_str(name)), STATUS_OK);
        assert_int_equal(post_fields_append(&fields, bytes_from_str(value)), STATUS_OK);
    }
    base64_encode(document, strlen(document), encoded);
    *error = (struct s3_error_details){0};
    enum status status = post_policy_check(bytes_from_str(encoded), &upload, range, error);
    post_fields_release(&fields);
    return status;
}

static void test_conditions(void **state)
{
    static const struct {
        const char *conditions, *name, *value;
        enum s3_error code;
        const char *message;
    } rows[] = {
        {MORE, NULL, NULL, S3_ERROR_NONE, ""},
        {"{\"bucket\":\"b\"},{\"KEY\":\"user/k\"}", NULL, NULL, S3_ERROR_NONE, ""},
        {"{\"bucket\":\"b\"},[\"EQ\",\"$Key\",\"user/k\"]", NULL, NULL, S3_ERROR_NONE, ""},
        {"{\"bucket\":\"b\"},[\"starts-with\",\"$key\",\"user/\"]", NULL, NULL, S3_ERROR_NONE, ""},
        {"{\"bucket\":\"b\"},[\"starts-with\",\"$key\",\"User/\"]", NULL, NULL, S3_ACCESS_DENIED,
         FAILED("[\"starts-with\", \"$key\", \"User/\"]")},
        {"{\"bucket\":\"b\"},{\"key\":\"user/\"}", NULL, NULL, S3_ACCESS_DENIED,
         FAILED("[\"eq\", \"$key\", \"user/\"]")},
        {"{\"bucket\":\"c\"},[\"starts-with\",\"$key\",\"\"]", NULL, NULL, S3_ACCESS_DENIED,
         FAILED("[\"eq\", \"$bucket\", \"c\"]")},
        {"[\"starts-with\",\"$key\",\"\"]", NULL, NULL, S3_ACCESS_DENIED, EXTRA("bucket")},
        {"{\"bucket\":\"b\"}", NULL, NULL, S3_ACCESS_DENIED, EXTRA("key")},
        {MORE, "acl", "private", S3_ACCESS_DENIED, EXTRA("acl")},
        {MORE, "acl", "", S3_ACCESS_DENIED, EXTRA("acl")},
        {MORE, "X-Ignore-Me", "1", S3_ERROR_NONE, ""},
        {MORE, "x-ignore", "1", S3_ACCESS_DENIED, EXTRA("x-ignore")},
        {MORE, "Policy", "1", S3_ERROR_NONE, ""},
        {MORE, "AWSAccessKeyId", "1", S3_ERROR_NONE, ""},
        {MORE, "signature", "1", S3_ERROR_NONE, ""},
        {MORE, "x-amz-signature", "1", S3_ERROR_NONE, ""},
        {MORE, "x-amz-credential", "1", S3_ACCESS_DENIED, EXTRA("x-amz-credential")},
        {MORE ",{\"acl\":\"private\"}", NULL, NULL, S3_ACCESS_DENIED, FAILED("[\"eq\", \"$acl\", \"private\"]")},
        {MORE ",[\"starts-with\",\"$acl\",\"\"]", NULL, NULL, S3_ACCESS_DENIED,
         FAILED("[\"starts-with\", \"$acl\", \"\"]")},
        {MORE ",[\"starts-with\",\"$acl\",\"\"]", "acl", "", S3_ERROR_NONE, ""},
        /* a form may say another bucket: what counts is where it was sent to */
        {MORE, "bucket", "c", S3_ERROR_NONE, ""},
        {MORE ",[\"starts-with\",\"$Content-Type\",\"image/\"]", "content-type", "image/a, image/b", S3_ERROR_NONE, ""},
        {MORE ",[\"starts-with\",\"$Content-Type\",\"image/\"]", "content-type", "image/a,text/b", S3_ACCESS_DENIED,
         FAILED("[\"starts-with\", \"$Content-Type\", \"image/\"]")},
        {"{}", NULL, NULL, S3_INVALID_POLICY_DOCUMENT, SIMPLE},
        {"{\"a\":\"1\",\"b\":\"2\"}", NULL, NULL, S3_INVALID_POLICY_DOCUMENT, SIMPLE},
        {"1", NULL, NULL, S3_INVALID_POLICY_DOCUMENT, NULL},
        {"[]", NULL, NULL, S3_INVALID_POLICY_DOCUMENT, NULL},
        {"[\"eq\",\"$key\"]", NULL, NULL, S3_INVALID_POLICY_DOCUMENT, NULL},
        {"[\"eq\",\"key\",\"k\"]", NULL, NULL, S3_INVALID_POLICY_DOCUMENT, NULL},
        {"[\"eq\",\"$\",\"k\"]", NULL, NULL, S3_INVALID_POLICY_DOCUMENT, NULL},
        {"[\"eq\",\"$key\",1]", NULL, NULL, S3_INVALID_POLICY_DOCUMENT, NULL},
        {"[\"ends-with\",\"$key\",\"k\"]", NULL, NULL, S3_INVALID_POLICY_DOCUMENT, NULL},
        {"[\"eq\",\"$key\",\"a\",\"b\"]", NULL, NULL, S3_INVALID_POLICY_DOCUMENT, NULL},
        {"{\"key\":[\"user/k\"]}", NULL, NULL, S3_INVALID_POLICY_DOCUMENT, NULL},
        {"[\"content-length-range\",-1,0]", NULL, NULL, S3_INVALID_POLICY_DOCUMENT, NULL},
        {"[\"content-length-range\",0]", NULL, NULL, S3_INVALID_POLICY_DOCUMENT, NULL},
        {"[\"content-length-range\",0,\"x\"]", NULL, NULL, S3_INVALID_POLICY_DOCUMENT, NULL},
    };
    struct s3_error_details error;
    struct post_range range;
    char document[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(document, sizeof(document), "{\"expiration\":\"" LATER "\",\"conditions\":[%s]}", rows[i].conditions);
        enum status status = check(document, rows[i].name, rows[i].value, &range, &error);
        assert_int_equal(error.code, rows[i].code);
        assert_int_equal(status, rows[i].code == S3_ERROR_NONE      ? STATUS_OK
                                 : rows[i].code == S3_ACCESS_DENIED ? STATUS_DENIED
                                                                    : STATUS_INVALID);
        if (rows[i].message)
            assert_string_equal(error.message, rows[i].message);
    }
}

static void test_documents(void **state)
{
    static const struct {
        const char *document;
        enum s3_error code;
    } rows[] = {
        {"{\"expiration\":\"" NOW "\",\"conditions\":[" MORE "]}", S3_ACCESS_DENIED},
        {"{\"expiration\":\"2026-11-29T12:00:00.001Z\",\"conditions\":[" MORE "]}", S3_ERROR_NONE},
        {"{\"expiration\":\"2027-01-01 00:00:00+00:00\",\"conditions\":[" MORE "]}", S3_INVALID_POLICY_DOCUMENT},
        {"{\"EXPIRATION\":\"" LATER "\",\"conditions\":[" MORE "]}", S3_INVALID_POLICY_DOCUMENT},
        {"{\"expiration\":\"" LATER "\",\"CONDITIONS\":[" MORE "]}", S3_INVALID_POLICY_DOCUMENT},
        {"{\"expiration\":\"" LATER "\",\"conditions\":{}}", S3_INVALID_POLICY_DOCUMENT},
        {"{\"expiration\":\"" LATER "\",\"expiration\":\"" LATER "\",\"conditions\":[" MORE "]}",
         S3_INVALID_POLICY_DOCUMENT},
        {"{\"expiration\":1,\"conditions\":[" MORE "]}", S3_INVALID_POLICY_DOCUMENT},
        {"[]", S3_INVALID_POLICY_DOCUMENT},
        {"", S3_INVALID_POLICY_DOCUMENT},
        {"{", S3_INVALID_POLICY_DOCUMENT},
        {"{\"expiration\":\"" LATER "\",\"conditions\":[[[[[[[[[]]]]]]]]]}", S3_INVALID_POLICY_DOCUMENT},
    };
    struct s3_error_details error;
    struct post_range range;
    static char deep[40001];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool allowed = check(rows[i].document, NULL, NULL, &range, &error) == STATUS_OK;
        assert_int_equal(error.code, rows[i].code);
        assert_int_equal(allowed, error.code == S3_ERROR_NONE);
    }
    assert_int_equal(check(rows[0].document, NULL, NULL, &range, &error), STATUS_DENIED);
    assert_string_equal(error.message, "Invalid according to Policy: Policy expired.");
    memset(deep, '[', sizeof(deep) - 1);
    assert_int_equal(check(deep, NULL, NULL, &range, &error), STATUS_INVALID);
    const struct post_upload none = {&(struct post_fields){.count = 0}, BYTES("b"), 0};
    assert_int_equal(post_policy_check(BYTES("no base64"), &none, &range, &error), STATUS_INVALID);
    assert_int_equal(error.code, S3_INVALID_POLICY_DOCUMENT);
}

static void test_ranges(void **state)
{
    struct s3_error_details error;
    struct post_range range;

    (void)state;
    assert_int_equal(check("{\"expiration\":\"" LATER "\",\"conditions\":[" MORE "]}", NULL, NULL, &range, &error), 0);
    assert_true(range.min == 0 && range.max == UINT64_MAX);
    assert_int_equal(check("{\"expiration\":\"" LATER "\",\"conditions\":[" MORE
                           ",[\"content-length-range\",\"5\",\"10\"],"
                           "[\"Content-Length-Range\",2,7]]}",
                           NULL, NULL, &range, &error),
                     0);
    assert_true(range.min == 5 && range.max == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conditions), cmocka_unit_test(test_documents),
                                       cmocka_unit_test(test_ranges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

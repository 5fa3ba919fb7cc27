/* annotation: which names annotations may have. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "compat/annotation.h"

static enum s3_error judge(enum status (*check)(struct bytes, struct s3_error_details *), struct bytes text)
{
    struct s3_error_details error = {0};
    enum status status = check(text, &error);

    assert_int_equal(status, error.code == S3_ERROR_NONE ? STATUS_OK : STATUS_INVALID);
    return error.code;
}

static void test_names(void **state)
{
    static const char *const good[] = {
        "a",   "ml.sentiment", "A-b_c.9", "7",     "\xc3\xa4pfel",    "\xe6\xa8\x99\xe7\xb1\xa4",
        "aw5", "s-3",          "xaws",    "b.aws", "\xf0\x9f\x90\xb1"};
    static const char *const bad[] = {"",     "a b",   "a/b",          "a:b",   "AWS.x",         "aws",      "s3",
                                      "S3x",  "a\xff", "\xc2\xa0",     "a\n",   "a\xe2\x80\x8b", "a+b",      "a%b",
                                      "\xc3", "<x>",   "\xee\x80\x80", "a\x7f", "\xef\xbb\xbf",  "a\xc2\x85"};
    char name[ANNOTATION_NAME_BYTES_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(judge(annotation_name_check, bytes_from_str(good[i])), S3_ERROR_NONE);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(judge(annotation_name_check, bytes_from_str(bad[i])), S3_INVALID_ANNOTATION_NAME);
    assert_int_equal(judge(annotation_name_check, (struct bytes){0}), S3_INVALID_ANNOTATION_NAME);
    memset(name, 'n', sizeof(name));
    assert_int_equal(judge(annotation_name_check, bytes_of(name, ANNOTATION_NAME_BYTES_MAX)), S3_ERROR_NONE);
    assert_int_equal(judge(annotation_name_check, bytes_of(name, sizeof(name))), S3_ANNOTATION_NAME_TOO_LONG);
}

static void test_prefixes(void **state)
{
    char prefix[ANNOTATION_NAME_BYTES_MAX + 1];

    (void)state;
    memset(prefix, 'n', sizeof(prefix));
    assert_int_equal(judge(annotation_prefix_check, (struct bytes){0}), S3_ERROR_NONE);
    assert_int_equal(judge(annotation_prefix_check, BYTES("s")), S3_ERROR_NONE);
    assert_int_equal(judge(annotation_prefix_check, BYTES("s3")), S3_ERROR_NONE); /* of no name, so of none */
    assert_int_equal(judge(annotation_prefix_check, BYTES("a b")), S3_INVALID_PREFIX);
    assert_int_equal(judge(annotation_prefix_check, BYTES("\xff")), S3_INVALID_PREFIX);
    assert_int_equal(judge(annotation_prefix_check, bytes_of(prefix, sizeof(prefix))), S3_INVALID_PREFIX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_prefixes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

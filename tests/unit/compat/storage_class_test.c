/* Storage classes: which are labels, which are refused and why, and what a stored number means. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "compat/storage_class.h"

static void test_labels(void **state)
{
    (void)state;
    static const char *const names[] = {"STANDARD",   "REDUCED_REDUNDANCY",  "STANDARD_IA",
                                        "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"};
    struct s3_error_details error = {0};
    enum storage_class class;

    for (unsigned i = 0; i < STORAGE_CLASS_COUNT; i++) {
        assert_int_equal(storage_class_parse(bytes_from_str(names[i]), &class, &error), STATUS_OK);
        assert_int_equal(class, i);
        assert_string_equal(storage_class_name(i), names[i]);
    }
    assert_int_equal(storage_class_parse((struct bytes){0}, &class, &error), STATUS_OK);
    assert_int_equal(class, STORAGE_STANDARD);
    assert_int_equal(storage_class_parse(BYTES(""), &class, &error), STATUS_OK);
    assert_int_equal(class, STORAGE_STANDARD);
    assert_string_equal(storage_class_name(STORAGE_CLASS_COUNT), "STANDARD");
    assert_string_equal(storage_class_name(255), "STANDARD");
}

static void expect_refused(const char *name, const char *word)
{
    struct s3_error_details error = {0};
    enum storage_class class;

    assert_int_equal(storage_class_parse(bytes_from_str(name), &class, &error), STATUS_INVALID);
    assert_int_equal(error.code, S3_INVALID_STORAGE_CLASS);
    if (word)
        assert_non_null(strstr(error.message, word));
    else
        assert_int_equal(error.message[0], '\0'); /* the code's own */
}

static void test_refused(void **state)
{
    (void)state;
    expect_refused("GLACIER", "restored before");
    expect_refused("DEEP_ARCHIVE", "restored before");
    expect_refused("EXPRESS_ONEZONE", "directory buckets");
    expect_refused("SNOW", "AWS");
    expect_refused("standard", NULL);
    expect_refused("STANDARD ", NULL);
    expect_refused("FakeClass", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_labels), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

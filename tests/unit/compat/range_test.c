/* range: AWS's reading of Range (recorded), and the strict copy-source range. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "compat/range.h"

static void test_resolve(void **state)
{
    static const struct {
        const char *header;
        uint64_t size;
        enum range_kind kind;
        uint64_t offset, length;
    } rows[] = {
        {NULL, 10, RANGE_WHOLE, 0, 10},
        {"bytes=0-4", 10, RANGE_PARTIAL, 0, 5},
        {"bytes=0-0", 10, RANGE_PARTIAL, 0, 1},
        {"bytes=9-9", 10, RANGE_PARTIAL, 9, 1},
        {"bytes=0-", 10, RANGE_PARTIAL, 0, 10},
        {"bytes=3-", 10, RANGE_PARTIAL, 3, 7},
        {"bytes=5-100", 10, RANGE_PARTIAL, 5, 5},
        {"bytes=0-18446744073709551615", 10, RANGE_PARTIAL, 0, 10},
        {"bytes=0-99999999999999999999999", 10, RANGE_PARTIAL, 0, 10},
        {"Bytes=0-4", 10, RANGE_PARTIAL, 0, 5},
        {" bytes=0-4 ", 10, RANGE_PARTIAL, 0, 5},
        {"bytes=-3", 10, RANGE_PARTIAL, 7, 3},
        {"bytes=-10", 10, RANGE_PARTIAL, 0, 10},
        {"bytes=-11", 10, RANGE_PARTIAL, 0, 10}, /* suffix > size: whole, as 206 */
        {"bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=10-20", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=99999999999999999999999-", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-5", 0, RANGE_UNSATISFIABLE, 0, 0},
        {NULL, 0, RANGE_WHOLE, 0, 0},
        {"bytes=1-0", 10, RANGE_WHOLE, 0, 10},
        {"bytes=20-15", 10, RANGE_WHOLE, 0, 10},
        {"bytes=0-1,3-4", 10, RANGE_WHOLE, 0, 10}, /* several: whole */
        {"bytes=-", 10, RANGE_WHOLE, 0, 10},
        {"bytes=", 10, RANGE_WHOLE, 0, 10},
        {"bytes", 10, RANGE_WHOLE, 0, 10},
        {"", 10, RANGE_WHOLE, 0, 10},
        {"bytes=a-b", 10, RANGE_WHOLE, 0, 10},
        {"bytes=+1-2", 10, RANGE_WHOLE, 0, 10},
        {"bytes=1--2", 10, RANGE_WHOLE, 0, 10},
        {"bytes= 0-4", 10, RANGE_PARTIAL, 0, 5},
        {"bytes=0 -4", 10, RANGE_WHOLE, 0, 10},
        {"items=0-4", 10, RANGE_WHOLE, 0, 10},
        {"0-4", 10, RANGE_WHOLE, 0, 10},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct range range;

        assert_int_equal(range_resolve(bytes_from_str(rows[i].header), rows[i].size, &range), rows[i].kind);
        if (rows[i].kind == RANGE_UNSATISFIABLE)
            continue;
        assert_int_equal(range.offset, rows[i].offset);
        assert_int_equal(range.length, rows[i].length);
    }
}

static void test_copy_source(void **state)
{
    static const struct {
        const char *header;
        enum s3_error error;
        uint64_t offset, length;
    } rows[] = {
        {NULL, S3_ERROR_NONE, 0, 10},
        {"bytes=0-9", S3_ERROR_NONE, 0, 10},
        {"bytes=2-4", S3_ERROR_NONE, 2, 3},
        {"bytes=0-10", S3_INVALID_ARGUMENT, 0, 0},
        {"bytes=10-11", S3_INVALID_ARGUMENT, 0, 0},
        {"bytes=0-", S3_INVALID_ARGUMENT, 0, 0},
        {"bytes=-5", S3_INVALID_ARGUMENT, 0, 0},
        {"bytes=5-2", S3_INVALID_ARGUMENT, 0, 0},
        {"bytes=0-1,2-3", S3_INVALID_ARGUMENT, 0, 0},
        {"0-2", S3_INVALID_ARGUMENT, 0, 0},
        {"", S3_INVALID_ARGUMENT, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_error_details error = {.code = S3_ERROR_NONE};
        struct range range;
        enum status status = range_copy_source(bytes_from_str(rows[i].header), 10, &range, &error);

        assert_int_equal(status, rows[i].error ? STATUS_INVALID : STATUS_OK);
        assert_int_equal(error.code, rows[i].error);
        if (status)
            continue;
        assert_int_equal(range.offset, rows[i].offset);
        assert_int_equal(range.length, rows[i].length);
    }
}

static void test_texts(void **state)
{
    struct s3_error_details error = {.code = S3_ERROR_NONE};
    struct range range = {3, 4};
    char text[RANGE_TEXT_MAX];

    (void)state;
    range_content_range(&range, 10, text);
    assert_string_equal(text, "bytes 3-6/10");
    range_content_range_unsatisfied(UINT64_MAX, text);
    assert_string_equal(text, "bytes */18446744073709551615");
    range_unsatisfiable(BYTES("bytes=1024-4096"), 8, &error);
    assert_int_equal(error.code, S3_INVALID_RANGE);
    assert_int_equal(error.element_count, 2);
    assert_string_equal(error.elements[0].name, "RangeRequested");
    assert_true(bytes_equal_str(error.elements[0].value, "bytes=1024-4096"));
    assert_string_equal(error.elements[1].name, "ActualObjectSize");
    assert_int_equal(error.elements[1].number, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_copy_source),
        cmocka_unit_test(test_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

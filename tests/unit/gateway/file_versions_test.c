/* Which rows of a listing make the background job ask for a file's old versions to be removed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "gateway/jobs/file_versions.h"
#include "gateway/gateway.h"

#define DAY 86400000LL

static void test_keep(void **state)
{
    struct gateway_options options = {.files_versions_max = 7};
    struct meta_keep keep = file_versions_keep(&options, 100 * DAY);

    (void)state;
    assert_int_equal(keep.versions_max, 7);
    assert_int_equal(keep.replaced_before_ms, INT64_MIN);
    options = (struct gateway_options){.files_versions_days = 30};
    keep = file_versions_keep(&options, 100 * DAY);
    assert_int_equal(keep.versions_max, 0);
    assert_int_equal(keep.replaced_before_ms, 70 * DAY);
    keep = file_versions_keep(&options, INT64_MIN); /* no clock is known */
    assert_int_equal(keep.replaced_before_ms, INT64_MIN);
}

/* How many of the rows say that their file has something to lose; one a file at most. */
static unsigned count_due(const struct meta_list_entry *rows, size_t count, const struct meta_keep *keep)
{
    struct file_versions file;
    unsigned due = 0;

    file_versions_init(&file);
    for (size_t i = 0; i < count; i++)
        due += file_versions_add(&file, &rows[i], keep);
    file_versions_release(&file);
    return due;
}

static void test_due(void **state)
{
    const struct meta_list_entry rows[] = {
        {.key = BYTES("a"), .object.modified_ms = 30},  {.key = BYTES("a"), .object.modified_ms = 20},
        {.key = BYTES("a"), .object.modified_ms = 10},  {.key = BYTES("ab"), .object.modified_ms = 1},
        {.key = BYTES("ac"), .object.modified_ms = 40}, {.key = BYTES("ac"), .object.modified_ms = 1},
    };
    struct meta_keep keep = {.replaced_before_ms = INT64_MIN};

    (void)state;
    assert_int_equal(count_due(rows, 6, &keep), 0);
    keep.versions_max = 3;
    assert_int_equal(count_due(rows, 6, &keep), 0);
    keep.versions_max = 2;
    assert_int_equal(count_due(rows, 6, &keep), 1);
    keep.versions_max = 1;
    assert_int_equal(count_due(rows, 6, &keep), 2);
    keep = (struct meta_keep){.replaced_before_ms = 19};
    assert_int_equal(count_due(rows, 6, &keep), 0);
    keep.replaced_before_ms = 20; /* the oldest of `a` was replaced then */
    assert_int_equal(count_due(rows, 6, &keep), 1);
    keep.replaced_before_ms = 39; /* that of `ac` is as old, but was replaced at 40; `ab` has but one */
    assert_int_equal(count_due(rows, 6, &keep), 1);
    keep.replaced_before_ms = INT64_MAX;
    assert_int_equal(count_due(rows, 6, &keep), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keep), cmocka_unit_test(test_due)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

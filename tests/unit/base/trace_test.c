/* Trace Context: what is passed on, and what is ignored. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/trace.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN  "00f067aa0ba902b7"

static void test_continue(void **state)
{
    char out[TRACE_PARENT_LEN + 1];
    (void)state;

    assert_true(trace_continue(BYTES("00-" TRACE "-" SPAN "-01"), out));
    assert_int_equal(strlen(out), TRACE_PARENT_LEN);
    assert_memory_equal(out, "00-" TRACE "-", 36);
    assert_string_equal(out + 52, "-01");
    assert_memory_not_equal(out + 36, SPAN, 16);
    char again[TRACE_PARENT_LEN + 1];
    assert_true(trace_continue(bytes_from_str(out), again)); /* what we pass on is valid itself */
    assert_true(trace_continue(BYTES("cc-" TRACE "-" SPAN "-00-what-comes-later"), out));
    assert_memory_equal(out, "00-" TRACE, 35);
}

static void test_ignored(void **state)
{
    static const char *const bad[] = {"",
                                      "00-" TRACE "-" SPAN,
                                      "00-" TRACE "-" SPAN "-0",
                                      "00-" TRACE "-" SPAN "-01-more",
                                      "cc-" TRACE "-" SPAN "-01.more",
                                      "ff-" TRACE "-" SPAN "-01",
                                      "00-00000000000000000000000000000000-" SPAN "-01",
                                      "00-" TRACE "-0000000000000000-01",
                                      "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
                                      "00_" TRACE "-" SPAN "-01",
                                      "00-" TRACE "-" SPAN "-0\n"};
    char out[TRACE_PARENT_LEN + 1];
    (void)state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        strcpy(out, "something");
        assert_false(trace_continue(bytes_from_str(bad[i]), out));
        assert_string_equal(out, "");
    }
    assert_false(trace_continue((struct bytes){0}, out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_continue), cmocka_unit_test(test_ignored)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

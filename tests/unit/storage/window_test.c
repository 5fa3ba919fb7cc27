/* The window of an upload: what was committed last stays where it is, however small the window and however fast its
 * bytes are sent, and all of it is within the bound. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "storage/cluster/window.h"

#define KIB 1024u

/* Fills places whole, as far as the piece goes; everything was sent when the next place is asked for. */
static void check_stream(size_t held_max, uint64_t expected, size_t piece_max)
{
    const char *last = NULL;
    size_t last_len = 0;
    struct window window;

    window_init(&window, held_max, expected);
    for (uint64_t size = expected == UINT64_MAX ? 4000 * KIB : expected; window.end < size;) {
        char *space;
        size_t capacity;

        assert_true(window_space(&window, window.end, &space, &capacity));
        assert_true(window.held_bytes <= held_max);
        if (last) {
            assert_true(space + capacity <= last || space >= last + last_len);
            for (size_t i = 0; i < last_len; i++)
                assert_int_equal(last[i], (char)(i + last_len));
        }
        last = space;
        last_len = capacity < piece_max ? capacity : piece_max;
        if (last_len > size - window.end)
            last_len = (size_t)(size - window.end);
        for (size_t i = 0; i < last_len; i++)
            space[i] = (char)(i + last_len);
        window_commit(&window, last_len);
    }
    window_release(&window);
}

static void the_last_commit_stays(void **state)
{
    static const size_t windows[] = {128 * KIB, 129 * KIB, 256 * KIB, 300 * KIB, 512 * KIB, 1024 * KIB};
    static const uint64_t sizes[] = {1, 64 * KIB, 65 * KIB, 1000 * KIB, 3000 * KIB + 1, UINT64_MAX};
    static const size_t pieces[] = {SIZE_MAX, 100 * KIB, 7777};

    (void)state;
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++)
        for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++)
            for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++)
                check_stream(windows[i], sizes[j], pieces[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_last_commit_stays)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

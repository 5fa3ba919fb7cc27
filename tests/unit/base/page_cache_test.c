/* Reads that do not wait for the disk: what is cached is given, all else is refused, and nothing of it is a verdict
 * about the file. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/page_cache.h"

#define TEXT "what was just written is cached"

static int file_make(void)
{
    char path[] = "/tmp/tercet-cached-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, TEXT, strlen(TEXT)), strlen(TEXT));
    return fd;
}

static void what_is_cached_is_read(void **state)
{
    char out[64] = "";
    int fd = file_make();
    (void)state;
    page_cache_only_begin();
    ssize_t got = pread(fd, out, 4, 5);
    if (page_cache_only_end())
        skip(); /* a file system that cannot tell */
    assert_int_equal(got, 4);
    assert_memory_equal(out, "was ", 4);
    close(fd);
}

/* Linux 5.9 and 5.10 say so in the middle of a file, too. */
static void an_early_end_is_refused(void **state)
{
    char out[64];
    int fd = file_make();
    (void)state;
    page_cache_only_begin();
    assert_int_equal(pread(fd, out, sizeof(out), (off_t)strlen(TEXT)), -1);
    assert_int_equal(errno, EAGAIN);
    assert_true(page_cache_only_end());
    assert_int_equal(pread(fd, out, sizeof(out), (off_t)strlen(TEXT)), 0);
    close(fd);
}

static void an_error_is_refused(void **state)
{
    char out[64];
    (void)state;
    page_cache_only_begin();
    assert_int_equal(pread(-1, out, sizeof(out), 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_true(page_cache_only_end());
    assert_int_equal(pread(-1, out, sizeof(out), 0), -1);
    assert_int_equal(errno, EBADF);
    page_cache_only_begin();
    assert_false(page_cache_only_end()); /* each begin anew */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_cached_is_read),
        cmocka_unit_test(an_early_end_is_refused),
        cmocka_unit_test(an_error_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

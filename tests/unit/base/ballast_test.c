/* The ballast's file: all of its blocks or nothing, its owner's alone, and never anything but a file of that name. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ballast.h"

#define BYTES (256u << 10)

static struct {
    char path[40];
    int fd;
} directory;

static int setup(void **state)
{
    (void)state;
    strcpy(directory.path, "/tmp/tercet-ballast-XXXXXX");
    assert_non_null(mkdtemp(directory.path));
    directory.fd = open(directory.path, O_RDONLY | O_DIRECTORY);
    return directory.fd < 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    close(directory.fd);
    return nftw(directory.path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static bool look(struct stat *info)
{
    return fstatat(directory.fd, "ballast", info, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_made_and_released(void **state)
{
    struct ballast ballast;
    struct stat info;
    (void)state;
    umask(0);
    ballast_init(&ballast, directory.fd, BYTES);
    assert_int_equal(ballast_held(&ballast), 0);
    assert_false(look(&info));
    assert_int_equal(ballast_make(&ballast, BYTES), STATUS_OK);
    assert_int_equal(ballast_held(&ballast), BYTES);
    assert_true(look(&info));
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_true(info.st_blocks * 512 >= BYTES);
    ballast_release(&ballast);
    assert_int_equal(ballast_held(&ballast), 0);
    assert_false(look(&info));
}

static void test_taken_over(void **state)
{
    struct ballast first, second;
    struct stat info;
    (void)state;
    ballast_init(&first, directory.fd, BYTES);
    assert_int_equal(ballast_make(&first, BYTES), STATUS_OK);
    ballast_init(&second, directory.fd, BYTES);
    assert_int_equal(ballast_held(&second), BYTES);
    ballast_init(&second, directory.fd, 2 * BYTES); /* of another size */
    assert_int_equal(ballast_held(&second), 0);
    assert_false(look(&info));
    assert_int_equal(ballast_make(&first, BYTES), STATUS_OK);
    ballast_init(&second, directory.fd, 0); /* none is wanted any more */
    assert_int_equal(ballast_held(&second), 0);
    assert_false(look(&info));
}

/* A process ended while it made it: the size, not the blocks. */
static void test_half_made(void **state)
{
    struct ballast ballast;
    struct stat info;
    int fd = openat(directory.fd, "ballast", O_CREAT | O_WRONLY, 0600);
    (void)state;
    assert_int_equal(ftruncate(fd, BYTES), 0);
    close(fd);
    ballast_init(&ballast, directory.fd, BYTES);
    assert_int_equal(ballast_held(&ballast), 0);
    assert_false(look(&info));
}

static void test_removed_by_others(void **state)
{
    struct ballast ballast;
    (void)state;
    ballast_init(&ballast, directory.fd, BYTES);
    assert_int_equal(ballast_make(&ballast, BYTES), STATUS_OK);
    ballast_look(&ballast);
    assert_int_equal(ballast_held(&ballast), BYTES);
    assert_int_equal(unlinkat(directory.fd, "ballast", 0), 0);
    ballast_look(&ballast);
    assert_int_equal(ballast_held(&ballast), 0);
    assert_int_equal(ballast_make(&ballast, BYTES), STATUS_OK);
}

/* What the link points to has the right size and stays as it is. */
static void test_links_are_not_followed(void **state)
{
    struct ballast ballast, other;
    struct stat info, before;
    (void)state;
    ballast_init(&ballast, directory.fd, BYTES);
    assert_int_equal(ballast_make(&ballast, BYTES), STATUS_OK);
    assert_int_equal(renameat(directory.fd, "ballast", directory.fd, "victim"), 0);
    assert_int_equal(symlinkat("victim", directory.fd, "ballast"), 0);
    ballast_init(&other, directory.fd, BYTES);
    assert_int_equal(ballast_held(&other), 0);
    assert_false(look(&info));
    assert_int_equal(symlinkat("victim", directory.fd, "ballast"), 0);
    assert_int_equal(ballast_make(&other, 2 * BYTES), STATUS_OK);
    assert_true(look(&info));
    assert_true(S_ISREG(info.st_mode));
    assert_int_equal(fstatat(directory.fd, "victim", &before, 0), 0);
    assert_int_equal(before.st_size, BYTES);
    ballast_release(&other);
    assert_int_equal(linkat(directory.fd, "victim", directory.fd, "ballast", 0), 0); /* would free nothing */
    ballast_init(&other, directory.fd, BYTES);
    assert_int_equal(ballast_held(&other), 0);
}

static void test_all_or_nothing(void **state)
{
    struct rlimit before, limit;
    struct ballast ballast;
    struct stat info;
    (void)state;
    ballast_init(&ballast, directory.fd, BYTES);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = BYTES / 2;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    enum status status = ballast_make(&ballast, BYTES);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_not_equal(status, STATUS_OK);
    assert_int_equal(ballast_held(&ballast), 0);
    assert_false(look(&info));
    assert_int_equal(ballast_make(&ballast, BYTES), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_made_and_released, setup, teardown),
        cmocka_unit_test_setup_teardown(test_taken_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_half_made, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removed_by_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_are_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_or_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

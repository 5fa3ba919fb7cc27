/* Copies that cannot even be opened. Whatever keeps a copy from being read, it is out of service from then on, is
 * counted, costs the disk nothing of its good name, and does not stay in the way of a new one; but what passes says
 * nothing about a copy. Errors of the file system are made by the functions below, which stand before the C library's.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "storage/node/chunk_store.h"
#include "storage/node/scrub.h"

#define SIZE        100000u
#define WAIT_MS_MAX 20000

static char directory[64];
static char payload[SIZE];
static struct chunk_store *store;
static struct chunk_id id;
static char name[CHUNK_ID_TEXT_LEN + 1];
static int failures;

/* ---- a file system with an entry that it cannot show, and a process without descriptors ------------------------- */

static char fault_name[CHUNK_ID_TEXT_LEN + 1]; /* empty: no fault */
static int fault_errno;
static bool fault_open_only;

static bool faulty(int parent, const char *path)
{
    (void)parent;
    if (!fault_name[0] || strncmp(path, fault_name, strlen(fault_name)) != 0)
        return false;
    errno = fault_errno;
    return true;
}

#define REAL(symbol) ((__typeof__(&symbol))dlsym(RTLD_NEXT, #symbol))

int openat(int parent, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return !(flags & O_CREAT) && faulty(parent, path) ? -1 : REAL(openat)(parent, path, flags, mode);
}

int fstatat(int parent, const char *path, struct stat *info, int flags)
{
    return !fault_open_only && faulty(parent, path) ? -1 : REAL(fstatat)(parent, path, info, flags);
}

int renameat(int from, const char *source, int to, const char *target)
{
    return !fault_open_only && faulty(from, source) ? -1 : REAL(renameat)(from, source, to, target);
}

int renameat2(int from, const char *source, int to, const char *target, unsigned flags)
{
    return !fault_open_only && faulty(to, target) ? -1 : REAL(renameat2)(from, source, to, target, flags);
}

int unlinkat(int parent, const char *path, int flags)
{
    return !fault_open_only && faulty(parent, path) ? -1 : REAL(unlinkat)(parent, path, flags);
}

/* ---- a store with one chunk -------------------------------------------------------------------------------------- */

static void failed(void *arg)
{
    (void)arg;
    failures++;
}

static void store_start(void)
{
    char error[DISK_ERROR_MAX];
    struct chunk_store_config config = {.disk = {.path = directory, .node_number = 3, .on_failure = failed},
                                        .small_bytes_max = 65536};
    assert_int_equal(chunk_store_open(&config, &store, error), STATUS_OK);
}

static enum status put(void)
{
    struct chunk_put *writer = chunk_put_create(store, &id, SIZE);
    enum status status = chunk_put_append(writer, payload, SIZE);
    if (!status)
        status = chunk_put_commit(writer);
    chunk_put_free(writer);
    return status;
}

static int setup(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/tercet-unreadable-XXXXXX");
    assert_non_null(mkdtemp(directory));
    failures = 0;
    store_start();
    chunk_id_create(&id);
    chunk_id_format(&id, name);
    assert_int_equal(put(), STATUS_OK);
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    fault_name[0] = '\0';
    chunk_store_close(store);
    return nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int parent(void)
{
    return disk_chunk_directory(chunk_store_disk(store), &id);
}

static void fault_begin(int error, bool open_only)
{
    fault_errno = error;
    fault_open_only = open_only;
    strcpy(fault_name, name);
}

/* ---- what a copy can turn into ---------------------------------------------------------------------------------- */

static void into_directory(void)
{
    assert_int_equal(unlinkat(parent(), name, 0), 0);
    assert_int_equal(mkdirat(parent(), name, 0700), 0);
}

static void into_loop(void)
{
    assert_int_equal(unlinkat(parent(), name, 0), 0);
    assert_int_equal(symlinkat(name, parent(), name), 0);
}

static void into_pipe(void)
{
    assert_int_equal(unlinkat(parent(), name, 0), 0);
    assert_int_equal(mkfifoat(parent(), name, 0600), 0);
}

static void into_nothing_readable(void)
{
    fault_begin(EUCLEAN, false);
}

static void into_bad_sector(void)
{
    fault_begin(EIO, false);
}

static void into_forbidden(void)
{
    fault_begin(EACCES, true);
}

static const struct turn {
    const char *what;
    void (*turn)(void);
    bool stays; /* nobody can move it or put something in its place */
} turns[] = {
    {"a directory", into_directory, false},
    {"a loop of links", into_loop, false},
    {"a pipe", into_pipe, false},
    {"an entry that is damaged", into_nothing_readable, true},
    {"an entry on a bad sector", into_bad_sector, true},
    {"a file that may not be read", into_forbidden, false},
};
#define TURNS (sizeof(turns) / sizeof(turns[0]))

/* Begins anew with a chunk whose copy has turned into that. */
static const struct turn *begin(void **state, size_t index)
{
    if (index > 0) {
        teardown(state);
        setup(state);
    }
    print_message("%s\n", turns[index].what);
    turns[index].turn();
    return &turns[index];
}

static void expect_out_of_service(uint64_t corruptions)
{
    struct chunk_info info;
    struct store_reader reader;
    assert_int_equal(chunk_store_stat(store, &id, &info), STATUS_NOT_FOUND);
    assert_int_equal(store_reader_open(&reader, store, &id), STATUS_NOT_FOUND);
    assert_int_equal(chunk_store_chunks(store), 0);
    assert_int_equal(chunk_store_corruptions(store), corruptions);
    assert_int_equal(failures, 0);
    assert_false(chunk_store_failed(store));
}

static void test_scrub(void **state)
{
    for (size_t i = 0; i < TURNS; i++) {
        begin(state, i);
        assert_int_equal(chunk_store_verify(store, &id), STATUS_CORRUPT);
        expect_out_of_service(1);
    }
}

static void test_read(void **state)
{
    for (size_t i = 0; i < TURNS; i++) {
        struct store_reader reader;
        begin(state, i);
        assert_int_equal(store_reader_open(&reader, store, &id), STATUS_CORRUPT);
        expect_out_of_service(1);
    }
}

/* A new copy takes its place, where something can. */
static void test_write(void **state)
{
    for (size_t i = 0; i < TURNS; i++) {
        const struct turn *turn = begin(state, i);
        assert_int_equal(put(), turn->stays ? STATUS_CONFLICT : STATUS_OK);
        if (turn->stays) {
            expect_out_of_service(1);
            continue;
        }
        fault_name[0] = '\0';
        assert_int_equal(chunk_store_verify(store, &id), STATUS_OK);
        assert_int_equal(chunk_store_corruptions(store), 1);
        assert_int_equal(failures, 0);
    }
}

static void test_delete(void **state)
{
    for (size_t i = 0; i < TURNS; i++) {
        begin(state, i);
        assert_int_equal(chunk_store_delete(store, &id), STATUS_OK);
        expect_out_of_service(0);
        assert_int_equal(chunk_store_delete(store, &id), STATUS_NOT_FOUND);
    }
}

/* What cannot be read is no use in the trash; a file that may only not be read lies there until it is wanted. */
static void test_trash(void **state)
{
    for (size_t i = 0; i < TURNS; i++) {
        bool is_file = begin(state, i)->turn == into_forbidden;
        assert_int_equal(chunk_store_trash(store, &id), is_file ? STATUS_OK : STATUS_CORRUPT);
        expect_out_of_service(0);
        assert_int_equal(chunk_store_restore(store, &id, NULL), is_file ? STATUS_CORRUPT : STATUS_NOT_FOUND);
        expect_out_of_service(is_file);
    }
}

static void test_in_trash(void **state)
{
    for (size_t i = 0; i < TURNS; i++) {
        struct chunk_store_info info;
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        assert_int_equal(chunk_store_trash(store, &id), STATUS_OK);
        if (turns[i].turn == into_directory) {
            assert_int_equal(unlinkat(chunk_store_disk(store)->trash_fd, name, 0), 0);
            assert_int_equal(mkdirat(chunk_store_disk(store)->trash_fd, name, 0700), 0);
        } else if (turns[i].turn == into_nothing_readable) {
            into_nothing_readable();
        } else {
            continue;
        }
        assert_int_equal(chunk_store_trash_purge(store, &id, INT64_MAX), STATUS_OK);
        assert_int_equal(chunk_store_info(store, &info), STATUS_OK);
        assert_int_equal(info.trash_chunks, 0);
        assert_int_equal(failures, 0);
    }
}

/* Seen when the node starts: it comes up, and does not list the copy. */
static void test_restart(void **state)
{
    for (size_t i = 0; i < TURNS; i++) {
        if (begin(state, i)->stays || turns[i].turn == into_forbidden)
            continue; /* not to be seen without opening each file; the scrub does */
        chunk_store_close(store);
        store_start();
        expect_out_of_service(0);
        assert_int_equal(put(), STATUS_OK);
    }
}

/* What has the name of a chunk without a row of it, as after a loss of power: it is left alone. */
static void test_restart_without_row(void **state)
{
    (void)state;
    assert_int_equal(chunk_store_delete(store, &id), STATUS_OK);
    assert_int_equal(mkdirat(parent(), name, 0700), 0);
    chunk_store_close(store);
    store_start();
    expect_out_of_service(0);
    fault_begin(EUCLEAN, false);
    chunk_store_close(store);
    store_start();
    expect_out_of_service(0);
    fault_name[0] = '\0';
    assert_int_equal(put(), STATUS_OK);
}

static void test_passing(void **state)
{
    static const int passing[] = {EMFILE, ENFILE, ENOMEM, EINTR, EAGAIN, ETIMEDOUT};
    (void)state;
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        struct store_reader reader;
        fault_begin(passing[i], true);
        assert_int_equal(chunk_store_verify(store, &id), STATUS_UNAVAILABLE);
        assert_int_equal(store_reader_open(&reader, store, &id), STATUS_UNAVAILABLE);
        fault_name[0] = '\0';
        assert_int_equal(chunk_store_verify(store, &id), STATUS_OK);
    }
    assert_int_equal(chunk_store_corruptions(store), 0);
    assert_int_equal(failures, 0);
}

/* The scrub tries again, then says so; in the next pass it finds the copy good. */
static void test_scrub_passing(void **state)
{
    struct scrub_info info;
    uint64_t end_ms = clock_monotonic_ms() + WAIT_MS_MAX;
    (void)state;
    fault_begin(EMFILE, true);
    struct scrub *scrub = scrub_start(store, "test", 200);
    for (scrub_info(scrub, &info); info.unread == 0; scrub_info(scrub, &info)) {
        assert_true(clock_monotonic_ms() < end_ms);
        usleep(2000);
    }
    fault_name[0] = '\0';
    scrub_stop(scrub);
    assert_int_equal(info.damaged, 0);
    assert_int_equal(chunk_store_verify(store, &id), STATUS_OK);
}

#define COPY_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        COPY_TEST(test_scrub),   COPY_TEST(test_read),
        COPY_TEST(test_write),   COPY_TEST(test_delete),
        COPY_TEST(test_trash),   COPY_TEST(test_in_trash),
        COPY_TEST(test_restart), COPY_TEST(test_restart_without_row),
        COPY_TEST(test_passing), COPY_TEST(test_scrub_passing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

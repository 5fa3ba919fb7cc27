/* The ballast of a node's disk: a part of the reserve that comes and goes without a change of what is usable. How full
 * the disk is, is what the test says the ballast's size were; really full ones are in tests/faults. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "storage/node/chunk_store.h"
#include "storage/node/disk_ballast.h"

#define MIB (1ull << 20)

struct fixture {
    char path[40], ballast[64], error[DISK_ERROR_MAX];
    struct chunk_store *store;
    struct disk *disk;
};

static void fixture_open(struct fixture *fixture, uint64_t reserve)
{
    const struct chunk_store_config config = {
        .disk = {.path = fixture->path, .node_number = 1, .reserve_bytes = reserve}, .small_bytes_max = 65536};
    assert_int_equal(chunk_store_open(&config, &fixture->store, fixture->error), STATUS_OK);
    fixture->disk = chunk_store_disk(fixture->store);
}

static int setup(void **state)
{
    struct fixture *fixture = mem_zalloc(sizeof(*fixture));
    *state = fixture;
    log_init("disk-test", "test", LOG_ERROR);
    strcpy(fixture->path, "/tmp/tercet-disk-XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    snprintf(fixture->ballast, sizeof(fixture->ballast), "%s/ballast", fixture->path);
    fixture_open(fixture, 4 * MIB);
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    chunk_store_close(fixture->store);
    int result = nftw(fixture->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return result;
}

static uint64_t file_size(const struct fixture *fixture)
{
    struct stat info;
    return stat(fixture->ballast, &info) == 0 ? (uint64_t)info.st_size : 0;
}

static struct disk_space space_of(const struct fixture *fixture)
{
    struct disk_space space;
    assert_int_equal(disk_space(fixture->disk, &space), STATUS_OK);
    return space;
}

static void test_a_quarter_of_the_reserve(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(file_size(fixture), MIB);
    assert_int_equal(space_of(fixture).ballast_bytes, MIB);
    chunk_store_close(fixture->store);
    assert_int_equal(file_size(fixture), MIB); /* for the next start */
    fixture_open(fixture, 1024 * MIB); /* at most 64 MiB, and a sixteenth of a disk that is smaller than a GiB */
    uint64_t part = space_of(fixture).total_bytes / 16 & ~4095ull;
    assert_int_equal(file_size(fixture), part < 64 * MIB ? part : 64 * MIB);
    chunk_store_close(fixture->store);
    fixture_open(fixture, 0);
    assert_int_equal(file_size(fixture), 0);
    assert_int_equal(space_of(fixture).ballast_bytes, 0);
}

static void test_comes_and_goes(void **state)
{
    struct fixture *fixture = *state;
    struct disk_space held = space_of(fixture);
    fixture->disk->ballast_bytes = held.free_bytes; /* less than that is free beside it */
    disk_ballast_check(fixture->disk);
    assert_int_equal(file_size(fixture), 0);
    assert_int_equal(space_of(fixture).ballast_bytes, 0);
    fixture->disk->ballast_bytes = MIB;
    disk_ballast_check(fixture->disk);
    assert_int_equal(file_size(fixture), MIB);
    assert_int_equal(unlink(fixture->ballast), 0); /* by somebody who looks for room */
    disk_ballast_check(fixture->disk);
    assert_int_equal(file_size(fixture), MIB);
}

/* The deletion that notices gives it up itself, and without room for a deletion's own rows is not begun. */
static void test_deletions(void **state)
{
    struct fixture *fixture = *state;
    struct chunk_id id = {{1}};
    uint64_t free_bytes = space_of(fixture).free_bytes;
    assert_int_equal(chunk_store_delete(fixture->store, &id), STATUS_NOT_FOUND);
    assert_int_equal(file_size(fixture), MIB);
    fixture->disk->ballast_bytes = 2 * free_bytes;
    assert_int_equal(chunk_store_delete(fixture->store, &id), STATUS_NOT_FOUND);
    assert_int_equal(file_size(fixture), 0);
    fixture->disk->ballast_bytes = 32 * free_bytes;
    assert_int_equal(chunk_store_delete(fixture->store, &id), STATUS_NO_SPACE);
    assert_int_equal(chunk_store_trash(fixture->store, &id), STATUS_NO_SPACE);
    assert_int_equal(chunk_store_trash_purge(fixture->store, &id, 0), STATUS_NO_SPACE);
    fixture->disk->ballast_bytes = MIB;
    assert_int_equal(chunk_store_delete(fixture->store, &id), STATUS_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_quarter_of_the_reserve, setup, teardown),
        cmocka_unit_test_setup_teardown(test_comes_and_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deletions, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

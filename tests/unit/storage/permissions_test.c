/* What a node keeps is its own user's alone, also in a directory that was made by hand for all to read. */
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

#include "base/owner_only.h"
#include "storage/node/chunk_store.h"
#include "storage/node/meta_replica.h"

static unsigned open_to_others, entries;

static int look(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)path, (void)type, (void)where;
    entries++;
    open_to_others += (info->st_mode & (S_IRWXG | S_IRWXO)) != 0;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static void test_nothing_is_open_to_others(void **state)
{
    char directory[64] = "/tmp/tercet-mode-XXXXXX", error[DISK_ERROR_MAX] = "";
    struct chunk_store *store = NULL;
    struct meta_replica *replica = NULL;
    (void)state;
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chmod(directory, 0755), 0);
    umask(0);
    owner_only_files();
    struct chunk_store_config config = {.disk = {.path = directory, .node_number = 1, .reserve_bytes = 1 << 20},
                                        .small_bytes_max = 65536};
    assert_int_equal(chunk_store_open(&config, &store, error), STATUS_OK);
    assert_int_equal(meta_replica_open(store, &replica, error), STATUS_OK);
    meta_replica_close(replica);
    chunk_store_close(store);
    nftw(directory, look, 16, FTW_PHYS);
    assert_true(entries > 270);
    assert_int_equal(open_to_others, 0);
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_is_open_to_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

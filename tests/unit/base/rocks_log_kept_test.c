/* Old logs are kept within their bound, the newest of them, and changes can be read as far back as they reach. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/change_record.h"
#include "base/check.h"
#include "base/rocks.h"

#define OK(call)    assert_int_equal((call), STATUS_OK)
#define KEPT_MB     4
#define VALUE_BYTES (256u << 10)
#define WRITES      100

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat, (void)type, (void)ftw;
    return remove(path);
}

static uint64_t archived_bytes(const char *path)
{
    char archive[96], file[400];
    uint64_t bytes = 0;
    struct dirent *entry;
    struct stat info;
    snprintf(archive, sizeof(archive), "%s/archive", path);
    DIR *directory = opendir(archive);
    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        snprintf(file, sizeof(file), "%s/%s", archive, entry->d_name);
        if (stat(file, &info) == 0 && S_ISREG(info.st_mode))
            bytes += (uint64_t)info.st_size;
    }
    closedir(directory);
    return bytes;
}

static void test_bound(void **state)
{
    static const struct rocks_family families[] = {{.name = "default", .write_buffer_bytes = 1 << 20}};
    char path[64] = "/tmp/tercet-kept-XXXXXX", *value = mem_zalloc(VALUE_BYTES);
    struct buffer out;
    struct rocks *db;
    (void)state;
    assert_non_null(mkdtemp(path));
    const struct rocks_config config = {.path = path,
                                        .families = families,
                                        .family_count = 1,
                                        .cache_bytes = 1 << 20,
                                        .log_kept_mb = KEPT_MB,
                                        .open_files_max = 64};
    OK(rocks_open(&config, &db));
    rocks_log_trim(db); /* nothing to remove */
    for (unsigned i = 0; i < WRITES; i++)
        OK(rocks_put(db, 0, BYTES("key"), bytes_of(value, VALUE_BYTES), false));
    OK(rocks_flush(db)); /* the last log is kept, too */
    assert_true(archived_bytes(path) > 2 * (KEPT_MB << 20));
    rocks_log_trim(db);
    assert_in_range(archived_bytes(path), 1, KEPT_MB << 20);
    buffer_init(&out, CHANGE_RECORD_MAX);
    assert_int_equal(rocks_changes_read(db, 1, WRITES, 1, 0, &out), STATUS_NOT_FOUND);
    OK(rocks_changes_read(db, WRITES, WRITES, 1, 0, &out));
    uint64_t begin;
    OK(rocks_changes_begin(db, 1, 0, &begin)); /* as far back as it reaches */
    assert_in_range(begin, 2, WRITES);
    buffer_clear(&out);
    OK(rocks_changes_read(db, begin, WRITES, 1, 0, &out));
    buffer_release(&out);
    rocks_close(db);
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

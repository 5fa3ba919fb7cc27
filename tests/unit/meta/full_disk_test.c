/* RocksDB on a disk that is really full: a tmpfs of the test's own; skipped where none can be mounted. The gateway
 * keeps away from that (space_test.c), but a flush or compaction may run into it all the same. */
#include "tests/unit/meta/support.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "base/clock.h"
#include "base/rocks_internal.h"
#include "meta/store_rocks.h"
#include "meta/internal.h"

#define WAIT_MS 60000

static int disk_setup(void **state)
{
    struct support *s = mem_zalloc(sizeof(*s));
    *state = s;
    strcpy(s->path, "/tmp/tercet-full-XXXXXX");
    assert_non_null(mkdtemp(s->path));
    if (mount("tercet-test", s->path, "tmpfs", 0, "size=48m") != 0)
        return 0;
    strcat(s->path, "/meta");
    s->pool = pool_create(2, "meta");
    OK(support_open(s));
    support_bucket(s, "versioned", true, &s->versioned);
    return 0;
}

static int disk_teardown(void **state)
{
    struct support *s = *state;
    char *slash = strrchr(s->path, '/');
    if (s->pool) {
        if (s->meta)
            meta_close(s->meta);
        pool_free(s->pool);
        *slash = '\0';
        umount2(s->path, MNT_DETACH);
    }
    rmdir(s->path);
    free(s);
    return 0;
}

static void filler_path(const struct support *s, char path[128])
{
    snprintf(path, 128, "%s-filler", s->path);
}

static void fill(const struct support *s)
{
    static const char block[65536] = {1};
    char path[128];
    filler_path(s, path);
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof(block)) > 0)
        continue;
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

static void empty(const struct support *s)
{
    char path[128];
    filler_path(s, path);
    assert_int_equal(unlink(path), 0);
}

/* Rows in memory, no byte left, and a flush that finds that out. */
static void fail_flush(struct support *s)
{
    for (int i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key-%d", i);
        OK(support_put(s, &s->versioned, key, 1, i, NULL, NULL));
    }
    fill(s);
    char *error = NULL;
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    rocksdb_flush_cf(store_rocks_database(s->meta->db)->database, options,
                     store_rocks_database(s->meta->db)->families[STORE_VERSIONS], &error);
    rocksdb_flushoptions_destroy(options);
    assert_non_null(error);
    assert_non_null(strstr(error, "No space left"));
    rocksdb_free(error);
}

static void assert_all_there(struct support *s, uint64_t versions)
{
    struct meta_object object;
    assert_int_equal(support_bucket_now(s, &s->versioned).versions, versions);
    OK(support_get(s, &s->versioned, "key-199", NULL, 0, &object));
    meta_object_release(&object);
}

/* Nobody commits: the committer itself finds out that it can again. */
static void test_idle_recovers(void **state)
{
    struct support *s = *state;
    if (!s->pool)
        skip();
    assert_false(meta_is_failing(s->meta));
    fail_flush(s);
    assert_true(meta_is_failing(s->meta));
    empty(s);
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    while (meta_is_failing(s->meta)) {
        assert_true(clock_monotonic_ms() < until_ms);
        usleep(10000);
    }
    OK(support_put(s, &s->versioned, "after", 1, 1, NULL, NULL));
    assert_all_there(s, 201);
    support_reopen(s);
    assert_all_there(s, 201);
}

/* A commit while RocksDB still thinks that the disk is full waits until it has looked again. */
static void test_commit_waits(void **state)
{
    struct support *s = *state;
    if (!s->pool)
        skip();
    fail_flush(s);
    empty(s);
    OK(support_put(s, &s->versioned, "after", 1, 1, NULL, NULL));
    assert_false(meta_is_failing(s->meta));
    assert_all_there(s, 201);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, disk_setup, disk_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_idle_recovers),
        TEST(test_commit_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

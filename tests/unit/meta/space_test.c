/* The reserve and the ballast against a disk of which the test says how full it is, and commits when there is no room:
 * nothing of a refused one is left, neither in memory nor on disk. */
#include "tests/unit/meta/support.h"

#include <stdatomic.h>
#include <sys/stat.h>

#include "meta/internal.h"
#include "meta/space.h"

#define MIB (1ull << 20)

/* Used without the ballast, whose real file is counted as it comes and goes. */
struct fake_disk {
    char path[40], ballast[64];
    _Atomic uint64_t total, used;
    _Atomic bool broken;
};

static uint64_t ballast_size(const struct fake_disk *disk)
{
    struct stat info;
    return stat(disk->ballast, &info) == 0 ? (uint64_t)info.st_size : 0;
}

static enum status fake_read(void *arg, struct space_reading *reading)
{
    struct fake_disk *disk = arg;
    uint64_t used = atomic_load(&disk->used) + ballast_size(disk);
    reading->total_bytes = atomic_load(&disk->total);
    reading->free_bytes = used < reading->total_bytes ? reading->total_bytes - used : 0;
    return atomic_load(&disk->broken) ? STATUS_IO : STATUS_OK;
}

static struct meta_space *disk_open(struct fake_disk *disk, uint64_t total, uint64_t used, uint64_t reserve)
{
    struct meta_space *space;
    const struct meta_space_config config = {
        .directory = disk->path, .reserve_bytes = reserve, .read = fake_read, .read_arg = disk};
    atomic_store(&disk->total, total);
    atomic_store(&disk->used, used);
    OK(meta_space_create(&config, &space));
    return space;
}

static int disk_setup(void **state)
{
    struct fake_disk *disk = mem_zalloc(sizeof(*disk));
    *state = disk;
    strcpy(disk->path, "/tmp/tercet-space-XXXXXX");
    assert_non_null(mkdtemp(disk->path));
    snprintf(disk->ballast, sizeof(disk->ballast), "%s/ballast", disk->path);
    return 0;
}

static int disk_teardown(void **state)
{
    struct fake_disk *disk = *state;
    nftw(disk->path, support_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(disk);
    return 0;
}

static bool low_with(struct meta_space *space, struct fake_disk *disk, uint64_t used)
{
    atomic_store(&disk->used, used);
    meta_space_check(space);
    return meta_space_is_low(space);
}

/* 200 MiB: the reserve is 48 MiB, the ballast 24 MiB. */
static void test_fills_and_empties(void **state)
{
    struct fake_disk *disk = *state;
    struct meta_space_state now;
    struct meta_space *space = disk_open(disk, 200 * MIB, 10 * MIB, 256 * MIB);

    meta_space_get(space, &now);
    assert_int_equal(now.reserve_bytes, 48 * MIB);
    assert_int_equal(now.ballast_bytes, 24 * MIB);
    assert_int_equal(now.last.free_bytes, 166 * MIB);
    assert_int_equal(ballast_size(disk), 24 * MIB);
    assert_false(low_with(space, disk, 128 * MIB)); /* 48 left */
    assert_true(low_with(space, disk, 129 * MIB));
    assert_true(meta_space_admits(space));
    assert_int_equal(ballast_size(disk), 24 * MIB);
    assert_true(low_with(space, disk, 153 * MIB)); /* 23 left: the ballast goes */
    assert_int_equal(ballast_size(disk), 0);
    assert_true(meta_space_admits(space)); /* and commits go on with its room */
    assert_true(low_with(space, disk, 189 * MIB));
    assert_false(meta_space_admits(space));        /* until that is used up */
    assert_true(low_with(space, disk, 125 * MIB)); /* 75 free, the ballast would leave 51: not yet */
    assert_int_equal(ballast_size(disk), 0);
    assert_false(low_with(space, disk, 122 * MIB)); /* 48 + 6 and the ballast */
    assert_int_equal(ballast_size(disk), 24 * MIB);
    assert_false(low_with(space, disk, 128 * MIB));
    meta_space_free(space);
    assert_int_equal(ballast_size(disk), 24 * MIB); /* it stays for the next start */
}

/* Another program fills the disk from one moment to the next: the commit that notices gives the ballast up itself. */
static void test_filled_at_once(void **state)
{
    struct fake_disk *disk = *state;
    struct meta_space *space = disk_open(disk, 200 * MIB, 10 * MIB, 256 * MIB);

    atomic_store(&disk->used, 176 * MIB); /* nothing free */
    assert_true(meta_space_admits(space));
    assert_int_equal(ballast_size(disk), 0);
    assert_true(meta_space_is_low(space));
    meta_space_free(space);
}

/* A start on a full disk has room for the log to be recovered. */
static void test_start_on_full_disk(void **state)
{
    struct fake_disk *disk = *state;
    struct meta_space *space = disk_open(disk, 200 * MIB, 10 * MIB, 256 * MIB);

    meta_space_free(space);
    space = disk_open(disk, 200 * MIB, 176 * MIB, 256 * MIB);
    assert_int_equal(ballast_size(disk), 0);
    assert_true(meta_space_is_low(space));
    assert_true(meta_space_admits(space));
    meta_space_free(space);
}

static void assert_reserve(struct fake_disk *disk, uint64_t total, uint64_t configured, uint64_t expected)
{
    struct meta_space_state now;
    struct meta_space *space = disk_open(disk, total, total, configured);
    meta_space_get(space, &now);
    assert_int_equal(now.reserve_bytes, expected);
    assert_int_equal(now.low, expected > 0);
    meta_space_free(space);
}

static void test_reserve_by_size(void **state)
{
    assert_reserve(*state, 1000000 * MIB, 256 * MIB, 256 * MIB);
    assert_reserve(*state, 4000 * MIB, 256 * MIB, 200 * MIB);
    assert_reserve(*state, 400 * MIB, 256 * MIB, 48 * MIB);
    assert_reserve(*state, 64 * MIB, 256 * MIB, 16 * MIB);
    assert_reserve(*state, 64 * MIB, 4 * MIB, 4 * MIB);
    assert_reserve(*state, 64 * MIB, 0, 0);
}

static void test_half_made_ballast(void **state)
{
    struct fake_disk *disk = *state;
    FILE *file = fopen(disk->ballast, "w");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), 24 * MIB), 0); /* the size, but no blocks */
    fclose(file);
    struct meta_space *space = disk_open(disk, 200 * MIB, 10 * MIB, 256 * MIB);
    struct stat info;
    assert_int_equal(stat(disk->ballast, &info), 0);
    assert_true((uint64_t)info.st_blocks * 512 >= 24 * MIB);
    meta_space_free(space);
}

/* A disk that does not say how full it is stops nothing. */
static void test_unreadable(void **state)
{
    struct fake_disk *disk = *state;
    struct meta_space *space = disk_open(disk, 200 * MIB, 10 * MIB, 256 * MIB);
    atomic_store(&disk->broken, true);
    assert_false(low_with(space, disk, 200 * MIB));
    assert_true(meta_space_admits(space));
    meta_space_free(space);
}

/* ---- commits --------------------------------------------------------------------------------------------------- */

struct committing {
    struct support support;
    struct fake_disk *disk;
    struct meta_space *space;
};

static void committing_open(struct committing *c)
{
    struct meta_options options = {.path = c->support.path,
                                   .cluster_id = support_cluster,
                                   .pool = c->support.pool,
                                   .cache_bytes = 1 << 20,
                                   .space = c->space};
    OK(meta_open(&options, &c->support.meta));
}

static void test_refused_commit_leaves_nothing(void **state)
{
    struct committing c = {.disk = *state, .space = disk_open(*state, 200 * MIB, 10 * MIB, 256 * MIB)};
    struct support *s = &c.support;
    struct meta_object object;
    struct meta_bucket bucket;

    s->pool = pool_create(2, "meta");
    snprintf(s->path, sizeof(s->path), "%s/meta", c.disk->path);
    committing_open(&c);
    support_bucket(s, "versioned", true, &s->versioned);
    OK(support_put(s, &s->versioned, "before", 1, 1, NULL, &object));
    const struct meta_bucket counted = support_bucket_now(s, &s->versioned);
    struct meta_bucket plain;
    support_bucket(s, "plain", false, &plain);
    uint64_t sequence = meta_sequence(s->meta);
    OK(support_delete(s, &plain, "absent", NULL, NULL)); /* nothing to write */
    atomic_store(&c.disk->used, 200 * MIB);              /* even without the ballast nothing is free */

    assert_int_equal(support_put(s, &s->versioned, "refused", 1, 2, NULL, &object), STATUS_NO_SPACE);
    assert_int_equal(meta_bucket_create(s->meta, KEY("refused"), false, BYTES(""), NULL), STATUS_NO_SPACE);
    /* who finds nothing waits for no commit that there never was */
    assert_int_equal(atomic_load(&s->meta->settle.begun), atomic_load(&s->meta->settle.reached[SETTLE_DURABLE]));
    assert_int_equal(support_get(s, &plain, "absent", NULL, 0, &object), STATUS_NOT_FOUND);
    assert_int_equal(meta_bucket_delete(s->meta, KEY("versioned")), STATUS_NOT_EMPTY);
    assert_int_equal(support_put(s, &s->versioned, "before", 1, 3, NULL, &object), STATUS_NO_SPACE);
    assert_int_equal(meta_sequence(s->meta), sequence);
    assert_int_equal(support_get(s, &s->versioned, "refused", NULL, 0, &object), STATUS_NOT_FOUND);
    assert_int_equal(meta_bucket_get(s->meta, KEY("refused"), &bucket), STATUS_NOT_FOUND);
    bucket = support_bucket_now(s, &s->versioned);
    assert_memory_equal(&bucket, &counted, sizeof(bucket));

    atomic_store(&c.disk->used, 10 * MIB);
    OK(meta_bucket_create(s->meta, KEY("refused"), false, BYTES(""), NULL));
    OK(support_put(s, &s->versioned, "refused", 1, 4, NULL, &object));
    assert_int_equal(meta_sequence(s->meta), sequence + 2);
    meta_close(s->meta);
    committing_open(&c);
    bucket = support_bucket_now(s, &s->versioned);
    assert_int_equal(bucket.objects, counted.objects + 1);
    assert_int_equal(bucket.versions, counted.versions + 1);
    OK(meta_bucket_delete(s->meta, KEY("refused")));
    meta_close(s->meta);
    meta_space_free(c.space);
    pool_free(s->pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fills_and_empties, disk_setup, disk_teardown),
        cmocka_unit_test_setup_teardown(test_filled_at_once, disk_setup, disk_teardown),
        cmocka_unit_test_setup_teardown(test_start_on_full_disk, disk_setup, disk_teardown),
        cmocka_unit_test_setup_teardown(test_reserve_by_size, disk_setup, disk_teardown),
        cmocka_unit_test_setup_teardown(test_half_made_ballast, disk_setup, disk_teardown),
        cmocka_unit_test_setup_teardown(test_unreadable, disk_setup, disk_teardown),
        cmocka_unit_test_setup_teardown(test_refused_commit_leaves_nothing, disk_setup, disk_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

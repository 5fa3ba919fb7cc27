/* The replica's own database of earlier builds moves into the node's one: nothing is lost, wherever it is cut. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/rocks.h"
#include "storage/node/meta_replica.h"

#define OK(call) assert_int_equal((call), STATUS_OK)
#define EPOCH    (UINT64_C(3) << 32 | 77)
#define TABLE    5u /* several snapshots came before */
#define ROWS     20000u
#define SEQUENCE 70000u
#define FENCE    2u

/* Of the folder that an earlier build made. */
#define EARLIER_CLUSTER  "1dd8d70e92a60907efdbf62b2fea651b"
#define EARLIER_EPOCH    UINT64_C(0x18d3a4adc)
#define EARLIER_SEQUENCE 304
#define EARLIER_CHUNKS   38
#define EARLIER_ROWS     178

struct fixture {
    char directory[64], old[128], kept[128], small[128];
    struct chunk_store *store;
    struct meta_replica *replica;
};

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static void remove_all(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static enum status open_with(struct fixture *f, uint64_t reserve_bytes, char error[DISK_ERROR_MAX])
{
    struct chunk_store_config config = {
        .disk = {.path = f->directory, .node_number = 1, .reserve_bytes = reserve_bytes}, .small_bytes_max = 65536};
    enum status status = chunk_store_open(&config, &f->store, error);
    return status ? status : meta_replica_open(f->store, &f->replica, error);
}

static void open_all(struct fixture *f)
{
    char error[DISK_ERROR_MAX] = "";
    OK(open_with(f, 1 << 20, error));
}

static void close_all(struct fixture *f)
{
    meta_replica_close(f->replica);
    chunk_store_close(f->store);
    f->replica = NULL;
    f->store = NULL;
}

/* ---- a folder of an earlier build ------------------------------------------------------------------------------ */

static void old_row_put(struct rocks_batch *batch, uint32_t table, unsigned number)
{
    char key[32], value[64];
    put_u32(key, table);
    key[4] = 2;
    snprintf(key + 5, sizeof(key) - 5, "key-%08u", number);
    int len = snprintf(value, sizeof(value), "the value of row %u in table %u", number, table);
    rocks_batch_put(batch, 0, bytes_of(key, 5 + strlen(key + 5)), bytes_of(value, (size_t)len));
}

/* The layout that earlier builds wrote: the state row of format 2, the replica's table, and one of a snapshot
 * that had not come to its end. */
static void old_make(struct fixture *f, uint32_t table, uint64_t epoch)
{
    static const struct rocks_family family = {.name = "default"};
    const struct rocks_config config = {.path = f->old,
                                        .families = &family,
                                        .family_count = 1,
                                        .cache_bytes = 1 << 20,
                                        .open_files_max = 64,
                                        .compressed = true};
    const char state_key[] = {0, 0, 0, 0, 0, 's'};
    char state[25] = {2};
    struct rocks *db;
    OK(rocks_open(&config, &db));
    struct rocks_batch *batch = rocks_batch_create(db, false);
    for (unsigned i = 0; table && i < ROWS; i++)
        old_row_put(batch, table, i);
    for (unsigned i = 0; i < 10; i++)
        old_row_put(batch, table + 1, i);
    put_u32(state + 1, table);
    put_u64(state + 5, epoch);
    put_u64(state + 13, epoch ? SEQUENCE : 0);
    put_u32(state + 21, FENCE);
    rocks_batch_put(batch, 0, bytes_of(state_key, sizeof(state_key)), bytes_of(state, sizeof(state)));
    OK(rocks_write(db, batch, true));
    OK(rocks_flush(db));
    rocks_batch_free(batch);
    rocks_close(db);
}

static void copy(const char *from, const char *to)
{
    char command[512];
    snprintf(command, sizeof(command), "cp -a %s %s", from, to);
    assert_int_equal(system(command), 0);
}

/* The families of the node's database by themselves: as a build that has no other opens them. */
static void small_make(struct fixture *f)
{
    static const struct rocks_family families[] = {
        {.name = "default"}, {.name = "data", .has_blobs = true}, {.name = "quarantine"}, {.name = "trash"}};
    const struct rocks_config config = {
        .path = f->small, .families = families, .family_count = 4, .cache_bytes = 1 << 20, .open_files_max = 64};
    struct rocks *db;
    OK(rocks_open(&config, &db));
    rocks_close(db);
}

static bool small_opens_as_before(struct fixture *f)
{
    static const char *const names[] = {"default", "data", "quarantine", "trash"};
    rocksdb_options_t *options = rocksdb_options_create();
    const rocksdb_options_t *family_options[] = {options, options, options, options};
    rocksdb_column_family_handle_t *families[4];
    char *error = NULL;
    rocksdb_t *db = rocksdb_open_column_families(options, f->small, 4, names, family_options, families, &error);
    for (int i = 0; db && i < 4; i++)
        rocksdb_column_family_handle_destroy(families[i]);
    if (db)
        rocksdb_close(db);
    rocksdb_options_destroy(options);
    rocksdb_free(error);
    return db != NULL;
}

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    strcpy(f->directory, "/tmp/tercet-takeover-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->old, sizeof(f->old), "%s/meta-replica", f->directory);
    snprintf(f->kept, sizeof(f->kept), "%s.kept", f->directory);
    snprintf(f->small, sizeof(f->small), "%s/small", f->directory);
    open_all(f); /* the rest of a node's folder */
    close_all(f);
    remove_all(f->small);
    small_make(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close_all(f);
    remove_all(f->directory);
    remove_all(f->kept);
    free(f);
    return 0;
}

/* ---- what is there now ----------------------------------------------------------------------------------------- */

static void assert_state(struct fixture *f, uint64_t epoch, uint64_t sequence, uint32_t fence)
{
    struct meta_replica_state now;
    meta_replica_state(f->replica, &now);
    assert_int_equal(now.epoch, epoch);
    assert_int_equal(now.sequence, sequence);
    assert_int_equal(now.fence, fence);
}

/* Counts the rows, which must be those of the replica's table. */
static unsigned rows_count(struct fixture *f, uint32_t table)
{
    struct buffer page, after;
    struct change_record record;
    struct change change;
    char key[32], value[64];
    unsigned rows = 0;
    buffer_init(&page, CHANGE_RECORD_MAX);
    buffer_init(&after, 4096);
    do {
        buffer_clear(&page);
        OK(meta_replica_dump(f->replica, buffer_bytes(&after), &page));
        struct bytes rest = buffer_bytes(&page);
        OK(change_record_next(&rest, &record));
        while (change_next(&record.payload, &change) == STATUS_OK) {
            snprintf(key, sizeof(key), "key-%08u", rows);
            snprintf(value, sizeof(value), "the value of row %u in table %u", rows, table);
            assert_int_equal(change.family, 2);
            assert_true(bytes_equal_str(change.key, key) && bytes_equal_str(change.value, value));
            buffer_clear(&after);
            OK(buffer_append_char(&after, (char)change.family));
            OK(buffer_append_bytes(&after, change.key));
            rows++;
        }
    } while (record.count > 0);
    buffer_release(&page);
    buffer_release(&after);
    return rows;
}

static void assert_taken_over(struct fixture *f)
{
    char taken[160];
    snprintf(taken, sizeof(taken), "%s.taken-over", f->old);
    assert_state(f, EPOCH, SEQUENCE, FENCE);
    assert_int_equal(rows_count(f, TABLE), ROWS);
    assert_false(meta_replica_is_lost(f->replica));
    assert_false(is_there(f->old));
    assert_false(is_there(taken));
}

static enum status apply(struct fixture *f, uint64_t first)
{
    struct buffer out;
    size_t start;
    buffer_init(&out, 4096);
    OK(change_record_begin(&out, &start));
    OK(change_append(&out, &(struct change){CHANGE_PUT, 9, BYTES("new"), BYTES("row")}));
    OK(change_record_seal(&out, start, EPOCH, first, 1));
    enum status status = meta_replica_apply(f->replica, buffer_bytes(&out));
    buffer_release(&out);
    return status;
}

/* ---- tests ----------------------------------------------------------------------------------------------------- */

static void test_taken_over(void **state)
{
    struct fixture *f = *state;
    struct buffer last;
    old_make(f, TABLE, EPOCH);
    assert_true(small_opens_as_before(f));
    open_all(f);
    assert_taken_over(f);
    buffer_init(&last, 4096);
    OK(meta_replica_last(f->replica, &last));
    assert_int_equal(last.len, 0);
    buffer_release(&last);
    close_all(f);
    assert_false(small_opens_as_before(f)); /* one way */
    open_all(f);
    assert_taken_over(f);
    OK(apply(f, SEQUENCE + 1)); /* and on it goes */
}

static void test_only_a_fence(void **state)
{
    struct fixture *f = *state;
    old_make(f, 0, 0);
    open_all(f);
    assert_state(f, 0, 0, FENCE);
    assert_false(is_there(f->old));
    assert_int_equal(apply(f, 1), STATUS_OK);
    assert_state(f, EPOCH, 1, FENCE);
}

/* A folder in which nothing was ever written. */
static void test_nothing_to_take(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir(f->old, 0700), 0);
    open_all(f);
    assert_state(f, 0, 0, 0);
    assert_false(meta_replica_is_lost(f->replica));
    assert_false(is_there(f->old));
}

/* It dies when all is written, before the old one got its other name: what came later is not undone. */
static void test_cut_before_the_old_one_is_gone(void **state)
{
    struct fixture *f = *state;
    old_make(f, TABLE, EPOCH);
    copy(f->old, f->kept);
    open_all(f);
    OK(apply(f, SEQUENCE + 1));
    close_all(f);
    copy(f->kept, f->old);
    open_all(f);
    assert_state(f, EPOCH, SEQUENCE + 1, FENCE);
    assert_false(is_there(f->old));
    close_all(f);
    char taken[160];
    snprintf(taken, sizeof(taken), "%s.taken-over", f->old); /* half deleted */
    copy(f->kept, taken);
    open_all(f);
    assert_state(f, EPOCH, SEQUENCE + 1, FENCE);
    assert_false(is_there(taken));
}

/* It dies between the rows and the state row: so the rows are there, and do not count. */
static void test_cut_before_the_state(void **state)
{
    static const char state_key[] = {0, 0, 0, 0, 0, 's'};
    static const struct rocks_family families[] = {
        {.name = "default"}, {.name = "data"}, {.name = "quarantine"}, {.name = "trash"}, {.name = "metadata"}};
    struct fixture *f = *state;
    const struct rocks_config config = {
        .path = f->small, .families = families, .family_count = 5, .cache_bytes = 1 << 20, .open_files_max = 64};
    struct rocks *db;
    old_make(f, TABLE, EPOCH);
    copy(f->old, f->kept);
    open_all(f);
    close_all(f);
    OK(rocks_open(&config, &db));
    OK(rocks_delete(db, 4, bytes_of(state_key, sizeof(state_key)), true));
    rocks_close(db);
    copy(f->kept, f->old);
    open_all(f);
    assert_taken_over(f);
}

/* Without room nothing is begun, and the earlier build still opens the folder. */
static void test_no_room(void **state)
{
    struct fixture *f = *state;
    char error[DISK_ERROR_MAX] = "";
    struct disk_space space;
    open_all(f);
    OK(disk_space(chunk_store_disk(f->store), &space));
    close_all(f);
    remove_all(f->small);
    small_make(f);
    old_make(f, TABLE, EPOCH);
    assert_int_equal(open_with(f, space.free_bytes * 8, error), STATUS_NO_SPACE);
    assert_non_null(strstr(error, "free some"));
    assert_true(small_opens_as_before(f));
    assert_true(is_there(f->old));
    open_all(f);
    assert_taken_over(f);
}

/* Flipped bits in the rows: it is set aside, and its fence holds; what was copied before counts for nothing. */
static void test_damaged(void **state)
{
    struct fixture *f = *state;
    struct chunk_store_info info;
    char pattern[160];
    glob_t found;
    old_make(f, TABLE, EPOCH);
    snprintf(pattern, sizeof(pattern), "%s/*.sst", f->old);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct stat file;
        assert_int_equal(stat(found.gl_pathv[i], &file), 0);
        int fd = open(found.gl_pathv[i], O_RDWR | O_CLOEXEC);
        assert_int_equal(pwrite(fd, "damage", 6, file.st_size / 2), 6);
        close(fd);
    }
    globfree(&found);
    open_all(f);
    assert_state(f, 0, 0, FENCE);
    assert_true(meta_replica_is_lost(f->replica));
    assert_false(is_there(f->old));
    OK(chunk_store_info(f->store, &info));
    assert_int_equal(info.set_aside[DISK_METADATA], 1);
    assert_int_equal(info.set_aside[DISK_CHUNKS], 0);
    assert_int_equal(info.damaged, 0);
    close_all(f);
    open_all(f);
    assert_true(meta_replica_is_lost(f->replica));
    assert_state(f, 0, 0, FENCE);
    OK(apply(f, 1));
    assert_false(meta_replica_is_lost(f->replica));
    struct buffer page;
    struct change_record record;
    buffer_init(&page, CHANGE_RECORD_MAX);
    OK(meta_replica_dump(f->replica, BYTES(""), &page));
    struct bytes rest = buffer_bytes(&page);
    OK(change_record_next(&rest, &record));
    assert_int_equal(record.count, 1);
    buffer_release(&page);
}

/* What the build before it left behind when it was killed (tests/vectors/node_of_earlier_build.tar.gz: its identity and
 * its two databases, most of it in their logs). */
static void test_folder_of_an_earlier_build(void **state)
{
    struct fixture *f = *state;
    struct chunk_store_config config = {.disk = {.path = f->directory, .node_number = 1}, .small_bytes_max = 65536};
    struct chunk_info chunks[100];
    struct change_record record;
    struct buffer page;
    uint32_t count;
    char command[512], error[DISK_ERROR_MAX] = "";
    remove_all(f->small);
    snprintf(command, sizeof(command), "tar -xzf %s/node_of_earlier_build.tar.gz -C %s", TEST_VECTORS, f->directory);
    assert_int_equal(system(command), 0);
    assert_int_equal(hex_decode(BYTES(EARLIER_CLUSTER), config.disk.cluster, CLUSTER_ID_LEN), STATUS_OK);
    OK(chunk_store_open(&config, &f->store, error));
    OK(meta_replica_open(f->store, &f->replica, error));
    assert_state(f, EARLIER_EPOCH, EARLIER_SEQUENCE, 0);
    assert_false(is_there(f->old));
    OK(chunk_store_inventory(f->store, NULL, chunks, 100, &count));
    assert_int_equal(count, EARLIER_CHUNKS);
    for (uint32_t i = 0; i < count; i++)
        OK(chunk_store_verify(f->store, &chunks[i].id));
    buffer_init(&page, CHANGE_RECORD_MAX);
    OK(meta_replica_dump(f->replica, BYTES(""), &page));
    struct bytes rest = buffer_bytes(&page);
    OK(change_record_next(&rest, &record));
    assert_int_equal(record.count, EARLIER_ROWS);
    buffer_release(&page);
}

int main(void)
{
#define TAKEOVER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TAKEOVER_TEST(test_taken_over),      TAKEOVER_TEST(test_only_a_fence),
        TAKEOVER_TEST(test_nothing_to_take), TAKEOVER_TEST(test_cut_before_the_old_one_is_gone),
        TAKEOVER_TEST(test_no_room),         TAKEOVER_TEST(test_cut_before_the_state),
        TAKEOVER_TEST(test_damaged),         TAKEOVER_TEST(test_folder_of_an_earlier_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Flipped bits in the table files of a node's database: the damaged one is set aside and a new one made, chunks that
 * are files stay, small ones come back but for those that were hit, and nothing is ever read wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "storage/node/chunk_store.h"
#include "storage/node/meta_replica.h"
#include "storage/node/salvage.h"
#include "storage/node/set_aside.h"

#define OK(call)    assert_int_equal((call), STATUS_OK)
#define SMALL_COUNT 2000
#define SMALL_SIZE  1000u
#define LARGE_SIZE  200001u

struct fixture {
    char directory[64];
    struct chunk_store *store;
    struct chunk_id small[SMALL_COUNT], large, trashed;
    unsigned damages; /* calls of on_damage */
    uint8_t payload[LARGE_SIZE + SMALL_COUNT];
};

static void damage_seen(void *arg)
{
    ((struct fixture *)arg)->damages++;
}

static enum status store_open(struct fixture *f, unsigned set_aside_bits, char error[DISK_ERROR_MAX])
{
    struct chunk_store_config config = {
        .disk = {.path = f->directory,
                 .node_number = 3,
                 .reserve_bytes = 1 << 20,
                 .on_damage = damage_seen,
                 .on_damage_arg = f,
                 .set_aside = set_aside_bits},
        .small_bytes_max = 65536,
    };
    memset(config.disk.cluster, 0x5a, CLUSTER_ID_LEN);
    return chunk_store_open(&config, &f->store, error);
}

static void store_reopen(struct fixture *f, unsigned set_aside_bits)
{
    char error[DISK_ERROR_MAX] = "";
    chunk_store_close(f->store);
    f->store = NULL;
    OK(store_open(f, set_aside_bits, error));
}

static enum status put(struct fixture *f, const struct chunk_id *id, unsigned from, uint32_t size)
{
    struct chunk_put *writer = chunk_put_create(f->store, id, size);
    enum status status = chunk_put_append(writer, f->payload + from, size);
    if (!status)
        status = chunk_put_commit(writer);
    chunk_put_free(writer);
    return status;
}

/* Compares what is read. */
static enum status get(struct fixture *f, const struct chunk_id *id, unsigned from, uint32_t size)
{
    struct store_reader reader;
    uint8_t block[CHUNK_BLOCK_BYTES];
    enum status status = store_reader_open(&reader, f->store, id);
    if (status)
        return status;
    assert_int_equal(reader.head.size, size);
    for (uint32_t i = 0; !status && i < chunk_block_count(size); i++) {
        status = store_reader_read(&reader, i, 1, block);
        if (!status)
            assert_memory_equal(block, f->payload + from + i * CHUNK_BLOCK_BYTES, chunk_block_len(&reader.head, i));
    }
    store_reader_release(&reader);
    return status;
}

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    char error[DISK_ERROR_MAX] = "";
    *state = f;
    strcpy(f->directory, "/tmp/tercet-damage-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    for (size_t i = 0; i < sizeof(f->payload); i++)
        f->payload[i] = (uint8_t)(i * 2654435761u >> 13);
    OK(store_open(f, 0, error));
    for (unsigned i = 0; i < SMALL_COUNT; i++) {
        chunk_id_create(&f->small[i]);
        OK(put(f, &f->small[i], i, SMALL_SIZE));
    }
    chunk_id_create(&f->large);
    OK(put(f, &f->large, 0, LARGE_SIZE));
    chunk_id_create(&f->trashed);
    OK(put(f, &f->trashed, 1, LARGE_SIZE));
    OK(chunk_store_trash(f->store, &f->trashed));
    store_reopen(f, 0); /* moves the rows from the log to table files */
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    chunk_store_close(f->store);
    nftw(f->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static void tables_find(struct fixture *f, glob_t *found)
{
    char pattern[128];
    snprintf(pattern, sizeof(pattern), "%s/small/*.sst", f->directory);
    assert_int_equal(glob(pattern, 0, NULL, found), 0);
}

static unsigned table_number(const char *path)
{
    return (unsigned)strtoul(strrchr(path, '/') + 1, NULL, 10);
}

static unsigned newest_table(struct fixture *f)
{
    unsigned newest = 0;
    glob_t found;
    tables_find(f, &found);
    for (size_t i = 0; i < found.gl_pathc; i++)
        newest = table_number(found.gl_pathv[i]) > newest ? table_number(found.gl_pathv[i]) : newest;
    globfree(&found);
    return newest;
}

/* A bit at `at` (0: in the first quarter) of every large enough table of the database that is newer than that one. */
static void tables_damage_at(struct fixture *f, unsigned newer_than, off_t size_min, off_t at)
{
    struct stat info;
    unsigned damaged = 0;
    glob_t found;
    tables_find(f, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        uint8_t byte;
        assert_int_equal(stat(found.gl_pathv[i], &info), 0);
        if (info.st_size < size_min || table_number(found.gl_pathv[i]) <= newer_than)
            continue;
        off_t place = at ? at : info.st_size / 4;
        int fd = open(found.gl_pathv[i], O_RDWR | O_CLOEXEC);
        assert_int_equal(pread(fd, &byte, 1, place), 1);
        byte ^= 4;
        assert_int_equal(pwrite(fd, &byte, 1, place), 1);
        close(fd);
        damaged++;
    }
    globfree(&found);
    assert_true(damaged > 0);
}

static void tables_damage(struct fixture *f, unsigned newer_than, off_t size_min)
{
    tables_damage_at(f, newer_than, size_min, 0);
}

static unsigned set_aside_count(struct fixture *f)
{
    struct chunk_store_info info;
    OK(chunk_store_info(f->store, &info));
    assert_int_equal(info.damaged, 0);
    return info.set_aside[DISK_CHUNKS];
}

/* How many small chunks can be read; the others are not there. */
static unsigned small_readable(struct fixture *f)
{
    unsigned count = 0;
    for (unsigned i = 0; i < SMALL_COUNT; i++) {
        enum status status = get(f, &f->small[i], i, SMALL_SIZE);
        assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
        count += status == STATUS_OK;
    }
    return count;
}

static void assert_recovered(struct fixture *f)
{
    assert_int_equal(set_aside_count(f), 1);
    assert_int_equal(small_readable(f), 0); /* others have them */
    OK(get(f, &f->large, 0, LARGE_SIZE));
    OK(get(f, &f->trashed, 1, LARGE_SIZE)); /* its row is gone: in service again */
    salvage_all(f->store);
    unsigned count = small_readable(f);
    assert_true(count > SMALL_COUNT * 92 / 100 && count < SMALL_COUNT); /* one block of rows */
    assert_int_equal(chunk_store_chunks(f->store), count + 2);
    for (unsigned i = 0; i < SMALL_COUNT; i++) { /* as repair does */
        enum status status = put(f, &f->small[i], i, SMALL_SIZE);
        assert_true(status == STATUS_OK || status == STATUS_EXISTS);
    }
    store_reopen(f, 0);
    assert_int_equal(set_aside_count(f), 1); /* kept */
    assert_int_equal(small_readable(f), SMALL_COUNT);
    assert_null(salvage_start(f->store)); /* it was through */
}

static void test_damage_found_at_start(void **state)
{
    struct fixture *f = *state;
    chunk_store_close(f->store);
    f->store = NULL;
    tables_damage(f, 0, 30000);
    char error[DISK_ERROR_MAX] = "";
    OK(store_open(f, 0, error));
    assert_recovered(f);
}

static void test_damage_found_while_running(void **state)
{
    struct fixture *f = *state;
    struct chunk_info info;
    unsigned damaged = 0;
    tables_damage(f, 0, 30000);
    for (unsigned i = 0; i < SMALL_COUNT; i++) {
        enum status status = chunk_store_stat(f->store, &f->small[i], &info);
        assert_true(status == STATUS_OK || status == STATUS_DAMAGED);
        damaged += status == STATUS_DAMAGED;
    }
    assert_true(damaged > 0 && damaged < SMALL_COUNT / 10);
    assert_int_equal(f->damages, 1);
    assert_int_equal(disk_damaged(chunk_store_disk(f->store)), 1u << DISK_CHUNKS);
    assert_false(chunk_store_failed(f->store));
    struct chunk_id id;
    chunk_id_create(&id);
    assert_int_equal(put(f, &id, 0, SMALL_SIZE), STATUS_DAMAGED); /* it would be set aside, too */
    assert_int_equal(put(f, &id, 0, LARGE_SIZE), STATUS_DAMAGED);
    assert_int_equal(chunk_store_delete(f->store, &f->large), STATUS_DAMAGED);
    OK(get(f, &f->large, 0, LARGE_SIZE));
    store_reopen(f, disk_damaged(chunk_store_disk(f->store)));
    assert_recovered(f);
}

static void test_a_missing_table_is_damage(void **state)
{
    struct fixture *f = *state;
    char pattern[128], error[DISK_ERROR_MAX] = "";
    glob_t found;
    chunk_store_close(f->store);
    f->store = NULL;
    snprintf(pattern, sizeof(pattern), "%s/small/*.sst", f->directory);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        assert_int_equal(unlink(found.gl_pathv[i]), 0);
    globfree(&found);
    OK(store_open(f, 0, error));
    assert_int_equal(set_aside_count(f), 1);
    salvage_all(f->store);
    assert_int_equal(small_readable(f), 0);
    OK(get(f, &f->large, 0, LARGE_SIZE));
}

/* Damage up to the last row: behind it there is nothing from which the walk could go on, and it ends. */
static void test_damage_at_the_end(void **state)
{
    struct fixture *f = *state;
    char pattern[128];
    struct stat info;
    glob_t found;
    snprintf(pattern, sizeof(pattern), "%s/small/*.sst", f->directory);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        assert_int_equal(stat(found.gl_pathv[i], &info), 0);
        int fd = open(found.gl_pathv[i], O_RDWR | O_CLOEXEC);
        for (off_t at = info.st_size - 16000; at > 0 && at < info.st_size - 4500; at += 500)
            assert_int_equal(pwrite(fd, "damage", 6, at), 6); /* the last blocks of rows, and the filter behind them */
        close(fd);
    }
    globfree(&found);
    store_reopen(f, 1u << DISK_CHUNKS);
    salvage_all(f->store);
    unsigned count = small_readable(f);
    assert_true(count > SMALL_COUNT / 2 && count < SMALL_COUNT);
    assert_null(salvage_start(f->store));
}

/* A database that cannot be opened once has not been through. */
static void test_salvage_is_tried_again(void **state)
{
    struct fixture *f = *state;
    char names[SET_ASIDE_MAX][SET_ASIDE_NAME_MAX], current[192], away[200];
    store_reopen(f, 1u << DISK_CHUNKS);
    assert_int_equal(set_aside_names(chunk_store_disk(f->store), DISK_CHUNKS, names), 1);
    snprintf(current, sizeof(current), "%s/%s/CURRENT", f->directory, names[0]);
    snprintf(away, sizeof(away), "%s.away", current);
    assert_int_equal(rename(current, away), 0);
    salvage_all(f->store);
    assert_int_equal(small_readable(f), 0);
    assert_int_equal(rename(away, current), 0);
    salvage_all(f->store);
    assert_int_equal(small_readable(f), SMALL_COUNT);
    assert_null(salvage_start(f->store));
}

static void test_what_is_kept_is_bounded_and_never_deleted(void **state)
{
    struct fixture *f = *state;
    char error[DISK_ERROR_MAX] = "";
    for (unsigned i = 0; i < SET_ASIDE_MAX; i++)
        store_reopen(f, 1u << DISK_CHUNKS);
    assert_int_equal(set_aside_count(f), SET_ASIDE_MAX);
    chunk_store_close(f->store);
    f->store = NULL;
    assert_int_equal(store_open(f, 1u << DISK_CHUNKS, error), STATUS_LIMIT);
    assert_non_null(strstr(error, "set aside before"));
    OK(store_open(f, 0, error)); /* as it was */
    assert_int_equal(set_aside_count(f), SET_ASIDE_MAX);
}

/* ---- the replica of the metadata ----------------------------------------------------------------------------- */

#define EPOCH (UINT64_C(7) << 32 | 77)

static void replica_fill(struct meta_replica *replica)
{
    struct buffer out;
    char key[32];
    buffer_init(&out, 1u << 20);
    for (unsigned i = 1; i <= 2000; i++) {
        size_t start;
        snprintf(key, sizeof(key), "key-%06u", i);
        OK(change_record_begin(&out, &start));
        OK(change_append(&out, &(struct change){CHANGE_PUT, 2, bytes_from_str(key), BYTES("value of a row")}));
        OK(change_record_seal(&out, start, EPOCH, i, 1));
    }
    OK(meta_replica_apply(replica, buffer_bytes(&out)));
    buffer_release(&out);
}

static void replica_reopen(struct fixture *f, struct meta_replica **replica, unsigned set_aside_bits)
{
    char error[DISK_ERROR_MAX] = "";
    meta_replica_close(*replica);
    store_reopen(f, set_aside_bits);
    OK(meta_replica_open(f->store, replica, error));
}

static void assert_lost(struct meta_replica *replica)
{
    struct meta_replica_state now;
    meta_replica_state(replica, &now);
    assert_true(meta_replica_is_lost(replica));
    assert_true(now.epoch == 0 && now.sequence == 0);
    assert_int_equal(now.fence, 5); /* whoever was shut out stays so */
}

/* Its rows are damaged, so the database is set aside; the small chunks in it come back out of it, the replica from the
 * gateway. */
static void test_a_damaged_replica_begins_anew(void **state)
{
    struct fixture *f = *state;
    struct meta_replica *replica = NULL;
    char error[DISK_ERROR_MAX] = "";
    struct buffer page;
    OK(meta_replica_open(f->store, &replica, error));
    assert_false(meta_replica_is_lost(replica));
    OK(meta_replica_fence(replica, 5));
    replica_fill(replica);
    unsigned before = newest_table(f);
    replica_reopen(f, &replica, 0); /* moves the rows to a table file */
    tables_damage(f, before, 4000);
    buffer_init(&page, CHANGE_RECORD_MAX);
    assert_int_equal(meta_replica_dump(replica, BYTES(""), &page), STATUS_DAMAGED);
    buffer_release(&page);
    assert_int_equal(disk_damaged(chunk_store_disk(f->store)), 1u << DISK_CHUNKS);
    replica_reopen(f, &replica, disk_damaged(chunk_store_disk(f->store)));
    assert_lost(replica);
    assert_int_equal(set_aside_count(f), 1);
    salvage_all(f->store);
    assert_int_equal(small_readable(f), SMALL_COUNT);
    replica_fill(replica);
    assert_false(meta_replica_is_lost(replica));
    meta_replica_close(replica);
}

/* The state row itself cannot be read: that is known when the database can still be set aside. */
static void test_damage_of_the_state_is_found_at_start(void **state)
{
    struct fixture *f = *state;
    struct meta_replica *replica = NULL;
    char error[DISK_ERROR_MAX] = "";
    OK(meta_replica_open(f->store, &replica, error));
    replica_fill(replica);
    unsigned before = newest_table(f);
    replica_reopen(f, &replica, 0);
    meta_replica_close(replica);
    replica = NULL;
    chunk_store_close(f->store);
    f->store = NULL;
    tables_damage_at(f, before, 4000, 40);
    OK(store_open(f, 0, error));
    OK(meta_replica_open(f->store, &replica, error));
    assert_true(meta_replica_is_lost(replica));
    assert_int_equal(set_aside_count(f), 1);
    meta_replica_close(replica);
}

/* The node dies after a damaged database got its other name, before and after a new one was made. */
static void test_a_set_aside_that_was_cut_keeps_the_fence(void **state)
{
    struct fixture *f = *state;
    struct meta_replica *replica = NULL;
    char from[128], to[128], error[DISK_ERROR_MAX] = "";
    OK(meta_replica_open(f->store, &replica, error));
    OK(meta_replica_fence(replica, 5));
    replica_fill(replica);
    snprintf(from, sizeof(from), "%s/small", f->directory);
    snprintf(to, sizeof(to), "%s/small.damaged-20260101T000000.000Z", f->directory);
    for (int made = 0; made < 2; made++) {
        meta_replica_close(replica);
        chunk_store_close(f->store);
        f->store = NULL;
        if (made) {
            nftw(from, remove_one, 16, FTW_DEPTH | FTW_PHYS);
            assert_int_equal(mkdir(from, 0700), 0);
        } else {
            assert_int_equal(rename(from, to), 0);
        }
        OK(store_open(f, 0, error));
        OK(meta_replica_open(f->store, &replica, error));
        assert_lost(replica);
    }
    meta_replica_close(replica);
}

int main(void)
{
#define DAMAGE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        DAMAGE_TEST(test_damage_found_at_start),
        DAMAGE_TEST(test_damage_found_while_running),
        DAMAGE_TEST(test_a_missing_table_is_damage),
        DAMAGE_TEST(test_what_is_kept_is_bounded_and_never_deleted),
        DAMAGE_TEST(test_a_damaged_replica_begins_anew),
        DAMAGE_TEST(test_a_set_aside_that_was_cut_keeps_the_fence),
        DAMAGE_TEST(test_damage_of_the_state_is_found_at_start),
        DAMAGE_TEST(test_salvage_is_tried_again),
        DAMAGE_TEST(test_damage_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

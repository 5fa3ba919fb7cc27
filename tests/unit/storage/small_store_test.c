/* The store of small chunks where RocksDB's answer is not what it seems, reads that do not wait, and what its files
 * take of the disk. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "storage/node/small_store.h"

#define CHUNKS 20 /* more tables than RocksDB opens at the start */

static char directory[64];

static int setup(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/tercet-small-XXXXXX");
    assert_non_null(mkdtemp(directory));
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
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static struct small_store *store_open(struct disk *disk)
{
    struct disk_config config = {.path = directory, .node_number = 3, .reserve_bytes = 1 << 20};
    struct small_store *store;
    char error[DISK_ERROR_MAX];

    assert_int_equal(disk_open(disk, &config, error), STATUS_OK);
    assert_int_equal(small_store_open(disk, &store, error), STATUS_OK);
    return store;
}

static void store_close(struct small_store *store, struct disk *disk)
{
    small_store_close(store);
    disk_close(disk);
}

/* Writes each row of that family again, into a table of its own. */
static void family_rewrite(rocksdb_t *db, rocksdb_column_family_handle_t *family)
{
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    rocksdb_iterator_t *iterator = rocksdb_create_iterator_cf(db, read, family);
    char *error = NULL;

    for (rocksdb_iter_seek_to_first(iterator); rocksdb_iter_valid(iterator); rocksdb_iter_next(iterator)) {
        size_t key_len, value_len;
        const char *key = rocksdb_iter_key(iterator, &key_len), *value = rocksdb_iter_value(iterator, &value_len);
        rocksdb_put_cf(db, write, family, key, key_len, value, value_len, &error);
        assert_null(error);
        rocksdb_flush_cf(db, flush, family, &error);
        assert_null(error);
    }
    rocksdb_iter_destroy(iterator);
    rocksdb_flushoptions_destroy(flush);
    rocksdb_writeoptions_destroy(write);
    rocksdb_readoptions_destroy(read);
}

static void spread_over_tables(void)
{
    static const char *const names[] = {"default", "data", "quarantine", "trash", "metadata"};
    rocksdb_options_t *options = rocksdb_options_create();
    const rocksdb_options_t *family_options[] = {options, options, options, options, options};
    rocksdb_column_family_handle_t *families[5];
    char path[96], *error = NULL;

    snprintf(path, sizeof(path), "%s/small", directory);
    rocksdb_options_set_disable_auto_compactions(options, 1);
    rocksdb_t *db = rocksdb_open_column_families(options, path, 5, names, family_options, families, &error);
    assert_null(error);
    family_rewrite(db, families[0]);
    family_rewrite(db, families[1]);
    for (int i = 0; i < 5; i++)
        rocksdb_column_family_handle_destroy(families[i]);
    rocksdb_close(db);
    rocksdb_options_destroy(options);
}

/* After a start RocksDB has opened only 16 of its tables. What is in another may not be known to a read in memory; it
 * is no error of the disk. */
static void test_tables_not_opened(void **state)
{
    struct index_entry entries[CHUNKS], entry;
    struct small_value value;
    struct disk disk;

    (void)state;
    struct small_store *store = store_open(&disk);
    for (int i = 0; i < CHUNKS; i++) {
        entries[i] = (struct index_entry){.size = 5, .stored_ms = i + 1};
        chunk_id_create(&entries[i].id);
        const struct small_row row = {entries[i], BYTES("by"), BYTES("tes")};
        assert_int_equal(small_store_put(store, &row, 1), STATUS_OK);
    }
    store_close(store, &disk);
    spread_over_tables();
    store = store_open(&disk);
    for (int reach = SMALL_IN_MEMORY; reach >= SMALL_ANYWHERE; reach--)
        for (int i = 0; i < CHUNKS; i++) {
            enum status status = small_store_lookup(store, reach, &entries[i].id, &entry);
            assert_true(status == STATUS_OK || (reach == SMALL_IN_MEMORY && status == STATUS_UNAVAILABLE));
            if (!status)
                assert_int_equal(entry.stored_ms, i + 1);
            status = small_store_get(store, reach, &entries[i].id, &value);
            assert_true(status == STATUS_OK || (reach == SMALL_IN_MEMORY && status == STATUS_UNAVAILABLE));
            if (!status)
                assert_int_equal(value.len, 5);
            if (!status)
                small_value_release(&value);
        }
    store_close(store, &disk);
}

/* The kernel forgets the files with values. False when its file system cannot say what is cached. */
static bool forget_values(void)
{
    char path[96], byte;
    struct iovec piece = {&byte, 1};
    struct dirent *entry;
    bool can_tell = true;

    snprintf(path, sizeof(path), "%s/small", directory);
    DIR *files = opendir(path);
    assert_non_null(files);
    while ((entry = readdir(files)) != NULL) {
        if (!strstr(entry->d_name, ".blob"))
            continue;
        int fd = openat(dirfd(files), entry->d_name, O_RDONLY);
        assert_int_equal(fdatasync(fd), 0);
        assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
        if (preadv2(fd, &piece, 0, 0, RWF_NOWAIT) < 0)
            can_tell = false;
        close(fd);
    }
    closedir(files);
    return can_tell;
}

static enum status value_check(struct small_store *store, enum small_reach reach, const struct small_row *row)
{
    struct small_value value;
    enum status status = small_store_get(store, reach, &row->entry.id, &value);
    if (status)
        return status;
    assert_int_equal(value.len, small_row_len(row));
    assert_memory_equal(value.data, row->head.data, row->head.len);
    assert_memory_equal(value.data + row->head.len, row->payload.data, row->payload.len);
    small_value_release(&value);
    return STATUS_OK;
}

/* A read that finds nothing has the kernel fetch it, and finds it after all when the disk is faster than the read: at
 * times it is, when other programs have the processor. */
static void assert_not_waited_for(struct small_store *store, const struct small_row *row)
{
    enum status status = STATUS_OK;

    for (unsigned tries = 0; status == STATUS_OK && tries < 1000; tries++) {
        forget_values();
        status = value_check(store, SMALL_IN_MEMORY, row);
    }
    assert_int_equal(status, STATUS_UNAVAILABLE);
}

/* What the kernel has is read on the loop; what it does not have is not waited for, and no error of the disk. */
static void test_page_cache(void **state)
{
    static char bytes[4096];
    struct small_row row = {
        {.size = sizeof(bytes), .stored_ms = 1}, bytes_of(bytes, 80), bytes_of(bytes + 80, sizeof(bytes) - 80)};
    struct disk disk;

    (void)state;
    memset(bytes, 'b', sizeof(bytes));
    chunk_id_create(&row.entry.id);
    struct small_store *store = store_open(&disk);
    assert_int_equal(small_store_put(store, &row, 1), STATUS_OK);
    store_close(store, &disk);
    store = store_open(&disk); /* it writes what was in the log to a table and a file with values */
    if (!forget_values()) {
        store_close(store, &disk);
        skip();
    }
    assert_not_waited_for(store, &row);
    assert_int_equal(value_check(store, SMALL_ANYWHERE, &row), STATUS_OK);
    assert_int_equal(value_check(store, SMALL_IN_MEMORY, &row), STATUS_OK);
    assert_not_waited_for(store, &row);
    assert_int_equal(value_check(store, SMALL_ANYWHERE, &row), STATUS_OK);
    assert_false(disk_failed(&disk));
    store_close(store, &disk);
}

/* Of the files whose names have that in them. */
static uint64_t disk_bytes(const char *part)
{
    char path[96];
    struct dirent *entry;
    struct stat info;
    uint64_t bytes = 0;

    snprintf(path, sizeof(path), "%s/small", directory);
    DIR *files = opendir(path);
    assert_non_null(files);
    while ((entry = readdir(files)) != NULL)
        if (strstr(entry->d_name, part) && fstatat(dirfd(files), entry->d_name, &info, 0) == 0)
            bytes += (uint64_t)info.st_blocks * 512;
    closedir(files);
    return bytes;
}

static bool becomes_at_most(const char *part, uint64_t bytes)
{
    uint64_t deadline_ms = clock_monotonic_ms() + 30000;
    while (disk_bytes(part) > bytes && clock_monotonic_ms() < deadline_ms)
        usleep(10000);
    return disk_bytes(part) <= bytes;
}

/* Writes so many MiB of the largest small chunks, 16 to a MiB. */
static void store_fill(struct small_store *store, struct index_entry *entries, unsigned mib)
{
    static char bytes[64 << 10];
    struct small_row rows[16];

    for (unsigned i = 0; i < mib; i++) {
        for (unsigned row = 0; row < 16; row++) {
            rows[row] = (struct small_row){
                {.size = sizeof(bytes), .stored_ms = 1}, bytes_of(bytes, 80), bytes_of(bytes + 80, sizeof(bytes) - 80)};
            chunk_id_create(&rows[row].entry.id);
            entries[16 * i + row] = rows[row].entry;
        }
        assert_int_equal(small_store_put(store, rows, 16), STATUS_OK);
    }
}

/* What was written to files with values does not stay in the logs, too, because a family with small rows waits there.
 * What is deleted is freed without further writes that would fill a table. */
static void test_disk(void **state)
{
    static struct index_entry entries[16 * 96];
    struct disk disk;

    (void)state;
    struct small_store *store = store_open(&disk);
    store_fill(store, entries, 96);
    assert_true(becomes_at_most(".log", 40u << 20));
    assert_true(disk_bytes("MANIFEST") <= 1u << 20);
    assert_true(disk_bytes(".blob") >= 60u << 20); /* at most 32 MiB are in memtables */
    for (unsigned i = 0; i < 16 * 64; i += 128)
        assert_int_equal(small_store_delete(store, entries + i, 128), STATUS_OK);
    assert_true(becomes_at_most(".blob", 52u << 20)); /* 32 MiB, and a file that begins with deleted ones */
    store_close(store, &disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tables_not_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(test_page_cache, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disk, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

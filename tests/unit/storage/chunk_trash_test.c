/* The trash on a real directory: what is in it is out of service but not lost, whatever happens on the way. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/log.h"
#include "storage/node/chunk_store.h"
#include "storage/node/trash_emptier.h"

#define SMALL_SIZE 5000u
#define LARGE_SIZE 300001u
#define PATH_SIZE  256

static char directory[64];
static uint8_t payload[LARGE_SIZE];
static struct chunk_store *store;

static void store_start(void)
{
    char error[DISK_ERROR_MAX];
    struct chunk_store_config config = {
        .disk = {.path = directory, .node_number = 3, .reserve_bytes = 1 << 20},
        .small_bytes_max = 65536,
    };
    assert_int_equal(chunk_store_open(&config, &store, error), STATUS_OK);
}

static void store_restart(void)
{
    chunk_store_close(store);
    store_start();
}

static int setup(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/tercet-trash-XXXXXX");
    assert_non_null(mkdtemp(directory));
    for (unsigned i = 0; i < LARGE_SIZE; i++)
        payload[i] = (uint8_t)(i * 2654435761u >> 13);
    store_start();
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
    chunk_store_close(store);
    store = NULL;
    return nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- helpers ------------------------------------------------------------------------------------------------- */

static enum status put(const struct chunk_id *id, uint32_t size)
{
    struct chunk_put *writer = chunk_put_create(store, id, size);
    enum status status = chunk_put_append(writer, payload, size);
    if (!status)
        status = chunk_put_commit(writer);
    chunk_put_free(writer);
    return status;
}

static struct chunk_id put_new(uint32_t size)
{
    struct chunk_id id;
    chunk_id_create(&id);
    assert_int_equal(put(&id, size), STATUS_OK);
    return id;
}

static enum status get(const struct chunk_id *id, uint32_t size)
{
    struct store_reader reader;
    uint8_t block[CHUNK_BLOCK_BYTES];
    enum status status = store_reader_open(&reader, store, id);
    if (status)
        return status;
    assert_int_equal(reader.head.size, size);
    for (uint32_t i = 0; !status && i < chunk_block_count(size); i++) {
        status = store_reader_read(&reader, i, 1, block);
        if (!status)
            assert_memory_equal(block, payload + i * CHUNK_BLOCK_BYTES, chunk_block_len(&reader.head, i));
    }
    store_reader_release(&reader);
    return status;
}

static void path_of(char out[PATH_SIZE], const struct chunk_id *id, bool in_trash)
{
    char text[CHUNK_ID_TEXT_LEN + 1];
    chunk_id_format(id, text);
    if (in_trash)
        snprintf(out, PATH_SIZE, "%s/trash/%s", directory, text);
    else
        snprintf(out, PATH_SIZE, "%s/chunks/%s/%s", directory, text + CHUNK_ID_TEXT_LEN - 2, text);
}

static bool file_exists(const struct chunk_id *id, bool in_trash)
{
    char path[PATH_SIZE];
    path_of(path, id, in_trash);
    return access(path, F_OK) == 0;
}

static void assert_counts(uint64_t chunks, uint64_t bytes, uint64_t trash_chunks, uint64_t trash_bytes)
{
    struct chunk_store_info info;
    assert_int_equal(chunk_store_info(store, &info), STATUS_OK);
    assert_int_equal(info.chunks, chunks);
    assert_int_equal(info.bytes, bytes);
    assert_int_equal(info.trash_chunks, trash_chunks);
    assert_int_equal(info.trash_bytes, trash_bytes);
}

static uint32_t listed(bool in_trash)
{
    struct chunk_info chunks[8];
    struct trashed_chunk trashed[8];
    uint32_t count = 0;
    if (in_trash)
        assert_int_equal(chunk_store_trash_list(store, NULL, trashed, 8, &count), STATUS_OK);
    else
        assert_int_equal(chunk_store_inventory(store, NULL, chunks, 8, &count), STATUS_OK);
    return count;
}

static void assert_in_trash(const struct chunk_id *id, uint32_t size)
{
    struct chunk_info info;
    assert_int_equal(get(id, size), STATUS_NOT_FOUND);
    assert_int_equal(chunk_store_stat(store, id, &info), STATUS_NOT_FOUND);
    assert_int_equal(listed(false), 0);
    assert_int_equal(listed(true), 1);
    assert_counts(0, 0, 1, size);
}

static void assert_in_service(const struct chunk_id *id, uint32_t size)
{
    assert_int_equal(get(id, size), STATUS_OK);
    assert_int_equal(listed(false), 1);
    assert_int_equal(listed(true), 0);
    assert_counts(1, size, 0, 0);
}

/* ---- there and back ------------------------------------------------------------------------------------------ */

static void there_and_back(uint32_t size)
{
    struct chunk_id id = put_new(size);
    assert_int_equal(chunk_store_trash(store, &id), STATUS_OK);
    assert_in_trash(&id, size);
    assert_int_equal(chunk_store_trash(store, &id), STATUS_OK);
    store_restart();
    assert_in_trash(&id, size);
    assert_int_equal(chunk_store_restore(store, &id, NULL), STATUS_OK);
    assert_in_service(&id, size);
    assert_int_equal(chunk_store_restore(store, &id, NULL), STATUS_OK);
    store_restart();
    assert_in_service(&id, size);
}

static void a_small_chunk_goes_there_and_back(void **state)
{
    (void)state;
    there_and_back(SMALL_SIZE);
}

static void a_large_chunk_goes_there_and_back(void **state)
{
    (void)state;
    there_and_back(LARGE_SIZE);
}

static void unknown_chunks_are_not_found(void **state)
{
    struct chunk_id id;
    (void)state;
    chunk_id_create(&id);
    assert_int_equal(chunk_store_trash(store, &id), STATUS_NOT_FOUND);
    assert_int_equal(chunk_store_restore(store, &id, NULL), STATUS_NOT_FOUND);
    assert_int_equal(chunk_store_trash_purge(store, &id, INT64_MAX), STATUS_NOT_FOUND);
    assert_counts(0, 0, 0, 0);
}

static void the_list_pages_in_order_and_tells_since_when(void **state)
{
    struct trashed_chunk page[2];
    struct chunk_id previous;
    uint32_t count, total = 0;
    int64_t before = clock_wall_ms();
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct chunk_id id = put_new(i % 2 ? SMALL_SIZE : LARGE_SIZE);
        assert_int_equal(chunk_store_trash(store, &id), STATUS_OK);
    }
    do {
        assert_int_equal(chunk_store_trash_list(store, total ? &previous : NULL, page, 2, &count), STATUS_OK);
        for (uint32_t i = 0; i < count; i++, total++) {
            assert_true(total == 0 || memcmp(&previous, &page[i].id, sizeof(previous)) < 0);
            assert_true(page[i].trashed_ms >= before && page[i].trashed_ms <= clock_wall_ms());
            assert_true(page[i].size == SMALL_SIZE || page[i].size == LARGE_SIZE);
            previous = page[i].id;
        }
    } while (count == 2);
    assert_int_equal(total, 5);
}

static void expects(uint32_t size)
{
    struct chunk_id id = put_new(size);
    struct chunk_expected right = {size, crc32c_update(0, payload, size)}, wrong = {size, right.crc32c ^ 1};
    assert_int_equal(chunk_store_restore(store, &id, &right), STATUS_OK);
    assert_int_equal(chunk_store_restore(store, &id, &wrong), STATUS_CONFLICT);
    assert_int_equal(chunk_store_trash(store, &id), STATUS_OK);
    assert_int_equal(chunk_store_restore(store, &id, &wrong), STATUS_CONFLICT);
    wrong = (struct chunk_expected){size - 1, right.crc32c};
    assert_int_equal(chunk_store_restore(store, &id, &wrong), STATUS_CONFLICT);
    assert_int_equal(chunk_store_stat(store, &id, &(struct chunk_info){0}), STATUS_NOT_FOUND);
    assert_int_equal(chunk_store_restore(store, &id, &right), STATUS_OK);
    assert_int_equal(get(&id, size), STATUS_OK);
}

static void only_what_is_expected_comes_back(void **state)
{
    (void)state;
    expects(SMALL_SIZE);
    expects(LARGE_SIZE);
}

/* ---- emptying ------------------------------------------------------------------------------------------------ */

static void purged(uint32_t size)
{
    struct trashed_chunk trashed;
    uint32_t count;
    struct chunk_id id = put_new(size);
    assert_int_equal(chunk_store_trash(store, &id), STATUS_OK);
    assert_int_equal(chunk_store_trash_list(store, NULL, &trashed, 1, &count), STATUS_OK);
    assert_int_equal(chunk_store_trash_purge(store, &id, trashed.trashed_ms - 1), STATUS_NOT_FOUND);
    assert_in_trash(&id, size);
    assert_int_equal(chunk_store_trash_purge(store, &id, trashed.trashed_ms), STATUS_OK);
    assert_counts(0, 0, 0, 0);
    assert_false(file_exists(&id, true));
    assert_int_equal(chunk_store_restore(store, &id, NULL), STATUS_NOT_FOUND);
    store_restart();
    assert_counts(0, 0, 0, 0);
    assert_int_equal(put(&id, size), STATUS_OK);
    assert_in_service(&id, size);
}

static void what_is_purged_is_gone(void **state)
{
    (void)state;
    purged(SMALL_SIZE);
}

static void a_purged_file_is_gone(void **state)
{
    (void)state;
    purged(LARGE_SIZE);
}

static void the_thread_empties_what_is_due(void **state)
{
    struct chunk_id small = put_new(SMALL_SIZE), large = put_new(LARGE_SIZE), kept = put_new(SMALL_SIZE);
    struct timespec pause = {.tv_nsec = 5000000};
    uint64_t give_up_ms = clock_monotonic_ms() + 60000;
    (void)state;
    assert_int_equal(chunk_store_trash(store, &small), STATUS_OK);
    assert_int_equal(chunk_store_trash(store, &large), STATUS_OK);
    struct trash_emptier *emptier = trash_emptier_start(store, 3600000);
    trash_emptier_stop(emptier);
    assert_counts(1, SMALL_SIZE, 2, SMALL_SIZE + LARGE_SIZE);
    emptier = trash_emptier_start(store, 100);
    while (listed(true) > 0 && clock_monotonic_ms() < give_up_ms)
        nanosleep(&pause, NULL);
    trash_emptier_stop(emptier);
    assert_in_service(&kept, SMALL_SIZE);
    assert_false(file_exists(&large, true));
}

static void all_of_it_can_be_taken_back(void **state)
{
    struct chunk_id ids[3] = {put_new(SMALL_SIZE), put_new(LARGE_SIZE), put_new(LARGE_SIZE)};
    char path[PATH_SIZE];
    uint64_t restored;
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(chunk_store_trash(store, &ids[i]), STATUS_OK);
    path_of(path, &ids[2], true);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(chunk_store_trash_restore_all(store, &restored), STATUS_OK);
    assert_int_equal(restored, 2);
    assert_counts(2, SMALL_SIZE + LARGE_SIZE, 0, 0);
    assert_int_equal(get(&ids[0], SMALL_SIZE), STATUS_OK);
    assert_int_equal(get(&ids[1], LARGE_SIZE), STATUS_OK);
}

/* ---- chunks that are stored again ---------------------------------------------------------------------------- */

static void stored_again(uint32_t size)
{
    struct chunk_id id = put_new(size);
    assert_int_equal(chunk_store_trash(store, &id), STATUS_OK);
    assert_int_equal(put(&id, size), STATUS_OK);
    assert_in_service(&id, size);
    assert_false(file_exists(&id, true));
    store_restart();
    assert_in_service(&id, size);
    assert_int_equal(chunk_store_delete(store, &id), STATUS_OK);
    assert_counts(0, 0, 0, 0);
}

static void a_small_chunk_that_is_stored_again_leaves_the_trash(void **state)
{
    (void)state;
    stored_again(SMALL_SIZE);
}

static void a_large_chunk_that_is_stored_again_leaves_the_trash(void **state)
{
    (void)state;
    stored_again(LARGE_SIZE);
}

/* ---- trouble on the way -------------------------------------------------------------------------------------- */

/* The state after a power failure between row and file, on the way to the trash as well as back. */
static void a_file_without_its_row_is_in_service(void **state)
{
    struct chunk_id id = put_new(LARGE_SIZE);
    char from[PATH_SIZE], to[PATH_SIZE];
    (void)state;
    assert_int_equal(chunk_store_trash(store, &id), STATUS_OK);
    path_of(from, &id, true);
    path_of(to, &id, false);
    assert_int_equal(rename(from, to), 0);
    store_restart();
    assert_int_equal(get(&id, LARGE_SIZE), STATUS_OK);
    assert_counts(1, LARGE_SIZE, 1, LARGE_SIZE);
    assert_int_equal(chunk_store_restore(store, &id, NULL), STATUS_OK);
    assert_int_equal(chunk_store_trash_purge(store, &id, INT64_MAX), STATUS_OK);
    assert_in_service(&id, LARGE_SIZE);
    store_restart();
    assert_in_service(&id, LARGE_SIZE);
}

static void a_row_left_over_does_not_hinder_the_trash(void **state)
{
    struct chunk_id id = put_new(LARGE_SIZE);
    char from[PATH_SIZE], to[PATH_SIZE];
    (void)state;
    assert_int_equal(chunk_store_trash(store, &id), STATUS_OK);
    path_of(from, &id, true);
    path_of(to, &id, false);
    assert_int_equal(rename(from, to), 0);
    store_restart();
    assert_int_equal(chunk_store_trash(store, &id), STATUS_OK);
    assert_in_trash(&id, LARGE_SIZE);
    assert_true(file_exists(&id, true));
}

static void a_bad_copy_is_not_taken_back(void **state)
{
    struct chunk_id id = put_new(LARGE_SIZE);
    struct chunk_store_info info;
    char path[PATH_SIZE];
    (void)state;
    assert_int_equal(chunk_store_trash(store, &id), STATUS_OK);
    path_of(path, &id, true);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "\xff\xfe", 2, 200000), 2);
    close(fd);
    assert_int_equal(chunk_store_restore(store, &id, NULL), STATUS_CORRUPT);
    assert_int_equal(get(&id, LARGE_SIZE), STATUS_NOT_FOUND);
    assert_counts(0, 0, 0, 0);
    assert_int_equal(chunk_store_info(store, &info), STATUS_OK);
    assert_int_equal(info.corruptions, 1);
    assert_int_equal(put(&id, LARGE_SIZE), STATUS_OK);
    assert_in_service(&id, LARGE_SIZE);
}

static void a_lost_file_is_not_found(void **state)
{
    struct chunk_id id = put_new(LARGE_SIZE), other = put_new(LARGE_SIZE);
    char path[PATH_SIZE];
    (void)state;
    assert_int_equal(chunk_store_trash(store, &id), STATUS_OK);
    path_of(path, &id, true);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(chunk_store_restore(store, &id, NULL), STATUS_NOT_FOUND);
    path_of(path, &other, false);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(chunk_store_trash(store, &other), STATUS_NOT_FOUND);
    assert_counts(0, 0, 0, 0);
    assert_int_equal(listed(true), 0);
}

static int sync_fails(int fd)
{
    (void)fd;
    errno = EIO;
    return -1;
}

static void a_failed_sync_is_reported(void **state)
{
    struct chunk_id id = put_new(LARGE_SIZE);
    (void)state;
    chunk_store_disk(store)->sync_directory = sync_fails;
    assert_int_equal(chunk_store_trash(store, &id), STATUS_IO);
    assert_true(chunk_store_failed(store));
    assert_int_equal(chunk_store_restore(store, &id, NULL), STATUS_IO);
    assert_int_equal(chunk_store_trash_purge(store, &id, INT64_MAX), STATUS_IO);
}

/* A data directory of a build that had no trash. */
static void a_directory_without_a_trash_gets_one(void **state)
{
    static const char *const names[] = {"default", "data", "quarantine", "trash", "metadata"};
    struct chunk_id small = put_new(SMALL_SIZE), large = put_new(LARGE_SIZE);
    rocksdb_options_t *options = rocksdb_options_create();
    const rocksdb_options_t *each[] = {options, options, options, options, options};
    rocksdb_column_family_handle_t *families[5];
    char path[PATH_SIZE], *failure = NULL;
    (void)state;
    chunk_store_close(store);
    snprintf(path, sizeof(path), "%s/small", directory);
    rocksdb_t *db = rocksdb_open_column_families(options, path, 5, names, each, families, &failure);
    assert_null(failure);
    for (unsigned i = 3; i < 5; i++) {
        rocksdb_drop_column_family(db, families[i], &failure);
        assert_null(failure);
    }
    for (unsigned i = 0; i < 5; i++)
        rocksdb_column_family_handle_destroy(families[i]);
    rocksdb_close(db);
    rocksdb_options_destroy(options);
    snprintf(path, sizeof(path), "%s/trash", directory);
    assert_int_equal(rmdir(path), 0);
    store_start();
    assert_int_equal(get(&small, SMALL_SIZE), STATUS_OK);
    assert_int_equal(get(&large, LARGE_SIZE), STATUS_OK);
    assert_int_equal(chunk_store_trash(store, &large), STATUS_OK);
    assert_counts(1, SMALL_SIZE, 1, LARGE_SIZE);
}

#define TRASH_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRASH_TEST(a_small_chunk_goes_there_and_back),
        TRASH_TEST(a_large_chunk_goes_there_and_back),
        TRASH_TEST(unknown_chunks_are_not_found),
        TRASH_TEST(only_what_is_expected_comes_back),
        TRASH_TEST(the_list_pages_in_order_and_tells_since_when),
        TRASH_TEST(what_is_purged_is_gone),
        TRASH_TEST(a_purged_file_is_gone),
        TRASH_TEST(the_thread_empties_what_is_due),
        TRASH_TEST(all_of_it_can_be_taken_back),
        TRASH_TEST(a_small_chunk_that_is_stored_again_leaves_the_trash),
        TRASH_TEST(a_large_chunk_that_is_stored_again_leaves_the_trash),
        TRASH_TEST(a_file_without_its_row_is_in_service),
        TRASH_TEST(a_row_left_over_does_not_hinder_the_trash),
        TRASH_TEST(a_bad_copy_is_not_taken_back),
        TRASH_TEST(a_lost_file_is_not_found),
        TRASH_TEST(a_failed_sync_is_reported),
        TRASH_TEST(a_directory_without_a_trash_gets_one),
    };
    log_init("trash-test", "test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The scrub on a real directory: it reads everything, sets aside what is damaged, and goes on where it was. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "storage/node/scrub.h"

#define CHUNKS      12
#define CHUNK_SIZE  100000u
#define PERIOD_MS   500
#define WAIT_MS_MAX 20000

static char directory[64];
static struct chunk_store *store;
static struct chunk_id ids[CHUNKS];

static void put(struct chunk_id *id)
{
    static char payload[CHUNK_SIZE];
    chunk_id_create(id);
    struct chunk_put *writer = chunk_put_create(store, id, CHUNK_SIZE);
    assert_int_equal(chunk_put_append(writer, payload, CHUNK_SIZE), STATUS_OK);
    assert_int_equal(chunk_put_commit(writer), STATUS_OK);
    chunk_put_free(writer);
}

static int setup(void **state)
{
    char error[DISK_ERROR_MAX];
    struct chunk_store_config config = {.disk = {.path = directory, .node_number = 3}, .small_bytes_max = 65536};
    (void)state;
    strcpy(directory, "/tmp/tercet-scrub-XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chunk_store_open(&config, &store, error), STATUS_OK);
    for (unsigned i = 0; i < CHUNKS; i++)
        put(&ids[i]);
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
    return nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct scrub_info wait_for(struct scrub *scrub, uint64_t chunks, uint64_t passes)
{
    uint64_t end_ms = clock_monotonic_ms() + WAIT_MS_MAX;
    struct scrub_info info;
    for (scrub_info(scrub, &info); info.chunks < chunks || info.passes < passes; scrub_info(scrub, &info)) {
        assert_true(clock_monotonic_ms() < end_ms);
        usleep(2000);
    }
    return info;
}

static void test_finds_damage(void **state)
{
    struct chunk_info info;
    char text[CHUNK_ID_TEXT_LEN + 1];
    struct scrub *scrub = scrub_start(store, "test", PERIOD_MS);
    (void)state;

    struct scrub_info first = wait_for(scrub, CHUNKS, 1);
    assert_int_equal(first.damaged, 0);
    assert_int_equal(first.bytes, first.chunks * CHUNK_SIZE);
    chunk_id_format(&ids[5], text);
    int fd = openat(disk_chunk_directory(chunk_store_disk(store), &ids[5]), text, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "x", 1, CHUNK_FILE_PAYLOAD_OFFSET + 70000), 1);
    close(fd);
    wait_for(scrub, 0, first.passes + 2); /* one pass may have been under way */
    scrub_info(scrub, &first);
    scrub_stop(scrub);
    assert_int_equal(first.damaged, 1);
    assert_int_equal(chunk_store_stat(store, &ids[5], &info), STATUS_NOT_FOUND);
    assert_int_equal(chunk_store_stat(store, &ids[6], &info), STATUS_OK);
    assert_int_equal(chunk_store_corruptions(store), 1);
}

static void test_goes_on_after_restart(void **state)
{
    struct scrub_info info;
    (void)state;

    /* So long a period that the minimum pace counts: about ten chunks in a second. */
    struct scrub *scrub = scrub_start(store, "test", 86400000);
    uint64_t read = wait_for(scrub, 3, 0).chunks;
    scrub_info(scrub, &info);
    int64_t started_ms = info.pass_started_ms;
    scrub_stop(scrub);
    assert_true(read < CHUNKS);
    scrub = scrub_start(store, "test", 86400000);
    info = wait_for(scrub, 0, 1);
    scrub_stop(scrub);
    assert_true(info.chunks >= 1 && info.chunks <= CHUNKS - read);
    assert_int_equal(info.pass_started_ms, started_ms);
    assert_int_equal(info.damaged, 0);
    int64_t ended_ms = info.last_pass_ended_ms;
    assert_true(ended_ms >= started_ms);
    /* The pass is over and its period is not: nothing more is read before, and it is known when it ended. */
    clock_hold();
    scrub = scrub_start(store, "test", 86400000);
    scrub_info(scrub, &info);
    assert_int_equal(info.last_pass_ended_ms, ended_ms);
    for (unsigned hour = 0; hour < 25 || info.chunks == 0; hour++) { /* its thread looks once a millisecond */
        clock_move_ms(3600000);
        usleep(1000);
        scrub_info(scrub, &info);
    }
    scrub_stop(scrub);
    clock_release();
    assert_true(info.pass_started_ms >= started_ms + 86400000);
    /* Nor is that forgotten in the middle of the next pass. */
    scrub = scrub_start(store, "test", 1);
    wait_for(scrub, 1, 0);
    scrub_stop(scrub);
    scrub = scrub_start(store, "test", 86400000);
    scrub_info(scrub, &info);
    scrub_stop(scrub);
    assert_true(info.last_pass_ended_ms >= ended_ms);
}

/* A file of a build that did not keep the end of the last pass: its position proves no whole pass. */
static void test_begins_anew_without_an_end(void **state)
{
    struct scrub_info info;
    char text[64] = "v1 1 ";
    (void)state;

    memset(text + strlen(text), 'f', CHUNK_ID_TEXT_LEN);
    int fd = openat(chunk_store_disk(store)->root_fd, "scrub", O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    struct scrub *scrub = scrub_start(store, "test", PERIOD_MS);
    scrub_info(scrub, &info);
    assert_int_equal(info.last_pass_ended_ms, 0);
    info = wait_for(scrub, 0, 1);
    scrub_stop(scrub);
    assert_true(info.chunks >= CHUNKS);
    assert_true(info.last_pass_ended_ms > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_finds_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_goes_on_after_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_begins_anew_without_an_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

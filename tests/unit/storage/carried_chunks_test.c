/* Small chunks that come with a record of the metadata: stored with it in one write, or with nothing of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/checksum.h"
#include "storage/node/meta_replica.h"

#define OK(call)    assert_int_equal((call), STATUS_OK)
#define EPOCH       (UINT64_C(1) << 32 | 77)
#define SMALL_BYTES 65536u
#define RESERVE     (1u << 20)

struct fixture {
    char directory[64];
    struct chunk_store *store;
    struct meta_replica *replica;
    struct buffer out; /* a request */
    size_t block;      /* where the block that is being made begins */
    char payload[200000];
};

/* RocksDB's syncs. */
static bool syncs_fail;
int fdatasync(int fd)
{
    if (!syncs_fail)
        return (int)syscall(SYS_fdatasync, fd);
    errno = EIO;
    return -1;
}

/* What the disk has free; 0: what it has. */
static uint64_t free_bytes;
int fstatvfs(int fd, struct statvfs *info)
{
    struct statfs found;
    if (fstatfs(fd, &found))
        return -1;
    uint64_t unit = free_bytes ? 1 : (uint64_t)found.f_frsize;
    *info = (struct statvfs){.f_frsize = unit,
                             .f_blocks = free_bytes ? UINT64_C(1) << 40 : found.f_blocks,
                             .f_bavail = free_bytes ? free_bytes : found.f_bavail};
    return 0;
}

static void open_all(struct fixture *f)
{
    struct chunk_store_config config = {.disk = {.path = f->directory, .node_number = 1, .reserve_bytes = RESERVE},
                                        .small_bytes_max = SMALL_BYTES};
    char error[DISK_ERROR_MAX] = "";
    OK(chunk_store_open(&config, &f->store, error));
    OK(meta_replica_open(f->store, &f->replica, error));
}

static void close_all(struct fixture *f)
{
    meta_replica_close(f->replica);
    chunk_store_close(f->store);
    f->replica = NULL;
    f->store = NULL;
}

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    strcpy(f->directory, "/tmp/tercet-carried-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    for (size_t i = 0; i < sizeof(f->payload); i++)
        f->payload[i] = (char)(i * 2654435761u >> 13);
    open_all(f);
    buffer_init(&f->out, CHANGE_BATCH_MAX);
    *state = f;
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
    syncs_fail = false;
    free_bytes = 0;
    close_all(f);
    buffer_release(&f->out);
    nftw(f->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

/* ---- requests -------------------------------------------------------------------------------------------------- */

static void block_begin(struct fixture *f)
{
    OK(carried_block_begin(&f->out, &f->block));
}

static void chunk_add(struct fixture *f, const struct chunk_id *id, size_t from, uint32_t size)
{
    const struct carried_chunk chunk = {*id, size, crc32c_update(0, f->payload + from, size), f->payload + from};
    OK(carried_append(&f->out, f->block, &chunk));
}

static void block_end(struct fixture *f)
{
    const struct carried_set set = {3, {1, 2, 3}};
    carried_block_seal(&f->out, f->block, &set);
}

static void record_add(struct fixture *f, uint64_t epoch, uint64_t first)
{
    size_t start;
    OK(change_record_begin(&f->out, &start));
    OK(change_append(&f->out, &(struct change){CHANGE_PUT, 2, BYTES("key"), BYTES("value")}));
    OK(change_record_seal(&f->out, start, epoch, first, 1));
}

/* A record with one chunk. */
static void request_make(struct fixture *f, uint64_t first, const struct chunk_id *id, size_t from, uint32_t size)
{
    buffer_clear(&f->out);
    block_begin(f);
    chunk_add(f, id, from, size);
    block_end(f);
    record_add(f, EPOCH, first);
}

/* With what its ballast would give. */
static void leave_free(struct fixture *f, uint64_t bytes)
{
    struct disk_space space;
    free_bytes = bytes;
    OK(disk_space(chunk_store_disk(f->store), &space));
    assert_true(bytes > space.ballast_bytes);
    free_bytes = bytes - space.ballast_bytes;
}

static enum status apply(struct fixture *f)
{
    return meta_replica_apply(f->replica, buffer_bytes(&f->out));
}

static enum status put(struct fixture *f, const struct chunk_id *id, size_t from, uint32_t size)
{
    struct chunk_put *writer = chunk_put_create(f->store, id, size);
    enum status status = chunk_put_append(writer, f->payload + from, size);
    if (!status)
        status = chunk_put_commit(writer);
    chunk_put_free(writer);
    return status;
}

/* ---- what is there --------------------------------------------------------------------------------------------- */

/* Compares what is read. */
static enum status get(struct fixture *f, const struct chunk_id *id, size_t from, uint32_t size)
{
    struct store_reader reader;
    char block[CHUNK_BLOCK_BYTES];
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

static void assert_held(struct fixture *f, uint64_t sequence, uint64_t chunks)
{
    struct meta_replica_state now;
    struct chunk_info infos[32];
    uint32_t count;
    meta_replica_state(f->replica, &now);
    assert_int_equal(now.sequence, sequence);
    assert_int_equal(chunk_store_chunks(f->store), chunks);
    OK(chunk_store_inventory(f->store, NULL, infos, 32, &count));
    assert_int_equal(count, chunks);
}

/* ---- tests ----------------------------------------------------------------------------------------------------- */

/* Of any size up to what is carried, also beyond the node's own setting of what is small. */
static void test_stored_with_the_record(void **state)
{
    static const uint32_t sizes[] = {1, 4096, 65536, 65537, 150000};
    struct fixture *f = *state;
    struct chunk_id ids[5];
    struct chunk_info info;
    struct chunk_store_info stored;
    block_begin(f);
    for (size_t i = 0; i < 5; i++) {
        chunk_id_create(&ids[i]);
        chunk_add(f, &ids[i], i, sizes[i]);
    }
    block_end(f);
    record_add(f, EPOCH, 1);
    record_add(f, EPOCH, 2); /* one without a block */
    OK(apply(f));
    for (int opened = 0; opened < 2; opened++) {
        assert_held(f, 2, 5);
        assert_int_equal(chunk_store_bytes(f->store), 1 + 4096 + 65536 + 65537 + 150000);
        for (size_t i = 0; i < 5; i++) {
            OK(get(f, &ids[i], i, sizes[i]));
            OK(chunk_store_verify(f->store, &ids[i]));
            OK(chunk_store_stat(f->store, &ids[i], &info));
            assert_int_equal(info.crc32c, crc32c_update(0, f->payload + i, sizes[i]));
            assert_true(info.stored_ms > 0);
            if (i < 3)
                assert_int_equal(put(f, &ids[i], i, sizes[i]), STATUS_EXISTS); /* as any small chunk */
        }
        OK(chunk_store_info(f->store, &stored));
        assert_int_equal(stored.carried, opened ? 0 : 5); /* since the start */
        close_all(f);
        open_all(f);
    }
    OK(chunk_store_delete(f->store, &ids[4]));
    assert_held(f, 2, 4);
}

/* The same request once more, and a block that comes late with a record that was applied without it. */
static void test_repeated_and_late(void **state)
{
    struct fixture *f = *state;
    struct chunk_id first, second;
    chunk_id_create(&first);
    chunk_id_create(&second);
    request_make(f, 1, &first, 0, 1000);
    OK(apply(f));
    OK(apply(f));
    assert_held(f, 1, 1);
    buffer_clear(&f->out);
    record_add(f, EPOCH, 2);
    OK(apply(f));
    request_make(f, 2, &second, 5, 500);
    OK(apply(f));
    OK(apply(f));
    assert_held(f, 2, 2);
    OK(get(f, &first, 0, 1000));
    OK(get(f, &second, 5, 500));
    /* the same block twice in one request */
    struct chunk_id third;
    chunk_id_create(&third);
    request_make(f, 3, &third, 9, 900);
    struct buffer once;
    buffer_init(&once, f->out.len);
    OK(buffer_append_bytes(&once, buffer_bytes(&f->out)));
    OK(buffer_append_bytes(&f->out, buffer_bytes(&once)));
    buffer_release(&once);
    OK(apply(f));
    assert_held(f, 3, 3);
    close_all(f);
    open_all(f);
    assert_held(f, 3, 3);
}

/* A page of a snapshot brings chunks as a record does, which are stored when it is, and not when it is refused. */
static void test_stored_with_a_page(void **state)
{
    struct fixture *f = *state;
    struct meta_replica_page page = {.as_of = {EPOCH, 50, 0}, .number = 1};
    struct disk *disk = chunk_store_disk(f->store);
    const uint64_t reserve = disk->config.reserve_bytes;
    struct chunk_id first, last;
    chunk_id_create(&first);
    chunk_id_create(&last);
    request_make(f, 1, &first, 0, 1000);
    assert_int_equal(meta_replica_load(f->replica, &page, buffer_bytes(&f->out)), STATUS_CONFLICT);
    assert_held(f, 0, 0);
    page.number = 0;
    disk->config.reserve_bytes = UINT64_MAX / 4;
    assert_int_equal(meta_replica_load(f->replica, &page, buffer_bytes(&f->out)), STATUS_NO_SPACE);
    assert_held(f, 0, 0);
    disk->config.reserve_bytes = reserve;
    OK(meta_replica_load(f->replica, &page, buffer_bytes(&f->out)));
    assert_held(f, 0, 1);
    request_make(f, 1, &last, 7, 900);
    page.number = 1;
    page.last = true;
    f->out.data[f->out.len - 1] ^= 1;
    assert_int_equal(meta_replica_load(f->replica, &page, buffer_bytes(&f->out)), STATUS_CORRUPT);
    f->out.data[f->out.len - 1] ^= 1;
    OK(meta_replica_load(f->replica, &page, buffer_bytes(&f->out)));
    close_all(f);
    open_all(f);
    assert_held(f, 50, 2);
    OK(get(f, &first, 0, 1000));
    OK(get(f, &last, 7, 900));
}

static void assert_refused(struct fixture *f, enum status expected, const struct chunk_id *id)
{
    assert_int_equal(apply(f), expected);
    assert_int_equal(get(f, id, 0, 1000), STATUS_NOT_FOUND);
    assert_held(f, 1, 0);
}

/* Of a request that is refused nothing is stored, whichever part of it is the reason. */
static void test_all_or_nothing(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id, other;
    chunk_id_create(&id);
    chunk_id_create(&other);
    record_add(f, EPOCH, 1);
    OK(apply(f));
    request_make(f, 3, &id, 0, 1000);
    assert_refused(f, STATUS_CONFLICT, &id); /* a gap */
    request_make(f, 2, &id, 0, 1000);
    f->out.data[CARRIED_HEADER_LEN + CARRIED_CHUNK_HEAD_LEN + 500] ^= 1;
    assert_refused(f, STATUS_CORRUPT, &id); /* other bytes than the chunk says */
    request_make(f, 2, &id, 0, 1000);
    f->out.data[CARRIED_HEADER_LEN + 3] ^= 1;
    assert_refused(f, STATUS_CORRUPT, &id); /* of an id that nobody signed */
    request_make(f, 2, &id, 0, 1000);
    for (size_t len = 1; len < f->out.len; len += 7) {
        assert_int_equal(meta_replica_apply(f->replica, bytes_of(f->out.data, len)), STATUS_CORRUPT); /* torn */
        assert_held(f, 1, 0);
    }
    buffer_clear(&f->out);
    block_begin(f);
    chunk_add(f, &id, 0, 1000);
    block_end(f);
    assert_refused(f, STATUS_CORRUPT, &id); /* a block without its record */
    request_make(f, 2, &id, 0, 1000);
    block_begin(f);
    chunk_add(f, &other, 0, 1000);
    block_end(f);
    record_add(f, EPOCH + 1, 3);
    assert_refused(f, STATUS_CONFLICT, &id); /* a later record is of another history */
    OK(meta_replica_fence(f->replica, 9));
    request_make(f, 2, &id, 0, 1000);
    assert_refused(f, STATUS_PRECONDITION, &id);
}

static void test_other_bytes_are_there(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id;
    chunk_id_create(&id);
    OK(put(f, &id, 0, 1000));
    request_make(f, 1, &id, 1, 1000);
    assert_int_equal(apply(f), STATUS_CORRUPT);
    assert_held(f, 0, 1);
    OK(get(f, &id, 0, 1000));
    request_make(f, 1, &id, 0, 1000);
    block_begin(f);
    chunk_add(f, &id, 1, 1000);
    block_end(f);
    record_add(f, EPOCH, 2);
    assert_int_equal(apply(f), STATUS_CORRUPT); /* two that differ, in one request */
    assert_held(f, 0, 1);
}

/* One that was taken for an orphan is in service again. */
static void test_trash_is_forgotten(void **state)
{
    struct fixture *f = *state;
    struct chunk_store_info info;
    struct chunk_id id;
    chunk_id_create(&id);
    OK(put(f, &id, 0, 1000));
    OK(chunk_store_trash(f->store, &id));
    request_make(f, 1, &id, 0, 1000);
    OK(apply(f));
    assert_held(f, 1, 1);
    OK(get(f, &id, 0, 1000));
    OK(chunk_store_info(f->store, &info));
    assert_int_equal(info.trash_chunks, 0);
}

/* In the reserve, where other chunks are refused: what was under way is taken, and what comes behind it. */
static void test_full_disk(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id, other;
    chunk_id_create(&id);
    chunk_id_create(&other);
    leave_free(f, RESERVE - 1);
    assert_int_equal(put(f, &other, 0, 1000), STATUS_NO_SPACE);
    request_make(f, 1, &id, 0, 1000);
    record_add(f, EPOCH, 2);
    OK(apply(f));
    assert_held(f, 2, 1);
    OK(get(f, &id, 0, 1000));
    request_make(f, 2, &other, 0, 1000); /* late, with a record that was applied */
    OK(apply(f));
    assert_held(f, 2, 2);
}

/* Where the reserve has no room for the chunks either they are refused, and the record with them; alone it is taken,
 * until there is no room for metadata. */
static void test_disk_at_its_end(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id, there;
    chunk_id_create(&id);
    chunk_id_create(&there);
    OK(put(f, &there, 0, 1000));
    leave_free(f, RESERVE / 4 + 100000);
    for (unsigned i = 0; i < 2; i++) {
        request_make(f, 1, &id, 0, 100000);
        assert_int_equal(apply(f), STATUS_NO_SPACE);
        assert_held(f, i, 1); /* the second time the record is there */
        assert_int_equal(get(f, &id, 0, 100000), STATUS_NOT_FOUND);
        buffer_clear(&f->out);
        record_add(f, EPOCH, 1);
        OK(apply(f));
    }
    leave_free(f, RESERVE / 4 + 1);
    request_make(f, 2, &there, 0, 1000);
    assert_int_equal(apply(f), STATUS_NO_SPACE); /* its record needs room */
    request_make(f, 1, &there, 0, 1000);
    OK(apply(f)); /* nothing of it does */
    assert_held(f, 1, 1);
}

/* The record is held when its sync was done, and not before: not after one that failed. */
static void test_failed_sync(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id, later;
    chunk_id_create(&id);
    chunk_id_create(&later);
    request_make(f, 1, &id, 0, 1000);
    OK(apply(f));
    syncs_fail = true;
    request_make(f, 2, &later, 0, 1000);
    assert_int_equal(apply(f), STATUS_IO);
    assert_true(chunk_store_failed(f->store));
    assert_held(f, 1, 1);
    syncs_fail = false;
    assert_int_equal(apply(f), STATUS_IO); /* never again in this process */
    assert_held(f, 1, 1);
    close_all(f);
    open_all(f);
    OK(get(f, &id, 0, 1000));
    OK(apply(f)); /* whatever the log has kept */
    assert_held(f, 2, 2);
    OK(get(f, &later, 0, 1000));
}

/* ---- at the same time ------------------------------------------------------------------------------------------ */

#define RACERS 4
#define ROUNDS 40

struct racer {
    struct fixture *f;
    struct chunk_id *ids;
    pthread_t thread;
};

/* Puts of the chunks that are carried meanwhile: each is stored by one of both. */
static void *racer_main(void *arg)
{
    struct racer *racer = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        enum status status = put(racer->f, &racer->ids[i], i, 3000);
        CHECK(status == STATUS_OK || status == STATUS_EXISTS);
    }
    return NULL;
}

static void test_beside_puts(void **state)
{
    struct fixture *f = *state;
    struct chunk_id ids[RACERS][ROUNDS];
    struct racer racers[RACERS];
    for (unsigned r = 0; r < RACERS; r++)
        for (unsigned i = 0; i < ROUNDS; i++)
            chunk_id_create(&ids[r][i]);
    for (unsigned r = 0; r < RACERS; r++) {
        racers[r] = (struct racer){f, ids[r], 0};
        assert_int_equal(pthread_create(&racers[r].thread, NULL, racer_main, &racers[r]), 0);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        buffer_clear(&f->out);
        block_begin(f);
        for (unsigned r = 0; r < RACERS; r++)
            chunk_add(f, &ids[r][i], i, 3000);
        block_end(f);
        record_add(f, EPOCH, i + 1);
        OK(apply(f));
    }
    for (unsigned r = 0; r < RACERS; r++)
        pthread_join(racers[r].thread, NULL);
    assert_int_equal(chunk_store_chunks(f->store), RACERS * ROUNDS);
    for (unsigned r = 0; r < RACERS; r++)
        for (unsigned i = 0; i < ROUNDS; i++)
            OK(get(f, &ids[r][i], i, 3000));
}

int main(void)
{
#define CARRIED_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CARRIED_TEST(test_stored_with_the_record),
        CARRIED_TEST(test_repeated_and_late),
        CARRIED_TEST(test_stored_with_a_page),
        CARRIED_TEST(test_all_or_nothing),
        CARRIED_TEST(test_other_bytes_are_there),
        CARRIED_TEST(test_trash_is_forgotten),
        CARRIED_TEST(test_full_disk),
        CARRIED_TEST(test_disk_at_its_end),
        CARRIED_TEST(test_failed_sync),
        CARRIED_TEST(test_beside_puts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

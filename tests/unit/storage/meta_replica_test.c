/* The replica of the metadata: order, repetition, gaps, snapshots beside what is held, and what survives a restart. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "storage/node/meta_replica.h"

#define OK(call) assert_int_equal((call), STATUS_OK)
#define EPOCH    (UINT64_C(1) << 32 | 77)

struct fixture {
    char directory[64];
    struct chunk_store *store;
    struct meta_replica *replica;
    struct buffer out;
};

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    char error[DISK_ERROR_MAX];
    strcpy(f->directory, "/tmp/tercet-replica-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    struct chunk_store_config config = {.disk = {.path = f->directory, .node_number = 1, .reserve_bytes = 1 << 20},
                                        .small_bytes_max = 65536};
    OK(chunk_store_open(&config, &f->store, error));
    OK(meta_replica_open(f->store, &f->replica, error));
    buffer_init(&f->out, 8u << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    meta_replica_close(f->replica);
    chunk_store_close(f->store);
    buffer_release(&f->out);
    nftw(f->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static void reopen(struct fixture *f)
{
    char error[DISK_ERROR_MAX];
    struct chunk_store_config config = {.disk = {.path = f->directory, .node_number = 1, .reserve_bytes = 1 << 20},
                                        .small_bytes_max = 65536};
    meta_replica_close(f->replica);
    chunk_store_close(f->store);
    f->replica = NULL;
    f->store = NULL;
    OK(chunk_store_open(&config, &f->store, error));
    OK(meta_replica_open(f->store, &f->replica, error));
}

/* Appends a record of one put. */
static void add(struct buffer *out, uint64_t epoch, uint64_t first, const char *key, const char *value)
{
    size_t start;
    OK(change_record_begin(out, &start));
    OK(change_append(out, &(struct change){CHANGE_PUT, 2, bytes_from_str(key), bytes_from_str(value)}));
    OK(change_record_seal(out, start, epoch, first, 1));
}

static enum status apply(struct fixture *f, uint64_t epoch, uint64_t first, const char *key, const char *value)
{
    buffer_clear(&f->out);
    add(&f->out, epoch, first, key, value);
    return meta_replica_apply(f->replica, buffer_bytes(&f->out));
}

static enum status load(struct fixture *f, const struct meta_replica_page *page, const char *key, const char *value)
{
    buffer_clear(&f->out);
    add(&f->out, page->as_of.epoch, page->as_of.sequence, key, value);
    return meta_replica_load(f->replica, page, buffer_bytes(&f->out));
}

static void assert_state(struct fixture *f, uint64_t epoch, uint64_t sequence)
{
    struct meta_replica_state now;
    meta_replica_state(f->replica, &now);
    assert_int_equal(now.epoch, epoch);
    assert_int_equal(now.sequence, sequence);
}

/* All rows as "family:key=value ", dumped page by page. */
static void assert_rows(struct fixture *f, const char *expected)
{
    struct buffer rows, after;
    struct change_record record;
    struct change change;
    buffer_init(&rows, 4096);
    buffer_init(&after, 4096);
    OK(buffer_append_str(&rows, ""));
    do {
        buffer_clear(&f->out);
        OK(meta_replica_dump(f->replica, buffer_bytes(&after), &f->out));
        struct bytes rest = buffer_bytes(&f->out);
        OK(change_record_next(&rest, &record));
        while (change_next(&record.payload, &change) == STATUS_OK) {
            OK(buffer_printf(&rows, "%u:%.*s=%.*s ", change.family, (int)change.key.len, change.key.data,
                             (int)change.value.len, change.value.data));
            buffer_clear(&after);
            OK(buffer_append_char(&after, (char)change.family));
            OK(buffer_append_bytes(&after, change.key));
        }
    } while (record.count > 0);
    assert_string_equal(rows.len ? rows.data : "", expected);
    buffer_release(&rows);
    buffer_release(&after);
}

static void test_order(void **state)
{
    struct fixture *f = *state;
    assert_state(f, 0, 0);
    assert_rows(f, "");
    assert_int_equal(apply(f, EPOCH, 2, "a", "1"), STATUS_CONFLICT); /* a history begins at 1 */
    assert_state(f, 0, 0);
    OK(apply(f, EPOCH, 1, "a", "1"));
    OK(apply(f, EPOCH, 2, "b", "2"));
    OK(apply(f, EPOCH, 2, "b", "repeated")); /* not applied again */
    assert_int_equal(apply(f, EPOCH, 4, "c", "3"), STATUS_CONFLICT);
    assert_int_equal(apply(f, EPOCH + 1, 3, "c", "3"), STATUS_CONFLICT);
    assert_state(f, EPOCH, 2);
    assert_rows(f, "2:a=1 2:b=2 ");
    reopen(f);
    assert_state(f, EPOCH, 2);
    OK(apply(f, EPOCH, 3, "a", "new"));
    assert_rows(f, "2:a=new 2:b=2 ");
}

/* Of a request that ends badly nothing is applied. */
static void test_all_or_nothing(void **state)
{
    struct fixture *f = *state;
    OK(apply(f, EPOCH, 1, "a", "1"));
    buffer_clear(&f->out);
    add(&f->out, EPOCH, 2, "b", "2");
    add(&f->out, EPOCH, 4, "d", "4");
    assert_int_equal(meta_replica_apply(f->replica, buffer_bytes(&f->out)), STATUS_CONFLICT);
    f->out.data[f->out.len - 1] ^= 1;
    assert_int_equal(meta_replica_apply(f->replica, buffer_bytes(&f->out)), STATUS_CORRUPT);
    assert_state(f, EPOCH, 1);
    assert_rows(f, "2:a=1 ");
}

/* A later epoch goes on where an earlier one ended, never the other way round. */
static void test_epochs(void **state)
{
    struct fixture *f = *state;
    const uint64_t later = EPOCH + (UINT64_C(1) << 32);
    OK(apply(f, EPOCH, 1, "a", "1"));
    assert_int_equal(apply(f, later, 3, "c", "3"), STATUS_CONFLICT);
    buffer_clear(&f->out);
    add(&f->out, EPOCH, 2, "b", "2");
    add(&f->out, later, 3, "c", "3");
    OK(meta_replica_apply(f->replica, buffer_bytes(&f->out)));
    assert_state(f, later, 3);
    assert_int_equal(apply(f, EPOCH, 3, "x", "of one who was replaced"), STATUS_CONFLICT);
    assert_int_equal(apply(f, EPOCH, 4, "x", "of one who was replaced"), STATUS_CONFLICT);
    assert_int_equal(apply(f, later + 1, 4, "x", "of another who went on"), STATUS_CONFLICT);
    reopen(f);
    assert_state(f, later, 3);
    assert_rows(f, "2:a=1 2:b=2 2:c=3 ");
}

/* Who is behind the fence changes nothing any more, neither by records nor by a snapshot that was begun before; it
 * holds across a restart, and what was held stays. */
static void test_fence(void **state)
{
    struct fixture *f = *state;
    const uint64_t later = EPOCH + (UINT64_C(9) << 32);
    struct meta_replica_page page = {.as_of = {EPOCH, 50, 0}}, fresh = {.as_of = {later, 60, 0}};
    struct meta_replica_state now;
    OK(apply(f, EPOCH, 1, "a", "1"));
    OK(load(f, &page, "x", "1"));
    OK(meta_replica_fence(f->replica, 10));
    assert_state(f, EPOCH, 1);
    page.number = 1;
    page.last = true;
    assert_int_equal(load(f, &page, "y", "2"), STATUS_PRECONDITION);
    assert_int_equal(apply(f, EPOCH, 2, "b", "2"), STATUS_PRECONDITION);
    assert_int_equal(apply(f, later - (UINT64_C(1) << 32), 2, "b", "2"), STATUS_PRECONDITION);
    assert_int_equal(meta_replica_fence(f->replica, 10), STATUS_CONFLICT); /* another was here first */
    assert_int_equal(meta_replica_fence(f->replica, 9), STATUS_CONFLICT);
    reopen(f);
    meta_replica_state(f->replica, &now);
    assert_int_equal(now.fence, 10);
    assert_int_equal(apply(f, EPOCH, 2, "b", "2"), STATUS_PRECONDITION);
    OK(apply(f, later, 2, "c", "3"));
    assert_rows(f, "2:a=1 2:c=3 ");
    fresh.last = true;
    OK(load(f, &fresh, "z", "4"));
    reopen(f);
    meta_replica_state(f->replica, &now);
    assert_int_equal(now.fence, 10); /* a snapshot keeps it */
    assert_state(f, later, 60);
}

/* Also a replica that holds nothing yet, whose table is not made. */
static void test_fence_of_empty_replica(void **state)
{
    struct fixture *f = *state;
    OK(meta_replica_fence(f->replica, 2));
    assert_state(f, 0, 0);
    assert_int_equal(apply(f, EPOCH, 1, "a", "1"), STATUS_PRECONDITION);
    reopen(f);
    assert_int_equal(apply(f, EPOCH, 1, "a", "1"), STATUS_PRECONDITION);
    OK(apply(f, EPOCH + (UINT64_C(1) << 32), 1, "b", "1"));
    assert_rows(f, "2:b=1 ");
}

/* One that was replaced and begins a snapshot does not put its own past in the place of what came after. */
static void test_snapshot_of_earlier_epoch(void **state)
{
    struct fixture *f = *state;
    struct meta_replica_page page = {.as_of = {EPOCH, 50, 0}, .last = true};
    OK(apply(f, EPOCH + (UINT64_C(1) << 32), 1, "a", "1"));
    assert_int_equal(load(f, &page, "x", "1"), STATUS_CONFLICT);
    assert_rows(f, "2:a=1 ");
}

/* A process that died had begun an epoch of the same generation, and only this node knows of it. */
static void test_snapshot_over_a_stray(void **state)
{
    struct fixture *f = *state;
    struct meta_replica_page page = {.as_of = {EPOCH + 1, 50, 0}};
    OK(apply(f, EPOCH, 1, "stray", "1"));
    assert_int_equal(load(f, &page, "x", "1"), STATUS_CONFLICT);
    page.over = (struct meta_replica_state){.epoch = EPOCH, .sequence = 2}; /* it is somewhere else by now */
    assert_int_equal(load(f, &page, "x", "1"), STATUS_CONFLICT);
    page.over.sequence = 1;
    OK(load(f, &page, "x", "1"));
    page.number = 1;
    page.last = true;
    page.over.epoch = EPOCH + 2;
    assert_int_equal(load(f, &page, "y", "2"), STATUS_CONFLICT);
    page.over.epoch = EPOCH;
    OK(load(f, &page, "y", "2"));
    assert_state(f, EPOCH + 1, 50);
    assert_rows(f, "2:x=1 2:y=2 ");
    assert_int_equal(load(f, &page, "y", "2"), STATUS_CONFLICT); /* once more, by the network */
    OK(meta_replica_fence(f->replica, change_generation(EPOCH) + 1));
    page = (struct meta_replica_page){.as_of = {EPOCH, 60, 0}, .over = {EPOCH + 1, 50, 0}};
    assert_int_equal(load(f, &page, "z", "1"), STATUS_PRECONDITION);
}

static void test_deletion(void **state)
{
    struct fixture *f = *state;
    size_t start;
    OK(apply(f, EPOCH, 1, "a", "1"));
    OK(apply(f, EPOCH, 2, "b", "2"));
    buffer_clear(&f->out);
    OK(change_record_begin(&f->out, &start));
    OK(change_append(&f->out, &(struct change){CHANGE_DELETE, 2, BYTES("a"), {0}}));
    OK(change_append(&f->out, &(struct change){CHANGE_PUT, 1, BYTES("a"), BYTES("other family")}));
    OK(change_record_seal(&f->out, start, EPOCH, 3, 2));
    OK(meta_replica_apply(f->replica, buffer_bytes(&f->out)));
    assert_state(f, EPOCH, 4);
    assert_rows(f, "1:a=other family 2:b=2 ");
}

static void test_snapshot(void **state)
{
    struct fixture *f = *state;
    struct meta_replica_page page = {.as_of = {EPOCH + (UINT64_C(1) << 32), 50, 0}};
    OK(apply(f, EPOCH, 1, "old", "1"));
    OK(load(f, &page, "x", "1"));
    assert_state(f, EPOCH, 1);
    OK(apply(f, EPOCH, 2, "old2", "2")); /* what is held goes on meanwhile */
    page.number = 2;
    assert_int_equal(load(f, &page, "z", "3"), STATUS_CONFLICT);
    page.number = 1;
    OK(load(f, &page, "y", "2"));
    reopen(f); /* a snapshot that was broken off is begun again, and leaves nothing */
    page.number = 2;
    page.last = true;
    assert_int_equal(load(f, &page, "z", "3"), STATUS_CONFLICT);
    assert_state(f, EPOCH, 2);
    assert_rows(f, "2:old=1 2:old2=2 ");
    page = (struct meta_replica_page){.as_of = page.as_of};
    OK(load(f, &page, "p", "1"));
    page.number = 1;
    page.last = true;
    OK(load(f, &page, "q", "2"));
    assert_state(f, page.as_of.epoch, 50);
    assert_rows(f, "2:p=1 2:q=2 ");
    reopen(f);
    assert_state(f, page.as_of.epoch, 50);
    OK(apply(f, page.as_of.epoch, 51, "r", "3"));
    assert_rows(f, "2:p=1 2:q=2 2:r=3 ");
}

/* An empty replica that is half way through a snapshot and then gets a history from its beginning. */
static void test_snapshot_abandoned_for_records(void **state)
{
    struct fixture *f = *state;
    struct meta_replica_page page = {.as_of = {EPOCH, 9, 0}};
    OK(load(f, &page, "x", "1"));
    OK(apply(f, EPOCH, 1, "a", "1"));
    assert_rows(f, "2:a=1 ");
    page.number = 1;
    page.last = true;
    assert_int_equal(load(f, &page, "y", "2"), STATUS_CONFLICT);
}

/* More rows than a page takes. */
static void test_many_pages(void **state)
{
    struct fixture *f = *state;
    static char value[300001];
    struct change_record record;
    struct change change = {0};
    unsigned rows = 0, pages = 0;
    char key[8], after[16];
    memset(value, 'v', sizeof(value) - 1);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(key, sizeof(key), "%03u", i);
        OK(apply(f, EPOCH, i + 1, key, value));
    }
    struct bytes from = {0};
    do {
        buffer_clear(&f->out);
        OK(meta_replica_dump(f->replica, from, &f->out));
        struct bytes rest = buffer_bytes(&f->out);
        OK(change_record_next(&rest, &record));
        assert_int_equal(record.first, 20);
        while (change_next(&record.payload, &change) == STATUS_OK) {
            snprintf(key, sizeof(key), "%03u", rows++);
            assert_true(bytes_equal_str(change.key, key));
            assert_int_equal(change.value.len, sizeof(value) - 1);
        }
        int len = snprintf(after, sizeof(after), "\x02%s", key);
        from = bytes_of(after, (size_t)len);
        pages++;
    } while (record.count > 0);
    assert_int_equal(rows, 20);
    assert_true(pages > 4);
}

/* The record that was applied last, as it came. */
static void assert_last(struct fixture *f, struct bytes expected)
{
    struct buffer last;
    buffer_init(&last, 1u << 20);
    OK(meta_replica_last(f->replica, &last));
    assert_true(bytes_equal(buffer_bytes(&last), expected));
    buffer_release(&last);
}

static void test_last_record(void **state)
{
    struct fixture *f = *state;
    struct meta_replica_page page = {.as_of = {EPOCH, 50, 0}, .last = true};
    assert_last(f, BYTES(""));
    OK(apply(f, EPOCH, 1, "a", "1"));
    assert_last(f, buffer_bytes(&f->out));
    buffer_clear(&f->out);
    add(&f->out, EPOCH, 2, "b", "2");
    size_t third = f->out.len;
    add(&f->out, EPOCH, 3, "c", "3");
    OK(meta_replica_apply(f->replica, buffer_bytes(&f->out)));
    const struct bytes last = bytes_of(f->out.data + third, f->out.len - third);
    assert_last(f, last);
    OK(meta_replica_apply(f->replica, bytes_of(f->out.data, third))); /* the one before it, repeated */
    assert_int_equal(meta_replica_apply(f->replica, BYTES("x")), STATUS_CORRUPT);
    assert_last(f, last);
    OK(meta_replica_fence(f->replica, 1));
    reopen(f);
    assert_last(f, last);
    OK(load(f, &page, "x", "1"));
    assert_last(f, BYTES("")); /* it is not known which record led there */
    OK(apply(f, EPOCH, 51, "y", "2"));
    assert_last(f, buffer_bytes(&f->out));
    assert_rows(f, "2:x=1 2:y=2 ");
}

/* At a reserve that chunks may not touch, metadata still go on: the deletions that make room again. */
static void test_reserve_is_open_to_metadata(void **state)
{
    struct fixture *f = *state;
    struct disk *disk = chunk_store_disk(f->store);
    struct disk_space space;
    OK(disk_space(disk, &space));
    disk->config.reserve_bytes = space.free_bytes * 2;
    assert_int_equal(disk_check_room(disk, 1), STATUS_NO_SPACE);
    OK(apply(f, EPOCH, 1, "key", "value"));
    disk->config.reserve_bytes = space.free_bytes * 8;
    assert_int_equal(apply(f, EPOCH, 2, "key", "value"), STATUS_NO_SPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_or_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_epochs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fence_of_empty_replica, setup, teardown),
        cmocka_unit_test_setup_teardown(test_snapshot_of_earlier_epoch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_snapshot_over_a_stray, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deletion, setup, teardown),
        cmocka_unit_test_setup_teardown(test_snapshot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_snapshot_abandoned_for_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reserve_is_open_to_metadata, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

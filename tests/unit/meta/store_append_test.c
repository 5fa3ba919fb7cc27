/* The contract of the store (meta/store.h), of what is appended, synced and kept in its log: the same tests against
 * each implementation. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/meta/store_fixture.h"

/* ---- appending, log data, records ----------------------------------------------------------------------------------
 */

/* Appends conditionally on where the store is. */
static void append_changes(struct fixture *f, const char *changes, struct bytes log_data)
{
    struct store_batch *batch = store_batch_create(f->db);
    batch_add(batch, STORE_CURRENT, changes);
    if (log_data.len)
        store_batch_log_data(batch, log_data);
    assert_int_equal(store_append(f->db, batch, store_sequence(f->db) + 1), STATUS_CONFLICT);
    OK(store_append(f->db, batch, store_sequence(f->db)));
    store_batch_free(batch);
}

/* What was appended is seen, and is there for good once it was synced. */
static void test_append(void **state)
{
    struct fixture *f = *state;
    write_changes(f, STORE_CURRENT, "a=1 b=2");
    uint64_t before = store_sequence(f->db);
    append_changes(f, "a=new -b c=3", (struct bytes){0});
    const struct store_view view = {.db = f->db};
    check_rows(&view, STORE_CURRENT, ALL, "a=new c=3", "c=3 a=new");
    uint64_t after = store_sequence(f->db);
    assert_true(after >= before + 3);
    OK(store_sync(f->db));
    reopen(f);
    const struct store_view again = {.db = f->db};
    check_rows(&again, STORE_CURRENT, ALL, "a=new c=3", "c=3 a=new");
    assert_int_equal(store_sequence(f->db), after);
}

static void test_crash(void **state)
{
    struct fixture *f = *state;
    const struct store_view view = {.db = f->db};
    struct buffer out;
    write_changes(f, STORE_CURRENT, "a=1 b=2");
    append_changes(f, "a=new -b c=3", (struct bytes){0});
    append_changes(f, "a=newer d=4", BYTES("block"));
    store_memory_crash(f->db);
    check_rows(&view, STORE_CURRENT, ALL, "a=1 b=2", "b=2 a=1");
    assert_int_equal(store_sequence(f->db), 2);
    buffer_init(&out, CHANGE_RECORD_MAX);
    assert_int_equal(store_changes_read(f->db, 3, 9, 1, &out), STATUS_NOT_FOUND);
    buffer_release(&out);
    append_changes(f, "a=other", (struct bytes){0});
    store_memory_fail_syncs(f->db, STATUS_IO);
    assert_int_equal(store_sync(f->db), STATUS_IO);
    store_memory_fail_syncs(f->db, STATUS_OK);
    store_memory_crash(f->db);
    check_rows(&view, STORE_CURRENT, ALL, "a=1 b=2", "b=2 a=1");
    append_changes(f, "a=other", (struct bytes){0});
    OK(store_sync(f->db));
    store_memory_crash(f->db);
    check_rows(&view, STORE_CURRENT, ALL, "a=other b=2", "b=2 a=other");
}

#define BLOCKS      150
#define BLOCK_BYTES (64u << 10)

static void check_block(struct fixture *f, uint64_t from, const char *block)
{
    struct change_record record;
    struct carried_block found;
    struct carried_chunk chunk;
    struct buffer out;
    buffer_init(&out, CHANGE_RECORD_MAX);
    OK(store_changes_read(f->db, from, store_sequence(f->db), 7, &out));
    struct bytes records = buffer_bytes(&out);
    OK(carried_block_next(&records, &found));
    OK(carried_chunk_next(&found.payload, &chunk));
    assert_int_equal(chunk.size, BLOCK_BYTES);
    assert_memory_equal(chunk.bytes, block, BLOCK_BYTES);
    OK(change_record_next(&records, &record));
    assert_int_equal(record.first, from);
    buffer_release(&out);
}

/* Blocks are in the log with their records, as long as it is kept, and nowhere else. */
static void test_log_data(void **state)
{
    struct fixture *f = *state;
    char *bytes = mem_zalloc(BLOCK_BYTES), *value = mem_zalloc(BLOCK_BYTES);
    struct carried_chunk chunk = {.size = BLOCK_BYTES, .bytes = bytes};
    const struct carried_set set = {3, {1, 2, 3}};
    uint64_t firsts[BLOCKS];
    struct buffer block;
    size_t start;

    buffer_init(&block, 2 * BLOCK_BYTES);
    for (unsigned i = 0; i < BLOCKS; i++) { /* more than a memtable holds, so that logs end amid them */
        struct store_batch *batch = store_batch_create(f->db);
        memset(bytes, (int)i, BLOCK_BYTES);
        buffer_clear(&block);
        OK(carried_block_begin(&block, &start));
        OK(carried_append(&block, start, &chunk));
        carried_block_seal(&block, start, &set);
        store_batch_put(batch, STORE_CURRENT, BYTES("key"), bytes_of(value, BLOCK_BYTES));
        unsigned count = store_batch_count(batch);
        size_t size = store_batch_bytes(batch);
        store_batch_log_data(batch, buffer_bytes(&block));
        assert_int_equal(store_batch_count(batch), count);
        assert_true(store_batch_bytes(batch) >= size + block.len);
        store_batch_mark(batch);
        batch_add(batch, STORE_CURRENT, "lost=1");
        store_batch_rollback(batch);
        firsts[i] = store_sequence(f->db) + 1;
        OK(store_append(f->db, batch, store_sequence(f->db)));
        OK(store_sync(f->db));
        store_batch_free(batch);
    }
    if (!f->memory)
        assert_true(store_figure(f->db, FIGURE_TABLE_BYTES) > 0);
    for (int reopened = 0; reopened < 2; reopened++) {
        for (unsigned i = 0; i < BLOCKS; i += 7) {
            memset(bytes, (int)i, BLOCK_BYTES);
            check_block(f, firsts[i], bytes);
        }
        reopen(f);
    }
    const struct store_view view = {.db = f->db};
    struct store_iterator it;
    store_iterator_open(&it, &view, STORE_CURRENT, ALL);
    store_iterator_first(&it);
    assert_int_equal(store_iterator_value(&it).len, BLOCK_BYTES);
    store_iterator_next(&it);
    assert_false(store_iterator_valid(&it));
    store_iterator_close(&it);
    buffer_release(&block);
    free(bytes);
    free(value);
}

/* Another store of the same kind. */
static struct meta_store *store_beside(struct fixture *f)
{
    struct meta_store *db;
    char path[80];
    if (f->memory)
        return store_memory_create();
    snprintf(path, sizeof(path), "%s/beside", f->path);
    OK(store_open(path, 1 << 20, &db));
    return db;
}

/* A record that another store made is written as it was made there, in its turn and once. */
static void test_record(void **state)
{
    struct fixture *f = *state;
    struct meta_store *beside = store_beside(f);
    struct change_record first, second, wrong;
    struct buffer out, copied;

    write_changes(f, STORE_CURRENT, "a=1 b=2");
    write_changes(f, STORE_CURRENT, "-a c=3");
    buffer_init(&out, CHANGE_RECORD_MAX);
    OK(store_changes_read(f->db, 1, store_sequence(f->db), 7, &out));
    struct bytes records = buffer_bytes(&out);
    OK(change_record_next(&records, &first));
    OK(change_record_next(&records, &second));
    assert_int_equal(store_write_record(beside, &second), STATUS_CONFLICT);
    wrong = first;
    wrong.payload = second.payload;
    if (!f->memory)
        assert_int_equal(store_write_record(beside, &wrong), STATUS_CORRUPT);
    wrong = (struct change_record){.epoch = 7, .first = 1};
    assert_int_equal(store_write_record(beside, &wrong), STATUS_CORRUPT);
    assert_int_equal(store_sequence(beside), 0);
    OK(store_write_record(beside, &first));
    assert_int_equal(store_write_record(beside, &first), STATUS_CONFLICT);
    OK(store_write_record(beside, &second));
    assert_int_equal(store_sequence(beside), store_sequence(f->db));
    const struct store_view view = {.db = beside};
    check_rows(&view, STORE_CURRENT, ALL, "b=2 c=3", "c=3 b=2");
    buffer_init(&copied, CHANGE_RECORD_MAX);
    OK(store_changes_read(beside, 1, store_sequence(beside), 7, &copied));
    assert_int_equal(copied.len, out.len);
    assert_memory_equal(copied.data, out.data, out.len);
    if (f->memory) {
        store_memory_crash(beside);
        check_rows(&view, STORE_CURRENT, ALL, "b=2 c=3", "c=3 b=2");
    }
    buffer_release(&copied);
    buffer_release(&out);
    store_close(beside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_append),
        cmocka_unit_test_setup_teardown(test_crash, memory_setup, teardown),
        BOTH(test_log_data),
        BOTH(test_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The contract of the store (meta/store.h): the same tests against each implementation. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "base/rocks.h"
#include "meta/store_rocks.h"
#include "tests/unit/meta/store_fixture.h"

static void check_value(const struct store_view *view, enum store_family family, const char *key, const char *expected)
{
    struct store_value value;
    enum status status = store_get(view, family, KEY(key), &value);
    assert_int_equal(status, expected ? STATUS_OK : STATUS_NOT_FOUND);
    if (status)
        return;
    assert_true(bytes_equal_str(store_value_bytes(&value), expected));
    store_value_release(&value);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void test_order_and_bounds(void **state)
{
    struct fixture *f = *state;
    const struct store_view view = {.db = f->db};
    const char high[] = {'b', '\xff', '\0'};

    check_rows(&view, STORE_CURRENT, ALL, "", "");
    write_changes(f, STORE_CURRENT, "b=2 a=1 c=3 ab=1b");
    write_changes(f, STORE_VERSIONS, "b=other");
    check_rows(&view, STORE_CURRENT, ALL, "a=1 ab=1b b=2 c=3", "c=3 b=2 ab=1b a=1");
    check_rows(&view, STORE_CURRENT, BYTES("ab"), BYTES("c"), "ab=1b b=2", "b=2 ab=1b");
    check_rows(&view, STORE_CURRENT, BYTES("aa"), BYTES("bb"), "ab=1b b=2", "b=2 ab=1b");
    check_rows(&view, STORE_CURRENT, BYTES("b"), (struct bytes){0}, "b=2 c=3", "c=3 b=2");
    check_rows(&view, STORE_CURRENT, BYTES("d"), BYTES("e"), "", "");
    check_rows(&view, STORE_CURRENT, BYTES(""), BYTES("a"), "", "");
    check_rows(&view, STORE_VERSIONS, ALL, "b=other", "b=other");

    struct store_batch *batch = store_batch_create(f->db); /* bytes compare unsigned, NUL counts */
    store_batch_put(batch, STORE_NAMES, KEY(high), BYTES("2"));
    store_batch_put(batch, STORE_NAMES, BYTES("b\0z"), BYTES("1"));
    store_batch_put(batch, STORE_NAMES, BYTES("c"), BYTES(""));
    OK(store_write(f->db, batch));
    store_batch_free(batch);
    struct store_iterator it;
    store_iterator_open(&it, &view, STORE_NAMES, ALL);
    store_iterator_first(&it);
    assert_true(bytes_equal(store_iterator_key(&it), BYTES("b\0z")));
    store_iterator_next(&it);
    assert_true(bytes_equal_str(store_iterator_key(&it), high));
    store_iterator_next(&it);
    assert_int_equal(store_iterator_value(&it).len, 0);
    store_iterator_close(&it);
    check_value(&view, STORE_NAMES, "c", "");
}

static void test_seek_and_turn(void **state)
{
    struct fixture *f = *state;
    const struct store_view view = {.db = f->db};
    struct store_iterator it;
    write_changes(f, STORE_CURRENT, "a=1 c=3 e=5 g=7");
    write_changes(f, STORE_CURRENT, "-e");
    store_iterator_open(&it, &view, STORE_CURRENT, BYTES("b"), BYTES("z"));
    store_iterator_seek(&it, BYTES("a")); /* never before lower */
    assert_true(bytes_equal_str(store_iterator_key(&it), "c"));
    store_iterator_seek(&it, BYTES("c"));
    assert_true(bytes_equal_str(store_iterator_key(&it), "c"));
    store_iterator_seek(&it, BYTES("d"));
    assert_true(bytes_equal_str(store_iterator_key(&it), "g"));
    store_iterator_previous(&it);
    assert_true(bytes_equal_str(store_iterator_key(&it), "c"));
    store_iterator_next(&it);
    assert_true(bytes_equal_str(store_iterator_key(&it), "g"));
    store_iterator_seek(&it, BYTES("h"));
    assert_false(store_iterator_valid(&it));
    OK(store_iterator_status(&it));
    store_iterator_close(&it);
}

/* An iterator and a snapshot go on with what they began with. */
static void test_readers_see_one_moment(void **state)
{
    struct fixture *f = *state;
    const struct store_view now = {.db = f->db};
    struct store_snapshot snapshot;
    struct store_iterator it;
    write_changes(f, STORE_CURRENT, "a=1 b=2 c=3");
    store_snapshot_open(&snapshot, f->db);
    const struct store_view then = {.db = f->db, .snapshot = &snapshot};
    assert_int_equal(snapshot.sequence, store_sequence(f->db));
    store_iterator_open(&it, &now, STORE_CURRENT, ALL);
    store_iterator_first(&it);
    struct bytes value = store_iterator_value(&it);

    for (int i = 0; i < 3; i++)
        write_changes(f, STORE_CURRENT, "a=new -b d=4");
    assert_true(bytes_equal_str(value, "1"));
    store_iterator_next(&it);
    assert_true(bytes_equal_str(store_iterator_key(&it), "b"));
    store_iterator_next(&it);
    store_iterator_next(&it);
    assert_false(store_iterator_valid(&it));
    store_iterator_close(&it);
    check_rows(&then, STORE_CURRENT, ALL, "a=1 b=2 c=3", "c=3 b=2 a=1");
    check_value(&then, STORE_CURRENT, "b", "2");
    check_value(&then, STORE_CURRENT, "d", NULL);
    check_rows(&now, STORE_CURRENT, ALL, "a=new c=3 d=4", "d=4 c=3 a=new");
    store_snapshot_close(&snapshot);
    store_snapshot_close(&snapshot);
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

static void test_a_batch_is_seen_through(void **state)
{
    struct fixture *f = *state;
    struct store_batch *batch = store_batch_create(f->db);
    const struct store_view now = {.db = f->db}, view = {.db = f->db, .batch = batch};
    write_changes(f, STORE_CURRENT, "a=1 b=2 c=3");
    batch_add(batch, STORE_CURRENT, "b=new -c d=4 e=5 -e -nothing");
    check_value(&view, STORE_CURRENT, "a", "1");
    check_value(&view, STORE_CURRENT, "b", "new");
    check_value(&view, STORE_CURRENT, "c", NULL);
    check_value(&view, STORE_CURRENT, "d", "4");
    check_value(&view, STORE_CURRENT, "e", NULL);
    check_rows(&view, STORE_CURRENT, BYTES("a"), BYTES("z"), "a=1 b=new d=4", "d=4 b=new a=1");
    check_rows(&view, STORE_CURRENT, BYTES("b"), BYTES("d"), "b=new", "b=new");
    check_rows(&view, STORE_VERSIONS, BYTES("a"), BYTES("z"), "", "");
    check_value(&now, STORE_CURRENT, "b", "2");
    check_value(&now, STORE_CURRENT, "d", NULL);
    OK(store_write(f->db, batch));
    store_batch_free(batch);
    check_rows(&now, STORE_CURRENT, ALL, "a=1 b=new d=4", "d=4 b=new a=1");
}

static void test_rollback(void **state)
{
    struct fixture *f = *state;
    struct store_batch *batch = store_batch_create(f->db);
    const struct store_view now = {.db = f->db}, view = {.db = f->db, .batch = batch};
    write_changes(f, STORE_CURRENT, "a=1 b=2");
    assert_int_equal(store_batch_count(batch), 0);
    store_batch_mark(batch);
    batch_add(batch, STORE_CURRENT, "a=kept c=kept");
    size_t bytes = store_batch_bytes(batch);
    store_batch_mark(batch);
    batch_add(batch, STORE_CURRENT, "a=lost -b -c d=lost");
    assert_int_equal(store_batch_count(batch), 6);
    assert_true(store_batch_bytes(batch) > bytes);
    check_rows(&view, STORE_CURRENT, BYTES("a"), BYTES("z"), "a=lost d=lost", "d=lost a=lost");
    store_batch_rollback(batch);
    assert_int_equal(store_batch_count(batch), 2);
    assert_int_equal(store_batch_bytes(batch), bytes);
    check_value(&view, STORE_CURRENT, "d", NULL);
    check_rows(&view, STORE_CURRENT, BYTES("a"), BYTES("z"), "a=kept b=2 c=kept", "c=kept b=2 a=kept");
    OK(store_write(f->db, batch));
    store_batch_free(batch);
    check_rows(&now, STORE_CURRENT, ALL, "a=kept b=2 c=kept", "c=kept b=2 a=kept");
}

/* ---- the sequence and what replicas get -------------------------------------------------------------------------- */

/* "+5a=1" and "-5a": put and deletion in family 5. */
static void describe(struct bytes payload, char out[256])
{
    struct change change;
    *out = '\0';
    while (change_next(&payload, &change) == STATUS_OK)
        snprintf(out + strlen(out), 256 - strlen(out), "%s%c%u%.*s%s%.*s", *out ? " " : "",
                 change.kind == CHANGE_PUT ? '+' : '-', change.family, (int)change.key.len, change.key.data,
                 change.kind == CHANGE_PUT ? "=" : "", (int)change.value.len, change.value.data);
}

static void test_sequence(void **state)
{
    struct fixture *f = *state;
    uint64_t before = store_sequence(f->db);
    struct store_batch *batch = store_batch_create(f->db);
    batch_add(batch, STORE_CURRENT, "a=1 a=2 b=3");
    OK(store_write(f->db, batch));
    assert_int_equal(store_sequence(f->db), before + store_batch_count(batch)); /* changes, not rows */
    store_batch_free(batch);
    before = store_sequence(f->db);
    reopen(f);
    assert_int_equal(store_sequence(f->db), before);
}

static void test_sequence_is_set(void **state)
{
    struct fixture *f = *state;
    struct buffer out;
    write_changes(f, STORE_CURRENT, "a=1 b=2");
    store_sequence_set(f->db, 1000);
    assert_int_equal(store_sequence(f->db), 1000);
    write_changes(f, STORE_CURRENT, "c=3");
    uint64_t last = store_sequence(f->db);
    assert_true(last > 1000);
    reopen(f);
    assert_int_equal(store_sequence(f->db), last);
    buffer_init(&out, CHANGE_RECORD_MAX);
    OK(store_changes_read(f->db, 1001, last, 7, &out));
    struct bytes records = buffer_bytes(&out);
    struct change_record record;
    OK(change_record_next(&records, &record));
    assert_int_equal(record.first, 1001);
    assert_int_equal(record.first + record.count - 1, last);
    buffer_release(&out);
}

/* What RocksDB counts is its own affair: here it counts a row that the store did not write. */
static void test_sequence_is_not_that_of_rocksdb(void **state)
{
    struct fixture *f = *state;
    struct buffer out;
    write_changes(f, STORE_CURRENT, "a=1");
    uint64_t before = store_sequence(f->db);
    OK(rocks_put(store_rocks_database(f->db), STORE_GC, BYTES("g"), BYTES("1"), true));
    assert_int_equal(store_sequence(f->db), before);
    write_changes(f, STORE_CURRENT, "b=2");
    uint64_t last = store_sequence(f->db);
    reopen(f);
    assert_int_equal(store_sequence(f->db), last);
    buffer_init(&out, CHANGE_RECORD_MAX);
    OK(store_changes_read(f->db, before + 1, last, 7, &out));
    buffer_clear(&out); /* and where it counted otherwise, nothing wrong is handed out */
    assert_int_equal(store_changes_read(f->db, 1, last, 7, &out), STATUS_NOT_FOUND);
    assert_int_equal(out.len, 0);
    buffer_release(&out);
}

static void test_condition(void **state)
{
    struct fixture *f = *state;
    const struct store_view now = {.db = f->db};
    uint64_t seen = store_sequence(f->db);
    struct store_batch *batch = store_batch_create(f->db);
    batch_add(batch, STORE_CURRENT, "a=mine");
    write_changes(f, STORE_CURRENT, "a=another's");
    uint64_t last = store_sequence(f->db);
    assert_int_equal(store_append(f->db, batch, seen), STATUS_CONFLICT);
    assert_int_equal(store_sequence(f->db), last);
    check_value(&now, STORE_CURRENT, "a", "another's");
    OK(store_append(f->db, batch, last));
    OK(store_sync(f->db));
    check_value(&now, STORE_CURRENT, "a", "mine");
    store_batch_free(batch);
}

static void test_changes(void **state)
{
    struct fixture *f = *state;
    struct change_record record;
    struct buffer out, own;
    char text[256];
    uint32_t count;
    uint64_t start = store_sequence(f->db);
    struct store_batch *batch = store_batch_create(f->db);

    buffer_init(&out, CHANGE_RECORD_MAX);
    buffer_init(&own, CHANGE_RECORD_MAX);
    batch_add(batch, STORE_CURRENT, "b=2 a=1 -b b=3");
    store_batch_mark(batch);
    batch_add(batch, STORE_CURRENT, "x=lost");
    store_batch_rollback(batch);
    OK(store_write(f->db, batch));
    OK(store_batch_changes(batch, &own, &count));
    assert_int_equal(count, store_batch_count(batch));
    store_batch_free(batch);
    uint64_t second = store_sequence(f->db) + 1;
    write_changes(f, STORE_GC, "g=1");
    reopen(f);
    uint64_t third = store_sequence(f->db) + 1;
    write_changes(f, STORE_GC, "-g");

    OK(store_changes_read(f->db, start + 1, third - 1, 77, &out));
    struct bytes records = buffer_bytes(&out);
    OK(change_record_next(&records, &record));
    assert_true(record.epoch == 77 && record.first == start + 1 && record.count == count);
    assert_true(bytes_equal(record.payload, buffer_bytes(&own)));
    describe(record.payload, text);
    assert_non_null(strstr(text, "+2b=2 +2a=1 -2b +2b=3"));
    assert_null(strstr(text, "lost"));
    OK(change_record_next(&records, &record));
    assert_true(record.first == second);
    describe(record.payload, text);
    assert_non_null(strstr(text, "+8g=1"));
    assert_int_equal(change_record_next(&records, &record), STATUS_NOT_FOUND); /* up to third - 1 */

    buffer_clear(&out);
    OK(store_changes_read(f->db, third, third, 77, &out));
    records = buffer_bytes(&out);
    OK(change_record_next(&records, &record));
    describe(record.payload, text);
    assert_non_null(strstr(text, "-8g"));

    buffer_clear(&out);
    assert_int_equal(store_changes_read(f->db, start + 2, third, 77, &out), STATUS_NOT_FOUND); /* amid a write */
    uint64_t begin = 0;
    OK(store_changes_begin(f->db, start + 1, &begin));
    assert_true(begin == start + 1);
    OK(store_changes_begin(f->db, start + 2, &begin));
    assert_true(begin == second);
    OK(store_changes_begin(f->db, third, &begin));
    assert_true(begin == third);
    assert_int_equal(store_changes_begin(f->db, store_sequence(f->db) + 1, &begin), STATUS_NOT_FOUND);
    assert_int_equal(store_changes_read(f->db, store_sequence(f->db) + 1, UINT64_MAX, 77, &out), STATUS_NOT_FOUND);
    assert_int_equal(out.len, 0);
    buffer_release(&out);
    buffer_release(&own);
}

/* A dump is the database at one moment; taken in by another store it makes the same rows. */
static void test_dump_and_apply(void **state)
{
    struct fixture *f = *state;
    struct meta_store *copy = store_memory_create();
    struct store_dump dump;
    struct buffer out;
    uint32_t count;
    const struct store_view there = {.db = copy};

    write_changes(f, STORE_CURRENT, "a=1 b=2 c=3");
    write_changes(f, STORE_NAMES, "n=9");
    store_dump_open(&dump, f->db);
    write_changes(f, STORE_CURRENT, "a=later -b");
    buffer_init(&out, CHANGE_RECORD_MAX);
    OK(store_dump_next(&dump, &out, &count));
    assert_true(count >= 4);
    assert_int_equal(dump.family, STORE_FAMILY_COUNT);
    OK(store_apply(copy, buffer_bytes(&out)));
    check_rows(&there, STORE_CURRENT, ALL, "a=1 b=2 c=3", "c=3 b=2 a=1");
    check_rows(&there, STORE_NAMES, ALL, "n=9", "n=9");
    buffer_clear(&out);
    OK(store_dump_next(&dump, &out, &count));
    assert_int_equal(count, 0);
    store_dump_close(&dump);

    struct change unknown = {.kind = CHANGE_PUT, .family = STORE_FAMILY_COUNT, .key = BYTES("k")};
    buffer_clear(&out);
    OK(change_append(&out, &unknown));
    assert_int_equal(store_apply(f->db, buffer_bytes(&out)), STATUS_CORRUPT);
    buffer_release(&out);
    store_close(copy);
}

/* Pages end where they are full, also within a family. */
static void test_dump_pages(void **state)
{
    struct fixture *f = *state;
    static char value[100000];
    struct store_batch *batch = store_batch_create(f->db);
    struct store_dump dump;
    struct buffer out;
    uint32_t count, rows = 0;
    unsigned pages = 0;
    char key[16];

    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof(key), "k%02d", i);
        store_batch_put(batch, i < 30 ? STORE_CURRENT : STORE_PARTS, KEY(key), bytes_of(value, sizeof(value)));
    }
    OK(store_write(f->db, batch));
    store_batch_free(batch);
    buffer_init(&out, CHANGE_RECORD_MAX);
    store_dump_open(&dump, f->db);
    do {
        buffer_clear(&out);
        OK(store_dump_next(&dump, &out, &count));
        assert_true(out.len < CHANGE_PAGE_BYTES + 2 * sizeof(value));
        rows += count;
        pages++;
    } while (dump.family < STORE_FAMILY_COUNT);
    assert_true(rows >= 40 && pages >= 4);
    store_dump_close(&dump);
    buffer_release(&out);
}

static void test_reopen(void **state)
{
    struct fixture *f = *state;
    struct store_batch *batch = store_batch_create(f->db);
    write_changes(f, STORE_CURRENT, "a=1 b=2");
    batch_add(batch, STORE_CURRENT, "c=lazy");
    OK(store_write_lazily(f->db, batch));
    store_batch_free(batch);
    reopen(f);
    const struct store_view now = {.db = f->db};
    check_rows(&now, STORE_CURRENT, ALL, "a=1 b=2 c=lazy", "c=lazy b=2 a=1");
}

/* ---- side by side ------------------------------------------------------------------------------------------------ */

struct reading {
    struct meta_store *db;
    bool stop;
};

/* What one batch writes is seen whole or not at all. */
static void *read_pairs(void *arg)
{
    struct reading *reading = arg;
    const struct store_view now = {.db = reading->db};
    struct store_iterator it;
    while (!__atomic_load_n(&reading->stop, __ATOMIC_ACQUIRE)) {
        char values[2][16] = {"", ""};
        store_iterator_open(&it, &now, STORE_CURRENT, ALL);
        unsigned count = 0;
        for (store_iterator_first(&it); store_iterator_valid(&it) && count < 2; store_iterator_next(&it))
            snprintf(values[count++], 16, "%.*s", (int)store_iterator_value(&it).len, store_iterator_value(&it).data);
        store_iterator_close(&it);
        CHECK(count != 1 && strcmp(values[0], values[1]) == 0);
    }
    return NULL;
}

static void test_readers_beside_a_writer(void **state)
{
    struct fixture *f = *state;
    struct reading reading = {.db = f->db};
    pthread_t threads[2];
    char changes[32];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_pairs, &reading), 0);
    for (int i = 0; i < 300; i++) {
        snprintf(changes, sizeof(changes), "a=%d b=%d", i, i);
        write_changes(f, STORE_CURRENT, i % 10 == 9 ? "-a -b" : changes);
    }
    __atomic_store_n(&reading.stop, true, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

/* ---- the failures that the store in memory has on demand --------------------------------------------------------- */

static void test_failures(void **state)
{
    struct fixture *f = *state;
    const struct store_view now = {.db = f->db}, memory = {.db = f->db, .in_memory = true};
    struct store_batch *batch = store_batch_create(f->db);
    struct store_iterator it;
    struct store_value value;
    struct buffer out;

    write_changes(f, STORE_CURRENT, "a=1");
    batch_add(batch, STORE_CURRENT, "a=2");
    store_memory_fail_writes(f->db, STATUS_NO_SPACE);
    assert_int_equal(store_write(f->db, batch), STATUS_NO_SPACE);
    check_value(&now, STORE_CURRENT, "a", "1");
    store_memory_fail_writes(f->db, STATUS_OK);
    OK(store_write(f->db, batch));
    store_batch_free(batch);

    store_memory_hide(f->db, true);
    assert_int_equal(store_get(&memory, STORE_CURRENT, KEY("a"), &value), STATUS_UNAVAILABLE);
    store_iterator_open(&it, &memory, STORE_CURRENT, ALL);
    store_iterator_first(&it);
    assert_false(store_iterator_valid(&it));
    assert_int_equal(store_iterator_status(&it), STATUS_UNAVAILABLE);
    store_iterator_close(&it);
    check_value(&now, STORE_CURRENT, "a", "2");
    store_memory_hide(f->db, false);
    check_value(&memory, STORE_CURRENT, "a", "2");

    store_memory_fail_reads(f->db, STATUS_DAMAGED);
    assert_int_equal(store_get(&now, STORE_CURRENT, KEY("a"), &value), STATUS_DAMAGED);
    store_memory_fail_reads(f->db, STATUS_OK);

    buffer_init(&out, CHANGE_RECORD_MAX);
    store_memory_forget_changes(f->db);
    assert_int_equal(store_changes_read(f->db, 1, 2, 1, &out), STATUS_NOT_FOUND);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_order_and_bounds),
        BOTH(test_seek_and_turn),
        BOTH(test_readers_see_one_moment),
        BOTH(test_a_batch_is_seen_through),
        BOTH(test_rollback),
        BOTH(test_sequence),
        BOTH(test_sequence_is_set),
        cmocka_unit_test_setup_teardown(test_sequence_is_not_that_of_rocksdb, rocks_setup, teardown),
        BOTH(test_condition),
        BOTH(test_changes),
        BOTH(test_dump_and_apply),
        BOTH(test_dump_pages),
        BOTH(test_reopen),
        BOTH(test_readers_beside_a_writer),
        cmocka_unit_test_setup_teardown(test_failures, memory_setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The committer under concurrency: changes are totally ordered, conditions have one winner, counters add up; from
 * threads and from tasks. */
#include "tests/unit/meta/support.h"

#include <pthread.h>

#include "base/loop.h"
#include "base/task.h"
#include "meta/internal.h"
#include "meta/version.h"

enum { THREADS = 16, ROUNDS = 40, TASKS = 100 };

struct racer {
    struct support *support;
    unsigned index;
    unsigned won;
    struct completion done;
};

/* Cannot use cmocka's asserts outside of the test's thread. */
static void race(struct racer *racer)
{
    struct support *s = racer->support;
    struct meta_condition absent = {.must_be_absent = true};
    struct meta_object object;
    char key[32];

    for (unsigned i = 0; i < ROUNDS; i++) {
        snprintf(key, sizeof(key), "race-%u", i);
        enum status status = support_put(s, &s->versioned, key, 1, (int)racer->index, &absent, NULL);
        CHECK(status == STATUS_OK || status == STATUS_PRECONDITION);
        racer->won += status == STATUS_OK;
        if (status == STATUS_PRECONDITION) { /* the winner is visible to the loser */
            status = support_get(s, &s->versioned, key, NULL, 0, &object);
            CHECK(status == STATUS_OK);
            meta_object_release(&object);
        }
        status = support_put(s, &s->versioned, "shared", 1, (int)racer->index, NULL, &object);
        CHECK(status == STATUS_OK);
        status = support_put(s, &s->plain, "shared", 1, (int)racer->index, NULL, NULL);
        CHECK(status == STATUS_OK);
        snprintf(key, sizeof(key), "bucket-%u", i);
        status = meta_bucket_create(s->meta, KEY(key), false, BYTES(""), NULL);
        CHECK(status == STATUS_OK || status == STATUS_EXISTS);
    }
}

static void check_outcome(struct support *s, const struct racer *racers, unsigned count)
{
    unsigned won = 0;
    struct meta_list_query query = {.bucket = s->versioned.id, .prefix = BYTES("shared"), .max = 1000};
    struct meta_list_page page;
    struct meta_bucket now = support_bucket_now(s, &s->versioned);
    uint64_t expected = (uint64_t)count * ROUNDS;

    for (unsigned i = 0; i < count; i++)
        won += racers[i].won;
    assert_int_equal(won, ROUNDS);
    assert_int_equal(now.versions, expected + ROUNDS);
    assert_int_equal(now.objects, 1 + ROUNDS);
    assert_int_equal(now.bytes, 100 * (expected + ROUNDS));
    OK(meta_list_versions(s->meta, &query, &page));
    for (size_t i = 0; i < page.count; i++) /* no number twice, none left out */
        assert_int_equal(page.entries[i].object.number, expected - i);
    meta_list_page_release(&page);
    now = support_bucket_now(s, &s->plain);
    assert_true(now.versions == 1 && now.objects == 1 && now.bytes == 100);
    assert_int_equal(meta_gc_backlog(s->meta), expected - 1);
}

static void *thread_main(void *arg)
{
    race(arg);
    return NULL;
}

static void test_threads(void **state)
{
    struct support *s = *state;
    struct racer racers[THREADS] = {0};
    pthread_t threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.support = s, .index = i};
        assert_int_equal(pthread_create(&threads[i], NULL, thread_main, &racers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    check_outcome(s, racers, THREADS);
    support_reopen(s);
    check_outcome(s, racers, THREADS);
}

static void task_main(void *arg)
{
    struct racer *racer = arg;
    race(racer);
    completion_signal(&racer->done);
}

static void test_tasks(void **state)
{
    struct support *s = *state;
    struct racer *racers = mem_zalloc(TASKS * sizeof(*racers));
    struct loop_group group;

    loop_group_start(&group, 2);
    for (unsigned i = 0; i < TASKS; i++) {
        racers[i] = (struct racer){.support = s, .index = i};
        completion_init(&racers[i].done);
        task_spawn(group.loops[i % 2], task_main, &racers[i]);
    }
    for (unsigned i = 0; i < TASKS; i++)
        completion_wait(&racers[i].done);
    check_outcome(s, racers, TASKS);
    loop_group_stop(&group);
    free(racers);
}

/* Readers, writers and the background queues at once: a reader reads all of what it looked up. */
static void *reader_main(void *arg)
{
    struct racer *racer = arg;
    struct support *s = racer->support;
    struct meta_object object;
    struct chunk_ref ref;
    uint32_t offset, len;

    while (!__atomic_load_n(&racer->won, __ATOMIC_ACQUIRE)) {
        if (support_get(s, &s->plain, "hot", NULL, 0, &object))
            continue;
        struct meta_cursor *cursor = meta_cursor_open(s->meta, &object, 0, object.size);
        for (uint64_t at = 0; at < object.size; at += len) {
            enum status status = meta_cursor_next(cursor, &ref, &offset, &len);
            CHECK(status == STATUS_OK);
        }
        meta_cursor_close(cursor);
        meta_object_release(&object);
    }
    return NULL;
}

static void test_readers_and_gc(void **state)
{
    struct support *s = *state;
    struct racer reader = {.support = s};
    pthread_t thread;
    size_t freed = 0;

    OK(support_put(s, &s->plain, "hot", 20, 0, NULL, NULL));
    assert_int_equal(pthread_create(&thread, NULL, reader_main, &reader), 0);
    for (int i = 0; i < 100; i++) {
        struct meta_garbage garbage = {0};
        OK(support_put(s, &s->plain, "hot", 20, i, NULL, NULL));
        OK(meta_gc_next(s->meta, META_GC_NEW, 0, 1000, &garbage));
        OK(meta_gc_done(s->meta, &garbage));
        freed += garbage.chunks.count;
        meta_garbage_release(&garbage);
    }
    __atomic_store_n(&reader.won, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    struct meta_garbage rest = support_garbage(s);
    OK(meta_gc_done(s->meta, &rest));
    assert_int_equal(freed + rest.chunks.count, 2000);
    meta_garbage_release(&rest);
}

static enum status put_then_fail(struct commit_op *op, struct txn *txn)
{
    struct bucket_entry *bucket;
    struct row_key key;

    (void)op;
    row_key_current(&key, 1, BYTES("half"));
    txn_put(txn, STORE_CURRENT, &key, BYTES("done"));
    txn->state.gc_rows += 5;
    CHECK(txn_bucket(txn, 1, &bucket) == STATUS_OK);
    txn->bucket.objects = 3;
    return STATUS_CONFLICT;
}

static void *fail_main(void *arg)
{
    struct racer *racer = arg;
    for (int i = 0; i < 200; i++) {
        struct commit_op op = {.prepare = put_then_fail};
        enum status status = commit_run(racer->support->meta, &op);
        CHECK(status == STATUS_CONFLICT);
    }
    return NULL;
}

/* What fails leaves nothing behind, alone or in a group with others. */
static void test_failed_operations(void **state)
{
    struct support *s = *state;
    struct racer failing = {.support = s};
    struct store_view view = meta_view(s->meta);
    struct store_value value;
    struct row_key key;
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fail_main, &failing), 0);
    for (int i = 0; i < 100; i++)
        OK(support_put(s, &s->versioned, "k", 1, i, NULL, NULL));
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    row_key_current(&key, 1, BYTES("half"));
    assert_int_equal(store_get(&view, STORE_CURRENT, row_key_bytes(&key), &value), STATUS_NOT_FOUND);
    assert_int_equal(meta_gc_backlog(s->meta), 0);
    struct meta_bucket now = support_bucket_now(s, &s->versioned);
    assert_true(now.id == 1 && now.objects == 1 && now.versions == 100);
}

/* A clock that was set back makes no version older than the one before it. */
static enum status put_in_the_past(struct commit_op *op, struct txn *txn)
{
    struct bucket_entry *bucket;
    struct version_head head;
    struct version_record record = {0};

    (void)op;
    CHECK(txn_bucket(txn, 1, &bucket) == STATUS_OK);
    CHECK(version_latest_head(&txn->view, 1, BYTES("k"), true, &head) == STATUS_OK);
    txn->now_ms = head.modified_ms - 1000;
    return version_add(txn, bucket, BYTES("k"), &head, &record);
}

static void test_clock_set_back(void **state)
{
    struct support *s = *state;
    struct commit_op op = {.prepare = put_in_the_past};
    struct meta_object before, after;

    OK(support_put(s, &s->versioned, "k", 1, 0, NULL, &before));
    OK(commit_run(s->meta, &op));
    OK(support_get(s, &s->versioned, "k", NULL, 0, &after));
    assert_int_equal(after.number, 2);
    assert_int_equal(after.modified_ms, before.modified_ms);
    meta_object_release(&after);
}

/* After a write that failed nothing is written any more: not what came with it, not what comes later, and not when the
 * disk is well again. What was there before can be read. */
static void test_failed_write_is_the_last(void **state)
{
    struct support *s = *state;
    struct meta_object object;

    meta_close(s->meta);
    s->meta = NULL;
    struct meta_store *disk = s->memory, *memory = store_memory_create();
    s->memory = memory;
    OK(support_open(s));
    support_bucket(s, "plain", false, &s->plain);
    OK(support_put(s, &s->plain, "before", 1, 1, NULL, NULL));
    assert_false(meta_has_failed(s->meta));
    store_memory_fail_writes(memory, STATUS_IO);
    assert_int_equal(support_put(s, &s->plain, "new", 1, 1, NULL, NULL), STATUS_UNCERTAIN);
    assert_true(meta_has_failed(s->meta));
    store_memory_fail_writes(memory, STATUS_OK);
    uint64_t sequence = store_sequence(memory);
    assert_int_equal(support_put(s, &s->plain, "new", 1, 1, NULL, NULL), STATUS_UNAVAILABLE);
    assert_int_equal(store_sequence(memory), sequence);
    OK(support_get(s, &s->plain, "before", NULL, 0, &object));
    meta_object_release(&object);
    meta_close(s->meta);
    s->meta = NULL;
    store_close(memory);
    s->memory = disk;
}

/* Somebody else changes the database, which this process believes to be its own: it overwrites nothing, and ends. */
static void test_another_writer_is_found_out(void **state)
{
    struct support *s = *state;
    struct store_batch *batch = store_batch_create(s->meta->db);
    const struct store_view view = meta_view(s->meta);
    struct store_value value;

    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL));
    store_batch_put(batch, STORE_DEFAULT, STATE_KEY, BYTES("another's"));
    OK(store_write(s->meta->db, batch));
    store_batch_free(batch);
    assert_int_equal(support_put(s, &s->plain, "k", 1, 2, NULL, NULL), STATUS_UNCERTAIN);
    assert_true(meta_has_failed(s->meta));
    OK(store_get(&view, STORE_DEFAULT, STATE_KEY, &value));
    assert_true(bytes_equal_str(store_value_bytes(&value), "another's"));
    store_value_release(&value);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_threads),
        TEST(test_tasks),
        TEST(test_readers_and_gc),
        TEST(test_failed_operations),
        TEST(test_clock_set_back),
        TEST(test_failed_write_is_the_last),
        TEST(test_another_writer_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

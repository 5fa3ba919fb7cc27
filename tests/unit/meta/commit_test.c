/* The committer under concurrency: changes are totally ordered, conditions have one winner, counters add up; from
 * threads and from tasks. */
#include "tests/unit/meta/support.h"

#include <pthread.h>

#include "base/loop.h"
#include "base/task.h"

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
        status = meta_bucket_create(s->meta, KEY(key), false, BYTES(""));
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

/* Readers, writers and the background queues at once: a reader that holds a cursor reads all it was promised. */
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
        struct chunk_list garbage = {0};
        OK(support_put(s, &s->plain, "hot", 20, i, NULL, NULL));
        OK(meta_gc_next(s->meta, 200, 1000, &garbage)); /* grace covers a lookup before its cursor is open */
        OK(meta_gc_done(s->meta, &garbage));
        freed += garbage.count;
        chunk_list_release(&garbage);
    }
    __atomic_store_n(&reader.won, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    struct chunk_list rest = support_garbage(s);
    OK(meta_gc_done(s->meta, &rest));
    assert_int_equal(freed + rest.count, 2000);
    chunk_list_release(&rest);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_threads),
        TEST(test_tasks),
        TEST(test_readers_and_gc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

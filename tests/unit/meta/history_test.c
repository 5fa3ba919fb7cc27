/* The history of changes: what is handed on and what the log and a snapshot say are the same database, and one that is
 * rebuilt from them answers like the first. */
#include "tests/unit/meta/support.h"

#include <pthread.h>

#include "base/clock.h"
#include "meta/history.h"

/* Keeps what is handed on, and answers as it is told. */
struct recorder {
    struct support support; /* must be first: support_* take it */
    struct meta_replication replication;
    struct buffer records;
    uint64_t last;
    bool ready, holds;
};

static bool recorder_ready(void *arg)
{
    return ((struct recorder *)arg)->ready;
}

static void recorder_begin(void *arg, struct buffer *take_record, uint64_t first, uint64_t last)
{
    struct recorder *recorder = arg;
    CHECK(recorder->last == 0 || first == recorder->last + 1);
    CHECK(last >= first);
    recorder->last = last;
    CHECK(buffer_append_bytes(&recorder->records, buffer_bytes(take_record)) == STATUS_OK);
    buffer_release(take_record);
}

static bool recorder_wait(void *arg, uint64_t last, uint64_t since_ms)
{
    struct recorder *recorder = arg;
    CHECK(last <= recorder->last && since_ms <= clock_monotonic_ms());
    return recorder->holds;
}

static uint64_t recorder_held(void *arg)
{
    struct recorder *recorder = arg;
    return recorder->holds ? UINT64_MAX : 0;
}

static void recorder_open(struct recorder *r)
{
    struct meta_options options = {.path = r->support.path,
                                   .cluster_id = support_cluster,
                                   .pool = r->support.pool,
                                   .cache_bytes = 1 << 20,
                                   .replication = &r->replication};
    r->last = 0;
    OK(meta_open(&options, &r->support.meta));
}

static int setup(void **state)
{
    struct recorder *r = mem_zalloc(sizeof(*r));
    *state = r;
    strcpy(r->support.path, "/tmp/tercet-meta-XXXXXX");
    assert_non_null(mkdtemp(r->support.path));
    r->support.pool = pool_create(2, "meta");
    r->replication = (struct meta_replication){r, recorder_ready, recorder_begin, recorder_wait, recorder_held};
    buffer_init(&r->records, 64u << 20);
    r->ready = r->holds = true;
    recorder_open(r);
    support_bucket(&r->support, "versioned", true, &r->support.versioned);
    support_bucket(&r->support, "plain", false, &r->support.plain);
    return 0;
}

static int teardown(void **state)
{
    struct recorder *r = *state;
    buffer_release(&r->records);
    return support_teardown(state);
}

static void fill(struct recorder *r)
{
    char key[16];
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof(key), "key-%d", i % 25);
        OK(support_put(&r->support, &r->support.versioned, key, 3, i, NULL, NULL));
        OK(support_put(&r->support, &r->support.plain, key, 1, i, NULL, NULL));
    }
    OK(support_delete(&r->support, &r->support.plain, "key-7", NULL, NULL));
    OK(support_delete(&r->support, &r->support.versioned, "key-8", NULL, NULL));
}

/* All records from `from` on, by the log. */
static void log_read_all(struct meta *meta, uint64_t from, struct buffer *out)
{
    struct meta_position now;
    struct change_record record;
    meta_position(meta, &now);
    while (from <= now.sequence) {
        size_t begin = out->len;
        OK(meta_changes_read(meta, from, out));
        struct bytes rest = bytes_of(out->data + begin, out->len - begin);
        while (rest.len) {
            OK(change_record_next(&rest, &record));
            assert_int_equal(record.first, from);
            assert_int_equal(record.epoch, now.epoch);
            from += record.count;
        }
    }
    assert_int_equal(from, now.sequence + 1);
}

static void test_log_says_what_was_handed_on(void **state)
{
    struct recorder *r = *state;
    struct buffer log;
    struct change_record first;
    struct meta_position now;
    fill(r);
    struct bytes handed = buffer_bytes(&r->records);
    OK(change_record_next(&handed, &first));
    handed = buffer_bytes(&r->records);
    meta_position(r->support.meta, &now);
    assert_int_equal(r->last, now.sequence);
    for (int reopened = 0; reopened < 2; reopened++) { /* the log outlives the process */
        buffer_init(&log, 64u << 20);
        log_read_all(r->support.meta, first.first, &log);
        assert_int_equal(log.len, handed.len);
        assert_memory_equal(log.data, handed.data, handed.len);
        buffer_clear(&log);
        log_read_all(r->support.meta, 1, &log); /* also what was written before anybody listened */
        assert_true(log.len > handed.len);
        buffer_release(&log);
        meta_close(r->support.meta);
        recorder_open(r);
    }
}

/* The first commit of a process begins an epoch; what was made before keeps its own. */
static void test_epochs(void **state)
{
    struct recorder *r = *state;
    struct meta_position first, reopened, second;
    struct change_record record;
    struct buffer log;
    fill(r);
    meta_position(r->support.meta, &first);
    meta_close(r->support.meta);
    recorder_open(r);
    meta_position(r->support.meta, &reopened);
    assert_int_equal(reopened.epoch, first.epoch); /* nothing was changed yet */
    assert_int_equal(reopened.sequence, first.sequence);
    const struct meta_position lost = {first.epoch, first.sequence + 1};
    assert_int_equal(meta_judge(r->support.meta, &lost), STANDING_AHEAD);
    buffer_clear(&r->records);
    OK(support_put(&r->support, &r->support.plain, "key", 1, 1, NULL, NULL));
    OK(support_put(&r->support, &r->support.plain, "key", 1, 2, NULL, NULL));
    meta_position(r->support.meta, &second);
    assert_int_equal(change_generation(second.epoch), change_generation(first.epoch) + 1);
    struct bytes handed = buffer_bytes(&r->records);
    OK(change_record_next(&handed, &record));
    assert_int_equal(record.epoch, second.epoch);
    assert_int_equal(record.first, first.sequence + 1);
    assert_int_equal(meta_judge(r->support.meta, &lost), STANDING_FORKED);
    assert_int_equal(meta_judge(r->support.meta, &first), STANDING_PREFIX);
    assert_int_equal(meta_judge(r->support.meta, &second), STANDING_PREFIX);

    buffer_init(&log, 64u << 20);
    for (uint64_t from = 1; from <= second.sequence;) {
        buffer_clear(&log);
        OK(meta_changes_read(r->support.meta, from, &log));
        for (struct bytes rest = buffer_bytes(&log); change_record_next(&rest, &record) == STATUS_OK;) {
            assert_int_equal(record.first, from);
            assert_int_equal(record.epoch, from <= first.sequence ? first.epoch : second.epoch);
            from += record.count;
        }
    }
    buffer_release(&log);
}

static void test_not_ready(void **state)
{
    struct recorder *r = *state;
    struct meta_object object;
    struct meta_position before, after;
    meta_position(r->support.meta, &before);
    r->ready = false;
    assert_int_equal(support_put(&r->support, &r->support.plain, "key", 1, 1, NULL, NULL), STATUS_UNAVAILABLE);
    meta_position(r->support.meta, &after);
    assert_int_equal(before.sequence, after.sequence);
    assert_int_equal(support_get(&r->support, &r->support.plain, "key", NULL, 0, &object), STATUS_NOT_FOUND);
}

/* It is done, stays, and is known to the next operation, but it is not acknowledged. */
static void test_uncertain(void **state)
{
    struct recorder *r = *state;
    struct meta_object object;
    r->holds = false;
    assert_int_equal(support_put(&r->support, &r->support.plain, "key", 1, 9, NULL, NULL), STATUS_UNCERTAIN);
    OK(support_get(&r->support, &r->support.plain, "key", NULL, 0, &object));
    assert_int_equal(object.etag_md5[0], 9);
    meta_object_release(&object);
    assert_int_equal(meta_bucket_delete(r->support.meta, KEY("plain")), STATUS_NOT_EMPTY);
}

static enum status accept_parts(void *arg, const struct meta_part *const *parts, size_t count,
                                struct meta_object *object)
{
    (void)arg, (void)parts, (void)count, (void)object;
    return STATUS_OK;
}

/* Who repeats what ended uncertain finds it done; that may be lost no less than the first time. */
static void test_repeated_after_uncertain(void **state)
{
    struct recorder *r = *state;
    struct meta *meta = r->support.meta;
    struct meta_upload upload = {.bucket = r->support.plain.id, .key = KEY("large")};
    struct meta_part part = {.number = 1, .size = 10};
    struct chunk_list chunks = support_chunks(1, 10, 3);
    const unsigned number = 1;
    struct meta_object object;
    uint64_t count;

    OK(support_put(&r->support, &r->support.plain, "key", 1, 1, NULL, NULL));
    OK(support_put(&r->support, &r->support.versioned, "file", 1, 1, NULL, NULL));
    OK(meta_upload_create(meta, &upload));
    OK(meta_part_put(meta, &upload, &part, &chunks));
    for (int i = 0; i < 3; i++) {
        enum status wanted = i < 2 ? STATUS_UNCERTAIN : STATUS_OK;
        r->holds = i == 2;
        assert_int_equal(meta_upload_complete(meta, &upload, &number, 1, NULL, accept_parts, NULL, &object), wanted);
        meta_object_release(&object);
        assert_int_equal(support_delete(&r->support, &r->support.plain, "key", NULL, NULL), wanted);
        assert_int_equal(meta_object_delete_all(meta, r->support.versioned.id, KEY("file"), &count), wanted);
        assert_int_equal(meta_bucket_create(meta, KEY("another"), false, BYTES("")), wanted ? wanted : STATUS_EXISTS);
    }
    chunk_list_release(&chunks);
}

/* What an uncertain deletion queued is kept until the nodes have the deletion. */
static void test_garbage_of_uncertain_commit(void **state)
{
    struct recorder *r = *state;
    struct chunk_list due = {0};
    OK(support_put(&r->support, &r->support.plain, "key", 2, 1, NULL, NULL));
    r->holds = false;
    assert_int_equal(support_delete(&r->support, &r->support.plain, "key", NULL, NULL), STATUS_UNCERTAIN);
    for (int i = 0; i < 3; i++) {
        OK(meta_gc_next(r->support.meta, 0, 100, &due));
        assert_int_equal(due.count, 0);
    }
    assert_int_equal(meta_gc_backlog(r->support.meta), 1);
    r->holds = true;
    OK(meta_gc_next(r->support.meta, 0, 100, &due));
    assert_int_equal(due.count, 2);
    chunk_list_release(&due);
}

/* Rebuilds a database from a snapshot. */
static void snapshot_restore(struct recorder *r, const char *path, struct meta_position *as_of)
{
    struct meta_restore *restore;
    struct buffer page;
    struct change_record record;
    struct lineage lineage;
    bool end = false;
    buffer_init(&page, CHANGE_RECORD_MAX);
    OK(meta_restore_open(path, &restore));
    struct meta_snapshot *snapshot = meta_snapshot_open(r->support.meta, as_of);
    OK(support_put(&r->support, &r->support.plain, "behind the snapshot", 1, 1, NULL, NULL));
    while (!end) {
        buffer_clear(&page);
        OK(meta_snapshot_next(snapshot, &page, &end));
        struct bytes rest = buffer_bytes(&page);
        OK(change_record_next(&rest, &record));
        OK(meta_restore_add(restore, &record));
    }
    meta_snapshot_close(snapshot);
    OK(meta_restore_lineage(restore, support_cluster, &lineage));
    assert_int_equal(lineage.epoch, as_of->epoch);
    OK(meta_restore_finish(restore, as_of, 0));
    meta_restore_free(restore);
    buffer_release(&page);
}

static void test_snapshot_and_restore(void **state)
{
    struct recorder *r = *state;
    struct meta_position as_of, first, restored;
    struct lineage lineage;
    struct meta_object object;
    char path[96];
    int64_t start_ms = clock_wall_ms();
    fill(r);
    meta_position(r->support.meta, &first);
    snprintf(path, sizeof(path), "%s/restored", r->support.path);
    snapshot_restore(r, path, &as_of);
    assert_int_equal(as_of.sequence, first.sequence);
    assert_int_equal(as_of.epoch, first.epoch);
    OK(meta_position_peek(path, support_cluster, &restored, &lineage));
    assert_true(restored.sequence >= as_of.sequence);
    assert_int_equal(change_generation(restored.epoch), change_generation(as_of.epoch) + LINEAGE_RESTORE_GAP);
    assert_int_equal(meta_restored_ms(r->support.meta), 0);

    meta_close(r->support.meta);
    struct meta_options options = {.path = path, .cluster_id = support_cluster, .pool = r->support.pool};
    OK(meta_open(&options, &r->support.meta));
    assert_true(meta_restored_ms(r->support.meta) >= start_ms && meta_restored_ms(r->support.meta) <= clock_wall_ms());
    OK(support_get(&r->support, &r->support.plain, "key-3", NULL, 0, &object));
    assert_int_equal(object.etag_md5[0], 28);
    meta_object_release(&object);
    assert_int_equal(support_get(&r->support, &r->support.plain, "key-7", NULL, 0, &object), STATUS_NOT_FOUND);
    assert_int_equal(support_get(&r->support, &r->support.plain, "behind the snapshot", NULL, 0, &object),
                     STATUS_NOT_FOUND);
    assert_int_equal(meta_judge(r->support.meta, &as_of), STANDING_PREFIX);
    const struct meta_position given_up = {as_of.epoch, as_of.sequence + 1};
    assert_int_equal(meta_judge(r->support.meta, &given_up), STANDING_OVERRULED);
    OK(support_put(&r->support, &r->support.versioned, "key-9", 1, 77, NULL, &object));
    assert_int_equal(object.number, 3); /* the counters came along */
    struct buffer changes;              /* the log of the restore itself is not one of changes */
    buffer_init(&changes, 64u << 20);
    assert_int_equal(meta_changes_read(r->support.meta, as_of.sequence, &changes), STATUS_NOT_FOUND);
    OK(meta_changes_read(r->support.meta, as_of.sequence + 1, &changes));
    buffer_release(&changes);
}

static void test_peek(void **state)
{
    struct recorder *r = *state;
    struct meta_position open, closed;
    struct lineage lineage;
    uint8_t other[16] = "another cluster";
    meta_position(r->support.meta, &open);
    meta_close(r->support.meta);
    r->support.meta = NULL;
    OK(meta_position_peek(r->support.path, support_cluster, &closed, &lineage));
    assert_int_equal(open.epoch, closed.epoch);
    assert_int_equal(open.sequence, closed.sequence);
    assert_int_equal(change_generation(open.epoch), 1);
    assert_int_equal(meta_position_peek(r->support.path, other, &closed, &lineage), STATUS_DENIED);
    assert_int_equal(meta_position_peek("/tmp/tercet-no-such-directory", support_cluster, &closed, &lineage),
                     STATUS_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_log_says_what_was_handed_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_epochs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(test_uncertain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeated_after_uncertain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbage_of_uncertain_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_snapshot_and_restore, setup, teardown),
        cmocka_unit_test_setup_teardown(test_peek, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

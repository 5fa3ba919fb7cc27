/* Many deletions asked for together: in one commit, in their order, each with its own outcome. */
#include "tests/unit/meta/support.h"

#include <pthread.h>

#include "base/change_record.h"
#include "meta/internal.h"
#include "meta/outbox.h"

enum { MANY = 1000, WRITERS = 32 };

/* The commits since that sequence. */
static unsigned commits_since(struct support *s, uint64_t sequence)
{
    uint64_t last = store_sequence(s->meta->db);
    struct change_record record;
    struct buffer changes;
    unsigned count = 0;

    buffer_init(&changes, CHANGE_RECORD_MAX);
    while (sequence < last) {
        buffer_clear(&changes);
        OK(store_changes_read(s->meta->db, sequence + 1, last, 1, &changes));
        struct bytes rest = buffer_bytes(&changes);
        for (; change_record_next(&rest, &record) == STATUS_OK; count++)
            sequence = record.first + record.count - 1;
    }
    buffer_release(&changes);
    return count;
}

static struct meta_object_deletion deletion_of(const char *key, const char *version_id)
{
    return (struct meta_object_deletion){.key = KEY(key), .version.id = bytes_from_str(version_id)};
}

static void delete_all(struct support *s, const struct meta_bucket *bucket, struct meta_object_deletion *deletions,
                       size_t count)
{
    struct meta_object_deletion *wanted[MANY];

    for (size_t i = 0; i < count; i++)
        wanted[i] = &deletions[i];
    meta_objects_delete(s->meta, bucket->id, wanted, count);
}

static void check_there(struct support *s, const struct meta_bucket *bucket, const char *key, bool there)
{
    struct meta_object object;
    enum status status = support_get(s, bucket, key, NULL, 0, &object);

    if (status == STATUS_OK && object.delete_marker)
        status = STATUS_NOT_FOUND;
    assert_int_equal(status, there ? STATUS_OK : STATUS_NOT_FOUND);
    meta_object_release(&object);
}

static void test_none(void **state)
{
    struct support *s = *state;

    meta_objects_delete(s->meta, s->plain.id, NULL, 0);
    assert_int_equal(meta_commits_waiting(s->meta), 0);
}

static void test_each_has_its_outcome(void **state)
{
    struct support *s = *state;
    struct meta_object_deletion deletions[7];
    char long_key[META_KEY_MAX + 2];

    memset(long_key, 'k', META_KEY_MAX + 1);
    long_key[META_KEY_MAX + 1] = '\0';
    OK(support_put(s, &s->plain, "first", 1, 1, NULL, NULL));
    OK(support_put(s, &s->plain, "changed", 1, 2, NULL, NULL));
    OK(support_put(s, &s->plain, "as-said", 1, 3, NULL, NULL));
    OK(support_put(s, &s->plain, "last", 1, 4, NULL, NULL));
    deletions[0] = deletion_of("first", NULL);
    deletions[1] = deletion_of("absent", NULL);
    deletions[2] = deletion_of("changed", NULL);
    deletions[2].condition = (struct meta_condition){.must_match = true};
    memset(deletions[2].condition.etag_md5, 9, MD5_LEN);
    deletions[3] = deletion_of(long_key, NULL);
    deletions[4] = deletion_of("as-said", NULL);
    deletions[4].condition = (struct meta_condition){.must_match = true};
    memset(deletions[4].condition.etag_md5, 3, MD5_LEN);
    deletions[5] = deletion_of("first", "no version has this id");
    deletions[6] = deletion_of("last", "null");
    uint64_t before = store_sequence(s->meta->db);
    delete_all(s, &s->plain, deletions, 7);
    static const enum status expected[7] = {STATUS_OK,      STATUS_OK, STATUS_PRECONDITION, STATUS_INVALID, STATUS_OK,
                                            STATUS_INVALID, STATUS_OK};
    for (int i = 0; i < 7; i++) {
        assert_int_equal(deletions[i].status, expected[i]);
        assert_int_equal(deletions[i].result.removed, i != 1 && expected[i] == STATUS_OK);
    }
    assert_int_equal(commits_since(s, before), 1);
    assert_int_equal(meta_commits_waiting(s->meta), 0);
    for (int reopened = 0; reopened < 2; reopened++) {
        check_there(s, &s->plain, "first", false);
        check_there(s, &s->plain, "changed", true);
        check_there(s, &s->plain, "as-said", false);
        check_there(s, &s->plain, "last", false);
        struct meta_bucket now = support_bucket_now(s, &s->plain);
        assert_true(now.objects == 1 && now.versions == 1 && now.bytes == 100);
        assert_int_equal(meta_gc_backlog(s->meta), 3);
        support_reopen(s);
    }
}

static void test_no_bucket(void **state)
{
    struct support *s = *state;
    struct meta_object_deletion deletions[] = {deletion_of("a", NULL), deletion_of("b", NULL)};
    const struct meta_bucket gone = {.id = 4711};

    delete_all(s, &gone, deletions, 2);
    for (int i = 0; i < 2; i++)
        assert_true(deletions[i].status == STATUS_NOT_FOUND && deletions[i].result.no_bucket);
}

/* One that fails after it has added changes takes back its own, and no other's. */
static void test_a_failure_in_the_middle(void **state)
{
    struct support *s = *state;
    struct meta_object_deletion deletions[] = {deletion_of("a", NULL), deletion_of("b", NULL), deletion_of("c", NULL)};
    const struct meta_outbox_entry entry = {1, BYTES("work")};

    OK(support_put(s, &s->plain, "a", 1, 1, NULL, NULL));
    OK(support_put(s, &s->plain, "b", 1, 1, NULL, NULL));
    OK(support_put(s, &s->plain, "c", 1, 1, NULL, NULL));
    s->meta->committer.state.outbox_rows = META_OUTBOX_ROWS_MAX; /* nothing is under way */
    deletions[1].outbox = &entry;
    delete_all(s, &s->plain, deletions, 3);
    assert_int_equal(deletions[0].status, STATUS_OK);
    assert_int_equal(deletions[1].status, STATUS_LIMIT);
    assert_int_equal(deletions[2].status, STATUS_OK);
    check_there(s, &s->plain, "a", false);
    check_there(s, &s->plain, "b", true);
    check_there(s, &s->plain, "c", false);
    struct meta_bucket now = support_bucket_now(s, &s->plain);
    assert_true(now.objects == 1 && now.versions == 1 && now.bytes == 100);
    assert_int_equal(meta_gc_backlog(s->meta), 2);
}

/* In their order: a key that stands there twice gets two markers; who deletes a marker after it has the object back. */
static void test_versions(void **state)
{
    struct support *s = *state;
    struct meta_object object;
    struct meta_object_deletion markers[2] = {deletion_of("twice", NULL), deletion_of("twice", NULL)};

    OK(support_put(s, &s->versioned, "twice", 1, 1, NULL, &object));
    delete_all(s, &s->versioned, markers, 2);
    for (int i = 0; i < 2; i++)
        assert_true(markers[i].status == STATUS_OK && markers[i].result.marker_created && markers[i].result.versioned);
    assert_string_not_equal(markers[0].result.version_id, markers[1].result.version_id);
    check_there(s, &s->versioned, "twice", false);
    assert_int_equal(support_bucket_now(s, &s->versioned).versions, 3);

    struct meta_object_deletion removals[3] = {deletion_of("twice", markers[1].result.version_id),
                                               deletion_of("twice", markers[1].result.version_id),
                                               deletion_of("twice", markers[0].result.version_id)};
    delete_all(s, &s->versioned, removals, 3);
    assert_true(removals[0].status == STATUS_OK && removals[0].result.marker_removed);
    assert_int_equal(removals[1].status, STATUS_NOT_FOUND);
    assert_true(removals[2].status == STATUS_OK && removals[2].result.marker_removed);
    check_there(s, &s->versioned, "twice", true);
    struct meta_object_deletion whole[1] = {deletion_of("twice", object.version_id)};
    delete_all(s, &s->versioned, whole, 1);
    assert_true(whole[0].status == STATUS_OK && whole[0].result.removed && !whole[0].result.marker_removed);
    assert_int_equal(support_bucket_now(s, &s->versioned).versions, 0);
    assert_int_equal(meta_gc_backlog(s->meta), 1);
}

/* While versioning is suspended a marker takes the place of the null version, also of one of the same commit. */
static void test_null_versions(void **state)
{
    struct support *s = *state;
    struct meta_object_deletion deletions[4] = {deletion_of("key", NULL), deletion_of("key", NULL),
                                                deletion_of("key", "null"), deletion_of("key", "null")};
    struct meta_object kept;

    OK(support_put(s, &s->versioned, "key", 1, 1, NULL, &kept));
    OK(meta_bucket_set_versioning(s->meta, s->versioned.id, true, NULL));
    OK(support_put(s, &s->versioned, "key", 1, 2, NULL, NULL));
    delete_all(s, &s->versioned, deletions, 4);
    for (int i = 0; i < 2; i++) {
        assert_true(deletions[i].status == STATUS_OK && deletions[i].result.marker_created);
        assert_string_equal(deletions[i].result.version_id, "null");
    }
    assert_true(deletions[2].status == STATUS_OK && deletions[2].result.marker_removed);
    assert_int_equal(deletions[3].status, STATUS_NOT_FOUND);
    struct meta_bucket now = support_bucket_now(s, &s->versioned);
    assert_true(now.versions == 1 && now.objects == 1);
    struct meta_object object;
    OK(support_get(s, &s->versioned, "key", NULL, 0, &object));
    assert_string_equal(object.version_id, kept.version_id);
    meta_object_release(&object);
}

/* Writes every WRITERS-th key; side by side, so that the commits share their syncs. */
struct writer {
    struct support *support;
    const struct meta_bucket *bucket;
    char (*keys)[META_KEY_MAX + 1];
    unsigned first;
    pthread_t thread;
};

static void *writer_main(void *arg)
{
    const struct writer *writer = arg;

    for (unsigned i = writer->first; i < MANY; i += WRITERS)
        CHECK(support_put(writer->support, writer->bucket, writer->keys[i], 1, 1, NULL, NULL) == STATUS_OK);
    return NULL;
}

static void put_many(struct support *s, const struct meta_bucket *bucket, char (*keys)[META_KEY_MAX + 1], unsigned len)
{
    struct writer writers[WRITERS];

    for (unsigned i = 0; i < MANY; i++) {
        memset(keys[i], 'k', len);
        keys[i][len] = '\0';
        snprintf(keys[i], 5, "%04u", i);
        keys[i][4] = 'k';
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.support = s, .bucket = bucket, .keys = keys, .first = i};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, writer_main, &writers[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
}

/* In as few commits as the bound of a group allows. */
static void check_many(struct support *s, const struct meta_bucket *bucket, unsigned len, unsigned commits_max)
{
    struct meta_object_deletion *deletions = mem_zalloc(MANY * sizeof(*deletions));
    char(*keys)[META_KEY_MAX + 1] = mem_alloc(MANY * sizeof(*keys));

    put_many(s, bucket, keys, len);
    for (unsigned i = 0; i < MANY; i++)
        deletions[i] = deletion_of(keys[i], NULL);
    uint64_t before = store_sequence(s->meta->db);
    delete_all(s, bucket, deletions, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(deletions[i].status, STATUS_OK);
        assert_true(deletions[i].result.removed != deletions[i].result.marker_created);
        check_there(s, bucket, keys[i], false);
    }
    assert_in_range(commits_since(s, before), 1, commits_max);
    assert_int_equal(support_bucket_now(s, bucket).objects, 0);
    assert_int_equal(meta_commits_waiting(s->meta), 0);
    free(keys);
    free(deletions);
}

static void test_a_thousand(void **state)
{
    struct support *s = *state;

    check_many(s, &s->plain, 30, 1);
    assert_int_equal(meta_gc_backlog(s->meta), MANY);
    check_many(s, &s->versioned, 30, 1);
}

static void test_a_thousand_of_the_longest(void **state)
{
    struct support *s = *state;

    check_many(s, &s->plain, META_KEY_MAX, 1);
    check_many(s, &s->versioned, META_KEY_MAX, 2);
}

/* What was judged before is removed only if it is the same, and as current as it was. */
static void test_only_what_was_seen(void **state)
{
    struct support *s = *state;
    struct meta_object old, new, plain;
    struct meta_object_deletion deletion;

    OK(support_put(s, &s->plain, "k", 1, 1, NULL, &plain));
    deletion = deletion_of("k", NULL);
    deletion.seen = (struct meta_seen){.sequence = plain.sequence, .latest = true};
    OK(support_put(s, &s->plain, "k", 1, 2, NULL, &plain)); /* replaced meanwhile */
    delete_all(s, &s->plain, &deletion, 1);
    assert_int_equal(deletion.status, STATUS_PRECONDITION);
    deletion.seen.sequence = plain.sequence;
    delete_all(s, &s->plain, &deletion, 1);
    OK(deletion.status);
    delete_all(s, &s->plain, &deletion, 1); /* gone meanwhile */
    assert_int_equal(deletion.status, STATUS_PRECONDITION);

    OK(support_put(s, &s->versioned, "k", 1, 1, NULL, &old));
    deletion = deletion_of("k", NULL);
    deletion.seen = (struct meta_seen){.sequence = old.sequence, .latest = true};
    OK(support_put(s, &s->versioned, "k", 1, 2, NULL, &new));
    delete_all(s, &s->versioned, &deletion, 1); /* no marker hides the new one */
    assert_int_equal(deletion.status, STATUS_PRECONDITION);
    check_there(s, &s->versioned, "k", true);
    struct meta_object_deletion noncurrent = deletion_of("k", old.version_id);
    noncurrent.seen = (struct meta_seen){.sequence = old.sequence, .latest = false};
    struct meta_object_deletion newest = deletion_of("k", new.version_id);
    delete_all(s, &s->versioned, &newest, 1); /* the old one is current again */
    OK(newest.status);
    delete_all(s, &s->versioned, &noncurrent, 1);
    assert_int_equal(noncurrent.status, STATUS_PRECONDITION);
    check_there(s, &s->versioned, "k", true);
    OK(support_put(s, &s->versioned, "k", 1, 3, NULL, &new));
    delete_all(s, &s->versioned, &noncurrent, 1);
    OK(noncurrent.status);
    assert_int_equal(support_bucket_now(s, &s->versioned).versions, 1);
}

/* What was judged by its attributes goes only while they are the same. */
static void test_only_with_the_attributes_seen(void **state)
{
    struct support *s = *state;
    const struct meta_bucket *buckets[] = {&s->plain, &s->versioned};
    const struct meta_attribute change = {2, BYTES("keep")};
    const struct meta_object_update update = {.changes = &change, .count = 1};
    struct meta_object object, kept;

    for (size_t i = 0; i < 2; i++) { /* removed, or hidden by a marker */
        struct meta_object_deletion deletion = deletion_of("k", NULL);
        OK(support_put(s, buckets[i], "k", 1, 1, NULL, &object));
        deletion.seen = (struct meta_seen){.sequence = object.sequence, .latest = true};
        meta_seen_attributes(&deletion.seen, BYTES(""));
        OK(meta_object_update(s->meta, buckets[i]->id, KEY("k"), NULL, &update, &object));
        delete_all(s, buckets[i], &deletion, 1);
        assert_int_equal(deletion.status, STATUS_PRECONDITION);
        check_there(s, buckets[i], "k", true);
        OK(support_get(s, buckets[i], "k", NULL, 0, &kept));
        meta_seen_attributes(&deletion.seen, kept.attributes);
        meta_object_release(&kept);
        delete_all(s, buckets[i], &deletion, 1);
        OK(deletion.status);
        check_there(s, buckets[i], "k", false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_none, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_each_has_its_outcome, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_no_bucket, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_a_failure_in_the_middle, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_versions, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_null_versions, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_only_what_was_seen, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_only_with_the_attributes_seen, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_a_thousand, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_a_thousand_of_the_longest, support_setup, support_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

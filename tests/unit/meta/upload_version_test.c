/* Uploads that have their version's id from their creation on: it is the one that Complete gives, and says where in the
 * order the version is, whenever it is completed. */
#include "meta/name.h"
#include "meta/internal.h"
#include "tests/unit/meta/support.h"

static struct meta_upload begin(struct support *s, const struct meta_bucket *bucket)
{
    struct chunk_list chunks = support_chunks(1, 50, 3);
    struct meta_upload upload = {.bucket = bucket->id, .key = KEY("k"), .headers = BYTES("headers")};
    struct meta_part part = {.number = 1, .size = 50};

    OK(meta_upload_create(s->meta, &upload));
    OK(meta_part_put(s->meta, &upload, &part, &chunks));
    chunk_list_release(&chunks);
    return upload;
}

static enum status decide(void *arg, const struct meta_part *const *parts, size_t count, struct meta_object *object)
{
    (void)arg, (void)parts;
    object->etag_parts = (uint32_t)count;
    return STATUS_OK;
}

/* *object is the version that was made, of which nothing is to be released. */
static enum status complete_if(struct support *s, const struct meta_upload *upload,
                               const struct meta_condition *condition, struct meta_object *object)
{
    static const unsigned numbers[] = {1};
    struct meta_object made;
    enum status status = meta_upload_complete(s->meta, upload, numbers, 1, condition, decide, NULL, &made);

    *object = made;
    meta_object_release(&made);
    return status;
}

static enum status complete(struct support *s, const struct meta_upload *upload, struct meta_object *object)
{
    return complete_if(s, upload, NULL, object);
}

/* The versions of the key as they are listed, newest first, by their ids; the first one is the latest, also to who
 * reads. */
static void check_order(struct support *s, const struct meta_bucket *bucket, const char *const *ids, size_t count)
{
    const struct meta_list_query query = {.bucket = bucket->id, .max = 100};
    struct meta_list_page page;
    struct meta_object object;
    struct name_record name;
    const struct store_view view = meta_view(s->meta);

    OK(meta_list_versions(s->meta, &query, &page));
    assert_int_equal(page.count, count);
    for (size_t i = 0; i < count; i++) {
        struct meta_object got;
        assert_string_equal(page.entries[i].object.version_id, ids[i]);
        assert_int_equal(page.entries[i].object.latest, i == 0);
        OK(support_get(s, bucket, "k", ids[i], 0, &got));
        assert_true(got.latest == (i == 0) && got.sequence == page.entries[i].object.sequence);
        uint64_t number = got.number;
        meta_object_release(&got);
        OK(support_get(s, bucket, "k", NULL, number, &got)); /* its number finds it, too */
        assert_string_equal(got.version_id, ids[i]);
        meta_object_release(&got);
    }
    OK(support_get(s, bucket, "k", NULL, 0, &object));
    assert_string_equal(object.version_id, ids[0]);
    meta_object_release(&object);
    OK(name_load(&view, bucket->id, KEY("k"), &name));
    assert_true(name.versions == count && name.latest == page.entries[0].object.sequence);
    assert_true(name.oldest == page.entries[count - 1].object.sequence);
    meta_list_page_release(&page);
}

static void test_the_id_is_the_versions(void **state)
{
    struct support *s = *state;
    struct meta_upload upload = begin(s, &s->versioned), got;
    struct meta_object object, missing;
    const struct meta_upload_query query = {.bucket = s->versioned.id, .max = 10};
    struct meta_upload_page page;

    assert_true(upload.has_version);
    assert_int_equal(support_get(s, &s->versioned, "k", upload.id, 0, &missing), STATUS_NOT_FOUND);
    support_reopen(s);
    OK(meta_upload_get(s->meta, s->versioned.id, KEY("k"), KEY(upload.id), &got));
    assert_true(got.has_version);
    meta_upload_release(&got);
    OK(meta_upload_list(s->meta, &query, &page));
    assert_true(page.count == 1 && page.entries[0].has_version);
    meta_upload_page_release(&page);
    OK(complete(s, &upload, &object));
    assert_string_equal(object.version_id, upload.id);
    assert_true(object.latest);
    check_order(s, &s->versioned, (const char *[]){upload.id}, 1);
    support_reopen(s);
    check_order(s, &s->versioned, (const char *[]){upload.id}, 1);

    upload = begin(s, &s->versioned);
    OK(meta_upload_abort(s->meta, &upload));
    assert_int_equal(support_get(s, &s->versioned, "k", upload.id, 0, &missing), STATUS_NOT_FOUND);
}

static void test_none_where_no_versions_are_kept(void **state)
{
    struct support *s = *state;
    struct meta_upload plain = begin(s, &s->plain), suspended, enabled;
    struct meta_object object;

    assert_false(plain.has_version);
    OK(complete(s, &plain, &object));
    assert_string_equal(object.version_id, "null");
    enabled = begin(s, &s->versioned);
    OK(meta_bucket_set_versioning(s->meta, s->versioned.id, true, NULL));
    suspended = begin(s, &s->versioned);
    assert_true(enabled.has_version && !suspended.has_version);
    OK(complete(s, &suspended, &object));
    assert_string_equal(object.version_id, "null");
    OK(complete(s, &enabled, &object)); /* what was said stays true, and takes nobody's place */
    assert_string_equal(object.version_id, enabled.id);
    assert_false(object.latest);
    check_order(s, &s->versioned, (const char *[]){"null", enabled.id}, 2);
    suspended = begin(s, &s->versioned);
    OK(meta_bucket_set_versioning(s->meta, s->versioned.id, false, NULL));
    OK(complete(s, &suspended, &object)); /* nothing was said, so it is a version like any other */
    assert_string_not_equal(object.version_id, suspended.id);
    assert_true(object.latest && strcmp(object.version_id, "null") != 0);
}

/* The one that was begun last is the latest, whichever is completed last. */
static void test_order_is_that_of_creation(void **state)
{
    struct support *s = *state;
    struct meta_upload first = begin(s, &s->versioned), second = begin(s, &s->versioned), third;
    struct meta_object put, made;
    struct meta_deletion marker;

    OK(complete(s, &second, &made));
    assert_true(made.latest && made.number == 1);
    third = begin(s, &s->versioned);
    OK(support_put(s, &s->versioned, "k", 1, 1, NULL, &put));
    OK(complete(s, &third, &made));
    assert_true(!made.latest && made.number == 3);
    OK(complete(s, &first, &made));
    assert_false(made.latest);
    for (int reopened = 0; reopened < 2; reopened++) {
        check_order(s, &s->versioned, (const char *[]){put.version_id, third.id, second.id, first.id}, 4);
        assert_int_equal(support_bucket_now(s, &s->versioned).objects, 1);
        assert_int_equal(support_bucket_now(s, &s->versioned).bytes, 250);
        support_reopen(s);
    }
    /* a deletion of the latest makes the next one current, of whatever time; of the oldest likewise */
    OK(support_delete(s, &s->versioned, "k", put.version_id, NULL));
    check_order(s, &s->versioned, (const char *[]){third.id, second.id, first.id}, 3);
    OK(support_delete(s, &s->versioned, "k", first.id, NULL));
    check_order(s, &s->versioned, (const char *[]){third.id, second.id}, 2);

    struct meta_upload hidden = begin(s, &s->versioned);
    OK(support_delete(s, &s->versioned, "k", NULL, &marker));
    OK(complete(s, &hidden, &made)); /* a marker that came since hides it */
    assert_false(made.latest);
    assert_int_equal(support_bucket_now(s, &s->versioned).objects, 0);
    OK(support_get(s, &s->versioned, "k", NULL, 0, &made));
    assert_true(made.delete_marker);
    meta_object_release(&made);
    OK(support_delete(s, &s->versioned, "k", marker.version_id, NULL));
    check_order(s, &s->versioned, (const char *[]){hidden.id, third.id, second.id}, 3);
}

/* An object from before there was versioning has no rows of its name until it changes. */
static void test_beside_an_object_from_before(void **state)
{
    struct support *s = *state;
    struct meta_upload upload;
    struct meta_object made;

    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL));
    OK(meta_bucket_set_versioning(s->meta, s->plain.id, false, NULL));
    upload = begin(s, &s->plain);
    OK(complete(s, &upload, &made));
    check_order(s, &s->plain, (const char *[]){upload.id, "null"}, 2);
}

/* A condition is about what the object takes the place of: where it takes none, it cannot be kept. */
static void test_conditions(void **state)
{
    struct support *s = *state;
    struct meta_condition absent = {.must_be_absent = true}, matches = {.must_match = true, .etag_md5 = {1, 1}};
    struct meta_upload upload = begin(s, &s->versioned);
    struct meta_deletion marker;
    struct meta_object made;

    memset(matches.etag_md5, 1, MD5_LEN);
    OK(support_delete(s, &s->versioned, "k", NULL, &marker));
    assert_int_equal(complete_if(s, &upload, &absent, &made), STATUS_EXISTS);
    OK(support_put(s, &s->versioned, "k", 1, 1, NULL, NULL));
    assert_int_equal(complete_if(s, &upload, &absent, &made), STATUS_PRECONDITION);
    assert_int_equal(complete_if(s, &upload, &matches, &made), STATUS_EXISTS);
    assert_int_equal(support_bucket_now(s, &s->versioned).versions, 2);
    upload = begin(s, &s->versioned);
    OK(complete_if(s, &upload, &matches, &made));
    assert_true(made.latest);
}

/* A Complete whose answer was lost is sent again, when its version is the latest no more, too. */
/* One that the bound would take away in the same commit is not acknowledged, and can be completed under another. */
static void test_no_more_are_kept(void **state)
{
    struct support *s = *state;
    struct meta_options options = {.path = s->path,
                                   .store = s->memory,
                                   .cluster_id = support_cluster,
                                   .pool = s->pool,
                                   .cache_bytes = 1 << 20,
                                   .bounded_bucket = "versioned"};
    struct meta_upload upload = begin(s, &s->versioned);
    struct meta_object first, second, object;

    OK(support_put(s, &s->versioned, "k", 1, 'a', NULL, &first));
    OK(support_put(s, &s->versioned, "k", 1, 'b', NULL, &second));
    for (options.versions_max = 2; options.versions_max <= 3; options.versions_max++) {
        meta_close(s->meta);
        OK(meta_open(&options, &s->meta));
        assert_int_equal(complete(s, &upload, &object), options.versions_max == 2 ? STATUS_EXISTS : STATUS_OK);
        check_order(s, &s->versioned, (const char *[]){second.version_id, first.version_id, upload.id},
                    options.versions_max);
    }
}

static void test_again(void **state)
{
    struct support *s = *state;
    struct meta_upload upload = begin(s, &s->versioned);
    struct meta_object made;

    OK(complete(s, &upload, &made));
    OK(support_put(s, &s->versioned, "k", 1, 1, NULL, NULL));
    OK(complete(s, &upload, &made));
    assert_string_equal(made.version_id, upload.id);
    assert_false(made.latest);
    assert_int_equal(support_bucket_now(s, &s->versioned).versions, 2);
    OK(support_delete(s, &s->versioned, "k", upload.id, NULL));
    assert_int_equal(complete(s, &upload, &made), STATUS_NOT_FOUND);
}

/* All of it goes as any version does. */
static void test_garbage(void **state)
{
    struct support *s = *state;
    struct meta_upload upload = begin(s, &s->versioned);
    struct meta_keep keep = {.versions_max = 1, .replaced_before_ms = INT64_MIN};
    struct meta_garbage garbage;
    struct meta_object made;
    uint64_t removed;
    bool more;

    OK(support_put(s, &s->versioned, "k", 1, 1, NULL, NULL));
    OK(complete(s, &upload, &made));
    OK(meta_versions_trim(s->meta, s->versioned.id, KEY("k"), &keep, &removed, &more));
    assert_int_equal(removed, 1);
    assert_int_equal(support_get(s, &s->versioned, "k", upload.id, 0, &made), STATUS_NOT_FOUND);
    garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 1);
    OK(meta_gc_done(s->meta, &garbage));
    meta_garbage_release(&garbage);
    assert_int_equal(meta_gc_backlog(s->meta), 0);
    assert_int_equal(support_bucket_now(s, &s->versioned).bytes, 100);
}

/* What came late was not there to be replaced before it came. */
static void test_days_count_from_when_it_came(void **state)
{
    struct support *s = *state;
    struct meta_upload upload = begin(s, &s->versioned);
    struct meta_keep keep = {0};
    struct meta_object put, made;
    uint64_t removed;
    bool more;

    OK(support_put(s, &s->versioned, "k", 1, 1, NULL, &put));
    usleep(3000);
    OK(complete(s, &upload, &made));
    assert_true(made.modified_ms > put.modified_ms);
    keep.replaced_before_ms = put.modified_ms;
    OK(meta_versions_trim(s->meta, s->versioned.id, KEY("k"), &keep, &removed, &more));
    assert_int_equal(removed, 0);
    keep.replaced_before_ms = made.modified_ms;
    OK(meta_versions_trim(s->meta, s->versioned.id, KEY("k"), &keep, &removed, &more));
    assert_int_equal(removed, 1);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_the_id_is_the_versions),
        TEST(test_none_where_no_versions_are_kept),
        TEST(test_order_is_that_of_creation),
        TEST(test_beside_an_object_from_before),
        TEST(test_conditions),
        TEST(test_no_more_are_kept),
        TEST(test_again),
        TEST(test_garbage),
        TEST(test_days_count_from_when_it_came),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}

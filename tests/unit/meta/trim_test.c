/* Bounds for the versions of a name: which go, that the newest never does, and that what goes is freed. */
#include "tests/unit/meta/support.h"

#define NO_TIME INT64_MIN

/* Opens the database anew, with that bound for the bucket with versions. */
static void open_bounded(struct support *s, uint64_t versions_max)
{
    struct meta_options options = {.path = s->path,
                                   .store = s->memory,
                                   .cluster_id = support_cluster,
                                   .pool = s->pool,
                                   .cache_bytes = 1 << 20,
                                   .bounded_bucket = "versioned",
                                   .versions_max = versions_max};
    meta_close(s->meta);
    s->meta = NULL;
    OK(meta_open(&options, &s->meta));
}

/* The numbers of the versions, newest first, as text; a delete marker with an m. */
static void assert_versions(struct support *s, const char *key, const char *expected)
{
    struct meta_list_query query = {.bucket = s->versioned.id, .prefix = KEY(key), .max = 1000};
    struct meta_list_page page;
    struct buffer text;

    buffer_init(&text, 4096);
    (void)buffer_append_str(&text, "");
    OK(meta_list_versions(s->meta, &query, &page));
    for (size_t i = 0; i < page.count; i++)
        (void)buffer_printf(&text, "%s%d%s", i ? " " : "", (int)page.entries[i].object.number,
                            page.entries[i].object.delete_marker ? "m" : "");
    assert_string_equal(text.data ? text.data : "", expected);
    meta_list_page_release(&page);
    buffer_release(&text);
}

static uint64_t trim(struct support *s, const char *key, uint64_t max, int64_t before_ms)
{
    const struct meta_keep keep = {.versions_max = max, .replaced_before_ms = before_ms};
    uint64_t removed = 0;
    bool more = true;

    while (more) {
        uint64_t count;
        OK(meta_versions_trim(s->meta, s->versioned.id, KEY(key), &keep, &count, &more));
        removed += count;
    }
    return removed;
}

static void put(struct support *s, const char *key, int count)
{
    for (int i = 0; i < count; i++)
        OK(support_put(s, &s->versioned, key, 1, i, NULL, NULL));
}

static void test_new_version_removes_surplus(void **state)
{
    struct support *s = *state;
    struct meta_object got;

    put(s, "k", 3);
    open_bounded(s, 3);
    put(s, "k", 1);
    assert_versions(s, "k", "4 3 2");
    struct meta_garbage garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 1);
    meta_garbage_release(&garbage);
    put(s, "other", 2);
    assert_versions(s, "k", "4 3 2");
    OK(support_get(s, &s->versioned, "k", NULL, 3, &got)); /* one in the middle goes by itself: two are kept still */
    OK(support_delete(s, &s->versioned, "k", got.version_id, NULL));
    meta_object_release(&got);
    put(s, "k", 1);
    assert_versions(s, "k", "5 4 2");
    put(s, "k", 1);
    assert_versions(s, "k", "6 5 4");
    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL));
    struct meta_bucket now = support_bucket_now(s, &s->versioned);
    assert_true(now.objects == 2 && now.versions == 5 && now.bytes == 500);
}

/* A bound that is set later: each new version removes a few of the surplus, so that no commit gets long. */
static void test_surplus_goes_little_by_little(void **state)
{
    struct support *s = *state;

    put(s, "k", 30);
    open_bounded(s, 2);
    put(s, "k", 1);
    assert_int_equal(support_bucket_now(s, &s->versioned).versions, 23);
    put(s, "k", 3);
    assert_versions(s, "k", "34 33"); /* 23 + 3 - 3 * 8 */
    put(s, "k", 1);
    assert_versions(s, "k", "35 34");
}

static void test_delete_markers(void **state)
{
    struct support *s = *state;
    struct meta_object got;

    open_bounded(s, 1);
    put(s, "k", 2);
    assert_versions(s, "k", "2");
    OK(support_delete(s, &s->versioned, "k", NULL, NULL));
    assert_versions(s, "k", "3m"); /* the newest, which says that there is no object */
    OK(support_get(s, &s->versioned, "k", NULL, 0, &got));
    assert_true(got.delete_marker);
    meta_object_release(&got);
    assert_int_equal(trim(s, "k", 1, INT64_MAX), 0);
    assert_int_equal(support_bucket_now(s, &s->versioned).objects, 0);
    put(s, "k", 1);
    assert_versions(s, "k", "4");
    assert_int_equal(support_bucket_now(s, &s->versioned).objects, 1);
}

static void test_trim_by_number(void **state)
{
    struct support *s = *state;

    put(s, "k", 600); /* more than one commit removes */
    assert_int_equal(trim(s, "k", 0, NO_TIME), 0);
    assert_int_equal(trim(s, "k", 600, NO_TIME), 0);
    assert_int_equal(trim(s, "k", 2, NO_TIME), 598);
    assert_versions(s, "k", "600 599");
    assert_int_equal(trim(s, "k", 1, NO_TIME), 1);
    assert_int_equal(trim(s, "none", 1, NO_TIME), 0);
    put(s, "k", 1);
    assert_versions(s, "k", "601 600");
    struct meta_garbage garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 599);
    meta_garbage_release(&garbage);
    uint64_t removed;
    bool more;
    const struct meta_keep keep = {.versions_max = 1, .replaced_before_ms = NO_TIME};
    assert_int_equal(meta_versions_trim(s->meta, s->plain.id, KEY("k"), &keep, &removed, &more), STATUS_INVALID);
}

/* A version's time begins when it is replaced, and the newest has none. */
static void test_trim_by_age(void **state)
{
    struct support *s = *state;
    struct meta_object object[4];

    for (int i = 0; i < 4; i++) {
        OK(support_put(s, &s->versioned, "k", 1, i, NULL, &object[i]));
        while (i < 3) { /* until the clock's next millisecond */
            struct meta_object probe;
            OK(support_put(s, &s->plain, "probe", 0, 0, NULL, &probe));
            if (probe.modified_ms > object[i].modified_ms)
                break;
        }
    }
    assert_int_equal(trim(s, "k", 0, object[1].modified_ms - 1), 0);
    assert_int_equal(trim(s, "k", 0, object[1].modified_ms), 1);
    assert_versions(s, "k", "4 3 2");
    assert_int_equal(trim(s, "k", 0, object[3].modified_ms - 1), 1);
    assert_versions(s, "k", "4 3");
    assert_int_equal(trim(s, "k", 0, INT64_MAX), 1);
    assert_versions(s, "k", "4");
    assert_int_equal(trim(s, "k", 0, INT64_MAX), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_new_version_removes_surplus),
        TEST(test_surplus_goes_little_by_little),
        TEST(test_delete_markers),
        TEST(test_trim_by_number),
        TEST(test_trim_by_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

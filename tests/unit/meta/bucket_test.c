/* Buckets: creation, deletion with and without content, what survives a restart, and the wrong cluster. */
#include "tests/unit/meta/support.h"

static void test_create_get_list(void **state)
{
    struct support *s = *state;
    struct meta_bucket bucket, *list;
    size_t count;
    char name[META_BUCKET_MAX + 2];

    assert_int_not_equal(s->plain.id, s->versioned.id);
    assert_true(s->versioned.versioned && !s->plain.versioned && s->plain.created_ms > 0);
    assert_int_equal(meta_bucket_create(s->meta, KEY("plain"), true, BYTES(""), NULL), STATUS_EXISTS);
    OK(meta_bucket_create(s->meta, KEY("aaa"), false, BYTES("eu-west-1"), NULL));
    OK(meta_bucket_get(s->meta, KEY("aaa"), &bucket));
    assert_string_equal(bucket.region, "eu-west-1");
    assert_int_equal(meta_bucket_get(s->meta, KEY("aa"), &bucket), STATUS_NOT_FOUND);
    assert_int_equal(meta_bucket_create(s->meta, BYTES(""), false, BYTES(""), NULL), STATUS_INVALID);
    memset(name, 'n', sizeof(name));
    assert_int_equal(meta_bucket_create(s->meta, bytes_of(name, META_BUCKET_MAX + 1), false, BYTES(""), NULL),
                     STATUS_INVALID);
    assert_int_equal(meta_bucket_create(s->meta, KEY("x"), false, bytes_of(name, 32), NULL), STATUS_INVALID);
    OK(meta_bucket_create(s->meta, bytes_of(name, META_BUCKET_MAX), false, BYTES(""), NULL));
    for (int reopened = 0; reopened < 2; reopened++) {
        meta_bucket_list(s->meta, &list, &count);
        assert_int_equal(count, 4);
        assert_string_equal(list[0].name, "aaa");
        assert_string_equal(list[0].region, "eu-west-1");
        assert_string_equal(list[2].name, "plain");
        assert_string_equal(list[3].name, "versioned");
        assert_true(list[3].versioned);
        free(list);
        if (!reopened)
            support_reopen(s);
    }
}

static void test_delete(void **state)
{
    struct support *s = *state;
    struct meta_bucket bucket;

    assert_int_equal(meta_bucket_delete(s->meta, KEY("none")), STATUS_NOT_FOUND);
    OK(support_put(s, &s->versioned, "k", 1, 0, NULL, NULL));
    assert_int_equal(meta_bucket_delete(s->meta, KEY("versioned")), STATUS_NOT_EMPTY);
    OK(support_delete(s, &s->versioned, "k", NULL, NULL)); /* a marker is content too */
    assert_int_equal(meta_bucket_delete(s->meta, KEY("versioned")), STATUS_NOT_EMPTY);
    uint64_t count;
    OK(meta_object_delete_all(s->meta, s->versioned.id, KEY("k"), NULL, &count));
    OK(meta_bucket_delete(s->meta, KEY("versioned")));
    assert_int_equal(meta_bucket_get(s->meta, KEY("versioned"), &bucket), STATUS_NOT_FOUND);
    assert_int_equal(support_put(s, &s->versioned, "k", 1, 0, NULL, NULL), STATUS_NOT_FOUND);
    assert_int_equal(meta_bucket_delete(s->meta, KEY("versioned")), STATUS_NOT_FOUND);

    support_reopen(s);
    assert_int_equal(meta_bucket_get(s->meta, KEY("versioned"), &bucket), STATUS_NOT_FOUND);
    OK(meta_bucket_create(s->meta, KEY("versioned"), false, BYTES(""), NULL));
    OK(meta_bucket_get(s->meta, KEY("versioned"), &bucket));
    assert_true(bucket.id > s->plain.id && bucket.id > s->versioned.id && !bucket.versioned);
    assert_int_equal(meta_bucket_delete_this(s->meta, KEY("versioned"), s->versioned.id), STATUS_NOT_FOUND);
    OK(meta_bucket_get(s->meta, KEY("versioned"), &bucket));
    OK(meta_bucket_delete_this(s->meta, KEY("versioned"), bucket.id));
}

static void test_delete_aborts_uploads(void **state)
{
    struct support *s = *state;
    char key[32];
    struct meta_upload upload;
    struct meta_part part = {.number = 1, .size = 100};

    for (int i = 0; i < 600; i++) { /* more than one commit aborts */
        snprintf(key, sizeof(key), "key-%d", i / 2);
        upload = (struct meta_upload){.bucket = s->plain.id, .key = KEY(key)};
        OK(meta_upload_create(s->meta, &upload));
        if (i % 100 == 0) {
            struct chunk_list chunks = support_chunks(1, 100, 3);
            OK(meta_part_put(s->meta, &upload, &part, &chunks));
            chunk_list_release(&chunks);
        }
    }
    OK(meta_bucket_delete(s->meta, KEY("plain")));
    assert_int_equal(meta_upload_abort(s->meta, &upload), STATUS_NOT_FOUND);
    assert_int_equal(meta_gc_backlog(s->meta), 6);
    struct meta_garbage garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 6);
    meta_garbage_release(&garbage);
}

static void test_other_cluster(void **state)
{
    struct support *s = *state;
    struct meta_options options = {
        .path = s->path, .store = s->memory, .cluster_id = (const uint8_t *)"ffffffffffffffff", .pool = s->pool};

    meta_close(s->meta);
    assert_int_equal(meta_open(&options, &s->meta), STATUS_DENIED);
    s->meta = NULL;
    OK(support_open(s));
    assert_int_equal(support_bucket_now(s, &s->plain).id, s->plain.id);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_create_get_list),
        TEST(test_delete),
        TEST(test_delete_aborts_uploads),
        TEST(test_other_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Versions of one key: what put, get and delete do to them, conditions, counters, and the cursor over the chunks. */
#include "tests/unit/meta/support.h"

#include "base/rocks_internal.h"
#include "meta/store_rocks.h"
#include "meta/internal.h"

static void assert_counters(struct support *support, const struct meta_bucket *bucket, uint64_t objects,
                            uint64_t versions, uint64_t bytes)
{
    struct meta_bucket now = support_bucket_now(support, bucket);
    assert_int_equal(now.objects, objects);
    assert_int_equal(now.versions, versions);
    assert_int_equal(now.bytes, bytes);
}

static void test_put_and_get(void **state)
{
    struct support *s = *state;
    struct meta_object put, got;

    OK(support_put(s, &s->versioned, "a/b", 2, 0x11, NULL, &put));
    assert_int_equal(put.number, 1);
    assert_true(put.latest && !put.delete_marker && put.modified_ms > 0 && put.sequence == meta_sequence(s->meta));
    assert_int_equal(strlen(put.version_id), META_VERSION_ID_LEN);

    OK(support_get(s, &s->versioned, "a/b", NULL, 0, &got));
    assert_int_equal(got.size, 200);
    assert_int_equal(got.etag_md5[15], 0x11);
    assert_true(bytes_equal_str(got.headers, "headers"));
    assert_string_equal(got.version_id, put.version_id);
    assert_int_equal(got.sequence, put.sequence);
    assert_int_equal(got.modified_ms, put.modified_ms);
    meta_object_release(&got);
    assert_int_equal(support_get(s, &s->versioned, "a", NULL, 0, &got), STATUS_NOT_FOUND);
    assert_int_equal(support_get(s, &s->versioned, "a/b/", NULL, 0, &got), STATUS_NOT_FOUND);
    assert_int_equal(support_get(s, &s->plain, "a/b", NULL, 0, &got), STATUS_NOT_FOUND);
    assert_counters(s, &s->versioned, 1, 1, 200);
}

static void test_refused_input(void **state)
{
    struct support *s = *state;
    struct chunk_list chunks = support_chunks(1, 100, 3);
    struct meta_object object = {.size = 100};
    char *long_text = mem_zalloc(META_HEADERS_MAX + 1);
    uint32_t id = s->plain.id;

    memset(long_text, 'x', META_HEADERS_MAX + 1);
    assert_int_equal(meta_object_put(s->meta, id, BYTES(""), &object, &chunks, NULL), STATUS_INVALID);
    assert_int_equal(meta_object_put(s->meta, id, BYTES("a\0b"), &object, &chunks, NULL), STATUS_INVALID);
    assert_int_equal(meta_object_put(s->meta, id, bytes_of(long_text, META_KEY_MAX + 1), &object, &chunks, NULL),
                     STATUS_INVALID);
    OK(meta_object_put(s->meta, id, bytes_of(long_text, META_KEY_MAX), &object, &chunks, NULL));
    object.headers = bytes_of(long_text, META_HEADERS_MAX + 1);
    assert_int_equal(meta_object_put(s->meta, id, BYTES("a"), &object, &chunks, NULL), STATUS_LIMIT);
    object.headers.len = 0;
    object.size = 99;
    assert_int_equal(meta_object_put(s->meta, id, BYTES("a"), &object, &chunks, NULL), STATUS_INVALID);
    object.size = 100;
    assert_int_equal(meta_object_put(s->meta, 999, BYTES("a"), &object, &chunks, NULL), STATUS_NOT_FOUND);
    chunks.refs[0].copies = 0;
    assert_int_equal(meta_object_put(s->meta, id, BYTES("a"), &object, &chunks, NULL), STATUS_INVALID);
    assert_counters(s, &s->plain, 1, 1, 100);
    chunk_list_release(&chunks);
    free(long_text);
}

static void test_versions_by_id_and_number(void **state)
{
    struct support *s = *state;
    struct meta_object put[40], got;
    char id[META_VERSION_ID_LEN + 1];

    for (int i = 0; i < 40; i++) {
        OK(support_put(s, &s->versioned, "k", 1, i, NULL, &put[i]));
        if (i % 4 == 0) /* sequences of the key with and without gaps */
            OK(support_put(s, &s->versioned, "other", 1, i, NULL, NULL));
    }
    for (int i = 0; i < 40; i++) {
        OK(support_get(s, &s->versioned, "k", NULL, (uint64_t)i + 1, &got));
        assert_int_equal(got.etag_md5[0], i);
        assert_int_equal(got.latest, i == 39);
        meta_object_release(&got);
        OK(support_get(s, &s->versioned, "k", put[i].version_id, 0, &got));
        assert_int_equal(got.number, i + 1);
        meta_object_release(&got);
    }
    for (int i = 0; i < 40; i += 3) /* holes */
        OK(support_delete(s, &s->versioned, "k", put[i].version_id, NULL));
    for (int i = 0; i < 40; i++) {
        assert_int_equal(support_get(s, &s->versioned, "k", NULL, (uint64_t)i + 1, &got),
                         i % 3 ? STATUS_OK : STATUS_NOT_FOUND);
        meta_object_release(&got);
    }
    assert_int_equal(support_get(s, &s->versioned, "k", NULL, 41, &got), STATUS_NOT_FOUND);
    assert_int_equal(support_get(s, &s->versioned, "k", "", 0, &got), STATUS_INVALID);
    assert_int_equal(support_get(s, &s->versioned, "none", "short", 0, &got), STATUS_INVALID);
    assert_int_equal(support_get(s, &s->versioned, "k", "null", 0, &got), STATUS_NOT_FOUND);
    strcpy(id, put[1].version_id);
    id[31] = id[31] == '0' ? '1' : '0'; /* well-formed, unknown */
    assert_int_equal(support_get(s, &s->versioned, "k", id, 0, &got), STATUS_NOT_FOUND);
    assert_int_equal(support_get(s, &s->versioned, "other", put[1].version_id, 0, &got), STATUS_NOT_FOUND);
    id[0] = 'A';
    assert_int_equal(support_get(s, &s->versioned, "k", id, 0, &got), STATUS_INVALID);
}

static void test_plain_bucket_replaces(void **state)
{
    struct support *s = *state;
    struct meta_object first, second, got;
    struct meta_deletion deletion;

    OK(support_put(s, &s->plain, "k", 3, 1, NULL, &first));
    assert_string_equal(first.version_id, "null");
    OK(support_put(s, &s->plain, "k", 1, 2, NULL, &second));
    assert_int_equal(second.number, 2);
    assert_true(second.modified_ms >= first.modified_ms);
    assert_counters(s, &s->plain, 1, 1, 100);
    OK(support_get(s, &s->plain, "k", "null", 0, &got));
    assert_int_equal(got.etag_md5[0], 2);
    meta_object_release(&got);
    assert_int_equal(support_get(s, &s->plain, "k", NULL, 1, &got), STATUS_NOT_FOUND);

    struct meta_garbage garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 3);
    meta_garbage_release(&garbage);
    OK(support_delete(s, &s->plain, "k", NULL, &deletion));
    assert_true(deletion.removed && !deletion.marker_created && !deletion.marker_removed);
    assert_string_equal(deletion.version_id, "null");
    assert_counters(s, &s->plain, 0, 0, 0);
    OK(support_delete(s, &s->plain, "k", NULL, &deletion));
    assert_true(!deletion.removed && deletion.version_id[0] == '\0');
    assert_int_equal(support_delete(s, &s->plain, "k", "null", &deletion), STATUS_NOT_FOUND);
}

static void test_delete_markers(void **state)
{
    struct support *s = *state;
    struct meta_object one, two, got;
    struct meta_deletion marker, again, removed;

    OK(support_put(s, &s->versioned, "k", 1, 1, NULL, &one));
    OK(support_put(s, &s->versioned, "k", 2, 2, NULL, &two));
    OK(support_delete(s, &s->versioned, "k", NULL, &marker));
    assert_true(marker.marker_created && !marker.removed);
    assert_counters(s, &s->versioned, 0, 3, 300);
    OK(support_get(s, &s->versioned, "k", NULL, 0, &got));
    assert_true(got.delete_marker && got.latest && got.number == 3);
    assert_string_equal(got.version_id, marker.version_id);
    meta_object_release(&got);
    OK(support_get(s, &s->versioned, "k", two.version_id, 0, &got));
    assert_false(got.latest);
    meta_object_release(&got);

    OK(support_delete(s, &s->versioned, "k", NULL, &again)); /* a marker on a marker, as S3 does */
    assert_string_not_equal(again.version_id, marker.version_id);
    OK(support_delete(s, &s->versioned, "k", again.version_id, &removed));
    assert_true(removed.removed && removed.marker_removed);
    assert_int_equal(support_bucket_now(s, &s->versioned).objects, 0);
    OK(support_delete(s, &s->versioned, "k", marker.version_id, &removed)); /* undelete */
    assert_counters(s, &s->versioned, 1, 2, 300);
    OK(support_get(s, &s->versioned, "k", NULL, 0, &got));
    assert_string_equal(got.version_id, two.version_id);
    assert_true(got.latest);
    meta_object_release(&got);
    OK(support_delete(s, &s->versioned, "k", two.version_id, &removed));
    assert_true(removed.removed && !removed.marker_removed);
    OK(support_get(s, &s->versioned, "k", NULL, 0, &got));
    assert_string_equal(got.version_id, one.version_id);
    meta_object_release(&got);
    OK(support_delete(s, &s->versioned, "absent", NULL, &marker));
    assert_true(marker.marker_created);
    assert_int_equal(support_delete(s, &s->versioned, "k", two.version_id, &removed), STATUS_NOT_FOUND);
    assert_counters(s, &s->versioned, 1, 2, 100);
}

static void test_conditions(void **state)
{
    struct support *s = *state;
    struct meta_condition absent = {.must_be_absent = true}, exist = {.must_exist = true};
    struct meta_condition match = {.must_match = true};
    struct meta_version latest = {0};
    struct meta_deletion deletion;

    memset(match.etag_md5, 7, MD5_LEN);
    for (int i = 0; i < 2; i++) {
        const struct meta_bucket *bucket = i ? &s->versioned : &s->plain;
        assert_int_equal(support_put(s, bucket, "k", 1, 7, &match, NULL), STATUS_NOT_FOUND);
        assert_int_equal(support_put(s, bucket, "k", 1, 7, &exist, NULL), STATUS_NOT_FOUND);
        OK(support_put(s, bucket, "k", 1, 7, &absent, NULL));
        assert_int_equal(support_put(s, bucket, "k", 1, 8, &absent, NULL), STATUS_PRECONDITION);
        OK(support_put(s, bucket, "k", 1, 9, &match, NULL));
        assert_int_equal(support_put(s, bucket, "k", 1, 7, &match, NULL), STATUS_PRECONDITION);
        OK(support_put(s, bucket, "k", 1, 7, &exist, NULL));
        match.etag_parts = 2; /* the same digest, but of a multipart object */
        assert_int_equal(meta_object_delete(s->meta, bucket->id, KEY("k"), &latest, &match, NULL, &deletion),
                         STATUS_PRECONDITION);
        match.etag_parts = 0;
        OK(meta_object_delete(s->meta, bucket->id, KEY("k"), &latest, &match, NULL, &deletion));
        assert_int_equal(meta_object_delete(s->meta, bucket->id, KEY("k"), &latest, &match, NULL, &deletion),
                         STATUS_NOT_FOUND);
        OK(support_put(s, bucket, "k", 1, 7, &absent, NULL)); /* a delete marker counts as absent */
    }
}

/* Another one than was seen is not compared, though it be the same. */
static void test_condition_of_one_version(void **state)
{
    struct support *s = *state;
    struct meta_condition seen = {.must_match = true, .of_version = true};
    struct meta_version latest = {0};
    struct meta_object object;

    memset(seen.etag_md5, 7, MD5_LEN);
    for (int i = 0; i < 2; i++) {
        const struct meta_bucket *bucket = i ? &s->versioned : &s->plain;
        seen.sequence = 0;
        assert_int_equal(support_put(s, bucket, "k", 1, 7, &seen, NULL), STATUS_NOT_FOUND);
        OK(support_put(s, bucket, "k", 1, 7, NULL, NULL));
        assert_int_equal(support_put(s, bucket, "k", 1, 7, &seen, NULL), STATUS_PRECONDITION);
        OK(meta_object_get(s->meta, bucket->id, KEY("k"), &latest, &object));
        seen.sequence = object.sequence;
        meta_object_release(&object);
        OK(support_put(s, bucket, "k", 1, 7, &seen, NULL));
        assert_int_equal(support_put(s, bucket, "k", 1, 7, &seen, NULL), STATUS_PRECONDITION);
    }
}

static void test_what_a_deletion_did_not_find(void **state)
{
    struct support *s = *state;
    const struct meta_bucket none = {.id = 999};
    const char *id = "00000000000000070000000000000001";
    struct meta_deletion deletion;

    assert_int_equal(support_delete(s, &s->versioned, "k", id, &deletion), STATUS_NOT_FOUND);
    assert_true(deletion.versioned && !deletion.no_bucket);
    assert_string_equal(deletion.version_id, id);
    assert_int_equal(support_delete(s, &none, "k", id, &deletion), STATUS_NOT_FOUND);
    assert_true(deletion.no_bucket && !deletion.version_id[0]);
    assert_int_equal(support_delete(s, &none, "k", NULL, &deletion), STATUS_NOT_FOUND);
    assert_true(deletion.no_bucket);
    assert_int_equal(support_delete(s, &none, "k", "a\nb", &deletion), STATUS_INVALID); /* whatever is there */
    OK(support_delete(s, &s->plain, "k", NULL, &deletion));
    assert_true(!deletion.no_bucket && !deletion.versioned);
}

static void test_delete_all(void **state)
{
    struct support *s = *state;
    struct meta_object got;
    uint64_t count;

    for (int i = 0; i < 1500; i++) /* more than one commit removes */
        OK(support_put(s, &s->versioned, "many", i % 2, 0, NULL, NULL));
    OK(support_put(s, &s->versioned, "many.", 1, 0, NULL, NULL));
    OK(meta_object_delete_all(s->meta, s->versioned.id, KEY("many"), NULL, &count));
    assert_int_equal(count, 1500);
    assert_int_equal(support_get(s, &s->versioned, "many", NULL, 0, &got), STATUS_NOT_FOUND);
    assert_counters(s, &s->versioned, 1, 1, 100);
    struct meta_garbage garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 750);
    meta_garbage_release(&garbage);
    OK(meta_object_delete_all(s->meta, s->versioned.id, KEY("many"), NULL, &count));
    assert_int_equal(count, 0);

    OK(support_put(s, &s->versioned, "marked", 1, 0, NULL, NULL));
    OK(support_delete(s, &s->versioned, "marked", NULL, NULL));
    OK(meta_object_delete_all(s->meta, s->versioned.id, KEY("marked"), NULL, &count));
    assert_int_equal(count, 2);
    assert_counters(s, &s->versioned, 1, 1, 100);
}

/* Reads [offset, offset + len) through a cursor and compares with the list. */
static void check_cursor(struct support *s, const struct meta_object *object, const struct chunk_list *chunks,
                         uint64_t offset, uint64_t len)
{
    struct meta_cursor *cursor = meta_cursor_open(s->meta, object, offset, len);
    uint64_t end = offset + len < object->size ? offset + len : object->size, start = 0;
    uint32_t chunk_offset, chunk_len;
    struct chunk_ref ref;

    for (size_t i = 0; i < chunks->count; i++) {
        const struct chunk_ref *expected = &chunks->refs[i];
        uint64_t stop = start + expected->size;
        if (stop > offset && start < end && offset < end) {
            uint64_t from = offset > start ? offset : start, to = end < stop ? end : stop;
            OK(meta_cursor_next(cursor, &ref, &chunk_offset, &chunk_len));
            assert_memory_equal(&ref, expected, offsetof(struct chunk_ref, nodes) + CHUNK_COPIES_MAX);
            assert_int_equal(chunk_offset, from - start);
            assert_int_equal(chunk_len, to - from);
        }
        start = stop;
    }
    assert_int_equal(meta_cursor_next(cursor, &ref, &chunk_offset, &chunk_len), STATUS_NOT_FOUND);
    assert_int_equal(meta_cursor_next(cursor, &ref, &chunk_offset, &chunk_len), STATUS_NOT_FOUND);
    meta_cursor_close(cursor);
}

static void test_cursor(void **state)
{
    struct support *s = *state;
    struct chunk_list chunks = {0};
    struct meta_object object = {0}, got;
    uint64_t offset, size;
    unsigned parts;

    for (uint32_t i = 0; i < 50; i++) {
        struct chunk_ref ref = support_chunk(10 + i, 2 + i % 3);
        chunk_list_append(&chunks, &ref);
        object.size += ref.size;
    }
    OK(meta_object_put(s->meta, s->plain.id, KEY("k"), &object, &chunks, NULL));
    OK(support_get(s, &s->plain, "k", NULL, 0, &got));
    check_cursor(s, &got, &chunks, 0, UINT64_MAX);
    check_cursor(s, &got, &chunks, 0, 0);
    check_cursor(s, &got, &chunks, 0, 1);
    check_cursor(s, &got, &chunks, 9, 2);
    check_cursor(s, &got, &chunks, 10, 11);
    check_cursor(s, &got, &chunks, 500, 700);
    check_cursor(s, &got, &chunks, object.size - 1, 1);
    check_cursor(s, &got, &chunks, object.size, 1);
    OK(meta_object_part(&got, 1, &offset, &size, &parts));
    assert_true(offset == 0 && size == object.size && parts == 1);
    assert_int_equal(meta_object_part(&got, 2, &offset, &size, &parts), STATUS_NOT_FOUND);
    meta_object_release(&got);
    OK(support_put(s, &s->plain, "empty", 0, 0, NULL, NULL));
    OK(support_get(s, &s->plain, "empty", NULL, 0, &got));
    check_cursor(s, &got, &(struct chunk_list){0}, 0, 100);
    meta_object_release(&got);
    chunk_list_release(&chunks);
}

static void test_reopen(void **state)
{
    struct support *s = *state;
    struct meta_object put, got;

    OK(support_put(s, &s->versioned, "k", 1, 1, NULL, &put));
    uint64_t sequence = meta_sequence(s->meta);
    support_reopen(s);
    assert_int_equal(meta_sequence(s->meta), sequence);
    OK(support_get(s, &s->versioned, "k", put.version_id, 0, &got));
    meta_object_release(&got);
    OK(support_put(s, &s->versioned, "k", 1, 1, NULL, &got));
    assert_int_equal(got.number, 2);
    assert_int_equal(got.sequence, sequence + 1);
    assert_counters(s, &s->versioned, 1, 2, 200);
}

/* After a start RocksDB has opened only 16 of its tables: what lies in another is neither absent nor damaged to a read
 * that does not wait for the disk. */
static void test_tables_not_opened(void **state)
{
    struct support *s = *state;
    const char *name = "disable_auto_compactions", *value = "true";
    struct meta_object got;
    char *error = NULL, key[16];

    SUPPORT_WANTS_DISK();
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    for (int family = 0; family < STORE_FAMILY_COUNT; family++)
        rocksdb_set_options_cf(store_rocks_database(s->meta->db)->database,
                               store_rocks_database(s->meta->db)->families[family], 1, &name, &value, &error);
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        OK(support_put(s, &s->versioned, key, 1, i, NULL, NULL));
        for (int family = 0; family < STORE_FAMILY_COUNT; family++)
            rocksdb_flush_cf(store_rocks_database(s->meta->db)->database, flush,
                             store_rocks_database(s->meta->db)->families[family], &error);
        assert_null(error);
    }
    rocksdb_flushoptions_destroy(flush);
    support_reopen(s);
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        OK(support_get(s, &s->versioned, key, NULL, 0, &got));
        assert_int_equal(got.etag_md5[0], i);
        meta_object_release(&got);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_put_and_get),
        TEST(test_refused_input),
        TEST(test_versions_by_id_and_number),
        TEST(test_plain_bucket_replaces),
        TEST(test_delete_markers),
        TEST(test_conditions),
        TEST(test_condition_of_one_version),
        TEST(test_what_a_deletion_did_not_find),
        TEST(test_delete_all),
        TEST(test_cursor),
        TEST(test_reopen),
        TEST(test_tables_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

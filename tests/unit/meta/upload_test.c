/* Multipart uploads: parts and their replacement, completion and its repetition, abort, listings, and what becomes
 * garbage. */
#include "tests/unit/meta/support.h"

static struct meta_upload create_upload(struct support *s, const struct meta_bucket *bucket, const char *key)
{
    struct meta_upload upload = {.bucket = bucket->id,
                                 .key = KEY(key),
                                 .headers = BYTES("upload headers"),
                                 .checksum_algorithm = 3,
                                 .checksum_full_object = 1};
    OK(meta_upload_create(s->meta, &upload));
    assert_int_equal(strlen(upload.id), META_UPLOAD_ID_LEN);
    return upload;
}

/* A part of `count` chunks of `size` bytes; returns its chunks. */
static struct chunk_list put_part(struct support *s, const struct meta_upload *upload, unsigned number, size_t count,
                                  uint32_t size)
{
    struct chunk_list chunks = support_chunks(count, size, 3);
    struct meta_part part = {.number = number, .size = count * size, .checksum = {.algorithm = 3, .len = 4}};
    memset(part.md5, (int)number, MD5_LEN);
    OK(meta_part_put(s->meta, upload, &part, &chunks));
    assert_true(part.modified_ms > 0);
    return chunks;
}

static void put_part_only(struct support *s, const struct meta_upload *upload, unsigned number, size_t count,
                          uint32_t size)
{
    struct chunk_list chunks = put_part(s, upload, number, count, size);
    chunk_list_release(&chunks);
}

struct decision {
    enum status status;
    size_t count, missing;
    uint64_t size;
};

static enum status decide(void *arg, const struct meta_part *const *parts, size_t count, struct meta_object *object)
{
    struct decision *decision = arg;
    decision->count = count;
    decision->missing = 0;
    decision->size = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i])
            decision->size += parts[i]->size;
        else
            decision->missing++;
    }
    memset(object->etag_md5, 0x77, MD5_LEN);
    object->etag_parts = (uint32_t)count;
    return decision->status;
}

static enum status complete(struct support *s, const struct meta_upload *upload, const unsigned *numbers, size_t count,
                            struct decision *decision, struct meta_object *object)
{
    return meta_upload_complete(s->meta, upload, numbers, count, NULL, decide, decision, object);
}

static void test_get_and_parts(void **state)
{
    struct support *s = *state;
    struct meta_upload upload = create_upload(s, &s->plain, "k"), got;
    struct meta_part *parts, bad = {.number = 10001};
    struct chunk_list none = {0};
    bool truncated;
    size_t count;

    OK(meta_upload_get(s->meta, s->plain.id, KEY("k"), KEY(upload.id), &got));
    assert_true(bytes_equal_str(got.headers, "upload headers") && bytes_equal_str(got.key, "k"));
    assert_true(got.checksum_algorithm == 3 && got.checksum_full_object == 1 && got.created_ms == upload.created_ms);
    assert_string_equal(got.id, upload.id);
    assert_int_equal(meta_upload_get(s->meta, s->plain.id, KEY("other"), KEY(upload.id), &(struct meta_upload){0}),
                     STATUS_NOT_FOUND);
    assert_int_equal(meta_upload_get(s->meta, s->versioned.id, KEY("k"), KEY(upload.id), &(struct meta_upload){0}),
                     STATUS_NOT_FOUND);
    assert_int_equal(meta_upload_get(s->meta, s->plain.id, KEY("k"), KEY("x"), &(struct meta_upload){0}),
                     STATUS_NOT_FOUND);

    assert_int_equal(meta_part_put(s->meta, &got, &bad, &none), STATUS_INVALID);
    bad.number = 0;
    assert_int_equal(meta_part_put(s->meta, &got, &bad, &none), STATUS_INVALID);
    for (unsigned number = 10; number > 0; number -= 2)
        put_part_only(s, &got, number, 1, number);
    put_part_only(s, &got, 10000, 0, 0);
    OK(meta_part_list(s->meta, &got, 2, 3, &parts, &count, &truncated));
    assert_true(count == 3 && truncated);
    assert_true(parts[0].number == 4 && parts[2].number == 8 && parts[2].size == 8 && parts[2].md5[0] == 8);
    assert_true(parts[0].checksum.algorithm == 3 && parts[0].checksum.len == 4);
    free(parts);
    OK(meta_part_list(s->meta, &got, 8, 2, &parts, &count, &truncated));
    assert_true(count == 2 && !truncated && parts[1].number == 10000);
    free(parts);
    OK(meta_part_list(s->meta, &got, 10000, 2, &parts, &count, &truncated));
    assert_true(count == 0 && !truncated);
    free(parts);
    meta_upload_release(&got);
    assert_int_equal(support_bucket_now(s, &s->plain).versions, 0);
}

static void test_replaced_part(void **state)
{
    struct support *s = *state;
    struct meta_upload upload = create_upload(s, &s->plain, "k");
    struct chunk_list old = put_part(s, &upload, 1, 3, 5), new = put_part(s, &upload, 1, 2, 9);

    struct meta_garbage garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 3);
    for (size_t i = 0; i < old.count; i++)
        assert_true(support_list_has(&garbage.chunks, &old.refs[i].id));
    OK(meta_gc_done(s->meta, &garbage));
    assert_int_equal(meta_gc_backlog(s->meta), 0);
    meta_garbage_release(&garbage);
    chunk_list_release(&old);
    chunk_list_release(&new);
}

static void test_complete(void **state)
{
    struct support *s = *state;
    struct meta_upload upload = create_upload(s, &s->versioned, "k");
    struct chunk_list first = put_part(s, &upload, 2, 3, 10), unnamed = put_part(s, &upload, 5, 2, 10);
    struct chunk_list second = put_part(s, &upload, 7, 20, 3);
    static const unsigned numbers[] = {2, 7}, missing[] = {2, 3, 7}, wrong[] = {7, 2};
    struct decision decision = {0};
    struct meta_object object, again, got;
    uint64_t offset, size;
    unsigned count;

    assert_int_equal(complete(s, &upload, wrong, 2, &decision, &object), STATUS_INVALID);
    assert_int_equal(complete(s, &upload, numbers, 0, &decision, &object), STATUS_INVALID);
    decision.status = STATUS_MISMATCH;
    assert_int_equal(complete(s, &upload, missing, 3, &decision, &object), STATUS_MISMATCH);
    assert_true(decision.count == 3 && decision.missing == 1 && decision.size == 90);
    decision.status = STATUS_OK;
    assert_int_equal(complete(s, &upload, missing, 3, &decision, &object), STATUS_INVALID);
    assert_int_equal(support_get(s, &s->versioned, "k", NULL, 0, &got), STATUS_NOT_FOUND);

    OK(complete(s, &upload, numbers, 2, &decision, &object));
    assert_true(object.size == 90 && object.etag_parts == 2 && object.etag_md5[0] == 0x77 && object.number == 1);
    assert_true(bytes_equal_str(object.headers, "upload headers"));
    OK(complete(s, &upload, numbers, 2, &decision, &again));
    assert_string_equal(again.version_id, object.version_id);
    assert_int_equal(again.size, 90);
    meta_object_release(&again);
    assert_int_equal(meta_upload_abort(s->meta, &upload), STATUS_NOT_FOUND);

    OK(support_get(s, &s->versioned, "k", NULL, 0, &got));
    OK(meta_object_part(&got, 7, &offset, &size, &count));
    assert_true(offset == 30 && size == 60 && count == 2);
    assert_int_equal(meta_object_part(&got, 5, &offset, &size, &count), STATUS_NOT_FOUND);
    struct meta_cursor *cursor = meta_cursor_open(s->meta, &got, 29, 55);
    struct chunk_ref ref;
    uint32_t chunk_offset, chunk_len;
    OK(meta_cursor_next(cursor, &ref, &chunk_offset, &chunk_len));
    assert_memory_equal(&ref.id, &first.refs[2].id, sizeof(ref.id));
    assert_true(chunk_offset == 9 && chunk_len == 1);
    for (int i = 0; i < 18; i++) {
        OK(meta_cursor_next(cursor, &ref, &chunk_offset, &chunk_len));
        assert_memory_equal(&ref.id, &second.refs[i].id, sizeof(ref.id));
        assert_true(chunk_offset == 0 && chunk_len == 3);
    }
    assert_int_equal(meta_cursor_next(cursor, &ref, &chunk_offset, &chunk_len), STATUS_NOT_FOUND);
    struct meta_garbage garbage = support_garbage(s); /* the reader holds the parts that it reads, not these */
    assert_int_equal(garbage.chunks.count, 2);
    assert_true(support_list_has(&garbage.chunks, &unnamed.refs[0].id) &&
                support_list_has(&garbage.chunks, &unnamed.refs[1].id));
    OK(meta_gc_done(s->meta, &garbage));
    assert_int_equal(meta_gc_backlog(s->meta), 0);
    meta_garbage_release(&garbage);

    OK(support_delete(s, &s->versioned, "k", object.version_id, NULL));
    meta_object_release(&object);
    assert_int_equal(complete(s, &upload, numbers, 2, &decision, &again), STATUS_NOT_FOUND);
    garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 0);
    meta_cursor_close(cursor);
    meta_object_release(&got);
    garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 23);
    OK(meta_gc_done(s->meta, &garbage));
    assert_int_equal(meta_gc_backlog(s->meta), 0);
    meta_garbage_release(&garbage);
    chunk_list_release(&first);
    chunk_list_release(&second);
    chunk_list_release(&unnamed);
}

static void test_complete_condition(void **state)
{
    struct support *s = *state;
    struct meta_upload upload = create_upload(s, &s->plain, "k");
    struct meta_condition absent = {.must_be_absent = true};
    struct decision decision = {0};
    struct meta_object object;
    unsigned number = 1;

    put_part_only(s, &upload, 1, 1, 50);
    OK(support_put(s, &s->plain, "k", 1, 0, NULL, NULL));
    assert_int_equal(meta_upload_complete(s->meta, &upload, &number, 1, &absent, decide, &decision, &object),
                     STATUS_PRECONDITION);
    OK(complete(s, &upload, &number, 1, &decision, &object)); /* the upload is still open */
    assert_int_equal(object.number, 2);
    assert_string_equal(object.version_id, "null");
    meta_object_release(&object);
    struct meta_bucket now = support_bucket_now(s, &s->plain);
    assert_true(now.objects == 1 && now.versions == 1 && now.bytes == 50);
    OK(support_put(s, &s->plain, "k", 1, 0, NULL, NULL)); /* replaces the multipart object */
    assert_int_equal(complete(s, &upload, &number, 1, &decision, &object), STATUS_NOT_FOUND);
    struct meta_garbage garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 2);
    meta_garbage_release(&garbage);
}

/* A condition that came with the upload is decided when it is created and again when it is completed. */
static void test_condition_of_the_upload(void **state)
{
    struct support *s = *state;
    struct meta_upload upload = {.bucket = s->versioned.id, .key = KEY("k"), .condition = {.must_be_absent = true}};
    struct decision decision = {0};
    struct meta_object object;
    struct meta_upload got;
    unsigned number = 1;

    OK(meta_upload_create(s->meta, &upload));
    OK(meta_upload_get(s->meta, upload.bucket, upload.key, KEY(upload.id), &got));
    assert_true(got.condition.must_be_absent && !got.condition.must_match);
    put_part_only(s, &got, 1, 1, 50);
    OK(support_put(s, &s->versioned, "k", 1, 0, NULL, NULL));
    assert_int_equal(complete(s, &got, &number, 1, &decision, &object), STATUS_PRECONDITION);
    assert_int_equal(meta_upload_create(s->meta, &upload), STATUS_PRECONDITION);
    OK(support_delete(s, &s->versioned, "k", NULL, NULL)); /* a delete marker counts as absent, but it came later */
    assert_int_equal(complete(s, &got, &number, 1, &decision, &object), STATUS_EXISTS);
    meta_upload_release(&got);
    OK(meta_upload_create(s->meta, &upload));
    put_part_only(s, &upload, 1, 1, 50);
    OK(complete(s, &upload, &number, 1, &decision, &object));
    meta_object_release(&object);

    upload.condition = (struct meta_condition){.must_match = true, .etag_md5 = "no object's"};
    assert_int_equal(meta_upload_create(s->meta, &upload), STATUS_PRECONDITION);
    memset(upload.condition.etag_md5, 0x77, MD5_LEN);
    upload.condition.etag_parts = 1;
    OK(meta_upload_create(s->meta, &upload));
    upload.key = KEY("absent");
    assert_int_equal(meta_upload_create(s->meta, &upload), STATUS_NOT_FOUND);
}

/* The answer to a Complete may be lost: the same one again finds its object, another one does not. */
static void test_complete_again(void **state)
{
    struct support *s = *state;
    struct meta_upload upload = create_upload(s, &s->plain, "k");
    struct meta_condition absent = {.must_be_absent = true}, match = {.must_match = true, .etag_md5 = "other"};
    static const unsigned numbers[] = {2, 4, 7}, fewer[] = {2, 4}, more[] = {1, 2, 4, 7}, unnamed[] = {2, 3, 7};
    struct decision decision = {0};
    struct meta_object object;

    for (unsigned number = 2; number <= 7; number++)
        put_part_only(s, &upload, number, 1, 10 * number);
    OK(meta_upload_complete(s->meta, &upload, numbers, 3, &absent, decide, &decision, &object));
    meta_object_release(&object);

    OK(complete(s, &upload, numbers, 3, &decision, &object)); /* without a condition none can fail */
    assert_true(object.size == 130 && decision.count == 3 && decision.missing == 0 && decision.size == 130);
    meta_object_release(&object);
    OK(meta_upload_complete(s->meta, &upload, numbers, 3, &absent, decide, &decision, &object));
    meta_object_release(&object);
    assert_int_equal(meta_upload_complete(s->meta, &upload, numbers, 3, &match, decide, &decision, &object),
                     STATUS_PRECONDITION);
    assert_int_equal(complete(s, &upload, fewer, 2, &decision, &object), STATUS_NOT_FOUND);
    assert_int_equal(complete(s, &upload, more, 4, &decision, &object), STATUS_INVALID);
    assert_true(decision.count == 4 && decision.missing == 1);
    assert_int_equal(complete(s, &upload, unnamed, 3, &decision, &object), STATUS_INVALID);
    assert_int_equal(decision.missing, 1);
    decision.status = STATUS_MISMATCH; /* as for a wrong ETag */
    assert_int_equal(complete(s, &upload, numbers, 3, &decision, &object), STATUS_MISMATCH);
}

/* A condition that the first Complete did not have is held against what is there now. */
static void test_complete_again_with_a_condition(void **state)
{
    struct support *s = *state;
    struct meta_upload upload = create_upload(s, &s->plain, "k");
    struct meta_condition absent = {.must_be_absent = true}, match = {.must_match = true, .etag_parts = 1};
    struct decision decision = {0};
    struct meta_object object;
    unsigned number = 1;

    memset(match.etag_md5, 0x77, MD5_LEN);
    put_part_only(s, &upload, 1, 1, 10);
    OK(complete(s, &upload, &number, 1, &decision, &object));
    meta_object_release(&object);
    assert_int_equal(meta_upload_complete(s->meta, &upload, &number, 1, &absent, decide, &decision, &object),
                     STATUS_PRECONDITION);
    OK(meta_upload_complete(s->meta, &upload, &number, 1, &match, decide, &decision, &object));
    meta_object_release(&object);
}

static void test_abort_large(void **state)
{
    struct support *s = *state;
    struct meta_upload upload = create_upload(s, &s->plain, "k");
    struct meta_part part = {.number = 1};
    struct chunk_list none = {0};
    size_t freed = 0;

    for (unsigned i = 1; i <= 1500; i++)
        put_part_only(s, &upload, i, i % 4, 10);
    OK(meta_upload_abort(s->meta, &upload));
    assert_int_equal(meta_gc_backlog(s->meta), 1); /* however many parts there are */
    assert_int_equal(meta_upload_abort(s->meta, &upload), STATUS_NOT_FOUND);
    assert_int_equal(meta_part_put(s->meta, &upload, &part, &none), STATUS_NOT_FOUND);
    for (;;) {
        struct meta_garbage garbage = {0};
        OK(meta_gc_next(s->meta, META_GC_NEW, 0, 100, &garbage));
        assert_true(garbage.chunks.count <= 100);
        freed += garbage.chunks.count;
        OK(meta_gc_done(s->meta, &garbage));
        bool end = garbage.chunks.count == 0;
        meta_garbage_release(&garbage);
        if (end)
            break;
    }
    assert_int_equal(freed, 375 * (1 + 2 + 3));
    struct meta_garbage rest = support_garbage(s); /* removes what the last commit was too small for */
    assert_int_equal(rest.chunks.count, 0);
    meta_garbage_release(&rest);
    assert_int_equal(meta_gc_backlog(s->meta), 0);
    upload = create_upload(s, &s->plain, "no parts");
    OK(meta_upload_abort(s->meta, &upload));
    assert_int_equal(meta_gc_backlog(s->meta), 0);
}

static void test_list(void **state)
{
    struct support *s = *state;
    static const char *const keys[] = {"b/2", "a", "b/1", "a", "c", "b/1", "a"};
    static const char *const sorted[] = {"a", "a", "a", "b/1", "b/1", "b/2", "c"};
    struct meta_upload_page all, page;
    struct meta_upload_query query = {.bucket = s->plain.id, .max = 1000};

    for (size_t i = 0; i < 7; i++)
        create_upload(s, &s->plain, keys[i]);
    create_upload(s, &s->versioned, "other bucket");
    OK(meta_upload_list(s->meta, &query, &all));
    assert_int_equal(all.count, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_true(bytes_equal_str(all.entries[i].key, sorted[i]) && all.entries[i].checksum_algorithm == 3);
        if (i > 0 && strcmp(sorted[i], sorted[i - 1]) == 0)
            assert_true(strcmp(all.entries[i].id, all.entries[i - 1].id) > 0); /* by creation */
    }
    for (unsigned max = 1; max < 8; max++) {
        size_t seen = 0;
        query = (struct meta_upload_query){.bucket = s->plain.id, .max = max};
        do {
            OK(meta_upload_list(s->meta, &query, &page));
            for (size_t i = 0; i < page.count; i++)
                assert_string_equal(page.entries[i].id, all.entries[seen++].id);
            assert_int_equal(page.truncated, seen < 7);
            meta_upload_page_release(&page);
            query.key_marker = all.entries[seen - 1].key;
            query.upload_id_marker = bytes_from_str(all.entries[seen - 1].id);
        } while (seen < 7);
    }
    query =
        (struct meta_upload_query){.bucket = s->plain.id, .max = 10, .key_marker = BYTES("a"), .delimiter = BYTES("/")};
    OK(meta_upload_list(s->meta, &query, &page));
    assert_int_equal(page.count, 2);
    assert_true(page.entries[0].is_prefix && bytes_equal_str(page.entries[0].key, "b/"));
    assert_true(!page.entries[1].is_prefix && bytes_equal_str(page.entries[1].key, "c"));
    meta_upload_page_release(&page);
    query.key_marker = BYTES("b/1"); /* under a common prefix, which is not listed again */
    query.upload_id_marker = bytes_from_str(all.entries[3].id);
    OK(meta_upload_list(s->meta, &query, &page));
    assert_int_equal(page.count, 1);
    assert_true(bytes_equal_str(page.entries[0].key, "c"));
    meta_upload_page_release(&page);
    query.key_marker = BYTES("a");
    query.upload_id_marker = BYTES("malformed");
    assert_int_equal(meta_upload_list(s->meta, &query, &page), STATUS_INVALID);
    meta_upload_page_release(&all);
}

/* The bytes of what waits to be freed, whatever it was, also after a restart. */
static void test_garbage_bytes(void **state)
{
    struct support *s = *state;
    struct meta_upload whole = create_upload(s, &s->plain, "whole"), aborted = create_upload(s, &s->plain, "aborted");
    struct decision decision = {0};
    struct meta_object object;
    unsigned named = 2;

    put_part_only(s, &whole, 1, 3, 100);
    put_part_only(s, &whole, 2, 2, 1000);
    put_part_only(s, &aborted, 7, 1, 30000);
    put_part_only(s, &aborted, 9, 1, 7);
    assert_int_equal(meta_gc_backlog_bytes(s->meta), 0);
    put_part_only(s, &aborted, 7, 1, 20000);
    assert_int_equal(meta_gc_backlog_bytes(s->meta), 30000);
    OK(complete(s, &whole, &named, 1, &decision, &object));
    meta_object_release(&object);
    assert_int_equal(meta_gc_backlog_bytes(s->meta), 30000 + 300);
    OK(support_delete(s, &s->plain, "whole", NULL, NULL));
    assert_int_equal(meta_gc_backlog_bytes(s->meta), 30000 + 300 + 2000);
    OK(meta_upload_abort(s->meta, &aborted));
    OK(support_put(s, &s->plain, "plain", 4, 1, NULL, NULL));
    OK(support_delete(s, &s->plain, "plain", NULL, NULL));
    assert_int_equal(meta_gc_backlog_bytes(s->meta), 30000 + 300 + 2000 + 20007 + 400);
    meta_upload_release(&whole);
    meta_upload_release(&aborted);
    support_reopen(s);
    assert_int_equal(meta_gc_backlog_bytes(s->meta), 30000 + 300 + 2000 + 20007 + 400);
    for (int walk = 0; walk < 2; walk++) { /* rows that share an upload are tidied up by the second */
        struct meta_garbage garbage = support_garbage(s);
        OK(meta_gc_done(s->meta, &garbage));
        meta_garbage_release(&garbage);
    }
    assert_int_equal(meta_gc_backlog(s->meta), 0);
    assert_int_equal(meta_gc_backlog_bytes(s->meta), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_get_and_parts),
        TEST(test_replaced_part),
        TEST(test_complete),
        TEST(test_complete_condition),
        TEST(test_condition_of_the_upload),
        TEST(test_complete_again),
        TEST(test_complete_again_with_a_condition),
        TEST(test_abort_large),
        TEST(test_list),
        TEST(test_garbage_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

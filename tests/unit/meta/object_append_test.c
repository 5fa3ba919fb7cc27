/* Appending: what was there stays, what comes stands behind it, a last piece that is taken in is garbage; joining keeps
 * the bytes and no more than that; who reads, reads on. */
#include "tests/unit/meta/support.h"

#include "meta/annotations.h"
#include "meta/append.h"
#include "meta/tail.h"

#define SEALED                                                                                                         \
    BYTES("\x06\0\0\0\x04"                                                                                             \
          "seal")
#define SEALED_WAS  BYTES("seal")
#define SEALED_ANEW BYTES("anew")

static uint64_t sequence_of(struct support *s, const char *key)
{
    struct meta_object object;

    OK(support_get(s, &s->plain, key, NULL, 0, &object));
    uint64_t sequence = object.sequence;
    meta_object_release(&object);
    return sequence;
}

/* Appends so many bytes in one chunk; joined: of the last piece, which the chunk takes in. */
static enum status append_to(struct support *s, const char *key, uint32_t size, uint32_t joined,
                             struct meta_append *append)
{
    struct chunk_list chunks =
        support_chunks(1, (uint32_t)block_seal_stored_size(joined + size, append->seal.sealed), 3);
    struct meta_object object;

    append->size = size;
    append->joined = joined;
    if (!append->sequence)
        append->sequence = sequence_of(s, key);
    memset(append->etag_md5, 'e', MD5_LEN);
    enum status status = meta_object_append(s->meta, s->plain.id, KEY(key), append, &chunks, &object);
    chunk_list_release(&chunks);
    append->sequence = 0;
    return status;
}

static enum status append_now(struct support *s, const char *key, uint32_t size, uint32_t joined)
{
    struct meta_append append = {0};

    return append_to(s, key, size, joined, &append);
}

static size_t walk(struct support *s, const struct meta_object *object, uint64_t offset, uint64_t expected)
{
    struct meta_cursor *cursor = meta_cursor_open(s->meta, object, offset, UINT64_MAX);
    struct chunk_ref ref;
    uint32_t chunk_offset, len;
    uint64_t sum = 0;
    size_t count = 0;

    for (; meta_cursor_next(cursor, &ref, &chunk_offset, &len) == STATUS_OK; count++)
        sum += len;
    meta_cursor_close(cursor);
    assert_int_equal(sum, expected);
    return count;
}

static size_t chunks_now(struct support *s, const char *key, uint64_t size)
{
    struct meta_object object;

    OK(support_get(s, &s->plain, key, NULL, 0, &object));
    assert_int_equal(object.size, size);
    size_t count = walk(s, &object, 0, size);
    walk(s, &object, size - 1, 1);
    meta_object_release(&object);
    return count;
}

static size_t garbage_now(struct support *s)
{
    struct meta_garbage garbage = support_garbage(s);
    size_t count = garbage.chunks.count;

    OK(meta_gc_done(s->meta, &garbage));
    meta_garbage_release(&garbage);
    return count;
}

static void test_what_was_there_stays(void **state)
{
    struct support *s = *state;
    struct meta_object before, after;

    OK(support_put(s, &s->plain, "k", 2, 'a', NULL, &before));
    OK(append_now(s, "k", 50, 0));
    assert_int_equal(chunks_now(s, "k", 250), 3);
    OK(support_get(s, &s->plain, "k", NULL, 0, &after));
    assert_true(after.sequence > before.sequence && after.modified_ms >= before.modified_ms && after.latest);
    assert_true(bytes_equal_str(after.headers, "headers") && after.etag_md5[0] == 'e');
    meta_object_release(&after);
    const struct meta_bucket now = support_bucket_now(s, &s->plain);
    assert_true(now.objects == 1 && now.versions == 1 && now.bytes == 250);
    support_reopen(s);
    assert_int_equal(chunks_now(s, "k", 250), 3);
    assert_int_equal(garbage_now(s), 0);
    OK(support_delete(s, &s->plain, "k", NULL, NULL)); /* all of it goes with it */
    assert_int_equal(garbage_now(s), 3);
    assert_int_equal(support_bucket_now(s, &s->plain).bytes, 0);
}

/* Small ones, each of which takes in the last: two chunks, and the record does not grow. */
static void test_the_last_piece_is_taken_in(void **state)
{
    struct support *s = *state;
    struct meta_object reading;
    uint64_t size = 100;

    OK(support_put(s, &s->plain, "k", 1, 'a', NULL, NULL));
    OK(append_now(s, "k", 10, 0));
    OK(support_get(s, &s->plain, "k", NULL, 0, &reading));
    for (uint32_t i = 1; i < 60; i++)
        OK(append_now(s, "k", 10, 10 * i));
    size += 600;
    assert_int_equal(chunks_now(s, "k", size), 2);
    assert_int_equal(walk(s, &reading, 0, 110), 2);
    assert_int_equal(garbage_now(s), 0); /* who reads holds what was there then, and all of the name */
    meta_object_release(&reading);
    assert_int_equal(garbage_now(s), 59);
    assert_int_equal(meta_gc_backlog(s->meta), 0);
    assert_int_equal(chunks_now(s, "k", size), 2);
}

static void test_refusals(void **state)
{
    struct support *s = *state;
    struct meta_append append = {.sequence = 1};
    const struct meta_condition absent = {.must_be_absent = true};
    struct chunk_list chunks = support_chunks(1, 10, 3);
    struct meta_object object;

    OK(support_put(s, &s->plain, "k", 1, 'a', NULL, NULL));
    assert_int_equal(append_to(s, "k", 10, 0, &append), STATUS_CONFLICT); /* another version was meant */
    append = (struct meta_append){.condition = &absent};
    assert_int_equal(append_to(s, "k", 10, 0, &append), STATUS_PRECONDITION);
    assert_int_equal(append_now(s, "k", 10, 100), STATUS_CONFLICT); /* nothing was appended that could be taken in */
    OK(append_now(s, "k", 20, 0));
    assert_int_equal(append_now(s, "k", 10, 19), STATUS_CONFLICT);
    append = (struct meta_append){.sealed = SEALED_ANEW};
    assert_int_equal(append_to(s, "k", 10, 0, &append), STATUS_CONFLICT);
    append = (struct meta_append){.size = 11, .sequence = sequence_of(s, "k")};
    assert_int_equal(meta_object_append(s->meta, s->plain.id, KEY("k"), &append, &chunks, &object), STATUS_INVALID);
    append.size = 10;
    assert_int_equal(meta_object_append(s->meta, s->plain.id, KEY("none"), &append, &chunks, &object),
                     STATUS_NOT_FOUND);
    OK(support_put(s, &s->versioned, "k", 1, 'a', NULL, NULL));
    assert_int_equal(meta_object_append(s->meta, s->versioned.id, KEY("k"), &append, &chunks, &object), STATUS_INVALID);
    assert_int_equal(chunks_now(s, "k", 120), 2);
    chunk_list_release(&chunks);
}

static void test_sealed_streams(void **state)
{
    struct support *s = *state;
    struct chunk_list chunks = support_chunks(1, 100 + BLOCK_SEAL_MORE, 3), none = {0};
    struct meta_object object = {.size = 100, .attributes = SEALED}, got;
    struct meta_append append = {0};
    struct meta_stream stream;
    struct bytes document;

    OK(meta_object_put(s->meta, s->plain.id, KEY("k"), &object, &chunks, NULL));
    assert_int_equal(append_to(s, "k", 10, 0, &append), STATUS_CONFLICT); /* never plain bytes behind sealed ones */
    block_seal_id_create(&append.seal);
    OK(append_to(s, "k", 10, 0, &append));
    block_seal_id_create(&append.seal);
    OK(append_to(s, "k", 70000, 0, &append));
    OK(support_get(s, &s->plain, "k", NULL, 0, &got));
    walk(s, &got, 0, 100 + 10 + 70000 + 4 * BLOCK_SEAL_MORE);
    OK(meta_object_stream(&got, 99, &stream));
    assert_true(stream.offset == 0 && stream.size == 100 && !stream.seal.sealed);
    OK(meta_object_stream(&got, 100, &stream));
    assert_true(stream.offset == 100 && stream.size == 10 && stream.stored_offset == 116 && stream.seal.sealed);
    OK(meta_object_stream(&got, 70109, &stream));
    assert_true(stream.offset == 110 && stream.size == 70000 && stream.stored_offset == 116 + 26);
    assert_memory_equal(stream.seal.bytes, append.seal.bytes, BLOCK_SEAL_ID_LEN);
    assert_int_equal(meta_object_stream(&got, 70110, &stream), STATUS_NOT_FOUND);
    meta_object_release(&got);
    /* an empty one gets another identity: its stream is sealed once */
    object = (struct meta_object){.attributes = SEALED};
    OK(meta_object_put(s->meta, s->plain.id, KEY("e"), &object, &none, NULL));
    assert_int_equal(append_to(s, "e", 10, 0, &append), STATUS_CONFLICT);
    append.sealed = SEALED_ANEW;
    append.sealed_was = BYTES("before"); /* the rotation of keys was there meanwhile */
    assert_int_equal(append_to(s, "e", 10, 0, &append), STATUS_CONFLICT);
    append.sealed_was = SEALED_WAS;
    OK(append_to(s, "e", 10, 0, &append));
    OK(support_get(s, &s->plain, "e", NULL, 0, &got));
    OK(meta_attribute_find(got.attributes, META_ATTRIBUTE_SEALED, &document));
    assert_true(bytes_equal(document, SEALED_ANEW));
    OK(meta_object_stream(&got, 9, &stream));
    assert_false(stream.seal.sealed); /* it is what the object was written with */
    meta_object_release(&got);
    chunk_list_release(&chunks);
}

/* An append changes what META_ATTRIBUTE_SEALED says of an empty object, and nothing else of the attributes. */
static void test_annotations_stay(void **state)
{
    struct support *s = *state;
    struct chunk_list none = {0}, text = support_chunks(1, 20 + BLOCK_SEAL_MORE, 3);
    struct meta_annotation annotation = {.name = KEY("a"), .size = 20}, found;
    struct meta_append append = {.sealed = SEALED_ANEW, .sealed_was = SEALED_WAS};
    struct meta_object object = {.attributes = SEALED}, got, read;
    bool gone;

    block_seal_id_create(&annotation.seal);
    block_seal_id_create(&append.seal);
    OK(meta_object_put(s->meta, s->plain.id, KEY("k"), &object, &none, NULL));
    const struct meta_annotated where = {.bucket = s->plain.id, .key = KEY("k"), .sequence = object.sequence};
    OK(meta_annotation_put(s->meta, &where, &annotation, &text));
    for (int i = 0; i < 2; i++, append.sealed = (struct bytes){0}) {
        OK(append_to(s, "k", 10, 0, &append));
        support_reopen(s);
        OK(support_get(s, &s->plain, "k", NULL, 0, &got));
        OK(meta_annotation_get(s->meta, s->plain.id, KEY("k"), &got, KEY("a"), &found, &read, &gone));
        assert_memory_equal(found.seal.bytes, annotation.seal.bytes, BLOCK_SEAL_ID_LEN);
        assert_int_equal(meta_annotations_of(&got).count, 1);
        meta_object_release(&read);
        meta_object_release(&got);
        block_seal_id_create(&append.seal);
    }
    assert_int_equal(support_bucket_now(s, &s->plain).bytes, 40);
    assert_int_equal(garbage_now(s), 0);
    OK(support_delete(s, &s->plain, "k", NULL, NULL));
    assert_int_equal(garbage_now(s), 3);
    assert_int_equal(support_bucket_now(s, &s->plain).bytes, 0);
    chunk_list_release(&text);
}

static enum status join_now(struct support *s, const char *key, const struct meta_join *join)
{
    struct chunk_list chunks = support_chunks(1, (uint32_t)join->size, 3);
    enum status status = meta_object_join(s->meta, s->plain.id, KEY(key), join, &chunks);

    chunk_list_release(&chunks);
    return status;
}

static void test_joining(void **state)
{
    struct support *s = *state;
    struct meta_object held, reading;
    struct meta_pieces pieces;
    struct meta_join join, again;

    OK(support_put(s, &s->plain, "k", 1, 'a', NULL, NULL));
    for (int i = 0; i < 9; i++)
        OK(append_now(s, "k", 1000, 0));
    OK(support_get(s, &s->plain, "k", NULL, 0, &held));
    assert_true(meta_object_pieces(&held, &pieces) && pieces.count == 9 && pieces.last == 1000);
    assert_false(meta_object_joinable(&held, UINT64_MAX, 9, &join)); /* the last one stays */
    assert_true(meta_object_joinable(&held, UINT64_MAX, 4, &join));
    assert_true(join.pieces == 8 && join.chunks == 8 && join.offset == 100 && join.size == 8000);
    again = join;
    OK(append_now(s, "k", 5, 1000)); /* meanwhile somebody appends, and takes in the last */
    OK(support_get(s, &s->plain, "k", NULL, 0, &reading));
    OK(join_now(s, "k", &join));
    assert_int_equal(chunks_now(s, "k", 9105), 3);
    assert_int_equal(walk(s, &reading, 0, 9105), 10); /* as it was for who reads */
    assert_int_equal(sequence_of(s, "k"), reading.sequence);
    assert_int_equal(support_bucket_now(s, &s->plain).bytes, 9105);
    assert_int_equal(join_now(s, "k", &again), STATUS_CONFLICT); /* once */
    assert_int_equal(garbage_now(s), 0);
    meta_object_release(&held);
    meta_object_release(&reading);
    assert_int_equal(garbage_now(s), 9);
    support_reopen(s);
    assert_int_equal(chunks_now(s, "k", 9105), 3);
    assert_int_equal(join_now(s, "none", &again), STATUS_NOT_FOUND);
    OK(support_delete(s, &s->plain, "k", NULL, NULL));
    assert_int_equal(garbage_now(s), 3);
}

/* What was replaced, renamed or deleted meanwhile is not what was joined. */
static void test_joining_another(void **state)
{
    struct support *s = *state;
    struct meta_rename rename = {.source = KEY("k"), .target = KEY("l")};
    struct meta_object held, done;
    struct meta_join join;

    for (int i = 0; i < 2; i++) {
        OK(support_put(s, &s->plain, "k", 1, 'a', NULL, NULL));
        for (int j = 0; j < 5; j++)
            OK(append_now(s, "k", 10, 0));
        OK(support_get(s, &s->plain, "k", NULL, 0, &held));
        assert_true(meta_object_joinable(&held, UINT64_MAX, 4, &join));
        rename.sequence = held.sequence;
        if (i == 0)
            OK(meta_object_rename(s->meta, s->plain.id, &rename, &done));
        OK(support_put(s, &s->plain, "k", 1, 'b', NULL, NULL));
        assert_int_equal(join_now(s, "k", &join), STATUS_CONFLICT);
        if (i == 0)
            OK(join_now(s, "l", &join)); /* there they are */
        meta_object_release(&held);
    }
}

/* Large pieces stay, and no chunk gets larger than one may be. */
static void test_runs(void **state)
{
    struct support *s = *state;
    static const uint32_t sizes[] = {10,     10,     4u << 20, 900000, 900000, 900000, 900000,
                                     900000, 900000, 900000,   900000, 900000, 900000, 900000};
    struct meta_object held;
    struct meta_join join;

    OK(support_put(s, &s->plain, "k", 1, 'a', NULL, NULL));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        OK(append_now(s, "k", sizes[i], 0));
    OK(support_get(s, &s->plain, "k", NULL, 0, &held));
    assert_true(meta_object_joinable(&held, UINT64_MAX, 2, &join));
    assert_true(join.offset == 100 && join.pieces == 2);
    assert_true(meta_object_joinable(&held, 4u << 20, 128, &join));
    assert_true(join.offset == 120 + (4u << 20) && join.pieces == 9 && join.size == 8100000);
    assert_false(meta_object_joinable(&held, UINT64_MAX, 12, &join));
    meta_object_release(&held);
}

/* The record of an object does not grow by more than a large piece for each that is appended, whatever their size. */
static void test_pieces_of_a_mebibyte(void **state)
{
    struct support *s = *state;
    struct meta_pieces pieces;
    struct meta_object held;
    struct meta_join join;

    OK(support_put(s, &s->plain, "k", 1, 'a', NULL, NULL));
    for (int i = 0; i < 4; i++)
        OK(append_now(s, "k", 3u << 20, 0));
    OK(support_get(s, &s->plain, "k", NULL, 0, &held));
    assert_true(meta_object_pieces(&held, &pieces) && pieces.count == 0 && pieces.small == 4);
    assert_true(meta_object_joinable(&held, META_PIECE_SMALL, 128, &join));
    assert_true(join.pieces == 2 && join.size == 6u << 20);
    OK(join_now(s, "k", &join));
    meta_object_release(&held);
    OK(support_get(s, &s->plain, "k", NULL, 0, &held));
    assert_true(meta_object_pieces(&held, &pieces) && pieces.small == 2);
    assert_true(meta_object_joinable(&held, META_PIECE_SMALL, 128, &join));
    assert_true(join.pieces == 2 && join.offset == 100 + (6u << 20)); /* what was joined is large */
    meta_object_release(&held);
    assert_int_equal(chunks_now(s, "k", 100 + (12u << 20)), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_there_stays, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_the_last_piece_is_taken_in, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_sealed_streams, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_annotations_stay, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_joining, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_joining_another, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_runs, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_pieces_of_a_mebibyte, support_setup, support_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

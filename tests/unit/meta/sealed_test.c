/* Sealed versions: sizes are plain, chunks are as long as the sealed streams, and walks count stored bytes. */
#include "tests/unit/meta/support.h"

#include "meta/reseal.h"

#define SEALED                                                                                                         \
    BYTES("\x06\0\0\0\x04"                                                                                             \
          "seal")
#define PLAIN (BLOCK_SEAL_BYTES + 1) /* two blocks */
enum { STORED = PLAIN + 2 * BLOCK_SEAL_MORE };

static enum status put(struct support *s, const char *key, uint64_t plain, uint32_t stored)
{
    struct chunk_list chunks = support_chunks(stored > 0, stored, 3);
    struct meta_object object = {.size = plain, .headers = BYTES("headers"), .attributes = SEALED};
    enum status status = meta_object_put(s->meta, s->plain.id, KEY(key), &object, &chunks, NULL);

    chunk_list_release(&chunks);
    return status;
}

static void check_walk(struct support *s, const struct meta_object *object, uint64_t offset, uint64_t expected)
{
    struct meta_cursor *cursor = meta_cursor_open(s->meta, object, offset, UINT64_MAX);
    struct chunk_ref ref;
    uint32_t chunk_offset, len;
    uint64_t sum = 0;

    while (meta_cursor_next(cursor, &ref, &chunk_offset, &len) == STATUS_OK)
        sum += len;
    meta_cursor_close(cursor);
    assert_int_equal(sum, expected);
}

static void test_versions(void **state)
{
    struct support *s = *state;
    struct meta_stream stream;
    struct meta_object got;

    assert_int_equal(put(s, "k", PLAIN, PLAIN), STATUS_INVALID);
    assert_int_equal(put(s, "k", PLAIN, STORED - 1), STATUS_INVALID);
    OK(put(s, "k", PLAIN, STORED));
    OK(put(s, "empty", 0, 0));
    support_reopen(s);
    OK(support_get(s, &s->plain, "k", NULL, 0, &got));
    assert_int_equal(got.size, PLAIN);
    assert_int_equal(support_bucket_now(s, &s->plain).bytes, PLAIN);
    check_walk(s, &got, 0, STORED);
    check_walk(s, &got, STORED - 17, 17);
    OK(meta_object_stream(&got, PLAIN - 1, &stream));
    assert_true(stream.part == 0 && stream.size == PLAIN && stream.offset == 0 && stream.stored_offset == 0);
    assert_int_equal(meta_object_stream(&got, PLAIN, &stream), STATUS_NOT_FOUND);
    meta_object_release(&got);
}

static enum status decide(void *arg, const struct meta_part *const *parts, size_t count, struct meta_object *object)
{
    (void)arg, (void)parts;
    object->etag_parts = (uint32_t)count;
    return STATUS_OK;
}

static enum status put_part(struct support *s, const struct meta_upload *upload, unsigned number, uint32_t stored,
                            const struct block_seal_id *seal)
{
    struct chunk_list chunks = support_chunks(1, stored, 3);
    struct meta_part part = {.number = number, .size = PLAIN, .seal = *seal};
    enum status status = meta_part_put(s->meta, upload, &part, &chunks);

    chunk_list_release(&chunks);
    return status;
}

static void test_parts(void **state)
{
    struct support *s = *state;
    struct meta_upload upload = {.bucket = s->plain.id, .key = KEY("k"), .attributes = SEALED};
    struct block_seal_id ids[2], none = {0};
    struct meta_part *parts;
    size_t count;
    bool truncated;
    static const unsigned numbers[] = {3, 7};
    struct meta_stream stream;
    struct meta_object made, got;

    OK(meta_upload_create(s->meta, &upload));
    block_seal_id_create(&ids[0]);
    block_seal_id_create(&ids[1]);
    assert_int_equal(put_part(s, &upload, 3, PLAIN, &none), STATUS_INVALID); /* never plain bytes in such an upload */
    assert_int_equal(put_part(s, &upload, 3, PLAIN, &ids[0]), STATUS_INVALID);
    OK(put_part(s, &upload, 3, STORED, &ids[0]));
    OK(put_part(s, &upload, 7, STORED, &ids[1]));
    OK(meta_upload_complete(s->meta, &upload, numbers, 2, NULL, decide, NULL, &made));
    meta_object_release(&made);
    support_reopen(s);
    OK(support_get(s, &s->plain, "k", NULL, 0, &got));
    assert_int_equal(got.size, 2 * PLAIN);
    check_walk(s, &got, 0, 2 * STORED);
    check_walk(s, &got, STORED, STORED);
    OK(meta_object_stream(&got, PLAIN - 1, &stream));
    assert_true(stream.part == 3 && stream.offset == 0 && stream.stored_offset == 0);
    OK(meta_object_stream(&got, PLAIN, &stream));
    assert_true(stream.part == 7 && stream.offset == PLAIN && stream.stored_offset == STORED);
    OK(meta_object_parts(s->meta, &got, 3, 10, &parts, &count, &truncated));
    assert_true(count == 1 && parts->number == 7 && parts->seal.sealed);
    assert_memory_equal(parts->seal.bytes, ids[1].bytes, BLOCK_SEAL_ID_LEN);
    free(parts);
    meta_object_release(&got);
}

static void test_a_seal_neither_comes_nor_goes(void **state)
{
    struct support *s = *state;
    const struct meta_version latest = {0};
    struct meta_attribute change = {META_ATTRIBUTE_SEALED, {0}};
    const struct meta_object_update update = {.changes = &change, .count = 1};
    struct meta_object seen;

    OK(put(s, "sealed", PLAIN, STORED));
    OK(support_put(s, &s->plain, "open", 1, 1, NULL, NULL));
    assert_int_equal(meta_object_update(s->meta, s->plain.id, KEY("sealed"), &latest, &update, &seen), STATUS_INVALID);
    change.document = BYTES("other");
    OK(meta_object_update(s->meta, s->plain.id, KEY("sealed"), &latest, &update, &seen));
    assert_int_equal(meta_object_update(s->meta, s->plain.id, KEY("open"), &latest, &update, &seen), STATUS_INVALID);
}

/* The documents of the family's rows, in their order, with a line behind each. */
static void list_documents(struct support *s, enum meta_sealed_family family, struct meta_sealed_page *page, char *text)
{
    OK(meta_sealed_walk(s->meta, s->plain.id, family, (struct bytes){0}, 9, page));
    assert_false(page->more || page->damaged);
    for (size_t i = 0; i < page->count; i++)
        text += sprintf(text, "%.*s=%.*s\n", (int)page->entries[i].key.len, page->entries[i].key.data,
                        (int)page->entries[i].document.len, page->entries[i].document.data);
    *text = '\0';
}

static void test_documents_are_replaced(void **state)
{
    struct support *s = *state;
    struct meta_upload upload = {.bucket = s->plain.id, .key = KEY("u"), .attributes = SEALED};
    struct meta_sealed_page page, behind;
    struct meta_object got;
    char text[256];

    OK(put(s, "a", PLAIN, STORED));
    OK(put(s, "b", PLAIN, STORED));
    OK(support_put(s, &s->plain, "open", 1, 1, NULL, NULL));
    OK(meta_upload_create(s->meta, &upload));
    list_documents(s, META_SEALED_VERSIONS, &page, text);
    assert_string_equal(text, "a=seal\nb=seal\n");
    assert_int_equal(page.examined, 3);
    OK(meta_sealed_walk(s->meta, s->plain.id, META_SEALED_VERSIONS, page.entries[0].row, 1, &behind));
    assert_true(behind.count == 1 && bytes_equal_str(behind.entries[0].key, "b"));
    meta_sealed_page_release(&behind);
    OK(put(s, "b", PLAIN, STORED)); /* another one by now */
    struct meta_reseal changes[] = {
        {.row = page.entries[0].row, .before = BYTES("seal"), .after = BYTES("longer")},
        {.row = page.entries[0].row, .before = BYTES("seal"), .after = BYTES("late")},
        {.row = page.entries[1].row, .before = BYTES("seal"), .after = BYTES("gone")},
    };
    meta_reseal(s->meta, s->plain.id, META_SEALED_VERSIONS, changes, 3);
    OK(changes[0].status);
    assert_int_equal(changes[1].status, STATUS_PRECONDITION);
    assert_int_equal(changes[2].status, STATUS_NOT_FOUND);
    meta_sealed_page_release(&page);
    list_documents(s, META_SEALED_UPLOADS, &page, text);
    assert_string_equal(text, "u=seal\n");
    struct meta_reseal change = {.row = page.entries[0].row, .before = BYTES("seal"), .after = BYTES("anew")};
    meta_reseal(s->meta, s->plain.id, META_SEALED_UPLOADS, &change, 1);
    OK(change.status);
    meta_sealed_page_release(&page);
    support_reopen(s);
    list_documents(s, META_SEALED_VERSIONS, &page, text);
    assert_string_equal(text, "a=longer\nb=seal\n");
    meta_sealed_page_release(&page);
    list_documents(s, META_SEALED_UPLOADS, &page, text);
    assert_string_equal(text, "u=anew\n");
    meta_sealed_page_release(&page);
    OK(support_get(s, &s->plain, "a", NULL, 0, &got));
    check_walk(s, &got, 0, STORED);
    meta_object_release(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_versions, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_documents_are_replaced, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_parts, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_a_seal_neither_comes_nor_goes, support_setup, support_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

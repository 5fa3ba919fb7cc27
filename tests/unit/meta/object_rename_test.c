/* Renaming: the version goes to its new key with all that it has, in one commit or not at all; what was there becomes
 * garbage, the chunks that moved do not, and who reads them reads on. */
#include "tests/unit/meta/support.h"

#include "meta/annotations.h"
#include "meta/append.h"
#include "meta/history.h"
#include "meta/outbox.h"
#include "meta/quota.h"

enum { TAGS = 2 };

static enum status rename_as(struct support *s, const char *source, const char *target, struct meta_rename *rename)
{
    struct meta_object object;

    rename->source = KEY(source);
    rename->target = KEY(target);
    if (!rename->sequence && support_get(s, &s->plain, source, NULL, 0, &object) == STATUS_OK) {
        rename->sequence = object.sequence;
        meta_object_release(&object);
    }
    return meta_object_rename(s->meta, s->plain.id, rename, &object);
}

static enum status rename_now(struct support *s, const char *source, const char *target)
{
    struct meta_rename rename = {0};

    return rename_as(s, source, target, &rename);
}

static void expect_absent(struct support *s, const char *key)
{
    struct meta_object object;

    assert_int_equal(support_get(s, &s->plain, key, NULL, 0, &object), STATUS_NOT_FOUND);
}

static size_t chunk_count(struct support *s, const struct meta_object *object, struct chunk_list *chunks)
{
    struct meta_cursor *cursor = meta_cursor_open(s->meta, object, 0, UINT64_MAX);
    struct chunk_ref ref;
    uint32_t offset, len;

    while (meta_cursor_next(cursor, &ref, &offset, &len) == STATUS_OK)
        chunk_list_append(chunks, &ref);
    meta_cursor_close(cursor);
    return chunks->count;
}

static void test_it_moves_with_all_it_has(void **state)
{
    struct support *s = *state;
    const struct meta_attribute tags = {TAGS, BYTES("a=b")};
    const struct meta_object_update update = {.changes = &tags, .count = 1};
    const struct meta_version latest = {0};
    struct meta_object before, after, seen;
    struct meta_list_page page;
    struct bytes document;

    OK(support_put(s, &s->plain, "a", 3, 'a', NULL, NULL));
    OK(meta_object_update(s->meta, s->plain.id, KEY("a"), &latest, &update, &seen));
    OK(support_get(s, &s->plain, "a", NULL, 0, &before));
    OK(rename_now(s, "a", "b"));
    expect_absent(s, "a");
    OK(support_get(s, &s->plain, "b", NULL, 0, &after));
    assert_true(after.size == before.size && after.modified_ms == before.modified_ms);
    assert_true(after.sequence > before.sequence && after.latest);
    assert_string_equal(after.version_id, "null");
    assert_memory_equal(after.etag_md5, before.etag_md5, MD5_LEN);
    assert_true(bytes_equal_str(after.headers, "headers"));
    OK(meta_attribute_find(after.attributes, TAGS, &document));
    assert_true(bytes_equal_str(document, "a=b"));
    meta_object_release(&after);
    meta_object_release(&before);
    const struct meta_bucket now = support_bucket_now(s, &s->plain);
    assert_true(now.objects == 1 && now.versions == 1 && now.bytes == 300);
    const struct meta_list_query query = {.bucket = s->plain.id, .max = 10};
    OK(meta_list(s->meta, &query, &page));
    assert_int_equal(page.count, 1);
    assert_true(bytes_equal_str(page.entries[0].key, "b"));
    meta_list_page_release(&page);
    support_reopen(s);
    OK(support_get(s, &s->plain, "b", NULL, 0, &after));
    meta_object_release(&after);
    expect_absent(s, "a");
}

static void expect_annotation(struct support *s, const char *key, uint64_t size)
{
    struct meta_annotation annotation;
    struct meta_object object, text;
    bool gone;

    OK(support_get(s, &s->plain, key, NULL, 0, &object));
    OK(meta_annotation_get(s->meta, s->plain.id, KEY(key), &object, KEY("a"), &annotation, &text, &gone));
    assert_true(annotation.size == size && meta_annotations_of(&object).bytes == size);
    meta_object_release(&text);
    meta_object_release(&object);
}

static void annotate(struct support *s, const char *key, uint32_t size)
{
    struct meta_annotation annotation = {.name = KEY("a"), .size = size};
    struct chunk_list chunks = support_chunks(1, size, 3);
    struct meta_object object;

    OK(support_put(s, &s->plain, key, 1, *key, NULL, &object));
    const struct meta_annotated where = {.bucket = s->plain.id, .key = KEY(key), .sequence = object.sequence};
    OK(meta_annotation_put(s->meta, &where, &annotation, &chunks));
    chunk_list_release(&chunks);
}

/* They go with their version, and those of what was at the target go with that. */
static void test_annotations_move(void **state)
{
    struct support *s = *state;
    struct meta_garbage garbage;

    annotate(s, "a", 20);
    annotate(s, "b", 30);
    OK(rename_now(s, "a", "b"));
    expect_annotation(s, "b", 20);
    assert_int_equal(support_bucket_now(s, &s->plain).bytes, 120);
    garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 2);
    OK(meta_gc_done(s->meta, &garbage));
    meta_garbage_release(&garbage);
    expect_annotation(s, "b", 20);
    OK(support_delete(s, &s->plain, "b", NULL, NULL));
    garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 2);
    meta_garbage_release(&garbage);
    assert_int_equal(support_bucket_now(s, &s->plain).bytes, 0);
}

static void restore_into(struct support *s, const char *path)
{
    struct change_record record;
    struct meta_position as_of;
    struct meta_restore *restore;
    struct lineage lineage;
    struct buffer page;
    bool end = false;

    OK(meta_restore_open(path, &restore));
    struct meta_snapshot *snapshot = meta_snapshot_open(s->meta, &as_of);
    buffer_init(&page, CHANGE_RECORD_MAX);
    while (!end) {
        buffer_clear(&page);
        OK(meta_snapshot_next(snapshot, &page, &end));
        struct bytes rest = buffer_bytes(&page);
        OK(change_record_next(&rest, &record));
        OK(meta_restore_add(restore, &record));
    }
    buffer_release(&page);
    meta_snapshot_close(snapshot);
    OK(meta_restore_lineage(restore, support_cluster, &lineage));
    OK(meta_restore_finish(restore, &as_of, 0));
    meta_restore_free(restore);
}

/* A database that is made from a snapshot knows the new key alone, and how the object came there. */
static void test_restored(void **state)
{
    struct support *s = *state;
    static const uint8_t token[META_RENAME_TOKEN_LEN] = "one";
    struct meta_rename rename = {.token = token};
    char path[96];

    SUPPORT_WANTS_DISK();
    annotate(s, "a", 20);
    OK(rename_as(s, "a", "b", &rename));
    snprintf(path, sizeof(path), "%s/restored", s->path);
    restore_into(s, path);
    meta_close(s->meta);
    s->meta = NULL;
    const struct meta_options options = {.path = path,
                                         .cluster_id = support_cluster,
                                         .pool = s->pool,
                                         .setting_kinds = support_kinds,
                                         .setting_kind_count = 2};
    OK(meta_open(&options, &s->meta));
    expect_absent(s, "a");
    expect_annotation(s, "b", 20);
    assert_int_equal(support_bucket_now(s, &s->plain).bytes, 120);
    OK(rename_as(s, "a", "b", &rename));
    assert_true(rename.repeated);
    OK(rename_now(s, "b", "c"));
    expect_annotation(s, "c", 20);
    expect_absent(s, "b");
}

static void test_what_was_there_becomes_garbage(void **state)
{
    struct support *s = *state;
    struct chunk_list moved = {0}, replaced = {0};
    struct meta_object a, b, read;
    struct meta_garbage garbage;

    OK(support_put(s, &s->plain, "a", 2, 'a', NULL, NULL));
    OK(support_put(s, &s->plain, "b", 3, 'b', NULL, NULL));
    OK(support_get(s, &s->plain, "a", NULL, 0, &a));
    OK(support_get(s, &s->plain, "b", NULL, 0, &b));
    chunk_count(s, &a, &moved);
    chunk_count(s, &b, &replaced);
    OK(rename_now(s, "a", "b"));
    garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 0); /* who reads what was replaced reads on */
    meta_garbage_release(&garbage);
    meta_object_release(&a);
    meta_object_release(&b);
    garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(support_list_has(&replaced, &garbage.chunks.refs[i].id));
    OK(meta_gc_done(s->meta, &garbage));
    meta_garbage_release(&garbage);
    assert_int_equal(support_bucket_now(s, &s->plain).bytes, 200);
    /* and the same chunks go with the new name, once */
    OK(support_get(s, &s->plain, "b", NULL, 0, &read));
    meta_object_release(&read);
    OK(support_delete(s, &s->plain, "b", NULL, NULL));
    garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(support_list_has(&moved, &garbage.chunks.refs[i].id));
    meta_garbage_release(&garbage);
    chunk_list_release(&moved);
    chunk_list_release(&replaced);
}

/* Repair, comparison and freeing go by chunks, which know no key. */
static void test_chunks_are_known_as_before(void **state)
{
    struct support *s = *state;
    struct chunk_list chunks = {0}, queued = {0};
    struct meta_chunk chunk;
    struct meta_object a;

    OK(support_put(s, &s->plain, "a", 1, 'a', NULL, NULL));
    OK(support_get(s, &s->plain, "a", NULL, 0, &a));
    chunk_count(s, &a, &chunks);
    meta_object_release(&a);
    OK(rename_now(s, "a", "b"));
    OK(meta_chunk_get(s->meta, &chunks.refs[0].id, &chunk));
    assert_true(!chunk.unwanted && chunk.ref.copies == 3);
    OK(meta_repair_add(s->meta, &chunks.refs[0].id, 2));
    OK(meta_repair_next(s->meta, 10, &queued));
    assert_int_equal(queued.count, 1);
    chunk_list_release(&queued);
    chunk_list_release(&chunks);
}

static enum status refuse(void *arg, const struct meta_object *source, const struct meta_object *target)
{
    unsigned *asked = arg;

    assert_int_equal(source->etag_md5[0], 'a');
    assert_true(!target || target->etag_md5[0] == 'b');
    *asked += target ? 10 : 1;
    return STATUS_PRECONDITION;
}

static void test_refusals(void **state)
{
    struct support *s = *state;
    unsigned asked = 0;
    struct meta_rename rename = {.check = refuse, .arg = &asked};
    struct meta_object object;

    assert_int_equal(rename_now(s, "none", "b"), STATUS_NOT_FOUND);
    OK(support_put(s, &s->plain, "a", 1, 'a', NULL, NULL));
    assert_int_equal(rename_as(s, "a", "b", &rename), STATUS_PRECONDITION);
    assert_int_equal(asked, 1);
    OK(support_put(s, &s->plain, "b", 1, 'b', NULL, NULL));
    assert_int_equal(rename_as(s, "a", "b", &rename), STATUS_PRECONDITION);
    assert_int_equal(asked, 11);
    rename = (struct meta_rename){.sequence = 1}; /* another version than the one that was meant */
    assert_int_equal(rename_as(s, "a", "b", &rename), STATUS_PRECONDITION);
    rename = (struct meta_rename){.sealed = BYTES("seal")};
    assert_int_equal(rename_as(s, "a", "b", &rename), STATUS_PRECONDITION);
    rename.sealed = (struct bytes){0}, rename.sealed_was = BYTES("seal");
    assert_int_equal(rename_as(s, "a", "b", &rename), STATUS_PRECONDITION);
    OK(support_get(s, &s->plain, "a", NULL, 0, &object));
    meta_object_release(&object);
    OK(support_put(s, &s->versioned, "a", 1, 'a', NULL, &object));
    rename = (struct meta_rename){.source = KEY("a"), .target = KEY("b"), .sequence = object.sequence};
    assert_int_equal(meta_object_rename(s->meta, s->versioned.id, &rename, &object), STATUS_INVALID);
    assert_int_equal(meta_object_rename(s->meta, 999, &rename, &object), STATUS_NOT_FOUND);
    assert_true(rename.no_bucket);
}

static void append_ten(struct support *s, const char *key)
{
    struct chunk_list chunks = support_chunks(1, 10, 3);
    struct meta_append append = {.size = 10};
    struct meta_object object;

    OK(support_get(s, &s->plain, key, NULL, 0, &object));
    append.sequence = object.sequence;
    meta_object_release(&object);
    OK(meta_object_append(s->meta, s->plain.id, KEY(key), &append, &chunks, &object));
    chunk_list_release(&chunks);
}

/* Who sealed it anew was told so: a rename that had read what was there before does not undo it. */
static void test_what_was_sealed_anew_stays(void **state)
{
    struct support *s = *state;
    const struct meta_attribute first = {META_ATTRIBUTE_SEALED, BYTES("first")},
                                second = {META_ATTRIBUTE_SEALED, BYTES("second")};
    const struct meta_object_update update = {.changes = &second, .count = 1};
    const struct meta_version latest = {0};
    struct meta_rename rename = {.sealed = BYTES("moved"), .sealed_was = BYTES("first")};
    struct chunk_list chunks = support_chunks(1, 100 + BLOCK_SEAL_MORE, 3);
    struct buffer attributes;
    struct meta_object object, seen;

    buffer_init(&attributes, META_ATTRIBUTES_BYTES_MAX);
    OK(meta_attributes_pack((struct bytes){0}, &first, 1, &attributes));
    object = (struct meta_object){.size = 100, .attributes = buffer_bytes(&attributes)};
    OK(meta_object_put(s->meta, s->plain.id, KEY("a"), &object, &chunks, NULL));
    OK(meta_object_update(s->meta, s->plain.id, KEY("a"), &latest, &update, &seen));
    assert_int_equal(rename_as(s, "a", "b", &rename), STATUS_PRECONDITION);
    OK(support_get(s, &s->plain, "a", NULL, 0, &object));
    assert_true(bytes_equal_str(meta_attributes_seal(object.attributes), "second"));
    meta_object_release(&object);
    rename.sealed_was = BYTES("second");
    OK(rename_as(s, "a", "b", &rename));
    OK(support_get(s, &s->plain, "b", NULL, 0, &object));
    assert_true(bytes_equal_str(meta_attributes_seal(object.attributes), "moved"));
    meta_object_release(&object);
    buffer_release(&attributes);
    chunk_list_release(&chunks);
}

static void test_a_request_is_done_once(void **state)
{
    struct support *s = *state;
    uint8_t token[META_RENAME_TOKEN_LEN] = "one", other[META_RENAME_TOKEN_LEN] = "two";
    struct meta_rename rename = {.token = token};

    OK(support_put(s, &s->plain, "a", 1, 'a', NULL, NULL));
    OK(rename_as(s, "a", "b", &rename));
    assert_false(rename.repeated);
    append_ten(s, "b"); /* it is the same object still */
    support_reopen(s);
    OK(support_put(s, &s->plain, "a", 2, 'n', NULL, NULL)); /* another object that came later stays where it is */
    rename = (struct meta_rename){.token = token};
    OK(rename_as(s, "a", "b", &rename));
    assert_true(rename.repeated);
    assert_int_equal(support_bucket_now(s, &s->plain).bytes, 310);
    rename = (struct meta_rename){.token = other};
    OK(rename_as(s, "a", "b", &rename));
    assert_false(rename.repeated);
    assert_int_equal(support_bucket_now(s, &s->plain).bytes, 200);
    rename = (struct meta_rename){.token = token}; /* what has gone on since is not what it did */
    assert_int_equal(rename_as(s, "a", "b", &rename), STATUS_NOT_FOUND);
}

static void test_both_keys_are_told(void **state)
{
    struct support *s = *state;
    const struct meta_outbox_entry gone = {1, BYTES("gone")}, come = {2, BYTES("come")};
    struct meta_rename rename = {.outbox_source = &gone, .outbox_target = &come};
    struct meta_outbox_page page;

    OK(support_put(s, &s->plain, "a", 1, 'a', NULL, NULL));
    OK(rename_as(s, "a", "b", &rename));
    OK(meta_outbox_next(s->meta, NULL, 10, &page));
    assert_int_equal(page.count, 2);
    assert_true(bytes_equal_str(page.rows[0].key, "a") && page.rows[0].kind == 1);
    assert_true(bytes_equal_str(page.rows[1].key, "b") && page.rows[1].kind == 2);
    assert_true(page.rows[1].place.sequence == page.rows[0].place.sequence);
    meta_outbox_page_release(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_moves_with_all_it_has, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_annotations_move, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_restored, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_what_was_there_becomes_garbage, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_chunks_are_known_as_before, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_what_was_sealed_anew_stays, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_a_request_is_done_once, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_both_keys_are_told, support_setup, support_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Attributes: packed, written with an object or an upload, changed later where the version is, and only if the version
 * is still the one that was meant. */
#include "tests/unit/meta/support.h"

#include <pthread.h>

enum { TAGS = 2, HOLD = 5 };

static void test_packing(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x01", "\x01\0\0\0\x02x", "\0\0\0\0\0", "\x21\0\0\0\0"};
    static const size_t lengths[] = {1, 6, 5, 5};
    const struct meta_attribute first[] = {{HOLD, BYTES("on")}, {TAGS, BYTES("a=b")}, {3, BYTES("")}};
    const struct meta_attribute second[] = {{HOLD, {NULL, 0}}, {TAGS, BYTES("c=d")}, {9, {NULL, 0}}};
    struct buffer one, two;
    struct bytes document;
    char large[META_ATTRIBUTES_BYTES_MAX] = {0};
    const struct meta_attribute too_large = {1, bytes_of(large, sizeof(large) - 4)};

    buffer_init(&one, META_ATTRIBUTES_BYTES_MAX);
    buffer_init(&two, 2 * META_ATTRIBUTES_BYTES_MAX);
    OK(meta_attributes_pack(BYTES(""), first, 3, &one));
    OK(meta_attributes_check(buffer_bytes(&one)));
    OK(meta_attribute_find(buffer_bytes(&one), TAGS, &document));
    assert_true(bytes_equal_str(document, "a=b"));
    OK(meta_attribute_find(buffer_bytes(&one), 3, &document)); /* empty is not absent */
    assert_int_equal(meta_attribute_find(buffer_bytes(&one), 4, &document), STATUS_NOT_FOUND);
    OK(meta_attributes_pack(buffer_bytes(&one), second, 3, &two));
    OK(meta_attributes_check(buffer_bytes(&two)));
    assert_int_equal(meta_attribute_find(buffer_bytes(&two), HOLD, &document), STATUS_NOT_FOUND);
    OK(meta_attribute_find(buffer_bytes(&two), TAGS, &document));
    assert_true(bytes_equal_str(document, "c=d"));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(meta_attributes_check(bytes_of(bad[i], lengths[i])), STATUS_CORRUPT);
    buffer_clear(&two); /* twice the same kind */
    OK(buffer_append_bytes(&two, buffer_bytes(&one)));
    OK(buffer_append_bytes(&two, buffer_bytes(&one)));
    assert_int_equal(meta_attributes_check(buffer_bytes(&two)), STATUS_CORRUPT);
    buffer_clear(&two);
    assert_int_equal(meta_attributes_pack(BYTES(""), &too_large, 1, &two), STATUS_LIMIT);
    buffer_release(&one);
    buffer_release(&two);
}

/* Changes one attribute; text NULL removes it. */
static enum status update_one(struct support *s, const struct meta_bucket *bucket, const char *version_id, uint8_t kind,
                              const char *text, struct meta_object_update *update, struct meta_object *object)
{
    const struct meta_attribute change = {kind, bytes_from_str(text)};
    const struct meta_version version = {.id = bytes_from_str(version_id)};

    update->changes = &change;
    update->count = 1;
    return meta_object_update(s->meta, bucket->id, KEY("k"), &version, update, object);
}

static void check_attribute(struct support *s, const struct meta_bucket *bucket, const char *version_id, uint8_t kind,
                            const char *text)
{
    struct meta_object got;
    struct bytes document;

    OK(support_get(s, bucket, "k", version_id, 0, &got));
    assert_int_equal(meta_attribute_find(got.attributes, kind, &document), text ? STATUS_OK : STATUS_NOT_FOUND);
    assert_true(!text || bytes_equal_str(document, text));
    assert_true(bytes_equal_str(got.headers, "headers"));
    meta_object_release(&got);
}

static void test_update(void **state)
{
    struct support *s = *state;
    struct meta_object old, new, seen;
    struct meta_cursor *cursor;
    struct meta_object_update any = {0};
    struct chunk_ref ref;
    uint32_t offset, len;

    OK(support_put(s, &s->versioned, "k", 3, 1, NULL, &old));
    OK(support_put(s, &s->versioned, "k", 1, 2, NULL, &new));
    OK(update_one(s, &s->versioned, NULL, TAGS, "new", &any, &seen)); /* the latest */
    assert_string_equal(seen.version_id, new.version_id);
    OK(update_one(s, &s->versioned, old.version_id, TAGS, "old", &any, &seen));
    OK(update_one(s, &s->versioned, old.version_id, HOLD, "on", &any, &seen));
    assert_true(seen.number == 1 && !seen.latest && seen.etag_md5[0] == 1);
    for (int reopened = 0; reopened < 2; reopened++) {
        check_attribute(s, &s->versioned, NULL, TAGS, "new");
        check_attribute(s, &s->versioned, NULL, HOLD, NULL);
        check_attribute(s, &s->versioned, old.version_id, TAGS, "old");
        check_attribute(s, &s->versioned, old.version_id, HOLD, "on");
        support_reopen(s);
    }
    OK(update_one(s, &s->versioned, old.version_id, TAGS, NULL, &any, &seen));
    OK(update_one(s, &s->versioned, old.version_id, TAGS, NULL, &any, &seen)); /* nothing to do is fine */
    check_attribute(s, &s->versioned, old.version_id, TAGS, NULL);
    check_attribute(s, &s->versioned, old.version_id, HOLD, "on");

    struct meta_bucket now = support_bucket_now(s, &s->versioned); /* no version came or went, nor a chunk */
    assert_true(now.versions == 2 && now.objects == 1 && now.bytes == 400);
    OK(support_get(s, &s->versioned, "k", old.version_id, 0, &seen));
    assert_true(seen.modified_ms == old.modified_ms && seen.sequence == old.sequence);
    cursor = meta_cursor_open(s->meta, &seen, 0, seen.size);
    for (int i = 0; i < 3; i++)
        OK(meta_cursor_next(cursor, &ref, &offset, &len));
    assert_int_equal(meta_cursor_next(cursor, &ref, &offset, &len), STATUS_NOT_FOUND);
    meta_cursor_close(cursor);
    meta_object_release(&seen);
    assert_int_equal(meta_gc_backlog(s->meta), 0);
}

static void test_absent_and_marker(void **state)
{
    struct support *s = *state;
    struct meta_object_update any = {0};
    struct meta_deletion deletion;
    struct meta_object object, seen;

    assert_int_equal(update_one(s, &s->versioned, NULL, TAGS, "x", &any, &seen), STATUS_NOT_FOUND);
    assert_int_equal(update_one(s, &s->plain, "null", TAGS, "x", &any, &seen), STATUS_NOT_FOUND);
    OK(support_put(s, &s->versioned, "k", 1, 1, NULL, &object));
    OK(support_delete(s, &s->versioned, "k", NULL, &deletion));
    assert_int_equal(update_one(s, &s->versioned, NULL, TAGS, "x", &any, &seen), STATUS_CONFLICT);
    assert_true(seen.delete_marker && strcmp(seen.version_id, deletion.version_id) == 0);
    assert_int_equal(update_one(s, &s->versioned, deletion.version_id, TAGS, "x", &any, &seen), STATUS_CONFLICT);
    OK(update_one(s, &s->versioned, object.version_id, TAGS, "x", &any, &seen));
    assert_int_equal(update_one(s, &s->versioned, "no id", TAGS, "x", &any, &seen), STATUS_INVALID);
    OK(support_delete(s, &s->versioned, "k", object.version_id, NULL));
    assert_int_equal(update_one(s, &s->versioned, object.version_id, TAGS, "x", &any, &seen), STATUS_NOT_FOUND);
}

static void test_replaced_meanwhile(void **state)
{
    struct support *s = *state;
    struct meta_object_update any = {0}, meant = {0};
    struct meta_condition first = {.must_match = true};
    struct meta_object object, seen;

    memset(first.etag_md5, 1, MD5_LEN);
    OK(support_put(s, &s->plain, "k", 1, 1, NULL, &object));
    meant = (struct meta_object_update){.sequence = object.sequence, .condition = &first};
    OK(update_one(s, &s->plain, "null", TAGS, "x", &meant, &seen));
    OK(support_put(s, &s->plain, "k", 1, 2, NULL, NULL));
    check_attribute(s, &s->plain, NULL, TAGS, NULL); /* a new version has its own */
    assert_int_equal(update_one(s, &s->plain, "null", TAGS, "y", &meant, &seen), STATUS_PRECONDITION);
    assert_int_equal(seen.etag_md5[0], 2);
    meant.sequence = 0;
    assert_int_equal(update_one(s, &s->plain, "null", TAGS, "y", &meant, &seen), STATUS_PRECONDITION);
    check_attribute(s, &s->plain, NULL, TAGS, NULL);
    meant = (struct meta_object_update){.sequence = object.sequence};
    assert_int_equal(update_one(s, &s->plain, NULL, TAGS, "y", &meant, &seen), STATUS_PRECONDITION);
    OK(update_one(s, &s->plain, NULL, TAGS, "z", &any, &seen));
    check_attribute(s, &s->plain, "null", TAGS, "z");
}

/* Only a letter that comes later may take the place of what is there: as a retention may only be extended. */
static enum status only_later(void *arg, const struct meta_bucket *bucket, const struct meta_settings *settings,
                              const struct meta_object *object)
{
    struct bytes document;

    (void)settings;
    CHECK(strcmp(bucket->name, "plain") == 0 && bytes_equal_str(object->headers, "headers"));
    if (meta_attribute_find(object->attributes, HOLD, &document))
        return STATUS_OK;
    return *(const char *)arg > document.data[0] ? STATUS_OK : STATUS_DENIED;
}

struct extender {
    struct support *support;
    char letter;
};

static void *extender_main(void *arg)
{
    struct extender *extender = arg;
    char text[2] = {extender->letter};
    struct meta_object_update update = {.check = only_later, .arg = text};
    struct meta_object seen;

    enum status status = update_one(extender->support, &extender->support->plain, NULL, HOLD, text, &update, &seen);
    CHECK(status == STATUS_OK || status == STATUS_DENIED);
    return NULL;
}

static void test_decided_in_the_commit(void **state)
{
    struct support *s = *state;
    struct extender extenders[26];
    pthread_t threads[26];

    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL));
    for (int i = 0; i < 26; i++) {
        extenders[i] = (struct extender){s, (char)('a' + i * 7 % 26)};
        assert_int_equal(pthread_create(&threads[i], NULL, extender_main, &extenders[i]), 0);
    }
    for (int i = 0; i < 26; i++)
        pthread_join(threads[i], NULL);
    check_attribute(s, &s->plain, NULL, HOLD, "z"); /* whatever the order was, the latest stays */
}

static enum status take_all(void *arg, const struct meta_part *const *parts, size_t count, struct meta_object *object)
{
    (void)arg, (void)parts;
    object->etag_parts = (uint32_t)count;
    return STATUS_OK;
}

static void test_written_with_the_object(void **state)
{
    struct support *s = *state;
    const struct meta_attribute given = {TAGS, BYTES("given")};
    struct meta_object object = {.headers = BYTES("headers")}, seen;
    struct meta_part part = {.number = 1, .size = 100};
    struct meta_upload upload = {.bucket = s->plain.id, .key = BYTES("k"), .headers = BYTES("headers")}, open;
    struct chunk_list none = {0}, chunks = support_chunks(1, 100, 3);
    struct meta_object_update any = {0};
    struct buffer packed;

    buffer_init(&packed, META_ATTRIBUTES_BYTES_MAX);
    OK(meta_attributes_pack(BYTES(""), &given, 1, &packed));
    object.attributes = upload.attributes = buffer_bytes(&packed);
    OK(meta_object_put(s->meta, s->plain.id, KEY("k"), &object, &none, NULL));
    check_attribute(s, &s->plain, NULL, TAGS, "given");
    OK(update_one(s, &s->plain, NULL, TAGS, NULL, &any, &seen));
    check_attribute(s, &s->plain, NULL, TAGS, NULL);

    OK(meta_upload_create(s->meta, &upload));
    OK(meta_upload_get(s->meta, s->plain.id, KEY("k"), bytes_from_str(upload.id), &open));
    assert_true(bytes_equal(open.attributes, buffer_bytes(&packed)));
    meta_upload_release(&open);
    OK(meta_part_put(s->meta, &upload, &part, &chunks));
    OK(meta_upload_complete(s->meta, &upload, &part.number, 1, NULL, take_all, NULL, &object));
    assert_true(bytes_equal(object.attributes, buffer_bytes(&packed)));
    meta_object_release(&object);
    check_attribute(s, &s->plain, NULL, TAGS, "given");
    OK(update_one(s, &s->plain, NULL, HOLD, "on", &any, &seen)); /* a multipart version keeps its parts */
    OK(support_get(s, &s->plain, "k", NULL, 0, &object));
    assert_int_equal(object.etag_parts, 1);
    meta_object_release(&object);
    chunk_list_release(&chunks);
    buffer_release(&packed);
}

static uint8_t listed_class(struct support *s, const struct meta_bucket *bucket)
{
    const struct meta_list_query query = {.bucket = bucket->id, .max = 10};
    struct meta_list_page page;

    OK(meta_list(s->meta, &query, &page));
    assert_int_equal(page.count, 1);
    uint8_t class = page.entries[0].object.storage_class;
    meta_list_page_release(&page);
    return class;
}

/* The class is changed where reads and listings look, of the version that is meant alone. */
static void test_class(void **state)
{
    struct support *s = *state;
    const struct meta_bucket *const buckets[] = {&s->plain, &s->versioned};
    static const uint8_t colder = 5, coldest = 6;
    struct meta_object old, new, seen;
    struct meta_object_update update = {.storage_class = &colder};

    for (size_t i = 0; i < 2; i++) {
        OK(support_put(s, buckets[i], "k", 1, 1, NULL, &new));
        update = (struct meta_object_update){.storage_class = &colder, .sequence = new.sequence + 100};
        assert_int_equal(meta_object_update(s->meta, buckets[i]->id, KEY("k"), NULL, &update, &seen),
                         STATUS_PRECONDITION);
        assert_int_equal(listed_class(s, buckets[i]), 0);
        update.sequence = new.sequence;
        OK(meta_object_update(s->meta, buckets[i]->id, KEY("k"), NULL, &update, &seen));
        assert_int_equal(listed_class(s, buckets[i]), 5);
        OK(support_get(s, buckets[i], "k", NULL, 0, &seen));
        assert_true(seen.storage_class == 5 && seen.sequence == new.sequence &&seen.size == new.size);
        meta_object_release(&seen);
        struct meta_bucket now = support_bucket_now(s, buckets[i]);
        assert_true(now.objects == 1 && now.versions == 1 && now.bytes == new.size);
    }
    old = new;
    OK(support_put(s, &s->versioned, "k", 1, 2, NULL, &new));
    const struct meta_version noncurrent = {.id = bytes_from_str(old.version_id)};
    update = (struct meta_object_update){.storage_class = &coldest};
    OK(meta_object_update(s->meta, s->versioned.id, KEY("k"), &noncurrent, &update, &seen));
    assert_int_equal(listed_class(s, &s->versioned), 0); /* the current one's */
    OK(support_get(s, &s->versioned, "k", old.version_id, 0, &seen));
    assert_int_equal(seen.storage_class, 6);
    meta_object_release(&seen);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packing),
        TEST(test_update),
        TEST(test_absent_and_marker),
        TEST(test_replaced_meanwhile),
        TEST(test_decided_in_the_commit),
        TEST(test_written_with_the_object),
        TEST(test_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The guard of versions: no way to remove one goes past it, what is refused changes nothing, and what it adds to new
 * versions is there whichever way they are made. */
#include "meta/guard.h"
#include "meta/internal.h"
#include "meta/outbox.h"
#include "tests/unit/meta/support.h"

enum { MARK = 3, LATER = 4 }; /* kinds of attributes: LATER is what the guard adds */
enum { PERMIT = 1 };

static unsigned asked; /* atomic enough: by the committer alone, read while it rests */

/* The first letter of MARK says what becomes of a version: s stays, d nobody knows, b it cannot be read, t goes, but
 * only when it is asked of for the first time; anything else goes. */
static enum status removal(void *arg, const struct meta_guarded *version, uint32_t permits)
{
    struct bytes mark;

    (void)arg;
    asked++;
    assert_non_null(version->bucket);
    assert_false(version->object->delete_marker);
    assert_true(bytes_equal_str(version->object->headers, "headers") || version->object->headers.len == 0);
    if (meta_attribute_find(version->object->attributes, MARK, &mark) || mark.len == 0)
        return STATUS_OK;
    if (mark.data[0] == 's')
        return permits == PERMIT ? STATUS_OK : STATUS_DENIED;
    if (mark.data[0] == 't')
        return asked == 1 ? STATUS_OK : STATUS_CONFLICT;
    if (mark.data[0] == 'b')
        return STATUS_INTERNAL;
    return mark.data[0] == 'd' ? STATUS_CONFLICT : STATUS_OK;
}

/* In a bucket with the setting, every version without a mark. */
static enum status creation(void *arg, const struct meta_guarded *version, struct meta_attribute *change, bool *changed)
{
    struct meta_setting setting;
    struct bytes mark;

    (void)arg;
    if (meta_setting_find(version->settings, SETTING_WORDS, &setting))
        return STATUS_OK;
    if (bytes_equal_str(setting.document, "refuse"))
        return STATUS_INTERNAL;
    *changed = meta_attribute_find(version->object->attributes, MARK, &mark) == STATUS_NOT_FOUND;
    *change = (struct meta_attribute){LATER, setting.document};
    return STATUS_OK;
}

static enum status suspension(void *arg, const struct meta_bucket *bucket, const struct meta_settings *settings)
{
    struct meta_setting setting;

    (void)arg;
    assert_true(bucket->id != 0);
    return meta_setting_find(settings, SETTING_WORDS, &setting) ? STATUS_OK : STATUS_DENIED;
}

static const struct meta_guard guard = {removal, creation, suspension, NULL};

static void open_guarded(struct support *s, uint64_t versions_max)
{
    const struct meta_options options = {.path = s->path,
                                         .store = s->memory,
                                         .cluster_id = support_cluster,
                                         .pool = s->pool,
                                         .cache_bytes = 1 << 20,
                                         .setting_kinds = support_kinds,
                                         .setting_kind_count = 2,
                                         .bounded_bucket = "versioned",
                                         .versions_max = versions_max,
                                         .guard = &guard};

    meta_close(s->meta);
    s->meta = NULL;
    OK(meta_open(&options, &s->meta));
}

static int setup(void **state)
{
    if (support_setup(state))
        return -1;
    open_guarded(*state, 0);
    return 0;
}

/* An object with that mark (NULL: none); its version's id is in *out. */
static enum status put(struct support *s, const struct meta_bucket *bucket, const char *mark, struct meta_object *out)
{
    const struct meta_attribute change = {MARK, bytes_from_str(mark)};
    struct chunk_list chunks = support_chunks(1, 100, 3);
    struct meta_object object = {.size = 100, .headers = BYTES("headers")};
    struct buffer attributes;

    buffer_init(&attributes, 1000);
    if (mark)
        OK(meta_attributes_pack(BYTES(""), &change, 1, &attributes));
    object.attributes = buffer_bytes(&attributes);
    enum status status = meta_object_put(s->meta, bucket->id, KEY("k"), &object, &chunks, NULL);
    object.attributes = object.headers = (struct bytes){0};
    if (out)
        *out = object;
    chunk_list_release(&chunks);
    buffer_release(&attributes);
    return status;
}

/* Whether the version is as it was, with all that counts it, and nothing is garbage. */
static void check_untouched(struct support *s, const struct meta_bucket *bucket, const char *version_id,
                            const struct meta_bucket *before)
{
    const struct meta_bucket now = support_bucket_now(s, bucket);
    struct meta_garbage garbage = support_garbage(s);
    struct meta_object object;

    OK(support_get(s, bucket, "k", version_id, 0, &object));
    assert_int_equal(object.size, 100);
    meta_object_release(&object);
    assert_true(now.versions == before->versions && now.objects == before->objects && now.bytes == before->bytes);
    assert_int_equal(garbage.chunks.count, 0);
    meta_garbage_release(&garbage);
}

static enum status delete_many(struct support *s, const struct meta_bucket *bucket, const char *version_id,
                               uint32_t permits)
{
    struct meta_object_deletion deletion = {
        .key = KEY("k"), .version.id = bytes_from_str(version_id), .permits = permits};
    struct meta_object_deletion *wanted[] = {&deletion};

    meta_objects_delete(s->meta, bucket->id, wanted, 1);
    return deletion.status;
}

static void test_deletions(void **state)
{
    static const struct {
        const char *mark;
        enum status status;
    } rows[] = {{"stays", STATUS_DENIED}, {"doubtful", STATUS_CONFLICT}};
    struct support *s = *state;
    struct meta_object object, got;

    for (size_t i = 0; i < 2; i++) {
        OK(put(s, &s->versioned, rows[i].mark, &object));
        const struct meta_bucket before = support_bucket_now(s, &s->versioned);
        assert_int_equal(support_delete(s, &s->versioned, "k", object.version_id, NULL), rows[i].status);
        check_untouched(s, &s->versioned, object.version_id, &before);
        assert_int_equal(delete_many(s, &s->versioned, object.version_id, 0), rows[i].status);
        check_untouched(s, &s->versioned, object.version_id, &before);
    }
    assert_int_equal(delete_many(s, &s->versioned, object.version_id, PERMIT), STATUS_CONFLICT);
    OK(put(s, &s->versioned, "stays", &object));
    OK(delete_many(s, &s->versioned, object.version_id, PERMIT));
    assert_int_equal(support_get(s, &s->versioned, "k", object.version_id, 0, &got), STATUS_NOT_FOUND);
}

/* A permit is for the one deletion that came with it. */
static void test_a_permit_is_no_others(void **state)
{
    struct support *s = *state;
    struct meta_object first, second;

    OK(put(s, &s->versioned, "stays", &first));
    OK(put(s, &s->versioned, "stays", &second));
    struct meta_object_deletion deletions[] = {
        {.key = KEY("k"), .version.id = bytes_from_str(first.version_id), .permits = PERMIT},
        {.key = KEY("k"), .version.id = bytes_from_str(second.version_id)},
    };
    struct meta_object_deletion *wanted[] = {&deletions[0], &deletions[1]};
    meta_objects_delete(s->meta, s->versioned.id, wanted, 2);
    assert_int_equal(deletions[0].status, STATUS_OK);
    assert_int_equal(deletions[1].status, STATUS_DENIED);
}

static void test_a_marker_hides_and_goes(void **state)
{
    struct support *s = *state;
    struct meta_deletion marker, result;
    struct meta_object object;

    OK(put(s, &s->versioned, "stays", &object));
    OK(support_delete(s, &s->versioned, "k", NULL, &marker));
    assert_true(marker.marker_created);
    asked = 0;
    OK(support_delete(s, &s->versioned, "k", marker.version_id, &result));
    assert_true(result.marker_removed);
    assert_int_equal(asked, 0);
    OK(support_get(s, &s->versioned, "k", NULL, 0, &object));
    meta_object_release(&object);
}

static void test_replacing(void **state)
{
    struct support *s = *state;
    struct meta_object object;
    struct meta_deletion result;

    OK(put(s, &s->plain, "stays", &object)); /* in a bucket without versions */
    struct meta_bucket before = support_bucket_now(s, &s->plain);
    assert_int_equal(put(s, &s->plain, NULL, NULL), STATUS_DENIED);
    assert_int_equal(support_delete(s, &s->plain, "k", NULL, &result), STATUS_DENIED);
    check_untouched(s, &s->plain, NULL, &before);

    OK(meta_bucket_set_versioning(s->meta, s->plain.id, true, NULL)); /* the null version, while suspended */
    assert_int_equal(put(s, &s->plain, NULL, NULL), STATUS_DENIED);
    assert_int_equal(support_delete(s, &s->plain, "k", NULL, &result), STATUS_DENIED);
    assert_int_equal(support_delete(s, &s->plain, "k", "null", &result), STATUS_DENIED);
    check_untouched(s, &s->plain, "null", &before);
}

static enum status decide(void *arg, const struct meta_part *const *parts, size_t count, struct meta_object *object)
{
    (void)arg, (void)parts;
    object->etag_parts = (uint32_t)count;
    return STATUS_OK;
}

static enum status complete(struct support *s, const struct meta_bucket *bucket, struct meta_object *object)
{
    struct meta_upload upload = {.bucket = bucket->id, .key = KEY("k")};
    struct chunk_list chunks = support_chunks(1, 100, 3);
    struct meta_part part = {.number = 1, .size = 100};
    unsigned number = 1;

    OK(meta_upload_create(s->meta, &upload));
    OK(meta_part_put(s->meta, &upload, &part, &chunks));
    chunk_list_release(&chunks);
    return meta_upload_complete(s->meta, &upload, &number, 1, NULL, decide, NULL, object);
}

static void test_a_complete_replaces(void **state)
{
    struct support *s = *state;
    struct meta_object object, made;

    OK(put(s, &s->plain, "stays", &object));
    const struct meta_bucket before = support_bucket_now(s, &s->plain);
    assert_int_equal(complete(s, &s->plain, &made), STATUS_DENIED);
    check_untouched(s, &s->plain, NULL, &before);
}

static void test_trimming_stops(void **state)
{
    const struct meta_keep one = {.versions_max = 1, .replaced_before_ms = INT64_MIN};
    const struct meta_keep aged = {.replaced_before_ms = INT64_MAX};
    struct support *s = *state;
    struct meta_object object, got;
    uint64_t removed;
    bool more;

    OK(put(s, &s->versioned, NULL, NULL));
    OK(put(s, &s->versioned, "stays", &object));
    OK(put(s, &s->versioned, NULL, NULL));
    OK(put(s, &s->versioned, NULL, NULL));
    OK(meta_versions_trim(s->meta, s->versioned.id, KEY("k"), &one, &removed, &more));
    assert_true(removed == 1 && !more);
    OK(meta_versions_trim(s->meta, s->versioned.id, KEY("k"), &aged, &removed, &more));
    assert_true(removed == 0 && !more);
    assert_int_equal(support_bucket_now(s, &s->versioned).versions, 3);
    open_guarded(s, 2);
    OK(put(s, &s->versioned, NULL, NULL)); /* it removes what is beyond the bound, as far as it may */
    assert_int_equal(support_bucket_now(s, &s->versioned).versions, 4);
    OK(support_get(s, &s->versioned, "k", object.version_id, 0, &got));
    meta_object_release(&got);
    open_guarded(s, 0);
    OK(support_get(s, &s->versioned, "k", NULL, 0, &got)); /* the rows of the name are whole */
    assert_int_equal(got.number, 5);
    meta_object_release(&got);
}

/* A clock may change at any instant: whatever is removed is asked of once, and gone then with all that names it. */
static void test_an_answer_that_changes(void **state)
{
    const struct meta_keep one = {.versions_max = 1, .replaced_before_ms = INT64_MIN};
    struct support *s = *state;
    struct meta_object object, got;
    uint64_t removed;
    bool more;

    OK(put(s, &s->versioned, "turns", &object));
    asked = 0;
    OK(support_delete(s, &s->versioned, "k", object.version_id, NULL));
    assert_int_equal(asked, 1);
    assert_int_equal(support_bucket_now(s, &s->versioned).versions, 0);

    OK(put(s, &s->versioned, "turns", &object));
    OK(put(s, &s->versioned, NULL, NULL));
    asked = 0;
    OK(meta_versions_trim(s->meta, s->versioned.id, KEY("k"), &one, &removed, &more));
    assert_true(removed == 1 && asked == 1);
    assert_int_equal(support_get(s, &s->versioned, "k", object.version_id, 0, &got), STATUS_NOT_FOUND);
    assert_int_equal(support_bucket_now(s, &s->versioned).versions, 1);
    OK(meta_versions_trim(s->meta, s->versioned.id, KEY("k"), &one, &removed, &more));
    assert_int_equal(removed, 0);

    OK(meta_object_delete_all(s->meta, s->versioned.id, KEY("k"), NULL, &removed));
    OK(put(s, &s->versioned, "turns", &object));
    open_guarded(s, 1);
    asked = 0;
    OK(put(s, &s->versioned, NULL, NULL));
    assert_int_equal(asked, 1);
    assert_int_equal(support_get(s, &s->versioned, "k", object.version_id, 0, &got), STATUS_NOT_FOUND);
    assert_int_equal(support_bucket_now(s, &s->versioned).versions, 1);
}

/* The new version is there, and nothing else was changed: neither the version that cannot be judged, nor those before.
 */
static void test_trimming_that_fails_is_taken_back(void **state)
{
    struct support *s = *state;
    struct meta_object first, second, third, got;
    struct meta_deletion marker;

    OK(put(s, &s->versioned, NULL, &first));
    OK(put(s, &s->versioned, "broken", &second));
    OK(put(s, &s->versioned, NULL, &third));
    open_guarded(s, 1);
    struct meta_bucket before = support_bucket_now(s, &s->versioned);
    OK(support_delete(s, &s->versioned, "k", NULL, &marker));
    before.versions++;
    before.objects--;
    check_untouched(s, &s->versioned, first.version_id, &before);
    check_untouched(s, &s->versioned, second.version_id, &before);
    check_untouched(s, &s->versioned, third.version_id, &before);
    open_guarded(s, 0);
    OK(support_delete(s, &s->versioned, "k", marker.version_id, NULL));
    OK(support_delete(s, &s->versioned, "k", third.version_id, NULL)); /* the rows of the name are whole */
    OK(support_get(s, &s->versioned, "k", NULL, 0, &got));
    assert_string_equal(got.version_id, second.version_id);
    meta_object_release(&got);
}

static enum status fill_prepare(struct commit_op *op, struct txn *txn)
{
    struct row_key key = {.len = 1};

    (void)op;
    txn->state.outbox_rows = META_OUTBOX_ROWS_MAX;
    txn_put(txn, STORE_DEFAULT, &key, BYTES("so that the group is written"));
    return STATUS_OK;
}

/* An operation that fails behind a trimming which did not leaves nothing of either. */
static void test_trimming_goes_with_its_operation(void **state)
{
    const struct meta_outbox_entry entry = {.kind = 1};
    struct commit_op fill = {.prepare = fill_prepare};
    struct support *s = *state;
    struct meta_object_deletion deletions[] = {{.key = KEY("k"), .outbox = &entry}, {.key = KEY("other")}};
    struct meta_object_deletion *const wanted[] = {&deletions[0], &deletions[1]};
    struct meta_object first, second;

    OK(put(s, &s->versioned, NULL, &first));
    OK(put(s, &s->versioned, NULL, &second));
    open_guarded(s, 1);
    OK(commit_run(s->meta, &fill)); /* no more fits into the outbox */
    struct meta_bucket before = support_bucket_now(s, &s->versioned);
    meta_objects_delete(s->meta, s->versioned.id, wanted, 2);
    assert_int_equal(deletions[0].status, STATUS_LIMIT);
    OK(deletions[1].status); /* in the same group, which is written */
    before.versions++;
    check_untouched(s, &s->versioned, first.version_id, &before);
    check_untouched(s, &s->versioned, second.version_id, &before);
    check_untouched(s, &s->versioned, NULL, &before);
}

/* A permit is for a version that is named: a marker's deletion names none. */
static void test_a_permit_is_not_for_the_surplus(void **state)
{
    struct support *s = *state;
    struct meta_object first, second;

    OK(put(s, &s->versioned, "stays", &first));
    OK(put(s, &s->versioned, "stays", &second));
    open_guarded(s, 1);
    struct meta_bucket before = support_bucket_now(s, &s->versioned);
    struct meta_object_deletion deletion = {.key = KEY("k"), .permits = PERMIT};
    struct meta_object_deletion *wanted[] = {&deletion};
    meta_objects_delete(s->meta, s->versioned.id, wanted, 1);
    OK(deletion.status);
    assert_true(deletion.result.marker_created);
    before.versions++;
    before.objects--;
    check_untouched(s, &s->versioned, first.version_id, &before);
    check_untouched(s, &s->versioned, second.version_id, &before);
}

static void test_a_name_with_all_its_versions(void **state)
{
    struct support *s = *state;
    struct meta_object object;
    uint64_t count;

    OK(put(s, &s->versioned, NULL, NULL));
    OK(put(s, &s->versioned, "doubtful", &object));
    OK(put(s, &s->versioned, NULL, NULL));
    const struct meta_bucket before = support_bucket_now(s, &s->versioned);
    assert_int_equal(meta_object_delete_all(s->meta, s->versioned.id, KEY("k"), NULL, &count), STATUS_CONFLICT);
    assert_int_equal(count, 0);
    check_untouched(s, &s->versioned, object.version_id, &before);
    assert_int_equal(meta_bucket_delete(s->meta, KEY("versioned")), STATUS_NOT_EMPTY);
}

static void check_added(const struct meta_object *object, const char *text)
{
    struct bytes document;

    assert_int_equal(meta_attribute_find(object->attributes, LATER, &document), text ? STATUS_OK : STATUS_NOT_FOUND);
    if (text)
        assert_true(bytes_equal_str(document, text));
}

static void test_creation(void **state)
{
    struct support *s = *state;
    struct meta_deletion marker;
    struct meta_object object;

    OK(support_set(s, &s->versioned, SETTING_WORDS, "words"));
    OK(put(s, &s->versioned, NULL, NULL));
    OK(support_get(s, &s->versioned, "k", NULL, 0, &object));
    check_added(&object, "words");
    meta_object_release(&object);
    OK(put(s, &s->versioned, "own", NULL));
    OK(support_get(s, &s->versioned, "k", NULL, 0, &object));
    check_added(&object, NULL);
    meta_object_release(&object);
    OK(complete(s, &s->versioned, &object)); /* what is handed back has it, too */
    check_added(&object, "words");
    meta_object_release(&object);
    OK(support_get(s, &s->versioned, "k", NULL, 0, &object));
    check_added(&object, "words");
    meta_object_release(&object);

    OK(support_set(s, &s->versioned, SETTING_WORDS, "refuse"));
    const struct meta_bucket before = support_bucket_now(s, &s->versioned);
    assert_int_equal(put(s, &s->versioned, NULL, NULL), STATUS_INTERNAL);
    check_untouched(s, &s->versioned, NULL, &before);
    OK(support_delete(s, &s->versioned, "k", NULL, &marker)); /* of a marker it is not asked */
}

static void test_suspension(void **state)
{
    struct support *s = *state;

    OK(support_set(s, &s->versioned, SETTING_WORDS, "words"));
    assert_int_equal(meta_bucket_set_versioning(s->meta, s->versioned.id, true, NULL), STATUS_DENIED);
    assert_false(support_bucket_now(s, &s->versioned).suspended);
    OK(meta_bucket_set_versioning(s->meta, s->versioned.id, false, NULL));
    OK(support_set(s, &s->versioned, SETTING_WORDS, NULL));
    OK(meta_bucket_set_versioning(s->meta, s->versioned.id, true, NULL));
}

/* Neither what has to stay is renamed, nor what is at the target is replaced by a rename. */
static void test_renaming(void **state)
{
    static const struct {
        const char *mark;
        enum status status;
    } rows[] = {{"stays", STATUS_DENIED}, {"doubt", STATUS_CONFLICT}, {"goes", STATUS_OK}};
    struct support *s = *state;
    struct meta_object locked, other, done;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *free_key = i == 0 ? "0" : i == 1 ? "1" : "2";
        OK(support_put(s, &s->plain, free_key, 1, 'x', NULL, &other));
        OK(put(s, &s->plain, rows[i].mark, &locked));
        const struct meta_bucket before = support_bucket_now(s, &s->plain);
        struct meta_rename away = {.source = KEY("k"), .target = KEY("away"), .sequence = locked.sequence};
        struct meta_rename over = {.source = KEY(free_key), .target = KEY("k"), .sequence = other.sequence};
        asked = 0;
        assert_int_equal(meta_object_rename(s->meta, s->plain.id, &over, &done), rows[i].status);
        assert_int_equal(asked, 2); /* of each of the two once */
        if (rows[i].status == STATUS_OK)
            break;
        check_untouched(s, &s->plain, NULL, &before);
        assert_int_equal(meta_object_rename(s->meta, s->plain.id, &away, &done), rows[i].status);
        check_untouched(s, &s->plain, NULL, &before);
        assert_int_equal(put(s, &s->plain, "x", NULL), rows[i].status); /* it is still there */
        support_teardown(state);
        assert_int_equal(setup(state), 0);
        s = *state;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_deletions, setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_a_permit_is_no_others, setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_a_marker_hides_and_goes, setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_replacing, setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_a_complete_replaces, setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_trimming_stops, setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_an_answer_that_changes, setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_trimming_that_fails_is_taken_back, setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_trimming_goes_with_its_operation, setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_a_permit_is_not_for_the_surplus, setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_a_name_with_all_its_versions, setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_creation, setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_renaming, setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_suspension, setup, support_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

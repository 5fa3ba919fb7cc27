/* Versioning that is enabled, suspended and enabled again: random changes of a few keys, compared with a model that
 * knows AWS's rules and nothing of rows. And the cases that it is made of, one by one. */
#include "tests/unit/meta/support.h"

#include "meta/internal.h"
#include "meta/keys.h"

enum { KEYS = 3, VERSIONS_MAX = 64, STEPS = 400 };
enum model_state { NEVER, ENABLED, SUSPENDED };

struct model_version {
    char id[META_VERSION_ID_LEN + 1];
    uint64_t number;
    int mark; /* 0: a delete marker */
};

struct model_key {
    struct model_version versions[VERSIONS_MAX]; /* the newest first */
    unsigned count;
    uint64_t number_max; /* since versions are kept */
};

struct model {
    struct support *support;
    struct meta_bucket *bucket;
    enum model_state state;
    struct model_key keys[KEYS];
    unsigned random;
    int mark;
};

static const char *const key_names[KEYS] = {"a", "a/b", "b"};

static unsigned model_random(struct model *model, unsigned below)
{
    model->random = model->random * 1103515245 + 12345;
    return (model->random >> 16) % below;
}

static void model_remove(struct model_key *key, unsigned at)
{
    key->count--;
    memmove(&key->versions[at], &key->versions[at + 1], (key->count - at) * sizeof(key->versions[0]));
}

static void model_remove_null(struct model_key *key)
{
    for (unsigned i = 0; i < key->count; i++)
        if (strcmp(key->versions[i].id, "null") == 0)
            model_remove(key, i--);
}

/* What comes in is the newest; without versions it is the only one, and while suspended the only null version. */
static void model_add(struct model *model, unsigned k, const char *id, uint64_t number, int mark)
{
    struct model_key *key = &model->keys[k];

    assert_int_equal(strcmp(id, "null") == 0, model->state != ENABLED);
    if (model->state != ENABLED)
        model_remove_null(key);
    assert_true(key->count < VERSIONS_MAX);
    memmove(&key->versions[1], &key->versions[0], key->count * sizeof(key->versions[0]));
    key->versions[0] = (struct model_version){.number = number, .mark = mark};
    strcpy(key->versions[0].id, id);
    key->count++;
    if (model->state != NEVER)
        assert_true(number > key->number_max); /* never one that was given before */
    key->number_max = number;
}

static bool model_exists(const struct model_key *key)
{
    return key->count > 0 && key->versions[0].mark > 0;
}

/* ---- the operations ------------------------------------------------------------------------------------------- */

static void do_put(struct model *model, unsigned k)
{
    static const struct meta_condition absent = {.must_be_absent = true};
    bool conditional = model_random(model, 4) == 0, exists = model_exists(&model->keys[k]);
    struct meta_object object;

    model->mark = model->mark % 120 + 1;
    enum status status =
        support_put(model->support, model->bucket, key_names[k], 1, model->mark, conditional ? &absent : NULL, &object);
    assert_int_equal(status, conditional && exists ? STATUS_PRECONDITION : STATUS_OK);
    if (!status)
        model_add(model, k, object.version_id, object.number, model->mark);
}

static enum status take_all(void *arg, const struct meta_part *const *parts, size_t count, struct meta_object *object)
{
    (void)parts;
    memset(object->etag_md5, *(const int *)arg, MD5_LEN);
    object->etag_parts = (uint32_t)count;
    return STATUS_OK;
}

static void do_complete(struct model *model, unsigned k)
{
    struct meta_upload upload = {.bucket = model->bucket->id, .key = KEY(key_names[k]), .headers = BYTES("headers")};
    struct chunk_list chunks = support_chunks(1, 100, 3);
    struct meta_part part = {.number = 1, .size = 100};
    struct meta_object object;

    model->mark = model->mark % 120 + 1;
    OK(meta_upload_create(model->support->meta, &upload));
    OK(meta_part_put(model->support->meta, &upload, &part, &chunks));
    OK(meta_upload_complete(model->support->meta, &upload, &part.number, 1, NULL, take_all, &model->mark, &object));
    model_add(model, k, object.version_id, object.number, model->mark);
    meta_object_release(&object);
    chunk_list_release(&chunks);
}

static void do_delete(struct model *model, unsigned k)
{
    struct model_key *key = &model->keys[k];
    struct meta_deletion deletion;
    struct meta_object marker;
    bool there = key->count > 0;

    OK(support_delete(model->support, model->bucket, key_names[k], NULL, &deletion));
    if (model->state == NEVER) {
        assert_true(deletion.removed == there && !deletion.marker_created);
        key->count = 0;
        return;
    }
    assert_true(deletion.marker_created && !deletion.removed);
    OK(support_get(model->support, model->bucket, key_names[k], NULL, 0, &marker));
    assert_true(marker.delete_marker);
    model_add(model, k, deletion.version_id, marker.number, 0);
    meta_object_release(&marker);
}

static void do_delete_version(struct model *model, unsigned k)
{
    struct model_key *key = &model->keys[k];
    unsigned at = model_random(model, key->count + 1);
    const char *id = at < key->count ? key->versions[at].id : "null"; /* which may be there, or not */
    struct meta_deletion deletion;

    for (at = 0; at < key->count && strcmp(key->versions[at].id, id) != 0;)
        at++;
    enum status status = support_delete(model->support, model->bucket, key_names[k], id, &deletion);
    assert_int_equal(status, at < key->count ? STATUS_OK : STATUS_NOT_FOUND);
    if (status)
        return;
    assert_true(deletion.removed && deletion.marker_removed == (key->versions[at].mark == 0));
    assert_string_equal(deletion.version_id, key->versions[at].id);
    model_remove(key, at);
}

static void do_delete_all(struct model *model, unsigned k)
{
    uint64_t count = 0;

    enum status status =
        meta_object_delete_all(model->support->meta, model->bucket->id, KEY(key_names[k]), NULL, &count);
    assert_int_equal(status, model->state == NEVER ? STATUS_INVALID : STATUS_OK);
    if (status)
        return;
    assert_int_equal(count, model->keys[k].count);
    model->keys[k].count = 0;
}

static void set_versioning(struct model *model, enum model_state state)
{
    OK(meta_bucket_set_versioning(model->support->meta, model->bucket->id, state == SUSPENDED, NULL));
    for (unsigned k = 0; k < KEYS && model->state == NEVER; k++) /* what was deleted until now gave its numbers back */
        model->keys[k].number_max = model->keys[k].count ? model->keys[k].versions[0].number : 0;
    model->state = state;
    struct meta_bucket now = support_bucket_now(model->support, model->bucket);
    assert_true(now.versioned && now.suspended == (state == SUSPENDED));
}

/* ---- comparing ------------------------------------------------------------------------------------------------ */

static void check_object(const struct meta_object *object, const struct model_key *key, unsigned at)
{
    assert_string_equal(object->version_id, key->versions[at].id);
    assert_int_equal(object->delete_marker, key->versions[at].mark == 0);
    assert_int_equal(object->etag_md5[0], key->versions[at].mark);
    assert_int_equal(object->number, key->versions[at].number);
    assert_int_equal(object->latest, at == 0);
}

static void check_get(struct model *model, unsigned k)
{
    const struct model_key *key = &model->keys[k];
    struct meta_object got;
    bool has_null = false;

    assert_int_equal(support_get(model->support, model->bucket, key_names[k], NULL, 0, &got),
                     key->count ? STATUS_OK : STATUS_NOT_FOUND);
    if (key->count)
        check_object(&got, key, 0);
    meta_object_release(&got);
    for (unsigned i = 0; i < key->count; i++) {
        OK(support_get(model->support, model->bucket, key_names[k], key->versions[i].id, 0, &got));
        check_object(&got, key, i);
        meta_object_release(&got);
        OK(support_get(model->support, model->bucket, key_names[k], NULL, key->versions[i].number, &got));
        check_object(&got, key, i);
        meta_object_release(&got);
        has_null |= strcmp(key->versions[i].id, "null") == 0;
    }
    assert_int_equal(support_get(model->support, model->bucket, key_names[k], "null", 0, &got),
                     has_null ? STATUS_OK : STATUS_NOT_FOUND);
    meta_object_release(&got);
    assert_int_equal(support_get(model->support, model->bucket, key_names[k], NULL, key->number_max + 1, &got),
                     STATUS_NOT_FOUND);
}

static void check_current(struct model *model)
{
    struct meta_list_query query = {.bucket = model->bucket->id, .max = 1000};
    struct meta_list_page page;
    size_t at = 0;

    OK(meta_list(model->support->meta, &query, &page));
    for (unsigned k = 0; k < KEYS; k++) {
        if (!model_exists(&model->keys[k]))
            continue;
        assert_true(at < page.count && bytes_equal_str(page.entries[at].key, key_names[k]));
        check_object(&page.entries[at++].object, &model->keys[k], 0);
    }
    assert_int_equal(page.count, at);
    meta_list_page_release(&page);
}

/* All versions, in pages of that many rows. */
static void check_versions(struct model *model, unsigned max)
{
    struct meta_list_query query = {.bucket = model->bucket->id, .max = max};
    struct meta_list_page page;
    unsigned k = 0, at = 0;

    for (;;) {
        OK(meta_list_versions(model->support->meta, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            for (; k < KEYS && at == model->keys[k].count; k++)
                at = 0;
            assert_true(k < KEYS && bytes_equal_str(page.entries[i].key, key_names[k]));
            check_object(&page.entries[i].object, &model->keys[k], at++);
        }
        bool more = page.truncated;
        meta_list_page_release(&page);
        if (!more)
            break;
        query.after = KEY(key_names[k]);
        query.after_version = bytes_from_str(model->keys[k].versions[at - 1].id);
    }
    for (; k < KEYS && at == model->keys[k].count; k++)
        at = 0;
    assert_int_equal(k, KEYS);
}

static void check_all(struct model *model)
{
    struct meta_bucket now = support_bucket_now(model->support, model->bucket);
    uint64_t objects = 0, versions = 0, data = 0;

    for (unsigned k = 0; k < KEYS; k++) {
        const struct model_key *key = &model->keys[k];
        objects += model_exists(key);
        versions += key->count;
        for (unsigned i = 0; i < key->count; i++)
            data += key->versions[i].mark ? 100 : 0;
        check_get(model, k);
    }
    assert_int_equal(now.objects, objects);
    assert_int_equal(now.versions, versions);
    assert_int_equal(now.bytes, data);
    check_current(model);
    check_versions(model, 1000);
    check_versions(model, 1 + model_random(model, 3));
}

static void model_step(struct model *model)
{
    unsigned k = model_random(model, KEYS);

    switch (model_random(model, 40)) {
    case 0:
        if (model->state != NEVER || model_random(model, 2))
            set_versioning(model, model->state == ENABLED ? SUSPENDED : ENABLED);
        break;
    case 1:
        set_versioning(model, model_random(model, 2) ? SUSPENDED : ENABLED);
        break;
    case 2:
        support_reopen(model->support);
        break;
    case 3:
        do_delete_all(model, k);
        break;
    case 4 ... 7:
        do_complete(model, k);
        break;
    case 8 ... 15:
        do_delete(model, k);
        break;
    case 16 ... 24:
        do_delete_version(model, k);
        break;
    default:
        do_put(model, k);
    }
}

static void run_model(struct support *s, unsigned seed)
{
    struct model *model = mem_zalloc(sizeof(*model));
    uint64_t count;

    *model = (struct model){.support = s, .bucket = &s->plain, .random = seed};
    for (int i = 0; i < STEPS; i++) {
        model_step(model);
        check_all(model);
    }
    assert_int_not_equal(model->state, NEVER);
    for (unsigned k = 0; k < KEYS; k++)
        OK(meta_object_delete_all(s->meta, s->plain.id, KEY(key_names[k]), NULL, &count));
    OK(meta_bucket_delete(s->meta, KEY("plain")));
    free(model);
}

static void test_model(void **state)
{
    struct support *s = *state;

    for (unsigned seed = 1; seed <= 2; seed++) {
        run_model(s, seed);
        support_bucket(s, "plain", false, &s->plain);
    }
}

/* ---- one by one ----------------------------------------------------------------------------------------------- */

static void test_suspended_replaces_the_null_version_only(void **state)
{
    struct support *s = *state;
    struct meta_object got, kept;

    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL)); /* from before: the null version */
    OK(meta_bucket_set_versioning(s->meta, s->plain.id, false, NULL));
    OK(support_put(s, &s->plain, "k", 1, 2, NULL, &kept));
    assert_int_equal(kept.number, 2);
    OK(meta_bucket_set_versioning(s->meta, s->plain.id, true, NULL));
    OK(support_put(s, &s->plain, "k", 1, 3, NULL, &got));
    assert_string_equal(got.version_id, "null");
    struct meta_garbage garbage = support_garbage(s); /* the chunk of the first, and no other */
    assert_int_equal(garbage.chunks.count, 1);
    meta_garbage_release(&garbage);
    OK(support_get(s, &s->plain, "k", NULL, 0, &got));
    assert_int_equal(got.etag_md5[0], 3);
    meta_object_release(&got);
    OK(support_get(s, &s->plain, "k", kept.version_id, 0, &got));
    assert_true(got.etag_md5[0] == 2 && !got.latest);
    meta_object_release(&got);
    OK(support_delete(s, &s->plain, "k", "null", NULL)); /* the one from before the null version is the latest again */
    OK(support_get(s, &s->plain, "k", NULL, 0, &got));
    assert_true(got.etag_md5[0] == 2 && got.latest);
    meta_object_release(&got);
}

/* Suspended without ever having been enabled, and a key that is written over and over. */
static void test_suspended_from_the_start(void **state)
{
    struct support *s = *state;
    struct meta_deletion deletion;
    struct meta_object got;

    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL));
    OK(meta_bucket_set_versioning(s->meta, s->plain.id, true, NULL));
    for (int i = 0; i < 20; i++)
        OK(support_put(s, &s->plain, "k", 1, 2 + i, NULL, NULL));
    assert_int_equal(support_bucket_now(s, &s->plain).versions, 1);
    OK(support_delete(s, &s->plain, "k", NULL, &deletion));
    assert_true(deletion.marker_created);
    assert_string_equal(deletion.version_id, "null");
    OK(support_delete(s, &s->plain, "none", NULL, &deletion)); /* also of a key that never was */
    assert_true(deletion.marker_created);
    struct meta_bucket now = support_bucket_now(s, &s->plain);
    assert_true(now.versions == 2 && now.objects == 0 && now.bytes == 0);
    OK(support_get(s, &s->plain, "k", "null", 0, &got));
    assert_true(got.delete_marker && got.latest);
    meta_object_release(&got);
    OK(support_delete(s, &s->plain, "k", "null", &deletion));
    assert_true(deletion.marker_removed);
    assert_int_equal(support_get(s, &s->plain, "k", "null", 0, &got), STATUS_NOT_FOUND);
}

/* A page ended at the null version, which is gone when the next one is asked for: nothing is missing. */
static void test_null_marker_of_a_listing(void **state)
{
    struct support *s = *state;
    struct meta_list_page page;
    struct meta_list_query query = {
        .bucket = s->plain.id, .max = 10, .after = BYTES("k"), .after_version = BYTES("null")};

    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL));
    OK(support_put(s, &s->plain, "l", 1, 1, NULL, NULL));
    OK(meta_list_versions(s->meta, &query, &page)); /* the only one of its key */
    assert_int_equal(page.count, 1);
    meta_list_page_release(&page);
    OK(meta_bucket_set_versioning(s->meta, s->plain.id, false, NULL));
    OK(support_put(s, &s->plain, "k", 1, 2, NULL, NULL));
    OK(meta_list_versions(s->meta, &query, &page));
    assert_true(page.count == 1 && bytes_equal_str(page.entries[0].key, "l"));
    meta_list_page_release(&page);
    OK(support_delete(s, &s->plain, "k", "null", NULL));
    OK(meta_list_versions(s->meta, &query, &page));
    assert_true(page.count == 2 && bytes_equal_str(page.entries[0].key, "k") && page.entries[0].object.latest);
    meta_list_page_release(&page);
}

static enum status refuse(void *arg, const struct meta_bucket *bucket, const struct meta_settings *settings)
{
    (void)arg, (void)settings;
    return bucket->suspended ? STATUS_OK : STATUS_CONFLICT;
}

static void test_with_settings(void **state)
{
    struct support *s = *state;
    const struct meta_setting_change change = {SETTING_WORDS, BYTES("words")};
    const struct meta_settings_update update = {.changes = &change, .count = 1, .check = refuse};

    assert_int_equal(meta_bucket_set_versioning(s->meta, 4711, false, NULL), STATUS_NOT_FOUND);
    assert_int_equal(meta_bucket_set_versioning(s->meta, s->plain.id, false, &update), STATUS_CONFLICT);
    assert_false(support_bucket_now(s, &s->plain).versioned);
    OK(meta_bucket_set_versioning(s->meta, s->plain.id, true, NULL));
    OK(meta_bucket_set_versioning(s->meta, s->plain.id, false, &update));
    for (int reopened = 0; reopened < 2; reopened++) {
        struct meta_bucket now = support_bucket_now(s, &s->plain);
        assert_true(now.versioned && !now.suspended);
        support_check_setting(s, "plain", SETTING_WORDS, "words");
        support_reopen(s);
    }
}

/* What points to a null version that is not there is damage, and says so, instead of "try again" for ever. */
static void test_null_version_that_is_missing(void **state)
{
    struct support *s = *state;
    struct meta_object put, got;
    struct row_key row;

    OK(support_put(s, &s->plain, "k", 1, 1, NULL, &put));
    struct store_batch *batch = store_batch_create(s->meta->db);
    row_key_version(&row, s->plain.id, KEY("k"), put.sequence);
    store_batch_delete(batch, STORE_VERSIONS, row_key_bytes(&row));
    OK(store_write(s->meta->db, batch));
    store_batch_free(batch);
    assert_int_equal(support_get(s, &s->plain, "k", "null", 0, &got), STATUS_DAMAGED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_model),
        TEST(test_suspended_replaces_the_null_version_only),
        TEST(test_suspended_from_the_start),
        TEST(test_null_marker_of_a_listing),
        TEST(test_with_settings),
        TEST(test_null_version_that_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Names in a bucket with versions: numbers are never used twice, and nothing that was deleted is walked over. The
 * random case has a fixed seed and is compared with a model after every step. */
#include "tests/unit/meta/support.h"

#include "base/rocks_internal.h"
#include "meta/store_rocks.h"
#include "meta/history.h"
#include "meta/internal.h"
#include "meta/name.h"
#include "meta/version.h"

static uint64_t put_number(struct support *s, const char *key)
{
    struct meta_object object;
    OK(support_put(s, &s->versioned, key, 1, 1, NULL, &object));
    return object.number;
}

static enum status delete_number(struct support *s, const char *key, uint64_t number)
{
    struct meta_version version = {.number = number};
    struct meta_deletion deletion;
    return meta_object_delete(s->meta, s->versioned.id, KEY(key), &version, NULL, NULL, &deletion);
}

static void test_numbers_are_not_reused(void **state)
{
    struct support *s = *state;
    struct meta_object got;
    uint64_t count;

    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(put_number(s, "k"), i);
    OK(delete_number(s, "k", 3));
    assert_int_equal(put_number(s, "k"), 4);
    OK(delete_number(s, "k", 1)); /* not the newest */
    assert_int_equal(put_number(s, "k"), 5);
    OK(support_delete(s, &s->versioned, "k", NULL, NULL)); /* a marker has a number, too: 6 */
    OK(support_get(s, &s->versioned, "k", NULL, 6, &got));
    OK(support_delete(s, &s->versioned, "k", got.version_id, NULL));
    meta_object_release(&got);
    assert_int_equal(put_number(s, "k"), 7);
    OK(meta_object_delete_all(s->meta, s->versioned.id, KEY("k"), NULL, &count));
    assert_int_equal(count, 4);
    support_reopen(s);
    assert_int_equal(put_number(s, "k"), 8);
    assert_int_equal(put_number(s, "k2"), 1);
    for (uint64_t i = 1; i <= 9; i++) {
        enum status status = support_get(s, &s->versioned, "k", NULL, i, &got);
        assert_int_equal(status, i == 8 ? STATUS_OK : STATUS_NOT_FOUND);
        meta_object_release(&got);
    }
    OK(delete_number(s, "k", 8)); /* the last one by itself */
    assert_int_equal(delete_number(s, "k", 8), STATUS_NOT_FOUND);
    assert_int_equal(put_number(s, "k"), 9);
}

/* ---- against a model --------------------------------------------------------------------------------------------- */

#define STEPS 400

struct model {
    unsigned seed;
    uint64_t number; /* the last one that was given */
    struct {
        uint64_t sequence;
        bool there, marker;
        char id[META_VERSION_ID_LEN + 1];
    } versions[STEPS + 1]; /* by number */
};

static unsigned model_random(struct model *model, unsigned below)
{
    model->seed = model->seed * 1103515245u + 12345u;
    return (model->seed >> 16) % below;
}

static void model_check(struct support *s, const struct model *model)
{
    const struct store_view view = meta_view(s->meta);
    struct name_record name, expected = {.number = model->number};
    struct meta_object got;

    for (uint64_t i = 1; i <= model->number; i++) {
        if (!model->versions[i].there)
            continue;
        expected.versions++;
        expected.latest = model->versions[i].sequence;
        if (expected.oldest == 0)
            expected.oldest = model->versions[i].sequence;
    }
    OK(name_load(&view, s->versioned.id, KEY("k"), &name));
    assert_int_equal(name.number, expected.number);
    assert_int_equal(name.versions, expected.versions);
    assert_int_equal(name.latest, expected.latest);
    assert_int_equal(name.oldest, expected.oldest);
    enum status status = support_get(s, &s->versioned, "k", NULL, 0, &got);
    assert_int_equal(status, expected.versions ? STATUS_OK : STATUS_NOT_FOUND);
    if (!status)
        assert_int_equal(got.sequence, expected.latest);
    bool current = !status && !got.delete_marker;
    meta_object_release(&got);
    struct meta_bucket bucket = support_bucket_now(s, &s->versioned);
    assert_int_equal(bucket.versions, expected.versions);
    assert_int_equal(bucket.objects, current);
}

static void model_add(struct support *s, struct model *model, bool marker)
{
    struct meta_object got;

    if (marker)
        OK(support_delete(s, &s->versioned, "k", NULL, NULL));
    else
        put_number(s, "k");
    OK(support_get(s, &s->versioned, "k", NULL, 0, &got));
    assert_int_equal(got.number, ++model->number);
    assert_int_equal(got.delete_marker, marker);
    model->versions[got.number].sequence = got.sequence;
    model->versions[got.number].there = true;
    model->versions[got.number].marker = marker;
    strcpy(model->versions[got.number].id, got.version_id);
    meta_object_release(&got);
}

static void model_remove(struct support *s, struct model *model, uint64_t number)
{
    bool there = model->versions[number].there;

    if (number % 2)
        assert_int_equal(delete_number(s, "k", number), there ? STATUS_OK : STATUS_NOT_FOUND);
    else
        assert_int_equal(support_delete(s, &s->versioned, "k", model->versions[number].id, NULL),
                         there ? STATUS_OK : STATUS_NOT_FOUND);
    model->versions[number].there = false;
}

static void test_model(void **state)
{
    struct support *s = *state;
    struct model model = {.seed = 20261129};
    struct meta_object got;
    uint64_t count;

    for (unsigned step = 0; step < STEPS; step++) {
        unsigned what = model_random(&model, 20);
        if (what < 7 || model.number == 0) {
            model_add(s, &model, what == 0);
        } else if (what < 19) { /* often one of the last */
            uint64_t span = what < 13 && model.number > 4 ? 4 : model.number;
            model_remove(s, &model, model.number - model_random(&model, (unsigned)span));
        } else if (model_random(&model, 3) == 0) {
            OK(meta_object_delete_all(s->meta, s->versioned.id, KEY("k"), NULL, &count));
            for (uint64_t i = 1; i <= model.number; i++)
                model.versions[i].there = false;
        }
        model_check(s, &model);
    }
    for (uint64_t i = 1; i <= model.number; i++) {
        enum status status = support_get(s, &s->versioned, "k", NULL, i, &got);
        assert_int_equal(status, model.versions[i].there ? STATUS_OK : STATUS_NOT_FOUND);
        meta_object_release(&got);
    }
}

/* ---- nothing is walked over -------------------------------------------------------------------------------------- */

#define DELETED      1500
#define SKIPPED_MOST 8

static rocksdb_perfcontext_t *count_begin(void)
{
    rocksdb_perfcontext_t *context = rocksdb_perfcontext_create();
    rocksdb_set_perf_level(rocksdb_enable_count);
    rocksdb_perfcontext_reset(context);
    return context;
}

/* How many rows RocksDB passed over in this thread. */
static uint64_t count_end(rocksdb_perfcontext_t *context)
{
    uint64_t skipped = rocksdb_perfcontext_metric(context, rocksdb_internal_key_skipped_count) +
                       rocksdb_perfcontext_metric(context, rocksdb_internal_delete_skipped_count);
    rocksdb_perfcontext_destroy(context);
    rocksdb_set_perf_level(rocksdb_disable);
    return skipped;
}

struct counted_op {
    struct commit_op op;
    const struct meta_bucket *bucket;
    const char *key;
    enum status status;
    uint64_t skipped;
};

/* What an upload looks up first. */
static enum status counted_latest(struct commit_op *op, struct txn *txn)
{
    struct counted_op *counted = (struct counted_op *)op;
    rocksdb_perfcontext_t *context = count_begin();
    struct version_head head;

    counted->status = version_latest_head(&txn->view, counted->bucket->id, KEY(counted->key), true, &head);
    counted->skipped = count_end(context);
    return STATUS_OK;
}

/* What deleting the newest version of these does. */
static enum status counted_delete(struct commit_op *op, struct txn *txn)
{
    struct counted_op *counted = (struct counted_op *)op;
    struct meta_version latest = {0};
    struct bucket_entry *bucket;
    struct version_row row;
    bool is_latest;

    CHECK(txn_bucket(txn, counted->bucket->id, &bucket) == STATUS_OK);
    rocksdb_perfcontext_t *context = count_begin();
    CHECK(version_load_which(&txn->view, bucket->staged.id, KEY(counted->key), &latest, &row, &is_latest) == 0);
    counted->status = version_remove(txn, bucket->staged.id, KEY(counted->key), &row.record, true);
    counted->skipped = count_end(context);
    version_row_release(&row);
    return counted->status;
}

static void fill_and_delete(struct support *s, const char *key, bool keep_ends)
{
    uint64_t count;

    if (keep_ends)
        put_number(s, key);
    for (unsigned i = 0; i < DELETED; i++)
        put_number(s, key);
    if (keep_ends) {
        put_number(s, key);
        for (uint64_t i = 2; i <= DELETED + 1; i++)
            OK(delete_number(s, key, i));
    } else {
        OK(meta_object_delete_all(s->meta, s->versioned.id, KEY(key), NULL, &count));
        assert_int_equal(count, DELETED);
    }
}

static void check_read(struct support *s, const char *key, uint64_t number, enum status expected)
{
    rocksdb_perfcontext_t *context = count_begin();
    struct meta_object got;

    assert_int_equal(support_get(s, &s->versioned, key, NULL, number, &got), expected);
    assert_in_range(count_end(context), 0, SKIPPED_MOST);
    meta_object_release(&got);
}

static void test_no_walk(void **state)
{
    struct support *s = *state;
    struct counted_op latest = {.op.prepare = counted_latest, .bucket = &s->versioned, .key = "all"};
    struct counted_op drop = {.op.prepare = counted_delete, .bucket = &s->versioned, .key = "ends"};

    SUPPORT_WANTS_DISK();
    fill_and_delete(s, "all", false);
    check_read(s, "all", 0, STATUS_NOT_FOUND);
    check_read(s, "all", DELETED / 2, STATUS_NOT_FOUND);
    OK(commit_run(s->meta, &latest.op));
    assert_int_equal(latest.status, STATUS_NOT_FOUND);
    assert_in_range(latest.skipped, 0, SKIPPED_MOST);

    fill_and_delete(s, "ends", true);
    check_read(s, "ends", 0, STATUS_OK);
    check_read(s, "ends", 1, STATUS_OK);
    check_read(s, "ends", DELETED + 2, STATUS_OK);
    check_read(s, "ends", DELETED / 2, STATUS_NOT_FOUND);
    OK(commit_run(s->meta, &drop.op));
    assert_in_range(drop.skipped, 0, SKIPPED_MOST);
    check_read(s, "ends", 0, STATUS_OK);
}

/* A walk over what was deleted is never done on a loop, whatever asks for it. */
static void test_memory_walks_not_far(void **state)
{
    struct support *s = *state;
    struct row_key lower, upper;
    struct store_iterator it;

    SUPPORT_WANTS_DISK();
    fill_and_delete(s, "k", false);
    const struct store_view memory = meta_view_in_memory(s->meta), whole = meta_view(s->meta);
    row_key_version_bounds(&lower, &upper, s->versioned.id, KEY("k"));
    for (int i = 0; i < 2; i++) {
        store_iterator_open(&it, i ? &whole : &memory, STORE_VERSIONS, row_key_bytes(&lower), row_key_bytes(&upper));
        store_iterator_first(&it);
        assert_false(store_iterator_valid(&it));
        assert_int_equal(store_iterator_status(&it), i ? STATUS_OK : STATUS_UNAVAILABLE);
        store_iterator_close(&it);
    }
}

/* ---- databases without names ------------------------------------------------------------------------------------- */

/* Makes the database one of a build that did not keep names: the state's format, and no rows of them, or not even the
 * column family. */
static void forget_names(struct support *s, bool family)
{
    struct store_view view;
    struct store_value value;
    struct store_iterator it;
    char *error = NULL;
    struct meta_store *db;

    meta_close(s->meta);
    s->meta = NULL;
    OK(store_open(s->path, 0, &db));
    view = (struct store_view){.db = db};
    OK(store_get(&view, STORE_DEFAULT, STATE_KEY, &value));
    assert_int_equal(value.data[0], 12);
    value.data[0] = (char)(family ? 3 : 4);
    value.len -= 16; /* of the outbox, which it did not have either */
    struct store_batch *batch = store_batch_create(db);
    store_batch_put(batch, STORE_DEFAULT, STATE_KEY, store_value_bytes(&value));
    store_iterator_open(&it, &view, STORE_NAMES, BYTES(""), BYTES("\xff"));
    for (store_iterator_first(&it); store_iterator_valid(&it); store_iterator_next(&it))
        store_batch_delete(batch, STORE_NAMES, store_iterator_key(&it));
    store_iterator_close(&it);
    OK(store_write(db, batch));
    store_batch_free(batch);
    store_value_release(&value);
    struct rocks *rocks = store_rocks_database(db);
    for (unsigned i = STORE_NAMES; family && i < STORE_FAMILY_COUNT; i++) { /* it, and what came later */
        rocksdb_drop_column_family(rocks->database, rocks->families[i], &error);
        assert_null(error);
        rocksdb_column_family_handle_destroy(rocks->families[i]);
        rocks->families[i] = NULL;
    }
    store_rocks_abandon(db); /* a flush would miss the family */
}

static void check_taken_over(struct support *s)
{
    struct meta_object got;
    char key[16];

    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof(key), "k%d", i % 10);
        enum status status = support_get(s, &s->versioned, key, NULL, (uint64_t)i / 10 + 1, &got);
        assert_int_equal(status, i == 13 ? STATUS_NOT_FOUND : STATUS_OK);
        if (!status)
            assert_int_equal(got.etag_md5[0], i);
        meta_object_release(&got);
    }
    OK(support_get(s, &s->versioned, "k4", NULL, 0, &got));
    assert_true(got.delete_marker && got.number == 6);
    meta_object_release(&got);
    OK(support_get(s, &s->plain, "k1", NULL, 0, &got));
    meta_object_release(&got);
}

static void test_taken_over(void **state)
{
    struct support *s = *state;
    struct meta_position before, after;
    struct buffer changes;
    struct meta_store *db;
    char key[16];

    SUPPORT_WANTS_DISK();
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof(key), "k%d", i % 10);
        OK(support_put(s, &s->versioned, key, 1, i, NULL, NULL));
        OK(support_put(s, &s->plain, key, 1, i, NULL, NULL));
    }
    OK(delete_number(s, "k3", 2));
    OK(support_delete(s, &s->versioned, "k4", NULL, NULL));

    forget_names(s, false);
    OK(store_open(s->path, 0, &db));
    OK(history_position(db, support_cluster, &before, &(struct lineage){0}));
    store_close(db);
    OK(support_open(s));
    check_taken_over(s);
    meta_position(s->meta, &after); /* what was made is a change of a new epoch, which the replicas get */
    assert_true(after.epoch != before.epoch && after.sequence > before.sequence);
    assert_int_equal(meta_judge(s->meta, &before), STANDING_PREFIX);
    buffer_init(&changes, CHANGE_RECORD_MAX);
    OK(meta_changes_read(s->meta, before.sequence + 1, &changes));
    assert_true(changes.len > 0);
    buffer_release(&changes);

    forget_names(s, true);
    OK(store_open_prefix(s->path, &db));
    store_close(db);
    OK(support_open(s));
    check_taken_over(s);
    assert_int_equal(put_number(s, "k4"), 7);
}

static void test_bucket_forgets_names(void **state)
{
    struct support *s = *state;
    const struct meta_bucket old = s->versioned;
    struct name_record name;
    uint64_t count;

    for (int i = 0; i < 20; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(put_number(s, key), 1);
        OK(meta_object_delete_all(s->meta, s->versioned.id, KEY(key), NULL, &count));
    }
    OK(meta_bucket_delete(s->meta, KEY("versioned")));
    const struct store_view view = meta_view(s->meta);
    assert_int_equal(name_load(&view, old.id, KEY("k7"), &name), STATUS_NOT_FOUND);
    support_bucket(s, "versioned", true, &s->versioned);
    assert_int_equal(put_number(s, "k7"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_numbers_are_not_reused), TEST(test_model),      TEST(test_no_walk),
        TEST(test_memory_walks_not_far),   TEST(test_taken_over), TEST(test_bucket_forgets_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

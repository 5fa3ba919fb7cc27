/* The outbox: a row with the change that leaves it, and none without; read in the order of the commits, removed once
 * done, there after a restart, with bounds. */
#include "tests/unit/meta/support.h"

#include "meta/internal.h"

enum { EVENT = 1 };

static enum status put_with(struct support *s, const struct meta_bucket *bucket, const char *key, const char *payload,
                            const struct meta_condition *condition)
{
    const struct meta_outbox_entry entry = {EVENT, bytes_from_str(payload)};
    struct meta_object object = {.headers = BYTES("headers"), .outbox = payload ? &entry : NULL};
    struct chunk_list none = {0};

    return meta_object_put(s->meta, bucket->id, KEY(key), &object, &none, condition);
}

/* What is in there, as "payload payload ...". */
static void check_payloads(struct support *s, const char *expected)
{
    struct meta_outbox_page page;
    struct buffer text;

    buffer_init(&text, 4096);
    OK(buffer_append_str(&text, ""));
    OK(meta_outbox_next(s->meta, NULL, 1000, &page));
    for (size_t i = 0; i < page.count; i++) {
        if (i > 0)
            OK(buffer_append_char(&text, ' '));
        OK(buffer_append_bytes(&text, page.rows[i].payload));
    }
    assert_true(bytes_equal_str(buffer_bytes(&text), expected));
    assert_int_equal(meta_outbox_backlog(s->meta), page.count);
    assert_int_equal(meta_outbox_backlog_bytes(s->meta) > 0, page.count > 0);
    meta_outbox_page_release(&page);
    buffer_release(&text);
}

static void test_in_order_and_once(void **state)
{
    struct support *s = *state;
    struct meta_outbox_page page, rest;
    struct meta_outbox_place place;

    check_payloads(s, "");
    OK(put_with(s, &s->versioned, "b", "one", NULL));
    OK(put_with(s, &s->plain, "a", "two", NULL));
    OK(put_with(s, &s->plain, "a", NULL, NULL));
    OK(put_with(s, &s->plain, "a", "three", NULL));
    for (int reopened = 0; reopened < 2; reopened++) {
        check_payloads(s, "one two three");
        support_reopen(s);
    }
    OK(meta_outbox_next(s->meta, NULL, 2, &page));
    assert_int_equal(page.count, 2);
    assert_true(page.rows[0].bucket == s->versioned.id && page.rows[0].kind == EVENT && page.rows[0].time_ms > 0);
    assert_true(bytes_equal_str(page.rows[0].key, "b") && bytes_equal_str(page.rows[1].key, "a"));
    assert_int_equal(strlen(page.rows[0].object.version_id), META_VERSION_ID_LEN);
    assert_string_equal(page.rows[1].object.version_id, "null");
    assert_int_equal(page.rows[0].object.sequence, page.rows[0].place.sequence);
    OK(meta_outbox_next(s->meta, &page.rows[1].place, 10, &rest));
    assert_true(rest.count == 1 && bytes_equal_str(rest.rows[0].payload, "three"));
    meta_outbox_page_release(&rest);
    place = page.rows[1].place;
    meta_outbox_page_release(&page);
    OK(meta_outbox_done(s->meta, &place, 1)); /* not only from the front */
    check_payloads(s, "one three");
    OK(meta_outbox_done(s->meta, &place, 1)); /* done already */
    support_reopen(s);
    check_payloads(s, "one three");
    OK(meta_outbox_next(s->meta, NULL, 10, &page));
    for (size_t i = 0; i < page.count; i++)
        OK(meta_outbox_done(s->meta, &page.rows[i].place, 1));
    meta_outbox_page_release(&page);
    check_payloads(s, "");
    assert_int_equal(meta_outbox_backlog_bytes(s->meta), 0);
}

static enum status take_all(void *arg, const struct meta_part *const *parts, size_t count, struct meta_object *object)
{
    (void)arg, (void)parts;
    object->etag_parts = (uint32_t)count;
    return STATUS_OK;
}

static void test_every_change(void **state)
{
    struct support *s = *state;
    const struct meta_outbox_entry marker = {EVENT, BYTES("marker")}, removed = {EVENT, BYTES("removed")};
    const struct meta_outbox_entry tagged = {EVENT, BYTES("tagged")}, completed = {EVENT, BYTES("completed")};
    const struct meta_attribute change = {1, BYTES("tags")};
    struct meta_object_update update = {.changes = &change, .count = 1, .outbox = &tagged};
    struct meta_upload upload = {.bucket = s->plain.id, .key = BYTES("k"), .outbox = &completed};
    struct meta_part part = {.number = 1, .size = 100};
    struct chunk_list chunks = support_chunks(1, 100, 3);
    struct meta_version latest = {0}, version;
    struct meta_outbox_page page;
    struct meta_deletion deletion;
    struct meta_object object;

    OK(put_with(s, &s->versioned, "k", "put", NULL));
    OK(meta_object_update(s->meta, s->versioned.id, KEY("k"), &latest, &update, &object));
    OK(meta_object_update(s->meta, s->versioned.id, KEY("k"), &latest, &update, &object)); /* changes nothing */
    OK(meta_object_delete(s->meta, s->versioned.id, KEY("k"), &latest, NULL, &marker, &deletion));
    version = (struct meta_version){.id = bytes_from_str(deletion.version_id)};
    struct meta_deletion again;
    OK(meta_object_delete(s->meta, s->versioned.id, KEY("k"), &version, NULL, &removed, &again));
    OK(meta_object_delete(s->meta, s->plain.id, KEY("k"), &latest, NULL, &removed, &again)); /* nothing is there */
    OK(meta_upload_create(s->meta, &upload));
    OK(meta_part_put(s->meta, &upload, &part, &chunks));
    OK(meta_upload_complete(s->meta, &upload, &part.number, 1, NULL, take_all, NULL, &object));
    meta_object_release(&object);
    OK(meta_upload_complete(s->meta, &upload, &part.number, 1, NULL, take_all, NULL, &object)); /* sent again */
    meta_object_release(&object);
    chunk_list_release(&chunks);
    check_payloads(s, "put tagged marker removed completed");
    OK(meta_outbox_next(s->meta, NULL, 10, &page));
    assert_true(page.rows[2].object.delete_marker && page.rows[3].object.delete_marker);
    assert_string_equal(page.rows[2].object.version_id, page.rows[3].object.version_id);
    assert_int_equal(page.rows[4].object.etag_parts, 1);
    meta_outbox_page_release(&page);
}

static void test_not_without_the_change(void **state)
{
    struct support *s = *state;
    static const struct meta_condition absent = {.must_be_absent = true};

    OK(put_with(s, &s->plain, "k", "first", &absent));
    assert_int_equal(put_with(s, &s->plain, "k", "second", &absent), STATUS_PRECONDITION);
    check_payloads(s, "first");
    struct meta_bucket gone = {.id = 4711};
    assert_int_equal(put_with(s, &gone, "k", "third", NULL), STATUS_NOT_FOUND);
    check_payloads(s, "first");
}

struct fill_op {
    struct commit_op op;
    uint64_t rows, bytes;
};

/* Pretends that so much is in there. */
static enum status fill_prepare(struct commit_op *op, struct txn *txn)
{
    struct fill_op *fill = (struct fill_op *)op;
    struct row_key key = {.len = 1};

    txn->state.outbox_rows += fill->rows;
    txn->state.outbox_bytes += fill->bytes;
    txn_put(txn, STORE_DEFAULT, &key, BYTES("so that the group is written"));
    return STATUS_OK;
}

static void test_full(void **state)
{
    struct support *s = *state;
    struct fill_op rows = {.op.prepare = fill_prepare, .rows = META_OUTBOX_ROWS_MAX - 1};
    struct fill_op bytes = {.op.prepare = fill_prepare, .bytes = META_OUTBOX_BYTES_MAX - 50};
    struct meta_outbox_page page;
    struct meta_object object;

    OK(commit_run(s->meta, &rows.op));
    OK(put_with(s, &s->plain, "k", "fits", NULL));
    assert_int_equal(put_with(s, &s->plain, "l", "too much", NULL), STATUS_LIMIT);
    assert_int_equal(support_get(s, &s->plain, "l", NULL, 0, &object), STATUS_NOT_FOUND);
    assert_int_equal(support_bucket_now(s, &s->plain).objects, 1);
    OK(put_with(s, &s->plain, "l", NULL, NULL)); /* what leaves nothing goes on */
    OK(meta_outbox_next(s->meta, NULL, 10, &page));
    assert_int_equal(page.count, 1);
    OK(meta_outbox_done(s->meta, &page.rows[0].place, 1));
    meta_outbox_page_release(&page);
    OK(put_with(s, &s->plain, "l", "fits again", NULL));
    OK(commit_run(s->meta, &bytes.op));
    rows.rows = (uint64_t) - (META_OUTBOX_ROWS_MAX - 1);
    OK(commit_run(s->meta, &rows.op));
    assert_int_equal(put_with(s, &s->plain, "l", "too many bytes", NULL), STATUS_LIMIT);
}

/* ---- with replicas -------------------------------------------------------------------------------------------- */

static uint64_t held_by_replicas;

static bool replica_ready(void *arg)
{
    (void)arg;
    return true;
}

static unsigned replica_place(void *arg, uint8_t nodes[CHUNK_COPIES_MAX])
{
    (void)arg, (void)nodes;
    return 0;
}

static void replica_begin(void *arg, struct buffer *take_record, uint64_t first, uint64_t last,
                          const struct carried_set *carried)
{
    (void)arg, (void)first, (void)last, (void)carried;
    buffer_release(take_record);
}

static enum meta_held replica_wait(void *arg, uint64_t last, uint64_t since_ms, struct meta_short *missing)
{
    (void)arg, (void)last, (void)since_ms, (void)missing;
    return META_NOT_HELD; /* so every outcome is uncertain */
}

static uint64_t replica_held(void *arg)
{
    (void)arg;
    return held_by_replicas;
}

static void test_not_before_the_replicas_have_it(void **state)
{
    struct support *s = *state;
    const struct meta_replication replication = {NULL,          replica_ready, replica_place,
                                                 replica_begin, replica_wait,  replica_held};
    struct meta_options options = {
        .path = s->path, .cluster_id = support_cluster, .pool = s->pool, .replication = &replication};
    struct meta_outbox_page page;

    meta_close(s->meta);
    OK(meta_open(&options, &s->meta));
    held_by_replicas = 0;
    assert_int_equal(put_with(s, &s->plain, "k", "work", NULL), STATUS_UNCERTAIN);
    for (int i = 0; i < 3; i++) {
        OK(meta_outbox_next(s->meta, NULL, 10, &page));
        assert_int_equal(page.count, 0);
        meta_outbox_page_release(&page);
    }
    assert_int_equal(meta_outbox_backlog(s->meta), 1);
    held_by_replicas = UINT64_MAX;
    check_payloads(s, "work");
    meta_close(s->meta);
    OK(support_open(s));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_in_order_and_once),
        TEST(test_every_change),
        TEST(test_not_without_the_change),
        TEST(test_full),
        TEST(test_not_before_the_replicas_have_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

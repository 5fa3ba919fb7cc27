/* Identities: rows changed together or not at all, serially by their generation, there after a restart; a generation
 * moves when the rows can be read. */
#include "tests/unit/meta/support.h"

#include "meta/identity.h"
#include "meta/internal.h"

/* Whether the row is there with that document; NULL: it is not. */
static void check_row(struct support *s, const char *key, const char *document)
{
    struct buffer found;

    buffer_init(&found, META_IDENTITY_DOCUMENT_MAX);
    assert_int_equal(meta_identity_get(s->meta, KEY(key), &found), document ? STATUS_OK : STATUS_NOT_FOUND);
    if (document)
        assert_true(bytes_equal_str(buffer_bytes(&found), document));
    buffer_release(&found);
}

static enum status set(struct support *s, uint64_t generation, const char *key, const char *document)
{
    const struct meta_identity_change change = {KEY(key), bytes_from_str(document)};
    return meta_identity_update(s->meta, generation, &change, 1);
}

static enum status set_now(struct support *s, const char *key, const char *document)
{
    return set(s, meta_identity_generation(s->meta), key, document);
}

static void test_put_get_remove(void **state)
{
    struct support *s = *state;
    uint64_t before = meta_identity_generation(s->meta);

    check_row(s, "user/a", NULL);
    OK(set_now(s, "user/a", "one"));
    assert_true(meta_identity_generation(s->meta) != before);
    check_row(s, "user/a", "one");
    check_row(s, "user/", NULL);
    check_row(s, "", NULL);
    OK(set_now(s, "user/a", "two"));
    OK(set_now(s, "user/b", ""));
    support_reopen(s);
    check_row(s, "user/a", "two");
    check_row(s, "user/b", "");
    OK(set_now(s, "user/a", NULL));
    OK(set_now(s, "user/a", NULL)); /* is gone already */
    support_reopen(s);
    check_row(s, "user/a", NULL);
    check_row(s, "user/b", "");
    before = meta_identity_generation(s->meta);
    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL));
    assert_true(meta_identity_generation(s->meta) == before); /* by other commits it does not move */
}

static void test_conflict(void **state)
{
    struct support *s = *state;
    uint64_t first = meta_identity_generation(s->meta);
    const struct meta_identity_change both[] = {{KEY("user/a"), BYTES("both")}, {KEY("user/c"), BYTES("both")}};

    OK(set(s, first, "user/a", "one"));
    assert_int_equal(set(s, first, "user/b", "two"), STATUS_CONFLICT); /* of another row, too */
    assert_int_equal(meta_identity_update(s->meta, first, both, 2), STATUS_CONFLICT);
    check_row(s, "user/a", "one");
    check_row(s, "user/b", NULL);
    check_row(s, "user/c", NULL);
    OK(meta_identity_update(s->meta, meta_identity_generation(s->meta), both, 2));
    check_row(s, "user/a", "both");
    check_row(s, "user/c", "both");
}

static void test_bounds(void **state)
{
    struct support *s = *state;
    size_t count = META_IDENTITY_CHANGES_MAX + 1;
    struct meta_identity_change *many = mem_zalloc(count * sizeof(*many));
    char *text = mem_zalloc(META_IDENTITY_DOCUMENT_MAX + 2), key[META_IDENTITY_KEY_MAX + 2] = {0};
    struct buffer small;

    memset(text, 'x', META_IDENTITY_DOCUMENT_MAX + 1);
    memset(key, 'k', META_IDENTITY_KEY_MAX + 1);
    assert_int_equal(set_now(s, "user/a", text), STATUS_LIMIT);
    assert_int_equal(set_now(s, key, "x"), STATUS_LIMIT);
    assert_int_equal(set_now(s, "", "x"), STATUS_LIMIT);
    text[META_IDENTITY_DOCUMENT_MAX] = key[META_IDENTITY_KEY_MAX] = '\0';
    OK(set_now(s, key, text));
    check_row(s, key, text);
    buffer_init(&small, 10);
    assert_int_equal(meta_identity_get(s->meta, KEY(key), &small), STATUS_LIMIT);
    buffer_release(&small);
    for (size_t i = 0; i < count; i++)
        many[i].key = KEY("user/a");
    assert_int_equal(meta_identity_update(s->meta, meta_identity_generation(s->meta), many, count), STATUS_LIMIT);
    for (size_t i = 0; i < 17; i++)
        many[i].document = bytes_from_str(text);
    assert_int_equal(meta_identity_update(s->meta, meta_identity_generation(s->meta), many, 17), STATUS_LIMIT);
    check_row(s, "user/a", NULL);
    free(text);
    free(many);
}

/* The keys from lower to upper, "a b c", with a '+' when there are more. */
static void check_list(struct support *s, const char *lower, const char *upper, size_t max, const char *expected)
{
    struct meta_identity_page page;
    struct buffer text;

    buffer_init(&text, 4096);
    OK(buffer_append_str(&text, ""));
    OK(meta_identity_list(s->meta, KEY(lower), bytes_from_str(upper), max, &page));
    for (size_t i = 0; i < page.count; i++) {
        OK(buffer_append_str(&text, i > 0 ? " " : ""));
        OK(buffer_append_bytes(&text, page.rows[i].key));
        assert_true(bytes_equal(page.rows[i].document, page.rows[i].key));
    }
    OK(buffer_append_str(&text, page.more ? "+" : ""));
    assert_true(bytes_equal_str(buffer_bytes(&text), expected));
    meta_identity_page_release(&page);
    buffer_release(&text);
}

static void test_list(void **state)
{
    struct support *s = *state;
    static const char *const keys[] = {"group/x", "user/a", "user/b", "user/c", "user0"};
    char *large = mem_zalloc(META_IDENTITY_DOCUMENT_MAX + 1);
    struct meta_identity_page page;
    char key[32];

    check_list(s, "", NULL, 10, "");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        OK(set_now(s, keys[i], keys[i]));
    check_list(s, "", NULL, 10, "group/x user/a user/b user/c user0");
    check_list(s, "user/", "user0", 10, "user/a user/b user/c");
    check_list(s, "user/", "user0", 3, "user/a user/b user/c");
    check_list(s, "user/", "user0", 2, "user/a user/b+");
    check_list(s, "user/b", "user0", 1, "user/b+");
    check_list(s, "user/d", "user0", 1, "");
    memset(large, 'x', META_IDENTITY_DOCUMENT_MAX);
    for (int i = 0; i < 6; i++) {
        snprintf(key, sizeof(key), "wide/%d", i);
        OK(set_now(s, key, large));
    }
    OK(meta_identity_list(s->meta, KEY("wide/"), KEY("wide0"), 100, &page)); /* a page's memory has a bound */
    assert_true(page.count >= 4 && page.count < 6 && page.more);
    meta_identity_page_release(&page);
    free(large);
}

/* Many that count one row up: no step is lost, whoever is refused begins again. */
enum { RACERS = 4, STEPS = 25 };

static void *count_main(void *arg)
{
    struct support *s = arg;
    struct buffer found;
    char text[16];

    buffer_init(&found, 64);
    for (int step = 0; step < STEPS;) {
        uint64_t generation = meta_identity_generation(s->meta);
        buffer_clear(&found);
        enum status status = meta_identity_get(s->meta, KEY("counter"), &found);
        CHECK(status == STATUS_OK || status == STATUS_NOT_FOUND);
        snprintf(text, sizeof(text), "%d", status ? 1 : atoi(found.data) + 1);
        status = set(s, generation, "counter", text);
        CHECK(status == STATUS_OK || status == STATUS_CONFLICT);
        CHECK(meta_identity_generation(s->meta) > generation); /* who was refused need not wait to try again */
        step += status == STATUS_OK;
    }
    buffer_release(&found);
    return NULL;
}

/* Each step moves the generation by one: whoever sees that it moved can read the row. */
static void *watch_main(void *arg)
{
    struct support *s = arg;
    struct buffer found;

    buffer_init(&found, 64);
    for (int i = 0; i < 300; i++) {
        uint64_t steps = meta_identity_generation(s->meta) - 1; /* of a process it begins with 1 */
        buffer_clear(&found);
        enum status status = meta_identity_get(s->meta, KEY("counter"), &found);
        CHECK(status == STATUS_OK || steps == 0);
        CHECK(status || strtoull(found.data, NULL, 10) >= steps);
    }
    buffer_release(&found);
    return NULL;
}

static void test_serial(void **state)
{
    struct support *s = *state;
    pthread_t threads[RACERS + 1];
    char expected[16];

    for (int i = 0; i <= RACERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i < RACERS ? count_main : watch_main, s), 0);
    for (int i = 0; i <= RACERS; i++)
        pthread_join(threads[i], NULL);
    snprintf(expected, sizeof(expected), "%d", RACERS * STEPS);
    check_row(s, "counter", expected);
}

/* Two changes in one group, decided by the same generation: the second one sees the first, though nothing of it is
 * written yet. */
struct waiting_update {
    struct support *support;
    uint64_t generation;
    const char *key;
    enum status status;
};

static void *update_main(void *arg)
{
    struct waiting_update *update = arg;
    update->status = set(update->support, update->generation, update->key, "x");
    return NULL;
}

static void test_one_winner(void **state)
{
    struct support *s = *state;
    struct waiting_update updates[8];
    pthread_t threads[8];
    unsigned won = 0;

    for (int i = 0; i < 8; i++)
        updates[i] = (struct waiting_update){s, meta_identity_generation(s->meta), "user/a", STATUS_OK};
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, update_main, &updates[i]), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_true(updates[i].status == STATUS_OK || updates[i].status == STATUS_CONFLICT);
        won += updates[i].status == STATUS_OK;
    }
    assert_int_equal(won, 1);
}

/* A write that fails moves nothing, so that whoever tries again is not told that somebody else was there. */
static void test_refused_write(void **state)
{
    struct support *s = *state;
    uint64_t before = meta_identity_generation(s->meta);

    if (!s->memory)
        skip();
    store_memory_fail_writes(s->memory, STATUS_NO_SPACE);
    assert_int_equal(set(s, before, "user/a", "one"), STATUS_NO_SPACE);
    assert_true(meta_identity_generation(s->meta) == before);
    check_row(s, "user/a", NULL);
    store_memory_fail_writes(s->memory, STATUS_OK);
    OK(set(s, before, "user/a", "one"));
    assert_true(meta_identity_generation(s->meta) != before);
}

static void check_view(const struct meta_identity_view *view, const char *key, const char *document)
{
    struct buffer found;

    buffer_init(&found, META_IDENTITY_DOCUMENT_MAX);
    assert_int_equal(meta_identity_view_get(view, KEY(key), &found), document ? STATUS_OK : STATUS_NOT_FOUND);
    if (document)
        assert_true(bytes_equal_str(buffer_bytes(&found), document));
    buffer_release(&found);
}

static enum status read_beside_a_change(const struct meta_identity_view *view, void *arg)
{
    struct support *s = arg;

    check_view(view, "user/a", "one");
    OK(set_now(s, "user/a", "two"));
    OK(set_now(s, "user/b", NULL));
    OK(set_now(s, "user/c", "two"));
    check_view(view, "user/a", "one");
    check_view(view, "user/b", "one");
    check_view(view, "user/c", NULL);
    check_view(view, "", NULL);
    return STATUS_LIMIT; /* which is handed through */
}

/* What is read together is of one moment, and of now. */
static void test_one_moment(void **state)
{
    struct support *s = *state;

    OK(set_now(s, "user/a", "one"));
    OK(set_now(s, "user/b", "one"));
    assert_int_equal(meta_identity_read(s->meta, read_beside_a_change, s), STATUS_LIMIT);
    check_row(s, "user/a", "two");
    check_row(s, "user/b", NULL);
    check_row(s, "user/c", "two");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_put_get_remove), TEST(test_conflict), TEST(test_bounds),     TEST(test_list),
        TEST(test_one_moment),     TEST(test_serial),   TEST(test_one_winner), TEST(test_refused_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

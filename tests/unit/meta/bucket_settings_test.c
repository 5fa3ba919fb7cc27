/* Settings of buckets: in one commit, as of one moment, kept over a restart, gone with their bucket. */
#include "tests/unit/meta/support.h"

#include "meta/internal.h"
#include "meta/records.h"

#define TOO_LONG 1001 /* for SETTING_WORDS */

static void test_put_get_remove(void **state)
{
    struct support *s = *state;
    char text[TOO_LONG + 1] = {0};

    support_check_setting(s, "plain", SETTING_WORDS, NULL);
    OK(support_set(s, &s->plain, SETTING_WORDS, NULL)); /* nothing to remove */
    OK(support_set(s, &s->plain, SETTING_WORDS, "alpha"));
    OK(support_set(s, &s->plain, SETTING_RULES, "beta"));
    OK(support_set(s, &s->versioned, SETTING_WORDS, "gamma"));
    assert_int_equal(support_set(s, &s->plain, SETTING_WORDS, "!bad"), STATUS_INVALID);
    memset(text, 'x', TOO_LONG);
    assert_int_equal(support_set(s, &s->plain, SETTING_WORDS, text), STATUS_LIMIT);
    for (int reopened = 0; reopened < 2; reopened++) {
        support_check_setting(s, "plain", SETTING_WORDS, "alpha");
        support_check_setting(s, "plain", SETTING_RULES, "beta");
        support_check_setting(s, "versioned", SETTING_WORDS, "gamma");
        support_check_setting(s, "versioned", SETTING_RULES, NULL);
        assert_int_equal(support_parsed, 3); /* once each, whoever reads them */
        if (!reopened)
            support_reopen(s);
    }
    text[TOO_LONG - 1] = '\0';
    OK(support_set(s, &s->plain, SETTING_WORDS, text));
    OK(support_set(s, &s->plain, SETTING_RULES, NULL));
    support_reopen(s);
    support_check_setting(s, "plain", SETTING_WORDS, text);
    support_check_setting(s, "plain", SETTING_RULES, NULL);
    meta_close(s->meta);
    s->meta = NULL;
    assert_int_equal(support_parsed, 0);
}

static void test_taken_settings_stay(void **state)
{
    struct support *s = *state;
    struct meta_settings *settings;
    struct meta_setting setting;
    struct meta_bucket bucket;

    OK(support_set(s, &s->plain, SETTING_WORDS, "before"));
    OK(meta_bucket_load(s->meta, KEY("plain"), &bucket, &settings));
    assert_int_equal(bucket.id, s->plain.id);
    OK(support_set(s, &s->plain, SETTING_WORDS, "after"));
    OK(meta_bucket_delete(s->meta, KEY("plain")));
    assert_int_equal(meta_bucket_load(s->meta, KEY("plain"), &bucket, &(struct meta_settings *){NULL}),
                     STATUS_NOT_FOUND);
    meta_close(s->meta);
    s->meta = NULL;
    OK(meta_setting_find(settings, SETTING_WORDS, &setting));
    assert_true(bytes_equal_str(setting.document, "before"));
    assert_int_equal(*(const char *)setting.parsed, 'B');
    meta_settings_release(settings);
    assert_int_equal(support_parsed, 0);
}

/* Refuses unless the bucket's words begin with the letter given. */
static enum status check_letter(void *arg, const struct meta_bucket *bucket, const struct meta_settings *settings)
{
    struct meta_setting words;

    CHECK(strcmp(bucket->name, "plain") == 0);
    if (meta_setting_find(settings, SETTING_WORDS, &words))
        return STATUS_CONFLICT;
    return *(const char *)words.parsed == *(const char *)arg ? STATUS_OK : STATUS_PRECONDITION;
}

static void test_several_with_a_condition(void **state)
{
    struct support *s = *state;
    const struct meta_setting_change changes[] = {{SETTING_WORDS, {NULL, 0}}, {SETTING_RULES, BYTES("rules")}};
    struct meta_settings_update update = {changes, 2, check_letter, "A"};

    assert_int_equal(meta_bucket_settings_update(s->meta, s->plain.id, &update), STATUS_CONFLICT);
    OK(support_set(s, &s->plain, SETTING_WORDS, "beta"));
    assert_int_equal(meta_bucket_settings_update(s->meta, s->plain.id, &update), STATUS_PRECONDITION);
    support_check_setting(s, "plain", SETTING_WORDS, "beta");
    support_check_setting(s, "plain", SETTING_RULES, NULL);
    OK(support_set(s, &s->plain, SETTING_WORDS, "alpha"));
    OK(meta_bucket_settings_update(s->meta, s->plain.id, &update));
    support_check_setting(s, "plain", SETTING_WORDS, NULL);
    support_check_setting(s, "plain", SETTING_RULES, "rules");
    assert_int_equal(support_parsed, 1);
    assert_int_equal(meta_bucket_settings_update(s->meta, 4711, &update), STATUS_NOT_FOUND);
    support_reopen(s);
    support_check_setting(s, "plain", SETTING_RULES, "rules");
}

static void test_with_the_bucket(void **state)
{
    struct support *s = *state;
    struct meta_setting_change changes[] = {{SETTING_RULES, BYTES("rules")}, {SETTING_WORDS, BYTES("!words")}};
    const struct meta_settings_update update = {.changes = changes, .count = 2};
    struct meta_bucket bucket;
    struct store_iterator it;

    assert_int_equal(meta_bucket_create(s->meta, KEY("new"), false, BYTES(""), &update), STATUS_INVALID);
    assert_int_equal(meta_bucket_get(s->meta, KEY("new"), &bucket), STATUS_NOT_FOUND);
    changes[1].document = BYTES("words");
    assert_int_equal(meta_bucket_create(s->meta, KEY("plain"), false, BYTES(""), &update), STATUS_EXISTS);
    support_check_setting(s, "plain", SETTING_RULES, NULL);
    OK(meta_bucket_create(s->meta, KEY("new"), false, BYTES(""), &update));
    support_reopen(s);
    support_check_setting(s, "new", SETTING_RULES, "rules");
    support_check_setting(s, "new", SETTING_WORDS, "words");

    OK(meta_bucket_delete(s->meta, KEY("new")));
    const struct store_view view = meta_view(s->meta);
    store_iterator_open(&it, &view, STORE_SETTINGS, BYTES(""), BYTES("\xff"));
    store_iterator_first(&it);
    assert_false(store_iterator_valid(&it));
    store_iterator_close(&it);
    OK(meta_bucket_create(s->meta, KEY("new"), false, BYTES(""), NULL));
    support_check_setting(s, "new", SETTING_RULES, NULL);
    assert_int_equal(support_parsed, 0);
}

static void test_parser_changed_its_mind(void **state)
{
    struct support *s = *state;
    struct meta_settings *settings;
    struct meta_setting setting;
    struct meta_bucket bucket;

    OK(support_set(s, &s->plain, SETTING_WORDS, "alpha"));
    OK(support_set(s, &s->plain, SETTING_RULES, "beta"));
    support_refuses = true;
    support_reopen(s);
    support_refuses = false;
    OK(meta_bucket_load(s->meta, KEY("plain"), &bucket, &settings));
    assert_int_equal(meta_setting_find(settings, SETTING_WORDS, &setting), STATUS_INTERNAL);
    assert_int_equal(meta_setting_find(settings, SETTING_RULES, &setting), STATUS_INTERNAL);
    meta_settings_release(settings);
    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL)); /* what does not need it goes on */
    OK(support_set(s, &s->plain, SETTING_WORDS, "gamma"));
    support_check_setting(s, "plain", SETTING_WORDS, "gamma");
    OK(support_set(s, &s->plain, SETTING_RULES, NULL));
    support_check_setting(s, "plain", SETTING_RULES, NULL);
    OK(support_set(s, &s->plain, SETTING_RULES, "delta")); /* and one that was not touched meanwhile is whole again */
    support_reopen(s);
    support_check_setting(s, "plain", SETTING_RULES, "delta");
}

static void test_unknown_kind_is_refused(void **state)
{
    struct support *s = *state;
    struct meta_options options = {.path = s->path,
                                   .store = s->memory,
                                   .cluster_id = support_cluster,
                                   .pool = s->pool,
                                   .setting_kinds = support_kinds,
                                   .setting_kind_count = 1};

    OK(support_set(s, &s->plain, SETTING_RULES, "beta"));
    meta_close(s->meta);
    s->meta = NULL;
    assert_int_equal(meta_open(&options, &s->meta), STATUS_INVALID);
    OK(support_open(s));
    support_check_setting(s, "plain", SETTING_RULES, "beta");
}

/* A database of the build before there were settings: its state has format 5, which that build takes and no other. */
static void test_taken_over(void **state)
{
    struct support *s = *state;
    const struct store_view *view;
    struct store_value value;
    struct meta_store *db;

    SUPPORT_WANTS_DISK();
    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL));
    for (int written = 0; written < 2; written++) {
        meta_close(s->meta);
        s->meta = NULL;
        OK(store_open(s->path, 0, &db));
        view = &(struct store_view){.db = db};
        OK(store_get(view, STORE_DEFAULT, STATE_KEY, &value));
        assert_int_equal(value.data[0], 12); /* a commit says so, before there is any row that the old build lacks */
        value.data[0] = 5;
        value.len -= 16; /* nor did it know of an outbox */
        struct store_batch *batch = store_batch_create(db);
        store_batch_put(batch, STORE_DEFAULT, STATE_KEY, store_value_bytes(&value));
        OK(store_write(db, batch));
        store_batch_free(batch);
        store_value_release(&value);
        store_close(db);
        OK(support_open(s));
        if (!written)
            OK(support_set(s, &s->plain, SETTING_WORDS, "alpha"));
        support_check_setting(s, "plain", SETTING_WORDS, "alpha");
        OK(support_set(s, &s->plain, SETTING_RULES, "beta"));
    }
}

/* Readers beside a writer, for the sanitizers and for the count of what is parsed. */
static void *reader_main(void *arg)
{
    struct support *s = arg;

    for (int i = 0; i < 500; i++) {
        struct meta_settings *settings;
        struct meta_setting words, rules;
        struct meta_bucket bucket;
        CHECK(meta_bucket_load(s->meta, KEY("plain"), &bucket, &settings) == STATUS_OK);
        enum status status = meta_setting_find(settings, SETTING_WORDS, &words);
        CHECK(meta_setting_find(settings, SETTING_RULES, &rules) == status); /* both, or none */
        if (!status)
            CHECK(bytes_equal(words.document, rules.document));
        meta_settings_release(settings);
    }
    return NULL;
}

static void test_readers_and_a_writer(void **state)
{
    struct support *s = *state;
    pthread_t readers[3];

    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, reader_main, s), 0);
    for (int i = 0; i < 60; i++) {
        const char *text = i % 3 == 0 ? NULL : i % 3 == 1 ? "alpha" : "beta";
        const struct meta_setting_change changes[] = {{SETTING_WORDS, bytes_from_str(text)},
                                                      {SETTING_RULES, bytes_from_str(text)}};
        const struct meta_settings_update update = {.changes = changes, .count = 2};
        OK(meta_bucket_settings_update(s->meta, s->plain.id, &update));
    }
    for (int i = 0; i < 3; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(support_parsed, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_put_get_remove),  TEST(test_taken_settings_stay),     TEST(test_several_with_a_condition),
        TEST(test_with_the_bucket), TEST(test_parser_changed_its_mind), TEST(test_unknown_kind_is_refused),
        TEST(test_taken_over),      TEST(test_readers_and_a_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Listings: order of awkward keys, and paging against a model that works on a sorted array. The random cases have a
 * fixed seed; each compares every page size with the whole listing. */
#include "tests/unit/meta/support.h"

#define KEYS_MAX 400

struct model {
    struct support *support;
    const struct meta_bucket *bucket;
    char *keys[KEYS_MAX]; /* sorted, unique */
    size_t count;
    unsigned seed;
};

static unsigned model_random(struct model *model, unsigned below)
{
    model->seed = model->seed * 1103515245u + 12345u;
    return (model->seed >> 16) % below;
}

static int compare_keys(const void *a, const void *b)
{
    return bytes_compare(bytes_from_str(*(char *const *)a), bytes_from_str(*(char *const *)b));
}

static void model_add(struct model *model, const char *key)
{
    for (size_t i = 0; i < model->count; i++)
        if (strcmp(model->keys[i], key) == 0)
            return;
    assert_true(model->count < KEYS_MAX);
    OK(support_put(model->support, model->bucket, key, 1, (int)model->count, NULL, NULL));
    model->keys[model->count++] = mem_strdup(key);
    qsort(model->keys, model->count, sizeof(*model->keys), compare_keys);
}

static void model_release(struct model *model)
{
    for (size_t i = 0; i < model->count; i++)
        free(model->keys[i]);
}

/* What a whole listing must show: the naive way, key by key. */
static size_t model_list(const struct model *model, struct bytes prefix, struct bytes delimiter, struct bytes after,
                         struct bytes *out)
{
    size_t count = 0;
    for (size_t i = 0; i < model->count; i++) {
        struct bytes key = bytes_from_str(model->keys[i]), shown = key;
        if (!bytes_starts_with(key, prefix) || bytes_compare(key, after) <= 0)
            continue;
        for (size_t at = prefix.len; delimiter.len && at + delimiter.len <= key.len; at++)
            if (memcmp(key.data + at, delimiter.data, delimiter.len) == 0) {
                shown.len = at + delimiter.len;
                break;
            }
        if (bytes_compare(shown, after) <= 0) /* of common prefixes too, only those behind the marker are listed */
            continue;
        if (count == 0 || !bytes_equal(out[count - 1], shown))
            out[count++] = shown;
    }
    return count;
}

static void check_paging(struct model *model, const char *prefix, const char *delimiter, const char *after,
                         unsigned max)
{
    struct bytes expected[KEYS_MAX];
    struct meta_list_query query = {.bucket = model->bucket->id,
                                    .prefix = bytes_from_str(prefix),
                                    .delimiter = bytes_from_str(delimiter),
                                    .after = bytes_from_str(after),
                                    .max = max};
    size_t count = model_list(model, query.prefix, query.delimiter, query.after, expected), seen = 0;
    struct buffer last;
    struct meta_list_page page;

    buffer_init(&last, META_KEY_MAX);
    do {
        OK(meta_list(model->support->meta, &query, &page));
        assert_true(page.count <= max);
        for (size_t i = 0; i < page.count; i++) {
            assert_true(seen < count);
            if (!bytes_equal(page.entries[i].key, expected[seen]))
                print_error("prefix '%s' delimiter '%s' after '%s' max %u: '%.*s' instead of '%.*s'\n", prefix,
                            delimiter, after, max, (int)page.entries[i].key.len, page.entries[i].key.data,
                            (int)expected[seen].len, expected[seen].data);
            assert_true(bytes_equal(page.entries[i].key, expected[seen]));
            if (!page.entries[i].is_prefix)
                assert_int_equal(page.entries[i].object.size, 100);
            seen++;
        }
        assert_int_equal(page.truncated, seen < count);
        if (page.count > 0) {
            buffer_clear(&last);
            (void)buffer_append_bytes(&last, page.entries[page.count - 1].key);
            query.after = buffer_bytes(&last);
        }
        bool more = page.truncated;
        meta_list_page_release(&page);
        if (!more)
            break;
    } while (seen <= count);
    assert_int_equal(seen, count);
    buffer_release(&last);
}

static void test_order(void **state)
{
    struct support *s = *state;
    struct model model = {.support = s, .bucket = &s->versioned};
    static const char *const keys[] = {
        "a",   "a/b",  "a//", "a/",   "a\x01", "ab",       "a/b/c", "b", "/",       "//",     ".",     "..", "a b",
        "a+b", "a%2f", "ä",   "日本", "\xff",  "\xff\xff", "a\xff", "A", "a\x01/x", "a/\x01", "a/ä/1", "~"};
    static const char *const prefixes[] = {"", "a", "a/", "a//", "/", "\xff", "none", "a\xff", "a/b/c/d"};
    static const char *const delimiters[] = {"", "/", "//", "b", "a", "\xff", "ä"};
    static const char *const afters[] = {"", "a", "a/", "a/b", "a//", "a\x01", "\xff", "\xff\xff", "zzz", "a/a"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        model_add(&model, keys[i]);
    for (size_t p = 0; p < sizeof(prefixes) / sizeof(*prefixes); p++)
        for (size_t d = 0; d < sizeof(delimiters) / sizeof(*delimiters); d++)
            for (size_t a = 0; a < sizeof(afters) / sizeof(*afters); a++)
                for (unsigned max = 1; max <= 30; max += max < 4 ? 1 : 13)
                    check_paging(&model, prefixes[p], delimiters[d], afters[a], max);
    model_release(&model);
}

static void test_random_paging(void **state)
{
    struct support *s = *state;
    struct model model = {.support = s, .bucket = &s->plain, .seed = 20261122};
    static const char letters[] = "ab/\x01\xff";
    char key[16];

    for (unsigned i = 0; i < 300; i++) {
        unsigned len = 1 + model_random(&model, 7);
        for (unsigned j = 0; j < len; j++)
            key[j] = letters[model_random(&model, sizeof(letters) - 1)];
        key[len] = '\0';
        model_add(&model, key);
    }
    for (unsigned max = 1; max <= model.count + 1; max++)
        check_paging(&model, "", "/", "", max);
    for (unsigned i = 0; i < 400; i++) {
        char prefix[4] = {0}, after[5] = {0};
        for (unsigned j = model_random(&model, 4); j-- > 0;)
            prefix[j] = letters[model_random(&model, sizeof(letters) - 1)];
        for (unsigned j = model_random(&model, 5); j-- > 0;)
            after[j] = letters[model_random(&model, sizeof(letters) - 1)];
        check_paging(&model, prefix, i % 3 ? (i % 3 == 1 ? "/" : "b/") : "", after, 1 + model_random(&model, 50));
    }
    model_release(&model);
}

static void test_shows_current_only(void **state)
{
    struct support *s = *state;
    struct meta_list_query query = {.bucket = s->versioned.id, .max = 5000};
    struct meta_list_page page;
    struct meta_object old;

    OK(support_put(s, &s->versioned, "k", 1, 1, NULL, &old));
    OK(support_put(s, &s->versioned, "k", 3, 2, NULL, NULL));
    OK(support_put(s, &s->versioned, "gone", 3, 2, NULL, NULL));
    OK(support_delete(s, &s->versioned, "gone", NULL, NULL));
    OK(meta_list(s->meta, &query, &page));
    assert_int_equal(page.count, 1);
    assert_int_equal(page.entries[0].object.size, 300);
    assert_int_equal(page.entries[0].object.etag_md5[3], 2);
    assert_int_equal(page.entries[0].object.number, 2);
    assert_true(page.entries[0].object.latest && !page.truncated);
    meta_list_page_release(&page);
    query.max = 0;
    OK(meta_list(s->meta, &query, &page));
    assert_true(page.count == 0 && !page.truncated);
    meta_list_page_release(&page);
    query.max = 1;
    query.prefix = bytes_of(mem_zalloc(META_KEY_MAX + 1), META_KEY_MAX + 1);
    memset((char *)query.prefix.data, 'k', query.prefix.len);
    OK(meta_list(s->meta, &query, &page)); /* longer than any key */
    assert_int_equal(page.count, 0);
    meta_list_page_release(&page);
    free((char *)query.prefix.data);
}

/* Pages through versions with every page size and compares with one page of all. */
static void test_versions(void **state)
{
    struct support *s = *state;
    static const char *const keys[] = {"a", "a/1", "a/2", "ab", "b"};
    struct meta_list_query query = {.bucket = s->versioned.id, .max = 1000};
    struct meta_list_page all, page;

    for (int i = 0; i < 12; i++)
        OK(support_put(s, &s->versioned, keys[i * 7 % 5], (size_t)i, i, NULL, NULL));
    OK(support_delete(s, &s->versioned, "ab", NULL, NULL));
    OK(meta_list_versions(s->meta, &query, &all));
    assert_int_equal(all.count, 13);
    for (size_t i = 0; i < all.count; i++) {
        bool first = i == 0 || !bytes_equal(all.entries[i].key, all.entries[i - 1].key);
        assert_int_equal(all.entries[i].object.latest, first);
        if (!first)
            assert_true(all.entries[i].object.sequence < all.entries[i - 1].object.sequence);
        assert_int_equal(all.entries[i].object.delete_marker, first && bytes_equal_str(all.entries[i].key, "ab"));
    }
    for (unsigned max = 1; max < 14; max++) {
        size_t seen = 0;
        query = (struct meta_list_query){.bucket = s->versioned.id, .max = max};
        do {
            OK(meta_list_versions(s->meta, &query, &page));
            for (size_t i = 0; i < page.count; i++, seen++) {
                assert_true(bytes_equal(page.entries[i].key, all.entries[seen].key));
                assert_string_equal(page.entries[i].object.version_id, all.entries[seen].object.version_id);
                assert_int_equal(page.entries[i].object.latest, all.entries[seen].object.latest);
            }
            assert_int_equal(page.truncated, seen < all.count);
            meta_list_page_release(&page);
            query.after = all.entries[seen - 1].key;
            query.after_version = bytes_from_str(all.entries[seen - 1].object.version_id);
        } while (seen < all.count);
    }
    query =
        (struct meta_list_query){.bucket = s->versioned.id, .max = 10, .delimiter = BYTES("/"), .after = BYTES("a")};
    OK(meta_list_versions(s->meta, &query, &page));
    assert_true(page.entries[0].is_prefix && bytes_equal_str(page.entries[0].key, "a/"));
    assert_true(bytes_equal_str(page.entries[1].key, "ab"));
    meta_list_page_release(&page);
    query.after = BYTES("a/1"); /* under a common prefix, which is not listed again */
    query.after_version = bytes_from_str(all.entries[3].object.version_id);
    OK(meta_list_versions(s->meta, &query, &page));
    assert_true(bytes_equal_str(page.entries[0].key, "ab"));
    meta_list_page_release(&page);
    query.after = BYTES("a");
    query.after_version = BYTES("malformed");
    assert_int_equal(meta_list_versions(s->meta, &query, &page), STATUS_INVALID);
    meta_list_page_release(&all);
}

/* A marker whose version was deleted in between still works, and what follows may be the latest. */
static void test_versions_after_deleted(void **state)
{
    struct support *s = *state;
    struct meta_object one, two, three;
    struct meta_list_page page;

    OK(support_put(s, &s->versioned, "k", 1, 1, NULL, &one));
    OK(support_put(s, &s->versioned, "k", 1, 2, NULL, &two));
    OK(support_put(s, &s->versioned, "k", 1, 3, NULL, &three));
    OK(support_delete(s, &s->versioned, "k", three.version_id, NULL));
    struct meta_list_query query = {
        .bucket = s->versioned.id, .max = 10, .after = BYTES("k"), .after_version = bytes_from_str(three.version_id)};
    OK(meta_list_versions(s->meta, &query, &page));
    assert_int_equal(page.count, 2);
    assert_string_equal(page.entries[0].object.version_id, two.version_id);
    assert_true(page.entries[0].object.latest && !page.entries[1].object.latest);
    meta_list_page_release(&page);
    query.after_version = bytes_from_str(two.version_id);
    OK(meta_list_versions(s->meta, &query, &page));
    assert_int_equal(page.count, 1);
    assert_string_equal(page.entries[0].object.version_id, one.version_id);
    assert_false(page.entries[0].object.latest);
    meta_list_page_release(&page);
    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL));
    OK(support_put(s, &s->plain, "k2", 1, 1, NULL, NULL));
    query =
        (struct meta_list_query){.bucket = s->plain.id, .max = 10, .after = BYTES("k"), .after_version = BYTES("null")};
    OK(meta_list_versions(s->meta, &query, &page));
    assert_int_equal(page.count, 1);
    assert_true(bytes_equal_str(page.entries[0].key, "k2"));
    assert_string_equal(page.entries[0].object.version_id, "null");
    meta_list_page_release(&page);
}

/* The rows of a page are its own: the caller makes the next marker from the last one, in the memory of this one. */
static void test_page_outlives_marker(void **state)
{
    struct support *s = *state;
    struct meta_list_page page;
    struct meta_object newest;
    char marker[] = "k";

    for (int i = 0; i < 3; i++)
        OK(support_put(s, &s->versioned, "k", 1, i, NULL, &newest));
    struct meta_list_query query = {.bucket = s->versioned.id,
                                    .max = 1,
                                    .after = bytes_from_str(marker),
                                    .after_version = bytes_from_str(newest.version_id)};
    OK(meta_list_versions(s->meta, &query, &page));
    memset(marker, 'x', sizeof(marker));
    assert_true(bytes_equal_str(page.entries[0].key, "k"));
    assert_true(page.truncated && page.entries[0].object.number == 2);
    meta_list_page_release(&page);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_order),    TEST(test_random_paging),          TEST(test_shows_current_only),
        TEST(test_versions), TEST(test_versions_after_deleted), TEST(test_page_outlives_marker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Quotas: what passes, what is refused, and that what counts is exact after whatever was done, also over a restart. */
#include "tests/unit/meta/support.h"

#include "meta/quota.h"

#define BUCKET "bounded"

/* "BYTES VERSIONS", or "-" for no bound. */
static enum status parse_quota(struct bytes document, void **parsed)
{
    unsigned long long bytes, versions;
    struct meta_quota *quota = mem_alloc(sizeof(*quota));

    *quota = (struct meta_quota){META_QUOTA_NONE, META_QUOTA_NONE};
    if (sscanf(document.data, "%llu %llu", &bytes, &versions) == 2)
        *quota = (struct meta_quota){bytes, versions};
    else if (sscanf(document.data, "%llu", &bytes) == 1)
        quota->bytes = bytes;
    *parsed = quota;
    return document.data[0] == '!' ? (free(quota), STATUS_INVALID) : STATUS_OK;
}

static const struct meta_setting_kind kinds[] = {{3, "quota", 100, parse_quota, free}};

static void open_with_quotas(struct support *s)
{
    const struct meta_options options = {.path = s->path,
                                         .store = s->memory,
                                         .cluster_id = support_cluster,
                                         .pool = s->pool,
                                         .cache_bytes = 1 << 20,
                                         .setting_kinds = kinds,
                                         .setting_kind_count = 1,
                                         .quota_kind = 3};
    if (s->meta)
        meta_close(s->meta);
    OK(meta_open(&options, &s->meta));
}

static struct meta_bucket bucket_now(struct support *s)
{
    struct meta_bucket bucket;

    OK(meta_bucket_get(s->meta, KEY(BUCKET), &bucket));
    return bucket;
}

static void set_quota(struct support *s, const char *document)
{
    const struct meta_setting_change change = {3, document ? KEY(document) : (struct bytes){0}};
    const struct meta_settings_update update = {.changes = &change, .count = 1};

    OK(meta_bucket_settings_update(s->meta, bucket_now(s).id, &update));
}

static int setup(void **state)
{
    support_setup(state);
    struct support *s = *state;
    open_with_quotas(s);
    OK(meta_bucket_create(s->meta, KEY(BUCKET), false, BYTES(""), NULL));
    return 0;
}

/* An object of that size; it has no chunks when it is empty. */
static enum status put(struct support *s, const char *key, uint32_t size)
{
    struct meta_object object = {.size = size};
    struct chunk_list chunks = {0};
    struct chunk_ref ref = support_chunk(size, 3);

    if (size > 0)
        chunk_list_append(&chunks, &ref);
    enum status status = meta_object_put(s->meta, bucket_now(s).id, KEY(key), &object, &chunks, NULL);
    chunk_list_release(&chunks);
    return status;
}

static void remove_object(struct support *s, const char *key)
{
    const struct meta_version latest = {0};
    struct meta_deletion deleted;

    OK(meta_object_delete(s->meta, bucket_now(s).id, KEY(key), &latest, NULL, NULL, &deleted));
}

static void assert_holds(struct support *s, uint64_t bytes, uint64_t versions, uint64_t upload_bytes)
{
    const struct meta_bucket bucket = bucket_now(s);

    assert_int_equal(bucket.bytes, bytes);
    assert_int_equal(bucket.versions, versions);
    assert_int_equal(bucket.upload_bytes, upload_bytes);
}

static void test_bytes(void **state)
{
    struct support *s = *state;

    OK(put(s, "a", 60));
    set_quota(s, "100");
    assert_int_equal(put(s, "b", 41), STATUS_QUOTA);
    assert_holds(s, 60, 1, 0);
    OK(put(s, "b", 40));
    OK(put(s, "c", 0)); /* nothing more of what is bounded */
    assert_int_equal(put(s, "a", 61), STATUS_QUOTA);
    OK(put(s, "a", 59));
    OK(put(s, "a", 60));
    set_quota(s, "10"); /* it is beyond that now */
    OK(put(s, "a", 50));
    OK(put(s, "a", 50));
    assert_int_equal(put(s, "a", 51), STATUS_QUOTA);
    open_with_quotas(s);
    assert_int_equal(put(s, "d", 1), STATUS_QUOTA);
    remove_object(s, "a");
    remove_object(s, "b");
    OK(put(s, "d", 10));
    assert_int_equal(put(s, "e", 1), STATUS_QUOTA);
    set_quota(s, NULL);
    OK(put(s, "e", 1000));
}

static void test_versions(void **state)
{
    struct support *s = *state;

    set_quota(s, "1000 2");
    OK(put(s, "a", 1));
    OK(put(s, "b", 1));
    assert_int_equal(put(s, "c", 0), STATUS_QUOTA);
    OK(put(s, "a", 5)); /* in its place */
    OK(meta_bucket_set_versioning(s->meta, bucket_now(s).id, false, NULL));
    assert_int_equal(put(s, "a", 1), STATUS_QUOTA); /* beside it */
    remove_object(s, "a");                          /* by a marker, which is never refused */
    assert_holds(s, 6, 3, 0);
    assert_int_equal(put(s, "a", 1), STATUS_QUOTA);
}

static struct meta_upload begin(struct support *s, const char *key)
{
    struct meta_upload upload = {.bucket = bucket_now(s).id, .key = KEY(key)};

    OK(meta_upload_create(s->meta, &upload));
    return upload;
}

static enum status put_part(struct support *s, const struct meta_upload *upload, unsigned number, uint32_t size)
{
    struct meta_part part = {.number = number, .size = size};
    struct chunk_list chunks = {0};
    struct chunk_ref ref = support_chunk(size, 3);

    chunk_list_append(&chunks, &ref);
    enum status status = meta_part_put(s->meta, upload, &part, &chunks);
    chunk_list_release(&chunks);
    return status;
}

static enum status decide(void *arg, const struct meta_part *const *parts, size_t count, struct meta_object *object)
{
    (void)arg, (void)parts, (void)count;
    object->etag_parts = 1;
    return STATUS_OK;
}

static void test_parts_of_uploads(void **state)
{
    static const unsigned first[] = {1};
    struct support *s = *state;
    struct meta_object object;

    set_quota(s, "100");
    OK(put(s, "a", 20));
    struct meta_upload one = begin(s, "a"), two = begin(s, "b");
    OK(put_part(s, &one, 1, 30));
    OK(put_part(s, &one, 2, 20));
    OK(put_part(s, &two, 1, 30));
    assert_holds(s, 20, 1, 80);
    assert_int_equal(put_part(s, &two, 2, 1), STATUS_QUOTA);
    assert_int_equal(put(s, "c", 1), STATUS_QUOTA);
    OK(put_part(s, &two, 1, 25)); /* in the place of the other */
    assert_int_equal(put_part(s, &two, 1, 31), STATUS_QUOTA);
    assert_holds(s, 20, 1, 75);
    open_with_quotas(s);
    assert_holds(s, 20, 1, 75);
    assert_int_equal(put_part(s, &two, 2, 6), STATUS_QUOTA);
    OK(meta_upload_complete(s->meta, &one, first, 1, NULL, decide, NULL, &object)); /* without its second part */
    meta_object_release(&object);
    assert_holds(s, 30, 1, 25);
    OK(meta_upload_abort(s->meta, &two));
    assert_holds(s, 30, 1, 0);
    OK(put(s, "c", 70));
    open_with_quotas(s);
    assert_holds(s, 100, 2, 0);
}

static void test_a_quota_that_cannot_be_read_lets_nothing_in(void **state)
{
    static const struct meta_setting_kind strict[] = {{3, "quota", 100, support_parse, free}};
    struct support *s = *state;
    const struct meta_options options = {.path = s->path,
                                         .store = s->memory,
                                         .cluster_id = support_cluster,
                                         .pool = s->pool,
                                         .cache_bytes = 1 << 20,
                                         .setting_kinds = strict,
                                         .setting_kind_count = 1,
                                         .quota_kind = 3};

    OK(put(s, "a", 1));
    set_quota(s, "100");
    meta_close(s->meta);
    support_refuses = true;
    OK(meta_open(&options, &s->meta));
    support_refuses = false;
    assert_int_equal(put(s, "b", 1), STATUS_INTERNAL);
    remove_object(s, "a");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_bytes),
        TEST(test_versions),
        TEST(test_parts_of_uploads),
        TEST(test_a_quota_that_cannot_be_read_lets_nothing_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

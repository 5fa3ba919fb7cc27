/* The tags of a bucket, as a setting: made, given back, replaced, removed, and refused without a trace. */
#include "tests/unit/gateway/fixture.h"

#define TAGGING(key) "<Tagging><TagSet><Tag><Key>" key "</Key><Value>v</Value></Tag></TagSet></Tagging>"
#define KEPT(key)                                                                                                      \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"          \
    "<TagSet><Tag><Key>" key "</Key><Value>v</Value></Tag></TagSet></Tagging>"
#define CREATE(tags) "<CreateBucketConfiguration><Tags>" tags "</Tags></CreateBucketConfiguration>"

static int setup(void **state)
{
    fixture_setup(state);
    return ask(*state, ROOT, "PUT", "/bucket", "", "") == 200 ? 0 : -1;
}

static void assert_kept(struct fixture *f, const char *target, const char *document)
{
    assert_answer(f, ROOT, "GET", target, "", NULL, 200, "");
    assert_string_equal(f->answer.body, document);
}

static void they_are_made_replaced_and_removed(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "GET", "/bucket?tagging=", "", NULL, 404, "NoSuchTagSet");
    assert_document_put(f, ROOT, "/bucket?tagging=", TAGGING("a"), 204, "");
    assert_kept(f, "/bucket?tagging=", KEPT("a"));
    assert_document_put(f, ROOT, "/bucket?tagging=", TAGGING("b"), 204, "");
    assert_kept(f, "/bucket?tagging=", KEPT("b"));
    assert_document_put(f, ROOT, "/bucket?tagging=", "<Tagging><TagSet/></Tagging>", 204, "");
    assert_answer(f, ROOT, "GET", "/bucket?tagging=", "", NULL, 404, "NoSuchTagSet");
    assert_document_put(f, ROOT, "/bucket?tagging=", TAGGING("c"), 204, "");
    assert_answer(f, ROOT, "DELETE", "/bucket?tagging=", "", NULL, 204, "");
    assert_answer(f, ROOT, "DELETE", "/bucket?tagging=", "", NULL, 204, "");
    assert_answer(f, ROOT, "GET", "/bucket?tagging=", "", NULL, 404, "NoSuchTagSet");
}

static void what_is_refused_changes_nothing(void **state)
{
    struct fixture *f = *state;

    assert_document_put(f, ROOT, "/bucket?tagging=", TAGGING("a"), 204, "");
    assert_document_put(f, ROOT, "/bucket?tagging=", "<Tagging/>", 400, "MalformedXML");
    assert_document_put(f, ROOT, "/bucket?tagging=", "", 400, "MalformedXML");
    assert_document_put(f, ROOT, "/bucket?tagging=", TAGGING("aws:a"), 400, "InvalidTag");
    assert_answer(f, ROOT, "PUT", "/bucket?tagging=", "", TAGGING("b"), 400, "InvalidRequest"); /* without a digest */
    assert_answer(f, ROOT, "PUT", "/bucket?tagging=", "Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==\r\n", TAGGING("b"), 400,
                  "BadDigest");
    assert_document_put(f, ANONYMOUS, "/bucket?tagging=", TAGGING("b"), 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket?tagging=", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "DELETE", "/bucket?tagging=", "", NULL, 403, "AccessDenied");
    assert_document_put(f, ROOT, "/none?tagging=", TAGGING("b"), 404, "NoSuchBucket");
    f->disk_is_full = true;
    fixture_look_at_disk(f);
    assert_document_put(f, ROOT, "/bucket?tagging=", TAGGING("b"), 507, "InsufficientStorage");
    assert_kept(f, "/bucket?tagging=", KEPT("a"));
}

static void they_are_changed_on_a_full_disk(void **state)
{
    struct fixture *f = *state;

    f->disk_is_low = true;
    fixture_look_at_disk(f);
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "data", 507, "InsufficientStorage");
    assert_document_put(f, ROOT, "/bucket?tagging=", TAGGING("a"), 204, "");
    assert_kept(f, "/bucket?tagging=", KEPT("a"));
    assert_document_put(f, ROOT, "/bucket?versioning=",
                        "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", 200, "");
    assert_answer(f, ROOT, "DELETE", "/bucket?tagging=", "", NULL, 204, "");
}

static void a_bucket_is_created_with_them_or_not_at_all(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/new-one", "", CREATE("<Tag><Key>aws:a</Key><Value>v</Value></Tag>"), 400,
                  "InvalidTag");
    assert_answer(f, ROOT, "PUT", "/new-one", "", CREATE("<Tag><Key>a</Key></Tag>"), 400, "MalformedXML");
    assert_answer(f, ROOT, "GET", "/new-one?tagging=", "", NULL, 404, "NoSuchBucket");
    assert_answer(f, ROOT, "PUT", "/new-one", "", CREATE("<Tag><Key>a</Key><Value>v</Value></Tag>"), 200, "");
    assert_kept(f, "/new-one?tagging=", KEPT("a"));
    assert_answer(f, ROOT, "GET", "/bucket?tagging=", "", NULL, 404, "NoSuchTagSet"); /* another one's */
    assert_answer(f, ROOT, "DELETE", "/new-one", "", NULL, 204, "");
    assert_answer(f, ROOT, "PUT", "/new-one", "", "", 200, "");
    assert_answer(f, ROOT, "GET", "/new-one?tagging=", "", NULL, 404, "NoSuchTagSet");
}

static void a_bucket_created_again_has_them_already(void **state)
{
    struct fixture *f = *state;
    const char *both = CREATE("<Tag><Key>a</Key><Value>v</Value></Tag><Tag><Key>b</Key><Value>w</Value></Tag>");

    assert_answer(f, ROOT, "PUT", "/new-one", "", both, 200, "");
    assert_answer(f, ROOT, "PUT", "/new-one", "", both, 200, "");
    assert_answer(f, ROOT, "PUT", "/new-one", "",
                  CREATE("<Tag><Key>b</Key><Value>w</Value></Tag><Tag><Key>a</Key><Value>v</Value></Tag>"), 200, "");
    assert_answer(f, ROOT, "PUT", "/new-one", "", "", 200, "");
    assert_answer(f, ROOT, "PUT", "/new-one", "", CREATE("<Tag><Key>a</Key><Value>v</Value></Tag>"), 409,
                  "BucketAlreadyOwnedByYou");
    assert_answer(f, ROOT, "PUT", "/new-one", "",
                  CREATE("<Tag><Key>a</Key><Value>v</Value></Tag><Tag><Key>b</Key><Value>v</Value></Tag>"), 409,
                  "BucketAlreadyOwnedByYou");
    assert_answer(f, ROOT, "PUT", "/bucket", "", both, 409, "BucketAlreadyOwnedByYou");
    assert_answer(f, ROOT, "GET", "/bucket?tagging=", "", NULL, 404, "NoSuchTagSet");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(they_are_made_replaced_and_removed, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_changes_nothing, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(they_are_changed_on_a_full_disk, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_bucket_is_created_with_them_or_not_at_all, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_bucket_created_again_has_them_already, setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

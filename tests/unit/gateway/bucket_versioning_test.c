/* The versioning of a bucket through S3: its three states, what each makes of a PUT and a DELETE, and what is refused.
 */
#include "tests/unit/gateway/fixture.h"

#define CONFIGURATION(elements) "<VersioningConfiguration>" elements "</VersioningConfiguration>"
#define STATUS(text)            CONFIGURATION("<Status>" text "</Status>")
#define NO_STATUS               "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>"

static int setup(void **state)
{
    fixture_setup(state);
    return ask(*state, ROOT, "PUT", "/bucket", "", "") == 200 ? 0 : -1;
}

static void assert_status(struct fixture *f, const char *status)
{
    char element[64];

    snprintf(element, sizeof(element), "<Status>%s</Status>", status ? status : "");
    assert_answer(f, ROOT, "GET", "/bucket?versioning=", "", NULL, 200, "");
    assert_int_equal(strstr(f->answer.body, status ? element : "<Status>") != NULL, status != NULL);
}

/* The version that the last answer names; NULL: none. */
static const char *version(struct fixture *f)
{
    return answer_header(&f->answer, "x-amz-version-id");
}

static void assert_version(struct fixture *f, const char *expected)
{
    assert_int_equal(version(f) != NULL, expected != NULL);
    if (expected)
        assert_string_equal(version(f), expected);
}

static void the_states(void **state)
{
    struct fixture *f = *state;

    assert_status(f, NULL);
    assert_document_put(f, ROOT, "/bucket?versioning=", STATUS("Enabled"), 200, "");
    assert_status(f, "Enabled");
    assert_document_put(f, ROOT, "/bucket?versioning=", STATUS("Suspended"), 200, "");
    assert_document_put(f, ROOT, "/bucket?versioning=", STATUS("Suspended"), 200, "");
    assert_status(f, "Suspended");
    assert_document_put(f, ROOT,
                        "/bucket?versioning=", CONFIGURATION("<MfaDelete>Disabled</MfaDelete><Status>Enabled</Status>"),
                        200, "");
    assert_status(f, "Enabled");
}

static void what_is_refused_changes_nothing(void **state)
{
    struct fixture *f = *state;

    assert_document_put(f, ROOT, "/bucket?versioning=", "", 400, "MalformedXML");
    assert_document_put(f, ROOT, "/bucket?versioning=", STATUS("Off"), 400, "MalformedXML");
    assert_document_put(f, ROOT, "/bucket?versioning=", NO_STATUS, 400, "IllegalVersioningConfigurationException");
    assert_document_put(f, ROOT,
                        "/bucket?versioning=", CONFIGURATION("<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>"),
                        501, "NotImplemented");
    assert_non_null(strstr(f->answer.body, "MfaDelete"));
    assert_document_put(f, ROOT, "/none?versioning=", STATUS("Enabled"), 404, "NoSuchBucket");
    assert_document_put(f, ANONYMOUS, "/bucket?versioning=", STATUS("Enabled"), 403, "AccessDenied");
    assert_status(f, NULL);
    assert_document_put(f, ROOT, "/files?versioning=", STATUS("Suspended"), 409, "InvalidBucketState");
    assert_document_put(f, ROOT, "/files?versioning=", STATUS("Enabled"), 200, "");
}

static void suspended_writes_are_null_versions(void **state)
{
    struct fixture *f = *state;
    char kept[64], target[128];

    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "before", 200, "");
    assert_version(f, NULL);
    assert_document_put(f, ROOT, "/bucket?versioning=", STATUS("Enabled"), 200, "");
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 200, "");
    assert_version(f, "null");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "kept", 200, "");
    assert_non_null(version(f));
    snprintf(kept, sizeof(kept), "%.63s", version(f));
    assert_answer(f, ROOT, "GET", "/bucket/k?versionId=null", "", NULL, 200, "");
    assert_string_equal(f->answer.body, "before");

    assert_document_put(f, ROOT, "/bucket?versioning=", STATUS("Suspended"), 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "after", 200, "");
    assert_version(f, NULL);
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 200, "");
    assert_string_equal(f->answer.body, "after");
    assert_version(f, "null");
    snprintf(target, sizeof(target), "/bucket/k?versionId=%s", kept);
    assert_answer(f, ROOT, "GET", target, "", NULL, 200, "");
    assert_string_equal(f->answer.body, "kept");
    assert_version(f, kept);

    assert_answer(f, ROOT, "DELETE", "/bucket/k", "", NULL, 204, "");
    assert_version(f, "null");
    assert_string_equal(answer_header(&f->answer, "x-amz-delete-marker"), "true");
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 404, "NoSuchKey");
    assert_string_equal(answer_header(&f->answer, "x-amz-delete-marker"), "true");
    assert_version(f, "null");
    assert_answer(f, ROOT, "GET", "/bucket?versions=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<DeleteMarker><Key>k</Key><VersionId>null</VersionId>"));
    assert_null(strstr(f->answer.body, "<Version><Key>k</Key><VersionId>null</VersionId>"));
    assert_non_null(strstr(f->answer.body, kept));
    assert_answer(f, ROOT, "DELETE", "/bucket/k?versionId=null", "", NULL, 204, "");
    assert_version(f, "null");
    assert_string_equal(answer_header(&f->answer, "x-amz-delete-marker"), "true");
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 200, "");
    assert_string_equal(f->answer.body, "kept");
}

static void what_belongs_to_an_object_a_marker_has_not(void **state)
{
    static const struct {
        const char *method, *resource;
    } asked[] = {
        {"GET", "acl="}, {"GET", "legal-hold="}, {"GET", "retention="}, {"GET", "tagging="}, {"DELETE", "tagging="}};
    struct fixture *f = *state;
    char target[128], id[64];

    assert_document_put(f, ROOT, "/bucket?versioning=", STATUS("Enabled"), 200, "");
    assert_document_put(f, ROOT, "/bucket?object-lock=",
                        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"
                        "</ObjectLockConfiguration>",
                        200, "");
    assert_answer(f, ROOT, "DELETE", "/bucket/k", "", NULL, 204, "");
    snprintf(id, sizeof(id), "%.63s", version(f));
    for (unsigned i = 0; i < 10; i++) {
        bool named = i % 2;
        snprintf(target, sizeof(target), "/bucket/k?%s%s%s", asked[i / 2].resource, named ? "&versionId=" : "",
                 named ? id : "");
        assert_answer(f, ROOT, asked[i / 2].method, target, "", NULL, 405, "MethodNotAllowed");
        assert_string_equal(answer_header(&f->answer, "x-amz-delete-marker"), "true");
        assert_version(f, id);
    }
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 404, "NoSuchKey");
    assert_answer(f, ROOT, "GET", "/bucket/other?acl=", "", NULL, 404, "NoSuchKey");
}

static void ids_of_a_bucket_that_never_had_any(void **state)
{
    struct fixture *f = *state;
    const char *id = "/bucket/k?versionId=00000000000000070000000000000001";

    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "x", 200, "");
    assert_answer(f, ROOT, "GET", id, "", NULL, 400, "InvalidArgument");
    assert_answer(f, ROOT, "DELETE", id, "", NULL, 400, "InvalidArgument");
    assert_answer(f, ROOT, "GET", "/bucket/k?versionId=null", "", NULL, 200, "");
    assert_document_put(f, ROOT, "/bucket?versioning=", STATUS("Enabled"), 200, "");
    assert_answer(f, ROOT, "GET", id, "", NULL, 404, "NoSuchVersion");
    assert_answer(f, ROOT, "DELETE", id, "", NULL, 204, "");
    assert_version(f, strchr(id, '=') + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_states),
        TEST(what_is_refused_changes_nothing),
        TEST(suspended_writes_are_null_versions),
        TEST(what_belongs_to_an_object_a_marker_has_not),
        TEST(ids_of_a_bucket_that_never_had_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Tags of objects: every way in which they come and are given back, what of them is refused, whom they let in, and that
 * nobody sees them without the right to. */
#include "tests/unit/gateway/fixture.h"

#include <stdio.h>
#include <string.h>

#define TAG(key, value) "<Tag><Key>" key "</Key><Value>" value "</Value></Tag>"
#define TAGGING(tags)   "<Tagging><TagSet>" tags "</TagSet></Tagging>"
#define ENABLED         "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
#define ALLOW(action)                                                                                                  \
    "{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"" action "\",\"Resource\":\"arn:aws:s3:::bucket/*\"}"
#define WHEN(effect, action, block)                                                                                    \
    "{\"Effect\":\"" effect "\",\"Principal\":\"*\",\"Action\":\"" action                                              \
    "\",\"Resource\":\"arn:aws:s3:::bucket/*\",\"Condition\":{" block "}}"
#define POLICY(statements) "{\"Statement\":[" statements "]}"

static int setup(void **state)
{
    struct fixture *f;

    fixture_setup(state);
    f = *state;
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket", "", ""), 200);
    assert_int_equal(ask(f, ROOT, "DELETE", "/bucket?publicAccessBlock=", "", NULL), 204);
    return 0;
}

/* The tags that there are, in this form and order. */
static void assert_tags(struct fixture *f, const char *target, const char *tags)
{
    assert_answer(f, ROOT, "GET", target, "", NULL, 200, "");
    if (!strstr(f->answer.body, tags) || (tags[0] == '\0' && strstr(f->answer.body, "<Tag>")))
        fail_msg("%s: %s", target, f->answer.body);
}

static void they_come_with_a_write(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-tagging: a=1&b+c=%C3%BC\r\n", "data", 200, "");
    assert_tags(f, "/bucket/k?tagging=", "<TagSet>" TAG("a", "1") TAG("b c", "\xc3\xbc") "</TagSet>");
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 200, "");
    assert_string_equal(answer_header(&f->answer, "x-amz-tagging-count"), "2");
    assert_answer(f, ROOT, "HEAD", "/bucket/k", "", NULL, 200, "");
    assert_string_equal(answer_header(&f->answer, "x-amz-tagging-count"), "2");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "data", 200, ""); /* another object */
    assert_tags(f, "/bucket/k?tagging=", "");
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 200, "");
    assert_null(answer_header(&f->answer, "x-amz-tagging-count"));
    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-tagging: a=1&a=2\r\n", "data", 400, "InvalidArgument");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-tagging: aws%3Aa=1\r\n", "data", 400, "InvalidTag");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-tagging: 1&2&3&4&5&6&7&8&9&10&11\r\n", "data", 400, "BadRequest");
    assert_answer(f, ROOT, "PUT", "/bucket/k?x-amz-tagging=c%3D3", "", "data", 200, "");
    assert_tags(f, "/bucket/k?tagging=", "<TagSet>" TAG("c", "3") "</TagSet>");
}

static void a_copy_takes_them_with_it(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-tagging: a=1\r\n", "data", 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/copy", "x-amz-copy-source: /bucket/k\r\n", "", 200, "");
    assert_tags(f, "/bucket/copy?tagging=", "<TagSet>" TAG("a", "1") "</TagSet>");
    assert_answer(f, ROOT, "PUT", "/bucket/copy",
                  "x-amz-copy-source: /bucket/k\r\nx-amz-tagging: b=2\r\nx-amz-tagging-directive: COPY\r\n", "", 200,
                  "");
    assert_tags(f, "/bucket/copy?tagging=", "<TagSet>" TAG("a", "1") "</TagSet>");
    assert_answer(f, ROOT, "PUT", "/bucket/copy",
                  "x-amz-copy-source: /bucket/k\r\nx-amz-tagging: b=2\r\nx-amz-tagging-directive: REPLACE\r\n", "", 200,
                  "");
    assert_tags(f, "/bucket/copy?tagging=", "<TagSet>" TAG("b", "2") "</TagSet>");
    assert_answer(f, ROOT, "PUT", "/bucket/copy",
                  "x-amz-copy-source: /bucket/k\r\nx-amz-tagging-directive: REPLACE\r\n", "", 200, "");
    assert_tags(f, "/bucket/copy?tagging=", "");
}

/* The text between two others in the last answer. */
static void between(struct fixture *f, const char *before, const char *behind, char out[128])
{
    const char *start = strstr(f->answer.body, before), *end;

    assert_non_null(start);
    start += strlen(before);
    end = strstr(start, behind);
    assert_non_null(end);
    snprintf(out, 128, "%.*s", (int)(end - start), start);
}

static void an_upload_in_parts_keeps_them(void **state)
{
    struct fixture *f = *state;
    char id[128], target[256], document[1024];

    assert_answer(f, ROOT, "POST", "/bucket/k?uploads=", "x-amz-tagging: a=b=c\r\n", "", 400, "InvalidArgument");
    assert_answer(f, ROOT, "POST", "/bucket/k?uploads=", "x-amz-tagging: a=1\r\n", "", 200, "");
    between(f, "<UploadId>", "</UploadId>", id);
    snprintf(target, sizeof(target), "/bucket/k?partNumber=1&uploadId=%s", id);
    assert_answer(f, ROOT, "PUT", target, "", "data", 200, "");
    snprintf(document, sizeof(document),
             "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part>"
             "</CompleteMultipartUpload>",
             answer_header(&f->answer, "ETag"));
    snprintf(target, sizeof(target), "/bucket/k?uploadId=%s", id);
    assert_answer(f, ROOT, "POST", target, "", document, 200, "");
    assert_tags(f, "/bucket/k?tagging=", "<TagSet>" TAG("a", "1") "</TagSet>");
}

static void they_are_put_and_deleted(void **state)
{
    struct fixture *f = *state;

    assert_document_put(f, ROOT, "/bucket/none?tagging=", TAGGING(TAG("a", "1")), 404, "NoSuchKey");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "data", 200, "");
    assert_document_put(f, ROOT, "/bucket/k?tagging=", TAGGING(TAG("a", "1") TAG("A", "")), 200, "");
    assert_tags(f, "/bucket/k?tagging=", "<TagSet>" TAG("a", "1") TAG("A", "") "</TagSet>");
    assert_document_put(f, ROOT, "/bucket/k?tagging=", "<Tagging/>", 400, "MalformedXML");
    assert_document_put(f, ROOT, "/bucket/k?tagging=", TAGGING(TAG("a", "1") TAG("a", "2")), 400, "InvalidTag");
    assert_document_put(f, ROOT, "/bucket/k?tagging=", TAGGING(TAG("aws:a", "1")), 400, "InvalidTag");
    assert_non_null(strstr(f->answer.body, "<TagKey>aws:a</TagKey>"));
    assert_document_put(f, ROOT, "/bucket/k?tagging=", TAGGING(TAG("a", "?")), 400, "InvalidTag");
    assert_document_put(f, ROOT, "/bucket/k?tagging=&versionId=0", TAGGING(TAG("a", "1")), 400, "InvalidArgument");
    assert_tags(f, "/bucket/k?tagging=", "<TagSet>" TAG("a", "1") TAG("A", "") "</TagSet>");
    assert_document_put(f, ROOT, "/bucket/k?tagging=", TAGGING(""), 200, "");
    assert_tags(f, "/bucket/k?tagging=", "");
    assert_document_put(f, ROOT, "/bucket/k?tagging=", TAGGING(TAG("a", "1")), 200, "");
    assert_answer(f, ROOT, "DELETE", "/bucket/k?tagging=", "", NULL, 204, "");
    assert_tags(f, "/bucket/k?tagging=", "");
    assert_answer(f, ROOT, "DELETE", "/bucket/k?tagging=", "", NULL, 204, "");
    assert_answer(f, ROOT, "DELETE", "/bucket/none?tagging=", "", NULL, 404, "NoSuchKey");
    assert_answer(f, ROOT, "GET", "/bucket/none?tagging=", "", NULL, 404, "NoSuchKey");
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 200, "");
    assert_string_equal(f->answer.body, "data");
}

static void each_version_has_its_own(void **state)
{
    struct fixture *f = *state;
    char first[512], target[1024];

    assert_document_put(f, ROOT, "/bucket?versioning=", ENABLED, 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-tagging: a=1\r\n", "one", 200, "");
    snprintf(first, sizeof(first), "%s", answer_header(&f->answer, "x-amz-version-id"));
    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-tagging: b=2\r\n", "two", 200, "");
    snprintf(target, sizeof(target), "/bucket/k?tagging=&versionId=%s", first);
    assert_tags(f, target, "<TagSet>" TAG("a", "1") "</TagSet>");
    assert_string_equal(answer_header(&f->answer, "x-amz-version-id"), first);
    assert_document_put(f, ROOT, target, TAGGING(TAG("c", "3")), 200, "");
    assert_string_equal(answer_header(&f->answer, "x-amz-version-id"), first);
    assert_tags(f, target, "<TagSet>" TAG("c", "3") "</TagSet>");
    assert_tags(f, "/bucket/k?tagging=", "<TagSet>" TAG("b", "2") "</TagSet>");
    assert_answer(f, ROOT, "DELETE", target, "", NULL, 204, "");
    assert_string_equal(answer_header(&f->answer, "x-amz-version-id"), first);
    assert_tags(f, target, "");
    assert_answer(f, ROOT, "GET", "/bucket/k?tagging=&versionId=00000000000000000000000000000000", "", NULL, 404,
                  "NoSuchVersion");
    assert_answer(f, ROOT, "DELETE", "/bucket/k", "", NULL, 204, "");
    assert_answer(f, ROOT, "GET", "/bucket/k?tagging=", "", NULL, 405, "MethodNotAllowed");
    assert_document_put(f, ROOT, "/bucket/k?tagging=", TAGGING(TAG("c", "3")), 405, "MethodNotAllowed");
    assert_answer(f, ROOT, "DELETE", "/bucket/k?tagging=", "", NULL, 405, "MethodNotAllowed");
}

static void the_policy(struct fixture *f, const char *policy)
{
    assert_document_put(f, ROOT, "/bucket?policy=", policy, 204, "");
}

static void their_number_is_no_part_of_reading(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-tagging: a=1\r\n", "data", 200, "");
    the_policy(f, POLICY(ALLOW("s3:GetObject")));
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k", "", NULL, 200, "");
    assert_null(answer_header(&f->answer, "x-amz-tagging-count"));
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k?tagging=", "", NULL, 403, "AccessDenied");
    the_policy(f, POLICY(ALLOW("s3:GetObject") "," ALLOW("s3:GetObjectTagging")));
    assert_answer(f, ANONYMOUS, "HEAD", "/bucket/k", "", NULL, 200, "");
    assert_string_equal(answer_header(&f->answer, "x-amz-tagging-count"), "1");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k?tagging=", "", NULL, 200, "");
    assert_document_put(f, ANONYMOUS, "/bucket/k?tagging=", TAGGING(""), 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "DELETE", "/bucket/k?tagging=", "", NULL, 403, "AccessDenied");
}

static void writing_and_copying_them_are_rights(void **state)
{
    static const char from[] = "x-amz-copy-source: /bucket/k\r\n";
    static const char anew[] = "x-amz-copy-source: /bucket/k\r\nx-amz-tagging-directive: REPLACE\r\n";
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-tagging: a=1\r\n", "data", 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/plain", "", "data", 200, "");
    the_policy(f, POLICY(ALLOW("s3:GetObject") "," ALLOW("s3:PutObject")));
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", "", "data", 200, "");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", "x-amz-tagging: a=1\r\n", "data", 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", "x-amz-copy-source: /bucket/plain\r\n", "", 200, "");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", from, "", 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", anew, "", 200, "");
    the_policy(f, POLICY(ALLOW("s3:GetObject") "," ALLOW("s3:PutObject") "," ALLOW("s3:PutObjectTagging")));
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", "x-amz-tagging: a=1\r\n", "data", 200, "");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", from, "", 403, "AccessDenied");
    the_policy(f, POLICY(ALLOW("s3:GetObject*") "," ALLOW("s3:PutObject")));
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", from, "", 403, "AccessDenied");
    the_policy(f, POLICY(ALLOW("s3:GetObject*") "," ALLOW("s3:PutObject*")));
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", from, "", 200, "");
    the_policy(f, POLICY(ALLOW("s3:*") "," WHEN("Deny", "s3:PutObjectTagging",
                                                "\"StringEquals\":{\"s3:RequestObjectTag/a\":\"1\"}")));
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", from, "", 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", "x-amz-copy-source: /bucket/plain\r\n", "", 200, "");
}

/* Which tags let in, of those that the object has. */
static void policies_ask_for_what_an_object_has(void **state)
{
    static const char public[] = "\"StringEquals\":{\"s3:ExistingObjectTag/access\":\"public\"}";
    struct fixture *f = *state;
    char policy[1024];

    assert_answer(f, ROOT, "PUT", "/bucket/open", "x-amz-tagging: access=public\r\n", "open", 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/shut", "x-amz-tagging: access=private\r\n", "shut", 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/plain", "", "plain", 200, "");
    snprintf(policy, sizeof(policy), POLICY(WHEN("Allow", "s3:*", "%s")), public);
    the_policy(f, policy);
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open", "", NULL, 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/shut", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/plain", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/none", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open?tagging=", "", NULL, 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/shut?tagging=", "", NULL, 403, "AccessDenied");
    assert_document_put(f, ANONYMOUS, "/bucket/shut?tagging=", TAGGING(TAG("access", "public")), 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "DELETE", "/bucket/shut?tagging=", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "DELETE", "/bucket/open", "", NULL, 403, "AccessDenied"); /* not by tags, as on AWS */
    assert_document_put(f, ANONYMOUS, "/bucket/open?tagging=", TAGGING(TAG("access", "private")), 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open", "", NULL, 403, "AccessDenied");
    the_policy(f, POLICY(ALLOW("s3:*") "," WHEN("Deny", "s3:GetObject*",
                                                "\"StringEquals\":{\"s3:ExistingObjectTag/Access\":\"private\"}")));
    assert_answer(f, ANONYMOUS, "GET", "/bucket/plain", "", NULL, 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/shut", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/copy", "x-amz-copy-source: /bucket/shut\r\n", "", 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/copy", "x-amz-copy-source: /bucket/plain\r\n", "", 200, "");
    assert_answer(f, ROOT, "GET", "/bucket/shut", "", NULL, 403, "AccessDenied");
}

/* And of those that the request gives it. */
static void policies_ask_for_what_is_given(void **state)
{
    static const char only_a[] =
        POLICY(WHEN("Allow", "s3:PutObject*",
                    "\"StringEquals\":{\"s3:RequestObjectTag/a\":\"1\"},"
                    "\"ForAllValues:StringEquals\":{\"s3:RequestObjectTagKeys\":[\"a\",\"b\"]}"));
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "data", 200, "");
    the_policy(f, only_a);
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", "x-amz-tagging: a=1\r\n", "data", 200, "");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", "x-amz-tagging: a=1&b=2\r\n", "data", 200, "");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", "x-amz-tagging: a=1&c=2\r\n", "data", 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", "x-amz-tagging: a=2\r\n", "data", 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", "x-amz-tagging: a=1&=\r\n", "data", 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/n", "", "data", 403, "AccessDenied");
    assert_document_put(f, ANONYMOUS, "/bucket/k?tagging=", TAGGING(TAG("a", "1")), 200, "");
    assert_document_put(f, ANONYMOUS, "/bucket/k?tagging=", TAGGING(TAG("a", "2")), 403, "AccessDenied");
    assert_document_put(f, ANONYMOUS, "/bucket/k?tagging=", TAGGING(""), 403, "AccessDenied");
    assert_tags(f, "/bucket/k?tagging=", "<TagSet>" TAG("a", "1") "</TagSet>");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(they_come_with_a_write),
        TEST(a_copy_takes_them_with_it),
        TEST(an_upload_in_parts_keeps_them),
        TEST(they_are_put_and_deleted),
        TEST(each_version_has_its_own),
        TEST(their_number_is_no_part_of_reading),
        TEST(writing_and_copying_them_are_rights),
        TEST(policies_ask_for_what_an_object_has),
        TEST(policies_ask_for_what_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

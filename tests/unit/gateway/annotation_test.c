/* Annotations through requests: what is taken, given back and listed, whom rights let in, what a lock keeps, what a
 * copy takes with it, and that nothing of them is left on the nodes when they are gone. */
#include "tests/unit/gateway/fixture.h"

#include <stdio.h>
#include <string.h>

#include "meta/meta.h"

#define ENABLED "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
#define ALLOW(action)                                                                                                  \
    "{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"" action "\",\"Resource\":\"arn:aws:s3:::bucket/*\"}"
#define POLICY(statements) "{\"Statement\":[" statements "]}"
#define ABC_MD5            "\"900150983cd24fb0d6963f7d28e17f72\""

static int setup(void **state)
{
    struct fixture *f;

    fixture_setup(state);
    f = *state;
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket", "", ""), 200);
    assert_int_equal(ask(f, ROOT, "DELETE", "/bucket?publicAccessBlock=", "", NULL), 204);
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/k", "", "abc"), 200);
    return 0;
}

static void assert_text(struct fixture *f, const char *target, const char *text)
{
    assert_answer(f, ROOT, "GET", target, "", NULL, 200, "");
    assert_string_equal(f->answer.body, text);
}

static uint64_t bytes_counted(struct fixture *f)
{
    struct meta_bucket bucket;
    assert_int_equal(meta_bucket_get(f->gateway.meta, BYTES("bucket"), &bucket), STATUS_OK);
    return bucket.bytes;
}

static void they_are_put_given_and_deleted(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=ml.label", "x-amz-checksum-crc32: NSRBwg==\r\n",
                  "abc", 200, "");
    assert_string_equal(answer_header(&f->answer, "ETag"), ABC_MD5);
    assert_string_equal(answer_header(&f->answer, "x-amz-checksum-crc32"), "NSRBwg==");
    assert_null(answer_header(&f->answer, "x-amz-object-version-id"));
    assert_non_null(strstr(f->answer.body, "<Key>k</Key><AnnotationName>ml.label</AnnotationName>"));
    assert_int_equal(bytes_counted(f), 6);
    assert_text(f, "/bucket/k?annotation=&annotationName=ml.label", "abc");
    assert_string_equal(answer_header(&f->answer, "ETag"), ABC_MD5);
    assert_string_equal(answer_header(&f->answer, "Content-Type"), "text/plain; charset=utf-8");
    assert_non_null(answer_header(&f->answer, "Last-Modified"));
    assert_null(answer_header(&f->answer, "x-amz-checksum-crc32"));
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=&annotationName=ml.label", "x-amz-checksum-mode: ENABLED\r\n",
                  NULL, 200, "");
    assert_string_equal(answer_header(&f->answer, "x-amz-checksum-crc32"), "NSRBwg==");
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=&annotationName=ml.label", "Range: bytes=1-1\r\n", NULL, 206,
                  "");
    assert_string_equal(f->answer.body, "b");
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=&annotationName=ml.label", "Range: bytes=9-\r\n", NULL, 416,
                  "InvalidRange");
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 200, ""); /* the object knows nothing of it */
    assert_string_equal(f->answer.body, "abc");
    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=ml.label", "", "other", 200, "");
    assert_text(f, "/bucket/k?annotation=&annotationName=ml.label", "other");
    assert_int_equal(bytes_counted(f), 8);
    assert_answer(f, ROOT, "GET", "/bucket?list-type=2", "", NULL, 200, "");
    assert_null(strstr(f->answer.body, "ml.label"));
    assert_answer(f, ROOT, "DELETE", "/bucket/k?annotation=&annotationName=ml.label", "", NULL, 204, "");
    assert_answer(f, ROOT, "DELETE", "/bucket/k?annotation=&annotationName=ml.label", "", NULL, 204, "");
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=&annotationName=ml.label", "", NULL, 404, "NoSuchAnnotation");
    assert_int_equal(bytes_counted(f), 3);
}

static void what_is_refused(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=", "", "abc", 400, "InvalidAnnotationName");
    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=aws.x", "", "abc", 400,
                  "InvalidAnnotationName");
    assert_answer(f, ROOT, "DELETE", "/bucket/k?annotation=&annotationName=a%20b", "", NULL, 400,
                  "InvalidAnnotationName");
    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=a", "", "", 400, "InvalidRequest");
    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=a", "", "a\xff", 415, "UnsupportedMediaType");
    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=a", "", "a\xc3", 415, "UnsupportedMediaType");
    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=a", "x-amz-checksum-crc32: AAAAAA==\r\n", "abc",
                  400, "BadDigest");
    assert_answer(f, ROOT, "PUT", "/bucket/none?annotation=&annotationName=a", "", "abc", 404, "NoSuchKey");
    assert_answer(f, ROOT, "GET", "/bucket/none?annotation=&annotationName=a", "", NULL, 404, "NoSuchKey");
    assert_answer(f, ROOT, "GET", "/bucket/none?annotation=", "", NULL, 404, "NoSuchKey");
    assert_answer(f, ROOT, "HEAD", "/bucket/k?annotation=&annotationName=a", "", NULL, 501, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=a", "x-amz-tagging: a=1\r\n", "abc", 501,
                  "NotImplemented");
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=&annotation-prefix=a%20", "", NULL, 400, "InvalidPrefix");
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=&max-annotation-results=0", "", NULL, 400, "InvalidArgument");
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=&max-annotation-results=1001", "", NULL, 200, "");
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=&continuation-token=xyz", "", NULL, 400, "InvalidArgument");
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<AnnotationCount>0</AnnotationCount>"));
    assert_int_equal(bytes_counted(f), 3);
}

static void put_of_size(struct fixture *f, size_t size, int expected)
{
    struct answer answer;
    char *text = malloc(size);

    memset(text, 'x', size);
    ask_bytes(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=large", "", bytes_of(text, size), &answer);
    assert_int_equal(answer.status, expected);
    answer_free(&answer);
    free(text);
}

static void a_mebibyte_and_no_more(void **state)
{
    struct fixture *f = *state;

    put_of_size(f, (1 << 20) + 1, 400);
    put_of_size(f, 1 << 20, 200);
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=&annotationName=large", "", NULL, 200, "");
    assert_string_equal(answer_header(&f->answer, "Content-Length"), "1048576");
}

static void the_object_has_to_be_the_one_meant(void **state)
{
    struct fixture *f = *state;
    const char *target = "/bucket/k?annotation=&annotationName=a";

    assert_answer(f, ROOT, "PUT", target, "x-amz-object-if-match: \"0\"\r\n", "abc", 412, "PreconditionFailed");
    assert_answer(f, ROOT, "PUT", target, "x-amz-object-if-match: " ABC_MD5 "\r\n", "abc", 200, "");
    assert_answer(f, ROOT, "DELETE", target, "x-amz-object-if-match: \"0\"\r\n", NULL, 412, "PreconditionFailed");
    assert_text(f, target, "abc");
    assert_answer(f, ROOT, "DELETE", target, "x-amz-object-if-match: 900150983cd24fb0d6963f7d28e17f72\r\n", NULL, 204,
                  "");
    assert_answer(f, ROOT, "GET", target, "", NULL, 404, "NoSuchAnnotation");
}

static void they_are_listed_in_pages(void **state)
{
    struct fixture *f = *state;
    char token[64], target[160];
    const char *found;

    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=b.2", "", "22", 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=a", "", "1", 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=b.1", "", "333", 200, "");
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=&annotation-prefix=b.&max-annotation-results=1", "", NULL, 200,
                  "");
    assert_non_null(strstr(f->answer.body, "<AnnotationName>b.1</AnnotationName>"));
    assert_non_null(strstr(f->answer.body, "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><Size>3</Size>"));
    assert_null(strstr(f->answer.body, "b.2"));
    found = strstr(f->answer.body, "<NextContinuationToken>");
    assert_non_null(found);
    assert_int_equal(sscanf(found, "<NextContinuationToken>%63[^<]", token), 1);
    snprintf(target, sizeof(target), "/bucket/k?annotation=&annotation-prefix=b.&continuation-token=%s", token);
    assert_answer(f, ROOT, "GET", target, "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<AnnotationName>b.2</AnnotationName>"));
    assert_null(strstr(f->answer.body, "b.1"));
    assert_null(strstr(f->answer.body, "NextContinuationToken"));
}

static void each_version_has_its_own(void **state)
{
    struct fixture *f = *state;
    char first[600], target[700];

    assert_document_put(f, ROOT, "/bucket?versioning=", ENABLED, 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "one", 200, "");
    snprintf(first, sizeof(first), "%s", answer_header(&f->answer, "x-amz-version-id"));
    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=a", "", "of one", 200, "");
    assert_string_equal(answer_header(&f->answer, "x-amz-object-version-id"), first);
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "two", 200, "");
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=&annotationName=a", "", NULL, 404, "NoSuchAnnotation");
    snprintf(target, sizeof(target), "/bucket/k?annotation=&annotationName=a&versionId=%s", first);
    assert_text(f, target, "of one");
    assert_string_equal(answer_header(&f->answer, "x-amz-object-version-id"), first);
    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=a&versionId=null", "", "of null", 200, "");
    assert_string_equal(answer_header(&f->answer, "x-amz-object-version-id"), "null");
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=&annotationName=a&versionId=bad", "", NULL, 400,
                  "InvalidArgument");
    assert_answer(f, ROOT, "DELETE", "/bucket/k", "", NULL, 204, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=a", "", "x", 405, "MethodNotAllowed");
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=&annotationName=a", "", NULL, 405, "MethodNotAllowed");
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=", "", NULL, 405, "MethodNotAllowed");
    assert_answer(f, ROOT, "DELETE", "/bucket/k?annotation=&annotationName=a", "", NULL, 405, "MethodNotAllowed");
    assert_text(f, target, "of one");
}

static void rights_are_their_own(void **state)
{
    struct fixture *f = *state;
    const char *one = "/bucket/k?annotation=&annotationName=a";

    assert_answer(f, ROOT, "PUT", one, "", "abc", 200, "");
    assert_document_put(f, ROOT, "/bucket?policy=", POLICY(ALLOW("s3:*Object")), 204, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k", "", NULL, 200, "");
    assert_answer(f, ANONYMOUS, "GET", one, "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", one, "", "x", 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "DELETE", one, "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k?annotation=", "", NULL, 403, "AccessDenied");
    assert_document_put(f, ROOT, "/bucket?policy=", POLICY(ALLOW("s3:GetObjectAnnotation")), 204, "");
    assert_answer(f, ANONYMOUS, "GET", one, "", NULL, 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k?annotation=&annotationName=a&versionId=null", "", NULL, 403,
                  "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k?annotation=", "", NULL, 403, "AccessDenied");
    assert_document_put(f, ROOT, "/bucket?policy=", POLICY(ALLOW("s3:ListObjectAnnotations")), 204, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k?annotation=", "", NULL, 200, "");
    assert_answer(f, ANONYMOUS, "GET", one, "", NULL, 403, "AccessDenied");
}

static void a_copy_takes_them_with_it(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=a", "", "one", 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=b", "", "two", 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/copy", "x-amz-copy-source: /bucket/k\r\n", "", 200, "");
    assert_answer(f, ROOT, "DELETE", "/bucket/k", "", NULL, 204, "");
    assert_text(f, "/bucket/copy?annotation=&annotationName=a", "one");
    assert_text(f, "/bucket/copy?annotation=&annotationName=b", "two");
    assert_int_equal(bytes_counted(f), 9);
    assert_answer(f, ROOT, "PUT", "/bucket/k",
                  "x-amz-copy-source: /bucket/copy\r\nx-amz-object-annotation-directive: EXCLUDE\r\n", "", 200, "");
    assert_answer(f, ROOT, "GET", "/bucket/k?annotation=&annotationName=a", "", NULL, 404, "NoSuchAnnotation");
    assert_answer(f, ROOT, "PUT", "/bucket/k",
                  "x-amz-copy-source: /bucket/copy\r\nx-amz-object-annotation-directive: SOME\r\n", "", 400,
                  "InvalidArgument");
    /* onto itself, too: they are read before what is replaced goes */
    assert_answer(f, ROOT, "PUT", "/bucket/copy",
                  "x-amz-copy-source: /bucket/copy\r\nx-amz-metadata-directive: REPLACE\r\n", "", 200, "");
    assert_text(f, "/bucket/copy?annotation=&annotationName=b", "two");
    assert_document_put(f, ROOT, "/bucket?policy=", POLICY(ALLOW("s3:*Object")), 204, "");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/anon", "x-amz-copy-source: /bucket/copy\r\n", "", 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/anon", "x-amz-copy-source: /bucket/k\r\n", "", 200, "");
    assert_document_put(f, ROOT, "/bucket?policy=", POLICY(ALLOW("s3:*Object") "," ALLOW("s3:GetObjectAnnotation")),
                        204, "");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/anon", "x-amz-copy-source: /bucket/copy\r\n", "", 403, "AccessDenied");
    assert_document_put(f, ROOT, "/bucket?policy=", POLICY(ALLOW("s3:*Object") "," ALLOW("s3:*ObjectAnnotation")), 204,
                        "");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/anon", "x-amz-copy-source: /bucket/copy\r\n", "", 200, "");
    assert_text(f, "/bucket/anon?annotation=&annotationName=b", "two");
}

static void a_lock_keeps_them(void **state)
{
    struct fixture *f = *state;
    const char *a = "/locked/k?annotation=&annotationName=a";

    assert_answer(f, ROOT, "PUT", "/locked", "x-amz-bucket-object-lock-enabled: true\r\n", "", 200, "");
    assert_answer(f, ROOT, "PUT", "/locked/k",
                  "x-amz-object-lock-mode: GOVERNANCE\r\nx-amz-object-lock-retain-until-date: 2099-01-01T00:00:00Z\r\n"
                  "Content-MD5: kAFQmDzST7DWlj99KOF/cg==\r\n",
                  "abc", 200, "");
    assert_answer(f, ROOT, "PUT", a, "", "one", 200, ""); /* which takes nothing away */
    assert_answer(f, ROOT, "PUT", a, "", "two", 403, "AccessDenied");
    assert_answer(f, ROOT, "DELETE", a, "", NULL, 403, "AccessDenied");
    assert_text(f, a, "one");
    assert_answer(f, ROOT, "PUT", a, "x-amz-bypass-governance-retention: true\r\n", "two", 200, "");
    assert_answer(f, ROOT, "DELETE", a, "x-amz-bypass-governance-retention: true\r\n", NULL, 204, "");
    assert_answer(f, ROOT, "PUT", a, "", "one", 200, "");
    assert_document_put(f, ROOT, "/locked/k?legal-hold=", "<LegalHold><Status>ON</Status></LegalHold>", 200, "");
    assert_answer(f, ROOT, "DELETE", a, "x-amz-bypass-governance-retention: true\r\n", NULL, 403, "AccessDenied");
    assert_text(f, a, "one");
}

/* As far as the object that they are beside. */
static void a_quota_counts_them(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/system/quota/bucket", "", "{\"bytes\":8}", 204, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=a", "", "12345", 200, "");
    assert_int_not_equal(ask(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=b", "", "1"), 200);
    assert_answer(f, ROOT, "PUT", "/bucket/k?annotation=&annotationName=a", "", "54321", 200, "");
    assert_int_equal(bytes_counted(f), 8);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(they_are_put_given_and_deleted),
        TEST(what_is_refused),
        TEST(a_mebibyte_and_no_more),
        TEST(the_object_has_to_be_the_one_meant),
        TEST(they_are_listed_in_pages),
        TEST(each_version_has_its_own),
        TEST(rights_are_their_own),
        TEST(a_copy_takes_them_with_it),
        TEST(a_lock_keeps_them),
        TEST(a_quota_counts_them),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* GetObjectAttributes: what is asked for and nothing else, in whatever lines it is said, and to whom. */
#include "tests/unit/gateway/fixture.h"

#include <string.h>

#define ALLOW(actions)                                                                                                 \
    "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":[" actions                                    \
    "],\"Resource\":\"arn:aws:s3:::bucket/*\"}}"

static int setup(void **state)
{
    struct fixture *f;

    fixture_setup(state);
    f = *state;
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket", "", ""), 200);
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/k", "", "data"), 200);
    return 0;
}

static void what_is_asked_for(void **state)
{
    static const struct {
        const char *headers;
        bool etag, size, class, checksum;
    } rows[] = {
        {"x-amz-object-attributes: ETag\r\n", true, false, false, false},
        {"x-amz-object-attributes: ObjectSize\r\n", false, true, false, false},
        {"x-amz-object-attributes: ObjectSize, StorageClass,\r\n", false, true, true, false},
        {"x-amz-object-attributes: Checksum\r\n", false, false, false, true},
        {"x-amz-object-attributes: ETag,ObjectSize,StorageClass,Checksum,ObjectParts\r\nx-amz-max-parts: many\r\n",
         true, true, true, true},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (ask(f, ROOT, "GET", "/bucket/k?attributes=", rows[i].headers, NULL) != 200)
            fail_msg("%s: %s", rows[i].headers, f->answer.body);
        const char *body = f->answer.body;
        assert_int_equal(strstr(body, "<ETag>8d777f385d3dfec8815d20f7496026dc</ETag>") != NULL, rows[i].etag);
        assert_int_equal(strstr(body, "<ObjectSize>4</ObjectSize>") != NULL, rows[i].size);
        assert_int_equal(strstr(body, "<StorageClass>STANDARD</StorageClass>") != NULL, rows[i].class);
        assert_int_equal(strstr(body, "<ChecksumType>FULL_OBJECT</ChecksumType>") != NULL, rows[i].checksum);
        assert_null(strstr(body, "ObjectParts"));
        assert_non_null(answer_header(&f->answer, "Last-Modified"));
    }
    assert_answer(f, ROOT, "GET", "/bucket/k?attributes=&x-amz-object-attributes=ObjectSize", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<ObjectSize>4</ObjectSize>"));
}

static void what_is_wrong(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "GET", "/bucket/k?attributes=", "", NULL, 400, "InvalidRequest");
    assert_answer(f, ROOT, "GET", "/bucket/k?attributes=", "x-amz-object-attributes: ,\r\n", NULL, 400,
                  "InvalidRequest");
    assert_answer(f, ROOT, "GET", "/bucket/k?attributes=", "x-amz-object-attributes: ETag,Owner\r\n", NULL, 400,
                  "InvalidArgument");
    assert_non_null(strstr(f->answer.body, "<ArgumentValue>Owner</ArgumentValue>"));
    assert_answer(f, ROOT, "GET", "/bucket/none?attributes=", "x-amz-object-attributes: ETag\r\n", NULL, 404,
                  "NoSuchKey");
    assert_answer(f, ROOT, "GET", "/bucket/k?attributes=", "x-amz-object-attributes: ETag\r\nx-amz-tagging: a\r\n",
                  NULL, 501, "NotImplemented");
}

static void who_may(void **state)
{
    static const char size[] = "x-amz-object-attributes: ObjectSize\r\n";
    struct fixture *f = *state;

    assert_answer(f, ROOT, "DELETE", "/bucket?publicAccessBlock=", "", NULL, 204, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k?attributes=", size, NULL, 403, "AccessDenied");
    assert_document_put(f, ROOT, "/bucket?policy=", ALLOW("\"s3:GetObjectAttributes\""), 204, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k?attributes=", size, NULL, 403, "AccessDenied");
    assert_document_put(f, ROOT, "/bucket?policy=", ALLOW("\"s3:GetObject\""), 204, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k?attributes=", size, NULL, 403, "AccessDenied");
    assert_document_put(f, ROOT, "/bucket?policy=", ALLOW("\"s3:GetObject\",\"s3:GetObjectAttributes\""), 204, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k?attributes=", size, NULL, 200, "");
    assert_answer(f, ANONYMOUS, "GET",
                  "/bucket/k?attributes=", "x-amz-object-attributes: ETag\r\nx-amz-object-attributes: ObjectSize\r\n",
                  NULL, 200, "");
    assert_non_null(
        strstr(f->answer.body, "</ETag><ObjectSize>4</ObjectSize>")); /* lines of one list, as of Go's SDK */
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k?attributes=&versionId=null", size, NULL, 403, "AccessDenied");
    assert_document_put(f, ROOT, "/bucket?policy=", ALLOW("\"s3:GetObjectVersion\",\"s3:GetObjectVersionAttributes\""),
                        204, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k?attributes=&versionId=null", size, NULL, 200, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_asked_for, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(who_may, setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Deletions with conditions: by ETag, size and time, of one key and of a batch, and which rights they need. */
#include "tests/unit/gateway/fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/checksum.h"

#define DATA_ETAG     "8d777f385d3dfec8815d20f7496026dc" /* of "data" */
#define KEY(k, more)  "<Object><Key>" k "</Key>" more "</Object>"
#define DELETE(items) "<Delete>" items "</Delete>"

static int setup(void **state)
{
    struct fixture *f;

    fixture_setup(state);
    f = *state;
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket", "", ""), 200);
    assert_int_equal(ask(f, ROOT, "DELETE", "/bucket?publicAccessBlock=", "", NULL), 204);
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/k", "", "data"), 200);
    return 0;
}

static void of_one_key(void **state)
{
    static const struct {
        const char *headers;
        int status;
        const char *code, *condition;
    } rows[] = {
        {"If-Match: \"0\"\r\n", 412, "PreconditionFailed", "<Condition>If-Match</Condition>"},
        {"x-amz-if-match-size: 5\r\n", 412, "PreconditionFailed", "<Condition>x-amz-if-match-size</Condition>"},
        {"x-amz-if-match-size: 4\r\nIf-Match: \"0\"\r\n", 412, "PreconditionFailed", "<Condition>If-Match</Condition>"},
        {"x-amz-if-match-size: five\r\n", 400, "InvalidArgument", "x-amz-if-match-size"},
        {"x-amz-if-match-last-modified-time: Sun, 22 Nov 2020 19:54:00 GMT\r\n", 412, "PreconditionFailed",
         "<Condition>x-amz-if-match-last-modified-time</Condition>"},
        {"x-amz-if-match-last-modified-time: today\r\n", 400, "InvalidArgument", "x-amz-if-match-last-modified-time"},
        {"If-None-Match: *\r\n", 501, "NotImplemented", "If-None-Match"},
    };
    struct fixture *f = *state;
    char headers[1024];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_answer(f, ROOT, "DELETE", "/bucket/k", rows[i].headers, NULL, rows[i].status, rows[i].code);
        assert_non_null(strstr(f->answer.body, rows[i].condition));
    }
    assert_answer(f, ROOT, "DELETE", "/bucket/k?x-amz-if-match-size=5", "", NULL, 412, "PreconditionFailed");
    assert_answer(f, ROOT, "DELETE", "/bucket/none", "x-amz-if-match-size: 4\r\n", NULL, 404, "NoSuchKey");
    assert_answer(f, ROOT, "DELETE", "/bucket/none", "If-Match: *\r\n", NULL, 404, "NoSuchKey");
    assert_answer(f, ROOT, "HEAD", "/bucket/k", "", NULL, 200, "");
    snprintf(headers, sizeof(headers),
             "If-Match: \"" DATA_ETAG "\"\r\nx-amz-if-match-size: 4\r\nx-amz-if-match-last-modified-time: %s\r\n",
             answer_header(&f->answer, "Last-Modified"));
    assert_answer(f, ROOT, "DELETE", "/bucket/k", headers, NULL, 204, "");
    assert_answer(f, ROOT, "DELETE", "/bucket/k", headers, NULL, 404, "NoSuchKey");
}

static void of_a_batch(void **state)
{
    static const char document[] = DELETE(
        KEY("k", "<Size>5</Size>") KEY("k", "<ETag>0</ETag>") KEY("none", "<Size>4</Size>")
            KEY("k", "<LastModifiedTime>soon</LastModifiedTime>") KEY("k", "<ETag>" DATA_ETAG "</ETag><Size>4</Size>"));
    static const char *const in_order[] = {"<Code>PreconditionFailed</Code>", "<Code>PreconditionFailed</Code>",
                                           "<Code>NoSuchKey</Code>", "<Code>InvalidArgument</Code>",
                                           "<Deleted><Key>k</Key></Deleted>"};
    struct fixture *f = *state;
    uint8_t md5[MD5_LEN];
    char text[32], headers[64];

    md5_of(document, strlen(document), md5);
    base64_encode(md5, sizeof(md5), text);
    snprintf(headers, sizeof(headers), "Content-MD5: %s\r\n", text);
    assert_int_equal(ask(f, ROOT, "POST", "/bucket?delete=", headers, document), 200);
    const char *at = f->answer.body;
    for (size_t i = 0; i < sizeof(in_order) / sizeof(in_order[0]); i++) {
        at = strstr(at, in_order[i]);
        assert_non_null(at++);
    }
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 404, "NoSuchKey");
}

#define MAY(more)                                                                                                      \
    "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":[\"s3:DeleteObject\"" more                   \
    "],\"Resource\":\"arn:aws:s3:::bucket/*\"}]}"
#define ONLY_IF_MATCH                                                                                                  \
    "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\","                           \
    "\"Resource\":\"arn:aws:s3:::bucket/"                                                                              \
    "*\"},{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:DeleteObject\","                                   \
    "\"Resource\":\"arn:aws:s3:::bucket/*\",\"Condition\":{\"Null\":{\"s3:if-match\":\"false\"}}}]}"

static void the_rights(void **state)
{
    static const char with_etag[] = "If-Match: \"" DATA_ETAG "\"\r\n";
    struct fixture *f = *state;

    assert_document_put(f, ROOT, "/bucket?policy=", MAY(""), 204, "");
    assert_answer(f, ANONYMOUS, "DELETE", "/bucket/k", with_etag, NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "DELETE", "/bucket/k", "x-amz-if-match-size: 4\r\n", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "DELETE", "/bucket/k", "If-Match: *\r\n", NULL, 204, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "data", 200, "");
    assert_document_put(f, ROOT, "/bucket?policy=", MAY(",\"s3:GetObject\""), 204, "");
    assert_answer(f, ANONYMOUS, "DELETE", "/bucket/k", with_etag, NULL, 204, "");
    /* what a policy asks about a batch stands in its document, and not in its head */
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "data", 200, "");
    assert_document_put(f, ROOT, "/bucket?policy=", ONLY_IF_MATCH, 204, "");
    assert_answer(f, ANONYMOUS, "DELETE", "/bucket/k", "", NULL, 403, "AccessDenied");
    assert_int_equal(ask(f, ANONYMOUS, "POST", "/bucket?delete=",
                         "If-Match: *\r\nContent-MD5: 5DKh5iefM5MSKvRILIuFwQ==\r\n", DELETE(KEY("k", ""))),
                     200);
    assert_non_null(strstr(f->answer.body, "<Code>AccessDenied</Code>"));
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 200, "");
    assert_answer(f, ANONYMOUS, "DELETE", "/bucket/k", with_etag, NULL, 204, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_one_key, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(of_a_batch, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(the_rights, setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

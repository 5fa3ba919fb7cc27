/* RenameObject as clients see it: sources as they are written, conditions on both keys, tokens, rights, buckets that
 * cannot have it. */
#include "tests/unit/gateway/fixture.h"

#include <stdio.h>
#include <string.h>

#include "gateway/s3/rename_tokens.h"

#define DATA_ETAG "8d777f385d3dfec8815d20f7496026dc" /* of "data" */
#define PAST      "Sun, 22 Nov 2020 19:54:00 GMT"

static int setup(void **state)
{
    struct fixture *f;

    fixture_setup(state);
    f = *state;
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket", "", ""), 200);
    return 0;
}

static void put(struct fixture *f, const char *target, const char *text)
{
    assert_int_equal(ask(f, ROOT, "PUT", target, "x-amz-meta-kind: kept\r\n", text), 200);
}

static void expect(struct fixture *f, const char *target, const char *text)
{
    assert_int_equal(ask(f, ROOT, "GET", target, "", NULL), text ? 200 : 404);
    if (text)
        assert_string_equal(f->answer.body, text);
}

static void sources(void **state)
{
    static const struct {
        const char *kept, *source;
    } rows[] = {
        {"/bucket/plain", "plain"},           {"/bucket/plain", "/plain"},
        {"/bucket/plain", "/bucket/plain"},   {"/bucket/a/b", "a/b"},
        {"/bucket/bucket/b", "bucket/b"},     {"/bucket/bucket/b", "/bucket/bucket/b"},
        {"/bucket/bucket/b", "%62ucket%2Fb"},
    };
    struct fixture *f = *state;
    char header[256];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put(f, rows[i].kept, "data");
        snprintf(header, sizeof(header), "x-amz-rename-source: %s\r\n", rows[i].source);
        assert_answer(f, ROOT, "PUT", "/bucket/target?renameObject=", header, NULL, 200, "");
        assert_string_equal(f->answer.body, "");
        expect(f, rows[i].kept, NULL);
        expect(f, "/bucket/target", "data");
        assert_string_equal(answer_header(&f->answer, "x-amz-meta-kind"), "kept");
        assert_string_equal(answer_header(&f->answer, "ETag"), "\"" DATA_ETAG "\"");
    }
    assert_answer(f, ROOT, "PUT", "/bucket/t?renameObject=", "", NULL, 400, "InvalidArgument");
    assert_answer(f, ROOT, "PUT", "/bucket/t?renameObject=", "x-amz-rename-source: a%\r\n", NULL, 400,
                  "InvalidArgument");
    assert_answer(f, ROOT, "PUT", "/bucket/t?renameObject=", "x-amz-rename-source: none\r\n", NULL, 404, "NoSuchKey");
    assert_non_null(strstr(f->answer.body, "<Key>none</Key>"));
    assert_answer(f, ROOT, "PUT", "/bucket/target?renameObject=", "x-amz-rename-source: target\r\n", NULL, 400,
                  "InvalidRequest");
    assert_answer(f, ROOT, "PUT", "/none/t?renameObject=", "x-amz-rename-source: a\r\n", NULL, 404, "NoSuchBucket");
    expect(f, "/bucket/target", "data");
}

static void conditions(void **state)
{
    static const struct {
        const char *headers;
        bool holds, holds_without_target;
    } rows[] = {
        {"If-None-Match: *\r\n", false, true},
        {"If-None-Match: \"" DATA_ETAG "\"\r\n", true, true},
        {"If-Match: \"" DATA_ETAG "\"\r\n", false, false},
        {"If-Match: \"00000000000000000000000000000000\"\r\n", false, false},
        {"If-Modified-Since: " PAST "\r\n", true, false},
        {"If-Unmodified-Since: " PAST "\r\n", false, true},
        {"x-amz-rename-source-if-match: \"" DATA_ETAG "\"\r\n", true, true},
        {"x-amz-rename-source-if-match: \"0\"\r\n", false, false},
        {"x-amz-rename-source-if-none-match: *\r\n", false, false},
        {"x-amz-rename-source-if-none-match: \"0\"\r\n", true, true},
        {"x-amz-rename-source-if-modified-since: " PAST "\r\n", true, true},
        {"x-amz-rename-source-if-unmodified-since: " PAST "\r\n", false, false},
    };
    struct fixture *f = *state;
    char headers[256];

    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        bool with_target = i % 2 == 0, holds = with_target ? rows[i / 2].holds : rows[i / 2].holds_without_target;
        put(f, "/bucket/source", "data");
        ask(f, ROOT, "DELETE", "/bucket/target", "", NULL);
        if (with_target)
            put(f, "/bucket/target", "other");
        snprintf(headers, sizeof(headers), "x-amz-rename-source: source\r\n%s", rows[i / 2].headers);
        assert_answer(f, ROOT, "PUT", "/bucket/target?renameObject=", headers, NULL, holds ? 200 : 412,
                      holds ? "" : "PreconditionFailed");
        if (!holds)
            assert_non_null(strstr(f->answer.body, "<Condition>"));
        expect(f, "/bucket/source", holds ? NULL : "data");
        expect(f, "/bucket/target", holds ? "data" : with_target ? "other" : NULL);
    }
}

static void tokens(void **state)
{
    static const char first[] = "x-amz-rename-source: a\r\nx-amz-client-token: 4a7e\r\n";
    struct fixture *f = *state;

    put(f, "/bucket/a", "data");
    assert_answer(f, ROOT, "PUT", "/bucket/b?renameObject=", first, NULL, 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/b?renameObject=", first, NULL, 200, ""); /* once more */
    put(f, "/bucket/a", "new");
    assert_answer(f, ROOT, "PUT", "/bucket/b?renameObject=", first, NULL, 200, "");
    expect(f, "/bucket/a", "new");
    expect(f, "/bucket/b", "data");
    assert_answer(f, ROOT, "PUT", "/bucket/c?renameObject=", first, NULL, 400, "IdempotencyParameterMismatch");
    assert_answer(f, ROOT, "PUT", "/bucket/b?renameObject=",
                  "x-amz-rename-source: a\r\nx-amz-client-token: 4a7e\r\nIf-None-Match: *\r\n", NULL, 400,
                  "IdempotencyParameterMismatch");
    /* what the gateway forgets is still in the object's record */
    rename_tokens_free(f->gateway.rename_tokens);
    f->gateway.rename_tokens = rename_tokens_create();
    assert_answer(f, ROOT, "PUT", "/bucket/b?renameObject=", first, NULL, 200, "");
    expect(f, "/bucket/a", "new");
    fixture_pass(f, RENAME_TOKEN_MS + 1);
    assert_answer(f, ROOT, "PUT", "/bucket/b?renameObject=",
                  "x-amz-rename-source: a\r\nx-amz-client-token: 4a7e\r\nIf-Match: \"" DATA_ETAG "\"\r\n", NULL, 200,
                  "");
    expect(f, "/bucket/b", "new");
    assert_answer(f, ROOT, "PUT",
                  "/bucket/x?renameObject=", "x-amz-rename-source: b\r\nx-amz-client-token: with space\r\n", NULL, 400,
                  "InvalidArgument");
    assert_answer(f, ROOT, "PUT", "/bucket/x?renameObject=",
                  "x-amz-rename-source: b\r\nx-amz-client-token: "
                  "12345678901234567890123456789012345678901234567890123456789012345\r\n",
                  NULL, 400, "InvalidArgument");
}

/* Only so many are known; the oldest goes first. */
static void tokens_are_bounded(void **state)
{
    struct rename_tokens *known = rename_tokens_create();
    struct rename_token token = {{0}, {1}};

    (void)state;
    for (uint32_t i = 0; i <= RENAME_TOKENS_MAX; i++) {
        put_u32(token.name, i * 7);
        assert_int_equal(rename_token_find(known, &token), RENAME_TOKEN_NEW);
        rename_token_done(known, &token);
        assert_int_equal(rename_token_find(known, &token), RENAME_TOKEN_DONE);
    }
    put_u32(token.name, 0);
    assert_int_equal(rename_token_find(known, &token), RENAME_TOKEN_NEW);
    put_u32(token.name, 7);
    token.request[0] = 2;
    assert_int_equal(rename_token_find(known, &token), RENAME_TOKEN_OTHER);
    rename_tokens_free(known);
}

static void rights(void **state)
{
    static const char *const rights[] = {"s3:PutObject", "s3:GetObject", "s3:DeleteObject"};
    static const char *const resources[] = {"target", "source", "source"};
    struct fixture *f = *state;
    char policy[1024];

    assert_int_equal(ask(f, ROOT, "DELETE", "/bucket?publicAccessBlock=", "", NULL), 204);
    for (int missing = 0; missing <= 3; missing++) {
        size_t len = (size_t)snprintf(policy, sizeof(policy), "{\"Statement\":[");
        for (int i = 0; i < 3; i++)
            if (i != missing)
                len += (size_t)snprintf(policy + len, sizeof(policy) - len,
                                        "{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"%s\","
                                        "\"Resource\":\"arn:aws:s3:::bucket/%s\"},",
                                        rights[i], resources[i]);
        snprintf(policy + len - 1, sizeof(policy) - len + 1, "]}");
        assert_document_put(f, ROOT, "/bucket?policy=", policy, 204, "");
        put(f, "/bucket/source", "data");
        assert_answer(f, ANONYMOUS, "PUT", "/bucket/target?renameObject=", "x-amz-rename-source: source\r\n", NULL,
                      missing == 3 ? 200 : 403, missing == 3 ? "" : "AccessDenied");
        expect(f, "/bucket/source", missing == 3 ? NULL : "data");
    }
    /* who may not list is not told what there is, and who may not read the target nothing of it */
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/target?renameObject=", "x-amz-rename-source: source\r\n", NULL, 403,
                  "AccessDenied");
    put(f, "/bucket/source", "data");
    assert_answer(f, ANONYMOUS, "PUT",
                  "/bucket/target?renameObject=", "x-amz-rename-source: source\r\nIf-Modified-Since: " PAST "\r\n",
                  NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT",
                  "/bucket/target?renameObject=", "x-amz-rename-source: source\r\nIf-Match: \"0\"\r\n", NULL, 403,
                  "AccessDenied");
}

static void buckets_with_versions(void **state)
{
    static const char source[] = "x-amz-rename-source: a\r\n";
    struct fixture *f = *state;

    put(f, "/bucket/a", "data");
    assert_document_put(f, ROOT, "/bucket?versioning=",
                        "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/b?renameObject=", source, NULL, 409, "InvalidBucketState");
    assert_document_put(f, ROOT, "/bucket?versioning=",
                        "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>", 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/b?renameObject=", source, NULL, 409, "InvalidBucketState");
    assert_answer(f, ROOT, "PUT", "/files/b?renameObject=", source, NULL, 409, "InvalidBucketState");
    expect(f, "/bucket/a", "data");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sources, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(conditions, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(tokens, setup, fixture_teardown),
        cmocka_unit_test(tokens_are_bounded),
        cmocka_unit_test_setup_teardown(rights, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(buckets_with_versions, setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

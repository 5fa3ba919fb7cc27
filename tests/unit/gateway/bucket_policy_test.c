/* The policy of a bucket, the switches against public access, and who owns objects: kept, given back, refused, and what
 * they do to whoever asks. */
#include "compat/policy.h"
#include "tests/unit/gateway/fixture.h"

#define STATEMENT(effect, action, resource, more)                                                                      \
    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"" effect "\",\"Principal\":\"*\",\"Action\":\"" action    \
    "\",\"Resource\":\"arn:aws:s3:::" resource "\"" more "}}"
#define ALLOW(action, resource)           STATEMENT("Allow", action, resource, "")
#define ALLOW_IF(action, resource, block) STATEMENT("Allow", action, resource, ",\"Condition\":{" block "}")
#define BLOCK(acls, ignore, policy, buckets)                                                                           \
    "<PublicAccessBlockConfiguration><BlockPublicAcls>" acls "</BlockPublicAcls><IgnorePublicAcls>" ignore             \
    "</IgnorePublicAcls><BlockPublicPolicy>" policy "</BlockPublicPolicy><RestrictPublicBuckets>" buckets              \
    "</RestrictPublicBuckets></PublicAccessBlockConfiguration>"
#define CONTROLS(name) "<OwnershipControls><Rule><ObjectOwnership>" name "</ObjectOwnership></Rule></OwnershipControls>"

static int setup(void **state)
{
    struct fixture *f;

    fixture_setup(state);
    f = *state;
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket", "", ""), 200);
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/open/a", "", "data"), 200);
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/shut/b", "", "data"), 200);
    return 0;
}

/* Of the bucket that was just made. */
static void open_to_public(struct fixture *f)
{
    assert_answer(f, ROOT, "DELETE", "/bucket?publicAccessBlock=", "", NULL, 204, "");
}

static void it_is_made_given_back_and_removed(void **state)
{
    static const char document[] = ALLOW("s3:GetObject", "bucket/open/*");
    struct fixture *f = *state;

    open_to_public(f);
    assert_answer(f, ROOT, "GET", "/bucket?policy=", "", NULL, 404, "NoSuchBucketPolicy");
    assert_answer(f, ROOT, "GET", "/bucket?policyStatus=", "", NULL, 404, "NoSuchBucketPolicy");
    assert_document_put(f, ROOT, "/bucket?policy=", document, 204, "");
    assert_answer(f, ROOT, "GET", "/bucket?policy=", "", NULL, 200, "");
    assert_string_equal(f->answer.body, document);
    assert_answer(f, ROOT, "GET", "/bucket?policyStatus=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<IsPublic>true</IsPublic>"));
    assert_answer(f, ROOT, "DELETE", "/bucket?policy=", "", NULL, 204, "");
    assert_answer(f, ROOT, "DELETE", "/bucket?policy=", "", NULL, 204, "");
    assert_answer(f, ROOT, "GET", "/bucket?policy=", "", NULL, 404, "NoSuchBucketPolicy");
}

static void what_is_no_policy_is_refused_by_its_place(void **state)
{
    struct fixture *f = *state;

    open_to_public(f);
    assert_document_put(f, ROOT, "/bucket?policy=", "<Policy/>", 400, "MalformedPolicy");
    assert_non_null(strstr(f->answer.body, "Policies must be valid JSON and the first byte must be '{'"));
    assert_document_put(f, ROOT, "/bucket?policy=", "{}", 400, "MalformedPolicy");
    assert_non_null(strstr(f->answer.body, "Missing required field Statement"));
    assert_document_put(f, ROOT, "/bucket?policy=", ALLOW("s3:GetObject", "other/*"), 400, "MalformedPolicy");
    assert_document_put(f, ROOT, "/bucket?policy=", ALLOW("s3:", "bucket/*"), 400, "MalformedPolicy");
    assert_document_put(f, ROOT, "/bucket?policy=", ALLOW("s3:NoSuchAction", "bucket/*"), 204, "");
    char *large = malloc(POLICY_BUCKET_BYTES_MAX + 100);
    memset(large, ' ', POLICY_BUCKET_BYTES_MAX + 99);
    memcpy(large, "{", 1);
    strcpy(large + POLICY_BUCKET_BYTES_MAX, "}");
    assert_document_put(f, ROOT, "/bucket?policy=", large, 400, "MalformedPolicy");
    free(large);
    assert_answer(f, ROOT, "PUT", "/bucket?policy=", "", ALLOW("s3:GetObject", "bucket/*"), 400, "InvalidRequest");
    assert_document_put(f, ROOT, "/none?policy=", ALLOW("s3:GetObject", "none/*"), 404, "NoSuchBucket");
    assert_document_put(f, ANONYMOUS, "/bucket?policy=", ALLOW("s3:GetObject", "bucket/*"), 403, "AccessDenied");
}

static void everybody_may_what_it_allows(void **state)
{
    struct fixture *f = *state;

    open_to_public(f);
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open/a", "", NULL, 403, "AccessDenied");
    assert_document_put(f, ROOT, "/bucket?policy=", ALLOW("s3:GetObject", "bucket/open/*"), 204, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open/a", "", NULL, 200, "");
    assert_answer(f, ANONYMOUS, "HEAD", "/bucket/open/a", "", NULL, 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/shut/b", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open/a?versionId=null", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/open/a", "", "new", 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket?policy=", "", NULL, 403, "AccessDenied");
    assert_answer(f, FORGER, "GET", "/bucket/open/a", "", NULL, 403, "SignatureDoesNotMatch");
    /* a key that is not there is told to who may list */
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open/none", "", NULL, 403, "AccessDenied");
    assert_answer(f, ROOT, "GET", "/bucket/open/none", "", NULL, 404, "NoSuchKey");
    assert_document_put(f, ROOT, "/bucket?policy=",
                        "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":[\"s3:GetObject\","
                        "\"s3:ListBucket\"],\"Resource\":[\"arn:aws:s3:::bucket\",\"arn:aws:s3:::bucket/*\"]}}",
                        204, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open/none", "", NULL, 404, "NoSuchKey");
    assert_answer(f, ANONYMOUS, "GET", "/bucket", "", NULL, 200, "");
}

static void conditions_are_asked_of_the_request(void **state)
{
    static const struct {
        const char *action, *block, *target, *headers;
        int status;
    } rows[] = {
        {"s3:GetObject", "\"IpAddress\":{\"aws:SourceIp\":\"127.0.0.1\"}", "/bucket/open/a", "", 200},
        {"s3:GetObject", "\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}", "/bucket/open/a", "", 403},
        {"s3:GetObject", "\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}", "/bucket/open/a",
         "X-Forwarded-For: 10.0.0.1\r\n", 403},
        {"s3:GetObject", "\"Bool\":{\"aws:SecureTransport\":\"false\"}", "/bucket/open/a", "", 200},
        {"s3:GetObject", "\"Bool\":{\"aws:SecureTransport\":\"true\"}", "/bucket/open/a", "", 403},
        {"s3:GetObject", "\"StringLike\":{\"aws:Referer\":\"https://page.example/*\"}", "/bucket/open/a",
         "Referer: https://page.example/x\r\n", 200},
        {"s3:GetObject", "\"StringLike\":{\"aws:Referer\":\"https://page.example/*\"}", "/bucket/open/a", "", 403},
        {"s3:GetObject", "\"StringEquals\":{\"aws:UserAgent\":\"me\"}", "/bucket/open/a", "User-Agent: me\r\n", 200},
        {"s3:GetObject", "\"StringEquals\":{\"aws:PrincipalType\":\"Anonymous\"}", "/bucket/open/a", "", 200},
        {"s3:GetObject", "\"Null\":{\"aws:PrincipalArn\":\"true\",\"aws:userid\":\"true\",\"s3:TlsVersion\":\"true\"}",
         "/bucket/open/a", "", 200},
        {"s3:GetObject", "\"DateGreaterThan\":{\"aws:CurrentTime\":\"2020-01-01T00:00:00Z\"}", "/bucket/open/a", "",
         200},
        {"s3:GetObject", "\"NumericGreaterThan\":{\"aws:EpochTime\":\"4000000000\"}", "/bucket/open/a", "", 403},
        {"s3:GetObject", "\"StringEquals\":{\"s3:ExistingObjectTag/a\":\"b\"}", "/bucket/open/a", "", 403},
        {"s3:GetObject", "\"StringNotEquals\":{\"s3:ExistingObjectTag/a\":\"b\"}", "/bucket/open/a", "", 200},
        {"s3:GetObjectVersion", "\"StringEquals\":{\"s3:versionid\":\"null\"}", "/bucket/open/a?versionId=null", "",
         200},
        {"s3:GetObjectVersion", "\"StringEquals\":{\"s3:versionid\":\"x\"}", "/bucket/open/a?versionId=null", "", 403},
        {"s3:GetObject", "\"StringEquals\":{\"s3:signatureversion\":\"AWS4-HMAC-SHA256\"}", "/bucket/open/a", "", 403},
        {"s3:GetObject", "\"StringEquals\":{\"s3:ResourceAccount\":\"000000000000\"}", "/bucket/open/a", "", 200},
    };
    struct fixture *f = *state;
    char document[1024];

    open_to_public(f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(document, sizeof(document), STATEMENT("Allow", "%s", "bucket/*", ",\"Condition\":{%s}"),
                 rows[i].action, rows[i].block);
        assert_document_put(f, ROOT, "/bucket?policy=", document, 204, "");
        if (ask(f, ANONYMOUS, "GET", rows[i].target, rows[i].headers, NULL) != rows[i].status)
            fail_msg("%s: %d", document, f->answer.status);
    }
}

static void listing_is_bound_by_its_parameters(void **state)
{
    struct fixture *f = *state;

    open_to_public(f);
    assert_document_put(f, ROOT, "/bucket?policy=",
                        ALLOW_IF("s3:ListBucket", "bucket",
                                 "\"StringEquals\":{\"s3:prefix\":[\"\",\"open/\"],\"s3:delimiter\":\"/\"},"
                                 "\"NumericLessThanEquals\":{\"s3:max-keys\":\"10\"}"),
                        204, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket?delimiter=%2F&max-keys=10&prefix=open%2F", "", NULL, 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket?delimiter=%2F&max-keys=10&prefix=", "", NULL, 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket?delimiter=%2F&max-keys=11&prefix=open%2F", "", NULL, 403,
                  "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket?delimiter=%2F&max-keys=10&prefix=shut%2F", "", NULL, 403,
                  "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket?delimiter=%2F&max-keys=10", "", NULL, 403, "AccessDenied");
}

static void a_deny_holds_for_root_but_not_its_way_back(void **state)
{
    static const char closed[] = "{\"Statement\":{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\","
                                 "\"Resource\":[\"arn:aws:s3:::bucket\",\"arn:aws:s3:::bucket/*\"]}}";
    struct fixture *f = *state;

    assert_document_put(f, ROOT, "/bucket?policy=", closed, 204, "");
    assert_answer(f, ROOT, "GET", "/bucket/open/a", "", NULL, 403, "AccessDenied");
    assert_answer(f, ROOT, "GET", "/bucket", "", NULL, 403, "AccessDenied");
    assert_answer(f, ROOT, "DELETE", "/bucket?publicAccessBlock=", "", NULL, 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/bucket", "", "", 403, "AccessDenied");
    assert_answer(f, ROOT, "GET", "/bucket?policy=", "", NULL, 200, "");
    assert_document_put(f, ROOT, "/bucket?policy=", closed, 204, "");
    assert_answer(f, ROOT, "DELETE", "/bucket?policy=", "", NULL, 204, "");
    assert_answer(f, ROOT, "GET", "/bucket/open/a", "", NULL, 200, "");
}

static void the_source_of_a_copy_is_asked_about(void **state)
{
    static const char copy[] = "x-amz-copy-source: /bucket/shut/b\r\n";
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/target", "", "", 200, "");
    assert_document_put(f, ROOT, "/bucket?policy=", STATEMENT("Deny", "s3:GetObject", "bucket/shut/*", ""), 204, "");
    assert_answer(f, ROOT, "PUT", "/target/copy", copy, "", 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/target/copy", "x-amz-copy-source: /bucket/open/a\r\n", "", 200, "");
    assert_answer(f, ROOT, "DELETE", "/bucket?policy=", "", NULL, 204, "");
    assert_document_put(f, ROOT, "/target?policy=",
                        STATEMENT("Deny", "s3:PutObject", "target/*",
                                  ",\"Condition\":{\"StringLike\":{\"s3:x-amz-copy-source\":\"/bucket/shut/*\"}}"),
                        204, "");
    assert_answer(f, ROOT, "PUT", "/target/copy", copy, "", 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/target/copy", "x-amz-copy-source: /bucket/%73hut/b\r\n", "", 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/target/copy", "x-amz-copy-source: /bucket/open/a\r\n", "", 200, "");
}

static void what_comes_with_an_object_has_rights_of_its_own(void **state)
{
    struct fixture *f = *state;

    assert_document_put(f, ROOT, "/bucket?policy=", STATEMENT("Deny", "s3:PutObjectAcl", "bucket/*", ""), 204, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "data", 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-acl: private\r\n", "data", 403, "AccessDenied");
    assert_document_put(f, ROOT, "/bucket?policy=", STATEMENT("Deny", "s3:GetObject", "bucket/*", ""), 204, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "If-Match: *\r\n", "data", 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/bucket/new", "If-None-Match: *\r\n", "data", 200, "");
}

static void keys_are_deleted_one_by_one(void **state)
{
    struct fixture *f = *state;
    static const char keys[] = "<Delete><Object><Key>open/a</Key></Object><Object><Key>shut/b</Key></Object></Delete>";

    open_to_public(f);
    assert_answer(f, ANONYMOUS, "POST", "/bucket?delete=", "", keys, 403, "AccessDenied");
    assert_document_put(f, ROOT, "/bucket?policy=", ALLOW("s3:DeleteObject", "bucket/open/*"), 204, "");
    assert_answer(f, ANONYMOUS, "POST", "/bucket?delete=", "Content-MD5: YfmEY90sJJ9DajWCiAPAbA==\r\n", keys, 200,
                  "AccessDenied");
    assert_non_null(strstr(f->answer.body, "<Deleted><Key>open/a</Key></Deleted>"));
    assert_non_null(strstr(f->answer.body, "<Error><Key>shut/b</Key><Code>AccessDenied</Code>"));
    assert_answer(f, ROOT, "GET", "/bucket/open/a", "", NULL, 404, "NoSuchKey");
    assert_answer(f, ROOT, "GET", "/bucket/shut/b", "", NULL, 200, "");
}

static void new_buckets_are_closed_to_the_public(void **state)
{
    static const char document[] = ALLOW("s3:GetObject", "bucket/open/*");
    struct fixture *f = *state;

    assert_answer(f, ROOT, "GET", "/bucket?publicAccessBlock=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true"
                                           "</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>"
                                           "<RestrictPublicBuckets>true</RestrictPublicBuckets>"));
    assert_document_put(f, ROOT, "/bucket?policy=", document, 403, "AccessDenied");
    assert_answer(f, ROOT, "GET", "/bucket?policy=", "", NULL, 404, "NoSuchBucketPolicy");
    assert_document_put(f, ROOT, "/bucket?policy=", /* bound to addresses it is not public */
                        ALLOW_IF("s3:GetObject", "bucket/open/*", "\"IpAddress\":{\"aws:SourceIp\":\"127.0.0.1\"}"),
                        204, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open/a", "", NULL, 200, "");
    assert_document_put(f, ROOT, "/bucket?publicAccessBlock=", BLOCK("true", "true", "false", "true"), 200, "");
    assert_document_put(f, ROOT, "/bucket?policy=", document, 204, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open/a", "", NULL, 403, "AccessDenied");
    assert_document_put(f, ROOT, "/bucket?publicAccessBlock=", BLOCK("true", "true", "true", "false"), 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open/a", "", NULL, 200, ""); /* what is there stays */
    assert_document_put(f, ROOT, "/bucket?publicAccessBlock=", "<PublicAccessBlockConfiguration/>", 400,
                        "InvalidRequest");
    assert_document_put(f, ROOT, "/bucket?publicAccessBlock=", BLOCK("yes", "true", "true", "true"), 400,
                        "MalformedXML");
    assert_answer(f, ROOT, "DELETE", "/bucket?publicAccessBlock=", "", NULL, 204, "");
    assert_answer(f, ROOT, "GET", "/bucket?publicAccessBlock=", "", NULL, 404, "NoSuchPublicAccessBlockConfiguration");
}

static void who_owns_objects(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "GET", "/bucket?ownershipControls=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, CONTROLS("BucketOwnerEnforced") + strlen("<OwnershipControls>")));
    assert_document_put(f, ROOT, "/bucket?ownershipControls=", CONTROLS("ObjectWriter"), 200, "");
    assert_answer(f, ROOT, "GET", "/bucket?ownershipControls=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "ObjectWriter"));
    assert_document_put(f, ROOT, "/bucket?ownershipControls=", CONTROLS("Nobody"), 400, "MalformedXML");
    assert_document_put(f, ROOT, "/bucket?ownershipControls=", "<OwnershipControls/>", 400, "MalformedXML");
    assert_answer(f, ROOT, "DELETE", "/bucket?ownershipControls=", "", NULL, 204, "");
    assert_answer(f, ROOT, "GET", "/bucket?ownershipControls=", "", NULL, 404, "OwnershipControlsNotFoundError");
    assert_answer(f, ROOT, "PUT", "/other", "x-amz-object-ownership: BucketOwnerPreferred\r\n", "", 200, "");
    assert_answer(f, ROOT, "GET", "/other?ownershipControls=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "BucketOwnerPreferred"));
    assert_answer(f, ROOT, "PUT", "/third", "x-amz-object-ownership: Nobody\r\n", "", 400, "InvalidArgument");
    assert_non_null(strstr(f->answer.body, "Invalid x-amz-object-ownership header: Nobody"));
}

/* Nearly all steps that a decision may have, for each. */
static void the_decisions_of_a_request_have_their_steps_together(void **state)
{
    enum { PIECES = 250, VALUE = 2000 };
    static const char all[] = "x-amz-tagging: a=1\r\nx-amz-object-lock-mode: GOVERNANCE\r\n"
                              "x-amz-object-lock-retain-until-date: 2099-01-01T00:00:00Z\r\n"
                              "x-amz-object-lock-legal-hold: OFF\r\n";
    char policy[1024], pieces[PIECES + 1] = "", value[VALUE + 1] = "", headers[VALUE + 512];
    struct fixture *f = *state;

    memset(pieces, '?', PIECES);
    memset(value, 'a', VALUE);
    open_to_public(f);
    snprintf(policy, sizeof(policy), ALLOW_IF("s3:*", "bucket/*", "\"StringNotLike\":{\"aws:UserAgent\":\"*%sb\"}"),
             pieces);
    assert_document_put(f, ROOT, "/bucket?policy=", policy, 204, "");
    snprintf(headers, sizeof(headers), "User-Agent: %s\r\nx-amz-tagging: a=1\r\n", value);
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/k", headers, "data", 200, "");
    snprintf(headers, sizeof(headers), "User-Agent: curl\r\n%s", all);
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/k", headers, "data", 400, "InvalidRequest"); /* a bucket without lock */
    snprintf(headers, sizeof(headers), "User-Agent: %s\r\n%s", value, all);
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/k", headers, "data", 403, "AccessDenied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
        TEST(it_is_made_given_back_and_removed),
        TEST(what_is_no_policy_is_refused_by_its_place),
        TEST(everybody_may_what_it_allows),
        TEST(conditions_are_asked_of_the_request),
        TEST(listing_is_bound_by_its_parameters),
        TEST(a_deny_holds_for_root_but_not_its_way_back),
        TEST(the_source_of_a_copy_is_asked_about),
        TEST(what_comes_with_an_object_has_rights_of_its_own),
        TEST(keys_are_deleted_one_by_one),
        TEST(new_buckets_are_closed_to_the_public),
        TEST(the_decisions_of_a_request_have_their_steps_together),
        TEST(who_owns_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* ACLs of buckets and objects: what is given back, what is refused, and what they let everybody do. */
#include "tests/unit/gateway/fixture.h"

#include "gateway/front/exchange.h"
#include "gateway/front/further_rights.h"

#define CONTROLS(name) "<OwnershipControls><Rule><ObjectOwnership>" name "</ObjectOwnership></Rule></OwnershipControls>"
#define OWNER          "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"
#define BOB            "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ACL(owner, grants)                                                                                             \
    "<AccessControlPolicy><Owner><ID>" owner "</ID></Owner><AccessControlList>" grants                                 \
    "</AccessControlList></AccessControlPolicy>"
#define GRANT(id, permission) "<Grant><Grantee><ID>" id "</ID></Grantee><Permission>" permission "</Permission></Grant>"

static int setup(void **state)
{
    struct fixture *f;

    fixture_setup(state);
    f = *state;
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket", "", ""), 200);
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/k", "", "data"), 200);
    return 0;
}

/* As buckets were before AWS closed new ones. */
static void allow_acls(struct fixture *f)
{
    assert_document_put(f, ROOT, "/bucket?ownershipControls=", CONTROLS("ObjectWriter"), 200, "");
    assert_answer(f, ROOT, "DELETE", "/bucket?publicAccessBlock=", "", NULL, 204, "");
}

static void a_new_bucket_has_none(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket?acl=", "x-amz-acl: public-read\r\n", "", 400,
                  "AccessControlListNotSupported");
    assert_answer(f, ROOT, "PUT", "/bucket/k?acl=", "x-amz-acl: public-read\r\n", "", 400,
                  "AccessControlListNotSupported");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-acl: public-read\r\n", "new", 400,
                  "AccessControlListNotSupported");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-grant-read: id=" BOB "\r\n", "new", 400,
                  "AccessControlListNotSupported");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-acl: bucket-owner-full-control\r\n", "new", 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k?acl=", "x-amz-acl: bucket-owner-full-control\r\n", "", 200, "");
    assert_document_put(f, ROOT, "/bucket?acl=", ACL(OWNER, GRANT(OWNER, "FULL_CONTROL")), 200, "");
    assert_document_put(f, ROOT, "/bucket?acl=", ACL(OWNER, GRANT(BOB, "READ")), 400, "AccessControlListNotSupported");
    assert_answer(f, ROOT, "GET", "/bucket/k?acl=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<Permission>FULL_CONTROL</Permission>"));
    assert_answer(f, ROOT, "PUT", "/other", "x-amz-acl: public-read\r\n", "", 400,
                  "InvalidBucketAclWithObjectOwnership");
    assert_answer(f, ROOT, "PUT", "/other", "x-amz-acl: public-read\r\nx-amz-object-ownership: ObjectWriter\r\n", "",
                  400, "InvalidBucketAclWithBlockPublicAccessError");
    assert_answer(f, ROOT, "PUT", "/other", "x-amz-grant-read: id=" BOB "\r\nx-amz-object-ownership: ObjectWriter\r\n",
                  "", 200, "");
    assert_answer(f, ROOT, "GET", "/other?acl=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<ID>" BOB "</ID></Grantee><Permission>READ</Permission>"));
    assert_document_put(f, ROOT, "/other?ownershipControls=", CONTROLS("BucketOwnerEnforced"), 400,
                        "InvalidBucketAclWithObjectOwnership");
}

static void of_a_bucket(void **state)
{
    struct fixture *f = *state;

    allow_acls(f);
    assert_answer(f, ANONYMOUS, "GET", "/bucket", "", NULL, 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/bucket?acl=", "x-amz-acl: public-read\r\n", "", 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket", "", NULL, 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k", "", NULL, 403, "AccessDenied"); /* that is the object's */
    assert_answer(f, ANONYMOUS, "GET", "/bucket/none", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket?acl=", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/new", "", "new", 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/bucket?acl=", "x-amz-acl: public-read-write\r\n", "", 200, "");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/new", "", "new", 200, "");
    assert_answer(f, ROOT, "GET", "/bucket/new", "", NULL, 200, "");
    /* more than WRITE gives */
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/new", "x-amz-acl: public-read\r\n", "new", 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/new", "x-amz-acl: bucket-owner-full-control\r\n", "new", 200, "");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/new", "If-Match: *\r\n", "new", 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "DELETE", "/bucket/new", "", NULL, 204, "");
    assert_answer(f, ROOT, "PUT", "/bucket?acl=", "x-amz-acl: authenticated-read\r\n", "", 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket", "", NULL, 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/bucket?acl=", "x-amz-acl: private\r\n", "", 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket", "", NULL, 403, "AccessDenied");
}

static void of_an_object(void **state)
{
    struct fixture *f = *state;

    allow_acls(f);
    assert_answer(f, ROOT, "PUT", "/bucket/open", "x-amz-acl: public-read\r\n", "open", 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open", "", NULL, 200, "");
    assert_string_equal(f->answer.body, "open");
    assert_answer(f, ANONYMOUS, "HEAD", "/bucket/open", "", NULL, 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open?acl=", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k", "", NULL, 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/bucket/copy", "x-amz-copy-source: /bucket/open\r\n", "", 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/copy", "", NULL, 403, "AccessDenied"); /* an ACL is not copied */
    assert_answer(f, ROOT, "PUT",
                  "/bucket/k?acl=", "x-amz-grant-read: uri=\"http://acs.amazonaws.com/groups/global/AllUsers\"\r\n", "",
                  200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k", "", NULL, 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/open?acl=", "x-amz-acl: private\r\n", "", 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open", "", NULL, 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/bucket/none?acl=", "x-amz-acl: private\r\n", "", 404, "NoSuchKey");
    /* the switches */
    assert_document_put(f, ROOT, "/bucket?publicAccessBlock=",
                        "<PublicAccessBlockConfiguration><IgnorePublicAcls>true</IgnorePublicAcls>"
                        "</PublicAccessBlockConfiguration>",
                        200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k", "", NULL, 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/bucket/open?acl=", "x-amz-acl: public-read\r\n", "", 200, "");
    assert_document_put(f, ROOT, "/bucket?publicAccessBlock=",
                        "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>"
                        "</PublicAccessBlockConfiguration>",
                        200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k", "", NULL, 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/open?acl=", "x-amz-acl: public-read\r\n", "", 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/bucket/open", "x-amz-acl: public-read\r\n", "new", 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/bucket?acl=", "x-amz-acl: public-read\r\n", "", 403, "AccessDenied");
    /* a deny is stronger, and without ACLs they say nothing */
    assert_document_put(f, ROOT, "/bucket?policy=",
                        "{\"Statement\":{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\","
                        "\"Resource\":\"arn:aws:s3:::bucket/k\"}}",
                        204, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open", "", NULL, 200, "");
    assert_document_put(f, ROOT, "/bucket?ownershipControls=", CONTROLS("BucketOwnerEnforced"), 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/open", "", NULL, 403, "AccessDenied");
}

static void check_version(void *arg)
{
    static const char right[] = "s3:GetObjectAttributes";
    const struct resource resource = {.kind = RESOURCE_OBJECT, .bucket = BYTES("bucket"), .key = BYTES("open")};
    const struct meta_version latest = {0};
    struct fixture *f = arg;
    struct exchange exchange = {.gateway = &f->gateway, .bucket_name = BYTES("bucket"), .key = BYTES("open")};
    struct meta_object object;

    assert_true(exchange_load_bucket(&exchange));
    assert_int_equal(meta_object_get(f->gateway.meta, exchange.bucket.id, exchange.key, &latest, &object), STATUS_OK);
    const struct decision decision = exchange_decide(&exchange, "s3:GetObject", &resource);
    assert_int_equal(decision.by, DECIDED_BY_ACL);
    assert_true(decision_is_about(&decision, object.sequence));
    assert_false(decision_is_about(&decision, object.sequence + 1));
    assert_true(further_rights_check(&exchange, right, &resource));
    assert_true(decision_is_about(&exchange.further, object.sequence));
    assert_false(decision_is_about(&exchange.further, object.sequence + 1));
    assert_true(exchange_may_of(&exchange, "s3:GetObject", &resource, object.sequence));
    assert_false(exchange_may_of(&exchange, "s3:GetObject", &resource, object.sequence + 1));
    meta_object_release(&object);
    exchange_release(&exchange);
}

/* What the ACL of one version gives is not given of one that has taken its place since. */
static void of_one_version(void **state)
{
    struct fixture *f = *state;

    allow_acls(f);
    assert_answer(f, ROOT, "PUT", "/bucket/open", "x-amz-acl: public-read\r\n", "open", 200, "");
    fixture_run(f, check_version, f);
}

static void what_is_wrong(void **state)
{
    struct fixture *f = *state;

    allow_acls(f);
    assert_answer(f, ROOT, "PUT", "/bucket/k?acl=", "x-amz-acl: open\r\n", "", 400, "InvalidArgument");
    assert_answer(f, ROOT, "PUT", "/bucket/k?acl=", "", "", 400, "MissingSecurityHeader");
    assert_answer(f, ROOT, "PUT", "/bucket/k?acl=", "x-amz-acl: private\r\n", ACL(OWNER, ""), 400, "UnexpectedContent");
    assert_answer(f, ROOT, "PUT", "/bucket/k?acl=", "x-amz-acl: private\r\nx-amz-grant-read: id=" BOB "\r\n", "", 400,
                  "InvalidRequest");
    assert_answer(f, ROOT, "PUT", "/bucket/k?acl=", "x-amz-grant-read: id=b\r\n", "", 400, "InvalidArgument");
    assert_document_put(f, ROOT, "/bucket/k?acl=", "<AccessControlPolicy/>", 400, "MalformedACLError");
    assert_document_put(f, ROOT, "/bucket/k?acl=", ACL(BOB, GRANT(OWNER, "READ")), 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/bucket/k?acl=", "", ACL(OWNER, GRANT(BOB, "READ")), 200, ""); /* without a digest */
    assert_answer(f, ROOT, "GET", "/bucket/k?acl=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<ID>" BOB "</ID></Grantee><Permission>READ</Permission>"));
    assert_null(strstr(f->answer.body, "FULL_CONTROL"));
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 200, ""); /* the bucket is root's all the same */
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/k?acl=", "x-amz-acl: public-read\r\n", "", 403, "AccessDenied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_bucket_has_none, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(of_a_bucket, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(of_an_object, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(of_one_version, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong, setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

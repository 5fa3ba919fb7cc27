/* Users and buckets: a bucket is whose who made it, and others get in by their policies, by the bucket's, or by ACLs.
 */
#include "tests/unit/gateway/fixture.h"

#include <string.h>

#include "gateway/identity/access_key.h"
#include "gateway/identity/user.h"

#define OK(call)   assert_int_equal((call), STATUS_OK)
#define ALICE      "arn:aws:iam::000000000000:user/staff/alice"
#define KEYS(name) "\"arn:aws:s3:::" name "/*\""
#define MAY(effect, actions, resources)                                                                                \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"" effect "\",\"Action\":" actions                        \
    ",\"Resource\":" resources "}]}"
#define CREATOR MAY("Allow", "\"s3:CreateBucket\"", "\"arn:aws:s3:::*\"")
#define TO_ALICE(effect, actions, resources)                                                                           \
    "{\"Statement\":[{\"Effect\":\"" effect "\",\"Principal\":{\"AWS\":\"" ALICE "\"},\"Action\":" actions             \
    ",\"Resource\":" resources "}]}"

static struct identity_user user;
static struct identity_access_key key;
static char secret[ACCESS_KEY_SECRET_LEN + 1];

static void commit(struct fixture *f, struct identity_changes *changes)
{
    OK(identity_changes_commit(f->gateway.meta, meta_identity_generation(f->gateway.meta), changes));
    identity_changes_release(changes);
}

/* Her only policy. */
static void allow(struct fixture *f, const char *document)
{
    struct identity_changes changes = {0};

    identity_texts_set(&user.policies, BYTES("inline"), bytes_from_str(document));
    identity_user_put(&changes, &user);
    commit(f, &changes);
}

/* Alice has no rights; root has a bucket with an object. */
static int set_up(void **state)
{
    struct identity_changes changes = {0};

    fixture_setup(state);
    struct fixture *f = *state;
    identity_user_create(&user, BYTES("alice"), BYTES("/staff/"));
    identity_texts_set(&user.tags, BYTES("team"), BYTES("red"));
    identity_access_key_create(&key, "alice", &f->gateway.seal, secret);
    identity_names_add(&user.keys, bytes_from_str(key.id));
    identity_user_put(&changes, &user);
    identity_access_key_put(&changes, &key);
    commit(f, &changes);
    f->user_key = key.id;
    f->user_secret = secret;
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket", "", ""), 200);
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/k", "", "data"), 200);
    return 0;
}

static int tear_down(void **state)
{
    identity_user_release(&user);
    identity_access_key_release(&key);
    return fixture_teardown(state);
}

static void who_made_a_bucket_owns_it(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, USER, "PUT", "/hers", "", "", 403, "AccessDenied");
    allow(f, CREATOR);
    assert_answer(f, USER, "PUT", "/hers", "", "", 200, "");
    assert_answer(f, USER, "PUT", "/hers", "", "", 200, "");
    assert_answer(f, USER, "PUT", "/bucket", "", "", 409, "BucketAlreadyExists");
    assert_answer(f, ROOT, "PUT", "/hers", "", "", 409, "BucketAlreadyExists");
    allow(f, MAY("Allow", "\"s3:GetObject\"", KEYS("none"))); /* she keeps what she has */
    assert_answer(f, USER, "PUT", "/hers/k", "", "data", 200, "");
    assert_answer(f, USER, "GET", "/hers/k", "", NULL, 200, "");
    assert_answer(f, USER, "GET", "/hers/none", "", NULL, 404, "NoSuchKey");
    assert_answer(f, USER, "GET", "/hers", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, user.canonical_id));
    assert_answer(f, USER, "GET", "/hers?acl=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, user.canonical_id));
    assert_non_null(strstr(f->answer.body, "<DisplayName>alice</DisplayName>"));
    assert_document_put(f, USER, "/hers?policy=", TO_ALICE("Allow", "\"s3:GetObject\"", KEYS("hers")), 204, "");
    assert_answer(f, USER, "DELETE", "/hers?publicAccessBlock=", "", NULL, 204, "");
    assert_answer(f, USER, "GET", "/bucket/k", "", NULL, 403, "AccessDenied");
    assert_non_null(strstr(f->answer.body, "because no identity-based policy allows the s3:GetObject action"));
    assert_answer(f, USER, "GET", "/bucket/none", "", NULL, 403, "AccessDenied");
    assert_answer(f, USER, "GET", "/bucket", "", NULL, 403, "AccessDenied");
    assert_answer(f, USER, "PUT", "/hers/copy", "x-amz-copy-source: /bucket/k\r\n", "", 403, "AccessDenied");
    assert_answer(f, USER, "PUT", "/hers/copy", "x-amz-copy-source: /hers/k\r\n", "", 200, "");
    assert_answer(f, ROOT, "GET", "/hers/k", "", NULL, 200, ""); /* it is the account's all the same */
    assert_answer(f, USER, "DELETE", "/hers/k", "", NULL, 204, "");
    assert_answer(f, USER, "DELETE", "/hers/copy", "", NULL, 204, "");
    assert_answer(f, USER, "DELETE", "/hers", "", NULL, 204, "");
    assert_answer(f, USER, "DELETE", "/bucket", "", NULL, 403, "AccessDenied");
}

static void a_deny_is_for_the_owner_too(void **state)
{
    struct fixture *f = *state;

    allow(f, CREATOR);
    assert_answer(f, USER, "PUT", "/hers", "", "", 200, "");
    assert_answer(f, USER, "PUT", "/hers/k", "", "data", 200, "");
    assert_document_put(f, USER, "/hers?policy=", TO_ALICE("Deny", "\"s3:GetObject\"", KEYS("hers")), 204, "");
    assert_answer(f, USER, "GET", "/hers/k", "", NULL, 403, "AccessDenied");
    assert_non_null(strstr(f->answer.body, "with an explicit deny in a resource-based policy"));
    assert_answer(f, USER, "DELETE", "/hers?policy=", "", NULL, 204, "");
    allow(f, MAY("Deny", "\"s3:GetObject\"", KEYS("hers")));
    assert_answer(f, USER, "GET", "/hers/k", "", NULL, 403, "AccessDenied");
    assert_non_null(strstr(f->answer.body,
                           "<Message>User: " ALICE " is not authorized to perform: s3:GetObject with an "
                           "explicit deny in an identity-based policy</Message>"));
    assert_answer(f, USER, "HEAD", "/hers", "", NULL, 200, "");
}

static void buckets_that_are_seen(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, USER, "GET", "/", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/", "", NULL, 403, "AccessDenied");
    allow(f, CREATOR);
    assert_answer(f, USER, "GET", "/", "", NULL, 200, ""); /* she could have some */
    assert_null(strstr(f->answer.body, "<Bucket>"));
    assert_answer(f, USER, "PUT", "/hers", "", "", 200, "");
    allow(f, MAY("Allow", "\"s3:GetObject\"", "\"*\""));
    assert_answer(f, USER, "GET", "/", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<Name>hers</Name>"));
    assert_non_null(strstr(f->answer.body, user.canonical_id));
    assert_null(strstr(f->answer.body, "<Name>bucket</Name>"));
    allow(f, MAY("Allow", "\"s3:ListAllMyBuckets\"", "\"*\""));
    assert_answer(f, USER, "GET", "/", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<Name>bucket</Name>"));
    allow(f, MAY("Deny", "\"s3:ListAllMyBuckets\"", "\"*\""));
    assert_answer(f, USER, "GET", "/", "", NULL, 403, "AccessDenied");
    assert_answer(f, ROOT, "GET", "/", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<Name>hers</Name>"));
}

static void others_get_in_by_policies(void **state)
{
    struct fixture *f = *state;

    allow(f,
          MAY("Allow", "[\"s3:GetObject\",\"s3:ListBucket\"]", "[\"arn:aws:s3:::bucket\",\"arn:aws:s3:::bucket/*\"]"));
    assert_answer(f, USER, "GET", "/bucket/k", "", NULL, 200, "");
    assert_answer(f, USER, "GET", "/bucket/none", "", NULL, 404, "NoSuchKey");
    assert_answer(f, USER, "PUT", "/bucket/k", "", "new", 403, "AccessDenied");
    allow(f, MAY("Allow", "\"s3:GetObject\"", KEYS("other")));
    assert_answer(f, USER, "GET", "/bucket/k", "", NULL, 403, "AccessDenied");
    assert_document_put(f, ROOT, "/bucket?policy=", TO_ALICE("Allow", "\"s3:*\"", KEYS("bucket")), 204, "");
    assert_answer(f, USER, "GET", "/bucket/k", "", NULL, 200, ""); /* the bucket's side suffices */
    assert_answer(f, USER, "PUT", "/bucket/new", "", "new", 200, "");
    assert_answer(f, USER, "GET", "/bucket/none", "", NULL, 403, "AccessDenied");
    assert_answer(f, USER, "GET", "/bucket?policy=", "", NULL, 403, "AccessDenied");
    allow(f, MAY("Deny", "\"s3:GetObject\"", KEYS("bucket")));
    assert_answer(f, USER, "GET", "/bucket/k", "", NULL, 403, "AccessDenied");
}

static void an_empty_version_is_none(void **state)
{
    static const char body[] = "<Delete><Object><Key>k</Key><VersionId/></Object></Delete>";
    struct fixture *f = *state;

    allow(f, "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"},"
             "{\"Effect\":\"Deny\",\"Action\":[\"s3:DeleteObject\",\"s3:GetObject\"],\"Resource\":\"*\"}]}");
    assert_answer(f, USER, "POST", "/bucket?delete=", "Content-MD5: NT45znNkb7EZe8IoHF5Slg==\r\n", body, 200,
                  "InvalidArgument");
    assert_answer(f, USER, "PUT", "/bucket/copy", "x-amz-copy-source: /bucket/k?versionId=\r\n", "", 400,
                  "InvalidArgument");
    assert_answer(f, ROOT, "HEAD", "/bucket/k", "", NULL, 200, "");
}

static void conditions_know_the_user(void **state)
{
#define IF(block)                                                                                                      \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\","         \
    "\"Condition\":{" block "}}]}"
    static const struct {
        const char *document;
        int status;
    } rows[] = {
        {IF("\"StringEquals\":{\"aws:username\":\"alice\",\"aws:PrincipalType\":\"User\"}"), 200},
        {IF("\"StringEquals\":{\"aws:username\":\"bob\"}"), 403},
        {IF("\"ArnEquals\":{\"aws:PrincipalArn\":\"" ALICE "\"}"), 200},
        {IF("\"StringEquals\":{\"aws:PrincipalAccount\":\"000000000000\"}"), 200},
        {IF("\"StringLike\":{\"aws:userid\":\"AIDA*\"}"), 200},
        {IF("\"StringEquals\":{\"aws:PrincipalTag/team\":\"red\"}"), 200},
        {IF("\"StringEquals\":{\"aws:PrincipalTag/team\":\"blue\"}"), 403},
        {IF("\"StringEquals\":{\"s3:signatureversion\":\"AWS4-HMAC-SHA256\",\"s3:authType\":\"REST-HEADER\"}"), 200},
        {IF("\"Bool\":{\"aws:MultiFactorAuthPresent\":\"true\"}"), 403},
        {IF("\"StringEquals\":{\"aws:NoSuchKey\":\"x\"}"), 403},
        {MAY("Allow", "\"s3:*\"", "[\"arn:aws:s3:::bucket/${aws:username}/*\"]"), 403},
        {MAY("Allow", "\"s3:*\"", "[\"arn:aws:s3:::bucke?/*\"]"), 200},
    };
#undef IF
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        allow(f, rows[i].document);
        if (ask(f, USER, "GET", "/bucket/k", "", NULL) != rows[i].status)
            fail_msg("%s: %d", rows[i].document, f->answer.status);
    }
}

static void where_a_bucket_is_made(void **state)
{
    struct fixture *f = *state;
    static const char here[] = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint>"
                               "</CreateBucketConfiguration>";

    allow(f, "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:CreateBucket\",\"Resource\":\"arn:aws:s3:::eu-*\","
             "\"Condition\":{\"StringEquals\":{\"s3:LocationConstraint\":\"eu-west-1\"}}}]}");
    assert_answer(f, USER, "PUT", "/eu-one", "", "", 403, "AccessDenied");
    assert_answer(f, USER, "PUT", "/us-one", "", here, 403, "AccessDenied");
    assert_answer(f, USER, "PUT", "/eu-one", "", here, 200, "");
    assert_answer(f, USER, "PUT", "/eu-one", "x-amz-object-ownership: ObjectWriter\r\n", here, 409,
                  "BucketAlreadyOwnedByYou"); /* its owner may */
    assert_answer(f, USER, "PUT", "/eu-two", "x-amz-object-ownership: ObjectWriter\r\n", here, 403, "AccessDenied");
}

static void acls_name_users(void **state)
{
    struct fixture *f = *state;
    char header[160];

    assert_document_put(
        f, ROOT, "/bucket?ownershipControls=",
        "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>", 200, "");
    snprintf(header, sizeof(header), "x-amz-grant-read: id=%s\r\n", user.canonical_id);
    assert_answer(f, ROOT, "PUT", "/bucket/k?acl=", header, "", 200, "");
    assert_answer(f, USER, "GET", "/bucket/k", "", NULL, 200, "");
    assert_answer(f, USER, "GET", "/bucket/k?acl=", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/k", "", NULL, 403, "AccessDenied");
    snprintf(header, sizeof(header), "x-amz-grant-write: id=%s\r\n", user.canonical_id);
    assert_answer(f, ROOT, "PUT", "/bucket?acl=", header, "", 200, "");
    assert_answer(f, USER, "PUT", "/bucket/hers", "", "data", 200, "");
    assert_answer(f, ROOT, "GET", "/bucket/hers?acl=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, user.canonical_id)); /* who writes owns */
    assert_answer(f, USER, "GET", "/bucket/hers", "", NULL, 200, "");
    assert_answer(f, ROOT, "GET", "/bucket/hers", "", NULL, 200, "");
    allow(f, MAY("Deny", "\"s3:GetObject\"", "\"*\""));
    assert_answer(f, USER, "GET", "/bucket/k", "", NULL, 403, "AccessDenied");
}

/* She writes where no ACLs are, or where nobody has said so: what she wrote is not hers. */
static void assert_only_writes(struct fixture *f, const char *bucket)
{
    char path[64], acl[64];

    snprintf(path, sizeof(path), "/%s/hers", bucket);
    snprintf(acl, sizeof(acl), "/%s/hers?acl=", bucket);
    assert_answer(f, USER, "PUT", path, "", "data", 200, "");
    assert_answer(f, USER, "GET", path, "", NULL, 403, "AccessDenied");
    assert_answer(f, USER, "GET", acl, "", NULL, 403, "AccessDenied");
    assert_answer(f, USER, "PUT", acl, "x-amz-acl: public-read\r\n", "", 403, "AccessDenied");
}

static void who_writes_owns_nothing_without_acls(void **state)
{
    struct fixture *f = *state;

    allow(f, MAY("Allow", "\"s3:PutObject\"", "\"arn:aws:s3:::*\""));
    assert_only_writes(f, "bucket");
    assert_only_writes(f, GATEWAY_FILES_BUCKET);
    assert_answer(f, ROOT, "GET", "/" GATEWAY_FILES_BUCKET "?publicAccessBlock=", "", NULL, 200, "");
    assert_null(strstr(f->answer.body, "false"));
    assert_answer(f, ROOT, "GET", "/" GATEWAY_FILES_BUCKET "?ownershipControls=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "BucketOwnerEnforced"));
    /* as a bucket of an earlier build is */
    assert_answer(f, ROOT, "DELETE", "/bucket?ownershipControls=", "", NULL, 204, "");
    assert_answer(f, ROOT, "DELETE", "/bucket?publicAccessBlock=", "", NULL, 204, "");
    assert_only_writes(f, "bucket");
    assert_answer(f, ROOT, "PUT", "/bucket/hers?acl=", "x-amz-acl: public-read\r\n", "", 400,
                  "AccessControlListNotSupported");
    assert_document_put(
        f, ROOT, "/bucket?ownershipControls=",
        "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>", 200, "");
    assert_answer(f, USER, "GET", "/bucket/hers", "", NULL, 403, "AccessDenied"); /* nor later */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(who_made_a_bucket_owns_it), TEST(a_deny_is_for_the_owner_too),
        TEST(buckets_that_are_seen),     TEST(others_get_in_by_policies),
        TEST(conditions_know_the_user),  TEST(where_a_bucket_is_made),
        TEST(acls_name_users),           TEST(who_writes_owns_nothing_without_acls),
        TEST(an_empty_version_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

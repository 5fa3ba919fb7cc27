/* Who may do what: the one decision, on principals with rights for a part of the resources. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/front/authorize.h"

static const struct grant reader_grants[] = {
    {.action = "s3:GetObject", .bucket = "photos", .key = "public/*"},
    {.action = "s3:DeleteObject", .bucket = "photos", .key = "mine"},
    {.action = "s3:ListBucket", .bucket = "photos"},
    {.action = "s3:Put*", .bucket = "drop-*"},
};
static const struct principal reader = {.grants = reader_grants, .grant_count = 4};

static bool may(const struct principal *principal, const char *action, enum resource_kind kind, const char *bucket,
                const char *key)
{
    const struct resource resource = {.kind = kind, .bucket = bytes_from_str(bucket), .key = bytes_from_str(key)};
    const struct request_context away = {.local = false};

    return authorize(principal, action, &resource, &away).allowed;
}

static void test_grants(void **state)
{
    static const struct {
        bool allowed;
        const char *action;
        enum resource_kind kind;
        const char *bucket, *key;
    } rows[] = {
        {true, "s3:GetObject", RESOURCE_OBJECT, "photos", "public/a"},
        {true, "s3:GetObject", RESOURCE_OBJECT, "photos", "public/"},
        {false, "s3:GetObject", RESOURCE_OBJECT, "photos", "public"},
        {false, "s3:GetObject", RESOURCE_OBJECT, "photos", "private/a"},
        {false, "s3:GetObject", RESOURCE_OBJECT, "photos2", "public/a"},
        {false, "s3:GetObject", RESOURCE_OBJECT, "photo", "public/a"},
        {false, "s3:GetObject", RESOURCE_BUCKET, "photos", ""}, /* a grant for keys is none for the bucket */
        {false, "s3:GetObject", RESOURCE_NONE, "", ""},
        {false, "s3:GetObjectVersion", RESOURCE_OBJECT, "photos", "public/a"}, /* older versions are another right */
        {false, "s3:PutObject", RESOURCE_OBJECT, "photos", "public/a"},
        {true, "s3:ListBucket", RESOURCE_BUCKET, "photos", ""},
        {false, "s3:ListBucket", RESOURCE_BUCKET, "other", ""},
        {true, "s3:PutObject", RESOURCE_OBJECT, "drop-1", "any"},
        {true, "s3:PutBucketTagging", RESOURCE_BUCKET, "drop-1", ""},
        {false, "s3:PutBucketTagging", RESOURCE_NONE, "", ""}, /* one for some buckets is none for all */
        {true, "s3:DeleteObject", RESOURCE_OBJECT, "photos", "mine"},
        {false, "s3:DeleteObject", RESOURCE_OBJECT, "photos", "mine2"},
        {true, "s3:DeleteObject", RESOURCE_LISTED, "photos", ""}, /* it may be that key; each is asked about */
        {false, "s3:DeleteObject", RESOURCE_LISTED, "other", ""},
        {false, "s3:DeleteObjectVersion", RESOURCE_LISTED, "photos", ""},
        {false, "", RESOURCE_NONE, "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (may(&reader, rows[i].action, rows[i].kind, rows[i].bucket, rows[i].key) != rows[i].allowed)
            fail_msg("%s of %s/%s", rows[i].action, rows[i].bucket, rows[i].key);
}

/* The rights that the gateway gives by itself. */
static void test_principals(void **state)
{
    const struct request_context here = {.local = true};
    const struct resource none = {.kind = RESOURCE_NONE};

    (void)state;
    assert_true(may(&principal_root, "s3:GetObject", RESOURCE_OBJECT, "b", "k"));
    assert_true(may(&principal_root, "s3:ListAllMyBuckets", RESOURCE_NONE, "", ""));
    assert_true(may(&principal_root, "s3express:CreateSession", RESOURCE_BUCKET, "b", ""));
    assert_true(may(&principal_root, "tercet:Health", RESOURCE_NONE, "", ""));
    assert_false(may(&principal_root, "tercet:ReadState", RESOURCE_NONE, "", ""));
    assert_false(may(&principal_unknown, "s3:GetObject", RESOURCE_OBJECT, "b", "k"));
    assert_false(may(&principal_unknown, "tercet:UseFiles", RESOURCE_BUCKET, "files", ""));
    assert_true(may(&principal_unknown, "tercet:Preflight", RESOURCE_NONE, "", ""));
    assert_true(authorize(&principal_unknown, "tercet:ReadState", &none, &here).allowed);
    assert_false(authorize(&principal_unknown, "s3:ListAllMyBuckets", &none, &here).allowed);
    assert_true(may(&principal_files, "tercet:UseFiles", RESOURCE_BUCKET, "files", ""));
    assert_false(may(&principal_files, "s3:GetObject", RESOURCE_OBJECT, "files", "k"));
}

#define ACCOUNT                 "123456789012"
#define ANN                     "arn:aws:iam::" ACCOUNT ":user/ann"
#define STATEMENT(effect, more) "{\"Statement\":{\"Effect\":\"" effect "\"," more "}}"
#define OF_BUCKET(effect, who, action)                                                                                 \
    STATEMENT(effect, "\"Principal\":" who ",\"Action\":\"" action "\",\"Resource\":[\"arn:aws:s3:::b\","              \
                      "\"arn:aws:s3:::b/*\"]")
#define OF_USER(effect, action, resource) STATEMENT(effect, "\"Action\":\"" action "\",\"Resource\":\"" resource "\"")

enum asks { NOBODY, ROOT, USER, OWNER };

/* Whoever asks to do `action` to the object or the bucket, under these documents; NULL: none. */
struct row {
    enum asks who;
    const char *identity, *boundary, *bucket, *action;
    enum resource_kind kind;
    bool restricted, allowed;
    enum decided_by by;
};

static struct policy *parsed(const char *document, enum policy_kind kind)
{
    struct policy_problem problem = {{0}};
    struct policy *policy = NULL;

    if (document && policy_parse(bytes_from_str(document), kind, BYTES("b"), &policy, &problem))
        fail_msg("%s: %s", document, problem.text);
    return policy;
}

static struct decision decide(const struct row *row, const struct policy *identity, const struct policy *boundary,
                              const struct policy *bucket)
{
    const struct request_context context = {.account = BYTES(ACCOUNT), .canonical_id = BYTES("root")};
    struct principal principal = row->who == ROOT ? principal_root : principal_unknown;
    const struct resource resource = {.kind = row->kind,
                                      .bucket = BYTES("b"),
                                      .key = BYTES("k"),
                                      .owner = BYTES("cid"),
                                      .policy = bucket,
                                      .restricted = row->restricted};

    if (row->who == USER || row->who == OWNER) {
        principal.access_key = BYTES("AKIA");
        principal.caller = (struct policy_caller){.kind = POLICY_USER,
                                                  .account = BYTES(ACCOUNT),
                                                  .arn = BYTES(ANN),
                                                  .canonical_id = row->who == OWNER ? BYTES("cid") : BYTES("ann")};
        principal.policies.identity = &identity;
        principal.policies.identity_count = identity ? 1 : 0;
        principal.policies.boundary = boundary;
    }
    return authorize(&principal, row->action, &resource, &context);
}

static void assert_decided(const struct row *row, size_t number)
{
    struct policy *identity = parsed(row->identity, POLICY_IDENTITY);
    struct policy *boundary = parsed(row->boundary, POLICY_BOUNDARY);
    struct policy *bucket = parsed(row->bucket, POLICY_BUCKET);
    struct decision decision = decide(row, identity, boundary, bucket);

    if (decision.allowed != row->allowed || decision.by != row->by)
        fail_msg("row %zu: %s, by %d", number, decision.allowed ? "allowed" : "denied", (int)decision.by);
    policy_free(identity);
    policy_free(boundary);
    policy_free(bucket);
}

#define GET    .action = "s3:GetObject", .kind = RESOURCE_OBJECT
#define LIST   .action = "s3:ListBucket", .kind = RESOURCE_BUCKET
#define ALL    .action = "s3:ListAllMyBuckets", .kind = RESOURCE_NONE
#define BLOCK  .action = "s3:PutAccountPublicAccessBlock", .kind = RESOURCE_NONE
#define FILES  .action = "tercet:UseFiles", .kind = RESOURCE_BUCKET
#define GRANT  .allowed = true, .by = DECIDED_BY_GRANT
#define ALLOW  .allowed = true, .by = DECIDED_BY_POLICY
#define MINE   .allowed = true, .by = DECIDED_BY_OWNER
#define DENY   .by = DECIDED_BY_POLICY
#define NONE   .by = DECIDED_BY_NONE
#define OPEN   .bucket = OF_BUCKET("Allow", "\"*\"", "s3:GetObject")
#define CLOSED .bucket = OF_BUCKET("Deny", "\"*\"", "s3:*")

/* As AWS's documents say it: default deny, an explicit deny before all, one side suffices within the account. */
static void test_policies(void **state)
{
    static const struct row rows[] = {
        {NOBODY, GET, NONE},
        {NOBODY, OPEN, GET, ALLOW},
        {NOBODY, OPEN, LIST, NONE},
        {NOBODY, OPEN, GET, .restricted = true, .by = DECIDED_BY_BLOCK},
        {NOBODY, CLOSED, GET, DENY},
        {ROOT, GET, GRANT},
        {ROOT, OPEN, GET, ALLOW},
        {ROOT, OPEN, LIST, GRANT},
        {ROOT, CLOSED, GET, DENY},
        {ROOT, CLOSED, LIST, DENY},
        {ROOT, CLOSED, .action = "s3:DeleteBucketPolicy", .kind = RESOURCE_BUCKET, GRANT},
        {ROOT, CLOSED, .action = "s3:PutBucketPolicy", .kind = RESOURCE_BUCKET, GRANT},
        {ROOT, CLOSED, .action = "s3:DeleteBucket", .kind = RESOURCE_BUCKET, DENY},
        {ROOT, .action = "iam:CreateUser", .kind = RESOURCE_ARN, GRANT},
        {USER, GET, NONE},
        {USER, .identity = OF_USER("Allow", "s3:GetObject", "arn:aws:s3:::b/*"), GET, ALLOW},
        {USER, .identity = OF_USER("Allow", "s3:GetObject", "arn:aws:s3:::c/*"), GET, NONE},
        {USER, .identity = OF_USER("Allow", "s3:GetObject", "arn:aws:s3:::b/*"), LIST, NONE},
        {USER, .identity = OF_USER("Allow", "s3:*", "*"), CLOSED, GET, DENY},
        {USER, .identity = OF_USER("Deny", "s3:*", "*"), OPEN, GET, DENY},
        {USER, .identity = OF_USER("Allow", "s3:*", "*"), .boundary = OF_USER("Allow", "s3:List*", "*"), GET, DENY},
        {USER, .identity = OF_USER("Allow", "s3:*", "*"), .boundary = OF_USER("Allow", "s3:List*", "*"), LIST, ALLOW},
        {USER, .bucket = OF_BUCKET("Allow", "{\"AWS\":\"" ANN "\"}", "s3:GetObject"), GET, ALLOW},
        {USER, .bucket = OF_BUCKET("Allow", "{\"AWS\":\"" ANN "2\"}", "s3:GetObject"), GET, NONE},
        {USER, .bucket = OF_BUCKET("Allow", "{\"AWS\":\"" ACCOUNT "\"}", "s3:GetObject"), GET, NONE},
        {USER, OPEN, GET, .restricted = true, ALLOW},
        {USER, .identity = OF_USER("Allow", "tercet:ReadState", "*"), .action = "tercet:ReadState", ALLOW},
        {USER, .identity = OF_USER("Allow", "tercet:ReadState", "*"), .action = "tercet:UseFiles", NONE},
        {USER, .identity = OF_USER("Deny", "tercet:*", "*"), .action = "tercet:Health", GRANT},
        /* what is Tercet's own has to be named */
        {USER, .identity = OF_USER("Allow", "Tercet:*", "*"), FILES, ALLOW},
        {USER, .identity = OF_USER("Allow", "*", "*"), FILES, NONE},
        {USER, .identity = OF_USER("Allow", "*:UseFiles", "*"), FILES, NONE},
        {USER, .identity = STATEMENT("Allow", "\"NotAction\":\"s3:DeleteObject\",\"Resource\":\"*\""), FILES, NONE},
        {USER, .identity = OF_USER("Allow", "tercet:UseFiles", "*"), .boundary = OF_USER("Allow", "*", "*"), FILES,
         DENY},
        {USER, .identity = STATEMENT("Deny", "\"NotAction\":\"s3:*\",\"Resource\":\"*\""), FILES, DENY},
        {USER, .bucket = OF_BUCKET("Allow", "\"*\"", "*"), FILES, NONE},
        {NOBODY, .bucket = OF_BUCKET("Allow", "\"*\"", "*"), FILES, NONE},
        {ROOT, .bucket = OF_BUCKET("Allow", "\"*\"", "*"), FILES, NONE},
        {USER, .identity = OF_USER("Allow", "s3:ListAllMyBuckets", "*"), ALL, ALLOW},
        {USER, .identity = OF_USER("Allow", "s3:ListAllMyBuckets", "arn:aws:s3:::*"), ALL, ALLOW},
        {USER, .identity = OF_USER("Allow", "s3:ListAllMyBuckets", "arn:aws:s3:::b"), ALL, NONE},
        {USER, .identity = OF_USER("Allow", "s3:*", "arn:aws:s3:::b*"), ALL, NONE},
        /* the account is none of its buckets */
        {USER, .identity = OF_USER("Allow", "s3:*", "arn:aws:s3:::*"), BLOCK, NONE},
        {USER, .identity = OF_USER("Allow", "s3:PutAccountPublicAccessBlock", "*"), BLOCK, ALLOW},
        {USER, .identity = OF_USER("Allow", "s3:CreateBucket", "arn:aws:s3:::*"), .action = "s3:CreateBucket", ALLOW},
        {OWNER, GET, MINE},
        {OWNER, LIST, MINE},
        {OWNER, OPEN, LIST, MINE},
        {OWNER, CLOSED, GET, DENY},
        {OWNER, .identity = OF_USER("Deny", "s3:GetObject", "*"), GET, DENY},
        {OWNER, .identity = OF_USER("Deny", "s3:GetObject", "*"), LIST, MINE},
        {OWNER, .boundary = OF_USER("Allow", "s3:List*", "*"), GET, DENY},
        {OWNER, .boundary = OF_USER("Allow", "s3:List*", "*"), LIST, MINE},
        {OWNER, .action = "iam:CreateUser", .kind = RESOURCE_ARN, NONE},
        {NOBODY, .action = "s3:DeleteObject", .kind = RESOURCE_LISTED, NONE}, /* each is asked about */
        {NOBODY, OPEN, .action = "s3:DeleteObject", .kind = RESOURCE_LISTED, ALLOW},
        {USER, .action = "s3:DeleteObject", .kind = RESOURCE_LISTED, ALLOW},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_decided(&rows[i], i);
}

static void test_unreadable(void **state)
{
    const struct request_context context = {.account = BYTES(ACCOUNT)};
    const struct resource bucket = {.kind = RESOURCE_BUCKET, .bucket = BYTES("b"), .policy_unreadable = true};

    (void)state;
    assert_false(authorize(&principal_root, "s3:ListBucket", &bucket, &context).allowed);
    assert_true(authorize(&principal_root, "s3:DeleteBucketPolicy", &bucket, &context).allowed);
    assert_false(authorize(&principal_unknown, "s3:DeleteBucketPolicy", &bucket, &context).allowed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grants), cmocka_unit_test(test_principals),
                                       cmocka_unit_test(test_policies), cmocka_unit_test(test_unreadable)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

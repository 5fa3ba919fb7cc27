/* What one policy says: effects, actions, resources, principals. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "tests/unit/compat/policy_ask.h"

static void test_actions(void **state)
{
    static const struct {
        const char *element, *action;
        bool allowed;
    } rows[] = {
        {"\"Action\": \"s3:GetObject\"", "s3:GetObject", true},
        {"\"Action\": \"s3:GetObject\"", "s3:GetObjectAcl", false},
        {"\"Action\": \"S3:getobject\"", "s3:GetObject", true},
        {"\"Action\": \"s3:Get*\"", "s3:GetObject", true},
        {"\"Action\": \"s3:get*\"", "s3:GetObject", true},
        {"\"Action\": \"s3:Get*\"", "s3:PutObject", false},
        {"\"Action\": \"s3:*Object\"", "s3:GetObject", true},
        {"\"Action\": \"s3:*Object\"", "s3:GetObjectAcl", false},
        {"\"Action\": \"s3:?etObject\"", "s3:GetObject", true},
        {"\"Action\": \"s3:?etObject\"", "s3:etObject", false},
        {"\"Action\": \"*\"", "iam:CreateUser", true},
        {"\"Action\": \"*:*\"", "iam:CreateUser", true},
        {"\"Action\": \"s3:*\"", "iam:CreateUser", false},
        {"\"Action\": \"s3:*\"", "s3express:CreateSession", false},
        {"\"Action\": [\"iam:*\", \"s3:List*\"]", "s3:ListBucket", true},
        {"\"Action\": [\"iam:*\", \"s3:List*\"]", "s3:GetObject", false},
        {"\"NotAction\": \"s3:Delete*\"", "s3:GetObject", true},
        {"\"NotAction\": \"s3:Delete*\"", "iam:CreateUser", true},
        {"\"NotAction\": \"s3:Delete*\"", "s3:DeleteObject", false},
        {"\"NotAction\": [\"s3:Delete*\", \"iam:*\"]", "iam:CreateUser", false},
    };
    char document[512];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int allow = 0; allow < 2; allow++) {
            snprintf(document, sizeof(document), POLICY("{\"Effect\": \"%s\", %s, \"Resource\": \"*\"}"),
                     allow ? "Allow" : "Deny", rows[i].element);
            struct policy_outcome outcome =
                policy_ask(document, POLICY_IDENTITY, &caller_user, rows[i].action, S3("b/k"), NULL, 0);
            enum policy_effect effect = allow ? POLICY_ALLOW : POLICY_DENY;
            if (outcome.effect != (rows[i].allowed ? effect : POLICY_NEUTRAL))
                fail_msg("%s of %s", document, rows[i].action);
        }
    }
}

static void test_resources(void **state)
{
    static const struct {
        const char *element, *resource;
        bool allowed;
    } rows[] = {
        {"\"Resource\": \"*\"", S3("b"), true},
        {"\"Resource\": \"*\"", "*", true},
        {"\"Resource\": \"" S3("*") "\"", "*", false},
        {"\"Resource\": \"" S3("b") "\"", S3("b"), true},
        {"\"Resource\": \"" S3("b") "\"", S3("b/k"), false},
        {"\"Resource\": \"" S3("b") "\"", S3("bb"), false},
        {"\"Resource\": \"" S3("b") "\"", S3("B"), false},
        {"\"Resource\": \"" S3("b/*") "\"", S3("b/k/l"), true},
        {"\"Resource\": \"" S3("b/*") "\"", S3("b/"), true},
        {"\"Resource\": \"" S3("b/*") "\"", S3("b"), false},
        {"\"Resource\": \"" S3("b*") "\"", S3("bb/k"), true},
        {"\"Resource\": \"" S3("b/?") "\"", S3("b/\xc3\xa9"), true},
        {"\"Resource\": \"" S3("b/?") "\"", S3("b/kk"), false},
        {"\"Resource\": \"" S3("b/*?") "\"", S3("b/"), false},
        {"\"Resource\": \"" S3("b/*??") "\"", S3("b/\xc3\xa9"), false},
        {"\"Resource\": \"" S3("b/*??") "\"", S3("b/\xe2\x82\xac"), false},
        {"\"Resource\": \"" S3("b/a*b*c") "\"", S3("b/abbc"), true},
        {"\"Resource\": \"" S3("b/a*b*c") "\"", S3("b/acb"), false},
        {"\"Resource\": \"" S3("b/**k") "\"", S3("b/k"), true},
        {"\"Resource\": \"arn:*:s3:::b/*\"", S3("b/k"), true},
        {"\"Resource\": \"arn:*:s3:::b/*\"", S3("x/y:s3:::b/k"), false}, /* no wildcard reaches beyond its part */
        {"\"Resource\": \"arn:*:*:*:*:*\"", "arn:aws:s3", false},
        {"\"Resource\": \"arn:aws:s3:*\"", S3("b/k"), true},
        {"\"Resource\": \"arn:aws:iam:*\"", S3("b/k"), false},
        {"\"Resource\": \"arn:aws:s3:::b/a:b\"", S3("b/a:b"), true},
        {"\"Resource\": \"arn:aws:s3:${aws:x}::b/k\"", "arn:aws:s3:${aws:x}::b/k",
         false}, /* a part without variables */
        {"\"Resource\": \"arn:aws:s3:::\"", "arn:aws:s3:::", true},
        {"\"Resource\": \"arn:aws:s3:::\"", S3("b"), false},
        {"\"Resource\": \"arn:aws:s3:::*\"", "arn:aws:s3::", false},
        {"\"Resource\": [\"" S3("a") "\", \"" S3("b") "\"]", S3("b"), true},
        {"\"NotResource\": \"" S3("b/*") "\"", S3("b/k"), false},
        {"\"NotResource\": \"" S3("b/*") "\"", S3("b"), true},
        {"\"NotResource\": [\"" S3("b/*") "\", \"" S3("b") "\"]", S3("b"), false},
    };
    char document[512];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        snprintf(document, sizeof(document), POLICY("{\"Effect\": \"Allow\", \"Action\": \"*\", %s}"), rows[i].element);
        struct policy_outcome outcome =
            policy_ask(document, POLICY_IDENTITY, &caller_user, "s3:GetObject", rows[i].resource, NULL, 0);
        if ((outcome.effect == POLICY_ALLOW) != rows[i].allowed)
            fail_msg("%s of %s", document, rows[i].resource);
    }
}

/* Whatever the order: a Deny before an Allow, and by which statement. */
static void test_statements(void **state)
{
    static const struct {
        const char *document;
        enum policy_effect effect;
        size_t statement;
        const char *sid;
    } rows[] = {
        {POLICY(ALLOW(ALL)), POLICY_ALLOW, 1, ""},
        {"{\"Statement\": " ALLOW("\"Sid\": \"one\", " ALL) "}", POLICY_ALLOW, 1, "one"},
        {POLICY(ALLOW(ALL) ", " DENY("\"Sid\": \"No\", " ALL)), POLICY_DENY, 2, "No"},
        {POLICY(DENY(ALL) ", " ALLOW(ALL)), POLICY_DENY, 1, ""},
        {POLICY(ALLOW(ON("\"s3:Put*\"", "\"*\"")) ", " ALLOW("\"Sid\": \"b\", " ALL)), POLICY_ALLOW, 2, "b"},
        {POLICY(DENY(ON("\"s3:Put*\"", "\"*\"")) ", " ALLOW(ALL)), POLICY_ALLOW, 2, ""},
        {POLICY(DENY(ON("\"s3:Put*\"", "\"*\""))), POLICY_NEUTRAL, 0, ""},
        {POLICY(DENY("\"NotAction\": \"s3:GetObject\", \"Resource\": \"*\"")), POLICY_NEUTRAL, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy *policy = policy_of(rows[i].document, POLICY_SESSION);
        const struct policy_table table = {NULL, 0};
        struct policy_request request = {.caller = caller_user,
                                         .action = BYTES("s3:GetObject"),
                                         .resource = BYTES(S3("b/k")),
                                         .context = policy_table_context(&table)};
        struct policy_outcome outcome = policy_evaluate(policy, &request);
        assert_int_equal(outcome.effect, rows[i].effect);
        assert_int_equal(outcome.statement, rows[i].statement);
        assert_true(bytes_equal_str(outcome.sid, rows[i].sid));
        policy_free(policy);
    }
}

static void test_principals(void **state)
{
    static const struct policy_caller web = {.kind = POLICY_WEB_IDENTITY,
                                             .arn = {IAM("oidc-provider/a.b"), sizeof(IAM("oidc-provider/a.b")) - 1}};
    static const struct policy_caller other = {
        .kind = POLICY_USER,
        .account = {OTHER, 12},
        .arn = {"arn:aws:iam::" OTHER ":user/ann", sizeof("arn:aws:iam::" OTHER ":user/ann") - 1}};
    static const struct policy_caller canonical = {.kind = POLICY_USER,
                                                   .account = {ACCOUNT, 12},
                                                   .arn = {IAM("user/cid"), sizeof(IAM("user/cid")) - 1},
                                                   .canonical_id = {"c0ffee", 6}};
    static const struct {
        const char *principal;
        const struct policy_caller *caller;
        enum policy_named named;
    } rows[] = {
        {"\"*\"", &caller_anonymous, POLICY_NAMED_ITSELF},
        {"{\"AWS\": \"*\"}", &caller_anonymous, POLICY_NAMED_ITSELF},
        {"{\"AWS\": \"*\"}", &caller_user, POLICY_NAMED_ITSELF},
        {"{\"AWS\": \"" ACCOUNT "\"}", &caller_anonymous, POLICY_NAMED_NOT},
        {"{\"AWS\": \"" ACCOUNT "\"}", &caller_root, POLICY_NAMED_ACCOUNT},
        {"{\"AWS\": \"" ACCOUNT "\"}", &caller_user, POLICY_NAMED_ACCOUNT},
        {"{\"AWS\": \"" IAM("root") "\"}", &caller_user, POLICY_NAMED_ACCOUNT},
        {"{\"AWS\": \"" IAM("root") "\"}", &caller_session, POLICY_NAMED_ACCOUNT},
        {"{\"AWS\": \"" IAM("root") "\"}", &other, POLICY_NAMED_NOT},
        {"{\"AWS\": \"" OTHER "\"}", &other, POLICY_NAMED_ACCOUNT},
        {"{\"AWS\": \"" IAM("user/ann") "\"}", &caller_user, POLICY_NAMED_ITSELF},
        {"{\"AWS\": \"" IAM("user/Ann") "\"}", &caller_user, POLICY_NAMED_NOT},
        {"{\"AWS\": \"" IAM("user/ann") "\"}", &other, POLICY_NAMED_NOT},
        {"{\"AWS\": \"" IAM("user/ann") "\"}", &caller_federated, POLICY_NAMED_ISSUER},
        {"{\"AWS\": \"" STS("federated-user/bob") "\"}", &caller_federated, POLICY_NAMED_ITSELF},
        {"{\"AWS\": \"" IAM("role/team/reader") "\"}", &caller_session, POLICY_NAMED_ISSUER},
        {"{\"AWS\": \"" STS("assumed-role/reader/s1") "\"}", &caller_session, POLICY_NAMED_ITSELF},
        {"{\"AWS\": \"" STS("assumed-role/reader/s2") "\"}", &caller_session, POLICY_NAMED_NOT},
        {"{\"AWS\": [\"" ACCOUNT "\", \"" IAM("user/ann") "\"]}", &caller_user, POLICY_NAMED_ITSELF},
        {"{\"AWS\": \"AIDAJQABLZS4A3QDU576Q\"}", &caller_user, POLICY_NAMED_NOT},
        {"{\"Service\": \"logging.s3.amazonaws.com\"}", &caller_user, POLICY_NAMED_NOT},
        {"{\"Federated\": \"" IAM("oidc-provider/a.b") "\"}", &web, POLICY_NAMED_ITSELF},
        {"{\"Federated\": \"" IAM("oidc-provider/a.c") "\"}", &web, POLICY_NAMED_NOT},
        {"{\"Federated\": \"" IAM("user/ann") "\"}", &caller_user, POLICY_NAMED_NOT},
        {"{\"CanonicalUser\": \"c0ffee\"}", &canonical, POLICY_NAMED_ACCOUNT},
        {"{\"CanonicalUser\": \"c0ffee\"}", &caller_user, POLICY_NAMED_NOT},
        {"{\"CanonicalUser\": \"c0ffee\"}", &caller_anonymous, POLICY_NAMED_NOT},
        {"{\"Service\": \"a.b\", \"AWS\": \"" ACCOUNT "\"}", &caller_user, POLICY_NAMED_ACCOUNT},
    };
    char document[512];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        snprintf(document, sizeof(document), POLICY("{\"Effect\": \"Allow\", \"Principal\": %s, " ALL "}"),
                 rows[i].principal);
        struct policy_outcome outcome =
            policy_ask(document, POLICY_BUCKET, rows[i].caller, "s3:GetObject", S3("b/k"), NULL, 0);
        if (outcome.named != rows[i].named || (outcome.effect == POLICY_ALLOW) != (rows[i].named != POLICY_NAMED_NOT))
            fail_msg("row %zu: %s names %d", i, document, outcome.named);
    }
}

/* It spares whom it names in all ways, and nobody with a permissions boundary. */
static void test_not_principal(void **state)
{
    static const struct {
        const char *list;
        const struct policy_caller *caller;
        bool spared;
    } rows[] = {
        {"\"" IAM("user/ann") "\"", &caller_user, false},
        {"\"" ACCOUNT "\"", &caller_user, false},
        {"\"" ACCOUNT "\", \"" IAM("user/ann") "\"", &caller_user, true},
        {"\"" ACCOUNT "\", \"" IAM("user/eve") "\"", &caller_user, false},
        {"\"" ACCOUNT "\"", &caller_root, true},
        {"\"" OTHER "\"", &caller_root, false},
        {"\"" ACCOUNT "\", \"" IAM("role/team/reader") "\"", &caller_session, false},
        {"\"" ACCOUNT "\", \"" STS("assumed-role/reader/s1") "\"", &caller_session, false},
        {"\"" ACCOUNT "\", \"" IAM("role/team/reader") "\", \"" STS("assumed-role/reader/s1") "\"", &caller_session,
         true},
        {"\"" ACCOUNT "\", \"" IAM("user/ann") "\"", &caller_anonymous, false},
        {"\"*\"", &caller_anonymous, true},
    };
    char document[512];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy_caller bounded = *rows[i].caller;
        bounded.bounded = true;
        snprintf(document, sizeof(document),
                 POLICY("{\"Effect\": \"Deny\", \"NotPrincipal\": {\"AWS\": [%s]}, " ALL "}"), rows[i].list);
        struct policy_outcome outcome =
            policy_ask(document, POLICY_BUCKET, rows[i].caller, "s3:GetObject", S3("b/k"), NULL, 0);
        if ((outcome.effect == POLICY_NEUTRAL) != rows[i].spared)
            fail_msg("row %zu: %s", i, document);
        outcome = policy_ask(document, POLICY_BUCKET, &bounded, "s3:GetObject", S3("b/k"), NULL, 0);
        if ((outcome.effect == POLICY_NEUTRAL) != (i == COUNT(rows) - 1))
            fail_msg("row %zu, bounded: %s", i, document);
    }
}

/* The dearest patterns that fit into a bucket's policy, against the longest key. */
static void test_time_is_bounded(void **state)
{
    static const char *const patterns[] = {"a*", "*a", "?*a", "aaaaaaaaaaaaaaaab*", "a?aaaaaaaaaaaab*"};
    static char document[POLICY_BUCKET_BYTES_MAX + 1], resource[1100];
    size_t len = strlen(strcpy(resource, S3("b/")));
    struct timespec begin, end;

    (void)state;
    memset(resource + len, 'a', 1024);
    for (size_t i = 0; i < COUNT(patterns); i++) {
        size_t at = strlen(strcpy(document, "{\"Statement\": {\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": "
                                            "\"s3:*\", \"Resource\": [\"" S3("b/*")));
        while (at < sizeof(document) - 64)
            at += (size_t)snprintf(document + at, sizeof(document) - at, "%s", patterns[i]);
        snprintf(document + at, sizeof(document) - at, "c\"]}}");
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
        struct policy_outcome outcome =
            policy_ask(document, POLICY_BUCKET, &caller_user, "s3:GetObject", resource, NULL, 0);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        assert_int_equal(outcome.effect, POLICY_NEUTRAL);
        assert_true((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000 < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_actions),    cmocka_unit_test(test_resources),     cmocka_unit_test(test_statements),
        cmocka_unit_test(test_principals), cmocka_unit_test(test_not_principal), cmocka_unit_test(test_time_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

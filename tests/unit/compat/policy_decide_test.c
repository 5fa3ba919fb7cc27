/* The decision over a set: AWS's table of what a bucket's policy gives within one account, by whom it names and who
 * asks; denies; other accounts, anonymous, root; sessions and boundaries; trust policies; and by what it was decided.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "tests/unit/compat/policy_ask.h"

#define YES        POLICY(ALLOW(ALL))
#define NO         POLICY(DENY(ALL))
#define ELSE       POLICY(ALLOW(ON("\"s3:PutObject\"", "\"*\"")))
#define TO(who)    POLICY(ALLOW(BY("\"" who "\"") ALL))
#define AGAINST(w) POLICY(DENY(BY("\"" w "\"") ALL))
#define USER       IAM("user/ann")
#define ROLE       IAM("role/team/reader")
#define SESSION    STS("assumed-role/reader/s1")
#define FEDERATED  STS("federated-user/bob")

/* Documents of a set; NULL: none. */
struct documents {
    const char *identity, *resource, *boundary, *session;
};

static struct policy_decision decide_with(const struct documents *documents, const struct policy_request *request,
                                          enum policy_kind resource_kind, enum policy_kind *by)
{
    const struct {
        const char *document;
        enum policy_kind kind;
    } rows[] = {{documents->identity, POLICY_IDENTITY},
                {documents->resource, resource_kind},
                {documents->boundary, POLICY_BOUNDARY},
                {documents->session, POLICY_SESSION}};
    struct policy *policies[COUNT(rows)] = {0};

    for (size_t i = 0; i < COUNT(rows); i++)
        policies[i] = rows[i].document ? policy_of(rows[i].document, rows[i].kind) : NULL;
    const struct policy *const *all = (const struct policy *const *)policies;
    struct policy_set set = {.identity = &all[0],
                             .identity_count = policies[0] ? 1 : 0,
                             .resource = policies[1],
                             .boundary = policies[2],
                             .session = &all[3],
                             .session_count = policies[3] ? 1 : 0};
    struct policy_decision decision = policy_decide(&set, request);
    assert_int_equal(decision.allowed, decision.reason >= POLICY_ALLOWED);
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (policies[i] && policies[i] == decision.policy)
            *by = rows[i].kind;
        policy_free(policies[i]);
    }
    return decision;
}

static const struct policy_table no_keys = {NULL, 0};

static struct policy_decision decide(const struct documents *documents, const struct policy_caller *caller,
                                     enum policy_kind *by)
{
    const struct policy_request request = {.caller = *caller,
                                           .action = BYTES("s3:GetObject"),
                                           .resource = BYTES(S3("b/k")),
                                           .resource_account = BYTES(ACCOUNT),
                                           .context = policy_table_context(&no_keys)};

    return decide_with(documents, &request, POLICY_BUCKET, by);
}

/* Within one account: does the bucket's policy alone give it, through a boundary, through a session's policy? */
static void test_same_account(void **state)
{
    static const struct {
        const struct policy_caller *caller;
        const char *policy;
        bool alone, through_boundary, through_session;
    } rows[] = {
        {&caller_user, TO(USER), true, true, true},
        {&caller_user, TO("*"), true, true, true},
        {&caller_user, TO(ACCOUNT), false, false, false},
        {&caller_user, TO(IAM("root")), false, false, false},
        {&caller_user, TO(IAM("user/eve")), false, false, false},
        {&caller_session, TO(SESSION), true, true, true},
        {&caller_session, TO("*"), true, true, true},
        {&caller_session, TO(ROLE), true, false, false},
        {&caller_session, TO(ACCOUNT), false, false, false},
        {&caller_federated, TO(FEDERATED), true, true, true},
        {&caller_federated, TO("*"), true, true, true},
        {&caller_federated, TO(USER), false, false, false}, /* without a session policy it has nothing */
        {&caller_federated, TO(ACCOUNT), false, false, false},
    };
    enum policy_kind by = POLICY_TRUST;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct documents sets[] = {
            {.resource = rows[i].policy},
            {.resource = rows[i].policy, .boundary = ELSE, .session = YES},
            {.resource = rows[i].policy, .session = ELSE},
        };
        const bool expected[] = {rows[i].alone, rows[i].through_boundary, rows[i].through_session};
        for (size_t j = 0; j < COUNT(sets); j++)
            if (decide(&sets[j], rows[i].caller, &by).allowed != expected[j])
                fail_msg("row %zu, set %zu", i, j);
        /* With the identity's own right it is only boundary and session that limit. */
        struct documents own = {.identity = YES, .resource = rows[i].policy, .session = YES};
        assert_true(decide(&own, rows[i].caller, &by).allowed);
    }
}

static void test_reasons(void **state)
{
    static const struct {
        struct documents documents;
        const struct policy_caller *caller;
        enum policy_reason reason;
        enum policy_kind by; /* of decisions by a statement */
    } rows[] = {
        {{NULL, NULL, NULL, NULL}, &caller_user, POLICY_NOT_ALLOWED, 0},
        {{ELSE, NULL, NULL, NULL}, &caller_user, POLICY_NOT_ALLOWED, 0},
        {{YES, NULL, NULL, NULL}, &caller_user, POLICY_ALLOWED, POLICY_IDENTITY},
        {{YES, NULL, YES, YES}, &caller_user, POLICY_ALLOWED, POLICY_IDENTITY},
        {{YES, NULL, ELSE, NULL}, &caller_user, POLICY_BEYOND_BOUNDARY, 0},
        {{YES, NULL, NULL, ELSE}, &caller_session, POLICY_BEYOND_SESSION, 0},
        {{NULL, NULL, YES, YES}, &caller_session, POLICY_NOT_ALLOWED, 0},
        {{YES, NULL, NULL, NULL}, &caller_federated, POLICY_BEYOND_SESSION, 0},
        {{YES, NULL, NULL, YES}, &caller_federated, POLICY_ALLOWED, POLICY_IDENTITY},
        {{NULL, TO(USER), NULL, YES}, &caller_federated, POLICY_ALLOWED, POLICY_BUCKET},
        {{NULL, TO(USER), ELSE, YES}, &caller_federated, POLICY_BEYOND_BOUNDARY, 0},
        {{NULL, TO(ROLE), NULL, ELSE}, &caller_session, POLICY_BEYOND_SESSION, 0},
        {{NULL, TO(ROLE), NULL, YES}, &caller_session, POLICY_ALLOWED, POLICY_BUCKET},
        {{YES, TO(ACCOUNT), NULL, NULL}, &caller_user, POLICY_ALLOWED, POLICY_IDENTITY},
        {{YES, TO(USER), NULL, NULL}, &caller_user, POLICY_ALLOWED, POLICY_BUCKET},
        {{NULL, NULL, NULL, NULL}, &caller_root, POLICY_ALLOWED_TO_ROOT, 0},
        {{NULL, TO(OTHER), NULL, NULL}, &caller_root, POLICY_ALLOWED_TO_ROOT, 0},
        {{NULL, NULL, NULL, NULL}, &caller_anonymous, POLICY_NOT_ALLOWED, 0},
        {{YES, TO(ACCOUNT), NULL, NULL}, &caller_anonymous, POLICY_NOT_ALLOWED, 0},
        {{NULL, TO("*"), NULL, NULL}, &caller_anonymous, POLICY_ALLOWED, POLICY_BUCKET},
        {{NO, TO("*"), NULL, NULL}, &caller_user, POLICY_EXPLICIT_DENY, POLICY_IDENTITY},
        {{YES, AGAINST("*"), NULL, NULL}, &caller_user, POLICY_EXPLICIT_DENY, POLICY_BUCKET},
        {{YES, AGAINST(ACCOUNT), NULL, NULL}, &caller_user, POLICY_EXPLICIT_DENY, POLICY_BUCKET},
        {{YES, AGAINST(ROLE), NULL, NULL}, &caller_session, POLICY_EXPLICIT_DENY, POLICY_BUCKET},
        {{YES, AGAINST(USER), NULL, YES}, &caller_federated, POLICY_EXPLICIT_DENY, POLICY_BUCKET},
        {{YES, AGAINST(IAM("user/eve")), NULL, NULL}, &caller_user, POLICY_ALLOWED, POLICY_IDENTITY},
        {{NULL, TO(USER), NO, NULL}, &caller_user, POLICY_EXPLICIT_DENY, POLICY_BOUNDARY},
        {{NULL, TO(SESSION), NULL, NO}, &caller_session, POLICY_EXPLICIT_DENY, POLICY_SESSION},
        {{NULL, AGAINST("*"), NULL, NULL}, &caller_root, POLICY_EXPLICIT_DENY, POLICY_BUCKET},
        {{NULL, AGAINST(ACCOUNT), NULL, NULL}, &caller_root, POLICY_EXPLICIT_DENY, POLICY_BUCKET},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum policy_kind by = POLICY_TRUST;
        struct policy_decision decision = decide(&rows[i].documents, rows[i].caller, &by);
        if (decision.reason != rows[i].reason)
            fail_msg("row %zu: reason %d", i, decision.reason);
        bool by_statement = rows[i].reason == POLICY_ALLOWED || rows[i].reason == POLICY_EXPLICIT_DENY;
        assert_int_equal(decision.statement, by_statement ? 1 : 0);
        if (by_statement && by != rows[i].by)
            fail_msg("row %zu: by %d", i, by);
    }
}

/* A boundary makes NotPrincipal deny. */
static void test_not_principal_with_boundary(void **state)
{
    static const char policy[] = POLICY(DENY("\"NotPrincipal\": {\"AWS\": [\"" USER "\", \"" ACCOUNT "\"]}, " ALL));
    struct documents without = {.identity = YES, .resource = policy};
    struct documents with = {.identity = YES, .resource = policy, .boundary = YES};
    enum policy_kind by = POLICY_TRUST;

    (void)state;
    assert_int_equal(decide(&without, &caller_user, &by).reason, POLICY_ALLOWED);
    assert_int_equal(decide(&with, &caller_user, &by).reason, POLICY_EXPLICIT_DENY);
}

/* Between two accounts both have to allow it. */
static void test_other_account(void **state)
{
    static const struct policy_caller user = {
        .kind = POLICY_USER,
        .account = {OTHER, 12},
        .arn = {"arn:aws:iam::" OTHER ":user/eve", sizeof("arn:aws:iam::" OTHER ":user/eve") - 1}};
    static const struct policy_caller root = {
        .kind = POLICY_ROOT,
        .account = {OTHER, 12},
        .arn = {"arn:aws:iam::" OTHER ":root", sizeof("arn:aws:iam::" OTHER ":root") - 1}};
    static const struct {
        struct documents documents;
        const struct policy_caller *caller;
        bool allowed;
    } rows[] = {
        {{YES, NULL, NULL, NULL}, &user, false},
        {{YES, TO(ACCOUNT), NULL, NULL}, &user, false},
        {{YES, TO(OTHER), NULL, NULL}, &user, true},
        {{NULL, TO(OTHER), NULL, NULL}, &user, false},
        {{NULL, TO("arn:aws:iam::" OTHER ":user/eve"), NULL, NULL}, &user, false},
        {{YES, TO("arn:aws:iam::" OTHER ":user/eve"), NULL, NULL}, &user, true},
        {{YES, TO("arn:aws:iam::" OTHER ":user/eve"), ELSE, NULL}, &user, false},
        {{YES, TO("*"), NULL, NULL}, &user, true},
        {{NULL, TO("*"), NULL, NULL}, &user, false},
        {{NULL, NULL, NULL, NULL}, &root, false},
        {{NULL, TO(OTHER), NULL, NULL}, &root, true},
        {{NULL, TO(ACCOUNT), NULL, NULL}, &root, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum policy_kind by = POLICY_TRUST;
        if (decide(&rows[i].documents, rows[i].caller, &by).allowed != rows[i].allowed)
            fail_msg("row %zu", i);
    }
}

/* The owner's root has a way back. */
static void test_roots_right(void **state)
{
    static const struct {
        const char *action;
        bool allowed;
    } rows[] = {
        {"s3:GetBucketPolicy", true},        {"s3:PutBucketPolicy", true}, {"s3:DeleteBucketPolicy", true},
        {"s3:GetBucketPolicyStatus", false}, {"s3:ListBucket", false},
    };
    const struct documents documents = {.resource = AGAINST("*")};
    enum policy_kind by;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy_request request = {.caller = caller_root,
                                         .action = bytes_from_str(rows[i].action),
                                         .resource = BYTES(S3("b")),
                                         .resource_account = BYTES(ACCOUNT),
                                         .context = policy_table_context(&no_keys)};
        assert_int_equal(decide_with(&documents, &request, POLICY_BUCKET, &by).allowed, rows[i].allowed);
        request.caller = caller_user;
        assert_false(decide_with(&documents, &request, POLICY_BUCKET, &by).allowed);
        request.caller = caller_root;
        request.resource_account = BYTES(OTHER);
        assert_false(decide_with(&documents, &request, POLICY_BUCKET, &by).allowed);
    }
}

/* A role's trust policy has to allow; the caller's own policies add what it leaves to the account. */
static void test_trust(void **state)
{
#define TRUST(principal) POLICY(ALLOW("\"Principal\": " principal ", \"Action\": \"sts:Assume*\""))
    static const struct policy_caller web = {.kind = POLICY_WEB_IDENTITY,
                                             .arn = {IAM("oidc-provider/a.b"), sizeof(IAM("oidc-provider/a.b")) - 1}};
    static const struct {
        const char *trust, *identity;
        const struct policy_caller *caller;
        bool allowed;
    } rows[] = {
        {TRUST("{\"AWS\": \"" ACCOUNT "\"}"), NULL, &caller_user, false},
        {TRUST("{\"AWS\": \"" ACCOUNT "\"}"), YES, &caller_user, true},
        {TRUST("{\"AWS\": \"" USER "\"}"), NULL, &caller_user, true},
        {TRUST("{\"AWS\": \"" IAM("user/eve") "\"}"), YES, &caller_user, false},
        {TRUST("{\"AWS\": \"" USER "\"}"), NO, &caller_user, false},
        {TRUST("{\"AWS\": \"" OTHER "\"}"), NULL, &caller_root, false},
        {TRUST("{\"Federated\": \"" IAM("oidc-provider/a.b") "\"}"), NULL, &web, true},
        {TRUST("{\"Federated\": \"" IAM("oidc-provider/a.c") "\"}"), NULL, &web, false},
        {TRUST("{\"AWS\": \"" ACCOUNT "\"}"), NULL, &web, false},
        {TRUST("\"*\""), NULL, &caller_user, true},
        {TRUST("\"*\""), NULL, &web, false}, /* a provider is trusted by its name */
        {POLICY(
             ALLOW("\"Principal\": {\"Federated\": \"" IAM("oidc-provider/a.b") "\"}, \"Action\": \"sts:*\"") "," DENY(
                 "\"Principal\": \"*\", \"Action\": \"sts:*\"")),
         NULL, &web, false},
    };
    enum policy_kind by;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct documents documents = {.identity = rows[i].identity, .resource = rows[i].trust};
        const struct policy_request request = {.caller = *rows[i].caller,
                                               .action = BYTES("sts:AssumeRole"),
                                               .resource = BYTES(IAM("role/r")),
                                               .resource_account = BYTES(ACCOUNT),
                                               .context = policy_table_context(&no_keys)};
        if (decide_with(&documents, &request, POLICY_TRUST, &by).allowed != rows[i].allowed)
            fail_msg("row %zu", i);
    }
}

/* Of several policies of one kind, one that allows is enough; one that denies too. */
static void test_several(void **state)
{
    struct policy *yes = policy_of(YES, POLICY_IDENTITY), *other = policy_of(ELSE, POLICY_IDENTITY);
    struct policy *no = policy_of(POLICY(ALLOW(ALL) ", " DENY("\"Sid\": \"never\", " ALL)), POLICY_IDENTITY);
    const struct policy *const list[] = {other, yes, no};
    struct policy_request request = {.caller = caller_session,
                                     .action = BYTES("s3:GetObject"),
                                     .resource = BYTES(S3("b/k")),
                                     .resource_account = BYTES(ACCOUNT),
                                     .context = policy_table_context(&no_keys)};

    (void)state;
    struct policy_decision decision = policy_decide(
        &(struct policy_set){.identity = list, .identity_count = 2, .session = list, .session_count = 2}, &request);
    assert_true(decision.allowed && decision.policy == yes);
    decision = policy_decide(&(struct policy_set){.identity = list, .identity_count = 3}, &request);
    assert_true(decision.reason == POLICY_EXPLICIT_DENY && decision.policy == no && decision.statement == 2);
    assert_true(bytes_equal_str(decision.sid, "never"));
    decision = policy_decide(&(struct policy_set){.identity = list, .identity_count = 1}, &request);
    assert_int_equal(decision.reason, POLICY_NOT_ALLOWED);
    policy_free(yes);
    policy_free(other);
    policy_free(no);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_account),  cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_other_account), cmocka_unit_test(test_not_principal_with_boundary),
        cmocka_unit_test(test_roots_right),   cmocka_unit_test(test_trust),
        cmocka_unit_test(test_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

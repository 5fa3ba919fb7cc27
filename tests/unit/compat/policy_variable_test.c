/* Variables in resources and conditions: with a value, without one, with a default; their escapes; and that what they
 * stand for is text. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "tests/unit/compat/policy_ask.h"

static const struct policy_ask_entry entries[] = {
    {"aws:username", {"ann"}},      {"aws:PrincipalTag/team", {"red/x"}}, {"s3:prefix", {"a*"}},
    {"aws:userid", {"AIDA:?"}},     {"aws:TagKeys", {"one", "two"}},      {"aws:PrincipalArn", {IAM("user/ann")}},
    {"aws:SourceIdentity", {NULL}},
};

/* '+': it speaks of the request; '-': it does not; '?': the Deny does. */
static void expect(const char *version, const char *element, const char *resource, char speaks)
{
    char document[1024];

    for (int allow = 0; allow < 2; allow++) {
        snprintf(document, sizeof(document),
                 "{\"Version\": \"%s\", \"Statement\": {\"Effect\": \"%s\", \"Action\": \"*\", %s}}", version,
                 allow ? "Allow" : "Deny", element);
        bool counts = speaks == '+' || (speaks == '?' && !allow);
        struct policy_outcome outcome =
            policy_ask(document, POLICY_IDENTITY, &caller_user, "s3:GetObject", resource, entries, COUNT(entries));
        if ((outcome.effect != POLICY_NEUTRAL) != counts)
            fail_msg("%s with %s", document, resource);
    }
}

static void test_resources(void **state)
{
#define R(name)  "\"Resource\": \"" S3(name) "\""
#define NR(name) "\"NotResource\": \"" S3(name) "\""
    static const struct {
        const char *element, *resource;
        char speaks;
    } rows[] = {
        {R("b/${aws:username}/*"), S3("b/ann/x"), '+'},
        {R("b/${AWS:UserName}/*"), S3("b/ann/x"), '+'},
        {R("b/${aws:username}/*"), S3("b/bob/x"), '-'},
        {R("b/${ aws:username }"), S3("b/ann"), '+'},
        {R("${aws:username}-*/k"), S3("ann-1/k"), '+'},
        {R("b/${aws:PrincipalTag/team}/k"), S3("b/red/x/k"), '+'},
        {R("b/${aws:username}${aws:username}"), S3("b/annann"), '+'},
        {R("b/*${aws:username}*"), S3("b/anann"), '+'},
        {R("b/${s3:prefix}"), S3("b/ab"), '-'}, /* a value has no wildcards */
        {R("b/${s3:prefix}"), S3("b/a*"), '+'},
        {R("b/${aws:userid}"), S3("b/AIDA:x"), '-'},
        {R("b/${aws:userid}"), S3("b/AIDA:?"), '+'},
        {R("b/${*}"), S3("b/*"), '+'},
        {R("b/${*}"), S3("b/x"), '-'},
        {R("b/${?}${$}{*}"), S3("b/?${x}"), '+'},
        {R("b/${?}"), S3("b/x"), '-'},
        {R("b/$x"), S3("b/$x"), '+'},
        {R("b/$"), S3("b/$"), '+'},
        {R("b/${aws:SourceIdentity}"), S3("b/"), '-'},
        {R("b/${aws:SourceIdentity}*"), S3("b/x"), '-'},
        {R("b/${aws:SourceIdentity, 'all'}/*"), S3("b/all/x"), '+'},
        {R("b/${aws:SourceIdentity,'a:l*l, '}"), S3("b/a:l*l, "), '+'},
        {R("b/${aws:SourceIdentity, ''}"), S3("b/"), '+'},
        {R("b/${aws:username, 'all'}"), S3("b/all"), '-'},
        {R("b/${aws:TagKeys}"), S3("b/one"), '?'},
        {R("b/${no:such, 'x'}"), S3("b/x"), '?'},
        {R("b/${no:such}"), S3("c"), '-'}, /* whatever it stands for */
        {NR("b/${aws:username}"), S3("b/ann"), '-'},
        {NR("b/${aws:username}"), S3("b/bob"), '+'},
        {NR("b/${aws:SourceIdentity}"), S3("b/bob"), '?'},
        {NR("b/${aws:SourceIdentity, 'x'}"), S3("b/bob"), '+'},
        {NR("b/${no:such}"), S3("b/bob"), '?'},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect("2012-10-17", rows[i].element, rows[i].resource, rows[i].speaks);
    expect("2008-10-17", R("b/${aws:username}"), S3("b/ann"), '-');
    expect("2008-10-17", R("b/${aws:username}"), S3("b/${aws:username}"), '+');
    expect("2008-10-17", R("b/${*}"), S3("b/${xyz}"), '+');
}

static void test_conditions(void **state)
{
#define C(operator, key, value) "\"Resource\": \"*\"" WHEN(operator, "\"" key "\": \"" value "\"")
    static const struct {
        const char *element;
        char speaks;
    } rows[] = {
        {C("StringEquals", "aws:userid", "${aws:userid}"), '+'},
        {C("StringEquals", "aws:username", "a${aws:SourceIdentity, 'nn'}"), '+'},
        {C("StringEquals", "aws:username", "${aws:SourceIdentity}"), '-'},
        {C("StringNotEquals", "aws:username", "${aws:SourceIdentity}"), '+'},
        {C("StringEqualsIgnoreCase", "aws:username", "A${aws:SourceIdentity, 'NN'}"), '+'},
        {C("StringLike", "s3:prefix", "a${*}"), '+'},
        {C("StringLike", "aws:username", "a${*}"), '-'},
        {C("StringLike", "aws:username", "${s3:prefix}"), '-'}, /* `a*` as text */
        {C("StringNotLike", "aws:username", "${s3:prefix}"), '+'},
        {C("StringEquals", "s3:prefix", "a${*}"), '+'},
        {C("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::*:user/${aws:username}"), '+'},
        {C("ArnLike", "aws:PrincipalArn", "${aws:PrincipalArn}"), '+'},
        {C("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/${aws:username}"), '-'},
        {C("ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::*:user/${aws:SourceIdentity}"), '+'},
        {C("StringEquals", "aws:username", "${aws:TagKeys}"), '?'},
        {C("StringNotEquals", "aws:username", "${no:such}"), '?'},
    };
    static const struct policy_ask_entry none = {"aws:username", {"${aws:userid}"}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect("2012-10-17", rows[i].element, "*", rows[i].speaks);
    struct policy_outcome literal = policy_ask(
        "{\"Statement\": " ALLOW("\"Action\": \"*\", " C("StringEquals", "aws:username", "${aws:userid}")) "}",
        POLICY_IDENTITY, &caller_user, "s3:GetObject", "*", &none, 1);
    assert_int_equal(literal.effect, POLICY_ALLOW);
}

static void test_bounds(void **state)
{
    char document[4096] = "", many[1024] = "";
    struct policy_problem problem;
    struct policy *policy;

    (void)state;
    for (int i = 0; i < 17; i++)
        strcat(many, "${aws:username}");
    snprintf(document, sizeof(document), POLICY(ALLOW(ON("\"*\"", "\"" S3("b/%s") "\""))), many);
    assert_int_equal(policy_parse(bytes_from_str(document), POLICY_IDENTITY, BYTES(""), &policy, &problem),
                     STATUS_INVALID);
    assert_string_equal(problem.text, "More than 16 variables in one value (statement 1, Resource)");
}

static void test_uses(void **state)
{
    static const char *const documents[] = {
        POLICY(ALLOW(ON("\"*\"", "\"" S3("b/${s3:ExistingObjectTag/a}") "\""))),
        POLICY(ALLOW(ALL WHEN("Null", "\"s3:existingobjecttag/a\": true"))),
        POLICY(ALLOW(ALL WHEN("StringLike", "\"s3:prefix\": [\"x\", \"${s3:ExistingObjectTag/a, 'x'}\"]"))),
        POLICY(ALLOW(ALL) ", " DENY(ALL WHEN("ArnLike", "\"aws:PrincipalArn\": \"*:${s3:ExistingObjectTag/a}\""))),
    };
    struct policy *policy = policy_of(POLICY(ALLOW(ALL WHEN("Null", "\"s3:prefix\": true"))), POLICY_IDENTITY);

    (void)state;
    assert_false(policy_uses_key(policy, BYTES("s3:ExistingObjectTag/")));
    assert_true(policy_uses_key(policy, BYTES("s3:prefix")));
    policy_free(policy);
    for (size_t i = 0; i < COUNT(documents); i++) {
        policy = policy_of(documents[i], POLICY_IDENTITY);
        assert_true(policy_uses_key(policy, BYTES("s3:ExistingObjectTag/")));
        policy_free(policy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resources),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_uses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

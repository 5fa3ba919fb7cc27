/* Which bucket policies are public. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "tests/unit/compat/policy_ask.h"

#define IF(operator, key, value) WHEN(operator, "\"" key "\": " value)
#define POINT(account, name)     "\"arn:aws:s3:eu-central-1:" account ":accesspoint/" name "\""

static void test_principals(void **state)
{
    static const struct {
        const char *principal;
        bool is_public;
    } rows[] = {
        {"\"*\"", true},
        {"{\"AWS\": \"*\"}", true},
        {"{\"AWS\": [\"" ACCOUNT "\", \"*\"]}", true},
        {"{\"AWS\": \"" ACCOUNT "\"}", false},
        {"{\"AWS\": \"" IAM("user/ann") "\"}", false},
        {"{\"Service\": \"logging.s3.amazonaws.com\"}", false},
        {"{\"CanonicalUser\": \"c0ffee\"}", false},
    };
    char document[512];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int allow = 0; allow < 2; allow++) {
            snprintf(document, sizeof(document), POLICY("{\"Effect\": \"%s\", \"Principal\": %s, " ALL "}"),
                     allow ? "Allow" : "Deny", rows[i].principal);
            struct policy *policy = policy_of(document, POLICY_BUCKET);
            if (policy_is_public(policy) != (allow && rows[i].is_public))
                fail_msg("%s", document);
            policy_free(policy);
        }
    }
}

static void test_conditions(void **state)
{
    static const struct {
        const char *condition;
        bool is_public;
    } rows[] = {
        {"", true},
        {IF("StringEquals", "aws:SourceVpc", "\"vpc-91237329\""), false},
        {IF("StringEquals", "AWS:sourcevpc", "[\"vpc-1\", \"vpc-2\"]"), false},
        {IF("StringLike", "aws:SourceVpc", "\"vpc-91237329\""), false},
        {IF("StringLike", "aws:SourceVpc", "\"vpc-*\""), true},
        {IF("StringLike", "aws:SourceVpc", "[\"vpc-1\", \"vpc-?\"]"), true},
        {IF("StringEquals", "aws:SourceVpc", "\"vpc-*\""), false},
        {IF("StringEquals", "aws:SourceVpc", "\"${aws:username}\""), true},
        {IF("StringNotEquals", "aws:SourceVpc", "\"vpc-1\""), true},
        {IF("StringEqualsIfExists", "aws:SourceVpc", "\"vpc-1\""), true},
        {IF("ForAllValues:StringEquals", "aws:SourceVpc", "\"vpc-1\""), true},
        {IF("ForAnyValue:StringEquals", "aws:SourceVpc", "\"vpc-1\""), false},
        {IF("Null", "aws:SourceVpc", "false"), true},
        {IF("StringEquals", "aws:username", "\"ann\""), true},
        {IF("StringEquals", "aws:Referer", "\"https://example.org/\""), true},
        {IF("StringEquals", "aws:PrincipalOrgID", "\"o-1\""), false},
        {IF("StringEquals", "aws:userid", "\"AIDAEXAMPLE\""), false},
        {IF("StringLike", "aws:userid", "\"AROAEXAMPLE:*\""), true},
        {IF("StringEquals", "aws:SourceAccount", "\"" ACCOUNT "\""), false},
        {IF("ArnEquals", "aws:SourceArn", "\"arn:aws:sns:::x\""), false},
        {IF("ArnLike", "aws:SourceArn", "\"arn:aws:sns:::*\""), true},
        {IF("ArnLike", "aws:SourceArn", "\"*\""), true},
        {IF("IpAddress", "aws:SourceIp", "\"192.0.2.0/24\""), false},
        {IF("IpAddress", "aws:SourceIp", "\"10.0.0.0/8\""), false},
        {IF("IpAddress", "aws:SourceIp", "\"10.0.0.0/7\""), true},
        {IF("IpAddress", "aws:SourceIp", "[\"10.0.0.0/8\", \"0.0.0.0/0\"]"), true},
        {IF("IpAddress", "aws:SourceIp", "\"2001:db8::/32\""), false},
        {IF("IpAddress", "aws:SourceIp", "\"2001:db8::/31\""), true},
        {IF("NotIpAddress", "aws:SourceIp", "\"192.0.2.0/24\""), true},
        {IF("StringEquals", "aws:SourceIp", "\"192.0.2.1\""), true},
        {IF("StringEquals", "s3:x-amz-server-side-encryption-aws-kms-key-id", "\"k\""), false},
        {IF("StringEquals", "s3:DataAccessPointAccount", "\"" ACCOUNT "\""), false},
        {IF("ArnLike", "s3:DataAccessPointArn", POINT(ACCOUNT, "*")), false},
        {IF("StringLike", "s3:DataAccessPointArn", POINT(ACCOUNT, "*")), false},
        {IF("StringLike", "s3:DataAccessPointArn", POINT("*", "*")), true},
        {IF("StringLike", "s3:DataAccessPointArn", POINT(ACCOUNT, "${aws:username}")), true},
        {IF("ArnLike", "s3:DataAccessPointArn", POINT("*", "*")), true},
        {IF("ArnLike", "s3:DataAccessPointArn", POINT(ACCOUNT, "${aws:username}")), true},
        {IF("ArnLike", "s3:DataAccessPointArn", "\"arn:aws:s3:eu-central-1:" ACCOUNT ":*\""), true},
    };
    char document[1024];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        snprintf(document, sizeof(document), POLICY("{\"Effect\": \"Allow\", " ANYBODY ALL "%s}"), rows[i].condition);
        struct policy *policy = policy_of(document, POLICY_BUCKET);
        if (policy_is_public(policy) != rows[i].is_public)
            fail_msg("%s", document);
        policy_free(policy);
    }
}

/* One of the statements is enough; one of a statement's conditions too. */
static void test_several(void **state)
{
#define NARROW ANYBODY ALL IF("IpAddress", "aws:SourceIp", "\"192.0.2.0/24\"")
    static const struct {
        const char *document;
        bool is_public;
    } rows[] = {
        {POLICY(ALLOW(NARROW) ", " ALLOW(BY("\"" ACCOUNT "\"") ALL)), false},
        {POLICY(ALLOW(NARROW) ", " ALLOW(ANYBODY ALL)), true},
        {POLICY(ALLOW(ANYBODY ALL ", \"Condition\": {\"Bool\": {\"aws:SecureTransport\": true}, \"IpAddress\": "
                                  "{\"aws:SourceIp\": \"192.0.2.0/24\"}}")),
         false},
        {POLICY(ALLOW(ANYBODY ALL) ", " DENY(ANYBODY ALL)), true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy *policy = policy_of(rows[i].document, POLICY_BUCKET);
        if (policy_is_public(policy) != rows[i].is_public)
            fail_msg("%s", rows[i].document);
        policy_free(policy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_principals), cmocka_unit_test(test_conditions),
                                       cmocka_unit_test(test_several)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

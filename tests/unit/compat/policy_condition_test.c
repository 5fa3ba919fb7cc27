/* Conditions: each operator with values that match, that do not, that are of another type, and without its key;
 * IfExists, set operators, several values, several keys; keys that nobody knows. A row says what an Allow and what a
 * Deny with that condition do: they differ where it cannot be decided. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "tests/unit/compat/policy_ask.h"

/* '+' it holds, '-' it does not, '?' undecided: the Allow does not count, the Deny does. */
static void expect(const char *condition, const struct policy_ask_entry *entries, size_t count, char holds,
                   const char *row)
{
    char document[2048];

    for (int allow = 0; allow < 2; allow++) {
        snprintf(document, sizeof(document), POLICY("{\"Effect\": \"%s\", " ALL ", \"Condition\": {%s}}"),
                 allow ? "Allow" : "Deny", condition);
        bool counts = holds == '+' || (holds == '?' && !allow);
        struct policy_outcome outcome =
            policy_ask(document, POLICY_IDENTITY, &caller_user, "s3:GetObject", S3("b/k"), entries, count);
        if ((outcome.effect != POLICY_NEUTRAL) != counts)
            fail_msg("%s with %s: %s", allow ? "Allow" : "Deny", row, document);
    }
}

/* What each operator says of a value of the request, and without one. */
static void test_operators(void **state)
{
#define A1 "\"arn:aws:iam::" ACCOUNT ":user/*\""
    static const struct {
        const char *operator, * operands; /* without brackets */
        const char *value;                /* NULL: the key is missing */
        char holds;
    } rows[] = {
        {"StringEquals", "\"a\"", "a", '+'},
        {"StringEquals", "\"a\"", "A", '-'},
        {"StringEquals", "\"a\"", "", '-'},
        {"StringEquals", "\"\"", "", '+'},
        {"StringEquals", "\"a*\"", "ab", '-'},
        {"StringEquals", "\"a*\"", "a*", '+'},
        {"StringEquals", "\"a\", \"b\"", "b", '+'},
        {"StringEquals", "\"a\", \"b\"", "c", '-'},
        {"StringEquals", "\"a\"", NULL, '-'},
        {"StringEquals", "7", "7", '+'},
        {"StringEquals", "true", "true", '+'},
        {"StringNotEquals", "\"a\"", "a", '-'},
        {"StringNotEquals", "\"a\"", "A", '+'},
        {"StringNotEquals", "\"a\", \"b\"", "b", '-'},
        {"StringNotEquals", "\"a\", \"b\"", "c", '+'},
        {"StringNotEquals", "\"a\"", NULL, '+'},
        {"StringEqualsIgnoreCase", "\"aB\"", "Ab", '+'},
        {"StringEqualsIgnoreCase", "\"aB\"", "Abc", '-'},
        {"StringEqualsIgnoreCase", "\"[\"", "{", '-'},
        {"StringEqualsIgnoreCase", "\"a\"", NULL, '-'},
        {"StringNotEqualsIgnoreCase", "\"aB\"", "Ab", '-'},
        {"StringNotEqualsIgnoreCase", "\"aB\"", "b", '+'},
        {"StringNotEqualsIgnoreCase", "\"aB\"", NULL, '+'},
        {"StringLike", "\"home/*\"", "home/", '+'},
        {"StringLike", "\"home/*\"", "Home/", '-'},
        {"StringLike", "\"*\"", "", '+'},
        {"StringLike", "\"?\"", "", '-'},
        {"StringLike", "\"a?c\", \"x\"", "abc", '+'},
        {"StringLike", "\"*\"", NULL, '-'},
        {"StringNotLike", "\"home/*\"", "home/a", '-'},
        {"StringNotLike", "\"home/*\", \"tmp/*\"", "tmp/a", '-'},
        {"StringNotLike", "\"home/*\"", "etc", '+'},
        {"StringNotLike", "\"*\"", NULL, '+'},
        {"NumericEquals", "10", "10", '+'},
        {"NumericEquals", "\"10\"", "10.0", '+'},
        {"NumericEquals", "\"+010.50\"", "10.5", '+'},
        {"NumericEquals", "\"-0\"", "0", '+'},
        {"NumericEquals", "10", "11", '-'},
        {"NumericEquals", "\"9007199254740993\"", "9007199254740992", '-'},
        {"NumericEquals", "0.1", "0.1", '+'},
        {"NumericEquals", "1, 2", "2", '+'},
        {"NumericEquals", "1", "one", '?'},
        {"NumericEquals", "1", "", '?'},
        {"NumericEquals", "1", "1e0", '?'},
        {"NumericEquals", "1", "1.", '?'},
        {"NumericEquals", "1", " 1", '?'},
        {"NumericEquals", "1", NULL, '-'},
        {"NumericNotEquals", "10", "11", '+'},
        {"NumericNotEquals", "10", "10", '-'},
        {"NumericNotEquals", "10, 11", "11", '-'},
        {"NumericNotEquals", "10", "ten", '?'},
        {"NumericNotEquals", "10", NULL, '+'},
        {"NumericLessThan", "10", "9.99", '+'},
        {"NumericLessThan", "10", "10", '-'},
        {"NumericLessThan", "10", "100", '-'},
        {"NumericLessThan", "10", "-100", '+'},
        {"NumericLessThan", "\"-10\"", "-11", '+'},
        {"NumericLessThan", "\"-10\"", "-9", '-'},
        {"NumericLessThan", "5, 20", "10", '+'},
        {"NumericLessThan", "10", NULL, '-'},
        {"NumericLessThanEquals", "10", "10", '+'},
        {"NumericLessThanEquals", "10", "10.001", '-'},
        {"NumericLessThanEquals", "10", NULL, '-'},
        {"NumericGreaterThan", "10", "10.001", '+'},
        {"NumericGreaterThan", "10", "10", '-'},
        {"NumericGreaterThan", "10", "x", '?'},
        {"NumericGreaterThan", "10", NULL, '-'},
        {"NumericGreaterThanEquals", "10", "10", '+'},
        {"NumericGreaterThanEquals", "10", "9", '-'},
        {"NumericGreaterThanEquals", "10", NULL, '-'},
        {"DateEquals", "\"2026-11-29T20:00:00Z\"", "2026-11-29T21:00:00+01:00", '+'},
        {"DateEquals", "\"2026-11-29T20:00:00Z\"", "1795982400", '+'},
        {"DateEquals", "1795982400", "2026-11-29T20:00Z", '+'},
        {"DateEquals", "\"2026-11-29\"", "2026-11-29T00:00:00.000Z", '+'},
        {"DateEquals", "\"2026-11-29T20:00:00.5Z\"", "2026-11-29T20:00:00Z", '-'},
        {"DateEquals", "\"2026-11-29\"", "yesterday", '?'},
        {"DateEquals", "\"2026-11-29\"", "2026-11-29T00:00:00", '?'},
        {"DateEquals", "\"2026-11-29\"", "2026-11-31", '?'},
        {"DateEquals", "\"2026-11-29\"", NULL, '-'},
        {"DateNotEquals", "\"2026-11-29\"", "2026-11-30", '+'},
        {"DateNotEquals", "\"2026-11-29\"", "2026-11-29", '-'},
        {"DateNotEquals", "\"2026-11-29\"", NULL, '+'},
        {"DateLessThan", "\"2026-11-29T20:00:00Z\"", "2026-11-29T20:00:00+00:01", '+'},
        {"DateLessThan", "\"2026-11-29T20:00:00Z\"", "2026-11-29T20:00:00Z", '-'},
        {"DateLessThan", "\"2026-11-29T20:00:00Z\"", NULL, '-'},
        {"DateLessThanEquals", "\"2024-02-29\"", "2024-02-29", '+'},
        {"DateLessThanEquals", "\"2024-02-29\"", "2024-03-01", '-'},
        {"DateLessThanEquals", "\"2024-02-29\"", NULL, '-'},
        {"DateGreaterThan", "\"1969-12-31T23:59:59Z\"", "0", '+'},
        {"DateGreaterThan", "\"2026-11-29\"", "2026-11-29", '-'},
        {"DateGreaterThan", "\"2026-11-29\"", NULL, '-'},
        {"DateGreaterThanEquals", "\"2026-11-29\"", "2026-11-29T00:00:00-00:00", '+'},
        {"DateGreaterThanEquals", "\"2026-11-29\"", "2026-11-28T23:59:59.999Z", '-'},
        {"DateGreaterThanEquals", "\"2026-11-29\"", NULL, '-'},
        {"Bool", "true", "true", '+'},
        {"Bool", "\"True\"", "TRUE", '+'},
        {"Bool", "\"false\"", "true", '-'},
        {"Bool", "false", "0", '?'},
        {"Bool", "false", NULL, '-'},
        {"Bool", "true, false", "false", '+'},
        {"BinaryEquals", "\"AQID\"", "AQID", '+'},
        {"BinaryEquals", "\"AQID\"", "AQIE", '-'},
        {"BinaryEquals", "\"AQ==\"", "AQ==", '+'},
        {"BinaryEquals", "\"AQ==\"", "AQ=", '?'},
        {"BinaryEquals", "\"AQID\"", NULL, '-'},
        {"IpAddress", "\"10.0.0.0/8\"", "10.255.0.1", '+'},
        {"IpAddress", "\"10.0.0.0/8\"", "11.0.0.1", '-'},
        {"IpAddress", "\"10.1.2.3/8\"", "10.0.0.1", '+'},
        {"IpAddress", "\"192.0.2.129/25\"", "192.0.2.128", '+'},
        {"IpAddress", "\"192.0.2.129/25\"", "192.0.2.127", '-'},
        {"IpAddress", "\"192.0.2.1\"", "192.0.2.1", '+'},
        {"IpAddress", "\"192.0.2.1\"", "192.0.2.2", '-'},
        {"IpAddress", "\"0.0.0.0/0\"", "192.0.2.2", '+'},
        {"IpAddress", "\"0.0.0.0/0\"", "2001:db8::1", '-'},
        {"IpAddress", "\"::/0\"", "192.0.2.2", '-'},
        {"IpAddress", "\"2001:db8::/33\"", "2001:db8:7fff::1", '+'},
        {"IpAddress", "\"2001:db8::/33\"", "2001:db8:8000::1", '-'},
        {"IpAddress", "\"2001:DB8::1\"", "2001:db8:0:0:0:0:0:1", '+'},
        {"IpAddress", "\"10.0.0.0/8\"", "::ffff:10.1.1.1", '+'},
        {"IpAddress", "\"::ffff:10.0.0.0/104\"", "10.1.1.1", '+'},
        {"IpAddress", "\"10.0.0.0/8\", \"192.0.2.0/24\"", "192.0.2.7", '+'},
        {"IpAddress", "\"10.0.0.0/8\"", "10.0.0.0/8", '?'},
        {"IpAddress", "\"10.0.0.0/8\"", "host", '?'},
        {"IpAddress", "\"10.0.0.0/8\"", NULL, '-'},
        {"NotIpAddress", "\"10.0.0.0/8\"", "10.0.0.1", '-'},
        {"NotIpAddress", "\"10.0.0.0/8\", \"192.0.2.0/24\"", "192.0.2.7", '-'},
        {"NotIpAddress", "\"10.0.0.0/8\"", "192.0.2.7", '+'},
        {"NotIpAddress", "\"10.0.0.0/8\"", "host", '?'},
        {"NotIpAddress", "\"10.0.0.0/8\"", NULL, '+'},
        {"ArnEquals", A1, IAM("user/ann"), '+'},
        {"ArnLike", A1, IAM("user/ann"), '+'},
        {"ArnLike", A1, IAM("role/ann"), '-'},
        {"ArnLike", A1, "arn:aws:iam::" OTHER ":user/ann", '-'},
        {"ArnLike", "\"arn:aws:*:*:*:user/ann\"", IAM("user/ann"), '+'},
        {"ArnLike", "\"arn:aws:*:::user/ann\"", IAM("user/ann"), '-'},
        {"ArnLike", "\"arn:aws:i*:user/ann:::\"", IAM("user/ann"), '-'},
        {"ArnLike", "\"arn:*\"", IAM("user/ann"), '+'},
        {"ArnLike", "\"*\"", IAM("user/ann"), '+'},
        {"ArnLike", "\"arn:aws:iam::????????????:user/ann\"", IAM("user/ann"), '+'},
        {"ArnLike", "\"arn:aws:sns:::a:b*\"", "arn:aws:sns:::a:bc", '+'},
        {"ArnLike", A1, "ann", '?'},
        {"ArnLike", "\"*\"", "arn:aws:iam::user/ann", '?'},
        {"ArnNotLike", A1, "", '?'},
        {"ArnLike", A1, NULL, '-'},
        {"ArnEquals", A1, NULL, '-'},
        {"ArnNotEquals", A1, IAM("user/ann"), '-'},
        {"ArnNotLike", A1, IAM("user/ann"), '-'},
        {"ArnNotLike", A1, IAM("role/ann"), '+'},
        {"ArnNotLike", A1, NULL, '+'},
        {"ArnNotEquals", A1, NULL, '+'},
        {"Null", "true", NULL, '+'},
        {"Null", "true", "a", '-'},
        {"Null", "\"false\"", NULL, '-'},
        {"Null", "\"false\"", "a", '+'},
        {"Null", "\"false\"", "", '+'},
        {"Null", "true, false", "a", '+'},
    };
    char condition[512];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy_ask_entry entry = {"aws:PrincipalArn", {rows[i].value}};
        snprintf(condition, sizeof(condition), "\"%s\": {\"aws:principalARN\": [%s]}", rows[i].operator,
                 rows[i].operands);
        expect(condition, &entry, 1, rows[i].holds, rows[i].value ? rows[i].value : "no value");
        if (strcmp(rows[i].operator, "Null") == 0)
            continue;
        snprintf(condition, sizeof(condition), "\"%sIfExists\": {\"aws:PrincipalArn\": [%s]}", rows[i].operator,
                 rows[i].operands);
        expect(condition, &entry, 1, rows[i].value ? rows[i].holds : '+', "IfExists");
        expect(condition, NULL, 0, '+', "IfExists, no entry");
    }
}

/* How all operators of a set go with values of the request. */
static void test_sets(void **state)
{
    static const struct {
        const char *operator, * operands;
        const char *values[4];
        char holds;
    } rows[] = {
        {"ForAllValues:StringEquals", "\"a\", \"b\"", {"a", "b"}, '+'},
        {"ForAllValues:StringEquals", "\"a\", \"b\"", {"a", "c"}, '-'},
        {"ForAllValues:StringEquals", "\"a\", \"b\"", {"a"}, '+'},
        {"ForAllValues:StringEquals", "\"a\"", {NULL}, '+'},
        {"ForAllValues:StringEquals", "\"a\"", {""}, '+'},
        {"ForAllValues:StringEquals", "\"a\"", {"a", ""}, '-'},
        {"ForAllValues:StringNotEquals", "\"a\", \"b\"", {"c", "d"}, '+'},
        {"ForAllValues:StringNotEquals", "\"a\", \"b\"", {"c", "b"}, '-'},
        {"ForAllValues:StringNotEquals", "\"a\"", {NULL}, '+'},
        {"ForAllValues:StringLike", "\"a*\"", {"ab", "ac"}, '+'},
        {"ForAllValues:StringLike", "\"a*\"", {"ab", "b"}, '-'},
        {"ForAllValues:NumericLessThan", "5", {"1", "2"}, '+'},
        {"ForAllValues:NumericLessThan", "5", {"1", "x"}, '?'},
        {"ForAllValues:NumericLessThan", "5", {"9", "x"}, '-'},
        {"ForAllValues:StringEqualsIfExists", "\"a\"", {NULL}, '+'},
        {"ForAllValues:StringEqualsIfExists", "\"a\"", {"b"}, '-'},
        {"ForAnyValue:StringEquals", "\"a\", \"b\"", {"b", "c"}, '+'},
        {"ForAnyValue:StringEquals", "\"a\", \"b\"", {"c", "d"}, '-'},
        {"ForAnyValue:StringEquals", "\"a\"", {NULL}, '-'},
        {"ForAnyValue:StringNotEquals", "\"a\", \"b\"", {"a", "c"}, '+'},
        {"ForAnyValue:StringNotEquals", "\"a\", \"b\"", {"a", "b"}, '-'},
        {"ForAnyValue:StringNotEquals", "\"a\"", {NULL}, '-'},
        {"ForAnyValue:StringNotLike", "\"a*\"", {"ab", "b"}, '+'},
        {"ForAnyValue:ArnLike", "\"arn:aws:s3:*\"", {"x", S3("b")}, '+'},
        {"ForAnyValue:IpAddress", "\"10.0.0.0/8\"", {"x", "10.0.0.1"}, '+'},
        {"ForAnyValue:IpAddress", "\"10.0.0.0/8\"", {"x", "11.0.0.1"}, '?'},
        {"ForAnyValue:StringEqualsIfExists", "\"a\"", {NULL}, '+'},
        {"ForAnyValue:StringEqualsIfExists", "\"a\"", {"b"}, '-'},
        {"ForAnyValue:Bool", "true", {"false", "true"}, '+'},
        /* several values and no set operator: AWS does not say */
        {"StringEquals", "\"a\"", {"a", "b"}, '?'},
        {"StringEquals", "\"a\"", {"a", "a"}, '?'},
        {"StringNotEquals", "\"a\"", {"b", "c"}, '?'},
        {"Null", "false", {"b", "c"}, '+'},
    };
    char condition[512];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy_ask_entry entry = {"aws:TagKeys", {rows[i].values[0], rows[i].values[1]}};
        snprintf(condition, sizeof(condition), "\"%s\": {\"aws:TagKeys\": [%s]}", rows[i].operator, rows[i].operands);
        expect(condition, &entry, 1, rows[i].holds, rows[i].values[0] ? rows[i].values[0] : "no value");
    }
}

/* All keys and all operators of a statement have to hold. */
static void test_together(void **state)
{
    static const struct policy_ask_entry entries[] = {
        {"aws:username", {"ann"}}, {"s3:prefix", {"home/ann/"}}, {"aws:SecureTransport", {"true"}}};
    static const struct {
        const char *condition;
        char holds;
    } rows[] = {
        {"\"StringEquals\": {\"aws:username\": \"ann\", \"s3:prefix\": \"home/ann/\"}", '+'},
        {"\"StringEquals\": {\"aws:username\": \"ann\", \"s3:prefix\": \"home/bob/\"}", '-'},
        {"\"StringEquals\": {\"aws:username\": \"ann\"}, \"Bool\": {\"aws:SecureTransport\": true}", '+'},
        {"\"StringEquals\": {\"aws:username\": \"ann\"}, \"Bool\": {\"aws:SecureTransport\": false}", '-'},
        {"\"StringEquals\": {\"aws:username\": \"ann\", \"AWS:USERNAME\": \"bob\"}", '-'},
        {"\"StringEquals\": {\"aws:username\": \"ann\"}, \"StringNotEquals\": {\"no:such\": \"x\"}", '?'},
        {"\"StringNotEquals\": {\"no:such\": \"x\"}, \"StringEquals\": {\"aws:username\": \"bob\"}", '-'},
        {"\"StringLike\": {\"s3:prefix\": \"home/${aws:username}/*\"}", '+'},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect(rows[i].condition, entries, COUNT(entries), rows[i].holds, "three entries");
}

/* A key that nobody knows never opens anything, whatever the operator; and a Deny holds. */
static void test_unknown_keys(void **state)
{
    static const char *const conditions[] = {
        "\"StringEquals\": {\"%s\": \"a\"}",
        "\"StringNotEquals\": {\"%s\": \"a\"}",
        "\"StringNotEqualsIfExists\": {\"%s\": \"a\"}",
        "\"BoolIfExists\": {\"%s\": true}",
        "\"Null\": {\"%s\": true}",
        "\"Null\": {\"%s\": false}",
        "\"ForAllValues:StringEquals\": {\"%s\": \"a\"}",
        "\"ForAnyValue:StringNotLike\": {\"%s\": \"a\"}",
        "\"NotIpAddress\": {\"%s\": \"10.0.0.0/8\"}",
        "\"StringNotEquals\": {\"aws:Referer\": \"${%s, 'a'}\"}",
        "\"ArnNotLike\": {\"aws:Referer\": \"${%s}\"}",
    };
    static const char *const keys[] = {"aws:SourceIpp", "ec2:Region", "s3:ExistingObjectTag/", "a:b:c", "aws:"};
    static const struct policy_ask_entry referer = {"aws:Referer", {"arn:aws:s3:::b"}};
    char condition[256];

    (void)state;
    for (size_t i = 0; i < COUNT(conditions); i++) {
        for (size_t j = 0; j + 1 < COUNT(keys); j++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(condition, sizeof(condition), conditions[i], keys[j]);
#pragma GCC diagnostic pop
            expect(condition, &referer, 1, '?', "an unknown key");
        }
    }
}

static void test_known_keys(void **state)
{
    static const struct {
        const char *key;
        bool known;
    } rows[] = {
        {"aws:SourceIp", true},
        {"AWS:sourceip", true},
        {"aws:PrincipalTag/x", true},
        {"aws:PrincipalTag/", false},
        {"aws:PrincipalTag", false},
        {"aws:SourceIp/x", false},
        {"s3:ExistingObjectTag/a/b", true},
        {"s3:x-amz-grant-read", true},
        {"s3:SourceIp", false},
        {"sts:ExternalId", true},
        {"iam:PolicyARN", true},
        {"accounts.google.com:aud", true},
        {"oidc.example.org/realm:sub", true},
        {"oidc.example.org:other", false},
        {"localhost:sub", false},
        {"", false},
        {":", false},
        {"aws", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (policy_key_is_known(bytes_from_str(rows[i].key)) != rows[i].known)
            fail_msg("%s", rows[i].key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators),    cmocka_unit_test(test_sets),       cmocka_unit_test(test_together),
        cmocka_unit_test(test_unknown_keys), cmocka_unit_test(test_known_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

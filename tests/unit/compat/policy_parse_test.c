/* What is a policy, and what is refused: with words that name the place. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/check.h"
#include "tests/unit/compat/policy_ask.h"

#define VENDOR "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
#define SYNTAX "Policies must be valid JSON and the first byte must be '{'"
#define STRING "A string, or an array of at least one, is needed"

static void expect(const char *document, enum policy_kind kind, const char *message)
{
    struct policy_problem problem = {""};
    struct policy *policy;
    enum status status = policy_parse(bytes_from_str(document), kind, BYTES("b"), &policy, &problem);

    if ((status == STATUS_OK) != !message || (message && strcmp(problem.text, message) != 0))
        fail_msg("%s\n says: %s\n expected: %s", document, status ? problem.text : "good", message ? message : "good");
    policy_free(policy);
}

static void test_documents(void **state)
{
    static const struct {
        const char *document, *message;
    } rows[] = {
        {"", SYNTAX},
        {"[]", SYNTAX},
        {"arn:aws:iam::aws:policy/ReadOnlyAccess", SYNTAX},
        {"\"{}\"", SYNTAX},
        {" \n\t{\"Statement\": " ALLOW(ALL) "}", NULL},
        {"{", SYNTAX " (line 1, column 1: string or '}' expected near end of file)"},
        {"{\"Statement\": [],\n \"Statement\": []}",
         SYNTAX " (line 2, column 12: duplicate object key near '\"Statement\"')"},
        {"{\"Statement\": []} x", SYNTAX " (line 1, column 19: end of file expected near 'x')"},
        {"{}", "Missing required field Statement"},
        {"{\"Version\": \"2012-10-17\"}", "Missing required field Statement"},
        {"{\"Version\": \"2012-10-18\", \"Statement\": " ALLOW(ALL) "}",
         "The policy must contain a valid version string"},
        {"{\"Version\": 2012, \"Statement\": " ALLOW(ALL) "}", "The policy must contain a valid version string"},
        {"{\"Version\": \"2008-10-17\", \"Statement\": " ALLOW(ALL) "}", NULL},
        {"{\"statement\": " ALLOW(ALL) "}", "Unknown field statement"},
        {"{\"Id\": \"x\", \"Statement\": " ALLOW(ALL) "}", "Unknown field Id"},
        {"{\"Statement\": []}", "Statement must be an object, or an array of at least one"},
        {"{\"Statement\": \"x\"}", "Statement must be an object, or an array of at least one"},
        {POLICY("1"), "A statement must be an object (statement 1)"},
        {POLICY(ALLOW(ALL) ", []"), "A statement must be an object (statement 2)"},
        {POLICY("{" ALL "}"), "Missing required field Effect (statement 1)"},
        {POLICY(ALLOW(ALL) ", {\"Effect\": \"allow\", " ALL "}"), "Invalid effect: allow (statement 2)"},
        {POLICY("{\"Effect\": true, " ALL "}"), "Invalid effect:  (statement 1)"},
        {POLICY(ALLOW(ALL ", \"Extra\": 1")), "Unknown field Extra (statement 1)"},
        {POLICY(ALLOW(ALL ", \"\\u00e9\\n\": 1")), "Unknown field ??? (statement 1)"},
        {POLICY(ALLOW("\"Resource\": \"*\"")), "Missing required field Action (statement 1)"},
        {POLICY(ALLOW("\"Action\": \"*\"")), "Missing required field Resource (statement 1)"},
        {POLICY(ALLOW(ALL ", \"NotAction\": \"*\"")), "Action and NotAction exclude each other (statement 1)"},
        {POLICY(ALLOW(ALL ", \"NotResource\": \"*\"")), "Resource and NotResource exclude each other (statement 1)"},
        {POLICY(ALLOW(ANYBODY ALL)), "Policy document should not specify a principal (statement 1)"},
        {POLICY(DENY("\"NotPrincipal\": \"*\", " ALL)), "Has prohibited field NotPrincipal (statement 1)"},
        {POLICY(ALLOW("\"Sid\": \"a b\", " ALL)),
         "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
         "[0-9A-Za-z]* (statement 1, Sid)"},
        {POLICY(ALLOW("\"Sid\": 1, " ALL)), "A string is needed (statement 1, Sid)"},
        {POLICY(ALLOW("\"Sid\": \"a\", " ALL) ", " ALLOW("\"Sid\": \"a\", " ALL)),
         "Statement IDs (SID) in a single policy must be unique (statement 2, Sid)"},
        {POLICY(ALLOW("\"Sid\": \"\", " ALL) ", " ALLOW("\"Sid\": \"\", " ALL)), NULL},
        {POLICY(ALLOW(ON("[]", "\"*\""))), STRING " (statement 1, Action)"},
        {POLICY(ALLOW(ON("{}", "\"*\""))), STRING " (statement 1, Action)"},
        {POLICY(ALLOW(ON("[\"*\", 1]", "\"*\""))), "Value 2 is not a string (statement 1, Action)"},
        {POLICY(ALLOW(ON("\"GetObject\"", "\"*\""))), VENDOR " (statement 1, Action)"},
        {POLICY(ALLOW(ON("\":GetObject\"", "\"*\""))), VENDOR " (statement 1, Action)"},
        {POLICY(ALLOW(ON("\"\"", "\"*\""))), VENDOR " (statement 1, Action)"},
        {POLICY(ALLOW(ON("\"s3*:GetObject\"", "\"*\""))), VENDOR " (statement 1, Action)"},
        {POLICY(ALLOW(ON("\"s3:\"", "\"*\""))), "Policy has invalid action: s3: (statement 1, Action)"},
        {POLICY(ALLOW(ON("\"s3:Get Object\"", "\"*\""))),
         "Policy has invalid action: s3:Get Object (statement 1, Action)"},
        {POLICY(ALLOW("\"NotAction\": \"s3:${a:b}\", \"Resource\": \"*\"")),
         "Policy has invalid action: s3:${a:b} (statement 1, NotAction)"},
        {POLICY(ALLOW(ON("\"*\"", "\"b\""))), "Resource b must be in ARN format or \"*\" (statement 1, Resource)"},
        {POLICY(ALLOW(ON("\"*\"", "\"\""))), "Resource  must be in ARN format or \"*\" (statement 1, Resource)"},
        {POLICY(ALLOW(ON("\"*\"", "\"b*\""))), "Resource b* must be in ARN format or \"*\" (statement 1, Resource)"},
        {POLICY(ALLOW(ON("\"*\"", "\"arn:aws:s3\""))),
         "Resource arn:aws:s3 must be in ARN format or \"*\" (statement 1, Resource)"},
        {POLICY(ALLOW("\"Action\": \"*\", \"NotResource\": [\"*\", \"x\"]")),
         "Resource x must be in ARN format or \"*\" (statement 1, NotResource)"},
        {POLICY(ALLOW(ON("\"*\"", "\"" S3("${aws:username") "\""))),
         "Invalid policy variable ${aws:username (statement 1, Resource)"},
        {POLICY(ALLOW(ON("\"*\"", "\"" S3("${}") "\""))), "Invalid policy variable ${} (statement 1, Resource)"},
        {POLICY(ALLOW(ON("\"*\"", "\"" S3("${a:b, c}") "\""))),
         "Invalid policy variable ${a:b, c} (statement 1, Resource)"},
        {POLICY(ALLOW(ON("\"*\"", "\"" S3("${a:b, 'it's'}") "\""))),
         "Invalid policy variable ${a:b, 'it's'} (statement 1, Resource)"},
        {"{\"Statement\": " ALLOW(ON("\"*\"", "\"" S3("${}") "\"")) "}", NULL}, /* no variables in that version */
        {POLICY(ALLOW(ALL ", \"Condition\": []")), "Invalid policy syntax (statement 1, Condition)"},
        {POLICY(ALLOW(ALL ", \"Condition\": {\"Bool\": 1}")), "Invalid policy syntax (statement 1, Condition)"},
        {POLICY(ALLOW(ALL ", \"Condition\": {}")), NULL},
        {POLICY(ALLOW(ALL WHEN("Bool", ""))), NULL},
        {POLICY(ALLOW(ALL WHEN("Boolean", ""))), "Invalid Condition type : Boolean (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("NullIfExists", "\"aws:a\": true"))),
         "Invalid Condition type : NullIfExists (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("ForAnyValue:Null", ""))),
         "Invalid Condition type : ForAnyValue:Null (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("IfExists", ""))), "Invalid Condition type : IfExists (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("ForAllValues:ForAnyValue:Bool", ""))),
         "Invalid Condition type : ForAllValues:ForAnyValue:Bool (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("Bool", "\"SecureTransport\": true"))),
         VENDOR ": SecureTransport (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("Bool", "\"aws:SecureTransport\": []"))),
         "There is no value for the condition key aws:SecureTransport (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("Bool", "\"aws:SecureTransport\": null"))),
         "A value of a condition is a string, a number, or true or false (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("Bool", "\"aws:SecureTransport\": \"yes\""))),
         "Invalid value for Bool: yes (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("NumericEqualsIfExists", "\"s3:max-keys\": [1, \"x\"]"))),
         "Invalid value for NumericEquals: x (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("NumericEquals", "\"s3:max-keys\": \"${s3:max-keys}\""))),
         "Invalid value for NumericEquals: ${s3:max-keys} (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("DateLessThan", "\"aws:CurrentTime\": \"2026-02-30\""))),
         "Invalid value for DateLessThan: 2026-02-30 (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("IpAddress", "\"aws:SourceIp\": \"10.0.0.0/33\""))),
         "Invalid value for IpAddress: 10.0.0.0/33 (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("BinaryEquals", "\"a:b\": \"x\""))),
         "Invalid value for BinaryEquals: x (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("ArnLike", "\"aws:PrincipalArn\": \"arn:aws:iam\""))),
         "A value must be in ARN format (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("Null", "\"aws:TokenIssueTime\": 1"))),
         "Invalid value for Null: 1 (statement 1, Condition)"},
        {POLICY(ALLOW(ALL WHEN("StringLike", "\"s3:prefix\": \"${s3:prefix, 'a}\""))),
         "Invalid policy variable ${s3:prefix, 'a} (statement 1, Condition)"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect(rows[i].document, POLICY_IDENTITY, rows[i].message);
}

static void test_bucket_policies(void **state)
{
#define OF(action, resource) POLICY(ALLOW(ANYBODY ON("\"" action "\"", "\"" resource "\"")))
#define TO(principal)        POLICY(ALLOW("\"Principal\": " principal ", " ALL))
    static const struct {
        const char *document, *message;
    } rows[] = {
        {" {\"Statement\": " ALLOW(ANYBODY ALL) "}", SYNTAX},
        {"{\"Id\": \"x\", \"Statement\": " ALLOW(ANYBODY ALL) "}", NULL},
        {"{\"Id\": 1, \"Statement\": " ALLOW(ANYBODY ALL) "}", "Id must be a string"},
        {POLICY(ALLOW("\"Sid\": \"Any text, \xe4\xb8\xad\", " ANYBODY ALL)), NULL},
        {POLICY(ALLOW(ALL)), "Missing required field Principal (statement 1)"},
        {POLICY(ALLOW("\"NotPrincipal\": \"*\", " ALL)),
         "NotPrincipal is for statements that deny (statement 1, NotPrincipal)"},
        {OF("s3:GetObject", S3("b/*")), NULL},
        {OF("s3:GetObject", S3("b/${aws:username}")), NULL},
        {OF("*", S3("*")), NULL},
        {OF("s3:*", S3("?")), NULL},
        {OF("iam:CreateUser", S3("b")), "Policy has invalid action (statement 1, Action)"},
        {OF("s3:GetObject", S3("c/*")), "Policy has invalid resource: " S3("c/*") " (statement 1, Resource)"},
        {OF("s3:GetObject", S3("bb")), "Policy has invalid resource: " S3("bb") " (statement 1, Resource)"},
        {OF("s3:GetObject", S3("??*")), "Policy has invalid resource: " S3("??*") " (statement 1, Resource)"},
        {OF("s3:GetObject", S3("/b")), "Policy has invalid resource: " S3("/b") " (statement 1, Resource)"},
        {OF("s3:GetObject", S3("${s3:prefix}")),
         "Policy has invalid resource: " S3("${s3:prefix}") " (statement 1, Resource)"},
        {OF("s3:GetObject", "arn:aws:s3::" ACCOUNT ":b"),
         "Policy has invalid resource: arn:aws:s3::" ACCOUNT ":b (statement 1, Resource)"},
        {OF("s3:GetObject", "arn:aws:s3:*"), "Policy has invalid resource: arn:aws:s3:* (statement 1, Resource)"},
        {OF("s3:GetObject", "arn:aws:iam:::b"), "Policy has invalid resource: arn:aws:iam:::b (statement 1, Resource)"},
        {POLICY(DENY(ANYBODY "\"Action\": \"s3:*\", \"NotResource\": \"" S3("c") "\"")),
         "Policy has invalid resource: " S3("c") " (statement 1, NotResource)"},
        {POLICY(ALLOW(ANYBODY ALL WHEN("StringEquals", "\"s3:no-such-key\": \"x\""))),
         "Policy has an invalid condition key: s3:no-such-key (statement 1, Condition)"},
        {POLICY(ALLOW(ANYBODY ALL WHEN("StringEquals", "\"S3:EXISTINGObjectTag/a\": \"x\""))), NULL},
        {POLICY(ALLOW(ANYBODY ALL WHEN("StringEquals", "\"s3:ExistingObjectTag/\": \"x\""))),
         "Policy has an invalid condition key: s3:ExistingObjectTag/ (statement 1, Condition)"},
        {TO("\"" ACCOUNT "\""), "Invalid principal in policy (statement 1, Principal)"},
        {TO("{}"), "Invalid principal in policy (statement 1, Principal)"},
        {TO("[]"), "Invalid principal in policy (statement 1, Principal)"},
        {TO("{\"AWS\": []}"), "Invalid principal in policy (statement 1, Principal)"},
        {TO("{\"AWS\": \"*\", \"Service\": []}"), STRING " (statement 1, Principal)"},
        {TO("{\"aws\": \"*\"}"), "Invalid principal in policy: aws (statement 1, Principal)"},
        {TO("{\"AWS\": \"ann\"}"), "Invalid principal in policy: ann (statement 1, Principal)"},
        {TO("{\"AWS\": \"" IAM("user/*") "\"}"),
         "Invalid principal in policy: " IAM("user/*") " (statement 1, Principal)"},
        {TO("{\"AWS\": \"" IAM("user/") "\"}"),
         "Invalid principal in policy: " IAM("user/") " (statement 1, Principal)"},
        {TO("{\"AWS\": \"" IAM("group/g") "\"}"),
         "Invalid principal in policy: " IAM("group/g") " (statement 1, Principal)"},
        {TO("{\"AWS\": \"" STS("root") "\"}"), "Invalid principal in policy: " STS("root") " (statement 1, Principal)"},
        {TO("{\"AWS\": \"arn:aws:iam::12345678901:user/ann\"}"),
         "Invalid principal in policy: arn:aws:iam::12345678901:user/ann (statement 1, Principal)"},
        {TO("{\"AWS\": \"123456789012*\"}"), "Invalid principal in policy: 123456789012* (statement 1, Principal)"},
        {TO("{\"Federated\": \"*\"}"), "Invalid principal in policy: * (statement 1, Principal)"},
        {TO("{\"CanonicalUser\": \"\"}"), "Invalid principal in policy:  (statement 1, Principal)"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect(rows[i].document, POLICY_BUCKET, rows[i].message);
}

static void test_trust_policies(void **state)
{
#define ASSUME "\"Action\": \"sts:AssumeRole\""
    static const char not_sts[] = "AssumeRole policy may only specify STS AssumeRole actions (statement 1, Action)";

    (void)state;
    expect(POLICY(ALLOW(BY("\"" ACCOUNT "\"") ASSUME)), POLICY_TRUST, NULL);
    expect(POLICY(ALLOW(ASSUME)), POLICY_TRUST, "Missing required field Principal (statement 1)");
    expect(POLICY(ALLOW(ANYBODY ASSUME ", \"Resource\": \"*\"")), POLICY_TRUST,
           "Has prohibited field Resource (statement 1)");
    expect(POLICY(DENY("\"NotPrincipal\": \"*\", " ASSUME)), POLICY_TRUST,
           "Has prohibited field NotPrincipal (statement 1)");
    expect(POLICY(ALLOW(ANYBODY "\"Action\": \"*\"")), POLICY_TRUST, not_sts);
    expect(POLICY(ALLOW(ANYBODY "\"Action\": \"s3:GetObject\"")), POLICY_TRUST, not_sts);
}

/* A document of that many bytes, by a long Sid or by white space. */
static enum status parse_padded(const char *front, char padding, const char *back, size_t len, enum policy_kind kind)
{
    struct policy_problem problem;
    struct policy *policy;
    char *text = mem_alloc(len);
    size_t front_len = strlen(front), back_len = strlen(back);

    memcpy(text, front, front_len);
    memset(text + front_len, padding, len - front_len - back_len);
    memcpy(text + len - back_len, back, back_len);
    enum status status = policy_parse(bytes_of(text, len), kind, BYTES("b"), &policy, &problem);
    policy_free(policy);
    free(text);
    return status;
}

static void test_sizes(void **state)
{
    static const char *const front =
        "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"Sid\":\"";
    static const char *const bucket =
        "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\",\"Sid\":\"";

    (void)state;
    assert_int_equal(parse_padded(front, 'a', "\"}]}", 10240, POLICY_IDENTITY), STATUS_OK);
    assert_int_equal(parse_padded(front, 'a', "\"}]}", 10241, POLICY_IDENTITY), STATUS_LIMIT);
    assert_int_equal(parse_padded(front, 'a', "\"}]}", 6144, POLICY_BOUNDARY), STATUS_OK);
    assert_int_equal(parse_padded(front, 'a', "\"}]}", 6145, POLICY_BOUNDARY), STATUS_LIMIT);
    assert_int_equal(parse_padded(front, 'a', "\"}]}", 2048, POLICY_SESSION), STATUS_OK);
    assert_int_equal(parse_padded(front, 'a', "\"}]}", 2049, POLICY_SESSION), STATUS_LIMIT);
    assert_int_equal(parse_padded(bucket, ' ', "\"}]}", 20480, POLICY_BUCKET), STATUS_OK);
    assert_int_equal(parse_padded(bucket, ' ', "\"}]}", 20481, POLICY_BUCKET), STATUS_LIMIT);
    assert_int_equal(parse_padded("{", ' ', POLICY(ALLOW(ALL)) + 1, 131072, POLICY_SESSION), STATUS_OK);
    assert_int_equal(parse_padded("{", ' ', POLICY(ALLOW(ALL)) + 1, 131073, POLICY_SESSION), STATUS_LIMIT);
    assert_int_equal(policy_quota_chars(BYTES(" {\n\t\"a b\": \"\xc3\xa9\"\r}")), 10);
}

/* What would take a parser's stack or much time is refused first. */
static void test_hostile(void **state)
{
    static const struct {
        const char *front;
        char padding;
        const char *back;
    } rows[] = {
        {
            "{\"Statement\":",
            '[',
            "",
        },
        {
            "{\"Statement\":",
            '{',
            "",
        },
        {
            "{\"Statement\":\"",
            '\\',
            "",
        },
        {
            "{\"Statement\":",
            '"',
            "",
        },
        {
            "{\"Statement\":",
            '1',
            "}",
        },
        {
            "{\"Statement\":\"",
            '\xff',
            "\"}",
        },
        {
            "{",
            '}',
            "",
        },
    };
    static const char *const texts[] = {
        "{\"Statement\": " ALLOW("\"Action\": \"*\", \"Resource\": \"arn:aws:s3:::\\u0000\"") "}",
        "{\"Statement\": " ALLOW("\"Action\": \"*\", \"Resource\": \"arn:aws:s3:::\\ud800\"") "}",
        "{\"Statement\": " ALLOW("\"Action\": \"*\", \"Resource\": \"arn:aws:s3:::\xc0\xaf\"") "}",
        "\xef\xbb\xbf{\"Statement\": " ALLOW(ALL) "}",
    };
    struct policy_problem problem;
    struct policy *policy;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(parse_padded(rows[i].front, rows[i].padding, rows[i].back, 20000, POLICY_BUCKET),
                         STATUS_INVALID);
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_int_equal(policy_parse(bytes_from_str(texts[i]), POLICY_IDENTITY, BYTES("b"), &policy, &problem),
                         STATUS_INVALID);
        assert_int_equal(policy_parse(bytes_from_str(texts[i]), POLICY_BUCKET, BYTES("b"), &policy, &problem),
                         STATUS_INVALID);
    }
    expect(POLICY(ALLOW(ON("\"*\"", "\"" S3("\xe4\xb8\xad") "\""))), POLICY_IDENTITY,
           "The policy has characters other than tab, LF, CR and U+0020 to U+00FF");
    expect(POLICY(ALLOW(ANYBODY "\"Action\": \"*\", \"Resource\": [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]")), POLICY_BUCKET,
           "The policy is nested too deeply");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents), cmocka_unit_test(test_bucket_policies), cmocka_unit_test(test_trust_policies),
        cmocka_unit_test(test_sizes),     cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a decision may cost, whatever the policies and the request say, and that it fails closed beyond. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "tests/unit/compat/policy_ask.h"

/* Some milliseconds as it is delivered; with sanitizers, on a busy machine, more. What it guards against took seconds.
 */
#define CPU_MS_MAX 250

static uint64_t cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* front, then `fill` again and again up to the length, then back. */
static char *repeated(const char *front, const char *fill, size_t len, const char *back)
{
    char *text = mem_alloc(len + strlen(fill) + strlen(back) + 1);
    size_t at = (size_t)sprintf(text, "%s", front);

    while (at < len)
        at += (size_t)sprintf(text + at, "%s", fill);
    strcpy(text + at, back);
    return text;
}

static enum policy_effect ask_agent(const char *document, const char *agent, size_t *statement)
{
    const struct policy_ask_entry entries[] = {{"aws:UserAgent", {agent}}};
    uint64_t begin_ms = cpu_ms();
    struct policy_outcome outcome =
        policy_ask(document, POLICY_BUCKET, &caller_anonymous, "s3:GetObject", S3("b/k"), entries, 1);

    assert_true(cpu_ms() - begin_ms < CPU_MS_MAX);
    *statement = outcome.statement;
    return outcome.effect;
}

/* A value beyond 2 KB is not looked at, and not decided. */
static void test_long_values(void **state)
{
    static const struct {
        size_t len;
        const char *document;
        enum policy_effect effect;
    } rows[] = {
        {2048, POLICY(ALLOW(ANYBODY ALL WHEN("StringLike", "\"aws:UserAgent\": \"a*\""))), POLICY_ALLOW},
        {2049, POLICY(ALLOW(ANYBODY ALL WHEN("StringLike", "\"aws:UserAgent\": \"a*\""))), POLICY_NEUTRAL},
        {2049, POLICY(ALLOW(ANYBODY ALL WHEN("StringNotLike", "\"aws:UserAgent\": \"b*\""))), POLICY_NEUTRAL},
        {2048, POLICY(DENY(ANYBODY ALL WHEN("StringLike", "\"aws:UserAgent\": \"b*\""))), POLICY_NEUTRAL},
        {2049, POLICY(DENY(ANYBODY ALL WHEN("StringLike", "\"aws:UserAgent\": \"b*\""))), POLICY_DENY},
        {2049, POLICY(DENY(ANYBODY ON("\"*\"", "\"" S3("b/${aws:UserAgent}") "\""))), POLICY_DENY},
        {2049, POLICY(DENY(ANYBODY ON("\"*\"", "\"" S3("b/l${aws:UserAgent}") "\""))), POLICY_NEUTRAL},
    };
    size_t statement;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *agent = repeated("", "a", rows[i].len, "");
        enum policy_effect effect = ask_agent(rows[i].document, agent, &statement);
        if (effect != rows[i].effect)
            fail_msg("row %zu: %d", i, effect);
        free(agent);
    }
}

/* A pattern of an enemy with the longest header there can be, and with the longest that is looked at. */
static void test_hostile_pattern(void **state)
{
    static const size_t lens[] = {2048, 60000};
    static const struct {
        const char *front, *back;
        enum policy_effect effect;
        size_t statement;
    } rows[] = {
        {"{\"Statement\": [{\"Effect\": \"Allow\", " ANYBODY ALL ", \"Condition\": {\"StringNotLike\": "
         "{\"aws:UserAgent\": \"*",
         "b\"}}}]}", POLICY_NEUTRAL, 0},
        {"{\"Statement\": [{\"Effect\": \"Deny\", " ANYBODY ALL ", \"Condition\": {\"StringLike\": "
         "{\"aws:UserAgent\": \"*",
         "b\"}}}]}", POLICY_DENY, 1},
    };
    size_t statement;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t j = 0; j < COUNT(lens); j++) {
            char *document = repeated(rows[i].front, "?", j == 0 ? 1200 : 15000, rows[i].back);
            char *agent = repeated("", "a", lens[j], "");
            assert_int_equal(ask_agent(document, agent, &statement), rows[i].effect);
            assert_int_equal(statement, rows[i].statement);
            free(agent);
            free(document);
        }
    }
}

/* A denial that was not reached holds, whatever it is about; one of others does not. */
static void test_denial_behind(void **state)
{
    static const char front[] = "{\"Statement\": [{\"Effect\": \"Allow\", " ANYBODY ALL
                                ", \"Condition\": {\"StringNotLike\": {\"aws:UserAgent\": \"*";
    static const struct {
        const char *back;
        enum policy_effect effect;
    } rows[] = {
        {"b\"}}}, " DENY(ANYBODY ON("\"s3:PutObject\"", "\"" S3("b/*") "\"")) "]}", POLICY_DENY},
        {"b\"}}}, " DENY(BY("\"" IAM("user/ann") "\"") ALL) "]}", POLICY_NEUTRAL},
        {"b\"}}}, " ALLOW(ANYBODY ALL) "]}", POLICY_NEUTRAL},
    };
    char *agent = repeated("", "a", 2048, "");
    size_t statement;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *document = repeated(front, "?", 1200, rows[i].back);
        if (ask_agent(document, agent, &statement) != rows[i].effect)
            fail_msg("row %zu", i);
        free(document);
    }
    free(agent);
}

/* All policies of a decision have the same steps. */
static void test_shared_steps(void **state)
{
    char *dear_document = repeated("{\"Statement\": [{\"Effect\": \"Allow\", " ALL ", \"Condition\": {\"StringLike\": "
                                   "{\"aws:UserAgent\": \"*",
                                   "?", 250, "b\"}}}]}");
    char *agent = repeated("", "a", 2048, "");
    struct policy *dear = policy_of(dear_document, POLICY_IDENTITY);
    struct policy *yes = policy_of(POLICY(ALLOW(ALL)), POLICY_IDENTITY);
    const struct policy *list[] = {dear, yes, yes};
    const struct bytes value = bytes_from_str(agent);
    const struct policy_entry entry = {BYTES("aws:UserAgent"), {&value, 1}};
    const struct policy_table table = {&entry, 1};
    struct policy_request request = {.caller = caller_user,
                                     .action = BYTES("s3:GetObject"),
                                     .resource = BYTES(S3("b/k")),
                                     .resource_account = BYTES(ACCOUNT),
                                     .context = policy_table_context(&table)};
    const struct policy_set set = {.identity = list, .identity_count = COUNT(list)};
    size_t steps = POLICY_STEPS_MAX;

    (void)state;
    assert_true(policy_decide(&set, &request).allowed);
    list[1] = dear;
    request.context.steps = &steps;
    for (int i = 0; i < 8 && policy_decide(&set, &request).allowed; i++)
        assert_true(steps > 0 && steps < POLICY_STEPS_MAX);
    assert_int_equal(steps, 0);
    assert_int_equal(policy_decide(&set, &request).reason, POLICY_NOT_ALLOWED);
    policy_free(dear);
    policy_free(yes);
    free(dear_document);
    free(agent);
}

/* The dearest of each kind of value, in a hundred policies of the largest size. */
static void test_dear_operands(void **state)
{
    static const struct {
        const char *comparison, *operand, *value;
    } rows[] = {
        {"NotIpAddress", "1::8", "::1"},
        {"NumericGreaterThan", "1", "0"},
        {"DateGreaterThan", "2026-11-29", "2026-11-28T20:00:00.5+01:00"},
        {"StringEqualsIgnoreCase", "${aws:UserAgent}b", "a"},
        {"ArnLike", "a:*a*a:*a:*a:*:*a*b",
         "a:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:aaaaaaaaaaaa:aaaaaaaaaa:1:aaaaaaaaaaaaaa"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char operand[64], front[256];
        const struct policy *list[100];
        const struct bytes value = bytes_from_str(rows[i].value);
        const struct policy_entry entry = {BYTES("aws:UserAgent"), {&value, 1}};
        const struct policy_table table = {&entry, 1};
        const struct policy_request request = {.caller = caller_user,
                                               .action = BYTES("s3:GetObject"),
                                               .resource = BYTES(S3("b/k")),
                                               .resource_account = BYTES(ACCOUNT),
                                               .context = policy_table_context(&table)};
        snprintf(operand, sizeof(operand), ", \"%s\"", rows[i].operand);
        snprintf(front, sizeof(front),
                 "{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", " ALL
                 ", \"Condition\": {\"%s\": {\"aws:UserAgent\": [\"%s\"",
                 rows[i].comparison, rows[i].operand);
        char *document = repeated(front, operand, POLICY_IDENTITY_CHARS_MAX - 100, "]}}}]}");
        for (size_t j = 0; j < COUNT(list); j++)
            list[j] = policy_of(document, POLICY_IDENTITY);
        uint64_t begin_ms = cpu_ms();
        policy_decide(&(struct policy_set){.identity = list, .identity_count = COUNT(list)}, &request);
        uint64_t took_ms = cpu_ms() - begin_ms;
        if (took_ms >= CPU_MS_MAX)
            fail_msg("%s: %u ms", rows[i].comparison, (unsigned)took_ms);
        for (size_t j = 0; j < COUNT(list); j++)
            policy_free((struct policy *)list[j]);
        free(document);
    }
}

/* As many as fit, and such as are made to be dear: by the steps that they take, which no clock has a part in. */
static void test_large_documents(void **state)
{
    static const char one[] = "{\"Effect\":\"Allow\"," ANYBODY "\"Action\":\"*\",\"Resource\":\"arn:aws:s3:::b/x\"},";
    static const struct {
        const char *front, *fill, *back;
        size_t steps_max;
    } rows[] = {
        {"{\"Statement\":[", one, DENY(ANYBODY ALL) "]}", 5000},
        {"{\"Statement\":[{\"Effect\":\"Allow\"," ANYBODY "\"Action\":\"*\",\"Resource\":[\"arn:aws:s3:::b/", "*",
         "/x\"]}," DENY(ANYBODY ALL) "]}", 50},
        {"{\"Statement\":[{\"Effect\":\"Allow\"," ANYBODY "\"Action\":\"*\",\"Resource\":[\"arn:aws:s3:::b/", "*?",
         "/x\"]}," DENY(ANYBODY ALL) "]}", 30000},
        {"{\"Statement\":[{\"Effect\":\"Allow\"," ANYBODY "\"Resource\":\"*\",\"Action\":[\"s3:*", "t*",
         "x\"]}," DENY(ANYBODY ALL) "]}", 30000},
    };
    const struct policy_table table = {NULL, 0};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *document = repeated(rows[i].front, rows[i].fill, POLICY_BUCKET_BYTES_MAX - 300, rows[i].back);
        struct policy *policy = policy_of(document, POLICY_BUCKET);
        size_t steps = POLICY_STEPS_MAX;
        struct policy_request request = {.caller = caller_user,
                                         .action = BYTES("s3:GetObject"),
                                         .resource = BYTES(S3("b/k")),
                                         .resource_account = BYTES(ACCOUNT),
                                         .context = policy_table_context(&table)};
        request.context.steps = &steps;
        assert_int_equal(policy_evaluate(policy, &request).effect, POLICY_DENY);
        if (steps == POLICY_STEPS_MAX || POLICY_STEPS_MAX - steps > rows[i].steps_max)
            fail_msg("row %zu: %zu steps", i, POLICY_STEPS_MAX - steps);
        policy_free(policy);
        free(document);
    }
}

/* Nothing is made of a document that is too large by far: its size is looked at first. */
static void test_ten_thousand_statements(void **state)
{
    static const enum policy_kind kinds[] = {POLICY_IDENTITY, POLICY_BOUNDARY, POLICY_SESSION, POLICY_BUCKET,
                                             POLICY_TRUST};
    static const char one[] = "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},";
    char *document = repeated("{\"Statement\":[", one, sizeof(one) * 10000, ALLOW(ALL) "]}");
    struct policy_problem problem;
    struct policy *policy;

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++)
        assert_int_equal(policy_parse(bytes_from_str(document), kinds[i], BYTES("b"), &policy, &problem), STATUS_LIMIT);
    free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_hostile_pattern),
        cmocka_unit_test(test_denial_behind),
        cmocka_unit_test(test_shared_steps),
        cmocka_unit_test(test_dear_operands),
        cmocka_unit_test(test_large_documents),
        cmocka_unit_test(test_ten_thousand_statements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Any document as a policy of each kind, and requests with words of it. What must hold: a refusal says why in printable
 * text; what was accepted answers every request, denies what its denial denies, and is read again as the same. */
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "compat/policy.h"
#include "compat/split.h"

#define WORDS_MAX 24
#define KINDS     5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What stands in quotes in the document: likely to be an action, a resource, a key, a value. */
static size_t words_of(struct bytes rest, struct bytes words[WORDS_MAX])
{
    struct bytes word;
    size_t count = 0;

    for (bool quoted = false; count < WORDS_MAX && split_next(&rest, '"', &word); quoted = !quoted)
        if (quoted)
            words[count++] = word;
    return count;
}

static void check_problem(const struct policy_problem *problem)
{
    size_t len = strnlen(problem->text, sizeof(problem->text));

    CHECK(len > 0 && len < sizeof(problem->text));
    for (size_t i = 0; i < len; i++)
        CHECK(problem->text[i] >= ' ' && problem->text[i] <= '~');
}

static void ask(const struct policy *policy, const struct policy_set *set, const struct policy_request *request)
{
    struct policy_outcome outcome = policy_evaluate(policy, request);
    struct policy_decision decision = policy_decide(set, request);

    CHECK((outcome.effect == POLICY_NEUTRAL) == (outcome.statement == 0));
    CHECK((outcome.effect == POLICY_NEUTRAL) == (outcome.named == POLICY_NAMED_NOT));
    CHECK(!decision.allowed || outcome.effect != POLICY_DENY);
    CHECK(!decision.allowed || outcome.effect == POLICY_ALLOW);
    CHECK(decision.policy ? decision.statement > 0 : decision.statement == 0);
}

/* Requests of each caller with every word as action, resource, and value of every key. */
static void ask_all(const struct policy *policy, enum policy_kind kind, const struct bytes *words, size_t count)
{
    struct policy_entry entries[WORDS_MAX];
    const struct policy_table table = {entries, count};
    bool of_resource = kind == POLICY_BUCKET || kind == POLICY_TRUST;
    struct policy_set set = {
        .identity = &policy, .identity_count = !of_resource, .resource = of_resource ? policy : NULL};

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++)
            entries[j] = (struct policy_entry){words[j], {&words[(i + j) % count], 1 + (j == i && i + 1 < count)}};
        for (size_t j = 0; j < count; j++) {
            struct policy_request request = {
                .caller = {.kind = j % 2 ? POLICY_USER : POLICY_ROLE_SESSION,
                           .account = BYTES("123456789012"),
                           .arn = words[(i + 1) % count],
                           .issuer_arn = j % 2 ? bytes_of(NULL, 0) : words[(i + 2) % count]},
                .action = words[i],
                .resource = words[j],
                .resource_account = BYTES("123456789012"),
                .context = policy_table_context(&table)};
            ask(policy, &set, &request);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes document = bytes_of(data, size), words[WORDS_MAX];
    size_t count = words_of(document, words);

    for (enum policy_kind kind = POLICY_IDENTITY; kind < KINDS; kind++) {
        struct policy_problem problem = {""};
        struct policy *policy;
        if (policy_parse(document, kind, BYTES("b"), &policy, &problem)) {
            CHECK(!policy);
            check_problem(&problem);
            continue;
        }
        if (count > 0)
            ask_all(policy, kind, words, count);
        policy_is_public(policy);
        policy_uses_key(policy, BYTES("s3:ExistingObjectTag/"));
        policy_free(policy);
    }
    return 0;
}

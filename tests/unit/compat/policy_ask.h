/* What the tests of policies share: documents in short, and asking them. */
#ifndef TERCET_TESTS_POLICY_ASK_H
#define TERCET_TESTS_POLICY_ASK_H

#include <stdio.h>
#include <string.h>

#include "compat/policy.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ACCOUNT      "123456789012"
#define OTHER        "210987654321"
#define IAM(name)    "arn:aws:iam::" ACCOUNT ":" name
#define STS(name)    "arn:aws:sts::" ACCOUNT ":" name
#define S3(name)     "arn:aws:s3:::" name

#define POLICY(statements)   "{\"Version\": \"2012-10-17\", \"Statement\": [" statements "]}"
#define BY(principal)        "\"Principal\": {\"AWS\": " principal "}, "
#define ANYBODY              "\"Principal\": \"*\", "
#define ON(action, resource) "\"Action\": " action ", \"Resource\": " resource
#define ALLOW(rest)          "{\"Effect\": \"Allow\", " rest "}"
#define DENY(rest)           "{\"Effect\": \"Deny\", " rest "}"
#define ALL                  ON("\"*\"", "\"*\"")
#define WHEN(operator, rest) ", \"Condition\": {\"" operator"\": {" rest "}}"
#define POLICY_ENTRIES_MAX   8

static const struct policy_caller caller_anonymous = {.kind = POLICY_ANONYMOUS};
static const struct policy_caller caller_root = {
    .kind = POLICY_ROOT, .account = {ACCOUNT, 12}, .arn = {IAM("root"), sizeof(IAM("root")) - 1}};
static const struct policy_caller caller_user = {
    .kind = POLICY_USER, .account = {ACCOUNT, 12}, .arn = {IAM("user/ann"), sizeof(IAM("user/ann")) - 1}};
static const struct policy_caller caller_session = {
    .kind = POLICY_ROLE_SESSION,
    .account = {ACCOUNT, 12},
    .arn = {STS("assumed-role/reader/s1"), sizeof(STS("assumed-role/reader/s1")) - 1},
    .issuer_arn = {IAM("role/team/reader"), sizeof(IAM("role/team/reader")) - 1}};
static const struct policy_caller caller_federated = {
    .kind = POLICY_FEDERATED,
    .account = {ACCOUNT, 12},
    .arn = {STS("federated-user/bob"), sizeof(STS("federated-user/bob")) - 1},
    .issuer_arn = {IAM("user/ann"), sizeof(IAM("user/ann")) - 1}};

static inline struct policy *policy_of(const char *document, enum policy_kind kind)
{
    struct policy_problem problem;
    struct policy *policy;

    if (policy_parse(bytes_from_str(document), kind, BYTES("b"), &policy, &problem))
        fail_msg("%s: %s", problem.text, document);
    return policy;
}

/* Of a key; a NULL is after the last. */
struct policy_ask_entry {
    const char *key;
    const char *values[4];
};

static inline struct policy_outcome policy_ask(const char *document, enum policy_kind kind,
                                               const struct policy_caller *caller, const char *action,
                                               const char *resource, const struct policy_ask_entry *entries,
                                               size_t entry_count)
{
    struct policy *policy = policy_of(document, kind);
    struct bytes values[POLICY_ENTRIES_MAX][COUNT(entries->values)];
    struct policy_entry table_entries[POLICY_ENTRIES_MAX];
    const struct policy_table table = {table_entries, entry_count};

    for (size_t i = 0; i < entry_count; i++) {
        size_t count = 0;
        for (; count < COUNT(entries->values) && entries[i].values[count]; count++)
            values[i][count] = bytes_from_str(entries[i].values[count]);
        table_entries[i] = (struct policy_entry){bytes_from_str(entries[i].key), {values[i], count}};
    }
    struct policy_request request = {.caller = *caller,
                                     .action = bytes_from_str(action),
                                     .resource = bytes_from_str(resource),
                                     .resource_account = BYTES(ACCOUNT),
                                     .context = policy_table_context(&table)};
    struct policy_outcome outcome = policy_evaluate(policy, &request);
    policy_free(policy);
    return outcome;
}

#endif

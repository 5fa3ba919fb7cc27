/* Reads a case a line, and writes what compat/policy.h says of it, a line each. A case:
 *   {"policies": [{"kind": "identity", "document": "..."}, ...], "bucket": "b",
 *    "caller": {"kind": "user", "account": "...", "arn": "...", "issuer": "...", "canonical": "..."},
 *    "action": "s3:GetObject", "resource": "arn:...", "account": "...", "context": {"aws:username": ["ann"]}}
 * The answer: {"allowed": true, "reason": "...", "policy": 0, "statement": 1} and "public" of a bucket's policy, or
 * {"refused": 0, "problem": "..."} with the number of the policy that is none. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/policy.h"

#define POLICIES_MAX 16
#define KEYS_MAX     32
#define VALUES_MAX   8

struct policy_case {
    struct policy *policies[POLICIES_MAX];
    enum policy_kind kinds[POLICIES_MAX];
    size_t count;
    struct bytes values[KEYS_MAX][VALUES_MAX];
    struct policy_entry entries[KEYS_MAX];
    struct policy_table table;
};

static struct bytes text_of(const json_t *object, const char *name)
{
    return bytes_from_str(json_string_value(json_object_get(object, name)));
}

static unsigned number_of(const char *const *names, size_t count, struct bytes name)
{
    unsigned number = 0;

    while (number < count && !bytes_equal_str(name, names[number]))
        number++;
    CHECK(number < count);
    return number;
}

static enum policy_kind kind_of(struct bytes name)
{
    static const char *const names[] = {"identity", "boundary", "session", "bucket", "trust"};

    return (enum policy_kind)number_of(names, 5, name);
}

static struct policy_caller caller_of(const json_t *value)
{
    static const char *const names[] = {"anonymous", "root", "user", "role-session", "federated", "web-identity"};

    return (struct policy_caller){.kind = (enum policy_caller_kind)number_of(names, 6, text_of(value, "kind")),
                                  .account = text_of(value, "account"),
                                  .arn = text_of(value, "arn"),
                                  .issuer_arn = text_of(value, "issuer"),
                                  .canonical_id = text_of(value, "canonical")};
}

/* NULL, or the answer for a document that is no policy. */
static json_t *read_policies(struct policy_case *one, const json_t *line)
{
    const json_t *list = json_object_get(line, "policies");

    CHECK(json_array_size(list) <= POLICIES_MAX);
    for (one->count = 0; one->count < json_array_size(list); one->count++) {
        const json_t *item = json_array_get(list, one->count);
        struct policy_problem problem;
        one->kinds[one->count] = kind_of(text_of(item, "kind"));
        if (policy_parse(text_of(item, "document"), one->kinds[one->count], text_of(line, "bucket"),
                         &one->policies[one->count], &problem))
            return json_pack("{s:i, s:s}", "refused", (int)one->count, "problem", problem.text);
    }
    return NULL;
}

static void read_context(struct policy_case *one, json_t *context)
{
    const char *key;
    json_t *list;

    one->table = (struct policy_table){one->entries, 0};
    json_object_foreach (context, key, list) {
        struct bytes *values = one->values[one->table.count];
        CHECK(one->table.count < KEYS_MAX && json_array_size(list) <= VALUES_MAX);
        for (size_t i = 0; i < json_array_size(list); i++)
            values[i] = bytes_from_str(json_string_value(json_array_get(list, i)));
        one->entries[one->table.count++] = (struct policy_entry){bytes_from_str(key), {values, json_array_size(list)}};
    }
}

static json_t *decide(const struct policy_case *one, const json_t *line)
{
    static const char *const reasons[] = {"explicit-deny",  "not-allowed", "beyond-boundary",
                                          "beyond-session", "allowed",     "allowed-to-root"};
    const struct policy *identity[POLICIES_MAX], *session[POLICIES_MAX];
    struct policy_set set = {.identity = identity, .session = session};
    const struct policy_request request = {.caller = caller_of(json_object_get(line, "caller")),
                                           .action = text_of(line, "action"),
                                           .resource = text_of(line, "resource"),
                                           .resource_account = text_of(line, "account"),
                                           .context = policy_table_context(&one->table)};
    int by = -1;

    for (size_t i = 0; i < one->count; i++) {
        if (one->kinds[i] == POLICY_IDENTITY)
            identity[set.identity_count++] = one->policies[i];
        else if (one->kinds[i] == POLICY_SESSION)
            session[set.session_count++] = one->policies[i];
        else if (one->kinds[i] == POLICY_BOUNDARY)
            set.boundary = one->policies[i];
        else
            set.resource = one->policies[i];
    }
    struct policy_decision decision = policy_decide(&set, &request);
    for (size_t i = 0; i < one->count; i++)
        by = one->policies[i] == decision.policy ? (int)i : by;
    json_t *answer = json_pack("{s:b, s:s, s:i, s:i}", "allowed", decision.allowed, "reason", reasons[decision.reason],
                               "policy", by, "statement", (int)decision.statement);
    if (set.resource && json_string_value(json_object_get(line, "bucket")))
        json_object_set_new(answer, "public", json_boolean(policy_is_public(set.resource)));
    return answer;
}

int main(void)
{
    struct policy_case one;
    char *text = NULL;
    size_t size = 0;

    while (getline(&text, &size, stdin) > 0) {
        json_t *line = json_loads(text, 0, NULL);
        CHECK(line);
        memset(&one, 0, sizeof(one));
        json_t *answer = read_policies(&one, line);
        if (!answer) {
            read_context(&one, json_object_get(line, "context"));
            answer = decide(&one, line);
        }
        json_dumpf(answer, stdout, JSON_COMPACT);
        putchar('\n');
        for (size_t i = 0; i < one.count; i++)
            policy_free(one.policies[i]);
        json_decref(answer);
        json_decref(line);
    }
    free(text);
    return 0;
}

/* tercet-check-policy: would this request be allowed by these policies? It asks the same evaluator as the gateway
 * (compat/policy.h), reads nothing but the files that it is given, and talks to nobody, so that a policy can be tried
 * before it is put. What only the gateway knows is left out: who owns a bucket, ACLs, and the switches against public
 * access. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "compat/compat.h"
#include "compat/policy.h"

#define POLICIES_MAX 64
#define CONTEXT_MAX  64
#define ARN_MAX      2048

enum { EXIT_ALLOWED = 0, EXIT_DENIED = 1, EXIT_WRONG = 2 };

static const char help[] =
    "tercet-check-policy: says whether policies allow a request, and which statement decides.\n"
    "  -principal ARN       who asks: a user's ARN, a session's (arn:aws:sts::...:assumed-role/ROLE/SESSION), an\n"
    "                       account's (arn:aws:iam::ACCOUNT:root), or `anonymous`\n"
    "  -action ACTION       s3:GetObject\n"
    "  -resource ARN        arn:aws:s3:::BUCKET/KEY, or * for what is done to none\n"
    "  -identity FILE       a policy of the user, its groups or the role; any number\n"
    "  -boundary FILE       the permissions boundary\n"
    "  -session FILE        a policy of the session; any number\n"
    "  -bucket FILE         the policy of the bucket\n"
    "  -context KEY=VALUE   a condition key, aws:SourceIp=192.0.2.1; again for a further value. aws:username,\n"
    "                       aws:PrincipalArn and aws:PrincipalAccount are taken from -principal\n"
    "  -account ID          whose the resource is, twelve digits; 000000000000\n"
    "Exit code: 0 allowed, 1 denied, 2 something is wrong with the options or a policy.\n";

struct file {
    const char *path;
    enum policy_kind kind;
    struct policy *policy;
};
struct key {
    struct bytes name;
    struct bytes values[CONTEXT_MAX];
    size_t count;
};
struct check {
    const char *principal, *action, *resource, *account;
    struct file files[POLICIES_MAX];
    size_t file_count;
    struct key keys[CONTEXT_MAX];
    size_t key_count;
    char issuer[ARN_MAX]; /* the role of a session */
};

static _Noreturn __attribute__((format(printf, 1, 2))) void refuse(const char *format, ...)
{
    va_list arguments;

    fputs("tercet-check-policy: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("\n", stderr);
    exit(EXIT_WRONG);
}

/* ---- options -------------------------------------------------------------------------------------------------- */

static void add_file(struct check *check, const char *path, enum policy_kind kind)
{
    if (check->file_count == POLICIES_MAX)
        refuse("more than %d policies", POLICIES_MAX);
    for (size_t i = 0; i < check->file_count; i++)
        if (check->files[i].kind == kind && (kind == POLICY_BOUNDARY || kind == POLICY_BUCKET))
            refuse("%s: there is one permissions boundary at most, and one policy of the bucket", path);
    check->files[check->file_count++] = (struct file){.path = path, .kind = kind};
}

static void add_value(struct check *check, struct bytes name, struct bytes value)
{
    struct key *key = NULL;

    for (size_t i = 0; i < check->key_count && !key; i++)
        if (name.len == check->keys[i].name.len && strncasecmp(name.data, check->keys[i].name.data, name.len) == 0)
            key = &check->keys[i];
    if (!key) {
        if (check->key_count == CONTEXT_MAX)
            refuse("more than %d condition keys", CONTEXT_MAX);
        key = &check->keys[check->key_count++];
        key->name = name;
    }
    if (key->count == CONTEXT_MAX)
        refuse("more than %d values of one condition key", CONTEXT_MAX);
    key->values[key->count++] = value;
}

static void add_context(struct check *check, const char *text)
{
    const char *equals = strchr(text, '=');

    if (!equals || equals == text)
        refuse("-context %s: KEY=VALUE is needed", text);
    add_value(check, bytes_of(text, (size_t)(equals - text)), bytes_from_str(equals + 1));
}

static void take_option(struct check *check, const char *name, const char *value)
{
    static const struct {
        const char *name;
        enum policy_kind kind;
    } files[] = {{"-identity", POLICY_IDENTITY},
                 {"-boundary", POLICY_BOUNDARY},
                 {"-session", POLICY_SESSION},
                 {"-bucket", POLICY_BUCKET}};
    const struct {
        const char *name, **value;
    } texts[] = {{"-principal", &check->principal},
                 {"-action", &check->action},
                 {"-resource", &check->resource},
                 {"-account", &check->account}};

    if (!value)
        refuse("%s needs a value, or is no option; -help shows them", name);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (strcmp(name, files[i].name) == 0) {
            add_file(check, value, files[i].kind);
            return;
        }
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(name, texts[i].name) == 0) {
            *texts[i].value = value;
            return;
        }
    }
    if (strcmp(name, "-context") != 0)
        refuse("there is no option %s; -help shows them", name);
    add_context(check, value);
}

/* ---- who asks ------------------------------------------------------------------------------------------------- */

/* What stands before the next `end`, which is stepped over; the rest without one. */
static struct bytes next_part(struct bytes *text, char end)
{
    const char *at = text->len > 0 ? memchr(text->data, end, text->len) : NULL;
    struct bytes part = at ? bytes_of(text->data, (size_t)(at - text->data)) : *text;

    *text = at ? bytes_of(at + 1, text->len - part.len - 1) : (struct bytes){0};
    return part;
}

static struct bytes last_part(struct bytes path)
{
    const char *slash = path.len > 0 ? memrchr(path.data, '/', path.len) : NULL;

    return slash ? bytes_of(slash + 1, path.len - (size_t)(slash + 1 - path.data)) : path;
}

static void add_missing(struct check *check, const char *name, struct bytes value)
{
    for (size_t i = 0; i < check->key_count; i++)
        if (bytes_equal_nocase(check->keys[i].name, name))
            return;
    add_value(check, bytes_from_str(name), value);
}

static struct policy_caller read_principal(struct check *check)
{
    struct bytes arn = bytes_from_str(check->principal), rest = arn;
    struct policy_caller caller = {.kind = POLICY_ANONYMOUS};

    if (bytes_equal_str(arn, "anonymous"))
        return caller;
    struct bytes head = next_part(&rest, ':'), partition = next_part(&rest, ':'), service = next_part(&rest, ':');
    struct bytes region = next_part(&rest, ':');
    caller.account = next_part(&rest, ':');
    caller.arn = arn;
    if (!bytes_equal_str(head, "arn") || !bytes_equal_str(partition, "aws") || region.len > 0 ||
        caller.account.len != 12)
        refuse("-principal %s: an ARN is needed, or `anonymous`", check->principal);
    bool iam = bytes_equal_str(service, "iam");
    if (iam && bytes_equal_str(rest, "root")) {
        caller.kind = POLICY_ROOT;
    } else if (iam && bytes_starts_with(rest, BYTES("user/"))) {
        caller.kind = POLICY_USER;
        add_missing(check, "aws:username", last_part(rest));
    } else if (bytes_equal_str(service, "sts") && bytes_starts_with(rest, BYTES("assumed-role/"))) {
        caller.kind = POLICY_ROLE_SESSION;
        next_part(&rest, '/');
        struct bytes role = next_part(&rest, '/');
        snprintf(check->issuer, sizeof(check->issuer), "arn:aws:iam::%.*s:role/%.*s", (int)caller.account.len,
                 caller.account.data, (int)role.len, role.data);
        caller.issuer_arn = bytes_from_str(check->issuer);
    } else {
        refuse("-principal %s: a user, a role's session or the root of an account is needed", check->principal);
    }
    add_missing(check, "aws:PrincipalArn", caller.issuer_arn.len > 0 ? caller.issuer_arn : arn);
    add_missing(check, "aws:PrincipalAccount", caller.account);
    return caller;
}

/* ---- policies ------------------------------------------------------------------------------------------------- */

static void read_file(struct file *file)
{
    FILE *stream = fopen(file->path, "r");
    struct policy_problem problem;
    struct buffer text;
    size_t got;

    if (!stream)
        refuse("%s: %m", file->path);
    buffer_init(&text, POLICY_DOCUMENT_BYTES_MAX + 4096);
    do {
        char *space = buffer_reserve(&text, 4096);
        if (!space)
            refuse("%s: a policy has %d bytes at most", file->path, POLICY_DOCUMENT_BYTES_MAX);
        got = fread(space, 1, 4096, stream);
        text.len += got;
    } while (got > 0);
    if (ferror(stream))
        refuse("%s: %m", file->path);
    fclose(stream);
    if (policy_parse(buffer_bytes(&text), file->kind, (struct bytes){0}, &file->policy, &problem))
        refuse("%s: %s", file->path, problem.text);
    buffer_release(&text);
}

static struct policy_decision decide(struct check *check, const struct policy_caller *caller)
{
    const struct policy *identity[POLICIES_MAX], *session[POLICIES_MAX];
    struct policy_set set = {.identity = identity, .session = session};
    struct policy_entry entries[CONTEXT_MAX];
    const struct policy_table table = {entries, check->key_count};

    for (size_t i = 0; i < check->key_count; i++)
        entries[i] = (struct policy_entry){check->keys[i].name, {check->keys[i].values, check->keys[i].count}};
    for (size_t i = 0; i < check->file_count; i++) {
        const struct policy *policy = check->files[i].policy;
        if (check->files[i].kind == POLICY_IDENTITY)
            identity[set.identity_count++] = policy;
        else if (check->files[i].kind == POLICY_SESSION)
            session[set.session_count++] = policy;
        else if (check->files[i].kind == POLICY_BOUNDARY)
            set.boundary = policy;
        else
            set.resource = policy;
    }
    struct policy_request request = {.caller = *caller,
                                     .action = bytes_from_str(check->action),
                                     .resource = bytes_from_str(check->resource),
                                     .resource_account = bytes_from_str(check->account),
                                     .context = policy_table_context(&table)};
    request.caller.bounded = set.boundary != NULL;
    return policy_decide(&set, &request);
}

static void print_statement(const struct check *check, const struct policy_decision *decision)
{
    const char *path = "";

    for (size_t i = 0; i < check->file_count; i++)
        if (check->files[i].policy == decision->policy)
            path = check->files[i].path;
    printf("statement %zu", decision->statement);
    if (decision->sid.len > 0)
        printf(" (%.*s)", (int)decision->sid.len, decision->sid.data);
    printf(" of %s\n", path);
}

static void print(const struct check *check, const struct policy_decision *decision)
{
    switch (decision->reason) {
    case POLICY_EXPLICIT_DENY:
        fputs("denied by ", stdout);
        print_statement(check, decision);
        break;
    case POLICY_NOT_ALLOWED:
        puts("denied: no statement allows it");
        break;
    case POLICY_BEYOND_BOUNDARY:
        puts("denied: the permissions boundary does not allow it");
        break;
    case POLICY_BEYOND_SESSION:
        puts("denied: no policy of the session allows it");
        break;
    case POLICY_ALLOWED:
        fputs("allowed by ", stdout);
        print_statement(check, decision);
        break;
    case POLICY_ALLOWED_TO_ROOT:
        puts("allowed: it is the root of the account");
        break;
    }
}

int main(int argc, char **argv)
{
    static struct check check = {.account = "000000000000"};

    compat_init();
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "-help") == 0 || strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            return EXIT_ALLOWED;
        }
        take_option(&check, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
    }
    if (!check.principal || !check.action || !check.resource)
        refuse("-principal, -action and -resource are needed; -help shows all options");
    const struct policy_caller caller = read_principal(&check);
    for (size_t i = 0; i < check.file_count; i++)
        read_file(&check.files[i]);
    const struct policy_decision decision = decide(&check, &caller);
    print(&check, &decision);
    for (size_t i = 0; i < check.file_count; i++)
        policy_free(check.files[i].policy);
    return decision.allowed ? EXIT_ALLOWED : EXIT_DENIED;
}

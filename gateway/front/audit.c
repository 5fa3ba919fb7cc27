/* What is worth a line of the audit log; see the header. */
#include "gateway/front/audit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/front/operation.h"
#include "gateway/front/signer.h"
#include "gateway/iam/call.h"

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Is it one that changes what somebody may, or may not until then? */
static bool changes_rights(const struct operation *operation)
{
    static const char *const of_s3[] = {
        "s3:PutBucketPolicy",
        "s3:DeleteBucketPolicy",
        "s3:PutBucketAcl",
        "s3:PutObjectAcl",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketObjectLockConfiguration",
        "s3:PutObjectRetention",
        "s3:PutObjectLegalHold",
        "s3:PutAccountPublicAccessBlock",
        "tercet:PutBucketQuota",
        "tercet:ManageNodes",
    };
    static const char *const reading[] = {"iam:Get", "iam:List", "iam:Simulate", "iam:Generate", "iam:Unknown"};
    const char *right = operation->right;

    for (size_t i = 0; i < sizeof(of_s3) / sizeof(of_s3[0]); i++)
        if (strcmp(right, of_s3[i]) == 0)
            return true;
    if (begins(right, "sts:")) /* credentials that are made */
        return strcmp(right, "sts:GetCallerIdentity") != 0;
    if (!begins(right, "iam:"))
        return false;
    for (size_t i = 0; i < sizeof(reading) / sizeof(reading[0]); i++)
        if (begins(right, reading[i]))
            return false;
    return true;
}

static bool is_denial(const struct exchange *exchange)
{
    return exchange->http->status == 401 || exchange->http->status == 403;
}

static bool is_of_root(const struct exchange *exchange)
{
    return exchange->principal.caller.kind == POLICY_ROOT && exchange->principal.access_key.len > 0;
}

/* What was denied although the operation is allowed wants a second right. A signature that is wrong is no decision. */
static const char *decided_text(const struct exchange *exchange, bool denied)
{
    const struct decision *decision = &exchange->decision;

    if (denied && decision->allowed)
        return "a further right is not given";
    if (denied && exchange->error_code && strncmp(exchange->error_code, "AccessDenied", 12) != 0)
        return "";
    switch (decision->by) {
    case DECIDED_BY_NONE:
        return "nothing allows it";
    case DECIDED_BY_GRANT:
        return "granted";
    case DECIDED_BY_OWNER:
        return "owner of the bucket";
    case DECIDED_BY_POLICY:
        return decision->policy.reason == POLICY_BEYOND_BOUNDARY  ? "permissions boundary"
               : decision->policy.reason == POLICY_BEYOND_SESSION ? "session policy"
                                                                  : "policy";
    case DECIDED_BY_BLOCK:
        return "public access block";
    case DECIDED_BY_ACL:
        return "ACL";
    case DECIDED_UNREADABLE:
        return "the bucket's policy cannot be read";
    }
    return "";
}

static struct bytes who(const struct exchange *exchange, char root_arn[64])
{
    if (is_of_root(exchange)) {
        snprintf(root_arn, 64, "arn:aws:iam::%s:root", exchange->gateway->options.account_id);
        return bytes_from_str(root_arn);
    }
    return exchange->principal.caller.arn.len > 0 ? exchange->principal.caller.arn : BYTES("anonymous");
}

/* Anyone can be denied: of what is refused to strangers so many lines a second are written, and how many were left out
 * stands in the next one. */
#define STRANGERS_PER_SECOND 50

static bool stranger_is_shown(uint64_t *left_out)
{
    static _Atomic uint64_t second, shown, hidden;
    uint64_t now = clock_monotonic_ms() / 1000;

    if (atomic_exchange(&second, now) != now)
        atomic_store(&shown, 0);
    if (atomic_fetch_add(&shown, 1) >= STRANGERS_PER_SECOND) {
        atomic_fetch_add(&hidden, 1);
        return false;
    }
    *left_out = atomic_exchange(&hidden, 0);
    return true;
}

struct audit_line {
    const char *outcome, *right, *by;
    struct bytes key;
    uint64_t keys; /* denied of the request's */
};

/* Whom a provider's token named: of a call with one, and of what its session does then. */
static const char *subject_of(const struct exchange *exchange)
{
    const char *subject = exchange->call ? exchange->call->claims.subject : NULL;

    if (!subject && exchange->session)
        subject = exchange->session->token.claims.subject;
    return subject ? subject : "";
}

static void write_line(const struct exchange *exchange, const struct audit_line *line)
{
    const struct decision *decision = &exchange->decision;
    const struct signer_session *session = exchange->session;
    bool by_policy = strcmp(line->by, "policy") == 0;
    uint64_t left_out = 0;
    char peer[64], root_arn[64];

    if (exchange->principal.access_key.len == 0 && strcmp(line->outcome, "done") != 0 && !stranger_is_shown(&left_out))
        return;
    http_request_peer_text(exchange->http, peer);
    const struct log_field fields[] = {
        LOG_STR("outcome", line->outcome),
        LOG_BYTES("principal", who(exchange, root_arn)),
        LOG_BYTES("accessKey", exchange->credentials.access_key),
        LOG_STR("sourceIdentity", session && session->token.source_identity ? session->token.source_identity : ""),
        LOG_STR("subject", subject_of(exchange)),
        LOG_STR("remote", peer),
        LOG_STR("operation", exchange->operation->action),
        LOG_STR("right", line->right),
        LOG_BYTES("bucket", exchange->bucket_name),
        LOG_BYTES("key", line->key),
        LOG_INT("keys", line->keys),
        LOG_BYTES("resource", exchange->call ? buffer_bytes(&exchange->call->arn) : (struct bytes){0}),
        LOG_STR("by", line->by),
        LOG_INT("statement", by_policy ? decision->policy.statement : 0),
        LOG_BYTES("sid", by_policy ? decision->policy.sid : (struct bytes){0}),
        LOG_INT("statusCode", exchange->http->status),
        LOG_STR("error", exchange->error_code ? exchange->error_code : ""),
        LOG_INT("leftOut", left_out),
        {0},
    };
    log_audit(fields);
}

/* Does the request bring an ACL with what it makes, or want to pass over a retention? */
static bool wants_rights(const struct exchange *exchange)
{
    static const char grant[] = "x-amz-grant-";
    struct header_list headers = exchange_headers(exchange);

    for (size_t i = 0; i < headers.count; i++) {
        struct bytes name = headers.headers[i].name;
        if (bytes_equal_nocase(name, "x-amz-acl") || bytes_equal_nocase(name, "x-amz-bypass-governance-retention") ||
            (name.len > sizeof(grant) - 1 && bytes_equal_nocase(bytes_of(name.data, sizeof(grant) - 1), grant)))
            return true;
    }
    return false;
}

void audit_request(const struct exchange *exchange)
{
    const struct operation *operation = exchange->operation;
    bool denied = is_denial(exchange);

    if (!log_audit_enabled() || !operation)
        return;
    const struct audit_line line = {.outcome = denied                         ? "denied"
                                               : exchange->http->status < 400 ? "done"
                                                                              : "failed",
                                    .right = operation->right,
                                    .by = decided_text(exchange, denied),
                                    .key = exchange->key};
    if (denied || is_of_root(exchange) || changes_rights(operation) || wants_rights(exchange))
        write_line(exchange, &line);
}

void audit_denied_keys(const struct exchange *exchange, const char *right, struct bytes first, size_t count)
{
    const struct audit_line line = {.outcome = "denied", .right = right, .by = "", .key = first, .keys = count};

    if (log_audit_enabled() && count > 0)
        write_line(exchange, &line);
}

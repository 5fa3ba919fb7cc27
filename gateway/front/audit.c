/* What is worth a line of the audit log; see the header. */
#include "gateway/front/audit.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "gateway/front/operation.h"
#include "gateway/iam/call.h"

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Is it one that changes what somebody may? */
static bool changes_rights(const struct operation *operation)
{
    static const char *const of_s3[] = {
        "s3:PutBucketPolicy", "s3:DeleteBucketPolicy",         "s3:PutBucketAcl",
        "s3:PutObjectAcl",    "s3:PutBucketPublicAccessBlock", "s3:PutBucketOwnershipControls",
    };
    static const char *const reading[] = {"iam:Get", "iam:List", "iam:Simulate", "iam:Generate", "iam:Unknown"};
    const char *right = operation->right;

    for (size_t i = 0; i < sizeof(of_s3) / sizeof(of_s3[0]); i++)
        if (strcmp(right, of_s3[i]) == 0)
            return true;
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

static void write_line(const struct exchange *exchange, const char *right, struct bytes key, const char *outcome)
{
    bool denied = strcmp(outcome, "denied") == 0;
    const struct decision *decision = &exchange->decision;
    struct bytes arn = exchange->call ? buffer_bytes(&exchange->call->arn) : (struct bytes){0};
    char peer[64], root_arn[64];

    http_request_peer_text(exchange->http, peer);
    const struct log_field fields[] = {
        LOG_STR("outcome", outcome),
        LOG_BYTES("principal", who(exchange, root_arn)),
        LOG_BYTES("accessKey", exchange->credentials.access_key),
        LOG_STR("remote", peer),
        LOG_STR("operation", exchange->operation ? exchange->operation->action : "none"),
        LOG_STR("right", right),
        LOG_BYTES("bucket", exchange->bucket_name),
        LOG_BYTES("key", key),
        LOG_BYTES("resource", arn),
        LOG_STR("by", decided_text(exchange, denied)),
        LOG_INT("statement", decision->by == DECIDED_BY_POLICY ? decision->policy.statement : 0),
        LOG_BYTES("sid", decision->by == DECIDED_BY_POLICY ? decision->policy.sid : (struct bytes){0}),
        LOG_INT("statusCode", exchange->http->status),
        LOG_STR("error", exchange->error_code ? exchange->error_code : ""),
        {0},
    };
    log_audit(fields);
}

void audit_request(const struct exchange *exchange)
{
    const struct operation *operation = exchange->operation;

    if (!log_audit_enabled() || !operation)
        return;
    if (is_denial(exchange))
        write_line(exchange, operation->right, exchange->key, "denied");
    else if (is_of_root(exchange) || changes_rights(operation))
        write_line(exchange, operation->right, exchange->key, exchange->http->status < 400 ? "done" : "failed");
}

void audit_denied_key(const struct exchange *exchange, const char *right, struct bytes key)
{
    if (log_audit_enabled())
        write_line(exchange, right, key, "denied");
}

/* Refusals of the pipeline; see the header. */
#include "gateway/front/pipeline_refusal.h"

#include <stdio.h>
#include <string.h>

#include "gateway/front/json_reply.h"
#include "gateway/front/operation.h"
#include "gateway/replication/lease.h"
#include "gateway/s3/reply.h"

static bool wants_json(const struct exchange *exchange)
{
    return exchange->operation->path != NULL;
}

static enum status refuse(struct exchange *exchange, enum s3_error code, int json_status, const char *json_text,
                          const char *message)
{
    struct s3_error_details details = {0};

    if (!wants_json(exchange)) {
        s3_error_setf(&details, code, "%s", message);
        return s3_fail_details(exchange, &details);
    }
    HTTP_LAST_REPLY(json_error(exchange, json_status, json_text, message));
    return STATUS_DENIED;
}

enum status refuse_replaced(struct exchange *exchange)
{
    static const char lost[] =
        "This gateway was replaced by another one and serves nothing any more. Its log says more.";
    static const char unknown[] = "No storage node can be asked whether this gateway was replaced. Please try again.";

    if (wants_json(exchange))
        http_reply_header_str(exchange->http, "Retry-After", "5");
    return refuse(exchange, S3_SERVICE_UNAVAILABLE, 503, "Service unavailable",
                  lease_is_lost(exchange->gateway->lease) ? lost : unknown);
}

enum status refuse_no_bucket(struct exchange *exchange)
{
    if (!wants_json(exchange))
        return s3_fail_no_such_bucket(exchange);
    if (exchange->operation->names_bucket) {
        HTTP_LAST_REPLY(json_error(exchange, 404, "Not found", "There is no such bucket."));
        return STATUS_DENIED;
    }
    HTTP_LAST_REPLY(json_error(exchange, 500, "Internal error", "The bucket of the file API is missing."));
    return STATUS_DENIED;
}

static bool is_one_of(const struct policy *const *policies, size_t count, const struct policy *policy)
{
    for (size_t i = 0; i < count; i++)
        if (policies[i] == policy)
            return true;
    return false;
}

static const char *denying_policy(const struct exchange *exchange, const struct policy *policy)
{
    const struct policy_set *own = &exchange->principal.policies;

    if (policy == own->boundary)
        return "a permissions boundary";
    if (is_one_of(own->session, own->session_count, policy))
        return "a session policy";
    return is_one_of(own->identity, own->identity_count, policy) ? "an identity-based policy"
                                                                 : "a resource-based policy";
}

/* Who and what for, and why not; no more than fits, and nothing of what the policy says. */
static void explain(const struct exchange *exchange, const char *action, const struct decision *decision,
                    struct s3_error_details *details)
{
    const struct policy_caller *caller = &exchange->principal.caller;
    char reason[128];

    enum policy_reason why = decision->by == DECIDED_BY_POLICY ? decision->policy.reason : POLICY_NOT_ALLOWED;

    switch (why) {
    case POLICY_EXPLICIT_DENY:
        snprintf(reason, sizeof(reason), "with an explicit deny in %s",
                 denying_policy(exchange, decision->policy.policy));
        break;
    case POLICY_BEYOND_BOUNDARY:
        snprintf(reason, sizeof(reason), "because no permissions boundary allows the %s action", action);
        break;
    case POLICY_BEYOND_SESSION:
        snprintf(reason, sizeof(reason), "because no session policy allows the %s action", action);
        break;
    default:
        snprintf(reason, sizeof(reason), "because no identity-based policy allows the %s action", action);
        break;
    }
    if (caller->arn.len + strlen(action) + strlen(reason) + 64 < S3_ERROR_MESSAGE_MAX)
        s3_error_setf(details, S3_ACCESS_DENIED, "User: %.*s is not authorized to perform: %s %s", (int)caller->arn.len,
                      caller->arn.data, action, reason);
}

enum status refuse_denied(struct exchange *exchange, const char *action, const struct decision *decision)
{
    struct s3_error_details details = {0};

    if (!wants_json(exchange)) {
        s3_error_set(&details, S3_ACCESS_DENIED);
        if (decision && exchange->principal.caller.arn.len > 0)
            explain(exchange, action, decision, &details);
        return s3_fail_details(exchange, &details);
    }
    if (exchange->principal.access_key.len > 0 || exchange->operation->names_bucket)
        return refuse(exchange, S3_ACCESS_DENIED, 403, "Forbidden",
                      "This needs a request that is signed with a key whose policies allow the action by its name.");
    http_reply_header_str(exchange->http, "WWW-Authenticate", "Bearer realm=\"tercet\"");
    HTTP_LAST_REPLY(
        json_error(exchange, 401, "Unauthorized",
                   "Without the header 'Authorization: Bearer TOKEN' (the files token) only requests from this host "
                   "itself are answered: from a loopback address, to a local name in Host, by no page and no proxy."));
    return STATUS_DENIED;
}

enum status refuse_disk_full(struct exchange *exchange)
{
    return refuse(
        exchange, S3_INSUFFICIENT_STORAGE, 507, "Insufficient storage",
        "The disk of the gateway, where the metadata are, is full. Nothing can be added; reading and deleting "
        "work.");
}

enum status refuse_busy(struct exchange *exchange)
{
    if (!wants_json(exchange))
        return s3_fail(exchange, S3_SLOW_DOWN);
    HTTP_LAST_REPLY(json_error_status(exchange, STATUS_LIMIT));
    return STATUS_DENIED;
}

/* Refusals of the pipeline; see the header. */
#include "gateway/front/pipeline_refusal.h"

#include "gateway/front/json_reply.h"
#include "gateway/front/operation.h"
#include "gateway/iam/reply.h"
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
    HTTP_LAST_REPLY(json_error(exchange, 500, "Internal error", "The bucket of the file API is missing."));
    return STATUS_DENIED;
}

enum status refuse_denied(struct exchange *exchange)
{
    if (exchange->call)
        return iam_fail_denied(exchange, exchange->call->arn.len > 0 ? exchange->call->arn.data : "*");
    if (!wants_json(exchange))
        return s3_fail(exchange, S3_ACCESS_DENIED);
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

/* Answers of the Query API; see the header. */
#include "gateway/iam/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/front/operation.h"
#include "gateway/front/reply.h"
#include "gateway/s3/reply.h"

#define ANSWER_BYTES_MAX (8u << 20)

static void add_head(struct exchange *exchange)
{
    http_reply_header_str(exchange->http, "Content-Type", "text/xml");
    http_reply_header_str(exchange->http, "x-amzn-RequestId", exchange->http->id);
}

enum status iam_fail_error(struct exchange *exchange, const struct iam_error *error)
{
    struct buffer body;

    if (http_reply_started(exchange->http))
        return STATUS_CLOSED;
    exchange->error_code = iam_error_name(error->code);
    buffer_init(&body, IAM_ERROR_BYTES_MAX);
    if (iam_error_render(&body, exchange->call->service, error, bytes_from_str(exchange->http->id)))
        buffer_clear(&body);
    add_head(exchange);
    HTTP_LAST_REPLY(reply_error(exchange, iam_error_http_status(error->code), buffer_bytes(&body)));
    buffer_release(&body);
    return STATUS_DENIED;
}

enum status iam_fail(struct exchange *exchange, enum iam_error_code code, const char *format, ...)
{
    struct iam_error error = {.code = code};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error.message, sizeof(error.message), format, arguments);
    va_end(arguments);
    return iam_fail_error(exchange, &error);
}

enum status iam_fail_status(struct exchange *exchange, enum status status)
{
    struct s3_error_details details = {0};

    if (status == STATUS_CLOSED || status == STATUS_CANCELLED)
        return status;
    if (status == STATUS_CONFLICT)
        return iam_fail(exchange, IAM_CONCURRENT_MODIFICATION,
                        "The request was rejected because multiple requests to change this object were submitted "
                        "simultaneously. Wait a few minutes and submit your request again.");
    s3_error_from_status(status, &details);
    return iam_fail_s3(exchange, &details);
}

static enum iam_error_code translate(enum s3_error code)
{
    switch (code) {
    case S3_ACCESS_DENIED: /* of signatures: refusals of the right do not come here */
    case S3_AUTHORIZATION_HEADER_MALFORMED:
    case S3_AUTHORIZATION_QUERY_PARAMETERS_ERROR:
    case S3_INVALID_ARGUMENT:
    case S3_INVALID_REQUEST:
        return IAM_INCOMPLETE_SIGNATURE;
    case S3_INVALID_ACCESS_KEY_ID:
    case S3_INVALID_TOKEN:
        return IAM_INVALID_CLIENT_TOKEN_ID;
    case S3_EXPIRED_TOKEN:
        return IAM_EXPIRED_TOKEN;
    case S3_SIGNATURE_DOES_NOT_MATCH:
    case S3_REQUEST_TIME_TOO_SKEWED:
        return IAM_SIGNATURE_DOES_NOT_MATCH;
    case S3_INVALID_URI:
    case S3_INCOMPLETE_BODY:
    case S3_REQUEST_TIMEOUT:
        return IAM_MALFORMED_QUERY_STRING;
    case S3_SLOW_DOWN:
        return IAM_THROTTLING;
    case S3_SERVICE_UNAVAILABLE:
    case S3_INSUFFICIENT_STORAGE:
        return IAM_SERVICE_UNAVAILABLE;
    default:
        return IAM_INTERNAL_FAILURE;
    }
}

static enum status fail_skewed(struct exchange *exchange)
{
    struct bytes sent = http_request_header(exchange->http, "x-amz-date");
    char now[CLOCK_TEXT_MAX];

    clock_format_basic(clock_wall_ms(), now);
    return iam_fail(exchange, IAM_SIGNATURE_DOES_NOT_MATCH,
                    "Signature expired or not yet current: %.*s is more than 15 minutes from the server's time %s.",
                    (int)(sent.len < 32 ? sent.len : 32), sent.data ? sent.data : "", now);
}

enum status iam_fail_s3(struct exchange *exchange, const struct s3_error_details *details)
{
    enum iam_error_code code = translate(details->code);

    if (code == IAM_INVALID_CLIENT_TOKEN_ID)
        return iam_fail(exchange, code, "The security token included in the request is invalid.");
    if (code == IAM_EXPIRED_TOKEN)
        return iam_fail(exchange, code, "The security token included in the request is expired");
    if (details->code == S3_REQUEST_TIME_TOO_SKEWED)
        return fail_skewed(exchange);
    if (code == IAM_THROTTLING)
        return iam_fail(exchange, code, "Rate exceeded");
    return iam_fail(exchange, code, "%s", details->message[0] ? details->message : s3_error_message(details->code));
}

enum status iam_fail_denied(struct exchange *exchange, const char *right, const char *arn)
{
    struct bytes caller = exchange->principal.caller.arn;
    char root[64];

    snprintf(root, sizeof(root), "arn:aws:iam::%s:root", exchange->gateway->options.account_id);
    return iam_fail(exchange, IAM_ACCESS_DENIED, "User: %.*s is not authorized to perform: %s on resource: %s",
                    (int)(caller.len ? caller.len : strlen(root)), caller.len ? caller.data : root, right, arn);
}

void iam_answer_begin(struct exchange *exchange, struct iam_answer *answer)
{
    buffer_init(&answer->document, ANSWER_BYTES_MAX);
    answer->xml = &answer->response.xml;
    answer->secret = false;
    iam_response_begin(&answer->response, &answer->document, exchange->call->service, exchange->operation->action,
                       true);
}

static enum status send_document(struct exchange *exchange, enum status status, struct bytes document)
{
    if (status)
        return iam_fail_status(exchange, status);
    add_head(exchange);
    return reply_send(exchange, 200, document);
}

enum status iam_answer_send(struct exchange *exchange, struct iam_answer *answer, enum status written)
{
    enum status status = written;

    if (!status)
        status = iam_response_end(&answer->response, bytes_from_str(exchange->http->id));
    status = send_document(exchange, status, buffer_bytes(&answer->document));
    if (answer->secret)
        explicit_bzero(answer->document.data, answer->document.len);
    buffer_release(&answer->document);
    return status;
}

enum status iam_answer_empty(struct exchange *exchange)
{
    struct iam_response response;
    struct buffer document;

    buffer_init(&document, IAM_ERROR_BYTES_MAX);
    iam_response_begin(&response, &document, exchange->call->service, exchange->operation->action, false);
    enum status status = iam_response_end(&response, bytes_from_str(exchange->http->id));
    status = send_document(exchange, status, buffer_bytes(&document));
    buffer_release(&document);
    return status;
}

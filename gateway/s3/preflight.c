/* The preflight of a browser: may a page of this origin send such a request? Anybody may ask; the answer's headers are
 * the reply stage's (front/cors.h), like those of every other answer. */
#include "compat/cors.h"
#include "gateway/front/cors.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/reply.h"

static void forbid(struct exchange *exchange, const char *message, struct bytes method, bool object)
{
    struct s3_error_details details = {0};

    s3_error_setf(&details, S3_ACCESS_FORBIDDEN, "CORSResponse: %s", message);
    s3_error_add(&details, "Method", method);
    s3_error_add(&details, "ResourceType", object ? BYTES("OBJECT") : BYTES("BUCKET"));
    HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
}

static void refuse_incomplete(struct exchange *exchange, const char *message)
{
    struct s3_error_details details = {0};

    s3_error_setf(&details, S3_BAD_REQUEST, "%s", message);
    HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
}

static void answer(struct exchange *exchange, struct bytes method)
{
    enum status status = cors_is_allowed(exchange);

    if (status == STATUS_OK)
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
    else if (status == STATUS_NOT_FOUND)
        forbid(exchange, "CORS is not enabled for this bucket.", method, false);
    else if (status == STATUS_DENIED)
        forbid(exchange,
               "This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
               "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's "
               "CORS spec.",
               method, exchange->level == S3_OBJECT);
    else
        HTTP_LAST_REPLY(s3_fail_status(exchange, status));
}

/* The texts are AWS's. */
void s3_preflight(struct exchange *exchange)
{
    struct bytes method = http_request_header(exchange->http, "Access-Control-Request-Method");

    if (http_request_header(exchange->http, "Origin").len == 0)
        refuse_incomplete(exchange, "Insufficient information. Origin request header needed.");
    else if (exchange->level != S3_SERVICE && exchange->bucket.id == 0)
        forbid(exchange, "Bucket not found", exchange->http->method, false);
    else if (method.len == 0)
        refuse_incomplete(exchange, "Invalid Access-Control-Request-Method: null");
    else
        answer(exchange, method);
}

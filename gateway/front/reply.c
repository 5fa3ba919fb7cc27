/* The reply stage; see the header. */
#include "gateway/front/reply.h"

#include "compat/names.h"
#include "gateway/front/admission.h"
#include "gateway/front/cors.h"

/* The request ids let a client's report be found in the log. */
static void complete_head(struct exchange *exchange)
{
    cors_add_headers(exchange);
    http_reply_header_str(exchange->http, "x-amz-request-id", exchange->http->id);
    http_reply_header_str(exchange->http, "x-amz-id-2", exchange->http->id);
}

enum status reply_send(struct exchange *exchange, int http_status, struct bytes body)
{
    complete_head(exchange);
    return http_reply(exchange->http, http_status, body);
}

enum status reply_start(struct exchange *exchange, int http_status, uint64_t length)
{
    complete_head(exchange);
    return http_reply_start(exchange->http, http_status, length);
}

enum status reply_error(struct exchange *exchange, int http_status, struct bytes body)
{
    struct admission *admission = &exchange->gateway->admission;
    struct admission_share share;

    if (exchange->admitted)
        return reply_send(exchange, http_status, body);
    auth_verification_release(&exchange->verification); /* many times as large as the answer */
    bool charged = admission_enter(admission, CLASS_ERROR, 0, &share);
    if (!charged)
        http_reply_hurry(exchange->http);
    enum status status = reply_send(exchange, http_status, body);
    if (charged)
        admission_leave(admission, &share);
    return status;
}

void reply_encoded(struct exchange *exchange, const char *name, struct bytes value)
{
    struct buffer text;

    buffer_init(&text, 6 * value.len + 16);
    if (metadata_encode(value, &text) == STATUS_OK)
        http_reply_header(exchange->http, name, buffer_bytes(&text));
    buffer_release(&text);
}

void reply_text(struct exchange *exchange, const char *name, struct bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c < ' ' || c == 0x7f) {
            reply_encoded(exchange, name, value);
            return;
        }
    }
    http_reply_header(exchange->http, name, value);
}

void reply_etag(struct exchange *exchange, const struct etag *etag)
{
    char text[ETAG_TEXT_MAX];

    etag_text(etag, text);
    http_reply_header_str(exchange->http, "ETag", text);
}

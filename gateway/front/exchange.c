/* A request under way; see the header. */
#include "gateway/front/exchange.h"

#include "gateway/iam/call.h"
#include "gateway/s3/post_form.h"
#include "gateway/s3/reply.h"

bool exchange_load_bucket(struct exchange *exchange)
{
    meta_settings_release(exchange->settings);
    exchange->settings = NULL;
    if (meta_bucket_load(exchange->gateway->meta, exchange->bucket_name, &exchange->bucket, &exchange->settings) ==
        STATUS_OK)
        return true;
    exchange->bucket.id = 0;
    return false;
}

bool exchange_may(const struct exchange *exchange, const char *action, const struct resource *resource)
{
    struct request_context context = exchange->context;

    context.account = bytes_from_str(exchange->gateway->options.account_id);
    context.canonical_id = s3_owner.id;
    return authorize(&exchange->principal, action, resource, &context).allowed;
}

struct header_list exchange_headers(const struct exchange *exchange)
{
    return (struct header_list){exchange->http->headers, exchange->http->header_count};
}

void exchange_release(struct exchange *exchange)
{
    iam_call_free(exchange);
    s3_form_free(exchange->form);
    identity_release(exchange->identity);
    meta_settings_release(exchange->settings);
    auth_verification_release(&exchange->verification);
    uri_query_release(&exchange->query);
    buffer_release(&exchange->path_storage);
}

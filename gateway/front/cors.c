/* CORS of requests; see the header. A bucket without rules costs an answer one comparison. */
#include "gateway/front/cors.h"

#include "compat/cors.h"
#include "gateway/front/operation.h"
#include "gateway/replication/lease.h"
#include "gateway/s3/bucket_settings.h"

#define JOINED_BYTES_MAX 131072 /* of one header: a list of a rule, or what was asked for, with ", " between */

/* As on AWS, Access-Control-Request-Method counts wherever it stands. */
static struct cors_request request_of(const struct http_request *http)
{
    struct bytes method = http_request_header(http, "Access-Control-Request-Method");

    return (struct cors_request){
        .origin = http_request_header(http, "Origin"),
        .method = method.len > 0 ? method : http->method,
        .requested_headers = http_request_header(http, "Access-Control-Request-Headers"),
    };
}

static enum status find_rule(const struct meta_settings *settings, const struct cors_request *request,
                             const struct cors_configuration **configuration, const struct cors_rule **rule)
{
    struct meta_setting setting;
    enum status status = meta_setting_find(settings, S3_SETTING_CORS, &setting);

    if (status)
        return status;
    *configuration = setting.parsed;
    *rule = cors_match(*configuration, request);
    return *rule ? STATUS_OK : STATUS_DENIED;
}

enum status cors_is_allowed(const struct exchange *exchange)
{
    const struct cors_request request = request_of(exchange->http);
    const struct cors_configuration *configuration;
    const struct cors_rule *rule;

    return find_rule(exchange->settings, &request, &configuration, &rule);
}

/* The list is empty: no header. */
static void add_joined(struct exchange *exchange, const char *name, enum status written, const struct buffer *text)
{
    if (!written && text->len > 0)
        http_reply_header(exchange->http, name, buffer_bytes(text));
}

static void add_list(struct exchange *exchange, const char *name, const struct cors_configuration *configuration,
                     const struct cors_rule *rule, enum cors_list list)
{
    struct buffer text;

    buffer_init(&text, JOINED_BYTES_MAX);
    add_joined(exchange, name, cors_rule_append(configuration, rule, list, &text), &text);
    buffer_release(&text);
}

static void add_rule(struct exchange *exchange, const struct cors_request *request,
                     const struct cors_configuration *configuration, const struct cors_rule *rule)
{
    bool for_all = cors_rule_is_for_all(configuration, rule);
    struct buffer text;

    http_reply_header(exchange->http, "Access-Control-Allow-Origin", for_all ? BYTES("*") : request->origin);
    add_list(exchange, "Access-Control-Allow-Methods", configuration, rule, CORS_METHOD);
    buffer_init(&text, JOINED_BYTES_MAX);
    add_joined(exchange, "Access-Control-Allow-Headers", cors_append_requested(request->requested_headers, &text),
               &text);
    buffer_release(&text);
    add_list(exchange, "Access-Control-Expose-Headers", configuration, rule, CORS_EXPOSED);
    if (rule->has_max_age)
        http_reply_header_u64(exchange->http, "Access-Control-Max-Age", rule->max_age_seconds);
    if (!for_all)
        http_reply_header_str(exchange->http, "Access-Control-Allow-Credentials", "true");
    http_reply_header_str(exchange->http, "Vary",
                          "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
}

static void add_headers(struct exchange *exchange, const struct meta_settings *settings)
{
    const struct cors_request request = request_of(exchange->http);
    const struct cors_configuration *configuration;
    const struct cors_rule *rule;

    if (request.origin.len > 0 && find_rule(settings, &request, &configuration, &rule) == STATUS_OK)
        add_rule(exchange, &request, configuration, rule);
}

/* A request that was refused early, for its signature say, has not looked its bucket up, nor asked for the lease. Its
 * answer goes to a page, too. */
static void add_headers_unlooked(struct exchange *exchange)
{
    struct meta_settings *settings = NULL;
    struct meta_bucket bucket;

    if (exchange->bucket_name.len == 0 || http_request_header(exchange->http, "Origin").len == 0 ||
        exchange->replaced || !lease_holds(exchange->gateway->lease))
        return;
    if (meta_bucket_load(exchange->gateway->meta, exchange->bucket_name, &bucket, &settings) == STATUS_OK && settings)
        add_headers(exchange, settings);
    meta_settings_release(settings);
}

void cors_add_headers(struct exchange *exchange)
{
    if (!exchange->operation || exchange->operation->path)
        return; /* the documented API has none */
    if (exchange->settings)
        add_headers(exchange, exchange->settings);
    else if (exchange->bucket.id == 0)
        add_headers_unlooked(exchange);
}

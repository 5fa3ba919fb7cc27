/* The authorization gate; see the header. Every type of authentication is a case of one switch without
 * default. */
#include "gateway/gate.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "compat/sigv4.h"
#include "gateway/json_reply.h"
#include "gateway/s3/s3.h"

static enum status refuse_claim(struct exchange *exchange, const struct auth_error *error)
{
    struct s3_error_details details = {0};

    s3_error_setf(&details, s3_error_from_code(error->code), "%s", error->message);
    for (size_t i = 0; i < error->element_count; i++)
        s3_error_add(&details, error->elements[i].name, bytes_from_str(error->elements[i].value));
    return s3_fail_details(exchange, &details);
}

/* "53 74 72": lets a user see invisible bytes in what was signed. */
static void append_spaced_hex(struct buffer *out, struct bytes text)
{
    char *place = text.len > 0 ? buffer_reserve(out, 3 * text.len) : NULL;

    if (!place)
        return;
    for (size_t i = 0; i < text.len; i++) {
        hex_encode(text.data + i, 1, place + 3 * i);
        place[3 * i + 2] = ' ';
    }
    out->len += 3 * text.len - 1;
}

static enum status refuse_signature(struct exchange *exchange)
{
    struct s3_error_details details = {0};
    struct bytes signed_text = buffer_bytes(&exchange->verification.string_to_sign);
    struct bytes canonical = buffer_bytes(&exchange->verification.canonical_request);
    struct buffer signed_hex, canonical_hex;

    buffer_init(&signed_hex, 3 * AUTH_CANONICAL_BYTES_MAX);
    buffer_init(&canonical_hex, 3 * AUTH_CANONICAL_BYTES_MAX);
    append_spaced_hex(&signed_hex, signed_text);
    append_spaced_hex(&canonical_hex, canonical);
    s3_error_set(&details, S3_SIGNATURE_DOES_NOT_MATCH);
    s3_error_add(&details, "AWSAccessKeyId", exchange->credentials.access_key);
    s3_error_add(&details, "StringToSign", signed_text);
    s3_error_add(&details, "SignatureProvided", exchange->credentials.signature);
    s3_error_add(&details, "StringToSignBytes", buffer_bytes(&signed_hex));
    if (canonical.len > 0) {
        s3_error_add(&details, "CanonicalRequest", canonical);
        s3_error_add(&details, "CanonicalRequestBytes", buffer_bytes(&canonical_hex));
    }
    enum status status = s3_fail_details(exchange, &details);
    buffer_release(&signed_hex);
    buffer_release(&canonical_hex);
    return status;
}

static enum status refuse_access_key(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, S3_INVALID_ACCESS_KEY_ID);
    s3_error_add(&details, "AWSAccessKeyId", exchange->credentials.access_key);
    return s3_fail_details(exchange, &details);
}

/* Signing keys of the last days and regions; requests never leave the thread of their loop. */
static _Thread_local struct sigv4_key_cache signing_keys;

static enum status verify_signature(struct exchange *exchange, const struct auth_request *request)
{
    const struct gateway_options *options = &exchange->gateway->options;

    if (exchange->credentials.session_token.data)
        return s3_fail(exchange, S3_INVALID_TOKEN); /* no temporary credentials are ever issued */
    if (!bytes_equal_constant_time(exchange->credentials.access_key, bytes_from_str(options->access_key)))
        return refuse_access_key(exchange);
    switch (auth_verify(request, &exchange->credentials, bytes_from_str(options->secret_key), &signing_keys,
                        &exchange->verification)) {
    case STATUS_OK:
        return STATUS_OK;
    case STATUS_DENIED:
        return refuse_signature(exchange);
    default:
        return s3_fail(exchange, S3_INVALID_URI);
    }
}

/* The Bearer token in an Authorization header; data NULL for another kind or none. */
static struct bytes bearer_token(const struct http_request *http)
{
    struct bytes header = http_request_header(http, "Authorization");

    if (header.len < 7 || !bytes_equal_nocase(bytes_of(header.data, 7), "Bearer "))
        return (struct bytes){0};
    return bytes_trim(bytes_of(header.data + 7, header.len - 7));
}

enum status gate_authenticate(struct exchange *exchange)
{
    const struct auth_request request = {
        .method = exchange->http->method,
        .path = exchange->http->path,
        .query = &exchange->query,
        .headers = exchange->http->headers,
        .header_count = exchange->http->header_count,
        .virtual_host_bucket = s3_virtual_host_bucket(exchange->gateway, exchange->http),
    };
    struct auth_error error = {0};

    if (bearer_token(exchange->http).data)
        return STATUS_OK; /* anonymous to S3; authorize_files looks at the token */
    if (auth_parse(&request, clock_wall_ms(), &exchange->credentials, &error))
        return refuse_claim(exchange, &error);
    switch (exchange->credentials.type) {
    case AUTH_ANONYMOUS:
        return STATUS_OK;
    case AUTH_V4_HEADER:
    case AUTH_V4_QUERY:
    case AUTH_V2_HEADER:
    case AUTH_V2_QUERY:
        return verify_signature(exchange, &request);
    }
    return s3_fail(exchange, S3_ACCESS_DENIED);
}

/* Is the Host a name by which this machine's own users call it? A page whose name was made to resolve to the loopback
 * address (DNS rebinding) counts as same-origin for the browser, but cannot hide its name. */
static bool host_is_local(const struct gateway_options *options, struct bytes host)
{
    /* What containers call their host; .internal is never delegated in the public DNS (ICANN, 2024-07-29), and the local
     * resolver is trusted with it as with names without dots. */
    static const char *const host_of_containers[] = {"host.docker.internal", "host.containers.internal"};
    const char *colon = host.len ? memrchr(host.data, ':', host.len) : NULL;

    if (host.len == 0 || host.data[0] == '[')
        return true; /* HTTP/1.0 clients, which are no browsers; IPv6 addresses */
    if (colon)
        host.len = (size_t)(colon - host.data);
    if (host.len > 0 && host.data[host.len - 1] == '.')
        host.len--;
    if (!memchr(host.data, '.', host.len)) /* localhost, or a name of the local network */
        return true;
    if (bytes_equal_nocase(host, options->domain ? options->domain : ""))
        return true;
    for (size_t i = 0; i < sizeof(host_of_containers) / sizeof(host_of_containers[0]); i++)
        if (bytes_equal_nocase(host, host_of_containers[i]))
            return true;
    for (size_t i = 0; i < host.len; i++)
        if (host.data[i] != '.' && (host.data[i] < '0' || host.data[i] > '9'))
            return host.len > 10 && bytes_equal_nocase(bytes_of(host.data + host.len - 10, 10), ".localhost");
    return true; /* an IPv4 address */
}

/* A browser page of another site must not reach the open loopback API through its visitor, and neither must a
 * proxy lend its loopback address to the whole world. */
static bool speaks_for_itself(const struct http_request *http)
{
    static const char *const relayed[] = {"Origin", "X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"};

    for (size_t i = 0; i < sizeof(relayed) / sizeof(relayed[0]); i++)
        if (http_request_header(http, relayed[i]).data)
            return false;
    return !bytes_equal_nocase(http_request_header(http, "Sec-Fetch-Site"), "cross-site");
}

static bool has_files_token(const struct exchange *exchange)
{
    struct bytes token = bytes_from_str(exchange->gateway->options.files_token);

    return token.len > 0 && bytes_equal_constant_time(bearer_token(exchange->http), token);
}

static enum status authorize_files(struct exchange *exchange)
{
    if (exchange->gateway->options.open_files_api || has_files_token(exchange))
        return STATUS_OK;
    if (!http_request_header(exchange->http, "Authorization").data && http_request_peer_is_loopback(exchange->http) &&
        speaks_for_itself(exchange->http) &&
        host_is_local(&exchange->gateway->options, http_request_header(exchange->http, "Host")))
        return STATUS_OK;
    http_reply_header_str(exchange->http, "WWW-Authenticate", "Bearer realm=\"tercet\"");
    json_error(exchange, 401, "Unauthorized",
               "Without the header 'Authorization: Bearer TOKEN' (the files token) only requests from this host "
               "itself are answered: from a loopback address, to a local name in Host, by no page and no proxy.");
    return STATUS_DENIED;
}

enum status gate_authorize(struct exchange *exchange, const struct operation *operation)
{
    switch (operation->permission) {
    case PERMIT_OPEN:
        return STATUS_OK;
    case PERMIT_FILES:
        return authorize_files(exchange);
    case PERMIT_S3:
        /* the root credentials may do everything; nobody else exists */
        return exchange->credentials.type == AUTH_ANONYMOUS ? s3_fail(exchange, S3_ACCESS_DENIED) : STATUS_OK;
    }
    return s3_fail(exchange, S3_ACCESS_DENIED);
}

/* Who asks; see the header. Every form of credentials is a case of one switch without default. */
#include "gateway/front/identify.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "compat/sigv4.h"
#include "gateway/front/operation.h"
#include "gateway/front/pipeline_refusal.h"
#include "gateway/front/resolve.h"
#include "gateway/front/signer.h"
#include "gateway/iam/call.h"
#include "gateway/identity/key_uses.h"
#include "gateway/s3/reply.h"

#define SIGNED_TEXT_SHOWN_MAX   2048 /* of a text that was signed; those of usual requests are shorter */
#define SIGNED_TEXT_ESCAPED_MAX 3072
#define SIGNED_TEXT_HEX_MAX     (3 * SIGNED_TEXT_SHOWN_MAX)

/* "53 74 72": lets a user see invisible bytes in what was signed. Not terminated. */
static struct bytes spaced_hex(struct bytes text, char out[SIGNED_TEXT_HEX_MAX])
{
    char digits[3];

    for (size_t i = 0; i < text.len; i++) {
        hex_encode(text.data + i, 1, digits);
        digits[2] = ' ';
        memcpy(out + 3 * i, digits, 3);
    }
    return bytes_of(out, text.len > 0 ? 3 * text.len - 1 : 0);
}

static struct bytes shown(const struct buffer *signed_text)
{
    return bytes_of(signed_text->data,
                    signed_text->len < SIGNED_TEXT_SHOWN_MAX ? signed_text->len : SIGNED_TEXT_SHOWN_MAX);
}

static void add_signed_text(struct s3_error_details *details, const char *name, const struct buffer *text)
{
    s3_error_add_front(details, name, shown(text), text->len, SIGNED_TEXT_ESCAPED_MAX);
}

static void add_spaced_hex(struct s3_error_details *details, const char *name, const struct buffer *text,
                           char storage[SIGNED_TEXT_HEX_MAX])
{
    size_t whole_len = text->len > 0 ? 3 * text->len - 1 : 0;

    s3_error_add_front(details, name, spaced_hex(shown(text), storage), whole_len, SIGNED_TEXT_HEX_MAX);
}

static enum status refuse_signature(struct exchange *exchange)
{
    const struct auth_verification *verification = &exchange->verification;
    char *hex = mem_alloc(2 * SIGNED_TEXT_HEX_MAX);
    struct s3_error_details details = {0};

    s3_error_set(&details, S3_SIGNATURE_DOES_NOT_MATCH);
    s3_error_add(&details, "AWSAccessKeyId", exchange->credentials.access_key);
    add_signed_text(&details, "StringToSign", &verification->string_to_sign);
    s3_error_add(&details, "SignatureProvided", exchange->credentials.signature);
    add_spaced_hex(&details, "StringToSignBytes", &verification->string_to_sign, hex);
    if (verification->canonical_request.len > 0) {
        add_signed_text(&details, "CanonicalRequest", &verification->canonical_request);
        add_spaced_hex(&details, "CanonicalRequestBytes", &verification->canonical_request, hex + SIGNED_TEXT_HEX_MAX);
    }
    enum status status = s3_fail_details(exchange, &details);
    free(hex);
    return status;
}

/* Signing keys of the last days and regions; requests never leave the thread of their loop. */
static _Thread_local struct sigv4_key_cache signing_keys;

static void note_use(const struct exchange *exchange)
{
    const struct auth_credentials *credentials = &exchange->credentials;
    struct bytes region = credentials->region;

    if (!exchange->identity || exchange->session)
        return;
    if (region.len == 0) /* of version 2 */
        region = bytes_from_str(exchange->gateway->options.region);
    key_uses_note(exchange->gateway->key_uses, credentials->access_key, exchange->call ? "iam" : "s3", region,
                  clock_wall_ms());
}

/* A form may take long to come, and what was taken away meanwhile is gone: whose key it is by now. The cache has it
 * when nothing was changed. */
static enum status receive_form(struct exchange *exchange, struct signer *signer)
{
    enum status status = iam_call_receive(exchange, IAM_FORM_BYTES_MAX);

    if (status || !(exchange->identity || exchange->session))
        return status;
    identity_release(exchange->identity);
    exchange->identity = NULL;
    return signer_find(exchange, signer);
}

static enum status verify_signature(struct exchange *exchange, const struct auth_request *request)
{
    struct signer signer;
    enum status status = signer_find(exchange, &signer);

    if (!status && exchange->call)
        status = receive_form(exchange, &signer);
    if (status)
        return status;
    switch (auth_verify(request, &exchange->credentials, bytes_from_str(signer.secret), &signing_keys,
                        &exchange->verification)) {
    case STATUS_OK:
        note_use(exchange);
        exchange->principal = signer.principal;
        return STATUS_OK;
    case STATUS_DENIED:
        return refuse_signature(exchange);
    default:
        return s3_fail(exchange, S3_INVALID_URI);
    }
}

static bool same_secret(const struct identity *a, const struct identity *b)
{
    return bytes_equal_constant_time(bytes_from_str(a->secret), bytes_from_str(b->secret));
}

/* What is there is kept until its successor is found: the principal, and what is said of it in the log, point into it.
 */
enum status identify_again(struct exchange *exchange, uint64_t generation)
{
    struct identity *before = exchange->identity;
    struct signer signer;

    if (!before || before->generation == generation)
        return STATUS_OK;
    exchange->identity = NULL;
    enum status status = signer_find(exchange, &signer);
    if (!status && !same_secret(before, exchange->identity)) /* another key of the same name signed it */
        status = s3_fail(exchange, S3_INVALID_ACCESS_KEY_ID);
    if (status) {
        identity_release(exchange->identity);
        exchange->identity = before;
        exchange->principal.tag_count = 0; /* those of a session may be of what is released */
        return status;
    }
    exchange->decision = (struct decision){0};
    exchange->principal = signer.principal;
    identity_release(before);
    return STATUS_OK;
}

static enum status identify_signer(struct exchange *exchange)
{
    const struct auth_request request = {
        .method = exchange->http->method,
        .path = exchange->http->path,
        .query = &exchange->query,
        .headers = exchange->http->headers,
        .header_count = exchange->http->header_count,
        .virtual_host_bucket = exchange->virtual_host,
        .query_api = exchange->call != NULL,
    };
    struct s3_error_details error = {0};

    if (auth_parse(&request, clock_wall_ms(), &exchange->credentials, &error))
        return s3_fail_details(exchange, &error);
    switch (exchange->credentials.type) {
    case AUTH_ANONYMOUS:
        return exchange->call ? iam_call_receive(exchange, IAM_ANONYMOUS_BYTES_MAX) : STATUS_OK;
    case AUTH_V4_HEADER:
    case AUTH_V4_QUERY:
    case AUTH_V2_HEADER:
    case AUTH_V2_QUERY:
    case AUTH_V4_FORM:
    case AUTH_V2_FORM:
        return verify_signature(exchange, &request);
    }
    return s3_fail(exchange, S3_ACCESS_DENIED);
}

/* The fields take the place of the head, where a form has no credentials: two signatures, one of which says nothing of
 * the policy, would leave open who asks. */
enum status identify_form(struct exchange *exchange, const struct post_fields *fields)
{
    const struct auth_request request = {.method = exchange->http->method, .path = exchange->http->path};
    struct s3_error_details error = {0};

    if (exchange->credentials.type != AUTH_ANONYMOUS || bearer_token(exchange->http).data)
        return s3_fail_argument(exchange, "Authorization", (struct bytes){0},
                                "Only one auth mechanism allowed; a form is signed in its fields.");
    if (exchange->credentials.payload != PAYLOAD_UNSIGNED)
        return s3_fail_argument(exchange, "x-amz-content-sha256", (struct bytes){0},
                                "A form's bytes are not signed; its fields may hold checksums of the file.");
    if (auth_parse_form(fields, &exchange->credentials, &error))
        return s3_fail_details(exchange, &error);
    return exchange->credentials.type == AUTH_ANONYMOUS ? STATUS_OK : verify_signature(exchange, &request);
}

/* Is the Host a name by which this machine's own users call it? A page whose name was made to resolve to the loopback
 * address (DNS rebinding) counts as same-origin for the browser, but cannot hide its name. */
static bool host_is_local(const struct gateway_options *options, struct bytes host)
{
    /* What containers call their host; .internal is never delegated in the public DNS (ICANN, 2024-07-29), and the
     * local resolver is trusted with it as with names without dots. */
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

static bool is_local(const struct exchange *exchange)
{
    const struct http_request *http = exchange->http;

    return !http_request_header(http, "Authorization").data && http_request_peer_is_loopback(http) &&
           speaks_for_itself(http) && host_is_local(&exchange->gateway->options, http_request_header(http, "Host"));
}

/* The documented API is open to whoever holds the token, and to this host's own users, for which everybody is taken if
 * so configured. Who has signed has other rights besides. */
static void identify_files(struct exchange *exchange)
{
    struct bytes token = bytes_from_str(exchange->gateway->options.files_token);

    exchange->context.local = exchange->gateway->options.open_files_api || is_local(exchange);
    if (token.len > 0 && bytes_equal_constant_time(bearer_token(exchange->http), token))
        exchange->principal = principal_files;
}

enum status identify(struct exchange *exchange)
{
    enum status status = STATUS_OK;

    exchange->principal = principal_unknown;
    if (exchange->operation->unsigned_always)
        return STATUS_OK;
    if (!bearer_token(exchange->http).data) /* with a token it is anonymous to S3 */
        status = identify_signer(exchange);
    if (!status && exchange->operation->path)
        identify_files(exchange);
    return status;
}

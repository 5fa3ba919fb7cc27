/* A call of the Query API from its bytes to its operation; see the header. All the forms that are in memory together
 * have one bound, which each takes a share of as its bytes come; a form that nobody is known to have signed is small.
 */
#include "gateway/iam/call.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/http_peers.h"
#include "base/pool.h"
#include "compat/iam_names.h"
#include "gateway/front/operation.h"
#include "gateway/front/signer.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/operations.h"
#include "gateway/iam/reply.h"
#include "gateway/iam/trust.h"

#define CALLS_BYTES_MAX     (32u << 20) /* of all forms together but root's: as they came, and decoded */
#define ANONYMOUS_BYTES_MAX (16u << 20) /* of this, what nobody signed: who is known always finds room */
#define KEY_BYTES_MAX       (4u << 20)  /* of this, what an access key signed */
#define PEER_BYTES_MAX      (1u << 20)  /* of this, what comes unsigned from one address, or the /64 of an IPv6 one */
#define ROOT_BYTES_MAX      (8u << 20)
#define RECEIVE_STEP        8192

static bool is_form(const struct http_request *http)
{
    static const char type[] = "application/x-www-form-urlencoded";
    struct bytes content_type = http_request_header(http, "Content-Type");

    if (content_type.len < sizeof(type) - 1)
        return false;
    return bytes_equal_nocase(bytes_of(content_type.data, sizeof(type) - 1), type);
}

bool iam_is_addressed(const struct exchange *exchange)
{
    const struct http_request *http = exchange->http;

    if (exchange->virtual_host.len > 0 || !bytes_equal_str(http->path, "/"))
        return false;
    if (bytes_equal_str(http->method, "POST"))
        return is_form(http) || uri_query_has(&exchange->query, "Action");
    return bytes_equal_str(http->method, "GET") && uri_query_has(&exchange->query, "Action");
}

void iam_call_begin(struct exchange *exchange)
{
    exchange->call = mem_zalloc(sizeof(*exchange->call));
    exchange->operation = &iam_unknown_operation;
    buffer_init(&exchange->call->form, IAM_FORM_BYTES_MAX + RECEIVE_STEP);
    buffer_init(&exchange->call->arn, IAM_ARN_MAX);
}

void iam_call_free(struct exchange *exchange)
{
    struct iam_call *call = exchange->call;

    if (!call)
        return;
    if (call->room)
        __atomic_sub_fetch(call->room, call->kept_bytes, __ATOMIC_RELAXED);
    if (call->share)
        __atomic_sub_fetch(call->share, call->kept_bytes, __ATOMIC_RELAXED);
    iam_request_release(&call->request);
    buffer_release(&call->form);
    buffer_release(&call->arn);
    identity_texts_release(&call->subject_texts);
    free(call->subject_boundary);
    iam_trust_free(call->trust);
    identity_claims_release(&call->claims);
    free(call->provider_arn);
    free(call);
    exchange->call = NULL;
}

/* By what it is of, one of the shares. Two that meet in one have it together. */
static uint64_t *share_of(uint64_t shares[GATEWAY_CALL_SHARES], struct bytes of)
{
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

    for (size_t i = 0; i < of.len; i++)
        hash = (hash ^ (uint8_t)of.data[i]) * 0x100000001b3;
    return &shares[hash % GATEWAY_CALL_SHARES];
}

static uint64_t *share_of_peer(struct exchange *exchange)
{
    uint64_t peer[2];

    http_peer_identify(&exchange->http->peer, peer);
    return share_of(exchange->gateway->peer_call_shares, bytes_of((const char *)peer, sizeof(peer)));
}

/* Of the key's id, or the role's name: whoever makes many temporary keys has no more for it. Root's federated users
 * have one together. */
static uint64_t *share_of_key(struct exchange *exchange)
{
    const char *of = exchange->identity ? exchange->identity->cached_as : "federated users";

    return share_of(exchange->gateway->call_shares, bytes_from_str(of));
}

static bool is_federated(const struct exchange *exchange)
{
    return exchange->session && exchange->session->token.kind == SESSION_FEDERATED;
}

/* The form comes before its signature is looked at, so whoever knows the id of a key can keep room in its name: that
 * much, and no more, and never what root's calls need. */
static void choose_room(struct exchange *exchange)
{
    struct gateway *gateway = exchange->gateway;
    struct iam_call *call = exchange->call;
    bool anonymous = exchange->credentials.type == AUTH_ANONYMOUS;
    bool root = !anonymous && !exchange->identity && !is_federated(exchange);

    call->room = root ? &gateway->root_call_bytes : &gateway->call_bytes;
    call->room_max = root ? ROOT_BYTES_MAX : anonymous ? ANONYMOUS_BYTES_MAX : CALLS_BYTES_MAX;
    call->share = root ? NULL : anonymous ? share_of_peer(exchange) : share_of_key(exchange);
    call->share_max = anonymous ? PEER_BYTES_MAX : KEY_BYTES_MAX;
}

static bool take(uint64_t *counter, uint64_t bytes, uint64_t limit)
{
    if (__atomic_add_fetch(counter, bytes, __ATOMIC_RELAXED) <= limit)
        return true;
    __atomic_sub_fetch(counter, bytes, __ATOMIC_RELAXED);
    return false;
}

/* Twice, since the decoded form is as long. */
static enum status keep(struct exchange *exchange, size_t len)
{
    struct iam_call *call = exchange->call;
    uint64_t bytes = 2 * (uint64_t)len;

    if (!take(call->room, bytes, call->room_max))
        return iam_fail(exchange, IAM_THROTTLING, "Rate exceeded");
    if (call->share && !take(call->share, bytes, call->share_max)) {
        __atomic_sub_fetch(call->room, bytes, __ATOMIC_RELAXED);
        return iam_fail(exchange, IAM_THROTTLING, "Rate exceeded");
    }
    call->kept_bytes += bytes;
    return STATUS_OK;
}

static void hash_form(void *arg)
{
    struct iam_call *call = arg;
    uint8_t sha256[SHA256_LEN];

    sha256_of(call->form.data, call->form.len, sha256);
    hex_encode(sha256, sizeof(sha256), call->sha256);
}

enum status iam_call_receive(struct exchange *exchange, size_t bytes_max)
{
    struct iam_call *call = exchange->call;
    enum status status = STATUS_OK;
    size_t len;

    choose_room(exchange);
    do {
        char *space = buffer_reserve(&call->form, RECEIVE_STEP);
        if (!space || call->form.len > bytes_max)
            return iam_fail(exchange, IAM_REQUEST_TOO_LARGE, "The request has more than %zu bytes.", bytes_max);
        status = http_body_read(exchange->http, space, RECEIVE_STEP, &len);
        if (status)
            return iam_fail_status(exchange, status);
        call->form.len += len;
        status = keep(exchange, len);
        if (status)
            return status;
    } while (len > 0);
    pool_run(exchange->gateway->pool, hash_form, call);
    call->received = true;
    exchange->credentials.payload_text = bytes_from_str(call->sha256);
    return STATUS_OK;
}

/* Two places for parameters, of which one is overlooked, would be two requests. */
static enum status refuse_other_parameters(struct exchange *exchange)
{
    for (size_t i = 0; i < exchange->query.count; i++) {
        struct bytes name = exchange->query.parameters[i].name;
        if (name.len <= 6 || !bytes_equal_nocase(bytes_of(name.data, 6), "x-amz-"))
            return iam_fail(exchange, IAM_INVALID_QUERY_PARAMETER,
                            "The parameters are in the body; the query can hold a signature only.");
    }
    return STATUS_OK;
}

static enum status read_form(struct exchange *exchange)
{
    struct iam_call *call = exchange->call;
    struct iam_error error = {0};
    bool in_body = call->form.len > 0;
    enum status status = in_body ? refuse_other_parameters(exchange) : STATUS_OK;

    if (status)
        return status;
    status = iam_request_parse(in_body ? buffer_bytes(&call->form) : exchange->http->query, &call->request, &error);
    buffer_release(&call->form);
    return status ? iam_fail_error(exchange, &error) : STATUS_OK;
}

static bool is_known(const struct exchange *exchange)
{
    return exchange->principal.access_key.len > 0;
}

static enum status find_operation(struct exchange *exchange)
{
    struct iam_call *call = exchange->call;
    struct bytes action = iam_request_value(&call->request, "Action");
    struct bytes version = iam_request_value(&call->request, "Version");
    enum query_service service;
    const struct operation *operation = iam_operation_find(action, &service);

    if (!is_known(exchange) && !(operation && operation->unsigned_always))
        return iam_fail(exchange, IAM_MISSING_AUTHENTICATION_TOKEN, "Request is missing Authentication Token");
    if (!action.len)
        return iam_fail(exchange, IAM_MISSING_ACTION, "The request has no parameter Action.");
    if (operation && is_known(exchange) && service != call->service)
        return iam_fail(exchange, IAM_SIGNATURE_DOES_NOT_MATCH, "Credential should be scoped to correct service: '%s'.",
                        query_service_name(service));
    if (operation)
        call->service = service;
    if (!operation || !bytes_equal_str(version, query_service_version(call->service)))
        return iam_fail(exchange, IAM_INVALID_ACTION, "Could not find operation %.*s for version %.*s",
                        (int)(action.len < IAM_ACTION_BYTES_MAX ? action.len : IAM_ACTION_BYTES_MAX), action.data,
                        version.data ? (int)(version.len < 32 ? version.len : 32) : 20,
                        version.data ? version.data : "NO_VERSION_SPECIFIED");
    exchange->operation = operation;
    return STATUS_OK;
}

/* What temporary credentials cannot do whatever policies say. Source: "Compare AWS STS credentials": those of
 * GetSessionToken and GetFederationToken make no call of IAM (there is no MFA here), and of STS's these alone. */
static enum status refuse_temporary(struct exchange *exchange)
{
    const struct signer_session *session = exchange->session;
    const char *action = exchange->operation->action;
    bool of_role = session && session->token.kind == SESSION_OF_ROLE;
    bool makes =
        exchange->operation->handle == sts_get_session_token || exchange->operation->handle == sts_get_federation_token;

    if (!session || exchange->operation->handle == sts_get_caller_identity)
        return STATUS_OK;
    if (!of_role && exchange->call->service == QUERY_IAM)
        return iam_fail(exchange, IAM_INVALID_CLIENT_TOKEN_ID, "The security token included in the request is invalid");
    if (makes || is_federated(exchange))
        return iam_fail(exchange, IAM_ACCESS_DENIED, "Cannot call %s with session credentials", action);
    return STATUS_OK;
}

/* What is not honoured is not overlooked. */
static enum status refuse_unknown_parameters(struct exchange *exchange)
{
    struct bytes unknown = iam_request_unknown(&exchange->call->request, exchange->operation->parameters);

    if (!unknown.data)
        return STATUS_OK;
    return iam_fail(exchange, IAM_INVALID_QUERY_PARAMETER, "%s has no parameter %.*s, or it is not offered here.",
                    exchange->operation->action, (int)unknown.len, unknown.data);
}

enum status iam_call_open(struct exchange *exchange)
{
    struct iam_call *call = exchange->call;
    enum status status;

    if (!call->received)
        return iam_fail(exchange, IAM_MISSING_AUTHENTICATION_TOKEN, "Request is missing Authentication Token");
    call->service = bytes_equal_str(exchange->credentials.service, "sts") ? QUERY_STS : QUERY_IAM;
    status = read_form(exchange);
    if (!status)
        status = find_operation(exchange);
    if (!status)
        status = refuse_temporary(exchange);
    return status ? status : refuse_unknown_parameters(exchange);
}

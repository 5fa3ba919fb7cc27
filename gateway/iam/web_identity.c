/* AssumeRoleWithWebIdentity: the token. What costs nothing is looked at first, so that the provider is asked for its
 * keys only for tokens that could be good: the form, the provider's row, the client id, the time. Then the signature.
 * Until that is right, nothing that the token says is believed, and all of it is checked again by nobody: so the order
 * is of no matter for what is allowed. Source: "AssumeRoleWithWebIdentity", "Available keys for AWS OIDC federation".
 */
#include "gateway/iam/web_identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/pool.h"
#include "compat/jwt.h"
#include "gateway/front/signer.h"
#include "gateway/iam/elements.h"
#include "gateway/iam/holder.h"
#include "gateway/iam/reply.h"
#include "gateway/identity/oidc.h"
#include "gateway/identity/oidc_keys.h"

#define TOKEN_BYTES_MIN 4

static enum status refuse(struct exchange *exchange, const char *why)
{
    return iam_fail(exchange, IAM_INVALID_IDENTITY_TOKEN, "The web identity token that was passed is invalid: %s", why);
}

/* ---- whose it is ---------------------------------------------------------------------------------------------- */

/* The row's name: the issuer without its scheme, and without one slash at its end. */
static bool url_of(const struct exchange *exchange, struct bytes issuer, struct bytes *url)
{
    const char *loopback = exchange->gateway->options.oidc_loopback;
    struct bytes rest = issuer;
    bool tls = bytes_starts_with(issuer, BYTES("https://"));
    size_t scheme_len = tls ? 8 : 7;

    if (!tls && !bytes_starts_with(issuer, BYTES("http://")))
        return false;
    rest = bytes_of(issuer.data + scheme_len, issuer.len - scheme_len);
    if (rest.len > 0 && rest.data[rest.len - 1] == '/')
        rest.len--;
    *url = rest;
    bool trial = loopback && loopback[0] && oidc_url_is_loopback(rest);
    return rest.len > 0 && tls == !(trial && strcmp(loopback, "http") == 0);
}

static enum status find_provider(struct exchange *exchange, const struct jwt *jwt, struct identity_provider *provider)
{
    struct bytes url = {0};
    enum status status = url_of(exchange, jwt->issuer, &url)
                             ? identity_provider_load(exchange->gateway->meta, url, provider)
                             : STATUS_NOT_FOUND;

    if (!status && !bytes_equal_str(url, provider->url)) {
        identity_provider_release(provider);
        status = STATUS_NOT_FOUND;
    }
    if (status == STATUS_NOT_FOUND)
        return iam_fail(exchange, IAM_INVALID_IDENTITY_TOKEN,
                        "No OpenIDConnect provider found in your account for %.*s", (int)jwt->issuer.len,
                        jwt->issuer.data);
    return status ? iam_fail_status(exchange, status) : STATUS_OK;
}

/* Case counts in client ids, as in all that a token says. */
static bool is_client(const struct identity_provider *provider, struct bytes id)
{
    for (size_t i = 0; i < provider->clients.count; i++)
        if (bytes_equal_str(id, provider->clients.names[i]))
            return true;
    return false;
}

/* For whom the token was made: azp where it is said, else the audience. data NULL: for no client of the provider's. */
static struct bytes find_client(const struct identity_provider *provider, const struct jwt *jwt)
{
    if (jwt->authorized_party.data)
        return is_client(provider, jwt->authorized_party) ? jwt->authorized_party : (struct bytes){0};
    for (size_t i = 0; i < jwt->audience.count; i++)
        if (is_client(provider, jwt->audience.values[i]))
            return jwt->audience.values[i];
    return (struct bytes){0};
}

static enum status check_time(struct exchange *exchange, const struct jwt *jwt)
{
    int64_t now_s = clock_wall_ms() / 1000;

    switch (jwt_check_time(jwt, now_s)) {
    case JWT_NOW:
        return STATUS_OK;
    case JWT_NOT_YET:
        return refuse(exchange, "it is not good yet");
    case JWT_EXPIRED:
        break;
    }
    return iam_fail(exchange, IAM_EXPIRED_IDENTITY_TOKEN,
                    "Token expired: current date/time %lld must be before the expiration date/time %lld",
                    (long long)now_s, (long long)jwt->expires_s);
}

/* ---- who signed it -------------------------------------------------------------------------------------------- */

struct verifying {
    const struct jwks *keys;
    const struct jwt *jwt;
    enum status status;
};

static void verify(void *arg)
{
    struct verifying *verifying = arg;

    verifying->status = jwks_verify(verifying->keys, verifying->jwt);
}

/* When no key of what is kept has the token's id, the provider may have a new one. */
static enum status verify_signature(struct exchange *exchange, const char *url, const struct jwt *jwt)
{
    struct gateway *gateway = exchange->gateway;
    struct oidc_key_set *set = NULL, *seen = NULL;
    struct verifying verifying = {.jwt = jwt, .status = STATUS_NOT_FOUND};
    enum status status = STATUS_OK;

    for (int attempt = 0; attempt < 2 && !status && verifying.status == STATUS_NOT_FOUND; attempt++) {
        status = oidc_keys_find(gateway->oidc_keys, bytes_from_str(url), seen, &set);
        if (status)
            break;
        verifying.keys = oidc_key_set_get(set);
        pool_run(gateway->pool, verify, &verifying);
        oidc_key_set_release(seen);
        seen = set;
    }
    bool answered = seen != NULL;
    oidc_key_set_release(seen);
    if (verifying.status == STATUS_OK)
        return STATUS_OK;
    if (status == STATUS_LIMIT)
        return iam_fail(exchange, IAM_THROTTLING, "Rate exceeded");
    if (status == STATUS_UNAVAILABLE && !answered)
        return iam_fail(exchange, IAM_IDP_COMMUNICATION_ERROR,
                        "The keys of the identity provider could not be fetched. Please try again.");
    return refuse(exchange,
                  verifying.status == STATUS_DENIED ? "its signature is wrong" : "the provider has no such key");
}

/* ---- what follows --------------------------------------------------------------------------------------------- */

static char *copy_of(struct bytes text)
{
    return text.data ? mem_strndup(text.data, text.len) : NULL;
}

static void take_claims(struct identity_claims *claims, const char *url, const struct jwt *jwt, struct bytes client)
{
    char number[24];

    identity_claims_release(claims);
    claims->issuer = mem_strdup(url);
    claims->subject = copy_of(jwt->subject);
    claims->audience = copy_of(client);
    if (jwt->authorized_party.data)
        claims->other_audience = copy_of(jwt->audience.values[0]);
    for (size_t i = 0; i < jwt->methods.count; i++) {
        snprintf(number, sizeof(number), "%zu", i);
        identity_texts_set(&claims->methods, bytes_from_str(number), jwt->methods.values[i]);
    }
}

/* Whoever signed the request is not who asks: the token's subject is, and nobody else's rights, tags and sessions
 * count.
 */
static void become(struct exchange *exchange, const char *url)
{
    struct iam_call *call = exchange->call;

    exchange->principal = principal_unknown;
    exchange->decision = (struct decision){0};
    signer_session_free(exchange->session);
    exchange->session = NULL;
    identity_release(exchange->identity);
    exchange->identity = NULL;
    free(call->provider_arn);
    call->provider_arn = iam_arn_of(exchange, "oidc-provider", "/", url);
    exchange->principal.caller.kind = POLICY_WEB_IDENTITY;
    exchange->principal.caller.arn = bytes_from_str(call->provider_arn);
}

static enum status verify_jwt(struct exchange *exchange, const struct jwt *jwt)
{
    struct identity_provider provider;
    enum status status;

    if (jwt->carries_tags)
        return refuse(exchange, "claims in https://aws.amazon.com/ (tags, source identity) are not offered here");
    status = find_provider(exchange, jwt, &provider);
    if (status)
        return status;
    struct bytes client = find_client(&provider, jwt);
    if (!client.data)
        status = iam_fail(exchange, IAM_INVALID_IDENTITY_TOKEN, "Incorrect token audience");
    if (!status)
        status = check_time(exchange, jwt);
    if (!status)
        status = verify_signature(exchange, provider.url, jwt);
    if (!status) {
        take_claims(&exchange->call->claims, provider.url, jwt, client);
        become(exchange, provider.url);
    }
    identity_provider_release(&provider);
    return status;
}

enum status iam_web_identity_verify(struct exchange *exchange)
{
    struct bytes token = iam_value(exchange, "WebIdentityToken");
    const char *why;
    struct jwt *jwt; /* has room for a signature: too large for a stack */

    if (token.len < TOKEN_BYTES_MIN || token.len > JWT_BYTES_MAX)
        return iam_fail(exchange, IAM_VALIDATION_ERROR,
                        "1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: "
                        "Member must have length of %d to %d",
                        TOKEN_BYTES_MIN, JWT_BYTES_MAX);
    jwt = mem_zalloc(sizeof(*jwt));
    enum status status = jwt_parse(token, jwt, &why) ? refuse(exchange, why) : verify_jwt(exchange, jwt);
    jwt_release(jwt);
    free(jwt);
    return status;
}

/* Condition keys about temporary credentials; see the header. Source: "AWS global condition context keys", "Available
 * keys for AWS OIDC federation". */
#include "gateway/front/policy_session.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "gateway/front/signer.h"
#include "gateway/iam/call.h"

static enum policy_presence present(struct policy_session_answers *answers, struct bytes text,
                                    struct policy_values *values)
{
    answers->value[0] = text;
    *values = (struct policy_values){answers->value, 1};
    return text.data ? POLICY_KEY_PRESENT : POLICY_KEY_ABSENT;
}

/* A key that is asked for twice has the same value twice; two keys have a place each. */
static struct policy_session_answers *place(const struct policy_question *question, enum policy_session_key key)
{
    return &question->answers->session[key];
}

/* When temporary credentials were made; others have none. */
static struct bytes token_issue_time(const struct policy_question *question)
{
    const struct signer_session *session = question->exchange->session;

    if (!session)
        return (struct bytes){0};
    clock_format_iso8601_ms(session->token.issued_ms, question->answers->issued);
    return bytes_from_str(question->answers->issued);
}

static struct bytes source_identity(const struct policy_question *question)
{
    const struct signer_session *session = question->exchange->session;

    return session && session->token.source_identity ? bytes_from_str(session->token.source_identity)
                                                     : (struct bytes){0};
}

/* Said of temporary credentials only, of which none are made with MFA here. */
static struct bytes mfa_present(const struct policy_question *question)
{
    return question->exchange->session ? BYTES("false") : (struct bytes){0};
}

/* What a provider's token says: of who asks for a role with one, and of the role's session then. */
static const struct identity_claims *claims_of(const struct policy_question *question)
{
    const struct exchange *exchange = question->exchange;
    const struct identity_claims *claims = exchange->call ? &exchange->call->claims : NULL;

    if ((!claims || !claims->issuer) && exchange->session)
        claims = &exchange->session->token.claims;
    return claims && claims->issuer ? claims : NULL;
}

static struct bytes federated_provider(const struct policy_question *question)
{
    const struct identity_claims *claims = claims_of(question);
    char *text = question->answers->provider;

    if (!claims)
        return (struct bytes){0};
    snprintf(text, sizeof(question->answers->provider), "arn:aws:iam::%s:oidc-provider/%s",
             question->exchange->gateway->options.account_id, claims->issuer);
    return bytes_from_str(text);
}

static struct bytes optional(const char *text)
{
    return text ? bytes_from_str(text) : (struct bytes){0};
}

static enum policy_presence find_methods(const struct policy_question *question, const struct identity_claims *claims,
                                         struct policy_values *values)
{
    struct policy_session_answers *answers = place(question, POLICY_SESSION_AMR);
    size_t count = claims->methods.count < JWT_VALUES_MAX ? claims->methods.count : JWT_VALUES_MAX;

    for (size_t i = 0; i < count; i++)
        answers->value[i] = bytes_from_str(claims->methods.items[i].text);
    *values = (struct policy_values){answers->value, count};
    return count > 0 ? POLICY_KEY_PRESENT : POLICY_KEY_ABSENT;
}

/* ISSUER:sub and its kin, of the issuer of these claims. Others that it may have said are not known here. */
static bool find_claim(const struct policy_question *question, struct bytes key, enum policy_presence *presence,
                       struct policy_values *values)
{
    const struct identity_claims *claims = claims_of(question);
    size_t len = claims ? strlen(claims->issuer) : 0;

    if (!claims || key.len <= len + 1 || strncasecmp(key.data, claims->issuer, len) != 0 || key.data[len] != ':')
        return false;
    struct bytes name = bytes_of(key.data + len + 1, key.len - len - 1);
    if (bytes_equal_nocase(name, "sub"))
        *presence = present(place(question, POLICY_SESSION_SUB), bytes_from_str(claims->subject), values);
    else if (bytes_equal_nocase(name, "aud"))
        *presence = present(place(question, POLICY_SESSION_AUD), bytes_from_str(claims->audience), values);
    else if (bytes_equal_nocase(name, "oaud"))
        *presence = present(place(question, POLICY_SESSION_OAUD), optional(claims->other_audience), values);
    else if (bytes_equal_nocase(name, "amr"))
        *presence = find_methods(question, claims, values);
    else
        *presence = POLICY_KEY_UNKNOWN;
    return true;
}

bool policy_session_find(const struct policy_question *question, struct bytes key, enum policy_presence *presence,
                         struct policy_values *values)
{
    static const struct {
        const char *name;
        enum policy_session_key place;
        struct bytes (*find)(const struct policy_question *question); /* data NULL: absent */
    } rows[] = {
        {"aws:FederatedProvider", POLICY_SESSION_PROVIDER, federated_provider},
        {"aws:MultiFactorAuthPresent", POLICY_SESSION_MFA, mfa_present},
        {"aws:SourceIdentity", POLICY_SESSION_SOURCE, source_identity},
        {"aws:TokenIssueTime", POLICY_SESSION_TIME, token_issue_time},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (bytes_equal_nocase(key, rows[i].name)) {
            *presence = present(place(question, rows[i].place), rows[i].find(question), values);
            return true;
        }
    return find_claim(question, key, presence, values);
}

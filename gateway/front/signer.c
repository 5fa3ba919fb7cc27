/* Who a key stands for; see the header.
 *
 * A session is void as soon as what it was made of is: of a user the access key that made it (deleted, inactive, with
 * another secret, or of another user by now), of a role the role with its unique id; one of the same name that was made
 * anew is another one. Session policies are parsed again for each request, within the bounds of a token. */
#include "gateway/front/signer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "gateway/front/operation.h"
#include "gateway/front/pipeline_refusal.h"
#include "gateway/replication/lease.h"
#include "gateway/s3/reply.h"

#define SESSION_TEXT_MAX 512 /* of an ARN: of three names, each of 64 characters at most */

void signer_session_free(struct signer_session *session)
{
    if (!session)
        return;
    for (size_t i = 0; i < session->policy_count; i++)
        policy_free(session->policies[i]);
    identity_session_release(&session->token);
    free(session->arn);
    free(session->user_id);
    free(session->tags);
    free(session);
}

static enum status refuse_access_key(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, S3_INVALID_ACCESS_KEY_ID);
    s3_error_add(&details, "AWSAccessKeyId", exchange->credentials.access_key);
    return s3_fail_details(exchange, &details);
}

/* The secret of a root key; NULL: it is none. */
static const char *root_secret(const struct gateway_options *options, struct bytes access_key)
{
    const char *const keys[][2] = {{options->access_key, options->secret_key},
                                   {options->access_key_2, options->secret_key_2}};
    const char *secret = NULL;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (keys[i][0] && keys[i][0][0] && bytes_equal_constant_time(access_key, bytes_from_str(keys[i][0])))
            secret = keys[i][1];
    return secret;
}

static struct principal principal_of(const struct identity *identity, const struct gateway_options *options)
{
    return (struct principal){
        .caller = {.kind = identity->kind,
                   .account = bytes_from_str(options->account_id),
                   .arn = bytes_from_str(identity->arn),
                   .canonical_id = bytes_from_str(identity->canonical_id),
                   .bounded = identity->boundary != NULL},
        .user_name = bytes_from_str(identity->name),
        .user_id = bytes_from_str(identity->id),
        .tags = identity->tag_list,
        .tag_count = identity->tags.count,
        .policies = {.identity = identity->policies,
                     .identity_count = identity->policy_count,
                     .boundary = identity->boundary ? pooled_policy_get(identity->boundary) : NULL},
    };
}

/* A gateway that was replaced does not know who is there by now. */
static enum status check_lease(struct exchange *exchange)
{
    if (exchange->operation->class == CLASS_SYSTEM || lease_holds(exchange->gateway->lease))
        return STATUS_OK;
    exchange->replaced = true;
    return refuse_replaced(exchange);
}

static enum status fail_find(struct exchange *exchange, enum status status)
{
    if (status == STATUS_CORRUPT) /* no repetition helps */
        return s3_fail(exchange, S3_INTERNAL_ERROR);
    return s3_fail_status(exchange, status);
}

static enum status find_user(struct exchange *exchange)
{
    enum status status = check_lease(exchange);

    if (status)
        return status;
    status = identity_find(&exchange->gateway->identities, exchange->credentials.access_key, &exchange->identity);
    if (status == STATUS_NOT_FOUND || (!status && !exchange->identity->active))
        return refuse_access_key(exchange);
    return status ? fail_find(exchange, status) : STATUS_OK;
}

/* ---- temporary credentials ------------------------------------------------------------------------------------ */

static enum status refuse_token(struct exchange *exchange)
{
    return s3_fail(exchange, S3_INVALID_TOKEN);
}

/* What was parsed when the token was made is parsed now, too; if it were not, it would allow nothing. */
static enum status parse_policies(struct exchange *exchange, struct signer_session *session)
{
    const struct identity_texts *texts = &session->token.policies;
    struct policy_problem problem;

    for (size_t i = 0; i < texts->count; i++) {
        if (policy_parse(bytes_from_str(texts->items[i].text), POLICY_SESSION, (struct bytes){0},
                         &session->policies[session->policy_count], &problem)) {
            log_error("a session policy cannot be used", LOG_STR("problem", problem.text));
            return refuse_token(exchange);
        }
        session->policy_count++;
    }
    return STATUS_OK;
}

static enum status open_token(struct exchange *exchange)
{
    const struct auth_credentials *credentials = &exchange->credentials;
    struct signer_session *session = mem_zalloc(sizeof(*session));

    exchange->session = session;
    if (identity_session_open(&exchange->gateway->seal, credentials->access_key, credentials->session_token,
                              &session->token))
        return refuse_token(exchange);
    return parse_policies(exchange, session);
}

static enum status find_maker(struct exchange *exchange, struct principal *principal)
{
    const struct gateway *gateway = exchange->gateway;
    const struct identity_session *token = &exchange->session->token;
    struct bytes maker = bytes_from_str(token->maker);
    const char *secret = root_secret(&gateway->options, maker);
    enum status status = STATUS_OK;

    *principal = principal_root;
    if (!secret) {
        status = check_lease(exchange);
        if (status)
            return status;
        status = identity_find(&gateway->identities, maker, &exchange->identity);
        if (status == STATUS_NOT_FOUND || (!status && !exchange->identity->active))
            return refuse_token(exchange);
        if (status)
            return fail_find(exchange, status);
        secret = exchange->identity->secret;
        *principal = principal_of(exchange->identity, &gateway->options);
    }
    const char *id = exchange->identity ? exchange->identity->id : "";
    if (strcmp(id, token->holder_id) != 0 || !identity_session_is_bound(token, &gateway->seal, bytes_from_str(secret)))
        return refuse_token(exchange);
    return STATUS_OK;
}

static enum status find_role(struct exchange *exchange, struct principal *principal)
{
    const struct identity_session *token = &exchange->session->token;
    enum status status = check_lease(exchange);

    if (status)
        return status;
    status = identity_find_role(&exchange->gateway->identities, bytes_from_str(token->holder), &exchange->identity);
    if (status && status != STATUS_NOT_FOUND)
        return fail_find(exchange, status);
    if (status || strcmp(exchange->identity->id, token->holder_id) != 0)
        return refuse_token(exchange);
    if (token->issued_ms < exchange->identity->revoked_before_ms)
        return s3_fail(exchange, S3_EXPIRED_TOKEN);
    *principal = principal_of(exchange->identity, &exchange->gateway->options);
    return STATUS_OK;
}

/* A session's tag takes the place of the user's or the role's of that key. */
static void merge_tags(struct signer_session *session, struct principal *principal)
{
    const struct identity_texts *own = &session->token.tags;

    session->tags = mem_realloc(session->tags, (principal->tag_count + own->count + 1) * sizeof(*session->tags));
    session->tag_count = 0;
    for (size_t i = 0; i < principal->tag_count; i++)
        if (!identity_texts_find(own, principal->tags[i].key))
            session->tags[session->tag_count++] = principal->tags[i];
    for (size_t i = 0; i < own->count; i++)
        session->tags[session->tag_count++] =
            (struct tag){bytes_from_str(own->items[i].name), bytes_from_str(own->items[i].text)};
    principal->tags = session->tags;
    principal->tag_count = session->tag_count;
}

static char *take_text(const struct buffer *text, enum status written)
{
    CHECK(written == STATUS_OK);
    return text->data;
}

/* arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION, whose role's path is not in it; or federated-user/NAME. */
static void name_session(struct signer_session *session, const char *account, const struct identity *identity)
{
    const struct identity_session *token = &session->token;
    bool of_role = token->kind == SESSION_OF_ROLE;
    struct buffer arn, id;

    if (session->arn)
        return;
    buffer_init(&arn, SESSION_TEXT_MAX);
    buffer_init(&id, SESSION_TEXT_MAX);
    session->arn = take_text(&arn, buffer_printf(&arn, "arn:aws:sts::%s:%s/%s%s%s", account,
                                                 of_role ? "assumed-role" : "federated-user",
                                                 of_role ? identity->name : "", of_role ? "/" : "", token->name));
    session->user_id = take_text(&id, buffer_printf(&id, "%s:%s", of_role ? identity->id : account, token->name));
}

static void set_session_caller(struct exchange *exchange, enum policy_caller_kind kind, struct principal *principal)
{
    const struct gateway_options *options = &exchange->gateway->options;
    struct signer_session *session = exchange->session;

    name_session(session, options->account_id, exchange->identity);
    principal->caller.kind = kind;
    principal->caller.account = bytes_from_str(options->account_id);
    principal->caller.issuer_arn = principal->caller.arn;
    principal->caller.arn = bytes_from_str(session->arn);
    principal->user_name = (struct bytes){0};
    principal->user_id = bytes_from_str(session->user_id);
}

/* Of root's federated users: everything, of which their session policies leave something. */
static struct policy *of_everything;
static pthread_once_t of_everything_once = PTHREAD_ONCE_INIT;

static void parse_of_everything(void)
{
    struct policy_problem problem;

    CHECK(policy_parse(BYTES("{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}"),
                       POLICY_IDENTITY, (struct bytes){0}, &of_everything, &problem) == STATUS_OK);
}

static struct principal federated_of_root(const struct exchange *exchange, char *root_arn)
{
    CHECK(pthread_once(&of_everything_once, parse_of_everything) == 0);
    snprintf(root_arn, sizeof(exchange->session->root_arn), "arn:aws:iam::%s:root",
             exchange->gateway->options.account_id);
    return (struct principal){
        .caller = {.arn = bytes_from_str(root_arn)},
        .policies = {.identity = (const struct policy *const *)&of_everything, .identity_count = 1},
    };
}

static void add_session(struct exchange *exchange, struct principal *principal)
{
    struct signer_session *session = exchange->session;

    switch (session->token.kind) {
    case SESSION_OF_USER:
        return;
    case SESSION_FEDERATED:
        if (!exchange->identity)
            *principal = federated_of_root(exchange, session->root_arn);
        set_session_caller(exchange, POLICY_FEDERATED, principal);
        break;
    case SESSION_OF_ROLE:
        set_session_caller(exchange, POLICY_ROLE_SESSION, principal);
        break;
    }
    principal->policies.session = (const struct policy *const *)session->policies;
    principal->policies.session_count = session->policy_count;
    merge_tags(session, principal);
}

static enum status find_session(struct exchange *exchange, struct signer *signer)
{
    enum status status = exchange->session ? STATUS_OK : open_token(exchange);
    const struct identity_session *token = &exchange->session->token;

    if (status)
        return status;
    if (token->expires_ms <= clock_wall_ms())
        return s3_fail(exchange, S3_EXPIRED_TOKEN);
    status = token->kind == SESSION_OF_ROLE ? find_role(exchange, &signer->principal)
                                            : find_maker(exchange, &signer->principal);
    if (status)
        return status;
    add_session(exchange, &signer->principal);
    signer->secret = token->secret;
    return STATUS_OK;
}

enum status signer_find(struct exchange *exchange, struct signer *signer)
{
    const struct gateway_options *options = &exchange->gateway->options;
    enum status status;

    if (exchange->credentials.session_token.data) {
        status = find_session(exchange, signer);
    } else {
        signer->secret = root_secret(options, exchange->credentials.access_key);
        signer->principal = principal_root;
        status = signer->secret ? STATUS_OK : find_user(exchange);
        if (!status && !signer->secret) {
            signer->secret = exchange->identity->secret;
            signer->principal = principal_of(exchange->identity, options);
        }
    }
    signer->principal.access_key = exchange->credentials.access_key;
    return status;
}

const char *signer_secret(const struct exchange *exchange)
{
    if (exchange->session)
        return NULL;
    return exchange->identity ? exchange->identity->secret
                              : root_secret(&exchange->gateway->options, exchange->credentials.access_key);
}

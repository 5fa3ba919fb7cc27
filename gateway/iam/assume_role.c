/* AssumeRole and AssumeRoleWithWebIdentity. Who may was decided by the role's trust policy and the caller's own
 * (trust.h, right.c); here the session is made, of the role as it was then. Source: "AssumeRole", "Role chaining". */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/iam_names.h"
#include "gateway/front/signer.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/holder.h"
#include "gateway/iam/session_request.h"
#include "gateway/iam/trust.h"

#define NAME_SIGNS          "_+=,.@-"
#define SESSION_NAME_MIN    2
#define SESSION_NAME_MAX    64
#define EXTERNAL_ID_MIN     2
#define EXTERNAL_ID_MAX     1224
#define SOURCE_IDENTITY_MIN 2
#define SOURCE_IDENTITY_MAX 256
#define CHAINED_SECONDS_MAX 3600

static enum status check_source_identity(struct exchange *exchange)
{
    const struct signer_session *caller = exchange->session;
    struct bytes asked = iam_value(exchange, "SourceIdentity");

    if (!asked.data)
        return STATUS_OK;
    enum status status =
        session_check_text(exchange, asked, "sourceIdentity", NAME_SIGNS, SOURCE_IDENTITY_MIN, SOURCE_IDENTITY_MAX);
    if (!status && caller && caller->token.source_identity && !bytes_equal_str(asked, caller->token.source_identity))
        return iam_fail(exchange, IAM_ACCESS_DENIED, "The source identity of a session cannot be changed.");
    return status;
}

static enum status check_names(struct exchange *exchange)
{
    struct bytes external_id = iam_value(exchange, "ExternalId");
    enum status status = session_check_text(exchange, iam_value(exchange, "RoleSessionName"), "roleSessionName",
                                            NAME_SIGNS, SESSION_NAME_MIN, SESSION_NAME_MAX);

    if (!status && external_id.data)
        status =
            session_check_text(exchange, external_id, "externalId", NAME_SIGNS ":/", EXTERNAL_ID_MIN, EXTERNAL_ID_MAX);
    return status ? status : check_source_identity(exchange);
}

/* A role that was assumed by a role lasts an hour at most, whatever it allows. */
static enum status read_seconds(struct exchange *exchange, int64_t *seconds)
{
    bool chained = exchange->session && exchange->session->token.kind == SESSION_OF_ROLE;
    enum status status = session_read_seconds(exchange, SESSION_SECONDS_DEFAULT, IAM_SESSION_SECONDS_MAX, seconds);

    if (status)
        return status;
    if (chained && *seconds > CHAINED_SECONDS_MAX)
        return iam_fail(exchange, IAM_VALIDATION_ERROR,
                        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
                        "chaining.");
    if (*seconds > exchange->call->trust->role.session_seconds_max)
        return iam_fail(exchange, IAM_VALIDATION_ERROR,
                        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    return STATUS_OK;
}

static enum status read_session(struct exchange *exchange, struct identity_session *session)
{
    const struct identity_role *role = &exchange->call->trust->role;
    struct bytes name = iam_value(exchange, "RoleSessionName"), source = exchange->call->source_identity;
    int64_t seconds;
    enum status status = check_names(exchange);

    if (!status)
        status = read_seconds(exchange, &seconds);
    if (status)
        return status;
    identity_session_begin(session, SESSION_OF_ROLE, seconds);
    session->holder = mem_strdup(role->name);
    session->holder_id = mem_strdup(role->id);
    session->name = mem_strndup(name.data, name.len);
    session->claims = exchange->call->claims;
    exchange->call->claims = (struct identity_claims){.issuer = NULL};
    session->source_identity = source.data ? mem_strndup(source.data, source.len) : NULL;
    status = session_read_policies(exchange, session);
    if (!status)
        status = session_read_tags(exchange, session);
    return status ? status : session_check_packed(exchange, session);
}

static void write_role_user(struct exchange *exchange, struct xml_writer *xml, const struct identity_session *session)
{
    struct buffer text;

    buffer_init(&text, IAM_ARN_MAX);
    xml_writer_open(xml, "AssumedRoleUser");
    enum status status = buffer_printf(&text, "%s:%s", session->holder_id, session->name);
    CHECK(status == STATUS_OK);
    xml_writer_element(xml, "AssumedRoleId", buffer_bytes(&text));
    buffer_clear(&text);
    status = buffer_printf(&text, "arn:aws:sts::%s:assumed-role/%s/%s", exchange->gateway->options.account_id,
                           session->holder, session->name);
    CHECK(status == STATUS_OK);
    xml_writer_element(xml, "Arn", buffer_bytes(&text));
    xml_writer_close(xml);
    buffer_release(&text);
}

static void answer_session(struct exchange *exchange, const struct identity_session *session)
{
    const struct identity_claims *claims = &session->claims;
    struct iam_answer answer;

    iam_answer_begin(exchange, &answer);
    enum status status = session_write_credentials(exchange, &answer, session);
    if (claims->issuer)
        xml_writer_element_str(answer.xml, "SubjectFromWebIdentityToken", claims->subject);
    write_role_user(exchange, answer.xml, session);
    if (session->policies.count > 0 || session->tags.count > 0)
        session_write_packed_size(answer.xml, session);
    if (claims->issuer) {
        xml_writer_element_str(answer.xml, "Provider", claims->issuer);
        xml_writer_element_str(answer.xml, "Audience", claims->audience);
    }
    if (session->source_identity)
        xml_writer_element_str(answer.xml, "SourceIdentity", session->source_identity);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, status));
}

void sts_assume_role(struct exchange *exchange)
{
    struct identity_session session = {.kind = SESSION_OF_ROLE};

    if (!read_session(exchange, &session))
        answer_session(exchange, &session);
    if (session.claims.issuer) { /* the audit log says of whom */
        exchange->call->claims = session.claims;
        session.claims = (struct identity_claims){.issuer = NULL};
    }
    identity_session_release(&session);
}

/* Who asks was found by the token (web_identity.h), and is nobody's session. */
void sts_assume_role_with_web_identity(struct exchange *exchange)
{
    sts_assume_role(exchange);
}

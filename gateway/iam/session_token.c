/* Temporary credentials of who calls: GetSessionToken, which is the caller again, and GetFederationToken, which has
 * what session policies leave of the caller. Only access keys that last make them (call.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "gateway/front/signer.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/holder.h"
#include "gateway/iam/session_request.h"

#define FEDERATED_NAME_MIN 2
#define FEDERATED_NAME_MAX 32

static enum status read_seconds(struct exchange *exchange, int64_t *seconds)
{
    enum status status = session_read_seconds(exchange, SESSION_TOKEN_SECONDS, SESSION_TOKEN_MAX_SECS, seconds);

    if (!status && exchange->principal.caller.kind == POLICY_ROOT && *seconds > SESSION_OF_ROOT_SECS_MAX)
        *seconds = SESSION_OF_ROOT_SECS_MAX;
    return status;
}

void sts_get_session_token(struct exchange *exchange)
{
    struct identity_session session;
    struct iam_answer answer;
    int64_t seconds;

    if (read_seconds(exchange, &seconds))
        return;
    session_begin_of_caller(exchange, SESSION_OF_USER, seconds, &session);
    session.name = mem_strdup("");
    iam_answer_begin(exchange, &answer);
    enum status status = session_write_credentials(exchange, &answer, &session);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, status));
    identity_session_release(&session);
}

static enum status read_federation(struct exchange *exchange, struct identity_session *session)
{
    struct bytes name = iam_value(exchange, "Name");
    int64_t seconds;
    enum status status = session_check_text(exchange, name, "name", "_+=,.@-", FEDERATED_NAME_MIN, FEDERATED_NAME_MAX);

    if (!status)
        status = read_seconds(exchange, &seconds);
    if (status)
        return status;
    session_begin_of_caller(exchange, SESSION_FEDERATED, seconds, session);
    session->name = mem_strndup(name.data, name.len);
    status = session_read_policies(exchange, session);
    if (!status)
        status = session_read_tags(exchange, session);
    return status ? status : session_check_packed(exchange, session);
}

static void answer_federation(struct exchange *exchange, const struct identity_session *session)
{
    const char *account = exchange->gateway->options.account_id;
    struct iam_answer answer;
    char text[128];

    iam_answer_begin(exchange, &answer);
    enum status status = session_write_credentials(exchange, &answer, session);
    xml_writer_open(answer.xml, "FederatedUser");
    snprintf(text, sizeof(text), "%s:%s", account, session->name);
    xml_writer_element_str(answer.xml, "FederatedUserId", text);
    xml_writer_element(answer.xml, "Arn", buffer_bytes(&exchange->call->arn));
    xml_writer_close(answer.xml);
    session_write_packed_size(answer.xml, session);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, status));
}

void sts_get_federation_token(struct exchange *exchange)
{
    struct identity_session session = {.kind = SESSION_FEDERATED};

    if (!read_federation(exchange, &session))
        answer_federation(exchange, &session);
    identity_session_release(&session);
}

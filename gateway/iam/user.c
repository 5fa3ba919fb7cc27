/* Users. The account's root is none of them, and is shown when it asks for itself. */
#include "compat/iam_names.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/reply.h"

#include <stdio.h>

static void get_root(struct exchange *exchange)
{
    struct iam_answer answer;
    char arn[64];

    snprintf(arn, sizeof(arn), "arn:aws:iam::%s:root", exchange->gateway->options.account_id);
    iam_answer_begin(exchange, &answer);
    xml_writer_open(answer.xml, "User");
    xml_writer_element_str(answer.xml, "UserId", exchange->gateway->options.account_id);
    xml_writer_element_str(answer.xml, "Arn", arn);
    iam_element_time(answer.xml, "CreateDate", exchange->gateway->started_ms);
    xml_writer_close(answer.xml);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer));
}

void iam_get_user(struct exchange *exchange)
{
    struct bytes name = iam_request_value(&exchange->call->request, "UserName");

    if (!name.data) {
        get_root(exchange);
        return;
    }
    HTTP_LAST_REPLY(
        iam_fail(exchange, IAM_NO_SUCH_ENTITY, "The user with name %.*s cannot be found.", (int)name.len, name.data));
}

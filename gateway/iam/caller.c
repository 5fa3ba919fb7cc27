/* STS, as far as it says who calls. Source: "GetCallerIdentity", which needs no right and which no policy takes away.
 */
#include <stdio.h>

#include "gateway/iam/handlers.h"
#include "gateway/iam/reply.h"

void sts_get_caller_identity(struct exchange *exchange)
{
    const char *account = exchange->gateway->options.account_id;
    bool is_root = exchange->principal.caller.kind == POLICY_ROOT;
    struct iam_answer answer;
    char root_arn[64];

    snprintf(root_arn, sizeof(root_arn), "arn:aws:iam::%s:root", account);
    iam_answer_begin(exchange, &answer);
    xml_writer_element(answer.xml, "Arn", is_root ? bytes_from_str(root_arn) : exchange->principal.caller.arn);
    xml_writer_element(answer.xml, "UserId", is_root ? bytes_from_str(account) : exchange->principal.user_id);
    xml_writer_element_str(answer.xml, "Account", account);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
}

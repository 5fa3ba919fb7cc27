/* Inline policies of users, groups and roles. */
#include "compat/iam_names.h"
#include "gateway/iam/elements.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/page.h"
#include "gateway/iam/policy_text.h"

static enum status read_name(struct exchange *exchange, struct bytes *name)
{
    struct iam_error error = {0};

    *name = iam_value(exchange, "PolicyName");
    return iam_name_check(*name, "policyName", IAM_NAME_MAX, &error) ? iam_fail_error(exchange, &error) : STATUS_OK;
}

static enum status refuse_absent(struct exchange *exchange, const struct iam_holder *holder, struct bytes name)
{
    return iam_fail(exchange, IAM_NO_SUCH_ENTITY, "The %s policy with name %.*s cannot be found.", holder->kind->word,
                    (int)name.len, name.data);
}

/* What counts is all of them together, without white space. */
static enum status check_sum(struct exchange *exchange, const struct iam_holder *holder)
{
    size_t chars = 0;

    for (size_t i = 0; i < holder->policies->count; i++)
        chars += policy_quota_chars(bytes_from_str(holder->policies->items[i].text));
    if (chars <= holder->kind->policies_chars_max)
        return STATUS_OK;
    return iam_fail(exchange, IAM_LIMIT_EXCEEDED, "Maximum policy size of %zu bytes exceeded for %s %s",
                    holder->kind->policies_chars_max, holder->kind->word, holder->name);
}

struct put_policy {
    struct bytes name, text;
};

static enum status decide_put(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    const struct put_policy *put = arg;
    struct iam_holder holder;
    enum status status = iam_holder_load(exchange, &holder);

    if (!status) {
        identity_texts_set(holder.policies, put->name, put->text);
        status = check_sum(exchange, &holder);
    }
    if (!status)
        iam_holder_put(changes, &holder);
    iam_holder_release(&holder);
    return status;
}

void iam_put_inline_policy(struct exchange *exchange)
{
    struct put_policy put;

    if (read_name(exchange, &put.name))
        return;
    put.text = iam_policy_text(exchange, "PolicyDocument", POLICY_IDENTITY);
    if (put.text.data && !iam_change(exchange, decide_put, &put))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

void iam_get_inline_policy(struct exchange *exchange)
{
    struct iam_holder holder;
    struct iam_answer answer;
    struct bytes name;

    if (read_name(exchange, &name) || iam_holder_load(exchange, &holder))
        return;
    const char *text = identity_texts_find(holder.policies, name);
    if (!text) {
        HTTP_LAST_REPLY(refuse_absent(exchange, &holder, name));
    } else {
        iam_answer_begin(exchange, &answer);
        xml_writer_element_str(answer.xml, holder.kind->parameter, holder.name);
        xml_writer_element(answer.xml, "PolicyName", name);
        iam_element_document(answer.xml, "PolicyDocument", bytes_from_str(text));
        HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
    }
    iam_holder_release(&holder);
}

static enum status decide_delete(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    const struct bytes *name = arg;
    struct iam_holder holder;
    enum status status = iam_holder_load(exchange, &holder);

    if (!status && !identity_texts_remove(holder.policies, *name))
        status = refuse_absent(exchange, &holder, *name);
    if (!status)
        iam_holder_put(changes, &holder);
    iam_holder_release(&holder);
    return status;
}

void iam_delete_inline_policy(struct exchange *exchange)
{
    struct bytes name;

    if (!read_name(exchange, &name) && !iam_change(exchange, decide_delete, &name))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

void iam_list_inline_policies(struct exchange *exchange)
{
    struct iam_holder holder;
    struct iam_answer answer;
    struct iam_span span;

    if (iam_holder_load(exchange, &holder))
        return;
    if (!iam_span_read(exchange, holder.policies->count, &span)) {
        iam_answer_begin(exchange, &answer);
        xml_writer_open(answer.xml, "PolicyNames");
        for (size_t i = span.first; i < span.end; i++)
            xml_writer_element_str(answer.xml, "member", holder.policies->items[i].name);
        xml_writer_close(answer.xml);
        iam_page_write(answer.xml, &span.page);
        HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
    }
    iam_holder_release(&holder);
}

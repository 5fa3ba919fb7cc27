/* Tags of users, roles, managed policies and OpenID Connect providers. */
#include <stdlib.h>

#include "base/check.h"
#include "compat/iam_names.h"
#include "gateway/front/operation.h"
#include "gateway/iam/elements.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/page.h"
#include "gateway/iam/provider.h"

/* What has tags: one of these, by the operation's subject. */
struct tagged {
    enum iam_subject subject;
    struct iam_holder holder;
    struct identity_managed_policy policy;
    struct identity_provider provider;
    struct identity_texts *tags;
};

static enum status tagged_load(struct exchange *exchange, bool to_change, struct tagged *tagged)
{
    enum status status;

    *tagged = (struct tagged){.subject = exchange->operation->subject};
    switch (tagged->subject) {
    case IAM_OF_POLICY:
        tagged->tags = &tagged->policy.tags;
        return to_change ? iam_policy_load_own(exchange, &tagged->policy)
                         : iam_policy_load(exchange, iam_value(exchange, "PolicyArn"), false, &tagged->policy);
    case IAM_OF_PROVIDER:
        tagged->tags = &tagged->provider.tags;
        return iam_provider_load(exchange, &tagged->provider);
    default:
        status = iam_holder_load(exchange, &tagged->holder);
        tagged->tags = tagged->holder.tags;
        return status;
    }
}

static void tagged_put(struct identity_changes *changes, const struct tagged *tagged)
{
    if (tagged->subject == IAM_OF_POLICY)
        identity_managed_policy_put(changes, &tagged->policy);
    else if (tagged->subject == IAM_OF_PROVIDER)
        identity_provider_put(changes, &tagged->provider);
    else
        iam_holder_put(changes, &tagged->holder);
}

static void tagged_release(struct tagged *tagged)
{
    iam_holder_release(&tagged->holder);
    identity_managed_policy_release(&tagged->policy);
    identity_provider_release(&tagged->provider);
}

struct new_tags {
    struct tag tags[IAM_TAGS_MAX];
    size_t count;
};

static enum status decide_tag(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    const struct new_tags *new = arg;
    struct tagged tagged;
    enum status status = tagged_load(exchange, true, &tagged);

    if (!status) {
        for (size_t i = 0; i < new->count; i++)
            identity_texts_set(tagged.tags, new->tags[i].key, new->tags[i].value);
        if (tagged.tags->count > IAM_TAGS_MAX)
            status = iam_fail(exchange, IAM_LIMIT_EXCEEDED, "The number of tags has reached the maximum limit.");
    }
    if (!status)
        tagged_put(changes, &tagged);
    tagged_release(&tagged);
    return status;
}

void iam_tag(struct exchange *exchange)
{
    struct iam_error error = {0};
    struct new_tags new;

    if (iam_request_tags(&exchange->call->request, new.tags, &new.count, &error))
        HTTP_LAST_REPLY(iam_fail_error(exchange, &error));
    else if (!iam_change(exchange, decide_tag, &new))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

struct old_tags {
    struct bytes keys[IAM_TAGS_MAX];
    size_t count;
};

/* A key that is not there is no error. */
static enum status decide_untag(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    const struct old_tags *old = arg;
    struct tagged tagged;
    enum status status = tagged_load(exchange, true, &tagged);

    if (!status) {
        for (size_t i = 0; i < old->count; i++)
            identity_texts_remove(tagged.tags, old->keys[i]);
        tagged_put(changes, &tagged);
    }
    tagged_release(&tagged);
    return status;
}

void iam_untag(struct exchange *exchange)
{
    struct iam_error error = {0};
    struct old_tags old;

    if (iam_request_list(&exchange->call->request, "TagKeys", IAM_TAGS_MAX, old.keys, &old.count, &error))
        HTTP_LAST_REPLY(iam_fail_error(exchange, &error));
    else if (!iam_change(exchange, decide_untag, &old))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

void iam_list_tags(struct exchange *exchange)
{
    struct iam_answer answer;
    struct iam_span span;
    struct tagged tagged;

    if (!tagged_load(exchange, false, &tagged) && !iam_span_read(exchange, tagged.tags->count, &span)) {
        const struct identity_texts page = {tagged.tags->items + span.first, span.end - span.first};
        iam_answer_begin(exchange, &answer);
        iam_write_tags(answer.xml, &page);
        iam_page_write(answer.xml, &span.page);
        HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
    }
    tagged_release(&tagged);
}

/* The ARN of what a call is done to; see call.h and subject.h. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/iam_names.h"
#include "gateway/front/operation.h"
#include "gateway/iam/holder.h"
#include "gateway/iam/reply.h"
#include "gateway/iam/trust.h"
#include "gateway/identity/access_key.h"

/* `path` without the slash in front of it. */
static enum status make_arn(struct exchange *exchange, const char *kind, struct bytes path, struct bytes name)
{
    struct buffer *arn = &exchange->call->arn;

    if (path.len == 0 || path.data[0] != '/')
        path = BYTES("/");
    if (buffer_printf(arn, "arn:aws:iam::%s:%s", exchange->gateway->options.account_id, kind) ||
        buffer_append_bytes(arn, path) || buffer_append_bytes(arn, name))
        return iam_fail(exchange, IAM_VALIDATION_ERROR, "The name or the path is too long.");
    return STATUS_OK;
}

void iam_take_subject(struct iam_call *call, char **boundary, struct identity_texts *tags)
{
    call->subject_is_known = true;
    if (boundary) {
        call->subject_boundary = *boundary;
        *boundary = NULL;
    }
    if (!tags)
        return;
    call->subject_texts = *tags;
    *tags = (struct identity_texts){0};
    for (size_t i = 0; i < call->subject_texts.count && i < IAM_TAGS_MAX; i++)
        call->subject_tags[call->subject_tag_count++] = (struct tag){bytes_from_str(call->subject_texts.items[i].name),
                                                                     bytes_from_str(call->subject_texts.items[i].text)};
}

/* One that is there is named as it is, whatever the case that it is asked for in. */
static enum status make_of_holder(struct exchange *exchange, enum identity_table table, const char *kind,
                                  struct bytes name)
{
    struct iam_holder holder;
    enum status status =
        name.len > 0 && name.len <= IAM_NAME_MAX ? iam_holder_find(exchange, table, name, &holder) : STATUS_NOT_FOUND;

    exchange->call->subject_is_known = !status || status == STATUS_NOT_FOUND;
    if (status == STATUS_NOT_FOUND)
        return make_arn(exchange, kind, BYTES("/"), name);
    if (status)
        return iam_fail_status(exchange, status);
    status = make_arn(exchange, kind, bytes_from_str(holder.path), bytes_from_str(holder.name));
    iam_take_subject(exchange->call, holder.boundary, holder.tags);
    iam_holder_release(&holder);
    return status;
}

static enum status make_of_caller(struct exchange *exchange)
{
    struct bytes name = iam_user_name(exchange);

    if (name.data)
        return make_of_holder(exchange, IDENTITY_USERS, "user", name);
    if (exchange->principal.caller.kind != POLICY_ROOT)
        return iam_fail(exchange, IAM_VALIDATION_ERROR, "Must specify userName when calling with non-User credentials");
    if (buffer_printf(&exchange->call->arn, "arn:aws:iam::%s:root", exchange->gateway->options.account_id))
        return iam_fail_status(exchange, STATUS_LIMIT);
    return STATUS_OK;
}

static enum status make_of_key(struct exchange *exchange)
{
    struct identity_access_key key;
    enum status status = identity_access_key_load(exchange->gateway->meta, iam_value(exchange, "AccessKeyId"), &key);

    if (status == STATUS_NOT_FOUND)
        return make_arn(exchange, "user", BYTES("/"), (struct bytes){0});
    if (status)
        return iam_fail_status(exchange, status);
    status = make_of_holder(exchange, IDENTITY_USERS, "user", bytes_from_str(key.user));
    identity_access_key_release(&key);
    return status;
}

/* As the call names it; the handler looks for exactly that. */
static enum status make_given(struct exchange *exchange, const char *parameter)
{
    struct bytes arn = iam_value(exchange, parameter);

    if (arn.len > 0 && buffer_append_bytes(&exchange->call->arn, arn) == STATUS_OK)
        return STATUS_OK;
    return iam_fail(exchange, IAM_VALIDATION_ERROR, "The request has no %s, or one that is too long.", parameter);
}

static enum status make_of_policy(struct exchange *exchange)
{
    struct identity_managed_policy policy;
    enum status status = make_given(exchange, "PolicyArn");

    if (!status && !identity_managed_policy_load_arn(exchange->gateway->meta, exchange->gateway->options.account_id,
                                                     iam_value(exchange, "PolicyArn"), &policy)) {
        iam_take_subject(exchange->call, NULL, &policy.tags);
        identity_managed_policy_release(&policy);
    }
    return status;
}

static enum status make_of_new(struct exchange *exchange, const char *kind, const char *parameter)
{
    return make_arn(exchange, kind, iam_value(exchange, "Path"), iam_value(exchange, parameter));
}

static enum status make_of_new_provider(struct exchange *exchange)
{
    struct bytes url = iam_value(exchange, "Url");

    if (bytes_starts_with(url, BYTES("https://")))
        url = bytes_of(url.data + 8, url.len - 8);
    else if (bytes_starts_with(url, BYTES("http://"))) /* of one on this host, if at all: provider.c */
        url = bytes_of(url.data + 7, url.len - 7);
    return make_arn(exchange, "oidc-provider", BYTES("/"), url);
}

static enum status make_of_federated(struct exchange *exchange)
{
    struct buffer *arn = &exchange->call->arn;

    if (buffer_printf(arn, "arn:aws:sts::%s:federated-user/", exchange->gateway->options.account_id) ||
        buffer_append_bytes(arn, iam_value(exchange, "Name")))
        return iam_fail(exchange, IAM_VALIDATION_ERROR, "The name is too long.");
    return STATUS_OK;
}

static enum status make(struct exchange *exchange)
{
    struct bytes prefix = iam_value(exchange, "PathPrefix");

    switch (exchange->operation->subject) {
    case IAM_OF_ACCOUNT:
        return buffer_append_char(&exchange->call->arn, '*') ? iam_fail_status(exchange, STATUS_LIMIT) : STATUS_OK;
    case IAM_OF_CALLER:
        return make_of_caller(exchange);
    case IAM_OF_USER:
        return make_of_holder(exchange, IDENTITY_USERS, "user", iam_value(exchange, "UserName"));
    case IAM_OF_GROUP:
        return make_of_holder(exchange, IDENTITY_GROUPS, "group", iam_value(exchange, "GroupName"));
    case IAM_OF_ROLE:
        return make_of_holder(exchange, IDENTITY_ROLES, "role", iam_value(exchange, "RoleName"));
    case IAM_OF_POLICY:
        return make_of_policy(exchange);
    case IAM_OF_PROVIDER:
        return make_given(exchange, "OpenIDConnectProviderArn");
    case IAM_OF_SOURCE:
        return make_given(exchange, "PolicySourceArn");
    case IAM_OF_KEY:
        return make_of_key(exchange);
    case IAM_TO_ASSUME:
        return iam_trust_load(exchange);
    case IAM_TO_FEDERATE:
        return make_of_federated(exchange);
    case IAM_NEW_USER:
        return make_of_new(exchange, "user", "UserName");
    case IAM_NEW_GROUP:
        return make_of_new(exchange, "group", "GroupName");
    case IAM_NEW_ROLE:
        return make_of_new(exchange, "role", "RoleName");
    case IAM_NEW_POLICY:
        return make_of_new(exchange, "policy", "PolicyName");
    case IAM_NEW_PROVIDER:
        return make_of_new_provider(exchange);
    case IAM_ALL_USERS:
        return make_arn(exchange, "user", prefix, (struct bytes){0});
    case IAM_ALL_GROUPS:
        return make_arn(exchange, "group", prefix, (struct bytes){0});
    case IAM_ALL_ROLES:
        return make_arn(exchange, "role", prefix, (struct bytes){0});
    }
    return iam_fail_status(exchange, STATUS_INTERNAL);
}

/* What is wrong in it, the handler says. */
static void read_keys(struct exchange *exchange)
{
    struct iam_call *call = exchange->call;
    struct iam_error error;

    if (iam_request_tags(&call->request, call->tags, &call->tag_count, &error))
        call->tag_count = 0;
    if (iam_request_list(&call->request, "TagKeys", IAM_TAGS_MAX, call->tag_keys, &call->tag_key_count, &error))
        call->tag_key_count = 0;
    for (size_t i = 0; i < call->tag_count; i++)
        call->tag_keys[i] = call->tags[i].key; /* no action has both */
    if (call->tag_count > 0)
        call->tag_key_count = call->tag_count;
    if (iam_request_list(&call->request, "TransitiveTagKeys", IAM_TAGS_MAX, call->transitive, &call->transitive_count,
                         &error))
        call->transitive_count = 0;
    call->external_id = iam_value(exchange, "ExternalId");
    call->session_name = iam_value(exchange, "RoleSessionName");
    call->source_identity = iam_source_identity(exchange);
    call->policy_arn = iam_value(exchange, "PolicyArn");
    call->boundary = iam_value(exchange, "PermissionsBoundary");
    if (!call->boundary.data && call->subject_boundary)
        call->boundary = bytes_from_str(call->subject_boundary);
}

static void forget(struct iam_call *call)
{
    iam_trust_free(call->trust);
    call->trust = NULL;
    buffer_clear(&call->arn);
    identity_texts_release(&call->subject_texts);
    free(call->subject_boundary);
    call->subject_boundary = NULL;
    call->subject_tag_count = 0;
    call->subject_is_known = false;
}

enum status iam_call_resource(struct exchange *exchange, struct resource *resource)
{
    forget(exchange->call);
    enum status status = make(exchange);
    read_keys(exchange);
    *resource = (struct resource){.kind = RESOURCE_ARN, .key = buffer_bytes(&exchange->call->arn)};
    if (exchange->call->trust)
        resource->policy = exchange->call->trust->policy;
    return status;
}

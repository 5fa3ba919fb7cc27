/* The condition keys of a request; see the header.
 *
 * Buckets have no tags that count for access: the keys about them are absent. Those about tags of objects are in
 * policy_tags.c. The peer of the connection is the source address: no setting names proxies that could be believed.
 */
#include "gateway/front/policy_context.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "gateway/front/operation.h"
#include "gateway/front/policy_lock.h"
#include "gateway/front/policy_session.h"
#include "gateway/front/policy_tags.h"
#include "gateway/iam/keys.h"
#include "gateway/s3/post_form.h"
#include "gateway/s3/request.h"

/* ---- who asks ------------------------------------------------------------------------------------------------- */

static struct bytes account(const struct policy_question *question)
{
    return bytes_from_str(question->exchange->gateway->options.account_id);
}

static bool is_root(const struct policy_question *question)
{
    return question->exchange->principal.caller.kind == POLICY_ROOT;
}

static struct bytes principal_account(const struct policy_question *question)
{
    return is_root(question) ? account(question) : question->exchange->principal.caller.account;
}

/* Of a session of a role the role's. */
static struct bytes principal_arn(const struct policy_question *question)
{
    const struct policy_caller *caller = &question->exchange->principal.caller;
    char *text = question->answers->root_arn;

    if (caller->kind == POLICY_WEB_IDENTITY)
        return (struct bytes){0};
    if (caller->kind == POLICY_ROLE_SESSION)
        return caller->issuer_arn;
    if (caller->kind != POLICY_ROOT || caller->arn.len > 0)
        return caller->arn;
    snprintf(text, sizeof(question->answers->root_arn), "arn:aws:iam::%s:root",
             question->exchange->gateway->options.account_id);
    return bytes_from_str(text);
}

static struct bytes principal_type(const struct policy_question *question)
{
    switch (question->exchange->principal.caller.kind) {
    case POLICY_ANONYMOUS:
    case POLICY_WEB_IDENTITY:
        return BYTES("Anonymous");
    case POLICY_ROOT:
        return BYTES("Account");
    case POLICY_USER:
        return BYTES("User");
    case POLICY_ROLE_SESSION:
        return BYTES("AssumedRole");
    case POLICY_FEDERATED:
        return BYTES("FederatedUser");
    case POLICY_SERVICE: /* comes by no request */
        break;
    }
    return (struct bytes){0};
}

static struct bytes user_id(const struct policy_question *question)
{
    return is_root(question) ? account(question) : question->exchange->principal.user_id;
}

static struct bytes user_name(const struct policy_question *question)
{
    return question->exchange->principal.user_name;
}

/* Said of everybody who has credentials. */
static struct bytes is_no_service(const struct policy_question *question)
{
    return question->exchange->principal.caller.kind == POLICY_ANONYMOUS ? (struct bytes){0} : BYTES("false");
}

/* ---- how it asks ---------------------------------------------------------------------------------------------- */

static struct bytes source_ip(const struct policy_question *question)
{
    http_request_peer_text(question->exchange->http, question->answers->address);
    return bytes_from_str(question->answers->address);
}

static struct bytes secure_transport(const struct policy_question *question)
{
    return question->exchange->http->tls ? BYTES("true") : BYTES("false");
}

static struct bytes tls_version(const struct policy_question *question)
{
    return bytes_from_str(question->exchange->http->tls_version);
}

static struct bytes current_time(const struct policy_question *question)
{
    clock_format_iso8601_ms(clock_wall_ms(), question->answers->time);
    return bytes_from_str(question->answers->time);
}

static struct bytes epoch_time(const struct policy_question *question)
{
    snprintf(question->answers->epoch, sizeof(question->answers->epoch), "%" PRId64, clock_wall_ms() / 1000);
    return bytes_from_str(question->answers->epoch);
}

static struct bytes referer(const struct policy_question *question)
{
    return http_request_header(question->exchange->http, "Referer");
}

static struct bytes user_agent(const struct policy_question *question)
{
    return http_request_header(question->exchange->http, "User-Agent");
}

static struct bytes region(const struct policy_question *question)
{
    return bytes_from_str(question->exchange->gateway->options.region);
}

static struct bytes auth_type(const struct policy_question *question)
{
    switch (question->exchange->credentials.type) {
    case AUTH_ANONYMOUS:
        break;
    case AUTH_V4_HEADER:
    case AUTH_V2_HEADER:
        return BYTES("REST-HEADER");
    case AUTH_V4_QUERY:
    case AUTH_V2_QUERY:
        return BYTES("REST-QUERY-STRING");
    case AUTH_V4_FORM:
    case AUTH_V2_FORM:
        return BYTES("POST");
    }
    return (struct bytes){0};
}

static struct bytes signature_version(const struct policy_question *question)
{
    switch (question->exchange->credentials.type) {
    case AUTH_ANONYMOUS:
        break;
    case AUTH_V4_HEADER:
    case AUTH_V4_QUERY:
    case AUTH_V4_FORM:
        return BYTES("AWS4-HMAC-SHA256");
    case AUTH_V2_HEADER:
    case AUTH_V2_QUERY:
    case AUTH_V2_FORM:
        return BYTES("AWS");
    }
    return (struct bytes){0};
}

/* In milliseconds. */
static struct bytes signature_age(const struct policy_question *question)
{
    int64_t signed_ms = question->exchange->credentials.signed_ms, now_ms = clock_wall_ms();

    if (question->exchange->credentials.type == AUTH_ANONYMOUS || signed_ms == 0)
        return (struct bytes){0};
    snprintf(question->answers->age, sizeof(question->answers->age), "%" PRId64,
             now_ms > signed_ms ? now_ms - signed_ms : 0);
    return bytes_from_str(question->answers->age);
}

static struct bytes content_sha256(const struct policy_question *question)
{
    return s3_header(question->exchange, "x-amz-content-sha256");
}

/* ---- what it asks for ----------------------------------------------------------------------------------------- */

static bool is_action(const struct policy_question *question, const char *action)
{
    return strcmp(question->action, action) == 0;
}

static bool lists(const struct policy_question *question)
{
    return question->exchange->level == S3_BUCKET &&
           (is_action(question, "s3:ListBucket") || is_action(question, "s3:ListBucketVersions"));
}

/* An empty value is one, where the parameter is there. */
static struct bytes list_parameter(const struct policy_question *question, const char *name)
{
    const struct uri_parameter *parameter = lists(question) ? uri_query_find(&question->exchange->query, name) : NULL;

    if (!parameter)
        return (struct bytes){0};
    return parameter->value.data ? parameter->value : BYTES("");
}

static struct bytes prefix(const struct policy_question *question)
{
    return list_parameter(question, "prefix");
}

static struct bytes delimiter(const struct policy_question *question)
{
    return list_parameter(question, "delimiter");
}

static struct bytes max_keys(const struct policy_question *question)
{
    return list_parameter(question, "max-keys");
}

static struct bytes version_id(const struct policy_question *question)
{
    return question->resource->version_id;
}

static struct bytes if_match(const struct policy_question *question)
{
    bool writes = is_action(question, "s3:PutObject") || is_action(question, "s3:DeleteObject");

    if (strcmp(question->exchange->operation->action, "DeleteObjects") == 0) /* whose header says nothing of its keys */
        return writes ? question->resource->if_match : (struct bytes){0};
    return writes ? http_request_header(question->exchange->http, "If-Match") : (struct bytes){0};
}

static struct bytes if_none_match(const struct policy_question *question)
{
    return is_action(question, "s3:PutObject") ? http_request_header(question->exchange->http, "If-None-Match")
                                               : (struct bytes){0};
}

/* Whether an object is made by this, and not a part of one or the beginning of an upload. */
static struct bytes creates(const struct policy_question *question)
{
    const char *operation = question->exchange->operation->action;

    if (!is_action(question, "s3:PutObject"))
        return (struct bytes){0};
    return strcmp(operation, "CreateMultipartUpload") == 0 || strncmp(operation, "UploadPart", 10) == 0 ? BYTES("false")
                                                                                                        : BYTES("true");
}

static struct bytes location(const struct policy_question *question)
{
    return is_action(question, "s3:CreateBucket") ? question->exchange->location : (struct bytes){0};
}

/* Decoded, as the copy takes it; two ways to write one source must not be two sources for a Deny. The version that is
 * named behind it stays. */
static struct bytes copy_source(const struct policy_question *question)
{
    struct bytes raw =
        is_action(question, "s3:PutObject") ? s3_header(question->exchange, "x-amz-copy-source") : (struct bytes){0};
    char *out = question->answers->source;
    size_t len = 0;

    for (size_t i = 0; i < raw.len && len < sizeof(question->answers->source); i++) {
        bool escaped = raw.data[i] == '%' && i + 2 < raw.len;
        out[len] = raw.data[i] == '+' ? ' ' : raw.data[i];
        if (escaped && hex_decode(bytes_of(raw.data + i + 1, 2), out + len, 1) == STATUS_OK)
            i += 2;
        len++;
    }
    return raw.data ? bytes_of(out, len) : (struct bytes){0};
}

/* ---- the table ------------------------------------------------------------------------------------------------ */

static const struct key {
    const char *name;
    struct bytes (*find)(const struct policy_question *question); /* data NULL: absent */
    const char *header; /* with find NULL: of what is put or created, or the field of a form */
} keys[] = {
    {"aws:CurrentTime", current_time, NULL},
    {"aws:EpochTime", epoch_time, NULL},
    {"aws:PrincipalAccount", principal_account, NULL},
    {"aws:PrincipalArn", principal_arn, NULL},
    {"aws:PrincipalIsAWSService", is_no_service, NULL},
    {"aws:PrincipalType", principal_type, NULL},
    {"aws:Referer", referer, NULL},
    {"aws:RequestedRegion", region, NULL},
    {"aws:ResourceAccount", account, NULL},
    {"aws:SecureTransport", secure_transport, NULL},
    {"aws:SourceIp", source_ip, NULL},
    {"aws:UserAgent", user_agent, NULL},
    {"aws:userid", user_id, NULL},
    {"aws:username", user_name, NULL},
    {"aws:ViaAWSService", is_no_service, NULL},
    {"s3:authType", auth_type, NULL},
    {"s3:delimiter", delimiter, NULL},
    {"s3:if-match", if_match, NULL},
    {"s3:if-none-match", if_none_match, NULL},
    {"s3:locationconstraint", location, NULL},
    {"s3:max-keys", max_keys, NULL},
    {"s3:object-lock-duration-days", policy_lock_event_hold_days, NULL}, /* by either name, as AWS writes it */
    {"s3:object-lock-event-hold", policy_lock_event_hold, NULL},
    {"s3:object-lock-event-hold-duration-days", policy_lock_event_hold_days, NULL},
    {"s3:object-lock-legal-hold", policy_lock_legal_hold, NULL},
    {"s3:object-lock-mode", policy_lock_mode, NULL},
    {"s3:object-lock-remaining-retention-days", policy_lock_remaining_days, NULL},
    {"s3:object-lock-retain-until-date", policy_lock_until, NULL},
    {"s3:ObjectCreationOperation", creates, NULL},
    {"s3:prefix", prefix, NULL},
    {"s3:ResourceAccount", account, NULL},
    {"s3:signatureAge", signature_age, NULL},
    {"s3:signatureversion", signature_version, NULL},
    {"s3:TlsVersion", tls_version, NULL},
    {"s3:versionid", version_id, NULL},
    {"s3:x-amz-acl", NULL, "x-amz-acl"},
    {"s3:x-amz-bucket-namespace", NULL, "x-amz-bucket-namespace"},
    {"s3:x-amz-content-sha256", content_sha256, NULL},
    {"s3:x-amz-copy-source", copy_source, NULL},
    {"s3:x-amz-grant-full-control", NULL, "x-amz-grant-full-control"},
    {"s3:x-amz-grant-read", NULL, "x-amz-grant-read"},
    {"s3:x-amz-grant-read-acp", NULL, "x-amz-grant-read-acp"},
    {"s3:x-amz-grant-write", NULL, "x-amz-grant-write"},
    {"s3:x-amz-grant-write-acp", NULL, "x-amz-grant-write-acp"},
    {"s3:x-amz-metadata-directive", NULL, "x-amz-metadata-directive"},
    {"s3:x-amz-object-annotation-directive", NULL, "x-amz-object-annotation-directive"},
    {"s3:x-amz-object-ownership", NULL, "x-amz-object-ownership"},
    {"s3:x-amz-server-side-encryption", NULL, "x-amz-server-side-encryption"},
    {"s3:x-amz-server-side-encryption-aws-kms-key-id", NULL, "x-amz-server-side-encryption-aws-kms-key-id"},
    {"s3:x-amz-server-side-encryption-customer-algorithm", NULL, "x-amz-server-side-encryption-customer-algorithm"},
    {"s3:x-amz-storage-class", NULL, "x-amz-storage-class"},
    {"s3:x-amz-website-redirect-location", NULL, "x-amz-website-redirect-location"},
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))
static_assert(KEYS <= POLICY_QUESTION_KEYS, "each key has a place for its value");

static struct bytes header_or_field(const struct policy_question *question, const char *name)
{
    const struct exchange *exchange = question->exchange;
    bool makes = strncmp(question->action, "s3:Put", 6) == 0 || strncmp(question->action, "s3:Create", 9) == 0;

    if (!makes)
        return (struct bytes){0};
    if (!exchange->form)
        return s3_header(exchange, name);
    return post_fields_find(s3_form_fields(exchange->form), strcmp(name, "x-amz-acl") == 0 ? "acl" : name);
}

static bool begins_so(struct bytes key, const char *prefix_text)
{
    size_t len = strlen(prefix_text);

    return key.len > len && strncasecmp(key.data, prefix_text, len) == 0;
}

static enum policy_presence find_principal_tag(const struct policy_question *question, struct bytes name,
                                               struct policy_values *values)
{
    const struct principal *principal = &question->exchange->principal;

    for (size_t i = 0; i < principal->tag_count; i++) {
        const struct tag *tag = &principal->tags[i];
        if (tag->key.len != name.len || strncasecmp(tag->key.data, name.data, name.len) != 0)
            continue;
        *values = (struct policy_values){&tag->value, 1};
        return POLICY_KEY_PRESENT;
    }
    return POLICY_KEY_ABSENT;
}

/* What nobody here looks for: in a body that was not read yet, or of the users and roles that IAM's operations are
 * about, as far as iam/keys.h does not say it. */
static bool may_be_there(const struct policy_question *question, struct bytes key)
{
    const struct exchange *exchange = question->exchange;

    if (strncmp(question->action, "s3:", 3) != 0 &&
        (begins_so(key, "iam:") || begins_so(key, "sts:") || begins_so(key, "aws:ResourceTag/")))
        return true;
    if (begins_so(key, "aws:RequestTag/") || bytes_equal_nocase(key, "aws:TagKeys"))
        return http_request_has_body(exchange->http);
    return false;
}

static enum policy_presence find_key(const void *arg, struct bytes key, struct policy_values *values)
{
    static const char of_tags[] = "aws:PrincipalTag/";
    const struct policy_question *question = arg;
    enum policy_presence presence;

    for (size_t i = 0; i < KEYS; i++) {
        struct bytes *value = &question->answers->values[i];
        if (!bytes_equal_nocase(key, keys[i].name))
            continue;
        *value = keys[i].find ? keys[i].find(question) : header_or_field(question, keys[i].header);
        *values = (struct policy_values){value, 1};
        return value->data ? POLICY_KEY_PRESENT : POLICY_KEY_ABSENT;
    }
    if (begins_so(key, of_tags))
        return find_principal_tag(question, bytes_of(key.data + sizeof(of_tags) - 1, key.len - (sizeof(of_tags) - 1)),
                                  values);
    if (policy_tags_find(question, key, &presence, values) || policy_session_find(question, key, &presence, values))
        return presence;
    if (question->exchange->call) {
        presence = iam_find_key(question->exchange->call, question->action, key, values);
        if (presence != POLICY_KEY_UNKNOWN)
            return presence;
    }
    return policy_key_is_known(key) && !may_be_there(question, key) ? POLICY_KEY_ABSENT : POLICY_KEY_UNKNOWN;
}

void policy_answers_init(struct policy_answers *answers)
{
    answers->existing = answers->wanted = (struct policy_tags){0};
}

void policy_answers_release(struct policy_answers *answers)
{
    tag_set_release(&answers->existing.set);
    tag_set_release(&answers->wanted.set);
}

struct policy_context policy_question_context(const struct policy_question *question)
{
    return (struct policy_context){.find = find_key, .arg = question};
}

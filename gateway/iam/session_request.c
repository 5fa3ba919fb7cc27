/* Parameters of the calls that make temporary credentials; see the header. Sources: the models of STS's operations, and
 * "IAM and AWS STS quotas". */
#include "gateway/iam/session_request.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/iam_names.h"
#include "gateway/front/signer.h"
#include "gateway/iam/holder.h"

#define POLICY_ARNS_MAX 10
#define SECONDS_SHOWN   32

static enum status refuse_seconds(struct exchange *exchange, struct bytes text, const char *bound, int64_t limit)
{
    return iam_fail(exchange, IAM_VALIDATION_ERROR,
                    "1 validation error detected: Value '%.*s' at 'durationSeconds' failed to satisfy constraint: "
                    "Member must have value %s than or equal to %" PRId64,
                    (int)(text.len < SECONDS_SHOWN ? text.len : SECONDS_SHOWN), text.data, bound, limit);
}

enum status session_read_seconds(struct exchange *exchange, int64_t seconds_default, int64_t max, int64_t *seconds)
{
    struct bytes text = iam_value(exchange, "DurationSeconds");
    uint64_t value = (uint64_t)seconds_default;

    if (text.data && bytes_parse_u64(text, UINT32_MAX, &value))
        return iam_fail(exchange, IAM_VALIDATION_ERROR, "DurationSeconds is a number of seconds.");
    if (value < SESSION_SECONDS_MIN)
        return refuse_seconds(exchange, text, "greater", SESSION_SECONDS_MIN);
    if (value > (uint64_t)max)
        return refuse_seconds(exchange, text, "less", max);
    *seconds = (int64_t)value;
    return STATUS_OK;
}

static bool is_of(char c, const char *signs)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(signs, c));
}

enum status session_check_text(struct exchange *exchange, struct bytes text, const char *value, const char *signs,
                               size_t min, size_t max)
{
    bool good = true;

    for (size_t i = 0; good && i < text.len; i++)
        good = is_of(text.data[i], signs);
    if (good && text.len >= min && text.len <= max)
        return STATUS_OK;
    if (!good)
        return iam_fail(exchange, IAM_VALIDATION_ERROR,
                        "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have "
                        "letters, digits and %s only",
                        value, signs);
    return iam_fail(exchange, IAM_VALIDATION_ERROR,
                    "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length "
                    "of %zu to %zu",
                    value, min, max);
}

/* ---- policies ------------------------------------------------------------------------------------------------- */

static unsigned percent(size_t bytes, size_t max)
{
    return (unsigned)((bytes * 100 + max - 1) / max);
}

static enum status refuse_packed(struct exchange *exchange, unsigned percent_used)
{
    return iam_fail(exchange, IAM_PACKED_POLICY_TOO_LARGE,
                    "Packed policy consumes %u%% of allotted space, please use smaller policy.", percent_used);
}

/* Without its white space, as the token has it. The text was parsed as a policy before, so that it is JSON that is not
 * deep. */
static char *compact(struct bytes text)
{
    json_t *value = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    char *out = value ? json_dumps(value, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;

    json_decref(value);
    return out;
}

static enum status add_policy(struct exchange *exchange, struct identity_session *session, struct bytes text,
                              size_t *chars)
{
    struct policy_problem problem;
    struct policy *policy;
    char number[24];

    *chars += policy_quota_chars(text);
    if (*chars > POLICY_SESSION_CHARS_MAX)
        return refuse_packed(exchange, percent(*chars, POLICY_SESSION_CHARS_MAX));
    enum status status = policy_parse(text, POLICY_SESSION, (struct bytes){0}, &policy, &problem);
    policy_free(policy);
    char *packed = status ? NULL : compact(text);
    if (!packed)
        return iam_fail(exchange, IAM_MALFORMED_POLICY_DOCUMENT, "%s",
                        status ? problem.text : "This policy contains invalid Json");
    snprintf(number, sizeof(number), "%zu", session->policies.count);
    identity_texts_set(&session->policies, bytes_from_str(number), bytes_from_str(packed));
    free(packed);
    return STATUS_OK;
}

static enum status add_managed(struct exchange *exchange, struct identity_session *session, struct bytes arn,
                               size_t *chars)
{
    struct identity_managed_policy policy;
    enum status status = iam_policy_load(exchange, arn, true, &policy);

    if (status)
        return status;
    const char *text = identity_managed_policy_version(&policy, policy.default_version)->document;
    status = add_policy(exchange, session, bytes_from_str(text), chars);
    identity_managed_policy_release(&policy);
    return status;
}

enum status session_read_policies(struct exchange *exchange, struct identity_session *session)
{
    const struct iam_request *request = &exchange->call->request;
    struct bytes text = iam_value(exchange, "Policy");
    struct iam_error error = {0};
    size_t count, chars = 0;
    enum status status = STATUS_OK;

    if (iam_request_count(request, "PolicyArns", POLICY_ARNS_MAX, &count, &error))
        return iam_fail_error(exchange, &error);
    if (text.data) {
        if (iam_document_check(text, "policy", &error))
            return iam_fail_error(exchange, &error);
        status = add_policy(exchange, session, text, &chars);
    }
    for (size_t i = 0; !status && i < count; i++)
        status = add_managed(exchange, session, iam_request_member(request, "PolicyArns", i + 1, "arn"), &chars);
    return status;
}

/* ---- tags ----------------------------------------------------------------------------------------------------- */

/* What is handed on from session to session stays as it was first said. */
static enum status take_inherited(struct exchange *exchange, struct identity_session *session)
{
    const struct identity_session *caller = exchange->session ? &exchange->session->token : NULL;

    for (size_t i = 0; caller && i < caller->transitive.count; i++) {
        struct bytes key = bytes_from_str(caller->transitive.names[i]);
        const char *value = identity_texts_find(&caller->tags, key);
        if (!value)
            continue;
        if (identity_texts_find(&session->tags, key))
            return iam_fail(exchange, IAM_INVALID_PARAMETER_VALUE,
                            "One of the specified transitive tag keys can't be set because it conflicts with a "
                            "transitive tag key from the calling session.");
        identity_texts_set(&session->tags, key, bytes_from_str(value));
        identity_names_add(&session->transitive, key);
    }
    return STATUS_OK;
}

static enum status take_transitive(struct exchange *exchange, struct identity_session *session)
{
    struct bytes keys[IAM_TAGS_MAX];
    struct iam_error error = {0};
    size_t count;

    if (iam_request_list(&exchange->call->request, "TransitiveTagKeys", IAM_TAGS_MAX, keys, &count, &error))
        return iam_fail_error(exchange, &error);
    for (size_t i = 0; i < count; i++) {
        if (!identity_texts_find(&session->tags, keys[i]))
            return iam_fail(exchange, IAM_INVALID_PARAMETER_VALUE,
                            "The specified transitive tag key must be included in the requested tags.");
        identity_names_add(&session->transitive, keys[i]);
    }
    return STATUS_OK;
}

enum status session_read_tags(struct exchange *exchange, struct identity_session *session)
{
    struct tag tags[IAM_TAGS_MAX];
    struct iam_error error = {0};
    size_t count;

    if (iam_request_tags(&exchange->call->request, tags, &count, &error)) {
        if (error.code == IAM_INVALID_INPUT) /* as STS calls it: a key that is there twice */
            error.code = IAM_INVALID_PARAMETER_VALUE;
        return iam_fail_error(exchange, &error);
    }
    for (size_t i = 0; i < count; i++)
        identity_texts_set(&session->tags, tags[i].key, tags[i].value);
    enum status status = take_transitive(exchange, session);
    if (!status)
        status = take_inherited(exchange, session);
    if (!status && session->tags.count > IAM_TAGS_MAX)
        status = iam_fail(exchange, IAM_VALIDATION_ERROR, "A session has no more than %d tags.", IAM_TAGS_MAX);
    return status;
}

enum status session_check_packed(struct exchange *exchange, const struct identity_session *session)
{
    size_t bytes = identity_session_packed_bytes(session);

    return bytes > SESSION_PACKED_BYTES_MAX ? refuse_packed(exchange, percent(bytes, SESSION_PACKED_BYTES_MAX))
                                            : STATUS_OK;
}

/* ---- the answer ----------------------------------------------------------------------------------------------- */

void session_begin_of_caller(struct exchange *exchange, enum session_kind kind, int64_t seconds,
                             struct identity_session *session)
{
    identity_session_begin(session, kind, seconds);
    session->holder = mem_strdup("");
    session->holder_id = mem_strdup(exchange->identity ? exchange->identity->id : "");
    identity_session_bind(session, &exchange->gateway->seal, exchange->credentials.access_key,
                          bytes_from_str(signer_secret(exchange)));
}

enum status session_write_credentials(struct exchange *exchange, struct iam_answer *answer,
                                      const struct identity_session *session)
{
    struct buffer token;

    buffer_init(&token, SESSION_TOKEN_MAX + 1);
    enum status status = identity_session_seal(session, &exchange->gateway->seal, &token);
    if (!status) {
        answer->secret = true;
        xml_writer_open(answer->xml, "Credentials");
        xml_writer_element_str(answer->xml, "AccessKeyId", session->key_id);
        xml_writer_element_str(answer->xml, "SecretAccessKey", session->secret);
        xml_writer_element(answer->xml, "SessionToken", buffer_bytes(&token));
        iam_element_time(answer->xml, "Expiration", session->expires_ms);
        xml_writer_close(answer->xml);
    }
    buffer_release(&token);
    return status;
}

void session_write_packed_size(struct xml_writer *xml, const struct identity_session *session)
{
    xml_writer_element_u64(xml, "PackedPolicySize",
                           percent(identity_session_packed_bytes(session), SESSION_PACKED_BYTES_MAX));
}

/* The role that is to be assumed; see the header. */
#include "gateway/iam/trust.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "compat/iam_names.h"
#include "gateway/front/operation.h"
#include "gateway/front/signer.h"
#include "gateway/iam/holder.h"
#include "gateway/iam/reply.h"
#include "gateway/iam/web_identity.h"

#define ROLE_ARN_MIN 20

void iam_trust_free(struct iam_trust *trust)
{
    if (!trust)
        return;
    policy_free(trust->policy);
    identity_role_release(&trust->role);
    free(trust);
}

static void read_policy(struct iam_trust *trust)
{
    struct policy_problem problem;

    if (policy_parse(bytes_from_str(trust->role.trust), POLICY_TRUST, (struct bytes){0}, &trust->policy, &problem))
        log_error("a trust policy cannot be used: nobody can assume the role", LOG_STR("role", trust->role.name),
                  LOG_STR("problem", problem.text));
}

/* What was asked for has to be the role exactly, with its path and its case. */
static enum status load(struct exchange *exchange, struct bytes arn, struct bytes name)
{
    struct iam_call *call = exchange->call;
    struct iam_trust *trust = mem_zalloc(sizeof(*trust));
    enum status status = identity_role_load(exchange->gateway->meta, name, &trust->role);
    char *real =
        status ? NULL : identity_arn(exchange->gateway->options.account_id, "role", trust->role.path, trust->role.name);

    call->subject_is_known = !status || status == STATUS_NOT_FOUND;
    if (!status && bytes_equal_str(arn, real)) {
        read_policy(trust);
        call->trust = trust;
        iam_take_subject(call, NULL, &trust->role.tags);
    } else {
        iam_trust_free(trust);
    }
    free(real);
    return status && status != STATUS_NOT_FOUND ? iam_fail_status(exchange, status) : STATUS_OK;
}

enum status iam_trust_load(struct exchange *exchange)
{
    struct bytes arn = iam_value(exchange, "RoleArn"), path, name;
    enum status status = exchange->operation->unsigned_always ? iam_web_identity_verify(exchange) : STATUS_OK;

    if (status)
        return status;
    if (exchange->principal.caller.kind == POLICY_ROOT)
        return iam_fail(exchange, IAM_ACCESS_DENIED, "Roles may not be assumed by root accounts.");
    if (arn.len < ROLE_ARN_MIN || arn.len > IAM_ARN_MAX || !bytes_starts_with(arn, BYTES("arn:")) ||
        buffer_append_bytes(&exchange->call->arn, arn))
        return iam_fail(exchange, IAM_VALIDATION_ERROR, "%.*s is invalid",
                        (int)(arn.len < IAM_NAME_MAX ? arn.len : IAM_NAME_MAX), arn.data ? arn.data : "");
    if (identity_arn_parse(arn, exchange->gateway->options.account_id, "role", &path, &name) || name.len > IAM_NAME_MAX)
        return STATUS_OK; /* another account's, or none */
    return load(exchange, arn, name);
}

bool iam_inherits_tags(const struct exchange *exchange)
{
    return exchange->session && exchange->session->token.transitive.count > 0;
}

struct bytes iam_source_identity(const struct exchange *exchange)
{
    struct bytes asked = iam_value(exchange, "SourceIdentity");

    if (asked.data || !exchange->session || !exchange->session->token.source_identity)
        return asked;
    return bytes_from_str(exchange->session->token.source_identity);
}

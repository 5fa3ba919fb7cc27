/* Policies that calls bring; see the header. */
#include "gateway/iam/policy_text.h"

#include "compat/iam_names.h"
#include "gateway/iam/holder.h"
#include "gateway/iam/reply.h"

struct bytes iam_policy_text(struct exchange *exchange, const char *parameter, enum policy_kind kind)
{
    struct bytes text = iam_value(exchange, parameter);
    struct policy_problem problem;
    struct iam_error error = {0};
    struct policy *policy;

    if (iam_document_check(text, kind == POLICY_TRUST ? "assumeRolePolicyDocument" : "policyDocument", &error)) {
        STATUS_IGNORE(iam_fail_error(exchange, &error), "the caller sees that there is none");
        return (struct bytes){0};
    }
    enum status status = policy_parse(text, kind, (struct bytes){0}, &policy, &problem);
    policy_free(policy);
    if (!status)
        return text;
    STATUS_IGNORE(iam_fail(exchange, status == STATUS_LIMIT ? IAM_LIMIT_EXCEEDED : IAM_MALFORMED_POLICY_DOCUMENT, "%s",
                           problem.text),
                  "the caller sees that there is none");
    return (struct bytes){0};
}

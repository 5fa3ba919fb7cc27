/* What a call of the Query API says of the condition keys that are of IAM's operations. */
#ifndef TERCET_GATEWAY_IAM_KEYS_H
#define TERCET_GATEWAY_IAM_KEYS_H

#include "compat/policy.h"
#include "gateway/iam/call.h"

/* iam:PolicyARN, iam:PermissionsBoundary, aws:RequestTag/, aws:TagKeys, aws:ResourceTag/, iam:ResourceTag/. UNKNOWN for
 * all others. After iam_call_resource(). */
enum policy_presence iam_find_key(const struct iam_call *call, const char *action, struct bytes key,
                                  struct policy_values *values);

#endif

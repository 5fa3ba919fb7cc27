/* The names of IAM: what users, groups, roles and policies may be called, their paths, and the bounds on how many and
 * how large they may be. Source: the API's model, and "IAM and AWS STS quotas". */
#ifndef TERCET_COMPAT_IAM_NAMES_H
#define TERCET_COMPAT_IAM_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"
#include "compat/iam_error.h"

#define IAM_USER_NAME_MAX        64
#define IAM_ROLE_NAME_MAX        64
#define IAM_NAME_MAX             128 /* of groups and policies, and of any when it is only referred to */
#define IAM_PATH_MAX             512
#define IAM_ARN_MAX              2048
#define IAM_DESCRIPTION_MAX      1000
#define IAM_KEYS_OF_USER_MAX     2
#define IAM_GROUPS_OF_USER_MAX   10
#define IAM_ATTACHED_MAX         10 /* managed policies of one user, group or role */
#define IAM_VERSIONS_MAX         5
#define IAM_USERS_MAX            5000 /* AWS's default quotas, which an account there may have raised */
#define IAM_GROUPS_MAX           300
#define IAM_ROLES_MAX            1000
#define IAM_POLICIES_MAX         1500
#define IAM_PROVIDERS_MAX        100
#define IAM_USER_POLICIES_CHARS  2048 /* of all inline policies together */
#define IAM_GROUP_POLICIES_CHARS 5120
#define IAM_ROLE_POLICIES_CHARS  10240
#define IAM_MANAGED_POLICY_CHARS 6144
#define IAM_TRUST_POLICY_CHARS   2048
#define IAM_DOCUMENT_CHARS_MAX   131072
#define IAM_SESSION_SECONDS_MIN  3600
#define IAM_SESSION_SECONDS_MAX  43200

/* A name, [\w+=,.@-]+ of at most chars_max. `parameter` is userName, as messages have it. STATUS_DENIED and the
 * ValidationError. */
enum status iam_name_check(struct bytes name, const char *parameter, size_t chars_max, struct iam_error *error);
/* `/`, or begins and ends with one, of U+0021 to U+007E. The paths of managed policies are narrower. Likewise. */
enum status iam_path_check(struct bytes path, const char *parameter, bool of_policy, struct iam_error *error);
/* The beginning of paths that are listed: no more than a slash in front. */
enum status iam_prefix_check(struct bytes prefix, struct iam_error *error);
/* A policy's text: tab, LF, CR, U+0020 to U+00FF, of 1 to 131072 characters. Whether it is a policy is another
 * question. MalformedPolicyDocument or ValidationError. */
enum status iam_document_check(struct bytes document, const char *parameter, struct iam_error *error);
/* Description: tab, LF, CR, U+0020-U+007E, U+00A1-U+00FF, no more than IAM_DESCRIPTION_MAX. */
enum status iam_description_check(struct bytes description, struct iam_error *error);

#endif

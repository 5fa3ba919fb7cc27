/* The elements of IAM's answers that say what an entity is. */
#ifndef TERCET_GATEWAY_IAM_ELEMENTS_H
#define TERCET_GATEWAY_IAM_ELEMENTS_H

#include "compat/xml_writer.h"
#include "gateway/iam/holder.h"

/* The members of a User, a Group, a Role; listings leave out what AWS leaves out there. */
void iam_write_user(struct xml_writer *xml, const struct exchange *exchange, const struct identity_user *user,
                    bool listed);
void iam_write_group(struct xml_writer *xml, const struct exchange *exchange, const struct identity_group *group);
void iam_write_role(struct xml_writer *xml, const struct exchange *exchange, const struct identity_role *role,
                    bool listed);
/* To how many users, groups and roles a managed policy is attached, and how many it bounds. Suspends. */
enum status iam_policy_uses(struct exchange *exchange, const struct identity_managed_policy *policy, size_t *attached,
                            size_t *bounding);
/* Its ARN, to be freed; those of AWS's own have no account. */
char *iam_policy_arn(const struct exchange *exchange, const struct identity_managed_policy *policy);
/* The members of a Policy; how often it is in use is counted. Suspends. */
enum status iam_write_policy(struct xml_writer *xml, struct exchange *exchange,
                             const struct identity_managed_policy *policy, bool listed);
/* The members of a PolicyVersion. policy_version.c */
void iam_write_version(struct xml_writer *xml, const struct identity_managed_policy *policy,
                       const struct identity_policy_version *version, bool with_document);
void iam_write_tags(struct xml_writer *xml, const struct identity_texts *tags);
/* <AttachedPolicies> of those ARNs from first to end; below PathPrefix. */
void iam_write_attached(struct xml_writer *xml, const struct identity_names *attached, size_t first, size_t end);
/* An ARN of this account. To be freed. */
char *iam_arn_of(const struct exchange *exchange, const char *kind, const char *path, const char *name);

#endif

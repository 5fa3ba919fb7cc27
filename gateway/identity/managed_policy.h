/* A managed policy with its versions: its row, from and to the directory. To whom it is attached says the index
 * ATTACHED. */
#ifndef TERCET_GATEWAY_IDENTITY_MANAGED_POLICY_H
#define TERCET_GATEWAY_IDENTITY_MANAGED_POLICY_H

#include <stdint.h>

#include "gateway/identity/directory.h"
#include "gateway/identity/lists.h"

#define MANAGED_POLICY_VERSIONS_MAX 5

struct identity_policy_version {
    unsigned number; /* v1 is 1; never used twice */
    int64_t created_ms;
    char *document;
};
struct identity_managed_policy {
    bool of_aws; /* one of aws_policies.h: it is in no row, and cannot be put */
    char *name, *path;
    char *id;          /* ANPA... */
    char *description; /* NULL: none */
    int64_t created_ms, updated_ms;
    unsigned default_version, last_version; /* numbers; the last one that was given away */
    struct identity_policy_version versions[MANAGED_POLICY_VERSIONS_MAX]; /* oldest first */
    size_t version_count;
    struct identity_texts tags;
};
/* A new one, with an id of its own, made now, whose version v1 is that document. */
void identity_managed_policy_create(struct identity_managed_policy *policy, struct bytes name, struct bytes path,
                                    struct bytes document);
/* NULL: there is none of that number. */
struct identity_policy_version *identity_managed_policy_version(struct identity_managed_policy *policy,
                                                                unsigned number);
/* Adds the next version. LIMIT: there are as many as there may be. */
enum status identity_managed_policy_add(struct identity_managed_policy *policy, struct bytes document,
                                        unsigned *number);
/* NOT_FOUND; CONFLICT for the default version. */
enum status identity_managed_policy_drop(struct identity_managed_policy *policy, unsigned number);

/* NOT_FOUND; CORRUPT for a document that cannot be read. After any failure there is nothing to release. Suspends. */
enum status identity_managed_policy_load(struct meta *meta, struct bytes name, struct identity_managed_policy *policy);
/* The same by its ARN, whose path has to be the policy's, too; also of those of AWS. INVALID: it is no ARN of a policy
 * of that account or of AWS. */
enum status identity_managed_policy_load_arn(struct meta *meta, const char *account, struct bytes arn,
                                             struct identity_managed_policy *policy);
/* As of the view's moment. Does not suspend. */
enum status identity_managed_policy_view_arn(const struct meta_identity_view *view, const char *account,
                                             struct bytes arn, struct identity_managed_policy *policy);
/* From a document that was listed. Does not suspend. */
enum status identity_managed_policy_read(struct bytes document, struct identity_managed_policy *policy);
void identity_managed_policy_release(struct identity_managed_policy *policy); /* idempotent */

/* Its row is to be that, or to go. One of AWS's, or of such a name, makes the changes INVALID. */
void identity_managed_policy_put(struct identity_changes *changes, const struct identity_managed_policy *policy);
void identity_managed_policy_remove(struct identity_changes *changes, const char *name);

#endif

/* Who has policies: a user, a group or a role, as far as calls treat them alike. Which kind, and by which parameter it
 * is named, says the operation's subject. */
#ifndef TERCET_GATEWAY_IAM_HOLDER_H
#define TERCET_GATEWAY_IAM_HOLDER_H

#include "gateway/front/exchange.h"
#include "gateway/identity/group.h"
#include "gateway/identity/managed_policy.h"
#include "gateway/identity/role.h"
#include "gateway/identity/user.h"

struct iam_holder_kind {
    enum identity_table table;
    const char *parameter; /* UserName */
    const char *value;     /* userName, as messages have it */
    const char *word;      /* user, as in messages and ARNs */
    const char *title;     /* User */
    size_t policies_chars_max;
};
struct iam_holder {
    const struct iam_holder_kind *kind;
    struct identity_user user; /* of these three the one that it is */
    struct identity_group group;
    struct identity_role role;
    const char *name, *path, *id;
    struct identity_names *attached;
    struct identity_texts *policies, *tags; /* tags: NULL of a group */
    char **boundary;                        /* NULL of a group */
};

/* The one that the operation is done to; NoSuchEntity and failures are answered. Release it. Suspends. */
enum status iam_holder_load(struct exchange *exchange, struct iam_holder *holder);
/* The one of that kind and name, or the status of reading it; nothing is answered. Suspends. */
enum status iam_holder_find(struct exchange *exchange, enum identity_table table, struct bytes name,
                            struct iam_holder *holder);
void iam_holder_put(struct identity_changes *changes, const struct iam_holder *holder);
void iam_holder_release(struct iam_holder *holder); /* idempotent */

/* NoSuchEntity and failures are answered; then there is nothing to release. Suspends. */
enum status iam_user_load(struct exchange *exchange, struct bytes name, struct identity_user *user);
enum status iam_group_load(struct exchange *exchange, struct bytes name, struct identity_group *group);
enum status iam_role_load(struct exchange *exchange, struct bytes name, struct identity_role *role);
/* The managed policy of that ARN. to_attach: NoSuchEntity says that it cannot be attached. */
enum status iam_policy_load(struct exchange *exchange, struct bytes arn, bool to_attach,
                            struct identity_managed_policy *policy);

/* The one of the parameter PolicyArn, to be changed: AWS's own cannot be. */
enum status iam_policy_load_own(struct exchange *exchange, struct identity_managed_policy *policy);

/* A parameter of the call; data NULL when absent. */
struct bytes iam_value(const struct exchange *exchange, const char *name);
/* The name that a call is about: its parameter, or who calls. */
struct bytes iam_user_name(const struct exchange *exchange);

#endif

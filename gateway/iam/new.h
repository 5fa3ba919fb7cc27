/* What is to be made, or named anew: the parameters that users, groups, roles and policies have in common. */
#ifndef TERCET_GATEWAY_IAM_NEW_H
#define TERCET_GATEWAY_IAM_NEW_H

#include "compat/iam_request.h"
#include "gateway/front/exchange.h"
#include "gateway/identity/directory.h"
#include "gateway/identity/lists.h"

struct iam_new {
    enum identity_table table;
    struct bytes name, path;
    struct bytes boundary; /* data NULL: none */
    struct tag tags[IAM_TAGS_MAX];
    size_t tag_count;
};

/* Reads and checks them; ValidationError and the like are answered. */
enum status iam_new_read(struct exchange *exchange, enum identity_table table, struct iam_new *new);
/* The same of an update, NewPath and NewUserName or NewGroupName: data NULL for what is to stay. */
enum status iam_new_read_update(struct exchange *exchange, enum identity_table table, struct iam_new *new);
/* EntityAlreadyExists is answered when the name is taken, whatever its case. Suspends. */
enum status iam_new_check_absent(struct exchange *exchange, const struct iam_new *new);
void iam_new_take_tags(const struct iam_new *new, struct identity_texts *tags);
/* What is renamed gets another ARN, for which the caller has to have the right, too. AccessDenied is answered. */
enum status iam_new_may(struct exchange *exchange, const char *kind, const char *path, struct bytes name);

#endif

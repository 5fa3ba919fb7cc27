/* Permissions boundaries; see the header. */
#include "gateway/iam/boundary.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "gateway/iam/change.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/holder.h"
#include "gateway/iam/reply.h"

const char *iam_policy_name(const char *arn)
{
    const char *slash = strrchr(arn, '/');
    return slash ? slash + 1 : arn;
}

enum status iam_boundary_set(struct exchange *exchange, struct identity_changes *changes, enum identity_table who,
                             const char *name, char **boundary, struct bytes arn)
{
    struct identity_managed_policy policy = {0};
    enum status status = arn.data ? iam_policy_load(exchange, arn, true, &policy) : STATUS_OK;

    identity_managed_policy_release(&policy);
    if (status)
        return status;
    if (*boundary)
        identity_bounded_change(changes, iam_policy_name(*boundary), who, name, false);
    free(*boundary);
    *boundary = arn.data ? mem_strndup(arn.data, arn.len) : NULL;
    if (*boundary)
        identity_bounded_change(changes, iam_policy_name(*boundary), who, name, true);
    return STATUS_OK;
}

/* arg: the ARN, NULL to take the boundary away. */
static enum status decide(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    const struct bytes *arn = arg;
    struct iam_holder holder;
    enum status status = iam_holder_load(exchange, &holder);

    if (!status && !arn && !*holder.boundary)
        status = iam_fail(exchange, IAM_NO_SUCH_ENTITY, "%s %s does not have a permissions boundary.",
                          holder.kind->title, holder.name);
    if (!status)
        status = iam_boundary_set(exchange, changes, holder.kind->table, holder.name, holder.boundary,
                                  arn ? *arn : (struct bytes){0});
    if (!status)
        iam_holder_put(changes, &holder);
    iam_holder_release(&holder);
    return status;
}

void iam_put_permissions_boundary(struct exchange *exchange)
{
    struct bytes arn = iam_value(exchange, "PermissionsBoundary");

    if (!arn.data)
        HTTP_LAST_REPLY(iam_fail(exchange, IAM_VALIDATION_ERROR, "The request has no PermissionsBoundary."));
    else if (!iam_change(exchange, decide, &arn))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

void iam_delete_permissions_boundary(struct exchange *exchange)
{
    if (!iam_change(exchange, decide, NULL))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

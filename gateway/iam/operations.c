/* The rows of the Query API: the operations of IAM that Tercet offers, by their names in AWS's model. An action that
 * has no row is refused by its name. */
#include "gateway/iam/operations.h"

#include "gateway/iam/handlers.h"

#define LIST(...)                                                                                                      \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }
#define IAM(class_, action_, handle_, ...)                                                                             \
    {                                                                                                                  \
        .action = action_, .method = "POST", .right = "iam:" action_, .resource = RESOURCE_ARN, .handle = handle_,     \
        .class = CLASS_##class_, ##__VA_ARGS__                                                                         \
    }

const struct operation iam_operations[] = {
    IAM(OTHER, "GetUser", iam_get_user, .parameters = LIST("UserName")),
};
const size_t iam_operation_count = sizeof(iam_operations) / sizeof(iam_operations[0]);

const struct operation iam_unknown_operation = {
    .action = "none",
    .method = "POST",
    .right = "iam:Unknown",
    .resource = RESOURCE_ARN,
    .class = CLASS_OTHER,
};

const struct operation *iam_operation_find(struct bytes action, enum query_service *service)
{
    for (size_t i = 0; i < iam_operation_count; i++)
        if (bytes_equal_str(action, iam_operations[i].action)) {
            *service = QUERY_IAM;
            return &iam_operations[i];
        }
    return NULL;
}

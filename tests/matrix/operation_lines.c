/* Prints what a request can ask for, a line of JSON each: {"api": "s3", "action": "GetObject", "method": "GET", "path":
 * "", "level": 2, "selector": "", "right": "s3:GetObject", "refused": false}. The matrix (matrix_test.py) has to have a
 * row for each. */
#include <jansson.h>
#include <stdio.h>

#include "base/check.h"
#include "gateway/front/operation.h"
#include "gateway/iam/operations.h"
#include "gateway/s3/control.h"

static void print(const char *api, const struct operation *operation)
{
    json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:b}", "api", api, "action", operation->action,
                             "method", operation->method, "path", operation->path ? operation->path : "", "level",
                             (int)operation->level, "selector", operation->selector ? operation->selector : "", "right",
                             operation->right, "refused", operation->refused);

    CHECK(line);
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
}

/* Its table is not public: by the one path that it answers, with each method. */
static void print_control(void)
{
    static const char *const methods[] = {"GET", "PUT", "POST", "DELETE", "HEAD"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        const struct http_request http = {.method = bytes_from_str(methods[i]),
                                          .path = BYTES("/v20180820/configuration/publicAccessBlock")};
        const struct operation *operation = s3_control_operation(&http);
        if (!operation->refused)
            print("control", operation);
    }
}

int main(void)
{
    static const char *const website_methods[] = {"GET", "HEAD", "POST"};

    for (size_t i = 0; i < s3_operation_count; i++)
        print("s3", &s3_operations[i]);
    for (size_t i = 0; i < path_operation_count; i++)
        print("path", &path_operations[i]);
    for (size_t i = 0; i < iam_operation_count; i++)
        print("iam", &iam_operations[i]);
    print_control();
    for (size_t i = 0; i < sizeof(website_methods) / sizeof(website_methods[0]); i++)
        print("website", s3_website_operation(bytes_from_str(website_methods[i])));
    print("preflight", &s3_preflight_operation);
    return 0;
}

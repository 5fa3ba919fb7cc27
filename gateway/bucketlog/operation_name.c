/* Names of operations in access logs; see the header. The resource is the sub-resource in capitals, unless AWS calls it
 * otherwise. */
#include "gateway/bucketlog/operation_name.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "gateway/front/operation.h"

static const struct {
    const char *selector, *of_bucket, *of_object;
} resources[] = {
    {"delete", "MULTI_OBJECT_DELETE", NULL},
    {"encryption", "ENCRYPTION", "OBJECT_ENCRYPTION"},
    {"intelligent-tiering", "INTELLIGENT_TIERING", NULL},
    {"legal-hold", NULL, "OBJECT_LOCK_LEGALHOLD"},
    {"logging", "LOGGING_STATUS", NULL},
    {"object-lock", "OBJECT_LOCK_CONFIGURATION", NULL},
    {"ownershipControls", "OWNERSHIP_CONTROLS", NULL},
    {"policy", "BUCKETPOLICY", NULL},
    {"policyStatus", "POLICY_STATUS", NULL},
    {"publicAccessBlock", "PUBLIC_ACCESS_BLOCK", NULL},
    {"requestPayment", "REQUEST_PAYMENT", NULL},
    {"retention", NULL, "OBJECT_LOCK_RETENTION"},
    {"tagging", "TAGGING", "OBJECT_TAGGING"},
    {"uploadId", NULL, "UPLOAD"},
    {"versions", "BUCKETVERSIONS", NULL},
};

static const char *resource_of(const struct exchange *exchange, char capitals[BUCKETLOG_OPERATION_NAME_MAX / 2])
{
    const struct operation *operation = exchange->operation;
    bool of_object = exchange->level == S3_OBJECT || operation->form;
    const char *selector = operation->selector;
    size_t len = 0;

    if (!selector)
        return of_object ? "OBJECT" : exchange->level == S3_BUCKET ? "BUCKET" : "SERVICE";
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
        if (strcmp(selector, resources[i].selector) == 0) {
            const char *name = of_object ? resources[i].of_object : resources[i].of_bucket;
            if (name)
                return name;
        }
    for (; selector[len] != '\0' && len + 1 < BUCKETLOG_OPERATION_NAME_MAX / 2; len++)
        capitals[len] = selector[len] == '-' ? '_' : (char)toupper((unsigned char)selector[len]);
    capitals[len] = '\0';
    return capitals;
}

/* Of a request that is none that there is, its method may be any bytes. */
static const char *method_of(const struct exchange *exchange)
{
    static const char *const known[] = {"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (bytes_equal_str(exchange->http->method, known[i]))
            return known[i];
    return "UNKNOWN";
}

void bucketlog_operation_name(const struct exchange *exchange, char out[BUCKETLOG_OPERATION_NAME_MAX])
{
    const struct operation *operation = exchange->operation;
    const char *method = method_of(exchange), *resource, *door = "REST";
    char capitals[BUCKETLOG_OPERATION_NAME_MAX / 2];

    if (!operation) {
        snprintf(out, BUCKETLOG_OPERATION_NAME_MAX, "REST.%s.UNKNOWN", method);
        return;
    }
    if (operation->path) {
        snprintf(out, BUCKETLOG_OPERATION_NAME_MAX, "TERCET.%s.%s", method, operation->action);
        return;
    }
    resource = resource_of(exchange, capitals);
    if (exchange->website_host.len > 0)
        door = "WEBSITE";
    if (operation == &s3_preflight_operation)
        resource = "PREFLIGHT";
    if (operation->selector && strcmp(operation->selector, "uploadId") == 0 && strcmp(method, "PUT") == 0)
        resource = "PART";
    snprintf(out, BUCKETLOG_OPERATION_NAME_MAX, "%s.%s.%s", door, operation->copies ? "COPY" : method, resource);
}

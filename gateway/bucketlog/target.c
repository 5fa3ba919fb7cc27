/* Whether a bucket takes the log of another one; see the header. */
#include "gateway/bucketlog/target.h"

#include <stdio.h>

#include "gateway/s3/access_settings.h"
#include "gateway/s3/acl.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/object_lock.h"

#define SERVICE "logging.s3.amazonaws.com"

static enum status refuse(struct s3_error_details *error, struct bytes bucket, const char *text)
{
    s3_error_setf(error, S3_INVALID_TARGET_BUCKET_FOR_LOGGING, "%s", text);
    s3_error_add(error, "TargetBucket", bucket);
    return STATUS_DENIED;
}

/* By the ACL, where the bucket has any. */
static bool is_given(const struct meta_settings *settings)
{
    struct meta_setting found;
    unsigned given = 0;

    if (acl_ownership(settings) == OWNERSHIP_BUCKET_OWNER_ENFORCED ||
        meta_setting_find(settings, S3_SETTING_ACL, &found))
        return false;
    const struct acl *acl = found.parsed;
    for (size_t i = 0; i < acl->count; i++)
        if (acl->grants[i].grantee == ACL_LOG_DELIVERY)
            given |= acl->grants[i].permission;
    return (given & (ACL_WRITE | ACL_READ_ACP)) == (ACL_WRITE | ACL_READ_ACP);
}

static bool may_write(const struct gateway *gateway, const struct bucketlog_target *target,
                      const struct meta_settings *settings)
{
    const struct principal service = {.caller = {.kind = POLICY_SERVICE, .arn = BYTES(SERVICE)}};
    struct bytes account = bytes_from_str(gateway->options.account_id), name = BYTES(SERVICE), yes = BYTES("true");
    char arn_text[96];
    struct bytes arn;
    struct resource resource = {.kind = RESOURCE_OBJECT, .bucket = target->bucket, .key = target->key};

    snprintf(arn_text, sizeof(arn_text), "arn:aws:s3:::%.*s", (int)target->source.len, target->source.data);
    arn = bytes_from_str(arn_text);
    const struct policy_entry entries[] = {
        {BYTES("aws:SourceArn"), {&arn, 1}},
        {BYTES("aws:SourceAccount"), {&account, 1}},
        {BYTES("aws:PrincipalIsAWSService"), {&yes, 1}},
        {BYTES("aws:PrincipalServiceName"), {&name, 1}},
        {BYTES("aws:PrincipalServiceNamesList"), {&name, 1}},
        {BYTES("aws:SecureTransport"), {&yes, 1}}, /* no network is between */
        {BYTES("s3:ResourceAccount"), {&account, 1}},
        {BYTES("aws:ResourceAccount"), {&account, 1}},
    };
    const struct policy_table table = {entries, sizeof(entries) / sizeof(entries[0])};
    const struct request_context context = {.account = account, .keys = policy_table_context(&table)};
    access_settings_tell(settings, &resource);
    resource.acl_allows = is_given(settings);
    return authorize(&service, "s3:PutObject", &resource, &context).allowed;
}

static bool has_default_retention(const struct meta_settings *settings)
{
    const struct lock_rule *rule;
    enum status status = s3_lock_rule(settings, &rule);

    return status != STATUS_NOT_FOUND && (status || rule->mode != LOCK_MODE_NONE);
}

enum status bucketlog_target_check(const struct gateway *gateway, const struct bucketlog_target *target,
                                   const struct meta_settings *settings, struct s3_error_details *error)
{
    if (target->source_owner.data && !bytes_equal(target->source_owner, acl_bucket_owner(settings).id))
        return refuse(error, target->bucket,
                      "The owner for the bucket to be logged and the target bucket must be the same.");
    if (has_default_retention(settings))
        return refuse(error, target->bucket,
                      "The target bucket for logging must not have an object lock default retention period.");
    if (!may_write(gateway, target, settings))
        return refuse(error, target->bucket,
                      "You must either provide the necessary permissions to the logging service using a bucket policy "
                      "or give the log-delivery group WRITE and READ_ACP permissions to the target bucket");
    return STATUS_OK;
}

/* Condition keys: which ones AWS documents, and a context that is a table. */
#include <string.h>

#include "compat/policy.h"

/* A name that ends in a slash is followed by the key of a tag. */
static const char *const of_all[] = {"CalledVia",
                                     "CalledViaFirst",
                                     "CalledViaLast",
                                     "ChatbotSourceArn",
                                     "CurrentTime",
                                     "Ec2InstanceSourcePrivateIPv4",
                                     "Ec2InstanceSourceVpc",
                                     "EpochTime",
                                     "FederatedProvider",
                                     "MultiFactorAuthAge",
                                     "MultiFactorAuthPresent",
                                     "PrincipalAccount",
                                     "PrincipalArn",
                                     "PrincipalIsAWSService",
                                     "PrincipalOrgID",
                                     "PrincipalOrgPaths",
                                     "PrincipalServiceName",
                                     "PrincipalServiceNamesList",
                                     "PrincipalTag/",
                                     "PrincipalType",
                                     "Referer",
                                     "RequestedRegion",
                                     "RequestTag/",
                                     "ResourceAccount",
                                     "ResourceOrgID",
                                     "ResourceOrgPaths",
                                     "ResourceTag/",
                                     "SecureTransport",
                                     "SourceAccount",
                                     "SourceArn",
                                     "SourceIdentity",
                                     "SourceIp",
                                     "SourceOrgID",
                                     "SourceOrgPaths",
                                     "SourceOwner",
                                     "SourceVpc",
                                     "SourceVpcArn",
                                     "SourceVpce",
                                     "TagKeys",
                                     "TokenIssueTime",
                                     "UserAgent",
                                     "userid",
                                     "username",
                                     "ViaAWSService",
                                     "VpceAccount",
                                     "VpceOrgID",
                                     "VpceOrgPaths",
                                     "VpcSourceIp",
                                     NULL};
static const char *const of_s3[] = {"AccessGrantsInstanceArn",
                                    "AccessPointNetworkOrigin",
                                    "annotation-prefix",
                                    "authType",
                                    "BucketTag/",
                                    "DataAccessPointAccount",
                                    "DataAccessPointArn",
                                    "delimiter",
                                    "ExistingObjectTag/",
                                    "if-match",
                                    "if-none-match",
                                    "InventoryAccessibleOptionalFields",
                                    "JobSuspendedCause",
                                    "locationconstraint",
                                    "LocationConstraint",
                                    "max-annotation-results",
                                    "max-keys",
                                    "object-lock-duration-days",
                                    "object-lock-event-hold",
                                    "object-lock-event-hold-duration-days",
                                    "object-lock-legal-hold",
                                    "object-lock-mode",
                                    "object-lock-remaining-retention-days",
                                    "object-lock-retain-until-date",
                                    "ObjectCreationOperation",
                                    "prefix",
                                    "RequestJobOperation",
                                    "RequestJobPriority",
                                    "RequestObjectTag/",
                                    "RequestObjectTagKeys",
                                    "ResourceAccount",
                                    "signatureAge",
                                    "signatureversion",
                                    "TlsVersion",
                                    "versionid",
                                    "x-amz-acl",
                                    "x-amz-bucket-namespace",
                                    "x-amz-content-sha256",
                                    "x-amz-copy-source",
                                    "x-amz-grant-full-control",
                                    "x-amz-grant-read",
                                    "x-amz-grant-read-acp",
                                    "x-amz-grant-write",
                                    "x-amz-grant-write-acp",
                                    "x-amz-metadata-directive",
                                    "x-amz-object-annotation-directive",
                                    "x-amz-object-annotation-if-match",
                                    "x-amz-object-ownership",
                                    "x-amz-server-side-encryption",
                                    "x-amz-server-side-encryption-aws-kms-key-id",
                                    "x-amz-server-side-encryption-customer-algorithm",
                                    "x-amz-storage-class",
                                    "x-amz-website-redirect-location",
                                    NULL};
static const char *const of_iam[] = {"AssociatedResourceArn",
                                     "AWSServiceName",
                                     "FIDO-certification",
                                     "FIDO-FIPS-140-2-certification",
                                     "OrganizationsPolicyId",
                                     "PassedToService",
                                     "PermissionsBoundary",
                                     "PolicyARN",
                                     "RegisterSecurityKey",
                                     "ResourceTag/",
                                     NULL};
static const char *const of_sts[] = {"AWSServiceName",  "DurationSeconds", "ExternalId",        "RequestContext/",
                                     "RoleSessionName", "SourceIdentity",  "TransitiveTagKeys", NULL};

static const struct {
    const char *vendor;
    const char *const *names;
} vendors[] = {{"aws", of_all}, {"s3", of_s3}, {"iam", of_iam}, {"sts", of_sts}};

static bool is_listed(const char *const *names, struct bytes name)
{
    for (; *names; names++) {
        size_t len = strlen(*names);
        bool with_tag = (*names)[len - 1] == '/' && name.len > len;
        if (bytes_equal_nocase(with_tag ? bytes_of(name.data, len) : name, *names) &&
            (with_tag || (*names)[len - 1] != '/'))
            return true;
    }
    return false;
}

/* Of an OpenID Connect provider: HOST:aud and the like. */
static bool is_of_provider(struct bytes vendor, struct bytes name)
{
    static const char *const claims[] = {"amr", "aud", "email", "oaud", "sub"};
    bool known = false;

    for (size_t i = 0; !known && i < sizeof(claims) / sizeof(claims[0]); i++)
        known = bytes_equal_nocase(name, claims[i]);
    return known && memchr(vendor.data, '.', vendor.len);
}

bool policy_key_is_known(struct bytes key)
{
    const char *colon = key.len > 0 ? memchr(key.data, ':', key.len) : NULL;

    if (!colon)
        return false;
    struct bytes vendor = bytes_of(key.data, (size_t)(colon - key.data));
    struct bytes name = bytes_of(colon + 1, key.len - vendor.len - 1);
    for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++)
        if (bytes_equal_nocase(vendor, vendors[i].vendor))
            return is_listed(vendors[i].names, name);
    return is_of_provider(vendor, name);
}

static bool equal_nocase(struct bytes a, struct bytes b)
{
    for (size_t i = 0; a.len == b.len && i < a.len; i++) {
        char c = a.data[i], d = b.data[i];
        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != (d >= 'A' && d <= 'Z' ? d | 0x20 : d))
            return false;
    }
    return a.len == b.len;
}

static enum policy_presence find_in_table(const void *arg, struct bytes key, struct policy_values *values)
{
    const struct policy_table *table = arg;

    for (size_t i = 0; i < table->count; i++) {
        if (!equal_nocase(table->entries[i].key, key))
            continue;
        *values = table->entries[i].values;
        return values->count > 0 ? POLICY_KEY_PRESENT : POLICY_KEY_ABSENT;
    }
    return policy_key_is_known(key) ? POLICY_KEY_ABSENT : POLICY_KEY_UNKNOWN;
}

struct policy_context policy_table_context(const struct policy_table *table)
{
    return (struct policy_context){.find = find_in_table, .arg = table};
}

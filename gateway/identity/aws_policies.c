/* AWS's own policies; see the header. Names, ids and documents are AWS's, without what belongs to services that are not
 * here. */
#include "gateway/identity/aws_policies.h"

#include "base/check.h"

#define CREATED_MS 1423158000000 /* 2015-02-05, of all of them about */

static const struct {
    const char *name, *id, *description, *document;
} policies[] = {
    {"AdministratorAccess", "ANPAIWMBCKSKIEE64ZLYK", "Provides full access to AWS services and resources.",
     "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"},
    {"AmazonS3FullAccess", "ANPAIFIR6V6BVTRAHWINE", "Provides full access to all buckets.",
     "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:*\"],\"Resource\":\"*\"}]}"},
    {"AmazonS3ReadOnlyAccess", "ANPAIZTJ4DXE7G6AGAE6M", "Provides read only access to all buckets.",
     "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:Get*\",\"s3:List*\","
     "\"s3:Describe*\"],\"Resource\":\"*\"}]}"},
    {"IAMFullAccess", "ANPAI7XKCFMBPM3QQRRVQ", "Provides full access to IAM.",
     "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"iam:*\"],\"Resource\":\"*\"}]}"},
    {"IAMReadOnlyAccess", "ANPAJKSO7NDY4T57MWDSQ", "Provides read only access to IAM.",
     "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"iam:Get*\",\"iam:List*\","
     "\"iam:SimulateCustomPolicy\",\"iam:SimulatePrincipalPolicy\"],\"Resource\":\"*\"}]}"},
};

size_t aws_policies_count(void)
{
    return sizeof(policies) / sizeof(policies[0]);
}

void aws_policies_get(size_t i, struct identity_managed_policy *policy)
{
    CHECK(i < aws_policies_count());
    *policy = (struct identity_managed_policy){
        .of_aws = true,
        .name = mem_strdup(policies[i].name),
        .path = mem_strdup("/"),
        .id = mem_strdup(policies[i].id),
        .description = mem_strdup(policies[i].description),
        .created_ms = CREATED_MS,
        .updated_ms = CREATED_MS,
        .default_version = 1,
        .last_version = 1,
        .versions = {{.number = 1, .created_ms = CREATED_MS, .document = mem_strdup(policies[i].document)}},
        .version_count = 1,
    };
}

bool aws_policies_own(struct bytes name)
{
    size_t i = 0;

    while (i < aws_policies_count() && !bytes_equal_nocase(name, policies[i].name))
        i++;
    return i < aws_policies_count();
}

enum status aws_policies_find(struct bytes name, struct identity_managed_policy *policy)
{
    *policy = (struct identity_managed_policy){0};
    for (size_t i = 0; i < aws_policies_count(); i++)
        if (bytes_equal_str(name, policies[i].name)) {
            aws_policies_get(i, policy);
            return STATUS_OK;
        }
    return STATUS_NOT_FOUND;
}

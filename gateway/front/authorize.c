/* Who may do what; see the header. Most requests are root's, on buckets without a policy: for those nothing is built
 * and no policy is asked. */
#include "gateway/front/authorize.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define ROOT_ARN_MAX  64
#define ARN_BYTES_MAX 2048 /* of an object: a name of 63 bytes, a key of 1024 */

static const struct grant of_everybody[] = {
    {.action = "tercet:Health"},
    {.action = "tercet:Preflight"},
    {.action = "tercet:UseWebsite"}, /* its handler asks for each page */
    {.action = "tercet:UseFiles", .local_only = true},
    {.action = "tercet:ReadState", .local_only = true},
};

/* The files token is for the documented API and what belongs to it. */
static const struct grant of_files[] = {{.action = "tercet:UseFiles"}, {.action = "tercet:ReadState"}};

static const struct grant of_root[] = {
    {.action = "s3:*"},
    {.action = "s3express:*"},
    {.action = "iam:*"},
    {.action = "sts:*"},
    {.action = "tercet:GetBucketQuota"},
    {.action = "tercet:PutBucketQuota"},
    {.action = "tercet:ManageNodes"},
};

const struct principal principal_unknown = {.grants = NULL};
const struct principal principal_root = {
    .grants = of_root, .grant_count = COUNT(of_root), .caller = {.kind = POLICY_ROOT}};
const struct principal principal_files = {.grants = of_files, .grant_count = COUNT(of_files)};

/* What the owner of a bucket may, within the bounds of its boundary and its session. */
static struct policy *of_owner;
static pthread_once_t of_owner_once = PTHREAD_ONCE_INIT;

static void parse_of_owner(void)
{
    struct policy_problem problem;

    CHECK(policy_parse(BYTES("{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}}"),
                       POLICY_IDENTITY, (struct bytes){0}, &of_owner, &problem) == STATUS_OK);
}

static bool text_matches(struct bytes text, const char *pattern)
{
    size_t len = strlen(pattern);

    if (len > 0 && pattern[len - 1] == '*')
        return text.len >= len - 1 && (len == 1 || memcmp(text.data, pattern, len - 1) == 0);
    return bytes_equal_str(text, pattern);
}

static bool resource_matches(const struct resource *resource, const struct grant *grant)
{
    if (grant->bucket && (resource->kind == RESOURCE_NONE || resource->kind == RESOURCE_ARN ||
                          !text_matches(resource->bucket, grant->bucket)))
        return false;
    switch (resource->kind) {
    case RESOURCE_NONE:
    case RESOURCE_BUCKET:
    case RESOURCE_ARN:
        return grant->key == NULL;
    case RESOURCE_OBJECT:
        return grant->key == NULL || text_matches(resource->key, grant->key);
    case RESOURCE_LISTED:
        return true;
    }
    return false;
}

static bool is_granted(const struct grant *grants, size_t count, const char *action, const struct resource *resource,
                       const struct request_context *context)
{
    for (size_t i = 0; i < count; i++)
        if ((!grants[i].local_only || context->local) && text_matches(bytes_from_str(action), grants[i].action) &&
            resource_matches(resource, &grants[i]))
            return true;
    return false;
}

static bool is_owner(const struct principal *principal, const char *action, const struct resource *resource)
{
    return resource->owner.len > 0 && bytes_equal(resource->owner, principal->caller.canonical_id) &&
           text_matches(bytes_from_str(action), "s3:*");
}

static bool is_known(const struct principal *principal)
{
    return principal->caller.kind != POLICY_ANONYMOUS && principal->caller.kind != POLICY_WEB_IDENTITY &&
           principal->caller.kind != POLICY_SERVICE;
}

/* RestrictPublicBuckets keeps out all but the account's own and AWS's services. */
static bool is_restricted(const struct principal *principal, const struct resource *resource)
{
    return resource->restricted && principal->caller.kind != POLICY_SERVICE;
}

/* A federated user has what its session policies leave it, and nothing without any: not what its user owns either. */
static bool has_policies(const struct principal *principal)
{
    const struct policy_set *set = &principal->policies;

    return set->identity_count > 0 || set->session_count > 0 || set->boundary ||
           principal->caller.kind == POLICY_FEDERATED;
}

/* Those of all buckets, and of any one that is to be: AWS's own examples allow s3:ListAllMyBuckets on `arn:aws:s3:::*`
 * as well as on `*`. All else without a resource is done to the account, which only `*` reaches. */
static bool is_of_buckets(const char *action)
{
    return strcmp(action, "s3:ListAllMyBuckets") == 0 || strcmp(action, "s3:CreateBucket") == 0;
}

/* False for a resource whose ARN is longer than any that there is. */
static bool make_arn(const char *action, const struct resource *resource, char out[ARN_BYTES_MAX], struct bytes *arn)
{
    int len = 0;

    switch (resource->kind) {
    case RESOURCE_NONE:
        *arn = is_of_buckets(action) ? BYTES("arn:aws:s3:::*") : BYTES("*");
        return true;
    case RESOURCE_ARN:
        *arn = resource->key;
        return true;
    case RESOURCE_BUCKET:
    case RESOURCE_LISTED:
        len = snprintf(out, ARN_BYTES_MAX, "arn:aws:s3:::%.*s", (int)resource->bucket.len, resource->bucket.data);
        break;
    case RESOURCE_OBJECT:
        if (resource->bucket.len + resource->key.len > ARN_BYTES_MAX - 32)
            return false;
        len = snprintf(out, ARN_BYTES_MAX, "arn:aws:s3:::%.*s/", (int)resource->bucket.len, resource->bucket.data);
        if (resource->key.len > 0)
            memcpy(out + len, resource->key.data, resource->key.len); /* any bytes */
        len += (int)resource->key.len;
        break;
    }
    *arn = bytes_of(out, (size_t)len);
    return len < ARN_BYTES_MAX;
}

/* Of root only its kind has to be known. */
static struct policy_caller caller_of(const struct principal *principal, const struct request_context *context,
                                      char root_arn[ROOT_ARN_MAX])
{
    struct policy_caller caller = principal->caller;

    if (caller.kind != POLICY_ROOT || caller.account.len > 0)
        return caller;
    snprintf(root_arn, ROOT_ARN_MAX, "arn:aws:iam::%.*s:root", (int)context->account.len, context->account.data);
    caller.account = context->account;
    caller.arn = bytes_from_str(root_arn);
    caller.canonical_id = context->canonical_id;
    return caller;
}

static struct decision by_policies(const struct principal *principal, const char *action,
                                   const struct resource *resource, const struct request_context *context, bool granted)
{
    static const struct policy_table no_keys = {.count = 0};
    char arn_storage[ARN_BYTES_MAX], root_arn[ROOT_ARN_MAX];
    struct policy_set set = principal->policies;
    struct policy_request request = {
        .caller = caller_of(principal, context, root_arn),
        .action = bytes_from_str(action),
        .resource_account = context->account,
        .context = context->keys.find ? context->keys : policy_table_context(&no_keys),
    };
    struct policy_decision said;
    bool owner = is_owner(principal, action, resource);

    if (!make_arn(action, resource, arn_storage, &request.resource))
        return (struct decision){.by = DECIDED_BY_NONE};
    set.resource = resource->policy;
    said = policy_decide(&set, &request);
    if (said.reason == POLICY_ALLOWED_TO_ROOT && text_matches(request.action, "tercet:*"))
        return (struct decision){.by = DECIDED_BY_NONE}; /* of root's rights these are none */
    if (said.reason == POLICY_NOT_ALLOWED && granted)
        return (struct decision){.allowed = true, .by = DECIDED_BY_GRANT};
    if (said.reason == POLICY_NOT_ALLOWED && (owner || (resource->acl_allows && is_known(principal)))) {
        CHECK(pthread_once(&of_owner_once, parse_of_owner) == 0);
        set.identity = (const struct policy *const *)&of_owner;
        set.identity_count = 1;
        said = policy_decide(&set, &request);
        return (struct decision){.allowed = said.allowed,
                                 .by = !said.allowed ? DECIDED_BY_POLICY
                                       : owner       ? DECIDED_BY_OWNER
                                                     : DECIDED_BY_ACL,
                                 .policy = said};
    }
    if (said.reason == POLICY_NOT_ALLOWED && resource->acl_allows && !is_restricted(principal, resource))
        return (struct decision){.allowed = true, .by = DECIDED_BY_ACL};
    if (said.allowed && is_restricted(principal, resource) && said.policy == resource->policy &&
        !bytes_equal(request.caller.account, context->account))
        return (struct decision){.by = DECIDED_BY_BLOCK};
    if (said.reason == POLICY_NOT_ALLOWED)
        return (struct decision){.by = DECIDED_BY_NONE};
    return (struct decision){.allowed = said.allowed,
                             .by = said.reason == POLICY_ALLOWED_TO_ROOT ? DECIDED_BY_GRANT : DECIDED_BY_POLICY,
                             .policy = said};
}

static bool is_roots_way_back(const struct principal *principal, const char *action)
{
    return principal->caller.kind == POLICY_ROOT &&
           (strcmp(action, "s3:GetBucketPolicy") == 0 || strcmp(action, "s3:PutBucketPolicy") == 0 ||
            strcmp(action, "s3:DeleteBucketPolicy") == 0);
}

struct decision authorize(const struct principal *principal, const char *action, const struct resource *resource,
                          const struct request_context *context)
{
    bool granted = is_granted(principal->grants, principal->grant_count, action, resource, context) ||
                   is_granted(of_everybody, COUNT(of_everybody), action, resource, context);
    bool own = has_policies(principal);
    bool owner = is_owner(principal, action, resource);

    if (granted && text_matches(bytes_from_str(action), "tercet:*"))
        return (struct decision){.allowed = true, .by = DECIDED_BY_GRANT};
    if (resource->policy_unreadable && !is_roots_way_back(principal, action))
        return (struct decision){.by = DECIDED_UNREADABLE};
    if (resource->kind == RESOURCE_LISTED && !granted && (is_known(principal) || resource->policy))
        return (struct decision){.allowed = true, .by = DECIDED_BY_POLICY};
    if (resource->kind != RESOURCE_LISTED && (own || resource->policy))
        return by_policies(principal, action, resource, context, granted);
    if (granted || owner)
        return (struct decision){.allowed = true, .by = granted ? DECIDED_BY_GRANT : DECIDED_BY_OWNER};
    if (resource->acl_allows)
        return (struct decision){.allowed = true, .by = DECIDED_BY_ACL};
    return (struct decision){.by = DECIDED_BY_NONE};
}

/* Condition keys of IAM's operations; see the header. What a call changes of a user or a role counts by the boundary
 * that it has, and what gives it one by that: so who may make users with a boundary alone, and give them policies, does
 * not get beyond it. */
#include "gateway/iam/keys.h"

#include <string.h>
#include <strings.h>

static enum policy_presence present(const struct bytes *value, struct policy_values *values)
{
    if (!value->data)
        return POLICY_KEY_ABSENT;
    *values = (struct policy_values){value, 1};
    return POLICY_KEY_PRESENT;
}

/* key: `aws:RequestTag/NAME`, prefix without the name. *name: what follows. */
static bool is_tag_key(struct bytes key, const char *prefix, struct bytes *name)
{
    size_t len = strlen(prefix);

    if (key.len <= len || strncasecmp(key.data, prefix, len) != 0)
        return false;
    *name = bytes_of(key.data + len, key.len - len);
    return true;
}

static bool same_text(struct bytes a, struct bytes b)
{
    return a.len == b.len && strncasecmp(a.data, b.data, a.len) == 0;
}

static enum policy_presence find_request_tag(const struct iam_call *call, struct bytes name,
                                             struct policy_values *values)
{
    for (size_t i = 0; i < call->tag_count; i++)
        if (same_text(call->tags[i].key, name))
            return present(&call->tags[i].value, values);
    return POLICY_KEY_ABSENT;
}

static enum policy_presence find_resource_tag(const struct iam_call *call, struct bytes name,
                                              struct policy_values *values)
{
    if (!call->subject_is_known)
        return POLICY_KEY_UNKNOWN;
    for (size_t i = 0; i < call->subject_tag_count; i++)
        if (same_text(call->subject_tags[i].key, name))
            return present(&call->subject_tags[i].value, values);
    return POLICY_KEY_ABSENT;
}

static enum policy_presence find_tag_keys(const struct iam_call *call, struct policy_values *values)
{
    *values = (struct policy_values){call->tag_keys, call->tag_key_count};
    return call->tag_key_count > 0 ? POLICY_KEY_PRESENT : POLICY_KEY_ABSENT;
}

/* Of STS: all that AWS documents are said here, so that none of them is unknown. */
static enum policy_presence find_sts_key(const struct iam_call *call, struct bytes key, struct policy_values *values)
{
    if (bytes_equal_nocase(key, "sts:ExternalId"))
        return present(&call->external_id, values);
    if (bytes_equal_nocase(key, "sts:RoleSessionName"))
        return present(&call->session_name, values);
    if (bytes_equal_nocase(key, "sts:SourceIdentity"))
        return present(&call->source_identity, values);
    if (!bytes_equal_nocase(key, "sts:TransitiveTagKeys"))
        return policy_key_is_known(key) ? POLICY_KEY_ABSENT : POLICY_KEY_UNKNOWN;
    *values = (struct policy_values){call->transitive, call->transitive_count};
    return call->transitive_count > 0 ? POLICY_KEY_PRESENT : POLICY_KEY_ABSENT;
}

enum policy_presence iam_find_key(const struct iam_call *call, const char *action, struct bytes key,
                                  struct policy_values *values)
{
    struct bytes name;

    if (strncmp(action, "sts:", 4) == 0 && is_tag_key(key, "sts:", &name))
        return find_sts_key(call, key, values);
    if (bytes_equal_nocase(key, "iam:PolicyARN"))
        return strncmp(action, "iam:Attach", 10) == 0 || strncmp(action, "iam:Detach", 10) == 0
                   ? present(&call->policy_arn, values)
                   : POLICY_KEY_ABSENT;
    if (bytes_equal_nocase(key, "iam:PermissionsBoundary"))
        return present(&call->boundary, values);
    if (bytes_equal_nocase(key, "aws:TagKeys"))
        return find_tag_keys(call, values);
    if (is_tag_key(key, "aws:RequestTag/", &name))
        return find_request_tag(call, name, values);
    if (is_tag_key(key, "aws:ResourceTag/", &name) || is_tag_key(key, "iam:ResourceTag/", &name))
        return find_resource_tag(call, name, values);
    return POLICY_KEY_UNKNOWN;
}

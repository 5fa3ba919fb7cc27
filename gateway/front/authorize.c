/* Who may do what; see the header. Later kinds of principals bring their own grants; the decision stays here. */
#include "gateway/front/authorize.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct grant of_everybody[] = {
    {.action = "tercet:Health"},
    {.action = "tercet:Preflight"},
    {.action = "tercet:UseFiles", .local_only = true},
    {.action = "tercet:ReadState", .local_only = true},
};

/* The files token is for the documented API and what belongs to it. */
static const struct grant of_files[] = {{.action = "tercet:*"}};

static const struct grant of_root[] = {{.action = "s3:*"}, {.action = "s3express:*"}};

const struct principal principal_unknown = {.grants = NULL};
const struct principal principal_root = {.grants = of_root, .grant_count = COUNT(of_root)};
const struct principal principal_files = {.grants = of_files, .grant_count = COUNT(of_files)};

static bool text_matches(struct bytes text, const char *pattern)
{
    size_t len = strlen(pattern);

    if (len > 0 && pattern[len - 1] == '*')
        return text.len >= len - 1 && (len == 1 || memcmp(text.data, pattern, len - 1) == 0);
    return bytes_equal_str(text, pattern);
}

static bool resource_matches(const struct resource *resource, const struct grant *grant)
{
    if (grant->bucket && (resource->kind == RESOURCE_NONE || !text_matches(resource->bucket, grant->bucket)))
        return false;
    switch (resource->kind) {
    case RESOURCE_NONE:
    case RESOURCE_BUCKET:
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

bool authorize(const struct principal *principal, const char *action, const struct resource *resource,
               const struct request_context *context)
{
    return is_granted(principal->grants, principal->grant_count, action, resource, context) ||
           is_granted(of_everybody, COUNT(of_everybody), action, resource, context);
}

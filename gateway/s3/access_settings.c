/* The settings about access; see the header. */
#include "gateway/s3/access_settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "gateway/gateway.h"
#include "gateway/s3/account_access.h"
#include "gateway/s3/bucket_settings.h"

enum status bucket_policy_parse(struct bytes document, void **parsed)
{
    struct policy_problem problem;
    struct policy *policy;
    enum status status = policy_parse(document, POLICY_BUCKET, (struct bytes){0}, &policy, &problem);

    if (status)
        return status;
    struct bucket_policy *made = mem_alloc(sizeof(*made));
    *made = (struct bucket_policy){policy, policy_is_public(policy)};
    *parsed = made;
    return STATUS_OK;
}

void bucket_policy_free(void *parsed)
{
    struct bucket_policy *policy = parsed;

    policy_free(policy->policy);
    free(policy);
}

enum status public_access_setting_parse(struct bytes document, void **parsed)
{
    struct public_access_block block, *made;
    unsigned given;
    enum status status = public_access_block_parse(document, &block, &given);

    if (status)
        return status;
    made = mem_alloc(sizeof(*made));
    *made = block;
    *parsed = made;
    return STATUS_OK;
}

enum status ownership_setting_parse(struct bytes document, void **parsed)
{
    enum object_ownership ownership, *made;
    enum status status = ownership_controls_parse(document, &ownership);

    if (status)
        return status;
    made = mem_alloc(sizeof(*made));
    *made = ownership;
    *parsed = made;
    return STATUS_OK;
}

/* A version, and three words. */
enum status bucket_owner_write(struct buffer *out, const struct bucket_owner *owner)
{
    return buffer_printf(out, "1 %.*s %.*s %.*s", (int)owner->canonical_id.len, owner->canonical_id.data,
                         (int)owner->user_id.len, owner->user_id.data, (int)owner->name.len, owner->name.data);
}

static struct bytes next_word(struct bytes *text)
{
    const char *space = text->len > 0 ? memchr(text->data, ' ', text->len) : NULL;
    struct bytes word = space ? bytes_of(text->data, (size_t)(space - text->data)) : *text;

    *text = space ? bytes_of(space + 1, text->len - word.len - 1) : (struct bytes){0};
    return word;
}

enum status bucket_owner_parse(struct bytes document, void **parsed)
{
    struct bytes rest = document, version = next_word(&rest);
    struct bucket_owner owner;

    owner.canonical_id = next_word(&rest);
    owner.user_id = next_word(&rest);
    owner.name = next_word(&rest);
    if (!bytes_equal_str(version, "1") || owner.canonical_id.len == 0 || owner.user_id.len == 0 ||
        owner.name.len == 0 || rest.len > 0)
        return STATUS_INVALID;
    struct bucket_owner *made = mem_alloc(sizeof(*made));
    *made = owner;
    *parsed = made;
    return STATUS_OK;
}

const struct bucket_owner *bucket_owner_of(const struct meta_settings *settings)
{
    struct meta_setting found;

    return meta_setting_find(settings, S3_SETTING_OWNER, &found) ? NULL : found.parsed;
}

enum status files_bucket_create(struct meta *meta)
{
    static const struct public_access_block all = {true, true, true, true};
    struct buffer block, ownership;
    enum status status;

    buffer_init(&block, BUCKET_ACCESS_XML_BYTES_MAX);
    buffer_init(&ownership, BUCKET_ACCESS_XML_BYTES_MAX);
    status = public_access_block_write(&block, &all);
    if (!status)
        status = ownership_controls_write(&ownership, OWNERSHIP_BUCKET_OWNER_ENFORCED);
    const struct meta_setting_change changes[] = {{S3_SETTING_PUBLIC_ACCESS, buffer_bytes(&block)},
                                                  {S3_SETTING_OWNERSHIP, buffer_bytes(&ownership)}};
    const struct meta_settings_update settings = {.changes = changes, .count = 2};
    if (!status)
        status = meta_bucket_create(meta, BYTES(GATEWAY_FILES_BUCKET), true, (struct bytes){0}, &settings);
    buffer_release(&block);
    buffer_release(&ownership);
    return status;
}

static struct public_access_block strictest(const struct public_access_block *a, const struct public_access_block *b)
{
    return (struct public_access_block){a->block_acls || b->block_acls, a->ignore_acls || b->ignore_acls,
                                        a->block_policy || b->block_policy, a->restrict_buckets || b->restrict_buckets};
}

struct public_access_block public_access_of(const struct meta_settings *settings)
{
    struct public_access_block account;
    struct meta_setting found;

    account_access_get(&account);
    switch (meta_setting_find(settings, S3_SETTING_PUBLIC_ACCESS, &found)) {
    case STATUS_OK:
        return strictest(&account, found.parsed);
    case STATUS_NOT_FOUND:
        return account;
    default:
        return (struct public_access_block){true, true, true, true};
    }
}

void access_settings_tell(const struct meta_settings *settings, struct resource *resource)
{
    const struct bucket_owner *owner = bucket_owner_of(settings);
    enum status status;
    struct meta_setting found;

    if (owner)
        resource->owner = owner->canonical_id;
    status = meta_setting_find(settings, S3_SETTING_POLICY, &found);
    if (status) {
        resource->policy_unreadable = status != STATUS_NOT_FOUND;
        return;
    }
    const struct bucket_policy *policy = found.parsed;
    resource->policy = policy->policy;
    resource->restricted = policy->is_public && public_access_of(settings).restrict_buckets;
}

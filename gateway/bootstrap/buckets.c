/* The section of buckets, with their settings. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/names.h"
#include "compat/response_xml.h"
#include "compat/tags.h"
#include "gateway/bootstrap/sections.h"
#include "gateway/identity/user.h"
#include "gateway/s3/access_settings.h"
#include "gateway/s3/account_access.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/system/bucket_quota.h"

static const char *const fields[] = {
    "name", "versioning", "tags", "owner", "policy", "publicAccessBlock", "objectOwnership", "quota", "absent", NULL};

#define SETTINGS_MAX 6

/* What the entry wants: documents by kind. */
struct wish {
    const char *name, *versioning;
    bool absent, public_policy, has_block, has_ownership;
    struct public_access_block block;
    struct meta_setting_change changes[SETTINGS_MAX];
    struct buffer documents[SETTINGS_MAX];
    size_t count;
};

static struct buffer *wish_add(struct wish *wish, uint8_t kind, size_t bytes_max)
{
    struct buffer *document = &wish->documents[wish->count];

    buffer_init(document, bytes_max);
    wish->changes[wish->count++].kind = kind;
    return document;
}

static enum status read_tags(const struct section_entry *entry, struct wish *wish)
{
    struct identity_texts texts = {0};
    enum status status = entry_tags(entry, &texts);

    if (!status && texts.count > 0) {
        struct tag *tags = mem_alloc(texts.count * sizeof(*tags));
        for (size_t i = 0; i < texts.count; i++)
            tags[i] = (struct tag){bytes_from_str(texts.items[i].name), bytes_from_str(texts.items[i].text)};
        status = response_tagging(wish_add(wish, S3_SETTING_TAGGING, TAG_SET_XML_BYTES_MAX), tags, texts.count);
        free(tags);
    }
    identity_texts_release(&texts);
    return status;
}

static enum status read_versioning(const struct section_entry *entry, struct wish *wish)
{
    enum status status = entry_text(entry, "versioning", false, &wish->versioning);

    if (!status && wish->versioning && strcmp(wish->versioning, "Enabled") != 0 &&
        strcmp(wish->versioning, "Suspended") != 0)
        return entry_fail(entry, "versioning", "\"Enabled\" or \"Suspended\" is needed");
    return status;
}

static enum status read_policy(const struct section_entry *entry, struct wish *wish)
{
    const struct entry_policy rule = {
        .kind = POLICY_BUCKET, .bucket = bytes_from_str(wish->name), .chars_max = POLICY_BUCKET_BYTES_MAX};
    struct policy *policy;
    struct policy_problem problem;
    char *text;
    enum status status = entry_policy(entry, "policy", &rule, &text);

    if (status || !text)
        return status;
    CHECK(policy_parse(bytes_from_str(text), POLICY_BUCKET, rule.bucket, &policy, &problem) == STATUS_OK);
    wish->public_policy = policy_is_public(policy);
    policy_free(policy);
    status = buffer_append_bytes(wish_add(wish, S3_SETTING_POLICY, POLICY_BUCKET_BYTES_MAX), bytes_from_str(text));
    free(text);
    return status;
}

/* A switch that is not named is on, as in a new bucket. */
static enum status read_block(const struct section_entry *entry, struct wish *wish)
{
    static const char *const switches[] = {"blockPublicAcls", "ignorePublicAcls", "blockPublicPolicy",
                                           "restrictPublicBuckets", NULL};
    bool *const values[] = {&wish->block.block_acls, &wish->block.ignore_acls, &wish->block.block_policy,
                            &wish->block.restrict_buckets};
    struct section_entry below = *entry;
    enum status status;

    wish->block = (struct public_access_block){true, true, true, true};
    below.object = json_object_get(entry->object, "publicAccessBlock");
    if (!below.object)
        return STATUS_OK;
    if (!json_is_object(below.object))
        return entry_fail(entry, "publicAccessBlock", "an object of switches is needed");
    status = entry_check_fields(&below, switches);
    for (size_t i = 0; !status && switches[i]; i++)
        status = entry_bool(&below, switches[i], values[i]);
    wish->has_block = true;
    return status ? status
                  : public_access_block_write(wish_add(wish, S3_SETTING_PUBLIC_ACCESS, BUCKET_ACCESS_XML_BYTES_MAX),
                                              &wish->block);
}

static enum status read_ownership(const struct section_entry *entry, struct wish *wish)
{
    enum object_ownership ownership;
    const char *text;
    enum status status = entry_text(entry, "objectOwnership", false, &text);

    if (status || !text)
        return status;
    if (!object_ownership_parse(bytes_from_str(text), &ownership))
        return entry_fail(entry, "objectOwnership",
                          "BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter is needed");
    wish->has_ownership = true;
    return ownership_controls_write(wish_add(wish, S3_SETTING_OWNERSHIP, BUCKET_ACCESS_XML_BYTES_MAX), ownership);
}

static enum status read_quota(const struct section_entry *entry, struct wish *wish)
{
    const json_t *value = json_object_get(entry->object, "quota");
    struct meta_quota quota;

    if (!value)
        return STATUS_OK;
    const char *why = bucket_quota_read(value, &quota);
    return why ? entry_fail(entry, "quota", "%s", why)
               : bucket_quota_write(wish_add(wish, S3_SETTING_QUOTA, BUCKET_QUOTA_BYTES_MAX), &quota);
}

static enum status read_owner(const struct section_entry *entry, struct wish *wish)
{
    struct identity_user user;
    const char *name;
    enum status status = entry_text(entry, "owner", false, &name);

    if (status || !name)
        return status;
    status = identity_user_load(entry->bootstrap->gateway->meta, bytes_from_str(name), &user);
    if (status == STATUS_NOT_FOUND)
        return entry_fail(entry, "owner", "there is no user \"%.128s\"", name);
    if (status)
        return status;
    const struct bucket_owner owner = {bytes_from_str(user.canonical_id), bytes_from_str(user.id),
                                       bytes_from_str(user.name)};
    status = bucket_owner_write(wish_add(wish, S3_SETTING_OWNER, BUCKET_OWNER_BYTES_MAX), &owner);
    identity_user_release(&user);
    return status;
}

/* What a new bucket has: nobody gets in from outside, and there are no ACLs. */
static enum status add_defaults(struct wish *wish)
{
    enum status status = STATUS_OK;

    if (!wish->has_block)
        status = public_access_block_write(wish_add(wish, S3_SETTING_PUBLIC_ACCESS, BUCKET_ACCESS_XML_BYTES_MAX),
                                           &wish->block);
    if (!status && !wish->has_ownership)
        status = ownership_controls_write(wish_add(wish, S3_SETTING_OWNERSHIP, BUCKET_ACCESS_XML_BYTES_MAX),
                                          OWNERSHIP_BUCKET_OWNER_ENFORCED);
    return status;
}

static void finish_documents(struct wish *wish)
{
    for (size_t i = 0; i < wish->count; i++)
        wish->changes[i].document = buffer_bytes(&wish->documents[i]);
}

static enum status read_wish(const struct section_entry *entry, struct wish *wish)
{
    struct s3_error_details error = {0};
    enum status status = entry_check_fields(entry, fields);

    if (!status)
        status = entry_text(entry, "name", true, &wish->name);
    if (!status && bucket_name_check(bytes_from_str(wish->name), &error))
        return entry_fail(entry, "name", "%s", error.message[0] ? error.message : s3_error_message(error.code));
    if (!status)
        status = entry_bool(entry, "absent", &wish->absent);
    if (!status)
        status = read_versioning(entry, wish);
    if (!status)
        status = read_tags(entry, wish);
    if (!status)
        status = read_policy(entry, wish);
    if (!status)
        status = read_block(entry, wish);
    if (!status)
        status = read_ownership(entry, wish);
    if (!status)
        status = read_quota(entry, wish);
    return status ? status : read_owner(entry, wish);
}

static enum status check_public(const struct section_entry *entry, const struct wish *wish,
                                const struct public_access_block *block)
{
    struct public_access_block account;

    account_access_get(&account);
    if (wish->public_policy && account.block_policy)
        return entry_fail(entry, "policy", "it is public, and the account's BlockPublicPolicy is on");
    if (!wish->public_policy || !block->block_policy)
        return STATUS_OK;
    return entry_fail(entry, "policy", "it is public, and publicAccessBlock.blockPublicPolicy is on");
}

static enum status make(const struct section_entry *entry, struct wish *wish)
{
    bool versioned = wish->versioning && strcmp(wish->versioning, "Enabled") == 0;
    enum status status = check_public(entry, wish, &wish->block);

    if (!status)
        status = add_defaults(wish);
    finish_documents(wish);
    const struct meta_settings_update update = {.changes = wish->changes, .count = wish->count};
    return status ? status
                  : meta_bucket_create(entry->bootstrap->gateway->meta, bytes_from_str(wish->name), versioned,
                                       (struct bytes){0}, &update);
}

static bool same_policy(struct bytes kept, struct bytes wanted)
{
    char *a = mem_strndup(kept.data, kept.len), *b = mem_strndup(wanted.data, wanted.len);
    bool same = entry_same_json(a, b);

    free(a);
    free(b);
    return same;
}

/* Tags say the same in any order, a policy however it is written. */
static bool is_set(const struct meta_settings *settings, const struct meta_setting_change *change)
{
    struct meta_setting kept;
    struct tag_set now, wanted;

    if (meta_setting_find(settings, change->kind, &kept))
        return false;
    if (change->kind == S3_SETTING_POLICY)
        return same_policy(kept.document, change->document);
    if (change->kind != S3_SETTING_TAGGING || bytes_equal(kept.document, change->document))
        return bytes_equal(kept.document, change->document);
    if (tagging_parse(kept.document, &now))
        return false;
    bool same = tagging_parse(change->document, &wanted) == STATUS_OK && tag_set_equal(&now, &wanted);
    tag_set_release(&now);
    tag_set_release(&wanted);
    return same;
}

static enum status change_settings(struct meta *meta, const struct meta_bucket *bucket,
                                   const struct meta_settings *settings, const struct wish *wish, enum outcome *outcome)
{
    struct meta_setting_change changes[SETTINGS_MAX];
    struct meta_settings_update update = {.changes = changes};

    for (size_t i = 0; i < wish->count; i++)
        if (!is_set(settings, &wish->changes[i]))
            changes[update.count++] = wish->changes[i];
    if (update.count == 0)
        return STATUS_OK;
    *outcome = OUTCOME_CHANGED;
    return meta_bucket_settings_update(meta, bucket->id, &update);
}

static enum status change_versioning(struct meta *meta, const struct meta_bucket *bucket, const struct wish *wish,
                                     enum outcome *outcome)
{
    bool suspended = wish->versioning && strcmp(wish->versioning, "Suspended") == 0;

    if (!wish->versioning || (bucket->versioned ? bucket->suspended == suspended : suspended))
        return STATUS_OK; /* one that has never kept versions is as good as suspended */
    *outcome = OUTCOME_CHANGED;
    return meta_bucket_set_versioning(meta, bucket->id, suspended, NULL);
}

static enum status take_away(const struct section_entry *entry, const struct wish *wish)
{
    enum status status;

    if (strcmp(wish->name, GATEWAY_FILES_BUCKET) == 0)
        return entry_fail(entry, "absent", "the bucket of the file API cannot be deleted");
    status = meta_bucket_delete(entry->bootstrap->gateway->meta, bytes_from_str(wish->name));
    return status == STATUS_NOT_EMPTY ? entry_fail(entry, "absent", "the bucket is not empty") : status;
}

static enum status apply(const struct section_entry *entry, struct wish *wish, enum outcome *outcome)
{
    struct meta *meta = entry->bootstrap->gateway->meta;
    struct meta_settings *settings = NULL;
    struct meta_bucket bucket;
    enum status status = meta_bucket_load(meta, bytes_from_str(wish->name), &bucket, &settings);

    if (status == STATUS_NOT_FOUND && wish->absent)
        return STATUS_OK;
    if (status == STATUS_NOT_FOUND || (!status && wish->absent)) {
        *outcome = wish->absent ? OUTCOME_REMOVED : OUTCOME_MADE;
        meta_settings_release(settings);
        return wish->absent ? take_away(entry, wish) : make(entry, wish);
    }
    if (status)
        return status;
    const struct public_access_block now = public_access_of(settings);
    finish_documents(wish);
    status = check_public(entry, wish, wish->has_block ? &wish->block : &now);
    if (!status)
        status = change_settings(meta, &bucket, settings, wish, outcome);
    if (!status)
        status = change_versioning(meta, &bucket, wish, outcome);
    meta_settings_release(settings);
    return status;
}

enum status bootstrap_bucket(const struct section_entry *entry, enum outcome *outcome)
{
    struct wish wish = {0};

    enum status status = read_wish(entry, &wish);
    if (!status)
        status = apply(entry, &wish, outcome);
    for (size_t i = 0; i < wish.count; i++)
        buffer_release(&wish.documents[i]);
    return status;
}

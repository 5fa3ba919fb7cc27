/* The condition keys about tags of objects; see the header.
 *
 * As AWS's list of actions has it, s3:ExistingObjectTag/ is not for s3:PutObject and s3:DeleteObject, where it is
 * absent. A tag's key is matched as it is written, and if there is none, in whatever case: names of condition keys have
 * none. Tags that cannot be read are unknown, which never lets anybody in. */
#include "gateway/front/policy_tags.h"

#include <string.h>
#include <strings.h>

#include "gateway/s3/object_tags.h"

static bool is_one_of(const char *action, const char *const *actions)
{
    for (; *actions; actions++)
        if (strcmp(action, *actions) == 0)
            return true;
    return false;
}

static bool asks_for_existing(const char *action)
{
    static const char *const actions[] = {"s3:GetObject",
                                          "s3:GetObjectVersion",
                                          "s3:GetObjectAcl",
                                          "s3:GetObjectVersionAcl",
                                          "s3:PutObjectAcl",
                                          "s3:PutObjectVersionAcl",
                                          "s3:GetObjectTagging",
                                          "s3:GetObjectVersionTagging",
                                          "s3:PutObjectTagging",
                                          "s3:GetObjectAttributes",
                                          "s3:PutObjectVersionTagging",
                                          "s3:DeleteObjectTagging",
                                          "s3:GetObjectAnnotation",
                                          "s3:DeleteObjectVersionTagging",
                                          "s3:GetObjectVersionAttributes",
                                          "s3:PutObjectAnnotation",
                                          "s3:GetObjectVersionAnnotation",
                                          "s3:PutObjectVersionAnnotation",
                                          "s3:UpdateObjectEncryption",
                                          "s3:DeleteObjectAnnotation",
                                          "s3:DeleteObjectVersionAnnotation",
                                          "s3:ListObjectAnnotations",
                                          "s3:ListObjectVersionAnnotations",
                                          NULL};

    return is_one_of(action, actions);
}

static bool asks_for_new(const char *action)
{
    static const char *const actions[] = {"s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectVersionTagging", NULL};

    return is_one_of(action, actions);
}

/* Of the version that is addressed: none where there is none, or a delete marker. */
static void read_existing(const struct policy_question *question, struct policy_tags *tags)
{
    const struct resource *resource = question->resource;
    const struct meta_version version = {.id = resource->version_id};
    struct meta_object object;

    tags->asked = true;
    enum status status =
        meta_object_get(question->exchange->gateway->meta, question->bucket, resource->key, &version, &object);
    if (status) {
        tags->unknown = status != STATUS_NOT_FOUND && status != STATUS_INVALID;
        return;
    }
    tags->sequence = object.sequence;
    tags->unknown = object_tags_of(&object, &tags->set) != STATUS_OK;
    meta_object_release(&object);
}

/* NULL: there are some, and nobody can say which. */
static const struct tag_set *existing(const struct policy_question *question)
{
    struct policy_tags *tags = &question->answers->existing;

    if (!tags->asked && question->bucket != 0 && question->resource->kind == RESOURCE_OBJECT)
        read_existing(question, tags);
    return tags->unknown ? NULL : &tags->set;
}

static const struct tag_set *wanted(const struct policy_question *question)
{
    struct policy_tags *tags = &question->answers->wanted;
    struct s3_error_details details = {0};

    if (question->exchange->new_tags)
        return question->exchange->new_tags;
    if (!tags->asked)
        tags->unknown = object_tags_of_request(question->exchange, &tags->set, &details) != STATUS_OK;
    tags->asked = true;
    return tags->unknown ? NULL : &tags->set;
}

static enum policy_presence find_value(const struct tag_set *set, struct bytes name, struct policy_values *values)
{
    const struct tag *found = NULL;

    if (!set)
        return POLICY_KEY_UNKNOWN;
    for (size_t i = 0; i < set->count; i++) {
        const struct tag *tag = &set->tags[i];
        if (tag->key.len != name.len || strncasecmp(tag->key.data, name.data, name.len) != 0)
            continue;
        if (!found || bytes_equal(tag->key, name))
            found = tag;
    }
    if (!found)
        return POLICY_KEY_ABSENT;
    *values = (struct policy_values){&found->value, 1};
    return POLICY_KEY_PRESENT;
}

static enum policy_presence find_keys(const struct policy_question *question, struct policy_values *values)
{
    const struct tag_set *set = wanted(question);
    struct bytes *keys = question->answers->tag_keys;

    if (!set || set->count > TAGS_OF_OBJECT_MAX)
        return POLICY_KEY_UNKNOWN;
    for (size_t i = 0; i < set->count; i++)
        keys[i] = set->tags[i].key;
    *values = (struct policy_values){keys, set->count};
    return set->count > 0 ? POLICY_KEY_PRESENT : POLICY_KEY_ABSENT;
}

/* What stands behind the prefix; data NULL when the key does not begin so. */
static struct bytes behind(struct bytes key, struct bytes prefix)
{
    if (key.len <= prefix.len || strncasecmp(key.data, prefix.data, prefix.len) != 0)
        return (struct bytes){0};
    return bytes_of(key.data + prefix.len, key.len - prefix.len);
}

bool policy_tags_find(const struct policy_question *question, struct bytes key, enum policy_presence *presence,
                      struct policy_values *values)
{
    struct bytes of_existing = behind(key, BYTES("s3:ExistingObjectTag/"));
    struct bytes of_new = behind(key, BYTES("s3:RequestObjectTag/"));

    *presence = POLICY_KEY_ABSENT;
    if (of_existing.data) {
        if (asks_for_existing(question->action))
            *presence = find_value(existing(question), of_existing, values);
        return true;
    }
    if (of_new.data) {
        if (asks_for_new(question->action))
            *presence = find_value(wanted(question), of_new, values);
        return true;
    }
    if (!bytes_equal_nocase(key, "s3:RequestObjectTagKeys"))
        return false;
    if (asks_for_new(question->action))
        *presence = find_keys(question, values);
    return true;
}
